//! [`HubFile`]: `OWNER/REPO:FILE`, a model file in a hub repository, checked before it becomes an address or a path.

use std::fmt;
use std::path::{Path, PathBuf};

use super::gguf::SplitName;

/// A name that cannot be a hub file: which one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is no model on the hub: {why}; write OWNER/REPO:FILE with a FILE that ends in .gguf")]
pub struct BadReference {
    /// What was given.
    pub name: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A file in a repository of the Hugging Face hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFile {
    /// Owner of the repository.
    pub owner: String,
    /// Name of the repository.
    pub repo: String,
    /// Path inside the repository, with `/`.
    pub file: String,
}

impl HubFile {
    /// Whether `name` is meant as one, well-formed or not.
    pub fn is_meant(name: &str) -> bool {
        name.split_once(':').is_some_and(|(repository, file)| repository.contains('/') && !file.starts_with("//"))
    }

    /// Reads `OWNER/REPO:FILE`.
    pub fn parse(name: &str) -> Result<Self, BadReference> {
        let bad = |why| BadReference { name: name.to_owned(), why };
        let (repository, file) = name.split_once(':').ok_or(bad("it has no colon"))?;
        let (owner, repo) = repository.split_once('/').ok_or(bad("it has no owner"))?;
        for part in [owner, repo] {
            let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            if part.is_empty() || part.len() > 96 || !plain || part.starts_with('.') {
                return Err(bad("owner and repository are letters, digits, -, _ and ."));
            }
        }
        if file.len() > 500 || !file.to_lowercase().ends_with(".gguf") {
            return Err(bad("its file does not end in .gguf"));
        }
        // Also what other systems read as a path: a drive, a stream, a backslash.
        let strange = |c: char| c.is_control() || "\\:*?\"<>|".contains(c);
        if file.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains(strange)) {
            return Err(bad("its file is no plain relative path"));
        }
        Ok(Self { owner: owner.to_owned(), repo: repo.to_owned(), file: file.to_owned() })
    }

    /// `OWNER/REPO`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.repo)
    }

    /// Where the file lies under the models folder.
    pub fn path_under(&self, models: &Path) -> PathBuf {
        let mut path = models.join(&self.owner).join(&self.repo);
        path.extend(self.file.split('/'));
        path
    }

    /// All files of the model: every part when this is the name of a part of a split model, else this one alone.
    pub fn all_parts(&self) -> Vec<Self> {
        match SplitName::parse(&self.file) {
            Some(name) => name.parts().map(|file| Self { file, ..self.clone() }).collect(),
            None => vec![self.clone()],
        }
    }
}

impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.owner, self.repo, self.file)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_good_name_becomes_a_path() {
        let file = HubFile::parse("Some-Owner/a.repo_1:sub/Model.Q4_K_M.gguf").unwrap();
        assert_eq!(file.to_string(), "Some-Owner/a.repo_1:sub/Model.Q4_K_M.gguf");
        assert_eq!(file.path_under(Path::new("m")), Path::new("m/Some-Owner/a.repo_1/sub/Model.Q4_K_M.gguf"));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in [
            "a/b:../x.gguf",
            "a/b:/etc/x.gguf",
            "a/b:x/../../y.gguf",
            "../b:x.gguf",
            "a/..:x.gguf",
            "a/b/c:x.gguf",
            "a/b:c:\\x.gguf",
            "a/b:x\\..\\y.gguf",
            "a/b:.hidden.gguf",
            "a/b:x.bin",
            "a/b:",
            "a:x.gguf",
            "/b:x.gguf",
            "a/b:x\u{1b}[2J.gguf",
            "a b/c:x.gguf",
        ] {
            assert!(HubFile::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_part_stands_for_all_parts() {
        let parts = HubFile::parse("a/b:big-00001-of-00002.gguf").unwrap().all_parts();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].file, "big-00002-of-00002.gguf");
    }

    #[test]
    fn addresses_and_paths_are_not_meant_as_hub_files() {
        assert!(HubFile::is_meant("a/b:c"));
        assert!(!HubFile::is_meant("https://x/y.gguf"));
        assert!(!HubFile::is_meant("llama3:8b"));
    }
}
