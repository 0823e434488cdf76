//! Two distributions of one run beside each other: a number about both, with an interval and a noise floor where one of
//! them was counted.

use crate::domain::{Measure, Obtained, Pane, ReferenceShown};
use crate::measure::{
    Distribution, Interval, LEVEL_95, MeasureError, Resampling, Sample, distance_interval, named_seed, noise_floor,
};

/// Draws at each place that the interval of a distance tries.
const RESAMPLES: u64 = 500;
/// Draws behind a noise floor that cannot be enumerated.
const FLOOR_DRAWS: u64 = 400;
/// As for the intervals of a pane: a handful drawn again gives the same handful.
const FEWEST_ANSWERS: u64 = 10;

/// The distribution of a pane, and how many answers it was counted from.
pub(super) struct Side {
    pub(super) p: Distribution,
    /// Absent where it was not counted.
    pub(super) n: Option<u64>,
}

impl Side {
    /// `None` where the pane has no distribution.
    pub(super) fn of(pane: &Pane) -> Option<Self> {
        Self::of_shares(pane, pane.p.as_ref()?)
    }

    /// The same of another distribution that came from the pane's answers.
    pub(super) fn of_shares(pane: &Pane, p: &[f64]) -> Option<Self> {
        let p = Distribution::new(p).ok()?;
        let is_counted = pane.obtained.map_or(pane.samples.is_some(), |obtained| obtained == Obtained::Sampled);
        let named = pane.draws.iter().flatten().count();
        let counted = if pane.draws.is_empty() { pane.samples.unwrap_or(0) } else { named };
        Some(Self { p, n: is_counted.then_some(counted as u64) })
    }

    pub(super) fn sample(&self) -> Sample<'_> {
        Sample { distribution: &self.p, n: self.n }
    }

    /// Why drawing its answers again would say nothing, if so.
    fn why_no_interval(&self) -> Option<String> {
        let n = self.n?;
        if n < FEWEST_ANSWERS {
            return Some(format!("no interval: fewer than {FEWEST_ANSWERS} answers named an option"));
        }
        let is_one = self.p.as_slice().iter().any(|share| *share >= 1.0);
        is_one.then(|| "no interval: all answers of a side named the same option".to_owned())
    }
}

/// Two of them. What is drawn follows from the seed and from what the numbers are `about`.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) first: &'a Side,
    pub(super) second: &'a Side,
    pub(super) seed: u64,
    pub(super) about: &'a [&'a str],
}

impl Sides<'_> {
    /// How the number `what` is drawn again.
    pub(super) fn plan(&self, what: &str, resamples: u64) -> Resampling {
        let seed = named_seed(self.seed, &[self.about, &[what]].concat());
        Resampling { resamples, seed, level: LEVEL_95 }
    }

    /// The answers of the side with fewer of them.
    fn n(&self) -> Option<u64> {
        self.first.n.into_iter().chain(self.second.n).min()
    }

    /// `found` with its `interval`, or with the reason why it has none; `without` is said where there is nothing to draw.
    pub(super) fn with_interval(
        &self,
        mut found: Measure,
        interval: impl FnOnce() -> Result<Interval, MeasureError>,
        without: Option<&str>,
    ) -> Measure {
        found.n = self.n();
        if let Some(note) = self.first.why_no_interval().or_else(|| self.second.why_no_interval()) {
            add_note(&mut found, &note);
            return found;
        }
        match interval() {
            Ok(interval) => {
                found.interval = Some([interval.low, interval.high]);
                found.level = Some(LEVEL_95);
            }
            Err(MeasureError::NothingToResample) => without.into_iter().for_each(|note| add_note(&mut found, note)),
            Err(error) => add_note(&mut found, &format!("no interval: {error}")),
        }
        found
    }

    /// How far the two are from each other. The floor is what chance makes of two sides that are the same: as the exact one
    /// says, or as both say together.
    pub(super) fn distance(
        &self,
        id: &str,
        measure: impl Fn(&Distribution, &Distribution) -> Result<f64, MeasureError> + Copy,
    ) -> Measure {
        let (first, second) = (self.first, self.second);
        let value = match measure(&first.p, &second.p) {
            Ok(value) => value,
            Err(error) => return Measure::absent(id, error.to_string()),
        };
        let plan = self.plan(id, RESAMPLES);
        let interval = || distance_interval(first.sample(), second.sample(), plan, measure);
        let mut found = self.with_interval(Measure::new(id, value), interval, None);
        let truth = match (first.n, second.n) {
            (None, None) => return found,
            (None, Some(_)) => Ok(first.p.clone()),
            (Some(_), None) => Ok(second.p.clone()),
            (Some(n), Some(m)) => {
                let share = n as f64 / (n as f64 + m as f64);
                let both = first.p.as_slice().iter().zip(second.p.as_slice());
                Distribution::new(&both.map(|(p, q)| share * p + (1.0 - share) * q).collect::<Vec<_>>())
            }
        };
        if let Ok(truth) = truth
            && let Ok(floor) = noise_floor(&truth, first.n, second.n, FLOOR_DRAWS, plan.seed, measure)
        {
            found.noise_floor = Some(floor.value);
        }
        found
    }
}

/// People who gave a substantive answer; none behind figures that are a convention.
pub(super) fn people(reference: &ReferenceShown) -> Option<u64> {
    let share = 1.0 - reference.non_substantive.unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count, rounded")]
    let n = reference.n.map(|n| (n as f64 * share).round() as u64);
    n.filter(|n| *n > 0 && reference.basis.is_human())
}

/// Adds `note` to what is already noted.
pub(super) fn add_note(measure: &mut Measure, note: &str) {
    let notes = measure.note.get_or_insert_default();
    if !notes.is_empty() {
        notes.push_str("; ");
    }
    notes.push_str(note);
}
