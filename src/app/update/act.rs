//! What each action does.

use super::{editor, engine, picker, reader, run, settings, survey};
use crate::app::action::{Do, Place};
use crate::app::effect::Effect;
use crate::app::model::look::moved;
use crate::app::model::{LiveRun, LiveSurvey, Model, Overlay, PickerKind, Purpose};
use crate::domain::Mode;

/// Does `what`.
pub(super) fn act(model: &mut Model, what: Do) -> Vec<Effect> {
    match what {
        Do::Run => return run::start(model),
        Do::RunNewSeed => {
            model.setup.seed = model.setup.seed.wrapping_add(1);
            return run::start(model);
        }
        Do::StopColumn => return run::stop_column(model),
        Do::StopAll => return run::stop_all(model),
        Do::Interrupt => return interrupt(model),
        Do::PickQuestion => picker::open(model, PickerKind::Question),
        Do::PickPersonas => picker::open(model, PickerKind::Personas),
        Do::PickMethods => picker::open(model, PickerKind::Methods),
        Do::PickPopulations => picker::open(model, PickerKind::Populations),
        Do::Palette => picker::open(model, PickerKind::Palette),
        Do::PickSurvey => picker::open(model, PickerKind::Survey),
        Do::AskFound => return survey::begin_found(model),
        Do::LookAtSurvey => model.look.at_survey = true,
        Do::StopSurvey => return survey::stop(model),
        Do::NextSort => in_survey(model, |survey| survey.turn_sort(true)),
        Do::PreviousSort => in_survey(model, |survey| survey.turn_sort(false)),
        Do::Reverse => in_survey(model, LiveSurvey::reverse),
        Do::NextAnswerer => in_survey(model, |survey| survey.turn_answerer(true)),
        Do::PreviousAnswerer => in_survey(model, |survey| survey.turn_answerer(false)),
        Do::PickModel => {
            picker::open(model, PickerKind::Model);
            return vec![Effect::FindModels];
        }
        Do::PickBeside => {
            picker::open(model, PickerKind::Beside);
            return vec![Effect::FindModels];
        }
        Do::Ask => editor::open(model, Purpose::Question),
        Do::WritePersona => editor::open(model, Purpose::Persona),
        Do::Settings => settings::open(model),
        Do::ShowPrompts => reader::open_prompts(model),
        Do::ShowTokens => reader::open_tokens(model),
        Do::Help => reader::open_help(model),
        Do::Look(mode) => look(model, mode),
        Do::LookAtSetup => {
            model.look.at_setup = true;
            model.look.at_survey = false;
        }
        Do::Next => turn(model, true),
        Do::Previous => turn(model, false),
        Do::Zoom => model.look.is_zoomed = !model.look.is_zoomed,
        Do::Up => scroll(model, -1),
        Do::Down => scroll(model, 1),
        Do::PageUp => scroll(model, -page(model)),
        Do::PageDown => scroll(model, page(model)),
        Do::Top => scroll(model, i64::MIN),
        Do::Follow => follow(model),
        Do::Fold => model.look.turn_fold(),
        Do::NextChart => turn_chart(model, true),
        Do::PreviousChart => turn_chart(model, false),
        Do::NextWeight => weights(model, |run| run.choose_weight(true)),
        Do::PreviousWeight => weights(model, |run| run.choose_weight(false)),
        Do::MoreWeight => weights(model, |run| run.move_weight(true)),
        Do::LessWeight => weights(model, |run| run.move_weight(false)),
        Do::FittedWeights => weights(model, LiveRun::next_weights),
        Do::AllOptions => model.look.is_whole = !model.look.is_whole,
        Do::Copy => return reader::copy(model),
        Do::NextTheme => next_theme(model),
        Do::RestartEngine => return engine::restart(model),
        Do::Accept => return accept(model),
        Do::Cancel => cancel(model),
        Do::Toggle => {
            if let Some(Overlay::Picker(picker)) = &mut model.overlay {
                picker.toggle();
            }
        }
        Do::NextField => turn_field(model, true),
        Do::PreviousField => turn_field(model, false),
        Do::Increase => settings::step(model, true),
        Do::Decrease => settings::step(model, false),
        Do::Redraw => return vec![Effect::Redraw],
        Do::Suspend => return vec![Effect::Suspend],
        Do::Quit => return vec![Effect::Quit],
    }
    Vec::new()
}

/// Stops what runs first; a second time, or with nothing running, it closes what is open; then it quits.
fn interrupt(model: &mut Model) -> Vec<Effect> {
    // A pane that was stopped by itself does not make the others stop.
    let is_stopping =
        model.run.as_ref().is_some_and(|run| run.panes.iter().all(|pane| pane.is_stopping || !pane.is_running()));
    if model.is_running() && !is_stopping {
        return run::stop_all(model);
    }
    if model.survey.as_ref().is_some_and(|survey| survey.is_running() && !survey.is_stopping) {
        return survey::stop(model);
    }
    if model.is_queued {
        model.is_queued = false;
        model.say("the run that waited for the model is called off");
        return Vec::new();
    }
    if model.overlay.is_some() || model.shows_survey() {
        cancel(model);
        return Vec::new();
    }
    vec![Effect::Quit]
}

fn in_survey(model: &mut Model, change: impl FnOnce(&mut LiveSurvey)) {
    if let Some(survey) = &mut model.survey {
        change(survey);
    }
}

fn look(model: &mut Model, mode: Mode) {
    model.look.at_survey = false;
    model.look.mode = mode;
    model.look.at_setup = false;
}

/// The next column, or the one before. Where the columns are tabs, the setup is one of them.
fn turn(model: &mut Model, is_forward: bool) {
    if let Some(Overlay::Reader(reader)) = &mut model.overlay {
        reader.turn(is_forward);
        return;
    }
    if model.shows_survey() {
        in_survey(model, |survey| survey.turn(is_forward));
        return;
    }
    let tabs: &[Option<Mode>] =
        &[None, Some(Mode::Overton), Some(Mode::Steered), Some(Mode::Distribution)][usize::from(!model.has_tabs())..];
    let now = if model.look.at_setup && model.has_tabs() { None } else { Some(model.look.mode) };
    let at = tabs.iter().position(|tab| *tab == now).unwrap_or(0);
    let next = (at + if is_forward { 1 } else { tabs.len() - 1 }) % tabs.len();
    match tabs.get(next).copied().flatten() {
        Some(mode) => look(model, mode),
        None => model.look.at_setup = true,
    }
}

/// The next chart that there is something for, from its beginning.
fn turn_chart(model: &mut Model, is_forward: bool) {
    let Some(run) = &model.run else { return };
    let charts = run.charts();
    let at = charts.iter().position(|chart| *chart == run.chart(model.look.chart)).unwrap_or(0);
    let step = if is_forward { 1 } else { charts.len().max(1) - 1 };
    model.look.chart = charts.get((at + step) % charts.len().max(1)).copied().unwrap_or_default();
    *model.look.scroll_mut(Mode::Distribution) = crate::app::model::Scroll::default();
}

fn weights(model: &mut Model, change: impl FnOnce(&mut LiveRun)) {
    if let Some(run) = &mut model.run {
        change(run);
    }
}

fn turn_field(model: &mut Model, is_forward: bool) {
    match &mut model.overlay {
        Some(Overlay::Editor(editor)) => editor.turn(is_forward),
        Some(Overlay::Settings(form)) => form.turn(is_forward),
        Some(Overlay::Picker(_) | Overlay::Reader(_)) | None => {}
    }
}

/// Moves what is looked at by `lines`; down is positive.
pub(super) fn scroll(model: &mut Model, lines: i64) {
    let (layout, has_tabs, shows_survey) = (model.look.layout, model.has_tabs(), model.shows_survey());
    match &mut model.overlay {
        Some(Overlay::Picker(picker)) => picker.select(lines, layout.list),
        Some(Overlay::Reader(reader)) => {
            let last = layout.reader.last_top();
            reader.top = moved(reader.top.min(last), lines, last);
        }
        Some(Overlay::Editor(_) | Overlay::Settings(_)) => {}
        None if shows_survey => {
            in_survey(model, |survey| survey.scroll(lines, layout.survey.rows, layout.survey.lines))
        }
        None if model.look.at_setup && has_tabs => {
            let last = layout.setup.last_top();
            model.look.setup_top = moved(model.look.setup_top.min(last), lines, last);
        }
        None => {
            let (mode, is_running) = (model.look.mode, model.column_is_running());
            model.look.scroll_by(mode, lines, is_running);
        }
    }
}

fn page(model: &Model) -> i64 {
    let layout = model.look.layout;
    let rows = match model.place() {
        Place::Picker | Place::MultiPicker => layout.list,
        Place::Reader => layout.reader.rows,
        Place::Survey => layout.survey.rows,
        Place::Workbench | Place::Anywhere | Place::Editor | Place::Settings => {
            if model.look.at_setup && model.has_tabs() {
                layout.setup.rows
            } else {
                model.look.size(model.look.mode).rows
            }
        }
    };
    // A line of the page before stays, so that the eye finds its place.
    i64::try_from(rows.saturating_sub(1).max(1)).unwrap_or(i64::MAX)
}

fn follow(model: &mut Model) {
    if matches!(model.overlay, Some(Overlay::Reader(_))) || model.place() == Place::Survey {
        scroll(model, i64::MAX);
        return;
    }
    let mode = model.look.mode;
    if model.column_is_running() && !model.looks_at_setup() {
        *model.look.scroll_mut(mode) = crate::app::model::Scroll::default();
    } else {
        scroll(model, i64::MAX);
    }
}

fn next_theme(model: &mut Model) {
    model.theme = (model.theme + 1) % model.themes.len().max(1);
    if let Some(name) = model.theme().map(|theme| theme.name.clone()) {
        model.say(format!("theme: {name}"));
    }
}

/// Takes what is chosen or written.
pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    match model.overlay.take() {
        Some(Overlay::Picker(mut picker)) if picker.ticket.is_some() && !picker.kind.is_multi() => {
            // What is on screen belongs to an earlier pattern.
            picker.takes_what_is_found = true;
            model.overlay = Some(Overlay::Picker(picker));
            Vec::new()
        }
        Some(Overlay::Picker(picker)) => picker::accept(model, picker),
        Some(Overlay::Editor(editor)) => editor::accept(model, editor),
        Some(Overlay::Settings(form)) => settings::accept(model, form),
        None if model.shows_survey() => survey::open(model),
        Some(Overlay::Reader(_)) | None => Vec::new(),
    }
}

fn cancel(model: &mut Model) {
    match model.overlay.take() {
        Some(Overlay::Editor(editor)) => editor.keep(&mut model.drafts),
        Some(_) => {}
        None => model.look.at_survey = false,
    }
}
