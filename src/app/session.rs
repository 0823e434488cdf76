//! An engine with a model in it: opened for one headless run, or for a whole sitting at the screen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::config::Paths;
use crate::domain::{Beside, EngineFacts, ModelFacts, RunHead};
use crate::engine::client::ClientOptions;
use crate::engine::protocol::{LoadRequest, Loaded, ModelReport};
use crate::engine::{EngineClient, EngineError, EngineSpec, Profile, cores};
use crate::methods::{EngineInUse, Engines, Remembered, RunSpec};
use crate::models::gguf::GgufError;
use crate::models::{self, ModelError};
use crate::text::SafeText;

/// Which engine with which model, as the command line or the screen asks for it.
#[derive(Debug, Clone)]
pub struct EngineChoice {
    /// The engine.
    pub spec: EngineSpec,
    /// The model, as the user calls it; absent: the first installed one.
    pub model: Option<String>,
    /// Speed or sameness.
    pub profile: Profile,
    /// Threads that compute; absent: the engine chooses.
    pub threads: Option<usize>,
    /// Cells of the KV cache; absent: the engine chooses.
    pub context: Option<u32>,
    /// An engine that owes an answer and is silent for so long is stopped.
    pub hang_after: Duration,
    /// Where models and logs are.
    pub paths: Paths,
    /// Whether prompts and voices may be kept on disk, so that they need not be read again.
    pub keep_states: bool,
    /// Whether another engine works beside this one: the bytes of its model's weights. Absent: none does.
    pub others: Option<u64>,
}

impl EngineChoice {
    /// For two models at once: the choice of the run's own engine and of the one beside it with `model`, both before
    /// anything is loaded. The threads are shared out, because two engines that both use all of them wait for each other.
    pub fn side_by_side(self, model: &str) -> (Self, Self) {
        let shared = |threads: usize| threads.div_ceil(2).max(1);
        let is_local = !matches!(self.spec, EngineSpec::Command(_));
        let threads = self.threads.or_else(|| is_local.then(|| shared(cores::threads(cores::read()))));
        let beside = Self { model: Some(model.to_owned()), threads, others: Some(0), ..self.clone() };
        // What cannot be read is told when it is loaded.
        let weights = match self.spec {
            EngineSpec::Llama => beside.file().ok().filter(|path| self.file().is_ok_and(|own| own != *path)),
            EngineSpec::Scripted(_) | EngineSpec::Command(_) => None,
        };
        let weights = weights.and_then(|path| models::gguf::read_facts(&path).ok()).map(|facts| facts.shape.weights);
        (Self { threads, others: Some(weights.unwrap_or(0)), ..self }, beside)
    }

    /// The model's file on this machine.
    fn file(&self) -> Result<PathBuf, ModelError> {
        models::resolve(self.model.as_deref(), &self.paths)
    }
}

/// Why there is no engine with a model, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] GgufError),
    /// The engine did not start, or refused the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An engine with a model.
#[derive(Debug, Clone)]
pub struct EngineSession {
    /// The engine.
    pub client: EngineClient,
    /// The model.
    pub loaded: Loaded,
    remembered: Remembered,
    path: String,
    /// As the user called the model.
    asked: Option<String>,
}

impl EngineSession {
    /// Starts the engine and loads the model; `progress` gets fractions of the loading from 0 to 1. The self-tests of
    /// the model go on afterwards: see [`EngineClient::model_report`].
    pub async fn open(choice: &EngineChoice, progress: impl FnMut(f32)) -> Result<Self, OpenError> {
        let path = match &choice.spec {
            // On this machine the file is looked for and checked here, in safe code; a command's files are elsewhere.
            EngineSpec::Llama => {
                let path = choice.file()?;
                models::gguf::read_facts(&path)?;
                path.display().to_string()
            }
            EngineSpec::Scripted(_) => String::new(),
            EngineSpec::Command(_) => choice.model.clone().unwrap_or_default(),
        };
        let options = ClientOptions {
            profile: choice.profile,
            threads: choice.threads,
            log: Some(choice.paths.logs().join("engine.log")),
            hang_after: choice.hang_after,
            ..ClientOptions::new(choice.spec.clone())
        };
        let client = EngineClient::start(options).await?;
        let data = matches!(choice.spec, EngineSpec::Llama).then(|| choice.paths.data.display().to_string());
        let (context, keep_states, others) = (choice.context, choice.keep_states, choice.others);
        let request = LoadRequest { path: path.clone(), context, data, keep_states, others };
        let loaded = client.load(request, progress).await?;
        tracing::info!(engine = %client.hello().build, pid = client.pid(), model = %SafeText::line(&loaded.name), load_ms = loaded.load_ms, "model loaded");
        Ok(Self { client, loaded, remembered: Remembered::default(), path, asked: choice.model.clone() })
    }

    /// [`Self::open`] for the engine beside this one. This one has to be loaded, so that what it takes is no longer free.
    pub async fn open_beside(&self, choice: &EngineChoice, progress: impl FnMut(f32)) -> Result<Self, OpenError> {
        let is_same_file = match choice.spec {
            EngineSpec::Llama => choice.file().is_ok_and(|path| path == Path::new(&self.path)),
            EngineSpec::Scripted(_) | EngineSpec::Command(_) => choice.model.as_deref() == Some(self.path.as_str()),
        };
        // Two engines that map the same file share its pages.
        let others = Some(if is_same_file { 0 } else { self.loaded.bytes });
        Self::open(&EngineChoice { others, ..choice.clone() }, progress).await
    }

    /// The model as the record keeps it.
    pub fn model_facts(&self) -> ModelFacts {
        ModelFacts {
            path: self.path.clone(),
            name: self.loaded.name.clone(),
            arch: self.loaded.arch.clone(),
            parameters: self.loaded.parameters,
            quantisation: self.loaded.quantisation.clone(),
            sha256: self.report().sha256,
        }
    }

    /// The engine as the record keeps it.
    pub fn engine_facts(&self) -> EngineFacts {
        EngineFacts {
            kind: self.client.kind().to_owned(),
            build: self.client.hello().build.clone(),
            profile: self.loaded.profile.clone(),
            class: self.report().class.unwrap_or_else(|| "untested".to_owned()),
            context: self.loaded.context,
            sequences: self.loaded.sequences,
            threads: self.loaded.threads,
            template: self.loaded.template.clone(),
        }
    }

    /// What the self-tests have found so far.
    pub fn report(&self) -> ModelReport {
        self.client.report().borrow().clone()
    }

    /// The head of a run that begins now.
    pub fn head(&self, spec: &RunSpec) -> RunHead {
        RunHead {
            id: new_id(),
            started: now(),
            seed: spec.seed,
            model: self.model_facts(),
            engine: self.engine_facts(),
            question: (&spec.question).into(),
            personas: spec.personas.iter().chain(&spec.directions).map(|persona| persona.id.clone()).collect(),
            settings: spec.settings(),
            beside: None,
            fingerprint: None,
        }
    }

    /// What methods work with.
    pub fn in_use(&self) -> EngineInUse {
        let (client, loaded) = (self.client.clone(), self.loaded.clone());
        EngineInUse { client, loaded, remembered: self.remembered.clone() }
    }
}

/// The engines of a run: its own, and the one with the model beside it.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// The run's own.
    pub own: EngineSession,
    /// The other one.
    pub beside: Option<EngineSession>,
}

impl Sessions {
    /// The head of a run that begins now.
    pub fn head(&self, spec: &RunSpec) -> RunHead {
        let beside = self.beside.as_ref().map(|beside| Beside {
            name: name_beside(&self.own.loaded.name, &beside.loaded.name, beside.asked.as_deref()),
            model: beside.model_facts(),
            engine: beside.engine_facts(),
            panes: (0..spec.panes.len()).filter(|pane| spec.is_beside(*pane)).collect(),
        });
        RunHead { beside, ..self.own.head(spec) }
    }

    /// What methods work with.
    pub fn in_use(&self) -> Engines {
        Engines { own: self.own.in_use(), beside: self.beside.as_ref().map(EngineSession::in_use) }
    }

    /// Ends both engines.
    pub fn stop(&self) {
        for session in [Some(&self.own), self.beside.as_ref()].into_iter().flatten() {
            session.client.stop();
        }
    }

    /// Why one of the engines is gone, if one is.
    pub fn dead(&self) -> Option<EngineError> {
        self.own.client.dead().or_else(|| self.beside.as_ref()?.client.dead())
    }
}

/// What the model beside `own` is called: as its file calls itself, or, where that is no different, by its file's name.
fn name_beside(own: &str, loaded: &str, asked: Option<&str>) -> String {
    let stem = asked.and_then(|asked| Path::new(asked).file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    let names = [Some(loaded.to_owned()), stem.filter(|stem| !stem.is_empty())];
    let different = names.into_iter().flatten().find(|name| name != own);
    different.unwrap_or_else(|| format!("{loaded} (beside)"))
}

/// Sorts by time, and differs between runs of one second and between processes.
fn new_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};

    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = OffsetDateTime::now_utc();
    let stamp = now.format(format_description!("[year][month][day]-[hour][minute][second]")).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(now.unix_timestamp_nanos().to_le_bytes());
    hash.update(std::process::id().to_le_bytes());
    hash.update(COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let digest = hash.finalize();
    format!("{stamp}-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
}

fn now() -> String {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_beside_never_has_the_name_of_the_first() {
        assert_eq!(name_beside("base", "aligned", Some("/m/x.gguf")), "aligned");
        assert_eq!(name_beside("model", "model", Some("/m/tuned.Q4.gguf")), "tuned.Q4");
        assert_eq!(name_beside("model", "model", Some("model.gguf")), "model (beside)");
        assert_eq!(name_beside("model", "model", None), "model (beside)");
    }
}
