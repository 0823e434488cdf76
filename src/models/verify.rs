//! Compares model files with the checksum that is known for them.

use std::path::Path;

use super::ModelError;
use super::caches::Found;
use super::catalogue::entry;
use super::checksum::fresh_watched;
use super::pins::Pin;
use super::watch::Watch;
use crate::config::Paths;

/// Who vouches for a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// The catalogue in this program.
    Catalogue,
    /// The pin of an earlier pull.
    Pin,
    /// The store of the program that fetched it.
    Store,
}

/// A checksum that is known for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Who says so.
    pub authority: Authority,
}

/// The result for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The SHA-256 of the file as it is now.
    pub sha256: String,
    /// What it should be; `None` when nobody says.
    pub known: Option<Known>,
}

impl Verdict {
    /// Whether the file is what it should be; `None` when nobody says what that is.
    pub fn holds(&self) -> Option<bool> {
        self.known.as_ref().map(|known| known.sha256 == self.sha256)
    }
}

/// The checksum that is known for the file at `path`, found as `found` if it was.
pub fn known(path: &Path, found: Option<&Found>) -> Option<Known> {
    let catalogue = found.and_then(|found| entry(&found.id)).map(|entry| (entry.sha256.clone(), Authority::Catalogue));
    let pin = || Pin::read(path).map(|pin| (pin.sha256, Authority::Pin));
    let store = || found.and_then(|found| found.promised.clone()).map(|sha256| (sha256, Authority::Store));
    let (sha256, authority) = catalogue.or_else(pin).or_else(store)?;
    Some(Known { sha256: sha256.to_lowercase(), authority })
}

/// Hashes the file now, whatever is remembered, and compares.
pub fn verify(path: &Path, found: Option<&Found>, paths: &Paths, watch: &mut Watch<'_>) -> Result<Verdict, ModelError> {
    watch.stage(format!("hashing {}", path.display()));
    Ok(Verdict { sha256: fresh_watched(path, paths, watch)?, known: known(path, found) })
}
