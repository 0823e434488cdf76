//! One run, read as it happens: by the record, the store and the progress line.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use crate::cli::session::EngineSession;
use crate::cli::{Failure, Global};
use crate::data::Wordings;
use crate::domain::{Assembler, PromptSent, Question, Run, RunEvent, RunHead};
use crate::methods::{self, EngineInUse, RunSpec};
use crate::store::Store;

/// What one run needs.
pub(super) struct Once<'a> {
    pub(super) session: &'a EngineSession,
    pub(super) wordings: &'a Arc<Wordings>,
    pub(super) store: Option<&'a Store>,
    pub(super) stop: &'a CancellationToken,
    pub(super) global: &'a Global,
    pub(super) label: String,
}

/// A run that ended, and what is not in its record.
pub(super) struct Done {
    pub(super) run: Run,
    pub(super) question: Question,
    /// Pane and prompt, in the order in which they were sent.
    pub(super) prompts: Vec<(usize, PromptSent)>,
    /// Why the run is not in the store, or not whole.
    pub(super) not_stored: Option<String>,
}

impl Once<'_> {
    pub(super) async fn run(self, spec: RunSpec) -> Result<Done, Failure> {
        let head = RunHead {
            id: new_id(),
            started: now(),
            seed: spec.seed,
            model: self.session.model_facts(),
            engine: self.session.engine_facts(),
            question: (&spec.question).into(),
            personas: spec.personas.iter().map(|persona| persona.id.clone()).collect(),
            settings: spec.settings(),
        };
        let question = spec.question.clone();
        let engine = EngineInUse { client: self.session.client.clone(), loaded: self.session.loaded.clone() };
        let texts: Arc<dyn methods::Texts> = Arc::clone(self.wordings) as _;
        let (sender, mut events) = unbounded_channel();
        let work = methods::run(Arc::new(spec), head, engine, texts, sender, self.stop.clone());
        let writer = self.store.map(Store::run_writer);
        let mut progress = Progress::new(self.global.quiet, &self.label);
        let mut assembler = Assembler::new();
        let mut prompts = Vec::new();
        let mut not_stored = None;
        let reading = async {
            while let Some(event) = events.recv().await {
                assembler.apply(&event);
                progress.see(&event);
                if let RunEvent::VoiceDone { voice, .. } = &event {
                    tracing::debug!(voice = %voice.id, persona = voice.persona.as_deref(), tokens = voice.tokens, finish = ?voice.finish, "voice ended");
                }
                if let Some(writer) = &writer
                    && let Err(error) = writer.record(&event).await
                {
                    // The run goes on, for its answers are still worth having.
                    not_stored.get_or_insert(error.to_string());
                }
                if let RunEvent::Prompt { pane, prompt } = event {
                    prompts.push((pane, prompt));
                }
            }
        };
        tokio::join!(work, reading);
        progress.finish();
        if let Some(writer) = &writer
            && let Err(error) = writer.flush().await
        {
            not_stored.get_or_insert(error.to_string());
        }
        let run =
            assembler.finish().ok_or_else(|| Failure::new("the run ended without a result; please report this"))?;
        let statuses: Vec<_> = run.panes.iter().map(|pane| (pane.method.as_str(), pane.status)).collect();
        tracing::info!(run = %run.run.id, ?statuses, timing = ?run.timing, "run ended");
        Ok(Done { run, question, prompts, not_stored })
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
