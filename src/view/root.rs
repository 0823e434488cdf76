//! The whole frame: what stands where.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::palette::Palette;
use super::widgets::{inset, plain, put, wrapped};
use super::{banner, column, overlay, setup, status, survey};
use crate::app::model::look::{ColumnLayout, Layout, column as place_of};
use crate::app::model::{Model, SMALLEST};
use crate::config::Role;
use crate::domain::Mode;

/// Draws the state, and says how large the scrolled parts were.
pub fn draw(frame: &mut Frame<'_>, model: &Model, palette: &Palette) -> Layout {
    let area = frame.area();
    let mut layout = Layout::default();
    // The terminal may have changed its size since the event that told of it.
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(frame.buffer_mut(), area, model, palette);
        return layout;
    }
    let body = inset(area, 0, 0, 0, 1);
    let has_tabs = area.width < crate::app::model::WIDE;
    if let Some(survey) = model.survey.as_ref().filter(|_| model.shows_survey()) {
        let below = below_banner(frame.buffer_mut(), body, model, palette);
        layout.survey = survey::draw(frame.buffer_mut(), below, model, survey, palette);
    } else if has_tabs {
        tabs(frame.buffer_mut(), body, model, palette, &mut layout);
    } else {
        side_by_side(frame.buffer_mut(), body, model, palette, &mut layout);
    }
    let line = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
    status::draw(frame.buffer_mut(), line, model, palette);
    overlay::draw(frame, body, model, palette, &mut layout);
    if palette.is_ascii() {
        replace_signs(frame.buffer_mut());
    }
    layout
}

/// Sentences and labels hold a few signs that a plain console may not have.
fn replace_signs(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let plain = match cell.symbol() {
            "·" | "•" => ".",
            "…" | "≈" => "~",
            "→" | "›" => ">",
            "\u{201c}" | "\u{201d}" => "\"",
            "\u{2018}" | "\u{2019}" => "'",
            "–" | "—" => "-",
            "×" => "x",
            // Pictures of control characters.
            symbol if symbol.starts_with(|c| matches!(c, '\u{2400}'..='\u{2421}')) => "?",
            _ => continue,
        };
        cell.set_symbol(plain);
    }
}

fn too_small(buffer: &mut Buffer, area: Rect, model: &Model, palette: &Palette) {
    let sentence = format!(
        "Parallax needs {} x {} cells, and this terminal has {} x {}. {}q quits.",
        SMALLEST.0,
        SMALLEST.1,
        area.width,
        area.height,
        if model.is_running() { "The run goes on. " } else { "" }
    );
    let lines = wrapped(&sentence, usize::from(area.width), palette.style(Role::Warning));
    for (row, line) in lines.iter().enumerate() {
        put(buffer, area, row, line);
    }
}

fn side_by_side(buffer: &mut Buffer, area: Rect, model: &Model, palette: &Palette, layout: &mut Layout) {
    let side = (area.width / 4).clamp(30, 44);
    let left = Rect { width: side, ..area };
    setup::draw(buffer, inset(left, 1, 0, 1, 0), model, palette, 0);
    let right = inset(area, side, 0, 0, 0);
    let right = below_banner(buffer, right, model, palette);
    let border = palette.style(Role::Border);
    let modes: &[Mode] = if model.look.is_zoomed { &[model.look.mode] } else { &Mode::ALL };
    let n = u16::try_from(modes.len()).unwrap_or(1).max(1);
    let bar = palette.sign("│", "|");
    for (index, mode) in (0u16..).zip(modes) {
        let from = right.width * index / n;
        let to = right.width * (index + 1) / n;
        let cell = Rect { x: right.x + from, width: to - from, ..right };
        for row in 0..cell.height {
            let line = Rect { y: cell.y + row, width: 1, height: 1, ..cell };
            put(buffer, line, 0, &Line::from(Span::styled(bar, border)));
        }
        let inner = inset(cell, 2, 0, 1, 0);
        let drawn = column::draw(buffer, inner, model, *mode, palette, column::Title::Own);
        set(layout, *mode, drawn);
    }
    // The setup's height does not depend on the panes: the bar beside it goes all the way down.
    for row in right.y..area.bottom() {
        let cell = Rect { x: right.x, y: row, width: 1, height: 1 };
        put(buffer, cell, 0, &Line::from(Span::styled(bar, border)));
    }
}

fn tabs(buffer: &mut Buffer, area: Rect, model: &Model, palette: &Palette, layout: &mut Layout) {
    let at_setup = model.look.at_setup;
    // A narrow line has room for the beginnings of the names.
    let letters = if area.width < 56 { 5 } else { usize::MAX };
    let mut spans = vec![tab("0", "Setup", at_setup, "", palette), Span::raw(" ")];
    for (number, mode) in ["1", "2", "3"].into_iter().zip(Mode::ALL) {
        let is_open = !at_setup && model.look.mode == mode;
        let mark = column::mark(model, mode, palette);
        let name: String = name(mode).chars().take(letters).collect();
        spans.push(tab(number, &name, is_open, mark, palette));
        spans.push(Span::raw(" "));
    }
    put(buffer, area, 0, &Line::from(spans));
    let rest = below_banner(buffer, inset(area, 0, 1, 0, 0), model, palette);
    let inner = inset(rest, 1, 0, 1, 0);
    if at_setup {
        layout.setup = setup::draw(buffer, inner, model, palette, model.look.setup_top);
    } else {
        let drawn = column::draw(buffer, inner, model, model.look.mode, palette, column::Title::Tab);
        set(layout, model.look.mode, drawn);
    }
}

fn tab(number: &str, name: &str, is_open: bool, mark: &str, palette: &Palette) -> Span<'static> {
    let style = palette.style(if is_open { Role::Selection } else { Role::Secondary });
    Span::styled(format!("{number} {name}{mark}"), style)
}

/// What people call a mode.
pub(super) fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Overton => "Overton",
        Mode::Steered => "Steered",
        Mode::Distribution => "Distribution",
    }
}

/// What stands in the way goes on top; the rest of the area is what is left.
fn below_banner(buffer: &mut Buffer, area: Rect, model: &Model, palette: &Palette) -> Rect {
    let lines = banner::lines(model, usize::from(area.width.saturating_sub(4)), palette);
    if lines.is_empty() {
        return area;
    }
    // However long the sentence, half of the panes stay.
    let rows = lines.len().min(usize::from(area.height) / 2);
    let inner = inset(area, 2, 0, 2, 0);
    for (row, line) in lines.iter().take(rows).enumerate() {
        put(buffer, inner, row, line);
    }
    let rows = u16::try_from(rows).unwrap_or(0);
    let rule = palette.sign("─", "-").repeat(usize::from(area.width));
    put(buffer, area, usize::from(rows), &plain(&rule, palette.style(Role::Border)));
    inset(area, 0, rows + 1, 0, 0)
}

fn set(layout: &mut Layout, mode: Mode, drawn: ColumnLayout) {
    if let Some(place) = layout.columns.get_mut(place_of(mode)) {
        *place = drawn;
    }
}
