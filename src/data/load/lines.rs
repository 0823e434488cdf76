//! The lines of a pack file, one at a time, with limits that hold for pipes and growing files too.

use std::io::{BufRead, Read};

use super::problem::Problem;

/// Most bytes of a pack file.
pub const FILE_LIMIT: u64 = 64 << 20;
/// Most bytes of one line.
pub const LINE_LIMIT: u64 = 8 << 20;

/// Why reading stopped before the end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Over [`FILE_LIMIT`].
    TooLarge,
    /// The system's reason.
    Io(std::io::Error),
}

/// A line's number, from 1, and its text or what is wrong with it.
pub(super) type Line = (usize, Result<String, Problem>);

/// Reads lines without keeping more than one.
pub(super) struct Lines<R> {
    reader: R,
    number: usize,
    left: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, left: FILE_LIMIT }
    }

    /// The next line that is not blank; `Ok(None)` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Stop> {
        loop {
            let mut bytes = Vec::new();
            let read = (&mut self.reader).take(LINE_LIMIT + 1).read_until(b'\n', &mut bytes).map_err(Stop::Io)? as u64;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.spend(read)?;
            if read > LINE_LIMIT && bytes.last() != Some(&b'\n') {
                drop(bytes);
                self.skip_line()?;
                return Ok(Some((self.number, Err(Problem::LineTooLong))));
            }
            let line = self.text(bytes);
            if !line.as_ref().is_ok_and(|line| line.trim().is_empty()) {
                return Ok(Some((self.number, line)));
            }
        }
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String, Problem> {
        if bytes.contains(&0) {
            return Err(Problem::Nul);
        }
        let mut line = String::from_utf8(bytes)
            .map_err(|error| Problem::NotUtf8 { byte: error.utf8_error().valid_up_to() + 1 })?;
        line.truncate(line.trim_end_matches(['\n', '\r']).len());
        if self.number == 1 && line.starts_with('\u{feff}') {
            line.drain(..'\u{feff}'.len_utf8());
        }
        Ok(line)
    }

    fn skip_line(&mut self) -> Result<(), Stop> {
        loop {
            let buffer = self.reader.fill_buf().map_err(Stop::Io)?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let used = end.unwrap_or(buffer.len());
            self.reader.consume(used);
            self.spend(used as u64)?;
            if end.is_some() {
                return Ok(());
            }
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), Stop> {
        self.left = self.left.checked_sub(bytes).ok_or(Stop::TooLarge)?;
        Ok(())
    }
}
