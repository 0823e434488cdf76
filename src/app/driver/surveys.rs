//! A survey: its questions one after the other, as many at once as keep the engine at work. What the store has already
//! is not asked again.

use std::collections::HashMap;
use std::future::ready;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc::{Sender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::runs::follow;
use crate::app::event::{Event, LoadedRun, SurveyNews};
use crate::app::model::SurveySpec;
use crate::app::session::Sessions;
use crate::data::Wordings;
use crate::domain::{Assembler, PaneStatus, Question, Run};
use crate::methods::{self, RunSpec, Stops};
use crate::store::{Reader, Store};
use crate::survey::{Survey, Tables};

/// Self-tests of large models on slow machines take long: without them nobody knows whether the store's answers are the
/// same ones.
const REPORT_LIMIT: Duration = Duration::from_secs(120);
/// Questions whose cost says how many are asked at once.
const MEASURED: usize = 64;
/// Between two computations of the tables they rest so many times as long as the last one took: the engine needs the cores.
const REST: u32 = 9;

/// Runs that are in no store, by their ids.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<HashMap<String, Run>>>);

impl Kept {
    fn keep(&self, run: &Run) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run.run.id.clone(), run.clone());
    }

    fn get(&self, id: &str) -> Option<Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

/// A survey that is to be begun.
pub(super) struct AskAll {
    pub(super) number: u64,
    pub(super) spec: Arc<SurveySpec>,
    pub(super) sessions: Option<Sessions>,
    pub(super) stop: CancellationToken,
    pub(super) wordings: Arc<Wordings>,
    pub(super) store: Option<Arc<Store>>,
    pub(super) database: PathBuf,
    pub(super) kept: Kept,
    pub(super) events: Sender<Event>,
}

/// A question that was answered.
struct Answer {
    question: Question,
    run: Run,
    is_stored: bool,
    not_stored: Option<String>,
}

impl AskAll {
    /// Asks them all.
    pub(super) async fn answer(self) {
        let asked = Arc::new(self);
        let why = Arc::clone(&asked).ask().await;
        asked.tell(SurveyNews::Over { why }).await;
    }

    async fn tell(&self, news: SurveyNews) {
        // A screen that is gone reads nothing.
        let _ = self.events.send(Event::Survey { number: self.number, news }).await;
    }

    /// Why it ended early, where nobody asked for that.
    async fn ask(self: Arc<Self>) -> Option<String> {
        let Some(sessions) = self.sessions.clone() else {
            return Some("the engine was gone before the first question was asked".to_owned());
        };
        let tested = async {
            for session in [Some(&sessions.own), sessions.beside.as_ref()].into_iter().flatten() {
                session.client.model_report(REPORT_LIMIT).await;
            }
        };
        tokio::select! {
            () = tested => {}
            () = self.stop.cancelled() => return None,
        }
        let reader = match self.reader().await {
            Ok(reader) => reader,
            Err(sentence) => return Some(sentence),
        };
        let first: Vec<RunSpec> = (0..MEASURED).filter_map(|number| self.spec.spec(number)).collect();
        let at_once = methods::at_once(&first, sessions.own.loaded.sequences);
        let (stop, engines) = (self.stop.clone(), sessions.clone());
        // The first question is asked of an engine that is gone too: its run says what happened.
        let goes_on = move |number| !stop.is_cancelled() && (number == 0 || engines.dead().is_none());
        let asked = Arc::clone(&self);
        let engines = sessions.clone();
        let answers = stream::iter(0..self.spec.places.len())
            .take_while(move |number| ready(goes_on(*number)))
            .map(move |number| Arc::clone(&asked).one(engines.clone(), reader.clone(), number))
            .buffered(at_once);
        let mut answers = pin!(answers);
        let mut survey = Survey::new(&self.spec.how.populations, self.spec.how.seed);
        let mut computing: Option<JoinHandle<(Tables, Duration)>> = None;
        let (mut is_stale, mut is_over, mut rested) = (false, false, Instant::now());
        loop {
            if computing.is_none() && is_stale && (is_over || Instant::now() >= rested) {
                let survey = survey.clone();
                computing = Some(tokio::task::spawn_blocking(move || {
                    let began = Instant::now();
                    (Tables::new(survey), began.elapsed())
                }));
                is_stale = false;
            }
            if is_over && computing.is_none() {
                break;
            }
            tokio::select! {
                answer = answers.next(), if !is_over => match answer {
                    Some(Some(answer)) => {
                        survey.add(&answer.question, &answer.run);
                        is_stale = true;
                        let has_failed = answer.run.panes.iter().any(|pane| pane.status == PaneStatus::Failed);
                        let (is_stored, not_stored) = (answer.is_stored, answer.not_stored);
                        self.tell(SurveyNews::Answered { is_stored, has_failed, not_stored }).await;
                    }
                    Some(None) => {}
                    None => is_over = true,
                },
                tables = ended(&mut computing) => {
                    if let Some((tables, took)) = tables {
                        rested = Instant::now() + took * REST;
                        self.tell(SurveyNews::Tables(Arc::new(tables))).await;
                    }
                }
                () = tokio::time::sleep_until(rested), if computing.is_none() && is_stale => {}
            }
        }
        sessions.dead().map(|error| error.to_string())
    }

    /// The store to look into for answers; none where nothing is stored.
    async fn reader(&self) -> Result<Option<Arc<Mutex<Reader>>>, String> {
        if self.store.is_none() {
            return Ok(None);
        }
        let path = self.database.clone();
        let opened = tokio::task::spawn_blocking(move || Reader::open(&path)).await;
        match opened {
            Ok(Ok(reader)) => Ok(reader.map(|reader| Arc::new(Mutex::new(reader)))),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(format!("the store could not be read: {error}")),
        }
    }

    /// Answers one question, out of the store where it is there; `None` where it was stopped.
    async fn one(
        self: Arc<Self>,
        sessions: Sessions,
        reader: Option<Arc<Mutex<Reader>>>,
        number: usize,
    ) -> Option<Answer> {
        let spec = self.spec.spec(number)?;
        let question = spec.question.clone();
        let head = sessions.head(&spec);
        if let Some(reader) = reader {
            let fingerprint = methods::fingerprint(&spec, &head, &*self.wordings);
            let found = tokio::task::spawn_blocking(move || {
                let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
                // What cannot be read is asked again.
                let id = reader.answered(&fingerprint).ok().flatten()?;
                Some(reader.load_panes(&id).ok()?.run)
            });
            if let Some(run) = found.await.ok().flatten() {
                return Some(Answer { question, run, is_stored: true, not_stored: None });
            }
        }
        let (sender, happened) = unbounded_channel();
        let texts: Arc<dyn methods::Texts> = Arc::clone(&self.wordings) as _;
        let stops = Stops::under(&self.stop, spec.panes.len());
        let work = methods::run(Arc::new(spec), head, sessions.in_use(), texts, sender, stops);
        let mut assembler = Assembler::new();
        let not_stored = follow(work, happened, self.store.as_deref(), |event| {
            assembler.apply(&event);
            ready(())
        })
        .await;
        let run = assembler.finish()?.without_tokens();
        if self.stop.is_cancelled() && run.panes.iter().any(|pane| pane.status == PaneStatus::Cancelled) {
            return None;
        }
        if self.store.is_none() || not_stored.is_some() {
            self.kept.keep(&run);
        }
        Some(Answer { question, run, is_stored: false, not_stored })
    }
}

/// What was computed, once it is; never where nothing is.
async fn ended<T>(computing: &mut Option<JoinHandle<T>>) -> Option<T> {
    match computing {
        Some(job) => {
            let done = job.await.ok();
            *computing = None;
            done
        }
        None => std::future::pending().await,
    }
}

/// Reads the run `id` with its prompts, or says why it cannot be.
pub(super) fn load(id: &str, database: &std::path::Path, kept: &Kept) -> Result<Box<LoadedRun>, String> {
    if let Some(run) = kept.get(id) {
        return Ok(Box::new(LoadedRun { run: methods::with_numbers_across(run), prompts: Vec::new() }));
    }
    let nothing = || format!("the run {id} is not in the store");
    let reader = Reader::open(database).map_err(|error| error.to_string())?.ok_or_else(nothing)?;
    let run = reader.load(id).map_err(|error| error.to_string())?.run;
    let prompts = reader.prompts(id).map_err(|error| error.to_string())?;
    let prompts = prompts.into_iter().map(|stored| (stored.pane, stored.prompt)).collect();
    Ok(Box::new(LoadedRun { run, prompts }))
}
