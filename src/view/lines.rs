//! Lines of a given width: cutting, wrapping and packing styled pieces. Everything that enters is made safe here.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use super::palette::Palette;
use crate::config::theme::Role;
use crate::text::{SafeText, pad_to, width, wrap};

/// `text` on one line, safe, and cut with `…` to at most `cells`.
pub(super) fn cut(text: &str, cells: usize) -> String {
    let safe = SafeText::line(text);
    if width(safe.as_str()) <= cells {
        return safe.to_string();
    }
    // Before a wide letter a cell stays empty; it must not stand at the end.
    pad_to(safe.as_str(), cells).trim_end().to_owned()
}

/// `line` without what stands beyond `cells`. Letters are measured one by one, as ratatui draws them.
pub(super) fn fit(line: Line<'static>, cells: usize) -> Line<'static> {
    let measured = |text: &str| text.graphemes(true).map(width).sum::<usize>();
    if line.spans.iter().map(|span| measured(&span.content)).sum::<usize>() <= cells {
        return line;
    }
    let mut left = cells;
    let mut spans = Vec::new();
    for span in line.spans {
        let mut kept = String::new();
        let mut is_full = false;
        for grapheme in span.content.graphemes(true) {
            let next = width(grapheme);
            if next > left {
                is_full = true;
                break;
            }
            kept.push_str(grapheme);
            left -= next;
        }
        spans.push(Span::styled(kept, span.style));
        if is_full {
            break;
        }
    }
    Line { spans, ..line }
}

/// [`fit`] for all of `lines`.
pub(super) fn fit_all(lines: Vec<Line<'static>>, cells: usize) -> Vec<Line<'static>> {
    lines.into_iter().map(|line| fit(line, cells)).collect()
}

/// `text` made safe and wrapped; lines after the first stand `indent` cells in.
pub(super) fn wrapped(text: &str, style: Style, cells: usize, indent: usize) -> Vec<Line<'static>> {
    let safe = SafeText::new(text);
    // Where there is no room for it, an indent would only cost letters.
    let indent = if cells > 4 * indent { indent } else { 0 };
    let mut lines = wrap(safe.as_str(), cells.saturating_sub(indent)).into_iter();
    let first = lines.next().map(|line| Line::styled(line, style));
    let margin = " ".repeat(indent);
    let rest = lines.map(|line| Line::from(vec![Span::raw(margin.clone()), Span::styled(line, style)]));
    first.into_iter().chain(rest).map(|line| fit(line, cells)).collect()
}

/// `pieces` one after the other with ` · ` between them, as many on a line as there is room for; each line but the first
/// stands `indent` cells in. A piece that is longer than a line is wrapped.
pub(super) fn packed(
    pieces: Vec<(String, Style)>,
    cells: usize,
    indent: usize,
    palette: &Palette,
) -> Vec<Line<'static>> {
    let between = palette.sign(" · ", " | ");
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut used = 0;
    for (piece, style) in pieces {
        let piece = SafeText::line(&piece).to_string();
        let needed = width(&piece);
        match lines.last_mut() {
            Some(line) if used + width(between) + needed <= cells => {
                line.push_span(Span::styled(between, palette.style(Role::Secondary)));
                line.push_span(Span::styled(piece, style));
                used += width(between) + needed;
            }
            _ => {
                let margin = if lines.is_empty() || cells <= 4 * indent { 0 } else { indent };
                for text in wrap(&piece, cells.saturating_sub(margin)) {
                    used = margin + width(&text);
                    lines.push(Line::from(vec![Span::raw(" ".repeat(margin)), Span::styled(text, style)]));
                }
            }
        }
    }
    fit_all(lines, cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::theme::Theme;

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn cutting_keeps_letters_whole() {
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("a\u{1b}[31mb\nc", 9), "ab c");
        let line = Line::from(vec![Span::raw("ab"), Span::raw("日本"), Span::raw("c")]);
        assert_eq!(fit(line.clone(), 5).to_string(), "ab日");
        assert_eq!(fit(line.clone(), 7).to_string(), "ab日本c");
        assert_eq!(fit(line, 0).to_string(), "");
    }

    #[test]
    fn pieces_stay_together() {
        let palette = Palette::new(&Theme::default());
        let pieces = || ["one 1", "two 2", "three 3"].map(|piece| (piece.to_owned(), Style::new())).to_vec();
        assert_eq!(texts(&packed(pieces(), 14, 2, &palette)), ["one 1 · two 2", "  three 3"]);
        assert_eq!(texts(&packed(pieces(), 80, 2, &palette.clone().ascii(true))), ["one 1 | two 2 | three 3"]);
        assert_eq!(texts(&packed(pieces(), 5, 2, &palette)), ["one 1", "two 2", "three", "3"]);
    }

    #[test]
    fn long_texts_hang() {
        assert_eq!(texts(&wrapped("one two three", Style::new(), 9, 2)), ["one two", "  three"]);
    }
}
