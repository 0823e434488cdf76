//! The terminal layer on a real terminal: `examples/term_probe.rs` in a PTY.

#![allow(clippy::unwrap_used, clippy::panic)]

mod pty;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pty::{Pty, Signal, process_state, processor_ticks, send_signal, wait_for_end};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(15);

/// The example beside this test's executable: cargo builds it for every test run.
fn probe() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/term_probe");
    assert!(
        path.exists(),
        "{} is missing: run `cargo test` without `--test`, or `cargo build --examples`",
        path.display()
    );
    path
}

struct Probe {
    pty: Pty,
    folder: TempDir,
}

impl Probe {
    fn start(env: &[(&str, &str)]) -> Self {
        Self::start_with(env, |env| Pty::spawn(probe(), &[], env, 12, 70))
    }

    fn start_with(env: &[(&str, &str)], spawn: impl FnOnce(&[(&str, &str)]) -> Pty) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_string_lossy().into_owned();
        let mut all = vec![("PROBE_DIR", path.as_str())];
        all.extend_from_slice(env);
        let pty = spawn(&all);
        pty.wait_for("probe pid");
        Self { pty, folder }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// The probe's own process, which a shell may have started.
    fn pid(&self) -> u32 {
        let screen = self.pty.screen();
        let number = screen.split("pid ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        number.parse().unwrap()
    }

    /// Ends well, with `words` as the last line, and leaves the terminal as it was.
    fn ends(mut self, code: u32, words: &str) {
        let status = self.pty.exit_status(SOON);
        assert_eq!((status.exit_code(), status.signal()), (code, None), "{}", self.pty.screen());
        assert!(self.pty.screen().contains(words), "{words:?} is not on the screen:\n{}", self.pty.screen());
        self.pty.is_restored().unwrap();
        self.pty.synchronised_frames().unwrap();
    }
}

#[test]
fn quitting_gives_the_terminal_back_as_it_was() {
    let mut probe = Probe::start(&[]);
    assert!(probe.pty.is_alternate_screen() && probe.pty.is_raw());
    assert!(probe.pty.is_restored().is_err(), "the check of the harness must be able to fail");
    probe.pty.keys("m t q");
    let raw = String::from_utf8(probe.pty.raw_bytes()).unwrap();
    assert!(!raw.contains("\x1b[c") && !raw.contains("\x1b[6n") && !raw.contains("\x1b[?u"), "the terminal was asked");
    probe.ends(0, "ended by quit");
}

#[test]
fn a_panic_gives_the_terminal_back_and_names_its_report() {
    let mut probe = Probe::start(&[]);
    probe.pty.key("P");
    let status = probe.pty.exit_status(SOON);
    assert_eq!(status.exit_code(), 101);
    probe.pty.is_restored().unwrap();
    probe.pty.synchronised_frames().unwrap();
    let (screen, report) = (probe.pty.screen().replace('\n', ""), probe.read("crash.txt"));
    assert!(screen.contains("on purpose red") && screen.contains("crash.txt"), "{screen}");
    assert_eq!(screen.matches("parallax:").count(), 1, "{screen}");
    for part in ["message: on purpose red, at examples/term_probe.rs", "thread: main", "backtrace:", "parallax 0."] {
        assert!(report.contains(part), "{part:?} is not in {report}");
    }
    assert!(!report.contains('\x1b'));
}

#[test]
fn a_panic_on_another_thread_ends_the_program_too() {
    let mut probe = Probe::start(&[]);
    probe.pty.key("T");
    let status = probe.pty.exit_status(SOON);
    // It ends by the failed draw or by the request to end, whichever comes first; never by drawing on.
    assert_eq!(status.signal(), None);
    probe.pty.is_restored().unwrap();
    assert!(probe.read("crash.txt").contains("thread: worker"));
    let screen = probe.pty.screen().replace('\n', "");
    assert!(screen.contains("on a thread, on purpose") && screen.contains("crash.txt"), "{screen}");
}

#[test]
fn signals_end_the_program_in_order() {
    for (signal, words) in [
        (Signal::TERM, "ended by terminate"),
        (Signal::QUIT, "ended by terminate"),
        (Signal::HUP, "ended by hangup"),
        (Signal::INT, "ended by interrupt"),
    ] {
        let probe = Probe::start(&[]);
        probe.pty.kill(signal);
        probe.ends(0, words);
    }
}

#[test]
fn half_an_escape_sequence_holds_up_nothing_but_the_keys() {
    let mut probe = Probe::start(&[]);
    probe.pty.key("s");
    probe.pty.send("\x1b[");
    probe.pty.wait_for("tick 5");
    probe.pty.kill(Signal::TERM);
    probe.ends(0, "ended by terminate");
}

#[test]
fn under_a_shell_ctrl_z_stops_and_fg_brings_everything_back() {
    let mut probe = Probe::start_with(&[], |env| Pty::under_shell(probe(), &[], env, 12, 70));
    let pid = probe.pid();
    probe.pty.keys("x t ctrl-z");
    probe.pty.wait_for("[shell: ");
    assert_eq!(process_state(pid), Some('T'), "the process is not stopped");
    assert!(!probe.pty.is_alternate_screen());
    assert!(!probe.pty.is_raw(), "the shell has no line editing");
    assert!(!probe.pty.inspect(vt100::Screen::bracketed_paste));
    probe.pty.send("continue\n");
    probe.pty.wait_for("said suspended, possible: true");
    assert!(probe.pty.screen().contains("keys x t"), "the screen was not repainted:\n{}", probe.pty.screen());
    assert!(probe.pty.is_alternate_screen() && probe.pty.is_raw());
    let raw = String::from_utf8(probe.pty.raw_bytes()).unwrap();
    assert_eq!(raw.matches("\x1b]0;probe title\x07").count(), 2, "the title was not set again");
    probe.pty.key("q");
    probe.ends(0, "[shell: ended 0]");
}

#[test]
fn stopping_from_outside_is_answered_too() {
    let mut probe = Probe::start_with(&[], |env| Pty::under_shell(probe(), &[], env, 12, 70));
    send_signal(probe.pid(), Signal::TSTP);
    probe.pty.wait_for("[shell: ");
    assert!(!probe.pty.is_alternate_screen());
    probe.pty.send("continue\n");
    probe.pty.wait_for("probe pid");
    probe.pty.key("q");
    probe.ends(0, "[shell: ended 0]");
}

#[test]
fn after_a_stop_without_warning_the_screen_is_taken_again() {
    let mut probe = Probe::start(&[]);
    let pid = probe.pid();
    probe.pty.key("x");
    probe.pty.wait_for("keys x");
    send_signal(pid, Signal::STOP);
    probe.pty.wait_until("it is stopped", |_| process_state(pid) == Some('T'));
    let before = probe.pty.raw_bytes().len();
    send_signal(pid, Signal::CONT);
    probe.pty.wait_until("it takes the screen again", |pty| {
        String::from_utf8_lossy(&pty.raw_bytes()[before..]).contains("\x1b[?1049h")
    });
    probe.pty.wait_for("keys x");
    probe.pty.key("q");
    probe.ends(0, "ended by quit");
}

#[test]
fn without_a_shell_ctrl_z_does_not_stop_for_ever() {
    let mut probe = Probe::start(&[]);
    probe.pty.key("ctrl-z");
    probe.pty.wait_for("said suspended, possible: false");
    assert_ne!(process_state(probe.pid()), Some('T'));
    probe.pty.key("q");
    probe.ends(0, "ended by quit");
}

#[test]
fn a_paste_is_one_piece_and_its_escapes_are_gone() {
    let mut probe = Probe::start(&[]);
    probe.pty.paste("one\rtwo \x1b[31mred\x1b]52;c;aGk=\x07 q P");
    probe.pty.wait_for(r#"said pasted 15 "one\ntwo red q P""#);
    probe.pty.paste(&"x".repeat(150_000));
    probe.pty.wait_for("only the first 100000 of 150000 pasted");
    probe.pty.key("q");
    probe.ends(0, "ended by quit");
}

#[test]
fn keys_clicks_and_focus_arrive() {
    let mut probe = Probe::start(&[]);
    for name in [
        "ctrl-p",
        "alt-enter",
        "shift-tab",
        "space",
        "?",
        "A",
        "f5",
        "f1",
        "ctrl-space",
        "alt-x",
        "ctrl-up",
        "shift-left",
        "pageup",
        "delete",
        "escape",
        "é",
        "home",
        "ctrl-c",
        "ctrl-shift-end",
        "backspace",
        "f12",
        "alt-A",
        "ctrl-j",
    ] {
        probe.pty.key("ctrl-x");
        probe.pty.key(name);
        probe.pty.wait_for(&format!("keys ctrl-x {name}\n"));
    }
    probe.pty.send("\x1b[I");
    probe.pty.wait_for("said focus gained");
    probe.pty.key("m");
    probe.pty.wait_until("mouse reports are on", |pty| {
        pty.inspect(|screen| screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None)
    });
    probe.pty.send("\x1b[<0;5;3M\x1b[<0;5;3m");
    probe.pty.wait_for("said Click at 4,2");
    probe.pty.send("\x1b[<65;6;7M");
    probe.pty.wait_for("said ScrollDown at 5,6");
    probe.pty.key("q");
    probe.ends(0, "ended by quit");
}

#[test]
fn a_resize_is_drawn_in_the_new_size() {
    let mut probe = Probe::start(&[]);
    for (rows, cols) in [(5, 50), (40, 200), (1, 45), (300, 400), (12, 70)] {
        probe.pty.resize(rows, cols);
        probe.pty.wait_for(&format!("size {cols}x{rows}"));
        probe.pty.wait_until_still();
        assert_eq!(probe.pty.screen().matches("probe pid").count(), 1, "{}", probe.pty.screen());
    }
    probe.pty.key("q");
    probe.ends(0, "ended by quit");
}

#[test]
fn a_closed_terminal_ends_the_program() {
    let mut probe = Probe::start(&[]);
    let pid = probe.pid();
    probe.pty.close();
    wait_for_end(pid, Duration::from_secs(4));
}

/// A session leader that ignores SIGHUP, as `ssh host wrapper` can be: nobody tells the program.
fn behind_a_deaf_leader() -> Probe {
    Probe::start_with(&[], |env| {
        let probe = probe();
        Pty::spawn("/bin/sh", &["-c", r#"trap "" HUP; "$0"; true"#, &probe.to_string_lossy()], env, 12, 70)
    })
}

#[test]
fn a_closed_terminal_ends_the_program_even_if_nobody_says_so() {
    let mut probe = behind_a_deaf_leader();
    let pid = probe.pid();
    assert_ne!(pid, probe.pty.pid());
    probe.pty.close();
    wait_for_end(pid, Duration::from_secs(4));
}

#[test]
fn a_program_that_hangs_is_ended_after_its_terminal() {
    let mut probe = behind_a_deaf_leader();
    let pid = probe.pid();
    probe.pty.key("H");
    probe.pty.wait_until_still();
    probe.pty.close();
    let (begin, ticks) = (Instant::now(), processor_ticks(pid));
    std::thread::sleep(Duration::from_secs(2));
    let used = processor_ticks(pid) - ticks;
    wait_for_end(pid, Duration::from_secs(10));
    // The reader of keys meets the end of its file and may spin, but not longer than the grace of five seconds.
    assert!(begin.elapsed() < Duration::from_secs(9), "it took {:?}, {used} ticks in two seconds", begin.elapsed());
}

#[test]
fn an_idle_program_uses_no_processor_and_writes_nothing() {
    let mut probe = Probe::start(&[]);
    probe.pty.wait_until_still();
    let (ticks, bytes) = (processor_ticks(probe.pid()), probe.pty.raw_bytes().len());
    std::thread::sleep(Duration::from_secs(3));
    let used = processor_ticks(probe.pid()) - ticks;
    assert!(used <= 1, "{used} ticks of 10 ms in three seconds");
    assert_eq!(probe.pty.raw_bytes().len(), bytes);
    probe.pty.key("q");
    probe.ends(0, "ended by quit");
}

/// The parameters of every SGR sequence in `raw`.
fn styles(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw).into_owned();
    let sequences = text.split("\x1b[").skip(1);
    let sgr = sequences.filter_map(|rest| rest.split_once('m'));
    sgr.map(|(codes, _)| codes.to_owned())
        .filter(|codes| codes.chars().all(|c| c.is_ascii_digit() || c == ';'))
        .collect()
}

#[test]
fn no_color_means_no_colour_and_keeps_bold_and_reverse() {
    for (env, coloured) in [(&[("NO_COLOR", "1")][..], false), (&[("NO_COLOR", "")][..], true)] {
        let mut probe = Probe::start(env);
        probe.pty.wait_for("coloured");
        let styles = styles(&probe.pty.raw_bytes());
        assert_eq!(styles.iter().any(|codes| codes.split(';').any(|code| code == "31")), coloured, "{styles:?}");
        let is_colour = |code: &str| !matches!(code, "" | "0" | "1" | "7");
        assert_eq!(styles.iter().any(|codes| codes.split(';').any(is_colour)), coloured, "{styles:?}");
        let (marked, bold) = probe.pty.inspect(|screen| {
            let (marked, coloured) = (screen.cell(3, 0).unwrap(), screen.cell(3, 7).unwrap());
            (marked.bold() && marked.inverse(), coloured.bold() && !coloured.inverse())
        });
        assert!(marked && bold, "bold or reverse did not survive");
        probe.pty.key("q");
        probe.ends(0, "ended by quit");
    }
}

#[test]
fn each_frame_is_one_balanced_update() {
    let mut probe = Probe::start(&[]);
    probe.pty.key("s");
    probe.pty.wait_for("tick 20");
    probe.pty.keys("a b ctrl-l c q");
    let status = probe.pty.exit_status(SOON);
    assert!(status.success());
    let frames = probe.pty.synchronised_frames().unwrap();
    assert!(frames >= 20, "{frames} frames");
    let raw = String::from_utf8(probe.pty.raw_bytes()).unwrap();
    let drawn_outside =
        raw.split("\x1b[?2026h").any(|part| part.split("\x1b[?2026l").nth(1).is_some_and(|rest| rest.contains("tick")));
    assert!(!drawn_outside, "something was drawn outside a frame");
}

#[test]
fn copying_sends_the_text_to_the_terminal() {
    for (env, wrapped) in [(&[][..], false), (&[("TMUX", "/tmp/tmux,1,0")][..], true)] {
        let mut probe = Probe::start(env);
        probe.pty.key("c");
        probe.pty.wait_for("5 characters sent to the terminal's clipboard");
        let raw = String::from_utf8(probe.pty.raw_bytes()).unwrap();
        assert!(raw.contains("\x1b]52;c;aGVsbG8=\x07"));
        assert_eq!(raw.contains("\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=\x07\x1b\\"), wrapped);
        probe.pty.key("q");
        probe.ends(0, "ended by quit");
    }
}

#[test]
fn standard_error_goes_to_the_log_and_comes_back() {
    let mut probe = Probe::start(&[]);
    probe.pty.key("e");
    probe.pty.wait_for("said written to standard error");
    probe.pty.key("q");
    let status = probe.pty.exit_status(SOON);
    assert!(status.success());
    assert_eq!(probe.read("stderr.log"), "from-a-child\nfrom-the-probe\n");
    assert!(!String::from_utf8(probe.pty.raw_bytes()).unwrap().contains("from-"));
}

#[test]
fn without_a_terminal_it_says_so_and_changes_nothing() {
    let output = std::process::Command::new(probe()).stdin(std::process::Stdio::null()).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("needs a terminal") && said.contains("parallax run"), "{said}");
    let mut pty = Pty::spawn("/bin/sh", &["-c", r#""$0" > /dev/null"#, &probe().to_string_lossy()], &[], 12, 70);
    pty.wait_for("standard output is none");
    assert!(!pty.exit_status(SOON).success());
    pty.is_restored().unwrap();
}
