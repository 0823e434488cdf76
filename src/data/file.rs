//! Reading small text files that somebody else wrote: limits first, sentences instead of surprises.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest persona or wording file.
pub(super) const SMALL_FILE: u64 = 1 << 20;

/// Why a file cannot be read. The text is the rest of a sentence that begins with the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// Nothing there.
    #[error("there is no such file; check the path")]
    Missing,
    /// A folder, pipe or device.
    #[error("it is not a regular file; name a file")]
    NotAFile,
    /// Over the limit.
    #[error("it is larger than {limit} bytes, the most that is read; split it or check that it is the right file")]
    TooLarge {
        /// In bytes.
        limit: u64,
    },
    /// Some other encoding.
    #[error("byte {at} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// Position of the first bad byte, from 0.
        at: usize,
    },
    /// A NUL byte.
    #[error("byte {at} is NUL, so it is not a text file; check that it is the right file")]
    Nul {
        /// Position of the first one, from 0.
        at: usize,
    },
    /// The system's reason.
    #[error("it cannot be read ({0}); check its permissions")]
    Io(String),
}

impl From<std::io::Error> for FileProblem {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::NotFound { Self::Missing } else { Self::Io(error.to_string()) }
    }
}

/// Opens a regular file of at most `limit` bytes. Asking first keeps a pipe from blocking the program.
pub(super) fn open(path: &Path, limit: u64) -> Result<File, FileProblem> {
    let facts = std::fs::metadata(path)?;
    if !facts.is_file() {
        return Err(FileProblem::NotAFile);
    }
    if facts.len() > limit {
        return Err(FileProblem::TooLarge { limit });
    }
    Ok(File::open(path)?)
}

/// The whole text of a file of at most [`SMALL_FILE`] bytes, without byte order mark, with LF line ends.
pub(super) fn read_text(path: &Path) -> Result<String, FileProblem> {
    let mut bytes = Vec::new();
    open(path, SMALL_FILE)?.take(SMALL_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL_FILE {
        return Err(FileProblem::TooLarge { limit: SMALL_FILE });
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(FileProblem::Nul { at });
    }
    let text =
        String::from_utf8(bytes).map_err(|error| FileProblem::NotUtf8 { at: error.utf8_error().valid_up_to() })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n"))
}

/// Files of `folder` whose names end in `suffix`, by name; empty when there is no such folder.
pub(super) fn in_folder(folder: &Path, suffix: &str) -> Result<Vec<std::path::PathBuf>, FileProblem> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_named = path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.ends_with(suffix) && !name.starts_with('.')
        });
        if is_named {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether `id` is a slug: `[a-z0-9._-]{1,80}`.
pub(super) fn is_slug(id: &str) -> bool {
    (1..=80).contains(&id.len()) && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

/// The first line of a foreign message, cut to a length that fits into a sentence.
pub(super) fn brief(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(160).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text_of(bytes: &[u8]) -> Result<String, FileProblem> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        read_text(&path)
    }

    #[test]
    fn marks_and_line_ends_are_evened_out() {
        assert_eq!(text_of(b"\xef\xbb\xbfa\r\nb").unwrap(), "a\nb");
    }

    #[test]
    fn what_is_no_text_is_named() {
        assert_eq!(text_of(b"a\0b"), Err(FileProblem::Nul { at: 1 }));
        assert_eq!(text_of(b"ab\xff"), Err(FileProblem::NotUtf8 { at: 2 }));
        assert_eq!(text_of(&vec![b'a'; (1 << 20) + 1]), Err(FileProblem::TooLarge { limit: 1 << 20 }));
        assert_eq!(read_text(Path::new("/")), Err(FileProblem::NotAFile));
        assert_eq!(read_text(Path::new("/no/such/file")), Err(FileProblem::Missing));
    }

    #[test]
    fn slugs() {
        assert!(is_slug("us.party-a_1"));
        assert!(is_slug(&"a".repeat(80)));
        for bad in ["", "A", "a b", "é", "a/b", &"a".repeat(81)] {
            assert!(!is_slug(bad), "{bad}");
        }
    }
}
