//! A workbench in a pseudo terminal: started, typed to, looked at, ended.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::grid::Grid;
use super::pty::Pty;
use super::wire::{Arrived, Wire};
use crate::cli::Failure;

/// The size that the numbers to reach are given for.
pub(super) const SIZE: (u16, u16) = (160, 45);
/// Variables that would change how the workbench draws.
const LEFT_OUT: [&str; 10] = [
    "SSH_CONNECTION",
    "SSH_TTY",
    "SSH_CLIENT",
    "NO_COLOR",
    "COLORTERM",
    "TMUX",
    "TERM_PROGRAM",
    "WT_SESSION",
    "PARALLAX_COLOURS",
    "PARALLAX_HOME",
];
/// Ends the workbench from anywhere.
const CTRL_Q: &[u8] = b"\x11";
/// How long the workbench may take to end before it is ended.
const PATIENCE: Duration = Duration::from_secs(4);

/// How a workbench is started.
#[derive(Debug, Clone)]
pub(super) struct Launch<'a> {
    /// Options before everything else: engine, model, profile.
    pub(super) options: &'a [String],
    pub(super) data: &'a Path,
    /// Over a line: `SSH_CONNECTION` is set.
    pub(super) is_remote: bool,
    /// With 16 colours alone.
    pub(super) has_16_colours: bool,
}

/// A running workbench. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Sitting {
    child: Child,
    master: std::fs::File,
    chunks: Receiver<(Instant, Vec<u8>)>,
    /// Read, but not looked at yet.
    left: (Instant, Vec<u8>),
    wire: Wire,
    /// Just before the process was started.
    pub(super) began: Instant,
}

impl Sitting {
    /// Starts this very program as a workbench.
    pub(super) fn start(launch: &Launch<'_>) -> Result<Self, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(format!("the workbench cannot be measured: {what} ({error}); look at `parallax doctor`"))
        };
        let pty = Pty::open(SIZE).map_err(|error| failed("there is no pseudo terminal", &error))?;
        let program =
            std::env::current_exe().map_err(|error| failed("this program does not know its own file", &error))?;
        let end = || pty.slave.try_clone().map(Stdio::from);
        let mut command = Command::new(program);
        command.args(launch.options).arg("--data-dir").arg(launch.data);
        for name in LEFT_OUT {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        if launch.has_16_colours {
            command.env("PARALLAX_COLOURS", "16");
        }
        if launch.is_remote {
            command.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
        }
        let ends = (|| Ok::<_, std::io::Error>((end()?, end()?, end()?)))();
        let (input, output, errors) = ends.map_err(|error| failed("its terminal cannot be handed on", &error))?;
        command.stdin(input).stdout(output).stderr(errors);
        let reader = pty.master.try_clone().map_err(|error| failed("its terminal cannot be read", &error))?;
        let began = Instant::now();
        let child = command.spawn().map_err(|error| failed("it cannot be started", &error))?;
        // With the last open end of the program the reader ends too.
        drop(command);
        drop(pty.slave);
        let chunks = read(reader);
        let master = std::fs::File::from(pty.master);
        Ok(Self { child, master, chunks, left: (began, Vec::new()), wire: Wire::new(SIZE), began })
    }

    /// The workbench's process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn grid(&self) -> &Grid {
        &self.wire.grid
    }

    pub(super) fn grid_mut(&mut self) -> &mut Grid {
        &mut self.wire.grid
    }

    pub(super) fn frames(&self) -> &[Arrived] {
        self.wire.frames()
    }

    /// Clears of the whole screen since the first frame.
    pub(super) fn full_clears(&self) -> u64 {
        self.wire.full_clears()
    }

    /// All bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.wire.bytes()
    }

    /// Types, and says when.
    pub(super) fn press(&mut self, keys: &[u8]) -> Result<Instant, Failure> {
        let at = Instant::now();
        self.master.write_all(keys).map_err(|error| {
            Failure::new(format!(
                "the workbench no longer reads keys ({error}); its log is in the data folder's `logs`"
            ))
        })?;
        Ok(at)
    }

    /// Looks on until a frame shows what `until` asks for, and says when that frame arrived. What is shown already counts.
    pub(super) fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        until: impl Fn(&Grid) -> bool,
    ) -> Result<Instant, Failure> {
        if until(&self.wire.grid) {
            return Ok(Instant::now());
        }
        let end = Instant::now() + limit;
        loop {
            match self.next_frame(end)? {
                Some(frame) if until(&self.wire.grid) => return Ok(frame.at),
                Some(_) => {}
                None => {
                    return Err(Failure::new(format!(
                        "{what} did not come within {} s; the last line of the screen said `{}`",
                        limit.as_secs(),
                        self.wire.grid.last_row().trim()
                    )));
                }
            }
        }
    }

    /// Looks on for so long, or until `until` holds after a frame. Whether it does.
    pub(super) fn watch(&mut self, time: Duration, until: impl Fn(&Grid) -> bool) -> Result<bool, Failure> {
        let end = Instant::now() + time;
        while self.next_frame(end)?.is_some() {
            if until(&self.wire.grid) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next whole frame, unless `end` comes first.
    fn next_frame(&mut self, end: Instant) -> Result<Option<Arrived>, Failure> {
        loop {
            while !self.left.1.is_empty() {
                let before = self.wire.frames().len();
                let taken = self.wire.take(self.left.0, &self.left.1);
                self.left.1.drain(..taken);
                if let Some(frame) = self.wire.frames().get(before) {
                    return Ok(Some(*frame));
                }
            }
            match self.chunks.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(chunk) => self.left = chunk,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                    let last: Vec<String> = self.wire.grid.lines().map(|line| line.trim().to_owned()).collect();
                    let said = last.iter().rev().find(|line| !line.is_empty()).cloned().unwrap_or_default();
                    return Err(Failure::new(format!("the workbench ended by itself ({status}), saying `{said}`")));
                }
            }
        }
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        // Asked first: so the engine ends in order, and what was run is on disk.
        let is_asked = self.master.write_all(CTRL_Q).is_ok();
        let end = Instant::now() + if is_asked { PATIENCE } else { Duration::ZERO };
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // It may have ended meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads on a thread of its own, so that the time stamps are those of arrival.
fn read(master: OwnedFd) -> Receiver<(Instant, Vec<u8>)> {
    // Unbounded: a reader that waits would hold up the program that is measured.
    let (sender, chunks) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        // At its end the terminal is an error, not an end of file.
        while let Ok(read @ 1..) = rustix::io::read(&master, &mut buffer) {
            let chunk = buffer.get(..read).unwrap_or_default().to_vec();
            if sender.send((Instant::now(), chunk)).is_err() {
                // Nobody looks any more, but the program must still be able to write its last frames.
                while let Ok(1..) = rustix::io::read(&master, &mut buffer) {}
                return;
            }
        }
    });
    chunks
}
