//! Noise floor (E11): what a measure is on average when the model is perfect and only sampling makes a difference.
//! A measured distance below it says nothing.

use super::bootstrap::{Redraw, Sample, check_work};
use super::distribution::Distribution;
use super::error::MeasureError;
use super::random::SplitMix64;

/// Most numbers that are visited to find a floor exactly: about 20 ms.
const EXACT_WORK: u64 = 1_000_000;

/// A noise floor and how it was obtained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseFloor {
    /// The expected value of the measure, in its own unit.
    pub value: f64,
    /// Where it comes from.
    pub route: FloorRoute,
}

/// How a noise floor was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloorRoute {
    /// Over all possible counts, each with its multinomial probability: exact.
    Enumerated,
    /// The mean of this many seeded draws.
    Drawn(u64),
}

/// The expected value of `measure(model, reference)` when the model's `model_n` answers and the reference's
/// `reference_n` people are both drawn from `reference` itself; `None` is a side without sampling noise.
///
/// One noisy side with few possible counts is enumerated, everything else is the mean over `draws` draws from `seed`.
/// Fails where neither side is a sample, on sizes of 0, on too much work, and where `measure` fails.
pub fn noise_floor<F>(
    reference: &Distribution,
    model_n: Option<u64>,
    reference_n: Option<u64>,
    draws: u64,
    seed: u64,
    measure: F,
) -> Result<NoiseFloor, MeasureError>
where
    F: Fn(&Distribution, &Distribution) -> Result<f64, MeasureError>,
{
    let exact = |n: u64| {
        n <= EXACT_WORK && compositions(n, support(reference)).saturating_mul(reference.len() as u64) <= EXACT_WORK
    };
    match (model_n, reference_n) {
        (None, None) => return Err(MeasureError::NothingToResample),
        (Some(n), None) if exact(n) => return enumerated(reference, n, |drawn| measure(drawn, reference)),
        (None, Some(n)) if exact(n) => return enumerated(reference, n, |drawn| measure(reference, drawn)),
        _ => {}
    }
    let mut model = Redraw::new(Sample { distribution: reference, n: model_n })?;
    let mut people = Redraw::new(Sample { distribution: reference, n: reference_n })?;
    check_work(draws, &[&model, &people])?;
    let mut random = SplitMix64::new(seed);
    let mut sum = 0.0;
    for _ in 0..draws {
        model.draw(&mut random)?;
        people.draw(&mut random)?;
        sum += measure(model.current(), people.current())?;
    }
    Ok(NoiseFloor { value: sum / draws as f64, route: FloorRoute::Drawn(draws) })
}

/// The exact expected value of `functional` of `n` answers drawn from `reference`.
fn enumerated<F>(reference: &Distribution, n: u64, functional: F) -> Result<NoiseFloor, MeasureError>
where
    F: Fn(&Distribution) -> Result<f64, MeasureError>,
{
    if n == 0 {
        return Err(MeasureError::Zero("the size of a sample"));
    }
    let mut ln_factorial = vec![0.0];
    let mut sum = 0.0;
    for count in 1..=n {
        sum += (count as f64).ln();
        ln_factorial.push(sum);
    }
    let shares = reference.as_slice();
    let mut walk = Enumeration {
        options: (0..shares.len()).filter(|&option| shares[option] > 0.0).map(|o| (o, shares[o].ln())).collect(),
        ln_factorial,
        counts: vec![0; shares.len()],
        functional,
        total: 0.0,
        weighted: 0.0,
    };
    walk.visit(0, usize::try_from(n).unwrap_or(usize::MAX), 0.0)?;
    Ok(NoiseFloor { value: walk.weighted / walk.total, route: FloorRoute::Enumerated })
}

/// A walk over all counts of n answers on the options with a share.
struct Enumeration<F> {
    /// Index and log share of each option that can be drawn.
    options: Vec<(usize, f64)>,
    ln_factorial: Vec<f64>,
    counts: Vec<u64>,
    functional: F,
    /// Sum of the probabilities, 1 but for rounding.
    total: f64,
    weighted: f64,
}

impl<F: Fn(&Distribution) -> Result<f64, MeasureError>> Enumeration<F> {
    /// Shares out the `left` answers from the option at `depth` on; `ln_mass` is the log probability so far.
    fn visit(&mut self, depth: usize, left: usize, ln_mass: f64) -> Result<(), MeasureError> {
        let (option, ln_share) = self.options[depth];
        let is_last = depth + 1 == self.options.len();
        for count in if is_last { left } else { 0 }..=left {
            self.counts[option] = count as u64;
            let ln_mass = ln_mass + count as f64 * ln_share - self.ln_factorial[count];
            if is_last {
                let n = self.ln_factorial.len() - 1;
                let mass = (ln_mass + self.ln_factorial[n]).exp();
                self.total += mass;
                self.weighted += mass * (self.functional)(&Distribution::from_counts(&self.counts)?)?;
            } else {
                self.visit(depth + 1, left - count, ln_mass)?;
            }
        }
        Ok(())
    }
}

/// The number of options that can be drawn.
fn support(p: &Distribution) -> u64 {
    p.as_slice().iter().filter(|share| **share > 0.0).count() as u64
}

/// In how many ways `n` answers fall on `k` options, saturating: the binomial coefficient of n + k - 1 over k - 1.
fn compositions(n: u64, k: u64) -> u64 {
    let mut ways: u64 = 1;
    for step in 1..=n.min(k.saturating_sub(1)) {
        let top = u128::from(n) + u128::from(k) - u128::from(step);
        match u64::try_from(u128::from(ways) * top / u128::from(step)) {
            Ok(next) if next <= EXACT_WORK => ways = next,
            _ => return u64::MAX,
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{any_distribution, d};
    use crate::measure::{Base, Positions, js_distance, js_divergence, total_variation, wasserstein_1_normalised};
    use proptest::prelude::*;

    fn js(p: &Distribution, q: &Distribution) -> Result<f64, MeasureError> {
        js_distance(p, q, Base::Two)
    }

    #[test]
    fn table_of_uniform_references() {
        for (k, n, floors) in [
            (2, 10, [0.0200, 0.1082, 0.1230, 0.1230]),
            (2, 30, [0.0062, 0.0620, 0.0722, 0.0722]),
            (2, 100, [0.0018, 0.0339, 0.0398, 0.0398]),
            (3, 10, [0.0430, 0.1811, 0.1821, 0.1214]),
            (3, 30, [0.0126, 0.0989, 0.1020, 0.0680]),
            (3, 100, [0.0037, 0.0535, 0.0565, 0.0377]),
            (4, 10, [0.0692, 0.2387, 0.2253, 0.1161]),
            (4, 30, [0.0192, 0.1271, 0.1274, 0.0666]),
            (4, 100, [0.0055, 0.0683, 0.0688, 0.0362]),
            (5, 10, [0.0971, 0.2900, 0.2416, 0.1085]),
            (5, 30, [0.0260, 0.1509, 0.1436, 0.0641]),
            (5, 50, [0.0151, 0.1151, 0.1119, 0.0499]),
        ] {
            let uniform = d(&vec![1.0; k]);
            let positions = Positions::ranks(k).unwrap();
            let found = [
                enumerated(&uniform, n, |p| js_divergence(p, &uniform, Base::Two)),
                enumerated(&uniform, n, |p| js(p, &uniform)),
                enumerated(&uniform, n, |p| total_variation(p, &uniform)),
                enumerated(&uniform, n, |p| wasserstein_1_normalised(p, &uniform, &positions)),
            ];
            for (floor, expected) in found.into_iter().zip(floors) {
                let value = floor.unwrap().value;
                assert!((value - expected).abs() <= 0.000_050_1, "k {k} n {n}: {value} is not {expected}");
            }
        }
    }

    #[test]
    fn uneven_reference() {
        for (n, expected) in [(10, 0.1920), (30, 0.1017), (100, 0.0538)] {
            let floor = noise_floor(&d(&[0.7, 0.2, 0.1]), Some(n), None, 1, 1, js).unwrap();
            assert_eq!(floor.route, FloorRoute::Enumerated);
            assert!((floor.value - expected).abs() <= 0.000_050_1, "{n}: {}", floor.value);
        }
    }

    #[test]
    fn draws_meet_the_enumeration() {
        // 40 options and 30 answers cannot be enumerated; padded with options nobody holds, 3 can.
        let many = noise_floor(&d(&[1.0; 40]), Some(30), None, 2000, 1, js).unwrap();
        assert_eq!(many.route, FloorRoute::Drawn(2000));
        let exact = noise_floor(&d(&[0.7, 0.2, 0.1]), Some(30), None, 1, 1, js).unwrap().value;
        let one_sided = noise_floor(&d(&[0.7, 0.2, 0.1]), Some(30), Some(10_000), 8000, 5, js).unwrap();
        assert!((one_sided.value - exact).abs() < 0.003, "{} {exact}", one_sided.value);
    }

    #[test]
    fn two_noisy_sides_have_a_higher_floor() {
        let p = d(&[0.5, 0.3, 0.2]);
        let floor = |n, m| noise_floor(&p, n, m, 5000, 9, js).unwrap().value;
        let (one, both) = (floor(Some(30), None), floor(Some(30), Some(30)));
        assert!(both > 1.3 * one && both < 1.55 * one, "{one} {both}");
        assert!((floor(None, Some(30)) - one).abs() < 1e-12);
    }

    #[test]
    fn counts_of_compositions() {
        assert_eq!(compositions(10, 3), 66);
        assert_eq!(compositions(100, 4), 176_851);
        assert_eq!(compositions(3, 1), 1);
        assert_eq!(compositions(1, 1000), 1000);
        assert_eq!(compositions(1000, 40), u64::MAX);
        assert_eq!(compositions(u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn refuses_what_has_no_noise() {
        assert_eq!(noise_floor(&d(&[1.0]), None, None, 1, 1, js), Err(MeasureError::NothingToResample));
        assert!(noise_floor(&d(&[1.0, 1.0]), Some(0), None, 1, 1, js).is_err());
        assert!(noise_floor(&d(&[1.0, 1.0]), Some(5), Some(5), 0, 1, js).is_err());
        assert!(noise_floor(&d(&[1.0, 1.0]), Some(u64::MAX), None, 1, 1, js).is_err());
        assert!(noise_floor(&d(&[1.0]), Some(u64::MAX), None, 1, 1, js).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn enumeration_and_monte_carlo_agree(p in any_distribution(4), n in 1u64..12, seed: u64) {
            let exact = noise_floor(&p, Some(n), None, 1, 1, js).unwrap();
            prop_assert_eq!(exact.route, FloorRoute::Enumerated);
            let mut redraw = Redraw::new(Sample { distribution: &p, n: Some(n) }).unwrap();
            let mut random = SplitMix64::new(seed);
            let mut values = Vec::new();
            for _ in 0..4000 {
                redraw.draw(&mut random).unwrap();
                values.push(js(redraw.current(), &p).unwrap());
            }
            let mean = values.iter().sum::<f64>() / 4000.0;
            let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4000.0).sqrt();
            prop_assert!((mean - exact.value).abs() <= 6.0 * sd / 4000f64.sqrt() + 1e-9, "{mean} {}", exact.value);
        }
    }
}
