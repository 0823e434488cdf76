//! An engine with a model, as the global options ask for.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::page::aside;
use super::{Failure, Global};
use crate::domain::{EngineFacts, ModelFacts};
use crate::engine::client::ClientOptions;
use crate::engine::protocol::{LoadRequest, Loaded, ModelReport};
use crate::engine::{EngineClient, EngineSpec};
use crate::models;
use crate::text::SafeText;

/// Self-tests of large models on slow machines take long; a run waits for them so long and then says "untested".
const REPORT_LIMIT: Duration = Duration::from_secs(120);

/// An engine with a model.
#[derive(Debug, Clone)]
pub struct EngineSession {
    /// The engine.
    pub client: EngineClient,
    /// The model.
    pub loaded: Loaded,
    report: ModelReport,
    path: String,
}

impl EngineSession {
    /// Starts the engine, loads the model and waits for its self-tests.
    pub async fn start(global: &Global) -> Result<Self, Failure> {
        let paths = global.paths()?;
        // On this machine the file is looked for and checked here, in safe code; a command's files are elsewhere.
        let path = match &global.engine {
            EngineSpec::Llama => {
                let path = models::resolve(global.model.as_deref(), &paths)?;
                models::gguf::read_facts(&path)?;
                path.display().to_string()
            }
            EngineSpec::Scripted(_) => String::new(),
            EngineSpec::Command(_) => {
                if global.threads.is_some() {
                    aside(
                        global.quiet,
                        "--threads is the engine's own matter with --engine COMMAND; add it to the command",
                    );
                }
                global.model.clone().unwrap_or_default()
            }
        };
        let options = ClientOptions {
            profile: global.profile,
            threads: global.threads,
            log: Some(paths.logs().join("engine.log")),
            hang_after: Duration::from_secs(global.hang_after),
            ..ClientOptions::new(global.engine.clone())
        };
        let client = EngineClient::start(options).await?;
        let data = matches!(global.engine, EngineSpec::Llama).then(|| paths.data.display().to_string());
        let bar = if global.quiet { ProgressBar::hidden() } else { ProgressBar::new(100) };
        bar.set_style(
            ProgressStyle::with_template("loading the model {wide_bar} {percent} %")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        let request = LoadRequest { path: path.clone(), context: global.ctx, data };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction in percent")]
        let loaded = client.load(request, |fraction| bar.set_position((fraction * 100.0) as u64)).await;
        bar.finish_and_clear();
        let loaded = loaded?;
        if let Some(note) = &loaded.profile_note {
            aside(global.quiet, note);
        }
        let report = client.model_report(REPORT_LIMIT).await;
        tracing::info!(engine = %client.hello().build, pid = client.pid(), model = %SafeText::line(&loaded.name), load_ms = loaded.load_ms, class = report.class.as_deref(), detail = report.detail.as_deref(), "model loaded");
        Ok(Self { client, loaded, report, path })
    }

    /// The model as the record keeps it.
    pub fn model_facts(&self) -> ModelFacts {
        ModelFacts {
            path: self.path.clone(),
            name: self.loaded.name.clone(),
            arch: self.loaded.arch.clone(),
            parameters: self.loaded.parameters,
            quantisation: self.loaded.quantisation.clone(),
            sha256: self.report.sha256.clone(),
        }
    }

    /// The engine as the record keeps it.
    pub fn engine_facts(&self) -> EngineFacts {
        EngineFacts {
            kind: self.client.kind().to_owned(),
            build: self.client.hello().build.clone(),
            profile: self.loaded.profile.clone(),
            class: self.report.class.clone().unwrap_or_else(|| "untested".to_owned()),
            context: self.loaded.context,
            sequences: self.loaded.sequences,
            threads: self.loaded.threads,
            template: self.loaded.template.clone(),
        }
    }

    /// What the self-tests found.
    pub fn finding(&self) -> Option<&str> {
        self.report.detail.as_deref()
    }
}

/// Runs `work` on a runtime of this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // The engine is ended by dropping its handle; nothing else may hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}
