//! Overton: one answer for everyone.

pub(super) mod ensemble;
pub(super) mod pluralistic_prompt;
pub(super) mod vanilla;

use crate::domain::{Measure, Pane, Voice};
use crate::measure::wilson_95;

/// What every Overton pane tells: refusals among its voices (E21), and its length, for coverage grows with it.
fn describe(pane: &mut Pane, voices: &[Voice]) {
    // Who came to no answer neither refused nor complied.
    let answers: Vec<&Voice> = voices.iter().filter(|voice| !voice.is_unanswered()).collect();
    let hits = |stance: &str| answers.iter().filter(|voice| voice.stance.as_deref() == Some(stance)).count();
    pane.measures.push(rate("refusal_rate", hits("refusal"), answers.len()));
    match &pane.text {
        Some(text) => pane.measures.push(Measure::new("words", text.split_whitespace().count() as f64)),
        None if answers.len() < voices.len() => {
            pane.measures.push(Measure::absent("words", "the model thought and came to no answer"));
        }
        None => {}
    }
}

/// What a voice answered; `None` where it only thought.
fn answer(voice: &Voice) -> Option<String> {
    (!voice.is_unanswered()).then(|| voice.text.clone())
}

/// A share with its Wilson interval.
pub(super) fn rate(id: &str, hits: usize, n: usize) -> Measure {
    match wilson_95(hits as u64, n as u64) {
        Ok(interval) => {
            let mut measure = Measure::new(id, hits as f64 / n as f64).n(n);
            measure.interval = Some([interval.low, interval.high]);
            measure.level = Some(crate::measure::LEVEL_95);
            measure
        }
        Err(error) => Measure::absent(id, error.to_string()),
    }
}
