//! The interval of a distance between two distributions, by inverting a test (E11).
//!
//! Drawing answers again (the percentile bootstrap) does not give one: noise can only add distance, so the measured distance
//! lies too high, and those of redrawn answers higher still. Of 30 answers and a true distance of 0.06, such a 95 %
//! interval holds it in a quarter of all trials (`docs/measures.md` has the table). Here the interval holds those distances
//! under which the measured one would be no surprise.

use super::bootstrap::{Resampling, Sample, WORK_LIMIT};
use super::distribution::Distribution;
use super::error::{MeasureError, same_length};
use super::interval::Interval;
use super::multinomial::multinomial;
use super::random::SplitMix64;

/// Halvings of the place on the line: to one part in a thousand of the measured difference.
const HALVINGS: u32 = 10;
/// Doublings of it beyond the measured one: where nothing is left to move by then, the end of the line is the end.
const DOUBLINGS: u32 = 7;
/// Distances that differ by less are ties.
const TIE: f64 = 1e-12;

/// The interval of `measure(model, reference)`: all distances between the two that lie on one line, and under which a
/// measured distance as large, and one as small, both come in more than half of 1 - `plan.level` of all draws.
///
/// The line runs from no difference at all through the two as they were measured and on in the same direction, until shares
/// end at 0: what is sampled moves, what is exact stays. Each place on it is tried with `plan.resamples` draws of both sides
/// that have an `n`. Equal truths are held by every interval that begins at 0, so more often than the level says.
///
/// Fails where neither side has an `n`, on sizes of 0, on unequal lengths, on more work than
/// [`WORK_LIMIT`](super::WORK_LIMIT), for a level outside (0, 1), and where `measure` fails.
pub fn distance_interval<F>(
    model: Sample,
    reference: Sample,
    plan: Resampling,
    measure: F,
) -> Result<Interval, MeasureError>
where
    F: Fn(&Distribution, &Distribution) -> Result<f64, MeasureError>,
{
    let line = Line::new(model, reference)?;
    let Resampling { resamples, seed, level } = plan;
    if !(level > 0.0 && level < 1.0) {
        return Err(MeasureError::Level(level));
    }
    if resamples == 0 {
        return Err(MeasureError::Zero("the number of resamples"));
    }
    let places = u64::from(2 * HALVINGS + DOUBLINGS);
    let work = resamples.saturating_mul(places).saturating_mul(2 * model.distribution.len() as u64);
    if work > WORK_LIMIT {
        return Err(MeasureError::TooMuchWork { work, limit: WORK_LIMIT });
    }
    let measured = measure(model.distribution, reference.distribution)?;
    let trial = Trial { line: &line, measured, resamples, seed, measure: &measure };
    let tail = (1.0 - level) / 2.0;
    let low = if trial.at(0.0)?.as_large >= tail {
        measure(&line.model(0.0)?, &line.reference(0.0)?)?
    } else {
        // At the measured place itself half of all draws are as large.
        let (mut out, mut within) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(out, within);
            if trial.at(middle)?.as_large >= tail { within = middle } else { out = middle }
        }
        trial.distance(out)?
    };
    let (mut within, mut out) = (0.0, 1.0);
    let mut doublings = 0;
    while doublings < DOUBLINGS && trial.at(out)?.as_small >= tail {
        (within, out) = (out, 2.0 * out);
        doublings += 1;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(within, out);
        if trial.at(middle)?.as_small >= tail { within = middle } else { out = middle }
    }
    let high = trial.distance(out)?;
    // A coarse grid of draws may put an end past the measured value, which is always inside.
    Ok(Interval { low: low.min(measured), high: high.max(measured) })
}

/// All pairs of distributions that lie between the same and the measured ones, and beyond.
struct Line {
    model: Vec<f64>,
    model_n: Option<u64>,
    reference: Vec<f64>,
    reference_n: Option<u64>,
    /// Where both are the same: the answers of both sides together, or the side that is exact.
    meeting: Vec<f64>,
}

impl Line {
    fn new(model: Sample, reference: Sample) -> Result<Self, MeasureError> {
        let (p, q) = (model.distribution.as_slice(), reference.distribution.as_slice());
        same_length(p.len(), q.len())?;
        if model.n == Some(0) || reference.n == Some(0) {
            return Err(MeasureError::Zero("the size of a sample"));
        }
        let meeting = match (model.n, reference.n) {
            (None, None) => return Err(MeasureError::NothingToResample),
            (Some(_), None) => q.to_vec(),
            (None, Some(_)) => p.to_vec(),
            (Some(n), Some(m)) => {
                let share = n as f64 / (n as f64 + m as f64);
                p.iter().zip(q).map(|(p, q)| share * p + (1.0 - share) * q).collect()
            }
        };
        let (model_n, reference_n) = (model.n, reference.n);
        Ok(Self { model: p.to_vec(), model_n, reference: q.to_vec(), reference_n, meeting })
    }

    fn model(&self, place: f64) -> Result<Distribution, MeasureError> {
        self.side(&self.model, self.model_n, place)
    }

    fn reference(&self, place: f64) -> Result<Distribution, MeasureError> {
        self.side(&self.reference, self.reference_n, place)
    }

    fn side(&self, measured: &[f64], n: Option<u64>, place: f64) -> Result<Distribution, MeasureError> {
        let place = if n.is_some() { place } else { 1.0 };
        let moved = |(meeting, measured): (&f64, &f64)| (meeting + place * (measured - meeting)).max(0.0);
        Ok(Distribution::new(&self.meeting.iter().zip(measured).map(moved).collect::<Vec<_>>())?)
    }
}

/// Shares of draws at one place of the line.
struct Tails {
    as_large: f64,
    as_small: f64,
}

struct Trial<'a, F> {
    line: &'a Line,
    measured: f64,
    resamples: u64,
    seed: u64,
    measure: &'a F,
}

impl<F> Trial<'_, F>
where
    F: Fn(&Distribution, &Distribution) -> Result<f64, MeasureError>,
{
    fn distance(&self, place: f64) -> Result<f64, MeasureError> {
        (self.measure)(&self.line.model(place)?, &self.line.reference(place)?)
    }

    /// The same seed at every place, so that the tails change smoothly from place to place.
    fn at(&self, place: f64) -> Result<Tails, MeasureError> {
        let mut random = SplitMix64::new(self.seed);
        let sides =
            [(self.line.model(place)?, self.line.model_n), (self.line.reference(place)?, self.line.reference_n)];
        let mut counts = vec![0; sides[0].0.len()];
        let mut draw = |side: usize| -> Result<Distribution, MeasureError> {
            let (shares, n) = &sides[side];
            let Some(n) = n else { return Ok(shares.clone()) };
            multinomial(&mut random, *n, shares.as_slice(), &mut counts);
            Ok(Distribution::from_counts(&counts)?)
        };
        let (mut large, mut small) = (0u64, 0u64);
        for _ in 0..self.resamples {
            let model = draw(0)?;
            let drawn = (self.measure)(&model, &draw(1)?)?;
            large += u64::from(drawn >= self.measured - TIE);
            small += u64::from(drawn <= self.measured + TIE);
        }
        let share = |count: u64| count as f64 / self.resamples as f64;
        Ok(Tails { as_large: share(large), as_small: share(small) })
    }
}

#[cfg(test)]
#[path = "inversion_tests.rs"]
mod tests;
