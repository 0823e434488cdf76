//! The sequence (M21, Seq): the model writes down the answers of thirty people, a letter each, and they are counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;
use serde_json::json;

use super::{person, person_bytes, show, show_nothing, show_whole, too_many_letters};
use crate::domain::{Measure, Mode, Obtained, OrderShown, Pane, Question, Role};
use crate::measure::{Distribution, equal_weights, generalised_js_2, pairwise_tv};
use crate::methods::compare::Stage;
use crate::methods::cost::options;
use crate::methods::elicit::{MOST_OPTIONS, many_options_note, orders};
use crate::methods::pane::VoiceRequest;
use crate::methods::{Cost, LetteredOption, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// People whose answers one sequence holds.
const PEOPLE: usize = 30;
/// Their letters, and a space after each but the last.
const TOKENS: usize = 2 * PEOPLE;

/// The sequence.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "sequence",
        summary: "the model writes down the answers of thirty people, a letter each, in every option order",
        cost: "o G, more where more than 30 x o samples are asked for",
        paper: "Seq of Meister et al. 2025 (arXiv 2411.05403)",
        wordings: &["sequence"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instruction.
const INSTRUCTION: usize = 175;

/// Sequences in each order: enough for the samples asked for, and the same for all, so that none is favoured.
fn rounds(spec: &RunSpec, orders: usize) -> usize {
    spec.samples.div_ceil(PEOPLE * orders.max(1)).max(1)
}

fn cost(spec: &RunSpec) -> Cost {
    if spec.question.options.len() > MOST_OPTIONS {
        return Cost::default();
    }
    let orders = orders(&spec.question).len();
    let bytes = INSTRUCTION + options(spec) + person_bytes(spec);
    Cost::generations(spec, orders * rounds(spec, orders), bytes, TOKENS)
}

/// Letters with spaces between them, as many as there are people.
fn grammar(letters: &[LetteredOption]) -> String {
    let last = letters.last().map_or("A", |option| option.letter.as_str());
    format!("root ::= [A-{last}] (\" \" [A-{last}]){{{}}}\n", PEOPLE - 1)
}

/// The options that the letters stand for, as indices into `order`; what is cut short counts as far as it goes.
fn read(text: &str, order: &[usize]) -> Vec<usize> {
    let option = |word: &str| match word.as_bytes() {
        [letter @ b'A'..=b'Z'] => order.get(usize::from(letter - b'A')).copied(),
        _ => None,
    };
    text.split_whitespace().map_while(option).collect()
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let blank = pane.begin(&METHOD.facts)?;
    let question = &pane.spec().question;
    if let Some(error) = too_many_letters(question) {
        return Err(error);
    }
    let orders = orders(question);
    let prompts = orders.iter().map(|order| {
        let person = person(pane).unwrap_or_default();
        let values = json!({ "options": pane.lettered(order), "number": PEOPLE, "person": person });
        Ok(pane.chat(pane.text(METHOD.facts.id, "choice", values)?, None))
    });
    let prompts = prompts.collect::<Result<Vec<_>, MethodError>>()?;
    let known: Mutex<BTreeMap<usize, Sequence>> = Mutex::default();
    let (known, blank, orders) = (&known, &blank, &orders);
    let sequences = (0..prompts.len() * rounds(pane.spec(), prompts.len())).map(|number| {
        let order = number % prompts.len();
        let request = VoiceRequest {
            part: "sequence",
            number,
            persona: None,
            prompt: prompts[order].clone(),
            grammar: Some(grammar(&pane.lettered(&orders[order]))),
            max_tokens: TOKENS,
            temperature: 1.0,
            top_p: 1.0,
        };
        async move {
            let voice = pane.voice(request).await?;
            pane.voice_done(&voice);
            let named = read(&voice.text, &orders[order]);
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(number, Sequence { order, named });
            pane.so_far(picture(pane, blank, orders, &known, Stage::SoFar));
            Ok::<_, MethodError>(voice)
        }
    });
    let voices = try_join_all(sequences).await?;
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Pane { voices, ..picture(pane, blank, orders, &known, Stage::Done) })
}

/// One sequence as it was read.
struct Sequence {
    order: usize,
    /// Options of the question, one a person.
    named: Vec<usize>,
}

fn counts<'a>(question: &Question, sequences: impl Iterator<Item = &'a Sequence>) -> Vec<u64> {
    let mut counts = vec![0; question.options.len()];
    for option in sequences.flat_map(|sequence| &sequence.named) {
        counts[*option] += 1;
    }
    counts
}

fn picture(
    pane: &PaneContext,
    blank: &Pane,
    orders: &[Vec<usize>],
    known: &BTreeMap<usize, Sequence>,
    stage: Stage,
) -> Pane {
    let mut result = blank.clone();
    let question = &pane.spec().question;
    let substantive = question.substantive();
    let only = |counts: &[u64]| -> Vec<u64> { substantive.iter().map(|index| counts[*index]).collect() };
    let all = counts(question, known.values());
    let (people, wanted) = (known.values().map(|sequence| sequence.named.len()).sum::<usize>(), PEOPLE * known.len());
    result.samples = Some(people).filter(|people| *people > 0);
    result.mass = Some(people as f64 / wanted.max(1) as f64);
    result.obtained = Some(Obtained::Sampled);
    result.p_whole = Distribution::from_counts(&all).ok().map(|whole| whole.as_slice().to_vec());
    let among = |option: &usize| substantive.iter().position(|kept| kept == option);
    result.draws = known.values().flat_map(|sequence| &sequence.named).map(among).collect();
    for (option, count) in question.options.iter().zip(&all).filter(|(option, _)| option.role != Role::Substantive) {
        *result.non_substantive.entry(option.role.id().to_owned()).or_default() += *count as f64 / people.max(1) as f64;
    }
    let of_order: Vec<(&Vec<usize>, Vec<u64>)> = orders
        .iter()
        .enumerate()
        .map(|(number, order)| (order, counts(question, known.values().filter(|found| found.order == number))))
        .collect();
    let of_order: Vec<(&Vec<usize>, Distribution, u64)> = of_order
        .into_iter()
        .filter_map(|(order, counts)| {
            Some((order, Distribution::from_counts(&only(&counts)).ok()?, counts.iter().sum()))
        })
        .collect();
    result.orders = Some(of_order.len()).filter(|orders| *orders > 0);
    if people < wanted {
        result
            .add_note(&format!("{people} of {wanted} answers were written: more tokens (--max-tokens) give them room"));
    }
    if let Some(person) = person(pane) {
        result.add_note(&format!("it was asked for people of whom each is {person}"));
    }
    result
        .add_note("letters of one sequence follow each other: intervals that take them for independent are too narrow");
    for note in [many_options_note(question), one_letter(known)].into_iter().flatten() {
        result.add_note(&note);
    }
    let valid = only(&all);
    let Ok(p) = Distribution::from_counts(&valid) else {
        show_nothing(pane, &mut result, "no letter of an opinion was written");
        return result;
    };
    show(pane, &mut result, &p, Some(valid.iter().sum()), stage);
    show_whole(pane, &mut result, Some(people as u64), stage);
    result.measures.extend(order_measures(&of_order.iter().map(|(_, p, _)| p.clone()).collect::<Vec<_>>()));
    if of_order.len() > 1 {
        let rounds = known.len() as f64 / orders.len() as f64;
        result.per_order = of_order
            .into_iter()
            .map(|(order, p, people)| OrderShown {
                order: order.iter().map(|index| question.options[*index].id.clone()).collect(),
                p: p.into_vec(),
                mass: (people as f64 / (PEOPLE as f64 * rounds.max(1.0))).min(1.0),
            })
            .collect();
    }
    result
}

/// Says so where every sequence is one letter over and over.
fn one_letter(known: &BTreeMap<usize, Sequence>) -> Option<String> {
    let is_stuck =
        |sequence: &Sequence| sequence.named.len() > 1 && sequence.named.windows(2).all(|pair| pair[0] == pair[1]);
    let stuck = known.values().filter(|sequence| is_stuck(sequence)).count();
    (stuck > 0).then(|| format!("{stuck} of {} sequences are one letter over and over", known.len()))
}

fn order_measures(per_order: &[Distribution]) -> Vec<Measure> {
    let found = pairwise_tv(per_order)
        .and_then(|between| Ok((between, generalised_js_2(per_order, &equal_weights(per_order.len())?)?)));
    match found {
        Ok((between, js)) => vec![
            Measure::new("orders.mean_pairwise_tv", between.mean).n(per_order.len()),
            Measure::new("orders.max_pairwise_tv", between.max).n(per_order.len()),
            Measure::new("orders.generalised_js_2", js).n(per_order.len()),
        ],
        Err(_) => vec![Measure::absent("orders.mean_pairwise_tv", "the options were shown in one order only")],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn letters_are_counted_as_in_the_vector_of_m21() {
        let named = read("A A B A C B A A C A", &[0, 1, 2]);
        assert_eq!(named.len(), 10);
        let mut counts = [0; 3];
        for option in &named {
            counts[*option] += 1;
        }
        assert_eq!(Distribution::from_counts(&counts).unwrap().as_slice(), [0.6, 0.2, 0.2]);
    }

    #[test]
    fn letters_follow_the_order_and_end_where_something_else_stands() {
        assert_eq!(read("A B A", &[2, 0]), [2, 0, 2]);
        assert_eq!(read("A B C", &[2, 0]), [2, 0], "there is no option C");
        assert_eq!(read("", &[0, 1]), [0usize; 0]);
        let letters = LetteredOption::all(["x", "y", "z"]);
        assert_eq!(grammar(&letters), "root ::= [A-C] (\" \" [A-C]){29}\n");
    }

    #[test]
    fn a_letter_over_and_over_is_told() {
        let stuck = Sequence { order: 0, named: vec![1; 30] };
        let moving = Sequence { order: 1, named: vec![1, 0, 1] };
        let known = BTreeMap::from([(0, stuck), (1, moving)]);
        assert_eq!(one_letter(&known).unwrap(), "1 of 2 sequences are one letter over and over");
    }
}
