//! Whole options as texts (P3): how likely the model is to answer with the words of each, averaged over option orders.
//!
//! The options are listed, for the labels of a scale mean nothing alone, and stand in quotation marks: the closing one
//! makes "Agree" and "Agree strongly" exclude each other, so that the probabilities add up to the mass. `p` is by the sum
//! rule, the one that is a probability; length-normalised and PMI, which can rank otherwise, stand beside it.

use std::sync::{Mutex, PoisonError};

use futures_util::future::{try_join, try_join_all};
use serde_json::json;

use super::show;
use crate::domain::{Mode, Obtained, Pane, Question};
use crate::engine::protocol::{OptionScores, Prompt, Usage};
use crate::measure::{
    ContinuationRule, Distribution, MASS_LOW, MASS_TOO_SMALL, continuation_distribution, pmi_distribution,
};
use crate::methods::compare::Stage;
use crate::methods::corrected::beside;
use crate::methods::cost::options;
use crate::methods::elicit::{Elicited, combine, orders};
use crate::methods::{Cost, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// Whole options as texts.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "option-text",
        summary: "the exact probability of each option's whole text; length-normalised and PMI beside it",
        cost: "2 x o F, each of k texts",
        paper: "sum rule of Spectrum Tuning (Sorensen et al. 2025, arXiv 2510.06084); PMI of Holtzman et al. 2021 (arXiv 2104.08315)",
        wordings: &["option-text"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instruction and of the beginning of the answer.
const INSTRUCTION: usize = 72;
/// Bytes of what stands for a question that asks nothing.
const NULL: usize = 3;

fn cost(spec: &RunSpec) -> Cost {
    let count = orders(&spec.question).len();
    let bytes = INSTRUCTION + options(spec);
    Cost::scorings(spec, count, bytes) + Cost::scorings_alone(count, NULL + bytes)
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let blank = pane.begin(&METHOD.facts)?;
    let question = &pane.spec().question;
    if let Some(option) = question.options.iter().find(|option| option.label.trim().is_empty()) {
        let sentence = format!("the option `{}` has no words to score; give it a label", option.id);
        return Err(MethodError::Question(sentence));
    }
    let orders = orders(question);
    let known = Mutex::new(Vec::with_capacity(orders.len()));
    let (known, blank) = (&known, &blank);
    let requests = orders.iter().enumerate().map(|(number, order)| async move {
        let read = read(pane, number, order).await?;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((order.clone(), read.clone()));
        let (orders, so_far): (Vec<_>, Vec<_>) = known.iter().cloned().unzip();
        drop(known);
        // What cannot be averaged is told once, at the end.
        if let Ok(rules) = Rules::new(question, &orders, &so_far) {
            pane.so_far(picture(pane, blank, &rules, Stage::SoFar));
        }
        Ok::<_, MethodError>(read)
    });
    let found = try_join_all(requests).await?;
    Ok(picture(pane, blank, &Rules::new(question, &orders, &found)?, Stage::Done))
}

/// What was read in one order, by slot: the tokens of each text after the question, and after none.
#[derive(Clone)]
struct Read {
    asked: Vec<Vec<f64>>,
    null: Vec<Vec<f64>>,
}

async fn read(pane: &PaneContext, number: usize, order: &[usize]) -> Result<Read, MethodError> {
    let options = pane.lettered(order);
    // Quotation marks of its own would end an option too early.
    let texts: Vec<String> =
        options.iter().map(|option| format!("{}\"", option.label.trim().replace('"', "'"))).collect();
    let prompt = |values: serde_json::Value, alone: bool| -> Result<Prompt, MethodError> {
        if pane.is_base_model() {
            return Ok(Prompt::Raw { text: pane.text(METHOD.facts.id, "raw", values)? });
        }
        let prefill = Some(pane.text(METHOD.facts.id, "prefill", json!({}))?);
        let text = pane.text(METHOD.facts.id, "choice", values)?;
        Ok(if alone { PaneContext::chat_alone(text, prefill) } else { pane.chat(text, prefill) })
    };
    let nothing = pane.text(METHOD.facts.id, "null", json!({}))?;
    let asked = prompt(json!({ "options": options }), false)?;
    let null = prompt(json!({ "options": options, "question": nothing }), true)?;
    let purpose = |what: &str| format!("{what}, order {}", number + 1);
    let (asked_for, null_for) = (purpose("texts"), purpose("texts without a question"));
    let asked = pane.score_texts(&asked_for, asked, texts.clone());
    let (asked, null) = try_join(asked, pane.score_texts(&null_for, null, texts)).await?;
    Ok(Read { asked, null })
}

/// The same texts by the three rules of P3.
struct Rules {
    sum: Elicited,
    mean: Distribution,
    pmi: Result<Distribution, MethodError>,
}

impl Rules {
    fn new(question: &Question, orders: &[Vec<usize>], read: &[Read]) -> Result<Self, MethodError> {
        let by = |rule: &dyn Fn(&Read) -> Result<Distribution, MethodError>| -> Result<Elicited, MethodError> {
            let scores = read.iter().map(|read| Ok(scores(&rule(read)?, coverage(&read.asked))));
            combine(question, orders, &scores.collect::<Result<Vec<_>, MethodError>>()?)
        };
        let sum = by(&|read| Ok(continuation_distribution(&read.asked, ContinuationRule::Sum)?))?;
        let mean = by(&|read| Ok(continuation_distribution(&read.asked, ContinuationRule::Mean)?))?.p;
        let pmi = by(&|read| Ok(pmi_distribution(&read.asked, &read.null)?)).map(|found| found.p);
        Ok(Self { sum, mean, pmi })
    }
}

/// The probability that the answer is any of the texts: no two of them are the same answer.
fn coverage(texts: &[Vec<f64>]) -> f64 {
    // Rounding alone can lead above 1.
    texts.iter().map(|tokens| tokens.iter().sum::<f64>().exp()).sum::<f64>().min(1.0)
}

/// Shares of `coverage`, by slot. Texts so long that no probability is left still have their shares.
fn scores(p: &Distribution, coverage: f64) -> OptionScores {
    let whole = coverage.max(1e-300);
    let mass = p.as_slice().iter().map(|share| share * whole).collect();
    OptionScores { mass, coverage, top: Vec::new(), usage: Usage::default() }
}

fn picture(pane: &PaneContext, blank: &Pane, rules: &Rules, stage: Stage) -> Pane {
    let mut result = blank.clone();
    let found = &rules.sum;
    result.mass = Some(found.mass);
    result.orders = Some(found.orders);
    result.obtained = Some(Obtained::Exact);
    result.p_whole = Some(found.whole.as_slice().to_vec());
    result.per_order.clone_from(&found.per_order);
    result.non_substantive.clone_from(&found.non_substantive);
    result.add_note("by the sum rule: the probability of the whole text; the other two rules stand beside it");
    let opinion = found.mass - found.non_substantive.values().sum::<f64>();
    if opinion < MASS_LOW {
        let care = if opinion < MASS_TOO_SMALL { "is not to be trusted" } else { "is to be read with care" };
        let share = opinion * 100.0;
        result.add_note(&format!(
            "only {share:.1} % of the answers are the words of an opinion: the distribution {care}"
        ));
    }
    show(pane, &mut result, &found.p, None, stage);
    result.measures.extend(found.order_measures());
    let note = "mean per token: no probability of anything, and kind to long options";
    result.corrected.push(beside(pane, "length-normalised", &rules.mean, &found.p, Some(note.to_owned())));
    match &rules.pmi {
        Ok(pmi) => {
            let note = "divided by the probability of the same text where nothing was asked; it can overcorrect";
            result.corrected.push(beside(pane, "pmi", pmi, &found.p, Some(note.to_owned())));
        }
        Err(error) => result.add_note(&format!("no PMI: {error}")),
    }
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::Question;
    use crate::measure::Base;

    fn question(labels: &[&str]) -> Question {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        Question::asked("Is it so?", &labels, &[], false).unwrap()
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn the_rules_reverse_the_ranking_of_p3() {
        let question = question(&["A long one", "No"]);
        // The vector of P3, seen the same in both orders.
        let (long, short) = (vec![-1.2, -0.5, -0.7], vec![-1.5]);
        let forward = Read { asked: vec![long.clone(), short.clone()], null: vec![vec![-3.4], vec![-1.5]] };
        let turned = Read { asked: vec![short, long], null: vec![vec![-1.5], vec![-3.4]] };
        let rules = Rules::new(&question, &[vec![0, 1], vec![1, 0]], &[forward, turned]).unwrap();
        close(rules.sum.p.as_slice(), &[0.289_050, 0.710_950]);
        close(rules.mean.as_slice(), &[0.668_188, 0.331_812]);
        close(rules.pmi.unwrap().as_slice(), &[0.731_059, 0.268_941]);
        close(&[rules.sum.mass], &[(-2.4f64).exp() + (-1.5f64).exp()]);
        assert!(rules.sum.between.unwrap().max < 1e-12);
        assert!(crate::measure::entropy(&rules.sum.p, Base::Two) < 1.0);
    }

    #[test]
    fn texts_without_any_probability_keep_their_shares() {
        let question = question(&["Yes", "No"]);
        let read = Read { asked: vec![vec![-900.0], vec![-901.0]], null: vec![vec![-1.0], vec![f64::NEG_INFINITY]] };
        let rules = Rules::new(&question, &[vec![0, 1]], &[read]).unwrap();
        close(rules.sum.p.as_slice(), &[0.731_059, 0.268_941]);
        assert!(rules.sum.mass == 0.0);
        assert!(rules.pmi.is_err(), "an option that is impossible without a question has no PMI");
    }
}
