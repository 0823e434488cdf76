//! The line at the bottom: how the engine is, and the keys that work now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::palette::Palette;
use super::widgets::{put, spinner, thousands};
use crate::app::action::{self, Action, Do};
use crate::app::model::Model;
use crate::app::model::engine::{Phase, Ready};
use crate::config::Role;
use crate::text::{SafeText, pad_to, width};

/// So many keys stay whatever else has to go.
const LEAST_KEYS: usize = 3;
/// Between two items.
const GAP: &str = "  ";

/// Draws the line.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model, palette: &Palette) {
    let room = usize::from(area.width);
    let keys = keys(model);
    let key_width =
        |keys: &[(String, &str)]| keys.iter().map(|(key, label)| width(key) + width(label) + 3).sum::<usize>();
    let least = key_width(keys.get(..LEAST_KEYS.min(keys.len())).unwrap_or(&[]));
    let mut line: Vec<Span<'static>> = Vec::new();
    let mut used = 0;
    for (text, role) in left(model, palette) {
        let text = SafeText::line(&text).to_string();
        let needed = width(&text) + GAP.len();
        if used + needed + least > room {
            // What says something new is cut rather than left out.
            if used == 0 && room > least + 8 {
                let cut = pad_to(&text, room - least - GAP.len());
                used = width(&cut) + GAP.len();
                line.push(Span::styled(format!("{cut}{GAP}"), palette.style(role)));
            }
            break;
        }
        used += needed;
        line.push(Span::styled(format!("{text}{GAP}"), palette.style(role)));
    }
    let mut fitting: Vec<&(String, &str)> = Vec::new();
    let mut needed = 0;
    for item in &keys {
        let own = key_width(std::slice::from_ref(item));
        if used + needed + own > room {
            break;
        }
        needed += own;
        fitting.push(item);
    }
    // Keys stand at the right end, where they do not move when numbers grow.
    line.push(Span::raw(" ".repeat(room.saturating_sub(used + needed))));
    for (key, label) in fitting {
        line.push(Span::styled(key.clone(), palette.style(Role::Key)));
        line.push(Span::styled(format!(" {label}{GAP}"), palette.style(Role::Secondary)));
    }
    put(buffer, area, 0, &Line::from(line));
}

/// The keys that work here now, as people write them. Help and quit come before the less useful ones.
fn keys(model: &Model) -> Vec<(String, &'static str)> {
    let place = model.place();
    let actions = action::footer(model, place);
    let is_last = |action: &&&Action| matches!(action.what, Do::Help | Do::Quit);
    let (last, first): (Vec<&&Action>, Vec<&&Action>) = actions.iter().partition(is_last);
    let head = first.iter().take(1);
    let tail = first.iter().skip(1);
    let order = head.chain(last.iter()).chain(tail);
    order.map(|action| (action.key(), action.label)).collect()
}

fn left(model: &Model, palette: &Palette) -> Vec<(String, Role)> {
    if let Some(notice) = model.notice() {
        return vec![(notice.to_owned(), Role::Accent)];
    }
    let turning = spinner(model.now, palette);
    let mut items = Vec::new();
    match &model.engine.phase {
        Phase::Off => items.push(("no engine".to_owned(), Role::Secondary)),
        Phase::Opening(None) => items.push((format!("{turning} starting the engine"), Role::Accent)),
        Phase::Opening(Some(fraction)) => {
            items.push((format!("{turning} loading the model {:.0} %", fraction * 100.0), Role::Accent));
        }
        Phase::Trouble(_) => items.push(("no engine".to_owned(), Role::Bad)),
        Phase::Ready(ready) => ready_items(ready, model.is_running() || model.is_surveying(), &mut items),
    }
    if model.is_queued {
        items.push(("a run waits for the model".to_owned(), Role::Accent));
    }
    if let Some(survey) = model.survey.as_ref().filter(|survey| survey.is_running() && !model.shows_survey()) {
        items.push((format!("survey {} of {}", survey.progress.done, survey.progress.total), Role::Accent));
    }
    if model.is_running() || model.is_surveying() {
        let first = items.first_mut();
        if let Some((text, _)) = first {
            *text = format!("{turning} {text}");
        }
    }
    items
}

/// A model by its name and quantisation, where it has one.
pub(super) fn called(name: &str, quantisation: &str) -> String {
    if matches!(quantisation, "" | "none") { name.to_owned() } else { format!("{name} {quantisation}") }
}

fn ready_items(ready: &Ready, is_running: bool, items: &mut Vec<(String, Role)>) {
    let (loaded, status) = (&ready.loaded, &ready.status);
    items.push((called(&loaded.name, &loaded.quantisation), Role::Text));
    let role = if ready.class() == "bit-exact" { Role::Good } else { Role::Secondary };
    items.push((ready.class().to_owned(), role));
    // What the engine said last stays true only while it works.
    if is_running {
        items.push((format!("{:.0} tok/s", status.tokens_per_second), Role::Text));
    }
    let asked = status.prompt_tokens_computed + status.prompt_tokens_reused;
    if asked > 0 {
        let share = status.prompt_tokens_reused as f64 / asked as f64 * 100.0;
        items.push((
            format!(
                "{} of {} prompt tok reused ({share:.0} %)",
                thousands(status.prompt_tokens_reused),
                thousands(asked)
            ),
            Role::Secondary,
        ));
    }
    if status.cells > 0 {
        let share = f64::from(status.cells_used) / f64::from(status.cells) * 100.0;
        items.push((format!("KV {share:.0} %"), Role::Secondary));
    }
    if status.queued > 0 {
        items.push((format!("queue {}", status.queued), Role::Warning));
    }
}
