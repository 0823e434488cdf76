//! How far a change between two distributions is beyond chance (E11): both sides and the people they are measured against
//! are drawn again together, so that what both distances owe to the same people cancels out.
//!
//! The paired percentile bootstrap of Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 8.3.

use super::bootstrap::{Redraw, Resampling, Sample, check_work};
use super::distribution::Distribution;
use super::error::MeasureError;
use super::interval::{Interval, percentile_interval};
use super::random::SplitMix64;

/// The percentile interval of `measure(second, reference) - measure(first, reference)`: in each round every side with an
/// `n` is drawn again, the reference once for both.
///
/// Fails where no side has an `n`, on sizes of 0, on more work than [`WORK_LIMIT`](super::WORK_LIMIT), and where `measure`
/// fails.
pub fn change_interval<F>(
    first: Sample,
    second: Sample,
    reference: Sample,
    plan: Resampling,
    measure: F,
) -> Result<Interval, MeasureError>
where
    F: Fn(&Distribution, &Distribution) -> Result<f64, MeasureError>,
{
    let change = |first: &Distribution, second: &Distribution, people: &Distribution| {
        Ok(measure(second, people)? - measure(first, people)?)
    };
    paired_interval(first, second, reference, plan, change)
}

/// The percentile interval of `measure(first, second, reference)`, drawn like that of [`change_interval`]: for what is no
/// difference, such as a ratio of two distances.
///
/// Fails like [`change_interval`].
pub fn paired_interval<F>(
    first: Sample,
    second: Sample,
    reference: Sample,
    plan: Resampling,
    measure: F,
) -> Result<Interval, MeasureError>
where
    F: Fn(&Distribution, &Distribution, &Distribution) -> Result<f64, MeasureError>,
{
    if [first, second, reference].iter().all(|side| side.n.is_none()) {
        return Err(MeasureError::NothingToResample);
    }
    let (mut first, mut second, mut people) = (Redraw::new(first)?, Redraw::new(second)?, Redraw::new(reference)?);
    check_work(plan.resamples, &[&first, &second, &people])?;
    let mut random = SplitMix64::new(plan.seed);
    let mut values = Vec::new();
    for _ in 0..plan.resamples {
        for side in [&mut first, &mut second, &mut people] {
            side.draw(&mut random)?;
        }
        values.push(measure(first.current(), second.current(), people.current())?);
    }
    percentile_interval(&mut values, plan.level)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::{LEVEL_95, bootstrap_interval, total_variation};

    fn p(shares: &[f64]) -> Distribution {
        Distribution::new(shares).unwrap()
    }

    const PLAN: Resampling = Resampling { resamples: 2000, seed: 5, level: LEVEL_95 };

    #[test]
    fn the_same_model_twice_has_changed_nothing_whoever_is_drawn() {
        let (model, people) = (p(&[0.2, 0.8]), p(&[0.5, 0.5]));
        let side = |n| Sample { distribution: &model, n };
        let people = Sample { distribution: &people, n: Some(50) };
        let exact = change_interval(side(None), side(None), people, PLAN, total_variation).unwrap();
        assert_eq!((exact.low, exact.high), (0.0, 0.0));
        let sampled = change_interval(side(Some(30)), side(Some(30)), people, PLAN, total_variation).unwrap();
        assert!(sampled.low < -0.05 && sampled.high > 0.05, "{sampled:?}");
    }

    #[test]
    fn pairing_takes_out_what_both_owe_to_the_same_people() {
        let (first, second, people) = (p(&[0.70, 0.30]), p(&[0.80, 0.20]), p(&[0.5, 0.5]));
        let side = |distribution| Sample { distribution, n: None };
        let drawn = Sample { distribution: &people, n: Some(100) };
        // Both models lie on one side of the people, so their distances move together: the change is 0.1 whoever is drawn.
        let paired = change_interval(side(&first), side(&second), drawn, PLAN, total_variation).unwrap();
        assert!((paired.low - 0.1).abs() < 1e-9 && (paired.high - 0.1).abs() < 1e-9, "{paired:?}");
        let alone = bootstrap_interval(side(&first), drawn, PLAN, total_variation).unwrap();
        assert!(alone.high - alone.low > 0.15, "each distance alone is uncertain: {alone:?}");
    }

    #[test]
    fn without_any_size_there_is_nothing_to_draw() {
        let one = p(&[0.5, 0.5]);
        let side = Sample { distribution: &one, n: None };
        let refused = change_interval(side, side, side, PLAN, total_variation);
        assert_eq!(refused, Err(MeasureError::NothingToResample));
        let empty = Sample { n: Some(0), ..side };
        assert!(change_interval(empty, side, side, PLAN, total_variation).is_err());
    }
}
