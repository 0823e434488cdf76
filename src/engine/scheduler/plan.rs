//! What goes into the next batch: which of the running requests' tokens are computed.

use super::device::{PADDING, Row, Seq};
use super::job::{Job, Work};
use super::{CHUNK_MS, MIN_CHUNK, Scheduler};
use crate::domain::Finish;

/// A row, and whose it is.
pub(super) struct Planned {
    pub(super) row: Row,
    pub(super) job: usize,
    pub(super) streaming: bool,
}

/// What is left of a batch while it is filled.
struct Room {
    rows: usize,
    outputs: usize,
    cells: usize,
}

impl Scheduler {
    /// The next batch, of requests with the same adapters: voices first, then prompts, in the order of their priorities.
    pub(super) fn batch(&mut self) -> Vec<Planned> {
        let is_hungry = |job: &&Job| job.seq.is_some_and(|seq| job.is_hungry(self.cache.len(seq)));
        let set = self.turns.next(self.running.iter().filter(is_hungry).map(|job| job.recipe.adapters));
        let mut rows = Vec::new();
        let spare = if set == 0 { 0 } else { PADDING };
        let of = |limit: usize| limit.saturating_sub(spare).max(1);
        let (most_rows, outputs) = (of(self.limits.batch), of(self.limits.outputs));
        let mut room = Room { rows: most_rows, outputs, cells: self.cache.cells_free() };
        let mut is_starved = false;
        for (index, job) in self.running.iter().enumerate() {
            let Some(seq) = job.seq.filter(|_| job.recipe.adapters == set) else { continue };
            let held = self.cache.len(seq);
            if !job.is_streaming(held) || room.rows == 0 || room.outputs == 0 {
                continue;
            }
            if room.cells == 0 {
                is_starved = true;
                break;
            }
            rows.push(Planned { row: row(job, seq, held), job: index, streaming: true });
            room = Room { rows: room.rows - 1, outputs: room.outputs - 1, cells: room.cells - 1 };
        }
        let mut readers: Vec<usize> = (0..self.running.len()).collect();
        readers.sort_by_key(|index| std::cmp::Reverse(self.running[*index].handling.priority));
        let mut budget = self.chunk(&rows, set);
        for index in readers {
            let job = &self.running[index];
            let Some(seq) = job.seq.filter(|_| job.recipe.adapters == set) else { continue };
            let held = self.cache.len(seq);
            if job.is_streaming(held) {
                continue;
            }
            for at in held..job.computed() {
                let row = row(job, seq, at);
                if room.cells == 0 {
                    is_starved |= rows.is_empty();
                    break;
                }
                if room.rows == 0 || budget == 0 || row.output && room.outputs == 0 {
                    break;
                }
                room.outputs -= usize::from(row.output);
                (room.rows, room.cells, budget) = (room.rows - 1, room.cells - 1, budget - 1);
                rows.push(Planned { row, job: index, streaming: false });
            }
        }
        if is_starved && !self.evict_one() {
            if let Some(victim) = self.victim() {
                self.preempt(victim);
                // Rows name jobs by their place, which has changed.
                return Vec::new();
            }
            if rows.is_empty() {
                self.end_starved();
            }
        }
        rows
    }

    /// Prompt rows that may go into a batch with `streams`. A voice that was being written before a prompt arrived is
    /// not held up for longer than about [`CHUNK_MS`]; voices that were asked for together with the prompt wait for
    /// it, so that all of them begin sooner. Voices with other adapters than `set` are held up by a batch without them.
    fn chunk(&self, streams: &[Planned], set: u64) -> usize {
        let is_streaming = |job: &Job| job.seq.is_some_and(|seq| job.is_streaming(self.cache.len(seq)));
        let elsewhere = self.running.iter().filter(|job| job.recipe.adapters != set && is_streaming(job));
        let streams = streams.iter().map(|planned| &self.running[planned.job]).chain(elsewhere);
        let Some(since) = streams.filter_map(|job| job.answered).min() else {
            return self.limits.batch;
        };
        let is_reading = |job: &&Job| job.seq.is_some() && !is_streaming(job);
        if self.running.iter().filter(is_reading).all(|job| !job.preempted && job.arrived <= since) {
            return self.limits.batch;
        }
        if self.ms_per_row <= 0.0 {
            return MIN_CHUNK;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the size of a batch")]
        let rows = (CHUNK_MS / self.ms_per_row).clamp(MIN_CHUNK as f64, self.limits.batch as f64) as usize;
        rows
    }

    /// The voice that gives its cells back when there are none left and others run beside it: of the lowest priority
    /// the one that came last.
    fn victim(&self) -> Option<usize> {
        let is_voice = |index: &usize| {
            let job = &self.running[*index];
            matches!(job.work, Work::Generate(_)) && !job.cancelled
        };
        let last = (0..self.running.len()).filter(is_voice).min_by_key(|index| {
            let job = &self.running[*index];
            (job.handling.priority, std::cmp::Reverse(job.turn.arrival))
        })?;
        let can_grow = self.limits.most_cells > self.limits.cells && self.fits_alone(&self.running[last]);
        (self.running.len() > 1 || can_grow).then_some(last)
    }

    /// Whether the job with all it may still write fits into the largest context there can be.
    fn fits_alone(&self, job: &Job) -> bool {
        job.tokens.len() + job.room(self.limits.per_sequence) <= self.limits.most_cells as usize
    }

    /// Lines a voice up again. What it wrote so far is part of what it will read.
    fn preempt(&mut self, index: usize) {
        let mut job = self.running.remove(index);
        if let Some(seq) = job.seq.take() {
            self.give_back(seq);
        }
        job.preempted = true;
        self.waiting.push_back_in(job);
    }

    /// Nothing more fits, and nobody can give way: the first that waits for a cell ends.
    fn end_starved(&mut self) {
        let is_hungry = |job: &Job| job.seq.is_some_and(|seq| self.cache.len(seq) < job.computed());
        if let Some(index) = self.running.iter().position(is_hungry) {
            self.end(index, Finish::Context);
            self.drop_cancelled();
        }
    }
}

fn row(job: &Job, seq: Seq, at: usize) -> Row {
    #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
    let pos = at as u32;
    Row { token: job.tokens[at], pos, seq, output: job.wants_output(at) }
}
