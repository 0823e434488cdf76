//! The log of this process: a file in the data folder, never the terminal.

use std::fs;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use super::Global;

/// The log is begun anew beyond this size.
const MAX_LOG: u64 = 4 << 20;

/// Starts logging; what was said is on disk when the guard is dropped. A log that cannot be written is done without.
pub(super) fn start(global: &Global) -> Option<WorkerGuard> {
    let folder = global.paths().ok()?.logs();
    let path = folder.join("parallax.log");
    fs::create_dir_all(&folder).ok()?;
    let is_long = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > MAX_LOG);
    let file = fs::OpenOptions::new().create(true).append(!is_long).write(true).truncate(is_long).open(&path).ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let filter = EnvFilter::new(if global.verbose { "parallax=debug" } else { "parallax=info" });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    log.try_init().ok()?;
    Some(guard)
}
