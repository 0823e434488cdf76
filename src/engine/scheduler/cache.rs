//! Which sequence holds which tokens, and how many cells that takes. Sequences that share a prefix share its cells.
//!
//! This is bookkeeping only: the caller makes the device do what the cache says was done, in the same order.

use super::device::{Limits, Seq, Token};

/// What a sequence is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    /// A request writes to it.
    Active,
    /// Nobody writes to it; kept for its prefix. The number grows with every use.
    Kept(u64),
}

#[derive(Debug, Clone)]
struct Slot {
    tokens: Vec<Token>,
    cells: Vec<usize>,
    used: Use,
}

/// The beginning that a sequence shares with a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) seq: Seq,
    pub(super) len: usize,
}

/// All sequences of a context.
#[derive(Debug)]
pub(super) struct Cache {
    slots: Vec<Slot>,
    /// How many sequences hold each cell.
    holders: Vec<u32>,
    free: Vec<usize>,
    clock: u64,
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Self {
        let slot = Slot { tokens: Vec::new(), cells: Vec::new(), used: Use::Free };
        let cells = limits.cells as usize;
        Self {
            slots: vec![slot; limits.sequences as usize],
            holders: vec![0; cells],
            free: (0..cells).rev().collect(),
            clock: 0,
        }
    }

    pub(super) fn cells_used(&self) -> usize {
        self.holders.len() - self.free.len()
    }

    pub(super) fn cells_free(&self) -> usize {
        self.free.len()
    }

    /// Cells that would be free if every kept sequence were evicted after `found` was taken.
    pub(super) fn cells_evictable(&self, found: Option<Match>) -> usize {
        let mut kept = vec![0; self.holders.len()];
        for slot in self.slots.iter().filter(|slot| matches!(slot.used, Use::Kept(_))) {
            slot.cells.iter().for_each(|cell| kept[*cell] += 1);
        }
        if let Some(found) = found {
            self.slot(found.seq).cells[..found.len].iter().for_each(|cell| kept[*cell] = 0);
        }
        kept.iter().zip(&self.holders).filter(|(kept, holders)| **kept > 0 && kept == holders).count()
    }

    /// Tokens that `seq` holds.
    pub(super) fn len(&self, seq: Seq) -> usize {
        self.slot(seq).tokens.len()
    }

    /// The longest prefix of `tokens` that some sequence holds.
    pub(super) fn longest_match(&self, tokens: &[Token]) -> Option<Match> {
        self.slots
            .iter()
            .enumerate()
            .map(|(seq, slot)| (seq, common_prefix(&slot.tokens, tokens)))
            .filter(|(_, len)| *len > 0)
            // Of equals the first, so that a run repeats itself.
            .max_by_key(|(seq, len)| (*len, std::cmp::Reverse(*seq)))
            .map(|(seq, len)| Match { seq: seq_id(seq), len })
    }

    /// Takes a free sequence and shares the first `found.len` tokens of `found.seq` with it. `None` when no sequence
    /// is free.
    pub(super) fn take(&mut self, found: Option<Match>) -> Option<Seq> {
        let seq = self.slots.iter().position(|slot| slot.used == Use::Free)?;
        let (tokens, cells) = match found {
            Some(found) => {
                let source = &self.slots[found.seq as usize];
                (source.tokens[..found.len].to_vec(), source.cells[..found.len].to_vec())
            }
            None => (Vec::new(), Vec::new()),
        };
        for cell in &cells {
            self.holders[*cell] += 1;
        }
        if let Some(found) = found {
            self.touch(found.seq);
        }
        self.slots[seq] = Slot { tokens, cells, used: Use::Active };
        Some(seq_id(seq))
    }

    /// Notes that `seq` was extended. `false` when there are no cells for it; nothing is noted then.
    #[must_use]
    pub(super) fn extend(&mut self, seq: Seq, tokens: &[Token]) -> bool {
        if self.free.len() < tokens.len() {
            return false;
        }
        for token in tokens {
            let Some(cell) = self.free.pop() else { return false };
            self.holders[cell] = 1;
            let slot = &mut self.slots[seq as usize];
            slot.tokens.push(*token);
            slot.cells.push(cell);
        }
        true
    }

    /// Notes that `seq` was cut back to `len` tokens.
    pub(super) fn truncate(&mut self, seq: Seq, len: usize) {
        let slot = &mut self.slots[seq as usize];
        slot.tokens.truncate(len);
        let dropped = slot.cells.split_off(len.min(slot.cells.len()));
        for cell in dropped {
            self.holders[cell] -= 1;
            if self.holders[cell] == 0 {
                self.free.push(cell);
            }
        }
    }

    /// Nobody writes to `seq` any more; its tokens stay for others to share.
    pub(super) fn keep(&mut self, seq: Seq) {
        self.clock += 1;
        let clock = self.clock;
        self.slot_mut(seq).used = Use::Kept(clock);
    }

    /// Gives `seq` and its cells back.
    pub(super) fn release(&mut self, seq: Seq) {
        self.truncate(seq, 0);
        self.slot_mut(seq).used = Use::Free;
    }

    /// The kept sequence whose last use is longest ago.
    pub(super) fn oldest_kept(&self) -> Option<Seq> {
        let kept = self.slots.iter().enumerate().filter_map(|(seq, slot)| match slot.used {
            Use::Kept(clock) => Some((clock, seq)),
            Use::Free | Use::Active => None,
        });
        kept.min().map(|(_, seq)| seq_id(seq))
    }

    pub(super) fn has_free_sequence(&self) -> bool {
        self.slots.iter().any(|slot| slot.used == Use::Free)
    }

    /// All sequences that nobody uses.
    pub(super) fn free_sequences(&self) -> Vec<Seq> {
        (0..self.slots.len()).filter(|seq| self.slots[*seq].used == Use::Free).map(seq_id).collect()
    }

    /// Notes that a kept sequence was of use.
    pub(super) fn touch(&mut self, seq: Seq) {
        if matches!(self.slot(seq).used, Use::Kept(_)) {
            self.keep(seq);
        }
    }

    fn slot(&self, seq: Seq) -> &Slot {
        &self.slots[seq as usize]
    }

    fn slot_mut(&mut self, seq: Seq) -> &mut Slot {
        &mut self.slots[seq as usize]
    }
}

/// Length of the common beginning.
pub(super) fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[expect(clippy::cast_possible_truncation, reason = "there are at most 256 sequences")]
fn seq_id(index: usize) -> Seq {
    index as Seq
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn cache(cells: u32, sequences: u32) -> Cache {
        Cache::new(Limits {
            cells,
            most_cells: cells,
            batch: 8,
            outputs: 8,
            sequences,
            per_sequence: cells,
            shares_prefixes: true,
        })
    }

    #[test]
    fn a_shared_prefix_takes_its_cells_once() {
        let mut cache = cache(10, 4);
        let first = cache.take(None).unwrap();
        assert!(cache.extend(first, &[1, 2, 3, 4]));
        let found = cache.longest_match(&[1, 2, 3, 9]).unwrap();
        assert_eq!(found, Match { seq: first, len: 3 });
        let second = cache.take(Some(found)).unwrap();
        assert!(cache.extend(second, &[9]));
        assert_eq!(cache.cells_used(), 5);
        cache.release(first);
        assert_eq!(cache.cells_used(), 4);
        assert_eq!(cache.longest_match(&[1, 2, 3]).unwrap(), Match { seq: second, len: 3 });
    }

    #[test]
    fn the_sequence_used_longest_ago_goes_first() {
        let mut cache = cache(10, 3);
        let (a, b) = (cache.take(None).unwrap(), cache.take(None).unwrap());
        assert!(cache.extend(a, &[1]) && cache.extend(b, &[2]));
        cache.keep(a);
        cache.keep(b);
        assert_eq!(cache.oldest_kept(), Some(a));
        let c = cache.take(cache.longest_match(&[1, 5])).unwrap();
        cache.release(c);
        assert_eq!(cache.oldest_kept(), Some(b));
    }

    #[test]
    fn nothing_is_noted_when_cells_run_out() {
        let mut cache = cache(2, 2);
        let seq = cache.take(None).unwrap();
        assert!(!cache.extend(seq, &[1, 2, 3]));
        assert_eq!((cache.cells_used(), cache.len(seq)), (0, 0));
    }

    #[derive(Debug, Clone)]
    enum Action {
        Take(Vec<Token>),
        Extend(usize, Vec<Token>),
        Truncate(usize, usize),
        Keep(usize),
        Release(usize),
    }

    fn action() -> impl Strategy<Value = Action> {
        let tokens = || prop::collection::vec(0..3, 0..6);
        prop_oneof![
            tokens().prop_map(Action::Take),
            (0usize..6, tokens()).prop_map(|(seq, tokens)| Action::Extend(seq, tokens)),
            (0usize..6, 0usize..6).prop_map(|(seq, len)| Action::Truncate(seq, len)),
            (0usize..6).prop_map(Action::Keep),
            (0usize..6).prop_map(Action::Release),
        ]
    }

    proptest! {
        /// Whatever is done, no cell leaks, none is held by sequences with different tokens at its place, and what a
        /// sequence holds is what a plain list of tokens per sequence would hold.
        #[test]
        fn cells_and_tokens_agree_with_a_plain_model(actions in prop::collection::vec(action(), 0..60)) {
            let mut cache = cache(12, 6);
            let mut model: Vec<Option<Vec<Token>>> = vec![None; 6];
            for action in actions {
                match action {
                    Action::Take(tokens) => {
                        let found = cache.longest_match(&tokens);
                        let best = model.iter().flatten().map(|held| common_prefix(held, &tokens)).max().unwrap_or(0);
                        prop_assert_eq!(found.map_or(0, |found| found.len), best);
                        if let Some(seq) = cache.take(found) {
                            prop_assert!(model[seq as usize].is_none());
                            model[seq as usize] = Some(tokens[..best].to_vec());
                        } else {
                            prop_assert!(model.iter().all(Option::is_some));
                        }
                    }
                    Action::Extend(seq, tokens) => if let Some(held) = &mut model[seq]
                        && cache.extend(seq_id(seq), &tokens)
                    {
                        held.extend(&tokens);
                    },
                    Action::Truncate(seq, len) => if let Some(held) = &mut model[seq] {
                        let len = len.min(held.len());
                        cache.truncate(seq_id(seq), len);
                        held.truncate(len);
                    },
                    Action::Keep(seq) => if model[seq].is_some() { cache.keep(seq_id(seq)) },
                    Action::Release(seq) => if model[seq].take().is_some() { cache.release(seq_id(seq)) },
                }
                let mut held: BTreeSet<usize> = BTreeSet::new();
                for (slot, tokens) in cache.slots.iter().zip(&model) {
                    prop_assert_eq!(&slot.tokens, &tokens.clone().unwrap_or_default());
                    prop_assert_eq!(slot.tokens.len(), slot.cells.len());
                    held.extend(&slot.cells);
                }
                prop_assert_eq!(held.len(), cache.cells_used());
                for cell in held {
                    let mut prefixes = cache.slots.iter().filter_map(|slot| {
                        slot.cells.iter().position(|c| *c == cell).map(|at| &slot.tokens[..=at])
                    });
                    let first = prefixes.next();
                    prop_assert!(prefixes.all(|prefix| Some(prefix) == first), "a cell is shared by different prefixes");
                }
            }
        }
    }
}
