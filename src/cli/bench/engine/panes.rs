//! Whole runs, with every request that they sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::unbounded_channel;

use super::bench::Bench;
use crate::app::session::EngineSession;
use crate::cli::Failure;
use crate::domain::{Mode, Pane, PaneStatus, RunEvent, Timing, limits};
use crate::engine::protocol::{Op, Prompt};
use crate::methods::{self, RunSpec, Stops};

/// A run that ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// From the submission to the end of the last pane.
    pub(super) time: Duration,
    /// In the order in which they were sent.
    pub(super) requests: Vec<Op>,
    pub(super) timing: Timing,
}

impl Ran {
    /// What the model read, in the order in which it was sent.
    pub(super) fn prompts(&self) -> Vec<Prompt> {
        self.requests.iter().filter_map(prompt_of).cloned().collect()
    }
}

/// The prompt of a request, if it has one.
pub(super) fn prompt_of(op: &Op) -> Option<&Prompt> {
    match op {
        Op::Generate(request) => Some(&request.prompt),
        Op::ScoreOptions(request) => Some(&request.prompt),
        Op::ScoreContinuations(request) => Some(&request.prompt),
        Op::Hello { .. }
        | Op::Load(_)
        | Op::Direction(_)
        | Op::DeriveDirection(_)
        | Op::Adapter(_)
        | Op::Embed(_)
        | Op::Cancel { .. }
        | Op::Status => None,
    }
}

/// The first question, six personas and these panes.
pub(super) fn spec(bench: &Bench, panes: &[(Mode, &str)], max_tokens: usize) -> Result<RunSpec, Failure> {
    let question = bench.questions.first().ok_or_else(|| Failure::new("there is no question to ask"))?;
    Ok(RunSpec {
        question: question.clone(),
        panes: panes.iter().map(|(mode, method)| (*mode, (*method).to_owned())).collect(),
        personas: bench.personas.clone(),
        directions: Vec::new(),
        examples: Arc::default(),
        pane_models: Vec::new(),
        populations: Vec::new(),
        seed: limits::DEFAULT_SEED,
        samples: limits::DEFAULT_SAMPLES,
        max_tokens,
        temperature: None,
        top_p: None,
    })
}

/// Runs it to its end, or until `see` has seen enough.
pub(super) fn run(
    bench: &Bench,
    engine: &EngineSession,
    spec: RunSpec,
    mut see: impl FnMut(Duration, &RunEvent) -> bool,
) -> Result<Ran, Failure> {
    let mut taken = engine.client.requests();
    let (sender, mut events) = unbounded_channel();
    let stops = Stops::new(spec.panes.len());
    let (head, texts) = (engine.head(&spec), Arc::clone(&bench.wordings) as _);
    let (mut timing, mut failed) = (Timing::default(), None);
    let began = Instant::now();
    bench.wait(async {
        let work = methods::run(Arc::new(spec), head, engine.in_use(), texts, sender, stops.clone());
        let reading = async {
            while let Some(event) = events.recv().await {
                if see(began.elapsed(), &event) {
                    stops.stop_all();
                }
                match event {
                    RunEvent::PaneDone { result, .. } if result.status == PaneStatus::Failed => {
                        let Pane { method, error, .. } = *result;
                        failed = Some(format!("the pane {method} failed: {}", error.unwrap_or_default()));
                    }
                    RunEvent::Finished { timing: all } => timing = all,
                    _ => {}
                }
            }
        };
        tokio::join!(work, reading);
        Ok::<_, Failure>(())
    })?;
    let time = began.elapsed();
    let mut requests = Vec::new();
    while let Ok(op) = taken.try_recv() {
        requests.push(op);
    }
    failed.map_or(Ok(Ran { time, requests, timing }), |sentence| Err(Failure::new(sentence)))
}
