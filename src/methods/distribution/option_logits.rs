//! The exact distribution: the probability of each option's letter as the next token, out of the full vocabulary (P2),
//! averaged over option orders (P4).

use futures_util::future::BoxFuture;
use serde_json::json;

use super::show;
use crate::domain::{Mode, Pane};
use crate::engine::protocol::Prompt;
use crate::methods::elicit::{elicit, many_options_note};
use crate::methods::{Method, MethodError, MethodFacts, PaneContext};

/// The exact distribution.
pub(crate) struct OptionLogits;

const FACTS: MethodFacts = MethodFacts {
    mode: Mode::Distribution,
    id: "option-logits",
    summary: "the exact probability of each option's letter, averaged over option orders",
    cost: "o F",
    paper: "log-p of Santurkar et al. 2023 (arXiv 2303.17548) and Meister et al. 2025 (arXiv 2411.05403), over the full vocabulary",
    wordings: &["option-logits"],
    needs_options: true,
};

impl Method for OptionLogits {
    fn facts(&self) -> &MethodFacts {
        &FACTS
    }

    fn run<'a>(&'a self, pane: &'a PaneContext) -> BoxFuture<'a, Result<Pane, MethodError>> {
        Box::pin(run(pane))
    }
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut result = pane.begin(&FACTS)?;
    let prefill = pane.text(FACTS.id, "prefill", json!({}))?;
    let found = elicit(pane, "options", |options| {
        let values = json!({ "options": options });
        if pane.is_base_model() {
            return Ok(Prompt::Raw { text: pane.text(FACTS.id, "raw", values)? });
        }
        Ok(pane.chat(pane.text(FACTS.id, "choice", values)?, Some(prefill.clone())))
    })
    .await?;
    result.mass = Some(found.mass);
    result.orders = Some(found.orders);
    result.non_substantive.clone_from(&found.non_substantive);
    for note in [found.note(), many_options_note(&pane.spec().question)].into_iter().flatten() {
        result.add_note(&note);
    }
    show(pane, &mut result, &found.p, None);
    result.measures.extend(found.order_measures());
    Ok(result)
}
