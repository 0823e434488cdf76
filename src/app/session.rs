//! An engine with a model in it: opened for one headless run, or for a whole sitting at the screen.

use std::time::Duration;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::config::Paths;
use crate::domain::{EngineFacts, ModelFacts, RunHead};
use crate::engine::client::ClientOptions;
use crate::engine::protocol::{LoadRequest, Loaded, ModelReport};
use crate::engine::{EngineClient, EngineError, EngineSpec, Profile};
use crate::methods::{EngineInUse, RunSpec};
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
    path: String,
}

impl EngineSession {
    /// Starts the engine and loads the model; `progress` gets fractions of the loading from 0 to 1. The self-tests of
    /// the model go on afterwards: see [`EngineClient::model_report`].
    pub async fn open(choice: &EngineChoice, progress: impl FnMut(f32)) -> Result<Self, OpenError> {
        let path = match &choice.spec {
            // On this machine the file is looked for and checked here, in safe code; a command's files are elsewhere.
            EngineSpec::Llama => {
                let path = models::resolve(choice.model.as_deref(), &choice.paths)?;
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
        let request =
            LoadRequest { path: path.clone(), context: choice.context, data, keep_states: choice.keep_states };
        let loaded = client.load(request, progress).await?;
        tracing::info!(engine = %client.hello().build, pid = client.pid(), model = %SafeText::line(&loaded.name), load_ms = loaded.load_ms, "model loaded");
        Ok(Self { client, loaded, path })
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
            fingerprint: None,
        }
    }

    /// What methods work with.
    pub fn in_use(&self) -> EngineInUse {
        EngineInUse { client: self.client.clone(), loaded: self.loaded.clone() }
    }
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
