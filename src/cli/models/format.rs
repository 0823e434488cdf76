//! Printing that no file name and no header can abuse.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use crate::cli::Failure;
use crate::text::{SafeText, pad_to, width};

/// Text for a terminal, on one line.
pub(super) fn safe(text: &str) -> String {
    SafeText::line(text).as_str().to_owned()
}

/// Writes to stdout. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to stdout ({error}); check where it leads")))
        }
        _ => Ok(()),
    }
}

/// Prints `value` as JSON. Characters that could drive or confuse a terminal are written as `\uXXXX`, so nothing is lost.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value)?;
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' || SafeText::new(c.encode_utf8(&mut [0; 4])).as_str().chars().eq([c]) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.push('\n');
    print(&out)
}

/// Rows with aligned columns; the last column is not padded.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| pad_to(cell, *width));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a".into(), "long".into(), "x".into()], vec!["日本".into(), "b".into(), "y".into()]];
        assert_eq!(table(&rows), "a     long  x\n日本  b     y\n");
    }
}
