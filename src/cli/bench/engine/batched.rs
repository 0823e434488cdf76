//! Decoding in batches: the engine as a client sees it, over llama.cpp's own loop.

use super::bench::Bench;
use super::voices::{burst, counting};
use crate::cli::bench::report::{Report, median};
use crate::cli::{Failure, Outcome};

/// Voices at once, steps of one measurement and of a quick one.
const SIZES: [(u32, usize, usize); 6] = [(1, 128, 48), (2, 96, 32), (4, 64, 24), (8, 48, 14), (16, 40, 12), (32, 24, 6)];
/// Measurements of each side.
const ROUNDS: usize = 7;
const ROUNDS_QUICK: usize = 3;
/// Seeds that are tried before a voice that always ends early is given up.
const TRIES: u64 = 4;

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    let prompt = counting();
    let tokens = bench.tokens(vec![prompt.clone()])?.remove(0);
    let engine = bench.cold()?;
    let mut seed = 1;
    let rounds = bench.subject.either(ROUNDS_QUICK, ROUNDS);
    report.count("batched_rounds", rounds as u64);
    for (voices, steps, steps_quick) in SIZES {
        let steps = bench.subject.either(steps_quick, steps);
        let mut ours = |bench: &Bench, steps| {
            for _ in 0..TRIES {
                seed += 1000;
                if let Some(speed) = bench.wait(burst(&engine.client, &prompt, voices, steps, seed))? {
                    return Ok(speed);
                }
            }
            Err(Failure::new(format!("{voices} voices always ended early; measure with another model")))
        };
        // The first batch of a size is laid out anew.
        ours(bench, 2)?;
        bench.floor()?.write(&tokens, voices, 2, 1)?;
        let (mut speeds, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            // Who goes first changes.
            let before = if round % 2 == 0 { Some(ours(bench, steps)?) } else { None };
            let floor = bench.floor()?.write(&tokens, voices, steps, round as u32)?.tokens_per_second();
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
    Ok(())
}
