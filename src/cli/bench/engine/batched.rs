//! Decoding in batches: the engine as a client sees it, over llama.cpp's own loop.

use super::bench::Bench;
use super::voices::{burst, counting};
use crate::cli::bench::report::{Report, median};
use crate::cli::{Failure, Outcome};

/// Voices at once, steps of one measurement and of a quick one.
const SIZES: [(u32, usize, usize); 6] = [(1, 128, 24), (2, 96, 16), (4, 64, 12), (8, 48, 8), (16, 40, 8), (32, 24, 4)];
/// Measurements of each side.
const ROUNDS: usize = 7;
const ROUNDS_QUICK: usize = 3;
/// Seeds that are tried before a voice that always ends early is given up.
const TRIES: u64 = 4;

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    // Without it there is nothing to compare with.
    bench.floor()?;
    let prompt = counting();
    let tokens = bench.tokens(vec![prompt.clone()])?.remove(0);
    let engine = bench.cold()?;
    let mut seed = 1;
    let rounds = bench.subject.either(ROUNDS_QUICK, ROUNDS);
    report.count("batched_rounds", rounds as u64);
    let mut left_out = Vec::new();
    for (voices, steps, steps_quick) in SIZES {
        if bench.subject.is_late() {
            left_out.push(voices.to_string());
            continue;
        }
        let steps = bench.subject.either(steps_quick, steps);
        let mut ours = |bench: &Bench, steps| {
            for _ in 0..TRIES {
                seed += 1000;
                if let Some(speed) = bench.wait(burst(&engine.client, &prompt, voices, steps, seed))? {
                    return Ok(speed);
                }
            }
            Err(Failure::new(format!(
                "{voices} voices did not write side by side: the machine is busy, or they end early; measure on an idle one, or with another model"
            )))
        };
        // The first batch of a size is laid out anew.
        ours(bench, 2)?;
        bench.floor()?.write(&tokens, voices, 2, 1)?;
        let (mut speeds, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in (0..u32::MAX).take(rounds) {
            if round > 0 && bench.subject.is_late() {
                report.note(format!("batched_ratio_{voices} comes from {round} rounds: the quick run's time was over"));
                break;
            }
            // Who goes first changes.
            let before = if round % 2 == 0 { Some(ours(bench, steps)?) } else { None };
            let floor = bench.floor()?.write(&tokens, voices, steps, round)?.tokens_per_second();
            let speed = before.map_or_else(|| ours(bench, steps), Ok)?;
            speeds.push(speed);
            floors.push(floor);
            ratios.push(speed / floor);
        }
        for (field, values) in [("tokens_per_second", speeds), ("floor_tokens_per_second", floors)] {
            report.number(&format!("{field}_{voices}"), median(&values).unwrap_or(f64::NAN));
        }
        report.number(&format!("batched_ratio_{voices}"), median(&ratios).unwrap_or(f64::NAN));
    }
    if !left_out.is_empty() {
        report.note(format!("batches of {} were left out: the quick run's time was over", left_out.join(" and ")));
    }
    Ok(())
}
