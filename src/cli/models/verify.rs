//! `parallax models verify`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::format::{print, print_json, safe, table};
use super::{Format, interrupt, progress::Progress};
use crate::cli::{EXIT_FAILED, EXIT_INTERRUPTED, Failure, Global, Outcome};
use crate::config::Paths;
use crate::models::gguf::read_facts;
use crate::models::{Found, ModelError, Place, Verdict, Watch, installed, known, resolve, verify};

/// What is said about one model.
struct Line {
    name: String,
    path: PathBuf,
    verdict: Verdict,
}

impl Line {
    fn status(&self) -> &'static str {
        match self.verdict.holds() {
            Some(true) => "ok",
            Some(false) => "different",
            None => "unknown",
        }
    }

    fn words(&self) -> String {
        match &self.verdict.known {
            Some(known) if self.verdict.sha256 == known.sha256 => self.path.display().to_string(),
            Some(known) => format!(
                "{}: its SHA-256 is {} instead of {}; remove it and fetch it again",
                self.path.display(),
                self.verdict.sha256,
                known.sha256
            ),
            None => format!(
                "{}: its SHA-256 is {}, but nothing says what it should be; compare it with the page it came from",
                self.path.display(),
                self.verdict.sha256
            ),
        }
    }

    fn as_json(&self) -> Value {
        let mut value = json!({
            "name": self.name,
            "path": self.path.to_string_lossy(),
            "status": self.status(),
            "sha256": self.verdict.sha256,
        });
        if let (Some(object), Some(known)) = (value.as_object_mut(), &self.verdict.known) {
            object.insert("known_sha256".to_owned(), json!(known.sha256));
            object.insert("known_from".to_owned(), json!(known.authority));
        }
        value
    }
}

/// Hashes and compares; exit 1 when a file is not, or cannot be shown to be, what it should be.
pub(super) fn run(models: &[String], format: Format, paths: &Paths, global: &Global) -> Outcome {
    let installed = installed(paths);
    let chosen = choose(models, &installed, paths)?;
    let mut progress = Progress::new(global.quiet);
    let mut lines = Vec::new();
    for (name, path) in chosen {
        let found = installed.iter().find(|found| found.path == path);
        let result = {
            let mut watch = Watch::new(interrupt::flag(), |report| progress.show(report));
            verify(&path, found, paths, &mut watch)
        };
        progress.clear();
        let verdict = result.map_err(|error| match error {
            ModelError::Interrupted => Failure::silent(EXIT_INTERRUPTED),
            error => error.into(),
        })?;
        lines.push(Line { name, path, verdict });
    }
    match format {
        Format::Json => print_json(&json!({ "models": lines.iter().map(Line::as_json).collect::<Vec<_>>() }))?,
        Format::Text if lines.is_empty() => {
            eprintln!(
                "no model in {} has a known checksum; fetch one with parallax models pull",
                paths.models().display()
            );
        }
        Format::Text => {
            let rows = lines.iter().map(|line| vec![safe(&line.name), line.status().to_owned(), safe(&line.words())]);
            print(&table(&rows.collect::<Vec<_>>()))?;
        }
    }
    if lines.iter().all(|line| line.verdict.holds() == Some(true)) { Ok(()) } else { Err(Failure::silent(EXIT_FAILED)) }
}

/// The files to hash, with the name each is called by. A split model stands for all its parts.
fn choose(models: &[String], installed: &[Found], paths: &Paths) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut chosen = Vec::new();
    if models.is_empty() {
        for found in installed.iter().filter(|found| found.place == Place::Parallax) {
            if known(&found.path, Some(found)).is_some() {
                push_parts(&mut chosen, &found.id, found.path.clone());
            }
        }
    }
    for name in models {
        let path = resolve(Some(name), paths)?;
        push_parts(&mut chosen, name, path);
    }
    Ok(chosen)
}

fn push_parts(chosen: &mut Vec<(String, PathBuf)>, name: &str, path: PathBuf) {
    // A header that cannot be read is no reason not to hash: the checksum will say that the file is wrong.
    let parts = read_facts(&path).map(|facts| facts.parts).unwrap_or_default();
    if parts.is_empty() {
        chosen.push((name.to_owned(), path));
    } else {
        chosen.extend(parts.into_iter().map(|part| (name.to_owned(), part)));
    }
}
