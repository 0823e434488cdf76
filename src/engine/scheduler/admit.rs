//! Which waiting requests are let in, what they take over from others, and who makes room for them.

use std::time::Instant;

use super::cache::{Match, common_prefix};
use super::device::Seq;
use super::job::{Job, Work};
use super::outputs::Source;
use super::{Scheduler, math};

/// Cells that a running voice is promised beyond those it has. More would let fewer voices run at once than fit; when
/// too many turn out long, the last one gives its cells back and is read again later.
const HEADROOM: usize = 128;
/// The context is not made larger than this for the sake of speed alone, so that memory is not taken in vain.
const COMFORTABLE_CELLS: u32 = 32 << 10;
/// A step that takes longer than this is too slow to read along: no more voices are let in beside it.
const STEP_MS: f64 = 300.0;
/// That many voices may run at once however slow a step is.
const FEWEST_VOICES: usize = 16;

impl Scheduler {
    /// Moves jobs from waiting to running, in their order. A job that could share more of its prompt with one that is
    /// just being read waits for it, and lets others pass.
    pub(super) fn admit(&mut self) {
        self.grow();
        let mut at = 0;
        while let Some(job) = self.waiting.get(at) {
            if self.running.len() >= self.limits.outputs {
                return;
            }
            let is_voice = matches!(job.work, Work::Generate(_));
            if is_voice && self.running.len() >= self.most_voices() {
                at += 1;
                continue;
            }
            if self.still_waits(at) {
                at += 1;
                continue;
            }
            let Some((seq, found)) = self.place(at) else { return };
            let Some(mut job) = self.waiting.take(at) else { return };
            let reused = found.map_or(0, |found| found.len);
            job.seq = Some(seq);
            job.began.get_or_insert_with(Instant::now);
            self.reused += reused as u64;
            self.running.push(job);
            if reused == self.running[self.running.len() - 1].prompt {
                self.answer_from_memory(seq);
            }
        }
    }

    /// The whole prompt was read before, and what the model said after it is known.
    fn answer_from_memory(&mut self, seq: Seq) {
        let index = self.running.len() - 1;
        let job = &self.running[index];
        if job.tokens.len() > job.prompt && matches!(job.work, Work::Generate(_)) {
            return;
        }
        let Some(logits) = self.cache.recall(seq) else { return };
        let at = job.prompt - 1;
        let log_z = math::log_sum_exp(&logits);
        self.read_output(index, at, &Source::Remembered(logits), log_z);
        self.end_continuations();
        self.drop_cancelled();
    }

    fn most_voices(&self) -> usize {
        if self.ms_per_row <= 0.0 {
            return self.limits.outputs;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the number of outputs")]
        let rows = (STEP_MS / self.ms_per_row).clamp(0.0, self.limits.outputs as f64) as usize;
        rows.max(FEWEST_VOICES)
    }

    /// Whether the job waits for another one that is reading what both begin with.
    fn still_waits(&mut self, at: usize) -> bool {
        let Some(job) = self.waiting.get(at) else { return false };
        if !self.limits.shares_prefixes {
            return false;
        }
        if let Some((arrival, len)) = job.waits_for {
            let is_reading =
                |other: &Job| other.turn.arrival == arrival && other.seq.is_some_and(|seq| self.cache.len(seq) < len);
            if self.running.iter().any(is_reading) {
                return true;
            }
        }
        let have = self.shared_with(job).map_or(0, |found| found.len);
        let coming = self
            .running
            .iter()
            .map(|other| {
                let common = common_prefix(&other.tokens[..other.prompt], &job.tokens);
                let common = common.min(job.recipe.common(other.recipe));
                // Another one's last prompt token brings its logits along, but only where both prompts end there.
                let speaks = common == other.prompt && common == job.prompt;
                (common.min(job.shareable(speaks)), other.turn.arrival)
            })
            // Of equals the first, which is the furthest.
            .max_by_key(|(len, arrival)| (*len, std::cmp::Reverse(*arrival)));
        let waits_for = coming.filter(|(len, _)| *len > have).map(|(len, arrival)| (arrival, len));
        if let Some(job) = self.waiting.get_mut(at) {
            job.waits_for = waits_for;
        }
        waits_for.is_some()
    }

    /// The longest beginning of the job's prompt that is there already.
    pub(super) fn shared_with(&self, job: &Job) -> Option<Match> {
        if !self.limits.shares_prefixes {
            return None;
        }
        let find = |len: usize| self.cache.longest_match(job.recipe, &job.tokens[..len]);
        let whole = job.shareable(true);
        let found = find(whole)?;
        let least = job.shareable(false);
        // The last token of a prompt can be taken over only together with what was said after it.
        if found.len > least && !found.speaks { find(least) } else { Some(found) }
    }

    /// Cells that running jobs will still need.
    pub(super) fn promised(&self) -> usize {
        self.running.iter().map(|job| self.wanted(job, job.seq.map_or(0, |seq| self.cache.len(seq)))).sum()
    }

    /// Cells that are kept free for a job that holds `have` tokens.
    fn wanted(&self, job: &Job, have: usize) -> usize {
        let room = job.room(self.limits.per_sequence);
        let room = if job.preempted { room } else { room.min(HEADROOM) };
        // A voice's last token is never computed.
        (job.tokens.len() - have + room).saturating_sub(1)
    }

    /// A sequence for the waiting job `at`, and what it takes over. Evicts until there are cells for what the job is
    /// promised; `None`, and nothing is evicted in vain, when running jobs have to end first. A job that is alone is let
    /// in though it may not fit: it is ended by `context` when the cells are full.
    fn place(&mut self, at: usize) -> Option<(Seq, Option<Match>)> {
        loop {
            let found = self.match_with_states(at);
            let job = self.waiting.get(at)?;
            let recipe = job.recipe;
            let have = found.map_or(0, |found| found.len);
            let needed = self.wanted(job, have) + 1 + self.promised();
            let free = self.cache.cells_free();
            if free < needed && free + self.cache.cells_evictable(found) < needed && !self.running.is_empty() {
                return None;
            }
            if !self.cache.has_free_sequence() {
                if let Some(found) = found {
                    // What is about to be shared is evicted last.
                    self.cache.touch(found.seq);
                }
                if !self.evict_one() {
                    return None;
                }
                // What was found may be gone.
                continue;
            }
            let seq = self.cache.take(recipe, found)?;
            let steering = self.waiting.get(at).and_then(|job| job.steering.clone());
            self.device.steer(seq, steering);
            if let Some(found) = found {
                #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
                self.device.copy(found.seq, seq, found.len as u32);
            }
            while self.cache.cells_free() < needed && self.evict_one() {}
            return Some((seq, found));
        }
    }

    pub(super) fn evict_one(&mut self) -> bool {
        let Some((seq, len)) = self.cache.oldest_kept() else { return false };
        self.cut_kept(seq, len);
        true
    }

    /// Takes from a kept sequence all but its first `len` tokens, which are the prompt of a voice; else all of it.
    pub(super) fn cut_kept(&mut self, seq: Seq, len: usize) {
        #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
        let is_cut = len > 0 && self.device.truncate(seq, len as u32);
        if is_cut {
            self.cache.become_prompt(seq);
        }
        // A prompt that others hold too needs no sequence of its own.
        if !is_cut || self.cache.is_held_elsewhere(seq) {
            self.give_back(seq);
        }
    }

    /// Empties a sequence for others.
    pub(super) fn give_back(&mut self, seq: Seq) {
        self.device.steer(seq, None);
        self.device.truncate(seq, 0);
        self.cache.release(seq);
    }

    /// Makes the context larger while nothing runs, when what waits would have to wait longer or to end in the smaller
    /// one. What was kept is computed again when it is asked for.
    fn grow(&mut self) {
        if !self.running.is_empty() || self.limits.cells >= self.limits.most_cells {
            return;
        }
        let need = |job: &Job| job.tokens.len() + job.room(self.limits.per_sequence);
        let largest = self.waiting.iter().map(need).max().unwrap_or(0);
        let together = self.waiting.iter().map(|job| self.wanted(job, 0)).sum::<usize>();
        let together = together.min(COMFORTABLE_CELLS as usize);
        let wanted = largest.max(together);
        if wanted <= self.limits.cells as usize {
            return;
        }
        let wanted = u32::try_from(wanted.next_power_of_two()).unwrap_or(u32::MAX).min(self.limits.most_cells);
        if self.device.resize(wanted) {
            self.limits = self.device.limits();
            self.cache = super::cache::Cache::new(self.limits);
            self.turns.in_force = 0;
        } else {
            // Not asked again: this is what there is.
            self.limits.most_cells = self.limits.cells;
            self.limits.per_sequence = self.limits.per_sequence.min(self.limits.cells);
        }
    }
}
