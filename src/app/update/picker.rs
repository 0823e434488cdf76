//! Lists: opened, searched, taken from.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{act, engine, survey};
use crate::app::action::{ACTIONS, Place};
use crate::app::effect::Effect;
use crate::app::event::Hit;
use crate::app::library::Library;
use crate::app::model::picker::{Item, search};
use crate::app::model::{Model, Overlay, Picker, PickerKind};
use crate::config::{Key, KeyCode};
use crate::data::fuzzy::Skim;
use crate::domain::Mode;
use crate::methods::registry::METHODS;

/// The longest pattern; a paste can be anything.
const LONGEST: usize = 200;

/// Opens the list of this kind.
pub(super) fn open(model: &mut Model, kind: PickerKind) {
    let (items, chosen) = items(model, kind);
    if items.is_empty() && !matches!(kind, PickerKind::Model | PickerKind::Beside) {
        model.say("the packs are still being read: try again in a moment");
        return;
    }
    if let Some(Overlay::Editor(editor)) = model.overlay.take() {
        editor.keep(&mut model.drafts);
    }
    let mut picker = Picker::new(kind, items, &chosen);
    picker.keep_in_sight(model.look.layout.list.max(5));
    model.overlay = Some(Overlay::Picker(picker));
}

/// Fills the list of this kind anew if it is open, and keeps what was typed.
pub(super) fn refresh(model: &mut Model, kind: PickerKind) {
    let (items, chosen) = items(model, kind);
    let rows = model.look.layout.list.max(5);
    let Some(open) = model.overlay.as_mut().and_then(|overlay| overlay.picker(kind)) else { return };
    let pattern = std::mem::take(&mut open.pattern);
    let at = open.item().map(|item| item.id.clone());
    *open = Picker::new(kind, items, &chosen);
    if !pattern.is_empty() {
        open.show(search(&Skim::default(), &open.texts, &pattern));
        open.pattern = pattern;
    }
    let id_of = |hit: &Hit| open.items.get(hit.index).map(|item| &item.id);
    if let Some(place) = open.hits.iter().position(|hit| at.is_some() && id_of(hit) == at.as_ref()) {
        open.selected = place;
    }
    open.keep_in_sight(rows);
}

/// The lines of a list, and the ids of those that are in force.
fn items(model: &Model, kind: PickerKind) -> (Vec<Item>, Vec<String>) {
    let item = |id: String, label: String, detail: String| Item { id, label, detail };
    let library = model.library.as_ref();
    match kind {
        PickerKind::Question => {
            let lines = library.into_iter().flat_map(Library::questions).map(|(pack, question)| {
                item(
                    format!("{}\n{}", pack.id, question.id),
                    question.text.clone(),
                    format!("{} {}", pack.id, question.id),
                )
            });
            let now = model.setup.question.iter().map(|question| format!("{}\n{}", question.pack, question.id));
            (lines.collect(), now.collect())
        }
        PickerKind::Personas => {
            let lines = library.into_iter().flat_map(|library| &library.personas).map(|entry| {
                let detail = if entry.summary.is_empty() { entry.persona.text() } else { &entry.summary };
                item(entry.persona.id.clone(), entry.persona.label.clone(), detail.to_owned())
            });
            (lines.collect(), model.setup.personas.clone())
        }
        PickerKind::Methods => {
            let lines = METHODS.iter().map(|method| &method.facts).map(|facts| {
                item(method_id(facts.mode, facts.id), format!("{}: {}", facts.mode, facts.id), facts.summary.to_owned())
            });
            (lines.collect(), model.setup.panes.iter().map(|(mode, id)| method_id(*mode, id)).collect())
        }
        PickerKind::Model => {
            let lines = model.models.iter().flatten().map(|entry| {
                let detail =
                    if entry.is_here { entry.detail.clone() } else { format!("{}, Enter fetches it", entry.detail) };
                item(entry.id.clone(), entry.id.clone(), detail)
            });
            (lines.collect(), model.engine.wanted.iter().cloned().collect())
        }
        PickerKind::Beside => {
            let none = item(String::new(), "none".to_owned(), "one model answers alone".to_owned());
            let here = model.models.iter().flatten().filter(|entry| entry.is_here);
            let lines = here.map(|entry| item(entry.id.clone(), entry.id.clone(), entry.detail.clone()));
            let lines: Vec<Item> = lines.collect();
            // Until models were looked for there is nothing to choose from.
            let none = (!lines.is_empty()).then_some(none);
            (none.into_iter().chain(lines).collect(), vec![model.engine.beside.clone().unwrap_or_default()])
        }
        PickerKind::Populations => {
            let Some(question) = &model.setup.question else { return (Vec::new(), Vec::new()) };
            let lines = question.references.iter().map(|reference| {
                let label =
                    question.population(&reference.population).map_or(&reference.population, |known| &known.label);
                let year = reference.year.map_or_else(String::new, |year| format!("{year}, "));
                let n = reference.n.map_or_else(|| "N unknown".to_owned(), |n| format!("N {n}"));
                item(reference.population.clone(), label.clone(), format!("{year}{n}, {}", reference.basis.id()))
            });
            let chosen = match model.setup.populations.as_slice() {
                // Without a choice it is the first, and the list says so.
                [] => question.references.first().map(|reference| reference.population.clone()).into_iter().collect(),
                chosen => chosen.to_vec(),
            };
            (lines.collect(), chosen)
        }
        PickerKind::Survey => {
            (surveys(model), model.setup.question.iter().map(|own| format!("{}\n", own.pack)).collect())
        }
        PickerKind::Palette => {
            let here = ACTIONS.iter().filter(|action| {
                let is_general = matches!(action.place, Place::Workbench | Place::Anywhere);
                is_general && action.id != "palette" && action.id != "quit-anywhere" && (action.when)(model)
            });
            let lines = here.map(|action| {
                // Whoever knows the name looks for the name; whoever does not, for what it does.
                item(action.id.to_owned(), format!("{}: {}", action.label, action.help), action.key())
            });
            (lines.collect(), Vec::new())
        }
    }
}

/// Every pack, each followed by its topics.
fn surveys(model: &Model) -> Vec<Item> {
    let mut lines = Vec::new();
    let prompts = model.expected.map_or(0, |cost| cost.prompts);
    for pack in model.library.iter().flat_map(|library| &library.packs) {
        let mut topics: BTreeMap<&str, usize> = BTreeMap::new();
        for topic in pack.questions.iter().flat_map(|question| &question.tags) {
            *topics.entry(topic).or_default() += 1;
        }
        let mut line = |topic: &str, label: String, n: usize| {
            let questions = if n == 1 { "question" } else { "questions" };
            let detail = format!("{n} {questions}, about {} prompts", n * prompts);
            lines.push(Item { id: format!("{}\n{topic}", pack.id), label, detail });
        };
        line("", pack.id.clone(), pack.questions.len());
        for (topic, n) in topics {
            line(topic, format!("{}, topic {topic}", pack.id), n);
        }
    }
    lines
}

fn method_id(mode: Mode, id: &str) -> String {
    format!("{mode}={id}")
}

/// A key that means nothing else goes into the pattern.
pub(super) fn type_key(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(Overlay::Picker(picker)) = &mut model.overlay else { return Vec::new() };
    match (key.code, key.ctrl, key.alt) {
        (KeyCode::Char(c), false, false) if picker.pattern.chars().count() < LONGEST => picker.pattern.push(c),
        (KeyCode::Backspace, false, false) => {
            picker.pattern.pop();
        }
        (KeyCode::Char('u'), true, false) => picker.pattern.clear(),
        (KeyCode::Char('w'), true, false) | (KeyCode::Backspace, _, _) => {
            let kept = picker.pattern.trim_end().rfind(' ').map_or(0, |at| at + 1);
            picker.pattern.truncate(kept);
        }
        _ => return Vec::new(),
    }
    look_for(model)
}

/// Pasted text goes into the pattern, on one line.
pub(super) fn type_text(model: &mut Model, text: &str) -> Vec<Effect> {
    let Some(Overlay::Picker(picker)) = &mut model.overlay else { return Vec::new() };
    let room = LONGEST.saturating_sub(picker.pattern.chars().count());
    picker.pattern.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(room));
    look_for(model)
}

fn look_for(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Picker(picker)) = &mut model.overlay else { return Vec::new() };
    picker.takes_what_is_found = false;
    if picker.pattern.trim().is_empty() {
        picker.show_all();
        picker.keep_in_sight(model.look.layout.list);
        return Vec::new();
    }
    if picker.is_short() {
        let hits = search(&Skim::default(), &picker.texts, &picker.pattern);
        picker.show(hits);
        return Vec::new();
    }
    model.tickets += 1;
    picker.ticket = Some(model.tickets);
    vec![Effect::Search { ticket: model.tickets, pattern: picker.pattern.clone(), texts: Arc::clone(&picker.texts) }]
}

/// What a search of a long list found. Whoever pressed Enter before it was there gets its best line.
pub(super) fn on_found(model: &mut Model, ticket: u64, hits: Vec<Hit>) -> Vec<Effect> {
    let Some(Overlay::Picker(picker)) = &mut model.overlay else { return Vec::new() };
    if picker.ticket != Some(ticket) {
        return Vec::new();
    }
    picker.show(hits);
    if std::mem::take(&mut picker.takes_what_is_found) { act::accept(model) } else { Vec::new() }
}

/// Takes what is chosen. The list is closed already.
pub(super) fn accept(model: &mut Model, picker: Picker) -> Vec<Effect> {
    let chosen = picker.chosen();
    let item = picker.item().cloned();
    match picker.kind {
        PickerKind::Personas => model.setup.personas = chosen,
        PickerKind::Populations => model.setup.populations = chosen,
        PickerKind::Methods => {
            if chosen.is_empty() {
                model.say("a run needs at least one method: switch one on");
                model.overlay = Some(Overlay::Picker(picker));
                return Vec::new();
            }
            model.setup.set_methods(|mode, id| chosen.contains(&method_id(mode, id)));
        }
        PickerKind::Question => {
            let Some(item) = item else { return nothing(model, picker) };
            let found = item.id.split_once('\n').and_then(|(pack, id)| {
                model.library.as_ref()?.packs.iter().find(|own| own.id == pack)?.question(id).cloned()
            });
            if let Some(question) = found {
                model.setup.ask(Arc::new(question));
            }
        }
        PickerKind::Model => {
            let Some(item) = item else { return nothing(model, picker) };
            if model.engine.wanted.as_ref() == Some(&item.id) && model.engine.trouble().is_none() {
                model.say(format!("{} is the model that is used already", item.label));
                return Vec::new();
            }
            let is_here =
                model.models.iter().flatten().find(|entry| entry.id == item.id).is_some_and(|entry| entry.is_here);
            if is_here {
                return engine::swap(model, Some(item.id));
            }
            if model.pull.is_some() {
                model.say("a model is being fetched already: wait until it is here");
                return Vec::new();
            }
            model.pull = Some((item.id.clone(), 0, None));
            return vec![Effect::Pull { id: item.id }];
        }
        PickerKind::Beside => {
            let Some(item) = item else { return nothing(model, picker) };
            let beside = Some(item.id).filter(|id| !id.is_empty());
            if beside == model.engine.beside && model.engine.trouble().is_none() {
                return Vec::new();
            }
            return engine::put_beside(model, beside);
        }
        PickerKind::Survey => {
            let Some(item) = item else { return nothing(model, picker) };
            return survey::begin_named(model, &item.id);
        }
        PickerKind::Palette => {
            let Some(item) = item else { return nothing(model, picker) };
            // What could be done when the list was opened may be over.
            let action = ACTIONS.iter().find(|action| action.id == item.id).filter(|action| (action.when)(model));
            return action.map_or_else(Vec::new, |action| act::act(model, action.what));
        }
    }
    Vec::new()
}

/// Nothing fits what was typed: the list stays open.
fn nothing(model: &mut Model, picker: Picker) -> Vec<Effect> {
    model.overlay = Some(Overlay::Picker(picker));
    Vec::new()
}
