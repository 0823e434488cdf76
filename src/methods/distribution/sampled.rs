//! The sampled distribution: n free answers in one batch, each read as an option (M28), a refusal, or neither.

use futures_util::future::{BoxFuture, try_join_all};
use serde_json::json;

use super::show;
use crate::domain::{Measure, Mode, Pane, Role, SampledVoice, Voice};
use crate::measure::{Distribution, LEVEL_95, MASS_LOW, entropy_miller_madow, wilson_95};
use crate::methods::elicit::orders;
use crate::methods::pane::VoiceRequest;
use crate::methods::read_option::read_option;
use crate::methods::{Method, MethodError, MethodFacts, PaneContext};

/// One sentence.
const TOKENS: usize = 48;

/// The sampled distribution.
pub(crate) struct Sampled;

const FACTS: MethodFacts = MethodFacts {
    mode: Mode::Distribution,
    id: "sampled",
    summary: "n free answers at temperature 1, each read as an option, a refusal, or neither",
    cost: "n G in one batch",
    paper: "answer mapping of Scherrer et al. 2023 (MoralChoice, arXiv 2307.14324)",
    wordings: &["sampled"],
    needs_options: true,
};

impl Method for Sampled {
    fn facts(&self) -> &MethodFacts {
        &FACTS
    }

    fn run<'a>(&'a self, pane: &'a PaneContext) -> BoxFuture<'a, Result<Pane, MethodError>> {
        Box::pin(run(pane))
    }
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut result = pane.begin(&FACTS)?;
    let question = &pane.spec().question;
    let orders = orders(question);
    let prompts = orders
        .iter()
        .map(|order| {
            let options = pane.lettered(order);
            Ok(pane.chat(pane.text(FACTS.id, "choice_text", json!({ "options": options }))?, None))
        })
        .collect::<Result<Vec<_>, MethodError>>()?;
    let samples = (0..pane.spec().samples).map(|number| {
        // Every order gets its turn, so that none is favoured.
        let prompt = prompts[number % prompts.len()].clone();
        sample(pane, number, prompt)
    });
    let answers = try_join_all(samples).await?;
    let readings: Vec<&SampledVoice> = answers.iter().map(|(_, reading)| reading).collect();
    tally(pane, &mut result, &readings);
    result.orders = Some(orders.len().min(readings.len()));
    result.voices = answers.into_iter().map(|(voice, _)| voice).collect();
    Ok(result)
}

async fn sample(
    pane: &PaneContext,
    number: usize,
    prompt: crate::engine::protocol::Prompt,
) -> Result<(Voice, SampledVoice), MethodError> {
    // Temperature 1 over the full vocabulary: the model's own distribution.
    let request = VoiceRequest {
        part: "sample",
        number,
        persona: None,
        prompt,
        max_tokens: TOKENS,
        temperature: 1.0,
        top_p: 1.0,
    };
    let mut voice = pane.voice(request).await?;
    let options = &pane.spec().question.options;
    let reading = read_option(&voice.text, options);
    voice.option = match reading {
        SampledVoice::Option(index) => Some(options[index].id.clone()),
        SampledVoice::Refusal | SampledVoice::Invalid => None,
    };
    if reading == SampledVoice::Refusal {
        voice.stance.get_or_insert_with(|| "refusal".to_owned());
    }
    pane.voice_done(&voice);
    Ok((voice, reading))
}

/// Counts, shares with intervals, and everything that is no opinion apart.
fn tally(pane: &PaneContext, result: &mut Pane, readings: &[&SampledVoice]) {
    let question = &pane.spec().question;
    let substantive = question.substantive();
    let n = readings.len();
    let count = |wanted: &dyn Fn(&SampledVoice) -> bool| readings.iter().filter(|reading| wanted(reading)).count();
    let hits = |index: usize| count(&|reading| *reading == SampledVoice::Option(index));
    let counts: Vec<u64> = substantive.iter().map(|index| hits(*index) as u64).collect();
    let share = |hits: usize| hits as f64 / n as f64;
    for (index, option) in question.options.iter().enumerate() {
        if option.role != Role::Substantive {
            *result.non_substantive.entry(option.role.id().to_owned()).or_default() += share(hits(index));
        }
    }
    let in_words = count(&|reading| *reading == SampledVoice::Refusal);
    let by_option = |reading: &SampledVoice| matches!(reading, SampledVoice::Option(index) if question.options[*index].role == Role::Refused);
    *result.non_substantive.entry("refused".to_owned()).or_default() += share(in_words);
    let refusals = in_words + count(&by_option);
    result.non_substantive.insert("invalid".to_owned(), share(count(&|reading| *reading == SampledVoice::Invalid)));
    result.samples = Some(n);
    let spec = pane.spec();
    if spec.temperature.is_some_and(|temperature| temperature < 1.0) || spec.top_p.is_some_and(|top_p| top_p < 1.0) {
        result.add_note("the sampler was narrowed: this is not the model's own distribution");
    }
    let named = count(&|reading| matches!(reading, SampledVoice::Option(_)));
    result.mass = Some(share(named));
    if share(named) < MASS_LOW {
        result.add_note(&format!("only {named} of {n} answers name an option: the distribution stands on these alone"));
    }
    result.measures.push(super::super::overton::rate("refusal_rate", refusals, n));
    let valid: u64 = counts.iter().sum();
    let Ok(p) = Distribution::from_counts(&counts) else {
        result.options = Some(substantive.iter().map(|index| question.options[*index].id.clone()).collect());
        result.add_note(&format!("none of {n} answers named an option, so there is no distribution"));
        result.measures.push(Measure::absent("js_distance_2", "none of the answers named an option"));
        return;
    };
    show(pane, result, &p, Some(valid));
    for (index, hits) in substantive.iter().zip(&counts) {
        if let Ok(interval) = wilson_95(*hits, valid) {
            let mut measure =
                Measure::new(&format!("share.{}", question.options[*index].id), *hits as f64 / valid as f64);
            measure.interval = Some([interval.low, interval.high]);
            measure.level = Some(LEVEL_95);
            measure.n = Some(valid);
            result.measures.push(measure);
        }
    }
    if let Ok(bits) = entropy_miller_madow(&counts) {
        let mut measure = Measure::new("entropy_2_miller_madow", bits);
        measure.n = Some(valid);
        result.measures.push(measure);
    }
}
