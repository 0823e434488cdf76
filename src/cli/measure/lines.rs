//! [`LineReader`]: lines of a byte stream that may hold anything, of any length, in bounded memory.

use std::io::{self, BufRead};

/// The longest line that is kept, in bytes without its end.
pub(super) const MAX_LINE: usize = 8 << 20;

/// One line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Nothing but white space.
    Blank,
    /// Its text without the line end.
    Text(&'a str),
    /// More than [`MAX_LINE`] bytes; they were skipped.
    TooLong,
    /// Not UTF-8 from this byte on.
    NotUtf8 {
        /// The first byte that is no text.
        at: usize,
    },
}

/// Reads numbered lines.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    input: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), number: 0 }
    }

    /// The next line and its number from 1; `None` at the end. A last line without a line feed counts.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.buffer.clear();
        let (mut seen, mut too_long, mut ended) = (false, false, false);
        while !ended {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                break;
            }
            seen = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if too_long || self.buffer.len() + part.len() > MAX_LINE {
                too_long = true;
                self.buffer.clear();
            } else {
                self.buffer.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            ended = end.is_some();
            self.input.consume(used);
        }
        if !seen {
            return Ok(None);
        }
        self.number += 1;
        if too_long {
            return Ok(Some((self.number, Line::TooLong)));
        }
        let line = match std::str::from_utf8(&self.buffer) {
            Err(error) => Line::NotUtf8 { at: error.valid_up_to() },
            // Some editors begin a file with a byte order mark.
            Ok(text) => match text.trim_start_matches('\u{feff}') {
                blank if blank.trim().is_empty() => Line::Blank,
                text => Line::Text(text),
            },
        };
        Ok(Some((self.number, line)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_do_not_depend_on_the_chunks() {
        let input = "a\n\n \r\nbü\r\nlast".as_bytes();
        for capacity in [1, 2, 3, 100] {
            let mut reader = LineReader::new(BufReader::with_capacity(capacity, input));
            for expected in [
                (1, Line::Text("a")),
                (2, Line::Blank),
                (3, Line::Blank),
                (4, Line::Text("bü\r")),
                (5, Line::Text("last")),
            ] {
                assert_eq!(reader.next_line().unwrap(), Some(expected));
            }
            assert_eq!(reader.next_line().unwrap(), None);
        }
    }

    #[test]
    fn a_long_line_is_skipped_and_the_limit_itself_fits() {
        let mut input = vec![b'x'; MAX_LINE];
        input.push(b'\n');
        input.extend(vec![b'y'; MAX_LINE + 1]);
        input.extend(b"\nz\n");
        let mut reader = LineReader::new(input.as_slice());
        assert!(matches!(reader.next_line().unwrap(), Some((1, Line::Text(text))) if text.len() == MAX_LINE));
        assert_eq!(reader.next_line().unwrap(), Some((2, Line::TooLong)));
        assert_eq!(reader.next_line().unwrap(), Some((3, Line::Text("z"))));
        assert_eq!(reader.next_line().unwrap(), None);
    }

    #[test]
    fn other_encodings_are_located() {
        let mut reader = LineReader::new(b"ab\xe9\nok".as_slice());
        assert_eq!(reader.next_line().unwrap(), Some((1, Line::NotUtf8 { at: 2 })));
        assert_eq!(reader.next_line().unwrap(), Some((2, Line::Text("ok"))));
    }
}
