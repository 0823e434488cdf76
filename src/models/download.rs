//! Fetches one file over HTTP into a partial file: resumes by range, hashes while it writes, tries again a bounded
//! number of times, and ends only when size and SHA-256 are right.
//!
//! A partial file is named after the checksum it is meant to have, so bytes of two different files never meet in one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ModelError;
use super::checksum::{Hasher, hash_into};
use super::http::{Answer, Client, HttpError, Request};
use super::size::size;
use super::watch::Watch;

/// Bytes read at a time.
const CHUNK: usize = 1 << 18;
/// Failures in a row, without a byte between them, before a source is given up.
const TRIES_IN_VAIN: u32 = 3;
/// Failures in all: a server that gives a little each time must not hold us for ever.
const TRIES: u32 = 30;
/// The first pause; each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

impl Expected {
    /// Says how a digest differs.
    pub(crate) fn mismatch(&self, sha256: &str) -> String {
        format!("its SHA-256 is {sha256} instead of {}", self.sha256)
    }
}

/// Why a source did not give the file.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// This source failed, in half a sentence; another may do better.
    Source(String),
    /// No source can help: interrupted, disk full, folder not writable.
    Fatal(ModelError),
}

impl From<ModelError> for SourceError {
    fn from(error: ModelError) -> Self {
        Self::Fatal(error)
    }
}

/// The partial file of `target` for this checksum.
pub(crate) fn part_path(target: &Path, expected: &Expected) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    let short: String = expected.sha256.chars().take(12).collect();
    name.push(format!(".{short}.part"));
    name.into()
}

/// A partial file, the digest of what is in it, and the lock on it.
#[derive(Debug)]
pub(crate) struct PartFile {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    /// Bytes in it.
    pub done: u64,
}

impl PartFile {
    /// Opens or creates it and takes the lock.
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(ModelError::io("write", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ModelError::Busy { path: path.to_owned() }),
            // Some network file systems know no locks; the checksum at the end still holds.
            Err(TryLockError::Error(error)) => tracing::debug!(%error, "no lock on {}", path.display()),
        }
        Ok(Self { path: path.to_owned(), file, hasher: Hasher::default(), done: 0 })
    }

    /// Hashes what an earlier process left, unless there is more than the file may have.
    fn take_over(&mut self, limit: u64, watch: &mut Watch<'_>) -> Result<(), ModelError> {
        let there = self.file.metadata().map_err(ModelError::io("read", &self.path))?.len();
        if there == 0 || there > limit {
            return self.restart();
        }
        watch.stage(format!("checking the {} that are already here", size(there)));
        hash_into(&mut self.hasher, &mut self.file, there, watch)?.map_err(ModelError::io("read", &self.path))?;
        self.done = there;
        Ok(())
    }

    /// Empties it.
    pub(crate) fn restart(&mut self) -> Result<(), ModelError> {
        self.hasher = Hasher::default();
        self.done = 0;
        self.file.set_len(0).map_err(ModelError::io("write", &self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(ModelError::io("write", &self.path))?;
        Ok(())
    }

    /// Appends.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        self.file.write_all(bytes).map_err(ModelError::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.done += bytes.len() as u64;
        Ok(())
    }

    /// The digest of everything in it.
    pub(crate) fn sha256(&self) -> String {
        self.hasher.clone().hex()
    }

    /// Makes sure that it is on the disk.
    pub(crate) fn sync(&self) -> Result<(), ModelError> {
        self.file.sync_all().map_err(ModelError::io("write", &self.path))
    }

    /// Removes it.
    pub(crate) fn discard(self) {
        let Self { path, file, .. } = self;
        drop(file);
        let _ = std::fs::remove_file(path);
    }
}

/// Where to fetch from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The address.
    pub url: &'a str,
    /// Sent to the address's own host alone.
    pub token: Option<&'a str>,
}

/// Why one transfer ended before the file was whole.
enum Stop {
    Again(String, Option<u64>),
    Never(HttpError),
    Fatal(ModelError),
}

impl From<ModelError> for Stop {
    fn from(error: ModelError) -> Self {
        Self::Fatal(error)
    }
}

/// Fetches the file into `part`. `explain` words an answer that is not the file. On success the partial file is whole,
/// right and on the disk; on failure it stays for the next time unless its content was wrong.
pub(crate) fn fetch(
    client: &Client,
    origin: Origin<'_>,
    expected: &Expected,
    part: &Path,
    explain: impl Fn(&HttpError) -> String,
    watch: &mut Watch<'_>,
) -> Result<(), SourceError> {
    let mut part = PartFile::open(part)?;
    part.take_over(expected.bytes, watch)?;
    let mut glued = part.done > 0;
    let mut etag = None;
    let (mut tries, mut in_vain) = (0, 0);
    watch.stage(format!("fetching {}", size(expected.bytes)));
    loop {
        if part.done == expected.bytes {
            let sha256 = part.sha256();
            if sha256 == expected.sha256 {
                part.sync()?;
                return Ok(());
            }
            if !glued {
                part.discard();
                return Err(SourceError::Source(expected.mismatch(&sha256)));
            }
            // Pieces from several connections may be pieces of several files: once more, in one go.
            watch.note("the pieces do not fit together; fetching the whole file again");
            part.restart()?;
            glued = false;
            continue;
        }
        watch.check()?;
        let before = part.done;
        match transfer(client, origin, expected, &mut part, &mut etag, watch) {
            Ok(()) => {}
            Err(Stop::Fatal(error)) => return Err(error.into()),
            Err(Stop::Never(error)) => return Err(SourceError::Source(explain(&error))),
            Err(Stop::Again(why, wait)) => {
                tries += 1;
                in_vain = if part.done > before { 1 } else { in_vain + 1 };
                if in_vain >= TRIES_IN_VAIN || tries >= TRIES {
                    return Err(SourceError::Source(format!("{why}, {tries} times")));
                }
                glued |= part.done > 0;
                watch.note(format!("{why}; trying again"));
                pause(in_vain, wait, watch)?;
            }
        }
    }
}

/// One connection: asks for what is missing and writes what comes.
fn transfer(
    client: &Client,
    origin: Origin<'_>,
    expected: &Expected,
    part: &mut PartFile,
    etag: &mut Option<String>,
    watch: &mut Watch<'_>,
) -> Result<(), Stop> {
    let request = Request { url: origin.url, token: origin.token, from: part.done, if_range: etag.as_deref() };
    let answer = client.get(&request).map_err(|error| match error {
        HttpError::Transient(why, wait) => Stop::Again(why, wait),
        error => Stop::Never(error),
    });
    let answer = match answer {
        // Our range is beyond the end of what is there.
        Err(Stop::Never(HttpError::Status { code: 416, .. })) if part.done > 0 => {
            part.restart()?;
            return Err(Stop::Again("the server has no such range".into(), None));
        }
        answer => answer?,
    };
    place(&answer, expected, part)?;
    // Weak tags may not be used for ranges.
    *etag = answer.header("etag").filter(|tag| tag.starts_with('"')).map(str::to_owned);

    let mut body = answer.body.into_reader();
    let mut chunk = vec![0; CHUNK];
    while part.done < expected.bytes {
        watch.check()?;
        watch.bytes(part.done, Some(expected.bytes));
        let room = usize::try_from(expected.bytes - part.done).unwrap_or(CHUNK).min(CHUNK);
        match body.read(&mut chunk[..room]) {
            Ok(0) => return Err(ended_early(part, expected)),
            Ok(count) => part.write(&chunk[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(ended_early(part, expected)),
            Err(error) => return Err(Stop::Again(format!("the connection broke ({error})"), None)),
        }
    }
    watch.bytes(part.done, Some(expected.bytes));
    Ok(())
}

fn ended_early(part: &PartFile, expected: &Expected) -> Stop {
    Stop::Again(format!("the connection ended after {} of {}", size(part.done), size(expected.bytes)), None)
}

/// Checks that the answer continues where the partial file ends, or empties the file when it begins from the start.
fn place(answer: &Answer, expected: &Expected, part: &mut PartFile) -> Result<(), Stop> {
    let other_size =
        |bytes: u64| Stop::Never(HttpError::Final(format!("it has {bytes} bytes there instead of {}", expected.bytes)));
    if answer.status == 206 {
        let (start, total) = answer.header("content-range").and_then(content_range).unwrap_or((u64::MAX, None));
        if let Some(total) = total.filter(|total| *total != expected.bytes) {
            return Err(other_size(total));
        }
        if start != part.done {
            part.restart()?;
            return Err(Stop::Again("the server sent another range than it was asked for".into(), None));
        }
        return Ok(());
    }
    if let Some(bytes) = answer.body.content_length().filter(|bytes| *bytes != expected.bytes) {
        return Err(other_size(bytes));
    }
    if part.done > 0 {
        part.restart()?;
    }
    Ok(())
}

/// First byte and total size of `bytes 5-9/10`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// Waits before a further try: as long as the server said, else longer each time.
pub(crate) fn pause(failures: u32, wait: Option<u64>, watch: &Watch<'_>) -> Result<(), ModelError> {
    let own = FIRST_PAUSE * 2u32.saturating_pow(failures.saturating_sub(1).min(8));
    let length = wait.map_or(own, Duration::from_secs).min(LONGEST_PAUSE);
    let end = Instant::now() + length;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        watch.check()?;
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(content_range("bytes */10"), None);
        assert_eq!(content_range("items 1-2/3"), None);
    }

    #[test]
    fn a_partial_file_belongs_to_one_process_and_one_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("m.gguf");
        let one = part_path(&target, &Expected { bytes: 3, sha256: "a".repeat(64) });
        let other = part_path(&target, &Expected { bytes: 3, sha256: "b".repeat(64) });
        assert_ne!(one, other);
        let held = PartFile::open(&one).unwrap();
        assert!(matches!(PartFile::open(&one), Err(ModelError::Busy { .. })));
        PartFile::open(&other).unwrap();
        held.discard();
        assert!(!one.exists());
    }
}
