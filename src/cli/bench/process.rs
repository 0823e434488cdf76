//! What the system says about processes. Linux only: elsewhere nothing is known.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

/// Resident memory in MB (10^6 bytes).
pub(super) fn resident_mb(pid: u32) -> Option<f64> {
    memory_mb(pid, "VmRSS:")
}

/// The most resident memory there ever was, in MB (10^6 bytes).
pub(super) fn most_resident_mb(pid: u32) -> Option<f64> {
    memory_mb(pid, "VmHWM:")
}

fn memory_mb(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// Processor time of all threads that live.
///
/// The scheduler's own count is exact; `utime` and `stime` of `/proc/PID/stat` come in ticks of 10 ms, which is 0.3 % of
/// three seconds, and are taken where the kernel keeps no such count.
pub(super) fn processor_time(pid: u32) -> Option<Duration> {
    exact(pid).or_else(|| ticks(pid))
}

fn exact(pid: u32) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        sum += Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?);
    }
    (sum > Duration::ZERO).then_some(sum)
}

fn ticks(pid: u32) -> Option<Duration> {
    let fields = stat(pid)?;
    let field = |place: usize| fields.get(place)?.parse::<u64>().ok();
    // Fields 14 and 15 of proc(5); those before the name are cut off. A tick is 10 ms on every Linux in use.
    Some(Duration::from_millis((field(11)? + field(12)?) * 10))
}

/// The fields of `/proc/PID/stat` after the name, which may itself hold spaces and brackets.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// All processes below `pid`.
pub(super) fn descendants(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let all = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = all.filter_map(|child| Some((child, stat(child)?.get(1)?.parse().ok()?))).collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, own)| *own == parent).map(|(child, _)| *child));
        at += 1;
    }
    found.split_off(1)
}

/// Processes that wanted to run, over the last minute.
pub(super) fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// What this machine is, and how busy it was before and is now.
pub(super) fn machine(before: Option<f64>) -> Value {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = values(&info, "model name").next().unwrap_or(std::env::consts::ARCH);
    let mut machine = json!({ "cores": cores, "system": std::env::consts::OS, "processor": name });
    if let Some(physical) = physical_cores(&info) {
        machine["physical_cores"] = physical.into();
    }
    for (name, load) in [("load_average_before", before), ("load_average_after", load())] {
        if let Some(load) = load {
            machine[name] = load.into();
        }
    }
    machine
}

/// What `/proc/cpuinfo` says of `field`, per core.
fn values<'a>(info: &'a str, field: &'a str) -> impl Iterator<Item = &'a str> {
    info.lines().filter_map(move |line| line.strip_prefix(field)?.trim_start().strip_prefix(':')).map(str::trim)
}

/// Cores that are not threads of one another; `None` where the system does not say.
fn physical_cores(info: &str) -> Option<usize> {
    let mut cores: Vec<_> = values(info, "physical id").zip(values(info, "core id")).collect();
    cores.sort_unstable();
    cores.dedup();
    (!cores.is_empty()).then_some(cores.len())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn this_process_has_memory_time_and_children() {
        let own = std::process::id();
        assert!(resident_mb(own).is_some_and(|mb| mb > 1.0));
        assert!(most_resident_mb(own) >= resident_mb(own));
        let before = processor_time(own).unwrap();
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        assert!(processor_time(own).unwrap() > before && ticks(own).is_some());
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        assert!(descendants(own).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(load().is_some());
    }

    #[test]
    fn threads_of_one_core_are_one_core() {
        let info = "physical id\t: 0\ncore id\t\t: 0\n\nphysical id\t: 0\ncore id\t\t: 0\n\nphysical id\t: 1\ncore id\t\t: 0\n";
        assert_eq!((physical_cores(info), physical_cores("")), (Some(2), None));
    }
}
