//! Standard error while the screen is ours: native libraries and children write to it whenever they like.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, TryLockError};

use crate::text::SafeText;

/// Where standard error led before.
static BEFORE: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// Standard error leads to a file until this is dropped, or the terminal is given back another way.
#[derive(Debug)]
#[must_use = "standard error is given back when this is dropped"]
pub struct StderrGuard(());

impl Drop for StderrGuard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Leads standard error, of this process and of the children it starts from now on, to the end of the file `log`.
///
/// Standard error that is no terminal is left alone: it cannot write over the screen, and whoever redirected it wants it.
///
/// # Errors
///
/// If the file cannot be opened.
pub fn redirect_stderr(log: &Path) -> io::Result<StderrGuard> {
    if !io::stderr().is_terminal() {
        return Ok(StderrGuard(()));
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(log).map_err(|error| {
        let name = log.display().to_string();
        let said = format!("standard error could not be led to {}: {error}", SafeText::line(&name));
        io::Error::new(error.kind(), said)
    })?;
    let before = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
    rustix::stdio::dup2_stderr(&file)?;
    let mut saved = BEFORE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    saved.get_or_insert(before);
    Ok(StderrGuard(()))
}

/// Leads standard error back to where it was; does nothing if that was done.
pub(super) fn give_back() {
    let before = match BEFORE.try_lock() {
        Ok(mut before) => before.take(),
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
        // Another thread is giving it back this moment.
        Err(TryLockError::WouldBlock) => None,
    };
    if let Some(before) = before {
        let _ = rustix::stdio::dup2_stderr(before);
    }
}
