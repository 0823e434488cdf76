//! The models of LM Studio: `OWNER/REPO/FILE` below its models folder, wherever the user moved that to.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Found, Place, gguf_files, push};

/// Bytes of a settings file that are read.
const MAX_SETTINGS: u64 = 1 << 20;

pub(super) fn folders(home: Option<&Path>) -> Vec<PathBuf> {
    let Some(home) = home else { return Vec::new() };
    let pointed = read_small(&home.join(".lmstudio-home-pointer")).map(|text| PathBuf::from(text.trim()));
    let mut folders = Vec::new();
    for own in pointed.into_iter().chain([home.join(".lmstudio"), home.join(".cache/lm-studio")]) {
        let settings = read_small(&own.join("settings.json")).and_then(|json| serde_json::from_str(&json).ok());
        let chosen = settings.as_ref().and_then(|json: &serde_json::Value| json.get("downloadsFolder")?.as_str());
        folders.extend(chosen.filter(|folder| !folder.is_empty()).map(PathBuf::from));
        folders.push(own.join("models"));
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    folders.retain(|folder| match fs::canonicalize(folder) {
        Ok(real) if !seen.contains(&real) => {
            seen.push(real);
            true
        }
        _ => false,
    });
    folders
}

pub(super) fn find(models: &Path, all: &mut Vec<Found>) {
    for path in gguf_files(models, 4) {
        let parts: Vec<&str> =
            path.strip_prefix(models).into_iter().flatten().filter_map(|part| part.to_str()).collect();
        let id = match parts.as_slice() {
            [owner, repo, file @ ..] if !file.is_empty() => Some(format!("{owner}/{repo}:{}", file.join("/"))),
            _ => None,
        };
        push(all, path, Place::LmStudio, id, None);
    }
}

fn read_small(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.len() <= MAX_SETTINGS).then(|| fs::read_to_string(path).ok())?
}
