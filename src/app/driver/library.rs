//! Reads, searches and fetches what there is to choose from.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::Sender;

use super::hands::Work;
use crate::app::event::{Event, PullNews};
use crate::app::library::{Library, ModelEntry};
use crate::app::model::picker;
use crate::config::Paths;
use crate::data::catalogue::Catalogue;
use crate::data::fuzzy::Skim;
use crate::data::{PersonaEntry, Personas};
use crate::models::{self, HubSettings, Report, Target, Watch, control_vector};
use crate::store::{Reader, RunFilter};

/// Runs `work` where it may take its time, and sends what it gives.
pub(super) fn aside(hands: &Work, work: impl FnOnce() -> Option<Event> + Send + 'static) {
    let events = hands.events.clone();
    tokio::task::spawn_blocking(move || {
        if let Some(event) = work() {
            // A screen that is gone reads nothing.
            let _ = events.blocking_send(event);
        }
    });
}

/// Packs, personas, themes.
pub(super) fn read(hands: &Work) {
    let paths = hands.options.choice.paths.clone();
    aside(hands, move || {
        let mut library = Library::new(&Catalogue::load(&paths), &Personas::load(&paths));
        control_vector::read_for(library.personas.iter_mut().map(|entry| &mut entry.persona), &paths);
        Some(Event::Library(Box::new(library)))
    });
}

/// Models that are here, then those of the catalogue that are not.
pub(super) fn find_models(hands: &Work) {
    let paths = hands.options.choice.paths.clone();
    aside(hands, move || Some(Event::Models(entries(&paths))));
}

fn entries(paths: &Paths) -> Vec<ModelEntry> {
    let installed = models::installed(paths);
    let here = installed.iter().map(|found| ModelEntry {
        id: found.id.clone(),
        detail: format!("{}, {}", models::size(found.bytes), found.place),
        is_here: true,
    });
    let missing = models::catalogue().iter().filter(|entry| !installed.iter().any(|found| found.id == entry.id));
    let missing = missing.map(|entry| ModelEntry {
        id: entry.id.clone(),
        detail: format!("{} to fetch", models::size(entry.bytes)),
        is_here: false,
    });
    let mut entries: Vec<ModelEntry> = Vec::new();
    for entry in here.chain(missing) {
        // The same model in two caches is one choice.
        if !entries.iter().any(|known| known.id == entry.id) {
            entries.push(entry);
        }
    }
    entries
}

/// How fast this model was in its last run that ended by itself.
pub(super) fn look_up_speed(hands: &Work, model: String) {
    let path = hands.options.choice.paths.database();
    aside(hands, move || {
        let reader = Reader::open(&path).ok().flatten()?;
        let filter = RunFilter { model: Some(model.clone()), ..RunFilter::default() };
        let runs = reader.runs(&filter, 8, None).ok()?;
        let tokens_per_second = runs.iter().find_map(|run| {
            let timing = reader.load_panes(&run.id).ok()?.run.timing;
            let seconds = timing.total_ms? as f64 / 1000.0;
            (timing.generated_tokens >= 16 && seconds > 0.0).then(|| timing.generated_tokens as f64 / seconds)
        })?;
        Some(Event::Speed { model, tokens_per_second })
    });
}

/// Searches a long list, unless a newer search was asked for meanwhile.
pub(super) fn search(hands: &Work, ticket: u64, pattern: String, texts: Arc<[String]>, newest: Arc<AtomicU64>) {
    aside(hands, move || {
        let is_newest = newest.load(Ordering::Relaxed) == ticket;
        is_newest.then(|| Event::Found { ticket, hits: picker::search(&Skim::default(), &texts, &pattern) })
    });
}

/// Fetches a model.
pub(super) fn pull(hands: &Work, id: String) {
    let (paths, events) = (hands.options.choice.paths.clone(), hands.events.clone());
    aside(hands, move || {
        let news = match fetch(&id, &paths, &events) {
            Ok(()) => PullNews::Done,
            Err(sentence) => PullNews::Failed(sentence),
        };
        Some(Event::Pull { id, news })
    });
}

fn fetch(id: &str, paths: &Paths, events: &Sender<Event>) -> Result<(), String> {
    let target = Target::parse(id).map_err(|error| error.to_string())?;
    let never = AtomicBool::new(false);
    let mut watch = Watch::new(&never, |report| {
        if let Report::Bytes { done, total } = report {
            // A hint: when the screen is behind, the next one will do.
            let _ = events.try_send(Event::Pull { id: id.to_owned(), news: PullNews::Bytes(done, total) });
        }
    });
    models::pull(&target, paths, &HubSettings::from_environment(), &mut watch)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// The file of a persona that was written.
#[derive(Serialize)]
struct PersonaFile<'a> {
    id: &'a str,
    label: &'a str,
    wordings: [&'a str; 1],
    synthetic: bool,
    source: &'a str,
}

/// Writes a persona to the user's folder and reads it back.
pub(super) fn save_persona(hands: &Work, label: String, text: String) {
    let folder = hands.options.choice.paths.personas();
    aside(hands, move || Some(Event::PersonaSaved(save(&folder, &label, &text).map(Box::new))));
}

fn save(folder: &Path, label: &str, text: &str) -> Result<PersonaEntry, String> {
    let words: String = label.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let slug = words.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let slug = match slug.get(..slug.len().min(60)) {
        // A name without Latin letters must not overwrite another one's file.
        None | Some("") => {
            let digest = Sha256::digest(label.as_bytes());
            format!("persona-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
        }
        Some(slug) => slug.to_owned(),
    };
    // The prefix keeps a bundled persona of the same name in force.
    let id = format!("own-{slug}");
    let path = folder.join(format!("{id}.toml"));
    let file = PersonaFile { id: &id, label, wordings: [text], synthetic: true, source: "written at the workbench" };
    let failed = |error: &dyn std::fmt::Display| {
        format!("{}: the persona cannot be written: {error}; your text is kept here", path.display())
    };
    let content = toml::to_string(&file).map_err(|error| failed(&error))?;
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    std::fs::write(&path, content).map_err(|error| failed(&error))?;
    PersonaEntry::read_file(&path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_written_persona_is_read_back_and_can_be_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let entry = save(folder.path(), "Night \"owl\" ☾", "You are awake.\nAlways.").unwrap();
        assert_eq!((entry.persona.id.as_str(), entry.persona.text()), ("own-night-owl", "You are awake.\nAlways."));
        let again = save(folder.path(), "Night owl", "You sleep.").unwrap();
        assert_eq!((again.persona.id.as_str(), again.persona.text()), ("own-night-owl", "You sleep."));
        let [moon, sun] = ["月", "日"].map(|name| save(folder.path(), name, "You shine.").unwrap().persona.id);
        assert!(moon.starts_with("own-persona-") && moon != sun, "{moon} {sun}");
    }

    #[test]
    fn what_cannot_be_written_gets_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let sentence = save(&file, "Name", "You are.").unwrap_err();
        assert!(sentence.contains("your text is kept"), "{sentence}");
    }
}
