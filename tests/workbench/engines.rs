//! Engines that crash, hang, talk nonsense, are killed, or never start: one sentence in place, and one key to go on.

use std::time::Duration;

use serde_json::Value;

use crate::bench::{FIRST_QUESTION, SLOW, Start, Workbench};
use crate::pty::{Signal, send_signal, wait_for_end};
use crate::support::Parallax;

const NEXT: &str = "Enter starts a new engine and runs again · e only starts it";

/// Ends the engine after so many events, in the middle of the first run.
fn show_fault(fault: &str, sentence: &[&str]) {
    // Short where silence is what is waited for; elsewhere a busy machine must not look like a hang.
    let hang_after = if fault.contains("hang") { "2" } else { "30" };
    let mut bench = Start::with(fault).arguments(&["--hang-after", hang_after]).ready();
    bench.key("enter");
    bench.wait_for(NEXT);
    bench.wait_until_still();
    for part in sentence {
        assert!(bench.shows(part), "{part:?} is not in\n{}", bench.screen());
    }
    let screen = bench.screen();
    assert_eq!(screen.matches(NEXT).count(), 1, "{screen}");
    assert!(crate::bench::has_text(&screen), "what was written stays:\n{screen}");
    assert!(screen.contains("broken") && screen.contains("✗"), "{screen}");
    assert!(screen.contains(FIRST_QUESTION) && screen.contains("no engine"), "{screen}");
    // Keys still work, and so does the same engine until its fault comes again.
    bench.key("?");
    bench.wait_for("All keys");
    bench.key("escape");
    bench.key("e");
    bench.wait_until_gone(NEXT);
    bench.wait_for("bit-exact");
    let run = bench.stored();
    let failed: Vec<&Value> =
        run["panes"].as_array().unwrap().iter().filter(|pane| pane["status"] == "failed").collect();
    assert!(!failed.is_empty(), "{run:#}");
    bench.quits();
}

#[test]
fn a_crash_in_the_middle_is_told() {
    show_fault("scripted:crash@70", &["the engine died (signal: 6 (SIGABRT)", "what was finished is kept"]);
}

#[test]
fn an_exit_in_the_middle_is_told() {
    show_fault("scripted:exit@70", &["the engine died (exit status: 0)"]);
}

#[test]
fn a_hang_in_the_middle_is_told() {
    show_fault("scripted:hang@70", &["the engine has not answered for 2 s and was stopped"]);
}

#[test]
fn garbage_in_the_middle_is_told_and_harmless() {
    show_fault("scripted:garbage@70", &["the engine sent a line that is not its protocol", "llama_decode"]);
}

#[test]
fn a_killed_engine_leaves_its_text_and_enter_runs_again() {
    let mut bench = Workbench::ready(SLOW);
    bench.run();
    bench.wait_for_voice();
    let first = bench.parallax.finished_voices().swap_remove(0);
    let engine = bench.engine();
    send_signal(engine, Signal::KILL);
    bench.wait_for_sentence("the engine died (signal: 9 (SIGKILL))");
    bench.wait_for(NEXT);
    bench.wait_until_still();
    let start: Vec<&str> = first.text.split_whitespace().take(3).collect();
    assert!(bench.screen().contains(&start.join(" ")), "{start:?} is not in\n{}", bench.screen());
    assert!(bench.parallax.finished_voices().contains(&first));
    bench.key("enter");
    bench.wait_until_gone("the engine died");
    bench.wait_for_text();
    assert_ne!(bench.engine(), engine);
    bench.wait_until_done();
    bench.wait_for("Enter run");
    bench.quits();
}

#[test]
fn an_idle_engine_that_is_killed_is_told_without_a_key() {
    let mut bench = Workbench::ready("scripted");
    bench.wait_until_still();
    let engine = bench.engine();
    send_signal(engine, Signal::KILL);
    bench.wait_for_sentence("the engine died (signal: 9 (SIGKILL))");
    bench.wait_for(NEXT);
    wait_for_end(engine, Duration::from_secs(10));
    bench.key("enter");
    bench.wait_until_done();
    bench.wait_until_gone("the engine died");
    bench.quits();
}

#[test]
fn an_engine_that_never_speaks_can_be_left() {
    let mut bench = Start::with("scripted:hang@0").begin();
    bench.wait_for("starting the engine");
    bench.wait_for(FIRST_QUESTION);
    bench.key("enter");
    bench.wait_for("the run begins as soon as the model is loaded");
    bench.key("ctrl-c");
    bench.wait_for("the run that waited for the model is called off");
    bench.quits();
}

/// An engine that cannot be had: `sentence` says so, everything but a run works.
fn show_refusal(engine: &str, arguments: &[&str], sentence: &[&str]) {
    let mut bench = Start::with(engine).arguments(arguments).begin();
    bench.wait_for("l chooses or fetches a model · Enter tries again");
    bench.wait_for(FIRST_QUESTION);
    for part in sentence {
        assert!(bench.shows(part), "{part:?} is not in\n{}", bench.screen());
    }
    bench.key("/");
    bench.wait_for("╭ Question");
    bench.key("escape");
    bench.wait_until_gone("╭ Question");
    bench.key("enter");
    bench.wait_for("l chooses or fetches a model · Enter tries again");
    bench.key("l");
    bench.wait_for("╭ Model");
    bench.key("escape");
    bench.wait_until_gone("╭ Model");
    assert!(bench.parallax.newest().is_none());
    bench.quits();
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let sentence = ["the engine `no-such-program` could not be started", "check --engine"];
    show_refusal("no-such-program", &[], &sentence);
}

#[test]
fn a_model_file_that_is_not_there_is_told() {
    show_refusal("llama", &["--model", "/no/such/file.gguf"], &["/no/such/file.gguf"]);
}

#[test]
fn without_any_model_the_next_steps_are_told() {
    let parallax = Parallax::new();
    let mut bench = Start::with("llama").home(parallax).begin();
    bench.wait_for("l chooses or fetches a model · Enter tries again");
    assert!(bench.shows("parallax models pull"), "{}", bench.screen());
    bench.key("l");
    bench.wait_for("Enter fetches it");
    bench.key("escape");
    bench.quits();
}
