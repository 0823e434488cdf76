//! Whatever is pressed and whatever happens, some things always hold.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::app::action::ACTIONS;
use crate::app::event::{Hit, PullNews};
use crate::app::model::PickerKind;
use crate::app::model::engine::Phase;
use crate::config::KeyCode;

/// One thing that happens; what it is about is filled in from the state it meets.
#[derive(Debug, Clone)]
enum Step {
    Action(usize, usize),
    Type(char),
    Paste(String),
    Resize(u16, u16),
    Wheel(i32),
    Tick(u64),
    Drawn(usize, usize),
    Engine(u64, u8),
    Run(u64, u8, usize),
    Found(u64, Vec<usize>),
    Pull(u8),
    Models,
    Persona(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..ACTIONS.len(), 0..4usize).prop_map(|(action, key)| Step::Action(action, key)),
        3 => prop_oneof![any::<char>(), Just('a'), Just('1'), Just(' ')].prop_map(Step::Type),
        1 => ".{0,40}".prop_map(Step::Paste),
        1 => (0..200u16, 0..60u16).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        1 => any::<i32>().prop_map(Step::Wheel),
        1 => (0..20u64).prop_map(Step::Tick),
        1 => (0..60usize, 0..2_000usize).prop_map(|(rows, lines)| Step::Drawn(rows, lines)),
        3 => (0..2u64, 0..4u8).prop_map(|(old, news)| Step::Engine(old, news)),
        4 => (0..2u64, 0..7u8, 0..6usize).prop_map(|(old, what, pane)| Step::Run(old, what, pane)),
        1 => (0..2u64, prop::collection::vec(0..2_100usize, 0..9)).prop_map(|(old, hits)| Step::Found(old, hits)),
        1 => (0..3u8).prop_map(Step::Pull),
        1 => Just(Step::Models),
        1 => any::<bool>().prop_map(Step::Persona),
    ]
}

impl Step {
    fn event(self, model: &Model) -> Option<Event> {
        Some(match self {
            Self::Action(action, key) => {
                let keys: Vec<Key> = ACTIONS[action].keys().collect();
                Event::Key(keys[key % keys.len()])
            }
            Self::Type(c) => Event::Key(Key::plain(KeyCode::Char(c))),
            Self::Paste(text) => Event::Paste(text),
            Self::Resize(columns, rows) => Event::Resize(columns, rows),
            Self::Wheel(lines) => Event::Wheel(lines),
            Self::Tick(seconds) => Event::Tick(model.now + Duration::from_secs(seconds)),
            Self::Drawn(rows, lines) => {
                let column = ColumnLayout { rows, lines };
                Event::Drawn(Layout { columns: [column; 3], setup: column, survey: column, reader: column, list: rows })
            }
            Self::Engine(old, news) => {
                let opening = model.engine.opening.saturating_sub(old);
                let news = match news {
                    0 => EngineNews::Loading(0.5),
                    1 | 2 => EngineNews::Ready { loaded: Box::default(), build: String::new() },
                    _ => EngineNews::Failed { sentence: "gone".to_owned(), was_ready: false },
                };
                Event::Engine { opening, news }
            }
            Self::Run(old, what, pane) => {
                let number = model.run.as_ref()?.number.saturating_sub(old);
                let event = match what {
                    0 => fixture::started("r"),
                    1 => fixture::voice_started(pane, "v"),
                    2 => fixture::voice_text(pane, "v", " text\n"),
                    3 => fixture::voice_done(pane, "v", fixture::RAW),
                    4 => RunEvent::PaneDone { pane, result: Box::new(fixture::steered()) },
                    5 => RunEvent::Finished { timing: Timing::default() },
                    _ => return Some(Event::RunOver { number, not_stored: None }),
                };
                Event::Run { number, event }
            }
            Self::Found(old, hits) => Event::Found {
                ticket: model.tickets.saturating_sub(old),
                hits: hits.into_iter().map(|index| Hit { index, matched: Arc::new([0]) }).collect(),
            },
            Self::Pull(news) => {
                let (id, ..) = model.pull.clone()?;
                let news = match news {
                    0 => PullNews::Bytes(1, None),
                    1 => PullNews::Done,
                    _ => PullNews::Failed("no network".to_owned()),
                };
                Event::Pull { id, news }
            }
            Self::Models => models(),
            Self::Persona(true) => Event::PersonaSaved(Ok(Box::new(persona("own-p", "P")))),
            Self::Persona(false) => Event::PersonaSaved(Err("the disk is full".to_owned())),
        })
    }
}

/// What holds after every event.
fn check(model: &Model) {
    if let Some(Overlay::Picker(picker)) = &model.overlay {
        let n = picker.hits.len();
        assert!(picker.selected < n || (picker.selected == 0 && n == 0), "{} of {n}", picker.selected);
        assert!(picker.top <= picker.selected);
        assert!(picker.on.iter().all(|index| *index < picker.items.len()));
    }
    if let Some(Overlay::Reader(reader)) = &model.overlay {
        assert!(reader.page().is_some());
    }
    if let Some(run) = &model.run {
        assert!(run.is_running() || run.panes.iter().all(|pane| !pane.is_running()), "a pane outlives its run");
    }
    assert!(!model.setup.panes.is_empty());
    assert!(!model.is_running() || !model.is_queued, "a run waits behind a run");
    assert!(!model.is_queued || model.library.is_none() || model.engine.is_opening(), "a run waits for nothing");
}

/// What holds of the effects of one event.
fn check_effects(model: &Model, was_in_trouble: bool, was_running: bool, may_swap: bool, effects: &[Effect]) {
    let engines = opened(effects);
    assert!(engines.len() <= 1);
    if !engines.is_empty() {
        assert!(was_in_trouble || may_swap, "an engine is opened that nobody needs");
        assert!(matches!(model.engine.phase, Phase::Opening(None)));
    }
    let runs = started(effects);
    assert!(runs.len() <= 1);
    if let Some((number, spec)) = runs.first() {
        assert!(!was_running && model.engine.ready().is_some());
        assert_eq!(*number, model.runs);
        assert!(!spec.panes.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_pressed_or_happens_breaks_it(is_long in any::<bool>(), steps in prop::collection::vec(step(), 1..160)) {
        let mut model = begun();
        let library = if is_long { LONG.clone() } else { library() };
        update(&mut model, Event::Library(Box::new(library)));
        let mut newest = 0;
        for step in steps {
            let Some(event) = step.event(&model) else { continue };
            let was_in_trouble = model.engine.trouble().is_some();
            let was_running = model.is_running();
            // A model is taken from its list, or has arrived.
            let may_swap = matches!(&model.overlay, Some(Overlay::Picker(picker)) if picker.kind == PickerKind::Model)
                || matches!(event, Event::Pull { news: PullNews::Done, .. });
            let effects = update(&mut model, event);
            check_effects(&model, was_in_trouble, was_running, may_swap, &effects);
            for (number, _) in started(&effects) {
                prop_assert!(number > newest);
                newest = number;
            }
            check(&model);
        }
    }
}
