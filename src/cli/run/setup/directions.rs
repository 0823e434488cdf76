//! `--direction FILE[@STRENGTH]`: control vectors as somebody to speak as.

use std::path::Path;
use std::sync::Arc;

use crate::cli::Failure;
use crate::config::Paths;
use crate::domain::{Mode, Persona, PersonaDirection, limits};
use crate::models::control_vector::{ControlVector, locate};

/// The method that steers along them.
pub(super) const METHOD: (Mode, &str) = (Mode::Steered, "direction");

/// The directions that `asked` names, each called by its file and by no name that one of `personas` has.
pub(super) fn named(asked: &[String], personas: &[Persona], paths: &Paths) -> Result<Vec<Persona>, Failure> {
    let mut all: Vec<Persona> = Vec::new();
    for text in asked {
        let (file, strength) = parts(text)?;
        let path = locate(Path::new(file), paths).map_err(|error| Failure::usage(error.to_string()))?;
        let vector = ControlVector::read(&path)?;
        let label = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let plain = slug(&label);
        let is_taken = |id: &str| all.iter().chain(personas).any(|other| other.id == id);
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let id = std::iter::once(plain.clone()).chain(numbered).find(|id| !is_taken(id)).unwrap_or(plain.clone());
        let read = Some(Ok(Arc::new(vector.vectors)));
        all.push(Persona {
            id,
            label,
            wordings: Vec::new(),
            attributes: Vec::new(),
            groups: Vec::new(),
            weight: 1.0,
            synthetic: true,
            direction: Some(PersonaDirection { file: path, strength, layers: None, read }),
        });
    }
    Ok(all)
}

/// File and strength; an `@` before something that is no number belongs to the file's name.
fn parts(text: &str) -> Result<(&str, Option<f64>), Failure> {
    let Some((file, strength)) = text.rsplit_once('@').filter(|(file, _)| !file.is_empty()) else {
        return Ok((text, None));
    };
    match strength.parse::<f64>() {
        Err(_) => Ok((text, None)),
        Ok(strength) if limits::STRENGTH.contains(&strength) => Ok((file, Some(strength))),
        Ok(_) => Err(Failure::usage(format!("the strength `{strength}` of {file} is not a number from -100 to 100"))),
    }
}

fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let slug: String = text.chars().map(plain).take(60).collect();
    if slug.trim_matches('-').is_empty() { "direction".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_strength_stands_behind_the_last_at_sign() {
        assert_eq!(parts("calm.gguf@-0.5").unwrap(), ("calm.gguf", Some(-0.5)));
        assert_eq!(parts("calm.gguf").unwrap(), ("calm.gguf", None));
        assert_eq!(parts("a@b/calm.gguf").unwrap(), ("a@b/calm.gguf", None));
        assert!(parts("calm@1e9").unwrap_err().sentence.contains("from -100 to 100"));
        assert!(parts("calm@nan").is_err());
    }

    #[test]
    fn names_are_those_of_files_and_never_stand_twice() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths { data: home.path().to_path_buf() };
        let layers = std::collections::BTreeMap::from([(1, vec![1.0, 2.0])]);
        let vectors = crate::domain::DirectionVectors { layers, model: None };
        ControlVector { vectors, ..ControlVector::default() }.save(&paths.directions().join("My Calm.gguf")).unwrap();
        let asked = ["My Calm".to_owned(), "My Calm@2".to_owned()];
        let all = named(&asked, &[], &paths).unwrap();
        assert_eq!(all.iter().map(|persona| persona.id.as_str()).collect::<Vec<_>>(), ["my-calm", "my-calm-2"]);
        assert_eq!(all[1].direction.as_ref().unwrap().strength, Some(2.0));
        let missing = named(&["calmer@1".to_owned()], &[], &paths).unwrap_err();
        assert!(missing.sentence.contains("no control vector calmer"), "{}", missing.sentence);
    }
}
