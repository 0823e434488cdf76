//! Distribution: the answer as a population.

pub(super) mod option_logits;
pub(super) mod random_shots;
pub(super) mod sampled;

use super::compare::{self, Stage};
use super::pane::PaneContext;
use crate::domain::{Measure, Pane};
use crate::measure::{Base, Distribution, entropy};

/// Writes `p` into the pane, beside the populations and with its measures.
fn show(pane: &PaneContext, result: &mut Pane, p: &Distribution, model_n: Option<u64>, stage: Stage) {
    let question = &pane.spec().question;
    result.options = Some(question.substantive().into_iter().map(|index| question.options[index].id.clone()).collect());
    result.p = Some(p.as_slice().to_vec());
    let (references, unknown) = compare::references(pane);
    for reference in &references {
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
