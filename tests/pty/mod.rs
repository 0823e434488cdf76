//! A program on a terminal of its own: keys in, a screen out, and everything the program must put back at its end.
//!
//! The terminal is a PTY, its screen a `vt100` parser. Every wait has a limit and ends with a sentence and the screen.

#![allow(dead_code, reason = "each test program uses its own part of the harness")]
#![allow(clippy::unwrap_used, clippy::panic)]

pub mod keys;

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// How long a wait lasts before it fails: generous, because machines are shared.
const LIMIT: Duration = Duration::from_secs(30);
/// How long the terminal must be quiet to be still.
const STILL: Duration = Duration::from_millis(250);

/// A program on a terminal.
pub struct Pty {
    child: Box<dyn Child + Send + Sync>,
    // None once the terminal is closed.
    terminal: Option<Terminal>,
    output: Arc<Mutex<Output>>,
    termios_before: String,
}

/// Our end of the terminal.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    // Held, so that the terminal's modes can be read after the program's end.
    _slave: Box<dyn SlavePty + Send>,
    writer: Box<dyn Write + Send>,
    closing: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

struct Output {
    parser: vt100::Parser,
    raw: Vec<u8>,
    last: Instant,
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn non_zero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a terminal has rows and columns")
}

impl Pty {
    /// Starts `command` as the leader of a session on a new terminal, as a terminal emulator would: without job control.
    ///
    /// The environment holds PATH, HOME, TERM=xterm-256color, LANG=C.UTF-8, what `env` adds or replaces, nothing else.
    pub fn spawn(command: impl AsRef<Path>, args: &[&str], env: &[(&str, &str)], rows: u16, cols: u16) -> Self {
        let pair = native_pty_system().openpty(size(rows, cols)).expect("a PTY can be opened");
        let mut builder = CommandBuilder::new(command.as_ref());
        builder.args(args);
        builder.env_clear();
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                builder.env(name, value);
            }
        }
        builder.env("TERM", "xterm-256color");
        builder.env("LANG", "C.UTF-8");
        for (name, value) in env {
            builder.env(name, value);
        }
        builder.cwd(std::env::current_dir().expect("there is a current folder"));
        let termios_before = termios(&*pair.master);
        let child = pair.slave.spawn_command(builder).expect("the program can be started");
        let parser = vt100::Parser::new(non_zero(rows), non_zero(cols), 0);
        let output = Arc::new(Mutex::new(Output { parser, raw: Vec::new(), last: Instant::now() }));
        let closing = Arc::new(AtomicBool::new(false));
        let reader = std::thread::spawn({
            let mut source = pair.master.try_clone_reader().expect("the PTY can be read");
            let (output, closing) = (Arc::clone(&output), Arc::clone(&closing));
            move || {
                let mut buffer = vec![0; 65536];
                while let Ok(count @ 1..) = source.read(&mut buffer) {
                    if closing.load(Ordering::SeqCst) {
                        break;
                    }
                    let mut output = output.lock().unwrap();
                    output.parser.process(&buffer[..count]);
                    output.raw.extend_from_slice(&buffer[..count]);
                    output.last = Instant::now();
                }
            }
        });
        let writer = pair.master.take_writer().expect("the PTY can be written");
        let terminal = Terminal { master: pair.master, _slave: pair.slave, writer, closing, reader };
        Self { child, terminal: Some(terminal), output, termios_before }
    }

    /// Starts `command` from a shell with job control. The shell says `[shell: STATUS]` when the program stops or ends;
    /// a line continues a stopped program, and `[shell: ended STATUS]` follows.
    pub fn under_shell(command: impl AsRef<Path>, args: &[&str], env: &[(&str, &str)], rows: u16, cols: u16) -> Self {
        let script = r#"set -m; "$0" "$@"; echo "[shell: $?]"; read -r line; fg; echo "[shell: ended $?]""#;
        let command = command.as_ref().to_string_lossy();
        let all: Vec<&str> = ["-c", script, &command].into_iter().chain(args.iter().copied()).collect();
        Self::spawn("/bin/sh", &all, env, rows, cols)
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap()
    }

    fn terminal(&mut self) -> &mut Terminal {
        self.terminal.as_mut().expect("the terminal is open")
    }

    /// Types `text` as it is, escape sequences included.
    pub fn send(&mut self, text: &str) {
        let writer = &mut self.terminal().writer;
        writer.write_all(text.as_bytes()).and_then(|()| writer.flush()).expect("the terminal takes input");
    }

    /// Presses one key by its name in the keymap: `ctrl-p`, `enter`, `A`.
    pub fn key(&mut self, name: &str) {
        self.send(&keys::bytes(name));
        if name.ends_with("escape") {
            // With the next key directly behind it, it would be that key with alt.
            std::thread::sleep(Duration::from_millis(60));
        }
    }

    /// Presses several keys, separated by spaces.
    pub fn keys(&mut self, names: &str) {
        for name in names.split_whitespace() {
            self.key(name);
        }
    }

    /// Pastes `text` as a terminal with bracketed paste does.
    pub fn paste(&mut self, text: &str) {
        self.send(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Gives the terminal another size; the program gets SIGWINCH.
    pub fn resize(&mut self, rows: u16, cols: u16) {
        self.output().parser.set_size(non_zero(rows), non_zero(cols));
        self.terminal().master.resize(size(rows, cols)).expect("the PTY can be resized");
    }

    /// The rows of the screen, without trailing blanks, joined by line feeds.
    pub fn screen(&self) -> String {
        let output = self.output();
        let (_, columns) = output.parser.screen().size();
        let rows: Vec<String> = output.parser.screen().rows(0, columns.get()).collect();
        rows.iter().map(|row| row.trim_end()).collect::<Vec<_>>().join("\n")
    }

    /// What `look` finds on the parsed screen: cells with their colours, the cursor, modes.
    pub fn inspect<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.output().parser.screen())
    }

    /// Everything the program has written so far.
    pub fn raw_bytes(&self) -> Vec<u8> {
        self.output().raw.clone()
    }

    /// Whether the alternate screen is shown.
    pub fn is_alternate_screen(&self) -> bool {
        self.inspect(vt100::Screen::alternate_screen)
    }

    /// Waits until the screen shows `text`.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("the screen shows {text:?}"), |pty| pty.screen().contains(text));
    }

    /// Waits until `predicate` holds; `what` says in words what is waited for.
    pub fn wait_until(&self, what: &str, mut predicate: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + LIMIT;
        while !predicate(self) {
            assert!(
                Instant::now() <= end,
                "waited {} s until {what}; instead the screen shows:\n{}",
                LIMIT.as_secs(),
                self.framed()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the program has written nothing for a quarter of a second.
    pub fn wait_until_still(&self) {
        let begin = Instant::now();
        self.wait_until("the terminal is still", |pty| pty.output().last.elapsed() > STILL && begin.elapsed() > STILL);
    }

    /// The screen in a frame, for messages.
    fn framed(&self) -> String {
        let screen = self.screen();
        screen.trim_end().lines().fold(String::new(), |framed, line| framed + "  | " + line + "\n")
    }

    /// The process that was started.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program was started")
    }

    /// Sends `signal` to the process that was started.
    pub fn kill(&self, signal: Signal) {
        send_signal(self.pid(), signal);
    }

    /// Waits for the program's end, at most `within`, and for its last output.
    pub fn exit_status(&mut self, within: Duration) -> ExitStatus {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("the program is our child") {
                if self.terminal.is_some() {
                    self.wait_until_still();
                }
                return status;
            }
            assert!(
                Instant::now() <= end,
                "the program still runs after {within:?}; the screen shows:\n{}",
                self.framed()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Closes the terminal under the program, as a lost connection does.
    ///
    /// The library that opened it types a line feed and Ctrl-D first.
    pub fn close(&mut self) {
        let Some(terminal) = self.terminal.take() else { return };
        terminal.closing.store(true, Ordering::SeqCst);
        // The reader holds the terminal open and sleeps in a read: a byte from the other side wakes it.
        let tty = terminal.master.tty_name().expect("the PTY has a name");
        let no_tty = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
        let mut tty = OpenOptions::new().write(true).custom_flags(no_tty).open(tty).expect("the terminal opens");
        tty.write_all(b" ").expect("the terminal takes a byte");
        terminal.reader.join().unwrap();
    }

    /// The number of synchronised updates so far; a sentence if one was begun twice or not ended.
    ///
    /// An end without a begin is no fault: leaving ends a frame for safety, whether or not one was cut short.
    pub fn synchronised_frames(&self) -> Result<usize, String> {
        let raw = self.raw_bytes();
        let (mut open, mut frames) = (false, 0);
        for (place, bytes) in raw.windows(8).enumerate() {
            match bytes {
                b"\x1b[?2026h" if open => return Err(format!("a frame begins inside another at byte {place}")),
                b"\x1b[?2026h" => open = true,
                b"\x1b[?2026l" => {
                    frames += usize::from(open);
                    open = false;
                }
                _ => {}
            }
        }
        if open { Err("the last frame was not ended".to_owned()) } else { Ok(frames) }
    }

    /// Whether the terminal is as it was before the program; otherwise a sentence about each difference.
    pub fn is_restored(&mut self) -> Result<(), String> {
        let raw = String::from_utf8_lossy(&self.raw_bytes()).into_owned();
        let last = |on: &str, off: &str| raw.rfind(on).is_none_or(|on| raw.rfind(off).is_some_and(|off| off > on));
        let screen_is = self.inspect(|screen| {
            [
                (!screen.alternate_screen(), "the alternate screen is left"),
                (!screen.hide_cursor(), "the cursor is shown"),
                (!screen.bracketed_paste(), "bracketed paste is off"),
                (screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None, "mouse reports are off"),
            ]
        });
        let bytes_are = [
            (last("\x1b[?1004h", "\x1b[?1004l"), "focus reports are off"),
            (last("\x1b[?2026h", "\x1b[?2026l"), "the last synchronised update is ended"),
            (last("\x1b[22;0t", "\x1b[23;0t"), "the window title is given back"),
        ];
        let modes_are = (self.termios() == self.termios_before, "the modes of the line are as before");
        let broken: Vec<&str> = screen_is
            .into_iter()
            .chain(bytes_are)
            .chain([modes_are])
            .filter(|(kept, _)| !kept)
            .map(|(_, what)| what)
            .collect();
        if broken.is_empty() { Ok(()) } else { Err(format!("it is not so that: {}", broken.join("; "))) }
    }

    /// Whether the line is in raw mode.
    pub fn is_raw(&mut self) -> bool {
        self.termios() != self.termios_before
    }

    fn termios(&mut self) -> String {
        termios(&*self.terminal().master)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = kill_process(raw_pid(self.pid()), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn termios(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("the terminal has modes"))
}

fn raw_pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).expect("a process has a number")
}

/// Sends `signal` to a process.
pub fn send_signal(pid: u32, signal: Signal) {
    kill_process(raw_pid(pid), signal).expect("the process can be signalled");
}

/// The state of a process as in `/proc`: R, S, T (stopped), Z (ended), or None if there is no such process.
pub fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Processor time a process has used, in clock ticks (100 a second).
pub fn processor_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(") ") else { return 0 };
    fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Waits until a process has ended.
pub fn wait_for_end(pid: u32, within: Duration) {
    let end = Instant::now() + within;
    while !matches!(process_state(pid), None | Some('Z')) {
        assert!(Instant::now() < end, "process {pid} still runs after {within:?}, state {:?}", process_state(pid));
        std::thread::sleep(Duration::from_millis(10));
    }
}
