//! A field of cells to draw pictures in that are not made of lines: columns, strips, plots.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use crate::text::{SafeText, pad_to, width as cells_of};

/// Cells of a fixed size; what would lie outside is left out.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    width: usize,
    rows: Vec<Vec<(String, Style)>>,
}

impl Canvas {
    /// All blank.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, rows: vec![vec![(" ".to_owned(), Style::new()); width]; height] }
    }

    /// Writes `text`, made safe, from this cell on. A letter that would be cut by the edge is left out.
    pub(super) fn text(&mut self, x: usize, y: usize, text: &str, style: Style) {
        let Some(row) = self.rows.get_mut(y) else { return };
        let safe = SafeText::line(text);
        let mut at = x;
        for letter in safe.as_str().graphemes(true) {
            let cells = cells_of(letter);
            if cells == 0 {
                continue;
            }
            if at + cells > self.width {
                return;
            }
            for (offset, cell) in row.iter_mut().skip(at).take(cells).enumerate() {
                // The cells behind a wide letter hold nothing: the letter covers them.
                let own = if offset == 0 { letter } else { "" };
                *cell = (own.to_owned(), style);
            }
            at += cells;
        }
    }

    /// The same, its middle at `x` as far as the edges allow, cut to `room` cells.
    pub(super) fn centred(&mut self, x: usize, y: usize, text: &str, room: usize, style: Style) {
        let safe = SafeText::line(text);
        let cut = if cells_of(safe.as_str()) > room {
            pad_to(safe.as_str(), room).trim_end().to_owned()
        } else {
            safe.to_string()
        };
        let cells = cells_of(&cut);
        let from = x.saturating_sub(cells / 2).min(self.width.saturating_sub(cells));
        self.text(from, y, &cut, style);
    }

    /// As lines; cells of one style are one piece.
    pub(super) fn lines(self) -> Vec<Line<'static>> {
        let line = |row: Vec<(String, Style)>| {
            let mut spans: Vec<Span<'static>> = Vec::new();
            for (text, style) in row {
                match spans.last_mut() {
                    Some(last) if last.style == style => last.content.to_mut().push_str(&text),
                    _ => spans.push(Span::styled(text, style)),
                }
            }
            Line::from(spans)
        };
        self.rows.into_iter().map(line).collect()
    }
}

/// `blocks` beside each other, as many as there is room for at `cells` each, the rest below.
pub(super) fn beside(blocks: Vec<Vec<Line<'static>>>, cells: usize, gap: usize, width: usize) -> Vec<Line<'static>> {
    let across = ((width + gap) / (cells + gap).max(1)).max(1);
    let mut lines = Vec::new();
    let mut blocks = blocks.into_iter().peekable();
    while blocks.peek().is_some() {
        let row: Vec<Vec<Line<'static>>> = blocks.by_ref().take(across).collect();
        let height = row.iter().map(Vec::len).max().unwrap_or(0);
        let mut merged = vec![Line::default(); height];
        for (place, block) in row.into_iter().enumerate() {
            let from = place * (cells + gap);
            for (line, own) in merged.iter_mut().zip(block) {
                let blank = from.saturating_sub(line.width());
                line.push_span(Span::raw(" ".repeat(blank)));
                line.spans.extend(own.spans);
            }
        }
        lines.extend(merged);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut canvas = Canvas::new(6, 2);
        canvas.text(1, 0, "日本語", Style::new());
        canvas.centred(5, 1, "abc", 9, Style::new());
        canvas.text(0, 7, "x", Style::new());
        let lines = canvas.lines();
        assert_eq!(texts(&lines), [" 日本", "   abc"]);
        assert!(lines.iter().all(|line| line.width() == 6));
    }

    #[test]
    fn blocks_stand_beside_each_other_while_there_is_room() {
        let block = |text: &str| vec![Line::from(text.to_owned()), Line::from("-")];
        let lines = beside(vec![block("aa"), block("bb"), block("cc")], 4, 1, 9);
        assert_eq!(texts(&lines), ["aa   bb", "-    -", "cc", "-"]);
    }
}
