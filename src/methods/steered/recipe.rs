//! Contrast pairs out of a wording: what a model makes of the same beginning of an answer when it is told to be somebody, and
//! when it is told to be nobody in particular (M8; the pairs of vgel/repeng, MIT, with questions before them).

use serde_json::json;

use crate::domain::{Turn, TurnRole};
use crate::engine::protocol::{ContrastPair, Prompt};
use crate::methods::Texts;

/// The wordings file with the questions.
pub(super) const FILE: &str = "direction";

/// The questions and beginnings of answers that pairs are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// What stands in the place of the wording on the other side.
    pub neutral: String,
    questions: Vec<String>,
    beginnings: Vec<String>,
}

impl Recipe {
    /// As the wordings in force have them.
    pub fn of(texts: &dyn Texts) -> Result<Self, String> {
        let text = |name: &str| texts.write(FILE, name, &json!({}));
        let lines = |name: &str| -> Result<Vec<String>, String> {
            let text = text(name)?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
            let lines: Vec<String> = lines.collect();
            if lines.is_empty() {
                return Err(format!("the text `{name}` of the wordings `{FILE}` is empty; write one a line"));
            }
            Ok(lines)
        };
        Ok(Self {
            neutral: text("neutral")?.trim().to_owned(),
            questions: lines("questions")?,
            beginnings: lines("beginnings")?,
        })
    }

    /// How many pairs there are that do not repeat a question.
    pub fn most(&self) -> usize {
        self.questions.len()
    }

    /// Pairs of `wording` against `other`, one for each question.
    pub fn pairs(&self, wording: &str, other: &str) -> Vec<ContrastPair> {
        let pair = |at| ContrastPair { positive: self.side(wording, at), negative: self.side(other, at) };
        (0..self.questions.len()).map(pair).collect()
    }

    /// Two prompts that differ by their question alone: what they have in common with others is the size of what layers put out.
    pub(super) fn plain(&self) -> ContrastPair {
        ContrastPair {
            positive: self.side(&self.neutral, 0),
            negative: self.side(&self.neutral, self.questions.len() - 1),
        }
    }

    fn side(&self, wording: &str, at: usize) -> Prompt {
        let turn = |role, text: &str| Turn { role, content: text.to_owned() };
        Prompt::Chat {
            turns: vec![turn(TurnRole::System, wording), turn(TurnRole::User, &self.questions[at])],
            prefill: Some(self.beginnings[at % self.beginnings.len()].clone()),
        }
    }
}
