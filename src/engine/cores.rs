//! How many threads are worth computing with: one for each physical core that this process may use, and no more than
//! the processor time that its containers allow.

use std::collections::BTreeSet;
use std::path::Path;

use super::cgroup::{Version, groups};
use super::protocol::Cores;

/// The cores of this machine as this process sees them.
pub fn read() -> Cores {
    if cfg!(target_os = "linux") {
        return read_at(Path::new("/"));
    }
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Cores { physical: count, usable: count, quota_milli: None }
}

/// Threads to compute with by default.
pub fn threads(cores: Cores) -> usize {
    let quota = cores.quota_milli.map_or(u64::MAX, |milli| milli / 1000);
    usize::try_from(u64::from(cores.usable).min(quota).max(1)).unwrap_or(1)
}

/// `2 physical cores, 2 usable, quota none`.
pub fn words(cores: Cores) -> String {
    let quota = cores.quota_milli.map_or_else(|| "none".to_owned(), |milli| format!("{:.1}", milli as f64 / 1000.0));
    format!("{} physical cores, {} usable, quota {quota}", cores.physical, cores.usable)
}

/// The cores as the files of Linux below `root` tell them.
pub fn read_at(root: &Path) -> Cores {
    let allowed = allowed(root);
    let online = std::fs::read_to_string(root.join("sys/devices/system/cpu/online")).unwrap_or_default();
    let online = list(&online);
    let online = if online.is_empty() { allowed.clone() } else { online };
    let physical = |cpus: &BTreeSet<usize>| {
        let cores: BTreeSet<BTreeSet<usize>> = cpus.iter().map(|cpu| siblings(root, *cpu)).collect();
        u32::try_from(cores.len()).unwrap_or(u32::MAX).max(1)
    };
    Cores { physical: physical(&online), usable: physical(&allowed), quota_milli: quota(root) }
}

/// The processors that the scheduler of the system may put this process on.
pub(in crate::engine) fn allowed(root: &Path) -> BTreeSet<usize> {
    let status = std::fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
    list(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or(""))
}

/// The processors that share a core with `cpu`, itself among them.
fn siblings(root: &Path, cpu: usize) -> BTreeSet<usize> {
    let folder = root.join(format!("sys/devices/system/cpu/cpu{cpu}/topology"));
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok().map(|text| list(&text));
    // The second is the older kernels' name.
    let known = read("core_cpus_list").or_else(|| read("thread_siblings_list"));
    known.filter(|cpus| cpus.contains(&cpu)).unwrap_or_else(|| BTreeSet::from([cpu]))
}

/// A list such as `0-2,5`.
fn list(text: &str) -> BTreeSet<usize> {
    // More than any machine has; a line that claims more is not believed.
    const MOST: usize = 1 << 16;
    let range = |part: &str| -> Option<std::ops::RangeInclusive<usize>> {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        (to < MOST).then_some(from..=to)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

/// The processor time that the tightest control group allows, in thousandths of a core.
fn quota(root: &Path) -> Option<u64> {
    let of = |(time, period): (u64, u64)| time.checked_mul(1000)?.checked_div(period);
    let all = groups(root, "cpu").into_iter().filter_map(|group| match group.version {
        Version::Two => {
            let text = group.read("cpu.max")?;
            let (time, period) = text.trim().split_once(' ')?;
            Some((time.parse().ok()?, period.parse().ok()?))
        }
        Version::One => Some((group.number("cpu.cfs_quota_us")?, group.number("cpu.cfs_period_us")?)),
    });
    all.filter_map(of).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cgroup::fixture;

    /// Four cores of two threads each; the process may use `allowed`.
    fn machine(allowed: &str, more: &[(&str, &str)]) -> Cores {
        let status = format!("Name:\tparallax\nCpus_allowed:\tff\nCpus_allowed_list:\t{allowed}\n");
        let mut files = vec![
            ("proc/self/status".to_owned(), status),
            ("sys/devices/system/cpu/online".to_owned(), "0-7\n".to_owned()),
        ];
        for cpu in 0..8 {
            let name = if cpu % 4 == 0 { "core_cpus_list" } else { "thread_siblings_list" };
            let core = cpu % 4;
            let path = format!("sys/devices/system/cpu/cpu{cpu}/topology/{name}");
            files.push((path, format!("{core},{}\n", core + 4)));
        }
        files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        read_at(fixture(&files).path())
    }

    #[test]
    fn one_thread_a_core_among_those_that_are_allowed() {
        for (allowed, usable) in [("0-7", 4), ("0-3", 4), ("0,4", 1), ("1,2,6", 2), ("", 1)] {
            let cores = machine(allowed, &[]);
            assert_eq!((cores.physical, cores.usable, threads(cores)), (4, usable, usable as usize), "{allowed}");
        }
    }

    #[test]
    fn a_quota_bounds_the_threads() {
        let v2 = |inner: &'static str, outer: &'static str| {
            machine(
                "0-7",
                &[
                    ("proc/self/cgroup", "0::/a/b\n"),
                    ("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
                    ("sys/fs/cgroup/a/b/cpu.max", inner),
                    ("sys/fs/cgroup/a/cpu.max", outer),
                ],
            )
        };
        for (inner, outer, milli, count) in [
            ("max 100000\n", "max 100000\n", None, 4),
            ("max 100000\n", "250000 100000\n", Some(2500), 2),
            ("50000 100000\n", "300000 100000\n", Some(500), 1),
            ("900000 100000\n", "garbage\n", Some(9000), 4),
            ("100 0\n", "max 0\n", None, 4),
        ] {
            let cores = v2(inner, outer);
            assert_eq!((cores.quota_milli, threads(cores)), (milli, count), "{inner} {outer}");
        }
        let v1 = |quota: &'static str| {
            machine(
                "0-7",
                &[
                    ("proc/self/cgroup", "1:cpu:/box\n"),
                    ("proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"),
                    ("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", quota),
                    ("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n"),
                ],
            )
        };
        assert_eq!((v1("-1\n").quota_milli, v1("150000\n").quota_milli), (None, Some(1500)));
    }

    #[test]
    fn without_the_files_of_linux_there_is_one_core() {
        let cores = read_at(fixture(&[]).path());
        assert_eq!(threads(cores), 1);
        assert_eq!(words(cores), "1 physical cores, 1 usable, quota none");
        assert_eq!(words(Cores { quota_milli: Some(1500), ..cores }), "1 physical cores, 1 usable, quota 1.5");
    }

    #[test]
    fn lists_that_make_no_sense_are_left_out() {
        assert_eq!(list("0-2,5,x,9-,7-6,0-99999999999"), BTreeSet::from([0, 1, 2, 5]));
    }
}
