//! The distribution pane: the model's shares beside those of a population, and how far to trust them.

use ratatui::style::Style;
use ratatui::text::Line;

use super::reading::{facts, is_below_floor, is_mass_low, measure, role_in_words, rows, so_far, whose_in_short};
use crate::config::theme::Role;
use crate::domain::{Pane, PaneStatus, Question, ReferenceShown};
use crate::view::chart::{bars, key};
use crate::view::figure::{interval, number, percent};
use crate::view::lines::{fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// A note of a pane without any reference; it is said in its own place.
const NO_REFERENCE: &str = "the question has no human reference";

/// The pane as lines, none wider than `width` cells. While the pane is not final, the answers read so far stand for it.
pub fn distribution(
    pane: &Pane,
    question: &Question,
    width: usize,
    palette: &Palette,
    is_final: bool,
) -> Vec<Line<'static>> {
    let partial = if is_final { None } else { so_far(pane, question) };
    let (pane, answers) = partial.as_ref().map_or((pane, None), |(partial, answers)| (partial, Some(*answers)));
    let page = Page { pane, width, palette };
    let lines = match &pane.p {
        Some(_) => page.whole(question, answers),
        None => page.nothing(is_final),
    };
    fit_all(lines, width)
}

struct Page<'a> {
    pane: &'a Pane,
    width: usize,
    palette: &'a Palette,
}

impl Page<'_> {
    fn style(&self, role: Role) -> Style {
        self.palette.style(role)
    }

    fn wrapped(&self, text: &str, role: Role) -> Vec<Line<'static>> {
        wrapped(text, self.style(role), self.width, 2)
    }

    /// Why there are no bars.
    fn nothing(&self, is_final: bool) -> Vec<Line<'static>> {
        if !is_final {
            return self.wrapped("no numbers yet", Role::Secondary);
        }
        let mut lines = Vec::new();
        if let Some(error) = &self.pane.error {
            lines.extend(self.wrapped(&format!("! {error}"), Role::Bad));
        }
        if let Some(note) = &self.pane.note {
            lines.extend(self.wrapped(&format!("! {note}"), Role::Warning));
        }
        lines.extend(self.no_opinion());
        if lines.is_empty() {
            let end = match self.pane.status {
                PaneStatus::Done => "the method gave no distribution",
                PaneStatus::Failed => "failed",
                PaneStatus::Cancelled => "stopped before there was a distribution",
                PaneStatus::Skipped => "skipped",
            };
            lines.extend(self.wrapped(end, Role::Secondary));
        }
        lines
    }

    fn whole(&self, question: &Question, answers: Option<usize>) -> Vec<Line<'static>> {
        let reference = self.pane.reference.as_ref();
        let distance = reference.and_then(|reference| measure(self.pane, "js_distance_2", &reference.population));
        let is_quiet = distance.is_some_and(is_below_floor);
        let is_low = is_mass_low(self.pane);
        let rows = rows(self.pane, question, reference, is_quiet);
        let mut lines = self.legend(reference, answers);
        let notes = self.notes();
        if is_low {
            lines.extend(notes.iter().flat_map(|note| self.wrapped(&format!("! {note}"), Role::Warning)));
        }
        let mut drawn = bars(&rows, self.width, self.palette);
        if is_low {
            let dim = self.style(Role::Secondary);
            for line in &mut drawn {
                line.spans.iter_mut().for_each(|span| span.style = dim);
            }
        }
        lines.extend(drawn);
        lines.extend(packed(key(&rows, self.palette), self.width, 2, self.palette));
        lines.extend(self.no_opinion());
        if let Some(reference) = reference {
            lines.extend(self.headline(reference, is_low || is_quiet));
        } else {
            let orders = self.orders().map(|orders| (orders, self.style(Role::Text)));
            lines.extend(packed(orders.into_iter().collect(), self.width, 2, self.palette));
        }
        for other in self.pane.references.iter().skip(1) {
            lines.extend(self.other(other));
        }
        if !is_low {
            lines.extend(notes.iter().flat_map(|note| self.wrapped(&format!("! {note}"), Role::Secondary)));
        }
        lines
    }

    /// What the two bars are.
    fn legend(&self, reference: Option<&ReferenceShown>, answers: Option<usize>) -> Vec<Line<'static>> {
        let pane = self.pane;
        let how = match (answers, pane.samples) {
            (Some(1), _) => "so far, 1 answer".to_owned(),
            (Some(answers), _) => format!("so far, {answers} answers"),
            (None, Some(samples)) => format!("{samples} samples"),
            (None, None) => match pane.orders {
                Some(orders) if orders > 1 => format!("exact, mean of {orders} option orders"),
                _ => "exact, one option order".to_owned(),
            },
        };
        let mass = pane.mass.map_or_else(String::new, |mass| format!(", mass {}", percent(mass, 0)));
        let sign = self.palette.sign("█", "#");
        let mut lines = self.wrapped(&format!("{sign} model: {how}{mass}"), Role::Model);
        match reference {
            Some(reference) => {
                let sign = self.palette.sign("▒", ":");
                lines.extend(self.wrapped(&format!("{sign} {}", facts(reference)), Role::Reference));
                lines
                    .extend(reference.note.iter().flat_map(|note| self.wrapped(&format!("  {note}"), Role::Secondary)));
            }
            None => lines.extend(self.wrapped("no reference: nobody's answers to compare with", Role::Secondary)),
        }
        lines
    }

    /// What has to be known, but for what stands elsewhere on the page.
    fn notes(&self) -> Vec<&str> {
        let notes = self.pane.note.iter().flat_map(|note| note.split("; "));
        notes.filter(|note| !note.is_empty() && !note.starts_with(NO_REFERENCE)).collect()
    }

    /// What is outside the bars.
    fn no_opinion(&self) -> Vec<Line<'static>> {
        let pane = self.pane;
        let roles = pane.non_substantive.iter().filter(|(_, share)| **share > 0.0);
        let mut parts: Vec<String> =
            roles.map(|(role, share)| format!("{} {}", role_in_words(role), percent(*share, 1))).collect();
        if let Some(first) = parts.first_mut() {
            let whole = if pane.samples.is_some() { "all answers" } else { "the next token" };
            *first = format!("outside the bars, of {whole}: {first}");
        }
        if let Some(reference) = &pane.reference {
            let share = reference.non_substantive.filter(|share| *share > 0.0);
            let who = whose_in_short(reference.basis);
            parts.extend(share.map(|share| format!("{who}: {} without an opinion", percent(share, 1))));
        }
        let style = self.style(Role::Secondary);
        packed(parts.into_iter().map(|part| (part, style)).collect(), self.width, 2, self.palette)
    }

    fn headline(&self, reference: &ReferenceShown, is_dim: bool) -> Vec<Line<'static>> {
        let population = reference.population.as_str();
        let style = self.style(if is_dim { Role::Secondary } else { Role::Text });
        let mut parts = Vec::new();
        let mut note = None;
        if let Some(distance) = measure(self.pane, "js_distance_2", population) {
            match distance.value {
                Some(value) => {
                    let name = "JS distance (base 2, 0 to 1)";
                    parts.push(format!("{name} {}{}", number(value), interval(distance.interval)));
                    parts.extend(distance.noise_floor.map(|floor| {
                        let says = if value <= floor { ": below it, says nothing" } else { "" };
                        format!("noise floor {}{says}", number(floor))
                    }));
                    note.clone_from(&distance.note);
                }
                None => parts.push(absent("JS distance", distance.note.as_deref())),
            }
            let uniform = measure(self.pane, "baseline.uniform.js_distance_2", population);
            if let Some(uniform) = uniform.and_then(|uniform| uniform.value) {
                let is_nearer = distance.value.is_some_and(|value| uniform < value);
                let says = if is_nearer { ", nearer than the model" } else { "" };
                parts.push(format!("uniform {}{says}", number(uniform)));
            }
        }
        parts.extend(self.orders());
        let parts = parts.into_iter().map(|part| (part, style)).collect();
        let mut lines = packed(parts, self.width, 2, self.palette);
        lines.extend(note.iter().flat_map(|note| self.wrapped(note, Role::Secondary)));
        lines
    }

    /// How far the order of the options moves the distribution.
    fn orders(&self) -> Option<String> {
        let orders = self.pane.measure("orders.mean_pairwise_tv", None)?;
        Some(match orders.value {
            Some(value) => format!("orders TV {}", number(value)),
            None => absent("orders TV", orders.note.as_deref()),
        })
    }

    /// One more population asked for.
    fn other(&self, reference: &ReferenceShown) -> Vec<Line<'static>> {
        let distance = measure(self.pane, "js_distance_2", &reference.population);
        let distance = match distance.map(|distance| (distance, distance.value)) {
            Some((distance, Some(value))) => {
                let says = if is_below_floor(distance) { ", below its noise floor" } else { "" };
                format!("JS distance {}{}{says}", number(value), interval(distance.interval))
            }
            Some((distance, None)) => absent("JS distance", distance.note.as_deref()),
            None => "not compared".to_owned(),
        };
        self.wrapped(&format!("also {}; {distance}", facts(reference)), Role::Secondary)
    }
}

/// A number that is not there, and why.
pub(super) fn absent(name: &str, note: Option<&str>) -> String {
    note.map_or_else(|| format!("{name} not computed"), |note| format!("{name} not computed: {note}"))
}
