//! From token bytes to text: characters are held back until they are whole, and text that may become a stop string
//! until it cannot. What a model thinks is parted from what it answers; stop strings are of the answer alone.

use super::parting::{Parted, Parting, unfinished};

/// The text of one voice while it is written.
#[derive(Debug, Default)]
pub(super) struct TextStream {
    stops: Vec<String>,
    /// Bytes of a character that is not whole yet.
    bytes: Vec<u8>,
    /// Absent for voices that cannot think.
    parting: Option<Parting>,
    /// All that was thought.
    thinking: String,
    /// Tokens of it, and those of which it is not known yet.
    thinking_tokens: usize,
    undecided_tokens: usize,
    /// All that was answered, stop string excluded.
    text: String,
    /// How much of `text` was given out.
    given: usize,
    stopped: bool,
}

impl TextStream {
    pub(super) fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), ..Self::default() }
    }

    /// The same for a voice that may think first.
    pub(super) fn parted(self, parting: Option<Parting>) -> Self {
        Self { parting, ..self }
    }

    /// Whether the last piece belongs to thinking.
    pub(super) fn is_thinking(&self) -> bool {
        self.parting.as_ref().is_some_and(Parting::is_thinking)
    }

    /// Tokens that were thinking, marks included.
    pub(super) fn thinking_tokens(&self) -> usize {
        self.thinking_tokens
    }

    /// Whether a stop string was met; nothing more is to be pushed then.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Adds the bytes of a token and returns the text that is certain now.
    pub(super) fn push(&mut self, piece: &[u8]) -> Parted {
        self.bytes.extend_from_slice(piece);
        let text = self.take_characters();
        let Parted { thinking, answer } = match &mut self.parting {
            Some(parting) => parting.push(&text),
            None => Parted { answer: text, ..Parted::default() },
        };
        self.count();
        self.thinking.push_str(&thinking);
        Parted { thinking, answer: self.answer(&answer) }
    }

    fn count(&mut self) {
        let Some(parting) = &self.parting else { return };
        self.undecided_tokens += 1;
        if parting.is_thinking() {
            self.thinking_tokens += std::mem::take(&mut self.undecided_tokens);
        } else if parting.is_answering() {
            self.undecided_tokens = 0;
        }
    }

    /// Adds to the answer and returns what of it is certain now.
    fn answer(&mut self, text: &str) -> String {
        let before = self.text.len();
        self.text.push_str(text);
        self.look_for_stop(before);
        let end = if self.stopped { self.text.len() } else { self.text.len() - self.held_back() };
        let end = end.max(self.given);
        let delta = self.text[self.given..end].to_owned();
        self.given = end;
        delta
    }

    /// The end of the voice: what was held back is text after all. Returns the last delta and the whole text.
    pub(super) fn finish(mut self) -> (Parted, Parted) {
        // Cut inside a character.
        let cut = if !self.stopped && !self.bytes.is_empty() { "\u{fffd}" } else { "" };
        let mut last = Parted::default();
        match self.parting.take() {
            Some(mut parting) => {
                last = parting.push(cut);
                let held = parting.finish();
                last.thinking.push_str(&held.thinking);
                last.answer.push_str(&held.answer);
            }
            None => cut.clone_into(&mut last.answer),
        }
        self.thinking.push_str(&last.thinking);
        if !self.stopped {
            let before = self.text.len();
            self.text.push_str(&last.answer);
            self.look_for_stop(before);
        }
        last.answer = self.text[self.given.min(self.text.len())..].to_owned();
        (last, Parted { thinking: self.thinking, answer: self.text })
    }

    /// Takes whole characters from `bytes`; bytes that can never become one are replaced.
    fn take_characters(&mut self) -> String {
        let mut whole = String::new();
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(text) => {
                    whole.push_str(text);
                    self.bytes.clear();
                    return whole;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    whole.push_str(&String::from_utf8_lossy(&self.bytes[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.bytes.drain(..valid);
                        return whole;
                    };
                    whole.push('\u{fffd}');
                    self.bytes.drain(..valid + bad);
                }
            }
        }
    }

    fn look_for_stop(&mut self, before: usize) {
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let mut from = before.saturating_sub(longest);
        while !self.text.is_char_boundary(from) {
            from -= 1;
        }
        let found = self.stops.iter().filter_map(|stop| self.text[from..].find(stop.as_str())).min();
        if let Some(at) = found {
            self.text.truncate(from + at);
            self.stopped = true;
        }
    }

    /// Length of the longest end of `text` that begins a stop string.
    fn held_back(&self) -> usize {
        self.stops.iter().map(|stop| unfinished(&self.text, stop)).max().unwrap_or(0)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
