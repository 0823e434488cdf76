//! Steering where looking into the layers costs too much: llama.cpp's own control vectors, which act on all rows of a batch.
//! A batch is cut into parts whose rows have the same vectors, and the parts are computed one after the other on the same
//! weights and the same cache.

use std::collections::HashMap;

use super::ffi::Context;
use crate::engine::scheduler::device::{DecodeFault, Row, Seq};

/// The steering of a row: its name, and which of its directions act there. 0 and 0 is none.
type Recipe = (u64, u64);

/// Rows with the same recipe, by their places in the batch.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    recipe: Recipe,
    rows: Vec<usize>,
}

/// As few parts as can be had by taking the rows in their order: what a sequence reads later is never computed before what it
/// reads earlier.
fn parts(rows: &[Row], recipe_of: impl Fn(&Row) -> Recipe) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut last: HashMap<Seq, usize> = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        let recipe = recipe_of(row);
        let first = last.get(&row.seq).copied().unwrap_or(0);
        let fitting = (first..parts.len()).find(|at| parts[*at].recipe == recipe);
        let at = fitting.unwrap_or_else(|| {
            parts.push(Part { recipe, rows: Vec::new() });
            parts.len() - 1
        });
        parts[at].rows.push(place);
        last.insert(row.seq, at);
    }
    parts
}

/// Logits of the last batch, if it was computed in parts: by row, those that were wanted.
#[derive(Debug, Default)]
pub(super) struct Apart {
    logits: HashMap<usize, Vec<f32>>,
    is_in_force: bool,
}

impl Apart {
    /// What is kept of the last batch is no longer of interest.
    pub(super) fn forget(&mut self) {
        self.logits.clear();
        self.is_in_force = false;
    }

    /// Logits after a row of the last batch; `None` where it was computed as a whole.
    pub(super) fn logits(&self, row: usize) -> Option<&[f32]> {
        self.is_in_force.then(|| self.logits.get(&row).map_or(&[][..], Vec::as_slice))
    }

    /// Computes `rows` part by part. `decode` computes one of them.
    pub(super) fn decode(
        &mut self,
        context: &mut Context,
        rows: &[Row],
        decode: impl Fn(&mut Context, &[Row]) -> Result<(), DecodeFault>,
    ) -> Result<(), DecodeFault> {
        self.logits.clear();
        self.is_in_force = true;
        let hook = context.hook();
        let parts = parts(rows, |row| {
            hook.steering_of(row.seq).map_or((0, 0), |steering| match steering.stage(row.pos) {
                0 => (0, 0),
                stage => (steering.id(), stage),
            })
        });
        let result = parts.iter().try_for_each(|part| self.decode_part(context, rows, part, &decode));
        context.hook().set_aside(false);
        // What is computed next may be nobody's.
        context.set_control_vector(&[]);
        result
    }

    fn decode_part(
        &mut self,
        context: &mut Context,
        rows: &[Row],
        part: &Part,
        decode: &impl Fn(&mut Context, &[Row]) -> Result<(), DecodeFault>,
    ) -> Result<(), DecodeFault> {
        let own: Vec<Row> = part.rows.iter().map(|place| rows[*place]).collect();
        let vectors = own.first().and_then(|row| context.hook().steering_of(row.seq)?.vectors(row.pos));
        // A probe reads what a layer puts out, and the first layer has no slot: those rows are moved one by one.
        let is_taken = vectors.is_some_and(|vectors| {
            let vectors: Vec<(u32, &[f32])> = vectors.iter().map(|(layer, of)| (*layer, of.as_slice())).collect();
            context.set_control_vector(&vectors)
        });
        if !is_taken {
            context.set_control_vector(&[]);
        }
        context.hook().set_aside(is_taken);
        decode(context, &own)?;
        for (place, index) in part.rows.iter().zip(0..) {
            if rows[*place].output {
                self.logits.insert(*place, context.logits(index).to_vec());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(seq: Seq, pos: u32) -> Row {
        Row { token: 1, pos, seq, output: false }
    }

    #[test]
    fn what_is_steered_alike_is_computed_together() {
        let rows = [row(0, 5), row(1, 5), row(2, 7), row(0, 6), row(3, 1)];
        let found = parts(&rows, |row| (u64::from(row.seq % 2), 1));
        let places: Vec<_> = found.into_iter().map(|part| part.rows).collect();
        assert_eq!(places, [vec![0, 2, 3], vec![1, 4]]);
    }

    #[test]
    fn a_window_that_ends_comes_before_what_lies_behind_it() {
        let rows: Vec<Row> = (0..6).map(|pos| row(0, pos)).collect();
        let found = parts(&rows, |row| (7, u64::from((2..4).contains(&row.pos))));
        let places: Vec<_> = found.into_iter().map(|part| part.rows).collect();
        assert_eq!(places, [[0, 1], [2, 3], [4, 5]]);
    }

    proptest! {
        #[test]
        fn every_row_is_computed_once_and_in_its_order(wanted in prop::collection::vec((0u32..4, 0u64..3), 0..40)) {
            let mut next = [0u32; 4];
            let rows: Vec<Row> = wanted.iter().map(|(seq, _)| {
                let pos = &mut next[*seq as usize];
                *pos += 1;
                row(*seq, *pos - 1)
            }).collect();
            let recipe = |of: &Row| {
                let place = rows.iter().position(|row| (row.seq, row.pos) == (of.seq, of.pos));
                (place.map_or(0, |place| wanted[place].1), 1)
            };
            let found = parts(&rows, recipe);
            let order: Vec<usize> = found.iter().flat_map(|part| part.rows.clone()).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..rows.len()).collect::<Vec<_>>());
            for part in &found {
                prop_assert!(part.rows.iter().all(|place| recipe(&rows[*place]) == part.recipe));
            }
            for seq in 0..4 {
                let positions: Vec<u32> = order.iter().filter(|place| rows[**place].seq == seq).map(|place| rows[*place].pos).collect();
                prop_assert!(positions.is_sorted(), "{positions:?}");
            }
        }
    }
}
