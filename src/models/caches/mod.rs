//! Models that other programs have fetched: Hugging Face, LM Studio, Ollama. They are read where they lie.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::catalogue::{self, Entry};
use super::gguf::SplitName;
use super::reference::HubFile;
use crate::config::Paths;

mod hugging_face;
mod lm_studio;
mod ollama;

/// Files and folders looked at in one cache: enough for any real one, and an end for a folder that loops.
const MAX_VISITED: usize = 50_000;

/// Whose folder a model lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The models folder of Parallax.
    Parallax,
    /// The cache of the Hugging Face hub.
    HuggingFace,
    /// The models folder of LM Studio.
    LmStudio,
    /// The store of Ollama.
    Ollama,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parallax => "parallax",
            Self::HuggingFace => "hugging face",
            Self::LmStudio => "lm studio",
            Self::Ollama => "ollama",
        })
    }
}

/// A model file on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How the user can name it: a catalogue id, `OWNER/REPO:FILE`, an Ollama name, else the file name.
    pub id: String,
    /// The file; of a split model the first part.
    pub path: PathBuf,
    /// Its size; of a split model the size of the first part.
    pub bytes: u64,
    /// Where it was found.
    pub place: Place,
    /// The SHA-256 that the other program's store promises for it, lower-case hexadecimal.
    pub promised: Option<String>,
}

/// The folders to look into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caches {
    /// Folders with `models--OWNER--REPO`.
    pub hugging_face: Vec<PathBuf>,
    /// Folders with `OWNER/REPO/FILE`.
    pub lm_studio: Vec<PathBuf>,
    /// Folders with `manifests` and `blobs`.
    pub ollama: Vec<PathBuf>,
}

impl Caches {
    /// The folders that the environment and the home folder name.
    pub fn from_environment() -> Self {
        Self::from_variables(std::env::home_dir().as_deref(), |name| std::env::var_os(name))
    }

    fn from_variables(home: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            hugging_face: hugging_face::folders(home, &folder),
            lm_studio: lm_studio::folders(home),
            ollama: ollama::folders(home, &folder),
        }
    }

    /// Every model in them, in a stable order.
    pub fn found(&self) -> Vec<Found> {
        let mut all = Vec::new();
        self.hugging_face.iter().for_each(|folder| hugging_face::find(folder, &mut all));
        self.lm_studio.iter().for_each(|folder| lm_studio::find(folder, &mut all));
        self.ollama.iter().for_each(|folder| ollama::find(folder, &mut all));
        all
    }

    /// The models in the folder of Parallax, then every model in the caches.
    pub fn installed(&self, paths: &Paths) -> Vec<Found> {
        let mut all = own(paths);
        all.extend(self.found());
        all
    }

    /// Where a model of the catalogue lies, judged by name and size.
    pub fn entry(&self, entry: &Entry, paths: &Paths) -> Option<Found> {
        self.installed(paths).into_iter().find(|found| found.id == entry.id)
    }
}

/// The models in the folder of Parallax.
fn own(paths: &Paths) -> Vec<Found> {
    let root = paths.models();
    let mut all = Vec::new();
    for path in gguf_files(&root, 5) {
        let relative: Vec<&str> =
            path.strip_prefix(&root).into_iter().flatten().filter_map(|part| part.to_str()).collect();
        let hub_file = match relative.as_slice() {
            [owner, repo, file @ ..] if !file.is_empty() => {
                HubFile::parse(&format!("{owner}/{repo}:{}", file.join("/"))).ok()
            }
            _ => None,
        };
        push(&mut all, path, Place::Parallax, hub_file.map(|file| file.to_string()), None);
    }
    all
}

/// Adds the file unless it cannot be asked. Files of the catalogue get the catalogue's id.
fn push(all: &mut Vec<Found>, path: PathBuf, place: Place, id: Option<String>, promised: Option<String>) {
    let Ok(metadata) = fs::metadata(&path) else { return };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let known = |entry: &&Entry| {
        let same_file = entry.file.eq_ignore_ascii_case(&name) || promised.as_deref() == Some(&entry.sha256);
        same_file && entry.bytes == metadata.len()
    };
    let id = match catalogue::catalogue().iter().find(known) {
        Some(entry) => entry.id.clone(),
        None => id.unwrap_or(name),
    };
    all.push(Found { id, path, bytes: metadata.len(), place, promised });
}

/// The model files below `root`, at most `depth` folders deep, sorted by path. Projectors of image models and later
/// parts of split models are no models of their own.
fn gguf_files(root: &Path, depth: usize) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![(root.to_owned(), depth)];
    let mut visited = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            visited += 1;
            if visited > MAX_VISITED {
                tracing::warn!(folder = %root.display(), "too many files; the rest is not listed");
                break;
            }
            let path = entry.path();
            // Follows links: caches are made of them.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_dir() && depth > 0 {
                folders.push((path, depth - 1));
            } else if metadata.is_file() && is_model_name(&entry.file_name().to_string_lossy()) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn is_model_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let later_part = SplitName::parse(name).is_some_and(|split| split.no > 1);
    lower.strip_suffix(".gguf").is_some() && !lower.contains("mmproj") && !later_part && !name.starts_with('.')
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names.truncate(MAX_VISITED);
    names
}

#[cfg(test)]
mod tests;
