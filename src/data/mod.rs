//! Packs of questions, personas and wordings: embedded defaults with the user's folders laid over them.
//!
//! [`load`] reads one pack file into the nouns of [`crate::domain`]; [`catalogue`], [`personas`] and [`wordings`] decide
//! which file is in force. A bad line, file or text costs only itself, and says so in a sentence.

pub mod catalogue;
mod file;
pub mod fuzzy;
pub mod load;
pub mod pack;
pub mod personas;
pub mod wordings;

pub use catalogue::{Catalogue, CatalogueError, Origin};
pub use load::{Pack, PackError, PackWarning};
pub use personas::{PersonaEntry, PersonaError, Personas};
pub use wordings::{WordingError, Wordings};
