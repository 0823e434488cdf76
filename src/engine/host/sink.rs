//! Where events go: lines that no client has to refuse.

use std::io::Write;

use super::input::short;
use crate::engine::protocol::{Ev, Event, MAX_LINE, Refusal, RefusalCode};

/// Characters of a refusal: one sentence.
const MOST_SAID: usize = 600;

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
            let tidied;
            let event = match &event.ev {
                // It may quote the client, the file or C++.
                Ev::Error(Refusal { code, message }) => {
                    let refusal = Refusal { code: *code, message: short(message, MOST_SAID) };
                    tidied = Event { id: event.id, ev: Ev::Error(refusal) };
                    &tidied
                }
                _ => event,
            };
            let start = lines.len();
            // Every event is plain data; one that cannot be written would be a bug, and the id must still end.
            if serde_json::to_writer(&mut lines, event).is_err() {
                return false;
            }
            let length = lines.len() - start;
            if length > MAX_LINE {
                lines.truncate(start);
                let Some(shorter) = shorter(event, length) else { continue };
                if serde_json::to_writer(&mut lines, &shorter).is_err() {
                    return false;
                }
            }
            lines.push(b'\n');
        }
        self.0.write_all(&lines).and_then(|()| self.0.flush()).is_ok()
    }
}

/// What is sent instead of an event whose line would have `length` bytes, which no client would take.
fn shorter(event: &Event, length: usize) -> Option<Event> {
    let too_long = || "\u{fffd}".to_owned();
    let ev = match &event.ev {
        Ev::Done(_) | Ev::Error(_) => {
            let message = format!("the answer takes {length} bytes and {MAX_LINE} is the limit; ask for less at once");
            Ev::Error(Refusal { code: RefusalCode::BadRequest, message })
        }
        Ev::Prompt { tokens, .. } => Ev::Prompt { text: too_long(), tokens: *tokens },
        Ev::Token { logprob, token, thinking, .. } => {
            Ev::Token { text: too_long(), logprob: *logprob, token: *token, thinking: *thinking, drawn_from: None }
        }
        Ev::Model(_) | Ev::Cancelled | Ev::Status(_) | Ev::Progress { .. } => return None,
    };
    Some(Event { id: event.id, ev })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::protocol::{Answer, ContinuationScores, Usage};

    #[test]
    fn an_answer_that_no_client_would_take_is_refused_under_its_id() {
        let scores =
            ContinuationScores { logprobs: vec![vec![-0.123_456_789_012_345; 500_000]], usage: Usage::default() };
        let done = Event { id: Some(4), ev: Ev::Done(Answer::Continuations(scores)) };
        let text = "x".repeat(MAX_LINE);
        let token = Ev::Token { text, logprob: Some(-1.0), token: Some(7), thinking: false, drawn_from: None };
        let token = Event { id: Some(5), ev: token };
        let mut sink = LineSink(Vec::new());
        assert!(sink.send(&[done, token]));
        let lines: Vec<Event> =
            sink.0.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect();
        assert!(
            matches!(&lines[0], Event { id: Some(4), ev: Ev::Error(refusal) } if refusal.message.contains("8388608"))
        );
        assert!(matches!(&lines[1], Event { id: Some(5), ev: Ev::Token { token: Some(7), .. } }));
        assert_eq!(lines.len(), 2);
    }
}
