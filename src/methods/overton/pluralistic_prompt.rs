//! Pluralistic prompting (M2): every view asked for in one prompt. A strong baseline: on VITAL it beats Modular
//! Pluralism for aligned models.

use futures_util::future::BoxFuture;

use super::vanilla::single;
use crate::domain::{Mode, Pane};
use crate::methods::{Method, MethodError, MethodFacts, PaneContext};

/// Pluralistic prompting.
pub(crate) struct PluralisticPrompt;

const FACTS: MethodFacts = MethodFacts {
    mode: Mode::Overton,
    id: "pluralistic-prompt",
    summary: "one prompt that asks for every major view with its reasons and no verdict",
    cost: "1 G",
    paper: "baseline of Feng et al. 2024 (arXiv 2406.15951) and Shetty et al. 2025 (arXiv 2502.13775)",
    wordings: &["pluralistic-prompt"],
    needs_options: false,
};

impl Method for PluralisticPrompt {
    fn facts(&self) -> &MethodFacts {
        &FACTS
    }

    fn run<'a>(&'a self, pane: &'a PaneContext) -> BoxFuture<'a, Result<Pane, MethodError>> {
        Box::pin(single(pane, &FACTS, "overton"))
    }
}
