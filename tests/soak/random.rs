//! Choices that a seed repeats.

use parallax::measure::SplitMix64;

#[derive(Debug, Clone)]
pub struct Random(SplitMix64);

impl Random {
    pub fn new(usual: u64) -> Self {
        Self(SplitMix64::new(crate::setting("PARALLAX_SOAK_SEED", usual)))
    }

    pub fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// One of `count` numbers from 0.
    pub fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    /// True `percent` times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
