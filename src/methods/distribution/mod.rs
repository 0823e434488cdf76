//! Distribution: the answer as a population.

pub(super) mod calibrated;
pub(super) mod debiased;
pub(super) mod few_shot;
pub(super) mod option_logits;
pub(super) mod option_text;
pub(super) mod persona_mixture;
pub(super) mod population_prompt;
pub(super) mod random_shots;
pub(super) mod sampled;
pub(super) mod sequence;
mod stated;
pub(super) mod verbalised;

use super::compare::{self, Stage};
use super::elicit::MOST_OPTIONS;
use super::pane::PaneContext;
use super::{MethodError, RunSpec};
use crate::domain::{Measure, Pane, Question, Reference};
use crate::measure::{Base, Distribution, entropy};

/// How to name one of the people the model is compared with ("a person under 35"), where there are such people.
fn person(pane: &PaneContext) -> Option<&str> {
    let (references, _) = compare::references(pane);
    let reference = references.first().filter(|reference| reference.basis.is_human())?;
    pane.spec().question.population(&reference.population)?.prompt.as_deref()
}

/// Bytes that naming such a person adds to a prompt, with the sentence around it.
fn person_bytes(spec: &RunSpec) -> usize {
    const SENTENCE: usize = 20;
    let population = spec.populations.first().or_else(|| Some(&spec.question.references.first()?.population));
    let named = population.and_then(|id| spec.question.population(id)?.prompt.as_ref());
    named.map_or(0, |person| SENTENCE + person.len())
}

/// Why letters cannot stand for the options, where they cannot.
fn too_many_letters(question: &Question) -> Option<MethodError> {
    let count = question.options.len();
    (count > MOST_OPTIONS).then(|| {
        MethodError::Question(format!(
            "the question has {count} options and there are letters for {MOST_OPTIONS}; use the method sampled or option-text"
        ))
    })
}

/// Writes `p` into the pane, beside the populations and with its measures.
fn show(pane: &PaneContext, result: &mut Pane, p: &Distribution, model_n: Option<u64>, stage: Stage) {
    show_each(pane, result, p, |_| Some(p), model_n, stage);
    if model_n.is_none() {
        show_whole(pane, result, None, stage);
    }
}

/// Compares what the pane has of all options, with those that give no opinion: `counted` answers, `None` where it is exact.
fn show_whole(pane: &PaneContext, result: &mut Pane, counted: Option<u64>, stage: Stage) {
    let Some(whole) = result.p_whole.as_deref().and_then(|whole| Distribution::new(whole).ok()) else { return };
    for reference in compare::references(pane).0 {
        result.measures.extend(compare::with_refusals(pane, &whole, counted, reference, stage));
    }
}

/// The same, where each population is compared with a distribution of its own; those without one are left out.
fn show_each<'a>(
    pane: &PaneContext,
    result: &mut Pane,
    p: &Distribution,
    of: impl Fn(&Reference) -> Option<&'a Distribution>,
    model_n: Option<u64>,
    stage: Stage,
) {
    let question = &pane.spec().question;
    result.options = Some(question.substantive().into_iter().map(|index| question.options[index].id.clone()).collect());
    result.p = Some(p.as_slice().to_vec());
    let (references, unknown) = compare::references(pane);
    for reference in &references {
        let Some(p) = of(reference) else { continue };
        if let Some(shown) = compare::shown(question, reference) {
            if result.reference.is_none() {
                result.reference = Some(shown.clone());
            }
            result.references.push(shown);
        }
        result.measures.extend(compare::measures(pane, p, model_n, reference, stage));
    }
    if references.iter().any(|reference| reference.weighted && reference.n.is_some()) {
        result.add_note("the survey is weighted: intervals and noise floors are those of a simple sample of its size, so too narrow");
    }
    for population in unknown {
        result.add_note(&format!("the question has no figures of `{population}`"));
    }
    if references.is_empty() {
        result.add_note("the question has no human reference to compare with");
    }
    result.measures.push(Measure::new("entropy_2", entropy(p, Base::Two)));
}

/// `whole`, over all options of `question`, with its opinions divided as `p` says.
fn with_opinions(question: &Question, whole: &Distribution, p: &Distribution) -> Vec<f64> {
    let mut shares = whole.as_slice().to_vec();
    let places = question.substantive();
    let opinions: f64 = places.iter().map(|place| shares[*place]).sum();
    for (place, share) in places.into_iter().zip(p.as_slice()) {
        shares[place] = opinions * share;
    }
    shares
}

/// Says in the pane why there is no distribution.
fn show_nothing(pane: &PaneContext, result: &mut Pane, why: &str) {
    let question = &pane.spec().question;
    result.options = Some(question.substantive().into_iter().map(|index| question.options[index].id.clone()).collect());
    result.add_note(&format!("there is no distribution: {why}"));
    result.measures.push(Measure::absent("js_distance_2", why));
}
