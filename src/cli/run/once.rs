//! One run, read as it happens: by the record, the store and the progress line.

use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use crate::app::session::Sessions;
use crate::cli::{Failure, Global};
use crate::data::Wordings;
use crate::domain::{Assembler, PromptSent, Question, Run, RunEvent};
use crate::methods::{self, RunSpec, Stops};
use crate::store::Store;

/// What one run needs.
pub(super) struct Once<'a> {
    pub(super) sessions: &'a Sessions,
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
        let head = self.sessions.head(&spec);
        let question = spec.question.clone();
        let engine = self.sessions.in_use();
        let texts: Arc<dyn methods::Texts> = Arc::clone(self.wordings) as _;
        let (sender, mut events) = unbounded_channel();
        let stops = Stops::under(self.stop, spec.panes.len());
        let work = methods::run(Arc::new(spec), head, engine, texts, sender, stops);
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
        let run = methods::with_numbers_across(run);
        let statuses: Vec<_> = run.panes.iter().map(|pane| (pane.method.as_str(), pane.status)).collect();
        tracing::info!(run = %run.run.id, ?statuses, timing = ?run.timing, "run ended");
        Ok(Done { run, question, prompts, not_stored })
    }
}
