//! Reference data: how populations answered.

use serde::{Deserialize, Serialize};

use super::{Question, Role};

/// A named group of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population {
    /// Dotted: `us.party.democrat`.
    pub id: String,
    /// For people to read.
    pub label: String,
    /// What it is a slice of: `party`, `age`, `all`, …
    pub dimension: String,
    /// How to name it to a model: "a person under 30".
    pub prompt: Option<String>,
}

/// How one population answered one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The population's id.
    pub population: String,
    /// Where the numbers come from; only some of them are human data.
    pub basis: Basis,
    /// Year of the field work.
    pub year: Option<i32>,
    /// Number of people asked, unweighted.
    pub n: Option<u64>,
    /// Whether the shares are weighted to the population.
    pub weighted: bool,
    /// One share per option of the question, in its order; they sum to 1 (for a choice between options).
    pub shares: Vec<f64>,
    /// The source it is taken from.
    pub source: Option<String>,
    /// What has to be said beside the figures.
    pub note: Option<String>,
}

impl Reference {
    /// Shares of the substantive options alone, renormalised, and the share that was dropped. `None` when nobody gave
    /// a substantive answer.
    pub fn substantive(&self, question: &Question) -> Option<(Vec<f64>, f64)> {
        let kept: Vec<f64> = question
            .options
            .iter()
            .zip(&self.shares)
            .filter(|(option, _)| option.role == Role::Substantive)
            .map(|(_, share)| *share)
            .collect();
        let sum: f64 = kept.iter().sum();
        let all: f64 = self.shares.iter().sum();
        (sum > 0.0 && all > 0.0).then(|| (kept.iter().map(|share| share / sum).collect(), 1.0 - sum / all))
    }

    /// People whose answer counts in [`Reference::substantive`].
    pub fn substantive_n(&self, question: &Question) -> Option<u64> {
        let (_, dropped) = self.substantive(question)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count, rounded")]
        self.n.map(|n| ((n as f64) * (1.0 - dropped)).round() as u64)
    }
}

/// Where the numbers of a reference come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// A survey of people.
    Survey,
    /// People who rated or labelled.
    Annotators,
    /// A convention of a data set, not people.
    Agreed,
    /// Equal shares by convention, not people.
    Uniform,
    /// Written by a model.
    Model,
}

impl Basis {
    /// Whether people gave these answers; only then may it be called human.
    pub fn is_human(self) -> bool {
        matches!(self, Self::Survey | Self::Annotators)
    }

    /// The name used in JSON and packs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Survey => "survey",
            Self::Annotators => "annotators",
            Self::Agreed => "agreed",
            Self::Uniform => "uniform",
            Self::Model => "model",
        }
    }
}
