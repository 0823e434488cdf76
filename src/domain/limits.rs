//! What settings of a run may be, and what they are where nobody chose.

use std::ops::RangeInclusive;

/// Samples of sampled methods.
pub const SAMPLES: RangeInclusive<usize> = 1..=10_000;
/// Most tokens of one voice.
pub const MAX_TOKENS: RangeInclusive<usize> = 1..=1_000_000;
/// Temperature of written answers.
pub const TEMPERATURE: RangeInclusive<f64> = 0.0..=10.0;

/// How strong a direction may be taken.
pub const STRENGTH: RangeInclusive<f64> = -100.0..=100.0;

/// The seed of a run that names none.
pub const DEFAULT_SEED: u64 = 1;
/// The samples of a run that names no number.
pub const DEFAULT_SAMPLES: usize = 30;
/// The limit of a run that names none.
pub const DEFAULT_MAX_TOKENS: usize = 512;

/// Whether top-p can be this: a share above 0.
pub fn is_top_p(p: f64) -> bool {
    p > 0.0 && p <= 1.0
}
