//! One mode's column: its panes with their voices, bars and numbers.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::document::Document;
use super::palette::Palette;
use super::root::name;
use super::widgets::{inset, plain, put, put_all, seconds, spinner, thousands, wrapped};
use super::{panes, tiles};
use crate::app::model::look::ColumnLayout;
use crate::app::model::{LivePane, LiveRun, Model};
use crate::config::Role;
use crate::domain::{Mode, PaneStatus};
use crate::text::pad_to;

/// Rows that stay for text, whatever the measures below it.
const LEAST_BODY: u16 = 6;

/// Who names the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Title {
    /// It does itself.
    Own,
    /// Its tab does.
    Tab,
}

/// Draws the column of `mode`.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    mode: Mode,
    palette: &Palette,
    title: Title,
) -> ColumnLayout {
    let width = usize::from(area.width);
    let body = if title == Title::Own {
        heading(buffer, area, model, mode, palette);
        inset(area, 0, 2, 0, 0)
    } else {
        area
    };
    let Some(run) = model.run.as_ref().filter(|run| run.column(mode).next().is_some()) else {
        empty(buffer, body, model, mode, palette);
        return ColumnLayout::default();
    };
    let strip = strip(model, run, mode, width, palette);
    let strip_rows = u16::try_from(strip.len()).unwrap_or(0).min(body.height.saturating_sub(LEAST_BODY));
    let text = inset(body, 0, 0, 0, strip_rows);
    let foot = Rect { y: text.bottom(), height: strip_rows, ..body };
    put_all(buffer, foot, 0, strip.get(..usize::from(strip_rows)).unwrap_or(&[]));
    let document = Document::new(model, run, mode, width, palette);
    let lines = document.line_count();
    let scroll = model.look.scroll(mode);
    let is_running = run.column(mode).any(LivePane::is_running);
    let rows = usize::from(text.height);
    if scroll.follows && is_running {
        tiles::draw(buffer, text, model, run, mode, palette);
        return ColumnLayout { rows, lines };
    }
    let layout = ColumnLayout { rows, lines };
    let top = if scroll.follows { 0 } else { scroll.top.min(layout.last_top()) };
    document.draw(buffer, text, top);
    badge(buffer, text, model, mode, layout, top, is_running, palette);
    layout
}

fn heading(buffer: &mut Buffer, area: Rect, model: &Model, mode: Mode, palette: &Palette) {
    let is_looked_at = model.look.mode == mode;
    let number = match mode {
        Mode::Overton => "1",
        Mode::Steered => "2",
        Mode::Distribution => "3",
    };
    let meaning = match mode {
        Mode::Overton => "for everyone",
        Mode::Steered => "as someone",
        Mode::Distribution => "as a population",
    };
    let style = palette.style(if is_looked_at { Role::Heading } else { Role::Secondary });
    let mut line = Line::from(vec![
        Span::styled(number, palette.style(Role::Key)),
        Span::styled(format!(" {}{} ", name(mode), mark(model, mode, palette)), style),
    ]);
    if line.width() + meaning.len() <= usize::from(area.width) {
        line.push_span(Span::styled(meaning, palette.style(Role::Secondary)));
    }
    put(buffer, area, 0, &line);
    let (rule, role) = if is_looked_at {
        (palette.sign("━", "="), Role::BorderFocused)
    } else {
        (palette.sign("─", "-"), Role::Border)
    };
    put(buffer, area, 1, &plain(&rule.repeat(usize::from(area.width)), palette.style(role)));
}

/// Says beside a mode's name how its panes are.
pub(super) fn mark(model: &Model, mode: Mode, palette: &Palette) -> &'static str {
    let Some(run) = &model.run else { return "" };
    let mut panes = run.column(mode).peekable();
    if panes.peek().is_none() {
        return "";
    }
    let panes: Vec<&LivePane> = panes.collect();
    if panes.iter().any(|pane| pane.is_running()) {
        return palette.sign(" …", " ...");
    }
    if panes.iter().any(|pane| pane.status == Some(PaneStatus::Failed)) {
        return palette.sign(" ✗", " x");
    }
    if panes.iter().any(|pane| pane.status == Some(PaneStatus::Cancelled)) {
        return palette.sign(" ■", " #");
    }
    palette.sign(" ✓", " ok")
}

/// What the column will show, for whoever sees it the first time.
fn empty(buffer: &mut Buffer, area: Rect, model: &Model, mode: Mode, palette: &Palette) {
    let what = match mode {
        Mode::Overton => {
            "One answer for everyone: does the model lay out every reasonable view? `vanilla` is its plain answer, \
             `ensemble` lets each persona comment and brings the comments together; you see which voice said what."
        }
        Mode::Steered => {
            "The answer as someone: each persona answers in words and over the options. The shift says how far it moved \
             the model from its own answer."
        }
        Mode::Distribution => {
            "The answer as a population: how the model divides over the options, bar beside bar with how people answered. \
             Differences too small to tell from chance are drawn dim."
        }
    };
    let width = usize::from(area.width);
    let mut lines = wrapped(what, width, palette.style(Role::Secondary));
    lines.push(Line::default());
    let next = if model.setup.methods(mode).next().is_none() {
        "This mode is off: m switches methods on."
    } else if model.run.is_some() {
        "This mode was not part of the run on screen. Enter runs it."
    } else if model.is_queued {
        "It begins as soon as the model is loaded."
    } else {
        "Enter asks the question."
    };
    lines.extend(wrapped(next, width, palette.style(Role::Accent)));
    put_all(buffer, area, 0, &lines);
}

/// A line about one pane: its method and how far it is.
pub(super) fn pane_line(model: &Model, pane: &LivePane, width: usize, palette: &Palette) -> Line<'static> {
    let (state, role) = match pane.status {
        None if pane.is_stopping => (format!("{} stopping", spinner(model.now, palette)), Role::Warning),
        None => (spinner(model.now, palette).to_owned(), Role::Accent),
        Some(PaneStatus::Done) => (String::new(), Role::Secondary),
        Some(PaneStatus::Failed) => ("failed".to_owned(), Role::Bad),
        Some(PaneStatus::Cancelled) => ("stopped".to_owned(), Role::Warning),
        Some(PaneStatus::Skipped) => ("skipped".to_owned(), Role::Secondary),
    };
    let room = width.saturating_sub(state.chars().count() + 1);
    Line::from(vec![
        Span::styled(pad_to(&panes::called(&pane.method, pane.model.as_deref()), room), palette.style(Role::Accent)),
        Span::raw(" "),
        Span::styled(state, palette.style(role)),
    ])
}

/// The numbers at the foot of a column: they move while tokens arrive.
fn strip(model: &Model, run: &LiveRun, mode: Mode, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let panes: Vec<&LivePane> = run.column(mode).collect();
    let voices = panes.iter().flat_map(|pane| &pane.voices);
    let (mut done, mut all, mut tokens) = (0usize, 0usize, 0usize);
    for voice in voices {
        all += 1;
        done += usize::from(voice.finish.is_some());
        tokens += voice.tokens;
    }
    let is_running = panes.iter().any(|pane| pane.is_running());
    let mut parts = Vec::new();
    if all > 0 {
        parts.push(if done == all { format!("{all} voices") } else { format!("{done} of {all} voices") });
        parts.push(format!("{} tokens", thousands(tokens as u64)));
    }
    let until = run.ended.unwrap_or(model.now);
    let elapsed = until.saturating_sub(run.began).as_secs_f64();
    if is_running {
        if elapsed > 0.5 && tokens > 0 {
            parts.push(format!("{:.0} tok/s", tokens as f64 / elapsed));
        }
        parts.push(seconds(elapsed));
    }
    let surprisals: Vec<f64> = panes.iter().filter_map(|pane| pane.surprisal()).collect();
    if let [one] = surprisals.as_slice() {
        parts.push(format!("surprisal {one:.2} nats/token"));
    } else if !surprisals.is_empty() {
        let each: Vec<String> = surprisals.iter().map(|value| format!("{value:.2}")).collect();
        parts.push(format!("surprisal {} nats/token", each.join(" and ")));
    }
    let rule = palette.sign("┄", "-").repeat(width);
    let mut lines = vec![plain(&rule, palette.style(Role::Border))];
    if !parts.is_empty() {
        lines.extend(wrapped(&parts.join(" · "), width, palette.style(Role::Secondary)));
    }
    for pane in panes {
        if let Some(picture) = pane.picture.as_deref().filter(|_| !pane.is_running()) {
            lines.extend(panes::strip(picture, width, palette));
        }
    }
    lines
}

#[expect(clippy::too_many_arguments, reason = "where to draw, what, and how")]
fn badge(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    mode: Mode,
    layout: ColumnLayout,
    top: usize,
    is_running: bool,
    palette: &Palette,
) {
    let below = layout.lines.saturating_sub(top + layout.rows);
    let scroll = model.look.scroll(mode);
    let new = layout.lines.saturating_sub(scroll.seen);
    let arrow = palette.sign("↓", "v");
    let text = if is_running && !scroll.follows {
        format!(" {arrow} {new} new lines, End follows ")
    } else if below > 0 {
        format!(" {arrow} {below} more lines ")
    } else {
        return;
    };
    let cells = text.chars().count().min(usize::from(area.width));
    let left = area.width.saturating_sub(u16::try_from(cells).unwrap_or(area.width));
    let place = inset(area, left, area.height.saturating_sub(1), 0, 0);
    put(buffer, place, 0, &plain(&text, palette.style(Role::Badge)));
}
