//! The client's side of an engine: starts the process, hands requests over, routes answers back, and notices when it
//! dies, hangs or talks nonsense. Whatever happens to the engine, every request ends with a typed error.

#[doc(hidden)]
pub mod hear;
mod line;
mod routes;
mod supervisor;
mod tame;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::error::EngineError;
use super::protocol::{
    Answer, ContinuationScores, DeriveRequest, Derived, DirectionRequest, DrawnFrom, Ev, GenerateRequest, Generated,
    Hello, Known, LoadRequest, Loaded, MAX_LINE, ModelReport, Op, OptionScores, RefusalCode, Request,
    ScoreContinuationsRequest, ScoreOptionsRequest, Status, VERSION,
};
use super::spec::{EngineSpec, Profile};
use crate::text::SafeText;
use routes::{Route, Routes};
use wire::Ends;

/// How to start an engine.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Which one.
    pub spec: EngineSpec,
    /// Its profile; a command chooses its own.
    pub profile: Profile,
    /// Threads that compute; absent: the engine chooses. A command chooses its own.
    pub threads: Option<usize>,
    /// Where its standard error goes; absent: nowhere.
    pub log: Option<PathBuf>,
    /// An engine that owes an answer and is silent for so long is stopped.
    pub hang_after: Duration,
}

impl ClientOptions {
    /// The usual options for `spec`.
    pub fn new(spec: EngineSpec) -> Self {
        Self { spec, profile: Profile::Audit, threads: None, log: None, hang_after: Duration::from_secs(30) }
    }
}

/// A handle on a running engine; clones share it. The process ends when the last clone is gone.
#[derive(Debug, Clone)]
pub struct EngineClient {
    shared: Arc<Shared>,
    hello: Arc<Hello>,
}

/// What the handle and the supervisor share.
#[derive(Debug)]
struct Shared {
    name: String,
    kind: String,
    next_id: AtomicU64,
    routes: Mutex<Routes>,
    // Unbounded: it holds at most one line per request in flight and one cancel each; the supervisor drains it.
    lines: mpsc::UnboundedSender<Vec<u8>>,
    status: watch::Receiver<Status>,
    report: watch::Receiver<ModelReport>,
    pid: Option<u32>,
    hang_after: Duration,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    /// Who is told of requests.
    tap: Mutex<Option<mpsc::UnboundedSender<Op>>>,
}

impl Shared {
    fn new(options: &ClientOptions, pid: Option<u32>) -> (Self, Ends) {
        let (line_sender, lines) = mpsc::unbounded_channel();
        let (status_sender, status) = watch::channel(Status::default());
        let (report_sender, report) = watch::channel(ModelReport::default());
        let (stop_sender, stop) = oneshot::channel();
        let shared = Self {
            name: options.spec.to_string(),
            kind: options.spec.kind(),
            next_id: 1.into(),
            routes: Mutex::new(Routes::default()),
            lines: line_sender,
            status,
            report,
            pid,
            hang_after: options.hang_after,
            stop: Mutex::new(Some(stop_sender)),
            tap: Mutex::new(None),
        };
        (shared, Ends { lines, status: status_sender, report: report_sender, stop })
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        // A panic while holding the lock cannot leave the map half changed.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, request: &Request) -> Result<(), EngineError> {
        let mut line = serde_json::to_vec(request).map_err(|error| {
            EngineError::refused(RefusalCode::BadRequest, format!("the request is no JSON: {error}"))
        })?;
        if line.len() > MAX_LINE {
            return Err(EngineError::refused(
                RefusalCode::BadRequest,
                format!("the request is {} bytes long, and {MAX_LINE} is the limit; shorten the prompt", line.len()),
            ));
        }
        line.push(b'\n');
        // A closed channel means the supervisor ended, and it has told every open route why.
        let _ = self.lines.send(line);
        Ok(())
    }

    fn open(&self, op: Op) -> Exchange<'_> {
        if let Some(tap) = self.tap.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // A reader that is gone reads nothing.
            let _ = tap.send(op.clone());
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = mpsc::unbounded_channel();
        let mut routes = self.routes();
        if let Some(error) = &routes.dead {
            let _ = sender.send(Err(error.clone()));
        } else {
            routes.open.insert(id, Route::new(&op, sender.clone()));
            drop(routes);
            if let Err(error) = self.send(&Request { id, op }) {
                self.routes().open.remove(&id);
                let _ = sender.send(Err(error));
            }
        }
        Exchange { id, events, shared: self }
    }

    /// Asks the engine to stop `id`, unless it ended.
    fn cancel(&self, id: u64) {
        if self.routes().open.contains_key(&id) {
            let cancel = self.next_id.fetch_add(1, Ordering::Relaxed);
            // The request is a few bytes long and cannot be refused.
            let _ = self.send(&Request { id: cancel, op: Op::Cancel { target: id } });
        }
    }
}

/// One request and its answers. Dropped before the end, it cancels the request.
struct Exchange<'a> {
    id: u64,
    events: mpsc::UnboundedReceiver<Result<Ev, EngineError>>,
    shared: &'a Shared,
}

impl Exchange<'_> {
    async fn next(&mut self) -> Result<Ev, EngineError> {
        match self.events.recv().await {
            Some(Ok(Ev::Error(refusal))) => Err(EngineError::Refused(refusal)),
            Some(Ok(Ev::Cancelled)) | None => Err(EngineError::Cancelled),
            Some(result) => result,
        }
    }

    /// The final answer; `seen` gets everything before it.
    async fn finish(mut self, mut seen: impl FnMut(Ev)) -> Result<Answer, EngineError> {
        loop {
            match self.next().await? {
                Ev::Done(answer) => return Ok(answer),
                event => seen(event),
            }
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.shared.cancel(self.id);
    }
}

fn log_length(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}

/// The last line that was added to the log beyond `before` bytes, made safe and short.
fn last_words(log: &Path, before: u64) -> Option<String> {
    const LONGEST: usize = 200;
    let bytes = std::fs::read(log).ok()?;
    let added = bytes.get(usize::try_from(before).ok()?..)?;
    let text = String::from_utf8_lossy(added);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(SafeText::line(line).as_str().chars().take(LONGEST).collect())
}

fn unexpected(op: &str) -> EngineError {
    EngineError::refused(
        RefusalCode::Other,
        format!("the engine answered `{op}` with something else; it is another version"),
    )
}

impl EngineClient {
    /// Starts an engine and greets it. Must be called inside a tokio runtime.
    pub async fn start(options: ClientOptions) -> Result<Self, EngineError> {
        let name = options.spec.to_string();
        // Read before the process starts to write there.
        let before = options.log.as_deref().map_or(0, log_length);
        let (shared, supervisor) = supervisor::spawn(&options)?;
        let shared = Arc::new(shared);
        tokio::spawn(supervisor.run(Arc::downgrade(&shared)));
        let answer = shared.open(Op::Hello { version: VERSION }).finish(|_| {}).await.map_err(|error| match error {
            // Nothing was begun yet, so nothing was kept: what counts is why it did not start.
            EngineError::Died { how, .. } => {
                let words = options.log.as_deref().and_then(|log| last_words(log, before));
                let words = words.map_or_else(String::new, |words| format!(", saying `{words}`"));
                EngineError::Start {
                    engine: name.clone(),
                    cause: format!("it ended before it answered ({how}){words}"),
                }
            }
            other => other,
        })?;
        let Answer::Hello(hello) = answer else { return Err(unexpected("hello")) };
        if hello.version != VERSION {
            return Err(EngineError::Version { engine: name, theirs: hello.version, ours: VERSION });
        }
        Ok(Self { shared, hello: Arc::new(hello) })
    }

    /// Who the engine is.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The name a record keeps.
    pub fn kind(&self) -> &str {
        &self.shared.kind
    }

    /// As given by `--engine`.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its process, for tests that kill it.
    pub fn pid(&self) -> Option<u32> {
        self.shared.pid
    }

    /// Loads a model; `progress` gets fractions from 0 to 1.
    pub async fn load(&self, request: LoadRequest, mut progress: impl FnMut(f32)) -> Result<Loaded, EngineError> {
        let exchange = self.shared.open(Op::Load(request));
        let answer = exchange.finish(|event| {
            if let Ev::Progress { fraction } = event {
                progress(fraction);
            }
        });
        match answer.await? {
            Answer::Loaded(loaded) => Ok(loaded),
            _ => Err(unexpected("load")),
        }
    }

    /// Waits until the self-tests of the loaded model have given their class, at most `limit`, and no longer than the
    /// engine shows signs of life; what is not known by then is absent.
    pub async fn model_report(&self, limit: Duration) -> ModelReport {
        let (mut report, mut status) = (self.shared.report.clone(), self.shared.status.clone());
        let silence =
            async { while let Ok(Ok(())) = tokio::time::timeout(self.shared.hang_after, status.changed()).await {} };
        tokio::select! {
            // Known, or the engine is dead.
            _ = report.wait_for(|report| report.class.is_some()) => {}
            () = silence => {}
            () = tokio::time::sleep(limit) => {}
        }
        self.shared.report.borrow().clone()
    }

    /// What the self-tests of the loaded model have found so far.
    pub fn report(&self) -> watch::Receiver<ModelReport> {
        self.shared.report.clone()
    }

    /// Begins to write text.
    pub fn generate(&self, request: GenerateRequest) -> Generation {
        let shared = Arc::clone(&self.shared);
        let exchange = shared.open(Op::Generate(request));
        let (id, events) = exchange.into_parts();
        Generation { id, events, shared, is_over: false }
    }

    /// The probability of each label as the next thing said. `prompt` gets the exact prompt where it was asked for.
    pub async fn score_options(
        &self,
        request: ScoreOptionsRequest,
        mut prompt: impl FnMut(String, usize),
    ) -> Result<OptionScores, EngineError> {
        let op = Op::ScoreOptions(request);
        let answer = self.shared.open(op.clone()).finish(|event| {
            if let Ev::Prompt { text, tokens } = event {
                prompt(text, tokens);
            }
        });
        match answer.await? {
            answer if !tame::answers(&op, &answer) => Err(unexpected(op.name())),
            Answer::Options(scores) => Ok(scores),
            _ => Err(unexpected("score_options")),
        }
    }

    /// The probability of whole texts after one prompt.
    pub async fn score_continuations(
        &self,
        request: ScoreContinuationsRequest,
        mut prompt: impl FnMut(String, usize),
    ) -> Result<ContinuationScores, EngineError> {
        let op = Op::ScoreContinuations(request);
        let answer = self.shared.open(op.clone()).finish(|event| {
            if let Ev::Prompt { text, tokens } = event {
                prompt(text, tokens);
            }
        });
        match answer.await? {
            answer if !tame::answers(&op, &answer) => Err(unexpected(op.name())),
            Answer::Continuations(scores) => Ok(scores),
            _ => Err(unexpected("score_continuations")),
        }
    }

    /// Makes a direction known to the engine, until another model is loaded.
    pub async fn direction(&self, request: DirectionRequest) -> Result<Known, EngineError> {
        let op = Op::Direction(request);
        match self.shared.open(op.clone()).finish(|_| {}).await? {
            answer if !tame::answers(&op, &answer) => Err(unexpected(op.name())),
            Answer::Direction(known) => Ok(known),
            _ => Err(unexpected("direction")),
        }
    }

    /// Makes a direction out of contrast pairs, and makes it known to the engine. `prompt` gets the exact prompt of every
    /// side where they were asked for.
    pub async fn derive_direction(
        &self,
        request: DeriveRequest,
        mut prompt: impl FnMut(String, usize),
    ) -> Result<Derived, EngineError> {
        let op = Op::DeriveDirection(request);
        let answer = self.shared.open(op.clone()).finish(|event| {
            if let Ev::Prompt { text, tokens } = event {
                prompt(text, tokens);
            }
        });
        match answer.await? {
            answer if !tame::answers(&op, &answer) => Err(unexpected(op.name())),
            Answer::Derived(derived) => Ok(derived),
            _ => Err(unexpected("derive_direction")),
        }
    }

    /// How busy the engine is, as it last said.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared.status.clone()
    }

    /// How busy the engine is now: asked, and not waited for.
    pub async fn ask_status(&self) -> Result<Status, EngineError> {
        match self.shared.open(Op::Status).finish(|_| {}).await? {
            // The event comes before the answer.
            Answer::Ok => Ok(*self.shared.status.borrow()),
            _ => Err(unexpected("status")),
        }
    }

    /// Every request from now on, as it is sent, until the next call or until the receiver is dropped; for measuring
    /// the same requests again.
    pub fn requests(&self) -> mpsc::UnboundedReceiver<Op> {
        // Unbounded: as many as are sent, and those are bounded by what a run asks.
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.shared.tap.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Why the engine is gone, if it is.
    pub fn dead(&self) -> Option<EngineError> {
        self.shared.routes().dead.clone()
    }

    /// Stops the process now. Requests in flight end with an error.
    pub fn stop(&self) {
        if let Some(stop) = self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = stop.send(());
        }
    }
}

impl Exchange<'_> {
    /// Takes the parts out without cancelling.
    fn into_parts(mut self) -> (u64, mpsc::UnboundedReceiver<Result<Ev, EngineError>>) {
        let (_, empty) = mpsc::unbounded_channel();
        // The id of no request: dropping the exchange then cancels nothing.
        (std::mem::replace(&mut self.id, u64::MAX), std::mem::replace(&mut self.events, empty))
    }
}

/// A voice being written. Dropped before the end, it is cancelled.
#[derive(Debug)]
pub struct Generation {
    id: u64,
    events: mpsc::UnboundedReceiver<Result<Ev, EngineError>>,
    shared: Arc<Shared>,
    is_over: bool,
}

/// What a voice being written tells.
#[derive(Debug, Clone, PartialEq)]
pub enum GenerationEvent {
    /// The exact prompt, where it was asked for.
    Prompt {
        /// With control tokens as text.
        text: String,
        /// Its length.
        tokens: usize,
    },
    /// One token more.
    Token {
        /// What was added; may be empty.
        text: String,
        /// Natural logarithm of its probability; absent for text that was held back and comes with the end.
        logprob: Option<f64>,
        /// Its id in the model's vocabulary; absent as the probability is.
        token: Option<i32>,
        /// Whether it belongs to what the model thinks before it answers.
        thinking: bool,
        /// What it was drawn from, where the request asked for that.
        drawn_from: Option<DrawnFrom>,
    },
    /// The end.
    Done(Generated),
}

impl Generation {
    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<Result<GenerationEvent, EngineError>> {
        loop {
            if self.is_over {
                return None;
            }
            let event = match self.events.recv().await {
                Some(Ok(Ev::Token { text, logprob, token, thinking, drawn_from })) => {
                    GenerationEvent::Token { text, logprob, token, thinking, drawn_from }
                }
                Some(Ok(Ev::Prompt { text, tokens })) => GenerationEvent::Prompt { text, tokens },
                Some(Ok(Ev::Done(Answer::Generated(generated)))) => {
                    self.is_over = true;
                    GenerationEvent::Done(generated)
                }
                Some(Ok(Ev::Done(_))) => return Some(Err(self.over(unexpected("generate")))),
                Some(Ok(Ev::Error(refusal))) => return Some(Err(self.over(EngineError::Refused(refusal)))),
                Some(Ok(Ev::Cancelled)) | None => return Some(Err(self.over(EngineError::Cancelled))),
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Some(Err(self.over(error))),
            };
            return Some(Ok(event));
        }
    }

    fn over(&mut self, error: EngineError) -> EngineError {
        self.is_over = true;
        error
    }

    /// Asks for the end; what follows is [`EngineError::Cancelled`], unless the voice ended first.
    pub fn cancel(&self) {
        self.shared.cancel(self.id);
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.cancel(self.id);
        }
    }
}
