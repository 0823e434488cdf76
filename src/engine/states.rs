//! Saved states: what a sequence of the context holds, on disk, so that a prompt or a voice need not be read again by the
//! next process. A state is worth nothing to another model, build or profile, and is never given to one.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::scheduler::device::Token;

const FORMAT: u32 = 1;
const ENDING: &str = "state";
/// How much all states may take on disk, unless asked otherwise.
pub const MOST_BYTES: u64 = 512 << 20;
/// One state may take this part of it.
const LARGEST_SHARE: u64 = 8;
/// The longest first line that is believed: a token takes eight bytes at most, a context 2^20 tokens.
const LONGEST_HEADER: u64 = 8 << 20;

/// The first line of a state's file; the bytes follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: u32,
    key: String,
    tokens: Vec<Token>,
    bytes: u64,
    sha256: String,
}

#[derive(Debug)]
struct Known {
    path: PathBuf,
    tokens: Vec<Token>,
}

/// The states of one model under one build and profile, within a folder that others share.
#[derive(Debug)]
pub struct States {
    folder: PathBuf,
    key: String,
    most_bytes: u64,
    known: Vec<Known>,
    /// Too large to be saved, and not to be tried again.
    passed_over: Vec<Vec<Token>>,
}

impl States {
    /// The states in `folder` that were saved under `key`, which has to say everything that their bytes depend on. Files
    /// that cannot be read are passed over.
    pub fn open(folder: &Path, key: &str, most_bytes: u64) -> Self {
        let key = hex(&Sha256::digest(key.as_bytes()));
        let known = files(folder)
            .into_iter()
            .filter_map(|file| {
                let (header, _) = read_header(&file.path)?;
                (header.key == key).then_some(Known { path: file.path, tokens: header.tokens })
            })
            .collect();
        Self { folder: folder.to_path_buf(), key, most_bytes, known, passed_over: Vec::new() }
    }

    /// How many tokens the best state has in common with `tokens`, and which one it is.
    pub fn longest(&self, tokens: &[Token]) -> Option<(usize, usize)> {
        let common = |known: &Known| known.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let best = self.known.iter().enumerate().map(|(index, known)| (common(known), std::cmp::Reverse(index))).max();
        best.filter(|(len, _)| *len > 0).map(|(len, index)| (len, index.0))
    }

    /// How many tokens state `index` has.
    pub fn len_of(&self, index: usize) -> usize {
        self.known.get(index).map_or(0, |known| known.tokens.len())
    }

    /// Whether exactly these tokens are saved.
    pub fn has(&self, tokens: &[Token]) -> bool {
        self.known.iter().any(|known| known.tokens == tokens)
    }

    /// Whether [`States::write`] has nothing to do for these tokens.
    pub fn is_settled(&self, tokens: &[Token]) -> bool {
        self.has(tokens) || self.passed_over.iter().any(|passed| passed == tokens)
    }

    /// Reads state `index` and checks it. One that is gone or damaged is forgotten and removed.
    pub fn read(&mut self, index: usize) -> Option<(Vec<Token>, Vec<u8>)> {
        let known = self.known.get(index)?;
        let Some(bytes) = read_checked(&known.path, &self.key, &known.tokens) else {
            let _ = fs::remove_file(&known.path);
            self.known.remove(index);
            return None;
        };
        // What was of use last is pruned last. A folder that cannot be written to only spoils the order.
        let _ = File::options().append(true).open(&known.path).and_then(|file| file.set_modified(SystemTime::now()));
        Some((known.tokens.clone(), bytes))
    }

    /// Forgets state `index`, which could not be used.
    pub fn discard(&mut self, index: usize) {
        if index < self.known.len() {
            let _ = fs::remove_file(self.known.remove(index).path);
        }
    }

    /// Saves a state, and removes the ones of the whole folder that were of no use for longest until all fit. One that
    /// would take a large part of the folder is not saved.
    pub fn write(&mut self, tokens: &[Token], bytes: &[u8]) -> std::io::Result<()> {
        if bytes.len() as u64 > self.most_bytes / LARGEST_SHARE {
            self.passed_over.push(tokens.to_vec());
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let header = Header {
            format: FORMAT,
            key: self.key.clone(),
            tokens: tokens.to_vec(),
            bytes: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
        };
        let mut line = serde_json::to_vec(&header)?;
        line.push(b'\n');
        let name = hex(&Sha256::digest(&line));
        let path = self.folder.join(format!("{}.{ENDING}", &name[..32]));
        // Another process may be writing the same state: each has a file of its own until it is whole.
        let draft = self.folder.join(format!("{}.{}.draft", &name[..32], std::process::id()));
        let written = File::create(&draft).and_then(|mut file| {
            file.write_all(&line)?;
            file.write_all(bytes)
        });
        if let Err(error) = written.and_then(|()| fs::rename(&draft, &path)) {
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        if !self.has(tokens) {
            self.known.push(Known { path, tokens: tokens.to_vec() });
        }
        self.prune();
        Ok(())
    }

    fn prune(&mut self) {
        let mut all = files(&self.folder);
        all.sort_by_key(|file| file.used);
        let mut total: u64 = all.iter().map(|file| file.bytes).sum();
        for file in all {
            if total <= self.most_bytes {
                return;
            }
            if fs::remove_file(&file.path).is_ok() {
                total -= file.bytes;
                self.known.retain(|known| known.path != file.path);
            }
        }
    }
}

struct Found {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// All states of a folder, of whatever model, and drafts that a process which died left behind.
fn files(folder: &Path) -> Vec<Found> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<Found> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let metadata = fs::metadata(&path).ok()?;
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let is_ours = path.extension().is_some_and(|ending| ending == ENDING || ending == "draft");
            (is_ours && metadata.is_file()).then_some(Found { path, bytes: metadata.len(), used })
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn read_header(path: &Path) -> Option<(Header, BufReader<File>)> {
    let mut file = BufReader::new(File::open(path).ok()?);
    let mut line = Vec::new();
    file.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut line).ok()?;
    let header: Header = serde_json::from_slice(&line).ok()?;
    (header.format == FORMAT).then_some((header, file))
}

fn read_checked(path: &Path, key: &str, tokens: &[Token]) -> Option<Vec<u8>> {
    let (header, file) = read_header(path)?;
    if header.key != key || header.tokens != tokens {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(header.bytes.checked_add(1)?).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == header.bytes && hex(&Sha256::digest(&bytes)) == header.sha256).then_some(bytes)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn open(folder: &Path, key: &str) -> States {
        States::open(folder, key, 4096)
    }

    #[test]
    fn a_state_comes_back_to_its_own_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), "model a").write(&[1, 2, 3], b"cells").unwrap();
        let mut again = open(folder.path(), "model a");
        assert_eq!(again.longest(&[1, 2, 9]), Some((2, 0)));
        assert!(again.has(&[1, 2, 3]) && !again.has(&[1, 2]));
        assert_eq!(again.read(0).unwrap(), (vec![1, 2, 3], b"cells".to_vec()));
        assert_eq!(open(folder.path(), "model b").longest(&[1, 2, 3]), None);
        assert_eq!(open(&folder.path().join("nowhere"), "model a").longest(&[1]), None);
    }

    #[test]
    fn a_damaged_state_is_removed_and_never_used() {
        let folder = tempfile::tempdir().unwrap();
        let mut states = open(folder.path(), "a");
        states.write(&[1, 2, 3], b"cells").unwrap();
        let path = states.known[0].path.clone();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0x20;
            fs::write(&path, &broken).unwrap();
            let mut states = open(folder.path(), "a");
            if let Some((_, index)) = states.longest(&[1, 2, 3]) {
                assert_eq!(states.read(index), None, "byte {at}");
                assert!(!path.exists());
            }
            fs::write(&path, &whole[..at]).unwrap();
            let mut states = open(folder.path(), "a");
            assert!(states.longest(&[1, 2, 3]).is_none_or(|(_, index)| states.read(index).is_none()), "cut at {at}");
        }
    }

    #[test]
    fn what_was_of_no_use_for_longest_goes_when_the_folder_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let mut states = open(folder.path(), "a");
        let old = SystemTime::now() - Duration::from_secs(100);
        for token in 0..5 {
            states.write(&[token], &[7; 500]).unwrap();
            let file = File::options().append(true).open(&states.known.last().unwrap().path).unwrap();
            file.set_modified(old + Duration::from_secs(token.unsigned_abs().into())).unwrap();
        }
        // Used now, though it is the oldest.
        states.read(states.longest(&[0]).unwrap().1).unwrap();
        open(folder.path(), "another model").write(&[9], &[7; 500]).unwrap();
        let left = open(folder.path(), "a");
        assert_eq!([0, 1, 2, 3, 4].map(|token| left.has(&[token])), [true, false, true, true, true]);
        states.write(&[5], &[0; 600]).unwrap();
        assert!(!states.has(&[5]) && states.is_settled(&[5]), "one state does not push all others out");
    }
}
