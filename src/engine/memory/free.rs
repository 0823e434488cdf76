//! How much memory is free for this process: what the system could give without swapping, and what the limits of its
//! containers leave, whichever is less. ggml's own figure for the CPU is the size of the whole machine.

use std::path::Path;

use super::super::cgroup::{Group, Version, groups};

/// Free memory of the processor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Free {
    /// Bytes; `None` when this system does not tell.
    pub bytes: Option<u64>,
    /// Bytes in all, under the same limit; `None` when this system does not tell.
    pub total: Option<u64>,
    /// Whether a control group's limit is what leaves so little.
    pub is_limited: bool,
}

/// Free memory of this process now.
pub fn read() -> Free {
    if cfg!(target_os = "macos") { of_mac() } else { read_at(Path::new("/")) }
}

/// Free memory as the files of Linux below `root` tell it.
pub fn read_at(root: &Path) -> Free {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let mut free = Free { bytes: field(&text, "MemAvailable:"), total: field(&text, "MemTotal:"), is_limited: false };
    for group in groups(root, "memory") {
        let Some((limit, left)) = of_group(&group) else { continue };
        if free.bytes.is_none_or(|bytes| left < bytes) {
            free.bytes = Some(left);
            free.total = Some(free.total.map_or(limit, |total| total.min(limit)));
            free.is_limited = true;
        }
    }
    free
}

/// A line such as `MemTotal:  123 kB`, in bytes.
fn field(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The limit of a group and what it leaves; `None` when it has no limit. Pages of files that nobody has touched for a
/// while are given back before anything fails.
fn of_group(group: &Group) -> Option<(u64, u64)> {
    let (limit, used, inactive) = match group.version {
        Version::Two => {
            let limits = [group.number("memory.max"), group.number("memory.high")];
            (limits.into_iter().flatten().min()?, group.number("memory.current")?, "inactive_file ")
        }
        Version::One => {
            let limit = group.number("memory.limit_in_bytes")?;
            (limit, group.number("memory.usage_in_bytes")?, "total_inactive_file ")
        }
    };
    // Version 1 says "no limit" by a number near 2^63.
    if limit >= 1 << 60 {
        return None;
    }
    let stat = group.read("memory.stat").unwrap_or_default();
    let inactive = stat.lines().find_map(|line| line.strip_prefix(inactive)?.trim().parse().ok()).unwrap_or(0);
    Some((limit, limit.saturating_sub(used.saturating_sub(inactive))))
}

/// What `vm_stat` counts as free, inactive, purgeable or read ahead.
fn of_mac() -> Free {
    let text = std::process::Command::new("/usr/bin/vm_stat").output().map(|output| output.stdout).unwrap_or_default();
    Free { bytes: vm_stat(&String::from_utf8_lossy(&text)), total: None, is_limited: false }
}

fn vm_stat(text: &str) -> Option<u64> {
    let page: u64 = text.split_once("page size of ")?.1.split_once(' ')?.0.parse().ok()?;
    let pages = |name: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().trim_end_matches('.').parse().ok())
    };
    let others = ["Pages inactive:", "Pages purgeable:", "Pages speculative:"];
    let sum = others.into_iter().filter_map(pages).fold(pages("Pages free:")?, u64::saturating_add);
    sum.checked_mul(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cgroup::fixture;

    const MEMINFO: &str = "MemTotal:       24684084 kB\nMemFree:          100 kB\nMemAvailable:   2000000 kB\n";
    const OWN: &str = "0::/a/b\n";
    const MOUNT: &str = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

    fn of(files: &[(&str, &str)]) -> Free {
        let mut all = vec![("proc/meminfo", MEMINFO)];
        all.extend(files);
        read_at(fixture(&all).path())
    }

    #[test]
    fn without_limits_it_is_what_the_system_has_available() {
        let free = of(&[]);
        assert_eq!(free, Free { bytes: Some(2_048_000_000), total: Some(24_684_084 << 10), is_limited: false });
        assert_eq!(read_at(fixture(&[]).path()), Free::default());
    }

    #[test]
    fn the_tightest_group_rules_and_inactive_files_count_as_free() {
        let v2 = |outer: &'static str| {
            of(&[
                ("proc/self/cgroup", OWN),
                ("proc/self/mountinfo", MOUNT),
                ("sys/fs/cgroup/a/b/memory.max", "max\n"),
                ("sys/fs/cgroup/a/b/memory.high", "max\n"),
                ("sys/fs/cgroup/a/b/memory.current", "900\n"),
                ("sys/fs/cgroup/a/memory.max", "2000000\n"),
                ("sys/fs/cgroup/a/memory.high", outer),
                ("sys/fs/cgroup/a/memory.current", "600000\n"),
                ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 100000\nactive_file 7\n"),
            ])
        };
        assert_eq!(v2("max\n"), Free { bytes: Some(1_500_000), total: Some(2_000_000), is_limited: true });
        assert_eq!(v2("800000\n").bytes, Some(300_000));
        assert_eq!(v2("400000\n").bytes, Some(0));
    }

    #[test]
    fn version_one_is_read_too_and_its_largest_number_is_no_limit() {
        let v1 = |limit: &'static str| {
            of(&[
                ("proc/self/cgroup", "4:memory:/box\n"),
                ("proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"),
                ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", limit),
                ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "70000\n"),
                ("sys/fs/cgroup/memory/box/memory.stat", "inactive_file 1\ntotal_inactive_file 20000\n"),
            ])
        };
        assert_eq!((v1("100000\n").bytes, v1("100000\n").is_limited), (Some(50_000), true));
        assert_eq!((v1("9223372036854771712\n").bytes, v1("-1\n").is_limited), (Some(2_048_000_000), false));
    }

    #[test]
    fn the_words_of_a_mac_are_understood() {
        let text = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:               1000.\n\
            Pages active:             9999.\nPages inactive:           200.\nPages speculative:        30.\nPages purgeable:          4.\n";
        assert_eq!(vm_stat(text), Some(1234 * 16384));
        assert_eq!(vm_stat("what?"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_less_free_than_it_has() {
        let free = read();
        assert!(free.bytes > Some(0) && free.bytes < free.total, "{free:?}");
    }
}
