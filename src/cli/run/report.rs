//! A run in words and bars, for reading in a terminal.

use std::collections::BTreeMap;

use super::once::Done;
use crate::cli::page::{Page, page_width};
use crate::domain::{
    CorrectedShown, Measure, MixtureShown, Mode, Obtained, Pane, PaneStatus, PopulationDistribution, Question,
    ReferenceShown, Run, Voice,
};
use crate::text::{SafeText, pad_to};

/// What a row of two bars takes beside its label and the bars: margin, gaps, two shares and the difference.
const AROUND_BARS: usize = 4 + 1 + 8 + 2 + 8 + 9;

/// Cells of an option's label.
fn label_cells() -> usize {
    if page_width() < 100 { 20 } else { 28 }
}

/// Cells of a bar of 100 %: what is left of a line, for two of them.
fn bar_cells() -> usize {
    (page_width().saturating_sub(AROUND_BARS + label_cells()) / 2).clamp(6, 30)
}

/// Voices of a sampled pane that are shown whole.
const VOICES_SHOWN: usize = 5;

/// Everything about a run. `question` lends its labels of personas and options where it is at hand.
pub(in crate::cli) fn run(page: &mut Page, run: &Run, question: Option<&Question>) {
    let head = &run.run;
    page.gap();
    page.wrapped(0, &head.question.text);
    let place = if head.question.pack.is_empty() {
        String::new()
    } else {
        format!("{}/{}, ", head.question.pack, head.question.id)
    };
    page.wrapped(
        0,
        &format!(
            "{place}{} {}, {} engine, profile {}, {}, seed {}, run {}",
            head.model.name,
            head.model.quantisation,
            head.engine.kind,
            head.engine.profile,
            class(&head.engine.class),
            head.seed,
            head.id
        ),
    );
    if let Some(beside) = &head.beside {
        let facts = format!(
            "beside it {} {}, {} engine, profile {}, {}",
            beside.name,
            beside.model.quantisation,
            beside.engine.kind,
            beside.engine.profile,
            class(&beside.engine.class)
        );
        page.wrapped(0, &facts);
    }
    for pane in &run.panes {
        page.gap();
        self::pane(page, run, pane, question);
    }
    if !run.measures.is_empty() {
        page.gap();
        page.line("── PANES TOGETHER ──");
        run.measures.iter().for_each(|measure| self::measure(page, measure, question));
    }
    page.gap();
    let timing = &run.timing;
    let computed = timing.computed_prompt_tokens;
    let parts = [
        timing.total_ms.map(|ms| format!("{:.1} s", ms as f64 / 1000.0)),
        Some(match computed {
            Some(computed) => {
                format!("{} prompt tokens, of which {computed} were computed and the rest reused", timing.prompt_tokens)
            }
            None => format!("{} prompt tokens", timing.prompt_tokens),
        }),
        Some(format!("{} tokens written", timing.generated_tokens)),
    ];
    page.wrapped(0, &parts.into_iter().flatten().collect::<Vec<_>>().join("; "));
}

/// Every prompt as the model read it.
pub(super) fn prompts(page: &mut Page, done: &Done) {
    for (pane, prompt) in &done.prompts {
        let method = done.run.panes.get(*pane).map_or("", |pane| pane.method.as_str());
        let model = done.run.run.model_beside(*pane).map_or_else(String::new, |model| format!(" by {model}"));
        page.line(&format!("=== prompt of {method}{model}, {} ({} tokens)", prompt.purpose, prompt.tokens));
        page.verbatim(&prompt.text);
        page.gap();
    }
}

fn class(class: &str) -> &str {
    match class {
        "bit-exact" => "bit-exact (the same bits every time)",
        "same-build" => "same-build (repeats itself, but not beside other work)",
        "statistical" => "statistical (does not repeat itself)",
        other => other,
    }
}

fn pane(page: &mut Page, run: &Run, pane: &Pane, question: Option<&Question>) {
    let status = match pane.status {
        PaneStatus::Done => "",
        PaneStatus::Failed => " (failed)",
        PaneStatus::Cancelled => " (cancelled)",
        PaneStatus::Skipped => " (skipped)",
    };
    let model = match (&run.run.beside, &pane.model) {
        (None, _) => String::new(),
        (Some(_), model) => format!(" · {}", model.as_ref().unwrap_or(&run.run.model.name)),
    };
    let (mode, meaning) = (pane.mode.id().to_uppercase(), pane.mode.meaning());
    page.line(&format!("── {mode} · {}{model}{status} ── {meaning}", pane.method));
    for line in [&pane.error, &pane.note].into_iter().flatten() {
        page.hanging(4, "  !", line);
    }
    match pane.mode {
        Mode::Overton => overton(page, run, pane),
        Mode::Steered => steered(page, run, pane),
        Mode::Distribution => distribution(page, run, pane, question),
    }
    for measure in &pane.measures {
        // Of two orders the largest difference is the mean one.
        let says_nothing_new = measure.id == "orders.max_pairwise_tv" && measure.n == Some(2);
        if !says_nothing_new {
            self::measure(page, measure, question);
        }
    }
}

fn overton(page: &mut Page, run: &Run, pane: &Pane) {
    let is_single = pane.voices.len() == 1;
    for voice in pane.voices.iter().filter(|voice| is_single || voice.persona.is_some() || pane.text.is_none()) {
        self::voice(page, run, voice);
    }
    if let Some(text) = pane.text.as_ref().filter(|_| !is_single) {
        let synthesis = pane.voices.iter().rev().find(|voice| voice.persona.is_none());
        let stance = synthesis.and_then(|voice| voice.stance.as_deref());
        page.line(&format!(
            "  brought together{}:",
            stance.map_or_else(String::new, |stance| format!(" (reads like: {stance})"))
        ));
        page.wrapped(4, text);
    }
}

fn voice(page: &mut Page, run: &Run, voice: &Voice) {
    let who = voice.persona.as_deref().unwrap_or("the model");
    let option = voice.option.as_ref().map_or_else(String::new, |option| format!(", named \"{}\"", label(run, option)));
    let stance = voice.stance.as_ref().map_or_else(String::new, |stance| {
        format!(", reads like {} {stance}", if stance == "abstention" { "an" } else { "a" })
    });
    let thought = match voice.thinking_tokens {
        0 => String::new(),
        tokens => format!(", {tokens} of them thinking"),
    };
    page.line(&format!("  {who} ({} tokens{thought}, {}{option}{stance}):", voice.tokens, finish(voice)));
    let nothing = if voice.is_unanswered() { "(no answer: it only thought)" } else { "(nothing)" };
    page.wrapped(4, if voice.text.is_empty() { nothing } else { &voice.text });
}

fn finish(voice: &Voice) -> &'static str {
    use crate::domain::Finish;
    match voice.finish {
        Finish::Stop => "ended",
        Finish::Length => "cut at the limit",
        Finish::Context => "cut: the context was full",
        Finish::Time => "cut: out of time",
        Finish::Cancelled => "stopped",
        Finish::Error => "broken off",
    }
}

fn label<'a>(run: &'a Run, option: &'a str) -> &'a str {
    run.run.question.options.iter().find(|known| known.id == option).map_or(option, |known| known.label.as_str())
}

fn steered(page: &mut Page, run: &Run, pane: &Pane) {
    if let (Some(options), Some(before)) = (&pane.options, &pane.before) {
        let title = if pane.fan.is_empty() { "without a persona" } else { "unsteered" };
        bars(page, run, options, title, &before.p, before.mass, before.note.as_deref(), None);
        for after in &pane.distributions {
            let title = format!("as {}", after.persona);
            bars(page, run, options, &title, &after.p, after.mass, after.note.as_deref(), Some(("before", &before.p)));
        }
    }
    fan(page, run, pane);
    pane.voices.iter().for_each(|voice| self::voice(page, run, voice));
}

/// Every strength of every direction on a line.
fn fan(page: &mut Page, run: &Run, pane: &Pane) {
    if pane.fan.is_empty() {
        return;
    }
    page.line("  at every strength:");
    for at in &pane.fan {
        let mut parts = vec![format!("{} at {:+.3}", at.persona, at.strength)];
        parts.extend(at.share.map(|share| format!("{:+.1} % of outputs", share * 100.0)));
        let shares = pane.options.iter().flatten().zip(at.p.iter().flatten());
        let shares: Vec<String> =
            shares.map(|(option, p)| format!("{} {:.1} %", label(run, option), p * 100.0)).collect();
        parts.extend((!shares.is_empty()).then(|| shares.join(", ")));
        parts.extend(at.mass.map(|mass| format!("mass {:.0} %", mass * 100.0)));
        parts.extend(at.shift_js_distance_2.map(|shift| format!("shift {shift:.3}")));
        parts.extend(at.perplexity_ratio.map(|ratio| format!("perplexity x {ratio:.2}")));
        page.hanging(6, "    ", &parts.join("; "));
    }
}

fn distribution(page: &mut Page, run: &Run, pane: &Pane, question: Option<&Question>) {
    if let (Some(options), Some(before)) = (&pane.options, &pane.before) {
        bars(page, run, options, "as nobody", &before.p, before.mass, before.note.as_deref(), None);
    }
    for own in &pane.by_population {
        as_population(page, run, pane, own);
    }
    let is_one = pane.by_population.is_empty();
    if let (Some(options), Some(p), Some(mass), true) = (&pane.options, &pane.p, pane.mass, is_one) {
        let orders = pane.orders.unwrap_or(1);
        let title = match (pane.obtained, pane.samples) {
            (_, Some(n)) => format!("the model, {n} samples"),
            (Some(Obtained::Stated), None) => format!("what the model states, {orders} orders averaged"),
            (Some(Obtained::Fitted), None) => "the model, fitted to people".to_owned(),
            _ if pane.mixture.is_some() => "the personas as they are weighed".to_owned(),
            _ if orders == 1 => "the model, exact, one order".to_owned(),
            _ => format!("the model, exact, {orders} orders averaged"),
        };
        let people = pane.reference.as_ref().map(|reference| (basis(reference), reference.q.as_slice()));
        let against = people.as_ref().map(|(name, q)| (name.as_str(), *q));
        bars(page, run, options, &title, p, mass, None, against);
    }
    if let Some(mixture) = &pane.mixture {
        self::mixture(page, run, pane, mixture);
    }
    for other in &pane.corrected {
        corrected(page, run, pane, other, question);
    }
    let others = outside_the_bars(&pane.non_substantive);
    if !others.is_empty() && is_one {
        page.line(&format!("  outside the bars, of {}: {others}", pane.whole_in_words()));
    }
    for reference in &pane.references {
        people(page, reference);
    }
    for voice in pane.voices.iter().take(VOICES_SHOWN) {
        self::voice(page, run, voice);
    }
    if pane.voices.len() > VOICES_SHOWN {
        page.line(&format!("  … and {} more samples", pane.voices.len() - VOICES_SHOWN));
    }
}

fn outside_the_bars(shares: &BTreeMap<String, f64>) -> String {
    let shares = shares.iter().filter(|(_, share)| **share > 0.0);
    let shares: Vec<String> =
        shares.map(|(role, share)| format!("{} {:.1} %", role_in_words(role), share * 100.0)).collect();
    shares.join(", ")
}

/// What each persona answers, and what every fit makes of them, each in a line.
fn mixture(page: &mut Page, run: &Run, pane: &Pane, mixture: &MixtureShown) {
    let percent = |share: &f64| format!("{:.1} %", share * 100.0);
    for own in &pane.distributions {
        let options = pane.options.iter().flatten().zip(&own.p);
        let shares = options.map(|(option, share)| format!("{} {}", label(run, option), percent(share)));
        let shares = shares.collect::<Vec<_>>().join(", ");
        let note = own.note.as_ref().map_or_else(String::new, |note| format!(" · {note}"));
        page.hanging(4, "  ~", &format!("as {}: {shares}{note}", own.persona));
    }
    let weights = |weights: &[f64]| {
        let each = pane.distributions.iter().zip(weights);
        each.map(|(own, weight)| format!("{} {}", own.persona, percent(weight))).collect::<Vec<_>>().join(", ")
    };
    page.hanging(4, "  ·", &format!("weights the personas bring along: {}", weights(&mixture.given)));
    for fit in &mixture.fits {
        let to = match (fit.held_out, mixture.others.len()) {
            (false, _) => "to this question itself".to_owned(),
            (true, 1) => "to 1 other question".to_owned(),
            (true, others) => format!("to {others} other questions"),
        };
        page.hanging(
            4,
            "  ·",
            &format!(
                "weights fitted {to} by {}: {}; here JS distance {}, total variation {}",
                fit.loss_in_words(),
                weights(&fit.weights),
                number(fit.js_distance_2),
                number(fit.tv)
            ),
        );
    }
}

/// The answer as one of a population, beside that population.
fn as_population(page: &mut Page, run: &Run, pane: &Pane, own: &PopulationDistribution) {
    let Some(options) = &pane.options else { return };
    let reference = pane.references.iter().find(|reference| reference.population == own.population);
    let name = reference.and_then(|reference| reference.label.as_ref()).unwrap_or(&own.population);
    let people = reference.map(|reference| (basis(reference), reference.q.as_slice()));
    let against = people.as_ref().map(|(name, q)| (name.as_str(), *q));
    let how = if pane.obtained == Some(Obtained::Fitted) { "calibrated to" } else { "as one of" };
    bars(page, run, options, &format!("{how}: {name}"), &own.p, own.mass, own.note.as_deref(), against);
    let outside = outside_the_bars(&own.non_substantive);
    if !outside.is_empty() {
        page.line(&format!("    outside the bars, of the next token: {outside}"));
    }
}

/// A distribution that stands beside the one shown: its shares in one line, its numbers in the next.
fn corrected(page: &mut Page, run: &Run, pane: &Pane, other: &CorrectedShown, question: Option<&Question>) {
    let options = pane.options.iter().flatten().zip(&other.p);
    let shares = options.map(|(option, share)| format!("{} {:.1} %", label(run, option), share * 100.0));
    let shares = shares.collect::<Vec<_>>().join(", ");
    let note = other.note.as_ref().map_or_else(String::new, |note| format!(" · {note}"));
    page.hanging(4, "  ~", &format!("{}: {shares}{note}", other.rule_in_words()));
    for measure in &other.measures {
        self::measure(page, measure, question);
    }
}

fn role_in_words(role: &str) -> &str {
    match role {
        "dont_know" => "don't know",
        "not_applicable" => "does not apply",
        "invalid" => "could not be read",
        other => other,
    }
}

fn basis(reference: &ReferenceShown) -> String {
    if reference.basis.is_human() { "people".to_owned() } else { reference.basis.id().to_owned() }
}

fn people(page: &mut Page, reference: &ReferenceShown) {
    let name = reference.label.as_ref().unwrap_or(&reference.population);
    let mut facts = vec![format!("{} ({})", name, reference.population), reference.basis.id().to_owned()];
    facts.extend(reference.year.map(|year| year.to_string()));
    facts.push(reference.n.map_or_else(|| "N unknown".to_owned(), |n| format!("N {n}")));
    facts.extend(reference.non_substantive.map(|share| format!("{:.1} % gave no answer", share * 100.0)));
    facts.extend(reference.note.clone());
    facts.extend(reference.source.clone());
    page.hanging(4, "  ·", &facts.join("; "));
}

/// One bar per option; beside it another distribution, where there is one, with the signed difference.
#[expect(clippy::too_many_arguments, reason = "a drawing has as many parts")]
fn bars(
    page: &mut Page,
    run: &Run,
    options: &[String],
    title: &str,
    p: &[f64],
    mass: f64,
    note: Option<&str>,
    against: Option<(&str, &[f64])>,
) {
    let head = format!("  {title} (mass {:.0} %)", mass * 100.0);
    match against {
        // Over the second bar.
        Some((other, _)) => page.line(&format!("{} {other}", pad_to(&head, label_cells() + bar_cells() + 15))),
        None => page.line(&head),
    }
    if let Some(note) = note {
        page.hanging(4, "  !", note);
    }
    for (index, (option, share)) in options.iter().zip(p).enumerate() {
        let other = against
            .and_then(|(_, q)| q.get(index))
            .map(|q| format!("  {} {:5.1} %  {:+6.1}", bar(*q, '▒'), q * 100.0, (share - q) * 100.0));
        page.line(&format!(
            "    {} {} {:5.1} %{}",
            pad_to(SafeText::line(label(run, option)).as_str(), label_cells()),
            bar(*share, '█'),
            share * 100.0,
            other.unwrap_or_default()
        ));
    }
}

fn bar(share: f64, full: char) -> String {
    let whole = bar_cells();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the width of a bar")]
    let cells = (share * whole as f64).round().clamp(0.0, whole as f64) as usize;
    let mut drawn: String = std::iter::repeat_n(full, cells).collect();
    drawn.extend(std::iter::repeat_n('·', whole - cells));
    drawn
}

fn measure(page: &mut Page, measure: &Measure, question: Option<&Question>) {
    let (name, meaning) = explain(&measure.id);
    let methods = match (&measure.method, &measure.beside) {
        (Some(method), Some(beside)) => Some(format!("{method} and {beside}")),
        (method, _) => method.clone(),
    };
    let about = [
        methods,
        measure.model.as_ref().map(|model| format!("by {model}")),
        measure.persona.as_ref().map(|persona| format!("as {persona}")),
        measure.population.as_ref().map(|id| {
            let known = question.and_then(|question| question.population(id));
            format!("to {}", known.map_or(id.as_str(), |population| population.label.as_str()))
        }),
    ];
    let mut line = name.to_owned();
    for part in about.into_iter().flatten() {
        line.push_str(", ");
        line.push_str(&part);
    }
    line.push_str(": ");
    line.push_str(&match measure.value {
        Some(value) if measure.id == "mode_match" => if value > 0.5 { "yes" } else { "no" }.to_owned(),
        Some(value) => number(value),
        None => "not computed".to_owned(),
    });
    if let Some([low, high]) = measure.interval {
        line.push_str(&[" [", &number(low), ", ", &number(high), "]"].concat());
    }
    if let Some(n) = measure.n {
        line.push_str(&[", n ", &n.to_string()].concat());
    }
    if let Some(floor) = measure.noise_floor {
        line.push_str(&[", noise floor ", &number(floor)].concat());
        if measure.value.is_some_and(|value| value <= floor) {
            line.push_str(" (below it: this says nothing)");
        }
    }
    let meaning = Some(meaning).filter(|meaning| !meaning.is_empty() && measure.value.is_some());
    for text in [measure.note.as_deref(), meaning].into_iter().flatten() {
        line.push_str(" · ");
        line.push_str(text);
    }
    page.hanging(4, "  ·", &line);
}

/// Counts as counts, everything else to three places.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() >= 2.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// A measure's name and meaning in words; `docs/measures.md` has the whole of it.
fn explain(id: &str) -> (&str, &'static str) {
    match id {
        "js_distance_2" | "across.js_distance_2" => ("JS distance, base 2", "0 is the same, 1 has nothing in common"),
        "tv" => ("total variation", "the share of answers that would have to change"),
        "w1_normalised" => ("distance along the scale", "how far answers would have to move, 1 is from end to end"),
        "kl_2_qp" => ("KL(reference || model), bits", "what the model leaves out of what the reference says"),
        "mode_match" => ("same most frequent answer", ""),
        "entropy_2" => ("entropy, bits", "0 is one answer only"),
        "entropy_2_q" => ("entropy of the reference, bits", ""),
        "entropy_2_miller_madow" => ("entropy, corrected for n, bits", ""),
        "baseline.oracle_mode.js_distance_2" => {
            ("baseline: their own most frequent answer alone would have", "knows the answer and no shares")
        }
        "baseline.other_groups.js_distance_2" => {
            ("baseline: the mean of the other groups would have", "what is known of a group without asking it")
        }
        "baseline.majority.js_distance_2" => (
            "baseline: the answer that most of the other groups give would have",
            "what a model reaches that knows one answer for everybody",
        ),
        "baseline.uniform.w1_normalised" => ("baseline: equal shares, along the scale", ""),
        "baseline.oracle_mode.w1_normalised" => ("baseline: most frequent answer, along the scale", ""),
        "baseline.other_groups.w1_normalised" => ("baseline: mean of the other groups, along the scale", ""),
        "baseline.majority.w1_normalised" => ("baseline: the other groups' majority, along the scale", ""),
        "baseline.majority.tv" => ("baseline: the other groups' majority, total variation", ""),
        "whole.js_distance_2" => {
            ("JS distance with what gives no opinion, base 2", "\"don't know\" and refusals on both sides")
        }
        "whole.tv" => ("total variation with what gives no opinion", ""),
        "baseline.uniform.tv" => ("baseline: equal shares, total variation", ""),
        "baseline.oracle_mode.tv" => ("baseline: most frequent answer, total variation", ""),
        "baseline.other_groups.tv" => ("baseline: mean of the other groups, total variation", ""),
        "baseline.uniform.js_distance_2" => {
            ("baseline: equal shares would have", "a model that is not nearer has done nothing")
        }
        "refusal_rate" => ("share of refusals", "English phrases only"),
        "words" => ("words", ""),
        "shift.js_distance_2" => ("shift, JS distance, base 2", "how far answering as somebody moved the model"),
        "shift.tv" => ("shift, total variation", ""),
        "shift.mean_js_distance_2" => ("mean shift", ""),
        "gain.js_distance_2" => ("gain", "above 0: nearer to the own group than without"),
        "side.perplexity_ratio" => ("perplexity of a neutral text, times", "above 1.2 the language itself suffers"),
        "side.repeated_4_grams" => ("runs of four words said again", "0 is never, above 0.2 the voice goes in circles"),
        "direction.share" => ("the direction's length, as a share of the outputs it moves", ""),
        "direction.held_out" => ("pairs held out on the right side", "0.5 is chance"),
        "orders.mean_pairwise_tv" => ("option orders differ by", "mean total variation; averaged out above"),
        "orders.max_pairwise_tv" => ("option orders differ at most by", ""),
        "orders.generalised_js_2" => ("option orders disagree, bits", ""),
        "shots.mean_pairwise_tv" => ("other shots differ by", "mean total variation; averaged out above"),
        "shots.max_pairwise_tv" => ("other shots differ at most by", ""),
        "models.js_distance_2" => ("the two models, JS distance, base 2", "0 is the same, 1 has nothing in common"),
        "models.entropy_2_change" => ("change of entropy, bits", "below 0: the model beside is surer of itself"),
        "models.reference_change.js_distance_2" => {
            ("change of JS distance, base 2", "below 0: the model beside is nearer")
        }
        "across.tv" => ("total variation", ""),
        "across.first_token_mismatch" => (
            "written answers that are not the most probable first token",
            "the exact shares say little where this is high",
        ),
        "across.knowledge_to_simulation" => {
            ("knowledge-to-simulation gap", "above 0: it states people's shares better than it acts them out")
        }
        "flattening.mean_pairwise_js_distance_2" => {
            ("personas lie apart by, JS distance, base 2", "the floor is what chance relabelling stays below in 95 %")
        }
        "flattening.p_value" => {
            ("chance that relabelled personas lie as far apart", "from 0.05 on they cannot be told apart")
        }
        "mixture.weights_entropy_2" => ("entropy of the personas' weights, bits", "0 is one persona only"),
        "mixture.held_out.js_distance_2" => {
            ("the mixture fitted to other questions, JS distance, base 2", "how good the weights are")
        }
        "mixture.held_out.tv" | "mixture.in_sample.tv" | "mixture.given.tv" => ("the same, total variation", ""),
        "mixture.in_sample.js_distance_2" => ("the mixture fitted to this question, JS distance, base 2", ""),
        "mixture.given.js_distance_2" => {
            ("the mixture by the weights that personas bring along, JS distance, base 2", "what a fit has to beat")
        }
        "corrected.tv" => ("differs from the bars above by", "total variation"),
        "pride.prior_tv" => ("pull of slots, total variation from none", "what the place in the list decides alone"),
        "pride.spread_tv" => ("questions disagree about the pull of slots by", "mean total variation"),
        "calibrated.held_out.tv" => {
            ("on questions held out, calibrated, total variation", "how good the calibration is; compare with the next")
        }
        "calibrated.raw.tv" => ("on the same questions, as the model says it, total variation", ""),
        "calibrated.gain.tv" => ("what calibration gains there", "an interval that holds 0 shows no gain"),
        "calibrated.temperature" => ("temperature", "above 1 flatter than the model, below 1 sharper"),
        "calibrated.shrinkage" => ("share of the marginal", "1 would leave nothing of what the model says"),
        "stated.mean_pairwise_tv" => ("what is stated differs between samples by", "mean total variation"),
        "stated.sum" => ("percentages add up to, on average", ""),
        other => (other, ""),
    }
}
