//! The baseline (M1): the question and nothing else.

use serde_json::json;

use super::{answer, describe};
use crate::domain::{Mode, Pane};
use crate::methods::pane::VoiceRequest;
use crate::methods::{Cost, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// The settings of `ModPlural`'s baseline.
const TEMPERATURE: f64 = 0.1;
const TOP_P: f64 = 0.9;

/// The baseline.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Overton,
        id: "vanilla",
        summary: "the question as it is: the baseline that every other method has to beat",
        cost: "1 G",
        paper: "baseline of Feng et al. 2024 (arXiv 2406.15951)",
        wordings: &["vanilla"],
        needs_options: false,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(single(pane, &METHOD.facts, "question")),
};

fn cost(spec: &RunSpec) -> Cost {
    Cost::generations(spec, 1, 0, usize::MAX)
}

/// A method that is one prompt and one answer.
pub(super) async fn single(pane: &PaneContext, facts: &MethodFacts, text: &str) -> Result<Pane, MethodError> {
    let mut result = pane.begin(facts)?;
    let request = VoiceRequest {
        part: "answer",
        number: 0,
        persona: None,
        prompt: pane.chat(pane.text(facts.id, text, json!({}))?, None),
        grammar: None,
        max_tokens: usize::MAX,
        temperature: TEMPERATURE,
        top_p: TOP_P,
    };
    let voice = pane.voice(request).await?;
    pane.voice_done(&voice);
    result.text = answer(&voice);
    result.voices = vec![voice];
    let voices = result.voices.clone();
    describe(&mut result, &voices);
    Ok(result)
}
