//! Small parts that many views share.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::palette::Palette;
use crate::text::{SafeText, wrap};

/// The cell that turns while something is under way.
pub(super) fn spinner(now: Duration, palette: &Palette) -> &'static str {
    const TURNING: [&str; 8] = ["⠋", "⠙", "⠹", "⠸", "⠴", "⠦", "⠇", "⠏"];
    const ASCII: [&str; 4] = ["|", "/", "-", "\\"];
    let step = usize::try_from(now.as_millis() / 125).unwrap_or(0);
    let turns: &[&str] = if palette.is_ascii() { &ASCII } else { &TURNING };
    turns.get(step % turns.len()).copied().unwrap_or("*")
}

/// Draws `line` into row `row` of `area`, cut to its width.
pub(super) fn put(buffer: &mut Buffer, area: Rect, row: usize, line: &Line<'_>) {
    let Ok(row) = u16::try_from(row) else { return };
    let area = area.intersection(buffer.area);
    if row < area.height {
        buffer.set_line(area.x, area.y + row, line, area.width);
    }
}

/// Draws `lines` from row `row` of `area` on. Returns the row after the last.
pub(super) fn put_all(buffer: &mut Buffer, area: Rect, row: usize, lines: &[Line<'_>]) -> usize {
    for (offset, line) in lines.iter().enumerate() {
        put(buffer, area, row + offset, line);
    }
    row + lines.len()
}

/// One line in one style; what comes from outside is made safe.
pub(super) fn plain(text: &str, style: Style) -> Line<'static> {
    Line::from(Span::styled(SafeText::line(text).to_string(), style))
}

/// `text`, made safe and wrapped to `width`, every line in one style.
pub(super) fn wrapped(text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    let safe = SafeText::new(text);
    wrap(safe.as_str(), width).into_iter().map(|line| Line::from(Span::styled(line, style))).collect()
}

/// An area within another: this far from its left and top, no larger than what is left of it.
pub(super) fn inset(area: Rect, left: u16, top: u16, right: u16, bottom: u16) -> Rect {
    Rect {
        x: area.x.saturating_add(left.min(area.width)),
        y: area.y.saturating_add(top.min(area.height)),
        width: area.width.saturating_sub(left).saturating_sub(right),
        height: area.height.saturating_sub(top).saturating_sub(bottom),
    }
}

/// Numbers with a comma between thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of seconds as people say it.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min", seconds / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn an_inset_never_leaves_its_area() {
        let area = Rect::new(3, 4, 5, 2);
        assert_eq!(inset(area, 9, 9, 9, 9), Rect::new(8, 6, 0, 0));
        assert_eq!(inset(area, 1, 1, 1, 0), Rect::new(4, 5, 3, 1));
    }
}
