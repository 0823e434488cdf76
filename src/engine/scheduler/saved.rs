//! States that outlive the process: taken over when a prompt comes, saved while nothing else is to be done.

use super::Scheduler;
use super::cache::Match;
use super::device::Token;
use super::job::Job;
use super::tree::Recipe;
use crate::engine::states::States;

/// A state that spares fewer tokens than this is not worth reading.
const WORTH_READING: usize = 32;
/// A prompt of fewer tokens is read as quickly as its state.
const WORTH_SAVING: usize = 64;

impl Scheduler {
    /// Takes states over from now on, and saves them. Only for devices whose self-test has shown that they can.
    pub fn use_states(&mut self, states: States) {
        self.states = Some(states);
    }

    /// Puts a saved state with a longer beginning of the job's tokens than is there into a sequence, if there is one and
    /// there is room.
    pub(super) fn fetch_state(&mut self, at: usize, have: usize) {
        let Some(job) = self.waiting.get(at) else { return };
        let Some((index, tokens)) = self.better_state(job, have) else { return };
        if !self.cache.has_free_sequence() || self.cache.cells_free() < tokens + self.promised() {
            return;
        }
        let Some(states) = &mut self.states else { return };
        let Some((tokens, bytes)) = states.read(index) else { return };
        let Some(seq) = self.cache.take(Recipe::default(), None) else { return };
        if self.device.restore(seq, &bytes) && self.cache.extend(seq, &tokens) {
            self.restored += tokens.len() as u64;
            self.cache.keep(seq, None);
        } else {
            self.give_back(seq);
            // Whatever the reason, asking again would not help.
            if let Some(states) = &mut self.states {
                states.discard(index);
            }
        }
    }

    /// The saved state that spares the job most, and its length.
    fn better_state(&self, job: &Job, have: usize) -> Option<(usize, usize)> {
        let states = self.states.as_ref().filter(|_| job.recipe == Recipe::default())?;
        let (len, index) = states.longest(&job.tokens[..job.shareable(false)])?;
        (len >= have + WORTH_READING).then(|| (index, states.len_of(index)))
    }

    /// Saves one of the sequences that are worth it, the one used last first. `false` when there is nothing left to do.
    pub fn save_one(&mut self) -> bool {
        if self.is_busy() {
            return false;
        }
        let Some(states) = &mut self.states else { return false };
        for seq in self.cache.kept() {
            let tokens: &[Token] = self.cache.tokens(seq);
            if self.cache.recipe(seq) != Recipe::default() || tokens.len() < WORTH_SAVING || states.is_settled(tokens) {
                continue;
            }
            let saved = self.device.save(seq).map(|bytes| states.write(tokens, &bytes));
            if let Some(Ok(())) = saved {
                return true;
            }
            // A full disk, or a device that cannot: nothing is lost but time, and it is not tried again and again.
            self.states = None;
            return false;
        }
        false
    }

    /// What a match at `have` becomes after a state was fetched.
    pub(super) fn match_with_states(&mut self, at: usize) -> Option<Match> {
        let job = self.waiting.get(at)?;
        let have = self.shared_with(job).map_or(0, |found| found.len);
        if self.states.is_some() {
            self.fetch_state(at, have);
        }
        self.waiting.get(at).and_then(|job| self.shared_with(job))
    }
}
