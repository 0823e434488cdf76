//! The distribution pane: the model's shares beside those of a population, and how far to trust them.

use ratatui::style::Style;
use ratatui::text::Line;

use super::reading::{
    facts, gain_in_words, is_mass_low, is_quiet, measure, name_of, references, role_in_words, rows, so_far, whole_rows,
    whose_in_short,
};
use crate::config::theme::Role;
use crate::domain::{CorrectedShown, Obtained, Pane, PaneStatus, Question, ReferenceShown};
use crate::view::chart::{bars, key, mark};
use crate::view::figure::{interval, number, percent};
use crate::view::grid::grid;
use crate::view::lines::{fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// A note of a pane without any reference; it is said in its own place.
const NO_REFERENCE: &str = "the question has no human reference";

/// How a pane is to be shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    /// Whether it is done; while it is not, the answers read so far stand for it.
    pub is_final: bool,
    /// Whether the bars are over all options, those that give no opinion too.
    pub is_whole: bool,
    /// The first pane of the column: what it says of the populations need not be said again.
    pub above: Option<&'a Pane>,
}

/// The pane as lines, none wider than `width` cells.
pub fn distribution(
    pane: &Pane,
    question: &Question,
    width: usize,
    palette: &Palette,
    shown: Shown<'_>,
) -> Vec<Line<'static>> {
    let partial = if shown.is_final { None } else { so_far(pane, question) };
    let (pane, answers) = partial.as_ref().map_or((pane, None), |(partial, answers)| (partial, Some(*answers)));
    let page = Page { pane, width, palette, shown };
    let lines = match &pane.p {
        Some(_) if !pane.by_population.is_empty() => page.each_population(question),
        Some(_) => page.whole(question, answers),
        None => page.nothing(),
    };
    fit_all(lines, width)
}

struct Page<'a> {
    pane: &'a Pane,
    width: usize,
    palette: &'a Palette,
    shown: Shown<'a>,
}

impl Page<'_> {
    fn style(&self, role: Role) -> Style {
        self.palette.style(role)
    }

    fn wrapped(&self, text: &str, role: Role) -> Vec<Line<'static>> {
        wrapped(text, self.style(role), self.width, 2)
    }

    /// Why there are no bars.
    fn nothing(&self) -> Vec<Line<'static>> {
        if !self.shown.is_final {
            return self.wrapped("no numbers yet", Role::Secondary);
        }
        let mut lines = Vec::new();
        if let Some(error) = &self.pane.error {
            lines.extend(self.wrapped(&format!("! {error}"), Role::Bad));
        }
        if let Some(note) = &self.pane.note {
            lines.extend(self.wrapped(&format!("! {note}"), Role::Warning));
        }
        lines.extend(self.no_opinion(None));
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

    /// The answer as one of each population beside that population, and how far it is from the answer as nobody.
    fn each_population(&self, question: &Question) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        for (place, own) in self.pane.by_population.iter().enumerate() {
            let about = self.pane.about(own);
            if place > 0 {
                lines.push(Line::default());
            }
            let name = about.reference.as_ref().map_or(own.population.as_str(), name_of);
            let how =
                if self.pane.obtained == Some(Obtained::Fitted) { "calibrated to" } else { "answering as one of" };
            lines.extend(self.wrapped(&format!("{how}: {name}"), Role::Heading));
            // Another answer than that of the pane above.
            let page = Page { pane: &about, shown: Shown { above: None, ..self.shown }, ..*self };
            lines.extend(page.whole(question, None));
            if let Some(shift) = measure(&about, "shift.js_distance_2", &own.population).and_then(|found| found.value) {
                lines.extend(
                    self.wrapped(&format!("from the answer as nobody: JS distance {}", number(shift)), Role::Text),
                );
            }
            let gain = measure(&about, "gain.js_distance_2", &own.population);
            if let Some((text, role)) = gain.and_then(|gain| gain_in_words(gain, name)) {
                lines.extend(self.wrapped(&format!("  {text}"), role));
            }
        }
        lines.extend(self.notes().iter().flat_map(|note| self.wrapped(&format!("! {note}"), Role::Secondary)));
        lines
    }

    fn whole(&self, question: &Question, answers: Option<usize>) -> Vec<Line<'static>> {
        let references = references(self.pane);
        let is_low = is_mass_low(self.pane);
        let all = if self.shown.is_whole { whole_rows(self.pane, question) } else { None };
        let is_whole = all.is_some();
        let rows = all.unwrap_or_else(|| rows(self.pane, question));
        let mut lines = self.legend(&references, answers);
        if self.shown.is_whole {
            lines.extend(self.wrapped(
                if is_whole {
                    "over all options, those that give no opinion too; distances are over opinions alone"
                } else {
                    "no figures over all options: opinions alone are shown"
                },
                Role::Warning,
            ));
        }
        let notes = self.notes();
        if is_low {
            lines.extend(notes.iter().flat_map(|note| self.wrapped(&format!("! {note}"), Role::Warning)));
        }
        let names: Vec<String> = references.iter().map(|reference| name_of(reference).to_owned()).collect();
        let drawn = grid(&rows, &names, self.width, self.palette);
        let mut drawn = drawn.unwrap_or_else(|| bars(&rows, self.width, self.palette));
        if is_low {
            let dim = self.style(Role::Secondary);
            for line in &mut drawn {
                line.spans.iter_mut().for_each(|span| span.style = dim);
            }
        }
        lines.extend(drawn);
        lines.extend(packed(key(&rows, self.palette), self.width, 2, self.palette));
        lines.extend(self.no_opinion(is_whole.then_some(question)));
        for (place, reference) in references.iter().enumerate() {
            let mark = (references.len() > 1).then(|| mark(place));
            lines.extend(self.headline(reference, mark, is_low || is_quiet(self.pane, reference)));
        }
        lines.extend(self.corrected(&references));
        if references.len() != 1 {
            let orders = self.orders().map(|orders| (orders, self.style(Role::Text)));
            lines.extend(packed(orders.into_iter().collect(), self.width, 2, self.palette));
        }
        if !is_low {
            lines.extend(notes.iter().flat_map(|note| self.wrapped(&format!("! {note}"), Role::Secondary)));
        }
        lines
    }

    /// What the bars are.
    fn legend(&self, references: &[&ReferenceShown], answers: Option<usize>) -> Vec<Line<'static>> {
        let pane = self.pane;
        let how = match (answers, pane.samples, pane.obtained) {
            (Some(1), ..) => "so far, 1 answer".to_owned(),
            (Some(answers), ..) => format!("so far, {answers} answers"),
            (None, Some(samples), _) => format!("{samples} samples"),
            (None, None, Some(Obtained::Stated)) => "as it says in numbers itself".to_owned(),
            (None, None, Some(Obtained::Fitted)) => "fitted to data".to_owned(),
            (None, None, _) => match pane.orders {
                Some(orders) if orders > 1 => format!("exact, mean of {orders} option orders"),
                _ => "exact, one option order".to_owned(),
            },
        };
        let mass = pane.mass.map_or_else(String::new, |mass| format!(", mass {}", percent(mass, 0)));
        let sign = self.palette.sign("█", "#");
        let mut lines = self.wrapped(&format!("{sign} model: {how}{mass}"), Role::Model);
        let sign = self.palette.sign("▒", ":");
        let is_said = self.shown.above.is_some_and(|above| self::references(above) == references);
        for (place, reference) in references.iter().enumerate() {
            let mark = if references.len() > 1 { format!("{} ", mark(place)) } else { String::new() };
            let facts = if is_said {
                format!("{}: {}, as above", whose_in_short(reference.basis), name_of(reference))
            } else {
                facts(reference)
            };
            lines.extend(self.wrapped(&format!("{sign} {mark}{facts}"), Role::Reference));
        }
        if references.is_empty() {
            lines.extend(self.wrapped("no reference: nobody's answers to compare with", Role::Secondary));
        }
        let mut notes: Vec<&str> = Vec::new();
        for note in references.iter().filter_map(|reference| reference.note.as_deref()).filter(|_| !is_said) {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        lines.extend(notes.iter().flat_map(|note| self.wrapped(&format!("  {note}"), Role::Secondary)));
        lines
    }

    /// What has to be known, but for what stands elsewhere on the page or was said of the pane above.
    fn notes(&self) -> Vec<&str> {
        let above = self.shown.above.and_then(|above| above.note.as_deref()).unwrap_or_default();
        let notes = self.pane.note.iter().flat_map(|note| note.split("; "));
        let is_said = |note: &str| above.split("; ").any(|said| said == note);
        notes.filter(|note| !note.is_empty() && !note.starts_with(NO_REFERENCE) && !is_said(note)).collect()
    }

    /// What is outside the bars. Where they are over all options of `question`, its options are not.
    fn no_opinion(&self, question: Option<&Question>) -> Vec<Line<'static>> {
        let pane = self.pane;
        let is_drawn = |role: &str| {
            question.is_some_and(|question| question.options.iter().any(|option| option.role.id() == role))
        };
        let roles = pane.non_substantive.iter().filter(|(role, share)| **share > 0.0 && !is_drawn(role));
        let mut parts: Vec<String> =
            roles.map(|(role, share)| format!("{} {}", role_in_words(role), percent(*share, 1))).collect();
        if let Some(first) = parts.first_mut() {
            *first = format!("outside the bars, of {}: {first}", pane.whole_in_words());
        }
        let references = references(pane);
        for (place, reference) in references.iter().enumerate().filter(|_| question.is_none()) {
            let share = reference.non_substantive.filter(|share| *share > 0.0);
            let who =
                if references.len() > 1 { mark(place).to_string() } else { whose_in_short(reference.basis).to_owned() };
            parts.extend(share.map(|share| format!("{who}: {} without an opinion", percent(share, 1))));
        }
        let style = self.style(Role::Secondary);
        packed(parts.into_iter().map(|part| (part, style)).collect(), self.width, 2, self.palette)
    }

    /// How far the model is from a population, and what that is worth: interval, noise floor, baselines.
    fn headline(&self, reference: &ReferenceShown, mark: Option<char>, is_dim: bool) -> Vec<Line<'static>> {
        let population = reference.population.as_str();
        let style = self.style(if is_dim { Role::Secondary } else { Role::Text });
        let mut parts = Vec::new();
        let mut note = None;
        let lead = mark.map_or_else(String::new, |mark| format!("{mark} "));
        let distance = measure(self.pane, "js_distance_2", population);
        match distance.map(|distance| (distance, distance.value)) {
            Some((distance, Some(value))) => {
                let name =
                    if mark.is_none_or(|mark| mark == 'a') { "JS distance (base 2, 0 to 1)" } else { "JS distance" };
                parts.push(format!("{lead}{name} {}{}", number(value), interval(distance.interval)));
                parts.extend(distance.noise_floor.map(|floor| {
                    let says = if value <= floor { ": below it, says nothing" } else { "" };
                    format!("noise floor {}{says}", number(floor))
                }));
                note = distance.note.as_ref();
            }
            Some((distance, None)) => {
                parts.push(format!("{lead}{}", absent("JS distance", distance.note.as_deref())));
            }
            None if mark.is_some() => parts.push(format!("{lead}not compared")),
            None => {}
        }
        let model = distance.and_then(|distance| distance.value);
        for (name, baseline) in baselines(self.pane, population) {
            let says = if model.is_some_and(|value| baseline < value) { ", nearer than the model" } else { "" };
            parts.push(format!("{name} {}{says}", number(baseline)));
        }
        if mark.is_none() {
            parts.extend(self.orders());
        }
        let parts = parts.into_iter().map(|part| (part, style)).collect();
        let mut lines = packed(parts, self.width, 2, self.palette);
        lines.extend(note.into_iter().flat_map(|note| self.wrapped(note, Role::Secondary)));
        lines
    }

    /// The same answers by other rules: how far each moves the bars, and how far it then is from the first population.
    fn corrected(&self, references: &[&ReferenceShown]) -> Vec<Line<'static>> {
        let sign = self.palette.sign("≈", "~");
        let of = |other: &CorrectedShown| {
            let of = |id: &str, population: Option<&str>| {
                let mut own = other.measures.iter();
                own.find(|measure| measure.id == id && measure.population.as_deref() == population)?.value
            };
            let moved = of("corrected.tv", None).map(|tv| format!(" moves the bars by TV {}", number(tv)));
            let first = references.first().map(|reference| reference.population.as_str());
            let distance = first.and_then(|first| of("js_distance_2", Some(first)));
            let distance = distance.map(|distance| format!(", JS distance {}", number(distance)));
            let parts = [moved, distance].into_iter().flatten().collect::<String>();
            format!("{sign} {}:{parts}", other.rule_in_words())
        };
        self.pane.corrected.iter().flat_map(|other| self.wrapped(&of(other), Role::Secondary)).collect()
    }

    /// How far the order of the options moves the distribution.
    fn orders(&self) -> Option<String> {
        let orders = self.pane.measure("orders.mean_pairwise_tv", None)?;
        Some(match orders.value {
            Some(value) => format!("orders TV {}", number(value)),
            None => absent("orders TV", orders.note.as_deref()),
        })
    }
}

/// The distances that answers without any model have to a population, in words.
fn baselines<'a>(pane: &'a Pane, population: &'a str) -> impl Iterator<Item = (String, f64)> + 'a {
    let measures = pane.measures.iter().filter(move |measure| measure.population.as_deref() == Some(population));
    measures.filter_map(|measure| {
        let name = measure.id.strip_prefix("baseline.")?.strip_suffix(".js_distance_2")?;
        Some((name.replace('_', " "), measure.value?))
    })
}

/// A number that is not there, and why.
pub(super) fn absent(name: &str, note: Option<&str>) -> String {
    note.map_or_else(|| format!("{name} not computed"), |note| format!("{name} not computed: {note}"))
}
