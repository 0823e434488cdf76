//! Which sequence holds which tokens, and how many cells that takes. Sequences that share a prefix share its cells.
//!
//! This is bookkeeping only: the caller makes the device do what the cache says was done, in the same order.

use std::rc::Rc;

use super::device::{Limits, Seq, Token};
use super::tree::{Node, Recipe, Tree};

/// How many bytes of logits at the ends of prompts are kept, so that the same prompt need not be computed at all.
const MOST_LOGITS: usize = 64 << 20;

/// Every row that is computed looks at every cell that is held, its own or not. After about so many rows a prompt that
/// nobody asked for again has cost as much as computing it anew would (3 ms against 0.4 us a token, SmolLM2-135M on two
/// cores; larger models could wait longer).
const PROMPT_ROWS: u64 = 8 << 10;
/// The same for voices that may go on, few of which ever do: they stay while nothing else is asked for.
const VOICE_ROWS: u64 = 128;

/// What a sequence is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    /// A request writes to it.
    Active,
    /// Nobody writes to it; kept for its prefix.
    Kept(Kept),
}

/// Why a sequence is kept, in the order in which they give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    /// A voice that may go on, after a prompt of so many tokens.
    Voice(LastUse, usize),
    Prompt(LastUse),
}

/// When a kept sequence was of use last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct LastUse {
    /// Grows with each use.
    clock: u64,
    /// Rows that were computed before.
    rows: u64,
}

impl Kept {
    fn last_use(self) -> LastUse {
        match self {
            Self::Voice(at, _) | Self::Prompt(at) => at,
        }
    }

    /// How many of its tokens stay when it gives way: a voice becomes its prompt.
    fn stays(self) -> usize {
        match self {
            Self::Voice(_, prompt) => prompt,
            Self::Prompt(_) => 0,
        }
    }

    /// Rows after which it has cost more than it is worth.
    fn most_rows(self) -> u64 {
        match self {
            Self::Voice(..) => VOICE_ROWS,
            Self::Prompt(_) => PROMPT_ROWS,
        }
    }

    fn used(self, now: LastUse) -> Self {
        match self {
            Self::Voice(_, prompt) => Self::Voice(now, prompt),
            Self::Prompt(_) => Self::Prompt(now),
        }
    }
}

#[derive(Debug, Clone)]
struct Slot {
    recipe: Recipe,
    tokens: Vec<Token>,
    cells: Vec<usize>,
    path: Vec<Node>,
    used: Use,
}

/// The beginning that a sequence shares with a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) seq: Seq,
    pub(super) len: usize,
    /// Whether the logits after it are known too.
    pub(super) speaks: bool,
}

/// All sequences of a context.
#[derive(Debug)]
pub(super) struct Cache {
    slots: Vec<Slot>,
    /// How many sequences hold each cell.
    holders: Vec<u32>,
    free: Vec<usize>,
    tree: Tree,
    clock: u64,
    rows: u64,
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Self {
        let (tokens, cells, path) = (Vec::new(), Vec::new(), Vec::new());
        let slot = Slot { recipe: Recipe::default(), tokens, cells, path, used: Use::Free };
        let cells = limits.cells as usize;
        Self {
            slots: vec![slot; limits.sequences as usize],
            holders: vec![0; cells],
            free: (0..cells).rev().collect(),
            tree: Tree::new(MOST_LOGITS),
            clock: 0,
            rows: 0,
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

    /// What `seq` holds.
    pub(super) fn tokens(&self, seq: Seq) -> &[Token] {
        &self.slot(seq).tokens
    }

    /// The longest prefix of `tokens` that some sequence holds under the same recipe.
    pub(super) fn longest_match(&self, recipe: Recipe, tokens: &[Token]) -> Option<Match> {
        let (seq, len, node) = self.tree.longest(recipe, tokens)?;
        Some(Match { seq, len, speaks: self.tree.knows(node) })
    }

    /// Takes a free sequence and shares the first `found.len` tokens of `found.seq` with it. `None` when no sequence
    /// is free.
    pub(super) fn take(&mut self, recipe: Recipe, found: Option<Match>) -> Option<Seq> {
        let seq = self.slots.iter().position(|slot| slot.used == Use::Free)?;
        let id = seq_id(seq);
        let (tokens, cells, path) = match found {
            Some(Match { seq, len, .. }) => {
                let source = &self.slots[seq as usize];
                (source.tokens[..len].to_vec(), source.cells[..len].to_vec(), source.path[..len].to_vec())
            }
            None => (Vec::new(), Vec::new(), Vec::new()),
        };
        for cell in &cells {
            self.holders[*cell] += 1;
        }
        for node in &path {
            self.tree.share(id, *node);
        }
        if let Some(found) = found {
            self.touch(found.seq);
        }
        self.slots[seq] = Slot { recipe, tokens, cells, path, used: Use::Active };
        Some(id)
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
            let node = self.tree.add(seq, slot.recipe, slot.path.len(), slot.path.last().copied(), *token);
            slot.tokens.push(*token);
            slot.cells.push(cell);
            slot.path.push(node);
        }
        true
    }

    /// Notes that `seq` was cut back to `len` tokens.
    pub(super) fn truncate(&mut self, seq: Seq, len: usize) {
        let slot = &mut self.slots[seq as usize];
        slot.tokens.truncate(len);
        for node in slot.path.drain(len.min(slot.path.len())..).rev() {
            self.tree.remove(seq, node);
        }
        let dropped = slot.cells.split_off(len.min(slot.cells.len()));
        for cell in dropped {
            self.holders[cell] -= 1;
            if self.holders[cell] == 0 {
                self.free.push(cell);
            }
        }
    }

    /// Whether another sequence holds all that `seq` holds.
    pub(super) fn is_held_elsewhere(&self, seq: Seq) -> bool {
        self.slot(seq).path.last().is_some_and(|node| self.tree.holders(*node) > 1)
    }

    /// Keeps the logits after token `at` of `seq`.
    pub(super) fn remember_at(&mut self, seq: Seq, at: usize, logits: &[f32]) {
        if let Some(node) = self.slot(seq).path.get(at).copied() {
            self.tree.remember(node, logits);
        }
    }

    /// The logits after the last token of `seq`, where they were kept.
    pub(super) fn recall(&mut self, seq: Seq) -> Option<Rc<[f32]>> {
        let node = self.slot(seq).path.last().copied()?;
        self.tree.recall(node)
    }

    /// Nobody writes to `seq` any more; its tokens stay for others to share. What a voice wrote after the prompt of so many
    /// tokens gives way before prompts do.
    pub(super) fn keep(&mut self, seq: Seq, voice_after: Option<usize>) {
        let at = self.now();
        let kept = voice_after.map_or(Kept::Prompt(at), |prompt| Kept::Voice(at, prompt));
        self.slot_mut(seq).used = Use::Kept(kept);
    }

    fn now(&mut self) -> LastUse {
        self.clock += 1;
        LastUse { clock: self.clock, rows: self.rows }
    }

    /// Notes that so many rows were computed.
    pub(super) fn pass(&mut self, rows: usize) {
        self.rows += rows as u64;
    }

    /// A kept sequence that has cost more than it is worth, and how much of it is to stay.
    pub(super) fn stale(&self) -> Option<(Seq, usize)> {
        let is_stale = |kept: Kept| self.rows - kept.last_use().rows > kept.most_rows();
        self.all_kept().find(|(kept, _)| is_stale(*kept)).map(|(kept, seq)| (seq, kept.stays()))
    }

    /// Gives `seq` and its cells back.
    pub(super) fn release(&mut self, seq: Seq) {
        self.truncate(seq, 0);
        self.slot_mut(seq).used = Use::Free;
    }

    /// The kept sequence that gives way first, and how much of it stays: voices before prompts, of which each becomes one,
    /// then the one whose last use is longest ago.
    pub(super) fn oldest_kept(&self) -> Option<(Seq, usize)> {
        self.all_kept().min().map(|(kept, seq)| (seq, kept.stays()))
    }

    /// Cuts a voice that nobody writes to back to its prompt, which was of use when the voice was.
    pub(super) fn become_prompt(&mut self, seq: Seq) {
        if let Use::Kept(Kept::Voice(at, prompt)) = self.slot(seq).used {
            self.truncate(seq, prompt);
            self.slot_mut(seq).used = Use::Kept(Kept::Prompt(at));
        }
    }

    /// Kept sequences, those used last first.
    pub(super) fn kept(&self) -> Vec<Seq> {
        let mut kept: Vec<(LastUse, Seq)> = self.all_kept().map(|(kept, seq)| (kept.last_use(), seq)).collect();
        kept.sort_unstable();
        kept.into_iter().rev().map(|(_, seq)| seq).collect()
    }

    fn all_kept(&self) -> impl Iterator<Item = (Kept, Seq)> {
        (0..).zip(&self.slots).filter_map(|(seq, slot)| match slot.used {
            Use::Kept(kept) => Some((kept, seq)),
            Use::Free | Use::Active => None,
        })
    }

    /// The recipe under which `seq` was computed.
    pub(super) fn recipe(&self, seq: Seq) -> Recipe {
        self.slot(seq).recipe
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
        if let Use::Kept(kept) = self.slot(seq).used {
            let now = self.now();
            self.slot_mut(seq).used = Use::Kept(kept.used(now));
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
#[path = "cache_tests.rs"]
mod tests;
