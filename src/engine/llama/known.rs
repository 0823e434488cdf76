//! What was found out about a model on this machine, kept in a file of one JSON object a line: each finding under a key
//! that says all it depends on.

use std::io::Write;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Known<T> {
    key: String,
    #[serde(flatten)]
    finding: T,
}

/// What was found under `key`. Lines that are no such finding, as older versions may have left, do not count.
pub(super) fn recall<T: DeserializeOwned>(file: &Path, key: &str) -> Option<T> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut known = text.lines().filter_map(|line| serde_json::from_str::<Known<T>>(line).ok());
    Some(known.find(|known| known.key == key)?.finding)
}

/// Adds a finding. A failure costs no more than finding it again, at the next start.
pub(super) fn remember<T: Serialize>(file: &Path, key: &str, finding: &T) {
    let Ok(line) = serde_json::to_string(&Known { key: key.to_owned(), finding }) else { return };
    if let Some(folder) = file.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(file) {
        // One write, so that two engines at once do not mix their lines.
        let _ = file.write_all((line + "\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Finding {
        speed: u32,
    }

    #[test]
    fn what_was_found_is_remembered_by_all_it_depends_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cache").join("findings.jsonl");
        assert_eq!(recall::<Finding>(&file, "a"), None);
        remember(&file, "a", &Finding { speed: 1 });
        remember(&file, "b", &Finding { speed: 2 });
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "{\"key\":\"a\",\"speed\":1}\n{\"key\":\"b\",\"speed\":2}\n"
        );
        assert_eq!(recall(&file, "b"), Some(Finding { speed: 2 }));
        assert_eq!(recall::<Finding>(&file, "c"), None);
    }

    #[test]
    fn a_line_of_another_version_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("findings.jsonl");
        std::fs::write(&file, "{\"key\":\"a\",\"pace\":1}\nno JSON\n").unwrap();
        assert_eq!(recall::<Finding>(&file, "a"), None);
        remember(&file, "a", &Finding { speed: 3 });
        assert_eq!(recall(&file, "a"), Some(Finding { speed: 3 }));
    }
}
