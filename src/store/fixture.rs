//! A run with a little of everything, for tests.

use std::path::Path;

use super::{Reader, Store};
use crate::domain::{
    Assembler, EngineFacts, Finish, Measure, Mode, ModelFacts, OptionShown, Pane, PromptSent, QuestionShown, Role, Run,
    RunEvent, RunHead, Settings, Timing, TokenSaid, Voice,
};

/// What a hostile model may write: controls, an escape sequence, a NUL, quotes, SQL.
pub const RAW: &str = "It depends.\n\u{1b}[2J\0\u{9b}0m '); DROP TABLE runs; -- \u{202e}\"👩‍🔬";

pub fn head(id: &str) -> RunHead {
    RunHead {
        id: id.into(),
        started: "2026-11-23T16:00:00Z".into(),
        // Does not fit a signed integer.
        seed: u64::MAX - 1,
        model: ModelFacts { name: "SmolLM2".into(), sha256: Some("ab12".into()), ..ModelFacts::default() },
        engine: EngineFacts { class: "bit-exact".into(), profile: "audit".into(), ..EngineFacts::default() },
        question: QuestionShown {
            pack: "food".into(),
            id: "hot-dog".into(),
            text: "Is a hot dog a sandwich?".into(),
            options: vec![OptionShown {
                id: "a".into(),
                label: "Yes".into(),
                role: Role::Substantive,
                value: Some(0.1 + 0.2),
            }],
        },
        personas: vec!["nurse".into()],
        settings: Settings { max_tokens: 64, samples: 4, temperature: Some(0.7), top_p: None, methods: panes() },
        beside: None,
        fingerprint: None,
    }
}

pub fn panes() -> Vec<(Mode, String)> {
    vec![(Mode::Overton, "ensemble".into()), (Mode::Steered, "persona-prompt".into())]
}

pub fn started(id: &str) -> RunEvent {
    RunEvent::Started { head: Box::new(head(id)), panes: panes() }
}

pub fn voice(id: &str, text: &str) -> Voice {
    Voice {
        id: id.into(),
        persona: Some("nurse".into()),
        text: text.into(),
        thinking: None,
        tokens: 5,
        thinking_tokens: 0,
        finish: Finish::Length,
        option: Some("a".into()),
        stance: None,
        said: vec![TokenSaid { text: " yes".into(), p: 0.1 + 0.2, others: vec![("\u{1b}no".into(), 0.7)] }],
        surprisal: Some(0.1 + 0.7),
    }
}

pub fn voice_started(pane: usize, id: &str) -> RunEvent {
    RunEvent::VoiceStarted { pane, voice: id.into(), persona: Some("nurse".into()) }
}

pub fn voice_text(pane: usize, id: &str, delta: &str) -> RunEvent {
    RunEvent::VoiceText { pane, voice: id.into(), delta: delta.into(), tokens: 1, logprob: Some(-0.5), thinking: false }
}

pub fn voice_done(pane: usize, id: &str, text: &str) -> RunEvent {
    RunEvent::VoiceDone { pane, voice: Box::new(voice(id, text)) }
}

pub fn overton() -> Pane {
    Pane {
        text: Some(RAW.into()),
        // As they finished, not as they were started.
        voices: vec![voice("v2", "No."), voice("v1", RAW)],
        measures: vec![Measure::absent("coverage.judge", "too few").n(2)],
        ..Pane::new(Mode::Overton, "ensemble")
    }
}

pub fn steered() -> Pane {
    Pane {
        options: Some(vec!["a".into(), "b".into()]),
        // Thirds and sums that a careless reader of decimals gets wrong in the last bit.
        p: Some(vec![1.0 / 3.0, 2.0 / 3.0]),
        mass: Some(0.1 + 0.2),
        voices: vec![voice("s1", "As a nurse, yes.")],
        measures: vec![Measure::new("shift.js_distance_2", std::f64::consts::PI / 7.0).persona("nurse")],
        ..Pane::new(Mode::Steered, "persona-prompt")
    }
}

/// All events of a run that went well.
pub fn events(id: &str) -> Vec<RunEvent> {
    vec![
        started(id),
        RunEvent::Prompt { pane: 0, prompt: PromptSent { purpose: "v1".into(), text: RAW.into(), tokens: 40 } },
        voice_started(0, "v1"),
        voice_started(0, "v2"),
        voice_started(1, "s1"),
        voice_text(0, "v1", "It "),
        voice_text(0, "v2", "No"),
        voice_done(0, "v2", "No."),
        voice_done(1, "s1", "As a nurse, yes."),
        // For the screen alone.
        RunEvent::PaneSoFar { pane: 1, result: Box::new(Pane { mass: Some(0.9), ..steered() }) },
        RunEvent::PaneDone { pane: 1, result: Box::new(steered()) },
        // Said of a pane that has ended: left out.
        voice_done(1, "s1", "too late"),
        voice_text(0, "v1", "depends."),
        voice_done(0, "v1", RAW),
        RunEvent::PaneDone { pane: 0, result: Box::new(overton()) },
        RunEvent::Finished { timing: Timing { total_ms: Some(12), generated_tokens: 15, ..Timing::default() } },
    ]
}

/// The record of [`events`].
pub fn run(id: &str) -> Run {
    assembled(&events(id)).finish().expect("it has a beginning")
}

pub fn assembled(events: &[RunEvent]) -> Assembler {
    let mut assembler = Assembler::new();
    for event in events {
        assembler.apply(event);
    }
    assembler
}

/// Stores `events` as one run.
pub fn store(path: &Path, events: &[RunEvent]) {
    let store = Store::open(path).expect("the store opens");
    let writer = store.run_writer();
    for event in events {
        writer.record_blocking(event).expect("the event is taken");
    }
    writer.flush_blocking().expect("the events are on disk");
    store.close().expect("the store closes");
}

pub fn reader(path: &Path) -> Reader {
    Reader::open(path).expect("the database opens").expect("something is stored")
}
