//! Many questions: which of them are in the store already, how many are asked at once, and the answers in order.

use std::cell::RefCell;
use std::future::ready;

use futures_util::stream::{self, Stream, StreamExt as _};

use super::once::{Done, Once};
use super::progress::Progress;
use crate::app::session::Sessions;
use crate::cli::Failure;
use crate::data::Wordings;
use crate::methods::{self, RunSpec};
use crate::store::{Reader, StoreError};

/// For each of `specs` the stored run that answers it.
pub(super) fn stored(
    specs: &[RunSpec],
    sessions: &Sessions,
    wordings: &Wordings,
    reader: Option<&Reader>,
) -> Result<Vec<Option<String>>, StoreError> {
    let Some(reader) = reader else { return Ok(vec![None; specs.len()]) };
    specs.iter().map(|spec| reader.answered(&methods::fingerprint(spec, &sessions.head(spec), wordings))).collect()
}

/// Asks all of `specs`, so many `at_once`, and gives the answers in their order. Those with a run in `stored` are read
/// from the store. Ends early when the run is stopped and when the engine is gone.
pub(super) fn answers<'a>(
    once: Once<'a>,
    reader: Option<&'a Reader>,
    specs: Vec<RunSpec>,
    stored: Vec<Option<String>>,
    at_once: usize,
    progress: &'a RefCell<Progress>,
) -> impl Stream<Item = Result<Done, Failure>> + 'a {
    // The first question is asked of an engine that is gone too: its run says what happened.
    let goes_on = move |number| !once.stop.is_cancelled() && (number == 0 || once.sessions.dead().is_none());
    stream::iter(specs.into_iter().zip(stored).enumerate())
        .take_while(move |(number, _)| ready(goes_on(*number)))
        .map(move |(_, (spec, stored))| async move {
            if let (Some(id), Some(reader)) = (stored, reader) {
                let done = from_store(reader, &id, spec, once.keeps_prompts)?;
                progress.borrow_mut().answered(true);
                return Ok(done);
            }
            let id = spec.question.id.clone();
            let done = once.run(spec, |event| progress.borrow_mut().see(&id, event)).await?;
            progress.borrow_mut().answered(false);
            Ok(done)
        })
        .buffered(at_once)
}

fn from_store(reader: &Reader, id: &str, spec: RunSpec, keeps_prompts: bool) -> Result<Done, Failure> {
    let run = reader.load(id)?.run;
    let prompts = if keeps_prompts { reader.prompts(id)? } else { Vec::new() };
    let prompts = prompts.into_iter().map(|stored| (stored.pane, stored.prompt)).collect();
    Ok(Done { run, question: spec.question, prompts, not_stored: None })
}
