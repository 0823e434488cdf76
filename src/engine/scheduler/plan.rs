//! What goes into the next batch: which requests are let in, and which of their tokens are computed.

use std::time::Instant;

use super::cache::{Match, common_prefix};
use super::device::{Row, Seq};
use super::job::Job;
use super::{CHUNK_MS, MIN_CHUNK, Scheduler};
use crate::domain::Finish;

/// A row, and whose it is.
pub(super) struct Planned {
    pub(super) row: Row,
    pub(super) job: usize,
    pub(super) streaming: bool,
}

impl Scheduler {
    /// Cells that running jobs will still need.
    pub(super) fn promised(&self) -> usize {
        let left = |job: &Job| {
            let held = job.seq.map_or(0, |seq| self.cache.len(seq));
            // A voice's last token is never computed.
            (job.tokens.len() - held + job.room(self.limits.per_sequence)).saturating_sub(1)
        };
        self.running.iter().map(left).sum()
    }

    /// Moves jobs from waiting to running, in order. A job that could share more of its prompt with one that is just
    /// being read waits for it, and lets others pass.
    pub(super) fn admit(&mut self) {
        let mut at = 0;
        while at < self.waiting.len() {
            if self.running.len() >= self.limits.outputs {
                return;
            }
            let job = &self.waiting[at];
            let found = self.shared_with(job);
            let have = found.map_or(0, |found| found.len);
            let prefix = &job.tokens[..job.shareable()];
            let coming = self.running.iter().map(|other| common_prefix(&other.tokens[..other.prompt], prefix)).max();
            if self.limits.shares_prefixes && coming.unwrap_or(0) > have {
                at += 1;
                continue;
            }
            let Some((seq, reused)) = self.place(at) else { return };
            let Some(mut job) = self.waiting.remove(at) else { return };
            job.seq = Some(seq);
            job.began = Some(Instant::now());
            self.reused += reused as u64;
            self.running.push(job);
        }
    }

    /// The longest beginning of the job's prompt that is there already.
    pub(super) fn shared_with(&self, job: &Job) -> Option<Match> {
        self.cache.longest_match(&job.tokens[..job.shareable()]).filter(|_| self.limits.shares_prefixes)
    }

    /// A sequence for the waiting job `at`, and how many of its tokens that holds already. Evicts until there are cells
    /// for all the job may still need; `None`, and nothing is evicted in vain, when running jobs have to end first. A job
    /// that is alone is let in though it may not fit: it is ended by `context` when the cells are full.
    fn place(&mut self, at: usize) -> Option<(Seq, usize)> {
        loop {
            let job = &self.waiting[at];
            let found = self.shared_with(job);
            let have = found.map_or(0, |found| found.len);
            let needed = job.tokens.len() - have + job.room(self.limits.per_sequence) + self.promised();
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
            let seq = self.cache.take(found)?;
            if let Some(found) = found {
                #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
                self.device.copy(found.seq, seq, found.len as u32);
            }
            while self.cache.cells_free() < needed && self.evict_one() {}
            return Some((seq, have));
        }
    }

    pub(super) fn evict_one(&mut self) -> bool {
        let Some(seq) = self.cache.oldest_kept() else { return false };
        self.device.truncate(seq, 0);
        self.cache.release(seq);
        true
    }

    /// The next batch: voices first, then prompts in order of arrival.
    pub(super) fn batch(&mut self) -> Vec<Planned> {
        let mut rows = Vec::new();
        let mut outputs = 0;
        let mut cells = self.cache.cells_free();
        let mut starved = None;
        for (index, job) in self.running.iter().enumerate() {
            let Some(seq) = job.seq else { continue };
            let held = self.cache.len(seq);
            if job.is_streaming(held) && rows.len() < self.limits.batch && outputs < self.limits.outputs {
                if cells == 0 {
                    starved = Some(index);
                    break;
                }
                rows.push(Planned { row: row(job, seq, held), job: index, streaming: true });
                outputs += 1;
                cells -= 1;
            }
        }
        let streams = !rows.is_empty();
        let mut budget = if streams { self.chunk() } else { self.limits.batch };
        for (index, job) in self.running.iter().enumerate() {
            let Some(seq) = job.seq else { continue };
            let held = self.cache.len(seq);
            if job.is_streaming(held) {
                continue;
            }
            for at in held..job.tokens.len() {
                let row = row(job, seq, at);
                let is_full =
                    rows.len() >= self.limits.batch || budget == 0 || row.output && outputs >= self.limits.outputs;
                if is_full || cells == 0 {
                    if cells == 0 && rows.is_empty() {
                        starved = Some(index);
                    }
                    break;
                }
                outputs += usize::from(row.output);
                budget -= 1;
                cells -= 1;
                rows.push(Planned { row, job: index, streaming: false });
            }
        }
        if let Some(index) = starved
            && !self.evict_one()
            && rows.is_empty()
        {
            self.end(index, Finish::Context);
            self.drop_cancelled();
        }
        rows
    }

    /// Prompt rows that hold a stream up for about [`CHUNK_MS`].
    pub(super) fn chunk(&self) -> usize {
        if self.ms_per_row <= 0.0 {
            return MIN_CHUNK;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the size of a batch")]
        let rows = (CHUNK_MS / self.ms_per_row).clamp(MIN_CHUNK as f64, self.limits.batch as f64) as usize;
        rows
    }
}

fn row(job: &Job, seq: Seq, at: usize) -> Row {
    #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
    let pos = at as u32;
    Row { token: job.tokens[at], pos, seq, output: job.wants_output(at) }
}
