//! Bytes to the terminal, without the line buffer and the lock of `std::io::stdout`.
//!
//! A panic on another thread may give the terminal back while a frame is being written. All bytes therefore pass one
//! lock, and once the terminal is given back a write fails instead of drawing over the shell.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::modes;

/// Held while bytes go out.
static WRITING: Mutex<()> = Mutex::new(());

/// The terminal as a writer. A write fails after the terminal has been given back.
#[derive(Debug)]
pub(super) struct Tty;

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _writing = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !modes::entered() {
            return Err(given_back());
        }
        write_some(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why nothing is drawn any more.
pub(super) fn given_back() -> io::Error {
    io::Error::other("the terminal was given back to the shell, so nothing more is drawn: start parallax again")
}

/// Waits for a frame in progress, but not for one that hangs: its thread may be the one that panicked.
pub(super) fn wait_for_writer() -> Option<MutexGuard<'static, ()>> {
    let patience = Instant::now() + Duration::from_millis(100);
    loop {
        match WRITING.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => std::thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}

/// Writes all of `bytes`, given back or not; a terminal that takes nothing for a second is left alone.
pub(super) fn write_last(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        if !wait_writable(Some(Timespec { tv_sec: 1, tv_nsec: 0 }))? {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the terminal takes no more output"));
        }
        let written = write_some(bytes)?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// One `write`, repeated when interrupted. A terminal may be non-blocking: whoever shares its description can set that.
fn write_some(bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(0) if !bytes.is_empty() => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => return Ok(written),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                wait_writable(None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn wait_writable(timeout: Option<Timespec>) -> io::Result<bool> {
    let stdout = rustix::stdio::stdout();
    loop {
        match poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], timeout.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether keys can be read and frames drawn.
pub(super) fn check() -> io::Result<()> {
    for (is_terminal, name) in [(io::stdin().is_terminal(), "input"), (io::stdout().is_terminal(), "output")] {
        if !is_terminal {
            return Err(io::Error::other(format!(
                "the workbench needs a terminal, and its standard {name} is none: start it without a redirection, \
                 or use `parallax run`"
            )));
        }
    }
    Ok(())
}

/// Columns and rows of the terminal; 80 x 24 where it does not say.
pub(super) fn size() -> io::Result<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout())?;
    Ok(match (size.ws_col, size.ws_row) {
        (0, _) | (_, 0) => (80, 24),
        known => known,
    })
}
