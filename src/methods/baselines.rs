//! What a method has to beat: how far answers lie from a population that come from no model.

use crate::domain::{Measure, Question, Reference};
use crate::measure::{
    Base, Distribution, MeasureError, ScaleOrder, js_distance, oracle_mode, other_groups, total_variation, uniform,
};

/// The distances (Jensen-Shannon in base 2, total variation, and on a scale normalised Wasserstein-1) that equal shares, the
/// population's own most frequent answer, the mean of the other groups of its dimension and the answer that most of these
/// give have to `reference`, over the substantive options. `n` of the last two counts those groups.
pub fn baselines(question: &Question, reference: &Reference) -> Vec<Measure> {
    let Some(q) = substantive(question, reference) else { return Vec::new() };
    let scale = question.positions().and_then(|values| ScaleOrder::new(&values).ok());
    let distances = |name: &str, baseline| distances(name, &q, scale.as_ref(), baseline);
    let others = others(question, reference);
    let n = others.len();
    let mut found = distances("uniform", uniform(&q));
    found.extend(distances("oracle_mode", oracle_mode(&q)));
    if others.is_empty() {
        let why = "the question has figures of no other group of this dimension";
        found.extend(["other_groups", "majority"].map(|name| Measure::absent(&id(name, "js_distance_2"), why)));
    } else {
        let mean = other_groups(&others);
        found.extend(
            distances("majority", mean.clone().and_then(|mean| oracle_mode(&mean))).into_iter().map(|m| m.n(n)),
        );
        found.extend(distances("other_groups", mean).into_iter().map(|measure| measure.n(n)));
    }
    found.into_iter().map(|measure| measure.population(&reference.population)).collect()
}

fn substantive(question: &Question, reference: &Reference) -> Option<Distribution> {
    Distribution::new(&reference.substantive(question)?.0).ok()
}

/// How the other groups answered that slice people the same way: a group of another dimension holds some of the same
/// people, and everybody together holds them all.
fn others(question: &Question, reference: &Reference) -> Vec<Distribution> {
    let dimension = |id: &str| question.population(id).map(|population| population.dimension.as_str());
    let own = dimension(&reference.population);
    let is_other = |other: &&Reference| {
        other.population != reference.population
            && other.basis == reference.basis
            && dimension(&other.population) == own
    };
    question.references.iter().filter(is_other).filter_map(|other| substantive(question, other)).collect()
}

fn id(name: &str, distance: &str) -> String {
    format!("baseline.{name}.{distance}")
}

fn distances(
    name: &str,
    q: &Distribution,
    scale: Option<&ScaleOrder>,
    baseline: Result<Distribution, MeasureError>,
) -> Vec<Measure> {
    let measured = |distance: &str, value: Result<f64, MeasureError>| {
        let id = id(name, distance);
        value.map_or_else(|error| Measure::absent(&id, error.to_string()), |value| Measure::new(&id, value))
    };
    let p = match baseline {
        Ok(p) => p,
        Err(error) => return vec![measured("js_distance_2", Err(error))],
    };
    let mut found =
        vec![measured("js_distance_2", js_distance(&p, q, Base::Two)), measured("tv", total_variation(&p, q))];
    found.extend(scale.map(|scale| measured("w1_normalised", scale.distance(&p, q))));
    found
}
