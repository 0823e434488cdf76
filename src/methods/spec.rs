//! What a run is asked to do.

use std::sync::Arc;

use crate::domain::{Mode, Persona, Question, Settings};

/// The methods of each mode unless others are asked for: the baseline beside the ensemble, so that the gain is seen.
pub const DEFAULT_METHODS: [(Mode, &str); 4] = [
    (Mode::Overton, "vanilla"),
    (Mode::Overton, "ensemble"),
    (Mode::Steered, "persona-prompt"),
    (Mode::Distribution, "option-logits"),
];

/// One question x modes x methods x personas x seed.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    /// What is asked.
    pub question: Question,
    /// Mode and method of every pane, in order.
    pub panes: Vec<(Mode, String)>,
    /// Whom to speak as.
    pub personas: Vec<Persona>,
    /// Directions that were named for this run, each as somebody to speak as; empty: those of the personas, and where no
    /// persona has one, one made from each persona's wording.
    pub directions: Vec<Persona>,
    /// Other questions of the same pack, for methods that learn from how people answered them; empty: none are known.
    pub examples: Arc<Vec<Question>>,
    /// Populations to compare with; empty: the question's first reference.
    pub populations: Vec<String>,
    /// Every draw follows from it.
    pub seed: u64,
    /// Samples of sampled methods.
    pub samples: usize,
    /// Most tokens of one voice.
    pub max_tokens: usize,
    /// Of generated text; absent: each method's own.
    pub temperature: Option<f64>,
    /// Of generated text; absent: each method's own.
    pub top_p: Option<f64>,
}

impl RunSpec {
    /// The settings as the record keeps them.
    pub fn settings(&self) -> Settings {
        Settings {
            max_tokens: self.max_tokens,
            samples: self.samples,
            temperature: self.temperature,
            top_p: self.top_p,
            methods: self.panes.clone(),
        }
    }
}
