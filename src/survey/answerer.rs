//! Whose answers a line of a table is about.

use serde::Serialize;

use crate::domain::Mode;

/// A mode, a method and, where there are several, the model and the persona.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answerer {
    /// What was asked for.
    pub mode: Mode,
    /// How it was produced: a method id.
    pub method: String,
    /// The model, where it is the one beside the run's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whom it speaks as; absent for the model's own voice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
}

impl Answerer {
    /// For people to read: the method, and the model beside and the persona if there is one.
    pub fn name(&self) -> String {
        let method = match &self.model {
            Some(model) => format!("{} by {model}", self.method),
            None => self.method.clone(),
        };
        match &self.persona {
            Some(persona) => format!("{method} as {persona}"),
            None => method,
        }
    }
}
