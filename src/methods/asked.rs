//! A question being put to the model: the run's own, or another one of its pack.

use serde_json::{Value, json};

use super::pane::PaneContext;
use super::{LetteredOption, MethodError};
use crate::domain::{Question, Turn, TurnRole};
use crate::engine::protocol::Prompt;

/// A question, and the pane that asks it: what a prompt about it is written with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) pane: &'a PaneContext,
    pub(super) question: &'a Question,
}

impl<'a> Asked<'a> {
    /// The question of the run.
    pub(super) fn own(pane: &'a PaneContext) -> Self {
        Self { pane, question: &pane.spec().question }
    }

    /// Whether it is the question of the run.
    pub(super) fn is_own(self) -> bool {
        std::ptr::eq(self.question, &raw const self.pane.spec().question)
    }

    /// Writes a wording; `values` are its variables beside `question`.
    pub(super) fn text(self, file: &str, name: &str, values: Value) -> Result<String, MethodError> {
        let mut all = json!({ "question": self.question.text });
        if let (Some(all), Value::Object(values)) = (all.as_object_mut(), values) {
            all.extend(values);
        }
        self.pane.texts().write(file, name, &all).map_err(MethodError::Text)
    }

    /// The question's earlier turns, then `text` as the user's.
    pub(super) fn chat(self, text: String, prefill: Option<String>) -> Prompt {
        let mut turns = self.question.turns.clone();
        turns.push(Turn { role: TurnRole::User, content: text });
        Prompt::Chat { turns, prefill }
    }

    /// Options with letters, in the order of `indices`.
    pub(super) fn lettered(self, indices: &[usize]) -> Vec<LetteredOption> {
        LetteredOption::all(indices.iter().map(|index| self.question.options[*index].label.as_str()))
    }
}
