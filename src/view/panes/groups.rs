//! Heat map: how far every method is from every population that the question knows.

use ratatui::text::{Line, Span};

use super::members::Members;
use super::reading::{called, whose_in_short};
use crate::config::theme::Role;
use crate::domain::{Pane, Question, Reference};
use crate::measure::{Base, Distribution, js_distance};
use crate::text::{SafeText, pad_to, width as cells_of};
use crate::view::figure::number;
use crate::view::lines::{cut, fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// Cells of a number with its shade and a gap.
const CELL: usize = 8;
/// From here on a cell has room for a word.
const WORDED: usize = 17;
/// A column is no wider.
const MOST_CELL: usize = 24;
/// Cells of a population's name.
const NAMES: (usize, usize) = (12, 34);
/// Distances from which on a cell is darker.
const STEPS: [f64; 4] = [0.1, 0.2, 0.35, 0.5];
const SHADES: [(&str, &str); 5] = [("·", "."), ("░", ":"), ("▒", "+"), ("▓", "#"), ("█", "@")];

/// A column of the map.
struct Column {
    name: String,
    /// One per population; absent where it cannot be computed.
    cells: Vec<Option<f64>>,
    is_baseline: bool,
}

/// Rows are the populations, columns the methods and, to be beaten, equal shares and the mean of the other groups.
pub fn groups(members: &Members<'_>, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let question = members.question;
    let secondary = palette.style(Role::Secondary);
    let known: Vec<(&Reference, Vec<f64>)> = question
        .references
        .iter()
        .filter_map(|reference| Some((reference, reference.substantive(question)?.0)))
        .collect();
    let columns = columns(members, &known);
    let title = "distance to every population: JS distance, base 2; 0 the same, 1 nothing in common";
    let mut lines = wrapped(title, palette.style(Role::Heading), width, 2);
    for column in columns.iter().filter(|column| !column.is_baseline) {
        lines.extend(wrapped(&extremes(column, &known, question), palette.style(Role::Text), width, 2));
    }
    let names: Vec<String> = known.iter().map(|(reference, _)| name(question, reference)).collect();
    let longest = names.iter().map(|name| cells_of(name) + 2).max().unwrap_or(0);
    let across = (width.saturating_sub(NAMES.0) / CELL).max(1);
    // As many tables as there are columns that fit side by side.
    let tables = columns.len().div_ceil(across).max(1);
    let each = columns.len().div_ceil(tables).max(1);
    let label = longest.clamp(NAMES.0, NAMES.1).min(width.saturating_sub(each * CELL).max(NAMES.0));
    for some in columns.chunks(each) {
        let cell = (width.saturating_sub(label) / some.len().max(1)).clamp(CELL, MOST_CELL);
        let mut head = vec![Span::raw(" ".repeat(label))];
        for column in some {
            let role = if column.is_baseline { Role::Secondary } else { Role::Accent };
            head.push(Span::styled(pad_to(&cut(&column.name, cell - 1), cell), palette.style(role)));
        }
        lines.push(Line::from(head));
        let mut dimension = None;
        for (row, (reference, _)) in known.iter().enumerate() {
            let own = question.population(&reference.population).map(|population| population.dimension.as_str());
            if own != dimension && own.is_some_and(|own| known.len() > 3 && !own.is_empty()) {
                lines.push(Line::styled(cut(own.unwrap_or_default(), width), secondary));
            }
            dimension = own;
            let text = names.get(row).map_or("", String::as_str);
            let mut spans = vec![Span::raw(pad_to(&format!(" {}", cut(text, label - 2)), label))];
            spans.extend(some.iter().map(|column| written(column, row, cell, palette)));
            lines.push(Line::from(spans));
        }
    }
    lines.extend(key(width, palette));
    fit_all(lines, width)
}

fn columns(members: &Members<'_>, known: &[(&Reference, Vec<f64>)]) -> Vec<Column> {
    let question = members.question;
    let substantive: Vec<&str> =
        question.substantive().into_iter().filter_map(|at| question.options.get(at)).map(|o| o.id.as_str()).collect();
    let fits = |pane: &Pane| {
        pane.options.as_ref().is_some_and(|own| own.iter().map(String::as_str).eq(substantive.iter().copied()))
    };
    let mut columns: Vec<Column> = members
        .panes
        .iter()
        .filter(|(_, pane)| fits(pane))
        .map(|(_, pane)| Column {
            name: called(&pane.method, pane.model.as_deref()),
            cells: known.iter().map(|(reference, q)| distance(pane.p_for(&reference.population)?, q)).collect(),
            is_baseline: false,
        })
        .collect();
    let equal = vec![1.0; substantive.len()];
    columns.push(Column {
        name: "uniform".to_owned(),
        cells: known.iter().map(|(_, q)| distance(&equal, q)).collect(),
        is_baseline: true,
    });
    columns.push(Column {
        name: "others".to_owned(),
        cells: (0..known.len()).map(|row| distance(&others(question, known, row)?, &known.get(row)?.1)).collect(),
        is_baseline: true,
    });
    columns
}

/// The Jensen-Shannon distance (base 2) of two lists of shares; `None` where they are no distributions over the same options.
fn distance(p: &[f64], q: &[f64]) -> Option<f64> {
    js_distance(&Distribution::new(p).ok()?, &Distribution::new(q).ok()?, Base::Two).ok()
}

/// The mean of the other populations of the same kind; `None` where there are none.
fn others(question: &Question, known: &[(&Reference, Vec<f64>)], row: usize) -> Option<Vec<f64>> {
    let kind = |reference: &Reference| {
        question.population(&reference.population).map(|population| population.dimension.clone())
    };
    let own = kind(known.get(row)?.0)?;
    let others: Vec<&Vec<f64>> = known
        .iter()
        .enumerate()
        .filter(|(at, (reference, _))| *at != row && kind(reference).as_ref() == Some(&own))
        .map(|(_, (_, q))| q)
        .collect();
    let first = others.first()?;
    let sum = |at: usize| others.iter().filter_map(|q| q.get(at)).sum::<f64>();
    Some((0..first.len()).map(|at| sum(at) / others.len() as f64).collect())
}

/// A population's name; what no people stand behind says so.
fn name(question: &Question, reference: &Reference) -> String {
    let label =
        question.population(&reference.population).map_or(reference.population.as_str(), |own| own.label.as_str());
    let label = SafeText::line(label);
    if reference.basis.is_human() {
        label.to_string()
    } else {
        format!("{label} ({})", whose_in_short(reference.basis))
    }
}

/// Places of the smallest and the largest number of a column, where they differ.
fn ends(column: &Column) -> Option<(usize, usize)> {
    let known = || column.cells.iter().enumerate().filter_map(|(row, value)| Some((row, (*value)?)));
    let nearest = known().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let farthest = known().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (farthest.1 > nearest.1).then_some((nearest.0, farthest.0))
}

fn extremes(column: &Column, known: &[(&Reference, Vec<f64>)], question: &Question) -> String {
    let at = |row: usize| {
        let name = known.get(row).map_or_else(String::new, |(reference, _)| name(question, reference));
        format!("{name} {}", column.cells.get(row).copied().flatten().map_or_else(|| "?".to_owned(), number))
    };
    match ends(column) {
        Some((nearest, farthest)) => {
            format!("{}: nearest to {}, farthest from {}", column.name, at(nearest), at(farthest))
        }
        None => format!("{}: no population is nearer than another", column.name),
    }
}

fn written(column: &Column, row: usize, cell: usize, palette: &Palette) -> Span<'static> {
    let Some(value) = column.cells.get(row).copied().flatten() else {
        return Span::styled(pad_to(palette.sign("–", "-"), cell), palette.style(Role::Secondary));
    };
    let step = STEPS.iter().filter(|step| value >= **step).count();
    let (sign, ascii) = SHADES.get(step).copied().unwrap_or(("█", "@"));
    let word = match ends(column) {
        Some((nearest, _)) if nearest == row => ("nearest", Role::Good),
        Some((_, farthest)) if farthest == row => ("farthest", Role::Bad),
        _ => ("", Role::Text),
    };
    let (word, role) = if cell >= WORDED && !column.is_baseline { word } else { ("", word.1) };
    let role = if column.is_baseline { Role::Secondary } else { role };
    let text = format!("{value:.2} {} {word}", palette.sign(sign, ascii).repeat(2));
    Span::styled(pad_to(text.trim_end(), cell), palette.style(role))
}

fn key(width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let style = palette.style(Role::Secondary);
    let shade = |at: usize| SHADES.get(at).map_or("", |(sign, ascii)| palette.sign(sign, ascii));
    let mut parts: Vec<String> =
        STEPS.iter().enumerate().map(|(at, step)| format!("{} below {step}", shade(at))).collect();
    parts.push(format!("{} from 0.5 on", shade(4)));
    parts.push("to beat: uniform, equal shares".to_owned());
    parts.push("others, the mean of the other groups of its kind".to_owned());
    packed(parts.into_iter().map(|part| (part, style)).collect(), width, 2, palette)
}
