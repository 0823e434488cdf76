//! The three modes of pluralism (Sorensen et al. 2024).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an answer is asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// For everyone: one answer that covers every reasonable view.
    #[default]
    Overton,
    /// As someone: faithful to a given person, value or group.
    Steered,
    /// As a population: answers divide as a population divides.
    Distribution,
}

impl Mode {
    /// All modes, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Overton, Self::Steered, Self::Distribution];

    /// The name used on the command line and in JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::Overton => "overton",
            Self::Steered => "steered",
            Self::Distribution => "distribution",
        }
    }

    /// What the mode asks for, in one line for somebody new to the field.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Overton => "one answer for everyone: every reasonable view, with its reasons",
            Self::Steered => "the answer as someone: how far a persona moves the model",
            Self::Distribution => "the answer as a population: how the model divides over the options",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A word that is not a mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a mode: use overton, steered or distribution")]
pub struct UnknownMode(pub String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|mode| mode.id() == word).ok_or_else(|| UnknownMode(word.to_owned()))
    }
}
