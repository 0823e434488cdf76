//! What is known about the engine.

use crate::engine::protocol::{Loaded, ModelReport, Status};

/// The engine, and which model it has.
#[derive(Debug, Clone)]
pub struct EngineState {
    /// Engines opened so far; events of earlier ones are left out.
    pub opening: u64,
    /// The model that is asked for; absent: the first installed one.
    pub wanted: Option<String>,
    /// The model that is to answer beside it in an engine of its own; absent: none.
    pub beside: Option<String>,
    /// That model, once it was read.
    pub beside_loaded: Option<Box<Loaded>>,
    /// The model that was ready last and the one beside it, to go back to.
    pub last_good: Option<(Option<String>, Option<String>)>,
    /// How it is.
    pub phase: Phase,
}

/// How the engine is.
#[derive(Debug, Clone)]
pub enum Phase {
    /// Nobody asked for it yet.
    Off,
    /// It starts and reads the model; a fraction once known.
    Opening(Option<f32>),
    /// The model can be used.
    Ready(Box<Ready>),
    /// It is gone, or the model cannot be used: one sentence.
    Trouble(String),
}

/// An engine that can be used.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The model.
    pub loaded: Loaded,
    /// The engine's build.
    pub build: String,
    /// What the self-tests found so far.
    pub report: ModelReport,
    /// How busy it is.
    pub status: Status,
}

impl Ready {
    /// The class of reproducibility, as far as it is known.
    pub fn class(&self) -> &str {
        self.report.class.as_deref().unwrap_or("testing…")
    }
}

/// How fast a model was.
#[derive(Debug, Clone, PartialEq)]
pub struct Speed {
    /// The model's name.
    pub model: String,
    /// Generated tokens per second of the whole run, prompts and all.
    pub tokens_per_second: f64,
}

impl EngineState {
    /// Not opened yet.
    pub fn new(wanted: Option<String>) -> Self {
        Self { opening: 0, wanted, beside: None, beside_loaded: None, last_good: None, phase: Phase::Off }
    }

    /// Whether what is asked for is not what was ready last.
    pub fn is_new(&self) -> bool {
        self.last_good.as_ref().is_some_and(|(own, beside)| (own, beside) != (&self.wanted, &self.beside))
    }

    /// The engine, if it can be used.
    pub fn ready(&self) -> Option<&Ready> {
        match &self.phase {
            Phase::Ready(ready) => Some(ready),
            Phase::Off | Phase::Opening(_) | Phase::Trouble(_) => None,
        }
    }

    /// The engine, if it can be used.
    pub fn ready_mut(&mut self) -> Option<&mut Ready> {
        match &mut self.phase {
            Phase::Ready(ready) => Some(ready),
            Phase::Off | Phase::Opening(_) | Phase::Trouble(_) => None,
        }
    }

    /// Why it cannot be used.
    pub fn trouble(&self) -> Option<&str> {
        match &self.phase {
            Phase::Trouble(sentence) => Some(sentence),
            Phase::Off | Phase::Opening(_) | Phase::Ready(_) => None,
        }
    }

    /// Whether it is on its way.
    pub fn is_opening(&self) -> bool {
        matches!(self.phase, Phase::Opening(_))
    }
}
