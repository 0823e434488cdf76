//! The one writer: a thread of its own that owns the connection and takes in events through a bounded channel.
//!
//! Order is what makes this safe: a voice refers to its pane and a pane to its run, so events are applied exactly as they
//! were sent. Whatever waits in the channel is committed together, because a commit costs a wait for the disk and a voice
//! costs microseconds; a voice alone in the channel is committed alone, at once.
//!
//! The text of voices under way is written every [`PROGRESS`], so that a kill loses little of what was on the screen.
//!
//! When a run cannot be stored (a full disk), its caller hears it once, the rest of that run is not stored, and its
//! record stands as interrupted: a record with a hole in it that looks whole would be worse. The next run tries anew.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::error::{StoreError, shown};
use super::{record, schema};
use crate::domain::RunEvent;

/// Events that may wait for the disk.
const WAITING: usize = 256;
/// How old text that is not on disk may become.
const PROGRESS: Duration = Duration::from_millis(200);
/// How often a thread that may not block on the channel looks for room in it.
const RETRY: Duration = Duration::from_millis(1);

/// The store, open for writing. Closed when dropped.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    outbox: mpsc::Sender<Message>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
    runs: AtomicU64,
}

/// Stores one run. Dropping it before [`RunEvent::Finished`] leaves the run interrupted.
#[derive(Debug)]
pub struct RunWriter {
    outbox: mpsc::Sender<Message>,
    run: Arc<RunSlot>,
}

/// What a run's writer and the thread share.
#[derive(Debug)]
struct RunSlot {
    key: u64,
    path: PathBuf,
    trouble: Mutex<Trouble>,
}

/// The first error of a run, told once.
#[derive(Debug, Default)]
struct Trouble {
    untold: Option<StoreError>,
    happened: bool,
}

#[derive(Debug)]
enum Message {
    Event(Arc<RunSlot>, Box<RunEvent>),
    /// No more events of this run will come.
    End(u64),
    /// Everything before this is to be on disk.
    Flush(Waiter),
    Close,
}

/// Who waits for a flush.
#[derive(Debug)]
enum Waiter {
    Task(oneshot::Sender<()>),
    Thread(std::sync::mpsc::Sender<()>),
}

impl Store {
    /// Opens the database at `path`, makes it where there is none, marks the runs of processes that were killed, and
    /// starts the writer.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_to_write(path)?;
        Self::start(path, connection)
    }

    fn start(path: &Path, connection: Connection) -> Result<Self, StoreError> {
        record::recover(&connection).map_err(|error| StoreError::sqlite(path, &error))?;
        let failed = |error: std::io::Error| StoreError::Failed { path: shown(path), cause: error.to_string() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        // Full: the producer waits. Nothing of a run may be left out, and a disk that is slower than a model for
        // hundreds of events in a row is a reason to be slow, not to use up memory.
        let (outbox, inbox) = mpsc::channel(WAITING);
        let thread = Thread { path: path.to_owned(), connection, inbox, runs: HashMap::new(), text_due: None };
        let thread =
            std::thread::Builder::new().name("store".into()).spawn(move || thread.work(&runtime)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), outbox, thread: Some(thread), runs: AtomicU64::new(0) })
    }

    /// A writer for one more run.
    pub fn run_writer(&self) -> RunWriter {
        let key = self.runs.fetch_add(1, Ordering::Relaxed);
        let run = RunSlot { key, path: self.path.clone(), trouble: Mutex::default() };
        RunWriter { outbox: self.outbox.clone(), run: Arc::new(run) }
    }

    /// Writes what was sent so far, closes the database and ends the thread. Runs that are not finished stand as
    /// interrupted; their writers report [`StoreError::Closed`] if they go on.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), StoreError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        send_blocking(&self.outbox, Message::Close);
        thread.join().unwrap_or_else(|_| Err(StoreError::Closed { path: shown(&self.path) }))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!("{error}");
        }
    }
}

impl RunWriter {
    /// Sends `event` to the disk; waits only while the channel is full. [`RunEvent::PaneSoFar`] is for the screen alone
    /// and goes no further.
    ///
    /// An error is the first one of this run, told once, and may be about an earlier event. The run can go on; nothing
    /// more of it is stored.
    pub async fn record(&self, event: &RunEvent) -> Result<(), StoreError> {
        if matches!(event, RunEvent::PaneSoFar { .. }) {
            return self.outcome(true);
        }
        let sent = self.outbox.send(Message::Event(Arc::clone(&self.run), Box::new(event.clone()))).await;
        self.outcome(sent.is_ok())
    }

    /// [`RunWriter::record`] for code outside async tasks.
    pub fn record_blocking(&self, event: &RunEvent) -> Result<(), StoreError> {
        if matches!(event, RunEvent::PaneSoFar { .. }) {
            return self.outcome(true);
        }
        let message = Message::Event(Arc::clone(&self.run), Box::new(event.clone()));
        self.outcome(send_blocking(&self.outbox, message))
    }

    /// Waits until everything sent so far is on disk, or tells the first error of this run if it was not told yet.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (waiter, done) = oneshot::channel();
        let sent = self.outbox.send(Message::Flush(Waiter::Task(waiter))).await;
        self.outcome(sent.is_ok() && done.await.is_ok())
    }

    /// [`RunWriter::flush`] for code outside async tasks.
    pub fn flush_blocking(&self) -> Result<(), StoreError> {
        let (waiter, done) = std::sync::mpsc::channel();
        let sent = send_blocking(&self.outbox, Message::Flush(Waiter::Thread(waiter)));
        self.outcome(sent && done.recv().is_ok())
    }

    fn outcome(&self, reached: bool) -> Result<(), StoreError> {
        if !reached {
            self.run.report(StoreError::Closed { path: shown(&self.run.path) });
        }
        self.run.lock().untold.take().map_or(Ok(()), Err)
    }
}

impl Drop for RunWriter {
    fn drop(&mut self) {
        // Full or closed: the run is marked when the store is closed, or when it is next opened.
        let _ = self.outbox.try_send(Message::End(self.run.key));
    }
}

/// Whether `message` was taken. Tokio's own blocking send panics where a task runs, which may be where this is called.
fn send_blocking(outbox: &mpsc::Sender<Message>, mut message: Message) -> bool {
    loop {
        match outbox.try_send(message) {
            Ok(()) => return true,
            Err(TrySendError::Closed(_)) => return false,
            Err(TrySendError::Full(back)) => message = back,
        }
        std::thread::sleep(RETRY);
    }
}

impl RunSlot {
    fn lock(&self) -> std::sync::MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, error: StoreError) {
        let mut trouble = self.lock();
        if !trouble.happened {
            trouble.happened = true;
            trouble.untold = Some(error);
        }
    }
}

/// The thread's side.
struct Thread {
    path: PathBuf,
    connection: Connection,
    inbox: mpsc::Receiver<Message>,
    runs: HashMap<u64, Recording>,
    /// When text that is not on disk has to be there.
    text_due: Option<Instant>,
}

/// A run on its way to the disk.
struct Recording {
    slot: Arc<RunSlot>,
    /// In the table of runs, once it has begun.
    number: Option<i64>,
    /// What was added to voices and is not on disk, by pane and voice.
    text: BTreeMap<(usize, String), String>,
    failed: bool,
}

/// One thing to write.
#[derive(Clone, Copy)]
enum Work<'a> {
    Event(u64, &'a RunEvent),
    Text(u64),
}

/// Messages that are dealt with together.
#[derive(Default)]
struct Batch {
    events: Vec<(u64, Box<RunEvent>)>,
    ends: Vec<u64>,
    waiters: Vec<Waiter>,
    close: bool,
}

impl Thread {
    fn work(mut self, runtime: &tokio::runtime::Runtime) -> Result<(), StoreError> {
        loop {
            let mut batch = Batch::default();
            let due = self.text_due;
            let next = runtime.block_on(async {
                match due {
                    Some(due) => tokio::time::timeout_at(due, self.inbox.recv()).await,
                    None => Ok(self.inbox.recv().await),
                }
            });
            match next {
                Ok(Some(message)) => self.sort(message, &mut batch),
                Ok(None) => batch.close = true,
                Err(_) => {}
            }
            while batch.events.len() < WAITING
                && !batch.close
                && let Ok(message) = self.inbox.try_recv()
            {
                self.sort(message, &mut batch);
            }
            self.commit(&batch);
            let ended = batch.ends.iter().filter_map(|key| self.runs.remove(key)).collect();
            self.interrupt(ended).unwrap_or_else(|error| tracing::warn!("{error}"));
            for waiter in batch.waiters {
                // Whoever no longer waits has nothing to learn.
                match waiter {
                    Waiter::Task(waiter) => drop(waiter.send(())),
                    Waiter::Thread(waiter) => drop(waiter.send(())),
                }
            }
            if batch.close {
                let ended = self.runs.drain().map(|(_, run)| run).collect();
                self.interrupt(ended)?;
                let closed = self.connection.close();
                return closed.map_err(|(_, error)| StoreError::sqlite(&self.path, &error));
            }
        }
    }

    fn sort(&mut self, message: Message, batch: &mut Batch) {
        match message {
            Message::Event(slot, event) => {
                let key = slot.key;
                let run = self.runs.entry(key).or_insert_with(|| Recording::new(slot));
                run.buffer(&event);
                if !run.text.is_empty() && self.text_due.is_none() {
                    self.text_due = Some(Instant::now() + PROGRESS);
                }
                if !matches!(*event, RunEvent::VoiceText { .. }) {
                    batch.events.push((key, event));
                }
            }
            Message::End(key) => batch.ends.push(key),
            Message::Flush(waiter) => batch.waiters.push(waiter),
            Message::Close => batch.close = true,
        }
    }

    /// Writes the batch, and text that is due, in one transaction. If that fails, each piece gets its own, so that one
    /// run's trouble does not become another's.
    fn commit(&mut self, batch: &Batch) {
        let mut works: Vec<Work<'_>> = batch.events.iter().map(|(key, event)| Work::Event(*key, event)).collect();
        let due = self.text_due.is_some_and(|due| due <= Instant::now());
        if due || !batch.waiters.is_empty() || !batch.ends.is_empty() || batch.close {
            works.extend(self.runs.iter().filter(|(_, run)| !run.text.is_empty()).map(|(key, _)| Work::Text(*key)));
            self.text_due = None;
        }
        if works.is_empty() || self.write(&works).is_ok() {
            return;
        }
        for work in works {
            if let Err(error) = self.write(&[work]) {
                self.fail(work.run(), error);
            }
        }
    }

    /// All of `works`, or nothing of it.
    fn write(&mut self, works: &[Work<'_>]) -> Result<(), StoreError> {
        let outcome = self.try_write(works);
        for work in works {
            let Some(run) = self.runs.get_mut(&work.run()) else { continue };
            match (work, &outcome) {
                (Work::Text(_), Ok(())) => run.text.clear(),
                // The number went with the transaction, and is free for somebody else's run.
                (Work::Event(_, RunEvent::Started { .. }), Err(_)) => run.number = None,
                _ => {}
            }
        }
        outcome
    }

    fn try_write(&mut self, works: &[Work<'_>]) -> Result<(), StoreError> {
        let Self { path, connection, runs, .. } = self;
        if works.iter().all(|work| runs.get(&work.run()).is_none_or(|run| run.failed)) {
            return Ok(());
        }
        let failed = |error: rusqlite::Error| StoreError::sqlite(path, &error);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for work in works {
            let Some(run) = runs.get_mut(&work.run()).filter(|run| !run.failed) else { continue };
            match (work, run.number) {
                (Work::Event(_, event @ RunEvent::Started { .. }), _) => {
                    let mut number = 0;
                    record::event(&transaction, &mut number, event).map_err(failed)?;
                    run.number = Some(number);
                }
                (Work::Event(_, event), Some(mut number)) => {
                    record::event(&transaction, &mut number, event).map_err(failed)?;
                }
                (Work::Text(_), Some(number)) => {
                    for ((pane, voice), text) in &run.text {
                        record::append_text(&transaction, number, *pane, voice, text).map_err(failed)?;
                    }
                }
                (_, None) => return Err(StoreError::NotStarted { path: shown(path) }),
            }
        }
        transaction.commit().map_err(failed)
    }

    fn fail(&mut self, key: u64, error: StoreError) {
        let Some(run) = self.runs.get_mut(&key) else { return };
        tracing::warn!("{error}");
        run.failed = true;
        run.text.clear();
        run.slot.report(error);
        if let Some(number) = run.number {
            // Best effort: what made the run fail may still be there. It is marked at the next opening, then.
            let _ = record::interrupt(&self.connection, number);
        }
    }

    /// Marks those of `runs` that did not reach their end.
    fn interrupt(&self, runs: Vec<Recording>) -> Result<(), StoreError> {
        let numbers = runs.into_iter().filter_map(|run| run.number);
        numbers
            .map(|number| record::interrupt(&self.connection, number))
            .fold(Ok(()), Result::and)
            .map_err(|error| StoreError::sqlite(&self.path, &error))
    }
}

impl Work<'_> {
    fn run(self) -> u64 {
        match self {
            Self::Event(key, _) | Self::Text(key) => key,
        }
    }
}

impl Recording {
    fn new(slot: Arc<RunSlot>) -> Self {
        Self { slot, number: None, text: BTreeMap::new(), failed: false }
    }

    fn buffer(&mut self, event: &RunEvent) {
        match event {
            // What is thought is written with the voice, never into its answer.
            RunEvent::VoiceText { thinking: true, .. } => {}
            RunEvent::VoiceText { pane, voice, delta, .. } if !self.failed => {
                self.text.entry((*pane, voice.clone())).or_default().push_str(delta);
            }
            // The whole text is written with the voice.
            RunEvent::VoiceDone { pane, voice } => {
                self.text.remove(&(*pane, voice.id.clone()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
