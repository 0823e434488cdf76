//! What stands in the way of a run, and the one key that goes on.

use ratatui::text::Line;

use super::palette::Palette;
use super::status::called;
use super::widgets::{plain, wrapped};
use crate::app::model::Model;
use crate::config::Role;
use crate::domain::ModelFacts;
use crate::engine::protocol::Loaded;
use crate::text::{SafeText, pad_to};

/// Nothing, or a sentence and what to do.
pub(super) fn lines(model: &Model, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    if let Some((id, done, total)) = &model.pull {
        let far = match total {
            Some(total) if *total > 0 => format!("{:.0} %", *done as f64 / *total as f64 * 100.0),
            _ => crate::models::size(*done),
        };
        return wrapped(&format!("fetching {id}: {far}"), width, palette.style(Role::Accent));
    }
    let Some(trouble) = model.engine.trouble() else { return outdated(model, width, palette) };
    let mark = palette.sign("✗", "x");
    let mut lines = wrapped(&format!("{mark} {trouble}"), width, palette.style(Role::Bad));
    let next = if model.engine.is_new() {
        "Enter goes back to the model before and runs · l chooses another model"
    } else if model.engine.last_good.is_some() {
        "Enter starts a new engine and runs again · e only starts it"
    } else {
        "l chooses or fetches a model · Enter tries again"
    };
    lines.push(plain(next, palette.style(Role::Key)));
    lines
}

/// Answers to another question, or of another model, must not be taken for those of the setup beside them.
fn outdated(model: &Model, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let Some(run) = &model.run else { return Vec::new() };
    let mut others = Vec::new();
    if model.setup.question.as_deref().is_some_and(|question| *question != run.spec.question) {
        others.push(format!("to \u{201c}{}\u{201d}", SafeText::line(&run.spec.question.text)));
    }
    let loaded = model.engine.ready().map(|ready| &ready.loaded);
    if let (Some(head), Some(loaded)) = (&run.head, loaded) {
        let is_same = |then: &ModelFacts, now: &Loaded| then.name == now.name && then.quantisation == now.quantisation;
        let is_same_beside = match (&head.beside, model.engine.beside_loaded.as_deref()) {
            (Some(then), Some(now)) => is_same(&then.model, now),
            (then, now) => then.is_none() && now.is_none(),
        };
        if !is_same(&head.model, loaded) || !is_same_beside {
            let own = called(&head.model.name, &head.model.quantisation);
            let beside = head.beside.as_ref().map(|beside| format!(" beside {}", beside.name)).unwrap_or_default();
            others.push(format!("by {own}{beside}"));
        }
    }
    if model.setup.seed != run.spec.seed && !model.is_running() {
        others.push(format!("with seed {}", run.spec.seed));
    }
    if others.is_empty() {
        return Vec::new();
    }
    let text = format!("on screen: answers {}", others.join(", "));
    vec![plain(pad_to(&text, width).trim_end(), palette.style(Role::Warning))]
}
