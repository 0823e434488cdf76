//! Launch to first frame and to a usable model; what the workbench does while nothing happens.

use std::time::Duration;

use super::cues;
use super::process;
use super::report::{Report, median};
use super::sitting::Sitting;
use super::subject::{LOADING, SHORT, Subject, ready};
use crate::cli::Failure;

/// Launches that count; one before them warms the caches.
const LAUNCHES: usize = 7;
const LAUNCHES_QUICK: usize = 5;
/// Nothing was drawn for so long: nothing happens.
const STILL: Duration = Duration::from_secs(1);

/// Measures launches.
pub(super) fn launches(subject: &Subject, report: &mut Report) -> Result<(), Failure> {
    let mut warm = subject.sit()?;
    ready(&mut warm, cues::has_class)?;
    if let Some(class) = cues::class(warm.grid()) {
        report.say("class", class);
    }
    drop(warm);
    let (mut first, mut usable) = (Vec::new(), Vec::new());
    for _ in 0..subject.either(LAUNCHES_QUICK, LAUNCHES) {
        let mut sitting = subject.sit()?;
        let at = sitting.wait("the first frame", SHORT, |grid| !grid.last_row().trim().is_empty())?;
        first.push(ms(at.duration_since(sitting.began)));
        let at = ready(&mut sitting, cues::is_ready)?;
        usable.push(ms(at.duration_since(sitting.began)));
        report.add("full_clears", sitting.full_clears());
    }
    report.count("first_frame_launches", first.len() as u64);
    for (field, values) in [("first_frame_ms", first), ("model_ready_ms", usable)] {
        if let Some(value) = median(&values) {
            report.number(field, value);
        }
    }
    Ok(())
}

/// Measures a workbench whose model is ready and which nobody uses.
pub(super) fn idle(subject: &Subject, sitting: &mut Sitting, report: &mut Report) -> Result<(), Failure> {
    quiet(sitting)?;
    let time = Duration::from_secs(subject.either(3, 10));
    let engine = process::descendants(sitting.pid());
    let used = |pids: &[u32]| pids.iter().filter_map(|pid| process::processor_time(*pid)).sum::<Duration>();
    let own = [sitting.pid()];
    let before = (used(&own), used(&engine), sitting.frames().len(), sitting.bytes());
    sitting.watch(time, |_| false)?;
    let after = (used(&own), used(&engine));
    report.number("idle_seconds", time.as_secs_f64());
    report.count("idle_frames", (sitting.frames().len() - before.2) as u64);
    report.count("idle_bytes", sitting.bytes() - before.3);
    if process::processor_time(sitting.pid()).is_none() || engine.is_empty() {
        report.note("idle_cpu_percent_app and _engine are absent: this system does not say what processes use");
        return Ok(());
    }
    let percent = |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64() / time.as_secs_f64() * 100.0;
    report.number("idle_cpu_percent_app", percent(before.0, after.0));
    report.number("idle_cpu_percent_engine", percent(before.1, after.1));
    Ok(())
}

/// The memory of the workbench, with nothing going on.
pub(super) fn memory(sitting: &mut Sitting, report: &mut Report) -> Result<(), Failure> {
    quiet(sitting)?;
    match process::resident_mb(sitting.pid()) {
        Some(mb) => report.number("app_rss_mb", mb),
        None => report.note("app_rss_mb is absent: this system does not say what processes hold"),
    }
    Ok(())
}

/// Waits until nothing is drawn any more.
fn quiet(sitting: &mut Sitting) -> Result<(), Failure> {
    sitting.wait("the end of the run", LOADING, cues::is_idle)?;
    ready(sitting, cues::has_class)?;
    // A sentence in the status line stays for some seconds and then goes, which is a frame: not counted as idle.
    for _ in 0..15 {
        let before = sitting.frames().len();
        sitting.watch(STILL, |_| false)?;
        let says_class = cues::class(sitting.grid()).is_some_and(|class| sitting.grid().last_row().contains(&class));
        if sitting.frames().len() == before && says_class {
            return Ok(());
        }
    }
    Err(Failure::new(format!(
        "the screen did not come to rest within 15 s; its last line said `{}`",
        sitting.grid().last_row().trim()
    )))
}

/// Milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
