//! Does what takes time, on a thread of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::{engine, library, runs, surveys};
use crate::app::effect::Effect;
use crate::app::event::Event;
use crate::app::model::SurveySpec;
use crate::app::session::{EngineChoice, Sessions};
use crate::data::Wordings;
use crate::methods::Stops;
use crate::store::Store;

/// Events on their way to the screen. Full: whoever makes them waits, so that a screen that is slow slows the engine
/// instead of filling the memory.
const WAITING: usize = 1_024;
/// How long the end waits for panes to stop and for the store to close.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the hands need to know.
#[derive(Debug, Clone)]
pub struct HandsOptions {
    /// The engine; its model is chosen on screen.
    pub choice: EngineChoice,
    /// Whether runs are stored.
    pub is_stored: bool,
}

/// The worker, and the way to it and back.
#[derive(Debug)]
pub struct Hands {
    // Unbounded: one effect a key, and the reader never waits.
    effects: Option<mpsc::UnboundedSender<Effect>>,
    events: mpsc::Receiver<Event>,
    thread: Option<JoinHandle<()>>,
}

impl Hands {
    /// Starts the worker. It reads packs, personas and models first.
    pub fn start(options: HandsOptions) -> std::io::Result<Self> {
        let (effects, inbox) = mpsc::unbounded_channel();
        let (outbox, events) = mpsc::channel(WAITING);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("hands".into()).spawn(move || {
            runtime.block_on(Work::new(options, outbox).go_on(inbox));
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        Ok(Self { effects: Some(effects), events, thread: Some(thread) })
    }

    /// Hands that do nothing: what they were asked for, and what they are to answer with.
    #[cfg(test)]
    pub(super) fn idle() -> (Self, mpsc::UnboundedReceiver<Effect>, mpsc::Sender<Event>) {
        let (effects, inbox) = mpsc::unbounded_channel();
        let (outbox, events) = mpsc::channel(WAITING);
        (Self { effects: Some(effects), events, thread: None }, inbox, outbox)
    }

    /// Asks for something to be done.
    pub fn send(&self, effect: Effect) {
        if let Some(effects) = &self.effects {
            // A worker that is gone has closed its events too, and the loop ends.
            let _ = effects.send(effect);
        }
    }

    /// What was done.
    pub fn events(&mut self) -> &mut mpsc::Receiver<Event> {
        &mut self.events
    }

    /// Stops everything and waits until it is on disk, but not for ever.
    pub fn stop(mut self) {
        self.effects = None;
        // Nobody reads any more: senders must not wait for room.
        self.events.close();
        let Some(thread) = self.thread.take() else { return };
        let began = Instant::now();
        while !thread.is_finished() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        if thread.is_finished() {
            // A panic of the worker was reported by the hook already.
            let _ = thread.join();
        } else {
            tracing::warn!("the worker did not end in time; unfinished voices stand as interrupted");
        }
    }
}

/// The worker's state.
pub(super) struct Work {
    pub(super) options: HandsOptions,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) wordings: Arc<Wordings>,
    pub(super) store: Option<Arc<Store>>,
    sessions: Option<Sessions>,
    opening: Option<AbortHandle>,
    watching: Vec<AbortHandle>,
    runs: HashMap<u64, Stops>,
    surveys: HashMap<u64, CancellationToken>,
    kept: surveys::Kept,
    // Unbounded: one message per opened engine and per run.
    back: mpsc::UnboundedSender<Back>,
    returns: Option<mpsc::UnboundedReceiver<Back>>,
    newest_search: Arc<AtomicU64>,
}

/// What tasks hand back to the worker.
pub(super) enum Back {
    /// The engines are ready.
    Opened { opening: u64, sessions: Box<Sessions> },
    /// A run is over.
    Over { number: u64 },
    /// A survey is over.
    SurveyOver { number: u64 },
}

impl Work {
    fn new(options: HandsOptions, events: mpsc::Sender<Event>) -> Self {
        let wordings = Arc::new(Wordings::load(&options.choice.paths));
        let (back, returns) = mpsc::unbounded_channel();
        Self {
            options,
            events,
            wordings,
            store: None,
            sessions: None,
            opening: None,
            watching: Vec::new(),
            runs: HashMap::new(),
            surveys: HashMap::new(),
            kept: surveys::Kept::default(),
            back,
            returns: Some(returns),
            newest_search: Arc::default(),
        }
    }

    async fn go_on(mut self, mut effects: mpsc::UnboundedReceiver<Effect>) {
        let Some(mut returns) = self.returns.take() else { return };
        library::read(&self);
        self.open_store().await;
        loop {
            tokio::select! {
                // An engine that is ready is known before the run that waits for it.
                biased;
                Some(back) = returns.recv() => self.take_back(back),
                effect = effects.recv() => match effect {
                    Some(effect) => self.carry_out(effect),
                    None => break,
                },
            }
        }
        for stops in self.runs.values() {
            stops.stop_all();
        }
        for stop in self.surveys.values() {
            stop.cancel();
        }
        let end = tokio::time::sleep(PATIENCE);
        tokio::pin!(end);
        while !(self.runs.is_empty() && self.surveys.is_empty()) {
            tokio::select! {
                Some(back) = returns.recv() => self.take_back(back),
                () = &mut end => break,
            }
        }
        if let Some(task) = self.opening.take() {
            task.abort();
        }
        self.sessions = None;
        // The last handle closes the store, which waits until all is on disk.
        if let Some(store) = self.store.take() {
            let _ = tokio::task::spawn_blocking(move || drop(store)).await;
        }
    }

    async fn open_store(&mut self) {
        if !self.options.is_stored {
            return;
        }
        let path = self.options.choice.paths.database();
        match tokio::task::spawn_blocking(move || Store::open(&path)).await {
            Ok(Ok(store)) => self.store = Some(Arc::new(store)),
            Ok(Err(error)) => {
                self.tell(Event::Notice(format!("runs are not stored: {error}"))).await;
            }
            Err(_) => {}
        }
    }

    async fn tell(&self, event: Event) {
        // A screen that is gone reads nothing.
        let _ = self.events.send(event).await;
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::OpenEngine { opening, model, beside } => {
                for task in self.opening.take().into_iter().chain(self.watching.drain(..)) {
                    task.abort();
                }
                // Two models at once may not fit: the old one goes first.
                if let Some(sessions) = self.sessions.take() {
                    sessions.stop();
                }
                let choice = EngineChoice { model, ..self.options.choice.clone() };
                let task = engine::open(opening, choice, beside, self.events.clone(), self.back.clone());
                self.opening = Some(tokio::spawn(task).abort_handle());
            }
            Effect::StartRun { number, spec } => {
                let stops = Stops::new(spec.panes.len());
                self.runs.insert(number, stops.clone());
                let sessions = self.sessions.clone();
                let run = runs::Ask { number, spec, sessions, stops };
                tokio::spawn(run.answer(
                    Arc::clone(&self.wordings),
                    self.store.clone(),
                    self.events.clone(),
                    self.back.clone(),
                ));
            }
            Effect::StopPane { number, pane } => {
                if let Some(stops) = self.runs.get(&number) {
                    stops.stop_pane(pane);
                }
            }
            Effect::StopRun { number } => {
                if let Some(stops) = self.runs.get(&number) {
                    stops.stop_all();
                }
            }
            Effect::StartSurvey { number, spec } => self.ask_all(number, spec),
            Effect::StopSurvey { number } => {
                if let Some(stop) = self.surveys.get(&number) {
                    stop.cancel();
                }
            }
            Effect::LoadRun { id } => {
                let (database, kept) = (self.options.choice.paths.database(), self.kept.clone());
                library::aside(self, move || Some(Event::RunLoaded(surveys::load(&id, &database, &kept))));
            }
            Effect::FindModels => library::find_models(self),
            Effect::Pull { id } => library::pull(self, id),
            Effect::LookUpSpeed { model } => library::look_up_speed(self, model),
            Effect::Search { ticket, pattern, texts } => {
                self.newest_search.store(ticket, Ordering::Relaxed);
                library::search(self, ticket, pattern, texts, Arc::clone(&self.newest_search));
            }
            Effect::SavePersona { label, text } => library::save_persona(self, label, text),
            // These belong to the terminal, and the loop has done them.
            Effect::Copy(_) | Effect::Redraw | Effect::Suspend | Effect::Quit => {}
        }
    }

    fn ask_all(&mut self, number: u64, spec: Arc<SurveySpec>) {
        let stop = CancellationToken::new();
        self.surveys.insert(number, stop.clone());
        let survey = surveys::AskAll {
            number,
            spec,
            sessions: self.sessions.clone().map(|sessions| Sessions { beside: None, ..sessions }),
            stop,
            wordings: Arc::clone(&self.wordings),
            store: self.store.clone(),
            database: self.options.choice.paths.database(),
            kept: self.kept.clone(),
            events: self.events.clone(),
        };
        let back = self.back.clone();
        tokio::spawn(async move {
            survey.answer().await;
            let _ = back.send(Back::SurveyOver { number });
        });
    }

    fn take_back(&mut self, back: Back) {
        match back {
            Back::Opened { opening, sessions } => {
                let watch = engine::watch(opening, sessions.own.client.clone(), self.events.clone());
                self.watching.push(tokio::spawn(watch).abort_handle());
                if let Some(beside) = &sessions.beside {
                    let watch = engine::watch_beside(opening, beside.client.clone(), self.events.clone());
                    self.watching.push(tokio::spawn(watch).abort_handle());
                }
                self.sessions = Some(*sessions);
                self.opening = None;
            }
            Back::Over { number } => {
                self.runs.remove(&number);
            }
            Back::SurveyOver { number } => {
                self.surveys.remove(&number);
            }
        }
    }
}
