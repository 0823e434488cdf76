//! The engine's side of the protocol: reads requests from standard input, computes, writes events to standard output.
//!
//! Three threads: one reads lines, so that a `cancel` reaches a computation under way; one computes and owns the
//! model; one says twice a second how busy the engine is, but only while the computation shows signs of life, so that
//! silence means a hang.

mod input;
mod open;
mod sink;

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::protocol::{
    Answer, Ev, Event, Hello, LoadRequest, Loaded, ModelReport, Op, Refusal, RefusalCode, Request, Status, VERSION,
};
use super::scheduler::Scheduler;
use super::scheduler::device::{Device, Pulse, Seq};
use super::states::States;
use input::{Input, Lines};
use open::{MOST_BYTES, OpenRequests};
pub use sink::{LineSink, Sink};

/// How often the engine says how busy it is.
const BEAT: Duration = Duration::from_millis(500);
/// After so long without work states are saved: not between two rounds of one run.
const REST: Duration = Duration::from_millis(400);
/// A computation that does not notice the end of the client for so long is given up.
const LAST_GRACE: Duration = Duration::from_secs(2);
/// Tokens of the largest context; the books alone take a dozen bytes for each.
const MOST_CELLS: u32 = 1 << 24;
/// What a request takes in the queue beside its text, roughly.
const QUEUE_ENTRY: usize = 256;

/// What makes an engine: it greets, loads models, and can test one.
pub trait Loader {
    /// Who the engine is.
    fn hello(&self) -> Hello;
    /// Loads a model. `progress` gets fractions and answers whether to go on.
    fn load(
        &mut self,
        request: &LoadRequest,
        pulse: &Pulse,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<(Box<dyn Device>, Loaded), Refusal>;
    /// Learns what is not known yet about the model that was loaded last; called while nothing else runs, with
    /// sequences that nobody uses. `None` when it was stopped in the middle and is to be asked again.
    fn examine(&mut self, device: &mut dyn Device, seqs: &[Seq]) -> Option<ModelReport>;
    /// Where states of the model that was loaded last are kept; `None` where they are not to be, or cannot be trusted.
    fn states(&self) -> Option<States>;
    /// Threads on an idle machine, where fewer may be used beside other processes; `None` when their number is fixed.
    fn spare_threads(&self) -> Option<usize>;
}

/// Serves requests from `input` until its end.
pub fn serve(input: impl Read + Send + 'static, sink: impl Sink + 'static, loader: &mut dyn Loader) {
    let pulse = Pulse::default();
    let sink: Arc<Mutex<dyn Sink>> = Arc::new(Mutex::new(sink));
    let beat = Arc::new(Beat::default());
    // Unbounded: a reader that waits for a computation that hangs would never see that its client is gone. Their size is
    // counted instead.
    let (sender, inputs) = channel();
    let backlog = Arc::new(AtomicUsize::new(0));
    let (reader_pulse, reader_backlog) = (pulse.clone(), Arc::clone(&backlog));
    let is_over = Arc::new(AtomicBool::new(false));
    let reader_over = Arc::clone(&is_over);
    std::thread::spawn(move || {
        read(input, &sender, &reader_pulse, &reader_backlog);
        // The client is gone: whatever is being computed is for nobody.
        reader_pulse.abort_for_good();
        drop(sender);
        std::thread::sleep(LAST_GRACE);
        if !reader_over.load(Ordering::Acquire) {
            end_at_once();
        }
    });
    let (beat_sink, beat_pulse, beat_state) = (Arc::clone(&sink), pulse.clone(), Arc::clone(&beat));
    let beat_over = Arc::clone(&is_over);
    std::thread::spawn(move || {
        let mut seen = 0;
        while !beat_over.load(Ordering::Acquire) {
            std::thread::sleep(BEAT);
            let ticks = beat_pulse.ticks();
            if beat_state.is_busy.load(Ordering::Relaxed) && ticks != seen {
                let status = *lock(&beat_state.status);
                lock(&beat_sink).send(&[Event { id: None, ev: Ev::Status(status) }]);
            }
            seen = ticks;
        }
    });
    Host::new(loader, pulse, sink, beat).run(&inputs, &backlog);
    is_over.store(true, Ordering::Release);
}

/// Serves all of `input` on this thread alone, with `steps` steps of computation after each line, and answers what is
/// still open at the end; no heartbeats and no self-tests. `false` when it does not come to an end. For tests.
#[doc(hidden)]
pub fn serve_at_once(input: impl Read, sink: impl Sink + 'static, loader: &mut dyn Loader, steps: usize) -> bool {
    const MOST_STEPS: usize = 1_000_000;
    let mut host = Host::new(loader, Pulse::default(), Arc::new(Mutex::new(sink)), Arc::default());
    let mut lines = Lines::new(input);
    loop {
        match lines.next().0 {
            Input::End => break,
            // No input may name files to write.
            Input::Request(Request { id, op: Op::Load(request) }) => {
                let request = LoadRequest { data: None, ..request };
                host.take(Input::Request(Request { id, op: Op::Load(request) }));
            }
            input => host.take(input),
        }
        for _ in 0..steps {
            host.pulse.reset();
            host.step();
        }
    }
    let mut left = MOST_STEPS;
    while left > 0 && !host.over && host.scheduler.as_ref().is_some_and(Scheduler::is_busy) {
        host.pulse.reset();
        host.step();
        left -= 1;
    }
    left > 0
}

fn refused(code: RefusalCode, message: impl Into<String>) -> Ev {
    Ev::Error(Refusal { code, message: message.into() })
}

/// Ends the process without running anything else: other threads may be deep inside a computation.
fn end_at_once() -> ! {
    #[cfg(unix)]
    {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    std::process::abort()
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the third thread tells.
#[derive(Default)]
struct Beat {
    is_busy: AtomicBool,
    status: Mutex<Status>,
}

/// A request on its way to the computation, and the bytes it took.
struct Queued {
    input: Input,
    size: usize,
}

fn read(input: impl Read, sender: &Sender<Queued>, pulse: &Pulse, backlog: &AtomicUsize) {
    let mut lines = Lines::new(input);
    loop {
        let (input, length) = lines.next();
        match &input {
            Input::Request(Request { op: Op::Cancel { target }, .. }) => pulse.abort_for(*target),
            _ if pulse.is_for_nobody() => pulse.abort(),
            _ => {}
        }
        // Even an empty one takes memory.
        let size = length + QUEUE_ENTRY;
        if backlog.fetch_add(size, Ordering::AcqRel) + size > MOST_BYTES {
            // It cannot be answered any more: nobody works off what is there, or nobody reads what is answered.
            eprintln!("the client sent {MOST_BYTES} bytes more than were worked off; the engine ends");
            end_at_once();
        }
        let is_end = matches!(input, Input::End);
        if sender.send(Queued { input, size }).is_err() || is_end {
            return;
        }
    }
}

struct Host<'a> {
    loader: &'a mut dyn Loader,
    pulse: Pulse,
    sink: Arc<Mutex<dyn Sink>>,
    beat: Arc<Beat>,
    scheduler: Option<Scheduler>,
    open: OpenRequests,
    unexamined: bool,
    /// Whether there may be states to save.
    unsaved: bool,
    over: bool,
}

impl<'a> Host<'a> {
    fn new(loader: &'a mut dyn Loader, pulse: Pulse, sink: Arc<Mutex<dyn Sink>>, beat: Arc<Beat>) -> Self {
        let open = OpenRequests::default();
        Self { loader, pulse, sink, beat, scheduler: None, open, unexamined: false, unsaved: false, over: false }
    }

    fn run(&mut self, inputs: &Receiver<Queued>, backlog: &AtomicUsize) {
        let worked_off = |queued: Queued| {
            backlog.fetch_sub(queued.size, Ordering::AcqRel);
            queued.input
        };
        while !self.over {
            // Everything that is there, and if there is nothing to do, wait for more.
            while let Ok(queued) = inputs.try_recv() {
                self.take(worked_off(queued));
                if self.over {
                    return;
                }
            }
            self.pulse.reset();
            let is_busy = self.scheduler.as_ref().is_some_and(Scheduler::is_busy);
            self.beat.is_busy.store(is_busy, Ordering::Relaxed);
            if is_busy {
                self.step();
                continue;
            }
            if std::mem::take(&mut self.unexamined) {
                self.examine();
                continue;
            }
            let patience = if self.unsaved { REST } else { Duration::from_secs(3600) };
            match inputs.recv_timeout(patience) {
                Ok(queued) => {
                    self.unsaved = true;
                    self.take(worked_off(queued));
                }
                // One at a time, so that a request waits for one file at most.
                Err(RecvTimeoutError::Timeout) => {
                    self.unsaved = self.scheduler.as_mut().is_some_and(Scheduler::save_one);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn send(&mut self, events: &[Event]) {
        self.open.note_ends(events);
        if !events.is_empty() && !lock(&self.sink).send(events) {
            self.over = true;
        }
    }

    fn answer(&mut self, id: u64, ev: Ev) {
        self.send(&[Event { id: Some(id), ev }]);
    }

    fn step(&mut self) {
        let Some(scheduler) = &mut self.scheduler else { return };
        scheduler.step();
        self.pulse.tick();
        let events = scheduler.take_events();
        *lock(&self.beat.status) = scheduler.status();
        self.send(&events);
    }

    fn take(&mut self, input: Input) {
        let Request { id, op } = match input {
            Input::Request(request) => request,
            Input::Wrong { id, message } => {
                // A request that goes on must not seem to end.
                let id = id.filter(|id| !self.open.has(*id)).unwrap_or(0);
                return self.answer(id, refused(RefusalCode::BadRequest, message));
            }
            Input::End => {
                self.over = true;
                return;
            }
        };
        if self.open.has(id) {
            let message = format!("the id {id} is that of a request that is still open; give each an id of its own");
            return self.answer(0, refused(RefusalCode::BadRequest, message));
        }
        match op {
            Op::Hello { version } => self.hello(id, version),
            Op::Load(request) => self.load(id, &request),
            Op::Cancel { target } => {
                if let Some(scheduler) = &mut self.scheduler {
                    scheduler.cancel(target);
                    let events = scheduler.take_events();
                    self.send(&events);
                }
                self.answer(id, Ev::Done(Answer::Ok));
            }
            Op::Status => {
                let status = self.scheduler.as_ref().map(Scheduler::status).unwrap_or_default();
                self.send(&[
                    Event { id: None, ev: Ev::Status(status) },
                    Event { id: Some(id), ev: Ev::Done(Answer::Ok) },
                ]);
            }
            Op::Generate(_)
            | Op::ScoreOptions(_)
            | Op::ScoreContinuations(_)
            | Op::Direction(_)
            | Op::DeriveDirection(_)
            | Op::Adapter(_)
            | Op::Embed(_) => {
                self.submit(id, &op);
            }
        }
    }

    fn submit(&mut self, id: u64, op: &Op) {
        let Some(scheduler) = &mut self.scheduler else {
            return self.answer(id, refused(RefusalCode::NoModel, "no model is loaded; send `load` first"));
        };
        if let Err(refusal) = self.open.add(id, op) {
            return self.answer(id, Ev::Error(refusal));
        }
        match op {
            Op::Generate(request) => scheduler.generate(id, request),
            Op::ScoreOptions(request) => scheduler.score_options(id, request),
            Op::ScoreContinuations(request) => scheduler.score_continuations(id, request),
            Op::Direction(request) => scheduler.add_direction(id, request),
            Op::DeriveDirection(request) => scheduler.derive_direction(id, request),
            Op::Adapter(request) => scheduler.add_adapter(id, request),
            Op::Embed(request) => scheduler.embed(id, request),
            Op::Hello { .. } | Op::Load(_) | Op::Cancel { .. } | Op::Status => {}
        }
        let events = scheduler.take_events();
        self.send(&events);
    }

    fn hello(&mut self, id: u64, version: u32) {
        if version == VERSION {
            let hello = self.loader.hello();
            return self.answer(id, Ev::Done(Answer::Hello(hello)));
        }
        let message = format!(
            "this engine speaks version {VERSION} of the protocol and the program version {version}; install the same Parallax on both sides"
        );
        self.answer(id, refused(RefusalCode::Version, message));
    }

    fn load(&mut self, id: u64, request: &LoadRequest) {
        // The old model goes first: two may not fit.
        if let Some(mut old) = self.scheduler.take() {
            old.cancel_all();
            let events = old.take_events();
            self.send(&events);
        }
        self.beat.is_busy.store(true, Ordering::Relaxed);
        self.pulse.begin_loading(id);
        let (sink, pulse) = (Arc::clone(&self.sink), self.pulse.clone());
        let mut last = -1.0f32;
        let mut progress = |fraction: f32| {
            pulse.tick();
            if fraction - last >= 0.01 || fraction >= 1.0 {
                last = fraction;
                lock(&sink).send(&[Event { id: Some(id), ev: Ev::Progress { fraction } }]);
            }
            !pulse.must_stop()
        };
        let result = match request.context {
            Some(cells) if cells > MOST_CELLS => {
                let message =
                    format!("a context of {cells} tokens is more than any model reads ({MOST_CELLS}); lower --ctx");
                Err(Refusal { code: RefusalCode::Memory, message })
            }
            _ => self.loader.load(request, &self.pulse, &mut progress),
        };
        let was_stopped = self.pulse.end_loading();
        match result {
            Ok((device, loaded)) => {
                let mut scheduler = Scheduler::new(device, self.pulse.clone());
                if let Some(most) = self.loader.spare_threads() {
                    scheduler.share_cores(most);
                }
                *lock(&self.beat.status) = scheduler.status();
                self.scheduler = Some(scheduler);
                self.unexamined = true;
                self.answer(id, Ev::Done(Answer::Loaded(loaded)));
            }
            Err(_) if was_stopped => self.answer(id, Ev::Cancelled),
            Err(refusal) => self.answer(id, Ev::Error(refusal)),
        }
    }

    fn examine(&mut self) {
        let Some((device, seqs)) = self.scheduler.as_mut().and_then(Scheduler::spare) else { return };
        self.beat.is_busy.store(true, Ordering::Relaxed);
        self.pulse.set_for_nobody(true);
        let report = self.loader.examine(device, &seqs);
        self.pulse.set_for_nobody(false);
        match report {
            Some(report) => {
                if let (Some(states), Some(scheduler)) = (self.loader.states(), &mut self.scheduler) {
                    scheduler.use_states(states);
                }
                if let (Some("off"), Some(scheduler)) = (report.steering.as_deref(), &mut self.scheduler) {
                    scheduler.switch_steering_off(report.steering_detail.clone().unwrap_or_default());
                }
                self.send(&[Event { id: None, ev: Ev::Model(report) }]);
            }
            None => self.unexamined = true,
        }
    }
}
