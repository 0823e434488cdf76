//! The decision of the governor, without clock or system: samples of foreign load in, a number of threads out.

/// The part of a core that others may use before it is left to them.
const TOLERANCE: f64 = 0.4;
/// The part of a core that others may still use when it is taken back. Smaller than [`TOLERANCE`], so that a load near
/// either does not make the number go up and down.
const QUIET: f64 = 0.2;
/// Samples in a row that must agree before threads are added: one too many costs far more than one too few.
const AGREEING: u32 = 2;

/// A number of threads that follows what others leave.
#[derive(Debug, Clone)]
pub(super) struct Threads {
    most: usize,
    cores: usize,
    current: usize,
    /// How many samples in a row had room for more, and the least room among them.
    room: Option<(u32, usize)>,
}

impl Threads {
    /// `most` threads on an idle machine, on `cores` that this process may use. There may be more cores than threads,
    /// where a quota bounds the threads: what others do on the rest does not matter.
    pub(super) fn new(most: usize, cores: usize) -> Self {
        Self { most, cores: cores.max(most), current: most, room: None }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// Samples before a pause say nothing about now.
    pub(super) fn forget(&mut self) {
        self.room = None;
    }

    /// Takes in how many cores' worth of time others have just used; tells the number of threads if it changed. Fewer at
    /// once, more when two samples in a row have room.
    pub(super) fn sample(&mut self, foreign: f64) -> Option<usize> {
        let fewer = self.left(foreign, TOLERANCE);
        if fewer < self.current {
            (self.current, self.room) = (fewer, None);
            return Some(fewer);
        }
        let more = self.left(foreign, QUIET);
        if more <= self.current {
            self.room = None;
            return None;
        }
        let (count, least) = self.room.map_or((1, more), |(count, least)| (count + 1, least.min(more)));
        if count < AGREEING {
            self.room = Some((count, least));
            return None;
        }
        (self.current, self.room) = (least, None);
        Some(least)
    }

    /// Threads beside others who keep `foreign` cores busy.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=most")]
    fn left(&self, foreign: f64, tolerance: f64) -> usize {
        (self.cores as f64 - foreign + tolerance).floor().clamp(1.0, self.most as f64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of threads after each sample.
    fn follow(threads: &mut Threads, samples: &[f64]) -> Vec<usize> {
        let one = |foreign: &f64| {
            threads.sample(*foreign);
            threads.current()
        };
        samples.iter().map(one).collect()
    }

    #[test]
    fn cores_that_others_use_are_left_to_them_at_once() {
        for (most, foreign, expected) in
            [(2, 0.0, 2), (2, 0.3, 2), (2, 0.7, 1), (2, 5.0, 1), (16, 1.0, 15), (2, -0.5, 2)]
        {
            // The kernel's clock is coarse, so that others may seem to use less than nothing.
            assert_eq!(follow(&mut Threads::new(most, most), &[foreign]), [expected], "{most} {foreign}");
        }
    }

    #[test]
    fn a_neighbour_that_leaves_is_believed_after_two_samples() {
        let mut threads = Threads::new(2, 2);
        assert_eq!(follow(&mut threads, &[1.0, 1.0, 0.1, 0.0, 0.0]), [1, 1, 1, 2, 2]);
        // At 120 ms a sample: down within a quarter of a second of its coming, up within 0.36 s of its leaving.
        assert_eq!(follow(&mut threads, &[0.3, 1.0, 0.5, 0.0, 0.0]), [2, 1, 1, 1, 2]);
    }

    #[test]
    fn a_load_near_the_border_does_not_make_it_swing() {
        let mut threads = Threads::new(2, 2);
        assert_eq!(follow(&mut threads, &[0.25, 0.38, 0.15, 0.3, 0.39, 0.1]), [2; 6]);
        assert_eq!(follow(&mut threads, &[0.45, 0.35, 0.25, 0.38, 0.45, 0.22, 0.3]), [1; 7]);
        // One quiet sample between busy ones is no quiet neighbour.
        assert_eq!(follow(&mut threads, &[0.0, 1.0, 0.0, 1.0, 0.0]), [1; 5]);
        assert_eq!(follow(&mut threads, &[0.0]), [2]);
    }

    #[test]
    fn threads_come_back_as_far_as_both_samples_allow() {
        let mut threads = Threads::new(8, 8);
        assert_eq!(follow(&mut threads, &[6.0, 1.0, 3.0, 0.0, 0.0]), [2, 2, 5, 5, 8]);
    }

    #[test]
    fn a_pause_begins_the_count_anew() {
        let mut threads = Threads::new(2, 2);
        follow(&mut threads, &[1.0, 0.0]);
        threads.forget();
        assert_eq!(follow(&mut threads, &[0.0, 0.0]), [1, 2]);
    }

    #[test]
    fn with_a_quota_others_matter_only_beyond_the_cores_left_free() {
        // Two threads by a quota, on eight cores.
        let mut threads = Threads::new(2, 8);
        assert_eq!(follow(&mut threads, &[3.0, 6.0, 7.0, 8.0, 0.0, 0.0]), [2, 2, 1, 1, 1, 2]);
    }
}
