//! Question by question: the numbers of one method or persona, sorted.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cells::number;
use crate::app::model::LiveSurvey;
use crate::app::model::look::ColumnLayout;
use crate::config::Role;
use crate::domain::PaneStatus;
use crate::survey::{COLUMNS, Entry, Tables};
use crate::text::{pad_to, width as cells_of};
use crate::view::lines::{cut, fit, wrapped};
use crate::view::palette::Palette;
use crate::view::widgets::{inset, put, put_all};

/// Cells of a number with its gap.
const CELL: usize = 8;
/// Cells of the mark of the chosen row.
const MARK: usize = 2;
/// A question's text needs so many.
const LEAST_TEXT: usize = 18;
/// Rows below the table where there is room: the chosen question in full.
const DETAIL: u16 = 3;

/// Draws the table and, where there is room, the chosen question below it.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    survey: &LiveSurvey,
    tables: &Tables,
    palette: &Palette,
) -> ColumnLayout {
    let width = usize::from(area.width);
    let detail = if area.height >= 10 { DETAIL } else { 0 };
    let columns = columns(survey, width);
    put(buffer, area, 0, &order(survey, tables, width, palette));
    put(buffer, area, 1, &heads(&columns, survey, width, palette));
    let rows = usize::from(area.height.saturating_sub(2 + detail));
    let list = inset(area, 0, 2, 0, detail);
    let layout = ColumnLayout { rows, lines: survey.rows().len() };
    // It may have been scrolled at another size.
    let top = survey.top.clamp((survey.selected + 1).saturating_sub(rows.max(1)), survey.selected);
    for (row, (number, place)) in survey.rows().iter().enumerate().skip(top).take(rows).enumerate() {
        let Some(entry) = survey.entry(*place) else { continue };
        put(buffer, list, row, &line(entry, survey, &columns, width, number == survey.selected, palette));
    }
    if let Some(entry) = survey.chosen().filter(|_| detail > 0) {
        let below = inset(area, 0, area.height.saturating_sub(detail), 0, 0);
        let rule = palette.sign("─", "-").repeat(width);
        put(buffer, below, 0, &Line::styled(rule, palette.style(Role::Border)));
        let text = format!("{}: {}", entry.id, entry.text);
        let lines = wrapped(&text, palette.style(Role::Secondary), width, 0);
        let shown = lines.get(..lines.len().min(usize::from(detail) - 1)).unwrap_or_default();
        put_all(buffer, below, 1, shown);
    }
    layout
}

/// Ids of the measures in columns: the usual ones, and the one that is sorted by where it is none of them.
fn columns(survey: &LiveSurvey, width: usize) -> Vec<String> {
    let fit = width.saturating_sub(MARK + LEAST_TEXT) / CELL;
    let sorted = survey.sort.as_ref().map(|sort| sort.measure.as_str());
    let mut columns: Vec<String> = COLUMNS.iter().take(fit).map(|id| (*id).to_owned()).collect();
    if let Some(sorted) = sorted.filter(|sorted| fit > 0 && !columns.iter().any(|id| id == sorted)) {
        columns.truncate(fit - 1);
        columns.push(sorted.to_owned());
    }
    columns
}

/// A measure in a word.
fn name(id: &str) -> &str {
    match id {
        "js_distance_2" => "JS",
        "tv" => "TV",
        "w1_normalised" => "W1n",
        "orders.mean_pairwise_tv" => "orders",
        "entropy_2" => "entropy",
        // The last part of a long id says most.
        other => other.rsplit('.').next().unwrap_or(other),
    }
}

/// How the rows are sorted, and the ends of it.
fn order(survey: &LiveSurvey, tables: &Tables, width: usize, palette: &Palette) -> Line<'static> {
    let secondary = palette.style(Role::Secondary);
    let Some(sort) = &survey.sort else {
        let text = "s in the order in which they were asked";
        return fit(Line::styled(text.to_owned(), secondary), width);
    };
    let direction = if sort.is_descending { "the highest first" } else { "the lowest first" };
    let mut text = format!("s by {}, r {direction}", sort.measure);
    let column = tables.survey.column(survey.answerer, &sort.measure);
    let known = survey.rows().iter().filter_map(|place| {
        let value = column.get(*place).copied().flatten()?;
        Some((value, survey.entry(*place)?.id.as_str()))
    });
    let known: Vec<(f64, &str)> = known.collect();
    if let (Some(first), Some(last), true) = (known.first(), known.last(), known.len() > 1) {
        text = format!("{text}: {} {:.3}, last {} {:.3}", first.1, first.0, last.1, last.0);
    }
    Line::styled(cut(&text, width), secondary)
}

fn heads(columns: &[String], survey: &LiveSurvey, width: usize, palette: &Palette) -> Line<'static> {
    let text = text_cells(columns, width);
    let mut line = Line::from(Span::styled(pad_to("  question", MARK + text), palette.style(Role::Secondary)));
    for id in columns {
        let is_sorted = survey.sort.as_ref().is_some_and(|sort| sort.measure == *id);
        let name = cut(name(id), CELL - 1);
        let head = format!("{}{name}", " ".repeat(CELL.saturating_sub(cells_of(&name))));
        line.push_span(Span::styled(head, palette.style(if is_sorted { Role::Heading } else { Role::Secondary })));
    }
    fit(line, width)
}

fn text_cells(columns: &[String], width: usize) -> usize {
    width.saturating_sub(MARK + columns.len() * CELL)
}

fn line(
    entry: &Entry,
    survey: &LiveSurvey,
    columns: &[String],
    width: usize,
    is_chosen: bool,
    palette: &Palette,
) -> Line<'static> {
    let text = text_cells(columns, width);
    let reading = entry.reading(survey.answerer);
    let status = match reading.map(|reading| reading.status) {
        Some(PaneStatus::Failed) => "(failed) ",
        Some(PaneStatus::Cancelled) => "(stopped) ",
        Some(PaneStatus::Skipped) => "(skipped) ",
        Some(PaneStatus::Done) | None => "",
    };
    let base = palette.style(if is_chosen { Role::Selection } else { Role::Text });
    let mut spans = vec![
        Span::styled(
            if is_chosen { palette.sign("▸ ", "> ") } else { "  " },
            palette.style(if is_chosen { Role::Accent } else { Role::Text }),
        ),
        Span::styled(pad_to(&cut(&format!("{status}{}", entry.text), text), text), base),
    ];
    for id in columns {
        let value = reading.and_then(|reading| reading.numbers.get(id.as_str()).copied());
        let cell = number(value);
        let role = if value.is_some() { Role::Text } else { Role::Secondary };
        let style = if is_chosen { base } else { palette.style(role) };
        spans.push(Span::styled(format!("{cell:>CELL$}"), style));
    }
    Line::from(spans)
}
