//! Beside foreign processes that want the cores: the number of threads is left to the engine, for how it adapts is what
//! is measured.

use std::time::Duration;

use super::bench::Bench;
use super::spin::Spinners;
use super::voices::{counting, pace};
use crate::cli::bench::report::{Report, median};
use crate::cli::{Failure, Outcome};

const ROUNDS: usize = 3;
const ROUNDS_QUICK: usize = 1;

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    let engine = bench.start(None)?;
    let prompt = counting();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let ms = |quick, whole| Duration::from_millis(bench.subject.either(quick, whole));
    // What the engine needs to see the load of others, and then the time that counts. Both together are the two seconds
    // in which it is to recover.
    let (lead, window) = (ms(600, 1000), ms(900, 2000));
    let pace = |voices, window| bench.wait(pace(&engine.client, &prompt, voices, lead, window));
    let rounds = bench.subject.either(ROUNDS_QUICK, ROUNDS);
    report.count("busy_rounds", rounds as u64);
    for voices in [1, 16] {
        let (mut idle, mut busy, mut busy_all, mut recovered) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let alone = pace(voices, window)?;
            if alone <= 0.0 {
                return Err(Failure::new(
                    "not one token was written without foreign load of ours; the machine is too busy",
                ));
            }
            let spinner = Spinners::start(1)?;
            let beside_one = pace(voices, window)?;
            drop(spinner);
            let spinners = Spinners::start(cores)?;
            let beside_all = pace(voices, window)?;
            drop(spinners);
            let after = pace(voices, window.min(Duration::from_secs(2).saturating_sub(lead)))?;
            idle.push(alone);
            busy.push(beside_one / alone);
            busy_all.push(beside_all / alone);
            recovered.push(after / alone);
        }
        for (field, values) in [
            ("idle_tokens_per_second", idle),
            ("busy_ratio", busy),
            ("busy_all_ratio", busy_all),
            ("recovered_ratio", recovered),
        ] {
            report.number(&format!("{field}_{voices}"), median(&values).unwrap_or(f64::NAN));
        }
    }
    Ok(())
}
