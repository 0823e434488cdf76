//! The strip below a pane: its measures that stand nowhere else, in two lines at most.

use ratatui::text::Line;

use super::reading::is_below_floor;
use crate::config::theme::Role;
use crate::domain::{Measure, Pane};
use crate::text::width as cells_of;
use crate::view::figure::{interval, number, percent};
use crate::view::lines::{cut, packed};
use crate::view::palette::Palette;

/// Lines of a strip.
const LINES: usize = 2;
/// What the other parts of a pane draw.
const DRAWN: [&str; 5] = [
    "js_distance_2",
    "orders.mean_pairwise_tv",
    "shift.js_distance_2",
    "shift.mean_js_distance_2",
    "gain.js_distance_2",
];

/// The measures of `pane` that neither the distribution nor the shifts show, in one or two lines of at most `width` cells.
/// What there is no room for is counted; a number that could not be computed is shown as its reason.
pub fn strip(pane: &Pane, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let shown: Vec<&Measure> = pane.measures.iter().filter(|measure| belongs(pane, measure)).collect();
    let (there, absent): (Vec<&Measure>, Vec<&Measure>) =
        shown.into_iter().partition(|measure| measure.value.is_some());
    let pieces: Vec<_> = there
        .into_iter()
        .chain(absent)
        .map(|measure| {
            let is_dim = measure.value.is_none() || is_below_floor(measure);
            (written(measure), palette.style(if is_dim { Role::Secondary } else { Role::Text }))
        })
        .collect();
    // The most pieces that fit, with the count of the others after them.
    for kept in (0..=pieces.len()).rev() {
        let mut some: Vec<_> = pieces.iter().take(kept).cloned().collect();
        if kept < pieces.len() {
            some.push((format!("+{} more", pieces.len() - kept), palette.style(Role::Secondary)));
        }
        // A reason is long; alone, it may be cut.
        if let ([piece, ..], true) = (some.as_mut_slice(), kept == 1) {
            let room = if pieces.len() > 1 { width.saturating_sub(cells_of(" · +99 more")) } else { width };
            piece.0 = cut(&piece.0, room.max(1));
        }
        let mut lines = packed(some, width, 2, palette);
        if lines.len() <= LINES || kept == 0 {
            lines.truncate(LINES);
            return lines;
        }
    }
    Vec::new()
}

/// Whether the strip shows it.
fn belongs(pane: &Pane, measure: &Measure) -> bool {
    let is_baseline =
        measure.id.starts_with("baseline.") && measure.id.ends_with(".js_distance_2") && measure.value.is_some();
    let is_drawn = DRAWN.contains(&measure.id.as_str())
        || is_baseline
        || ["share.", "flattening."].iter().any(|family| measure.id.starts_with(family));
    // Those of single personas stand in their rows, those of further populations in their lines.
    let is_of_one = measure.persona.is_some();
    let is_of_another =
        measure.population.is_some() && measure.population.as_ref() != pane.reference.as_ref().map(|r| &r.population);
    // Of two orders the largest difference is the mean one.
    let is_twice = measure.id == "orders.max_pairwise_tv" && measure.n == Some(2);
    !is_drawn && !is_of_one && !is_of_another && !is_twice
}

fn written(measure: &Measure) -> String {
    let name = name(&measure.id);
    let Some(value) = measure.value else {
        return super::distribution::absent(name, measure.note.as_deref());
    };
    match measure.id.as_str() {
        "mode_match" => format!("{name}: {}", if value > 0.5 { "yes" } else { "no" }),
        "refusal_rate" | "abstention_rate" => {
            let of = measure.n.map_or_else(String::new, |n| format!(" of {n}"));
            let ends = measure
                .interval
                .map_or_else(String::new, |[low, high]| format!(" [{:.0} {:.0}]", low * 100.0, high * 100.0));
            format!("{name} {}{of}{ends}", percent(value, 0))
        }
        _ => {
            let says = if is_below_floor(measure) { ", below its noise floor" } else { "" };
            format!("{name} {}{}{}{says}", number(value), unit(&measure.id), interval(measure.interval))
        }
    }
}

/// A measure in few words; `docs/measures.md` has the whole of it.
fn name(id: &str) -> &str {
    match id {
        "tv" => "TV",
        "w1_normalised" => "along the scale (0 to 1)",
        "kl_2_qp" => "KL(reference || model)",
        "mode_match" => "same top answer",
        "entropy_2" => "entropy",
        "entropy_2_q" => "reference's entropy",
        "entropy_2_miller_madow" => "entropy corrected for n",
        "refusal_rate" => "refusals",
        "abstention_rate" => "abstentions",
        "orders.max_pairwise_tv" => "orders TV at most",
        "orders.generalised_js_2" => "orders disagree by",
        other => other,
    }
}

fn unit(id: &str) -> &'static str {
    match id {
        "kl_2_qp" | "entropy_2" | "entropy_2_q" | "entropy_2_miller_madow" | "orders.generalised_js_2" => " bits",
        _ => "",
    }
}
