//! The requests that are open, and how many of them an engine takes on.

use std::collections::HashMap;

use crate::engine::protocol::{Adapted, Ev, Event, Op, Prompt, Refusal, RefusalCode, Steer};

/// Bytes of requests that may be open, and that may wait to be looked at: far more than any run asks for.
pub(super) const MOST_BYTES: usize = 256 << 20;
/// Requests that may be open at once.
const MOST_OPEN: usize = 65_536;
/// Labels or continuations of one request.
const MOST_PARTS: usize = 1024;

/// Requests that have not ended, with the bytes they hold.
#[derive(Debug, Default)]
pub(super) struct OpenRequests {
    sizes: HashMap<u64, usize>,
    bytes: usize,
}

impl OpenRequests {
    pub(super) fn has(&self, id: u64) -> bool {
        self.sizes.contains_key(&id)
    }

    /// Takes a request on, or says why not.
    pub(super) fn add(&mut self, id: u64, op: &Op) -> Result<(), Refusal> {
        let refused = |code, message| Err(Refusal { code, message });
        let parts = parts(op);
        if parts > MOST_PARTS {
            let message =
                format!("`{}` was asked for {parts} texts and takes {MOST_PARTS}; ask for less at once", op.name());
            return refused(RefusalCode::BadRequest, message);
        }
        let size = size(op);
        if self.sizes.len() >= MOST_OPEN || self.bytes.saturating_add(size) > MOST_BYTES {
            let message = format!(
                "the engine holds {} open requests of {} bytes and takes {MOST_OPEN} of {MOST_BYTES} bytes; wait for answers before you ask for more",
                self.sizes.len(),
                self.bytes
            );
            return refused(RefusalCode::Memory, message);
        }
        self.bytes += size;
        self.sizes.insert(id, size);
        Ok(())
    }

    /// Forgets those that end with `events`, which are about to be sent.
    pub(super) fn note_ends(&mut self, events: &[Event]) {
        let is_end = |event: &&Event| matches!(event.ev, Ev::Done(_) | Ev::Error(_) | Ev::Cancelled);
        for id in events.iter().filter(is_end).filter_map(|event| event.id) {
            self.bytes -= self.sizes.remove(&id).unwrap_or(0);
        }
    }
}

fn parts(op: &Op) -> usize {
    match op {
        Op::ScoreOptions(request) => request.labels.len(),
        Op::ScoreContinuations(request) => request.continuations.len(),
        Op::DeriveDirection(request) => 2 * request.pairs.len(),
        Op::Embed(request) => request.texts.len(),
        _ => 0,
    }
}

/// Bytes of text that the engine holds for a request; each continuation has the prompt before it.
fn size(op: &Op) -> usize {
    let texts = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
    match op {
        Op::Generate(request) => {
            let grammar = request.grammar.as_ref().map_or(0, String::len);
            prompt(&request.prompt)
                + texts(&request.stop)
                + grammar
                + 4 * request.forced.len()
                + steering(&request.steering)
                + adapters(&request.adapters)
        }
        Op::ScoreOptions(request) => {
            prompt(&request.prompt) + texts(&request.labels) + steering(&request.steering) + adapters(&request.adapters)
        }
        Op::ScoreContinuations(request) => {
            prompt(&request.prompt).saturating_mul(request.continuations.len())
                + texts(&request.continuations)
                + steering(&request.steering)
                + adapters(&request.adapters)
        }
        Op::DeriveDirection(request) => {
            request.pairs.iter().map(|pair| prompt(&pair.positive) + prompt(&pair.negative)).sum()
        }
        Op::Direction(request) => request.layers.iter().map(|layer| 4 * layer.values.len()).sum(),
        Op::Adapter(request) => request.path.len(),
        Op::Embed(request) => texts(&request.texts) + adapters(&request.adapters),
        Op::Hello { .. } | Op::Load(_) | Op::Cancel { .. } | Op::Status => 0,
    }
}

fn steering(parts: &[Steer]) -> usize {
    parts.iter().map(|part| size_of::<Steer>() + part.direction.len()).sum()
}

fn adapters(parts: &[Adapted]) -> usize {
    parts.iter().map(|part| size_of::<Adapted>() + part.adapter.len()).sum()
}

fn prompt(prompt: &Prompt) -> usize {
    match prompt {
        Prompt::Raw { text } => text.len(),
        Prompt::Chat { turns, prefill } => {
            turns.iter().map(|turn| turn.content.len()).sum::<usize>() + prefill.as_ref().map_or(0, String::len)
        }
    }
}
