//! The one function that changes the state. It does no I/O, reads no clock and waits for nothing.

mod act;
mod editor;
mod engine;
mod picker;
mod reader;
mod run;
mod settings;
mod survey;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::action::{self, Place};
use super::effect::Effect;
use super::event::{Event, PullNews};
use super::library::Library;
use super::model::{Model, Overlay, PickerKind, Speed};
use crate::config::{Key, KeyCode};

/// What is to be done first.
pub fn begin(model: &mut Model) -> Vec<Effect> {
    engine::open(model)
}

/// Takes in what happened and says what is to be done.
pub fn update(model: &mut Model, event: Event) -> Vec<Effect> {
    let may_change_setup = matches!(
        event,
        Event::Key(_) | Event::Paste(_) | Event::Library(_) | Event::Found { .. } | Event::PersonaSaved(_)
    );
    let effects = take_in(model, event);
    if may_change_setup {
        model.reckon();
    }
    effects
}

fn take_in(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Key(key) => on_key(model, key),
        Event::Paste(text) => on_paste(model, &text),
        Event::Resize(columns, rows) => {
            model.size = (columns, rows);
            Vec::new()
        }
        Event::Wheel(lines) => {
            act::scroll(model, i64::from(lines));
            Vec::new()
        }
        Event::Tick(now) => {
            model.now = now;
            model.forget_notice();
            Vec::new()
        }
        Event::Drawn(layout) => {
            model.look.layout = layout;
            Vec::new()
        }
        Event::Library(library) => on_library(model, *library),
        Event::Themes(themes) => {
            let name = model.theme().map(|theme| theme.name.clone());
            model.theme = themes.iter().position(|theme| Some(&theme.name) == name.as_ref()).unwrap_or(0);
            model.themes = themes;
            Vec::new()
        }
        Event::Models(models) => {
            model.models = Some(models);
            picker::refresh(model, PickerKind::Model);
            picker::refresh(model, PickerKind::Beside);
            Vec::new()
        }
        Event::Speed { model: name, tokens_per_second } => {
            // What was measured in this sitting is newer than what was looked up.
            if model.speed.as_ref().is_none_or(|speed| speed.model != name) {
                model.speed = Some(Speed { model: name, tokens_per_second });
            }
            Vec::new()
        }
        Event::Engine { opening, news } => engine::on_news(model, opening, news),
        Event::Run { number, event } => run::on_event(model, number, event),
        Event::Across { number, measures } => {
            if let Some(run) = model.run.as_mut().filter(|run| run.number == number) {
                run.measures = measures;
            }
            Vec::new()
        }
        Event::RunOver { number, not_stored } => run::on_over(model, number, not_stored),
        Event::Survey { number, news } => {
            survey::on_news(model, number, news);
            Vec::new()
        }
        Event::RunLoaded(loaded) => {
            survey::on_loaded(model, loaded);
            Vec::new()
        }
        Event::Found { ticket, hits } => picker::on_found(model, ticket, hits),
        Event::Pull { id, news } => on_pull(model, id, news),
        Event::Notice(text) => {
            model.say(text);
            Vec::new()
        }
        Event::PersonaSaved(result) => {
            editor::on_saved(model, result);
            Vec::new()
        }
        Event::Resumed => vec![Effect::Redraw],
        Event::SuspendAsked => vec![Effect::Suspend],
        Event::Terminate => vec![Effect::Quit],
    }
}

fn on_key(model: &mut Model, key: Key) -> Vec<Effect> {
    // The card that is shown then says so, whatever lies under it.
    if model.is_too_small() && key == Key::plain(KeyCode::Char('q')) {
        return vec![Effect::Quit];
    }
    let place = model.place();
    if let Some(action) = action::find(model, place, key) {
        return act::act(model, action.what);
    }
    match place {
        Place::Picker | Place::MultiPicker => picker::type_key(model, key),
        Place::Editor => {
            if let Some(Overlay::Editor(editor)) = &mut model.overlay {
                editor.key(key);
            }
            Vec::new()
        }
        Place::Settings => {
            settings::type_key(model, key);
            Vec::new()
        }
        Place::Workbench if key == Key::plain(KeyCode::Escape) => {
            // Whoever is lost presses Escape: back to the plain view.
            model.look.is_zoomed = false;
            model.look.follow_all();
            Vec::new()
        }
        Place::Workbench | Place::Survey | Place::Reader | Place::Anywhere => Vec::new(),
    }
}

fn on_paste(model: &mut Model, text: &str) -> Vec<Effect> {
    match &mut model.overlay {
        Some(Overlay::Picker(_)) => picker::type_text(model, text),
        Some(Overlay::Editor(editor)) => {
            editor.paste(text);
            Vec::new()
        }
        Some(Overlay::Settings(_)) => {
            settings::type_text(model, text);
            Vec::new()
        }
        Some(Overlay::Reader(_)) | None => {
            model.say("there is no text field open to paste into: `a` asks a question, `w` writes a persona");
            Vec::new()
        }
    }
}

fn on_library(model: &mut Model, library: Library) -> Vec<Effect> {
    if model.setup.question.is_none() {
        model.setup.question = library.questions().next().map(|(_, question)| Arc::new(question.clone()));
    }
    if model.setup.personas.is_empty() {
        let defaults = library.personas.iter().take(library.default_personas);
        model.setup.personas = defaults.map(|entry| entry.persona.id.clone()).collect();
    }
    match library.problems.as_slice() {
        [] => {}
        [one] => model.say(one.clone()),
        [first, rest @ ..] => model.say(format!("{first} (and {} more: `parallax data list` names them)", rest.len())),
    }
    model.library = Some(library);
    // It may have been opened before there was anything to fill it with.
    picker::refresh(model, PickerKind::Model);
    run::start_if_queued(model)
}

fn on_pull(model: &mut Model, id: String, news: PullNews) -> Vec<Effect> {
    match news {
        PullNews::Bytes(done, total) => {
            model.pull = Some((id, done, total));
            Vec::new()
        }
        PullNews::Done => {
            model.pull = None;
            if model.is_running() || model.is_surveying() {
                // Nobody asked for the run to stop just when the last byte arrives.
                model.say(format!("{id} is here: `l` loads it"));
                return vec![Effect::FindModels];
            }
            model.say(format!("{id} is here and is being loaded"));
            let mut effects = vec![Effect::FindModels];
            effects.extend(engine::swap(model, Some(id)));
            effects
        }
        PullNews::Failed(sentence) => {
            model.pull = None;
            model.say(sentence);
            Vec::new()
        }
    }
}
