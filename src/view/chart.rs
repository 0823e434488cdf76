//! Horizontal bars: the model over the people, option by option, with intervals and signed differences.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::figure::{percent, points};
use super::lines::{cut, fit_all, packed};
use super::palette::Palette;
use crate::config::theme::Role;
use crate::text::{SafeText, pad_to, width as cells_of, wrap};

/// From here on a label stands beside its bars.
const WIDE: usize = 56;
/// From here on shares have a decimal.
const DECIMAL: usize = 60;
/// From here on the ends of intervals are written out.
const SPACIOUS: usize = 84;
/// Lines of a label.
const LABEL_LINES: usize = 2;
/// Lengths that a full bar may stand for. Few, so that charts beside each other can be compared.
const SCALES: [f64; 4] = [0.1, 0.25, 0.5, 1.0];
/// Eighths of a cell, from one to seven.
const EIGHTHS: [&str; 7] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Cells of the shortest interval that is drawn: a shorter one would only make its bar look longer.
const LEAST_INTERVAL: f64 = 2.0;
/// What stands for a difference that says nothing.
pub(super) const QUIET: &str = "below noise";

/// One option. Shares are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// The option in words.
    pub label: String,
    /// The model's share.
    pub model: Option<f64>,
    /// Its confidence interval.
    pub model_interval: Option<[f64; 2]>,
    /// The share of the population compared with.
    pub reference: Option<f64>,
    /// Its confidence interval.
    pub reference_interval: Option<[f64; 2]>,
    /// Whether the two differ by no more than chance would make them.
    pub quiet: bool,
    /// Further populations: then all of them are told apart by a letter.
    pub more: Vec<Side>,
}

/// The share of one more population.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Side {
    /// From 0 to 1.
    pub share: Option<f64>,
    /// Its confidence interval.
    pub interval: Option<[f64; 2]>,
    /// Whether the model differs from it by no more than chance would make it.
    pub quiet: bool,
}

impl Row {
    /// The populations, the first among them.
    pub(super) fn sides(&self) -> impl Iterator<Item = Side> + '_ {
        let first = Side { share: self.reference, interval: self.reference_interval, quiet: self.quiet };
        std::iter::once(first).chain(self.more.iter().copied())
    }
}

/// The letter of the population in this place, where there are several.
pub(super) fn mark(place: usize) -> char {
    char::from(b'a' + u8::try_from(place % 26).unwrap_or(0))
}

/// `rows` as bars under a legend, no line wider than `width` cells.
pub fn chart(rows: &[Row], width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let mut names = vec![(named(palette.sign("█", "#"), "model"), palette.style(Role::Model))];
    if rows.iter().any(|row| row.reference.is_some()) {
        names.push((named(palette.sign("▒", ":"), "reference"), palette.style(Role::Reference)));
    }
    names.extend(key(rows, palette));
    let mut lines = packed(names, width, 2, palette);
    lines.extend(bars(rows, width, palette));
    lines
}

fn named(sign: &str, name: &str) -> String {
    format!("{sign} {name}")
}

/// What the signs of the bars mean, apart from the bars themselves.
pub(super) fn key(rows: &[Row], palette: &Palette) -> Vec<(String, Style)> {
    let mut signs = Vec::new();
    let has_interval =
        rows.iter().any(|row| row.model_interval.is_some() || row.sides().any(|side| side.interval.is_some()));
    if has_interval {
        signs.push(named(palette.sign("├─┤", "|-|"), "95 % interval"));
    }
    let is_compared = rows.iter().any(|row| row.model.is_some() && row.reference.is_some());
    if is_compared && rows.iter().any(|row| row.sides().any(|side| !side.quiet)) {
        signs.push("+/- points".to_owned());
        if has_interval {
            signs.push(named(palette.sign("≈", "~"), "inside it"));
        }
    }
    signs.push(format!("full bar {}", percent(scale(rows), 0)));
    signs.into_iter().map(|sign| (sign, palette.style(Role::Secondary))).collect()
}

/// `rows` as bars without a legend.
pub(super) fn bars(rows: &[Row], width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let rows: Vec<Row> = rows.iter().map(sound).collect();
    let layout = Layout::new(&rows, width);
    let lines = rows.iter().flat_map(|row| option(row, &layout, palette)).collect();
    fit_all(lines, width)
}

/// The model's bar alone, of `cells` cells and for a value from 0 to 1.
pub(super) fn single_bar(value: f64, cells: usize, palette: &Palette) -> String {
    let value = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 };
    drawn(Some(value), None, cells, 1.0, &Signs::model(palette))
}

/// The row with shares that can be drawn.
pub(super) fn sound(row: &Row) -> Row {
    let share = |share: Option<f64>| share.filter(|share| share.is_finite()).map(|share| share.clamp(0.0, 1.0));
    let ends = |ends: Option<[f64; 2]>| {
        let [low, high] = ends?;
        let (low, high) = (share(Some(low))?, share(Some(high))?);
        Some([low.min(high), low.max(high)])
    };
    Row {
        label: SafeText::line(&row.label).to_string(),
        model: share(row.model),
        model_interval: ends(row.model_interval).filter(|_| row.model.is_some()),
        reference: share(row.reference),
        reference_interval: ends(row.reference_interval).filter(|_| row.reference.is_some()),
        quiet: row.quiet,
        more: row
            .more
            .iter()
            .map(|side| Side {
                share: share(side.share),
                interval: ends(side.interval).filter(|_| side.share.is_some()),
                ..*side
            })
            .collect(),
    }
}

/// The share of a full bar.
pub(super) fn scale(rows: &[Row]) -> f64 {
    let most = rows
        .iter()
        .map(sound)
        .flat_map(|row| {
            let mut sides = vec![(row.model, row.model_interval)];
            sides.extend(row.sides().map(|side| (side.share, side.interval)));
            sides.into_iter().flat_map(|(share, ends)| [share, ends.map(|[_, high]| high)])
        })
        .flatten()
        .fold(0.0, f64::max);
    SCALES.into_iter().find(|scale| most <= *scale).unwrap_or(1.0)
}

/// Where the parts of a line stand.
#[derive(Debug, Clone, Copy)]
struct Layout {
    width: usize,
    /// Cells of the label beside the bars; 0 where it stands above them.
    label: usize,
    /// Cells of a population's letter; 0 where there is one population.
    mark: usize,
    bar: usize,
    decimals: usize,
    /// Cells of a written share.
    share: usize,
    /// Cells of a written interval; 0 for none.
    interval: usize,
    has_reference: bool,
    has_difference: bool,
    scale: f64,
}

impl Layout {
    fn new(rows: &[Row], width: usize) -> Self {
        let has = |holds: &dyn Fn(&Row) -> bool| rows.iter().any(holds);
        let decimals = usize::from(width >= DECIMAL);
        let share = if decimals == 0 { 5 } else { 7 };
        let longest = rows.iter().map(|row| cells_of(&row.label)).max().unwrap_or(0);
        let label = if width >= WIDE { longest.clamp(1, (width * 3 / 10).clamp(16, 30)) } else { 0 };
        let has_interval = has(&|row| row.model_interval.is_some() || row.sides().any(|side| side.interval.is_some()));
        let interval = if width >= SPACIOUS && has_interval { "[100 100]".len() } else { 0 };
        let has_reference = has(&|row| row.reference.is_some());
        let mark = if has(&|row| !row.more.is_empty()) { 2 } else { 0 };
        let is_quiet = has(&|row| row.sides().any(|side| side.quiet));
        let is_opposite =
            |row: &Row| row.sides().any(|side| row.model.zip(side.share).is_some_and(|(p, q)| (p - q).abs() > 0.99));
        let difference = match (is_quiet, has_reference) {
            (true, _) => QUIET.len(),
            (_, false) => 0,
            _ => "= +12".len() + 2 * decimals + usize::from(has(&is_opposite)),
        };
        let gap = |cells: usize, gap: usize| if cells == 0 { 0 } else { cells + gap };
        let fixed = gap(label, 2) + mark + 1 + share + gap(interval, 1);
        let mut has_difference = difference > 0;
        let mut bar = width.saturating_sub(fixed + gap(difference, 1));
        if bar < 6 {
            has_difference = false;
            bar = width.saturating_sub(fixed);
        }
        Self { width, label, mark, bar, decimals, share, interval, has_reference, has_difference, scale: scale(rows) }
    }
}

fn option(row: &Row, layout: &Layout, palette: &Palette) -> Vec<Line<'static>> {
    let style = |role| palette.style(if row.quiet { Role::Secondary } else { role });
    let mut lines = Vec::new();
    let room = if layout.label == 0 { layout.width } else { layout.label };
    let mut label = label_lines(&row.label, room).into_iter();
    if layout.label == 0 {
        lines.extend(label.by_ref().map(|line| Line::styled(line, style(Role::Text))));
    }
    let mut sides = vec![(Side { share: row.model, interval: row.model_interval, quiet: row.quiet }, None)];
    if layout.has_reference {
        sides.extend(row.sides().enumerate().map(|(place, side)| (side, Some(place))));
    }
    for (side, population) in sides {
        let (own, signs) = match population {
            None => (Role::Model, Signs::model(palette)),
            Some(_) => (Role::Reference, Signs::reference(palette)),
        };
        let role = |role| palette.style(if side.quiet { Role::Secondary } else { role });
        let mut spans = Vec::new();
        if layout.label > 0 {
            let label = pad_to(&label.next().unwrap_or_default(), layout.label + 2);
            spans.push(Span::styled(label, style(Role::Text)));
        }
        if layout.mark > 0 {
            let letter = population.map_or(' ', mark);
            spans.push(Span::styled(format!("{letter} "), palette.style(Role::Secondary)));
        }
        let bar = drawn(side.share, side.interval, layout.bar, layout.scale, &signs);
        spans.push(Span::styled(bar, role(own)));
        let share = side.share.map_or_else(|| "none".to_owned(), |share| percent(share, layout.decimals));
        spans.push(Span::styled(format!(" {share:>cells$}", cells = layout.share), role(Role::Text)));
        if layout.interval > 0 {
            let ends = side.interval.map(|[low, high]| format!("[{:.0} {:.0}]", low * 100.0, high * 100.0));
            let ends = format!(" {:<cells$}", ends.unwrap_or_default(), cells = layout.interval);
            spans.push(Span::styled(ends, palette.style(Role::Secondary)));
        }
        if layout.has_difference && population.is_some() {
            let difference = difference(row, side, layout.decimals, palette);
            if !difference.is_empty() {
                spans.push(Span::styled(format!(" {difference}"), role(Role::Text)));
            }
        }
        lines.push(Line::from(spans));
    }
    // What is left of a long label beside a single bar.
    lines.extend(label.map(|line| Line::styled(line, style(Role::Text))));
    lines
}

/// A label on at most [`LABEL_LINES`] lines; the last one tells that more was there.
pub(super) fn label_lines(label: &str, cells: usize) -> Vec<String> {
    let mut lines = wrap(label, cells);
    if lines.len() > LABEL_LINES {
        let rest = lines.split_off(LABEL_LINES - 1).join(" ");
        lines.push(cut(&rest, cells));
    }
    lines
}

/// The model's share less that of `side`, in points, behind `≈` where one lies inside the other's interval.
pub(super) fn difference(row: &Row, side: Side, decimals: usize, palette: &Palette) -> String {
    if side.quiet {
        return QUIET.to_owned();
    }
    let (Some(model), Some(reference)) = (row.model, side.share) else { return String::new() };
    let inside = |ends: Option<[f64; 2]>, share: f64| ends.is_some_and(|[low, high]| low <= share && share <= high);
    let is_near = inside(side.interval, model) || inside(row.model_interval, reference);
    let sign = if is_near { palette.sign("≈ ", "~ ") } else { "  " };
    format!("{sign}{}", points(model - reference, decimals))
}

/// What a bar is made of.
pub(super) struct Signs {
    full: &'static str,
    /// Ascending parts of a cell, evenly spaced; empty where there are none.
    parts: &'static [&'static str],
    low: &'static str,
    line: &'static str,
    high: &'static str,
}

impl Signs {
    pub(super) fn model(palette: &Palette) -> Self {
        let (full, parts): (_, &[&str]) = if palette.is_ascii() { ("#", &[]) } else { ("█", &EIGHTHS) };
        Self::with(full, parts, palette)
    }

    pub(super) fn reference(palette: &Palette) -> Self {
        let (full, parts): (_, &[&str]) = if palette.is_ascii() { (":", &["."]) } else { ("▒", &["░"]) };
        Self::with(full, parts, palette)
    }

    pub(super) fn with(full: &'static str, parts: &'static [&'static str], palette: &Palette) -> Self {
        Self {
            full, parts, low: palette.sign("├", "|"), line: palette.sign("─", "-"), high: palette.sign("┤", "|")
        }
    }
}

/// A bar of exactly `room` cells that stand for `scale`. It is filled up to `share`; the interval is a notch at its lower end and a line from
/// the bar to its upper end, so that the bar can still be told by its sign.
pub(super) fn drawn(share: Option<f64>, ends: Option<[f64; 2]>, room: usize, scale: f64, signs: &Signs) -> String {
    let Some(share) = share else { return " ".repeat(room) };
    let steps = signs.parts.len() + 1;
    let whole = room * steps;
    let mut filled = rounded(share / scale * whole as f64).min(whole);
    if share > 0.0 {
        filled = filled.max(1).min(whole);
    }
    let mut cells = vec![signs.full; filled / steps];
    if let Some(part) = (filled % steps).checked_sub(1).and_then(|part| signs.parts.get(part)) {
        cells.push(part);
    }
    let end = cells.len();
    if let Some(ends) = ends {
        let [low, high] = ends.map(|end| end / scale * room as f64);
        let (first, beyond) = (rounded(low.floor()), rounded(high.ceil()).min(room));
        let is_seen = high - low >= LEAST_INTERVAL;
        // At least one cell of the bar stays between the notch and the share.
        if is_seen
            && first > 0
            && first + 1 < end
            && let Some(cell) = cells.get_mut(first)
        {
            *cell = signs.low;
        }
        if is_seen && beyond > end {
            cells.extend(std::iter::repeat_n(signs.line, beyond - end - 1));
            cells.push(signs.high);
        }
    }
    cells.resize(room.max(cells.len()), " ");
    cells.concat()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of cells, 0 or more")]
pub(super) fn rounded(cells: f64) -> usize {
    cells.round().max(0.0) as usize
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
