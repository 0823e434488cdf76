//! Distributions of one pane beside its `p` that are about somebody: one population each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{OrderShown, Pane};

/// The distribution when the model was asked to answer as one of a population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PopulationDistribution {
    /// The population's id.
    pub population: String,
    /// Over the substantive options; sums to 1.
    pub p: Vec<f64>,
    /// Over all options of the question, in its order; sums to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_whole: Option<Vec<f64>>,
    /// Probability of any option.
    pub mass: f64,
    /// As in the pane.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub non_substantive: BTreeMap<String, f64>,
    /// The same in each order in which the options were shown, where there was more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_order: Vec<OrderShown>,
    /// Why the numbers are not to be trusted, where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Pane {
    /// The distribution to compare with `population`: where the model was asked to answer as one of each population, that
    /// population's own, if it was among them; else the pane's.
    pub fn p_for(&self, population: &str) -> Option<&Vec<f64>> {
        if self.by_population.is_empty() {
            return self.p.as_ref();
        }
        self.by_population.iter().find(|own| own.population == population).map(|own| &own.p)
    }

    /// The pane as if it were about one of its populations alone.
    #[must_use]
    pub fn about(&self, own: &PopulationDistribution) -> Self {
        let references = self.references.iter().filter(|reference| reference.population == own.population);
        let references: Vec<_> = references.cloned().collect();
        let is_about = |population: &Option<String>| population.as_ref().is_none_or(|id| *id == own.population);
        Self {
            note: own.note.clone(),
            p: Some(own.p.clone()),
            p_whole: own.p_whole.clone(),
            mass: Some(own.mass),
            non_substantive: own.non_substantive.clone(),
            per_order: own.per_order.clone(),
            reference: references.first().cloned(),
            references,
            measures: self.measures.iter().filter(|measure| is_about(&measure.population)).cloned().collect(),
            by_population: Vec::new(),
            ..self.clone()
        }
    }
}
