//! The bytes of a workbench as they arrive, told apart into frames.

use std::time::Instant;

use super::grid::{Grid, Mark};

/// A frame that arrived whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrived {
    /// When its last byte was read.
    pub(super) at: Instant,
    /// From the begin of its synchronised update to the end of it, both included.
    pub(super) bytes: u64,
}

/// The screen and its frames.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) grid: Grid,
    frames: Vec<Arrived>,
    bytes: u64,
    /// Where the frame in progress began, in bytes of the whole.
    began: u64,
    /// Clears of the screen before the first frame: taking the terminal is no redraw.
    clears_before: u64,
}

/// The length of `CSI ? 2026 h`.
const BEGIN: u64 = 8;

impl Wire {
    pub(super) fn new(size: (u16, u16)) -> Self {
        Self { grid: Grid::new(size), frames: Vec::new(), bytes: 0, began: 0, clears_before: 0 }
    }

    /// Takes bytes that were read at `at`, up to the end of a frame, and says how many it took.
    pub(super) fn take(&mut self, at: Instant, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            self.bytes += 1;
            match self.grid.take(*byte) {
                Mark::None => {}
                Mark::FrameBegins => {
                    self.began = self.bytes - BEGIN;
                    if self.frames.is_empty() {
                        self.clears_before = self.grid.full_clears();
                    }
                }
                Mark::FrameEnds => {
                    self.frames.push(Arrived { at, bytes: self.bytes - self.began });
                    return index + 1;
                }
            }
        }
        bytes.len()
    }

    /// All frames so far.
    pub(super) fn frames(&self) -> &[Arrived] {
        &self.frames
    }

    /// How often the whole screen was cleared since the first frame began.
    pub(super) fn full_clears(&self) -> u64 {
        self.grid.full_clears() - self.clears_before
    }

    /// All bytes so far, also those of no frame.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_with_all_their_bytes_however_they_are_cut() {
        let text = b"\x1b[?1049h\x1b[2J\x1b[?2026h\x1b[1;1Hab\x1b[?2026l\x1b]0;t\x07\x1b[?2026hc\x1b[2J\x1b[?2026l";
        let mut wire = Wire::new((8, 1));
        let mut rest: &[u8] = text;
        while !rest.is_empty() {
            let piece = rest.get(..3).unwrap_or(rest);
            let taken = wire.take(Instant::now(), piece);
            rest = rest.get(taken..).unwrap_or_default();
        }
        let sizes: Vec<u64> = wire.frames().iter().map(|frame| frame.bytes).collect();
        assert_eq!(sizes, [8 + 6 + 2 + 8, 8 + 1 + 4 + 8]);
        assert_eq!(wire.full_clears(), 1);
        assert_eq!(wire.bytes(), text.len() as u64);
    }
}
