//! Personas: whom the model is to answer as.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A text that makes the model answer as someone.
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    /// Unique among the personas.
    pub id: String,
    /// For people to read.
    pub label: String,
    /// One to three wordings of the same person, in the second person; the first is used unless a method asks for more.
    pub wordings: Vec<String>,
    /// Attribute ids or words.
    pub attributes: Vec<String>,
    /// Populations the persona belongs to.
    pub groups: Vec<String>,
    /// Share of a population, for mixtures and samples.
    pub weight: f64,
    /// Written by somebody, as against drawn from a survey person.
    pub synthetic: bool,
    /// What the model can be steered along instead of, or beside, reading a wording.
    pub direction: Option<PersonaDirection>,
}

/// A direction that makes a model speak as a persona.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaDirection {
    /// The control vector file.
    pub file: PathBuf,
    /// Multiplies it; absent: as strong as methods find sensible.
    pub strength: Option<f64>,
    /// The first and the last layer it acts on, counted from 0; absent: as methods find sensible.
    pub layers: Option<(u32, u32)>,
    /// What the file holds, or one sentence that says why nothing could be read; absent until it is read.
    pub read: Option<Result<Arc<DirectionVectors>, String>>,
}

/// A direction by layer, counted from 0: one number for each dimension of the residual stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DirectionVectors {
    /// The vectors; each is as wide as the others.
    pub layers: BTreeMap<u32, Vec<f32>>,
    /// The architecture it was made on, as its file says.
    pub model: Option<String>,
}

impl DirectionVectors {
    /// Leaves what a model of `layers` layers of `width` dimensions has a place for, as llama.cpp does, with a note where
    /// that is not all; else one clause that says why nothing fits.
    pub fn fit(&mut self, layers: u32, width: u32) -> Result<Option<String>, String> {
        let own = self.layers.values().next().map_or(0, Vec::len);
        if own != width as usize {
            return Err(format!("it has {own} numbers in a layer, and the model's layers have {width}"));
        }
        let before = self.layers.len();
        self.layers.retain(|layer, _| *layer < layers);
        match before - self.layers.len() {
            0 => Ok(None),
            _ if self.layers.is_empty() => Err(format!("none of its layers is one of the model's {layers}")),
            above => Ok(Some(format!("{above} of its layers lie above the model's {layers} and are left out"))),
        }
    }
}

impl Persona {
    /// The first wording.
    pub fn text(&self) -> &str {
        self.wordings.first().map_or("", String::as_str)
    }
}
