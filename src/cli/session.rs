//! An engine with a model, as the global options ask for, with what a terminal is told meanwhile.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::page::aside;
use super::{Failure, Global};
use crate::app::session::{EngineChoice, EngineSession};
use crate::engine::EngineSpec;

/// Self-tests of large models on slow machines take long; a run waits for them so long and then says "untested".
const REPORT_LIMIT: Duration = Duration::from_secs(120);

impl Global {
    /// The engine and model these options name; `keep_states` is whether anything of a run may be left on disk.
    pub fn engine_choice(&self, keep_states: bool) -> Result<EngineChoice, Failure> {
        Ok(EngineChoice {
            spec: self.engine.clone(),
            model: self.model.clone(),
            profile: self.profile,
            threads: self.threads,
            context: self.ctx,
            hang_after: Duration::from_secs(self.hang_after),
            paths: self.paths()?,
            keep_states,
        })
    }
}

/// Starts the engine (see [`Global::engine_choice`]), loads the model and waits for its self-tests.
pub async fn start(global: &Global, keep_states: bool) -> Result<EngineSession, Failure> {
    let choice = global.engine_choice(keep_states)?;
    if matches!(choice.spec, EngineSpec::Command(_)) && choice.threads.is_some() {
        aside(global.quiet, "--threads is the engine's own matter with --engine COMMAND; add it to the command");
    }
    let bar = if global.quiet { ProgressBar::hidden() } else { ProgressBar::new(100) };
    bar.set_style(
        ProgressStyle::with_template("loading the model {wide_bar} {percent} %")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction in percent")]
    let session = EngineSession::open(&choice, |fraction| bar.set_position((fraction * 100.0) as u64)).await;
    bar.finish_and_clear();
    let session = session?;
    if let Some(note) = &session.loaded.profile_note {
        aside(global.quiet, note);
    }
    let report = session.client.model_report(REPORT_LIMIT).await;
    tracing::info!(class = report.class.as_deref(), detail = report.detail.as_deref(), "self-tests over");
    Ok(session)
}

/// Runs `work` on a runtime of this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // The engine is ended by dropping its handle; nothing else may hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}
