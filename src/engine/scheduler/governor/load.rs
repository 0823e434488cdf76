//! The load on the processors that this process may use. What happens on others, where the scheduler of the system never
//! puts its threads, does not matter.

use std::collections::BTreeSet;
use std::path::Path;

use crate::engine::cores;

/// Seconds of processor time since some start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    /// On the watched processors, by anybody; also what the host of a virtual machine took away.
    everybody: f64,
    /// By this process.
    pub(super) own: f64,
}

impl Load {
    /// Seconds that others used since `before`. The clocks are coarse: it may seem less than nothing.
    pub(super) fn foreign_since(self, before: Self) -> f64 {
        self.everybody - before.everybody - (self.own - before.own)
    }
}

/// Which processors are watched; all where the system does not tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    processors: BTreeSet<usize>,
    cores: usize,
}

impl Watched {
    /// Those that this process may use now.
    pub(super) fn this_process() -> Self {
        let usable = cores::read().usable;
        Self { processors: cores::allowed(Path::new("/")), cores: usize::try_from(usable).unwrap_or(1) }
    }

    /// Physical cores among them.
    pub(super) fn cores(&self) -> usize {
        self.cores
    }

    /// The load until now; `None` where the system does not tell.
    pub(super) fn load(&self) -> Option<Load> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let everybody = self.busy(&std::fs::read_to_string("/proc/stat").ok()?)?;
        Some(Load { everybody, own: own() })
    }

    /// Seconds that the watched processors were busy, by the text of `/proc/stat`.
    fn busy(&self, stat: &str) -> Option<f64> {
        let lines = stat.lines().take_while(|line| line.starts_with("cpu"));
        let mine: Vec<f64> = lines
            .filter_map(|line| {
                let (name, times) = line.split_once(' ')?;
                let number = name.strip_prefix("cpu")?;
                // The first line, without a number, is their sum.
                let is_mine = match number.parse() {
                    Ok(number) => self.processors.contains(&number),
                    Err(_) => self.processors.is_empty(),
                };
                is_mine.then(|| seconds(times))
            })
            .collect();
        (!mine.is_empty()).then(|| mine.iter().sum())
    }
}

/// Busy seconds of one line: user, nice, system, not idle and waiting, then irq, softirq, steal. Guests are counted within
/// user already.
fn seconds(times: &str) -> f64 {
    // Hundredths of a second whatever the kernel's own clock.
    const TICKS: f64 = 100.0;
    let fields = times.split_whitespace().map_while(|field| field.parse::<f64>().ok());
    let busy = fields.take(8).enumerate().filter(|(index, _)| *index != 3 && *index != 4);
    busy.map(|(_, ticks)| ticks).sum::<f64>() / TICKS
}

#[cfg(unix)]
fn own() -> f64 {
    let own = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    own.tv_sec as f64 + own.tv_nsec as f64 / 1e9
}

#[cfg(not(unix))]
fn own() -> f64 {
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  600 10 90 9999 50 4 6 20 77 0\ncpu0 100 10 40 5000 50 4 6 20 77 0\n\
        cpu1 200 0 50 0 0 0 0 0 0 0\ncpu10 300 0 0 0 0 0 0 0 0 0\nintr 5 cpu2 7\n";

    fn busy(processors: &[usize]) -> Option<f64> {
        Watched { processors: processors.iter().copied().collect(), cores: 1 }.busy(STAT)
    }

    #[test]
    fn only_processors_that_may_be_used_count() {
        assert_eq!(busy(&[0]), Some(1.8));
        assert_eq!(busy(&[1]), Some(2.5));
        assert_eq!(busy(&[1, 10]), Some(5.5));
        assert_eq!(busy(&[]), Some(7.3));
        assert_eq!(busy(&[5]), None);
    }

    #[test]
    fn what_this_process_used_is_not_foreign() {
        let (before, after) = (Load { everybody: 10.0, own: 4.0 }, Load { everybody: 10.3, own: 4.2 });
        assert!((after.foreign_since(before) - 0.1).abs() < 1e-9);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells_its_load() {
        let watched = Watched::this_process();
        assert!(watched.cores() > 0 && !watched.processors.is_empty());
        let load = watched.load();
        assert!(load.is_some_and(|load| load.everybody > 0.0 && load.own > 0.0), "{load:?}");
    }
}
