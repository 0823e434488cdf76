//! Printing that no file name and no header can abuse.

use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::page::Page;
pub(super) use crate::cli::page::print;
use crate::text::{SafeText, pad_to, width};

/// Text for a terminal, on one line.
pub(super) fn safe(text: &str) -> String {
    SafeText::line(text).as_str().to_owned()
}

/// Prints `value` as JSON.
pub(super) fn print_json(value: &impl Serialize) -> Outcome {
    let mut page = Page::default();
    page.json(&serde_json::to_value(value)?);
    page.print()
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
