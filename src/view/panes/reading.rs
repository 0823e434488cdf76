//! How far a pane's numbers may be trusted, and what things in it are called.

use crate::config::theme::Role;
use crate::domain::{Basis, Measure, Obtained, Pane, Question, ReferenceShown};
use crate::measure::{Interval, MASS_LOW, wilson_95};
use crate::text::SafeText;
use crate::view::chart::{Row, Side};
use crate::view::figure::{count, interval, number};

/// A method by its id, and whose it is where that is the model beside the run's own.
pub fn called(method: &str, model: Option<&str>) -> String {
    model.map_or_else(|| method.to_owned(), |model| format!("{method} · {}", SafeText::line(model)))
}

/// The label of an option; its id where the question does not know it.
pub(super) fn option_label(question: &Question, id: &str) -> String {
    question.options.iter().find(|option| option.id == id).map_or_else(|| id.to_owned(), |option| option.label.clone())
}

/// Whether too little stands behind the distribution for it to be read at all (P2).
pub(super) fn is_mass_low(pane: &Pane) -> bool {
    let Some(mass) = pane.mass else { return false };
    // In exact panes the mass holds what gives no opinion, which is not in the bars.
    let no_opinion: f64 = if pane.samples.is_none() { pane.non_substantive.values().sum() } else { 0.0 };
    mass - no_opinion < MASS_LOW
}

/// The measure `id` to `population`.
pub(super) fn measure<'a>(pane: &'a Pane, id: &str, population: &str) -> Option<&'a Measure> {
    pane.measures.iter().find(|measure| measure.id == id && measure.population.as_deref() == Some(population))
}

/// Whether a value says no more than chance would.
pub(super) fn is_below_floor(measure: &Measure) -> bool {
    measure.value.zip(measure.noise_floor).is_some_and(|(value, floor)| value <= floor)
}

/// Whether answering as somebody came nearer to `whom` than answering as nobody, with how to say it; `None` where that
/// is not known.
pub(super) fn gain_in_words(gain: &Measure, whom: &str) -> Option<(String, Role)> {
    let value = gain.value?;
    let (says, role) = match gain.interval {
        Some([low, high]) if low <= 0.0 && high >= 0.0 => ("neither nearer to nor farther from", Role::Secondary),
        _ if value > 0.0 => ("nearer to", Role::Good),
        _ if value < 0.0 => ("farther from", Role::Bad),
        _ => ("as far as before from", Role::Secondary),
    };
    let sign = if value > 0.0 { "+" } else { "" };
    let note = gain.note.as_ref().map_or_else(String::new, |note| format!("; {note}"));
    Some((format!("{says} {whom}: gain {sign}{}{}{note}", number(value), interval(gain.interval)), role))
}

/// What the figures of a reference may be called: people only where people gave them.
pub(super) fn whose(basis: Basis) -> &'static str {
    match basis {
        Basis::Survey | Basis::Annotators => "people",
        Basis::Agreed => "agreed by convention, not people",
        Basis::Uniform => "equal shares by convention, not people",
        Basis::Model => "written by a model, not people",
    }
}

/// The same in a word.
pub(super) fn whose_in_short(basis: Basis) -> &'static str {
    match basis {
        Basis::Survey | Basis::Annotators => "people",
        Basis::Agreed => "agreed",
        Basis::Uniform => "equal shares",
        Basis::Model => "other model",
    }
}

/// Group, year, N and basis of a reference.
pub(super) fn facts(reference: &ReferenceShown) -> String {
    let mut facts = vec![name_of(reference).to_owned()];
    facts.extend(reference.year.map(|year| year.to_string()));
    if reference.basis.is_human() {
        facts.push(reference.n.map_or_else(|| "N unknown".to_owned(), |n| format!("N {}", count(n))));
        facts.push(reference.basis.id().to_owned());
    }
    format!("{}: {}", whose(reference.basis), facts.join(", "))
}

/// 95 % intervals of the shares of a reference, where people stand behind them and their number is known.
pub(super) fn intervals(reference: &ReferenceShown) -> Vec<Option<[f64; 2]>> {
    let people = reference.n.filter(|_| reference.basis.is_human());
    let opinions = people.map(|n| n as f64 * (1.0 - reference.non_substantive.unwrap_or(0.0)));
    reference.q.iter().map(|share| opinions.and_then(|n| wilson(*share, n))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of people, rounded")]
fn wilson(share: f64, n: f64) -> Option<[f64; 2]> {
    let (hits, n) = ((share * n).round().max(0.0) as u64, n.round().max(0.0) as u64);
    wilson_95(hits.min(n), n).ok().map(<[f64; 2]>::from)
}

/// The populations of a pane, the one compared with first.
pub(super) fn references(pane: &Pane) -> Vec<&ReferenceShown> {
    let others = pane
        .references
        .iter()
        .filter(|other| pane.reference.as_ref().is_none_or(|reference| reference.population != other.population));
    pane.reference.iter().chain(others.filter(|_| pane.reference.is_some())).collect()
}

/// What a population is called.
pub(super) fn name_of(reference: &ReferenceShown) -> &str {
    reference.label.as_deref().filter(|label| !label.is_empty()).unwrap_or(&reference.population)
}

/// Whether the pane's distance to a population says no more than chance would.
pub(super) fn is_quiet(pane: &Pane, reference: &ReferenceShown) -> bool {
    measure(pane, "js_distance_2", &reference.population).is_some_and(is_below_floor)
}

/// A row per option of the pane: the model's shares beside those of its populations.
pub(super) fn rows(pane: &Pane, question: &Question) -> Vec<Row> {
    let references = references(pane);
    let people: Vec<_> = references.iter().map(|reference| intervals(reference)).collect();
    let options = pane.options.iter().flatten().enumerate();
    options
        .map(|(place, id)| {
            let sides = references.iter().zip(&people).map(|(reference, people)| Side {
                share: reference.q.get(place).copied(),
                interval: people.get(place).copied().flatten(),
                quiet: is_quiet(pane, reference),
            });
            Row {
                label: option_label(question, id),
                model: pane.p.as_ref().and_then(|p| p.get(place)).copied(),
                model_interval: pane.measure(&format!("share.{id}"), None).and_then(|measure| measure.interval),
                ..beside(sides)
            }
        })
        .collect()
}

/// A row per option of the question, those that give no opinion too; `None` where the pane keeps no such shares.
pub(super) fn whole_rows(pane: &Pane, question: &Question) -> Option<Vec<Row>> {
    let p = pane.p_whole.as_ref()?;
    let references = references(pane);
    let named = pane.samples.map(|samples| samples as f64 * pane.mass.unwrap_or(1.0));
    let options = question.options.iter().zip(p).enumerate();
    let rows = options.map(|(place, (option, share))| {
        let sides = references.iter().map(|reference| {
            let share = reference.q_whole.as_ref().and_then(|q| q.get(place)).copied();
            let people = reference.n.filter(|_| reference.basis.is_human());
            let interval = share.zip(people).and_then(|(share, n)| wilson(share, n as f64));
            Side { share, interval, quiet: is_quiet(pane, reference) }
        });
        Row {
            label: option.label.clone(),
            model: Some(*share),
            model_interval: named.and_then(|n| wilson(*share, n)),
            ..beside(sides)
        }
    });
    Some(rows.collect())
}

/// A row with these populations.
fn beside(mut sides: impl Iterator<Item = Side>) -> Row {
    let first = sides.next().unwrap_or_default();
    Row {
        reference: first.share,
        reference_interval: first.interval,
        quiet: first.quiet,
        more: sides.collect(),
        ..Row::default()
    }
}

/// The distribution of the answers that have come so far, for a pane that is still sampling; `None` before the first
/// that names an option. Also the number of answers.
pub(super) fn so_far(pane: &Pane, question: &Question) -> Option<(Pane, usize)> {
    if pane.p.is_some() || !pane.distributions.is_empty() {
        return None;
    }
    let options: Vec<String> = question
        .substantive()
        .into_iter()
        .filter_map(|place| question.options.get(place))
        .map(|o| o.id.clone())
        .collect();
    let hits = |id: &String| pane.voices.iter().filter(|voice| voice.option.as_ref() == Some(id)).count() as u64;
    let counts: Vec<u64> = options.iter().map(hits).collect();
    let all: u64 = counts.iter().sum();
    if all == 0 {
        return None;
    }
    let mut partial = Pane {
        reference: pane.reference.clone(),
        references: pane.references.clone(),
        ..Pane::new(pane.mode, &pane.method)
    };
    for (id, hits) in options.iter().zip(&counts) {
        let mut share = Measure::new(&format!("share.{id}"), *hits as f64 / all as f64);
        share.interval = wilson_95(*hits, all).ok().map(|Interval { low, high }| [low, high]);
        partial.measures.push(share);
    }
    partial.p = Some(counts.iter().map(|hits| *hits as f64 / all as f64).collect());
    partial.options = Some(options);
    Some((partial, pane.voices.len()))
}

/// How a distribution was obtained, as what the model does: it stands beside the bars of several methods.
pub(super) fn obtained(pane: &Pane) -> &'static str {
    match pane.obtained {
        Some(Obtained::Exact) => "would say",
        Some(Obtained::Sampled) => "does say",
        Some(Obtained::Stated) => "says people say",
        Some(Obtained::Fitted) => "fitted to data",
        None if pane.samples.is_some() => "does say",
        None => "says",
    }
}

/// What the bars of a method are drawn with.
pub(super) fn sign_of(pane: &Pane) -> (&'static str, &'static str) {
    match (pane.obtained, pane.samples) {
        (Some(Obtained::Exact), _) | (None, None) => ("█", "#"),
        (Some(Obtained::Sampled), _) | (None, Some(_)) => ("▓", "%"),
        (Some(Obtained::Stated), _) => ("░", "="),
        (Some(Obtained::Fitted), _) => ("▚", "~"),
    }
}

/// What a role of options that give no opinion is called.
pub(super) fn role_in_words(role: &str) -> &str {
    match role {
        "dont_know" => "don't know",
        "not_applicable" => "does not apply",
        "invalid" => "could not be read",
        other => other,
    }
}
