//! The most probable next tokens where an option was to be named: they say why the mass is low.

use ratatui::text::{Line, Span};

use super::reading::option_label;
use crate::config::theme::Role;
use crate::domain::{Pane, Question};
use crate::measure::bare_label;
use crate::text::{SafeText, pad_to};
use crate::view::chart::single_bar;
use crate::view::figure::percent;
use crate::view::lines::{cut, fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// Tokens less probable are not listed one by one.
const LEAST: f64 = 0.0005;
/// Cells of a token.
const TOKEN: usize = 10;
/// Cells of a written probability.
const SHARE: usize = 7;

/// A line per token: the token with its blanks made visible, its probability, and what it was counted as.
pub fn tokens(pane: &Pane, question: &Question, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    if pane.top.is_empty() {
        return wrapped("no tokens are known", palette.style(Role::Secondary), width, 2);
    }
    let order = pane.per_order.first();
    let counted: Vec<Option<String>> = pane.top.iter().map(|token| label(pane, question, &token.text)).collect();
    let sum = |is_counted: bool| {
        let shares = pane.top.iter().zip(&counted).filter(|(_, label)| label.is_some() == is_counted);
        shares.map(|(token, _)| token.p).sum::<f64>()
    };
    let mut lines = Vec::new();
    let mass = order.map(|order| order.mass).or(pane.mass);
    let which = if order.is_some() { " in the first order" } else { "" };
    let title = format!(
        "the next token{which}: {} on the options' letters, {} on other tokens below",
        percent(mass.unwrap_or_else(|| sum(true)).clamp(0.0, 1.0), 0),
        percent(sum(false).clamp(0.0, 1.0), 0),
    );
    lines.extend(wrapped(&title, palette.style(Role::Text), width, 2));
    let says = (width / 2).min(40).saturating_sub(2);
    let bar = width.saturating_sub(3 + TOKEN + 1 + SHARE + 2 + says).min(40);
    let listed = pane.top.iter().zip(&counted).take_while(|(token, _)| token.p >= LEAST);
    let mut number = 0;
    for (token, counted) in listed {
        number += 1;
        let (words, role) = match counted {
            Some(label) => (format!("{} {label}", palette.sign("→", ">")), Role::Model),
            None => ("not counted".to_owned(), Role::Secondary),
        };
        let style = palette.style(role);
        let mut spans = vec![Span::styled(format!("{number:>2} "), palette.style(Role::Secondary))];
        spans.push(Span::styled(pad_to(&visible(&token.text, palette), TOKEN), style));
        if bar >= 6 {
            spans.push(Span::raw(" "));
            spans.push(Span::styled(single_bar(token.p, bar.saturating_sub(1), palette), style));
        }
        spans.push(Span::raw(format!(" {:>cells$}", percent(token.p, 1), cells = SHARE)));
        spans.push(Span::styled(format!("  {}", cut(&words, says.max(1))), style));
        lines.push(Line::from(spans));
    }
    let style = palette.style(Role::Secondary);
    let mut parts = Vec::new();
    if number < pane.top.len() {
        parts.push((format!("{} more below {}", pane.top.len() - number, percent(LEAST, 2)), style));
    }
    parts.push((format!("{} blank", palette.sign("␣", "_")), style));
    lines.extend(packed(parts, width, 2, palette));
    if sum(false) > sum(true) {
        let text = "! most of it is no option's letter: the shares stand on what is left";
        lines.extend(wrapped(text, palette.style(Role::Warning), width, 2));
    }
    fit_all(lines, width)
}

/// The option whose letter a token is, by the first order.
fn label(pane: &Pane, question: &Question, token: &str) -> Option<String> {
    let mut letters = bare_label(token).chars();
    let letter = letters.next().filter(|letter| letter.is_ascii_uppercase() && letters.next().is_none())?;
    let slot = usize::from(u8::try_from(letter).ok()? - b'A');
    let id = match pane.per_order.first() {
        Some(order) => order.order.get(slot)?,
        None => &question.options.get(slot)?.id,
    };
    Some(option_label(question, id))
}

/// A token with its blanks and line feeds made visible.
fn visible(token: &str, palette: &Palette) -> String {
    let mut shown = String::new();
    for letter in token.chars().take(4 * TOKEN) {
        match letter {
            ' ' => shown.push_str(palette.sign("␣", "_")),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            letter => shown.push(letter),
        }
    }
    if shown.is_empty() { "(nothing)".to_owned() } else { SafeText::line(&shown).to_string() }
}
