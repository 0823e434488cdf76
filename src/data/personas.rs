//! The personas at hand: one TOML file each, those in the binary with the user's folder laid over them by id.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::catalogue::Origin;
use super::file::{self, FileProblem, brief, is_slug};
use super::fuzzy::{Skim, did_you_mean, nearest};
use super::load::MOST_WORDINGS;
use crate::config::Paths;
use crate::domain::{Persona, PersonaDirection, limits};

/// The personas in the binary: file name and content. The order is the one they are listed in, and the first two are the
/// personas of a run that names none.
pub const BUNDLED: [(&str, &str); 16] = [
    ("progressive-teacher.toml", include_str!("../../personas/progressive-teacher.toml")),
    ("conservative-farmer.toml", include_str!("../../personas/conservative-farmer.toml")),
    ("libertarian-engineer.toml", include_str!("../../personas/libertarian-engineer.toml")),
    ("union-nurse.toml", include_str!("../../personas/union-nurse.toml")),
    ("immigrant-shopkeeper.toml", include_str!("../../personas/immigrant-shopkeeper.toml")),
    ("buddhist-retiree.toml", include_str!("../../personas/buddhist-retiree.toml")),
    ("muslim-grandmother.toml", include_str!("../../personas/muslim-grandmother.toml")),
    ("climate-student.toml", include_str!("../../personas/climate-student.toml")),
    ("evangelical-driver.toml", include_str!("../../personas/evangelical-driver.toml")),
    ("textile-founder.toml", include_str!("../../personas/textile-founder.toml")),
    ("city-planner.toml", include_str!("../../personas/city-planner.toml")),
    ("sami-herder.toml", include_str!("../../personas/sami-herder.toml")),
    ("retired-officer.toml", include_str!("../../personas/retired-officer.toml")),
    ("disability-lawyer.toml", include_str!("../../personas/disability-lawyer.toml")),
    ("baptist-deacon.toml", include_str!("../../personas/baptist-deacon.toml")),
    ("night-cashier.toml", include_str!("../../personas/night-cashier.toml")),
];
/// How many of them a run takes that names none.
pub const DEFAULTS: usize = 2;

/// Why a persona cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PersonaError {
    /// The file cannot be read.
    #[error("persona {file}: {problem}")]
    File {
        /// Path or name.
        file: String,
        /// The reason.
        problem: FileProblem,
    },
    /// The file is not what a persona file has to be.
    #[error("persona {file}: {cause}; `personas/README.md` shows the format")]
    Malformed {
        /// Path or name.
        file: String,
        /// What is wrong, with its line where known.
        cause: String,
    },
    /// Nobody is called that.
    #[error("there is no persona `{asked}`{}; `parallax personas list` shows them, and @FILE reads one from a file", did_you_mean(.suggestion.as_deref()))]
    Unknown {
        /// As typed.
        asked: String,
        /// The nearest id.
        suggestion: Option<String>,
    },
    /// `--persona-text` without a text.
    #[error("the text of persona {number} is empty; write whom the model is to answer as")]
    EmptyText {
        /// From 1.
        number: usize,
    },
    /// Two files of the user's folder are the same persona.
    #[error("{second}: the persona `{id}` is in {first} already, so this file is not used; remove one of them")]
    SameId {
        /// The persona's id.
        id: String,
        /// The file in use.
        first: String,
        /// The file passed over.
        second: String,
    },
}

/// A persona file as it stands on disk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonaFile {
    id: String,
    label: String,
    #[serde(default)]
    summary: String,
    wordings: Vec<String>,
    #[serde(default)]
    attributes: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default = "one")]
    weight: f64,
    synthetic: bool,
    source: Option<String>,
    direction: Option<PathBuf>,
    strength: Option<f64>,
    layers: Option<(u32, u32)>,
}

impl PersonaFile {
    /// What the file says of a direction, or what is wrong with that.
    fn direction(&self, origin: &Origin) -> Result<Option<PersonaDirection>, String> {
        let (strength, layers) = (self.strength, self.layers);
        let Some(file) = &self.direction else {
            if strength.is_some() || layers.is_some() {
                return Err("`strength` and `layers` belong to a `direction`, and there is none".to_owned());
            }
            return Ok(None);
        };
        if file.as_os_str().is_empty() {
            return Err("the direction is empty; name a control vector file".to_owned());
        }
        if let Some(strength) = strength.filter(|strength| !limits::STRENGTH.contains(strength)) {
            return Err(format!("the strength {strength} is not a number from -100 to 100"));
        }
        if let Some((first, last)) = layers.filter(|(first, last)| first > last) {
            return Err(format!("the layers {first} to {last} are none; name the lower one first"));
        }
        // A file of that name beside the persona's own goes before one in the data folder.
        let beside = match origin {
            Origin::File(path) => path.parent().map(|folder| folder.join(file)).filter(|path| path.exists()),
            _ => None,
        };
        let file = beside.unwrap_or_else(|| file.clone());
        Ok(Some(PersonaDirection { file, strength, layers, read: None }))
    }
}

fn one() -> f64 {
    1.0
}

/// A persona with what people see of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaEntry {
    /// The persona.
    pub persona: Persona,
    /// Who this is, in one sentence; may be empty.
    pub summary: String,
    /// Who wrote it, or which data it is drawn from.
    pub source: Option<String>,
    /// Its place.
    pub origin: Origin,
}

impl PersonaEntry {
    /// Reads the text of a persona file; `file` is what messages call it.
    fn parse(file: &str, text: &str, origin: Origin) -> Result<Self, PersonaError> {
        let malformed = |cause: String| PersonaError::Malformed { file: file.to_owned(), cause };
        let read: PersonaFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
            malformed(match line {
                Some(line) => format!("line {line}: {}", brief(error.message())),
                None => brief(error.message()),
            })
        })?;
        if !is_slug(&read.id) {
            let id = brief(&read.id);
            return Err(malformed(format!("the id `{id}` is not 1 to 80 characters of a-z, 0-9, `.`, `_` and `-`")));
        }
        if read.label.trim().is_empty() {
            return Err(malformed("the label is empty".into()));
        }
        let wordings: Vec<String> = read.wordings.iter().map(|wording| wording.trim().to_owned()).collect();
        if wordings.is_empty() || wordings.len() > MOST_WORDINGS {
            return Err(malformed(format!("it has {} wordings, and one to three are needed", wordings.len())));
        }
        if wordings.iter().any(|wording| wording.is_empty() || wording.contains('\0')) {
            return Err(malformed("one of its wordings is empty or holds a NUL character".into()));
        }
        if !(read.weight.is_finite() && read.weight >= 0.0) {
            return Err(malformed(format!("the weight {} is not a number of at least 0", read.weight)));
        }
        let direction = read.direction(&origin).map_err(malformed)?;
        Ok(Self {
            persona: Persona {
                id: read.id,
                label: read.label,
                wordings,
                attributes: read.attributes,
                groups: read.groups,
                weight: read.weight,
                synthetic: read.synthetic,
                direction,
            },
            summary: read.summary,
            source: read.source,
            origin,
        })
    }

    /// Reads the persona in the file at `path`.
    pub fn read_file(path: &Path) -> Result<Self, PersonaError> {
        let file = path.display().to_string();
        match file::read_text(path) {
            Ok(text) => Self::parse(&file, &text, Origin::File(path.to_path_buf())),
            Err(problem) => Err(PersonaError::File { file, problem }),
        }
    }

    /// A persona typed as plain text; `number` (from 1) makes its id `custom-1`, `custom-2`, …
    pub fn from_text(text: &str, number: usize) -> Result<Self, PersonaError> {
        let text = text.trim().replace('\0', "");
        if text.is_empty() {
            return Err(PersonaError::EmptyText { number });
        }
        Ok(Self {
            persona: Persona {
                id: format!("custom-{number}"),
                label: format!("Custom {number}"),
                wordings: vec![text],
                attributes: Vec::new(),
                groups: Vec::new(),
                weight: 1.0,
                synthetic: true,
                direction: None,
            },
            summary: String::new(),
            source: None,
            origin: Origin::Typed,
        })
    }
}

/// Every persona at hand.
#[derive(Debug, Clone)]
pub struct Personas {
    entries: Vec<PersonaEntry>,
    problems: Vec<PersonaError>,
}

impl Personas {
    /// The bundled personas, then those of the user's folder by file name; a user's persona with the id of a bundled one
    /// takes its place. Files that cannot be used stand in [`Personas::problems`].
    pub fn load(paths: &Paths) -> Self {
        let mut personas = Self { entries: Vec::new(), problems: Vec::new() };
        for (name, text) in BUNDLED {
            match PersonaEntry::parse(name, text, Origin::Bundled) {
                Ok(entry) => personas.entries.push(entry),
                Err(error) => personas.problems.push(error),
            }
        }
        let folder = paths.personas();
        match file::in_folder(&folder, ".toml") {
            Ok(files) => files.into_iter().for_each(|path| personas.lay_over(&path)),
            Err(problem) => {
                personas.problems.push(PersonaError::File { file: folder.display().to_string(), problem });
            }
        }
        personas
    }

    fn lay_over(&mut self, path: &Path) {
        let entry = match PersonaEntry::read_file(path) {
            Ok(entry) => entry,
            Err(error) => return self.problems.push(error),
        };
        match self.entries.iter_mut().find(|other| other.persona.id == entry.persona.id) {
            Some(PersonaEntry { origin: Origin::File(first), .. }) => self.problems.push(PersonaError::SameId {
                first: first.display().to_string(),
                second: path.display().to_string(),
                id: entry.persona.id,
            }),
            Some(bundled) => *bundled = entry,
            None => self.entries.push(entry),
        }
    }

    /// All personas, in a stable order.
    pub fn all(&self) -> &[PersonaEntry] {
        &self.entries
    }

    /// Files of the user's folder that could not be used.
    pub fn problems(&self) -> &[PersonaError] {
        &self.problems
    }

    /// The personas of a run that names none.
    pub fn defaults(&self) -> &[PersonaEntry] {
        &self.entries[..DEFAULTS.min(self.entries.len())]
    }

    /// What `--persona` names: an id, or `@FILE`.
    pub fn get(&self, id_or_file: &str) -> Result<PersonaEntry, PersonaError> {
        if let Some(path) = id_or_file.strip_prefix('@') {
            return PersonaEntry::read_file(&PathBuf::from(path));
        }
        self.entries.iter().find(|entry| entry.persona.id == id_or_file).cloned().ok_or_else(|| {
            let ids = self.entries.iter().map(|entry| entry.persona.id.as_str());
            let suggestion = nearest(&Skim::default(), id_or_file, ids).map(str::to_owned);
            PersonaError::Unknown { asked: id_or_file.to_owned(), suggestion }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::super::{catalogue, load};
    use super::*;
    use load::Strictness;

    const MINE: &str = "id = \"mine\"\nlabel = \"Mine\"\nwordings = [\"You are me.\"]\nsynthetic = true\n";

    fn home_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Personas) {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths { data: home.path().to_path_buf() };
        std::fs::create_dir_all(paths.personas()).unwrap();
        for (name, content) in files {
            std::fs::write(paths.personas().join(name), content).unwrap();
        }
        let personas = Personas::load(&paths);
        (home, personas)
    }

    #[test]
    fn every_bundled_persona_keeps_the_rules_of_the_house() {
        let (_home, personas) = home_with(&[]);
        assert!(personas.problems().is_empty(), "{:?}", personas.problems());
        assert_eq!(personas.all().len(), BUNDLED.len());
        for ((file, _), PersonaEntry { persona, summary, source, .. }) in BUNDLED.iter().zip(personas.all()) {
            assert_eq!(*file, format!("{}.toml", persona.id));
            assert_eq!(persona.wordings.len(), 3, "{file}");
            for wording in &persona.wordings {
                let words = wording.split_whitespace().count();
                assert!((40..=70).contains(&words), "{file}: {words} words");
                assert!(wording.starts_with("You are ") && !wording.contains('\n'), "{file}: {wording}");
            }
            assert!(summary.ends_with('.') && source.is_some() && persona.synthetic, "{file}");
        }
    }

    #[test]
    fn no_two_bundled_personas_share_an_id_or_a_label_or_a_wording() {
        let (_home, personas) = home_with(&[]);
        let all = || personas.all().iter().map(|entry| &entry.persona);
        let ids: HashSet<&str> = all().map(|persona| persona.id.as_str()).collect();
        let labels: HashSet<String> = all().map(|persona| persona.label.to_lowercase()).collect();
        let wordings: HashSet<&str> = all().flat_map(|persona| &persona.wordings).map(String::as_str).collect();
        assert_eq!((ids.len(), labels.len(), wordings.len()), (16, 16, 3 * 16));
    }

    #[test]
    fn groups_of_bundled_personas_are_populations_of_a_bundled_pack() {
        let (_home, personas) = home_with(&[]);
        let populations: HashSet<String> = catalogue::BUNDLED
            .iter()
            .flat_map(|(name, text)| load::read(name, text.as_bytes(), Strictness::Strict).unwrap().populations)
            .map(|population| population.id)
            .collect();
        for persona in personas.all().iter().map(|entry| &entry.persona) {
            for group in &persona.groups {
                assert!(populations.contains(group), "{}: {group}", persona.id);
            }
        }
    }

    #[test]
    fn the_defaults_are_the_first_two_and_belong_to_groups() {
        let (_home, personas) = home_with(&[("a.toml", MINE)]);
        let ids: Vec<&str> = personas.defaults().iter().map(|entry| entry.persona.id.as_str()).collect();
        assert_eq!(ids, ["progressive-teacher", "conservative-farmer"]);
        assert!(personas.defaults().iter().all(|entry| !entry.persona.groups.is_empty()));
    }

    #[test]
    fn a_users_file_is_added_or_replaces_by_id() {
        let nurse = MINE.replace("\"mine\"", "\"union-nurse\"");
        let (_home, personas) = home_with(&[("z.toml", MINE), ("nurse.toml", &nurse), ("zz.toml", MINE)]);
        assert_eq!(personas.all().len(), BUNDLED.len() + 1);
        assert_eq!(personas.get("union-nurse").unwrap().persona.text(), "You are me.");
        assert_eq!(personas.all()[3].persona.id, "union-nurse");
        assert!(matches!(personas.problems(), [PersonaError::SameId { .. }]), "{:?}", personas.problems());
    }

    #[test]
    fn a_file_from_anywhere_and_a_typed_text_are_personas() {
        let (home, personas) = home_with(&[]);
        let path = home.path().join("x.toml");
        std::fs::write(&path, MINE).unwrap();
        assert_eq!(personas.get(&format!("@{}", path.display())).unwrap().persona.id, "mine");
        let typed = PersonaEntry::from_text("  You are a baker. ", 2).unwrap();
        assert_eq!((typed.persona.id.as_str(), typed.persona.text()), ("custom-2", "You are a baker."));
        assert!(PersonaEntry::from_text(" \n", 1).is_err());
    }

    #[test]
    fn a_direction_is_looked_for_beside_the_persona_first() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.toml");
        let text = format!("direction = \"calm.gguf\"\nstrength = -0.5\nlayers = [3, 9]\n{MINE}");
        std::fs::write(&path, text).unwrap();
        let direction = PersonaEntry::read_file(&path).unwrap().persona.direction.unwrap();
        assert_eq!(
            (direction.file, direction.strength, direction.layers),
            ("calm.gguf".into(), Some(-0.5), Some((3, 9)))
        );
        let vector = home.path().join("calm.gguf");
        std::fs::write(&vector, "GGUF").unwrap();
        assert_eq!(PersonaEntry::read_file(&path).unwrap().persona.direction.unwrap().file, vector);
    }

    #[test]
    fn errors_name_file_line_and_what_to_do() {
        let (_home, personas) = home_with(&[]);
        let unknown = personas.get("conservative-framer").unwrap_err().to_string();
        assert!(unknown.contains("did you mean `conservative-farmer`?"), "{unknown}");
        for (text, part) in [
            (MINE.replace("synthetic", "sinthetic"), "line 4"),
            (MINE.replace("\"mine\"", "\"My own\""), "`My own`"),
            (MINE.replace("[\"You are me.\"]", "[]"), "0 wordings"),
            (MINE.replace("\"You are me.\"", "\"a\",\"b\",\"c\",\"d\""), "4 wordings"),
            (MINE.replace("\"You are me.\"", "\" \""), "empty"),
            (format!("weight = -1.0\n{MINE}"), "weight -1"),
            (format!("strength = 0.5\n{MINE}"), "belong to a `direction`"),
            (format!("direction = \"\"\n{MINE}"), "the direction is empty"),
            (format!("direction = \"a.gguf\"\nstrength = nan\n{MINE}"), "strength NaN"),
            (format!("direction = \"a.gguf\"\nlayers = [9, 3]\n{MINE}"), "layers 9 to 3"),
            ("id = ".to_owned(), "line 1"),
        ] {
            let error = PersonaEntry::parse("f.toml", &text, Origin::Typed).unwrap_err().to_string();
            assert!(error.contains("f.toml") && error.contains(part), "{error}");
        }
    }
}
