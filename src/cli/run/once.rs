//! One run, read as it happens: by the record, the store and whoever shows how far it is.

use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use crate::app::session::Sessions;
use crate::cli::Failure;
use crate::data::Wordings;
use crate::domain::{Assembler, PromptSent, Question, Run, RunEvent};
use crate::methods::{self, RunSpec, Stops};
use crate::store::Store;

/// What one run needs.
#[derive(Clone, Copy)]
pub(super) struct Once<'a> {
    pub(super) sessions: &'a Sessions,
    pub(super) wordings: &'a Arc<Wordings>,
    pub(super) store: Option<&'a Store>,
    pub(super) stop: &'a CancellationToken,
    /// Whether prompts are to be shown; else they are not kept.
    pub(super) keeps_prompts: bool,
}

/// A run that ended, and what is not in its record.
pub(in crate::cli) struct Done {
    pub(in crate::cli) run: Run,
    pub(in crate::cli) question: Question,
    /// Pane and prompt, in the order in which they were sent.
    pub(super) prompts: Vec<(usize, PromptSent)>,
    /// Why the run is not in the store, or not whole.
    pub(super) not_stored: Option<String>,
}

impl Once<'_> {
    /// Asks `spec`; `see` gets every event.
    pub(super) async fn run(self, spec: RunSpec, mut see: impl FnMut(&RunEvent)) -> Result<Done, Failure> {
        let head = self.sessions.head(&spec);
        let question = spec.question.clone();
        let engine = self.sessions.in_use();
        let texts: Arc<dyn methods::Texts> = Arc::clone(self.wordings) as _;
        let (sender, mut events) = unbounded_channel();
        let stops = Stops::under(self.stop, spec.panes.len());
        let work = methods::run(Arc::new(spec), head, engine, texts, sender, stops);
        let writer = self.store.map(Store::run_writer);
        let mut assembler = Assembler::new();
        let mut prompts = Vec::new();
        let mut not_stored = None;
        let reading = async {
            while let Some(event) = events.recv().await {
                assembler.apply(&event);
                see(&event);
                if let RunEvent::VoiceDone { voice, .. } = &event {
                    tracing::debug!(voice = %voice.id, persona = voice.persona.as_deref(), tokens = voice.tokens, finish = ?voice.finish, "voice ended");
                }
                if let Some(writer) = &writer
                    && let Err(error) = writer.record(&event).await
                {
                    // The run goes on, for its answers are still worth having.
                    not_stored.get_or_insert(error.to_string());
                }
                if let RunEvent::Prompt { pane, prompt } = event
                    && self.keeps_prompts
                {
                    prompts.push((pane, prompt));
                }
            }
        };
        tokio::join!(work, reading);
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
