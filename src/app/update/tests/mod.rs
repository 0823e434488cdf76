//! What users rely on, tried by keys and events. One file per area; the fixtures are here.
#![allow(clippy::unwrap_used)]

mod editor;
mod engine;
mod look;
mod palette;
mod picker;
mod quit;
mod random;
mod reader;
mod run;
mod settings;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::{begin, update};
use crate::app::effect::Effect;
use crate::app::event::{EngineNews, Event};
use crate::app::library::{Library, ModelEntry};
use crate::app::model::{ColumnLayout, Layout, LivePane, Model, Overlay, Picker};
use crate::config::{Key, Theme};
use crate::data::{Pack, PersonaEntry};
use crate::domain::{Basis, Mode, Pane, PaneStatus, PromptSent, Question, Reference, RunEvent, Timing};
use crate::engine::protocol::Loaded;
use crate::methods::RunSpec;
use crate::store::fixture;

/// Panes of the default setup, by their place in the request.
const VANILLA: usize = 0;
const ENSEMBLE: usize = 1;
const PERSONAS: usize = 2;
const LOGITS: usize = 3;
const PANES: usize = 4;

fn question(pack: &str, id: &str, text: &str, groups: &[&str]) -> Question {
    let options = ["Yes".to_owned(), "No".to_owned()];
    let references = groups.iter().map(|group| Reference {
        population: (*group).to_owned(),
        basis: Basis::Survey,
        year: Some(2020),
        n: Some(900),
        weighted: true,
        shares: vec![0.25, 0.75],
        source: None,
        note: None,
    });
    Question {
        pack: pack.to_owned(),
        id: id.to_owned(),
        references: references.collect(),
        ..Question::asked(text, &options, &[], false).unwrap()
    }
}

fn pack(id: &str, questions: Vec<Question>) -> Arc<Pack> {
    Arc::new(Pack {
        id: id.to_owned(),
        title: id.to_owned(),
        version: "1".to_owned(),
        summary: None,
        lang: "en".to_owned(),
        licence: None,
        declared: Vec::new(),
        questions: Arc::new(questions),
        populations: Vec::new(),
        personas: Vec::new(),
        sources: Vec::new(),
        origins: BTreeMap::new(),
        warnings: Vec::new(),
    })
}

fn persona(id: &str, label: &str) -> PersonaEntry {
    let mut entry = PersonaEntry::from_text(&format!("You are the {id}."), 1).unwrap();
    entry.persona.id = id.to_owned();
    entry.persona.label = label.to_owned();
    entry
}

/// Two packs with three questions, four personas; the first question has two groups of people.
fn library() -> Library {
    Library {
        packs: vec![
            pack(
                "food",
                vec![
                    question("food", "hot-dog", "Is a hot dog a sandwich?", &["everyone", "cooks"]),
                    question("food", "pineapple", "Does pineapple belong on pizza?", &[]),
                ],
            ),
            pack("work", vec![question("work", "hours", "Should the week have four working days?", &["everyone"])]),
        ],
        personas: vec![
            persona("farmer", "The farmer"),
            persona("nurse", "The nurse"),
            persona("teacher", "The teacher"),
            persona("owl", "The night owl"),
        ],
        default_personas: 2,
        problems: Vec::new(),
    }
}

/// More questions than are searched at once.
static LONG: LazyLock<Library> = LazyLock::new(|| {
    let questions = (0..2_100).map(|n| question("long", &format!("q{n}"), &format!("Is {n} a number?"), &[]));
    Library { packs: vec![pack("long", questions.collect())], ..library() }
});

fn theme(name: &str) -> Theme {
    let mut theme = Theme::default();
    name.clone_into(&mut theme.name);
    theme
}

fn themes() -> Vec<Theme> {
    ["dark", "light", "mono"].map(theme).into()
}

/// Just begun: the engine is on its way, nothing was read yet.
fn begun() -> Model {
    let mut model = Model::new((160, 45), themes(), 0, Some("small".to_owned()));
    begin(&mut model);
    model
}

/// The packs were read, the model is being loaded.
fn loading() -> Model {
    let mut model = begun();
    update(&mut model, Event::Library(Box::new(library())));
    model
}

/// Ready to press Enter.
fn ready() -> Model {
    let mut model = loading();
    engine_ready(&mut model);
    model
}

/// The run 1 goes on: every pane has a voice that said something.
fn running() -> Model {
    let mut model = ready();
    press(&mut model, "enter");
    happen(&mut model, fixture::started("r1"));
    for pane in 0..PANES {
        let voice = format!("v{pane}");
        let prompt = PromptSent { purpose: voice.clone(), text: format!("Prompt {pane}"), tokens: 9 };
        happen(&mut model, RunEvent::Prompt { pane, prompt });
        happen(&mut model, fixture::voice_started(pane, &voice));
        happen(&mut model, fixture::voice_text(pane, &voice, &format!("Answer {pane}")));
    }
    model
}

/// Presses keys as the keymap writes them; the effects of all of them.
fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let key = |key: &str| -> Key { key.parse().unwrap_or_else(|_| unreachable!("{key} is no key")) };
    keys.split_whitespace().flat_map(|word| update(model, Event::Key(key(word)))).collect()
}

/// Types a text, character by character.
fn type_in(model: &mut Model, text: &str) -> Vec<Effect> {
    let keys = text.chars().map(|c| Key::plain(crate::config::KeyCode::Char(c)));
    keys.flat_map(|key| update(model, Event::Key(key))).collect()
}

/// News of the newest engine.
fn engine(model: &mut Model, news: EngineNews) -> Vec<Effect> {
    let opening = model.engine.opening;
    update(model, Event::Engine { opening, news })
}

fn engine_ready(model: &mut Model) -> Vec<Effect> {
    let loaded = Box::new(Loaded { name: "SmolLM2".to_owned(), ..Loaded::default() });
    engine(model, EngineNews::Ready { loaded, build: "b1".to_owned() })
}

fn engine_fails(model: &mut Model, sentence: &str) -> Vec<Effect> {
    engine(model, EngineNews::Failed { sentence: sentence.to_owned(), was_ready: true })
}

/// Something happens in the run on screen.
fn happen(model: &mut Model, event: RunEvent) -> Vec<Effect> {
    let number = model.run.as_ref().unwrap().number;
    update(model, Event::Run { number, event })
}

/// A pane of the run on screen ends.
fn end_pane(model: &mut Model, pane: usize, status: PaneStatus) {
    let live = live(model, pane);
    let result = Box::new(Pane { status, ..Pane::new(live.mode, &live.method) });
    happen(model, RunEvent::PaneDone { pane, result });
}

/// The run on screen ends: so many tokens in so many milliseconds.
fn finish(model: &mut Model, generated_tokens: u64, total_ms: u64) {
    for pane in 0..model.run.as_ref().unwrap().panes.len() {
        end_pane(model, pane, PaneStatus::Done);
    }
    let timing = Timing { total_ms: Some(total_ms), generated_tokens, ..Timing::default() };
    happen(model, RunEvent::Finished { timing });
    let number = model.run.as_ref().unwrap().number;
    update(model, Event::RunOver { number, not_stored: None });
}

fn live(model: &Model, pane: usize) -> &LivePane {
    model.run.as_ref().unwrap().panes.get(pane).unwrap()
}

/// A frame was drawn whose columns have `rows` rows for `lines` lines.
fn drawn(model: &mut Model, rows: usize, lines: usize) {
    let column = ColumnLayout { rows, lines };
    let layout = Layout { columns: [column; 3], setup: column, survey: column, reader: column, list: 10 };
    update(model, Event::Drawn(layout));
}

fn picker(model: &Model) -> &Picker {
    match &model.overlay {
        Some(Overlay::Picker(picker)) => picker,
        other => unreachable!("{other:?} is no list"),
    }
}

/// Labels of the lines that fit, in order.
fn lines(model: &Model) -> Vec<&str> {
    let picker = picker(model);
    picker.hits.iter().map(|hit| picker.items[hit.index].label.as_str()).collect()
}

fn said(model: &Model) -> &str {
    model.notice().unwrap_or_default()
}

/// The requests of the runs that were begun.
fn started(effects: &[Effect]) -> Vec<(u64, &RunSpec)> {
    let runs = effects.iter().filter_map(|effect| match effect {
        Effect::StartRun { number, spec } => Some((*number, &**spec)),
        _ => None,
    });
    runs.collect()
}

/// The models of the engines that were opened.
fn opened(effects: &[Effect]) -> Vec<Option<&str>> {
    let engines = effects.iter().filter_map(|effect| match effect {
        Effect::OpenEngine { model, .. } => Some(model.as_deref()),
        _ => None,
    });
    engines.collect()
}

fn models() -> Event {
    let entry = |id: &str, is_here| ModelEntry { id: id.to_owned(), detail: "1 GB".to_owned(), is_here };
    Event::Models(vec![entry("small", true), entry("big", true), entry("remote", false)])
}
