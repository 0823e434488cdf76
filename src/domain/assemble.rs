//! From the events of a run to its record: the one place where the shape of `parallax.run/1` is put together.
//!
//! Events arrive in the order in which things happened; the record stands in the order of the request. Headless runs,
//! the screen and the store all read through here, so that a run looks the same live and reopened.

use super::{Mode, Pane, PaneStatus, Run, RunEvent, RunHead, SCHEMA, Timing, Voice};

/// Why a pane of [`Assembler::snapshot`] is not done.
const STILL_RUNNING: &str = "the pane is still running";
/// Why a pane of [`Assembler::finish`] is not done.
const NEVER_ENDED: &str = "the run ended before this pane did";

/// Builds a [`Run`] from its [`RunEvent`]s.
///
/// Events before [`RunEvent::Started`], events that name a pane the run does not have, and events of a pane that has
/// ended are left out: the record never depends on them.
#[derive(Debug, Clone, Default)]
pub struct Assembler {
    head: Option<RunHead>,
    panes: Vec<Slot>,
    timing: Option<Timing>,
    prompt_tokens: u64,
}

/// A pane on its way.
#[derive(Debug, Clone)]
struct Slot {
    mode: Mode,
    method: String,
    model: Option<String>,
    /// In the order in which they were started; `None` until they are done.
    voices: Vec<(String, Option<Voice>)>,
    result: Option<Pane>,
}

impl Assembler {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Started { head, panes } => {
                self.head = Some((**head).clone());
                let model = |pane: usize| head.model_beside(pane).map(str::to_owned);
                self.panes = (panes.iter().enumerate())
                    .map(|(pane, (mode, method))| Slot::new(*mode, method, model(pane)))
                    .collect();
                self.timing = None;
                self.prompt_tokens = 0;
            }
            RunEvent::Prompt { pane, prompt } => {
                if self.running(*pane).is_some() {
                    self.prompt_tokens += prompt.tokens as u64;
                }
            }
            RunEvent::VoiceStarted { pane, voice, .. } => {
                if let Some(slot) = self.running(*pane) {
                    slot.voice(voice);
                }
            }
            RunEvent::VoiceText { .. } | RunEvent::PaneSoFar { .. } => {}
            RunEvent::VoiceDone { pane, voice } => {
                if let Some(slot) = self.running(*pane) {
                    *slot.voice(&voice.id) = Some((**voice).clone());
                }
            }
            RunEvent::PaneDone { pane, result } => {
                if let Some(slot) = self.running(*pane) {
                    slot.end((**result).clone());
                }
            }
            RunEvent::Finished { timing } => self.timing = Some(timing.clone()),
        }
    }

    /// Whether [`RunEvent::Finished`] came.
    pub fn is_finished(&self) -> bool {
        self.timing.is_some()
    }

    /// The run as it is now. Panes that are not done stand as failed, with the voices that are. `None` before
    /// [`RunEvent::Started`].
    pub fn snapshot(&self) -> Option<Run> {
        self.clone().abandon(STILL_RUNNING)
    }

    /// The record of the run. `None` if it never started.
    pub fn finish(self) -> Option<Run> {
        self.abandon(NEVER_ENDED)
    }

    /// The record of a run whose events stopped early: panes that never ended stand as failed with `reason`, their
    /// finished voices in them. `None` if the run never started.
    ///
    /// Without [`RunEvent::Finished`] the timing holds the tokens that were counted so far; what only the end tells
    /// (the time, and the share of the prompts that was computed) stays 0.
    pub fn abandon(self, reason: &str) -> Option<Run> {
        let panes: Vec<Pane> = self.panes.into_iter().map(|slot| slot.into_pane(reason)).collect();
        let timing = self.timing.unwrap_or_else(|| Timing {
            prompt_tokens: self.prompt_tokens,
            generated_tokens: panes.iter().flat_map(|pane| &pane.voices).map(|voice| voice.tokens as u64).sum(),
            ..Timing::default()
        });
        Some(Run { schema: SCHEMA.to_owned(), run: self.head?, panes, measures: Vec::new(), timing })
    }

    fn running(&mut self, pane: usize) -> Option<&mut Slot> {
        self.panes.get_mut(pane).filter(|slot| slot.result.is_none())
    }
}

impl Slot {
    fn new(mode: Mode, method: &str, model: Option<String>) -> Self {
        Self { mode, method: method.to_owned(), model, voices: Vec::new(), result: None }
    }

    /// The place of the voice `id`, a new one if it was never heard of.
    fn voice(&mut self, id: &str) -> &mut Option<Voice> {
        let place = self.voices.iter().position(|(known, _)| known == id).unwrap_or_else(|| {
            self.voices.push((id.to_owned(), None));
            self.voices.len() - 1
        });
        &mut self.voices[place].1
    }

    /// Voices run side by side, so a method may hand them over in the order in which they finished, which no seed fixes.
    fn end(&mut self, mut result: Pane) {
        let started: Vec<&str> = self.voices.iter().map(|(id, _)| id.as_str()).collect();
        result.voices.sort_by_key(|voice| started.iter().position(|id| *id == voice.id).unwrap_or(usize::MAX));
        self.result = Some(result);
    }

    fn into_pane(self, reason: &str) -> Pane {
        self.result.unwrap_or_else(|| Pane {
            status: PaneStatus::Failed,
            error: Some(reason.to_owned()),
            model: self.model,
            voices: self.voices.into_iter().filter_map(|(_, voice)| voice).collect(),
            ..Pane::new(self.mode, &self.method)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::domain::{Beside, EngineFacts, Finish, ModelFacts, PromptSent, QuestionShown, Settings};

    fn started() -> RunEvent {
        let panes = vec![(Mode::Overton, "ensemble".to_owned()), (Mode::Steered, "persona-prompt".to_owned())];
        RunEvent::Started {
            head: Box::new(RunHead {
                id: "r1".into(),
                started: "2026-11-23T16:00:00Z".into(),
                seed: 1,
                model: ModelFacts::default(),
                engine: EngineFacts::default(),
                question: QuestionShown { pack: String::new(), id: "q".into(), text: "?".into(), options: vec![] },
                personas: vec![],
                settings: Settings {
                    max_tokens: 8,
                    samples: 1,
                    temperature: None,
                    top_p: None,
                    methods: panes.clone(),
                },
                beside: None,
                fingerprint: None,
            }),
            panes,
        }
    }

    fn begin(pane: usize, voice: &str) -> RunEvent {
        RunEvent::VoiceStarted { pane, voice: voice.into(), persona: None }
    }

    fn voice(id: &str, tokens: usize) -> Voice {
        Voice {
            id: id.into(),
            persona: None,
            text: format!("text of {id}"),
            thinking: None,
            tokens,
            thinking_tokens: 0,
            finish: Finish::Stop,
            option: None,
            stance: None,
            said: Vec::new(),
            surprisal: None,
        }
    }

    fn done(pane: usize, id: &str) -> RunEvent {
        RunEvent::VoiceDone { pane, voice: Box::new(voice(id, 3)) }
    }

    fn pane_done(pane: usize, result: Pane) -> RunEvent {
        RunEvent::PaneDone { pane, result: Box::new(result) }
    }

    fn so_far(pane: usize) -> RunEvent {
        let result = Pane { p: Some(vec![0.5, 0.5]), ..Pane::new(Mode::Steered, "persona-prompt") };
        RunEvent::PaneSoFar { pane, result: Box::new(result) }
    }

    fn assembler(events: &[RunEvent]) -> Assembler {
        let mut assembler = Assembler::new();
        for event in events {
            assembler.apply(event);
        }
        assembler
    }

    fn voices(pane: &Pane) -> Vec<&str> {
        pane.voices.iter().map(|voice| voice.id.as_str()).collect()
    }

    #[test]
    fn panes_and_voices_stand_in_the_order_of_the_request() {
        let mut first = Pane::new(Mode::Overton, "ensemble");
        first.voices = vec![voice("v3", 1), voice("v2", 1), voice("late", 1), voice("v1", 1)];
        let second = Pane::new(Mode::Steered, "persona-prompt");
        let run = assembler(&[
            started(),
            begin(0, "v1"),
            begin(0, "v2"),
            begin(0, "v3"),
            pane_done(1, second.clone()),
            pane_done(0, first),
            RunEvent::Finished { timing: Timing { total_ms: Some(7), ..Timing::default() } },
        ])
        .finish()
        .unwrap();
        assert_eq!((run.schema.as_str(), run.run.id.as_str(), run.timing.total_ms), (SCHEMA, "r1", Some(7)));
        assert_eq!(voices(&run.panes[0]), ["v1", "v2", "v3", "late"]);
        assert_eq!(run.panes[1], second);
    }

    #[test]
    fn an_abandoned_pane_keeps_its_finished_voices_and_no_picture() {
        let run = assembler(&[
            started(),
            RunEvent::Prompt { pane: 1, prompt: PromptSent { purpose: "s1".into(), text: "p".into(), tokens: 40 } },
            begin(1, "s1"),
            begin(1, "s2"),
            begin(1, "s3"),
            done(1, "s3"),
            so_far(1),
            done(1, "s1"),
            pane_done(0, Pane::new(Mode::Overton, "ensemble")),
        ])
        .abandon("the engine stopped")
        .unwrap();
        assert_eq!(run.panes[0].status, PaneStatus::Done);
        let pane = &run.panes[1];
        assert_eq!((pane.status, pane.error.as_deref()), (PaneStatus::Failed, Some("the engine stopped")));
        assert_eq!((pane.mode, pane.method.as_str()), (Mode::Steered, "persona-prompt"));
        assert_eq!(voices(pane), ["s1", "s3"]);
        assert_eq!((&pane.p, &pane.measures[..]), (&None, &[][..]));
        assert_eq!((run.timing.prompt_tokens, run.timing.generated_tokens, run.timing.total_ms), (40, 6, None));
    }

    #[test]
    fn a_pane_of_the_model_beside_says_so_even_where_it_never_ended() {
        let mut event = started();
        if let RunEvent::Started { head, .. } = &mut event {
            let (model, engine) = (ModelFacts::default(), EngineFacts::default());
            head.beside = Some(Beside { name: "aligned".into(), model, engine, panes: vec![1] });
        }
        let run = assembler(&[event, begin(1, "s1"), done(1, "s1")]).abandon("its engine died").unwrap();
        assert_eq!((run.panes[0].model.as_deref(), run.panes[1].model.as_deref()), (None, Some("aligned")));
        assert_eq!(voices(&run.panes[1]), ["s1"]);
    }

    #[test]
    fn a_snapshot_changes_nothing() {
        let mut assembler = assembler(&[started(), begin(0, "v1"), done(0, "v1")]);
        let now = assembler.snapshot().unwrap();
        assert_eq!(voices(&now.panes[0]), ["v1"]);
        assert_eq!(now.panes[0].error.as_deref(), Some(STILL_RUNNING));
        assert!(!assembler.is_finished());
        assembler.apply(&pane_done(0, Pane::new(Mode::Overton, "ensemble")));
        assert_eq!(assembler.snapshot().unwrap().panes[0].status, PaneStatus::Done);
    }

    #[test]
    fn strays_are_left_out() {
        let mut early = assembler(&[begin(0, "v1"), done(0, "v1")]);
        assert_eq!(early.snapshot(), None);
        early.apply(&started());
        early.apply(&done(9, "v1"));
        early.apply(&pane_done(0, Pane::new(Mode::Overton, "ensemble")));
        early.apply(&done(0, "too late"));
        early.apply(&pane_done(0, Pane::skipped(Mode::Overton, "ensemble", "twice")));
        let run = early.finish().unwrap();
        assert_eq!(run.panes[0], Pane::new(Mode::Overton, "ensemble"));
        assert_eq!(run.panes[1].error.as_deref(), Some(NEVER_ENDED));
        assert_eq!(Assembler::new().finish(), None);
    }
}
