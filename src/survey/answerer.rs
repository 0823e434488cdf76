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
    /// Whom it speaks as; absent for the model's own voice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
}

impl Answerer {
    /// For people to read: the method, and the persona if there is one.
    pub fn name(&self) -> String {
        match &self.persona {
            Some(persona) => format!("{} as {persona}", self.method),
            None => self.method.clone(),
        }
    }
}
