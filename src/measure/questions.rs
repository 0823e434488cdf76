//! Means over questions, with intervals that come from drawing questions again (E11): answers to one question hang
//! together, so it is questions that are independent.

use super::error::MeasureError;
use super::interval::{Interval, percentile_interval};
use super::random::SplitMix64;

/// From fewer questions than these no interval is made: it would be a fiction.
pub const FEWEST_QUESTIONS: usize = 10;
/// Draws behind an interval.
const RESAMPLES: usize = 2000;

/// A mean over questions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuestionMean {
    /// The mean.
    pub mean: f64,
    /// How many questions there were.
    pub n: usize,
    /// Its 95 % interval; absent below [`FEWEST_QUESTIONS`].
    pub interval: Option<Interval>,
}

/// The mean of one value per question, with its bootstrap interval over questions.
///
/// The percentiles are widened for the few questions there are, as Hesterberg (The American Statistician 69, 2015, section
/// 5.3) does: plain percentiles are too narrow by the factor of n - 1 in n, and by the difference of Student's and the
/// normal distribution. Fails without values.
pub fn mean_over_questions(values: &[f64], seed: u64) -> Result<QuestionMean, MeasureError> {
    let n = values.len();
    if n == 0 {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    if n < FEWEST_QUESTIONS {
        return Ok(QuestionMean { mean, n, interval: None });
    }
    let mut random = SplitMix64::new(seed);
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| (0..n).map(|_| values[at(&mut random, n)]).sum::<f64>() / n as f64).collect();
    let interval = percentile_interval(&mut means, widened_level(n))?;
    Ok(QuestionMean { mean, n, interval: Some(interval) })
}

/// The mean difference `a - b` of two values per question, over the same questions in the same order: what two methods,
/// or two models, differ by. An interval that holds 0 shows no difference. Fails like [`mean_over_questions`], and on
/// unequal lengths.
pub fn paired_difference(a: &[f64], b: &[f64], seed: u64) -> Result<QuestionMean, MeasureError> {
    super::error::same_length(a.len(), b.len())?;
    mean_over_questions(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>(), seed)
}

/// A place in a list of `n`.
fn at(random: &mut SplitMix64, n: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below n, and not negative")]
    let place = (random.uniform() * n as f64) as usize;
    place.min(n - 1)
}

/// The level of the percentiles that make a 95 % interval of a mean of `n`.
fn widened_level(n: usize) -> f64 {
    let freedom = (n - 1) as f64;
    let reach = (n as f64 / freedom).sqrt() * student_975(freedom);
    1.0 - 2.0 * upper_tail(reach)
}

/// The 97.5 % quantile of Student's distribution, by the Cornish-Fisher series in 1 / `freedom` (Abramowitz and Stegun
/// 26.7.5); to 0.0002 from 9 degrees on.
fn student_975(freedom: f64) -> f64 {
    let z = super::interval::Z_95;
    let (z3, z5, z7, z9) = (z.powi(3), z.powi(5), z.powi(7), z.powi(9));
    z + (z3 + z) / (4.0 * freedom)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * freedom.powi(3))
        + (79.0 * z9 + 776.0 * z7 + 1482.0 * z5 - 1920.0 * z3 - 945.0 * z) / (92160.0 * freedom.powi(4))
}

/// The probability that a standard normal number lies above `x`, from 0.5 on, by its continued fraction (Abramowitz and
/// Stegun 26.2.14).
fn upper_tail(x: f64) -> f64 {
    let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let fraction = (1..=60).rev().fold(x, |below, step| x + f64::from(step) / below);
    density / fraction
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, expected) in [(9.0, 2.262_157), (19.0, 2.093_024), (39.0, 2.022_691), (999.0, 1.962_341)] {
            assert!((student_975(freedom) - expected).abs() < 2e-4, "{freedom}: {}", student_975(freedom));
        }
        close(upper_tail(1.959_963_985), 0.025);
        close(upper_tail(1.0), 0.158_655);
    }

    #[test]
    fn few_questions_have_a_mean_and_no_interval() {
        let few = mean_over_questions(&[0.1, 0.2, 0.6], 1).unwrap();
        close(few.mean, 0.3);
        assert_eq!((few.n, few.interval), (3, None));
        assert!(mean_over_questions(&[], 1).is_err());
        assert!(paired_difference(&[1.0], &[], 1).is_err());
    }

    #[test]
    fn a_constant_difference_is_certain_though_both_vary() {
        let a: Vec<f64> = (0..20).map(f64::from).collect();
        let b: Vec<f64> = a.iter().map(|a| a - 0.5).collect();
        let difference = paired_difference(&a, &b, 1).unwrap();
        let interval = difference.interval.unwrap();
        close(difference.mean, 0.5);
        close(interval.low, 0.5);
        close(interval.high, 0.5);
        let own = mean_over_questions(&a, 1).unwrap().interval.unwrap();
        assert!(own.high - own.low > 4.0);
    }

    /// Distances are skewed, so are these: powers of exponential values. (Exponential values themselves are held by 92.8 % of
    /// the intervals of 40 of them.)
    #[test]
    fn in_2000_trials_the_intervals_hold_the_truth_in_93_to_97_percent() {
        for (n, power, truth) in [(20, 0.5, 0.886_226_925), (40, 0.5, 0.886_226_925), (200, 1.0, 1.0)] {
            let mut random = SplitMix64::new(n);
            let held = (0..2000u64).filter(|trial| {
                let values: Vec<f64> = (0..n).map(|_| (-random.uniform().max(1e-300).ln()).powf(power)).collect();
                let interval = mean_over_questions(&values, *trial).unwrap().interval.unwrap();
                interval.low <= truth && truth <= interval.high
            });
            let held = held.count();
            assert!((1860..=1940).contains(&held), "{n} questions: {held} of 2000");
        }
    }
}
