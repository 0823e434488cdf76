//! What things in a pane are called, on screen and on paper alike.

use super::{CorrectedShown, Obtained, Pane};

impl Pane {
    /// What the shares of [`Pane::non_substantive`] are shares of.
    pub fn whole_in_words(&self) -> &'static str {
        match (self.samples, self.obtained) {
            (Some(_), _) => "all answers",
            (None, Some(Obtained::Stated)) => "all that is stated",
            // Scored by the whole text and not by one token.
            (None, _) if self.method == "option-text" => "all answers in these words",
            (None, _) => "the next token",
        }
    }
}

impl CorrectedShown {
    /// By which rule, in words.
    pub fn rule_in_words(&self) -> &str {
        match self.by.as_str() {
            "pride" => "without the pull of slots (PriDe)",
            "pmi" => "against the same text without a question (PMI)",
            "content-free" => "against texts that ask nothing (content-free)",
            "length-normalised" => "by the mean per token",
            "raw" => "as it was read",
            other => other,
        }
    }
}
