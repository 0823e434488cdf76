//! A column while it is being written: every voice in a window of its own that shows its end.
//!
//! One text below the other would move all that stands below a voice with each of its lines: the eye could not read, and
//! a slow terminal line would carry whole columns. Windows stay where they are, and scroll by half their height.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::column::pane_line;
use super::document::{picture, voice_line, voice_style};
use super::palette::Palette;
use super::population;
use super::said::{self, Said};
use super::widgets::{inset, put, put_all};
use crate::app::model::{LivePane, LiveRun, LiveVoice, Model};
use crate::config::Role;
use crate::domain::Mode;
use crate::text::{SafeText, pad_to, width as cells};

/// Rows a voice needs beside its name for a window of its own.
const LEAST_TEXT: usize = 2;

/// Draws the column of `mode`.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model, run: &LiveRun, mode: Mode, palette: &Palette) {
    let width = usize::from(area.width);
    if mode == Mode::Distribution {
        distributions(buffer, area, model, run, palette);
        return;
    }
    let panes: Vec<&LivePane> = run.column(mode).collect();
    let rows = usize::from(area.height);
    let mut heads: Vec<Vec<Line<'static>>> = panes
        .iter()
        .map(|pane| {
            let mut lines = vec![pane_line(model, pane, width, palette)];
            lines.extend(picture(model, run, pane, width, palette));
            lines
        })
        .collect();
    let voices: Vec<Vec<&LiveVoice>> = panes.iter().map(|pane| pane.voices.iter().collect()).collect();
    let n: usize = voices.iter().map(Vec::len).sum();
    // Pictures give way to voices: half of the rows at most, each pane its share.
    let share = (rows / 2 / panes.len().max(1)).max(1);
    let heads_rows: usize = heads.iter().map(Vec::len).sum();
    if n > 0 && heads_rows > rows / 2 {
        for lines in &mut heads {
            lines.truncate(share);
        }
    }
    let free = rows.saturating_sub(heads.iter().map(Vec::len).sum());
    let mut windows = Windows { free, left: n };
    let mut row = 0;
    for (head, voices) in heads.iter().zip(&voices) {
        row = put_all(buffer, area, row, head);
        for voice in voices {
            let height = windows.next();
            let top = u16::try_from(row).unwrap_or(area.height);
            let bottom = area.height.saturating_sub(u16::try_from(row + height).unwrap_or(area.height));
            window(buffer, inset(area, 0, top, 0, bottom), model, run, (voice, mode), voices.len() == 1, palette);
            row += height;
        }
    }
}

/// The distributions as far as they are known; of answers that come in, their number.
fn distributions(buffer: &mut Buffer, area: Rect, model: &Model, run: &LiveRun, palette: &Palette) {
    let width = usize::from(area.width);
    let heading = |pane: &LivePane| vec![pane_line(model, pane, width, palette)];
    let mut row = 0;
    for block in population::blocks(model, run, width, palette, &heading) {
        row = put_all(buffer, area, row, &block.lines);
        if let Some(pane) = block.pane.filter(|pane| !pane.voices.is_empty()) {
            row = put_all(buffer, area, row, &[samples(pane, palette)]);
        }
    }
}

/// Deals out rows so that every voice gets its share and none is left.
struct Windows {
    free: usize,
    left: usize,
}

impl Windows {
    fn next(&mut self) -> usize {
        let height = self.free / self.left.max(1);
        self.free -= height;
        self.left = self.left.saturating_sub(1);
        height
    }
}

fn samples(pane: &LivePane, palette: &Palette) -> Line<'static> {
    let done = pane.voices.iter().filter(|voice| voice.finish.is_some()).count();
    let text = format!("{done} of {} answers are in", pane.voices.len());
    Line::from(Span::styled(text, palette.style(Role::Secondary)))
}

fn window(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    run: &LiveRun,
    (voice, mode): (&LiveVoice, Mode),
    is_alone: bool,
    palette: &Palette,
) {
    let (rows, width) = (usize::from(area.height), usize::from(area.width));
    let style = voice_style(run, voice, palette);
    if rows == 0 {
        return;
    }
    if rows < 1 + LEAST_TEXT {
        put(buffer, area, 0, &one_line(model, voice, width, style, palette));
        return;
    }
    put(buffer, area, 0, &voice_line(model, run, voice, is_alone, width, palette));
    let body = inset(area, 0, 1, 0, 0);
    let body_rows = rows - 1;
    let said = Said::new(voice, model.look.is_unfolded(mode), style, palette);
    let lines = said.line_count(width);
    let from = first_line(lines, body_rows);
    said.for_each_line(width, from..lines.min(from + body_rows), |at, line| put(buffer, body, at - from, line));
}

/// Half a window further whenever the end would be out of sight: fewer rows change than with a line at a time.
fn first_line(lines: usize, rows: usize) -> usize {
    let step = (rows / 2).max(1);
    lines.saturating_sub(rows).div_ceil(step) * step
}

/// Name and the end of the text.
fn one_line(
    model: &Model,
    voice: &LiveVoice,
    width: usize,
    style: ratatui::style::Style,
    palette: &Palette,
) -> Line<'static> {
    let who = voice.persona.as_deref().map_or_else(|| "together".to_owned(), |id| model.persona_label(id));
    let name = (width / 3).clamp(4, 22);
    let room = width.saturating_sub(name + 2);
    // Folded or not, there is room for the answer or for one line about what comes before it.
    let about = said::about(voice, false, palette).filter(|_| voice.text.text().is_empty());
    let tail = about.map_or_else(
        || voice.text.lines(room.max(1)).last().cloned().unwrap_or_default(),
        |about| pad_to(&about, room.max(1)).trim_end().to_owned(),
    );
    debug_assert!(cells(&tail) <= room.max(2));
    Line::from(vec![
        Span::styled(palette.sign("▌", "|"), style),
        Span::styled(pad_to(SafeText::line(&who).as_str(), name), palette.style(Role::Heading)),
        Span::raw(" "),
        Span::raw(tail),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_dealt_out() {
        for free in 0..40 {
            for n in 1..12 {
                let mut windows = Windows { free, left: n };
                let heights: Vec<usize> = (0..n).map(|_| windows.next()).collect();
                assert_eq!(heights.iter().sum::<usize>(), free);
                let (least, most) = (heights.iter().min(), heights.iter().max());
                assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{heights:?}");
            }
        }
    }

    #[test]
    fn a_window_always_shows_the_end_and_moves_seldom() {
        for rows in 1..20 {
            let mut moves = 0;
            for lines in 1..200 {
                let from = first_line(lines, rows);
                assert!(from + rows >= lines, "{lines} lines in {rows} rows");
                assert!(from < lines, "{lines} lines in {rows} rows");
                moves += usize::from(from != first_line(lines - 1, rows));
            }
            assert!(moves <= 200 / (rows / 2).max(1) + 1);
        }
    }
}
