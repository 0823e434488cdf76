//! Bootstrap of any functional of one or two distributions (E11): the answers, the people behind a reference, or both
//! are drawn again, and the interval lies between the outer percentiles of what the functional then gives.
//!
//! Efron, Annals of Statistics 7, 1979. A distance cannot fall below 0, so resampled distances lie above the measured
//! one when that is near 0: compare such a value with its noise floor, not with the interval alone.

use super::distribution::Distribution;
use super::error::MeasureError;
use super::interval::{Interval, percentile_interval};
use super::random::SplitMix64;

/// Most random draws and options that one call may visit: about a second.
pub const WORK_LIMIT: u64 = 100_000_000;

/// One side of a comparison: a distribution, and how many answers or people it was counted from.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The shares.
    pub distribution: &'a Distribution,
    /// The number behind them; `None` for shares that are exact (option logits) or of unknown N.
    pub n: Option<u64>,
}

/// How an interval is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampling {
    /// How often everything is drawn again; 1000 is usual.
    pub resamples: u64,
    /// The seed of the draws.
    pub seed: u64,
    /// The share of resampled values inside the interval, for example 0.95.
    pub level: f64,
}

/// The percentile interval of `measure(model, reference)`: every side with an `n` is drawn again, the other one stays.
/// So exact routes resample the reference by its N, sampled routes both.
///
/// Fails where neither side has an `n`, on sizes of 0, on more work than [`WORK_LIMIT`], and where `measure` fails.
pub fn bootstrap_interval<F>(
    model: Sample,
    reference: Sample,
    plan: Resampling,
    measure: F,
) -> Result<Interval, MeasureError>
where
    F: Fn(&Distribution, &Distribution) -> Result<f64, MeasureError>,
{
    if model.n.is_none() && reference.n.is_none() {
        return Err(MeasureError::NothingToResample);
    }
    let (mut left, mut right) = (Redraw::new(model)?, Redraw::new(reference)?);
    check_work(plan.resamples, &[&left, &right])?;
    let mut random = SplitMix64::new(plan.seed);
    let mut values = Vec::new();
    for _ in 0..plan.resamples {
        left.draw(&mut random)?;
        right.draw(&mut random)?;
        values.push(measure(left.current(), right.current())?);
    }
    percentile_interval(&mut values, plan.level)
}

/// The percentile interval of a functional of one sample, such as its entropy or one option's share.
///
/// Fails like [`bootstrap_interval`].
pub fn bootstrap_interval_of<F>(sample: Sample, plan: Resampling, functional: F) -> Result<Interval, MeasureError>
where
    F: Fn(&Distribution) -> Result<f64, MeasureError>,
{
    bootstrap_interval(sample, Sample { n: None, ..sample }, plan, |drawn, _| functional(drawn))
}

/// The interval that [`bootstrap_interval_of`] would give for a share of `hits` in `n` with endless resamples: the
/// quantiles of the binomial distribution, divided by `n`.
///
/// Fails for `n` = 0, for more hits than `n`, for more than [`WORK_LIMIT`] trials, and for a level outside (0, 1).
pub fn exact_share_interval(hits: u64, n: u64, level: f64) -> Result<Interval, MeasureError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(MeasureError::Level(level));
    }
    if n == 0 {
        return Err(MeasureError::Zero("the number of trials"));
    }
    let rest = n.checked_sub(hits).ok_or(MeasureError::MoreHitsThanTrials { hits, n })?;
    if n > WORK_LIMIT {
        return Err(MeasureError::TooMuchWork { work: n, limit: WORK_LIMIT });
    }
    let tail = (1.0 - level) / 2.0;
    if rest == 0 || hits == 0 {
        let share = if hits == 0 { 0.0 } else { 1.0 };
        return Ok(Interval { low: share, high: share });
    }
    let odds = (hits as f64 / n as f64).ln() - (rest as f64 / n as f64).ln();
    let mut log_mass = n as f64 * (rest as f64 / n as f64).ln();
    let (mut below, mut low, mut high) = (0.0, None, n);
    for count in 0..=n {
        below += log_mass.exp();
        if below >= tail && low.is_none() {
            low = Some(count);
        }
        if below >= 1.0 - tail {
            high = count;
            break;
        }
        log_mass += odds + ((n - count) as f64).ln() - ((count + 1) as f64).ln();
    }
    Ok(Interval { low: low.unwrap_or(n) as f64 / n as f64, high: high as f64 / n as f64 })
}

/// Fails where drawing `sides` again `rounds` times would take too long.
pub(super) fn check_work(rounds: u64, sides: &[&Redraw]) -> Result<(), MeasureError> {
    if rounds == 0 {
        return Err(MeasureError::Zero("the number of resamples"));
    }
    let each = sides.iter().fold(0u64, |sum, side| sum.saturating_add(side.work()));
    let work = each.saturating_mul(rounds);
    if work > WORK_LIMIT { Err(MeasureError::TooMuchWork { work, limit: WORK_LIMIT }) } else { Ok(()) }
}

/// A sample that can be drawn again: multinomial with its own shares and size.
#[derive(Debug)]
pub(super) struct Redraw {
    current: Distribution,
    n: Option<u64>,
    /// Running sums of the shares.
    cumulative: Vec<f64>,
    /// The last option with a share: what rounding leaves above the last sum belongs to it.
    last: usize,
    counts: Vec<u64>,
}

impl Redraw {
    /// Fails for a size of 0.
    pub(super) fn new(sample: Sample) -> Result<Self, MeasureError> {
        if sample.n == Some(0) {
            return Err(MeasureError::Zero("the size of a sample"));
        }
        let shares = sample.distribution.as_slice();
        let mut sum = 0.0;
        let cumulative = shares
            .iter()
            .map(|share| {
                sum += share;
                sum
            })
            .collect();
        Ok(Self {
            current: sample.distribution.clone(),
            n: sample.n,
            cumulative,
            last: shares.iter().rposition(|share| *share > 0.0).unwrap_or(0),
            counts: vec![0; shares.len()],
        })
    }

    /// Draws the sample again; a side without a size stays as it is.
    pub(super) fn draw(&mut self, random: &mut SplitMix64) -> Result<(), MeasureError> {
        let Some(n) = self.n else { return Ok(()) };
        self.counts.fill(0);
        for _ in 0..n {
            let place = random.uniform();
            let option = self.cumulative.partition_point(|sum| *sum <= place).min(self.last);
            self.counts[option] += 1;
        }
        self.current = Distribution::from_counts(&self.counts)?;
        Ok(())
    }

    /// The shares of the latest draw.
    pub(super) fn current(&self) -> &Distribution {
        &self.current
    }

    /// Random draws and options that one draw visits.
    fn work(&self) -> u64 {
        self.n.unwrap_or(0).saturating_add(self.counts.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{close, d};
    use crate::measure::{Base, entropy, js_distance};

    const PLAN: Resampling = Resampling { resamples: 4000, seed: 7, level: 0.95 };

    fn js(p: &Distribution, q: &Distribution) -> Result<f64, MeasureError> {
        js_distance(p, q, Base::Two)
    }

    #[test]
    fn exact_interval_of_a_share() {
        for (hits, low, high) in [(18, 13.0, 23.0), (9, 4.0, 14.0), (3, 0.0, 7.0)] {
            let interval = exact_share_interval(hits, 30, 0.95).unwrap();
            close(interval.low, low / 30.0);
            close(interval.high, high / 30.0);
        }
        assert_eq!(exact_share_interval(0, 30, 0.95).unwrap(), Interval { low: 0.0, high: 0.0 });
        assert_eq!(exact_share_interval(30, 30, 0.95).unwrap(), Interval { low: 1.0, high: 1.0 });
        assert!(exact_share_interval(0, 0, 0.95).is_err() && exact_share_interval(2, 1, 0.95).is_err());
    }

    #[test]
    fn drawn_interval_of_a_share_meets_the_exact_one() {
        let p = Distribution::from_counts(&[18, 12]).unwrap();
        let sample = Sample { distribution: &p, n: Some(30) };
        let interval = bootstrap_interval_of(sample, PLAN, |drawn| Ok(drawn.as_slice()[0])).unwrap();
        close(interval.low, 13.0 / 30.0);
        close(interval.high, 23.0 / 30.0);
    }

    #[test]
    fn draws_follow_the_shares_and_never_meet_an_empty_option() {
        let p = d(&[0.0, 0.2, 0.0, 0.8, 0.0]);
        let mut redraw = Redraw::new(Sample { distribution: &p, n: Some(200_000) }).unwrap();
        redraw.draw(&mut SplitMix64::new(3)).unwrap();
        let drawn = redraw.current().as_slice();
        assert!(drawn[0] == 0.0 && drawn[2] == 0.0 && drawn[4] == 0.0);
        assert!((drawn[1] - 0.2).abs() < 0.004, "{drawn:?}");
    }

    #[test]
    fn both_sides_vary_more_than_one() {
        let (p, q) = (d(&[0.7, 0.3]), d(&[0.3, 0.7]));
        let width = |model_n, reference_n| {
            let model = Sample { distribution: &p, n: model_n };
            let interval = bootstrap_interval(model, Sample { distribution: &q, n: reference_n }, PLAN, js).unwrap();
            let measured = js(&p, &q).unwrap();
            assert!(interval.low < measured && measured < interval.high);
            interval.high - interval.low
        };
        let (model, reference, both) = (width(Some(50), None), width(None, Some(50)), width(Some(50), Some(50)));
        assert!(both > 1.2 * model && both > 1.2 * reference);
        assert!(width(None, Some(5000)) < reference / 5.0);
    }

    #[test]
    fn one_seed_one_interval() {
        let p = d(&[0.6, 0.3, 0.1]);
        let sample = Sample { distribution: &p, n: Some(30) };
        let at =
            |seed| bootstrap_interval_of(sample, Resampling { seed, ..PLAN }, |x| Ok(entropy(x, Base::Two))).unwrap();
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
    }

    #[test]
    fn refuses_what_cannot_be_resampled() {
        let p = d(&[0.5, 0.5]);
        let run = |model_n, plan| {
            let reference = Sample { distribution: &p, n: None };
            bootstrap_interval(Sample { n: model_n, ..reference }, reference, plan, js)
        };
        assert_eq!(run(None, PLAN), Err(MeasureError::NothingToResample));
        assert!(matches!(run(Some(0), PLAN), Err(MeasureError::Zero(_))));
        assert!(matches!(run(Some(u64::MAX), PLAN), Err(MeasureError::TooMuchWork { .. })));
        assert!(matches!(run(Some(5), Resampling { resamples: 0, ..PLAN }), Err(MeasureError::Zero(_))));
        assert!(matches!(run(Some(5), Resampling { level: 1.5, ..PLAN }), Err(MeasureError::Level(_))));
    }
}
