//! One random schedule.

use std::time::Duration;

use super::draw::Draw;
use super::{Difference, Document, Failed, SIZES, STEERED, Tally, hash, random_steering, wide};
use crate::engine::scheduler::device::{DecodeFault, Device, Pulse, Row, Seq, Token};

/// Batches of a schedule, at least and beyond.
const BATCHES: (usize, usize) = (5, 9);
/// The most sequences that live at once.
const CROWD: usize = 20;
/// The most rows that one sequence has in a batch.
const CHUNK: usize = 24;
/// When a batch is stopped, if it is: up to so many microseconds after its beginning.
const STOP_US: usize = 4000;

/// A sequence that holds something.
#[derive(Debug, Clone, Copy)]
struct Live {
    seq: Seq,
    /// What it reads; `None` reads noise, and nothing is known about it.
    document: Option<usize>,
    len: usize,
}

/// A sequence that was saved.
struct Saved {
    document: usize,
    len: usize,
    bytes: Vec<u8>,
}

pub(super) struct Schedule<'a> {
    device: &'a mut dyn Device,
    pulse: &'a Pulse,
    documents: &'a [Document],
    tally: &'a mut Tally,
    seed: u64,
    draw: Draw,
    most_threads: usize,
    threads: usize,
    cells: usize,
    live: Vec<Live>,
    saved: Vec<Saved>,
}

impl<'a> Schedule<'a> {
    /// Empties the device and gives its context the size of this schedule.
    pub(super) fn new(
        device: &'a mut dyn Device,
        pulse: &'a Pulse,
        documents: &'a [Document],
        most_threads: usize,
        seed: u64,
        tally: &'a mut Tally,
    ) -> Result<Self, Failed> {
        let mut draw = Draw::new(seed);
        let size = SIZES[draw.below(SIZES.len())];
        (0..device.limits().sequences).for_each(|seq| device.steer(seq, None));
        if device.limits().cells == size {
            (0..device.limits().sequences).for_each(|seq| {
                // Forgetting everything is always possible.
                device.truncate(seq, 0);
            });
        } else if device.resize(size) {
            tally.resized += 1;
        } else {
            return Err(Failed(format!("there is no memory for a context of {size} cells")));
        }
        let cells = device.limits().cells as usize;
        let threads = 1 + draw.below(most_threads);
        device.set_threads(threads);
        let (live, saved) = (Vec::new(), Vec::new());
        Ok(Self { device, pulse, documents, tally, seed, draw, most_threads, threads, cells, live, saved })
    }

    pub(super) fn run(mut self) -> Result<(), Failed> {
        let batches = BATCHES.0 + self.draw.below(BATCHES.1);
        for batch in 0..batches {
            for _ in 0..=self.draw.below(6) {
                self.change();
            }
            if self.batch(batch)? {
                self.tally.differing += 1;
                break;
            }
        }
        Ok(())
    }

    /// Something happens to the sequences.
    fn change(&mut self) {
        match self.draw.below(100) {
            0..35 => self.begin(),
            35..60 => self.take_over(),
            60..72 => self.cut(),
            72..80 => self.turn(),
            80..86 => self.save(),
            86..94 => self.restore(),
            _ => {
                self.threads = 1 + self.draw.below(self.most_threads);
                self.device.set_threads(self.threads);
            }
        }
    }

    /// A sequence that nobody uses, if another one is wanted.
    fn free(&mut self) -> Option<Seq> {
        let sequences = self.device.limits().sequences;
        if self.live.len() >= CROWD.min(sequences as usize) {
            return None;
        }
        let from = self.draw.below(sequences as usize);
        let mut all = (wide(from)..sequences).chain(0..wide(from));
        all.find(|seq| self.live.iter().all(|live| live.seq != *seq))
    }

    /// One of the sequences that read a document.
    fn reader(&mut self) -> Option<(usize, Seq, usize, usize)> {
        let readers: Vec<_> = (0..)
            .zip(&self.live)
            .filter_map(|(index, live)| Some((index, live.seq, live.document?, live.len)))
            .filter(|(_, _, _, len)| *len > 0)
            .collect();
        readers.get(self.draw.below(readers.len())).copied()
    }

    fn begin(&mut self) {
        let document = if self.draw.chance(15) { None } else { Some(self.draw.below(self.documents.len())) };
        if let Some(seq) = self.free() {
            self.add(Live { seq, document, len: 0 });
        }
    }

    fn add(&mut self, live: Live) {
        self.steer(live);
        self.live.push(live);
    }

    /// Steers a sequence as its document is; noise at random.
    fn steer(&mut self, live: Live) {
        let steering = match live.document {
            Some(document) => self.documents[document].steering.clone(),
            None if self.draw.chance(STEERED) => random_steering(self.device, &mut self.draw, 1),
            None => None,
        };
        self.device.steer(live.seq, steering);
    }

    /// Cells that are free if none is shared.
    fn room(&self) -> usize {
        self.cells.saturating_sub(self.live.iter().map(|live| live.len).sum())
    }

    /// A new sequence begins with what another one holds.
    fn take_over(&mut self) {
        let Some((_, from, document, len)) = self.reader() else { return };
        let Some(to) = self.free().filter(|_| self.device.limits().shares_prefixes) else { return };
        let len = 1 + self.draw.below(len);
        if len > self.room() {
            return;
        }
        self.device.copy(from, to, wide(len));
        let document = Some(self.other(document, len));
        self.add(Live { seq: to, document, len });
        self.tally.copied += 1;
    }

    /// A document whose first `len` tokens leave the same: often the same one.
    fn other(&mut self, document: usize, len: usize) -> usize {
        let begins = |other: &Document| other.common(&self.documents[document]) >= len;
        let all: Vec<usize> =
            (0..).zip(self.documents).filter(|(_, other)| begins(other)).map(|(index, _)| index).collect();
        all.get(self.draw.below(all.len())).copied().unwrap_or(document)
    }

    /// A sequence is cut back, or given back.
    fn cut(&mut self) {
        let index = self.draw.below(self.live.len());
        let Some(live) = self.live.get(index).copied() else { return };
        let len = if self.draw.chance(40) { 0 } else { self.draw.below(live.len + 1) };
        let len = self.forget(live.seq, len);
        self.tally.cut += 1;
        if len == 0 {
            self.live.swap_remove(index);
        } else {
            self.live[index].len = len;
        }
    }

    /// Cuts a sequence, to nothing where that is all the device can do; tells what is left.
    fn forget(&mut self, seq: Seq, len: usize) -> usize {
        if self.device.truncate(seq, wide(len)) {
            return len;
        }
        self.device.truncate(seq, 0);
        0
    }

    /// A sequence goes on with another document.
    fn turn(&mut self) {
        if let Some((index, _, document, len)) = self.reader() {
            self.live[index].document = Some(self.other(document, len));
            self.steer(self.live[index]);
        }
    }

    fn save(&mut self) {
        let Some((_, seq, document, len)) = self.reader() else { return };
        if let Some(bytes) = self.device.save(seq) {
            self.saved.push(Saved { document, len, bytes });
        }
    }

    fn restore(&mut self) {
        let index = self.draw.below(self.saved.len());
        let Some((document, len)) = self.saved.get(index).map(|saved| (saved.document, saved.len)) else { return };
        let Some(seq) = self.free().filter(|_| len <= self.room()) else { return };
        if self.device.restore(seq, &self.saved[index].bytes) {
            let document = Some(self.other(document, len));
            self.add(Live { seq, document, len });
            self.tally.restored += 1;
        }
    }

    /// Computes a batch; whether a logit differed.
    fn batch(&mut self, number: usize) -> Result<bool, Failed> {
        let (rows, expected) = self.rows();
        if rows.is_empty() {
            return Ok(false);
        }
        let result = self.compute(&rows);
        self.tally.batches += 1;
        if result == Err(DecodeFault::Aborted) {
            self.tally.stopped += 1;
            for index in 0..self.live.len() {
                let Live { seq, len, .. } = self.live[index];
                if rows.iter().any(|row| row.seq == seq) {
                    self.live[index].len = self.forget(seq, len);
                }
            }
            return Ok(false);
        }
        result?;
        self.tally.rows += rows.len() as u64;
        self.tally.widest = self.tally.widest.max(rows.len());
        for live in &mut self.live {
            live.len += rows.iter().filter(|row| row.seq == live.seq).count();
        }
        for (index, (row, document)) in rows.iter().zip(expected).enumerate() {
            let Some(document) = document.filter(|_| row.output) else { continue };
            let position = row.pos as usize;
            self.tally.compared += 1;
            self.tally.steered += u64::from(self.documents[document].steering.is_some());
            if hash(self.device.logits(index)) != self.documents[document].hashes[position] {
                let (seed, rows, threads, cells) = (self.seed, rows.len(), self.threads, wide(self.cells));
                let batch = number;
                self.tally.first.get_or_insert(Difference { seed, document, position, batch, rows, threads, cells });
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The rows of a batch, and the document of each.
    fn rows(&mut self) -> (Vec<Row>, Vec<Option<usize>>) {
        let limits = self.device.limits();
        let mut room = self.room().min(limits.batch);
        let mut live = self.live.clone();
        self.draw.shuffle(&mut live);
        let mut parts: Vec<Vec<(Row, Option<usize>)>> = Vec::new();
        for one in live {
            if self.draw.chance(15) {
                continue;
            }
            let left = one.document.map_or(CHUNK, |document| self.documents[document].tokens.len() - one.len);
            let most = if self.draw.chance(60) { 1 } else { 1 + self.draw.below(CHUNK) };
            let count = most.min(left).min(room).min((limits.per_sequence as usize).saturating_sub(one.len));
            room -= count;
            parts.push((0..count).map(|at| (self.row(one, at, at + 1 == count), one.document)).collect());
        }
        let mut rows = self.lay_out(parts);
        // The device has room for the logits of so many rows.
        rows.iter_mut().filter(|(row, _)| row.output).skip(limits.outputs).for_each(|(row, _)| row.output = false);
        rows.into_iter().unzip()
    }

    fn row(&mut self, live: Live, at: usize, is_last: bool) -> Row {
        let pos = live.len + at;
        let token = match live.document {
            Some(document) => self.documents[document].tokens[pos],
            None => Token::try_from(self.draw.below(self.device.vocabulary_size().max(1))).unwrap_or(0),
        };
        let output = self.draw.chance(if is_last { 80 } else { 10 });
        Row { token, pos: wide(pos), seq: live.seq, output }
    }

    /// One sequence after the other, or their rows in any order that keeps that of each.
    fn lay_out(&mut self, parts: Vec<Vec<(Row, Option<usize>)>>) -> Vec<(Row, Option<usize>)> {
        if self.draw.chance(50) {
            return parts.into_iter().flatten().collect();
        }
        let mut turns: Vec<usize> = (0..).zip(&parts).flat_map(|(index, part)| vec![index; part.len()]).collect();
        self.draw.shuffle(&mut turns);
        let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
        turns.into_iter().filter_map(|index| parts[index].next()).collect()
    }

    /// Computes rows; some are stopped at a random moment.
    fn compute(&mut self, rows: &[Row]) -> Result<(), DecodeFault> {
        if !self.draw.chance(8) {
            return self.device.decode(rows);
        }
        let after = Duration::from_micros(self.draw.below(STOP_US) as u64);
        let (device, pulse) = (&mut *self.device, self.pulse);
        pulse.reset();
        pulse.begin(true);
        let result = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(after);
                pulse.abort();
            });
            device.decode(rows)
        });
        pulse.begin(false);
        pulse.reset();
        result
    }
}
