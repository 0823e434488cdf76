//! Disagreement among several distributions over the same options: agents, option orders, wordings, seeds (E3), and
//! how they are pooled into one.

use super::distribution::Distribution;
use super::divergence::{Base, total_variation};
use super::entropy::entropy;
use super::error::{MeasureError, same_length};

/// Most additions that [`pairwise_tv`] does: about half a second.
const PAIRWISE_LIMIT: u64 = 400_000_000;

/// Generalised Jensen-Shannon divergence (E3) in bits: the entropy of the pool less the mean entropy of its members,
/// under `weights` (renormalised). 0 if all agree, at most `log2 m`. Lin, IEEE Transactions on Information Theory 37,
/// 1991.
///
/// Fails without members and on unequal lengths.
pub fn generalised_js_2(members: &[Distribution], weights: &Distribution) -> Result<f64, MeasureError> {
    let pool = entropy(&linear_pool(members, weights)?, Base::Two);
    let mean: f64 = members.iter().zip(weights.as_slice()).map(|(p, w)| w * entropy(p, Base::Two)).sum();
    Ok((pool - mean).max(0.0))
}

/// Stability, `1 - gJS / log2 m` for equal weights: 1 if all agree, 0 if no two share an option.
///
/// Fails with fewer than two members and on unequal lengths.
pub fn stability(members: &[Distribution]) -> Result<f64, MeasureError> {
    if members.len() < 2 {
        return Err(MeasureError::TooFew { least: 2, found: members.len() });
    }
    let gjs = generalised_js_2(members, &equal_weights(members.len())?)?;
    Ok((1.0 - gjs / (members.len() as f64).log2()).clamp(0.0, 1.0))
}

/// The weight 1/m for each of `m` members; fails for `m` = 0.
pub fn equal_weights(m: usize) -> Result<Distribution, MeasureError> {
    Ok(Distribution::new(&vec![1.0; m])?)
}

/// Linear pool: the weighted mean of the members, option by option. It keeps every option that somebody holds.
///
/// Fails without members and on unequal lengths.
pub fn linear_pool(members: &[Distribution], weights: &Distribution) -> Result<Distribution, MeasureError> {
    let mut pool = vec![0.0; same_options(members, weights)?];
    for (p, w) in members.iter().zip(weights.as_slice()) {
        for (sum, share) in pool.iter_mut().zip(p.as_slice()) {
            *sum += w * share;
        }
    }
    Ok(Distribution::new(&pool)?)
}

/// Logarithmic pool: the weighted geometric mean, renormalised. An option that any member with a weight rules out is
/// ruled out.
///
/// Fails without members, on unequal lengths, and where no option is left.
pub fn log_pool(members: &[Distribution], weights: &Distribution) -> Result<Distribution, MeasureError> {
    let mut logs = vec![0.0; same_options(members, weights)?];
    for (p, &w) in members.iter().zip(weights.as_slice()).filter(|(_, w)| **w > 0.0) {
        for (sum, share) in logs.iter_mut().zip(p.as_slice()) {
            *sum += w * share.ln();
        }
    }
    Distribution::softmax(&logs).map_err(|_| MeasureError::DisjointSupport)
}

/// Mean and largest total variation over all pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairwiseTv {
    /// Mean over the pairs, 0 to 1.
    pub mean: f64,
    /// The largest of the pairs, 0 to 1.
    pub max: f64,
}

/// Total variation (E4) between every two members.
///
/// Fails with fewer than two members, on unequal lengths, and where the pairs are too many for a live measure.
pub fn pairwise_tv(members: &[Distribution]) -> Result<PairwiseTv, MeasureError> {
    let m = members.len();
    if m < 2 {
        return Err(MeasureError::TooFew { least: 2, found: m });
    }
    let pairs = (m as u64).saturating_mul(m as u64 - 1) / 2;
    let work = pairs.saturating_mul(members[0].len() as u64);
    if work > PAIRWISE_LIMIT {
        return Err(MeasureError::TooMuchWork { work, limit: PAIRWISE_LIMIT });
    }
    let (mut sum, mut max) = (0.0, 0.0);
    for (index, p) in members.iter().enumerate() {
        for q in &members[index + 1..] {
            let tv = total_variation(p, q)?;
            sum += tv;
            max = f64::max(max, tv);
        }
    }
    Ok(PairwiseTv { mean: sum / pairs as f64, max })
}

/// The common number of options, after checking that members and weights fit together.
fn same_options(members: &[Distribution], weights: &Distribution) -> Result<usize, MeasureError> {
    let first = members.first().ok_or(MeasureError::TooFew { least: 1, found: 0 })?;
    same_length(members.len(), weights.len())?;
    for member in members {
        same_length(first.len(), member.len())?;
    }
    Ok(first.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{all_close, any_distribution, any_pair, close, d};
    use crate::measure::{js_distance, js_divergence, kl_divergence};
    use proptest::prelude::*;

    #[test]
    fn three_voices() {
        let voices = [d(&[0.8, 0.2]), d(&[0.5, 0.5]), d(&[0.2, 0.8])];
        close(generalised_js_2(&voices, &equal_weights(3).unwrap()).unwrap(), 0.185_381);
        close(generalised_js_2(&voices, &d(&[0.5, 0.25, 0.25])).unwrap(), 0.192_262);
        close(stability(&voices).unwrap(), 1.0 - 0.185_381 / 3f64.log2());
        let pairs = pairwise_tv(&voices).unwrap();
        close(pairs.mean, 0.4);
        close(pairs.max, 0.6);
    }

    #[test]
    fn pools() {
        let voices = [d(&[0.8, 0.2]), d(&[0.5, 0.5]), d(&[0.1, 0.9])];
        let equal = equal_weights(3).unwrap();
        all_close(linear_pool(&voices, &equal).unwrap().as_slice(), &[0.466_667, 0.533_333]);
        all_close(log_pool(&voices, &equal).unwrap().as_slice(), &[0.432_831, 0.567_169]);
    }

    #[test]
    fn log_pool_of_opposites_does_not_exist_but_weightless_members_do_not_matter() {
        let voices = [d(&[1.0, 0.0]), d(&[0.0, 1.0])];
        assert_eq!(log_pool(&voices, &equal_weights(2).unwrap()), Err(MeasureError::DisjointSupport));
        all_close(log_pool(&voices, &d(&[1.0, 0.0])).unwrap().as_slice(), &[1.0, 0.0]);
        close(stability(&voices).unwrap(), 0.0);
    }

    #[test]
    fn misfits_are_errors() {
        let ragged = [d(&[1.0, 1.0]), d(&[1.0])];
        assert!(generalised_js_2(&ragged, &equal_weights(2).unwrap()).is_err());
        assert!(generalised_js_2(&ragged[..1], &equal_weights(2).unwrap()).is_err());
        assert!(generalised_js_2(&[], &equal_weights(1).unwrap()).is_err());
        assert_eq!(stability(&ragged[..1]), Err(MeasureError::TooFew { least: 2, found: 1 }));
        assert!(pairwise_tv(&ragged).is_err());
        assert!(matches!(pairwise_tv(&vec![d(&[0.5; 100]); 4000]), Err(MeasureError::TooMuchWork { .. })));
    }

    proptest! {
        #[test]
        fn two_members_give_the_js_divergence((p, q) in any_pair()) {
            let gjs = generalised_js_2(&[p.clone(), q.clone()], &equal_weights(2).unwrap()).unwrap();
            prop_assert!((gjs - js_divergence(&p, &q, Base::Two).unwrap()).abs() < 1e-12);
        }

        #[test]
        fn symmetric_bounded_and_zero_iff_equal((p, q) in any_pair()) {
            for base in [Base::Two, Base::E] {
                let there = js_distance(&p, &q, base).unwrap();
                prop_assert!(there.to_bits() == js_distance(&q, &p, base).unwrap().to_bits());
                prop_assert!((0.0..=base.of_nats(std::f64::consts::LN_2).sqrt()).contains(&there));
                prop_assert!((there == 0.0) == (p == q));
                prop_assert!(js_distance(&p, &p, base).unwrap() == 0.0);
            }
            let tv = total_variation(&p, &q).unwrap();
            let js = js_divergence(&p, &q, Base::Two).unwrap();
            let h = crate::measure::hellinger(&p, &q).unwrap();
            prop_assert!((0.0..=1.0).contains(&tv) && (0.0..=1.0).contains(&h));
            // Lin 1991: JS <= TV; and H^2 <= TV <= sqrt(2) H.
            prop_assert!(js <= tv + 1e-12 && h * h <= tv + 1e-12 && tv <= h * 2f64.sqrt() + 1e-12);
            // Pinsker: TV <= sqrt(KL / 2) in nats.
            if let Some(kl) = kl_divergence(&p, &q, Base::E).unwrap() {
                prop_assert!(tv <= (kl / 2.0).sqrt() + 1e-9);
            }
        }

        #[test]
        fn names_of_options_do_not_matter((p, q) in any_pair(), turn in 0usize..6) {
            let renamed = |d: &Distribution| {
                let mut values = d.as_slice().to_vec();
                let k = values.len();
                values.rotate_left(turn % k);
                Distribution::new(&values).unwrap()
            };
            let (a, b) = (renamed(&p), renamed(&q));
            let (old, new) = (js_divergence(&p, &q, Base::Two).unwrap(), js_divergence(&a, &b, Base::Two).unwrap());
            prop_assert!((old - new).abs() < 1e-12);
            prop_assert!((total_variation(&p, &q).unwrap() - total_variation(&a, &b).unwrap()).abs() < 1e-12);
            prop_assert!((entropy(&p, Base::Two) - entropy(&a, Base::Two)).abs() < 1e-12);
        }

        #[test]
        fn stability_is_a_share(members in prop::collection::vec(any_distribution(4), 2..6)) {
            prop_assert!((0.0..=1.0).contains(&stability(&members).unwrap()));
            prop_assert!(stability(&vec![members[0].clone(); 3]).unwrap() > 1.0 - 1e-12);
        }
    }
}
