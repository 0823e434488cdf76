//! What a run is asked to do.

use std::sync::Arc;

use super::registry;
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
    /// The model of every pane: 0 the run's own, 1 the one beside it; empty: all of them the run's own.
    pub pane_models: Vec<usize>,
    /// Whom to speak as.
    pub personas: Vec<Persona>,
    /// Directions that were named for this run, each as somebody to speak as; empty: those of the personas, and where no
    /// persona has one, one made from each persona's wording.
    pub directions: Vec<Persona>,
    /// The questions of the same pack, this one too, for methods that show examples or learn from how people answered
    /// others; empty: none are known.
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
    /// The same with every pane made by both models, the second one's right behind the first one's.
    #[must_use]
    pub fn with_both_models(mut self) -> Self {
        self.pane_models = self.panes.iter().flat_map(|_| [0, 1]).collect();
        self.panes = self.panes.into_iter().flat_map(|pane| [pane.clone(), pane]).collect();
        self
    }

    /// The same with these questions to take examples from, where one of its methods shows any: what nobody reads is no part
    /// of what the run is the answer to.
    #[must_use]
    pub fn with_examples(mut self, questions: &Arc<Vec<Question>>) -> Self {
        if self.panes.iter().any(|(mode, id)| registry::shows_examples(*mode, id)) {
            self.examples = Arc::clone(questions);
        }
        self
    }

    /// Whether the pane at this place is of the model beside the run's own.
    pub fn is_beside(&self, pane: usize) -> bool {
        self.pane_models.get(pane).is_some_and(|model| *model > 0)
    }

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
