//! How many threads to compute with while other processes want the cores too.
//!
//! A computation on all cores waits at hundreds of barriers per token. When one of its threads is not running because
//! a foreign process has its core, every barrier takes a time slice: a tenth of the speed or less is left. One thread
//! fewer has none of that. So the load of others is watched, and the cores they use are left to them.

use std::time::{Duration, Instant};

/// How often the load is looked at: long enough for the kernel's clock of 10 ms, short enough to follow.
const INTERVAL: Duration = Duration::from_millis(120);
/// The part of a core that others may use before it is left to them.
const TOLERANCE: f64 = 0.4;

/// Watches the load and chooses the number of threads.
#[derive(Debug)]
pub(super) struct Governor {
    most: usize,
    current: usize,
    patience: Duration,
    last: Option<(Instant, Load)>,
}

/// Seconds of processor time since some start.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Load {
    everybody: f64,
    own: f64,
}

impl Governor {
    /// `most` is the number of threads on an idle machine.
    pub(super) fn new(most: usize) -> Self {
        Self { most, current: most, patience: INTERVAL * 10, last: None }
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
        self.current
    }

    /// The number of threads to use from now on, if it changed.
    pub(super) fn look(&mut self) -> Option<usize> {
        if self.most < 2 || self.last.is_some_and(|(at, _)| at.elapsed() < INTERVAL) {
            return None;
        }
        let (now, load) = (Instant::now(), read()?);
        let (then, before) = self.last.replace((now, load))?;
        let (seconds, own) = ((now - then).as_secs_f64(), load.own - before.own);
        // After a pause the figures are of another time.
        if now - then > self.patience && is_pause(seconds, own) {
            return None;
        }
        let wanted = choose(self.most, (load.everybody - before.everybody - own) / seconds);
        (wanted != self.current).then(|| {
            self.current = wanted;
            wanted
        })
    }
}

/// Whether nothing was computed for most of the time: `own` seconds of processor time in so many seconds. One step beside
/// several foreign processes can be longer than a pause, and it is then that fewer threads are needed most.
fn is_pause(seconds: f64, own: f64) -> bool {
    const LEAST: f64 = 0.25;
    own < LEAST * seconds
}

/// Threads to use beside others who keep `foreign` cores busy.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=most")]
fn choose(most: usize, foreign: f64) -> usize {
    (most as f64 - foreign + TOLERANCE).floor().clamp(1.0, most as f64) as usize
}

#[cfg(target_os = "linux")]
fn read() -> Option<Load> {
    // Hundredths of a second whatever the kernel's own clock.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> =
        stat.lines().next()?.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user, nice, system; idle and waiting; irq, softirq, steal. Guests are counted within user already.
    let busy =
        fields.iter().take(8).enumerate().filter(|(index, _)| *index != 3 && *index != 4).map(|(_, ticks)| ticks);
    let own = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Load { everybody: busy.sum::<f64>() / TICKS, own: own.tv_sec as f64 + own.tv_nsec as f64 / 1e9 })
}

#[cfg(not(target_os = "linux"))]
fn read() -> Option<Load> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_that_others_use_are_left_to_them() {
        assert_eq!(choose(2, 0.0), 2);
        assert_eq!(choose(2, 0.3), 2);
        assert_eq!(choose(2, 0.7), 1);
        assert_eq!(choose(2, 5.0), 1);
        assert_eq!(choose(16, 1.0), 15);
        // The kernel's clock is coarse, so that others may seem to use less than nothing.
        assert_eq!(choose(2, -0.5), 2);
    }

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
