//! Two models that answered the same: how far apart their distributions are, how the entropy changed, and which of them
//! is nearer to people. Sorensen et al. 2024 (arXiv 2402.05070) found that alignment lowers the entropy and moves models
//! away from populations; with a base model and its aligned sibling these numbers say whether it did here.
//!
//! A change is the model beside less the run's own.

use super::sides::{Side, Sides, add_note, people};
use crate::domain::{Measure, Mode, Pane, ReferenceShown, RunHead};
use crate::measure::{Base, Distribution, Sample, bootstrap_interval, change_interval, entropy, js_distance};

const DISTANCE: &str = "models.js_distance_2";
const ENTROPY: &str = "models.entropy_2_change";
const NEARER: &str = "models.reference_change.js_distance_2";
/// Draws behind the interval of a change.
const RESAMPLES: u64 = 1000;

/// For each method of the distribution mode that both models ran: the numbers of the module's beginning, where both came
/// to a distribution. None for runs of one model.
pub(super) fn measures(head: &RunHead, panes: &[Pane]) -> Vec<Measure> {
    let Some(beside) = &head.beside else { return Vec::new() };
    let names = (head.model.name.as_str(), beside.name.as_str());
    let is_distribution = |pane: &&Pane| pane.mode == Mode::Distribution;
    let own = panes.iter().filter(is_distribution).filter(|pane| pane.model.is_none());
    own.flat_map(|own| {
        let is_its_pair = |pane: &&Pane| pane.method == own.method && pane.model.as_deref() == Some(names.1);
        let other = panes.iter().filter(is_distribution).find(is_its_pair);
        let found = other.map_or_else(Vec::new, |other| of_pair(head.seed, names, own, other));
        found.into_iter().map(|measure| measure.method(&own.method))
    })
    .collect()
}

fn of_pair(seed: u64, names: (&str, &str), own: &Pane, other: &Pane) -> Vec<Measure> {
    let sides = (Side::of(own), Side::of(other));
    let (Some(first), Some(second)) = &sides else {
        let who = if sides.0.is_none() { names.0 } else { names.1 };
        return vec![Measure::absent(DISTANCE, format!("{who} has no distribution here"))];
    };
    if own.options != other.options {
        return vec![Measure::absent(DISTANCE, "the two panes have other options")];
    }
    let about = ["models", own.method.as_str()];
    let pair = Pair { sides: Sides { first, second, seed, about: &about }, names };
    let mut found = vec![pair.sides.distance(DISTANCE, |p, q| js_distance(p, q, Base::Two)), pair.entropy()];
    for reference in &own.references {
        if other.references.iter().any(|same| same.population == reference.population && same.q == reference.q) {
            // Where the model was asked to answer as one of them, that is what is compared with them.
            let of = |pane: &Pane| Side::of_shares(pane, pane.p_for(&reference.population)?);
            if let (Some(first), Some(second)) = (of(own), of(other)) {
                let sides = Sides { first: &first, second: &second, ..pair.sides };
                let pair = Pair { sides, ..pair };
                found.push(pair.nearer(reference).population(&reference.population));
            }
        }
    }
    found
}

struct Pair<'a> {
    sides: Sides<'a>,
    names: (&'a str, &'a str),
}

impl Pair<'_> {
    fn entropy(&self) -> Measure {
        let bits = |p: &Distribution| entropy(p, Base::Two);
        let (before, after) = (bits(&self.sides.first.p), bits(&self.sides.second.p));
        let mut found = Measure::new(ENTROPY, after - before);
        found.note = Some(format!("{} {before:.3}, {} {after:.3} bits", self.names.0, self.names.1));
        let change = |p: &Distribution, q: &Distribution| Ok(bits(q) - bits(p));
        let (first, second) = (self.sides.first.sample(), self.sides.second.sample());
        let interval = || bootstrap_interval(first, second, self.sides.plan(ENTROPY, RESAMPLES), change);
        self.sides.with_interval(found, interval, None)
    }

    fn nearer(&self, reference: &ReferenceShown) -> Measure {
        let js = |p: &Distribution, q: &Distribution| js_distance(p, q, Base::Two);
        let q = match Distribution::new(&reference.q) {
            Ok(q) => q,
            Err(error) => return Measure::absent(NEARER, error.to_string()),
        };
        let (before, after) = match (js(&self.sides.first.p, &q), js(&self.sides.second.p, &q)) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(error), _) | (_, Err(error)) => return Measure::absent(NEARER, error.to_string()),
        };
        let mut found = Measure::new(NEARER, after - before);
        found.note = Some(format!("{} {before:.3}, {} {after:.3}", self.names.0, self.names.1));
        let people = Sample { distribution: &q, n: people(reference) };
        let plan = self.sides.plan(&format!("{NEARER} {}", reference.population), RESAMPLES);
        let (first, second) = (self.sides.first.sample(), self.sides.second.sample());
        let interval = || change_interval(first, second, people, plan, js);
        let mut found = self.sides.with_interval(
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

#[cfg(test)]
#[path = "models_compared_tests.rs"]
mod tests;
