//! How many threads to compute with while other processes want the cores too.
//!
//! A computation on all cores waits at hundreds of barriers per token. When one of its threads is not running because
//! a foreign process has its core, every barrier takes a time slice: a tenth of the speed or less is left. One thread
//! fewer has none of that. So the load of others is watched, and the cores they use are left to them.

mod load;
mod threads;

use std::time::{Duration, Instant};

use load::{Load, Watched};
use threads::Threads;

/// How often the load is looked at: long enough for the kernel's clock of 10 ms, short enough to follow.
const INTERVAL: Duration = Duration::from_millis(120);

/// Watches the load and chooses the number of threads.
#[derive(Debug)]
pub(super) struct Governor {
    threads: Threads,
    watched: Watched,
    patience: Duration,
    last: Option<(Instant, Load)>,
}

impl Governor {
    /// `most` is the number of threads on an idle machine.
    pub(super) fn new(most: usize) -> Self {
        // One thread is never changed: nothing to watch.
        let watched = if most > 1 { Watched::this_process() } else { Watched::default() };
        let threads = Threads::new(most, watched.cores());
        Self { threads, watched, patience: INTERVAL * 10, last: None }
    }

    /// The number of threads to use after work that began with the last call of [`Governor::look`], however short it was.
    pub(super) fn settle(&mut self) -> usize {
        if let Some((then, _)) = self.last {
            std::thread::sleep(INTERVAL.saturating_sub(then.elapsed()));
            // Long work is looked at as a whole.
            self.patience = Duration::MAX;
            self.look();
            self.patience = INTERVAL * 10;
        }
        self.threads.current()
    }

    /// The number of threads to use from now on, if it changed.
    pub(super) fn look(&mut self) -> Option<usize> {
        if self.threads.most() < 2 || self.last.is_some_and(|(at, _)| at.elapsed() < INTERVAL) {
            return None;
        }
        let (now, load) = (Instant::now(), self.watched.load()?);
        let (then, before) = self.last.replace((now, load))?;
        let (seconds, own) = ((now - then).as_secs_f64(), load.own - before.own);
        // After a pause the figures are of another time.
        if now - then > self.patience && is_pause(seconds, own) {
            self.threads.forget();
            return None;
        }
        self.threads.sample(load.foreign_since(before) / seconds)
    }
}

/// Whether nothing was computed for most of the time: `own` seconds of processor time in so many seconds. One step beside
/// several foreign processes can be longer than a pause, and it is then that fewer threads are needed most.
fn is_pause(seconds: f64, own: f64) -> bool {
    const LEAST: f64 = 0.25;
    own < LEAST * seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_step_is_no_pause() {
        assert!(is_pause(10.0, 0.2));
        // Two threads beside four foreign processes on two cores.
        assert!(!is_pause(3.0, 2.0));
    }

    #[test]
    fn one_thread_is_never_changed() {
        assert_eq!(Governor::new(1).look(), None);
    }
}
