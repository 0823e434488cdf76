//! Ends that nobody asked for at the keyboard: killed, told to end, the terminal gone.

use std::process::Stdio;

use parallax::store::{RunStatus, StoredVoice};
use serde_json::Value;

use crate::bench::{ORPHANS_END_WITHIN, SLOW, SOON, Start, Workbench};
use crate::pty::Signal;
use crate::support::{Parallax, finish, shape};

/// A run in the middle, with a voice that is finished.
fn in_the_middle() -> (Workbench, Vec<StoredVoice>) {
    let mut bench = Workbench::ready(SLOW);
    bench.run();
    bench.wait_for_voice();
    let voices = bench.parallax.finished_voices();
    assert!(voices.len() < 6, "the run is not over: {voices:?}");
    (bench, voices)
}

/// The newest run as `sessions show` prints it: whole in form, with the voices that were finished.
fn kept(parallax: &Parallax, before: &[StoredVoice]) -> Value {
    let (id, _) = parallax.newest().unwrap();
    let run = parallax.shown(&id);
    shape::check(&run);
    let after = parallax.finished_voices();
    for voice in before {
        assert!(after.contains(voice), "{voice:?} is not in {after:?}");
        let shown =
            run["panes"].as_array().unwrap().iter().flat_map(|pane| pane["voices"].as_array().into_iter().flatten());
        assert!(shown.into_iter().any(|shown| shown["text"] == *voice.text), "{voice:?} is not in {run:#}");
    }
    run
}

#[test]
fn a_killed_program_leaves_its_finished_voices_and_no_engine() {
    let (mut bench, before) = in_the_middle();
    bench.kill(Signal::KILL);
    bench.exit_status(SOON);
    bench.parallax.assert_no_process_within(ORPHANS_END_WITHIN);
    let (id, status) = bench.parallax.newest().unwrap();
    assert_eq!(status, RunStatus::Interrupted);
    kept(&bench.parallax, &before);
    let listed = bench.parallax.call(&["sessions", "list"]).succeeded();
    let line = listed.out.lines().find(|line| line.contains(&id)).unwrap();
    assert!(line.contains("interrupted") && line.contains("Do you agree"), "{line}");
    // And the next sitting goes on in the same folder.
    let Workbench { parallax, .. } = bench;
    let mut next = Start::with("scripted").home(parallax).ready();
    next.key("enter");
    next.wait_until_done();
    next.quits();
}

#[test]
fn asked_to_end_it_ends_in_order() {
    for signal in [Signal::TERM, Signal::HUP] {
        let (bench, before) = in_the_middle();
        bench.kill(signal);
        let parallax = bench.ends(130);
        let run = kept(&parallax, &before);
        let status = |pane: &Value| pane["status"].as_str().unwrap().to_owned();
        let all: Vec<String> = run["panes"].as_array().unwrap().iter().map(status).collect();
        assert!(all.iter().any(|status| status == "cancelled"), "{signal:?}: {all:?}");
        assert!(all.iter().all(|status| status == "cancelled" || status == "done"), "{signal:?}: {all:?}");
    }
}

#[test]
fn asked_to_end_with_nothing_running_it_ends_as_well() {
    for signal in [Signal::QUIT, Signal::INT] {
        let bench = Workbench::ready("scripted");
        bench.kill(signal);
        bench.ends(130);
    }
}

#[test]
fn a_closed_terminal_ends_everything() {
    let (mut bench, before) = in_the_middle();
    bench.close();
    bench.parallax.assert_no_process_within(ORPHANS_END_WITHIN);
    kept(&bench.parallax, &before);
}

#[test]
fn a_closed_terminal_ends_an_idle_workbench() {
    let mut bench = Workbench::ready("scripted");
    bench.wait_until_still();
    bench.close();
    bench.parallax.assert_no_process_within(ORPHANS_END_WITHIN);
}

#[test]
fn an_engine_that_hangs_does_not_hold_up_the_end() {
    let mut bench = Workbench::ready("scripted:hang@70");
    bench.run();
    bench.wait_for("2 Steered …");
    bench.quits();
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let parallax = Parallax::new();
    let ended = finish(parallax.command(&["--engine", "scripted"]).stdin(Stdio::null()).spawn().unwrap());
    assert_eq!((ended.code(), ended.out.as_str()), (Some(2), ""));
    assert!(ended.sentence().contains("needs a terminal") && ended.sentence().contains("parallax run"), "{ended:?}");
    assert!(!parallax.home().join("parallax.sqlite").exists());
}

#[test]
fn an_unknown_theme_is_told_before_the_screen_is_taken() {
    let mut bench = Start::with("scripted").arguments(&["--theme", "plaid"]).begin();
    let status = bench.exit_status(SOON);
    assert_eq!(status.exit_code(), 2, "{}", bench.screen());
    assert!(bench.shows("there is no theme `plaid`: use"), "{}", bench.screen());
    assert!(!bench.raw().contains("\x1b[?1049h"));
    bench.is_restored().unwrap();
}

#[test]
fn nothing_is_stored_where_nothing_is_to_be() {
    let mut bench = Start::with("scripted").arguments(&["--no-store"]).ready();
    bench.key("enter");
    bench.wait_until_done();
    let parallax = bench.quits();
    assert!(parallax.newest().is_none());
}
