//! Why a model could not be named, found or fetched: one sentence each, with the next step.

use std::io;
use std::path::{Path, PathBuf};

use super::gguf::GgufError;
use super::reference::BadReference;
use super::size::size;

/// What goes wrong with models.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model on this machine, and none was named.
    #[error("no model is installed; run `parallax models pull` to fetch the starter ({}), or name a file with --model PATH", size(super::starter().bytes))]
    NoneInstalled,
    /// In the catalogue or on the hub, but not here.
    #[error("{id} is not on this machine; run `parallax models pull {id}` to fetch it")]
    NotInstalled {
        /// The id.
        id: String,
    },
    /// Nothing is called so.
    #[error(
        "no model is called {name}; `parallax models list` shows what there is, and a path or OWNER/REPO:FILE works too"
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// Several are called so.
    #[error("{name} could be any of {}; write more of its name", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Ids that fit.
        candidates: Vec<String>,
    },
    /// Not a model that can be loaded.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Not a hub file.
    #[error(transparent)]
    Reference(#[from] BadReference),
    /// The system refused something.
    #[error("cannot {action} {} ({source}); check the folder and its permissions, or choose another with --data-dir", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk is too full.
    #[error("{} has {} free and {} are needed; make room, or choose another folder with --data-dir", path.display(), size(*free), size(*needed))]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// Another process is fetching the same file.
    #[error("another process is already fetching {}; wait for it to end", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Every source failed.
    #[error("{what} could not be fetched ({}); check the network and try again, or put the file at {} yourself, or use another with --model PATH", reasons(tried), path.display())]
    AllSourcesFailed {
        /// The model.
        what: String,
        /// Each source and why it failed.
        tried: Vec<(String, String)>,
        /// Where the file belongs.
        path: PathBuf,
    },
    /// The hub has another file under a pinned name.
    #[error("{what} on the hub is no longer the file that was pinned on {when} (SHA-256 {pinned}, now {now}); to accept the new one, delete {}", pin.display())]
    PinBroken {
        /// The hub file.
        what: String,
        /// When it was pinned.
        when: String,
        /// The pinned checksum.
        pinned: String,
        /// The checksum the hub gives now.
        now: String,
        /// The pin file.
        pin: PathBuf,
    },
    /// The user interrupted.
    #[error("interrupted; what was fetched so far is kept, run the same command again to go on")]
    Interrupted,
}

impl ModelError {
    /// Makes an I/O error for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn reasons(tried: &[(String, String)]) -> String {
    tried.iter().map(|(source, why)| format!("{source}: {why}")).collect::<Vec<_>>().join("; ")
}
