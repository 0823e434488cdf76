//! The engine comes, goes, and is replaced.

use super::{run, survey};
use crate::app::effect::Effect;
use crate::app::event::EngineNews;
use crate::app::model::engine::Phase;
use crate::app::model::{Model, Ready};
use crate::engine::protocol::{ModelReport, Status};

/// Opens the engine with the model that is wanted.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    model.engine.opening += 1;
    model.engine.phase = Phase::Opening(None);
    model.engine.beside_loaded = None;
    let (wanted, beside) = (model.engine.wanted.clone(), model.engine.beside.clone());
    vec![Effect::OpenEngine { opening: model.engine.opening, model: wanted, beside }]
}

/// Loads another model in place of the one there is. What runs is stopped first.
pub(super) fn swap(model: &mut Model, wanted: Option<String>) -> Vec<Effect> {
    let mut effects = survey::stop_everything(model);
    model.is_queued = false;
    model.engine.wanted = wanted;
    effects.extend(open(model));
    effects
}

/// Loads another model beside the one there is, or none any more. Both are opened anew, for they share what is free.
pub(super) fn put_beside(model: &mut Model, beside: Option<String>) -> Vec<Effect> {
    model.engine.beside = beside;
    let wanted = model.engine.wanted.clone();
    swap(model, wanted)
}

/// A new engine: with the same model, or, where that one was refused, with the one that was ready before.
pub(super) fn restart(model: &mut Model) -> Vec<Effect> {
    if model.engine.trouble().is_some()
        && let Some((wanted, beside)) = model.engine.last_good.clone()
    {
        model.engine.wanted = wanted;
        model.engine.beside = beside;
    }
    open(model)
}

/// Takes in what happens to the engine that was opened as number `opening`.
pub(super) fn on_news(model: &mut Model, opening: u64, news: EngineNews) -> Vec<Effect> {
    if opening != model.engine.opening {
        return Vec::new();
    }
    match news {
        EngineNews::Loading(fraction) => {
            if model.engine.is_opening() {
                model.engine.phase = Phase::Opening(Some(fraction));
            }
        }
        EngineNews::Beside(loaded) => model.engine.beside_loaded = Some(loaded),
        EngineNews::Ready { loaded, build } => {
            if let Some(note) = loaded.profile_note.clone() {
                model.say(note);
            }
            let name = loaded.name.clone();
            let ready = Ready { loaded: *loaded, build, report: ModelReport::default(), status: Status::default() };
            model.engine.phase = Phase::Ready(Box::new(ready));
            model.engine.last_good = Some((model.engine.wanted.clone(), model.engine.beside.clone()));
            let mut effects = vec![Effect::LookUpSpeed { model: name }];
            effects.extend(run::start_if_queued(model));
            return effects;
        }
        EngineNews::Report(report) => {
            if let Some(ready) = model.engine.ready_mut() {
                ready.report = report;
            }
        }
        EngineNews::Status(status) => {
            if let Some(ready) = model.engine.ready_mut() {
                ready.status = status;
            }
        }
        EngineNews::Failed { sentence, was_ready: _ } => {
            model.is_queued = false;
            model.engine.phase = Phase::Trouble(sentence);
        }
    }
    Vec::new()
}
