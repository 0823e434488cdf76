//! What the order of the options does: each order's share on a strip, option by option.

use ratatui::text::Line;

use super::reading::option_label;
use crate::config::theme::Role;
use crate::domain::{OrderShown, Pane, Question};
use crate::text::{SafeText, pad_to};
use crate::view::canvas::Canvas;
use crate::view::chart::{Row, Side, label_lines, rounded, scale};
use crate::view::figure::{number, percent};
use crate::view::lines::{cut, fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// From here on an option's label stands beside its strip.
const WIDE: usize = 60;
/// Up to so many orders are told apart by their number.
const NUMBERED: usize = 9;
/// Cells of the written range.
const RANGE: usize = "100 to 100 %".len() + 1;

/// A strip per option: where each order puts it, the range, and the mean that is shown elsewhere.
pub fn orders(pane: &Pane, question: &Question, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let shown = &pane.per_order;
    if shown.len() < 2 {
        let text = "one option order: nothing to compare";
        return wrapped(text, palette.style(Role::Secondary), width, 2);
    }
    let mut lines = in_words(pane, width, palette);
    let options: Vec<&String> = pane.options.iter().flatten().collect();
    let all = shown.iter().flat_map(|order| &order.p);
    let most =
        Row { more: all.map(|share| Side { share: Some(*share), ..Side::default() }).collect(), ..Row::default() };
    let scale = scale(&[most]);
    let labels: Vec<String> =
        options.iter().map(|id| SafeText::line(&option_label(question, id)).to_string()).collect();
    let longest = labels.iter().map(|label| crate::text::width(label)).max().unwrap_or(0);
    let label = if width >= WIDE { longest.clamp(1, (width * 3 / 10).clamp(12, 30)) } else { 0 };
    let before = if label > 0 { label + 2 } else { 0 };
    let room = width.saturating_sub(before + RANGE).clamp(1, 90);
    for (place, text) in labels.iter().enumerate() {
        let mut text_lines = label_lines(text, if label > 0 { label } else { width }).into_iter();
        if label == 0 {
            lines.extend(text_lines.by_ref().map(|line| Line::styled(line, palette.style(Role::Text))));
        }
        let mut line = Line::default();
        if label > 0 {
            line.push_span(pad_to(&text_lines.next().unwrap_or_default(), before));
        }
        let (strip, range) = strip(pane, place, room, scale, palette);
        line.spans.extend(strip.spans);
        line.push_span(format!(" {range}"));
        lines.push(line);
        lines.extend(text_lines.map(|line| Line::styled(line, palette.style(Role::Text))));
    }
    let style = palette.style(Role::Secondary);
    let mut parts = vec![(format!("the strip is 0 to {}", percent(scale, 0)), style)];
    parts.push((format!("{} range", palette.sign("├─┤", "|-|")), style));
    parts.push((format!("{} mean of the orders", palette.sign("◆", "X")), style));
    if shown.len() <= NUMBERED {
        parts.push((format!("{} several orders", palette.sign("•", "o")), style));
        parts
            .extend(shown.iter().enumerate().map(|(n, order)| (format!("{} {}", n + 1, name(order, question)), style)));
    } else {
        parts.push((format!("{} one of {} orders", palette.sign("•", "o"), shown.len()), style));
    }
    lines.extend(packed(parts, width, 2, palette));
    let masses = shown.iter().map(|order| order.mass);
    let (least, most) = (masses.clone().fold(f64::INFINITY, f64::min), masses.fold(0.0, f64::max));
    if most - least >= 0.01 {
        let text = format!("the mass on the options goes from {} to {}", percent(least, 0), percent(most, 0));
        lines.extend(wrapped(&text, style, width, 2));
    }
    fit_all(lines, width)
}

/// How much an order changes, as answers that would change.
fn in_words(pane: &Pane, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let tv = |a: &OrderShown, b: &OrderShown| a.p.iter().zip(&b.p).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
    let orders = &pane.per_order;
    let most = orders
        .iter()
        .enumerate()
        .flat_map(|(n, a)| orders.iter().skip(n + 1).map(move |b| tv(a, b)))
        .fold(0.0, f64::max);
    let text = format!(
        "the order of the options alone changes up to {} of 100 answers (TV {} between the two of {} orders farthest apart)",
        percent(most, 0).trim_end_matches(" %"),
        number(most),
        orders.len(),
    );
    wrapped(&text, palette.style(Role::Text), width, 2)
}

/// The marks of one option and its range in words.
fn strip(pane: &Pane, place: usize, room: usize, scale: f64, palette: &Palette) -> (Line<'static>, String) {
    let shares: Vec<f64> = pane.per_order.iter().filter_map(|order| order.p.get(place).copied()).collect();
    let cell = |share: f64| rounded(share / scale * room.saturating_sub(1) as f64).min(room.saturating_sub(1));
    let (low, high) =
        (shares.iter().copied().fold(f64::INFINITY, f64::min), shares.iter().copied().fold(0.0, f64::max));
    let mut canvas = Canvas::new(room, 1);
    canvas.text(0, 0, &palette.sign("·", ".").repeat(room), palette.style(Role::Border));
    if shares.is_empty() {
        return (canvas.lines().pop().unwrap_or_default(), "none".to_owned());
    }
    let (from, to) = (cell(low), cell(high));
    if from < to {
        let line = palette.sign("─", "-").repeat(to - from + 1);
        canvas.text(from, 0, &line, palette.style(Role::Secondary));
        canvas.text(from, 0, palette.sign("├", "|"), palette.style(Role::Secondary));
        canvas.text(to, 0, palette.sign("┤", "|"), palette.style(Role::Secondary));
    }
    if let Some(mean) = pane.p.as_ref().and_then(|p| p.get(place)) {
        canvas.text(cell(*mean), 0, palette.sign("◆", "X"), palette.style(Role::Text));
    }
    let is_numbered = pane.per_order.len() <= NUMBERED;
    let mut taken = vec![0usize; room];
    for (number, share) in shares.iter().enumerate() {
        let at = cell(*share);
        let before = taken.get(at).copied().unwrap_or(0);
        if let Some(taken) = taken.get_mut(at) {
            *taken += 1;
        }
        let text =
            if is_numbered && before == 0 { (number + 1).to_string() } else { palette.sign("•", "o").to_owned() };
        canvas.text(at, 0, &text, palette.style(Role::Model));
    }
    let range = format!("{:.0} to {}", low * 100.0, percent(high, 0));
    (canvas.lines().pop().unwrap_or_default(), format!("{range:>cells$}", cells = RANGE - 1))
}

/// What an order is called.
fn name(order: &OrderShown, question: &Question) -> String {
    let ids: Vec<&str> = question.options.iter().map(|option| option.id.as_str()).collect();
    let substantive: Vec<&str> = question.substantive().into_iter().filter_map(|at| ids.get(at).copied()).collect();
    let own: Vec<&str> = order.order.iter().map(String::as_str).filter(|id| substantive.contains(id)).collect();
    if own == substantive {
        "as in the questionnaire".to_owned()
    } else if own.iter().rev().eq(substantive.iter()) {
        "reversed".to_owned()
    } else {
        let first = order.order.first().map_or_else(String::new, |id| option_label(question, id));
        format!("\"{}\" first", cut(&first, 20))
    }
}
