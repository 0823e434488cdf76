//! Runs begin, go on, and end.

use std::sync::Arc;

use crate::app::effect::Effect;
use crate::app::model::engine::Phase;
use crate::app::model::{LiveRun, Model, Speed};
use crate::domain::{PaneStatus, RunEvent};
use crate::methods;

use super::engine;

/// Asks the question as it is set up, as soon as the model is ready.
pub(super) fn start(model: &mut Model) -> Vec<Effect> {
    if model.is_running() {
        return Vec::new();
    }
    model.is_queued = false;
    if model.setup.panes.is_empty() {
        model.say("no method is on, so there is nothing to run: `m` chooses modes and methods");
        return Vec::new();
    }
    let Some(spec) = model.spec() else {
        // The packs are still being read, or hold no question at all.
        if model.library.is_some() {
            model.say("there is no question: `/` chooses one, `a` asks your own");
        } else {
            model.is_queued = true;
        }
        return Vec::new();
    };
    match &model.engine.phase {
        Phase::Ready(_) => {}
        Phase::Opening(_) => {
            model.is_queued = true;
            model.say("the run begins as soon as the model is loaded");
            return Vec::new();
        }
        Phase::Off | Phase::Trouble(_) => {
            let effects = engine::restart(model);
            model.is_queued = true;
            return effects;
        }
    }
    model.runs += 1;
    model.look.follow_all();
    model.look.at_setup = false;
    model.look.at_survey = false;
    let (number, spec) = (model.runs, Arc::new(spec));
    let cost = methods::cost(&spec);
    model.run = Some(LiveRun::new(number, Arc::clone(&spec), cost, model.now));
    vec![Effect::StartRun { number, spec }]
}

/// Begins the run that waited for the model or for the packs.
pub(super) fn start_if_queued(model: &mut Model) -> Vec<Effect> {
    if model.is_queued && model.engine.ready().is_some() { start(model) } else { Vec::new() }
}

/// Stops the panes of the column that is looked at.
pub(super) fn stop_column(model: &mut Model) -> Vec<Effect> {
    let mode = model.look.mode;
    let Some(run) = &mut model.run else { return Vec::new() };
    let number = run.number;
    let running = run.panes.iter_mut().enumerate().filter(|(_, pane)| pane.mode == mode && pane.is_running());
    running
        .map(|(pane, live)| {
            live.is_stopping = true;
            Effect::StopPane { number, pane }
        })
        .collect()
}

/// Stops all panes.
pub(super) fn stop_all(model: &mut Model) -> Vec<Effect> {
    let Some(run) = model.run.as_mut().filter(|run| run.is_running()) else { return Vec::new() };
    for pane in run.panes.iter_mut().filter(|pane| pane.is_running()) {
        pane.is_stopping = true;
    }
    vec![Effect::StopRun { number: run.number }]
}

/// Takes in what happened in the run `number`.
pub(super) fn on_event(model: &mut Model, number: u64, event: RunEvent) -> Vec<Effect> {
    let now = model.now;
    let Some(run) = model.run.as_mut().filter(|run| run.number == number) else { return Vec::new() };
    let is_end = matches!(event, RunEvent::Finished { .. });
    run.apply(event, now);
    if is_end && let (Some(timing), Some(head)) = (&run.timing, &run.head) {
        let whole = run.panes.iter().all(|pane| !pane.is_stopping && pane.status != Some(PaneStatus::Failed));
        let seconds = timing.total_ms.unwrap_or(0) as f64 / 1000.0;
        // A run that was stopped, or broke off, or hardly wrote, says little about the next one.
        if whole && seconds > 0.0 && timing.generated_tokens >= 16 {
            let tokens_per_second = timing.generated_tokens as f64 / seconds;
            model.speed = Some(Speed { model: head.model.name.clone(), tokens_per_second });
        }
    }
    Vec::new()
}

/// The run `number` is over.
pub(super) fn on_over(model: &mut Model, number: u64, not_stored: Option<String>) -> Vec<Effect> {
    let now = model.now;
    let run = model.run.as_mut().filter(|run| run.number == number);
    let which = if run.is_some() { "this run" } else { "the run before" };
    if let Some(run) = run {
        run.end(now);
        run.not_stored.clone_from(&not_stored);
    }
    // Also of a run that is no longer on screen: it is lost all the same.
    if let Some(sentence) = not_stored {
        model.say(format!("{which} is not stored: {sentence}"));
    }
    Vec::new()
}
