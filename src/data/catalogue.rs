//! The packs at hand: those in the binary, with the user's folder laid over them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{self, FileProblem};
use super::fuzzy::{Skim, did_you_mean, nearest};
use super::load::{self, Pack, PackError, Strictness};
use crate::config::Paths;
use crate::domain::Question;

/// The packs in the binary, in the order in which they are listed: file name and content.
pub const BUNDLED: [(&str, &str); 3] = [
    ("us-civics.pack.jsonl", include_str!("../../datasets/us-civics.pack.jsonl")),
    ("debates.pack.jsonl", include_str!("../../datasets/debates.pack.jsonl")),
    ("dilemmas.pack.jsonl", include_str!("../../datasets/dilemmas.pack.jsonl")),
];
/// How the names of pack files end.
const SUFFIX: &str = ".pack.jsonl";

/// Why a pack or question cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The file is no pack.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// Nothing is called that.
    #[error("there is no pack `{asked}`{}; `parallax data list` shows the packs, and the path of a pack file works too", did_you_mean(.suggestion.as_deref()))]
    NoPack {
        /// As typed.
        asked: String,
        /// The nearest name.
        suggestion: Option<String>,
    },
    /// The pack has no such question.
    #[error("the pack `{pack}` has no question `{asked}`{}; `parallax data show {pack}` lists its questions", did_you_mean(.suggestion.as_deref()))]
    NoQuestion {
        /// The pack's id.
        pack: String,
        /// As typed.
        asked: String,
        /// The nearest id.
        suggestion: Option<String>,
    },
    /// Two files of the user's folder hold the same pack.
    #[error("{second}: the pack `{id}` is in {first} already, so this file is not used; remove one of them")]
    SameId {
        /// The pack's id.
        id: String,
        /// The file in use.
        first: String,
        /// The file passed over.
        second: String,
    },
    /// The user's folder cannot be read.
    #[error("{folder}: {problem}")]
    Folder {
        /// Its path.
        folder: String,
        /// The reason.
        problem: FileProblem,
    },
}

/// Where a pack or persona comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the binary.
    Bundled,
    /// In this file.
    File(PathBuf),
    /// Typed on the command line.
    Typed,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bundled => f.write_str("bundled"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Typed => f.write_str("typed"),
        }
    }
}

/// A pack and where it comes from.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The pack.
    pub pack: Arc<Pack>,
    /// Its place.
    pub origin: Origin,
}

/// Every pack at hand.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: Vec<Entry>,
    problems: Vec<CatalogueError>,
}

impl Catalogue {
    /// The bundled packs, then those of the user's folder by file name; a pack of the user's with the id of a bundled
    /// one takes its place. Files that are no packs are passed over and stand in [`Catalogue::problems`].
    pub fn load(paths: &Paths) -> Self {
        let mut catalogue = Self { entries: Vec::new(), problems: Vec::new() };
        for (name, content) in BUNDLED {
            match load::read(name, content.as_bytes(), Strictness::Lenient) {
                Ok(pack) => catalogue.entries.push(Entry { pack: Arc::new(pack), origin: Origin::Bundled }),
                Err(error) => catalogue.problems.push(error.into()),
            }
        }
        let folder = paths.datasets();
        match file::in_folder(&folder, SUFFIX) {
            Ok(files) => files.into_iter().for_each(|path| catalogue.lay_over(&path)),
            Err(problem) => {
                let folder = folder.display().to_string();
                catalogue.problems.push(CatalogueError::Folder { folder, problem });
            }
        }
        catalogue
    }

    fn lay_over(&mut self, path: &Path) {
        let pack = match load::read_file(path, Strictness::Lenient) {
            Ok(pack) => Arc::new(pack),
            Err(error) => return self.problems.push(error.into()),
        };
        let entry = Entry { pack, origin: Origin::File(path.to_path_buf()) };
        match self.entries.iter_mut().find(|other| other.pack.id == entry.pack.id) {
            Some(Entry { origin: Origin::File(first), pack }) => self.problems.push(CatalogueError::SameId {
                id: pack.id.clone(),
                first: first.display().to_string(),
                second: path.display().to_string(),
            }),
            Some(bundled) => *bundled = entry,
            None => self.entries.push(entry),
        }
    }

    /// All packs, in a stable order.
    pub fn packs(&self) -> &[Entry] {
        &self.entries
    }

    /// Files of the user's folder that could not be used.
    pub fn problems(&self) -> &[CatalogueError] {
        &self.problems
    }

    /// The pack with this id, else the pack in the file at this path.
    pub fn pack(&self, id_or_file: &str) -> Result<Arc<Pack>, CatalogueError> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.pack.id == id_or_file) {
            return Ok(Arc::clone(&entry.pack));
        }
        let path = Path::new(id_or_file);
        if path.is_file() || path.extension().is_some_and(|extension| extension == "jsonl") {
            return Ok(Arc::new(load::read_file(path, Strictness::Lenient)?));
        }
        let ids = self.entries.iter().map(|entry| entry.pack.id.as_str());
        let suggestion = nearest(&Skim::default(), id_or_file, ids).map(str::to_owned);
        Err(CatalogueError::NoPack { asked: id_or_file.to_owned(), suggestion })
    }

    /// The question `id` of the pack with this id or in this file.
    pub fn question(&self, pack: &str, id: &str) -> Result<Question, CatalogueError> {
        question_of(&*self.pack(pack)?, id).cloned()
    }
}

/// The question `id` of `pack`; the error names the nearest one.
pub fn question_of<'a>(pack: &'a Pack, id: &str) -> Result<&'a Question, CatalogueError> {
    pack.question(id).ok_or_else(|| {
        let ids = pack.questions.iter().map(|question| question.id.as_str());
        let suggestion = nearest(&Skim::default(), id, ids).map(str::to_owned);
        CatalogueError::NoQuestion { pack: pack.id.clone(), asked: id.to_owned(), suggestion }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MINE: &str = concat!(
        r#"{"kind":"pack","format":"pluralpack/1","id":"ID","version":"1","title":"Mine","lang":"en","licence":{"spdx":"CC0-1.0"}}"#,
        "\n",
        r#"{"kind":"item","id":"q","text":"Why?","origin":{"source":"s","row":"1"}}"#
    );

    fn home_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Catalogue) {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths { data: home.path().to_path_buf() };
        std::fs::create_dir_all(paths.datasets()).unwrap();
        for (name, content) in files {
            std::fs::write(paths.datasets().join(name), content).unwrap();
        }
        let catalogue = Catalogue::load(&paths);
        (home, catalogue)
    }

    fn ids(catalogue: &Catalogue) -> Vec<&str> {
        catalogue.packs().iter().map(|entry| entry.pack.id.as_str()).collect()
    }

    #[test]
    fn bundled_packs_come_first_and_in_order() {
        let (_home, catalogue) = home_with(&[("a.pack.jsonl", &MINE.replace("ID", "aaa"))]);
        assert_eq!(ids(&catalogue), ["us-civics", "debates", "dilemmas", "aaa"]);
        assert!(catalogue.problems().is_empty());
    }

    #[test]
    fn a_users_pack_replaces_the_bundled_one_of_its_id() {
        let (_home, catalogue) = home_with(&[("x.pack.jsonl", &MINE.replace("ID", "us-civics"))]);
        assert_eq!(ids(&catalogue), ["us-civics", "debates", "dilemmas"]);
        assert_eq!(catalogue.pack("us-civics").unwrap().title, "Mine");
        assert_eq!(catalogue.question("us-civics", "q").unwrap().text, "Why?");
    }

    #[test]
    fn bad_and_repeated_files_are_named_and_cost_only_themselves() {
        let mine = MINE.replace("ID", "mine");
        let (_home, catalogue) =
            home_with(&[("a.pack.jsonl", &mine), ("b.pack.jsonl", &mine), ("c.pack.jsonl", "no"), ("notes.txt", "no")]);
        assert_eq!(ids(&catalogue), ["us-civics", "debates", "dilemmas", "mine"]);
        let problems: Vec<String> = catalogue.problems().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("b.pack.jsonl") && problems[0].contains("a.pack.jsonl"), "{problems:?}");
        assert!(problems[1].contains("c.pack.jsonl"), "{problems:?}");
    }

    #[test]
    fn a_path_reads_a_pack_from_anywhere() {
        let (home, catalogue) = home_with(&[]);
        let path = home.path().join("elsewhere.jsonl");
        std::fs::write(&path, MINE.replace("ID", "elsewhere")).unwrap();
        assert_eq!(catalogue.pack(&path.display().to_string()).unwrap().id, "elsewhere");
        let missing = catalogue.pack("no/such.pack.jsonl").unwrap_err().to_string();
        assert!(missing.contains("no/such.pack.jsonl") && missing.contains("no such file"), "{missing}");
    }

    #[test]
    fn what_is_not_found_is_answered_with_the_nearest_name() {
        let (_home, catalogue) = home_with(&[]);
        let pack = catalogue.pack("us-civcs").unwrap_err().to_string();
        assert!(pack.contains("did you mean `us-civics`?"), "{pack}");
        let question = catalogue.question("us-civics", "mail-balots").unwrap_err().to_string();
        assert!(question.contains("did you mean `mail-ballots`?"), "{question}");
    }
}
