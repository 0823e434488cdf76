//! Faults on demand: what a real engine may do at its worst, after a given number of events.

use std::io::Write;
use std::time::Duration;

use crate::engine::host::{LineSink, Sink};
use crate::engine::protocol::{Event, MAX_LINE};
use crate::engine::spec::{Fault, FaultKind};

/// A sink that goes wrong.
#[derive(Debug)]
pub struct FaultySink<W> {
    inner: LineSink<W>,
    fault: Option<Fault>,
    sent: u64,
}

impl<W: Write + Send> FaultySink<W> {
    /// A sink that goes wrong as `fault` says.
    pub fn new(inner: LineSink<W>, fault: Option<Fault>) -> Self {
        Self { inner, fault, sent: 0 }
    }

    fn go_wrong(&mut self, kind: FaultKind) -> bool {
        match kind {
            FaultKind::Crash => std::process::abort(),
            FaultKind::Exit => std::process::exit(0),
            FaultKind::Hang => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            FaultKind::Garbage => {
                let line = b"\x1b[2Jllama_decode: something went wrong\n";
                self.inner.0.write_all(line).and_then(|()| self.inner.0.flush()).is_ok()
            }
            FaultKind::LongLine => {
                let line = vec![b'x'; MAX_LINE + 2];
                self.inner.0.write_all(&line).and_then(|()| self.inner.0.flush()).is_ok()
            }
            FaultKind::Slow | FaultKind::Think | FaultKind::Bias => true,
        }
    }
}

impl<W: Write + Send> Sink for FaultySink<W> {
    fn send(&mut self, events: &[Event]) -> bool {
        for event in events {
            if let Some(fault) = self.fault
                && !matches!(fault.kind, FaultKind::Slow | FaultKind::Think | FaultKind::Bias)
                && self.sent == fault.after
                && !self.go_wrong(fault.kind)
            {
                return false;
            }
            self.sent += 1;
            if !self.inner.send(std::slice::from_ref(event)) {
                return false;
            }
        }
        true
    }
}
