//! LoRA adapters that requests may name, and whose turn it is: a batch is computed with one set of adapters, so requests
//! with the same set share batches and the sets take turns.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Scheduler;
use crate::engine::protocol::{Adapted, AdapterRequest, Answer, Ev, Event, KnownAdapter, Refusal, RefusalCode};

/// Adapters of one request. llama.cpp adds up what more of them do in an order that differs from process to process, and
/// with it the bits.
const MOST_AT_ONCE: usize = 2;
/// A set goes on for so many batches, or until so many rows were computed, while others wait: to change sets costs about as
/// much as a small batch.
const TURN_BATCHES: usize = 8;
const TURN_ROWS: usize = 512;

/// What a request is computed with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdapterSet {
    /// A name that its contents decide; never 0, which is no adapters at all.
    pub(super) id: u64,
    /// By the device's numbers, with scales that are not 0, in the order of their names.
    pub(super) parts: Vec<(usize, f32)>,
}

/// By name, with the device's number.
#[derive(Debug, Default)]
pub(super) struct Adapters {
    known: BTreeMap<String, usize>,
}

/// Which set is in force.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// What the device computes with: 0 is no adapters.
    pub(super) in_force: u64,
    /// What is left of its turn.
    batches: usize,
    rows: usize,
    /// The batch since which each set has waited.
    waiting_since: BTreeMap<u64, u64>,
    batch: u64,
}

impl Turns {
    /// The set of the next batch, out of those that have something to compute: the one in force until its turn is over, then
    /// the one that has waited longest.
    pub(super) fn next(&mut self, present: impl Iterator<Item = u64>) -> u64 {
        self.batch += 1;
        let mut waiting = BTreeMap::new();
        for set in present {
            waiting.insert(set, self.waiting_since.get(&set).copied().unwrap_or(self.batch));
        }
        self.waiting_since = waiting;
        let goes_on = self.waiting_since.contains_key(&self.in_force) && self.batches > 0 && self.rows > 0;
        let others = self.waiting_since.iter().filter(|(set, _)| **set != self.in_force);
        match others.map(|(set, since)| (*since, *set)).min() {
            Some((_, set)) if !goes_on => set,
            _ => self.in_force,
        }
    }

    /// Notes that a batch of `set` with so many rows is computed; whether the set was another one before.
    pub(super) fn take(&mut self, set: u64, rows: usize) -> bool {
        let changes = set != self.in_force;
        if changes || self.batches == 0 || self.rows == 0 {
            (self.batches, self.rows) = (TURN_BATCHES, TURN_ROWS);
        }
        self.batches -= 1;
        self.rows = self.rows.saturating_sub(rows);
        self.waiting_since.insert(set, self.batch);
        self.in_force = set;
        changes
    }
}

impl Scheduler {
    /// Makes an adapter known.
    pub fn add_adapter(&mut self, id: u64, request: &AdapterRequest) {
        let ev = match self.learn_adapter(&request.path) {
            Ok(known) => Ev::Done(Answer::Adapter(known)),
            Err(refusal) => Ev::Error(refusal),
        };
        self.events.push(Event { id: Some(id), ev });
    }

    pub(super) fn learn_adapter(&mut self, path: &str) -> Result<KnownAdapter, Refusal> {
        if path.is_empty() {
            let message = "no adapter was named; give the path of its file on the engine's side".to_owned();
            return Err(Refusal { code: RefusalCode::BadRequest, message });
        }
        let (number, known) = self.device.adapter(path)?;
        self.adapters.known.insert(known.adapter.clone(), number);
        Ok(known)
    }

    /// What a request's adapters come to, if anything; an error where it was refused for them.
    pub(super) fn adapter_set(&mut self, id: u64, asked: &[Adapted]) -> Result<Option<Arc<AdapterSet>>, ()> {
        self.compose(asked).map(|set| set.map(Arc::new)).map_err(|why| {
            let message = format!("the request cannot be computed with its adapters: {why}");
            self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        })
    }

    fn compose(&self, asked: &[Adapted]) -> Result<Option<AdapterSet>, String> {
        if asked.len() > MOST_AT_ONCE {
            return Err(format!("{} were asked for at once, and {MOST_AT_ONCE} may be", asked.len()));
        }
        let mut parts = BTreeMap::new();
        for Adapted { adapter, scale } in asked {
            let number = self.adapters.known.get(adapter);
            let number =
                number.ok_or_else(|| format!("no adapter `{}` is known; send it with `adapter`", brief(adapter)))?;
            if !scale.is_finite() {
                return Err("a scale is a finite number".to_owned());
            }
            if parts.insert(adapter, (*number, *scale)).is_some() {
                return Err(format!("the adapter `{}` is named twice", brief(adapter)));
            }
        }
        parts.retain(|_, (_, scale)| *scale != 0.0);
        if parts.is_empty() {
            return Ok(None);
        }
        let mut hash = Sha256::new();
        for (name, (_, scale)) in &parts {
            hash.update(name.as_bytes());
            hash.update(scale.to_bits().to_le_bytes());
        }
        let id = hash.finalize().iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte));
        Ok(Some(AdapterSet { id: id.max(1), parts: parts.into_values().collect() }))
    }

    /// Has the device compute the next batch, of so many rows, with the set of the job `job`.
    pub(super) fn bring_in_force(&mut self, job: usize, rows: usize) {
        let job = &self.running[job];
        if self.turns.take(job.recipe.adapters, rows) {
            self.device.adapt(job.adapters.as_ref().map_or(&[], |set| &set.parts));
        }
    }

    /// Has the device compute without adapters.
    pub(super) fn withdraw_adapters(&mut self) {
        self.turns.in_force = 0;
        self.device.adapt(&[]);
    }
}

/// A name as it may stand in a sentence.
fn brief(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_set_that_is_alone_is_never_changed() {
        let mut turns = Turns::default();
        assert_eq!(turns.next([7].into_iter()), 7);
        assert!(turns.take(7, 3));
        for _ in 0..100 {
            assert_eq!(turns.next([7, 7].into_iter()), 7);
            assert!(!turns.take(7, 300));
        }
    }

    #[test]
    fn a_turn_ends_after_some_batches_or_many_rows() {
        let served = |rows: usize| {
            let mut turns = Turns::default();
            (0..2 * TURN_BATCHES)
                .map(|_| {
                    let set = turns.next([1, 2].into_iter());
                    turns.take(set, rows);
                    set
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(served(1), [[1; TURN_BATCHES], [2; TURN_BATCHES]].concat());
        assert_eq!(served(TURN_ROWS), [1, 2].repeat(TURN_BATCHES));
    }

    proptest! {
        /// Whatever sets come and go, one that has something to compute all the time waits no longer than a turn of each
        /// set that was there when it began to wait.
        #[test]
        fn nobody_waits_for_ever(steps in prop::collection::vec((prop::collection::vec(0u64..6, 0..5), 1usize..600), 1..200)) {
            let mut turns = Turns::default();
            let mut waited = 0;
            for (others, rows) in steps {
                let set = turns.next(others.iter().copied().chain([9]));
                prop_assert!(set == 9 || others.contains(&set), "a set with nothing to do");
                turns.take(set, rows);
                waited = if set == 9 { 0 } else { waited + 1 };
                prop_assert!(waited <= 7 * TURN_BATCHES, "{waited}");
            }
        }
    }
}
