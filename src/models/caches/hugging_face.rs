//! The cache of the Hugging Face hub: `models--OWNER--REPO/snapshots/COMMIT/FILE`, links to `blobs/SHA256`.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Found, Place, gguf_files, names, push};
use crate::models::checksum::is_sha256;

pub(super) fn folders(home: Option<&Path>, variable: &impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let hub = variable("HF_HUB_CACHE")
        .or_else(|| variable("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| variable("HF_HOME").map(|folder| folder.join("hub")))
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("huggingface/hub")))
        .or_else(|| home.map(|home| home.join(".cache/huggingface/hub")));
    hub.into_iter().collect()
}

pub(super) fn find(hub: &Path, all: &mut Vec<Found>) {
    for name in names(hub) {
        let Some(repository) = name.strip_prefix("models--") else { continue };
        let repository = repository.replacen("--", "/", 1);
        let folder = hub.join(&name);
        let snapshots = folder.join("snapshots");
        // What `main` points at comes first; the same file in an older snapshot is not listed again.
        let main = fs::read_to_string(folder.join("refs/main")).unwrap_or_default();
        let mut commits = names(&snapshots);
        commits.sort_by_key(|commit| commit != main.trim());
        let mut seen: Vec<String> = Vec::new();
        for commit in commits {
            let snapshot = snapshots.join(commit);
            for path in gguf_files(&snapshot, 3) {
                let Some(file) = path.strip_prefix(&snapshot).ok().and_then(Path::to_str).map(str::to_owned) else {
                    continue;
                };
                if seen.contains(&file) {
                    continue;
                }
                let id = format!("{repository}:{}", file.replace('\\', "/"));
                let blob = fs::canonicalize(&path).ok().and_then(|blob| blob.file_name()?.to_str().map(str::to_owned));
                let promised = blob.filter(|blob| is_sha256(blob)).map(|blob| blob.to_lowercase());
                push(all, path, Place::HuggingFace, Some(id), promised);
                seen.push(file);
            }
        }
    }
}
