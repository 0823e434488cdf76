//! The distributions of one run that are drawn together.

use ratatui::style::Style;

use super::reading::{called, obtained, option_label, references, sign_of};
use crate::config::theme::Role;
use crate::domain::{Measure, Pane, Question, ReferenceShown};
use crate::view::chart::Signs;
use crate::view::palette::Palette;

/// Panes with a distribution over the same options, and what they answer.
#[derive(Debug)]
pub struct Members<'a> {
    /// Each with its place in the request.
    pub panes: Vec<(usize, &'a Pane)>,
    /// The question.
    pub question: &'a Question,
    /// The numbers about several panes of the run, once they are known.
    pub across: &'a [Measure],
}

impl<'a> Members<'a> {
    /// The populations that the panes are compared with; empty where they know none.
    pub(super) fn references(&self) -> Vec<&'a ReferenceShown> {
        self.panes.iter().map(|(_, pane)| references(pane)).max_by_key(Vec::len).unwrap_or_default()
    }

    /// Ids of the options, in the order of the shares.
    pub(super) fn options(&self) -> &'a [String] {
        self.panes.first().and_then(|(_, pane)| pane.options.as_deref()).unwrap_or_default()
    }

    /// Their labels.
    pub(super) fn labels(&self) -> Vec<String> {
        self.options().iter().map(|id| option_label(self.question, id)).collect()
    }

    /// How far two panes are from each other: two methods of one model, or two models by one method.
    pub(super) fn between(&self, one: &Pane, other: &Pane) -> Option<&'a Measure> {
        self.across.iter().find(|measure| {
            let names = (measure.method.as_deref(), measure.beside.as_deref());
            match measure.id.as_str() {
                "across.js_distance_2" if one.model == other.model && measure.model == one.model => {
                    let (one, other) = (Some(one.method.as_str()), Some(other.method.as_str()));
                    names == (one, other) || names == (other, one)
                }
                "models.js_distance_2" if one.model != other.model => {
                    one.method == other.method && names == (Some(one.method.as_str()), None)
                }
                _ => false,
            }
        })
    }
}

/// A method in words: how its distribution was obtained, and its name.
pub(super) fn in_words(pane: &Pane) -> String {
    format!("{} ({})", called(&pane.method, pane.model.as_deref()), obtained(pane))
}

/// What the bars of a method are made of.
pub(super) fn signs(pane: &Pane, palette: &Palette) -> Signs {
    let (full, ascii) = sign_of(pane);
    if full == "█" { Signs::model(palette) } else { Signs::with(palette.sign(full, ascii), &[], palette) }
}

/// The style of a method's bars.
pub(super) fn style(palette: &Palette) -> Style {
    palette.style(Role::Model)
}
