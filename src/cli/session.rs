//! An engine with a model, as the global options ask for, with what a terminal is told meanwhile.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::page::aside;
use super::{Failure, Global};
use crate::app::session::{EngineChoice, EngineSession, Sessions};
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
            others: None,
        })
    }
}

/// Starts the engine (see [`Global::engine_choice`]), loads the model and waits for its self-tests.
pub async fn start(global: &Global, keep_states: bool) -> Result<EngineSession, Failure> {
    let choice = choice(global, keep_states)?;
    let bar = bar(global, "loading the model");
    let session = EngineSession::open(&choice, |fraction| bar.set_position(percent(fraction))).await;
    bar.finish_and_clear();
    let session = session?;
    tested(global, &session).await;
    Ok(session)
}

/// [`start`], and after it the same for an engine of its own with the model `beside`. One after the other, so that what
/// is free is known when the second is loaded.
pub async fn start_all(global: &Global, keep_states: bool, beside: Option<&str>) -> Result<Sessions, Failure> {
    let Some(beside) = beside else { return Ok(Sessions { own: start(global, keep_states).await?, beside: None }) };
    let (first, second) = choice(global, keep_states)?.side_by_side(beside);
    let progress = bar(global, "loading the model");
    let own = EngineSession::open(&first, |fraction| progress.set_position(percent(fraction))).await;
    progress.finish_and_clear();
    let own = own?;
    tested(global, &own).await;
    let progress = bar(global, "loading the model beside it");
    let other = own.open_beside(&second, |fraction| progress.set_position(percent(fraction))).await;
    progress.finish_and_clear();
    let other = other?;
    tested(global, &other).await;
    Ok(Sessions { own, beside: Some(other) })
}

fn choice(global: &Global, keep_states: bool) -> Result<EngineChoice, Failure> {
    let choice = global.engine_choice(keep_states)?;
    if matches!(choice.spec, EngineSpec::Command(_)) && choice.threads.is_some() {
        aside(global.quiet, "--threads is the engine's own matter with --engine COMMAND; add it to the command");
    }
    Ok(choice)
}

fn bar(global: &Global, what: &str) -> ProgressBar {
    let bar = if global.quiet { ProgressBar::hidden() } else { ProgressBar::new(100) };
    let style = ProgressStyle::with_template(&format!("{what} {{wide_bar}} {{percent}} %"));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction in percent")]
fn percent(fraction: f32) -> u64 {
    (fraction * 100.0) as u64
}

/// Waits for the self-tests.
async fn tested(global: &Global, session: &EngineSession) {
    if let Some(note) = &session.loaded.profile_note {
        aside(global.quiet, note);
    }
    let report = session.client.model_report(REPORT_LIMIT).await;
    tracing::info!(class = report.class.as_deref(), detail = report.detail.as_deref(), "self-tests over");
}

/// Runs `work` on a runtime of this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // The engine is ended by dropping its handle; nothing else may hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}
