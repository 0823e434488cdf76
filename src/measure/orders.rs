//! Option orders: which to ask in (P4), what they give on average, and the prior over slots they reveal (`PriDe`, P5).

use super::distribution::Distribution;
use super::error::{MeasureError, same_length};
use super::generalised_js::{PairwiseTv, equal_weights, generalised_js_2, linear_pool, pairwise_tv};

/// Up to this many nominal options every permutation is asked; above it the cyclic shifts.
const ALL_ORDERS_UP_TO: usize = 3;
/// Added before a logarithm is taken of a slot's probability (P5).
const FLOOR: f64 = 1e-10;

/// The orders to ask one question in (P4); each lists option indices by slot.
///
/// Nominal options: all k! orders for k <= 3, else the k cyclic shifts, so that every option visits every slot equally
/// often. Ordinal options: forward and reversed, for a shuffled scale means something else. Options that are not
/// substantive ("don't know") keep the last slots in every order.
pub fn option_orders(substantive: &[bool], ordinal: bool) -> Vec<Vec<usize>> {
    let (content, tail): (Vec<usize>, Vec<usize>) = (0..substantive.len()).partition(|&option| substantive[option]);
    let k = content.len();
    let arrangements: Vec<Vec<usize>> = if k <= 1 {
        vec![(0..k).collect()]
    } else if ordinal {
        vec![(0..k).collect(), (0..k).rev().collect()]
    } else if k <= ALL_ORDERS_UP_TO {
        permutations(k)
    } else {
        cyclic_shifts(k)
    };
    let place = |order: Vec<usize>| order.into_iter().map(|i| content[i]).chain(tail.iter().copied()).collect();
    arrangements.into_iter().map(place).collect()
}

/// The k cyclic shifts of 0..k, beginning with the identity.
pub fn cyclic_shifts(k: usize) -> Vec<Vec<usize>> {
    (0..k).map(|shift| (0..k).map(|slot| (slot + shift) % k).collect()).collect()
}

/// All k! permutations of 0..k in lexicographic order. They grow quickly: ask for few options.
pub fn permutations(k: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..k {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                let unused: Vec<usize> = (0..k).filter(|option| !order.contains(option)).collect();
                unused.into_iter().map(move |option| order.iter().copied().chain([option]).collect())
            })
            .collect();
    }
    orders
}

/// What several orders of the same options give together.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderAverage {
    /// Per option, the mean over the orders of the probability of the slot that held it.
    pub p: Distribution,
    /// The same per order, before averaging.
    pub per_order: Vec<Distribution>,
    /// Total variation between the orders, 0 to 1; `None` for a single order.
    pub pairwise: Option<PairwiseTv>,
    /// Generalised Jensen-Shannon divergence among the orders in bits (E3); `None` for a single order.
    pub generalised_js_2: Option<f64>,
}

/// Averages over option orders (P4): `orders[o][slot]` is the option shown in that slot, `slots[o][slot]` its
/// probability. Every row is renormalised; the pool is linear.
///
/// Fails without orders, on rows that are no distribution or no permutation, and on unequal lengths.
pub fn average_orders(orders: &[Vec<usize>], slots: &[Vec<f64>]) -> Result<OrderAverage, MeasureError> {
    same_length(orders.len(), slots.len())?;
    let k = orders.first().ok_or(MeasureError::TooFew { least: 1, found: 0 })?.len();
    let mut per_order = Vec::with_capacity(orders.len());
    for (index, (order, row)) in orders.iter().zip(slots).enumerate() {
        same_length(k, row.len())?;
        let row = Distribution::new(row)?;
        let slot_of = inverse(order, k).ok_or(MeasureError::NotAPermutation { index, last: k.saturating_sub(1) })?;
        let by_option: Vec<f64> = slot_of.iter().map(|&slot| row.as_slice()[slot]).collect();
        per_order.push(Distribution::new(&by_option)?);
    }
    let weights = equal_weights(per_order.len())?;
    let several = per_order.len() > 1;
    Ok(OrderAverage {
        p: linear_pool(&per_order, &weights)?,
        pairwise: if several { Some(pairwise_tv(&per_order)?) } else { None },
        generalised_js_2: if several { Some(generalised_js_2(&per_order, &weights)?) } else { None },
        per_order,
    })
}

/// The slot of each option, if `order` names each of the k options once.
fn inverse(order: &[usize], k: usize) -> Option<Vec<usize>> {
    let mut slot_of = vec![usize::MAX; k];
    for (slot, &option) in order.iter().enumerate() {
        let place = slot_of.get_mut(option).filter(|place| **place == usize::MAX)?;
        *place = slot;
    }
    (order.len() == k).then_some(slot_of)
}

/// Whether every option visits every slot equally often, as in all cyclic shifts or all permutations. Only then does
/// the options' content cancel out of the mean over orders, and what is left is the prior over slots.
pub fn is_balanced(orders: &[Vec<usize>]) -> bool {
    let Some(k) = orders.first().map(Vec::len).filter(|k| *k > 0) else { return false };
    // A square of visits: k slots times k options, counted only when there are orders enough to fill it.
    if !orders.len().is_multiple_of(k) {
        return false;
    }
    let mut visits = vec![0; k * k];
    for order in orders {
        if inverse(order, k).is_none() {
            return false;
        }
        for (slot, option) in order.iter().enumerate() {
            visits[slot * k + option] += 1;
        }
    }
    visits.iter().all(|count| *count == orders.len() / k)
}

/// The prior over slots that one question reveals (`PriDe`, P5): softmax over slots of the mean over orders of the log
/// probability. `slots[o][slot]` as in [`average_orders`], with orders that are [balanced](is_balanced).
///
/// The prior of a model is the mean of this over a calibration set ([`mean_prior`]); it holds for that model, number
/// of options, template and label set. Zheng et al., ICLR 2024. Fails like [`average_orders`], and on unbalanced
/// orders.
pub fn pride_prior(orders: &[Vec<usize>], slots: &[Vec<f64>]) -> Result<Distribution, MeasureError> {
    same_length(orders.len(), slots.len())?;
    if !is_balanced(orders) {
        return Err(MeasureError::UnbalancedOrders);
    }
    let mut logs = vec![0.0; orders[0].len()];
    for row in slots {
        same_length(logs.len(), row.len())?;
        for (sum, share) in logs.iter_mut().zip(Distribution::new(row)?.as_slice()) {
            *sum += (share + FLOOR).ln() / slots.len() as f64;
        }
    }
    Ok(Distribution::softmax(&logs)?)
}

/// The prior of a model: the mean of the priors of its calibration questions (P5). Fails without questions and on
/// unequal lengths.
pub fn mean_prior(per_question: &[Distribution]) -> Result<Distribution, MeasureError> {
    linear_pool(per_question, &equal_weights(per_question.len())?)
}

/// One order's slot probabilities with the model's prior over slots taken out (P5): proportional to
/// `observed / prior`. Fails on unequal lengths.
pub fn pride_debias(observed: &Distribution, prior: &Distribution) -> Result<Distribution, MeasureError> {
    divide_out(observed, prior)
}

/// `p_i / prior_i`, renormalised, with the floor of P5 under both.
pub(super) fn divide_out(p: &Distribution, prior: &Distribution) -> Result<Distribution, MeasureError> {
    same_length(p.len(), prior.len())?;
    let ratio = |(p, prior): (&f64, &f64)| (p + FLOOR).ln() - (prior + FLOOR).ln();
    Ok(Distribution::softmax(&p.as_slice().iter().zip(prior.as_slice()).map(ratio).collect::<Vec<_>>())?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::log_pool;
    use crate::measure::testing::{all_close, close, d};
    use proptest::prelude::*;

    fn vector() -> (Vec<Vec<usize>>, Vec<Vec<f64>>) {
        let slots = vec![vec![0.60, 0.30, 0.10], vec![0.50, 0.20, 0.30], vec![0.40, 0.45, 0.15]];
        (vec![vec![0, 1, 2], vec![1, 2, 0], vec![2, 0, 1]], slots)
    }

    #[test]
    fn vector_of_p4() {
        let (orders, slots) = vector();
        let average = average_orders(&orders, &slots).unwrap();
        for (option, expected) in [[0.60, 0.30, 0.45], [0.30, 0.50, 0.15], [0.10, 0.20, 0.40]].iter().enumerate() {
            let found: Vec<f64> = average.per_order.iter().map(|p| p.as_slice()[option]).collect();
            all_close(&found, expected);
        }
        all_close(average.p.as_slice(), &[0.45, 0.316_667, 0.233_333]);
        let pairwise = average.pairwise.unwrap();
        close(pairwise.mean, 0.316_667);
        close(pairwise.max, 0.35);
        close(average.generalised_js_2.unwrap(), 0.120_746);
        let geometric = log_pool(&average.per_order, &equal_weights(3).unwrap()).unwrap();
        all_close(geometric.as_slice(), &[0.472_876, 0.308_541, 0.218_583]);
    }

    #[test]
    fn vector_of_p5() {
        let (orders, slots) = vector();
        let prior = pride_prior(&orders, &slots).unwrap();
        all_close(prior.as_slice(), &[0.514_685, 0.313_042, 0.172_273]);
        all_close(pride_debias(&d(&slots[0]), &prior).unwrap().as_slice(), &[0.431_034, 0.354_340, 0.214_626]);
        all_close(pride_debias(&d(&[0.5, 0.3, 0.2]), &prior).unwrap().as_slice(), &[0.314_315, 0.310_067, 0.375_619]);
        let model = mean_prior(&[prior, d(&[1.0, 1.0, 1.0])]).unwrap();
        close(model.as_slice()[0], f64::midpoint(0.514_685, 1.0 / 3.0));
        assert!(mean_prior(&[]).is_err());
    }

    #[test]
    fn a_pure_slot_bias_is_taken_out_whole() {
        // A model that only likes the first slot: content is uniform, the prior is its whole answer.
        let row = vec![0.7, 0.2, 0.1];
        let (orders, _) = vector();
        let slots = vec![row.clone(); 3];
        all_close(average_orders(&orders, &slots).unwrap().p.as_slice(), &[1.0 / 3.0; 3]);
        let prior = pride_prior(&orders, &slots).unwrap();
        all_close(prior.as_slice(), &row);
        all_close(pride_debias(&d(&row), &prior).unwrap().as_slice(), &[1.0 / 3.0; 3]);
    }

    #[test]
    fn orders_to_ask_in() {
        assert_eq!(option_orders(&[true, true], false), [[0, 1], [1, 0]]);
        assert_eq!(option_orders(&[true; 3], false).len(), 6);
        assert_eq!(option_orders(&[true; 4], false), [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]]);
        assert_eq!(option_orders(&[true; 5], true), [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]]);
        assert_eq!(option_orders(&[true, false, true], true), [[0, 2, 1], [2, 0, 1]]);
        assert_eq!(option_orders(&[true, false], true), [[0, 1]]);
        assert_eq!(option_orders(&[false, false], false), [[0, 1]]);
        assert_eq!(option_orders(&[], false), [[0usize; 0]]);
        assert_eq!(permutations(4).len(), 24);
    }

    #[test]
    fn balance() {
        assert!(is_balanced(&cyclic_shifts(5)) && is_balanced(&permutations(3)) && is_balanced(&[vec![0]]));
        assert!(!is_balanced(&[vec![0, 1, 2], vec![2, 1, 0]]));
        assert!(!is_balanced(&option_orders(&[true, true, false], false)));
        assert!(!is_balanced(&[]) && !is_balanced(&[vec![]]) && !is_balanced(&[vec![0, 0], vec![1, 1]]));
        let forward_and_back = [vec![0, 1, 2], vec![2, 1, 0]];
        let slots = [vec![1.0; 3], vec![1.0; 3]];
        assert_eq!(pride_prior(&forward_and_back, &slots), Err(MeasureError::UnbalancedOrders));
    }

    #[test]
    fn misfits_are_errors() {
        let row = vec![0.5, 0.5];
        let run = |orders: &[Vec<usize>], slots: &[Vec<f64>]| average_orders(orders, slots);
        let bad = Err(MeasureError::NotAPermutation { index: 0, last: 1 });
        assert_eq!(run(&[vec![0, 0]], std::slice::from_ref(&row)), bad);
        assert_eq!(run(&[vec![0, 2]], std::slice::from_ref(&row)), bad);
        assert!(run(&[vec![0, 1]], &[vec![1.0]]).is_err());
        assert!(run(&[vec![0, 1], vec![0]], &[row.clone(), row.clone()]).is_err());
        assert!(run(&[], &[]).is_err());
        assert!(run(&[vec![]], &[vec![]]).is_err());
        let single = run(&[vec![1, 0]], &[vec![0.9, 0.1]]).unwrap();
        all_close(single.p.as_slice(), &[0.1, 0.9]);
        assert_eq!((single.pairwise, single.generalised_js_2), (None, None));
    }

    proptest! {
        #[test]
        fn an_order_fair_model_is_left_alone(values in prop::collection::vec(0.01..1.0f64, 2..6)) {
            // Its slot probabilities follow the content, so every order agrees.
            let p = Distribution::new(&values).unwrap();
            let orders = option_orders(&vec![true; values.len()], false);
            let shown = |order: &Vec<usize>| order.iter().map(|&option| p.as_slice()[option]).collect();
            let average = average_orders(&orders, &orders.iter().map(shown).collect::<Vec<_>>()).unwrap();
            all_close(average.p.as_slice(), p.as_slice());
            prop_assert!(average.pairwise.unwrap().max < 1e-12);
        }
    }
}
