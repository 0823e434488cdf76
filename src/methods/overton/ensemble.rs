//! The ensemble (M4's stages over personas, as in M6): each persona comments, then the model brings the comments
//! together. The comments stay beside the synthesis: their union covers more than the synthesis does (M25).

use std::ops::Add;

use futures_util::future::try_join_all;
use serde_json::json;

use super::{answer, describe};
use crate::domain::{Mode, Pane};
use crate::methods::cost::bytes_of;
use crate::methods::pane::VoiceRequest;
use crate::methods::{Cost, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// `ModPlural`'s settings of a comment.
const COMMENT_TEMPERATURE: f64 = 1.0;
const COMMENT_TOP_P: f64 = 0.9;
const COMMENT_TOKENS: usize = 200;
/// VISPA's temperature of the answer that aggregates.
const SYNTHESIS_TEMPERATURE: f64 = 0.7;
const SYNTHESIS_TOP_P: f64 = 0.9;

/// The ensemble.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Overton,
        id: "ensemble",
        summary: "every persona comments, then one answer brings the comments together; the comments stay beside it",
        cost: "A G in one batch + 1 G",
        paper: "stages of Modular Pluralism (Feng et al. 2024, arXiv 2406.15951) over personas (Zhong et al. 2025, arXiv 2509.10685)",
        wordings: &["ensemble"],
        needs_options: false,
        needs_personas: true,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instructions.
const COMMENT_INSTRUCTION: usize = 180;
const SYNTHESIS_INSTRUCTION: usize = 290;
/// Bytes before each comment.
const COMMENT_MARK: usize = 12;

fn cost(spec: &RunSpec) -> Cost {
    let comments = spec.personas.iter().map(|persona| {
        let bytes = COMMENT_INSTRUCTION + persona.text().len();
        Cost::generations(spec, 1, bytes, COMMENT_TOKENS)
    });
    let comments = comments.fold(Cost::default(), Add::add);
    // As if all comments came to their limit.
    let read = bytes_of(comments.most_tokens) + COMMENT_MARK * comments.generations;
    comments + Cost::generations(spec, 1, SYNTHESIS_INSTRUCTION + read, usize::MAX)
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut result = pane.begin(&METHOD.facts)?;
    let personas = &pane.spec().personas;
    let comments = personas.iter().enumerate().map(|(number, persona)| async move {
        let text = pane.text(METHOD.facts.id, "comment", json!({ "persona": persona.text() }))?;
        let request = VoiceRequest {
            part: "comment",
            number,
            persona: Some(persona.id.clone()),
            prompt: pane.chat(text, None),
            grammar: None,
            max_tokens: COMMENT_TOKENS,
            temperature: COMMENT_TEMPERATURE,
            top_p: COMMENT_TOP_P,
        };
        let voice = pane.voice(request).await?;
        pane.voice_done(&voice);
        Ok::<_, MethodError>(voice)
    });
    result.voices = try_join_all(comments).await?;
    let answered = result.voices.iter().filter(|voice| !voice.is_unanswered());
    let texts: Vec<&str> = answered.map(|voice| without_introduction(&voice.text)).collect();
    if texts.is_empty() {
        result.add_note("there is no comment to bring together");
        let voices = result.voices.clone();
        describe(&mut result, &voices);
        return Ok(result);
    }
    let text = pane.text(METHOD.facts.id, "synthesis", json!({ "comments": texts }))?;
    let request = VoiceRequest {
        part: "synthesis",
        number: personas.len(),
        persona: None,
        prompt: pane.chat(text, None),
        grammar: None,
        max_tokens: usize::MAX,
        temperature: SYNTHESIS_TEMPERATURE,
        top_p: SYNTHESIS_TOP_P,
    };
    let synthesis = pane.voice(request).await?;
    pane.voice_done(&synthesis);
    result.text = answer(&synthesis);
    result.voices.push(synthesis);
    let voices = result.voices.clone();
    describe(&mut result, &voices);
    Ok(result)
}

/// The comment without "As a teacher, " at its beginning: who speaks must not decide what the synthesis makes of it.
fn without_introduction(comment: &str) -> &str {
    const OPENINGS: [&str; 4] = ["As a ", "As an ", "From the perspective of ", "Speaking as "];
    // A sentence that only begins like an introduction has no comma so soon.
    const LONGEST: usize = 120;
    let comment = comment.trim();
    if !OPENINGS.iter().any(|opening| comment.starts_with(opening)) {
        return comment;
    }
    match comment.find(", ") {
        Some(at) if at <= LONGEST => comment[at + 2..].trim_start(),
        Some(_) | None => comment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn introductions_are_taken_off() {
        assert_eq!(without_introduction("As a teacher, I see it daily."), "I see it daily.");
        assert_eq!(without_introduction("From the perspective of a farmer, land is life."), "land is life.");
        assert_eq!(without_introduction("Asking is free, so ask."), "Asking is free, so ask.");
        assert_eq!(without_introduction("As a teacher I see it daily."), "As a teacher I see it daily.");
    }
}
