//! Two models that answered the same: how far apart their distributions are, how the entropy changed, and which of them
//! is nearer to people. Sorensen et al. 2024 (arXiv 2402.05070) found that alignment lowers the entropy and moves models
//! away from populations; with a base model and its aligned sibling these numbers say whether it did here.
//!
//! A change is the model beside less the run's own.

use crate::domain::{Measure, Mode, Obtained, Pane, ReferenceShown, Run};
use crate::measure::{
    Base, Distribution, LEVEL_95, MeasureError, Resampling, Sample, bootstrap_interval, change_interval, entropy,
    js_distance, named_seed, noise_floor,
};

const DISTANCE: &str = "models.js_distance_2";
const ENTROPY: &str = "models.entropy_2_change";
const NEARER: &str = "models.reference_change.js_distance_2";
/// Draws behind an interval.
const RESAMPLES: u64 = 1000;
/// Draws behind a noise floor that cannot be enumerated.
const FLOOR_DRAWS: u64 = 400;
/// As for the intervals of a pane: a handful drawn again gives the same handful.
const FEWEST_ANSWERS: u64 = 10;

/// For each method of the distribution mode that both models ran: the numbers of the module's beginning, where both came
/// to a distribution. None for runs of one model.
pub(super) fn measures(run: &Run) -> Vec<Measure> {
    let Some(beside) = &run.run.beside else { return Vec::new() };
    let names = (run.run.model.name.as_str(), beside.name.as_str());
    let is_distribution = |pane: &&Pane| pane.mode == Mode::Distribution;
    let own = run.panes.iter().filter(is_distribution).filter(|pane| pane.model.is_none());
    own.flat_map(|own| {
        let is_its_pair = |pane: &&Pane| pane.method == own.method && pane.model.as_deref() == Some(names.1);
        let other = run.panes.iter().filter(is_distribution).find(is_its_pair);
        let found = other.map_or_else(Vec::new, |other| of_pair(run.run.seed, names, own, other));
        found.into_iter().map(|measure| measure.method(&own.method))
    })
    .collect()
}

fn of_pair(seed: u64, names: (&str, &str), own: &Pane, other: &Pane) -> Vec<Measure> {
    let sides = (Side::of(own, own.p.as_ref()), Side::of(other, other.p.as_ref()));
    let (Some(first), Some(second)) = &sides else {
        let who = if sides.0.is_none() { names.0 } else { names.1 };
        return vec![Measure::absent(DISTANCE, format!("{who} has no distribution here"))];
    };
    if own.options != other.options {
        return vec![Measure::absent(DISTANCE, "the two panes have other options")];
    }
    let pair = Pair { first, second, names, seed, method: &own.method };
    let mut found = vec![pair.distance(), pair.entropy()];
    for reference in &own.references {
        if other.references.iter().any(|same| same.population == reference.population && same.q == reference.q) {
            // Where the model was asked to answer as one of them, that is what is compared with them.
            let of = |pane: &Pane| Side::of(pane, pane.p_for(&reference.population));
            if let (Some(first), Some(second)) = (of(own), of(other)) {
                let pair = Pair { first: &first, second: &second, ..pair };
                found.push(pair.nearer(reference).population(&reference.population));
            }
        }
    }
    found
}

/// The distribution of one model, and how many answers it was counted from.
struct Side {
    p: Distribution,
    n: Option<u64>,
}

impl Side {
    fn of(pane: &Pane, p: Option<&Vec<f64>>) -> Option<Self> {
        let p = Distribution::new(p?).ok()?;
        let is_counted = pane.obtained.map_or(pane.samples.is_some(), |obtained| obtained == Obtained::Sampled);
        let named = pane.draws.iter().flatten().count();
        let counted = if pane.draws.is_empty() { pane.samples.unwrap_or(0) } else { named };
        Some(Self { p, n: is_counted.then_some(counted as u64) })
    }

    fn sample(&self) -> Sample<'_> {
        Sample { distribution: &self.p, n: self.n }
    }

    /// Why drawing its answers again would say nothing, if so.
    fn why_no_interval(&self) -> Option<String> {
        let n = self.n?;
        if n < FEWEST_ANSWERS {
            return Some(format!("no interval: fewer than {FEWEST_ANSWERS} answers named an option"));
        }
        let is_one = self.p.as_slice().iter().any(|share| *share >= 1.0);
        is_one.then(|| "no interval: all answers of a model named the same option".to_owned())
    }
}

struct Pair<'a> {
    first: &'a Side,
    second: &'a Side,
    names: (&'a str, &'a str),
    seed: u64,
    method: &'a str,
}

impl Pair<'_> {
    fn plan(&self, what: &str) -> Resampling {
        let seed = named_seed(self.seed, &["models", self.method, what]);
        Resampling { resamples: RESAMPLES, seed, level: LEVEL_95 }
    }

    /// The answers of the side with fewer of them.
    fn n(&self) -> Option<u64> {
        self.first.n.into_iter().chain(self.second.n).min()
    }

    fn with_interval(
        &self,
        mut found: Measure,
        interval: Result<crate::measure::Interval, MeasureError>,
        without: Option<&str>,
    ) -> Measure {
        found.n = self.n();
        if let Some(note) = self.first.why_no_interval().or_else(|| self.second.why_no_interval()) {
            add_note(&mut found, &note);
            return found;
        }
        match interval {
            Ok(interval) => {
                found.interval = Some([interval.low, interval.high]);
                found.level = Some(LEVEL_95);
            }
            Err(MeasureError::NothingToResample) => without.into_iter().for_each(|note| add_note(&mut found, note)),
            Err(error) => add_note(&mut found, &format!("no interval: {error}")),
        }
        found
    }

    fn distance(&self) -> Measure {
        let js = |p: &Distribution, q: &Distribution| js_distance(p, q, Base::Two);
        let value = match js(&self.first.p, &self.second.p) {
            Ok(value) => value,
            Err(error) => return Measure::absent(DISTANCE, error.to_string()),
        };
        let plan = self.plan(DISTANCE);
        let interval = bootstrap_interval(self.first.sample(), self.second.sample(), plan, js);
        let mut found = self.with_interval(Measure::new(DISTANCE, value), interval, None);
        if self.n().is_some()
            && let Ok(floor) = noise_floor(&self.first.p, self.second.n, self.first.n, FLOOR_DRAWS, plan.seed, js)
        {
            found.noise_floor = Some(floor.value);
        }
        found
    }

    fn entropy(&self) -> Measure {
        let bits = |p: &Distribution| entropy(p, Base::Two);
        let (before, after) = (bits(&self.first.p), bits(&self.second.p));
        let mut found = Measure::new(ENTROPY, after - before);
        found.note = Some(format!("{} {before:.3}, {} {after:.3} bits", self.names.0, self.names.1));
        let change = |p: &Distribution, q: &Distribution| Ok(bits(q) - bits(p));
        let interval = bootstrap_interval(self.first.sample(), self.second.sample(), self.plan(ENTROPY), change);
        self.with_interval(found, interval, None)
    }

    fn nearer(&self, reference: &ReferenceShown) -> Measure {
        let js = |p: &Distribution, q: &Distribution| js_distance(p, q, Base::Two);
        let q = match Distribution::new(&reference.q) {
            Ok(q) => q,
            Err(error) => return Measure::absent(NEARER, error.to_string()),
        };
        let (before, after) = match (js(&self.first.p, &q), js(&self.second.p, &q)) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(error), _) | (_, Err(error)) => return Measure::absent(NEARER, error.to_string()),
        };
        let mut found = Measure::new(NEARER, after - before);
        found.note = Some(format!("{} {before:.3}, {} {after:.3}", self.names.0, self.names.1));
        let people = Sample { distribution: &q, n: people(reference) };
        let plan = self.plan(&format!("{NEARER} {}", reference.population));
        let interval = change_interval(self.first.sample(), self.second.sample(), people, plan, js);
        let mut found = self.with_interval(
            found,
            interval,
            Some("no interval: the number of people behind the reference is unknown"),
        );
        if let Some([low, high]) = found.interval {
            let statement = if low > 0.0 {
                format!("{} is nearer to them, beyond chance", self.names.0)
            } else if high < 0.0 {
                format!("{} is nearer to them, beyond chance", self.names.1)
            } else {
                "which of the two is nearer is within chance".to_owned()
            };
            add_note(&mut found, &statement);
        }
        found
    }
}

/// People who gave a substantive answer; none behind figures that are a convention.
fn people(reference: &ReferenceShown) -> Option<u64> {
    let share = 1.0 - reference.non_substantive.unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count, rounded")]
    let n = reference.n.map(|n| (n as f64 * share).round() as u64);
    n.filter(|n| *n > 0 && reference.basis.is_human())
}

fn add_note(measure: &mut Measure, note: &str) {
    let notes = measure.note.get_or_insert_default();
    if !notes.is_empty() {
        notes.push_str("; ");
    }
    notes.push_str(note);
}

#[cfg(test)]
#[path = "models_compared_tests.rs"]
mod tests;
