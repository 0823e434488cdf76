//! An ordinal question drawn as a scale: columns where the options lie, and the means below them.

use ratatui::style::Style;
use ratatui::text::Line;

use super::members::{Members, in_words};
use super::reading::{is_mass_low, is_quiet, measure, name_of, option_label, references, whose_in_short};
use crate::config::theme::Role;
use crate::domain::{Pane, Question, ReferenceShown};
use crate::text::{SafeText, width as cells_of, wrap};
use crate::view::canvas::{Canvas, beside};
use crate::view::chart::{Row, Side, mark, rounded, scale as full};
use crate::view::figure::{interval, number, percent};
use crate::view::lines::{cut, fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// Rows of the highest column.
const HEIGHT: usize = 6;
/// Two charts beside each other need so many cells each.
const LEAST: usize = 48;
/// Beyond, a chart only gets thinner.
const MOST: usize = 78;
/// An option needs so many cells for its label and its shares.
const LABELLED: usize = 8;
/// Lines of a label.
const LABEL_LINES: usize = 3;
/// Eighths of a cell, from one to seven.
const EIGHTHS: [&str; 7] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇"];

/// A chart per method; beside each other where there is room. Says why where there is no scale.
pub fn scale(members: &Members<'_>, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let across = ((width + 3) / (LEAST + 3)).clamp(1, members.panes.len().max(1));
    let cells = ((width + 3) / across).saturating_sub(3).min(MOST);
    let blocks = members.panes.iter().map(|(_, pane)| block(pane, members.question, cells, palette));
    fit_all(beside(blocks.collect(), cells, 3, width), width)
}

fn block(pane: &Pane, question: &Question, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let mut lines = wrapped(&in_words(pane), palette.style(Role::Accent), width, 2);
    let Some(axis) = Axis::new(pane, question, width) else {
        lines.extend(wrapped("the options have no places on a scale", palette.style(Role::Secondary), width, 2));
        return lines;
    };
    let page = Page { pane, question, axis, references: references(pane), width, palette };
    lines.extend(page.legend());
    lines.extend(page.columns());
    lines.extend(page.means());
    lines.extend(page.along());
    if is_mass_low(pane) {
        let dim = palette.style(Role::Secondary);
        lines.iter_mut().flat_map(|line| &mut line.spans).for_each(|span| span.style = dim);
        lines.push(Line::styled(cut("! hardly any mass on the options", width), palette.style(Role::Warning)));
    }
    lines.push(Line::default());
    fit_all(lines, width)
}

/// Where the options lie, from the lowest to the highest.
struct Axis {
    /// Places of the options in the pane.
    places: Vec<usize>,
    values: Vec<f64>,
    /// Cells between two options at least.
    slot: usize,
    width: usize,
}

impl Axis {
    fn new(pane: &Pane, question: &Question, width: usize) -> Option<Self> {
        let options = pane.options.as_deref()?;
        let value =
            |id: &String| question.options.iter().find(|option| option.id == *id).and_then(|option| option.value);
        let mut placed: Vec<(usize, f64)> =
            options.iter().enumerate().map(|(place, id)| Some((place, value(id)?))).collect::<Option<_>>()?;
        placed.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (places, values): (Vec<usize>, Vec<f64>) = placed.into_iter().unzip();
        let (low, high) = (values.first()?, values.last()?);
        let span = high - low;
        let least = values.windows(2).map(|pair| pair.last().zip(pair.first()).map_or(0.0, |(b, a)| b - a));
        let least = least.fold(f64::INFINITY, f64::min) / span;
        if !(span.is_finite() && span > 0.0 && least > 0.0 && width > 2) {
            return None;
        }
        let slot = rounded((least * width as f64 / (1.0 + least)).floor()).clamp(1, width);
        Some(Self { places, values, slot, width })
    }

    fn span(&self) -> (f64, f64) {
        (self.values.first().copied().unwrap_or(0.0), self.values.last().copied().unwrap_or(1.0))
    }

    /// The cell of a value on the scale.
    fn cell(&self, value: f64) -> usize {
        let (low, high) = self.span();
        let along = ((value - low) / (high - low)).clamp(0.0, 1.0);
        let free = self.width.saturating_sub(self.slot);
        (self.slot / 2 + rounded(along * free as f64)).min(self.width.saturating_sub(1))
    }

    /// The mean of shares in the order of the pane.
    fn mean(&self, shares: &[f64]) -> Option<f64> {
        self.places.iter().zip(&self.values).map(|(place, value)| Some(shares.get(*place)? * value)).sum()
    }
}

struct Page<'a> {
    pane: &'a Pane,
    question: &'a Question,
    axis: Axis,
    references: Vec<&'a ReferenceShown>,
    width: usize,
    palette: &'a Palette,
}

impl Page<'_> {
    fn style(&self, role: Role) -> Style {
        self.palette.style(role)
    }

    fn p(&self) -> &[f64] {
        self.pane.p.as_deref().unwrap_or_default()
    }

    /// The letter before a population, where there are several.
    fn lead(&self, place: usize) -> String {
        if self.references.len() > 1 { format!("{} ", mark(place)) } else { String::new() }
    }

    fn legend(&self) -> Vec<Line<'static>> {
        let mut names = vec![(format!("{} model", self.palette.sign("█", "#")), self.style(Role::Model))];
        for (place, reference) in self.references.iter().enumerate() {
            let name = format!("{} {}{}", self.palette.sign("▒", ":"), self.lead(place), name_of(reference));
            names.push((name, self.style(Role::Reference)));
        }
        names.push((format!("full height {}", percent(self.full(), 0)), self.style(Role::Secondary)));
        packed(names, self.width, 2, self.palette)
    }

    /// The share of a full column.
    fn full(&self) -> f64 {
        let most = |shares: &[f64]| shares.iter().copied().fold(0.0, f64::max);
        let row = Row {
            model: Some(most(self.p())),
            more: self.references.iter().map(|r| Side { share: Some(most(&r.q)), ..Side::default() }).collect(),
            ..Row::default()
        };
        full(&[row])
    }

    fn columns(&self) -> Vec<Line<'static>> {
        let axis = &self.axis;
        let sides = 1 + self.references.len().min(axis.slot.saturating_sub(2));
        let is_labelled = axis.slot >= LABELLED;
        let labels: Vec<Vec<String>> = axis.places.iter().map(|place| self.label(*place, axis.slot)).collect();
        let label_rows = if is_labelled { labels.iter().map(Vec::len).max().unwrap_or(0) } else { 1 };
        let share_rows = if is_labelled { 1 + self.references.len() } else { 0 };
        // One row above the columns, for the letters.
        let base = 1 + HEIGHT;
        let mut canvas = Canvas::new(self.width, base + 1 + label_rows + share_rows);
        let (line, tick) = (self.palette.sign("─", "-"), self.palette.sign("┴", "+"));
        canvas.text(0, base, &line.repeat(self.width), self.style(Role::Border));
        for (number, (place, value)) in axis.places.iter().zip(&axis.values).enumerate() {
            let x = axis.cell(*value);
            canvas.text(x, base, tick, self.style(Role::Border));
            let bar = (axis.slot.saturating_sub(1) / sides).clamp(1, 6);
            let from = x.saturating_sub(bar * sides / 2);
            for side in 0..sides {
                self.column(&mut canvas, from + side * bar, bar, *place, side.checked_sub(1));
            }
            if !is_labelled {
                canvas.centred(x, base + 1, &number_of(*value), axis.slot, self.style(Role::Secondary));
                continue;
            }
            for (row, text) in labels.get(number).into_iter().flatten().enumerate() {
                canvas.centred(x, base + 1 + row, text, axis.slot - 1, self.style(Role::Text));
            }
            let mut written = vec![(self.palette.sign("█", "#").to_owned(), self.p().get(*place), Role::Model)];
            for (at, reference) in self.references.iter().enumerate() {
                let sign = if self.references.len() > 1 {
                    mark(at).to_string()
                } else {
                    self.palette.sign("▒", ":").to_owned()
                };
                written.push((sign, reference.q.get(*place), Role::Reference));
            }
            for (row, (sign, share, role)) in written.into_iter().enumerate() {
                let text = format!("{sign} {}", share.map_or_else(|| "none".to_owned(), |share| percent(*share, 0)));
                canvas.centred(x, base + 1 + label_rows + row, &text, axis.slot, self.style(role));
            }
        }
        let mut lines = canvas.lines();
        if !is_labelled {
            lines.extend(self.ends());
        }
        if sides < 1 + self.references.len() {
            lines.extend(wrapped(
                "more populations than there is room for columns",
                self.style(Role::Secondary),
                self.width,
                2,
            ));
        }
        lines
    }

    fn column(&self, canvas: &mut Canvas, x: usize, cells: usize, place: usize, population: Option<usize>) {
        let reference = population.and_then(|at| self.references.get(at));
        let shares = reference.map_or(self.p(), |reference| reference.q.as_slice());
        let Some(share) = shares.get(place).filter(|share| share.is_finite()) else { return };
        let is_ascii = self.palette.is_ascii();
        let (full, role) = match reference {
            None => (self.palette.sign("█", "#"), Role::Model),
            Some(_) => (self.palette.sign("▒", ":"), Role::Reference),
        };
        let is_dim = reference.is_some_and(|reference| is_quiet(self.pane, reference));
        let style = self.style(if is_dim { Role::Secondary } else { role });
        let most = HEIGHT * 8;
        let mut eighths = rounded(share / self.full() * most as f64).min(most);
        if *share > 0.0 {
            eighths = eighths.max(1);
        }
        for row in 0..HEIGHT {
            let left = eighths.saturating_sub(row * 8);
            let sign = match left {
                0 => break,
                8.. => full,
                part if population.is_none() && !is_ascii => EIGHTHS.get(part - 1).copied().unwrap_or(full),
                _ if is_ascii => ".",
                _ => "░",
            };
            canvas.text(x, HEIGHT - row, &sign.repeat(cells), style);
        }
        if let Some(at) = population.filter(|_| self.references.len() > 1) {
            canvas.text(x, HEIGHT - eighths.div_ceil(8), &mark(at).to_string(), self.style(Role::Secondary));
        }
    }

    fn label(&self, place: usize, slot: usize) -> Vec<String> {
        let id = self.pane.options.as_ref().and_then(|options| options.get(place));
        let label = id.map_or_else(String::new, |id| option_label(self.question, id));
        let room = slot.saturating_sub(1).max(2);
        let safe = SafeText::line(&label);
        let mut lines = wrap(safe.as_str(), room);
        if lines.len() > LABEL_LINES {
            let rest = lines.split_off(LABEL_LINES - 1).join(" ");
            lines.push(cut(&rest, room));
        }
        lines
    }

    /// What the ends of a scale mean whose options have no room for labels.
    fn ends(&self) -> Vec<Line<'static>> {
        let ends = [(self.axis.places.first(), self.axis.span().0), (self.axis.places.last(), self.axis.span().1)];
        let parts = ends.into_iter().filter_map(|(place, value)| {
            let label = self.label(*place?, self.width.max(2)).join(" ");
            Some((format!("{} {label}", number_of(value)), self.style(Role::Text)))
        });
        packed(parts.collect(), self.width, 2, self.palette)
    }

    /// The means where they lie, each with its value, those of populations with the model's difference.
    fn means(&self) -> Vec<Line<'static>> {
        let Some(model) = self.axis.mean(self.p()) else { return Vec::new() };
        let means = self.references.iter().enumerate().filter_map(|(place, reference)| {
            let mean = self.axis.mean(&reference.q)?;
            let (lead, away) = (self.lead(place), model - mean);
            let short = if lead.is_empty() { whose_in_short(reference.basis) } else { lead.trim_end() };
            let texts = [
                format!("{lead}{} {mean:.2}, model {away:+.2}", name_of(reference)),
                format!("{short} {mean:.2}, model {away:+.2}"),
                format!("{short} {mean:.2}"),
            ];
            let is_dim = is_quiet(self.pane, reference);
            let role = if is_dim { Role::Secondary } else { Role::Reference };
            Some((mean, self.palette.sign("△", "^"), texts.to_vec(), role))
        });
        let texts = vec![format!("mean of the model {model:.2}"), format!("model {model:.2}")];
        let own = (model, self.palette.sign("▲", "A"), texts, Role::Model);
        let all: Vec<_> = std::iter::once(own).chain(means).collect();
        let mut canvas = Canvas::new(self.width, all.len());
        for (row, (mean, sign, texts, role)) in all.into_iter().enumerate() {
            let x = self.axis.cell(mean);
            let style = self.style(role);
            canvas.text(x, row, sign, style);
            // The longest text that fits on either side of the mark.
            let (right, left) = (self.width.saturating_sub(x + 2), x.saturating_sub(1));
            let needed = |text: &String| cells_of(SafeText::line(text).as_str());
            let text = texts.iter().find(|text| needed(text) <= right.max(left)).or(texts.last());
            let Some(text) = text else { continue };
            if needed(text) <= right || right >= left {
                canvas.text(x + 2, row, &cut(text, right), style);
            } else {
                let text = cut(text, left);
                canvas.text(left - cells_of(&text).min(left), row, &text, style);
            }
        }
        canvas.lines()
    }

    /// How far the answers would have to move along the scale.
    fn along(&self) -> Vec<Line<'static>> {
        let mut parts = Vec::new();
        for (place, reference) in self.references.iter().enumerate() {
            let Some(found) = measure(self.pane, "w1_normalised", &reference.population) else { continue };
            let lead = if self.references.len() > 1 { mark(place).to_string() } else { name_of(reference).to_owned() };
            let (text, is_dim) = match found.value {
                Some(value) => {
                    let is_quiet = found.noise_floor.is_some_and(|floor| value <= floor);
                    let says = if is_quiet { ", below its noise floor" } else { "" };
                    (format!("{lead} {}{}{says}", number(value), interval(found.interval)), is_quiet)
                }
                None => (format!("{lead} {}", super::distribution::absent("W1", found.note.as_deref())), true),
            };
            parts.push((text, self.style(if is_dim { Role::Secondary } else { Role::Text })));
        }
        if parts.is_empty() {
            return Vec::new();
        }
        let name = "along the scale (W1 over its span, 0 to 1)".to_owned();
        parts.insert(0, (name, self.style(Role::Text)));
        packed(parts, self.width, 2, self.palette)
    }
}

/// A place on a scale: whole where it is.
fn number_of(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
