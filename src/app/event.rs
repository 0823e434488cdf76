//! What happens to the workbench.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Key, Theme};
use crate::domain::{Measure, PromptSent, Run, RunEvent};
use crate::engine::protocol::{Loaded, ModelReport, Status};

use super::library::{Library, ModelEntry};
use super::model::Layout;
use crate::survey::Tables;

/// One thing that happened. Whatever takes time is done by the driver and comes back as one of these.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this many columns and rows.
    Resize(u16, u16),
    /// The wheel was turned by so many lines, down is positive.
    Wheel(i32),
    /// Time went by; the clock runs from the start of the program. Comes only while something moves.
    Tick(Duration),
    /// A frame was drawn, and so large were its parts.
    Drawn(Layout),
    /// Packs, personas and what is wrong with the user's files were read.
    Library(Box<Library>),
    /// The user's themes were read.
    Themes(Vec<Theme>),
    /// The models on this machine, and those that can be fetched.
    Models(Vec<ModelEntry>),
    /// How fast this model was in its last run, in generated tokens per second over the whole run.
    Speed {
        /// The model's name.
        model: String,
        /// Tokens per second.
        tokens_per_second: f64,
    },
    /// Something about the engine that was opened as number `opening`.
    Engine {
        /// Which one; earlier ones are no longer of interest.
        opening: u64,
        /// What.
        news: EngineNews,
    },
    /// Something happened in the run `number`.
    Run {
        /// Which one.
        number: u64,
        /// What.
        event: RunEvent,
    },
    /// The numbers about several panes of the run `number`, now that all those of the distribution mode have ended.
    Across {
        /// Which one.
        number: u64,
        /// As the record has them.
        measures: Vec<Measure>,
    },
    /// The run `number` is over and everything of it is on disk, or is not, for this reason.
    RunOver {
        /// Which one.
        number: u64,
        /// Why it could not be stored.
        not_stored: Option<String>,
    },
    /// Something happened in the survey `number`.
    Survey {
        /// Which one.
        number: u64,
        /// What.
        news: SurveyNews,
    },
    /// A run was read that is to be looked at, or cannot be, for this reason.
    RunLoaded(Result<Box<LoadedRun>, String>),
    /// The search `ticket` found these lines, the best first.
    Found {
        /// Which one; earlier ones are no longer of interest.
        ticket: u64,
        /// Places in the list, each with the characters that matched.
        hits: Vec<Hit>,
    },
    /// A download goes on.
    Pull {
        /// The model's id.
        id: String,
        /// How far.
        news: PullNews,
    },
    /// Something worth a line at the bottom.
    Notice(String),
    /// A persona was written to disk, or not.
    PersonaSaved(Result<Box<crate::data::PersonaEntry>, String>),
    /// The program came back from the background.
    Resumed,
    /// The system asks the program to go to the background.
    SuspendAsked,
    /// The system asks the program to end.
    Terminate,
}

/// What happens in a survey.
#[derive(Debug, Clone)]
pub enum SurveyNews {
    /// A question is answered.
    Answered {
        /// Whether it had been before.
        is_stored: bool,
        /// Whether one of its panes failed.
        has_failed: bool,
        /// Why its run could not be stored.
        not_stored: Option<String>,
    },
    /// The tables of what is answered so far.
    Tables(Arc<Tables>),
    /// No more questions are asked.
    Over {
        /// Why not, where nobody stopped it.
        why: Option<String>,
    },
}

/// A run out of the store, or of this sitting.
#[derive(Debug, Clone)]
pub struct LoadedRun {
    /// Its record.
    pub run: Run,
    /// Pane and prompt, in the order in which they were sent.
    pub prompts: Vec<(usize, PromptSent)>,
}

/// How a download goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullNews {
    /// Bytes so far, and in all.
    Bytes(u64, Option<u64>),
    /// It is here.
    Done,
    /// It is not, and why.
    Failed(String),
}

/// What happens to an engine.
#[derive(Debug, Clone)]
pub enum EngineNews {
    /// The model is being read; a fraction.
    Loading(f32),
    /// The model beside it was read; the other one is ready next.
    Beside(Box<Loaded>),
    /// The model can be used.
    Ready {
        /// The model.
        loaded: Box<Loaded>,
        /// The engine's build.
        build: String,
    },
    /// The self-tests found something.
    Report(ModelReport),
    /// How busy it is.
    Status(Status),
    /// It did not start, or refused the model, or died.
    Failed {
        /// One sentence.
        sentence: String,
        /// Whether it had been ready before.
        was_ready: bool,
    },
}

/// A line that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its place in the list.
    pub index: usize,
    /// The characters of its text that matched, by number.
    pub matched: Arc<[usize]>,
}
