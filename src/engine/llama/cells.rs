//! Where llama.cpp puts tokens, kept so that the cells of every sequence stay in the order of its tokens.
//!
//! Attention on the CPU adds up over the cells in the order in which they lie. llama.cpp fills the first free cell it
//! finds, so once a sequence was forgotten the next token of another one may land before its own beginning: the same
//! sum in another order, and with it other bits. So a cell that nobody holds any more is not given back at once. It is
//! held by a sequence of nobody until all that is alive is moved together, in order.

use crate::engine::scheduler::device::Seq;

/// Every row looks at each dead cell once per head and layer, about two nanoseconds each time. To move a living cell
/// costs as much as so many of these looks of a row at a cell: 5 to 20 by the sizes of common models and a memory of
/// 3 GB/s, about 12 for SmolLM2-135M.
const COST_OF_MOVING: usize = 12;

/// Which cells of a context are used, in the order in which they were filled: the first is cell 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cells {
    /// How many sequences hold each cell that was filled since the last move.
    holders: Vec<u32>,
    /// The cells of each sequence, one for each of its tokens.
    held: Vec<Vec<u32>>,
    living: usize,
    /// Looks at dead cells since the last move: rows times cells.
    wasted: usize,
}

impl Cells {
    pub(super) fn new(sequences: u32) -> Self {
        Self { holders: Vec::new(), held: vec![Vec::new(); sequences as usize], living: 0, wasted: 0 }
    }

    /// Cells that hold something for somebody.
    pub(super) fn living(&self) -> usize {
        self.living
    }

    /// Whether the living have to move before `rows` more are filled in a context of `size` cells, or should: as soon as
    /// the dead have cost as much as the move, which then costs at most twice what the best moment would have.
    pub(super) fn must_move(&mut self, rows: usize, size: usize) -> bool {
        let dead = self.holders.len() - self.living;
        self.wasted = self.wasted.saturating_add(rows.saturating_mul(dead));
        dead > 0 && (self.holders.len() + rows > size || self.wasted > COST_OF_MOVING * self.living)
    }

    /// Whether there are cells between the living ones.
    pub(super) fn has_dead(&self) -> bool {
        self.holders.len() > self.living
    }

    /// Whether a sequence holds something.
    pub(super) fn holds(&self, seq: Seq) -> bool {
        self.held.get(seq as usize).is_some_and(|held| !held.is_empty())
    }

    /// Sequences that hold something.
    pub(super) fn used(&self) -> impl Iterator<Item = Seq> {
        (0..).zip(&self.held).filter(|(_, held)| !held.is_empty()).map(|(seq, _)| seq)
    }

    /// Notes that the next free cell was filled with the next token of each of `seqs`.
    pub(super) fn fill(&mut self, seqs: &[Seq]) {
        let cell = u32::try_from(self.holders.len()).unwrap_or(u32::MAX);
        self.holders.push(u32::try_from(seqs.len()).unwrap_or(u32::MAX));
        self.living += 1;
        for seq in seqs {
            self.held[*seq as usize].push(cell);
        }
    }

    /// Notes that the empty sequence `to` begins with the first `len` tokens of `from`.
    pub(super) fn copy(&mut self, from: Seq, to: Seq, len: u32) {
        let from = &self.held[from as usize];
        let cells = from[..from.len().min(len as usize)].to_vec();
        for cell in &cells {
            self.holders[*cell as usize] += 1;
        }
        self.held[to as usize] = cells;
    }

    /// Notes that a sequence was cut to `len` tokens; tells whether a cell died.
    pub(super) fn cut(&mut self, seq: Seq, len: u32) -> bool {
        let held = &mut self.held[seq as usize];
        let dropped = held.split_off(held.len().min(len as usize));
        let before = self.living;
        for cell in dropped {
            let holders = &mut self.holders[cell as usize];
            *holders -= 1;
            self.living -= usize::from(*holders == 0);
        }
        self.living < before
    }

    /// Notes that the living were moved to the first cells, in their order.
    pub(super) fn moved(&mut self) {
        self.wasted = 0;
        let mut places = Vec::with_capacity(self.holders.len());
        let mut next = 0;
        for holders in &self.holders {
            places.push(next);
            next += u32::from(*holders > 0);
        }
        self.holders.retain(|holders| *holders > 0);
        self.held.iter_mut().flatten().for_each(|cell| *cell = places[*cell as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_cells_die_with_their_last_holder() {
        let mut cells = Cells::new(4);
        (0..3).for_each(|_| cells.fill(&[0]));
        cells.copy(0, 1, 2);
        cells.fill(&[1]);
        assert_eq!((cells.living(), cells.has_dead()), (4, false));
        assert!(cells.cut(0, 0), "its third token was its own");
        assert_eq!((cells.living(), cells.has_dead()), (3, true));
        assert_eq!(cells.used().collect::<Vec<_>>(), [1]);
        cells.moved();
        assert_eq!((cells.held[1].as_slice(), cells.has_dead()), ([0, 1, 2].as_slice(), false));
        assert!(cells.cut(1, 1));
        assert!(!cells.cut(1, 1));
        assert_eq!(cells.living(), 1);
    }

    #[test]
    fn they_move_when_the_end_is_reached() {
        let mut cells = Cells::new(2);
        (0..100).for_each(|_| cells.fill(&[0]));
        cells.fill(&[1]);
        assert!(!cells.must_move(100, 128), "nothing would be won");
        cells.cut(0, 90);
        assert!(!cells.must_move(27, 128));
        assert!(cells.must_move(28, 128));
        cells.moved();
        assert!(!cells.must_move(28, 128));
    }

    #[test]
    fn they_move_when_the_dead_have_cost_as_much() {
        let mut cells = Cells::new(2);
        (0..10).for_each(|_| cells.fill(&[0]));
        (0..4).for_each(|_| cells.fill(&[1]));
        cells.cut(1, 0);
        let batches = (1..1000).take_while(|_| !cells.must_move(2, 4096)).count();
        assert_eq!(batches, COST_OF_MOVING * 10 / (4 * 2));
        cells.moved();
        assert!(!cells.must_move(2, 4096));
        // With nothing alive there is nothing to move.
        cells.cut(0, 0);
        assert!(cells.must_move(1, 4096));
    }

    #[test]
    fn a_cell_of_several_sequences_is_one_cell() {
        let mut cells = Cells::new(3);
        cells.fill(&[0, 2]);
        assert_eq!(cells.living(), 1);
        assert!(!cells.cut(0, 0));
        assert!(cells.cut(2, 0));
    }
}
