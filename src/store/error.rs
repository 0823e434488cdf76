//! What can go wrong with the store, each as one sentence that names the file, the cause and the next step.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::text::SafeText;

/// Why something could not be stored or read back. Paths and causes are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A folder stands where the database should.
    #[error("`{path}` is a folder, not a database of runs: move it away, or run with `--no-store`")]
    Folder {
        /// The database.
        path: String,
    },
    /// The file holds something else.
    #[error("`{path}` is not a database of runs: move it away, or run with `--no-store`")]
    NotADatabase {
        /// The database.
        path: String,
    },
    /// A later Parallax has changed the tables.
    #[error(
        "`{path}` was written by a newer Parallax (layout {found}, this one knows {known}): update Parallax, or run with `--no-store`"
    )]
    Newer {
        /// The database.
        path: String,
        /// Its layout.
        found: i64,
        /// The latest layout this build reads.
        known: i64,
    },
    /// Its pages contradict each other.
    #[error("`{path}` is damaged ({cause}): put a backup in its place or move it away, or run with `--no-store`")]
    Damaged {
        /// The database.
        path: String,
        /// In the words of `SQLite`.
        cause: String,
    },
    /// It may not be opened or written.
    #[error("`{path}` cannot be opened ({cause}): choose another folder with `--data-dir`, or run with `--no-store`")]
    Denied {
        /// The database.
        path: String,
        /// In the words of the system, where they can be had.
        cause: String,
    },
    /// No room is left.
    #[error("`{path}` cannot grow because the disk is full: free some space, or run with `--no-store`")]
    Full {
        /// The database.
        path: String,
    },
    /// Another process has held it for longer than is reasonable.
    #[error("`{path}` is locked by another program: wait until it is done, or run with `--no-store`")]
    Busy {
        /// The database.
        path: String,
    },
    /// Anything else that `SQLite` or the system reports.
    #[error("`{path}` could not be used ({cause}): try again, or run with `--no-store`")]
    Failed {
        /// The database.
        path: String,
        /// In the words of `SQLite` or the system.
        cause: String,
    },
    /// The events of a run came without its beginning.
    #[error(
        "a run could not be stored in `{path}` because its events came without their beginning: start the run again"
    )]
    NotStarted {
        /// The database.
        path: String,
    },
    /// The writer is gone.
    #[error("nothing more is stored in `{path}` because the store was closed: start Parallax again")]
    Closed {
        /// The database.
        path: String,
    },
    /// No run has this id.
    #[error("no stored run has an id that begins with `{id}`: `parallax sessions list` shows the ids")]
    UnknownRun {
        /// As it was asked for.
        id: String,
    },
    /// Several runs do.
    #[error("several stored runs have an id that begins with `{id}` ({examples}, …): give more of the id")]
    AmbiguousRun {
        /// As it was asked for.
        id: String,
        /// Some of those that match.
        examples: String,
    },
    /// What is stored of a run cannot be read.
    #[error("the stored run `{run}` cannot be read ({cause}): export it with the Parallax that wrote it")]
    Unreadable {
        /// Its id.
        run: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// A path as it stands in a message.
pub(super) fn shown(path: &Path) -> String {
    SafeText::line(&path.to_string_lossy()).to_string()
}

impl StoreError {
    /// What `SQLite` reported about the database at `path`.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let cause = || SafeText::line(&error.to_string()).to_string();
        let name = path;
        let path = shown(path);
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, cause: cause() },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Denied { path, cause: refusal(name).map_or_else(cause, |error| error.to_string()) }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Failed { path, cause: cause() },
        }
    }

    /// What the system reported about the database at `path`, or about the folder it is to be in.
    pub(super) fn system(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path: shown(path) },
            io::ErrorKind::IsADirectory => Self::Folder { path: shown(path) },
            _ => Self::Denied { path: shown(path), cause: error.to_string() },
        }
    }
}

/// Why the system refuses to write at `path`: `SQLite` only says that it does.
///
/// Asked after `SQLite` has given up, and never of a database that is open: closing any handle of a file drops every
/// POSIX lock this process holds on it. So the neighbourhood is asked, by making a file beside it.
fn refusal(path: &Path) -> Option<io::Error> {
    let mut name = path.file_name()?.to_owned();
    name.push(format!(".{}.probe", std::process::id()));
    let probe = path.with_file_name(name);
    match OpenOptions::new().write(true).create_new(true).open(&probe) {
        Ok(_) => {
            // Best effort: an empty file that cannot be removed does no harm.
            let _ = std::fs::remove_file(&probe);
            None
        }
        Err(error) => Some(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_of_sqlite_has_its_sentence() {
        let path = Path::new("/nowhere/at/all/parallax.sqlite");
        let sentence = |code| {
            let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some("the cause".into()));
            StoreError::sqlite(path, &error).to_string()
        };
        for (code, words) in [
            (rusqlite::ffi::SQLITE_FULL, "disk is full"),
            (rusqlite::ffi::SQLITE_CORRUPT, "damaged (the cause)"),
            (rusqlite::ffi::SQLITE_NOTADB, "not a database of runs"),
            (rusqlite::ffi::SQLITE_CANTOPEN, "(No such file or directory"),
            (rusqlite::ffi::SQLITE_READONLY, "cannot be opened ("),
            (rusqlite::ffi::SQLITE_BUSY, "locked by another program"),
            (rusqlite::ffi::SQLITE_IOERR, "could not be used (the cause)"),
        ] {
            let sentence = sentence(code);
            assert!(sentence.contains(words), "{sentence}");
            assert!(sentence.contains("`/nowhere/at/all/parallax.sqlite`"), "{sentence}");
            assert!(sentence.ends_with("run with `--no-store`"), "{sentence}");
        }
    }

    #[test]
    fn a_hostile_path_is_made_safe() {
        let error = StoreError::system(Path::new("/a\u{1b}[2Jb\nc"), &io::ErrorKind::PermissionDenied.into());
        assert!(error.to_string().starts_with("`/ab c` cannot"), "{error}");
    }
}
