//! The exact distribution: the probability of each option's letter as the next token, out of the full vocabulary (P2),
//! averaged over option orders (P4).

use futures_util::future::{try_join, try_join_all};
use serde_json::json;

use super::show;
use crate::domain::{Mode, Obtained, Pane, Question};
use crate::engine::protocol::Prompt;
use crate::measure::Distribution;
use crate::methods::asked::Asked;
use crate::methods::compare::Stage;
use crate::methods::corrected;
use crate::methods::cost::options;
use crate::methods::elicit::{Elicited, elicit, elicit_in, many_options_note, orders, scorings};
use crate::methods::{Cost, LetteredOption, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// The exact distribution.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "option-logits",
        summary: "the exact probability of each option's letter, averaged over option orders",
        cost: "o + 3 F",
        paper: "log-p of Santurkar et al. 2023 (arXiv 2303.17548) and Meister et al. 2025 (arXiv 2411.05403), over the full vocabulary",
        wordings: &["option-logits", "content-free"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instruction and of the beginning of the answer.
pub(super) const INSTRUCTION: usize = 45;

/// Texts without content.
const CONTENT_FREE: [&str; 3] = ["first", "second", "third"];

fn cost(spec: &RunSpec) -> Cost {
    let (orders, bytes) = (scorings(&spec.question), INSTRUCTION + options(spec));
    let content_free = if orders == 0 { Cost::default() } else { Cost::scorings_alone(CONTENT_FREE.len(), bytes) };
    Cost::scorings(spec, orders, bytes) + content_free
}

/// What is read to choose one of `options`.
pub(super) fn prompt(asked: Asked<'_>, options: &[LetteredOption]) -> Result<Prompt, MethodError> {
    let values = json!({ "options": options });
    if asked.pane.is_base_model() {
        return Ok(Prompt::Raw { text: asked.text(METHOD.facts.id, "raw", values)? });
    }
    let prefill = asked.text(METHOD.facts.id, "prefill", json!({}))?;
    Ok(asked.chat(asked.text(METHOD.facts.id, "choice", values)?, Some(prefill)))
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let blank = pane.begin(&METHOD.facts)?;
    let see = |so_far: Elicited| pane.so_far(picture(pane, &blank, &so_far, Stage::SoFar));
    let own = Asked::own(pane);
    let read = elicit(pane, "options", |options| prompt(own, options), see);
    let (found, without_content) = try_join(read, content_free(pane)).await?;
    let mut result = picture(pane, &blank, &found, Stage::Done);
    match without_content.and_then(|each| corrected::content_free(pane, &found, &each)) {
        Ok(other) => result.corrected.push(other),
        Err(error) => result.add_note(&format!("no content-free correction: {error}")),
    }
    Ok(result)
}

/// What is answered where nothing is asked (P6), with the options in their first order. The outer error is one of the
/// engine; any other is no reason to give up the pane.
async fn content_free(pane: &PaneContext) -> Result<Result<Vec<Distribution>, MethodError>, MethodError> {
    let question = &pane.spec().question;
    let first: Vec<_> = orders(question).into_iter().take(1).collect();
    let each = CONTENT_FREE.iter().map(|name| {
        let first = &first;
        async move {
            let text = pane.text("content-free", name, json!({}))?;
            let blank = Question { text, turns: Vec::new(), ..question.clone() };
            let asked = Asked { pane, question: &blank };
            let purpose = format!("content-free, {name}");
            Ok(elicit_in(asked, first, &purpose, |options| prompt(asked, options)).await?.p)
        }
    });
    match try_join_all(each).await {
        Err(error @ MethodError::Engine(_)) => Err(error),
        read => Ok(read),
    }
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
