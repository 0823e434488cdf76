//! Pins: what was fetched, from where and with which checksum, in `FILE.json` beside the model file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::checksum::is_sha256;

/// The record of one pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Where it came from, in words.
    pub source: String,
    /// The commit of the hub repository, if it came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// When it was pulled, RFC 3339 in UTC.
    pub pulled: String,
}

/// Where the pin of the model file at `model` lies.
pub fn pin_path(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

impl Pin {
    /// A pin of now.
    pub fn new(source: String, revision: Option<String>, bytes: u64, sha256: String) -> Self {
        let now =
            time::OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or_else(|_| time::OffsetDateTime::now_utc());
        let pulled = now.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
        Self { source, revision, bytes, sha256, pulled }
    }

    /// The pin of the model file at `model`; `None` when there is none or it cannot be read as one.
    pub fn read(model: &Path) -> Option<Self> {
        let pin: Self = serde_json::from_slice(&fs::read(pin_path(model)).ok()?).ok()?;
        is_sha256(&pin.sha256).then_some(pin)
    }

    /// Writes it beside the model file, whole or not at all.
    pub fn write(&self, model: &Path) -> Result<(), ModelError> {
        let path = pin_path(model);
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        let temporary = path.with_extension("json.tmp");
        fs::write(&temporary, json).and_then(|()| fs::rename(&temporary, &path)).map_err(ModelError::io("write", &path))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_pin_is_read_back_and_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("m.gguf");
        assert_eq!(Pin::read(&model), None);
        let pin = Pin::new("hub a/b:m.gguf".into(), Some("c".repeat(40)), 3, "0".repeat(64));
        pin.write(&model).unwrap();
        assert_eq!(Pin::read(&model), Some(pin));
        fs::write(pin_path(&model), r#"{"source":"x","bytes":1,"sha256":"../../x","pulled":""}"#).unwrap();
        assert_eq!(Pin::read(&model), None);
    }
}
