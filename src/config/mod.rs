//! Where things are, and how they look.

mod key;
mod log;
pub mod theme;

use std::path::{Path, PathBuf};

pub use key::{Key, KeyCode, KeyError};
pub use log::open_log;
pub use theme::{Depth, Look, Role, Theme, ThemeError};

/// No data folder could be determined.
#[derive(Debug, thiserror::Error)]
#[error("no data folder: this account has no home folder; name one with --data-dir DIR or PARALLAX_HOME")]
pub struct NoDataFolder;

/// The folders Parallax reads and writes. Nothing is created by asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The root of all of them.
    pub data: PathBuf,
}

impl Paths {
    /// `explicit` (from `--data-dir`), else the environment variable `PARALLAX_HOME`, else the system's data folder.
    pub fn resolve(explicit: Option<&Path>) -> Result<Self, NoDataFolder> {
        if let Some(dir) = explicit {
            return Ok(Self { data: dir.to_path_buf() });
        }
        if let Some(dir) = std::env::var_os("PARALLAX_HOME").filter(|dir| !dir.is_empty()) {
            return Ok(Self { data: dir.into() });
        }
        let dirs = directories::ProjectDirs::from("", "", "parallax").ok_or(NoDataFolder)?;
        Ok(Self { data: dirs.data_dir().to_path_buf() })
    }

    /// Model files fetched by `parallax models pull`.
    pub fn models(&self) -> PathBuf {
        self.data.join("models")
    }

    /// The user's own question packs, laid over the bundled ones.
    pub fn datasets(&self) -> PathBuf {
        self.data.join("datasets")
    }

    /// The user's own personas, laid over the bundled ones.
    pub fn personas(&self) -> PathBuf {
        self.data.join("personas")
    }

    /// The user's own wordings of prompts, laid over the bundled ones.
    pub fn prompts(&self) -> PathBuf {
        self.data.join("prompts")
    }

    /// The user's own themes, laid over the bundled ones.
    pub fn themes(&self) -> PathBuf {
        self.data.join("themes")
    }

    /// Directions to steer with: control vectors.
    pub fn directions(&self) -> PathBuf {
        self.data.join("directions")
    }

    /// Every run and voice.
    pub fn database(&self) -> PathBuf {
        self.data.join("parallax.sqlite")
    }

    /// Logs of the app and of its engine.
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// What can be made again: self-test results, checksums of model files.
    pub fn cache(&self) -> PathBuf {
        self.data.join("cache")
    }
}
