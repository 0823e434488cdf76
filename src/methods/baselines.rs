//! What a method has to beat: how far answers lie from a population that come from no model.

use crate::domain::{Measure, Question, Reference};
use crate::measure::{
    Base, Distribution, MeasureError, js_distance, oracle_mode, other_groups, total_variation, uniform,
};

/// The distances (Jensen-Shannon in base 2, and total variation) that equal shares, the population's own most frequent
/// answer, and the mean of the other groups of its dimension have to `reference`, over the substantive options. `n` of
/// the last counts those groups.
pub fn baselines(question: &Question, reference: &Reference) -> Vec<Measure> {
    let Some(q) = substantive(question, reference) else { return Vec::new() };
    let others = others(question, reference);
    let n = others.len();
    let mut found = distances("uniform", &q, uniform(&q));
    found.extend(distances("oracle_mode", &q, oracle_mode(&q)));
    if others.is_empty() {
        let why = "the question has figures of no other group of this dimension";
        found.push(Measure::absent("baseline.other_groups.js_distance_2", why));
    } else {
        found.extend(distances("other_groups", &q, other_groups(&others)).into_iter().map(|measure| measure.n(n)));
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

fn distances(name: &str, q: &Distribution, baseline: Result<Distribution, MeasureError>) -> Vec<Measure> {
    let measured = |id: &str, value: Result<f64, MeasureError>| {
        let id = format!("baseline.{name}.{id}");
        value.map_or_else(|error| Measure::absent(&id, error.to_string()), |value| Measure::new(&id, value))
    };
    match baseline {
        Ok(p) => vec![measured("js_distance_2", js_distance(&p, q, Base::Two)), measured("tv", total_variation(&p, q))],
        Err(error) => vec![measured("js_distance_2", Err(error))],
    }
}
