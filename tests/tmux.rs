//! The workbench in a real terminal multiplexer on the real model. Part of `make soak`: it needs tmux.

#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]

#[allow(dead_code, reason = "the sitting needs only the model's path")]
mod model;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A model on a busy machine takes its time; nothing here asserts how long.
const PATIENCE: Duration = Duration::from_secs(300);

/// A tmux server of its own with one window.
struct Tmux {
    socket: String,
}

impl Tmux {
    fn start(size: (u16, u16), term: &str, command: &str) -> Self {
        let tmux = Self { socket: format!("parallax-test-{}-{}", std::process::id(), size.0) };
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let shell = format!("TERM={term} exec {command}");
        let started = tmux.call(&["new-session", "-d", "-s", "t", "-x", &columns, "-y", &rows, &shell]);
        assert!(started.status.success(), "tmux does not start: {started:?}");
        tmux
    }

    fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket, "-f", "/dev/null"]).args(arguments);
        command.output().expect("tmux is needed for this test: install it (apt install tmux)")
    }

    fn keys(&self, keys: &[&str]) {
        assert!(self.call(&[&["send-keys", "-t", "t"], keys].concat()).status.success());
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.call(&["capture-pane", "-t", "t", "-p"]).stdout).into_owned()
    }

    fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            assert!(began.elapsed() < PATIENCE, "waited in vain for {what}:\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn wait_for_end(&self) {
        let began = Instant::now();
        while self.call(&["has-session", "-t", "t"]).status.success() {
            assert!(began.elapsed() < PATIENCE, "the program does not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.call(&["kill-server"]);
    }
}

fn whole_sitting(size: (u16, u16), term: &str, done: &str) {
    let home = tempfile::tempdir().unwrap();
    let (program, model) = (env!("CARGO_BIN_EXE_parallax"), model::path());
    let command = format!("{program} --data-dir {} --model {}", home.path().display(), model.display());
    let tmux = Tmux::start(size, term, &command);
    tmux.wait("the question", |screen| screen.contains("Overton"));
    tmux.keys(&["s"]);
    tmux.wait("the settings", |screen| screen.contains("the most one voice may write"));
    tmux.keys(&["Down", "C-u", "4", "8", "Enter"]);
    tmux.keys(&["Enter"]);
    let screen = tmux.wait("three finished columns", |screen| screen.matches(done).count() >= 3);
    assert!(screen.contains("voices"), "{screen}");
    tmux.keys(&["3"]);
    tmux.wait("people's answers", |screen| screen.contains("people: All adult citizens"));
    tmux.keys(&["v"]);
    tmux.wait("an exact prompt", |screen| screen.contains("<|im_start|>"));
    tmux.keys(&["Escape"]);
    tmux.keys(&["n"]);
    tmux.wait("a running column", |screen| screen.contains("stop all") || screen.contains("stop pane"));
    tmux.keys(&["C-c"]);
    tmux.wait("a stop", |screen| !screen.contains("stop all") && !screen.contains("stop pane"));
    tmux.keys(&["q"]);
    tmux.wait_for_end();
    let listed = Command::new(program).arg("--data-dir").arg(home.path()).args(["sessions", "list"]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed.lines().count(), 3, "two runs and a heading: {listed}");
}

#[test]
#[ignore = "needs tmux: part of `make soak`"]
fn a_sitting_at_160_columns() {
    whole_sitting((160, 45), "xterm-256color", "✓");
}

#[test]
#[ignore = "needs tmux: part of `make soak`"]
fn a_sitting_at_80_columns_on_a_console() {
    whole_sitting((80, 24), "linux", " ok");
}
