//! What a model would say (exact), what it does say (sampled) and what it says that people say (stated), beside each
//! other: how far the distributions of one model's methods are apart, what it knows and cannot act out (E23; Meister et al.,
//! NAACL 2025, arXiv 2411.05403), and how often what it writes is not its most probable first token (Wang et al. 2024,
//! arXiv 2402.14499).

use super::distribution::{option_logits, sampled, sequence, verbalised};
use super::sides::{Side, Sides, people};
use crate::domain::{Measure, Mode, Obtained, Pane, PaneStatus, ReferenceShown, RunHead};
use crate::measure::{
    Base, Distribution, LEVEL_95, Sample, js_distance, knowledge_to_simulation_gap, modes, paired_interval,
    total_variation, wilson_95,
};

const DISTANCE: &str = "across.js_distance_2";
const TV: &str = "across.tv";
const GAP: &str = "across.knowledge_to_simulation";
const MISMATCH: &str = "across.first_token_mismatch";
/// Draws behind the interval of a gap.
const RESAMPLES: u64 = 1000;

/// The numbers about every two panes of the distribution mode of one model.
pub(super) fn measures(head: &RunHead, panes: &[Pane]) -> Vec<Measure> {
    let models = [None, head.beside.as_ref().map(|beside| beside.name.as_str())];
    let models = models.into_iter().enumerate().filter(|(place, model)| *place == 0 || model.is_some());
    models
        .flat_map(|(_, model)| {
            let own = panes.iter().filter(|pane| pane.mode == Mode::Distribution && pane.model.as_deref() == model);
            // Where a method does not apply there is nothing to miss.
            let own: Vec<&Pane> = own.filter(|pane| pane.status != PaneStatus::Skipped).collect();
            let found = of_model(head.seed, model, &own);
            found.into_iter().map(move |measure| Measure { model: model.map(str::to_owned), ..measure })
        })
        .collect()
}

fn of_model(seed: u64, model: Option<&str>, panes: &[&Pane]) -> Vec<Measure> {
    let mut found = Vec::new();
    for (place, first) in panes.iter().enumerate() {
        for second in panes.iter().skip(place + 1) {
            found.extend(of_pair(seed, model, first, second));
        }
    }
    let pane = |method: &str| panes.iter().find(|pane| pane.method == method).copied();
    let id = |method: &'static super::Method| method.facts.id;
    if let Some((first, second)) = pane(id(&option_logits::METHOD)).zip(pane(id(&sampled::METHOD))) {
        found.extend(mismatch(first, second));
    }
    if let Some((first, second)) = pane(id(&sequence::METHOD)).zip(pane(id(&verbalised::METHOD))) {
        found.extend(gaps(seed, model, first, second));
    }
    found
}

/// Both sides of two panes over the same options, else the reason why there are none.
fn sides_of(first: &Pane, second: &Pane) -> Result<(Side, Side), String> {
    let side = |pane: &Pane| Side::of(pane).ok_or_else(|| format!("{} has no distribution here", pane.method));
    let sides = (side(first)?, side(second)?);
    if first.options == second.options { Ok(sides) } else { Err("the two panes have other options".to_owned()) }
}

fn of_pair(seed: u64, model: Option<&str>, first: &Pane, second: &Pane) -> Vec<Measure> {
    let about = |measure: Measure| measure.methods(&first.method, &second.method);
    let (one, other) = match sides_of(first, second) {
        Ok(sides) => sides,
        Err(why) => return vec![about(Measure::absent(DISTANCE, why))],
    };
    let names = ["across", model.unwrap_or_default(), &first.method, &second.method];
    let sides = Sides { first: &one, second: &other, seed, about: &names };
    let found = [sides.distance(DISTANCE, |p, q| js_distance(p, q, Base::Two)), sides.distance(TV, total_variation)];
    found.into_iter().map(|measure| about(with_words(measure, first, second))).collect()
}

/// Says before other notes what stands beside what.
fn with_words(measure: Measure, first: &Pane, second: &Pane) -> Measure {
    let (one, other) = (words(first), words(second));
    let words = if one == other { format!("both: {one}") } else { format!("{one}, beside {other}") };
    let words = measure.note.as_ref().map_or_else(|| words.clone(), |note| format!("{words}; {note}"));
    measure.note(words)
}

fn words(pane: &Pane) -> &'static str {
    match pane.obtained {
        Some(Obtained::Exact) => "what the model would say",
        Some(Obtained::Sampled) => "what it does say",
        Some(Obtained::Stated) => "what it says that people say",
        Some(Obtained::Fitted) => "what was fitted to people",
        None => "what it says",
    }
}

/// The share of written answers that name another option than the most probable first token.
fn mismatch(first: &Pane, second: &Pane) -> Option<Measure> {
    // Why there is none is said of the distance already.
    let (exact, drawn) = sides_of(first, second).ok()?;
    let n = drawn.n.filter(|n| *n > 0)?;
    let top = modes(&exact.p);
    let not_on_top = |p: &Distribution| {
        let others = p.as_slice().iter().enumerate().filter(|(place, _)| !top.contains(place));
        others.map(|(_, share)| share).sum::<f64>().clamp(0.0, 1.0)
    };
    let value = not_on_top(&drawn.p);
    let mut note = format!(
        "of answers that name an option; {:.3} would, if they were drawn from the first token",
        not_on_top(&exact.p)
    );
    let unnamed = second.samples.map_or(0, |samples| (samples as u64).saturating_sub(n));
    if unnamed > 0 {
        note = format!("{note}; {unnamed} more name none");
    }
    let mut found = Measure::new(MISMATCH, value).methods(&first.method, &second.method).note(note);
    found.n = Some(n);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count, rounded")]
    let hits = (value * n as f64).round() as u64;
    if let Ok(interval) = wilson_95(hits, n) {
        found.interval = Some([interval.low, interval.high]);
        found.level = Some(LEVEL_95);
    }
    Some(found)
}

/// The knowledge-to-simulation gap to every population that both panes are compared with.
fn gaps(seed: u64, model: Option<&str>, acted: &Pane, stated: &Pane) -> Vec<Measure> {
    let Ok((first, second)) = sides_of(acted, stated) else { return Vec::new() };
    let names = ["across", model.unwrap_or_default(), &acted.method, &stated.method];
    let sides = Sides { first: &first, second: &second, seed, about: &names };
    let is_in_both = |reference: &&ReferenceShown| {
        stated.references.iter().any(|same| same.population == reference.population && same.q == reference.q)
    };
    let references = acted.references.iter().filter(is_in_both);
    references
        .map(|reference| {
            gap(&sides, reference).methods(&acted.method, &stated.method).population(&reference.population)
        })
        .collect()
}

fn gap(sides: &Sides<'_>, reference: &ReferenceShown) -> Measure {
    let q = match Distribution::new(&reference.q) {
        Ok(q) => q,
        Err(error) => return Measure::absent(GAP, error.to_string()),
    };
    let (acted, stated) = match (total_variation(&sides.first.p, &q), total_variation(&sides.second.p, &q)) {
        (Ok(acted), Ok(stated)) => (acted, stated),
        (Err(error), _) | (_, Err(error)) => return Measure::absent(GAP, error.to_string()),
    };
    let Ok(value) = knowledge_to_simulation_gap(acted, stated) else {
        return Measure::absent(GAP, "what is stated is what people say: there is no distance to divide by");
    };
    let found = Measure::new(GAP, value);
    let found = found.note(format!("total variation to them: acted out {acted:.3}, stated {stated:.3}"));
    let people = Sample { distribution: &q, n: people(reference) };
    let plan = sides.plan(&format!("{GAP} {}", reference.population), RESAMPLES);
    let interval = || {
        paired_interval(sides.first.sample(), sides.second.sample(), people, plan, |acted, stated, people| {
            knowledge_to_simulation_gap(total_variation(acted, people)?, total_variation(stated, people)?)
        })
    };
    sides.with_interval(found, interval, None)
}

#[cfg(test)]
#[path = "across_tests.rs"]
mod tests;
