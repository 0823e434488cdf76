//! An engine at the far end of a slow line: the same answers, few round trips, and a line that breaks.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use parallax::store::RunStatus;
use rustix::process::Signal;
use serde_json::Value;
use support::{DEADLINE, POLICE_TRUST, Parallax, finish, lasting, shape, signal, wait_until};

/// The example beside this test's executable: cargo builds it for every test run.
fn relay() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/relay");
    assert!(path.exists(), "{} is missing: run `cargo build --examples`", path.display());
    path
}

/// `--engine`: a scripted engine of this kind behind a line with these options.
fn far(options: &[&str], kind: &str) -> String {
    let (relay, program) = (relay(), Parallax::program());
    let engine = ["--", program.to_str().unwrap(), "engine", "--kind", kind];
    shell_words::join([&[relay.to_str().unwrap()], options, &engine[..]].concat())
}

fn run(parallax: &Parallax, engine: &str, more: &[&str]) -> support::Ended {
    parallax.call(&[&["run", "--engine", engine, "--format", "json"], &POLICE_TRUST[..], more].concat())
}

fn voices(run: &Value) -> Vec<&Value> {
    run["panes"].as_array().unwrap().iter().filter_map(|pane| pane["voices"].as_array()).flatten().collect()
}

fn has_ended_well(voice: &Value) -> bool {
    matches!(voice["finish"].as_str().unwrap(), "stop" | "length")
}

#[test]
fn a_far_engine_gives_the_same_run() {
    let parallax = Parallax::new();
    let ended = run(&parallax, &far(&["--delay", "80"], "scripted"), &[]).succeeded();
    assert_eq!(ended.err, "");
    let mut there = lasting(ended.json());
    assert_eq!(there["run"]["engine"]["kind"], "relay", "a record keeps no command line");
    there["run"]["engine"]["kind"] = "scripted".into();
    assert_eq!(lasting(parallax.run_json(&POLICE_TRUST)), there);
}

/// The requests of a run with so many samples, in groups that were sent without an answer in between.
fn groups_of_requests(samples: &str) -> Vec<Vec<String>> {
    let parallax = Parallax::new();
    let log = parallax.home().join("passed");
    let engine = far(&["--delay", "80", "--log", log.to_str().unwrap()], "scripted");
    let more = ["--mode", "distribution", "--method", "distribution=sampled", "--samples", samples];
    run(&parallax, &engine, &more).succeeded();
    let mut groups = vec![Vec::new()];
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let (sign, line) = line.split_at(2);
        if sign == "> " {
            let op = line.split("\"op\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            groups.last_mut().unwrap().push(op.to_owned());
        } else if line.contains("\"id\":") && !groups.last().unwrap().is_empty() {
            // What comes by itself answers nothing.
            groups.push(Vec::new());
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

#[test]
fn twenty_samples_take_as_many_round_trips_as_one() {
    let (one, twenty) = (groups_of_requests("1"), groups_of_requests("20"));
    assert_eq!(one.len(), twenty.len(), "{one:?}\n{twenty:?}");
    let voices = |groups: &[Vec<String>]| {
        let counts = groups.iter().map(|group| group.iter().filter(|op| *op == "generate").count());
        counts.filter(|count| *count > 0).collect::<Vec<_>>()
    };
    assert_eq!(voices(&one), [1], "{one:?}");
    assert_eq!(voices(&twenty), [20], "{twenty:?}");
    assert!(twenty.len() <= 4, "greeting, model, and the run: {twenty:?}");
}

/// Starts a slow run behind a slow line and waits until two of its voices are on disk.
fn begin_slow_run(parallax: &Parallax, options: &[&str]) -> Child {
    let engine = far(&[&["--delay", "80"], options].concat(), "scripted:slow@20");
    let arguments = ["run", "--engine", &engine, "--format", "json", "--mode", "overton"];
    let child = parallax.start(&[&arguments[..], &POLICE_TRUST].concat());
    assert!(wait_until(DEADLINE, || parallax.finished_voices().len() >= 2), "no voice came: {:?}", parallax.newest());
    child
}

#[test]
fn a_cancel_reaches_a_far_engine_and_is_acknowledged() {
    let parallax = Parallax::new();
    let log = parallax.home().join("passed");
    let child = begin_slow_run(&parallax, &["--log", log.to_str().unwrap()]);
    signal(child.id(), Signal::INT);
    let ended = finish(child);
    assert_eq!((ended.code(), ended.err.as_str()), (Some(130), "parallax: interrupted\n"), "{ended:?}");
    let run = ended.json();
    shape::check(&run);
    assert!(voices(&run).into_iter().any(has_ended_well), "{run:#}");
    assert!(voices(&run).iter().any(|voice| voice["finish"] == "cancelled"), "{run:#}");
    parallax.assert_no_process_within(Duration::from_secs(8));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.lines().any(|line| line.starts_with("> ") && line.contains("\"op\":\"cancel\"")), "{log}");
}

#[test]
fn a_line_that_breaks_in_the_middle_is_told_and_what_was_finished_is_kept() {
    let parallax = Parallax::new();
    let child = begin_slow_run(&parallax, &[]);
    let before = parallax.finished_voices();
    // The relay is the program's only child; killed, it closes both directions.
    let relays = support::children(child.id());
    assert_eq!(relays.len(), 1);
    signal(relays[0], Signal::KILL);
    let ended = finish(child);
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert!(ended.sentence().contains("engine died") && ended.sentence().contains("run again"), "{ended:?}");
    let run = ended.json();
    shape::check(&run);
    for voice in before {
        let shown = voices(&run).into_iter().find(|shown| shown["id"] == *voice.id).unwrap();
        assert!(shown["text"] == *voice.text && has_ended_well(shown), "{shown}");
    }
    assert_ne!(parallax.newest().unwrap().1, RunStatus::Running);
    parallax.assert_no_process_within(Duration::from_secs(8));
}

#[test]
fn a_line_that_is_cut_after_any_number_of_bytes_is_told() {
    let mut kept = 0;
    for bytes in ["10", "400", "900", "3000", "20000", "30000"] {
        let parallax = Parallax::new();
        let engine = far(&["--delay", "5", "--cut-after-bytes", bytes], "scripted:slow@5");
        let ended = run(&parallax, &engine, &["--mode", "overton"]);
        assert_eq!(ended.code(), Some(1), "{bytes}: {ended:?}");
        let sentence = ended.sentence();
        assert!(sentence.contains("exit status: 9"), "{bytes}: {sentence}");
        assert!(sentence.contains("run again") || sentence.contains("--engine"), "{bytes}: {sentence}");
        if !ended.out.is_empty() {
            let run = ended.json();
            shape::check(&run);
            kept += voices(&run).into_iter().filter(|voice| has_ended_well(voice)).count();
        }
        parallax.assert_no_process_within(Duration::from_secs(8));
    }
    assert!(kept > 0, "voices that came before the cut are kept");
    let parallax = Parallax::new();
    let ended = run(&parallax, &far(&["--cut-after-ms", "1500"], "scripted:slow@200"), &[]);
    assert!(ended.code() == Some(1) && ended.sentence().contains("exit status: 9"), "{ended:?}");
}

#[test]
fn a_command_is_split_like_a_shell_does_and_no_shell_reads_it() {
    let parallax = Parallax::new();
    let seen = parallax.home().join("seen");
    // The program's own words, one a line; then it ends.
    let script =
        parallax.file("my engine.sh", "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done > \"$SEEN\"\nexit 7\n");
    std::process::Command::new("chmod").args(["+x", script.to_str().unwrap()]).status().unwrap();
    let engine = format!(
        "env SEEN='{}' \"{}\" 'two words' \"a\\\"b\" \\$HOME `id` $(id) ; rm -rf / & > file | x '*' ~",
        seen.display(),
        script.display()
    );
    let ended = run(&parallax, &engine, &[]);
    assert!(ended.code() == Some(1) && ended.sentence().contains("exit status: 7"), "{ended:?}");
    let words = std::fs::read_to_string(seen).unwrap();
    let wanted =
        ["two words", "a\"b", "$HOME", "`id`", "$(id)", ";", "rm", "-rf", "/", "&", ">", "file", "|", "x", "*", "~"];
    assert_eq!(words.lines().collect::<Vec<_>>(), wanted);
    assert!(!parallax.home().join("file").exists());
    for open in ["ssh 'open", "\""] {
        let ended = run(&parallax, open, &[]);
        assert!(ended.code() == Some(2) && ended.out.is_empty(), "{open}: {ended:?}");
    }
}
