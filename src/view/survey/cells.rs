//! Tables of cells: the first column takes what is left, the others stand right and give way from the right.

use ratatui::text::{Line, Span};

use crate::config::Role;
use crate::domain::Measure;
use crate::text::{pad_to, width as cells_of};
use crate::view::figure::interval;
use crate::view::lines::cut;
use crate::view::palette::Palette;

/// What stands where there is no number.
pub(super) const NOTHING: &str = "-";
/// Between two columns.
const GAP: usize = 2;
/// The first column is no wider, and no narrower.
const NAMES: (usize, usize) = (14, 44);

/// A row of cells.
#[derive(Debug)]
pub(super) struct Row {
    /// The first is a name.
    pub(super) cells: Vec<String>,
    /// How it is drawn.
    pub(super) role: Role,
}

impl Row {
    pub(super) fn new(cells: Vec<String>) -> Self {
        Self { cells, role: Role::Text }
    }

    pub(super) fn dim(cells: Vec<String>) -> Self {
        Self { cells, role: Role::Secondary }
    }
}

/// A head and rows as lines of at most `width` cells.
pub(super) fn lines(heads: &[&str], rows: &[Row], width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| cells_of(cell));
        cells.chain(heads.get(column).map(|head| cells_of(head))).max().unwrap_or(0)
    };
    let name = widest(0).clamp(NAMES.0, NAMES.1).min(width);
    let mut left = width.saturating_sub(name);
    let mut columns = Vec::new();
    for column in 1..heads.len() {
        let needed = widest(column) + GAP;
        if needed > left {
            break;
        }
        left -= needed;
        columns.push(needed);
    }
    let line = |cells: &[&str], role: Role| {
        let mut text = pad_to(&cut(cells.first().copied().unwrap_or_default(), name), name);
        for (cell, width) in cells.iter().skip(1).zip(&columns) {
            text.push_str(&" ".repeat(width.saturating_sub(cells_of(cell))));
            text.push_str(cell);
        }
        Line::from(Span::styled(text, palette.style(role)))
    };
    let mut lines = vec![line(heads, Role::Secondary)];
    lines.extend(rows.iter().map(|row| line(&row.cells.iter().map(String::as_str).collect::<Vec<_>>(), row.role)));
    lines
}

/// Three places, as many as a mean over questions bears.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{value:.3}"))
}

/// The measure `id` among `measures`.
pub(super) fn find<'a>(measures: &'a [Measure], id: &str) -> Option<&'a Measure> {
    measures.iter().find(|measure| measure.id == id)
}

/// Its value alone.
pub(super) fn plain(measures: &[Measure], id: &str) -> String {
    number(find(measures, id).and_then(|measure| measure.value))
}

/// Its value with its interval.
pub(super) fn whole(measures: &[Measure], id: &str) -> String {
    let Some(measure) = find(measures, id) else { return NOTHING.to_owned() };
    match measure.value {
        Some(_) => format!("{}{}", number(measure.value), interval(measure.interval)),
        None => NOTHING.to_owned(),
    }
}

/// The same with the sign of the value.
pub(super) fn signed(measures: &[Measure], id: &str) -> String {
    let Some(Measure { value: Some(value), interval: ends, .. }) = find(measures, id) else {
        return NOTHING.to_owned();
    };
    format!("{value:+.3}{}", interval(*ends))
}
