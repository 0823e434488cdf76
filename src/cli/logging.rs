//! The log of this process: a file in the data folder, never the terminal.

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use super::Global;
use crate::config::open_log;

/// Starts logging; what was said is on disk when the guard is dropped. A log that cannot be written is done without.
pub(super) fn start(global: &Global) -> Option<WorkerGuard> {
    let file = open_log(&global.paths().ok()?.logs().join("parallax.log")).ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let filter = EnvFilter::new(if global.verbose { "parallax=debug" } else { "parallax=info" });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    log.try_init().ok()?;
    Some(guard)
}
