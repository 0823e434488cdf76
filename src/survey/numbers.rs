//! From a run to the numbers that are kept of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answerer::Answerer;
use super::populations::{near, scale_of};
use super::{Reading, Survey};
use crate::domain::{Pane, PaneStatus, Question, Reference, Run};
use crate::measure::{Base, Distribution, entropy, js_distance, total_variation};

/// Numbers of single options, which mean nothing across questions.
const OF_ONE_OPTION: &str = "share.";

/// The reference that distances are to: of the first population asked for that the question knows, or its first.
pub(super) fn reference<'a>(asked: &[String], question: &'a Question) -> Option<&'a Reference> {
    if asked.is_empty() {
        return question.references.first();
    }
    asked.iter().find_map(|population| question.reference(population))
}

/// One reading per pane, and one more per persona of a steered one.
pub(super) fn readings(survey: &mut Survey, question: &Question, run: &Run) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (index, pane) in run.panes.iter().enumerate() {
        let before = pane.before.as_ref().map(|before| (&before.p, before.mass));
        let own = pane.p.as_ref().map(|p| (p, pane.mass.unwrap_or(0.0)));
        let mut reading = read(survey, question, pane, None, own.or(before));
        reading.cost = run.timing.panes.get(index).copied();
        readings.push(reading);
        let personas: Vec<_> = pane.distributions.iter().map(|after| (&after.persona, &after.p, after.mass)).collect();
        for (persona, p, mass) in personas {
            readings.push(read(survey, question, pane, Some(persona), Some((p, mass))));
        }
    }
    readings
}

fn read(
    survey: &mut Survey,
    question: &Question,
    pane: &Pane,
    persona: Option<&str>,
    shares: Option<(&Vec<f64>, f64)>,
) -> Reading {
    let (method, model) = (pane.method.clone(), pane.model.clone());
    let answerer = Answerer { mode: pane.mode, method, model, persona: persona.map(str::to_owned) };
    let answerer = survey.place(&answerer);
    let mut reading = Reading { answerer, status: pane.status, numbers: BTreeMap::new(), near: Vec::new(), cost: None };
    // What was stopped or failed is of a part of the answers: no number for a mean.
    if pane.status != PaneStatus::Done {
        return reading;
    }
    let main = reference(&survey.asked, question);
    let mut put = |id: &str, value: f64| {
        if value.is_finite() {
            let id: Arc<str> = survey.ids.get(id);
            reading.numbers.entry(id).or_insert(value);
        }
    };
    for measure in &pane.measures {
        // What a persona is compared with is its own group.
        let is_of_main = measure.population.is_none()
            || persona.is_some()
            || measure.population.as_deref() == main.map(|reference| reference.population.as_str());
        let is_asked = measure.persona.as_deref() == persona && is_of_main && !measure.id.starts_with(OF_ONE_OPTION);
        if let Some(value) = measure.value.filter(|_| is_asked) {
            put(&measure.id, value);
        }
    }
    let Some((p, mass)) = shares else { return reading };
    put("mass", mass);
    let Ok(p) = Distribution::new(p) else { return reading };
    put("entropy_2", entropy(&p, Base::Two));
    let scale = scale_of(question);
    // As one of each population the model answers otherwise; a persona's answer is one for all.
    let answer_for = |reference: &Reference| match persona {
        None if !pane.by_population.is_empty() => Distribution::new(pane.p_for(&reference.population)?).ok(),
        _ => Some(p.clone()),
    };
    let of_main = main.and_then(|reference| Some((answer_for(reference)?, shares_of(question, reference)?)));
    if let Some((p, q)) = of_main {
        if let Ok(distance) = js_distance(&p, &q, Base::Two) {
            put("js_distance_2", distance);
        }
        if let Ok(distance) = total_variation(&p, &q) {
            put("tv", distance);
        }
        if let Some(distance) = scale.as_ref().and_then(|scale| scale.distance(&p, &q).ok()) {
            put("w1_normalised", distance);
        }
    }
    for reference in &question.references {
        if let (Some(p), Some(q)) = (answer_for(reference), shares_of(question, reference)) {
            let population = survey.population(question, &reference.population);
            reading.near.extend(near(population, &p, &q, scale.as_ref()));
        }
    }
    reading
}

/// Over the substantive options; `None` where nobody gave such an answer.
fn shares_of(question: &Question, reference: &Reference) -> Option<Distribution> {
    Distribution::new(&reference.substantive(question)?.0).ok()
}
