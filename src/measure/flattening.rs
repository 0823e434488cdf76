//! Persona flattening: whether personas can be told apart at all, against chance relabelling of their own answers.

use super::distribution::Distribution;
use super::divergence::{Base, js_distance};
use super::error::{MeasureError, same_length};
use super::generalised_js::{equal_weights, linear_pool};
use super::random::SplitMix64;

/// So many relabellings are tried one by one; of more, as many are drawn.
const RELABELLINGS: u64 = 1999;
/// Below this a difference counts as one that chance does not make.
pub const DISTINGUISHABLE: f64 = 0.05;
/// Distances that differ by less are ties.
const TIE: f64 = 1e-12;

/// How far personas lie apart, and how far they would without any meaning in who is who.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flattening {
    /// Mean Jensen-Shannon distance (base 2, 0 to 1) over all pairs of personas, each averaged over its blocks.
    pub mean_pairwise: f64,
    /// The mean of the same under relabelling.
    pub null_mean: f64,
    /// The 95 % quantile of the same under relabelling.
    pub null_95: f64,
    /// The share of relabellings, the true one among them, under which personas lie as far apart or farther.
    pub p_value: f64,
    /// The least `p_value` that so few personas and blocks allow.
    pub least_p: f64,
}

impl Flattening {
    /// Whether the personas differ by more than relabelling makes them: `None` where there are too few personas or blocks to
    /// ever show it.
    pub fn is_distinguishable(&self) -> Option<bool> {
        (self.least_p < DISTINGUISHABLE).then_some(self.p_value < DISTINGUISHABLE)
    }
}

/// The permutation test. `cells` has a row a persona with a distribution a block; a block is one order of the options, or one
/// wording in one order. If personas meant nothing, it would be chance within each block which of its answers goes with which
/// persona; so their labels are exchanged within each block, and the mean pairwise distance of the averages is computed anew.
/// A persona that shifts every block alike stands out; blocks that differ for other reasons do not.
///
/// All relabellings are tried where they are few, else seeded ones. Fails with fewer than two personas, without blocks, and
/// on unequal lengths.
pub fn flattening(cells: &[Vec<Distribution>], seed: u64) -> Result<Flattening, MeasureError> {
    let personas = cells.len();
    if personas < 2 {
        return Err(MeasureError::TooFew { least: 2, found: personas });
    }
    let blocks = cells[0].len();
    cells.iter().try_for_each(|cells| same_length(cells.len(), blocks))?;
    let true_labels = vec![(0..personas).collect::<Vec<_>>(); blocks];
    let mean_pairwise = apart(cells, &true_labels)?;
    // The labels of the first block name the personas; the others are exchanged against it.
    let orders: u64 = (1..=personas as u64).try_fold(1u64, |all, next| all.checked_mul(next)).unwrap_or(u64::MAX);
    let exponent = u32::try_from(blocks.saturating_sub(1)).unwrap_or(u32::MAX);
    let relabellings = orders.checked_pow(exponent).unwrap_or(u64::MAX);
    let mut values = Vec::new();
    if relabellings <= RELABELLINGS + 1 {
        let orders = super::orders::permutations(personas);
        for number in 0..relabellings {
            let mut rest = usize::try_from(number).unwrap_or(usize::MAX);
            let mut labels = true_labels.clone();
            for block in labels.iter_mut().skip(1) {
                block.clone_from(&orders[rest % orders.len()]);
                rest /= orders.len();
            }
            values.push(apart(cells, &labels)?);
        }
    } else {
        let mut random = SplitMix64::new(seed);
        values.push(mean_pairwise);
        for _ in 0..RELABELLINGS {
            let mut labels = true_labels.clone();
            labels.iter_mut().for_each(|block| shuffle(block, &mut random));
            values.push(apart(cells, &labels)?);
        }
    }
    let n = values.len() as f64;
    let as_far = values.iter().filter(|value| **value >= mean_pairwise - TIE).count();
    let null_mean = values.iter().sum::<f64>() / n;
    let null_95 = super::interval::percentile_interval(&mut values, 0.9)?.high;
    Ok(Flattening {
        mean_pairwise,
        null_mean,
        null_95,
        p_value: as_far as f64 / n,
        // Exchanging all labels of all blocks alike changes nothing, which `relabellings` leaves out already.
        least_p: 1.0 / n.min(relabellings as f64),
    })
}

/// Mean pairwise distance of the averages over blocks, where `labels[block][persona]` says whose answer goes with a persona.
fn apart(cells: &[Vec<Distribution>], labels: &[Vec<usize>]) -> Result<f64, MeasureError> {
    let weights = equal_weights(labels.len())?;
    let average = |persona: usize| {
        let own: Vec<_> =
            labels.iter().enumerate().map(|(block, label)| cells[label[persona]][block].clone()).collect();
        linear_pool(&own, &weights)
    };
    let averages = (0..cells.len()).map(average).collect::<Result<Vec<_>, _>>()?;
    let (mut sum, mut pairs) = (0.0, 0u32);
    for (index, one) in averages.iter().enumerate() {
        for other in &averages[..index] {
            sum += js_distance(one, other, Base::Two)?;
            pairs += 1;
        }
    }
    Ok(sum / f64::from(pairs))
}

/// Fisher and Yates.
fn shuffle(labels: &mut [usize], random: &mut SplitMix64) {
    for last in (1..labels.len()).rev() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the length, not negative")]
        let other = (random.uniform() * (last + 1) as f64) as usize;
        labels.swap(last, other.min(last));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{any_distribution, d};
    use proptest::prelude::*;

    /// Personas that shift each block alike.
    fn distinct(personas: usize, blocks: usize) -> Vec<Vec<Distribution>> {
        let cell = |persona: usize, block: usize| {
            let share = 0.2 + 0.6 * persona as f64 / (personas - 1) as f64;
            d(&[share + 0.1 * block as f64, 1.0 - share])
        };
        (0..personas).map(|persona| (0..blocks).map(|block| cell(persona, block)).collect()).collect()
    }

    #[test]
    fn personas_that_mean_something_stand_out() {
        let found = flattening(&distinct(4, 4), 1).unwrap();
        assert!(found.p_value < 0.01 && found.mean_pairwise > found.null_95, "{found:?}");
        assert_eq!(found.is_distinguishable(), Some(true));
    }

    #[test]
    fn personas_that_are_one_are_flat() {
        let same = vec![vec![d(&[0.7, 0.3]), d(&[0.2, 0.8]), d(&[0.5, 0.5])]; 4];
        let found = flattening(&same, 1).unwrap();
        assert!(found.mean_pairwise < 1e-12 && found.p_value > 0.99);
        assert_eq!(found.is_distinguishable(), Some(false));
    }

    #[test]
    fn too_few_to_ever_tell() {
        // Two personas in two orders: the labels of one block can be exchanged or not.
        let found = flattening(&distinct(2, 2), 1).unwrap();
        assert!((found.p_value - 0.5).abs() < 1e-12 && (found.least_p - 0.5).abs() < 1e-12);
        assert_eq!(found.is_distinguishable(), None);
        assert!(flattening(&distinct(2, 2)[..1], 1).is_err());
        assert!(flattening(&[vec![], vec![]], 1).is_err());
        assert!(flattening(&[vec![d(&[1.0])], vec![]], 1).is_err());
    }

    /// Where labels are chance, every p value is as likely as any other.
    #[test]
    fn chance_is_called_a_difference_as_often_as_it_says() {
        let mut random = SplitMix64::new(3);
        let alarms = (0..400u64).filter(|trial| {
            let mut cell = || d(&[0.1 + random.uniform(), 0.1 + random.uniform(), 0.1 + random.uniform()]);
            let cells: Vec<Vec<_>> = (0..3).map(|_| (0..3).map(|_| cell()).collect()).collect();
            flattening(&cells, *trial).unwrap().p_value < DISTINGUISHABLE
        });
        // 5 % of 400, within four standard deviations.
        let alarms = alarms.count();
        assert!((3..=37).contains(&alarms), "{alarms}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn names_of_personas_and_options_do_not_matter(
            cells in prop::collection::vec(prop::collection::vec(any_distribution(3), 2), 3), turn in 0usize..3
        ) {
            let found = flattening(&cells, 1).unwrap();
            let mut turned = cells.clone();
            turned.rotate_left(turn);
            let again = flattening(&turned, 1).unwrap();
            prop_assert!((found.mean_pairwise - again.mean_pairwise).abs() < 1e-9);
            prop_assert!((found.p_value - again.p_value).abs() < 1e-9 && found.p_value >= found.least_p - 1e-12);
        }
    }
}
