//! Engines that crash, hang, talk nonsense or are killed, and runs that are stopped: what was finished is kept, the end
//! is said in one sentence, and no process is left behind.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use parallax::store::RunStatus;
use rustix::process::Signal;
use serde_json::Value;
use support::{DEADLINE, Ended, POLICE_TRUST, Parallax, children, finish, lasting, pane, shape, signal, wait_until};

/// However an engine ends, the program tells within this, with the `--hang-after` it is given.
const TOLD_WITHIN: Duration = Duration::from_secs(30);
/// An engine without its program ends itself after two seconds at most.
const ORPHANS_END_WITHIN: Duration = Duration::from_secs(8);

fn with_engine(parallax: &Parallax, engine: &str, more: &[&str]) -> Ended {
    // Short where silence is what is waited for; elsewhere a busy machine must not look like a hang.
    let hang_after = if engine.contains("hang") || engine.contains("sleep") { "1" } else { "20" };
    let start = ["run", "--engine", engine, "--hang-after", hang_after, "--format", "json", "--max-tokens", "24"];
    let ended = parallax.call(&[&start[..], &POLICE_TRUST, more].concat());
    assert!(ended.took < TOLD_WITHIN, "{engine}: {:?}", ended.took);
    ended
}

fn voices(run: &Value) -> Vec<&Value> {
    run["panes"].as_array().unwrap().iter().filter_map(|pane| pane["voices"].as_array()).flatten().collect()
}

fn has_ended_well(voice: &Value) -> bool {
    matches!(voice["finish"].as_str().unwrap(), "stop" | "length")
}

/// The run as printed is well formed, failed as far as it had to, and stored as it was printed.
fn assert_kept(parallax: &Parallax, ended: &Ended) -> Value {
    let run = ended.json();
    shape::check(&run);
    let failed = |pane: &&Value| pane["status"] == "failed";
    let errors: Vec<_> = run["panes"].as_array().unwrap().iter().filter(failed).map(|p| p["error"].clone()).collect();
    assert!(!errors.is_empty(), "{run:#}");
    let said = ended.sentence();
    assert!(errors.iter().all(|error| error == said), "{errors:?}, but said: {said}");
    assert_eq!(parallax.shown(run["run"]["id"].as_str().unwrap()), run);
    for voice in parallax.finished_voices() {
        assert!(voices(&run).iter().any(|shown| shown["id"] == *voice.id && shown["text"] == *voice.text));
    }
    run
}

/// Ends the engine after so many events. 0 and 1 are before the run; the last is when voices have ended already.
fn show_fault(kind: &str, wanted: &[&str]) {
    let mut finished = 0;
    for after in [0, 1, 3, 5, 40, 160] {
        let parallax = Parallax::new();
        let ended = with_engine(&parallax, &format!("scripted:{kind}@{after}"), &[]);
        assert_eq!(ended.code(), Some(1), "{kind}@{after}: {ended:?}");
        let never_began = after == 0 && ended.sentence().contains("could not be started");
        let wanted = if never_began { &["it ended before it answered", "--engine"][..] } else { wanted };
        for part in wanted {
            assert!(ended.sentence().contains(part), "{kind}@{after}: {}", ended.sentence());
        }
        if after < 3 {
            assert_eq!(ended.out, "", "{kind}@{after}");
            assert!(parallax.newest().is_none());
        } else {
            let run = assert_kept(&parallax, &ended);
            finished += voices(&run).into_iter().filter(|voice| has_ended_well(voice)).count();
        }
        parallax.assert_no_process_within(Duration::from_secs(2));
    }
    assert!(finished > 0, "voices that were finished before the fault are kept");
}

#[test]
fn a_crash_is_told() {
    show_fault("crash", &["engine died", "SIGABRT", "engine.log", "run again"]);
}

#[test]
fn an_exit_is_told() {
    show_fault("exit", &["engine died", "exit status: 0", "run again"]);
}

#[test]
fn a_hang_is_told() {
    show_fault("hang", &["not answered for 1 s", "run again"]);
}

#[test]
fn garbage_is_told_and_harmless() {
    show_fault("garbage", &["not its protocol", "llama_decode", "check that"]);
}

#[test]
fn a_line_without_end_is_told() {
    show_fault("long-line", &["not its protocol", "8388608", "check that"]);
}

#[test]
fn after_a_crash_the_next_run_is_whole() {
    let parallax = Parallax::new();
    assert_eq!(with_engine(&parallax, "scripted:crash@40", &[]).code(), Some(1));
    let run = parallax.run_json(&POLICE_TRUST);
    assert!(run["panes"].as_array().unwrap().iter().all(|pane| pane["status"] == "done"));
    assert_eq!(parallax.newest().unwrap(), (run["run"]["id"].as_str().unwrap().to_owned(), RunStatus::Done));
}

#[test]
fn a_crash_in_a_row_of_questions_keeps_the_whole_ones() {
    let parallax = Parallax::new();
    let all = ["--pack", "us-civics", "--all", "--mode", "distribution", "--format", "json", "--at-once", "1"];
    let ended = parallax.call(&[&["run", "--engine", "scripted:crash@30"], &all[..]].concat());
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let runs = ended.json();
    let runs = runs.as_array().expect("several questions are a list, however many came");
    assert!((2..20).contains(&runs.len()), "{}", runs.len());
    runs.iter().for_each(shape::check);
    assert_eq!(runs[0]["panes"][0]["status"], "done");
    assert_eq!(runs.last().unwrap()["panes"][0]["status"], "failed");
    // In the first of several, it is a list too.
    let ended = parallax.call(&[&["run", "--engine", "scripted:crash@4"], &all[..]].concat());
    assert_eq!(ended.json().as_array().map(Vec::len), Some(1));
}

/// Starts a slow run in which some voices end long before others, and waits until two of them are on disk.
fn begin_slow_run(parallax: &Parallax) -> std::process::Child {
    let arguments = ["run", "--engine", "scripted:slow@20", "--format", "json", "--mode", "overton"];
    let child = parallax.start(&[&arguments[..], &POLICE_TRUST].concat());
    let begun = wait_until(DEADLINE, || parallax.finished_voices().len() >= 2);
    assert!(begun, "no voice came: {:?}", parallax.newest());
    child
}

fn engine_of(child: &std::process::Child) -> u32 {
    let engines = children(child.id());
    assert_eq!(engines.len(), 1, "one engine: {engines:?}");
    engines[0]
}

#[test]
fn a_killed_engine_leaves_its_finished_voices() {
    let parallax = Parallax::new();
    let child = begin_slow_run(&parallax);
    let before = parallax.finished_voices();
    signal(engine_of(&child), Signal::KILL);
    let ended = finish(child);
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
    assert!(ended.sentence().contains("SIGKILL") && ended.sentence().contains("run again"), "{ended:?}");
    let run = assert_kept(&parallax, &ended);
    for voice in before {
        let shown = voices(&run).into_iter().find(|shown| shown["id"] == *voice.id).unwrap().clone();
        assert!(shown["text"] == *voice.text && has_ended_well(&shown), "{shown}");
    }
    let broken: Vec<_> = voices(&run).into_iter().filter(|voice| voice["finish"] == "error").collect();
    assert!(!broken.is_empty(), "the kill came in the middle: {run:#}");
    parallax.assert_no_process_within(Duration::from_secs(2));
}

#[test]
fn a_killed_program_leaves_its_voices_and_no_engine() {
    let parallax = Parallax::new();
    let mut child = begin_slow_run(&parallax);
    let before = parallax.finished_voices();
    assert_eq!(parallax.newest().unwrap().1, RunStatus::Running);
    child.kill().unwrap();
    child.wait().unwrap();
    parallax.assert_no_process_within(ORPHANS_END_WITHIN);
    let (id, status) = parallax.newest().unwrap();
    assert_eq!(status, RunStatus::Interrupted);
    let after = parallax.finished_voices();
    assert!(before.iter().all(|voice| after.contains(voice)), "{before:?}\n{after:?}");
    let run = parallax.shown(&id);
    shape::check(&run);
    assert!(run["panes"].as_array().unwrap().iter().any(|pane| pane["status"] == "failed"));
    let shown = parallax.call(&["sessions", "show", &id]).succeeded();
    assert!(shown.err.contains("is interrupted"), "{shown:?}");
}

#[test]
fn a_hanging_engine_with_a_full_pipe_does_not_outlive_its_program() {
    let parallax = Parallax::new();
    let arguments = ["run", "--engine", "scripted:hang@50", "--method", "distribution=sampled", "--samples", "5000"];
    let mut child = parallax.start(&[&arguments[..], &["--mode", "distribution"], &POLICE_TRUST].concat());
    assert!(wait_until(DEADLINE, || parallax.newest().is_some()));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(children(child.id()).len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    parallax.assert_no_process_within(ORPHANS_END_WITHIN);
}

fn assert_stopped_by(stop: Signal) {
    let parallax = Parallax::new();
    let child = begin_slow_run(&parallax);
    signal(child.id(), stop);
    let ended = finish(child);
    assert_eq!(ended.code(), Some(130), "{ended:?}");
    assert_eq!(ended.err, "parallax: interrupted\n");
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
    let run = ended.json();
    shape::check(&run);
    let is_known = |pane: &Value| pane["status"] == "done" || pane["status"] == "cancelled";
    assert!(run["panes"].as_array().unwrap().iter().all(is_known), "{run:#}");
    let cancelled: Vec<_> = voices(&run).into_iter().filter(|voice| voice["finish"] == "cancelled").collect();
    assert!(!cancelled.is_empty(), "{run:#}");
    assert!(voices(&run).into_iter().any(has_ended_well), "{run:#}");
    assert_eq!(parallax.shown(run["run"]["id"].as_str().unwrap()), run);
    parallax.assert_no_process_within(Duration::from_secs(2));
}

#[test]
fn an_interrupt_ends_a_run_with_what_it_has() {
    assert_stopped_by(Signal::INT);
}

#[test]
fn a_request_to_end_ends_a_run_with_what_it_has() {
    assert_stopped_by(Signal::TERM);
}

#[test]
fn an_interrupt_does_not_wait_for_an_engine_that_hangs() {
    let parallax = Parallax::new();
    for (engine, has_begun) in [("scripted:hang@0", false), ("scripted:hang@20", true)] {
        let child = parallax.start(&[&["run", "--engine", engine, "--format", "json"], &POLICE_TRUST[..]].concat());
        let ready = || !children(child.id()).is_empty() && (!has_begun || parallax.newest().is_some());
        assert!(wait_until(DEADLINE, ready));
        std::thread::sleep(Duration::from_millis(300));
        signal(child.id(), Signal::INT);
        let ended = finish(child);
        assert_eq!((ended.code(), ended.err.as_str()), (Some(130), "parallax: interrupted\n"), "{engine}: {ended:?}");
        assert_eq!(ended.out.is_empty(), !has_begun, "{engine}");
        parallax.assert_no_process_within(ORPHANS_END_WITHIN);
    }
}

#[test]
fn commands_that_are_no_engines_are_told() {
    let hello = |version: u32| {
        let line = format!(
            r#"{{"id":1,"ev":"done","kind":"hello","version":{version},"engine":"x","build":"x","devices":[]}}"#
        );
        shell_words::join(["sh", "-c", &format!("printf '%s\\n' '{line}'; cat >/dev/null")])
    };
    let (old, silent) = (hello(99), shell_words::join(["sh", "-c", "sleep 600; true"]));
    let cases = [
        ("cat", vec!["not its protocol", "hello", "`cat`"]),
        ("true", vec!["could not be started", "exit status: 0"]),
        ("false", vec!["could not be started", "exit status: 1"]),
        ("/nonexistent/engine", vec!["could not be started", "/nonexistent/engine", "--engine"]),
        ("sh -c 'echo hello'", vec!["not its protocol", "`hello`"]),
        ("sh -c 'echo; echo {}; cat'", vec!["not its protocol", "`{}`"]),
        ("sh -c 'kill -TERM $$'", vec!["could not be started", "SIGTERM"]),
        ("sh -c 'echo no such box >&2; exit 255'", vec!["could not be started", "saying `no such box`"]),
        (old.as_str(), vec!["version 99", "version 1", "same Parallax"]),
        (silent.as_str(), vec!["not answered for 1 s"]),
        // The shell goes on in a child of its own, which must not be left behind.
        ("sh -c 'sleep 600 & sleep 600'", vec!["not answered for 1 s"]),
    ];
    for (engine, wanted) in cases {
        let parallax = Parallax::new();
        let ended = with_engine(&parallax, engine, &[]);
        assert_eq!((ended.code(), ended.out.as_str()), (Some(1), ""), "{engine}: {ended:?}");
        for part in wanted {
            assert!(ended.sentence().contains(part), "{engine}: {}", ended.sentence());
        }
        assert!(parallax.newest().is_none());
        parallax.assert_no_process_within(Duration::from_secs(2));
    }
}

#[test]
fn an_engine_behind_a_command_computes_the_same() {
    let parallax = Parallax::new();
    let program = Parallax::program();
    let command = shell_words::join([program.to_str().unwrap(), "engine", "--kind", "scripted"]);
    let start = ["run", "--engine", &command, "--format", "json"];
    let there = parallax.call(&[&start[..], &POLICE_TRUST].concat()).succeeded().json();
    shape::check(&there);
    assert_eq!(there["run"]["engine"]["kind"], "parallax", "a record keeps no command line");
    let here = parallax.run_json(&POLICE_TRUST);
    let mut there = lasting(there);
    there["run"]["engine"]["kind"] = "scripted".into();
    assert_eq!(lasting(here), there);
}

#[test]
fn a_fault_in_a_skipping_run_is_told_as_well() {
    let parallax = Parallax::new();
    let arguments = ["run", "--engine", "scripted:crash@20", "--format", "json", "--ask", "Why?"];
    let ended = parallax.call(&arguments);
    assert_eq!(ended.code(), Some(1));
    let run = assert_kept(&parallax, &ended);
    assert_eq!(pane(&run, "option-logits")["status"], "skipped");
    assert!(ended.sentence().contains("engine died"));
}
