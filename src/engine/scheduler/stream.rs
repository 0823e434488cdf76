//! From token bytes to text: characters are held back until they are whole, and text that may become a stop string
//! until it cannot.

/// The text of one voice while it is written.
#[derive(Debug, Default)]
pub(super) struct TextStream {
    stops: Vec<String>,
    /// Bytes of a character that is not whole yet.
    bytes: Vec<u8>,
    /// All text, stop string excluded.
    text: String,
    /// How much of `text` was given out.
    given: usize,
    stopped: bool,
}

impl TextStream {
    pub(super) fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), ..Self::default() }
    }

    /// Whether a stop string was met; nothing more is to be pushed then.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Adds the bytes of a token and returns the text that is certain now.
    pub(super) fn push(&mut self, piece: &[u8]) -> String {
        self.bytes.extend_from_slice(piece);
        let before = self.text.len();
        self.take_characters();
        self.look_for_stop(before);
        let end = if self.stopped { self.text.len() } else { self.text.len() - self.held_back() };
        let end = end.max(self.given);
        let delta = self.text[self.given..end].to_owned();
        self.given = end;
        delta
    }

    /// The end of the voice: what was held back is text after all. Returns the last delta and the whole text.
    pub(super) fn finish(mut self) -> (String, String) {
        if !self.stopped && !self.bytes.is_empty() {
            // The answer was cut inside a character.
            self.text.push('\u{fffd}');
        }
        let delta = self.text[self.given..].to_owned();
        (delta, self.text)
    }

    /// Moves whole characters from `bytes` to `text`; bytes that can never become one are replaced.
    fn take_characters(&mut self) {
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(text) => {
                    self.text.push_str(text);
                    self.bytes.clear();
                    return;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    self.text.push_str(&String::from_utf8_lossy(&self.bytes[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.bytes.drain(..valid);
                        return;
                    };
                    self.text.push('\u{fffd}');
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
        let begins = |len: usize| {
            let tail = &self.text.as_bytes()[self.text.len() - len..];
            self.stops.iter().any(|stop| stop.len() > len && stop.as_bytes().starts_with(tail))
        };
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0).min(self.text.len());
        (1..=longest).rev().find(|len| begins(*len)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(pieces: &[&[u8]], stops: &[&str]) -> (Vec<String>, String, bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut stream = TextStream::new(&stops);
        let mut deltas = Vec::new();
        for piece in pieces {
            if stream.is_stopped() {
                break;
            }
            deltas.push(stream.push(piece));
        }
        let stopped = stream.is_stopped();
        let (last, text) = stream.finish();
        deltas.push(last);
        (deltas, text, stopped)
    }

    #[test]
    fn a_split_character_comes_whole() {
        let (deltas, text, _) = run(&[&[0xe2, 0x82], &[0xac], b"!"], &[]);
        assert_eq!(deltas, ["", "€", "!", ""]);
        assert_eq!(text, "€!");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(run(&[b"a\xff", b"b"], &[]).1, "a\u{fffd}b");
        assert_eq!(run(&[b"a\xe2"], &[]).1, "a\u{fffd}");
    }

    #[test]
    fn a_stop_string_over_token_borders_never_shows() {
        let (deltas, text, stopped) = run(&[b"yes #", b"#", b"# no"], &["###"]);
        assert_eq!(deltas.concat(), "yes ");
        assert_eq!(text, "yes ");
        assert!(stopped);
    }

    #[test]
    fn what_only_looked_like_a_stop_is_given_out() {
        let (deltas, text, stopped) = run(&[b"a#", b"b"], &["##"]);
        assert_eq!(deltas, ["a", "#b", ""]);
        assert_eq!((text.as_str(), stopped), ("a#b", false));
    }

    proptest! {
        #[test]
        fn deltas_add_up_to_the_text(text in "[ab#é€]{0,30}", cuts in prop::collection::vec(1usize..4, 0..40)) {
            let bytes = text.as_bytes();
            let mut pieces = Vec::new();
            let mut at = 0;
            for cut in cuts {
                let end = (at + cut).min(bytes.len());
                pieces.push(&bytes[at..end]);
                at = end;
            }
            pieces.push(&bytes[at..]);
            let (deltas, whole, stopped) = run(&pieces, &["##", "a#b"]);
            prop_assert_eq!(deltas.concat(), whole.clone());
            let first = ["##", "a#b"].iter().filter_map(|stop| text.find(stop)).min();
            prop_assert_eq!(stopped, first.is_some());
            prop_assert_eq!(whole, text[..first.unwrap_or(text.len())].to_owned());
        }
    }
}
