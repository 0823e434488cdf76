//! What is to be asked, of whom, how.

use std::sync::Arc;

use crate::domain::{Mode, Persona, Question, limits};
use crate::methods::{DEFAULT_METHODS, RunSpec, registry};

use crate::app::library::Library;

/// What is to be asked, of whom, how.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Absent until the packs were read.
    pub question: Option<Arc<Question>>,
    /// Ids of the personas that are on, in order; absent until they were read.
    pub personas: Vec<String>,
    /// Mode and method of every pane.
    pub panes: Vec<(Mode, String)>,
    /// Whom to compare with; empty: the question's first reference.
    pub populations: Vec<String>,
    /// Every draw follows from it.
    pub seed: u64,
    /// Samples of sampled methods.
    pub samples: usize,
    /// Most tokens of one voice.
    pub max_tokens: usize,
    /// Of written text; absent: each method's own.
    pub temperature: Option<f64>,
    /// Of written text; absent: each method's own.
    pub top_p: Option<f64>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            question: None,
            personas: Vec::new(),
            panes: DEFAULT_METHODS.iter().map(|(mode, id)| (*mode, (*id).to_owned())).collect(),
            populations: Vec::new(),
            seed: limits::DEFAULT_SEED,
            samples: limits::DEFAULT_SAMPLES,
            max_tokens: limits::DEFAULT_MAX_TOKENS,
            temperature: None,
            top_p: None,
        }
    }
}

impl Setup {
    /// The request, once there is a question.
    pub fn spec(&self, library: &Library) -> Option<RunSpec> {
        let question = self.question.as_ref()?;
        let persona = |id: &String| library.persona(id).map(|entry| entry.persona.clone());
        let personas: Vec<Persona> = self.personas.iter().filter_map(persona).collect();
        let spec = RunSpec {
            question: (**question).clone(),
            panes: self.panes.clone(),
            personas,
            directions: Vec::new(),
            pane_models: Vec::new(),
            examples: Arc::default(),
            populations: self.populations.clone(),
            seed: self.seed,
            samples: self.samples,
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
        };
        Some(spec.with_examples(&library.questions_beside(question)))
    }

    /// Takes another question. Populations that it does not know are no longer compared with.
    pub fn ask(&mut self, question: Arc<Question>) {
        self.populations.retain(|population| question.reference(population).is_some());
        self.question = Some(question);
    }

    /// Whether this method is on.
    pub fn has_method(&self, mode: Mode, id: &str) -> bool {
        self.panes.iter().any(|(own_mode, own)| *own_mode == mode && own == id)
    }

    /// The methods of `mode` that are on.
    pub fn methods(&self, mode: Mode) -> impl Iterator<Item = &str> {
        self.panes.iter().filter(move |(own, _)| *own == mode).map(|(_, id)| id.as_str())
    }

    /// Takes these methods, in the order of the registry.
    pub fn set_methods(&mut self, chosen: impl Fn(Mode, &str) -> bool) {
        self.panes = registry::METHODS
            .iter()
            .map(|method| &method.facts)
            .filter(|facts| chosen(facts.mode, facts.id))
            .map(|facts| (facts.mode, facts.id.to_owned()))
            .collect();
    }
}
