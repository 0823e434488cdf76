//! A device that can be wrong in every way the schedules look for.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::*;
use crate::engine::protocol::{Prompt, Refusal, Sampler};
use crate::engine::scheduler::device::{Draw as Drawing, Limits, Rendered, Seq};
use crate::engine::steering::Residual;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// More than 12 rows are computed otherwise than fewer.
    Wide,
    /// More than one thread adds up in another order.
    Threads,
    /// A beginning that was taken over has one token of its source too many.
    Copied,
    /// A sequence that was cut back keeps a token.
    Cut,
    /// What is restored is not what was saved.
    Restored,
    /// A row sees that of a neighbour.
    Neighbour,
    /// A row is steered as the first one of its batch.
    Steered,
}

/// The logits after a token are a hash of all tokens before.
struct Hashing {
    fault: Fault,
    cells: u32,
    threads: usize,
    held: Vec<Vec<Token>>,
    steering: Vec<Option<Arc<Steering>>>,
    logits: Vec<Vec<f32>>,
}

impl Hashing {
    fn new(fault: Fault) -> Self {
        Self { fault, cells: 512, threads: 1, held: vec![Vec::new(); 32], steering: vec![None; 32], logits: Vec::new() }
    }
}

impl Device for Hashing {
    fn limits(&self) -> Limits {
        Limits {
            cells: self.cells,
            batch: 64,
            outputs: 32,
            sequences: 32,
            per_sequence: self.cells,
            shares_prefixes: true,
            most_cells: self.cells,
        }
    }

    fn render(&self, _: &Prompt) -> Result<Rendered, Refusal> {
        Ok(Rendered { tokens: Vec::new(), text: String::new() })
    }

    fn tokenise(&self, text: &str) -> Vec<Token> {
        text.bytes().map(Token::from).collect()
    }

    fn piece(&self, _: Token) -> Vec<u8> {
        Vec::new()
    }

    fn vocabulary_size(&self) -> usize {
        256
    }

    fn is_end(&self, _: Token) -> bool {
        false
    }

    fn spellings(&mut self, _: &str) -> Vec<Token> {
        Vec::new()
    }

    fn decode(&mut self, rows: &[Row]) -> Result<(), DecodeFault> {
        let total: usize = self.held.iter().map(Vec::len).sum();
        let holds_more = matches!(self.fault, Fault::Cut | Fault::Copied);
        assert!(holds_more || total + rows.len() <= self.cells as usize, "room was counted");
        assert!(rows.iter().filter(|row| row.output).count() <= self.limits().outputs);
        self.logits.clear();
        for row in rows {
            let held = &mut self.held[row.seq as usize];
            if !holds_more {
                assert_eq!(held.len(), row.pos as usize, "rows of a sequence follow each other");
            }
            let by = if self.fault == Fault::Steered { rows[0].seq } else { row.seq };
            let steering = self.steering[by as usize].as_ref();
            let moved: f32 = (0..4)
                .map(|layer| {
                    let mut h = [0.0; 2];
                    steering.inspect(|steering| steering.apply(row.pos, layer, &mut h));
                    h[0]
                })
                .sum();
            // In hundredths, beyond all tokens.
            held.push(row.token + 256 * (moved * 100.0).round() as Token);
            let mut sum = hash(&held.iter().map(|token| *token as f32).collect::<Vec<_>>());
            let is_wrong = match self.fault {
                Fault::Wide => rows.len() > 12,
                Fault::Threads => self.threads > 1,
                Fault::Neighbour => rows[0].seq != row.seq && rows[0].token == 32,
                _ => false,
            };
            // The last bit of one logit.
            sum ^= u64::from(is_wrong);
            self.logits.push(vec![1.0, f32::from_bits(0x3f00_0000 | (sum as u32 & 0xffff))]);
        }
        Ok(())
    }

    fn logits(&self, index: usize) -> &[f32] {
        &self.logits[index]
    }

    fn copy(&mut self, from: Seq, to: Seq, len: u32) {
        let len = if self.fault == Fault::Copied { len as usize + 1 } else { len as usize };
        let from = &self.held[from as usize];
        self.held[to as usize] = from[..from.len().min(len)].to_vec();
    }

    fn truncate(&mut self, seq: Seq, len: u32) -> bool {
        let keeps = usize::from(self.fault == Fault::Cut && len > 0);
        self.held[seq as usize].truncate(len as usize + keeps);
        true
    }

    fn resize(&mut self, cells: u32) -> bool {
        self.cells = cells;
        self.held.iter_mut().for_each(Vec::clear);
        true
    }

    fn save(&mut self, seq: Seq) -> Option<Vec<u8>> {
        Some(self.held[seq as usize].iter().flat_map(|token| token.to_le_bytes()).collect())
    }

    fn restore(&mut self, seq: Seq, bytes: &[u8]) -> bool {
        assert!(self.held[seq as usize].is_empty());
        let token = |bytes: &[u8]| Token::from_le_bytes(bytes.try_into().unwrap());
        self.held[seq as usize] = bytes.chunks_exact(4).map(token).collect();
        if self.fault == Fault::Restored {
            self.held[seq as usize][0] ^= 1;
        }
        true
    }

    fn residual(&self) -> Result<Residual, String> {
        Ok(Residual { layers: 4, width: 2 })
    }

    fn steer(&mut self, seq: Seq, steering: Option<Arc<Steering>>) {
        self.steering[seq as usize] = steering;
    }

    fn set_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    fn drawer(&self, _: &Sampler, _: Option<&str>) -> Result<Box<dyn Drawing>, Refusal> {
        unreachable!("nothing is drawn")
    }
}

fn tally(fault: Fault, seed: u64, count: u64) -> Tally {
    run(&mut Hashing::new(fault), &Pulse::default(), seed, count, 4, &mut |_| {}).unwrap()
}

#[test]
fn a_device_that_keeps_its_promise_never_differs_and_everything_was_tried() {
    let tally = tally(Fault::None, 1, 200);
    assert_eq!((tally.schedules, tally.differing, tally.first.clone()), (200, 0, None));
    assert!(tally.compared > 5000 && tally.widest > 40, "{tally:?}");
    assert!(tally.copied > 500 && tally.cut > 200 && tally.restored > 100 && tally.resized > 50, "{tally:?}");
}

#[test]
fn every_fault_is_found_and_named() {
    // The documents are read with four threads, so that one that counts threads is wrong with one.
    for fault in
        [Fault::Wide, Fault::Threads, Fault::Copied, Fault::Cut, Fault::Restored, Fault::Neighbour, Fault::Steered]
    {
        let tally = tally(fault, 1, 50);
        let first = tally.first.clone().unwrap_or_else(|| unreachable!("{fault:?} was not found: {tally:?}"));
        assert!(tally.differing > 5, "{fault:?}: {tally:?}");
        // Its schedule alone shows it again.
        let again = self::tally(fault, first.seed, 1);
        assert_eq!((again.differing, again.first.as_ref()), (1, Some(&first)), "{fault:?}");
        let told = first.to_string();
        assert!(told.contains(&format!("schedule {}", first.seed)) && told.contains("document"), "{told}");
    }
}

#[test]
fn one_bit_of_one_logit_changes_the_hash() {
    let logits: Vec<f32> = (0..1000).map(|index| index as f32 / 7.0).collect();
    for index in [0, 1, 500, 999] {
        let mut other = logits.clone();
        other[index] = f32::from_bits(other[index].to_bits() ^ 1);
        assert_ne!(hash(&logits), hash(&other));
    }
    assert_ne!(hash(&[0.0]), hash(&[-0.0]));
    assert_ne!(hash(&[0.0]), hash(&[0.0, 0.0]));
}
