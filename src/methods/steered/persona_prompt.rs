//! Steering by a persona in the prompt (M2): what each persona says, and how it divides over the options, before and
//! after.

use std::ops::Add;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{try_join, try_join_all};
use serde_json::json;

use crate::domain::{BeforeSteering, Measure, Mode, Pane, Persona, PersonaDistribution, Question, SampledVoice, Voice};
use crate::measure::Distribution;
use crate::measure::{flattening, steering_shift, total_variation};
use crate::methods::asked::Asked;
use crate::methods::compare::{self, Stage};
use crate::methods::cost::options;
use crate::methods::elicit::{Elicited, elicit_as, many_options_note, scorings};
use crate::methods::pane::VoiceRequest;
use crate::methods::read_option::read_option;
use crate::methods::{Cost, LetteredOption, Method, MethodError, MethodFacts, PaneContext, RunSpec};

const TEMPERATURE: f64 = 0.7;
const TOP_P: f64 = 0.9;

/// Steering by a persona in the prompt.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Steered,
        id: "persona-prompt",
        summary: "each persona answers in words and over the options, beside the answer without any persona",
        cost: "A G + (A + 1) x o F",
        paper: "persona prompting of Santurkar et al. 2023 (arXiv 2303.17548) and Feng et al. 2024 (arXiv 2406.15951)",
        wordings: &["persona-prompt", "option-logits"],
        needs_options: false,
        needs_personas: true,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instructions, that for a letter with the beginning of the answer.
const ANSWER_INSTRUCTION: usize = 85;
pub(in crate::methods) const CHOICE_INSTRUCTION: usize = 45;
/// Bytes that go with a persona.
pub(in crate::methods) const PERSONA_INSTRUCTION: usize = 25;

fn cost(spec: &RunSpec) -> Cost {
    let orders = if spec.question.has_distribution() { scorings(&spec.question) } else { 0 };
    let choice = CHOICE_INSTRUCTION + options(spec);
    let each = spec.personas.iter().map(|persona| {
        let persona = PERSONA_INSTRUCTION + persona.text().len();
        let answer = Cost::generations(spec, 1, ANSWER_INSTRUCTION + persona, usize::MAX);
        answer + Cost::scorings(spec, orders, choice + persona)
    });
    each.fold(Cost::scorings(spec, orders, choice), Add::add)
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut result = pane.begin(&METHOD.facts)?;
    let spec = pane.spec();
    pane.with_adapters().await?.iter().for_each(|told| result.add_note(told));
    let blank = result.clone();
    let shift = Mutex::new(Shift { before: None, after: vec![None; spec.personas.len()] });
    // `None` is the model without any persona.
    let see = |persona: Option<usize>, found: Elicited| {
        let mut shift = shift.lock().unwrap_or_else(PoisonError::into_inner);
        match persona {
            Some(number) => shift.after[number] = Some(found),
            None => shift.before = Some(found),
        }
        let mut so_far = blank.clone();
        // What cannot be compared is told once, at the end.
        if shift.show(pane, &mut so_far, Stage::SoFar).is_ok() {
            pane.so_far(so_far);
        }
    };
    let voices = spec.personas.iter().enumerate().map(|(number, persona)| speak(pane, number, persona));
    let distributions = async {
        if !spec.question.has_distribution() {
            return Ok(None);
        }
        let before = choose(pane, None, |found| see(None, found));
        let (see, personas) = (&see, spec.personas.iter().enumerate());
        let after =
            personas.map(|(number, persona)| choose(pane, Some(persona), move |found| see(Some(number), found)));
        Ok(Some(try_join(before, try_join_all(after)).await?))
    };
    let (voices, distributions) = try_join(try_join_all(voices), distributions).await?;
    result.voices = voices;
    match distributions {
        Some((before, after)) => {
            let shift = Shift { before: Some(before), after: after.into_iter().map(Some).collect() };
            shift.show(pane, &mut result, Stage::Done)?;
        }
        None => result.add_note("the question has no options, so there is no shift to measure"),
    }
    Ok(result)
}

/// Ids of the substantive options.
pub(super) fn option_ids(pane: &PaneContext) -> Vec<String> {
    let question = &pane.spec().question;
    question.substantive().into_iter().map(|index| question.options[index].id.clone()).collect()
}

async fn speak(pane: &PaneContext, number: usize, persona: &Persona) -> Result<Voice, MethodError> {
    let text = if persona.wordings.is_empty() {
        pane.text(METHOD.facts.id, "answer_plain", json!({}))?
    } else {
        pane.text(METHOD.facts.id, "answer", json!({ "persona": persona.text() }))?
    };
    let request = VoiceRequest {
        part: "answer",
        number,
        persona: Some(persona.id.clone()),
        prompt: pane.chat(text, None),
        grammar: None,
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
async fn choose(
    pane: &PaneContext,
    persona: Option<&Persona>,
    see: impl Fn(Elicited) + Sync,
) -> Result<Elicited, MethodError> {
    let purpose = persona.map_or("before", |persona| &persona.id);
    choose_about(pane, &pane.spec().question, persona, purpose, see).await
}

/// The same of `question`, which may be another than the run's.
pub(in crate::methods) async fn choose_about(
    pane: &PaneContext,
    question: &Question,
    persona: Option<&Persona>,
    purpose: &str,
    see: impl Fn(Elicited) + Sync,
) -> Result<Elicited, MethodError> {
    let asked = Asked { pane, question };
    // What a base model goes on from ends with its own cue.
    let prefill = if pane.is_base_model() { None } else { Some(pane.text("option-logits", "prefill", json!({}))?) };
    let prompt = |options: &[LetteredOption]| {
        let text = match persona {
            Some(persona) if !persona.wordings.is_empty() => {
                asked.text(METHOD.facts.id, "choice", json!({ "persona": persona.text(), "options": options }))?
            }
            _ => asked.text(METHOD.facts.id, "choice_plain", json!({ "options": options }))?,
        };
        Ok(asked.chat(text, prefill.clone()))
    };
    elicit_as(pane, question, persona.map(|persona| persona.id.as_str()), purpose, prompt, see).await
}

/// The distributions without and with each persona, as far as they are known.
struct Shift {
    before: Option<Elicited>,
    /// In the order of the personas.
    after: Vec<Option<Elicited>>,
}

impl Shift {
    fn show(&self, pane: &PaneContext, result: &mut Pane, stage: Stage) -> Result<(), MethodError> {
        let spec = pane.spec();
        result.options = Some(option_ids(pane));
        if let Some(note) = many_options_note(&spec.question) {
            result.add_note(&note);
        }
        result.orders = self.after.iter().chain([&self.before]).flatten().map(|known| known.orders).min();
        result.before = self.before.as_ref().map(|before| BeforeSteering {
            p: before.p.as_slice().to_vec(),
            mass: before.mass,
            note: before.note(),
        });
        let mut shifts = Vec::new();
        for (persona, after) in spec.personas.iter().zip(&self.after) {
            let Some(after) = after else { continue };
            result.distributions.push(PersonaDistribution {
                persona: persona.id.clone(),
                p: after.p.as_slice().to_vec(),
                mass: after.mass,
                per_order: after.per_order.clone(),
                note: after.note(),
            });
            if let Some(before) = &self.before {
                let shift = steering_shift(&before.p, &after.p)?;
                shifts.push(shift);
                result.measures.push(Measure::new("shift.js_distance_2", shift).persona(&persona.id));
                let tv = total_variation(&before.p, &after.p)?;
                result.measures.push(Measure::new("shift.tv", tv).persona(&persona.id));
                result.measures.extend(gain(pane, persona, before, after, stage));
            }
            let sensitivity = after.order_measures().into_iter().take(1).map(|measure| measure.persona(&persona.id));
            result.measures.extend(sensitivity);
        }
        if !shifts.is_empty() {
            let mean = shifts.iter().sum::<f64>() / shifts.len() as f64;
            result.measures.push(Measure::new("shift.mean_js_distance_2", mean).n(shifts.len()));
        }
        result.measures.extend(self.before.iter().flat_map(Elicited::order_measures));
        if stage == Stage::Done {
            self.tell_apart(pane, result)?;
        }
        Ok(())
    }

    /// Whether the personas can be told apart from relabelled ones; an alarm where not.
    fn tell_apart(&self, pane: &PaneContext, result: &mut Pane) -> Result<(), MethodError> {
        const DISTANCE: &str = "flattening.mean_pairwise_js_distance_2";
        let cells: Vec<Vec<Distribution>> = self
            .after
            .iter()
            .flatten()
            .map(|after| after.per_order.iter().map(|order| Distribution::new(&order.p)).collect::<Result<_, _>>())
            .collect::<Result<_, _>>()?;
        if cells.len() < 2 {
            return Ok(());
        }
        if cells.iter().any(Vec::is_empty) {
            result.measures.push(Measure::absent(
                DISTANCE,
                "the options were shown in one order only, so personas cannot be relabelled",
            ));
            return Ok(());
        }
        let found = flattening(&cells, pane.seed("flattening", 0))?;
        let mut distance = Measure::new(DISTANCE, found.mean_pairwise).n(cells.len());
        distance.noise_floor = Some(found.null_95);
        let mut p = Measure::new("flattening.p_value", found.p_value).n(cells.len());
        match found.is_distinguishable() {
            None => {
                p.note = Some(format!(
                    "with {} personas in {} orders it cannot fall below {:.2}: choose more personas",
                    cells.len(),
                    cells[0].len(),
                    found.least_p
                ));
            }
            Some(false) => result.add_note(
                "persona flattening: the personas answer no more differently than they would if it were chance who is who",
            ),
            Some(true) => {}
        }
        result.measures.extend([distance, p]);
        Ok(())
    }
}

/// How much nearer the persona came to its own group, where the question knows how that group answered (E13).
pub(super) fn gain(
    pane: &PaneContext,
    persona: &Persona,
    before: &Elicited,
    after: &Elicited,
    stage: Stage,
) -> Option<Measure> {
    let reference = persona.groups.iter().find_map(|group| pane.spec().question.reference(group))?;
    Some(compare::gain(pane, &before.p, &after.p, reference, stage)?.persona(&persona.id))
}
