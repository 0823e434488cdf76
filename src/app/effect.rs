//! What the workbench wants done. Plain data: the driver does it and answers with events.

use std::sync::Arc;

use super::model::SurveySpec;
use crate::methods::RunSpec;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start an engine and load a model, and another one for the model beside it, in place of what there is.
    OpenEngine {
        /// Its events carry this number.
        opening: u64,
        /// As the user calls it; absent: the first installed one.
        model: Option<String>,
        /// The model beside it; absent: none.
        beside: Option<String>,
    },
    /// Begin a run.
    StartRun {
        /// Its events carry this number.
        number: u64,
        /// What is asked.
        spec: Arc<RunSpec>,
    },
    /// Stop one pane of it.
    StopPane {
        /// The run.
        number: u64,
        /// The pane's place in the request.
        pane: usize,
    },
    /// Stop all of it.
    StopRun {
        /// The run.
        number: u64,
    },
    /// Begin a survey.
    StartSurvey {
        /// Its events carry this number.
        number: u64,
        /// What is asked.
        spec: Arc<SurveySpec>,
    },
    /// Stop it; what was answered stays.
    StopSurvey {
        /// The survey.
        number: u64,
    },
    /// Read a run that was answered.
    LoadRun {
        /// Its id.
        id: String,
    },
    /// Look for models.
    FindModels,
    /// Fetch a model.
    Pull {
        /// Its id in the catalogue.
        id: String,
    },
    /// Look up how fast this model was in its last run.
    LookUpSpeed {
        /// The model's name.
        model: String,
    },
    /// Search a long list.
    Search {
        /// The answer carries this number.
        ticket: u64,
        /// What is looked for.
        pattern: String,
        /// Where.
        texts: Arc<[String]>,
    },
    /// Keep a persona that was written.
    SavePersona {
        /// What people see.
        label: String,
        /// Whom the model is to answer as.
        text: String,
    },
    /// Put a text on the terminal's clipboard.
    Copy(String),
    /// Draw everything anew.
    Redraw,
    /// Go to the background.
    Suspend,
    /// End.
    Quit,
}
