//! What the model would say, does say, and says that people say: the methods under each option, and how far they disagree.

use ratatui::text::{Line, Span};

use super::members::{Members, in_words, signs, style};
use super::reading::{called, facts, intervals, is_below_floor, is_mass_low, measure, name_of, obtained, sign_of};
use crate::config::theme::Role;
use crate::domain::{Measure, Pane};
use crate::text::{SafeText, pad_to, width as cells_of};
use crate::view::chart::{Row, Side, Signs, drawn, label_lines, mark, scale};
use crate::view::figure::{interval, number, percent};
use crate::view::lines::{cut, fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// From here on an option's label stands beside its bars.
const WIDE: usize = 84;
/// From here on shares have a decimal.
const DECIMAL: usize = 60;
/// Cells of a number in the table of distances, with a gap.
const CELL: usize = 6;

/// A line under an option.
struct Bar {
    name: String,
    shares: Vec<f64>,
    intervals: Vec<Option<[f64; 2]>>,
    signs: Signs,
    role: Role,
}

/// The methods and the populations under each option, and the distances between them.
pub fn together(members: &Members<'_>, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let mut lines = legend(members, width, palette);
    lines.extend(bars(members, width, palette));
    lines.push(Line::default());
    lines.extend(distances(members, width, palette));
    lines.extend(super::across::lines(members, width, palette));
    fit_all(lines, width)
}

/// What the model does with each kind of bar, and by which methods.
fn legend(members: &Members<'_>, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let mut kinds: Vec<(&'static str, &'static str, Vec<String>)> = Vec::new();
    for (_, pane) in &members.panes {
        let (full, ascii) = sign_of(pane);
        let (sign, words) = (palette.sign(full, ascii), obtained(pane));
        match kinds.iter_mut().find(|kind| (kind.0, kind.1) == (sign, words)) {
            Some(kind) => kind.2.push(called(&pane.method, pane.model.as_deref())),
            None => kinds.push((sign, words, vec![called(&pane.method, pane.model.as_deref())])),
        }
    }
    let mut lines = Vec::new();
    for (sign, words, methods) in kinds {
        lines.extend(wrapped(&format!("{sign} {words}: {}", methods.join(", ")), style(palette), width, 2));
    }
    let references = members.references();
    for (place, reference) in references.iter().enumerate() {
        let lead = if references.len() > 1 { format!("{} ", mark(place)) } else { String::new() };
        let text = format!("{} {lead}{}", palette.sign("▒", ":"), facts(reference));
        lines.extend(wrapped(&text, palette.style(Role::Reference), width, 2));
    }
    lines
}

fn all_bars(members: &Members<'_>, palette: &Palette) -> Vec<Bar> {
    let own = members.panes.iter().map(|(_, pane)| {
        let interval = |id: &String| pane.measure(&format!("share.{id}"), None).and_then(|measure| measure.interval);
        Bar {
            name: called(&pane.method, pane.model.as_deref()),
            shares: pane.p.clone().unwrap_or_default(),
            intervals: pane.options.iter().flatten().map(interval).collect(),
            signs: signs(pane, palette),
            role: if is_mass_low(pane) { Role::Secondary } else { Role::Model },
        }
    });
    let references = members.references();
    let many = references.len() > 1;
    let people = references.into_iter().enumerate().map(|(place, reference)| Bar {
        name: if many { format!("{} {}", mark(place), name_of(reference)) } else { name_of(reference).to_owned() },
        shares: reference.q.clone(),
        intervals: intervals(reference),
        signs: Signs::reference(palette),
        role: Role::Reference,
    });
    own.chain(people).collect()
}

fn bars(members: &Members<'_>, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let bars = all_bars(members, palette);
    let labels = members.labels();
    let longest =
        |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| cells_of(SafeText::line(text).as_str())).max();
    let label = if width >= WIDE { longest(&mut labels.iter()).unwrap_or(0).clamp(1, width / 5) } else { 0 };
    let name = longest(&mut bars.iter().map(|bar| &bar.name)).unwrap_or(0).clamp(1, (width / 3).clamp(4, 24));
    let decimals = usize::from(width >= DECIMAL);
    let share_cells = if decimals == 0 { 5 } else { 7 };
    let before = if label > 0 { label + 2 } else { 0 };
    let room = width.saturating_sub(before + name + 1 + 1 + share_cells).min(90);
    let most = Row {
        more: bars
            .iter()
            .flat_map(|bar| {
                bar.shares.iter().enumerate().map(|(at, share)| (share, bar.intervals.get(at).copied().flatten()))
            })
            .map(|(share, interval)| Side { share: Some(*share), interval, quiet: false })
            .collect(),
        ..Row::default()
    };
    let scale = scale(&[most]);
    let mut lines = Vec::new();
    for (place, text) in labels.iter().enumerate() {
        let safe = SafeText::line(text);
        let mut beside = Vec::new().into_iter();
        if label > 0 {
            beside = label_lines(safe.as_str(), label).into_iter();
        } else {
            let text = palette.style(Role::Heading);
            lines.extend(label_lines(safe.as_str(), width).into_iter().map(|line| Line::styled(line, text)));
        }
        for bar in &bars {
            let mut spans = Vec::new();
            if label > 0 {
                let text = pad_to(&beside.next().unwrap_or_default(), before);
                spans.push(Span::styled(text, palette.style(Role::Heading)));
            }
            let share = bar.shares.get(place).copied().filter(|share| share.is_finite());
            let interval = bar.intervals.get(place).copied().flatten();
            let own = palette.style(bar.role);
            spans.push(Span::styled(
                format!("{} ", pad_to(&cut(&bar.name, name), name)),
                palette.style(Role::Secondary),
            ));
            spans.push(Span::styled(drawn(share, interval, room, scale, &bar.signs), own));
            let written = share.map_or_else(|| "none".to_owned(), |share| percent(share, decimals));
            spans.push(Span::raw(format!(" {written:>share_cells$}")));
            lines.push(Line::from(spans));
        }
    }
    let full = format!("full bar {}", percent(scale, 0));
    let whiskers = format!("{} 95 % interval", palette.sign("├─┤", "|-|"));
    let mut parts = vec![(full, palette.style(Role::Secondary))];
    if bars.iter().flat_map(|bar| &bar.intervals).any(Option::is_some) {
        parts.insert(0, (whiskers, palette.style(Role::Secondary)));
    }
    lines.extend(packed(parts, width, 2, palette));
    lines
}

/// How far every two methods, and every method and population, are from each other: a table where it fits, else a list.
fn distances(members: &Members<'_>, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let secondary = palette.style(Role::Secondary);
    let mut lines = wrapped(
        "how far apart: JS distance, base 2; 0 the same, 1 nothing in common",
        palette.style(Role::Heading),
        width,
        2,
    );
    let panes = &members.panes;
    let references = members.references();
    let columns = panes.len() + references.len();
    let name = width.saturating_sub(columns * CELL);
    if name >= 14 {
        let name = name.min(34);
        let mut head = vec![Span::raw(" ".repeat(name))];
        let letters = (0..references.len()).map(|place| mark(place).to_string());
        for column in (1..=panes.len()).map(|number| number.to_string()).chain(letters) {
            head.push(Span::styled(format!("{column:>CELL$}"), secondary));
        }
        lines.push(Line::from(head));
        for (number, (place, pane)) in panes.iter().enumerate() {
            let text = pad_to(&cut(&format!("{} {}", number + 1, in_words(pane)), name), name);
            let mut spans = vec![Span::styled(text, palette.style(Role::Text))];
            for (other, beside) in panes {
                let found = if place == other { None } else { members.between(pane, beside) };
                spans.push(cell(found.and_then(distance), place == other, palette));
            }
            for reference in &references {
                spans.push(cell(to_population(pane, &reference.population), false, palette));
            }
            lines.push(Line::from(spans));
        }
        for (place, reference) in references.iter().enumerate() {
            lines.push(Line::styled(cut(&format!("{} {}", mark(place), name_of(reference)), width), secondary));
        }
    }
    lines.extend(in_sentences(members, name < 14, width, palette));
    lines
}

fn to_population(pane: &Pane, population: &str) -> Option<(f64, bool)> {
    distance(measure(pane, "js_distance_2", population)?)
}

/// A distance, and whether it says no more than chance would.
fn distance(measure: &Measure) -> Option<(f64, bool)> {
    Some((measure.value?, is_below_floor(measure)))
}

fn cell(found: Option<(f64, bool)>, is_itself: bool, palette: &Palette) -> Span<'static> {
    let (text, role) = match found {
        _ if is_itself => (palette.sign("·", ".").to_owned(), Role::Secondary),
        None => ("?".to_owned(), Role::Secondary),
        Some((value, true)) => (format!("{}{value:.2}", palette.sign("≈", "~")), Role::Secondary),
        Some((value, false)) => (format!("{value:.2}"), Role::Text),
    };
    Span::styled(format!("{text:>CELL$}"), palette.style(role))
}

/// The distances between methods as sentences: the largest, or all of them where there is no table.
fn in_sentences(members: &Members<'_>, all: bool, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let panes = members.panes.iter().enumerate();
    let pairs = panes.flat_map(|(place, (_, one))| {
        let later = members.panes.iter().skip(place + 1);
        later.filter_map(move |(_, other)| {
            let measure = members.between(one, other)?;
            Some((measure.value?, measure, *one, *other))
        })
    });
    let mut pairs: Vec<(f64, &Measure, &Pane, &Pane)> = pairs.collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let shown = if all { pairs.len() } else { 1 };
    let mut lines = Vec::new();
    for (rank, (value, measure, first, second)) in pairs.iter().take(shown).enumerate() {
        let lead = if rank == 0 { "farthest apart: " } else { "then " };
        let is_quiet = is_below_floor(measure);
        let floor = measure.noise_floor.map_or_else(String::new, |floor| {
            let says = if is_quiet { ": no more than chance alone makes" } else { "" };
            format!(", noise floor {}{says}", number(floor))
        });
        let (a, b) = (in_words(first), in_words(second));
        let text = format!("{lead}{a} and {b}, {}{}{floor}", number(*value), interval(measure.interval));
        let role = if is_quiet { Role::Secondary } else { Role::Text };
        lines.extend(wrapped(&text, palette.style(role), width, 2));
    }
    if !all && pairs.iter().any(|(_, measure, ..)| is_below_floor(measure)) {
        let text = format!("{} no more than chance alone makes of samples this small", palette.sign("≈", "~"));
        lines.extend(wrapped(&text, palette.style(Role::Secondary), width, 2));
    }
    lines
}
