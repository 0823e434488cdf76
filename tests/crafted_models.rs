//! Five hundred crafted model files: each is read or refused in one sentence, in safe code and bounded memory, before any
//! engine sees it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "the soak tests use the rest")]
mod crafted;

use std::collections::BTreeMap;

use crafted::{COUNT, Crafted, crafted};
use parallax::models::control_vector::ControlVector;
use parallax::models::gguf::{read_facts, sample_model};
use parallax::text::SafeText;

/// How much memory reading all of them may take: the texts that are kept of one file, and what the allocator holds back.
const GROWTH_KIB: u64 = 96 << 10;

/// The most memory this process has held, in kibibytes.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn whole() -> Crafted {
    Crafted::of(&sample_model("Tiny").finish(), 8192)
}

fn assert_one_sentence(what: &str, sentence: &str) {
    let shown = SafeText::line(sentence);
    let is_one = shown.as_str().len() > 20 && shown.as_str().len() < 2500 && !shown.as_str().contains('\n');
    assert!(is_one && shown.as_str().contains("; "), "{what}: {sentence:.300}");
}

#[test]
fn every_crafted_file_is_read_or_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crafted.gguf");
    whole().write(&path);
    read_facts(&path).unwrap();
    let whole = whole();
    let before = peak_kib();
    let mut counts: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for number in 0..COUNT {
        let (lie, file) = crafted(&whole, number);
        let what = format!("file {number}, {lie}");
        file.write(&path);
        let read = read_facts(&path);
        if let Err(error) = &read {
            assert_one_sentence(&what, &error.to_string());
        }
        // A model is no control vector, whatever it lies about.
        assert_one_sentence(&what, &ControlVector::read(&path).unwrap_err().to_string());
        *counts.entry((lie, read.is_ok())).or_default() += 1;
    }
    let grown = peak_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB");
    let refused: u64 = counts.iter().filter(|((_, is_read), _)| !is_read).map(|(_, count)| count).sum();
    println!("{COUNT} crafted files: {refused} refused, peak memory grew by {grown} KiB; {counts:?}");
    assert!(refused > COUNT / 2, "they are meant to be bad: {counts:?}");
}

#[test]
fn the_program_says_one_line_about_a_crafted_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crafted.gguf");
    let whole = whole();
    for number in (0..COUNT).step_by(13) {
        let (lie, file) = crafted(&whole, number);
        file.write(&path);
        for words in [["models", "info"], ["directions", "show"]] {
            let mut command = assert_cmd::Command::cargo_bin("parallax").unwrap();
            let command = command.env("PARALLAX_HOME", folder.path()).args(words).arg(&path);
            let output = command.output().unwrap();
            let (code, errors) = (output.status.code(), String::from_utf8(output.stderr).unwrap());
            let what = format!("file {number}, {lie}, {words:?}: {errors:.300}");
            assert!(matches!(code, Some(0 | 1)) && !errors.contains('\u{1b}'), "{code:?}, {what}");
            assert_eq!(errors.lines().count(), usize::from(code == Some(1)), "{what}");
            assert!(!output.stdout.contains(&0x1b), "{what}");
        }
    }
}
