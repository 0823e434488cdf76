//! What stands beside the distribution of a pane: the same answers by another rule, or with the pull of slots taken out
//! (`PriDe`, P5), or with what is answered where nothing is asked (P6).

use super::compare;
use super::elicit::Elicited;
use super::pane::PaneContext;
use super::{LetteredOption, MethodError};
use crate::domain::{CorrectedShown, Measure, Pane};
use crate::measure::{
    Distribution, MeasureError, calibrate_content_free, equal_weights, linear_pool, pride_debias, pride_prior,
    total_variation,
};

/// `p`, made by the rule `by`, as it stands beside the `shown` one.
pub(super) fn beside(
    pane: &PaneContext,
    by: &str,
    p: &Distribution,
    shown: &Distribution,
    note: Option<String>,
) -> CorrectedShown {
    let moved = match total_variation(p, shown) {
        Ok(moved) => Measure::new("corrected.tv", moved),
        Err(error) => Measure::absent("corrected.tv", error.to_string()),
    };
    let measures = [moved].into_iter().chain(compare::distances(pane, p)).collect();
    CorrectedShown { by: by.to_owned(), p: p.as_slice().to_vec(), note, measures }
}

/// What the model prefers by slot alone, as this one question shows it. Fails where its orders cannot tell.
pub(super) fn prior_of(found: &Elicited) -> Result<Distribution, MeasureError> {
    let (orders, slots): (Vec<_>, Vec<_>) =
        found.slots.iter().map(|(order, shares)| (order.clone(), shares.as_slice().to_vec())).unzip();
    pride_prior(&orders, &slots)
}

/// The distribution with `prior` divided out of each order, averaged over the orders.
pub(super) fn without_prior(found: &Elicited, prior: &Distribution) -> Result<Distribution, MeasureError> {
    let mut by_option = Vec::with_capacity(found.slots.len());
    for (order, shares) in &found.slots {
        let debiased = pride_debias(shares, prior)?;
        let mut p = vec![0.0; order.len()];
        for (option, share) in order.iter().zip(debiased.as_slice()) {
            p[*option] = *share;
        }
        by_option.push(Distribution::new(&p)?);
    }
    linear_pool(&by_option, &equal_weights(by_option.len())?)
}

/// The first order's distribution with what is answered where nothing is asked divided out (P6). `each` was read in that
/// order too: whatever a place in the list brings about is in both, and goes with it. In a mean over orders it is averaged
/// out already, so dividing that would correct twice.
pub(super) fn content_free(
    pane: &PaneContext,
    found: &Elicited,
    each: &[Distribution],
) -> Result<CorrectedShown, MethodError> {
    let first = found.per_order.first().map_or_else(|| Ok(found.p.clone()), |first| Distribution::new(&first.p))?;
    let p = calibrate_content_free(&first, each)?;
    let note = "of the first order alone, against the mean of three texts that ask nothing; it corrects too much where \
                such a text is unlike all that the model has read";
    Ok(beside(pane, "content-free", &p, &found.p, Some(note.to_owned())))
}

/// A prior in numbers: how far it is from none, and the share of every slot.
pub(super) fn prior_measures(prior: &Distribution, questions: usize) -> Vec<Measure> {
    let k = prior.len();
    let mut measures = Vec::with_capacity(k + 1);
    let none = Distribution::new(&vec![1.0; k]).map_err(MeasureError::from);
    measures.push(match none.and_then(|none| total_variation(prior, &none)) {
        Ok(tv) => Measure::new("pride.prior_tv", tv).n(questions),
        Err(error) => Measure::absent("pride.prior_tv", error.to_string()),
    });
    let letters = LetteredOption::all(std::iter::repeat_n("", k));
    for (option, share) in letters.iter().zip(prior.as_slice()) {
        measures.push(Measure::new(&format!("pride.prior.{}", option.letter), *share).n(questions));
    }
    measures
}

/// Adds the prior that this question alone shows, and what is left without it. Where its orders cannot tell, that is said.
pub(super) fn own_prior(pane: &PaneContext, result: &mut Pane, found: &Elicited) {
    let debiased = prior_of(found).and_then(|prior| Ok((without_prior(found, &prior)?, prior)));
    match debiased {
        Ok((p, prior)) => {
            let note = "the prior is of this question alone, so a noisy estimate";
            result.measures.extend(prior_measures(&prior, 1));
            result.corrected.push(beside(pane, "pride", &p, &found.p, Some(note.to_owned())));
        }
        Err(_) if found.slots.len() < found.p.len() => result.measures.push(Measure::absent(
            "pride.prior_tv",
            "not every option stood in every slot, for a scale is only turned round",
        )),
        Err(error) => result.measures.push(Measure::absent("pride.prior_tv", error.to_string())),
    }
}
