//! The engine's side of the protocol: reads requests from standard input, computes, writes events to standard output.
//!
//! Three threads: one reads lines, so that a `cancel` reaches a computation under way; one computes and owns the
//! model; one says twice a second how busy the engine is, but only while the computation shows signs of life, so that
//! silence means a hang.

use std::io::{BufRead, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::protocol::{
    Answer, Ev, Event, Hello, LoadRequest, Loaded, MAX_LINE, ModelReport, Op, Refusal, RefusalCode, Request, Status,
    VERSION,
};
use super::scheduler::Scheduler;
use super::scheduler::device::{Device, Pulse, Seq};
use super::states::States;

/// How often the engine says how busy it is.
const BEAT: Duration = Duration::from_millis(500);
/// After so long without work states are saved: not between two rounds of one run.
const REST: Duration = Duration::from_millis(400);
/// A computation that does not notice the end of the client for so long is given up.
const LAST_GRACE: Duration = Duration::from_secs(2);

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

/// Where events go. `false` from [`Sink::send`] means that nobody listens any more.
pub trait Sink: Send {
    /// Writes events and makes sure that they leave.
    fn send(&mut self, events: &[Event]) -> bool;
}

/// Events as JSON Lines.
#[derive(Debug)]
pub struct LineSink<W>(pub W);

impl<W: Write + Send> Sink for LineSink<W> {
    fn send(&mut self, events: &[Event]) -> bool {
        let mut lines = Vec::new();
        for event in events {
            // Every event is plain data; one that cannot be written would be a bug, and the id must still end.
            if serde_json::to_writer(&mut lines, event).is_err() {
                return false;
            }
            lines.push(b'\n');
        }
        self.0.write_all(&lines).and_then(|()| self.0.flush()).is_ok()
    }
}

/// What the reader hands to the computation.
enum Input {
    Request(Request),
    /// A line that is no request.
    Wrong {
        id: Option<u64>,
        message: String,
    },
    End,
}

/// Serves requests from `input` until its end.
pub fn serve(input: impl Read + Send + 'static, sink: impl Sink + 'static, loader: &mut dyn Loader) {
    let pulse = Pulse::default();
    let sink: Arc<Mutex<dyn Sink>> = Arc::new(Mutex::new(sink));
    let beat = Arc::new(Beat::default());
    // Unbounded: a reader that waits for a computation that hangs would never see that its client is gone.
    let (sender, inputs) = channel();
    let reader_pulse = pulse.clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let reader_over = Arc::clone(&is_over);
    std::thread::spawn(move || {
        read(input, &sender, &reader_pulse);
        // The client is gone: whatever is being computed is for nobody.
        reader_pulse.abort();
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
    Host { loader, pulse, sink, beat, scheduler: None, unexamined: false, unsaved: false, over: false }.run(&inputs);
    is_over.store(true, Ordering::Release);
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

fn read(input: impl Read, sender: &Sender<Input>, pulse: &Pulse) {
    let mut input = std::io::BufReader::with_capacity(64 << 10, input);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = MAX_LINE as u64 + 1;
        let Ok(length) = input.by_ref().take(limit).read_until(b'\n', &mut line) else { return };
        if length == 0 {
            let _ = sender.send(Input::End);
            return;
        }
        let next = if line.last() != Some(&b'\n') && line.len() > MAX_LINE {
            // The rest of the line has to go before the next one can be read.
            if skip_line(&mut input).is_err() {
                return;
            }
            Input::Wrong { id: None, message: format!("a request is longer than {MAX_LINE} bytes; shorten the prompt") }
        } else if line.last() != Some(&b'\n') {
            // Broken off by the end of the stream.
            let _ = sender.send(Input::End);
            return;
        } else if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        } else {
            parse(&line)
        };
        match &next {
            Input::Request(Request { op: Op::Cancel { target }, .. }) => pulse.abort_for(*target),
            _ if pulse.is_for_nobody() => pulse.abort(),
            _ => {}
        }
        if sender.send(next).is_err() {
            return;
        }
    }
}

fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (taken, is_done) = (end.map_or(chunk.len(), |end| end + 1), end.is_some() || chunk.is_empty());
        input.consume(taken);
        if is_done {
            return Ok(());
        }
    }
}

fn parse(line: &[u8]) -> Input {
    match serde_json::from_slice::<Request>(line) {
        Ok(request) => Input::Request(request),
        Err(error) => {
            let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
            let id = value.as_ref().and_then(|value| value.get("id")?.as_u64());
            let op = value.as_ref().and_then(|value| value.get("op")?.as_str());
            let message = match op {
                Some(op) => format!("the request `{op}` is not understood: {error}"),
                None => format!("a line is not a request: {error}"),
            };
            Input::Wrong { id, message }
        }
    }
}

struct Host<'a> {
    loader: &'a mut dyn Loader,
    pulse: Pulse,
    sink: Arc<Mutex<dyn Sink>>,
    beat: Arc<Beat>,
    scheduler: Option<Scheduler>,
    unexamined: bool,
    /// Whether there may be states to save.
    unsaved: bool,
    over: bool,
}

impl Host<'_> {
    fn run(&mut self, inputs: &Receiver<Input>) {
        while !self.over {
            // Everything that is there, and if there is nothing to do, wait for more.
            while let Ok(input) = inputs.try_recv() {
                self.take(input);
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
                Ok(input) => {
                    self.unsaved = true;
                    self.take(input);
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
                let refusal = Refusal { code: RefusalCode::BadRequest, message };
                return self.send(&[Event { id: Some(id.unwrap_or(0)), ev: Ev::Error(refusal) }]);
            }
            Input::End => {
                self.over = true;
                return;
            }
        };
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
            Op::Generate(_) | Op::ScoreOptions(_) | Op::ScoreContinuations(_) => self.submit(id, &op),
        }
    }

    fn submit(&mut self, id: u64, op: &Op) {
        let Some(scheduler) = &mut self.scheduler else {
            let message = "no model is loaded; send `load` first".to_owned();
            return self.answer(id, Ev::Error(Refusal { code: RefusalCode::NoModel, message }));
        };
        match op {
            Op::Generate(request) => scheduler.generate(id, request),
            Op::ScoreOptions(request) => scheduler.score_options(id, request),
            Op::ScoreContinuations(request) => scheduler.score_continuations(id, request),
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
        self.answer(id, Ev::Error(Refusal { code: RefusalCode::Version, message }));
    }

    fn load(&mut self, id: u64, request: &LoadRequest) {
        // The old model goes first: two may not fit.
        if let Some(mut old) = self.scheduler.take() {
            old.cancel_all();
            let events = old.take_events();
            self.send(&events);
        }
        self.beat.is_busy.store(true, Ordering::Relaxed);
        self.pulse.begin(true);
        self.pulse.set_loading(Some(id));
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
        let result = self.loader.load(request, &self.pulse, &mut progress);
        self.pulse.set_loading(None);
        self.pulse.begin(false);
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
            Err(_) if self.was_aborted() => self.answer(id, Ev::Cancelled),
            Err(refusal) => self.answer(id, Ev::Error(refusal)),
        }
    }

    fn was_aborted(&self) -> bool {
        self.pulse.begin(true);
        let aborted = self.pulse.must_stop();
        self.pulse.begin(false);
        aborted
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
                self.send(&[Event { id: None, ev: Ev::Model(report) }]);
            }
            None => self.unexamined = true,
        }
    }
}
