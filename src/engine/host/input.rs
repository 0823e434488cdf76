//! Requests out of a byte stream: lines of limited length, and whatever is no request told apart from them.

use std::io::{BufRead, BufReader, Read};

use crate::engine::protocol::{MAX_LINE, Request};
use crate::text::SafeText;

/// Characters of the client's own words in a refusal.
const QUOTED: usize = 60;
/// Characters of what the JSON reader says; it may quote the line.
const EXPLAINED: usize = 200;

/// What a line asks.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and nearly all are requests")]
pub(super) enum Input {
    /// A request.
    Request(Request),
    /// A line that is no request.
    Wrong {
        /// Its id, where it has one.
        id: Option<u64>,
        /// One sentence.
        message: String,
    },
    /// There is no more to come.
    End,
}

/// Reads requests, one a line.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(64 << 10, input), line: Vec::new() }
    }

    /// The next request and the bytes it took. Empty lines are passed over; a line that the end breaks off means nothing.
    pub(super) fn next(&mut self) -> (Input, usize) {
        loop {
            self.line.clear();
            // A line feed is not counted, so a line of the limit is one byte longer.
            let limit = MAX_LINE as u64 + 1;
            let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.line);
            if !matches!(read, Ok(length) if length > 0) {
                return (Input::End, 0);
            }
            if self.line.last() == Some(&b'\n') {
                if self.line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return (parse(&self.line), self.line.len());
            }
            if self.line.len() <= MAX_LINE {
                return (Input::End, 0);
            }
            // The rest of the line has to go before the next one can be read.
            return match self.skip_line() {
                Ok(true) => {
                    let message = format!("a request is longer than {MAX_LINE} bytes; shorten the prompt");
                    (Input::Wrong { id: None, message }, 0)
                }
                Ok(false) | Err(_) => (Input::End, 0),
            };
        }
    }

    /// Whether the line had an end.
    fn skip_line(&mut self) -> std::io::Result<bool> {
        loop {
            let chunk = self.input.fill_buf()?;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let (taken, is_over) = (end.map_or(chunk.len(), |end| end + 1), chunk.is_empty());
            self.input.consume(taken);
            if end.is_some() || is_over {
                return Ok(end.is_some());
            }
        }
    }
}

fn parse(line: &[u8]) -> Input {
    match serde_json::from_slice::<Request>(line) {
        Ok(Request { id: 0, .. }) => {
            let message = "a request has the id 0, which is kept for answers to nobody; count ids from 1".to_owned();
            Input::Wrong { id: None, message }
        }
        Ok(request) => Input::Request(request),
        Err(error) => {
            let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
            let id = value.as_ref().and_then(|value| value.get("id")?.as_u64());
            let op = value.as_ref().and_then(|value| value.get("op")?.as_str());
            let error = short(&error.to_string(), EXPLAINED);
            let message = match op {
                Some(op) => format!("the request `{}` is not understood: {error}", short(op, QUOTED)),
                None => format!("a line is not a request: {error}"),
            };
            Input::Wrong { id, message }
        }
    }
}

/// The beginning of `text`, safe to print and on one line.
pub(super) fn short(text: &str, most: usize) -> String {
    let start = text.char_indices().nth(4 * most).map_or(text, |(at, _)| &text[..at]);
    let safe = SafeText::line(start);
    let mut shown: String = safe.as_str().chars().take(most).collect();
    if start.len() < text.len() || shown.len() < safe.as_str().len() {
        shown.push('…');
    }
    shown
}
