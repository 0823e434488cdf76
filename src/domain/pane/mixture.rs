//! Weights over the personas of a pane, fitted to people.

use serde::{Deserialize, Serialize};

/// A mixture of the pane's `distributions`: personas weighed so that together they answer as a population did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MixtureShown {
    /// The population that the weights are fitted to.
    pub population: String,
    /// Ids of the other questions of the pack that weights were fitted to, the most similar first; empty where none has
    /// figures of the population.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// The weights that the personas bring along, in the order of `distributions`; they sum to 1.
    pub given: Vec<f64>,
    /// Fitted weights: those of the other questions first, each by every loss.
    pub fits: Vec<MixtureFit>,
}

/// Fitted weights and what they make of the question that is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MixtureFit {
    /// What was made as small as possible: `js_divergence_2`, `squared_error` or `tv`, the mean over the questions.
    pub loss: String,
    /// Whether it was fitted to the other questions and not to this one: only then its distance says how good it is.
    pub held_out: bool,
    /// In the order of `distributions`; they sum to 1.
    pub weights: Vec<f64>,
    /// The loss that is left, in its own unit.
    pub value: f64,
    /// The mixture over the substantive options; sums to 1.
    pub p: Vec<f64>,
    /// Its Jensen-Shannon distance, base 2, to the population.
    pub js_distance_2: f64,
    /// Its total variation to the population.
    pub tv: f64,
}

impl MixtureFit {
    /// The loss for people to read.
    pub fn loss_in_words(&self) -> &str {
        match self.loss.as_str() {
            "js_divergence_2" => "JS divergence",
            "squared_error" => "squared error",
            "tv" => "total variation",
            other => other,
        }
    }
}
