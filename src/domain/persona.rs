//! Personas: whom the model is to answer as.

use std::path::PathBuf;

/// A text that makes the model answer as someone.
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    /// Unique among the personas.
    pub id: String,
    /// For people to read.
    pub label: String,
    /// One to three wordings of the same person, in the second person; the first is used unless a method asks for more. None
    /// where an adapter alone makes the difference.
    pub wordings: Vec<String>,
    /// Attribute ids or words.
    pub attributes: Vec<String>,
    /// Populations the persona belongs to.
    pub groups: Vec<String>,
    /// Share of a population, for mixtures and samples.
    pub weight: f64,
    /// Written by somebody, as against drawn from a survey person.
    pub synthetic: bool,
    /// An adapter that it answers with, for methods that take one.
    pub lora: Option<Lora>,
}

/// A LoRA adapter of a persona.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// Its file, on the engine's side.
    pub file: PathBuf,
    /// Multiplies what it does.
    pub scale: f32,
}

impl Persona {
    /// The first wording.
    pub fn text(&self) -> &str {
        self.wordings.first().map_or("", String::as_str)
    }
}
