//! Few-shot conditioning (M21): how a population answered the most similar other questions of the pack is shown in percent,
//! then the model states percentages for the question itself.

use serde::Serialize;
use serde_json::json;

use super::stated::{SAMPLES, Stated, pane_of, tokens};
use super::{show, too_many_letters};
use crate::domain::{Mode, Pane, Question, Reference};
use crate::measure::Distribution;
use crate::methods::compare::{self, Stage};
use crate::methods::cost::options;
use crate::methods::elicit::{many_options_note, orders, scorings};
use crate::methods::others::{Other, others};
use crate::methods::{Cost, LetteredOption, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// Few-shot conditioning.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "few-shot",
        summary: "the model states percentages behind the population's own for the 5 most similar other questions of the pack: five samples in each option order",
        cost: "5 x o G",
        paper: "few-shot conditioning of Meister et al. 2025 (arXiv 2411.05403), with similarity by words",
        wordings: &["few-shot"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Other questions that are shown, at most.
const SHOTS: usize = 5;
/// Bytes of a question with its options above which it is not shown: it would fill the context with what is not asked.
const LONGEST: usize = 1200;
/// Bytes of the instruction, and what goes with an option of an example beside its label.
const INSTRUCTION: usize = 330;
const SHARE: usize = 10;

fn cost(spec: &RunSpec) -> Cost {
    let Ok(shots) = Shots::of(spec) else { return Cost::default() };
    let bytes = INSTRUCTION + options(spec) + shots.others.iter().map(|other| bytes(other.question)).sum::<usize>();
    Cost::generations(spec, SAMPLES * scorings(&spec.question), bytes, tokens(&spec.question))
}

fn bytes(question: &Question) -> usize {
    question.text.len() + question.options.iter().map(|option| SHARE + option.label.len()).sum::<usize>()
}

/// What is shown, and whose figures they are.
struct Shots<'a> {
    /// The population's figures of the question that is asked.
    reference: &'a Reference,
    /// The least similar first, so that the most similar stands nearest to the question.
    others: Vec<Other<'a>>,
}

impl<'a> Shots<'a> {
    /// Those of the first population asked for that people stand behind. Fails, with the sentence to show, where there is
    /// nothing to show.
    fn of(spec: &'a RunSpec) -> Result<Self, String> {
        let (references, unknown) = compare::references_of(spec);
        let Some(reference) = references.into_iter().find(|reference| reference.basis.is_human()) else {
            return Err(match unknown.first() {
                Some(first) => format!("the question has no figures of `{first}`, so there are no answers of theirs to show"),
                None => "the question has figures of no people, so there is nobody whose answers to other questions could be shown".to_owned(),
            });
        };
        let mut others = others(spec, &reference.population);
        others.retain(|other| bytes(other.question) <= LONGEST);
        others.truncate(SHOTS);
        others.reverse();
        if others.is_empty() {
            return Err(format!(
                "the pack has figures of `{}` for no other question, so there is no example to show",
                reference.population
            ));
        }
        Ok(Self { reference, others })
    }

    /// Which questions they are and how similar.
    fn note(&self) -> String {
        let shown = self.others.iter().rev();
        let shown: Vec<String> =
            shown.map(|other| format!("{} ({:.2})", other.question.id, other.similarity)).collect();
        format!(
            "shown with the figures of `{}`, by similarity of words: {}",
            self.reference.population,
            shown.join(", ")
        )
    }
}

/// A line of an example.
#[derive(Debug, Serialize)]
struct Share {
    letter: String,
    percent: u32,
}

/// Shares in whole percent that sum to 100: rounded down, and what is left over goes to those that lost most, the first
/// of equals.
fn percents(shares: &Distribution) -> Vec<u32> {
    let exact: Vec<f64> = shares.as_slice().iter().map(|share| share * 100.0).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 100")]
    let mut whole: Vec<u32> = exact.iter().map(|share| share.floor() as u32).collect();
    let mut places: Vec<usize> = (0..exact.len()).collect();
    places.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let left = 100u32.saturating_sub(whole.iter().sum());
    for place in places.into_iter().take(left as usize) {
        whole[place] += 1;
    }
    whole
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut blank = pane.begin(&METHOD.facts)?;
    let question = &pane.spec().question;
    let shots = match Shots::of(pane.spec()) {
        Ok(shots) => shots,
        Err(why) => return Ok(Pane::skipped(METHOD.facts.mode, METHOD.facts.id, why)),
    };
    if let Some(error) = too_many_letters(question) {
        return Err(error);
    }
    blank.add_note(&shots.note());
    let population = question.population(&shots.reference.population);
    let person = population.and_then(|population| population.prompt.as_deref()).unwrap_or_default();
    let group = population.map_or(shots.reference.population.as_str(), |population| population.label.as_str());
    let written = written(pane, &shots)?;
    let orders = orders(question);
    let prompts = orders.iter().map(|order| {
        let values = json!({
            "options": pane.lettered(order), "shots": written.trim_end(), "person": person, "group": group,
        });
        Ok(pane.chat(pane.text(METHOD.facts.id, "choice", values)?, None))
    });
    let prompts = prompts.collect::<Result<Vec<_>, MethodError>>()?;
    pane_of(pane, &blank, &orders, &prompts, |stated, stage| picture(pane, &blank, stated, stage)).await
}

/// The examples as they stand before the question.
fn written(pane: &PaneContext, shots: &Shots<'_>) -> Result<String, MethodError> {
    let mut text = String::new();
    for Other { question, reference, .. } in &shots.others {
        let options = LetteredOption::all(question.options.iter().map(|option| option.label.as_str()));
        let shares = options.iter().zip(percents(&Distribution::new(&reference.shares)?));
        let shares: Vec<Share> =
            shares.map(|(option, percent)| Share { letter: option.letter.clone(), percent }).collect();
        let values = json!({ "question": question.text, "options": options, "shares": shares });
        text.push_str(pane.text(METHOD.facts.id, "shot", values)?.trim());
        text.push_str("\n\n");
    }
    Ok(text)
}

fn picture(pane: &PaneContext, blank: &Pane, stated: &Stated, stage: Stage) -> Pane {
    let mut result = blank.clone();
    stated.describe(&mut result);
    if let Some(note) = many_options_note(&pane.spec().question) {
        result.add_note(&note);
    }
    show(pane, &mut result, &stated.p, None, stage);
    result.measures.extend(stated.measures());
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentages_are_whole_and_the_largest_rest_rounds_up() {
        let of = |shares: &[f64]| percents(&Distribution::new(shares).unwrap());
        assert_eq!(of(&[0.31772, 0.451_098, 0.144_673, 0.081_207, 0.005_302]), [32, 45, 14, 8, 1]);
        assert_eq!(of(&[1.0, 1.0, 1.0]), [34, 33, 33]);
        assert_eq!(of(&[1.0, 0.0]), [100, 0]);
    }

    proptest! {
        #[test]
        fn percentages_sum_to_a_hundred_and_are_off_by_less_than_one(shares in prop::collection::vec(0.001..1.0f64, 2..9)) {
            let shares = Distribution::new(&shares).unwrap();
            let found = percents(&shares);
            prop_assert_eq!(found.iter().sum::<u32>(), 100);
            for (percent, share) in found.iter().zip(shares.as_slice()) {
                prop_assert!((f64::from(*percent) - share * 100.0).abs() < 1.0);
            }
        }
    }
}
