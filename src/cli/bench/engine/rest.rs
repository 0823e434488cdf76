//! What the engine uses while nothing happens.

use std::time::{Duration, Instant};

use super::bench::Bench;
use crate::cli::bench::process;
use crate::cli::bench::report::Report;
use crate::cli::{Failure, Outcome};

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    let engine = bench.engine()?;
    let time = Duration::from_secs(bench.subject.either(2, 10));
    let pid = engine.client.pid().ok_or_else(|| Failure::new("the engine's process is not known"))?;
    let unknown = || Failure::new("this system does not say what processes use");
    let before = process::processor_time(pid).ok_or_else(unknown)?;
    let began = Instant::now();
    bench.wait(async {
        tokio::time::sleep(time).await;
        Ok::<_, Failure>(())
    })?;
    let used = process::processor_time(pid).ok_or_else(unknown)?.saturating_sub(before);
    report.number("idle_cpu_percent_engine", used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0);
    report.number("engine_memory_mb", process::most_resident_mb(pid).ok_or_else(unknown)?);
    Ok(())
}
