//! Methods: ways to produce a mode's answer. One file per method; [`registry`] lists them.
//!
//! A run is a straight line: [`RunSpec`] and an engine go in, a stream of [`RunEvent`]s comes out. Whoever
//! reads it, the screen, the record or the store, sees the same.

mod across;
mod asked;
mod baselines;
mod compare;
mod corrected;
mod cost;
mod distribution;
mod elicit;
mod fingerprint;
mod models_compared;
mod others;
mod overton;
mod pane;
mod pool;
mod read_option;
pub mod registry;
mod sides;
mod spec;
mod steered;
mod stops;
#[cfg(test)]
mod testing;
mod texts;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::mpsc::UnboundedSender;

use crate::domain::{Measure, Mode, Pane, PaneStatus, PaneTiming, Run, RunEvent, RunHead, Timing};
use crate::engine::EngineError;
use crate::measure::{InvalidDistribution, MeasureError};

pub use baselines::baselines;
pub use compare::names;
pub use cost::{Cost, at_once, cost};
pub use fingerprint::fingerprint;
pub use pane::{EngineInUse, Engines, PaneContext, Remembered};
pub use spec::{DEFAULT_METHODS, RunSpec};
pub use steered::Recipe;
pub use stops::Stops;
pub use texts::{LetteredOption, Texts};

/// What is known about a method without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodFacts {
    /// The mode whose answer it produces.
    pub mode: Mode,
    /// Unique within its mode.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Generations (G) and scorings (F), with A personas, o option orders, n samples.
    pub cost: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// The wording files it uses; their hashes stand in the record.
    pub wordings: &'static [&'static str],
    /// Whether the question must have options.
    pub needs_options: bool,
    /// Whether somebody must be chosen to speak as.
    pub needs_personas: bool,
}

/// One way to produce a mode's answer. Each method is a static of this type in a file of its own.
#[derive(Debug)]
pub struct Method {
    /// What is known about it without running it.
    pub facts: MethodFacts,
    /// What it asks of the model where it is not skipped; see [`Method::cost`].
    cost: fn(&RunSpec) -> Cost,
    /// Produces the answer.
    run: for<'a> fn(&'a PaneContext) -> BoxFuture<'a, Result<Pane, MethodError>>,
}

impl Method {
    /// What a pane of this method asks of the model; nothing where it would be skipped.
    pub fn cost(&self, spec: &RunSpec) -> Cost {
        if self.why_skipped(spec).is_some() { Cost::default() } else { (self.cost)(spec) }
    }

    /// Why a pane of this method would be skipped, where it would.
    pub fn why_skipped(&self, spec: &RunSpec) -> Option<&'static str> {
        if self.facts.needs_options && !spec.question.has_distribution() {
            return Some("the question has fewer than two options to choose from, so there is nothing to distribute");
        }
        if self.facts.needs_personas && spec.personas.is_empty() {
            return Some("no persona was chosen, so there is nobody to speak as");
        }
        None
    }
}

/// Why a pane failed, as one sentence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MethodError {
    /// The engine refused or is gone.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A formula could not be applied.
    #[error("{0}")]
    Measure(#[from] MeasureError),
    /// Numbers that are no distribution.
    #[error("{0}")]
    Distribution(#[from] InvalidDistribution),
    /// A wording cannot be written.
    #[error("{0}")]
    Text(String),
    /// The question does not fit the method.
    #[error("{0}")]
    Question(String),
}

/// The record of a run with the numbers about several of its panes. They follow from the record alone, so that a run
/// that was stored has the same ones when it is read again.
#[must_use]
pub fn with_numbers_across(mut run: Run) -> Run {
    run.measures = numbers_across(&run.run, &run.panes);
    run
}

/// The numbers about several of a run's panes, of which only those of the distribution mode count.
pub fn numbers_across(head: &RunHead, panes: &[Pane]) -> Vec<Measure> {
    [models_compared::measures(head, panes), across::measures(head, panes)].concat()
}

/// Runs every pane of `spec` at once and sends what happens to `events`. Ends when all panes ended; `stops` ends them
/// early, all or some, with what they have. A pane whose engine dies takes none with it that has another.
pub async fn run(
    spec: Arc<RunSpec>,
    mut head: RunHead,
    engines: impl Into<Engines>,
    texts: Arc<dyn Texts>,
    // Unbounded: what a run can send is bounded by its own prompts and tokens, and its readers must not slow the engine.
    events: UnboundedSender<RunEvent>,
    stops: Stops,
) {
    let began = Instant::now();
    let engines = engines.into();
    let load_ms = engines.own.loaded.load_ms + engines.beside.as_ref().map_or(0, |beside| beside.loaded.load_ms);
    let models: Vec<Option<String>> =
        (0..spec.panes.len()).map(|pane| head.model_beside(pane).map(str::to_owned)).collect();
    head.fingerprint = Some(fingerprint(&spec, &head, &*texts));
    // A reader that is gone reads nothing: the run still ends by itself.
    let _ = events.send(RunEvent::Started { head: Box::new(head), panes: spec.panes.clone() });
    let contexts: Vec<PaneContext> = (0..spec.panes.len())
        .map(|index| {
            let beside = engines.beside.as_ref().filter(|_| spec.is_beside(index));
            let engine = beside.unwrap_or(&engines.own).clone();
            PaneContext::new(index, Arc::clone(&spec), engine, Arc::clone(&texts), events.clone())
        })
        .collect();
    let lacks_engine = |index: usize| engines.beside.is_none() && spec.is_beside(index);
    let panes = contexts.iter().zip(models).map(|(context, model)| async {
        let result =
            if lacks_engine(context.index()) { without_engine(context) } else { run_pane(context, &stops).await };
        let result = Pane { model, ..result };
        context.send(RunEvent::PaneDone { pane: context.index(), result: Box::new(result) });
        millis(began)
    });
    let ended = join_all(panes).await;
    let mut timing = Timing { total_ms: Some(millis(began)), load_ms: Some(load_ms), ..Timing::default() };
    let mut computed = 0;
    for (context, ms) in contexts.iter().zip(ended) {
        let usage = context.usage();
        let pane = PaneTiming {
            ms,
            prompt_tokens: usage.prompt_tokens as u64,
            computed_prompt_tokens: usage.computed_prompt_tokens as u64,
            generated_tokens: usage.generated_tokens as u64,
        };
        timing.prompt_tokens += pane.prompt_tokens;
        computed += pane.computed_prompt_tokens;
        timing.generated_tokens += pane.generated_tokens;
        timing.panes.push(pane);
    }
    timing.computed_prompt_tokens = Some(computed);
    let _ = events.send(RunEvent::Finished { timing });
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn without_engine(context: &PaneContext) -> Pane {
    let (mode, id) = context.identity();
    let error = "there is no model beside the run's own to make this pane; name one with --beside".to_owned();
    Pane { status: PaneStatus::Failed, error: Some(error), ..Pane::new(mode, &id) }
}

async fn run_pane(context: &PaneContext, stops: &Stops) -> Pane {
    let (mode, id) = context.identity();
    let result = match registry::find(mode, &id) {
        None => Pane { status: PaneStatus::Failed, error: Some(registry::unknown(mode, &id)), ..Pane::new(mode, &id) },
        Some(method) => run_method(method, context, stops).await,
    };
    Pane { samplers: context.samplers(), ..result }
}

async fn run_method(method: &Method, context: &PaneContext, stops: &Stops) -> Pane {
    if let Some(note) = method.why_skipped(context.spec()) {
        return Pane::skipped(method.facts.mode, method.facts.id, note);
    }
    tokio::select! {
        biased;
        () = stops.stopped(context.index()) => context.unfinished(PaneStatus::Cancelled, None),
        result = (method.run)(context) => match result {
            Ok(mut pane) => {
                pane.note_unanswered();
                pane
            }
            Err(MethodError::Engine(EngineError::Cancelled)) => context.unfinished(PaneStatus::Cancelled, None),
            Err(error) => context.unfinished(PaneStatus::Failed, Some(error.to_string())),
        },
    }
}
