//! Requests that wait for a place: by priority, and within one priority fairly between the groups they belong to, so
//! that a pane of two hundred samples does not hold up the pane of one answer that was asked for a moment later.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng 1996) with equal weights: each group has a clock that runs by the
//! tokens it asks for; the request whose group's clock stands earliest goes first. A group that asked for nothing begins
//! at the time of the others, so that rest earns no credit.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};

use super::job::Job;

/// Waiting jobs in the order in which they are to be let in.
#[derive(Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    /// When the last job of each group will have had its tokens.
    ends: HashMap<u32, f64>,
    /// The start of the job that was let in last.
    now: f64,
    arrivals: u64,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Job> {
        self.jobs.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Job> {
        self.jobs.get_mut(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter()
    }

    /// Lines a new job up; `cost` is the number of tokens it may take.
    pub(super) fn push(&mut self, mut job: Job, cost: usize) {
        let end = self.ends.entry(job.handling.group).or_insert(self.now);
        job.turn.start = end.max(self.now);
        *end = job.turn.start + cost as f64;
        self.arrivals += 1;
        job.turn.arrival = self.arrivals;
        self.insert(job);
    }

    /// Lines a job up again that had to give its place back: before those of its priority that never had one.
    pub(super) fn push_back_in(&mut self, mut job: Job) {
        job.turn.start = f64::NEG_INFINITY;
        self.insert(job);
    }

    fn insert(&mut self, job: Job) {
        let at = self.jobs.partition_point(|other| order(other, &job) != Ordering::Greater);
        self.jobs.insert(at, job);
    }

    /// Takes the job at `at` out because it is let in.
    pub(super) fn take(&mut self, at: usize) -> Option<Job> {
        let job = self.jobs.remove(at)?;
        self.now = self.now.max(job.turn.start);
        if self.jobs.is_empty() {
            // Nobody waits: all clocks are even.
            self.ends.clear();
        }
        Some(job)
    }

    /// Drops the jobs of a request; how many there were.
    pub(super) fn drop_request(&mut self, id: u64) -> usize {
        let before = self.jobs.len();
        self.jobs.retain(|job| job.id != id);
        before - self.jobs.len()
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Job> + '_ {
        self.ends.clear();
        self.jobs.drain(..)
    }
}

fn order(a: &Job, b: &Job) -> Ordering {
    let priority = b.handling.priority.cmp(&a.handling.priority);
    priority.then(a.turn.start.total_cmp(&b.turn.start)).then(a.turn.arrival.cmp(&b.turn.arrival))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::job::Work;
    use super::*;
    use crate::engine::protocol::Handling;
    use proptest::prelude::*;

    fn job(id: u64, group: u32, priority: i8) -> Job {
        let handling = Handling { priority, group, ..Handling::default() };
        Job::new(id, Work::Options(Vec::new()), vec![1], 1, handling)
    }

    fn ids(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.take(0)).map(|job| job.id).collect()
    }

    #[test]
    fn a_small_group_does_not_wait_behind_a_large_one() {
        let mut queue = Queue::default();
        (1..=5).for_each(|id| queue.push(job(id, 1, 0), 10));
        queue.push(job(6, 2, 0), 10);
        queue.push(job(7, 3, 0), 10);
        assert_eq!(ids(&mut queue), [1, 6, 7, 2, 3, 4, 5]);
    }

    #[test]
    fn a_larger_priority_goes_first_and_rest_earns_no_credit() {
        let mut queue = Queue::default();
        queue.push(job(1, 1, 0), 10);
        queue.push(job(2, 1, 3), 10);
        queue.push(job(3, 2, 0), 10);
        assert_eq!(queue.take(0).unwrap().id, 2);
        assert_eq!(queue.take(0).unwrap().id, 1);
        // Group 3 slept until now: its clock begins at that of the last one let in, not at zero.
        queue.push(job(4, 3, 0), 10);
        queue.push(job(5, 3, 0), 10);
        assert_eq!(ids(&mut queue), [3, 4, 5]);
    }

    #[test]
    fn one_that_gave_its_place_back_is_next() {
        let mut queue = Queue::default();
        queue.push(job(1, 1, 0), 1);
        queue.push(job(2, 2, 1), 1);
        queue.push_back_in(job(3, 1, 0));
        assert_eq!(ids(&mut queue), [2, 3, 1]);
    }

    proptest! {
        /// Of groups that always have something waiting, none gets more than one request ahead of another.
        #[test]
        fn groups_that_wait_advance_evenly(sizes in prop::collection::vec(3usize..8, 2..6)) {
            let mut queue = Queue::default();
            for (group, size) in (0..).zip(&sizes) {
                (0..*size).for_each(|_| queue.push(job(u64::from(group), group, 0), 5));
            }
            let least = *sizes.iter().min().unwrap();
            let mut served = vec![0usize; sizes.len()];
            for id in ids(&mut queue).into_iter().take(least * sizes.len()) {
                served[usize::try_from(id).unwrap()] += 1;
            }
            prop_assert!(served.iter().all(|count| *count == least), "{served:?}");
        }
    }
}
