//! Key to frame while the engine decodes on all cores, and how soon a run stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cues::{self, ENTER, ESCAPE};
use super::report::{Report, median, quantile};
use super::sitting::Sitting;
use super::start::ms;
use super::subject::{LOADING, SHORT, Subject, ready};
use crate::cli::Failure;
use crate::measure::SplitMix64;

/// Presses that are measured.
const PRESSES: usize = 120;
const PRESSES_QUICK: usize = 30;
/// Longest pause between two presses, so that they fall anywhere between two frames.
const PAUSE_MS: u64 = 120;
/// Runs that are stopped.
const STOPS: usize = 5;
const STOPS_QUICK: usize = 2;

/// Threads that do nothing but compute, one a core, in place of a model.
#[derive(Debug)]
pub(super) struct Busy(Arc<AtomicBool>);

impl Busy {
    /// Begins.
    pub(super) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..cores {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(stop)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A workbench for keys: with the model, else with an engine whose answers take long.
pub(super) fn sit(subject: &Subject) -> Result<Sitting, Failure> {
    let mut sitting = if subject.is_real() { subject.sit()? } else { subject.sit_with("scripted:slow@60", false)? };
    ready(&mut sitting, cues::has_class)?;
    Ok(sitting)
}

/// Begins a run if none is under way.
fn keep_running(sitting: &mut Sitting) -> Result<(), Failure> {
    if cues::is_running(sitting.grid()) {
        return Ok(());
    }
    sitting.wait("the end of the run", LOADING, cues::is_idle)?;
    // Another seed, so that nothing is answered from what was computed before.
    sitting.press(b"n")?;
    sitting.wait("the run", SHORT, cues::is_running)?;
    Ok(())
}

/// Opens and closes the help while a run is under way.
pub(super) fn key_to_frame(subject: &Subject, sitting: &mut Sitting, report: &mut Report) -> Result<(), Failure> {
    let help = cues::help_title().ok_or_else(|| Failure::new("the help has no title to look for"))?;
    let _busy = (!subject.is_real()).then(Busy::start);
    let load =
        if subject.is_real() { "the engine decoding" } else { "one spinning thread a core beside the scripted engine" };
    report.say("key_to_frame_load", load);
    let mut random = SplitMix64::new(1);
    let mut took = Vec::new();
    keep_running(sitting)?;
    sitting.watch(Duration::from_millis(500), |_| false)?;
    let presses = subject.either(PRESSES_QUICK, PRESSES);
    while took.len() < presses {
        if subject.is_late() {
            report.note("key_to_frame_ms: the quick run's time was over before all presses were made");
            break;
        }
        keep_running(sitting)?;
        for (key, is_shown) in [("?", true), (ESCAPE, false)] {
            sitting.watch(Duration::from_millis(10 + random.next_u64() % PAUSE_MS), |_| false)?;
            let pressed = sitting.press(key.as_bytes())?;
            let seen = sitting.wait("the answer to a key", SHORT, |grid| grid.shows(&help) == is_shown)?;
            took.push(ms(seen.duration_since(pressed)));
        }
    }
    report.count("key_to_frame_presses", took.len() as u64);
    for (field, q) in [("key_to_frame_ms_p50", 0.5), ("key_to_frame_ms_p99", 0.99), ("key_to_frame_ms_max", 1.0)] {
        if let Some(value) = quantile(&took, q) {
            report.number(field, value);
        }
    }
    report.add("full_clears", sitting.full_clears());
    Ok(())
}

/// Stops runs.
pub(super) fn stop(subject: &Subject, sitting: &mut Sitting, report: &mut Report) -> Result<(), Failure> {
    let (mut seen, mut over) = (Vec::new(), Vec::new());
    for _ in 0..subject.either(STOPS_QUICK, STOPS) {
        keep_running(sitting)?;
        // Until voices write: the first step may be a long prompt.
        sitting.wait("the first voice", LOADING, |grid| !cues::voices(grid).is_empty() && cues::is_running(grid))?;
        sitting.watch(Duration::from_millis(400), |_| false)?;
        keep_running(sitting)?;
        // Ctrl-C would quit if the run had just ended; both keys lead to the same stop.
        let pressed = sitting.press(b"X")?;
        seen.push(ms(sitting.wait("the answer to the stop key", SHORT, cues::is_stopping)?.duration_since(pressed)));
        over.push(ms(sitting.wait("the end of all panes", SHORT, cues::is_idle)?.duration_since(pressed)));
    }
    for (field, values) in [("stop_acknowledged_ms", seen), ("stop_ms", over)] {
        if let Some(value) = median(&values) {
            report.number(field, value);
        }
    }
    Ok(())
}

/// A run to its end, before memory is looked at.
pub(super) fn one_run(sitting: &mut Sitting) -> Result<(), Failure> {
    sitting.wait("the end of the run", LOADING, cues::is_idle)?;
    sitting.press(ENTER.as_bytes())?;
    sitting.wait("the run", SHORT, cues::is_running)?;
    sitting.wait("the end of the run", LOADING, cues::is_idle)?;
    Ok(())
}
