//! Pluralistic prompting (M2): every view asked for in one prompt. A strong baseline: on VITAL it beats Modular
//! Pluralism for aligned models.

use super::vanilla::single;
use crate::domain::Mode;
use crate::methods::{Cost, Method, MethodFacts, RunSpec};

/// Pluralistic prompting.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Overton,
        id: "pluralistic-prompt",
        summary: "one prompt that asks for every major view with its reasons and no verdict",
        cost: "1 G",
        paper: "baseline of Feng et al. 2024 (arXiv 2406.15951) and Shetty et al. 2025 (arXiv 2502.13775)",
        wordings: &["pluralistic-prompt"],
        needs_options: false,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(single(pane, &METHOD.facts, "overton")),
};

/// Bytes of the instruction.
const INSTRUCTION: usize = 250;

fn cost(spec: &RunSpec) -> Cost {
    Cost::generations(spec, 1, INSTRUCTION, usize::MAX)
}
