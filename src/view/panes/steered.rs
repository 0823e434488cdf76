//! The shifts of a steered pane: how far each persona moved the model, from what to what, and whether towards its own
//! group.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::distribution::absent;
use super::reading::{gain_in_words, option_label};
use crate::config::theme::Role;
use crate::domain::{Measure, Pane, PersonaDistribution, Question};
use crate::view::chart::single_bar;
use crate::view::figure::{interval, number, percent};
use crate::view::lines::{cut, fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// Options that moved less are not listed.
const SMALLEST_MOVE: f64 = 0.01;
/// Above this p value of the permutation test, chance alone may have made the personas differ.
const FLATTENED: f64 = 0.05;
/// Cells of the written shift and its name.
const SHIFT: &str = "0.00 JS";

/// A block for the answer without a persona, then one per persona, as lines of at most `width` cells. `names` gives a
/// persona's label by its id. Empty where nothing was measured and nothing is to be said about it.
pub fn shifts(
    pane: &Pane,
    question: &Question,
    names: &dyn Fn(&str) -> String,
    width: usize,
    palette: &Palette,
) -> Vec<Line<'static>> {
    let page = Page { pane, question, names, width, palette };
    let mut lines = page.before();
    for (place, after) in pane.distributions.iter().enumerate() {
        lines.extend(page.after(place, after));
    }
    if !pane.distributions.is_empty() {
        lines.extend(page.mean());
        lines.extend(page.flattening());
    }
    if let Some(note) = pane.note.as_ref().filter(|note| !note.is_empty()) {
        lines.extend(wrapped(&format!("! {note}"), palette.style(Role::Secondary), width, 2));
    }
    fit_all(lines, width)
}

struct Page<'a> {
    pane: &'a Pane,
    question: &'a Question,
    names: &'a dyn Fn(&str) -> String,
    width: usize,
    palette: &'a Palette,
}

impl Page<'_> {
    fn style(&self, role: Role) -> Style {
        self.palette.style(role)
    }

    fn packed(&self, parts: Vec<String>, role: Role) -> Vec<Line<'static>> {
        let mut parts = parts.into_iter();
        // Everything below a name stands in from it.
        let first = parts.next().map(|part| format!("  {part}"));
        let style = self.style(role);
        packed(first.into_iter().chain(parts).map(|part| (part, style)).collect(), self.width, 2, self.palette)
    }

    fn wrapped(&self, text: &str, role: Role) -> Vec<Line<'static>> {
        wrapped(text, self.style(role), self.width, 2)
    }

    /// An option's label, short enough that several stand on a line.
    fn label(&self, id: &str) -> String {
        cut(&option_label(self.question, id), (self.width / 2).clamp(6, 24))
    }

    /// Ids of the options, each with a share.
    fn shares<'a>(&'a self, p: &'a [f64]) -> impl Iterator<Item = (&'a str, f64)> {
        self.pane.options.iter().flatten().map(String::as_str).zip(p.iter().copied())
    }

    fn before(&self) -> Vec<Line<'static>> {
        let Some(before) = &self.pane.before else { return Vec::new() };
        let role = if before.note.is_some() { Role::Secondary } else { Role::Text };
        let who = if self.pane.fan.is_empty() { "no persona" } else { "unsteered" };
        let title = format!("before: {who}, mass {}", percent(before.mass, 0));
        let mut lines = self.wrapped(&title, Role::Heading);
        lines.extend(before.note.iter().flat_map(|note| self.wrapped(&format!("! {note}"), Role::Warning)));
        let shares = self.shares(&before.p).map(|(id, share)| format!("{} {}", self.label(id), percent(share, 0)));
        lines.extend(self.packed(shares.collect(), role));
        if let Some(orders) = self.pane.measure("orders.mean_pairwise_tv", None) {
            let text = match orders.value {
                Some(value) => format!("option orders alone move it by TV {}", number(value)),
                None => absent("orders TV", orders.note.as_deref()),
            };
            lines.extend(self.wrapped(&format!("  {text}"), Role::Secondary));
        }
        lines
    }

    fn after(&self, place: usize, after: &PersonaDistribution) -> Vec<Line<'static>> {
        let hue = self.palette.persona(place);
        let persona = after.persona.as_str();
        let is_quiet = self.is_quiet(persona);
        let mut lines = self.head(persona, hue, is_quiet || after.note.is_some());
        if let Some(note) = &after.note {
            lines.extend(self.wrapped(&format!("! {note}"), Role::Warning));
        }
        let moves = self.moves(&after.p);
        let role = if is_quiet || after.note.is_some() { Role::Secondary } else { Role::Text };
        lines.extend(self.packed(moves, role));
        if is_quiet {
            lines.extend(self.wrapped("  no more than option orders alone do", Role::Secondary));
        }
        lines.extend(self.gain(persona));
        lines.extend(self.fan(persona));
        lines
    }

    /// What each strength of the persona's direction does.
    fn fan(&self, persona: &str) -> Vec<Line<'static>> {
        let spots = self.pane.fan.iter().filter(|at| at.persona == persona);
        let lines = spots.flat_map(|at| {
            let shares = self.shares(at.p.as_deref().unwrap_or_default());
            let shares: Vec<String> =
                shares.map(|(id, share)| format!("{} {}", self.label(id), percent(share, 0))).collect();
            let shift = at.shift_js_distance_2.map(|shift| format!("JS {}", number(shift)));
            let perplexity = at.perplexity_ratio.map(|ratio| format!("perplexity {}{}", self.times(), number(ratio)));
            let parts: Vec<String> =
                std::iter::once(format!("{:+.2}:", at.strength)).chain(shares).chain(shift).chain(perplexity).collect();
            self.packed(parts, Role::Secondary)
        });
        lines.collect()
    }

    fn times(&self) -> &'static str {
        self.palette.sign("×", "x")
    }

    /// Name, bar and value of the shift: on one line where there is room.
    fn head(&self, persona: &str, hue: Style, is_dim: bool) -> Vec<Line<'static>> {
        let name = (self.names)(persona);
        let value = match self.measure("shift.js_distance_2", persona) {
            Some(Measure { value: Some(value), .. }) => Ok(*value),
            Some(measure) => Err(absent("shift", measure.note.as_deref())),
            None => Err("shift not measured".to_owned()),
        };
        let name_style = hue.patch(self.style(Role::Heading));
        let shift = match value {
            Ok(shift) => shift,
            Err(text) => {
                let mut lines = wrapped(&name, name_style, self.width, 2);
                lines.extend(self.wrapped(&format!("  {text}"), Role::Secondary));
                return lines;
            }
        };
        let bar_style = if is_dim { self.style(Role::Secondary) } else { hue };
        let label = if self.width >= 48 { self.width * 2 / 5 } else { 0 };
        let room = self.width.saturating_sub(label.max(2) + 1 + SHIFT.len());
        let bar = single_bar(shift, room.min(40), self.palette);
        let measured = [Span::styled(bar, bar_style), Span::raw(format!(" {} JS", number(shift)))];
        if label == 0 {
            let mut lines = wrapped(&cut(&name, self.width), name_style, self.width, 2);
            lines.push([Span::raw("  ")].into_iter().chain(measured).collect());
            return lines;
        }
        let name = crate::text::pad_to(&cut(&name, label - 2), label);
        vec![[Span::styled(name, name_style)].into_iter().chain(measured).collect()]
    }

    /// From what to what each option went that moved at all.
    fn moves(&self, after: &[f64]) -> Vec<String> {
        let Some(before) = &self.pane.before else {
            return self.shares(after).map(|(id, share)| format!("{} {}", self.label(id), percent(share, 0))).collect();
        };
        let arrow = self.palette.sign("→", "->");
        let moved = self.shares(&before.p).zip(after);
        let moved = moved.filter(|((_, from), to)| (**to - from).abs() >= SMALLEST_MOVE);
        let mut moves: Vec<String> = moved
            .map(|((id, from), to)| {
                let from = percent(from, 0).trim_end_matches(" %").to_owned();
                format!("{} {from}{arrow}{}", self.label(id), percent(*to, 0))
            })
            .collect();
        let all = before.p.len().min(after.len());
        if moves.is_empty() {
            moves.push("no option moved by 1 point".to_owned());
        } else if moves.len() < all {
            moves.push("the rest by less than 1 point".to_owned());
        }
        moves
    }

    fn gain(&self, persona: &str) -> Vec<Line<'static>> {
        let Some(gain) = self.measure("gain.js_distance_2", persona) else { return Vec::new() };
        let group = gain
            .population
            .as_deref()
            .map_or("its group", |id| self.question.population(id).map_or(id, |population| population.label.as_str()));
        match gain_in_words(gain, group) {
            Some((text, role)) => self.wrapped(&format!("  {text}"), role),
            None => self.wrapped(&format!("  {}", absent("gain", gain.note.as_deref())), Role::Secondary),
        }
    }

    fn mean(&self) -> Vec<Line<'static>> {
        let mean = self.pane.measure("shift.mean_js_distance_2", None).and_then(|mean| mean.value);
        let mut parts: Vec<String> = mean.map(|mean| format!("mean shift {}", number(mean))).into_iter().collect();
        parts.push("shift and gain: JS distance, base 2, 0 to 1".to_owned());
        let style = self.style(Role::Secondary);
        packed(parts.into_iter().map(|part| (part, style)).collect(), self.width, 2, self.palette)
    }

    /// Whether the personas differ from each other at all: simulated people are often all the same.
    fn flattening(&self) -> Vec<Line<'static>> {
        let Some(mean) = self.pane.measure("flattening.mean_pairwise_js_distance_2", None) else { return Vec::new() };
        let p = self.pane.measure("flattening.p_value", None);
        let Some(value) = mean.value else {
            return self.wrapped(&absent("flattening", mean.note.as_deref()), Role::Secondary);
        };
        let between =
            format!("JS distance {}{} between two personas on average", number(value), interval(mean.interval));
        match p.map(|p| (p, p.value)) {
            Some((_, Some(p))) if p > FLATTENED => {
                let text = format!("! flattened? {between}: no more than chance makes (p = {})", number(p));
                self.wrapped(&text, Role::Warning)
            }
            Some((_, Some(p))) => self.wrapped(
                &format!("personas differ: {between}, more than chance makes (p = {})", number(p)),
                Role::Text,
            ),
            Some((p, None)) => {
                self.wrapped(&format!("{between}; {}", absent("p value", p.note.as_deref())), Role::Secondary)
            }
            None => self.wrapped(&between, Role::Secondary),
        }
    }

    fn measure(&self, id: &str, persona: &str) -> Option<&Measure> {
        self.pane.measure(id, Some(persona))
    }

    /// Whether the persona moved the model no further than another order of the options does.
    fn is_quiet(&self, persona: &str) -> bool {
        let orders = [None, Some(persona)];
        let orders = orders.iter().filter_map(|whose| self.pane.measure("orders.mean_pairwise_tv", *whose)?.value);
        let shift = self.measure("shift.tv", persona).and_then(|shift| shift.value);
        shift.is_some_and(|shift| orders.fold(f64::NEG_INFINITY, f64::max) >= shift)
    }
}
