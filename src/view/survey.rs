//! The survey: how far it is, and its tables, over the whole screen.

mod cells;
mod questions;
mod tables;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::lines::{cut, fit, wrapped};
use super::palette::Palette;
use super::widgets::{inset, put, put_all, spinner};
use crate::app::model::look::ColumnLayout;
use crate::app::model::{LiveSurvey, Model, Table};
use crate::config::Role;
use crate::survey::{Tables, time_in_words};
use crate::text::{pad_to, width as cells_of};

/// Draws it. Returns how large the table was.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    survey: &LiveSurvey,
    palette: &Palette,
) -> ColumnLayout {
    let area = inset(area, 1, 0, 1, 0);
    let width = usize::from(area.width);
    let mut row = put_all(buffer, area, 0, &head(model, survey, width, palette));
    put(buffer, area, row, &tabs(survey, width, palette));
    row += 1;
    let rest = inset(area, 0, u16::try_from(row).unwrap_or(u16::MAX), 0, 0);
    let Some(tables) = survey.tables.as_deref() else {
        let text = if survey.is_running() { "no question is answered yet" } else { "no question was answered" };
        put_all(buffer, rest, 0, &wrapped(text, palette.style(Role::Secondary), width, 0));
        return ColumnLayout::default();
    };
    match survey.table {
        Table::Questions => questions::draw(buffer, rest, survey, tables, palette),
        Table::Methods => scrolled(buffer, rest, survey, &tables::methods(tables, width, palette)),
        Table::Topics => scrolled(buffer, rest, survey, &tables::topics(tables, survey.answerer, width, palette)),
        Table::Groups => scrolled(buffer, rest, survey, &tables::groups(tables, survey.answerer, width, palette)),
        Table::Differences => scrolled(buffer, rest, survey, &tables::differences(tables, width, palette)),
    }
}

fn scrolled(buffer: &mut Buffer, area: Rect, survey: &LiveSurvey, lines: &[Line<'static>]) -> ColumnLayout {
    let layout = ColumnLayout { rows: usize::from(area.height), lines: lines.len() };
    let top = survey.top.min(layout.last_top());
    for (row, line) in lines.iter().skip(top).take(layout.rows).enumerate() {
        put(buffer, area, row, line);
    }
    layout
}

/// What is asked, and how far it is.
fn head(model: &Model, survey: &LiveSurvey, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let far = far(model, survey, palette);
    let title = format!("Survey  {}", survey.spec.title);
    let room = width.saturating_sub(cells_of(&far) + 2);
    let mut lines = Vec::new();
    if room >= 16 {
        lines.push(Line::from(vec![
            Span::styled(pad_to(&cut(&title, room), room + 2), palette.style(Role::Heading)),
            Span::styled(far, palette.style(Role::Secondary)),
        ]));
    } else {
        lines.push(Line::styled(cut(&title, width), palette.style(Role::Heading)));
        lines.push(fit(Line::styled(far, palette.style(Role::Secondary)), width));
    }
    lines.push(bar(survey, width, palette));
    if let Some(why) = &survey.why {
        lines.extend(wrapped(why, palette.style(Role::Bad), width, 2));
    }
    lines
}

fn far(model: &Model, survey: &LiveSurvey, palette: &Palette) -> String {
    let elapsed = survey.elapsed(model.now);
    let mut parts = vec![survey.progress.in_words()];
    if survey.failed > 0 {
        parts.push(format!("{} with a failed pane", survey.failed));
    }
    if survey.is_running() {
        if survey.is_stopping {
            parts.push("stopping".to_owned());
        } else {
            parts.extend(survey.progress.left(elapsed).map(|left| format!("about {} left", time_in_words(left))));
        }
        return format!("{} {}", spinner(model.now, palette), parts.join(", "));
    }
    let is_whole = survey.progress.done == survey.progress.total;
    parts.push(format!("{} after {}", if is_whole { "done" } else { "stopped" }, time_in_words(elapsed)));
    parts.join(", ")
}

/// A line that fills up.
fn bar(survey: &LiveSurvey, width: usize, palette: &Palette) -> Line<'static> {
    let (done, total) = (survey.progress.done, survey.progress.total.max(1));
    let full = (width * done / total).min(width);
    Line::from(vec![
        Span::styled(palette.sign("━", "#").repeat(full), palette.style(Role::Accent)),
        Span::styled(palette.sign("─", "-").repeat(width - full), palette.style(Role::Border)),
    ])
}

/// The names of the tables, the one that is looked at between brackets, and whose numbers it shows.
fn tabs(survey: &LiveSurvey, width: usize, palette: &Palette) -> Line<'static> {
    let mut line = Line::default();
    let is_narrow = width < 56;
    for table in Table::ALL {
        let is_drawn = table == survey.table;
        if is_narrow && !is_drawn {
            continue;
        }
        let (text, role) = if is_drawn {
            (format!("[{}] ", table.name()), Role::Heading)
        } else {
            (format!("{} ", table.name()), Role::Secondary)
        };
        line.push_span(Span::styled(text, palette.style(role)));
    }
    if let Some(name) = survey.tables.as_deref().and_then(|tables| whose(survey, tables)) {
        line.push_span(Span::styled(format!(" m {name}"), palette.style(Role::Model)));
    }
    fit(line, width)
}

/// The answerer whose numbers the table shows; none where it shows all.
fn whose(survey: &LiveSurvey, tables: &Tables) -> Option<String> {
    match survey.table {
        Table::Questions | Table::Topics | Table::Groups => {
            let answerer = tables.answerer(survey.answerer)?;
            Some(crate::text::SafeText::line(&answerer.name()).to_string())
        }
        Table::Methods | Table::Differences => None,
    }
}
