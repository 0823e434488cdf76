//! SHA-256 of model files, remembered by path, size and time of change so that gigabytes are hashed once.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ModelError;
use super::gguf::read_facts;
use super::watch::Watch;
use crate::config::Paths;

/// Bytes read at a time.
const CHUNK: usize = 1 << 18;

/// A running SHA-256.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest in lower-case hexadecimal.
    pub(crate) fn hex(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

/// Whether `text` is a SHA-256 in hexadecimal.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A remembered digest, and the state of the file it belongs to.
#[derive(Serialize, Deserialize)]
struct Remembered {
    path: PathBuf,
    bytes: u64,
    modified_ns: u128,
    sha256: String,
}

/// The SHA-256 of the file at `path`, lower-case hexadecimal; from memory when path, size and time of change are as
/// they were when it was last hashed.
pub fn sha256_cached(path: &Path, paths: &Paths) -> Result<String, ModelError> {
    cached_watched(path, paths, &mut Watch::silent())
}

/// The SHA-256 that names the model at `path`, lower-case hexadecimal. Of a single file it is the file's. Of a split
/// model, which has no file of its own, it is the SHA-256 of the digests of its parts in their order, each as 64
/// lower-case hexadecimal letters with nothing between them: what `sha256sum PARTS | cut -c1-64 | tr -d '\n' | sha256sum`
/// prints.
pub fn model_sha256(path: &Path, paths: &Paths) -> Result<String, ModelError> {
    // A header that cannot be read is no reason not to hash.
    let parts = read_facts(path).map(|facts| facts.parts).unwrap_or_default();
    if parts.is_empty() {
        return sha256_cached(path, paths);
    }
    let mut all = Hasher::default();
    for part in &parts {
        all.update(sha256_cached(part, paths)?.as_bytes());
    }
    Ok(all.hex())
}

/// The SHA-256 of the file at `path`, read now, and remembered.
pub fn sha256_fresh(path: &Path, paths: &Paths) -> Result<String, ModelError> {
    fresh_watched(path, paths, &mut Watch::silent())
}

pub(crate) fn cached_watched(path: &Path, paths: &Paths, watch: &mut Watch<'_>) -> Result<String, ModelError> {
    let path = fs::canonicalize(path).map_err(ModelError::io("read", path))?;
    let state = state_of(&path)?;
    let known =
        fs::read(memory_of(&path, paths)).ok().and_then(|json| serde_json::from_slice::<Remembered>(&json).ok());
    match known {
        Some(known) if known.path == path && (known.bytes, known.modified_ns) == state && is_sha256(&known.sha256) => {
            Ok(known.sha256)
        }
        _ => fresh_watched(&path, paths, watch),
    }
}

pub(crate) fn fresh_watched(path: &Path, paths: &Paths, watch: &mut Watch<'_>) -> Result<String, ModelError> {
    let path = fs::canonicalize(path).map_err(ModelError::io("read", path))?;
    let before = state_of(&path)?;
    let mut hasher = Hasher::default();
    let file = File::open(&path).map_err(ModelError::io("read", &path))?;
    hash_into(&mut hasher, file, before.0, watch)?.map_err(ModelError::io("read", &path))?;
    let sha256 = hasher.hex();
    // A file that changed while it was read has no digest worth remembering.
    if state_of(&path)? == before {
        remember(&path, paths, &sha256);
    }
    Ok(sha256)
}

/// Remembers a digest that was computed elsewhere. Not being able to is no failure: it will be computed again.
pub(crate) fn remember(path: &Path, paths: &Paths, sha256: &str) {
    let Ok(path) = fs::canonicalize(path) else { return };
    let Ok((bytes, modified_ns)) = state_of(&path) else { return };
    let memory = memory_of(&path, paths);
    let entry = Remembered { path, bytes, modified_ns, sha256: sha256.to_owned() };
    let Ok(json) = serde_json::to_vec(&entry) else { return };
    let Some(folder) = memory.parent() else { return };
    let temporary = memory.with_extension(format!("{}.tmp", std::process::id()));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&temporary, json));
    if written.and_then(|()| fs::rename(&temporary, &memory)).is_err() {
        tracing::debug!(path = %memory.display(), "checksum not remembered");
        let _ = fs::remove_file(&temporary);
    }
}

/// Feeds the next `bytes` of `input`, reporting as it goes. The inner result is what reading said.
pub(crate) fn hash_into(
    hasher: &mut Hasher,
    mut input: impl Read,
    bytes: u64,
    watch: &mut Watch<'_>,
) -> Result<io::Result<()>, ModelError> {
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    loop {
        watch.check()?;
        match input.read(&mut chunk) {
            Ok(0) => return Ok(Ok(())),
            Ok(count) => {
                hasher.update(&chunk[..count]);
                done += count as u64;
                watch.bytes(done, Some(bytes));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

fn state_of(path: &Path) -> Result<(u64, u128), ModelError> {
    let metadata: Metadata = fs::metadata(path).map_err(ModelError::io("read", path))?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok((metadata.len(), modified.map_or(0, |since| since.as_nanos())))
}

fn memory_of(path: &Path, paths: &Paths) -> PathBuf {
    let mut hasher = Hasher::default();
    hasher.update(path.as_os_str().as_encoded_bytes());
    let name: String = hasher.hex().chars().take(32).collect();
    paths.cache().join("checksums").join(name + ".json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_is_right_and_remembered_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { data: folder.path().join("data") };
        let file = folder.path().join("f");
        fs::write(&file, "abc").unwrap();
        assert_eq!(sha256_cached(&file, &paths).unwrap(), OF_ABC);

        // The memory is really used: falsified, it is believed, and a fresh reading repairs it.
        let memory = memory_of(&fs::canonicalize(&file).unwrap(), &paths);
        let false_json = fs::read_to_string(&memory).unwrap().replace(OF_ABC, &"0".repeat(64));
        fs::write(&memory, false_json).unwrap();
        assert_eq!(sha256_cached(&file, &paths).unwrap(), "0".repeat(64));
        assert_eq!(sha256_fresh(&file, &paths).unwrap(), OF_ABC);
        assert_eq!(sha256_cached(&file, &paths).unwrap(), OF_ABC);

        fs::write(&file, "abcd").unwrap();
        assert_ne!(sha256_cached(&file, &paths).unwrap(), OF_ABC);
    }

    #[test]
    fn a_spoiled_memory_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { data: folder.path().join("data") };
        let file = folder.path().join("f");
        fs::write(&file, "abc").unwrap();
        let memory = memory_of(&fs::canonicalize(&file).unwrap(), &paths);
        fs::create_dir_all(memory.parent().unwrap()).unwrap();
        fs::write(&memory, "{nonsense").unwrap();
        assert_eq!(sha256_cached(&file, &paths).unwrap(), OF_ABC);
    }
}
