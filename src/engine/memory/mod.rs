//! What a model needs of memory and what is free, before anything is loaded. Pure estimates from a model's header;
//! [`free`] reads what there is.
//!
//! How good they are: weights, KV cache and outputs are exact for attention models. The working memory was fitted to
//! what llama.cpp reports for two models (vocabularies of 49,152 and 151,936, 9 and 14 heads) at 256 to 32,768 cells:
//! never below it; in the audit profile the whole is at most 5 % above, in the fast profile, where llama.cpp's layout of
//! the attention weights leaves holes that follow no formula, at most 15 %. Pages count here from the beginning, though
//! the system gives many of them only when they are first written. Mixtures of experts, recurrent and multi-latent
//! models follow formulas read in llama.cpp's source and were not measured; other devices than the CPU neither.
//! Not counted: when cells have to be moved together (`llama/cells.rs`), a copy of the living ones lives that long.

pub mod free;
mod verdict;

pub use verdict::{Budget, Chosen, choose, fits, words};

use super::spec::Profile;

/// Rows of one batch, and of one physical batch.
pub const BATCH: u32 = 512;
/// The most sequences, running and kept for their prefixes, and the fewest, whatever the vocabulary.
const SEQUENCES: (u32, u32) = (256, 96);
/// Bytes that the logits of one row for each sequence may take.
const LOGITS: u64 = 96 << 20;
/// The fewest cells a context is made with, and the step between sizes: llama.cpp rounds up to it.
pub const STEP: u32 = 256;

/// Bytes of a row of floats over a batch, per value.
const ROWS: u64 = BATCH as u64 * 4;
/// Bytes beside the buffers that llama.cpp reports: its program, and its vocabulary with ours, per token.
const PROGRAM: u64 = 16 << 20;
const PER_TOKEN: u64 = 350;

/// What memory depends on, as a model's header tells it. Zero where it does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelShape {
    /// Bytes of the files, over all parts.
    pub weights: u64,
    /// Number of weights.
    pub parameters: u64,
    /// Values of keys and of values in one cell, for each layer that has cells.
    pub cells: Vec<(u64, u64)>,
    /// Values of recurrent state that each sequence has, over all layers.
    pub state: u64,
    /// Attention heads.
    pub heads: u64,
    /// Width of the residual stream.
    pub embedding: u64,
    /// Width of the feed-forward layers, over all experts that one token uses.
    pub feed_forward: u64,
    /// Entries of the vocabulary.
    pub vocabulary: u64,
    /// Tokens it was trained to read at once.
    pub trained: u64,
}

/// Bytes that a model with a context takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The weights. They are mapped: read from disk when first used, and to be quick they have to stay in memory.
    pub weights: u64,
    /// The KV cache, and recurrent state.
    pub context: u64,
    /// Outputs, buffers to compute with, vocabulary and program.
    pub working: u64,
}

impl Need {
    /// All of it.
    pub fn total(self) -> u64 {
        self.weights.saturating_add(self.context).saturating_add(self.working)
    }
}

/// Bytes of one cell of a layer's keys or values. The audit profile keeps 32 values in 34 bytes, where they come in
/// blocks of 32; else two bytes a value.
fn stored(values: u64, profile: Profile) -> u64 {
    match profile {
        Profile::Audit if values.is_multiple_of(32) => (values / 32).saturating_mul(34),
        _ => values.saturating_mul(2),
    }
}

/// Bytes of one cell over all layers.
fn cell(shape: &ModelShape, profile: Profile) -> u64 {
    let layer = |(keys, values): &(u64, u64)| stored(*keys, profile).saturating_add(stored(*values, profile));
    shape.cells.iter().map(layer).fold(0, u64::saturating_add)
}

/// Sequences of a context, and rows of one batch whose logits are wanted: llama.cpp aborts when there are fewer of these
/// than of those, and it sets the room for all their logits aside twice, four bytes per token of the vocabulary. So a large
/// vocabulary gets fewer of them.
pub fn sequences(shape: &ModelShape) -> u32 {
    let (most, fewest) = SEQUENCES;
    u32::try_from(LOGITS / shape.vocabulary.saturating_mul(4).max(1)).unwrap_or(most).clamp(fewest, most)
}

/// What a model needs with a context of `cells` tokens.
pub fn need(shape: &ModelShape, profile: Profile, cells: u32) -> Need {
    let rounded = u64::from(cells.max(1)).next_multiple_of(u64::from(STEP));
    let sequences = u64::from(sequences(shape));
    let state = shape.state.saturating_mul(4 * sequences);
    let context = cell(shape, profile).saturating_mul(rounded).saturating_add(state);
    let logits = shape.vocabulary.saturating_mul(4 * sequences);
    // The mask of the batch, two bytes a value and something for the allocator.
    let mask = rounded.saturating_mul(1152);
    let width = shape.embedding.saturating_mul(ROWS);
    let feeding = shape.feed_forward.saturating_mul(2 * ROWS).saturating_add(width.saturating_mul(4));
    let mut compute = logits.saturating_add(width.saturating_mul(6)).max(feeding).saturating_add(mask);
    if profile == Profile::Fast {
        // Without flash attention each head has a weight for each row and cell; up to three tenths are holes between.
        let attention = (shape.heads.saturating_add(1)).saturating_mul(rounded).saturating_mul(ROWS * 13 / 10);
        compute = compute.max(attention.saturating_add(width.saturating_mul(15) / 2));
    }
    let beside = PROGRAM.saturating_add(shape.vocabulary.saturating_mul(PER_TOKEN));
    Need { weights: shape.weights, context, working: logits.saturating_add(compute).saturating_add(beside) }
}

/// The most cells, a multiple of [`STEP`], that fit with the model into `free` bytes; 0 when not even [`STEP`] do.
pub fn most_cells(shape: &ModelShape, profile: Profile, free: u64) -> u32 {
    let fits = |steps: u32| need(shape, profile, steps * STEP).total() <= free;
    // The need grows with the cells; more than llama.cpp can count are never asked for.
    let (mut fitting, mut beyond) = (0, (i32::MAX as u32) / STEP);
    while beyond - fitting > 1 {
        let middle = fitting + (beyond - fitting) / 2;
        if fits(middle) {
            fitting = middle;
        } else {
            beyond = middle;
        }
    }
    fitting * STEP
}

#[cfg(test)]
mod tests;
