//! What there is to choose from.

use std::sync::Arc;

use crate::data::catalogue::Catalogue;
use crate::data::{Pack, PersonaEntry, Personas};
use crate::domain::Question;

/// Packs and personas, and what is wrong with the user's own.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// In the order in which they are listed.
    pub packs: Vec<Arc<Pack>>,
    /// In the order in which they are listed.
    pub personas: Vec<PersonaEntry>,
    /// How many of them a run takes that names none.
    pub default_personas: usize,
    /// One sentence per file that cannot be used.
    pub problems: Vec<String>,
}

impl Library {
    /// From what was read.
    pub fn new(catalogue: &Catalogue, personas: &Personas) -> Self {
        let problems = catalogue.problems().iter().map(ToString::to_string);
        Self {
            packs: catalogue.packs().iter().map(|entry| Arc::clone(&entry.pack)).collect(),
            personas: personas.all().to_vec(),
            default_personas: personas.defaults().len(),
            problems: problems.chain(personas.problems().iter().map(ToString::to_string)).collect(),
        }
    }

    /// All questions with their packs, in order.
    pub fn questions(&self) -> impl Iterator<Item = (&Arc<Pack>, &Question)> {
        self.packs.iter().flat_map(|pack| pack.questions.iter().map(move |question| (pack, question)))
    }

    /// The questions of the pack that `question` is from; none where it is the user's own.
    pub fn questions_beside(&self, question: &Question) -> Arc<Vec<Question>> {
        let pack = self.packs.iter().find(|pack| pack.id == question.pack);
        pack.map(|pack| Arc::clone(&pack.questions)).unwrap_or_default()
    }

    /// The persona called `id`.
    pub fn persona(&self, id: &str) -> Option<&PersonaEntry> {
        self.personas.iter().find(|entry| entry.persona.id == id)
    }

    /// What people call the persona `id`; the id itself where it is not known.
    pub fn persona_label<'a>(&'a self, id: &'a str) -> &'a str {
        self.persona(id).map_or(id, |entry| entry.persona.label.as_str())
    }
}

/// A model that can be loaded or fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// How it is asked for: an id, or a path.
    pub id: String,
    /// Size of the file in bytes, and where it lies or comes from.
    pub detail: String,
    /// Whether it is on this machine.
    pub is_here: bool,
}
