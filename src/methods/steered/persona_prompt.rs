//! Steering by a persona in the prompt (M2): what each persona says, and how it divides over the options, before and
//! after.

use futures_util::future::{BoxFuture, try_join, try_join_all};
use serde_json::json;

use crate::domain::{BeforeSteering, Measure, Mode, Pane, Persona, PersonaDistribution, SampledVoice, Voice};
use crate::measure::Distribution;
use crate::measure::{
    LEVEL_95, Resampling, Sample, bootstrap_interval, steering_gain, steering_shift, total_variation,
};
use crate::methods::elicit::{Elicited, elicit, many_options_note};
use crate::methods::pane::VoiceRequest;
use crate::methods::read_option::read_option;
use crate::methods::{Method, MethodError, MethodFacts, PaneContext};

const TEMPERATURE: f64 = 0.7;
const TOP_P: f64 = 0.9;

/// Steering by a persona in the prompt.
pub(crate) struct PersonaPrompt;

const FACTS: MethodFacts = MethodFacts {
    mode: Mode::Steered,
    id: "persona-prompt",
    summary: "each persona answers in words and over the options, beside the answer without any persona",
    cost: "A G + (A + 1) x o F",
    paper: "persona prompting of Santurkar et al. 2023 (arXiv 2303.17548) and Feng et al. 2024 (arXiv 2406.15951)",
    wordings: &["persona-prompt", "option-logits"],
    needs_options: false,
};

impl Method for PersonaPrompt {
    fn facts(&self) -> &MethodFacts {
        &FACTS
    }

    fn run<'a>(&'a self, pane: &'a PaneContext) -> BoxFuture<'a, Result<Pane, MethodError>> {
        Box::pin(run(pane))
    }
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut result = pane.begin(&FACTS)?;
    let spec = pane.spec();
    let voices = spec.personas.iter().enumerate().map(|(number, persona)| speak(pane, number, persona));
    let distributions = async {
        if !spec.question.has_distribution() {
            return Ok(None);
        }
        let before = choose(pane, None);
        let after = try_join_all(spec.personas.iter().map(|persona| choose(pane, Some(persona))));
        Ok(Some(try_join(before, after).await?))
    };
    let (voices, distributions) = try_join(try_join_all(voices), distributions).await?;
    result.voices = voices;
    match distributions {
        Some((before, after)) => {
            result.options = Some(option_ids(pane));
            if let Some(note) = many_options_note(&spec.question) {
                result.add_note(&note);
            }
            show(pane, &mut result, &before, &after)?;
        }
        None => result.add_note("the question has no options, so there is no shift to measure"),
    }
    Ok(result)
}

/// Ids of the substantive options.
fn option_ids(pane: &PaneContext) -> Vec<String> {
    let question = &pane.spec().question;
    question.substantive().into_iter().map(|index| question.options[index].id.clone()).collect()
}

async fn speak(pane: &PaneContext, number: usize, persona: &Persona) -> Result<Voice, MethodError> {
    let text = pane.text(FACTS.id, "answer", json!({ "persona": persona.text() }))?;
    let request = VoiceRequest {
        part: "answer",
        number,
        persona: Some(persona.id.clone()),
        prompt: pane.chat(text, None),
        max_tokens: usize::MAX,
        temperature: TEMPERATURE,
        top_p: TOP_P,
    };
    let mut voice = pane.voice(request).await?;
    let options = &pane.spec().question.options;
    if let SampledVoice::Option(index) = read_option(&voice.text, options) {
        voice.option = Some(options[index].id.clone());
    }
    pane.voice_done(&voice);
    Ok(voice)
}

/// How the model divides over the options, as `persona` or as itself.
async fn choose(pane: &PaneContext, persona: Option<&Persona>) -> Result<Elicited, MethodError> {
    // What a base model goes on from ends with its own cue.
    let prefill = if pane.is_base_model() { None } else { Some(pane.text("option-logits", "prefill", json!({}))?) };
    let purpose = persona.map_or_else(|| "before".to_owned(), |persona| persona.id.clone());
    elicit(pane, &purpose, |options| {
        let text = match persona {
            Some(persona) => pane.text(FACTS.id, "choice", json!({ "persona": persona.text(), "options": options }))?,
            None => pane.text(FACTS.id, "choice_plain", json!({ "options": options }))?,
        };
        Ok(pane.chat(text, prefill.clone()))
    })
    .await
}

fn show(pane: &PaneContext, result: &mut Pane, before: &Elicited, after: &[Elicited]) -> Result<(), MethodError> {
    let spec = pane.spec();
    result.orders = Some(before.orders);
    result.before = Some(BeforeSteering { p: before.p.as_slice().to_vec(), mass: before.mass, note: before.note() });
    let mut shifts = Vec::new();
    for (persona, after) in spec.personas.iter().zip(after) {
        result.distributions.push(PersonaDistribution {
            persona: persona.id.clone(),
            p: after.p.as_slice().to_vec(),
            mass: after.mass,
            note: after.note(),
        });
        let shift = steering_shift(&before.p, &after.p)?;
        shifts.push(shift);
        result.measures.push(Measure::new("shift.js_distance_2", shift).persona(&persona.id));
        result.measures.push(Measure::new("shift.tv", total_variation(&before.p, &after.p)?).persona(&persona.id));
        result.measures.extend(gain(pane, persona, before, after));
        let sensitivity = after.order_measures().into_iter().take(1).map(|measure| measure.persona(&persona.id));
        result.measures.extend(sensitivity);
    }
    let mean = shifts.iter().sum::<f64>() / shifts.len() as f64;
    result.measures.push(Measure::new("shift.mean_js_distance_2", mean).n(shifts.len()));
    result.measures.extend(before.order_measures());
    Ok(())
}

/// How much nearer the persona came to its own group, where the question knows how that group answered (E13).
fn gain(pane: &PaneContext, persona: &Persona, before: &Elicited, after: &Elicited) -> Option<Measure> {
    let question = &pane.spec().question;
    let reference = persona.groups.iter().find_map(|group| question.reference(group))?;
    let (q, _) = reference.substantive(question)?;
    let q = Distribution::new(&q).ok()?;
    let value = steering_gain(&before.p, &after.p, &q).ok()?;
    let mut gain = Measure::new("gain.js_distance_2", value).persona(&persona.id).population(&reference.population);
    let people = reference.substantive_n(question).filter(|n| *n > 0 && reference.basis.is_human());
    let plan = Resampling { resamples: 1000, seed: pane.seed(&reference.population, 0), level: LEVEL_95 };
    let (exact, drawn) = (Sample { distribution: &after.p, n: None }, Sample { distribution: &q, n: people });
    match bootstrap_interval(exact, drawn, plan, |after, q| steering_gain(&before.p, after, q)) {
        Ok(interval) => {
            gain.interval = Some([interval.low, interval.high]);
            gain.level = Some(LEVEL_95);
        }
        Err(error) => gain.note = Some(format!("no interval: {error}")),
    }
    Some(gain)
}
