//! From one submission to the first token in nine panes.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::Bench;
use super::panes::{self, prompt_of};
use crate::cli::bench::report::{Report, median};
use crate::cli::{Failure, Outcome};
use crate::domain::{Mode, RunEvent};
use crate::engine::protocol::{Op, Prompt};

/// The control, Overton, six voices of the personas, and the distribution.
const PANES: [(Mode, &str); 4] = [
    (Mode::Overton, "vanilla"),
    (Mode::Overton, "pluralistic-prompt"),
    (Mode::Steered, "persona-prompt"),
    (Mode::Distribution, "option-logits"),
];
const DISTRIBUTION: usize = 3;
/// Voices, beside the distribution.
const VOICES: usize = 8;
/// Enough that no voice ends before the last one begins.
const TOKENS: usize = 200;
const ROUNDS: usize = 5;
const ROUNDS_QUICK: usize = 1;

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let rounds = bench.subject.either(ROUNDS_QUICK, ROUNDS);
    report.count("first_token_rounds", rounds as u64);
    for _ in 0..rounds {
        bench.cold()?;
        let (cold, prompts) = once(bench)?;
        let (warm, _) = once(bench)?;
        values.entry("first_token_cold_s").or_default().push(cold);
        values.entry("first_token_warm_s").or_default().push(warm);
        if !bench.subject.is_real() {
            continue;
        }
        let texts = bench.tokens(prompts)?;
        let floor = bench.floor()?.tree(&[], texts, false)?;
        report.count("first_token_minimum_tokens", floor.tokens as u64);
        values.entry("first_token_floor_s").or_default().push(floor.seconds);
        values.entry("first_token_cold_over_floor").or_default().push(cold / floor.seconds);
        values.entry("first_token_warm_over_floor").or_default().push(warm / floor.seconds);
    }
    for (field, values) in values {
        report.number(field, median(&values).unwrap_or(f64::NAN));
    }
    Ok(())
}

/// Seconds until all nine have begun, and the prompts that had to be read for that.
fn once(bench: &mut Bench) -> Result<(f64, Vec<Prompt>), Failure> {
    let engine = bench.engine()?;
    let spec = panes::spec(bench, &PANES, TOKENS)?;
    let mut begun = BTreeSet::new();
    let mut all = None;
    let ran = panes::run(bench, &engine, spec, |at, event| {
        match event {
            RunEvent::VoiceText { voice, .. } => begun.insert(voice.clone()),
            // The first numbers, of one order of the options.
            RunEvent::PaneSoFar { pane: DISTRIBUTION, .. } => begun.insert(String::new()),
            _ => false,
        };
        if begun.len() == VOICES + 1 {
            all.get_or_insert(at);
        }
        all.is_some()
    })?;
    let at = all.ok_or_else(|| Failure::new(format!("only {} of {} panes began", begun.len(), VOICES + 1)))?;
    let is_voice = |op: &&Op| matches!(op, Op::Generate(_));
    // The distribution's pane is the last one, and one order of its options is enough.
    let scoring = ran.requests.iter().rfind(|op| matches!(op, Op::ScoreOptions(_)));
    let needed = ran.requests.iter().filter(is_voice).chain(scoring);
    Ok((at.as_secs_f64(), needed.filter_map(prompt_of).cloned().collect()))
}
