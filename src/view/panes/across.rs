//! Numbers about several panes of a run, in sentences below the chart that shows the panes together.

use ratatui::text::Line;

use super::members::Members;
use super::reading::{is_below_floor, name_of};
use crate::config::theme::Role;
use crate::domain::Measure;
use crate::view::figure::{interval, number, percent};
use crate::view::lines::wrapped;
use crate::view::palette::Palette;

/// The numbers that are no distance between two panes, which the table shows.
pub(super) fn lines(members: &Members<'_>, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for measure in members.across {
        let Some(text) = sentence(members, measure) else { continue };
        let role = if measure.value.is_none() || is_below_floor(measure) { Role::Secondary } else { Role::Text };
        lines.extend(wrapped(&text, palette.style(role), width, 2));
    }
    lines
}

fn sentence(members: &Members<'_>, measure: &Measure) -> Option<String> {
    let population = match measure.population.as_deref() {
        None => String::new(),
        // Of the populations that are drawn alone.
        Some(id) => name_of(members.references().into_iter().find(|own| own.population == id)?).to_owned(),
    };
    let name = match measure.id.as_str() {
        "across.first_token_mismatch" => "written answers that are not the most probable first token".to_owned(),
        "across.knowledge_to_simulation" => format!("knowledge-to-simulation gap to {population}"),
        "models.entropy_2_change" => "change of entropy".to_owned(),
        "models.reference_change.js_distance_2" => format!("change of the JS distance to {population}"),
        _ => return None,
    };
    let methods: Vec<&str> = [&measure.method, &measure.beside].into_iter().flatten().map(String::as_str).collect();
    let model = measure.model.as_ref().map_or_else(String::new, |model| format!(" of {model}"));
    let value = measure.value.map(|value| match measure.id.as_str() {
        "across.first_token_mismatch" => {
            let ends = measure.interval.map(|[low, high]| format!(" [{:.0} {:.0}]", low * 100.0, high * 100.0));
            let of = measure.n.map(|n| format!(" of {n}"));
            [percent(value, 0), of.unwrap_or_default(), ends.unwrap_or_default()].concat()
        }
        "models.entropy_2_change" => format!("{} bits{}", signed(value), interval(measure.interval)),
        _ => format!("{}{}", signed(value), interval(measure.interval)),
    });
    let note = measure.note.as_ref().map_or_else(String::new, |note| format!(" · {note}"));
    Some(format!("{}{model}: {name} {}{note}", methods.join(", "), value.as_deref().unwrap_or("not computed")))
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}
