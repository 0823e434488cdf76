//! The sampled distribution: n free answers in one batch, each read as an option (M28), a refusal, or neither.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;
use serde_json::json;

use super::{show, show_whole};
use crate::domain::{Measure, Mode, Obtained, Pane, Role, SampledVoice, Voice};
use crate::measure::{Distribution, LEVEL_95, MASS_LOW, entropy_miller_madow, wilson_95};
use crate::methods::compare::Stage;
use crate::methods::cost::options;
use crate::methods::elicit::orders;
use crate::methods::pane::VoiceRequest;
use crate::methods::read_option::read_option;
use crate::methods::{Cost, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// One sentence.
const TOKENS: usize = 48;

/// The sampled distribution.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "sampled",
        summary: "n free answers at temperature 1, each read as an option, a refusal, or neither",
        cost: "n G in one batch",
        paper: "answer mapping of Scherrer et al. 2023 (MoralChoice, arXiv 2307.14324)",
        wordings: &["sampled"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instruction.
const INSTRUCTION: usize = 120;

fn cost(spec: &RunSpec) -> Cost {
    Cost::generations(spec, spec.samples, INSTRUCTION + options(spec), TOKENS)
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let blank = pane.begin(&METHOD.facts)?;
    let question = &pane.spec().question;
    let prompts = orders(question)
        .iter()
        .map(|order| {
            let options = pane.lettered(order);
            Ok(pane.chat(pane.text(METHOD.facts.id, "choice_text", json!({ "options": options }))?, None))
        })
        .collect::<Result<Vec<_>, MethodError>>()?;
    let tally = Mutex::new(Tally::new(question.options.len(), prompts.len()));
    let samples = (0..pane.spec().samples).map(|number| {
        // Every order gets its turn, so that none is favoured.
        let order = number % prompts.len();
        let (prompt, tally, blank) = (prompts[order].clone(), &tally, &blank);
        async move {
            let (voice, reading) = sample(pane, number, prompt).await?;
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.add(&reading, order, number);
            pane.so_far(picture(pane, blank, &tally, Stage::SoFar));
            Ok::<_, MethodError>(voice)
        }
    });
    let voices = try_join_all(samples).await?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Pane { voices, ..picture(pane, &blank, &tally, Stage::Done) })
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
        grammar: None,
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

/// What the answers so far were read as.
struct Tally {
    /// Per option of the question.
    by_option: Vec<u64>,
    /// In words of the model's own.
    refusals: usize,
    invalid: usize,
    /// Which of the orders were asked in.
    orders: Vec<bool>,
    /// What each answer named, by its number: answers come in as they end, which no seed fixes.
    draws: BTreeMap<usize, SampledVoice>,
}

impl Tally {
    fn new(options: usize, orders: usize) -> Self {
        Self {
            by_option: vec![0; options],
            refusals: 0,
            invalid: 0,
            orders: vec![false; orders],
            draws: BTreeMap::new(),
        }
    }

    fn add(&mut self, reading: &SampledVoice, order: usize, number: usize) {
        self.draws.insert(number, reading.clone());
        match reading {
            SampledVoice::Option(index) => self.by_option[*index] += 1,
            SampledVoice::Refusal => self.refusals += 1,
            SampledVoice::Invalid => self.invalid += 1,
        }
        self.orders[order] = true;
    }
}

/// The pane `blank` with counts, shares with intervals, and everything that is no opinion apart.
fn picture(pane: &PaneContext, blank: &Pane, tally: &Tally, stage: Stage) -> Pane {
    let mut result = blank.clone();
    let spec = pane.spec();
    let question = &spec.question;
    let substantive = question.substantive();
    let hits = |index: usize| usize::try_from(tally.by_option[index]).unwrap_or(usize::MAX);
    let named: usize = (0..question.options.len()).map(hits).sum();
    let n = named + tally.refusals + tally.invalid;
    let share = |hits: usize| hits as f64 / n as f64;
    let mut refusals = tally.refusals;
    for (index, option) in question.options.iter().enumerate() {
        if option.role != Role::Substantive {
            *result.non_substantive.entry(option.role.id().to_owned()).or_default() += share(hits(index));
        }
        if option.role == Role::Refused {
            refusals += hits(index);
        }
    }
    *result.non_substantive.entry("refused".to_owned()).or_default() += share(tally.refusals);
    result.non_substantive.insert("invalid".to_owned(), share(tally.invalid));
    result.samples = Some(n);
    result.obtained = Some(Obtained::Sampled);
    result.p_whole = Distribution::from_counts(&tally.by_option).ok().map(|whole| whole.as_slice().to_vec());
    result.draws = tally
        .draws
        .values()
        .map(|reading| match reading {
            SampledVoice::Option(index) => substantive.iter().position(|kept| kept == index),
            SampledVoice::Refusal | SampledVoice::Invalid => None,
        })
        .collect();
    result.orders = Some(tally.orders.iter().filter(|asked| **asked).count());
    if spec.temperature.is_some_and(|temperature| temperature < 1.0) || spec.top_p.is_some_and(|top_p| top_p < 1.0) {
        result.add_note("the sampler was narrowed: this is not the model's own distribution");
    }
    result.mass = Some(share(named));
    if share(named) < MASS_LOW {
        result.add_note(&format!("only {named} of {n} answers name an option: the distribution stands on these alone"));
    }
    result.measures.push(super::super::overton::rate("refusal_rate", refusals, n));
    let counts: Vec<u64> = substantive.iter().map(|index| tally.by_option[*index]).collect();
    let valid: u64 = counts.iter().sum();
    let Ok(p) = Distribution::from_counts(&counts) else {
        result.options = Some(substantive.iter().map(|index| question.options[*index].id.clone()).collect());
        result.add_note(&format!("none of {n} answers named an option, so there is no distribution"));
        result.measures.push(Measure::absent("js_distance_2", "none of the answers named an option"));
        return result;
    };
    show(pane, &mut result, &p, Some(valid), stage);
    show_whole(pane, &mut result, Some(named as u64), stage);
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
    result
}
