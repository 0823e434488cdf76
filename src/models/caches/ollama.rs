//! The store of Ollama: manifests at `manifests/HOST/NAMESPACE/NAME/TAG` name blobs by their SHA-256.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Found, Place, names, push};
use crate::models::checksum::is_sha256;

/// Bytes of a manifest that are read; real ones have about one thousand.
const MAX_MANIFEST: u64 = 1 << 20;
const MODEL_LAYER: &str = "application/vnd.ollama.image.model";

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
}

pub(super) fn folders(home: Option<&Path>, variable: &impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    variable("OLLAMA_MODELS").or_else(|| home.map(|home| home.join(".ollama/models"))).into_iter().collect()
}

pub(super) fn find(store: &Path, all: &mut Vec<Found>) {
    let manifests = store.join("manifests");
    for host in names(&manifests) {
        let host = manifests.join(host);
        for namespace in names(&host) {
            for model in names(&host.join(&namespace)) {
                let tags = host.join(&namespace).join(&model);
                for tag in names(&tags) {
                    let Some(digest) = digest(&tags.join(&tag)) else { continue };
                    let blob = store.join("blobs").join(format!("sha256-{digest}"));
                    // The names that Ollama itself prints.
                    let id = if namespace == "library" {
                        format!("{model}:{tag}")
                    } else {
                        format!("{namespace}/{model}:{tag}")
                    };
                    push(all, blob, Place::Ollama, Some(id), Some(digest));
                }
            }
        }
    }
}

/// The digest of a manifest's model layer, checked before it becomes part of a path.
fn digest(manifest: &Path) -> Option<String> {
    let metadata = fs::metadata(manifest).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_MANIFEST {
        return None;
    }
    let manifest: Manifest = serde_json::from_slice(&fs::read(manifest).ok()?).ok()?;
    let layer = manifest.layers.into_iter().find(|layer| layer.media_type == MODEL_LAYER)?;
    let digest = layer.digest.strip_prefix("sha256:")?;
    is_sha256(digest).then(|| digest.to_lowercase())
}
