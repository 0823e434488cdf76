//! The tests of `make soak`: engines killed at any moment, thousands of requests to one engine, damaged model files.
//! Each prints a closing line with its counts. How much they do can be set: `PARALLAX_SOAK_KILLS`,
//! `PARALLAX_SOAK_REQUESTS`, `PARALLAX_SOAK_FILES`, and `PARALLAX_SOAK_SEED` for other random choices.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "llama")]
#[path = "../model/mod.rs"]
#[allow(dead_code, reason = "the tests of the engine use the rest")]
mod model;
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "llama")]
#[path = "../crafted/mod.rs"]
mod crafted;
#[cfg(feature = "llama")]
mod damaged;
#[cfg(feature = "llama")]
mod lies;
#[cfg(feature = "llama")]
mod kills;
mod random;
mod requests;

/// A number from the environment, or the usual one.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Kibibytes of memory that a process holds.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_else(|| panic!("{status}"));
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What people are told: one line that can be printed.
#[cfg(feature = "llama")]
fn assert_one_sentence(sentence: &str) {
    let is_one = sentence.len() > 10 && sentence.len() < 900 && !sentence.contains(char::is_control);
    assert!(is_one, "not one sentence: {sentence:?}");
}
