//! The distributions of one run that are drawn together.

use ratatui::style::Style;

use super::reading::{called, obtained, option_label, references, sign_of};
use crate::app::model::Between;
use crate::config::theme::Role;
use crate::domain::{Pane, Question, ReferenceShown};
use crate::view::chart::Signs;
use crate::view::palette::Palette;

/// Panes with a distribution over the same options, and what they answer.
#[derive(Debug)]
pub struct Members<'a> {
    /// Each with its place in the request.
    pub panes: Vec<(usize, &'a Pane)>,
    /// The question.
    pub question: &'a Question,
    /// How far the panes are from each other, as far as it is known.
    pub between: &'a [Between],
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

    /// How far two panes are from each other.
    pub(super) fn between(&self, one: usize, other: usize) -> Option<&Between> {
        let (first, second) = (one.min(other), one.max(other));
        self.between.iter().find(|between| (between.first, between.second) == (first, second))
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
