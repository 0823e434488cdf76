//! The weights of a mixture of personas as sliders, and what the personas say together under them.

use ratatui::text::{Line, Span};

use super::reading::{name_of, option_label};
use crate::app::model::{Known, Mixed, Sliders};
use crate::config::theme::Role;
use crate::domain::{MixtureShown, Pane, Question};
use crate::text::{SafeText, pad_to, width as cells_of};
use crate::view::chart::{Row, bars, key, single_bar};
use crate::view::figure::{number, percent};
use crate::view::lines::{cut, fit_all, packed, wrapped};
use crate::view::palette::Palette;

/// Cells of a weight in percent, with its gap.
const SHARE: usize = 8;
/// From this distance on people answer otherwise than any mixture of the personas does.
const REACHED: f64 = 0.01;
/// Cells of the mark of the chosen persona.
const MARK: usize = 2;

/// A slider per persona, then the mixture beside the population. `names` gives a persona's label by its id.
pub fn weights(
    pane: &Pane,
    question: &Question,
    sliders: &Sliders,
    names: &dyn Fn(&str) -> String,
    width: usize,
    palette: &Palette,
) -> Vec<Line<'static>> {
    let (Some(mixture), Some(mixed)) = (&pane.mixture, sliders.mixed(pane)) else { return Vec::new() };
    let style = |role| palette.style(role);
    let mut lines = wrapped(&source(mixture, &mixed), style(Role::Heading), width, 2);
    lines.extend(rows(pane, &mixed, sliders, names, width, palette));
    let mut parts: Vec<_> = distances(mixture, &mixed, pane.distributions.len(), mixed.p.len())
        .into_iter()
        .map(|part| (part, style(Role::Text)))
        .collect();
    let most = (mixed.weights.len() as f64).log2();
    let entropy = format!("entropy of the weights {} of {} bits", number(mixed.entropy_2), number(most));
    parts.push((entropy, style(Role::Secondary)));
    lines.extend(packed(parts, width, 2, palette));
    let keys = [("[ ]", "choose"), ("+ -", "move"), ("f", after(mixed.known))];
    let keys = keys.iter().map(|(key, does)| (format!("{key} {does}"), style(Role::Secondary)));
    lines.extend(packed(keys.collect(), width, 2, palette));
    let people = pane.references.iter().find(|reference| reference.population == mixture.population);
    let whom = people.map_or(mixture.population.as_str(), name_of);
    let drawn: Vec<Row> = pane
        .options
        .iter()
        .flatten()
        .zip(&mixed.p)
        .enumerate()
        .map(|(place, (id, share))| Row {
            label: option_label(question, id),
            model: Some(*share),
            reference: people.and_then(|people| people.q.get(place)).copied(),
            ..Row::default()
        })
        .collect();
    let legend = format!("{} the personas together  {} {whom}", palette.sign("█", "#"), palette.sign("▒", ":"));
    lines.extend(wrapped(&legend, style(Role::Model), width, 2));
    lines.extend(bars(&drawn, width, palette));
    lines.extend(packed(key(&drawn, palette), width, 2, palette));
    fit_all(lines, width)
}

fn after(known: Known<'_>) -> &'static str {
    if known == Known::ByHand { "back to the fitted" } else { "the next fit" }
}

/// Where the weights come from.
fn source(mixture: &MixtureShown, mixed: &Mixed<'_>) -> String {
    match mixed.known {
        Known::ByHand => "weights set by hand".to_owned(),
        Known::Given => "weights as the personas bring them along".to_owned(),
        Known::Fit(fit) => {
            let to = match (fit.held_out, mixture.others.len()) {
                (false, _) => "this question itself, which says nothing of others".to_owned(),
                (true, 1) => "1 other question".to_owned(),
                (true, others) => format!("{others} other questions"),
            };
            format!("weights fitted by {} to {to}", fit.loss_in_words())
        }
    }
}

fn rows(
    pane: &Pane,
    mixed: &Mixed<'_>,
    sliders: &Sliders,
    names: &dyn Fn(&str) -> String,
    width: usize,
    palette: &Palette,
) -> Vec<Line<'static>> {
    let labels: Vec<String> =
        pane.distributions.iter().map(|own| SafeText::line(&names(&own.persona)).to_string()).collect();
    let longest = labels.iter().map(|label| cells_of(label)).max().unwrap_or(0);
    let name = longest.clamp(1, (width / 3).max(8));
    let room = width.saturating_sub(MARK + name + 1 + SHARE).clamp(1, 60);
    let chosen = sliders.chosen.min(labels.len().saturating_sub(1));
    let row = |(place, (label, weight)): (usize, (&String, &f64))| {
        let is_chosen = place == chosen;
        let mark = if is_chosen { palette.sign("▸ ", "> ") } else { "  " };
        let text = palette.style(if is_chosen { Role::Heading } else { Role::Text });
        Line::from(vec![
            Span::styled(mark, palette.style(Role::Key)),
            Span::styled(format!("{} ", pad_to(&cut(label, name), name)), text),
            Span::styled(pad_to(&single_bar(*weight, room, palette), room), palette.persona(place)),
            Span::styled(format!("{:>SHARE$}", percent(*weight, 1)), text),
        ])
    };
    labels.iter().zip(&mixed.weights).enumerate().map(row).collect()
}

/// How far the mixture is from the population, and what that is worth.
fn distances(mixture: &MixtureShown, mixed: &Mixed<'_>, people: usize, options: usize) -> Vec<String> {
    let Some((js, tv)) = mixed.distances else {
        return vec!["no figures of the population are at hand".to_owned()];
    };
    let mut parts = vec![format!("JS distance {}", number(js)), format!("total variation {}", number(tv))];
    parts.push(match mixed.known {
        Known::ByHand => "set by hand with this question in sight: no result".to_owned(),
        Known::Fit(fit) if fit.held_out => "held out: the fit never saw this question".to_owned(),
        Known::Fit(_) if js >= REACHED => "fitted to this question: no weights come nearer".to_owned(),
        Known::Fit(_) if people >= options => {
            format!("{people} personas for {options} options: easily perfect, so no result")
        }
        Known::Fit(_) => "fitted to this question: no result".to_owned(),
        Known::Given => "nothing was fitted".to_owned(),
    });
    let best = mixture.fits.iter().find(|fit| fit.held_out).filter(|fit| mixed.known != Known::Fit(fit));
    parts.extend(best.map(|fit| format!("held out it was {}", number(fit.js_distance_2))));
    parts
}
