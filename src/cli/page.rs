//! What subcommands print on stdout: safe text in aligned columns, or JSON, written at once.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;

use serde_json::Value;

use super::{Failure, Outcome};
use crate::text::{SafeText, pad_to, width, wrap};

/// Columns of a page that goes to no terminal.
const WIDTH: usize = 100;

/// Columns of a page: those of the terminal, within reason.
pub fn page_width() -> usize {
    static COLUMNS: OnceLock<usize> = OnceLock::new();
    *COLUMNS.get_or_init(|| {
        let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = || terminal_size::terminal_size().map(|(columns, _)| usize::from(columns.0));
        asked.or_else(terminal).unwrap_or(WIDTH).clamp(60, 120)
    })
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Lines for stdout. Every text that enters is made safe here, so no caller can forget it.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// A line as it is.
    pub fn line(&mut self, text: &str) {
        self.0.push_str(SafeText::line(text).as_str());
        self.0.push('\n');
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.0.push('\n');
    }

    /// `text` wrapped, each line behind `indent` spaces.
    pub fn wrapped(&mut self, indent: usize, text: &str) {
        self.hanging(indent, "", text);
    }

    /// `text` wrapped behind `indent` columns; `head` stands in those of the first line.
    pub fn hanging(&mut self, indent: usize, head: &str, text: &str) {
        let head = SafeText::line(head);
        let mut first = pad_to(head.as_str(), indent);
        for line in wrap(SafeText::new(text).as_str(), page_width().saturating_sub(indent).max(20)) {
            self.0.push_str(&first);
            self.0.push_str(&line);
            self.0.truncate(self.0.trim_end_matches(' ').len());
            self.0.push('\n');
            first = " ".repeat(indent);
        }
    }

    /// Text as it stands, made safe.
    pub fn verbatim(&mut self, text: &str) {
        self.0.push_str(SafeText::new(text).as_str());
        self.0.push('\n');
    }

    /// What was written so far.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Rows in columns, the last one as it is, the others as wide as their widest cell, `most` at the utmost.
    pub fn table(&mut self, rows: &[Vec<String>], most: usize) {
        let rows: Vec<Vec<SafeText>> =
            rows.iter().map(|row| row.iter().map(|cell| SafeText::line(cell)).collect()).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell.as_str())).max().unwrap_or(0).min(most)
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        for row in &rows {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(column, cell)| match widths.get(column) {
                    Some(cells) if column + 1 < columns => pad_to(cell.as_str(), *cells),
                    _ => cell.to_string(),
                })
                .collect();
            self.0.push_str(cells.join("  ").trim_end());
            self.0.push('\n');
        }
    }

    /// A JSON value on lines of its own. Characters that could act on a terminal are written as escapes, which loses
    /// nothing.
    pub fn json(&mut self, value: &Value) {
        self.escaped(&format!("{value:#}"));
    }

    /// A JSON value on one line, otherwise like [`Page::json`].
    pub fn json_line(&mut self, value: &Value) {
        self.escaped(&value.to_string());
    }

    /// A value of a list whose values are written one by one, as [`Page::json`] would write the list.
    pub fn json_item(&mut self, value: &Value, is_first: bool) {
        self.0.push_str(if is_first { "[\n  " } else { ",\n  " });
        // Line ends inside of texts are escapes.
        self.escaped(&format!("{value:#}").replace('\n', "\n  "));
        self.0.truncate(self.0.trim_end().len());
    }

    /// The end of a list of [`Page::json_item`]s.
    pub fn json_end(&mut self) {
        self.0.push_str("\n]\n");
    }

    fn escaped(&mut self, json: &str) {
        let mut units = [0; 2];
        for c in json.chars() {
            let is_plain =
                c == '\n' || matches!(c, ' '..='~') || SafeText::new(c.encode_utf8(&mut [0; 4])).as_str().contains(c);
            if is_plain {
                self.0.push(c);
            } else {
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(self.0, "\\u{unit:04x}");
                }
            }
        }
        self.0.push('\n');
    }

    /// Writes the page to stdout.
    pub fn print(self) -> Outcome {
        print(&self.0)
    }
}

/// Writes text that is safe already to stdout. A reader that has gone away, as `head` does, is no failure.
pub fn print(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("stdout cannot be written ({error}); check where it is redirected to")))
        }
        _ => Ok(()),
    }
}

/// Says something beside the data, on stderr, unless the user asked for quiet.
pub fn aside(is_quiet: bool, text: &str) {
    if !is_quiet {
        eprintln!("parallax: {}", SafeText::line(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_width_and_hostile_text_is_safe() {
        let mut page = Page::default();
        page.table(&[vec!["日本".into(), "x".into()], vec!["a".into(), "\u{1b}[31mred".into()]], 20);
        assert_eq!(page.0, "日本  x\na     red\n");
    }

    #[test]
    fn wrapped_text_hangs_behind_its_head() {
        let mut page = Page::default();
        page.hanging(4, "id", &"word ".repeat(30));
        let lines: Vec<&str> = page.0.lines().collect();
        assert!(lines[0].starts_with("id  word") && lines[1].starts_with("    word"), "{lines:?}");
        assert!(lines.iter().all(|line| width(line) <= page_width()));
    }

    #[test]
    fn a_list_written_item_by_item_is_the_list() {
        let items = [serde_json::json!({ "a": [1, "x\ny"], "b": {} }), serde_json::json!({ "a": [] })];
        let mut page = Page::default();
        for (index, item) in items.iter().enumerate() {
            page.json_item(item, index == 0);
        }
        page.json_end();
        let mut whole = Page::default();
        whole.json(&Value::Array(items.to_vec()));
        assert_eq!(page.0, whole.0);
    }

    #[test]
    fn json_escapes_what_could_act_and_stays_the_same_value() {
        let value = serde_json::json!({ "a": "x\u{9b}31m\u{202e}\u{7f}é日\u{1b}" });
        let mut page = Page::default();
        page.json(&value);
        assert!(page.0.contains("é日") && !page.0.contains(['\u{9b}', '\u{202e}', '\u{7f}', '\u{1b}']), "{}", page.0);
        assert_eq!(serde_json::from_str::<Value>(&page.0).ok(), Some(value));
    }
}
