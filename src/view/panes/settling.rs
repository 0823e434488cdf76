//! How the shares settled while answers came in: the running share of each option inside its shrinking interval.

use std::fmt::Write as _;

use ratatui::text::{Line, Span};

use super::reading::{option_label, references};
use crate::config::theme::Role;
use crate::domain::{Pane, Question};
use crate::measure::{Interval, Z_95, wilson_95};
use crate::text::{pad_to, width as cells_of};
use crate::view::canvas::{Canvas, beside};
use crate::view::chart::rounded;
use crate::view::figure::{count, percent};
use crate::view::lines::{cut, fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// From here on every option has a plot of several rows.
const PLOTTED: usize = 56;
/// Cells of a plot, and rows.
const PLOT: (usize, usize) = (34, 4);
/// Cells of the written share and interval.
const WRITTEN: usize = " 100 % [100 100]".len();
/// Heights of a running share on one line.
const HEIGHTS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The share of an option and its interval after some answers.
type Step = (f64, [f64; 2]);

/// A line or a plot per option, and how many answers would make it surer.
pub fn settling(pane: &Pane, question: &Question, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let named: Vec<usize> = pane.draws.iter().flatten().copied().collect();
    let options: Vec<&String> = pane.options.iter().flatten().collect();
    if named.is_empty() || options.is_empty() {
        return wrapped("no answer named an option yet", palette.style(Role::Secondary), width, 2);
    }
    let mut lines = summary(&named, options.len(), pane.draws.len(), width, palette);
    let labels: Vec<String> = options.iter().map(|id| option_label(question, id)).collect();
    if width < PLOTTED {
        for (place, label) in labels.iter().enumerate() {
            let room = width.saturating_sub(WRITTEN).clamp(1, 60);
            let steps = running(&named, place, room);
            lines.push(Line::styled(cut(label, width), palette.style(Role::Text)));
            let mut line = Line::styled(pad_to(&spark(&steps, palette), room), palette.style(Role::Model));
            line.push_span(Span::raw(written(&steps)));
            lines.push(line);
        }
    } else {
        let across = (width + 2) / (PLOT.0 + 2);
        let cells = ((width + 2) / across.max(1)).saturating_sub(2).min(PLOT.0 + 12);
        let reference = references(pane).into_iter().next();
        let blocks = labels.iter().enumerate().map(|(place, label)| {
            let share = reference.and_then(|reference| reference.q.get(place)).copied();
            plot(&running(&named, place, cells * 2), label, share, cells, palette)
        });
        lines.extend(beside(blocks.collect(), cells, 2, width));
    }
    let style = palette.style(Role::Secondary);
    let mut parts = vec![(format!("left to right: answer 1 to {}", count(named.len() as u64)), style)];
    if width >= PLOTTED {
        parts.push(("bottom to top: 0 to 100 %".to_owned(), style));
        parts.push((
            if palette.is_ascii() { "* share, . 95 % interval" } else { "line: share, dots: 95 % interval" }.to_owned(),
            style,
        ));
        if !references(pane).is_empty() {
            parts.push((format!("{} the population", palette.sign("┄", "-")), style));
        }
    } else if palette.is_ascii() {
        parts.push(("digits: tenths".to_owned(), style));
    } else {
        parts.push(("height: 0 to 100 %".to_owned(), style));
    }
    lines.extend(packed(parts, width, 2, palette));
    fit_all(lines, width)
}

/// How wide the widest interval is, how wide it was, and what it would take to halve it.
fn summary(named: &[usize], options: usize, drawn: usize, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let widest = |n: usize| {
        let some = named.get(..n).unwrap_or_default();
        (0..options).filter_map(|place| interval(some, place)).map(|(_, [low, high])| high - low).fold(0.0, f64::max)
    };
    let n = named.len();
    let now = widest(n);
    let mut text = format!(
        "{} of {} answers named an option; the widest interval is {:.0} points",
        count(n as u64),
        count(drawn as u64),
        now * 100.0
    );
    if n >= 4 {
        let half = n / 2;
        let _ = write!(text, ", after {half} it was {:.0}", widest(half) * 100.0);
    }
    // The normal approximation of the interval: near enough to plan with.
    let spread =
        (0..options).filter_map(|place| interval(named, place)).map(|(p, _)| p * (1.0 - p)).fold(0.0, f64::max);
    let needed = Z_95 * Z_95 * spread / (0.05 * 0.05);
    if spread > 0.0 && needed > n as f64 {
        let _ = write!(text, "; about {} would bring it to 10", count(rounded(needed.ceil()) as u64));
    }
    wrapped(&text, palette.style(Role::Text), width, 2)
}

fn interval(named: &[usize], place: usize) -> Option<Step> {
    let (hits, n) = (named.iter().filter(|own| **own == place).count(), named.len());
    let Interval { low, high } = wilson_95(hits as u64, n as u64).ok()?;
    Some((hits as f64 / n as f64, [low, high]))
}

/// The share and interval of an option at `points` places from the first answer to the last.
fn running(named: &[usize], place: usize, points: usize) -> Vec<Step> {
    let points = points.max(1);
    let mut steps = Vec::with_capacity(points);
    let (mut hits, mut seen) = (0u64, 0usize);
    for point in 1..=points {
        let until = (point * named.len()).div_ceil(points);
        hits += named.iter().take(until).skip(seen).filter(|own| **own == place).count() as u64;
        seen = until;
        if let Ok(Interval { low, high }) = wilson_95(hits, seen as u64) {
            steps.push((hits as f64 / seen as f64, [low, high]));
        }
    }
    steps
}

fn written(steps: &[Step]) -> String {
    let Some((share, [low, high])) = steps.last() else { return String::new() };
    format!(" {:>5} [{:.0} {:.0}]", percent(*share, 0), low * 100.0, high * 100.0)
}

fn spark(steps: &[Step], palette: &Palette) -> String {
    let sign = |share: f64| {
        if palette.is_ascii() {
            return rounded((share * 10.0).floor()).min(9).to_string();
        }
        HEIGHTS.get(rounded(share * 7.0).min(7)).copied().unwrap_or(" ").to_owned()
    };
    steps.iter().map(|(share, _)| sign(*share)).collect()
}

/// The running share inside its interval, in `cells` columns and [`PLOT`] rows under the option's name.
fn plot(steps: &[Step], label: &str, reference: Option<f64>, cells: usize, palette: &Palette) -> Vec<Line<'static>> {
    let written = written(steps);
    let name = cells.saturating_sub(cells_of(&written));
    let mut head = Line::styled(pad_to(&cut(label, name), name), palette.style(Role::Heading));
    head.push_span(Span::raw(written));
    let mut canvas = Canvas::new(cells, PLOT.1);
    if let Some(share) = reference {
        let row = rounded((1.0 - share) * PLOT.1 as f64 - 0.5).min(PLOT.1 - 1);
        canvas.text(0, row, &palette.sign("┄", "-").repeat(cells), palette.style(Role::Reference));
    }
    if palette.is_ascii() {
        let row = |share: f64| rounded((1.0 - share) * (PLOT.1 - 1) as f64).min(PLOT.1 - 1);
        for x in 0..cells {
            let Some((share, [low, high])) = steps.get(x * 2) else { continue };
            canvas.text(x, row(*low), ".", palette.style(Role::Secondary));
            canvas.text(x, row(*high), ".", palette.style(Role::Secondary));
            canvas.text(x, row(*share), "*", palette.style(Role::Model));
        }
    } else {
        let dots = PLOT.1 * 4;
        let dot = |share: f64| rounded((1.0 - share) * (dots - 1) as f64).min(dots - 1);
        let mut cells_of_dots = vec![vec![0u8; cells]; PLOT.1];
        let mut set = |x: usize, y: usize| {
            if let Some(cell) = cells_of_dots.get_mut(y / 4).and_then(|row| row.get_mut(x / 2)) {
                *cell |= dot_of(x % 2, y % 4);
            }
        };
        for (x, (share, [low, high])) in steps.iter().enumerate() {
            set(x, dot(*share));
            // Every other dot: an interval is no line.
            if x % 2 == 0 {
                set(x, dot(*low));
                set(x, dot(*high));
            }
        }
        for (y, row) in cells_of_dots.iter().enumerate() {
            for (x, bits) in row.iter().enumerate().filter(|(_, bits)| **bits > 0) {
                let sign = char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ');
                canvas.text(x, y, &sign.to_string(), palette.style(Role::Model));
            }
        }
    }
    std::iter::once(head).chain(canvas.lines()).collect()
}

/// The bit of a dot in a braille letter: columns 0 and 1, rows 0 to 3 from above.
fn dot_of(column: usize, row: usize) -> u8 {
    const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    BITS.get(column).and_then(|bits| bits.get(row)).copied().unwrap_or(0)
}
