//! Where answers go, and how many of them one request can have: an engine that floods a request is no engine.

use std::collections::HashMap;

use tokio::sync::mpsc::UnboundedSender;

use crate::engine::error::EngineError;
use crate::engine::protocol::{Ev, MAX_LINE, Op};

/// Events of a load: a well-behaved engine says every hundredth.
const LOAD_EVENTS: usize = 10_000;
/// Events beside the tokens of a voice, and all of a scoring: the prompt, the end of text that was held back.
const FEW_EVENTS: usize = 16;
/// Bytes of a token's line.
const TOKEN_BYTES: usize = 1024;

/// Requests that wait for answers.
#[derive(Debug, Default)]
pub(super) struct Routes {
    pub(super) open: HashMap<u64, Route>,
    pub(super) dead: Option<EngineError>,
}

/// Where the answers to one request go.
#[derive(Debug)]
pub(super) struct Route {
    // Unbounded: the number of events has its limit here, and the reader is the one who asked for them. A bounded
    // channel would let a single reader that pauses stop the answers of all others.
    sender: UnboundedSender<Result<Ev, EngineError>>,
    events_left: usize,
    bytes_left: usize,
}

impl Route {
    pub(super) fn new(op: &Op, sender: UnboundedSender<Result<Ev, EngineError>>) -> Self {
        let tokens = match op {
            Op::Generate(request) => request.max_tokens,
            Op::Load(_) => LOAD_EVENTS,
            // The prompt of every side.
            Op::DeriveDirection(request) => 2 * (request.pairs.len() + request.held_out.len()),
            _ => 0,
        };
        let events_left = tokens.saturating_add(FEW_EVENTS);
        Self { sender, events_left, bytes_left: events_left.saturating_mul(TOKEN_BYTES).saturating_add(2 * MAX_LINE) }
    }
}

impl Routes {
    /// Hands an event of `length` bytes to whoever asked for it; what is wrong with it, where nobody can have asked for
    /// so much.
    pub(super) fn deliver(&mut self, id: u64, ev: Ev, length: usize) -> Result<(), String> {
        // Late events of a request that was dropped or has ended, and answers to `cancel`, have no route.
        if matches!(ev, Ev::Done(_) | Ev::Error(_) | Ev::Cancelled) {
            if let Some(route) = self.open.remove(&id) {
                // Whoever asked may have gone.
                let _ = route.sender.send(Ok(ev));
            }
            return Ok(());
        }
        let Some(route) = self.open.get_mut(&id) else { return Ok(()) };
        let (Some(events), Some(bytes)) = (route.events_left.checked_sub(1), route.bytes_left.checked_sub(length))
        else {
            return Err("more of it than one request can have".to_owned());
        };
        (route.events_left, route.bytes_left) = (events, bytes);
        let _ = route.sender.send(Ok(ev));
        Ok(())
    }

    /// Ends every request with `error`, those to come too.
    pub(super) fn end(&mut self, error: &EngineError) {
        self.dead = Some(error.clone());
        for (_, route) in self.open.drain() {
            let _ = route.sender.send(Err(error.clone()));
        }
    }
}
