//! The exact distribution: the probability of each option's letter as the next token, out of the full vocabulary (P2),
//! averaged over option orders (P4).

use serde_json::json;

use super::show;
use crate::domain::{Mode, Obtained, Pane};
use crate::engine::protocol::Prompt;
use crate::methods::compare::Stage;
use crate::methods::corrected;
use crate::methods::cost::options;
use crate::methods::elicit::{Elicited, elicit, many_options_note, scorings};
use crate::methods::{Cost, LetteredOption, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// The exact distribution.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "option-logits",
        summary: "the exact probability of each option's letter, averaged over option orders",
        cost: "o F",
        paper: "log-p of Santurkar et al. 2023 (arXiv 2303.17548) and Meister et al. 2025 (arXiv 2411.05403), over the full vocabulary",
        wordings: &["option-logits"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instruction and of the beginning of the answer.
const INSTRUCTION: usize = 45;

fn cost(spec: &RunSpec) -> Cost {
    Cost::scorings(spec, scorings(&spec.question), INSTRUCTION + options(spec))
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let blank = pane.begin(&METHOD.facts)?;
    let see = |so_far: Elicited| pane.so_far(picture(pane, &blank, &so_far, Stage::SoFar));
    let prefill = pane.text(METHOD.facts.id, "prefill", json!({}))?;
    let prompt = |options: &[LetteredOption]| {
        let values = json!({ "options": options });
        if pane.is_base_model() {
            return Ok(Prompt::Raw { text: pane.text(METHOD.facts.id, "raw", values)? });
        }
        Ok(pane.chat(pane.text(METHOD.facts.id, "choice", values)?, Some(prefill.clone())))
    };
    let found = elicit(pane, "options", prompt, see).await?;
    Ok(picture(pane, &blank, &found, Stage::Done))
}

/// The pane `blank` with what was found.
fn picture(pane: &PaneContext, blank: &Pane, found: &Elicited, stage: Stage) -> Pane {
    let mut result = blank.clone();
    result.mass = Some(found.mass);
    result.orders = Some(found.orders);
    result.obtained = Some(Obtained::Exact);
    result.p_whole = Some(found.whole.as_slice().to_vec());
    result.per_order.clone_from(&found.per_order);
    result.top.clone_from(&found.top);
    result.non_substantive.clone_from(&found.non_substantive);
    for note in [found.note(), many_options_note(&pane.spec().question)].into_iter().flatten() {
        result.add_note(&note);
    }
    show(pane, &mut result, &found.p, None, stage);
    result.measures.extend(found.order_measures());
    corrected::own_prior(pane, &mut result, found);
    result
}
