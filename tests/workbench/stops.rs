//! Runs that are stopped, and the way to the background and back.

use std::time::{Duration, Instant};

use parallax::store::RunStatus;

use crate::bench::{ENDLESS, SLOW, Start, Workbench};
use crate::pty::{Signal, process_state, send_signal};
use crate::support::{children, pane, wait_until};

#[test]
fn x_stops_one_column_and_the_others_go_on() {
    let mut bench = Workbench::ready(SLOW);
    bench.run();
    bench.keys("1 x");
    bench.wait_for("1 Overton ■");
    bench.wait_for("2 Steered ✓");
    bench.wait_for("3 Distribution ✓");
    let screen = bench.screen();
    assert!(screen.contains("stopped") && crate::bench::has_text(&screen), "what was written stays:\n{screen}");
    let run = bench.stored();
    for (method, status) in [("vanilla", "cancelled"), ("ensemble", "cancelled"), ("persona-prompt", "done")] {
        assert_eq!(pane(&run, method)["status"], status, "{run:#}");
    }
    assert!(!pane(&run, "vanilla")["voices"][0]["text"].as_str().unwrap().is_empty());
    bench.quits();
}

#[test]
fn everything_is_stopped_by_one_key_and_can_be_run_again() {
    for key in ["X", "ctrl-c"] {
        let mut bench = Workbench::ready(ENDLESS);
        bench.run();
        bench.key(key);
        for column in ["1 Overton ■", "2 Steered ■"] {
            bench.wait_for(column);
        }
        bench.wait_for("Enter run");
        assert!(bench.screen().contains("stopped"), "{}", bench.screen());
        let run = bench.stored();
        assert_eq!(pane(&run, "vanilla")["status"], "cancelled");
        bench.key("enter");
        bench.wait_for("1 Overton …");
        bench.wait_for_text();
        bench.quits();
    }
}

#[test]
fn a_second_ctrl_c_quits() {
    let mut bench = Workbench::ready(ENDLESS);
    bench.run();
    bench.key("ctrl-c");
    bench.wait_for("1 Overton ■");
    bench.wait_for("Enter run");
    bench.key("ctrl-c");
    bench.ends(0);
}

#[test]
fn ctrl_c_stops_the_rest_where_one_column_was_stopped_before() {
    let mut bench = Workbench::ready(ENDLESS);
    bench.run();
    bench.keys("1 x");
    bench.wait_for("1 Overton ■");
    bench.wait_for("2 Steered …");
    bench.key("ctrl-c");
    bench.wait_for("2 Steered ■");
    bench.wait_for("Enter run");
    bench.quits();
}

#[test]
fn ctrl_c_closes_what_is_open_before_it_quits() {
    let mut bench = Workbench::ready("scripted");
    bench.key("a");
    bench.wait_for("╭ Ask");
    bench.send("Half a question");
    bench.key("ctrl-c");
    bench.wait_until_gone("╭ Ask");
    bench.key("ctrl-c");
    bench.ends(0);
}

#[test]
fn quitting_in_the_middle_keeps_what_is_finished() {
    let mut bench = Workbench::ready(SLOW);
    bench.run();
    bench.wait_for_voice();
    let before = bench.parallax.finished_voices();
    let parallax = bench.quits();
    let after = parallax.finished_voices();
    assert!(before.iter().all(|voice| after.contains(voice)), "{before:?}\n{after:?}");
    let (id, status) = parallax.newest().unwrap();
    assert_eq!(status, RunStatus::Done, "there was time to stop it in order");
    let run = parallax.shown(&id);
    assert!(run["panes"].as_array().unwrap().iter().any(|pane| pane["status"] == "cancelled"), "{run:#}");
}

#[test]
fn ctrl_q_quits_from_a_text_field_and_q_does_not() {
    let mut bench = Workbench::ready("scripted");
    bench.key("a");
    bench.wait_for("╭ Ask");
    bench.send("qqq");
    bench.wait_for("qqq");
    bench.key("ctrl-q");
    bench.ends(0);
}

/// The workbench's own process, which a shell started.
fn program(bench: &Workbench) -> u32 {
    let programs = children(bench.pid());
    assert_eq!(programs.len(), 1, "{programs:?}");
    programs[0]
}

#[test]
fn under_a_shell_ctrl_z_stops_and_fg_goes_on_with_the_run() {
    // Longer in the background than an engine may be silent: that it was not heard is no fault of its own.
    let mut bench = Start::with(SLOW).arguments(&["--hang-after", "2"]).under_shell().ready();
    let pid = program(&bench);
    bench.run();
    let seen = crate::bench::tokens(&bench.screen());
    bench.key("ctrl-z");
    bench.wait_for("[shell: ");
    assert!(wait_until(Duration::from_secs(10), || process_state(pid) == Some('T')), "{:?}", process_state(pid));
    assert!(!bench.is_alternate_screen() && !bench.is_raw());
    let since = Instant::now();
    bench.wait_until("the engine was silent for too long", |_| since.elapsed() > Duration::from_secs(4));
    bench.send("go on\n");
    bench.wait_until("the screen is taken again", crate::pty::Pty::is_alternate_screen);
    bench.wait_for("1 Overton");
    bench.wait_until("text goes on", |pty| crate::bench::tokens(&pty.screen()) > seen);
    bench.wait_until_done();
    assert!(bench.is_raw());
    assert_eq!(bench.raw().matches("\x1b[?1049h").count(), 2, "the screen is taken once at the start and once again");
    bench.key("q");
    bench.wait_for("[shell: ended 0]");
    bench.ends(0);
}

#[test]
fn stopped_from_outside_it_gives_the_terminal_back_too() {
    let mut bench = Start::with("scripted").under_shell().ready();
    send_signal(program(&bench), Signal::TSTP);
    bench.wait_for("[shell: ");
    assert!(!bench.is_alternate_screen());
    bench.send("go on\n");
    bench.wait_for("Enter run");
    bench.key("q");
    bench.wait_for("[shell: ended 0]");
    bench.ends(0);
}

#[test]
fn without_a_shell_ctrl_z_stops_nothing() {
    let mut bench = Workbench::ready("scripted");
    bench.keys("ctrl-z ?");
    bench.wait_for("All keys");
    bench.key("escape");
    bench.wait_until_gone("╭");
    bench.quits();
}
