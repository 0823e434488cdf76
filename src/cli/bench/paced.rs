//! An engine whose voices write like those of a model: all at once, at a steady pace, for as long as models do.
//!
//! The scripted engine computes; its tokens wait here for their time, and every answer is said several times over. What
//! is no token passes at once. Only bytes on screen are measured with it, never what was said.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::engine::host::{self, LineSink, Sink};
use crate::engine::protocol::{Ev, Event};
use crate::engine::scripted::ScriptedLoader;

/// Milliseconds between two tokens of a voice: ten voices then write 125 tokens a second, a small model on two cores.
const STEP: Duration = Duration::from_millis(80);
/// How often an answer is said: the scripted ones are an eighth of what a model writes.
const TIMES: usize = 8;

/// Runs it on standard input and output.
pub(super) fn run() {
    let (sender, events) = channel();
    std::thread::spawn(move || Pace::default().pass_on(&events, &mut LineSink(std::io::stdout())));
    host::serve(std::io::stdin(), PacedSink(sender), &mut ScriptedLoader::new(None));
}

struct PacedSink(Sender<Event>);

impl Sink for PacedSink {
    fn send(&mut self, events: &[Event]) -> bool {
        events.iter().all(|event| self.0.send(event.clone()).is_ok())
    }
}

/// What waits, by request.
#[derive(Debug, Default)]
struct Pace(BTreeMap<u64, Voice>);

#[derive(Debug, Default)]
struct Voice {
    waiting: VecDeque<Event>,
    said: Vec<Event>,
}

impl Pace {
    fn pass_on<W: Write + Send>(mut self, events: &Receiver<Event>, sink: &mut LineSink<W>) {
        let mut step = Instant::now() + STEP;
        loop {
            let out = match events.recv_timeout(step.saturating_duration_since(Instant::now())) {
                Ok(event) => self.take(event).into_iter().collect(),
                Err(RecvTimeoutError::Timeout) => {
                    step += STEP;
                    self.step()
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if !out.is_empty() && !sink.send(&out) {
                return;
            }
        }
    }

    /// Keeps an event for later, or gives it back to pass at once.
    fn take(&mut self, event: Event) -> Option<Event> {
        let Some(id) = event.id else { return Some(event) };
        if matches!(event.ev, Ev::Token { .. }) {
            let voice = self.0.entry(id).or_default();
            voice.said.push(event.clone());
            voice.waiting.push_back(event);
            return None;
        }
        let Some(voice) = self.0.get_mut(&id) else { return Some(event) };
        for _ in 1..TIMES {
            voice.waiting.extend(voice.said.iter().cloned());
        }
        voice.said.clear();
        voice.waiting.push_back(event);
        None
    }

    /// One token of every voice, and what ends those that have said everything.
    fn step(&mut self) -> Vec<Event> {
        let mut out = Vec::new();
        for voice in self.0.values_mut() {
            out.extend(voice.waiting.pop_front());
            while voice.waiting.front().is_some_and(|next| !matches!(next.ev, Ev::Token { .. })) {
                out.extend(voice.waiting.pop_front());
            }
        }
        // Those that have nothing left and said nothing since have ended.
        self.0.retain(|_, voice| !voice.waiting.is_empty() || !voice.said.is_empty());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_wait_for_their_step_and_the_end_for_the_tokens() {
        let event = |id: u64, ev: Ev| Event { id: Some(id), ev };
        let token = |id: u64, text: &str| {
            event(
                id,
                Ev::Token { text: text.to_owned(), logprob: None, token: None, thinking: false, drawn_from: None },
            )
        };
        let mut pace = Pace::default();
        let other = event(9, Ev::Cancelled);
        assert_eq!(pace.take(other.clone()), Some(other));
        for (id, text) in [(1, "a"), (1, "b"), (2, "c")] {
            assert_eq!(pace.take(token(id, text)), None);
        }
        let end = event(1, Ev::Cancelled);
        assert_eq!(pace.take(end.clone()), None);
        assert_eq!(pace.step(), [token(1, "a"), token(2, "c")]);
        for _ in 1..2 * TIMES - 1 {
            assert_eq!(pace.step().len(), 1);
        }
        assert_eq!(pace.step(), [token(1, "b"), end]);
        assert_eq!(pace.step(), []);
        assert_eq!(pace.0.len(), 1, "the second voice may go on");
    }
}
