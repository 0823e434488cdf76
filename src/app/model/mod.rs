//! The whole state of the workbench. Nothing in it does I/O; everything on screen follows from it.

pub mod chart;
pub mod editor;
pub mod engine;
pub mod look;
pub mod overlay;
pub mod picker;
pub mod reader;
pub mod run;
pub mod settings;
pub mod setup;
pub mod sliders;
pub mod survey;

use std::time::Duration;

pub use chart::Chart;
pub use editor::{Editor, Purpose};
pub use engine::{EngineState, Ready, Speed};
pub use look::{ColumnLayout, Layout, Look, Scroll};
pub use overlay::Overlay;
pub use picker::{Picker, PickerKind};
pub use reader::Reader;
pub use run::{LivePane, LiveRun, LiveVoice};
pub use settings::{Field, SettingsForm};
pub use setup::Setup;
pub use sliders::{Known, Mixed, Sliders};
pub use survey::{LiveSurvey, SurveySpec, Table};

use super::action::Place;
use super::library::{Library, ModelEntry};
use crate::config::Theme;
use crate::domain::Mode;
use crate::methods::{self, Cost, RunSpec};
use reader::Content;

/// From so many columns on, all panes stand side by side.
pub const WIDE: u16 = 120;
/// The smallest screen that is drawn; below, a card says so.
pub const SMALLEST: (u16, u16) = (40, 10);
/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(6);

/// The state.
#[derive(Debug)]
pub struct Model {
    /// Columns and rows.
    pub size: (u16, u16),
    /// Since the program began, by the last tick.
    pub now: Duration,
    /// What there is to choose from; absent until it was read.
    pub library: Option<Library>,
    /// Models to choose from; absent until they were looked for.
    pub models: Option<Vec<ModelEntry>>,
    /// What is to be asked, how.
    pub setup: Setup,
    /// What a run of it would cost; absent until there is a question.
    pub expected: Option<Cost>,
    /// The engine.
    pub engine: EngineState,
    /// How fast the model was.
    pub speed: Option<Speed>,
    /// The run on screen.
    pub run: Option<LiveRun>,
    /// The survey that goes on, or went on last.
    pub survey: Option<LiveSurvey>,
    /// Whether a run begins as soon as the model is ready.
    pub is_queued: bool,
    /// What is looked at.
    pub look: Look,
    /// What lies over the panes.
    pub overlay: Option<Overlay>,
    /// A line at the bottom, and until when.
    notice: Option<(String, Duration)>,
    /// All themes.
    pub themes: Vec<Theme>,
    /// The one in use.
    pub theme: usize,
    /// What was typed into a form that was closed.
    pub drafts: editor::Drafts,
    /// A download: the model, bytes so far and in all.
    pub pull: Option<(String, u64, Option<u64>)>,
    /// Runs and surveys begun so far; each gets the next number.
    pub(super) runs: u64,
    /// Searches begun so far.
    pub(super) tickets: u64,
}

impl Model {
    /// Nothing is known yet. `model` is what the command line names.
    pub fn new(size: (u16, u16), themes: Vec<Theme>, theme: usize, model: Option<String>) -> Self {
        Self {
            size,
            now: Duration::ZERO,
            library: None,
            models: None,
            setup: Setup::default(),
            expected: None,
            engine: EngineState::new(model),
            speed: None,
            run: None,
            survey: None,
            is_queued: false,
            look: Look::default(),
            overlay: None,
            notice: None,
            themes,
            theme,
            drafts: editor::Drafts::default(),
            pull: None,
            runs: 0,
            tickets: 0,
        }
    }

    /// Whether panes are running.
    pub fn is_running(&self) -> bool {
        self.run.as_ref().is_some_and(LiveRun::is_running)
    }

    /// Whether a survey goes on.
    pub fn is_surveying(&self) -> bool {
        self.survey.as_ref().is_some_and(LiveSurvey::is_running)
    }

    /// Whether the survey is looked at.
    pub fn shows_survey(&self) -> bool {
        self.look.at_survey && self.survey.is_some()
    }

    /// Whether panes of the column that is looked at are running.
    pub fn column_is_running(&self) -> bool {
        let mut panes = self.run.iter().flat_map(|run| run.column(self.look.mode));
        panes.any(LivePane::is_running)
    }

    /// Whether the panes are tabs.
    pub fn has_tabs(&self) -> bool {
        self.size.0 < WIDE
    }

    /// Whether the screen is too small to draw on.
    pub fn is_too_small(&self) -> bool {
        self.size.0 < SMALLEST.0 || self.size.1 < SMALLEST.1
    }

    /// Where keys go now.
    pub fn place(&self) -> Place {
        match &self.overlay {
            None if self.shows_survey() => Place::Survey,
            None => Place::Workbench,
            Some(overlay) => overlay.place(),
        }
    }

    /// Whether the distribution column is on screen.
    pub fn shows_distributions(&self) -> bool {
        let is_alone = self.has_tabs() || self.look.is_zoomed;
        !self.looks_at_setup() && !self.shows_survey() && (!is_alone || self.look.mode == Mode::Distribution)
    }

    /// Whether the setup is looked at, which is possible where it is a tab.
    pub fn looks_at_setup(&self) -> bool {
        self.look.at_setup && self.has_tabs()
    }

    /// Whether something is read that has several pages.
    pub fn can_turn_pages(&self) -> bool {
        matches!(&self.overlay, Some(Overlay::Reader(reader)) if reader.pages.len() > 1)
    }

    /// Whether prompts are being read.
    pub fn reads_prompts(&self) -> bool {
        let Some(Overlay::Reader(reader)) = &self.overlay else { return false };
        reader.page().is_some_and(|page| matches!(page.content, Content::Verbatim(_) | Content::Tokens(_)))
    }

    /// Whether something on screen moves with time alone.
    pub fn is_moving(&self) -> bool {
        self.is_running()
            || self.is_surveying()
            || self.notice.is_some()
            || self.engine.is_opening()
            || self.pull.is_some()
    }

    /// The line at the bottom, while it stays.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_ref().filter(|(_, until)| self.now < *until).map(|(text, _)| text.as_str())
    }

    /// Shows a line at the bottom for a while.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some((text.into(), self.now + NOTICE));
    }

    /// Takes the line at the bottom away when its time is over.
    pub(super) fn forget_notice(&mut self) {
        if self.notice.as_ref().is_some_and(|(_, until)| self.now >= *until) {
            self.notice = None;
        }
    }

    /// The request, once there is a question: of both models, where one is to answer beside the other.
    pub(super) fn spec(&self) -> Option<RunSpec> {
        let spec = self.setup.spec(self.library.as_ref()?)?;
        Some(if self.engine.beside.is_some() { spec.with_both_models() } else { spec })
    }

    /// Computes anew what a run would cost; called whenever the setup may have changed.
    pub(super) fn reckon(&mut self) {
        self.expected = self.spec().as_ref().map(methods::cost);
    }

    /// What people call the persona `id`.
    pub fn persona_label(&self, id: &str) -> String {
        let library = self.library.as_ref();
        library.map_or_else(|| id.to_owned(), |library| library.persona_label(id).to_owned())
    }

    /// The theme in use.
    pub fn theme(&self) -> Option<&Theme> {
        self.themes.get(self.theme)
    }
}
