//! Our own reader of GGUF headers: facts about a model without loading it, and one clear sentence for every file that
//! is not a whole model. It reads the header only, in bounded memory and time, whatever the file claims.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

mod facts;
mod header;
mod shape;
mod split;
mod types;
mod write;

pub use facts::GgufFacts;
pub use header::{Damage, Header, TensorInfo, Value, read_header};
pub use split::{SplitName, first_part};
pub use types::{TensorType, file_type, tensor_type};
pub use write::{Item, Writer, sample_model};

use crate::models::size::size;

/// Why a path is not a model that can be loaded. Each variant reads as one sentence with the next step.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// Nothing is there.
    #[error("{} does not exist; see `parallax models list` for the models that are here", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A folder.
    #[error("{} is a folder; name the .gguf file inside it", path.display())]
    Folder {
        /// The path.
        path: PathBuf,
    },
    /// A device, pipe or socket.
    #[error("{} is no regular file; name a .gguf file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Zero bytes.
    #[error("{} is empty (0 bytes); fetch it again", path.display())]
    Empty {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses to read it.
    #[error("{} cannot be read ({source}); check its permissions", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another kind of file.
    #[error("{} is not a GGUF model ({looks}); name a file in GGUF format", path.display())]
    NotGguf {
        /// The path.
        path: PathBuf,
        /// What it looks like instead.
        looks: &'static str,
    },
    /// GGUF for big-endian machines.
    #[error("{} is a big-endian GGUF, which is not read here; fetch the usual little-endian file", path.display())]
    BigEndian {
        /// The path.
        path: PathBuf,
    },
    /// GGUF 1, or newer than 3.
    #[error("{} is GGUF version {version}, only 2 and 3 are read; fetch a converted file or a newer parallax", path.display())]
    Version {
        /// The path.
        path: PathBuf,
        /// The version it names.
        version: u32,
    },
    /// The header is whole, the weights are not.
    #[error("{} is truncated: its tensors need {needed} bytes and it has {bytes}; fetch it again", path.display())]
    Truncated {
        /// The path.
        path: PathBuf,
        /// Bytes that its header asks for.
        needed: u64,
        /// Bytes that are there.
        bytes: u64,
    },
    /// The file ends inside its header.
    #[error("{} is truncated or damaged: it has {} and ends inside its header; fetch it again", path.display(), size(*bytes))]
    CutHeader {
        /// The path.
        path: PathBuf,
        /// Bytes that are there.
        bytes: u64,
    },
    /// The header contradicts itself or this reader's limits.
    #[error("{} has a damaged GGUF header: {damage}; fetch it again or from another place", path.display())]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        damage: Damage,
    },
    /// A later part of a split model.
    #[error("{} is part {no} of {count} of a split model; name its first part, {}", path.display(), first.display())]
    LaterPart {
        /// The path.
        path: PathBuf,
        /// Which part, from 1.
        no: u64,
        /// Number of parts.
        count: u64,
        /// Where the first part should be.
        first: PathBuf,
    },
    /// Parts of a split model are not there.
    #[error("{} is split into {count} files and {} missing beside it: {}; fetch all of them", path.display(), are(missing.len()), few(missing))]
    MissingParts {
        /// The first part.
        path: PathBuf,
        /// Number of parts.
        count: u64,
        /// Names of those that are not there.
        missing: Vec<String>,
    },
}

fn are(count: usize) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}

/// The first names of a list, and how many follow.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Reads what the header at `path` says, checks that the file is as long as its tensors need, and that all parts of a
/// split model are there.
pub fn read_facts(path: &Path) -> Result<GgufFacts, GgufError> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(SplitName::parse);
    if let Some(name) = name.as_ref().filter(|_| !path.exists()) {
        let parts = split::sibling_paths(path, name);
        // Of a model that is not there at all nothing is said about parts.
        if parts.iter().any(|part| part.exists()) {
            return Err(GgufError::MissingParts {
                path: path.to_owned(),
                count: name.count,
                missing: missing(name, &parts),
            });
        }
    }
    let (header, bytes) = open(path)?;
    let count = header.metadata.get("split.count").and_then(Value::as_u64).unwrap_or(0);
    let damaged = |damage| GgufError::Damaged { path: path.to_owned(), damage };
    if count > 1 {
        let no = header.metadata.get("split.no").and_then(Value::as_u64).unwrap_or(0).saturating_add(1);
        let Some(name) = name.filter(|name| name.count == count && name.no == no) else {
            return Err(damaged(Damage::Split { no, count }));
        };
        if no != 1 {
            let first = path.with_file_name(name.part(1));
            return Err(GgufError::LaterPart { path: path.to_owned(), no, count, first });
        }
        return split_facts(path, &name, &header, bytes);
    }
    GgufFacts::from_header(&header, bytes).map_err(damaged)
}

/// The names of the parts that are not there.
fn missing(name: &SplitName, parts: &[PathBuf]) -> Vec<String> {
    name.parts().zip(parts).filter(|(_, part)| !part.exists()).map(|(name, _)| name).collect()
}

fn split_facts(path: &Path, name: &SplitName, header: &Header, bytes: u64) -> Result<GgufFacts, GgufError> {
    let parts = split::sibling_paths(path, name);
    let missing = missing(name, &parts);
    if !missing.is_empty() {
        return Err(GgufError::MissingParts { path: path.to_owned(), count: name.count, missing });
    }
    let mut facts =
        GgufFacts::from_header(header, bytes).map_err(|damage| GgufError::Damaged { path: path.to_owned(), damage })?;
    for part in parts.iter().skip(1) {
        let (header, bytes) = open(part)?;
        facts.add_part(&header, bytes);
    }
    facts.parts = parts;
    Ok(facts)
}

/// Reads one file's header and checks the file's length against it.
pub(super) fn open(path: &Path) -> Result<(Header, u64), GgufError> {
    let path_buf = || path.to_owned();
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => GgufError::Missing { path: path_buf() },
        _ => GgufError::Unreadable { path: path_buf(), source },
    };
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(GgufError::Folder { path: path_buf() });
    }
    if !metadata.is_file() {
        return Err(GgufError::NotAFile { path: path_buf() });
    }
    let bytes = metadata.len();
    if bytes == 0 {
        return Err(GgufError::Empty { path: path_buf() });
    }
    let file = File::open(path).map_err(unreadable)?;
    let header = read_header(BufReader::with_capacity(1 << 16, file), bytes).map_err(|damage| match damage {
        Damage::Magic(first) => GgufError::NotGguf { path: path_buf(), looks: looks_like(first) },
        Damage::Cut { .. } if bytes < 4 => {
            GgufError::NotGguf { path: path_buf(), looks: "it is shorter than the format's first word" }
        }
        Damage::Cut { .. } => GgufError::CutHeader { path: path_buf(), bytes },
        Damage::BigEndian => GgufError::BigEndian { path: path_buf() },
        Damage::Version(version) => GgufError::Version { path: path_buf(), version },
        Damage::Io(source) => GgufError::Unreadable { path: path_buf(), source },
        damage => GgufError::Damaged { path: path_buf(), damage },
    })?;
    let needed = header.needed_bytes();
    if needed > bytes {
        return Err(GgufError::Truncated { path: path_buf(), needed, bytes });
    }
    Ok((header, bytes))
}

/// What a file with these first bytes probably is.
fn looks_like(first: [u8; 4]) -> &'static str {
    match &first {
        b"vers" => "it looks like a Git LFS pointer instead of the file itself",
        b"<!DO" | b"<!do" | b"<htm" | b"<HTM" => "it looks like a web page",
        b"PK\x03\x04" => "it is a zip archive",
        b"lmgg" | b"fmgg" | b"tjgg" | b"algg" | b"jtgg" => "it is in the older GGML format",
        [0x1f, 0x8b, ..] => "it is compressed with gzip",
        _ => "it does not begin with the letters GGUF",
    }
}

#[cfg(test)]
mod tests;
