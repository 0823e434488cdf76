//! Steering by a direction (M8): the model reads no persona, but what its layers put out is moved along a direction. Each
//! direction answers in words and over the options at several strengths, beside the model unsteered, all in one batch.

use std::ops::Add;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{join3, try_join_all};
use serde_json::json;

use super::fan::{Fan, MAIN, STRENGTHS};
use super::recipe::{FILE, Recipe};
use crate::domain::{Mode, Pane, Persona, PersonaDirection, SampledVoice, Voice};
use crate::engine::protocol::{Derived, Steer};
use crate::measure::middle_band;
use crate::methods::compare::Stage;
use crate::methods::cost::{TEMPLATE, options};
use crate::methods::elicit::{Elicited, elicit_steered, scorings};
use crate::methods::pane::VoiceRequest;
use crate::methods::read_option::read_option;
use crate::methods::{Cost, LetteredOption, Method, MethodError, MethodFacts, PaneContext, RunSpec};

const TEMPERATURE: f64 = 0.7;
const TOP_P: f64 = 0.9;
/// Pairs that a direction is made of where a wording is all there is, and pairs that it is tried on.
const PAIRS: usize = 16;
const HELD_OUT: usize = 4;
/// How long a direction is taken that nobody gave a strength: as a share of the mean length of what the layers put out. With
/// a direction of mood on 12 layers of `SmolLM2` the perplexity of the neutral text was 1.1 times its own at this share, 1.4 at
/// twice and 4.8 at four times it.
const USUAL_SHARE: f64 = 0.025;

/// Steering by a direction.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Steered,
        id: "direction",
        summary: "each persona's direction moves what the layers put out, at four strengths, beside the unsteered answer; without \
                  a control vector file the direction is made from the persona's wording",
        cost: "(A + 1) G + (4 A + 1) x (o + 1) F, and 40 F for each direction that is made",
        paper: "contrastive activation addition of Rimsky et al. 2024 (arXiv 2312.06681), control vectors of llama.cpp and repeng",
        wordings: &["direction", "option-logits"],
        needs_options: false,
        needs_personas: true,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Whose directions are shown: those named for the run and those that personas have; where there are none, every persona's,
/// made from its wording.
fn carriers(spec: &RunSpec) -> Vec<&Persona> {
    let all = || spec.directions.iter().chain(&spec.personas);
    let with: Vec<&Persona> = all().filter(|persona| persona.direction.is_some()).collect();
    if with.is_empty() { all().collect() } else { with }
}

/// Bytes of the instructions, that for a letter with the beginning of the answer.
const ANSWER_INSTRUCTION: usize = 80;
const CHOICE_INSTRUCTION: usize = 40;
/// Bytes of the neutral text with its first words.
const PARAGRAPH: usize = 450;
/// Bytes of a question and a beginning of the recipe, and of its wording for nobody.
const SIDE: usize = 55;
const NEUTRAL: usize = 35;

fn cost(spec: &RunSpec) -> Cost {
    let carriers = carriers(spec);
    let steered = STRENGTHS.len() * carriers.len();
    let orders = if spec.question.has_distribution() { scorings(&spec.question) } else { 0 };
    let voices = Cost::generations(spec, carriers.len() + 1, ANSWER_INSTRUCTION, usize::MAX);
    let choices = Cost::scorings(spec, orders * (steered + 1), CHOICE_INSTRUCTION + options(spec));
    let texts = Cost::scorings_apart(steered + 1, PARAGRAPH);
    let read = carriers.iter().filter(|persona| persona.direction.is_some()).count();
    let made = carriers.iter().filter(|persona| persona.direction.is_none()).map(|persona| {
        let side = |wording: usize| Cost::scorings_apart(PAIRS + HELD_OUT, TEMPLATE + SIDE + wording);
        side(persona.text().len()) + side(NEUTRAL)
    });
    let residual = Cost::scorings_apart(if read > 0 { 2 } else { 0 }, TEMPLATE + SIDE + NEUTRAL);
    made.fold(voices + choices + texts + residual, Add::add)
}

/// A persona's direction, known to the engine.
pub(super) struct Steered<'a> {
    pub(super) persona: &'a Persona,
    direction: String,
    layers: (u32, u32),
    /// At the middle of the fan.
    strength: f64,
    /// Mean length over the layers in use, as a share of what they put out, at strength 1.
    unit_share: f64,
    /// Mean over the layers in use of the share of held-out pairs on the right side; absent for files.
    pub(super) held_out: Option<f64>,
}

impl Steered<'_> {
    pub(super) fn strength(&self, place: usize) -> f64 {
        self.strength * STRENGTHS[place]
    }

    pub(super) fn share(&self, place: usize) -> f64 {
        self.strength(place) * self.unit_share
    }

    fn steer(&self, place: usize) -> Vec<Steer> {
        #[expect(clippy::cast_possible_truncation, reason = "layer outputs are single precision")]
        let strength = self.strength(place) as f32;
        let direction = self.direction.clone();
        vec![Steer { direction, strength, layers: Some(self.layers), from: None, tokens: None, target: None }]
    }
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    if let Some(why) = pane.why_not_steered() {
        return Ok(Pane::skipped(METHOD.facts.mode, METHOD.facts.id, why));
    }
    let mut result = pane.begin(&METHOD.facts)?;
    let recipe = Recipe::of(pane.texts()).map_err(MethodError::Text)?;
    let carriers = carriers(pane.spec());
    let residual = if carriers.iter().any(|persona| persona.direction.is_some()) {
        Some(pane.derive("how long outputs are", vec![recipe.plain()], Vec::new()).await?)
    } else {
        None
    };
    let prepared = carriers.iter().map(|persona| prepare(pane, &recipe, persona, residual.as_ref()));
    let mut steered = Vec::new();
    for (one, note) in try_join_all(prepared).await? {
        result.add_note(&note);
        steered.push(one);
    }
    let fan = Mutex::new(Fan::new(steered.len()));
    let (blank, told) = (result.clone(), |change: &dyn Fn(&mut Fan)| {
        let mut fan = fan.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut fan);
        fan.clone()
    });
    let see = |change: &dyn Fn(&mut Fan)| {
        let mut so_far = blank.clone();
        // What cannot be compared is told once, at the end.
        if told(change).show(pane, &steered, &mut so_far, Stage::SoFar).is_ok() {
            pane.so_far(so_far);
        }
    };
    // Unsteered first, then every direction at every strength.
    let places = || {
        let all = (0..steered.len()).flat_map(|who| (0..STRENGTHS.len()).map(move |place| Some((who, place))));
        std::iter::once(None).chain(all)
    };
    let steering = |place: Option<(usize, usize)>| place.map_or_else(Vec::new, |(who, at)| steered[who].steer(at));
    let name = |place: Option<(usize, usize)>| match place {
        None => "unsteered".to_owned(),
        Some((who, at)) => format!("{} at {:.3}", steered[who].persona.id, steered[who].strength(at)),
    };
    let (see, steering, name) = (&see, &steering, &name);
    let voices = std::iter::once(None).chain((0..steered.len()).map(Some)).enumerate().map(|(number, who)| {
        let persona = who.map(|who| steered[who].persona.id.clone());
        speak(pane, number, persona, steering(who.map(|who| (who, MAIN))))
    });
    let choices = places().filter(|_| pane.spec().question.has_distribution()).map(|place| async move {
        let (purpose, steering) = (name(place), steering(place));
        let see = |found: Elicited| see(&|fan: &mut Fan| fan.options(place, found.clone()));
        Ok::<_, MethodError>((place, choose(pane, &purpose, &steering, see).await?))
    });
    let opening = pane.text(FILE, "opening", json!({}))?;
    let paragraph = format!(" {}", pane.text(FILE, "paragraph", json!({}))?.trim());
    let (opening, paragraph) = (opening.trim(), paragraph.as_str());
    let texts = places().map(|place| async move {
        let purpose = format!("neutral text, {}", name(place));
        let logprobs = pane.expected(&purpose, opening, paragraph, steering(place)).await?;
        Ok::<_, MethodError>((place, logprobs))
    });
    let (voices, choices, texts) = join3(try_join_all(voices), try_join_all(choices), try_join_all(texts)).await;
    let (voices, choices, texts) = (voices?, choices?, texts?);
    let mut fan = Fan::new(steered.len());
    for (place, found) in choices {
        fan.options(place, found);
    }
    for (place, logprobs) in texts {
        fan.text(place, logprobs);
    }
    result.voices = voices;
    fan.show(pane, &steered, &mut result, Stage::Done)?;
    if !pane.spec().question.has_distribution() {
        result.add_note("the question has no options, so there is no shift to measure");
    }
    Ok(result)
}

/// Makes a persona's direction known to the engine, with a note on where it is from and how it is used.
async fn prepare<'a>(
    pane: &PaneContext,
    recipe: &Recipe,
    persona: &'a Persona,
    residual: Option<&Derived>,
) -> Result<(Steered<'a>, String), MethodError> {
    let Some(own) = &persona.direction else { return derived(pane, recipe, persona).await };
    let unusable = |why: &str| {
        let file = own.file.display();
        MethodError::Question(format!("the direction {file} of {} cannot be used: {why}", persona.id))
    };
    let mut vectors = match &own.read {
        Some(Ok(vectors)) => (**vectors).clone(),
        Some(Err(why)) => return Err(MethodError::Question(why.clone())),
        None => return Err(unusable("it was not read; name the persona again")),
    };
    let model = pane.model();
    let misfit = |why: String| unusable(&format!("{why}; use the model it was made on"));
    let left_out = vectors.fit(model.layers, model.n_embd).map_err(misfit)?;
    let layers = layers_of(own, vectors.layers.keys().copied(), model.layers)
        .ok_or_else(|| unusable("it has none of the layers asked for; name others"))?;
    let known = pane.direction(&vectors, layers).await?;
    let norms = known.norms.iter().map(|layer| (layer.layer, layer.norm));
    let unit_share =
        share(norms, residual.into_iter().flat_map(|derived| &derived.layers).map(|l| (l.layer, l.residual_norm)));
    let strength = own.strength.unwrap_or_else(|| usual_strength(unit_share));
    let made_on = vectors.model.filter(|made_on| *made_on != model.arch && made_on != "unknown");
    let mut note = format!("{}: {}", persona.id, own.file.display());
    note.push_str(&used(strength, unit_share, layers));
    let made_on =
        made_on.map(|kind| format!(", made on a model of the kind {}", kind.chars().take(40).collect::<String>()));
    note.extend(made_on);
    note.extend(left_out.map(|left_out| format!(", {left_out}")));
    Ok((Steered { persona, direction: known.direction, layers, strength, unit_share, held_out: None }, note))
}

/// The direction that a persona's wording makes, against somebody like any other.
async fn derived<'a>(
    pane: &PaneContext,
    recipe: &Recipe,
    persona: &'a Persona,
) -> Result<(Steered<'a>, String), MethodError> {
    let mut pairs = recipe.pairs(persona.text(), &recipe.neutral);
    pairs.truncate(PAIRS + HELD_OUT);
    let held_out = pairs.split_off(PAIRS.min(pairs.len()));
    let tried = held_out.len();
    let made = pane.derive(&format!("direction of {}", persona.id), pairs, held_out).await?;
    let all = made.layers.iter().map(|layer| layer.layer);
    let layers = band(all, pane.model().layers)
        .ok_or_else(|| MethodError::Question(format!("the wording of {} makes no direction", persona.id)))?;
    let used_layers = || made.layers.iter().filter(|layer| (layers.0..=layers.1).contains(&layer.layer));
    let unit_share = share(used_layers().map(|l| (l.layer, l.norm)), used_layers().map(|l| (l.layer, l.residual_norm)));
    let strength = usual_strength(unit_share);
    let shares: Vec<f64> = used_layers().filter_map(|layer| layer.held_out).collect();
    let held_out = (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64);
    let mut note = format!("{}: derived from its wording", persona.id);
    note.push_str(&used(strength, unit_share, layers));
    note.extend(held_out.map(|share| format!(", {:.0} % right on {tried} pairs held out", share * 100.0)));
    Ok((Steered { persona, direction: made.direction, layers, strength, unit_share, held_out }, note))
}

/// The layers that a persona's direction acts on: those it names, else the middle ones, as far as the direction has them.
fn layers_of(own: &PersonaDirection, known: impl Iterator<Item = u32> + Clone, layers: u32) -> Option<(u32, u32)> {
    match own.layers {
        Some((first, last)) => known.clone().any(|layer| (first..=last).contains(&layer)).then_some((first, last)),
        None => band(known, layers),
    }
}

/// The middle layers of a model; all that are known where none of those is.
fn band(known: impl Iterator<Item = u32> + Clone, layers: u32) -> Option<(u32, u32)> {
    let (first, last) = middle_band(layers)?;
    if known.clone().any(|layer| (first..=last).contains(&layer)) {
        return Some((first, last));
    }
    Some((known.clone().min()?, known.max()?))
}

/// How long a direction is in the mean of its layers, as a share of what those put out; 0 where that is unknown.
fn share(norms: impl Iterator<Item = (u32, f64)>, residual: impl Iterator<Item = (u32, f64)>) -> f64 {
    let residual: std::collections::BTreeMap<u32, f64> = residual.collect();
    let shares = norms.filter_map(|(layer, norm)| residual.get(&layer).filter(|all| **all > 0.0).map(|all| norm / all));
    let shares: Vec<f64> = shares.filter(|share| share.is_finite()).collect();
    if shares.is_empty() { 0.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 }
}

fn usual_strength(unit_share: f64) -> f64 {
    if unit_share > 0.0 { USUAL_SHARE / unit_share } else { 1.0 }
}

fn used(strength: f64, unit_share: f64, (first, last): (u32, u32)) -> String {
    let share = strength * unit_share * 100.0;
    format!(", strength {strength:.3} on layers {first} to {last}, {share:.1} % of what they put out")
}

async fn speak(
    pane: &PaneContext,
    number: usize,
    persona: Option<String>,
    steering: Vec<Steer>,
) -> Result<Voice, MethodError> {
    let request = VoiceRequest {
        part: "answer",
        number,
        persona,
        prompt: pane.chat(pane.text(FILE, "answer", json!({}))?, None),
        grammar: None,
        max_tokens: usize::MAX,
        temperature: TEMPERATURE,
        top_p: TOP_P,
    };
    let mut voice = pane.voice_steered(request, steering, 0).await?;
    let options = &pane.spec().question.options;
    if let SampledVoice::Option(index) = read_option(&voice.text, options) {
        voice.option = Some(options[index].id.clone());
    }
    pane.voice_done(&voice);
    Ok(voice)
}

async fn choose(
    pane: &PaneContext,
    purpose: &str,
    steering: &[Steer],
    see: impl Fn(Elicited) + Sync,
) -> Result<Elicited, MethodError> {
    // What a base model goes on from ends with its own cue.
    let prefill = if pane.is_base_model() { None } else { Some(pane.text("option-logits", "prefill", json!({}))?) };
    let prompt = |options: &[LetteredOption]| {
        let text = pane.text(FILE, "choice", json!({ "options": options }))?;
        Ok(pane.chat(text, prefill.clone()))
    };
    elicit_steered(pane, purpose, steering, prompt, see).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn own(layers: Option<(u32, u32)>) -> PersonaDirection {
        PersonaDirection { file: "a.gguf".into(), strength: None, layers, read: None }
    }

    #[test]
    fn the_middle_layers_are_used_unless_others_are_named_or_known() {
        assert_eq!(layers_of(&own(None), 1..30, 30), Some((9, 20)));
        assert_eq!(layers_of(&own(None), [25, 22].into_iter(), 30), Some((22, 25)));
        assert_eq!(layers_of(&own(Some((3, 5))), 1..30, 30), Some((3, 5)));
        assert_eq!(layers_of(&own(Some((3, 5))), 9..30, 30), None);
        assert_eq!(layers_of(&own(None), 0..0, 30), None);
    }

    #[test]
    fn a_share_is_a_mean_over_layers_whose_size_is_known() {
        let residual = || [(1, 10.0), (2, 20.0), (3, 0.0)].into_iter();
        assert!((share([(1, 1.0), (2, 4.0), (3, 9.0), (4, 9.0)].into_iter(), residual()) - 0.15).abs() < 1e-12);
        assert!(share([(7, 1.0)].into_iter(), residual()) == 0.0);
        assert!((usual_strength(0.1) * 0.1 - USUAL_SHARE).abs() < 1e-12);
        assert!((usual_strength(0.0) - 1.0).abs() < 1e-12);
    }
}
