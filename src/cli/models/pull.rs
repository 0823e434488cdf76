//! `parallax models pull`.

use super::format::{print, safe};
use super::{interrupt, progress::Progress};
use crate::cli::{EXIT_INTERRUPTED, Failure, Global, Outcome};
use crate::config::Paths;
use crate::models::{HubSettings, ModelError, Target, Watch, pull, starter};

/// Fetches a model and prints where it is.
pub(super) fn run(model: Option<&str>, paths: &Paths, global: &Global) -> Outcome {
    let target = Target::parse(model.unwrap_or(&starter().id))?;
    let mut progress = Progress::new(global.quiet);
    let result = {
        let mut watch = Watch::new(interrupt::flag(), |report| progress.show(report));
        pull(&target, paths, &HubSettings::from_environment(), &mut watch)
    };
    progress.clear();
    let pulled = result.map_err(|error| match error {
        ModelError::Interrupted => Failure { code: EXIT_INTERRUPTED, ..Failure::from(error) },
        error => error.into(),
    })?;
    if !global.quiet {
        let path = pulled.path.display().to_string();
        let words = if pulled.already { "already here, checksum right" } else { "fetched, checksum right" };
        eprintln!("{}: {words} ({})", safe(&path), safe(&pulled.source));
    }
    print(&format!("{}\n", safe(&pulled.path.display().to_string())))
}
