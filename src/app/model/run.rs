//! The run on screen, from its events.

use std::sync::Arc;
use std::time::Duration;

use super::Sliders;
use crate::domain::{Finish, Measure, Mode, Pane, PaneStatus, PromptSent, RunEvent, RunHead, Timing, TokenSaid, Voice};
use crate::methods::{Cost, RunSpec};
use crate::text::Flow;

/// A run and what is known of it so far.
#[derive(Debug)]
pub struct LiveRun {
    /// Its events carry it.
    pub number: u64,
    /// What is asked.
    pub spec: Arc<RunSpec>,
    /// What it was expected to cost.
    pub cost: Cost,
    /// Absent until it began.
    pub head: Option<Box<RunHead>>,
    /// In the order of the request.
    pub panes: Vec<LivePane>,
    /// The numbers about several of its panes, once those have ended.
    pub measures: Vec<Measure>,
    /// The weights of its mixtures that are looked at.
    pub sliders: Sliders,
    /// Absent until it ended.
    pub timing: Option<Timing>,
    /// When it was asked for, and when it ended, on the clock of the ticks.
    pub began: Duration,
    /// When it ended.
    pub ended: Option<Duration>,
    /// Why it is not in the store.
    pub not_stored: Option<String>,
}

/// A pane and what is known of it so far.
#[derive(Debug)]
pub struct LivePane {
    /// Its mode.
    pub mode: Mode,
    /// Its method.
    pub method: String,
    /// What the model beside the run's own is called, where this pane is its.
    pub model: Option<String>,
    /// In the order in which they began.
    pub voices: Vec<LiveVoice>,
    /// Distributions and measures: so far, while it runs, and as they stay, after that.
    pub picture: Option<Box<Pane>>,
    /// Absent while it runs.
    pub status: Option<PaneStatus>,
    /// Whether it was asked to stop.
    pub is_stopping: bool,
    /// In the order in which they were sent.
    pub prompts: Vec<PromptSent>,
}

/// A voice and what is known of it so far.
#[derive(Debug)]
pub struct LiveVoice {
    /// Unique in the run.
    pub id: String,
    /// Whom it speaks as.
    pub persona: Option<String>,
    /// What it has said.
    pub text: Flow,
    /// What it thought before.
    pub thinking: Flow,
    /// Tokens so far.
    pub tokens: usize,
    /// Those of them that were thinking.
    pub thinking_tokens: usize,
    /// Sum of the surprisals of its tokens in nats, and of how many of them.
    surprisal: (f64, usize),
    /// Absent while it runs.
    pub finish: Option<Finish>,
    /// The option it chose.
    pub option: Option<String>,
    /// Refusal or abstention.
    pub stance: Option<String>,
    /// Its tokens as they were drawn, once it ended.
    pub said: Vec<TokenSaid>,
}

impl LiveRun {
    /// Asked for, not begun.
    pub fn new(number: u64, spec: Arc<RunSpec>, cost: Cost, began: Duration) -> Self {
        let panes = spec.panes.iter().map(|(mode, method)| LivePane::new(*mode, method)).collect();
        Self {
            number,
            spec,
            cost,
            head: None,
            panes,
            measures: Vec::new(),
            sliders: Sliders::default(),
            timing: None,
            began,
            ended: None,
            not_stored: None,
        }
    }

    /// Whether panes are running.
    pub fn is_running(&self) -> bool {
        self.ended.is_none()
    }

    /// The panes of `mode`.
    pub fn column(&self, mode: Mode) -> impl Iterator<Item = &LivePane> {
        self.panes.iter().filter(move |pane| pane.mode == mode)
    }

    /// Tokens written so far.
    pub fn tokens(&self) -> usize {
        self.panes.iter().flat_map(|pane| &pane.voices).map(|voice| voice.tokens).sum()
    }

    /// Takes in what happened at `now`.
    pub fn apply(&mut self, event: RunEvent, now: Duration) {
        match event {
            RunEvent::Started { head, .. } => {
                for (place, pane) in self.panes.iter_mut().enumerate() {
                    pane.model = head.model_beside(place).map(str::to_owned);
                }
                self.head = Some(head);
            }
            RunEvent::Prompt { pane, prompt } => {
                if let Some(pane) = self.running(pane) {
                    pane.prompts.push(prompt);
                }
            }
            RunEvent::VoiceStarted { pane, voice, persona } => {
                if let Some(pane) = self.running(pane) {
                    pane.voices.push(LiveVoice::new(voice, persona));
                }
            }
            RunEvent::VoiceText { pane, voice, delta, tokens, thinking: true, .. } => {
                if let Some(voice) = self.running(pane).and_then(|pane| pane.voice(&voice)) {
                    voice.think(&delta, tokens);
                }
            }
            RunEvent::VoiceText { pane, voice, delta, tokens, logprob, thinking: false } => {
                if let Some(voice) = self.running(pane).and_then(|pane| pane.voice(&voice)) {
                    voice.say(&delta, tokens, logprob);
                }
            }
            RunEvent::VoiceDone { pane, voice } => {
                if let Some(pane) = self.running(pane) {
                    pane.voice_done(&voice);
                }
            }
            RunEvent::PaneSoFar { pane, mut result } => {
                if let Some(pane) = self.running(pane) {
                    result.model.clone_from(&pane.model);
                    pane.picture = Some(result);
                }
            }
            RunEvent::PaneDone { pane, result } => {
                if let Some(pane) = self.running(pane) {
                    pane.end(result);
                }
            }
            RunEvent::Finished { timing } => {
                self.timing = Some(timing);
                self.end(now);
            }
        }
    }

    /// Nothing more will come. Panes that have not ended never will.
    pub fn end(&mut self, now: Duration) {
        self.ended.get_or_insert(now);
        for pane in &mut self.panes {
            let why = if pane.is_stopping { PaneStatus::Cancelled } else { PaneStatus::Failed };
            pane.status.get_or_insert(why);
        }
    }

    /// The pane in this place, if it has not ended: what is said of it later is left out, as in the record.
    fn running(&mut self, pane: usize) -> Option<&mut LivePane> {
        self.panes.get_mut(pane).filter(|pane| pane.is_running())
    }
}

impl LivePane {
    fn new(mode: Mode, method: &str) -> Self {
        Self {
            mode,
            method: method.to_owned(),
            model: None,
            voices: Vec::new(),
            picture: None,
            status: None,
            is_stopping: false,
            prompts: Vec::new(),
        }
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.status.is_none()
    }

    fn voice(&mut self, id: &str) -> Option<&mut LiveVoice> {
        // The newest are asked for most.
        self.voices.iter_mut().rev().find(|voice| voice.id == id)
    }

    fn voice_done(&mut self, done: &Voice) {
        if self.voice(&done.id).is_none() {
            self.voices.push(LiveVoice::new(done.id.clone(), done.persona.clone()));
        }
        if let Some(voice) = self.voice(&done.id) {
            voice.end(done);
        }
    }

    fn end(&mut self, result: Box<Pane>) {
        for voice in &result.voices {
            self.voice_done(voice);
        }
        self.status = Some(result.status);
        self.picture = Some(result);
    }

    /// Mean surprisal of all its tokens so far in nats, where any is known.
    pub fn surprisal(&self) -> Option<f64> {
        let (sum, n) =
            self.voices.iter().fold((0.0, 0), |(sum, n), voice| (sum + voice.surprisal.0, n + voice.surprisal.1));
        (n > 0).then(|| sum / n as f64)
    }
}

impl LiveVoice {
    fn new(id: String, persona: Option<String>) -> Self {
        Self {
            id,
            persona,
            text: Flow::new(),
            thinking: Flow::new(),
            tokens: 0,
            thinking_tokens: 0,
            surprisal: (0.0, 0),
            finish: None,
            option: None,
            stance: None,
            said: Vec::new(),
        }
    }

    /// Mean surprisal of its tokens so far in nats, where any is known.
    pub fn surprisal(&self) -> Option<f64> {
        (self.surprisal.1 > 0).then(|| self.surprisal.0 / self.surprisal.1 as f64)
    }

    /// Whether it thinks and has answered nothing yet.
    pub fn is_thinking(&self) -> bool {
        self.finish.is_none() && self.thinking_tokens > 0 && self.text.text().is_empty()
    }

    fn think(&mut self, delta: &str, tokens: usize) {
        let delta = if self.thinking.text().is_empty() { delta.trim_start() } else { delta };
        self.thinking.push(delta);
        self.tokens += tokens;
        self.thinking_tokens += tokens;
    }

    fn say(&mut self, delta: &str, tokens: usize, logprob: Option<f64>) {
        // Answers often begin with a line feed that says nothing.
        let delta = if self.text.text().is_empty() { delta.trim_start() } else { delta };
        self.text.push(delta);
        self.tokens += tokens;
        if let Some(logprob) = logprob {
            self.surprisal = (self.surprisal.0 - logprob, self.surprisal.1 + tokens.max(1));
        }
    }

    fn end(&mut self, done: &Voice) {
        if self.text.text() != done.text {
            self.text = Flow::from_text(&done.text);
        }
        let thinking = done.thinking.as_deref().unwrap_or_default();
        if self.thinking.text() != thinking {
            self.thinking = Flow::from_text(thinking);
        }
        (self.tokens, self.thinking_tokens) = (done.tokens, done.thinking_tokens);
        self.finish = Some(done.finish);
        self.option.clone_from(&done.option);
        self.stance.clone_from(&done.stance);
        self.said.clone_from(&done.said);
    }
}
