//! Exact probabilities of options: whole texts behind a warm prefix, and letters in all orders.

use std::time::Instant;

use futures_util::future::try_join_all;

use super::bench::{Bench, chat};
use crate::cli::bench::report::{Report, median};
use crate::cli::{Failure, Outcome};
use crate::engine::protocol::{Handling, ScoreContinuationsRequest, ScoreOptionsRequest};
use crate::engine::scheduler::device::Token;

const OPTIONS: usize = 5;
const LENGTH: usize = 6;
/// Of these the first so many tokens are taken, where that is a whole number of words.
const ANSWERS: [&str; 10] = [
    " I would rather leave things as they are for now",
    " The city should build many more homes on it",
    " We need a large park for all the children",
    " People who live there must be asked before anything",
    " Let the owner of the land do what he likes",
    " Nothing at all should be done until next year",
    " Both of them can have a part of the field",
    " It is not a question for the state to answer",
    " They could sell it and use the money for schools",
    " Some of it should be kept for farms and food",
];
/// Four options, in all orders.
const FOUR: [&str; 4] = ["Build homes", "Make a park", "Keep the farm", "Sell the land"];
const QUESTION: &str = "What should a city do with its last free field?";
const ROUNDS: usize = 15;
const ROUNDS_QUICK: usize = 5;
const ORDER_ROUNDS: usize = 3;

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    continuations(bench, report)?;
    orders(bench, report)
}

fn continuations(bench: &mut Bench, report: &mut Report) -> Outcome {
    let prompt = chat(QUESTION.to_owned(), None);
    let tokens = bench.tokens(vec![prompt.clone()])?.remove(0);
    let Some((last, known)) = tokens.split_last() else { return Err(Failure::new("the prompt has no tokens")) };
    let texts = texts(bench)?;
    // What the last token of an option predicts was not asked for.
    let after = |tokens: &Vec<Token>| [&[*last], &tokens[..LENGTH - 1]].concat();
    let rows: Vec<Vec<Token>> = texts.iter().map(|(_, tokens)| after(tokens)).collect();
    let request = ScoreContinuationsRequest {
        prompt,
        continuations: texts.into_iter().map(|(text, _)| text).collect(),
        echo: false,
        steering: Vec::new(),
        adapters: Vec::new(),
        handling: Handling::default(),
    };
    let engine = bench.engine()?;
    let (mut times, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=bench.subject.either(ROUNDS_QUICK, ROUNDS) {
        let began = Instant::now();
        let scores = bench.wait(engine.client.score_continuations(request.clone(), |_, _| {}))?;
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        if scores.logprobs.iter().any(|scores| scores.len() != LENGTH) {
            return Err(Failure::new("an option has another length in the engine than in the floor"));
        }
        let floor = bench.floor()?.tree(known, rows.clone(), true)?.seconds * 1000.0;
        // The first one makes the prefix warm.
        if round > 0 {
            times.push(ms);
            floors.push(floor);
            ratios.push(ms / floor);
        }
    }
    for (field, values) in [
        ("score_continuations_ms", times),
        ("score_continuations_floor_ms", floors),
        ("score_continuations_over_floor", ratios),
    ] {
        report.number(field, median(&values).unwrap_or(f64::NAN));
    }
    Ok(())
}

/// Answers cut to the same number of tokens.
fn texts(bench: &mut Bench) -> Result<Vec<(String, Vec<Token>)>, Failure> {
    let ends = |answer: &str| {
        let spaces: Vec<usize> = answer.match_indices(' ').map(|(at, _)| at).skip(1).collect();
        spaces.into_iter().map(|end| answer[..end].to_owned()).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for answer in ANSWERS {
        let texts = ends(answer);
        let lists = bench.floor()?.continuations(texts.clone())?;
        found.extend(texts.into_iter().zip(lists).find(|(_, tokens)| tokens.len() == LENGTH));
    }
    found.truncate(OPTIONS);
    if found.len() < OPTIONS {
        return Err(Failure::new(format!(
            "fewer than {OPTIONS} texts have {LENGTH} tokens in this model; measure with another one"
        )));
    }
    Ok(found)
}

fn orders(bench: &mut Bench, report: &mut Report) -> Outcome {
    let persona = bench.personas.first().cloned().ok_or_else(|| Failure::new("there is no persona"))?;
    let requests: Result<Vec<_>, Failure> = permutations(FOUR.len())
        .iter()
        .map(|order| {
            let (prompt, labels) = bench.choice(QUESTION, &persona, &FOUR, order)?;
            Ok(ScoreOptionsRequest {
                prompt,
                labels,
                echo: false,
                steering: Vec::new(),
                adapters: Vec::new(),
                handling: Handling::default(),
            })
        })
        .collect();
    let requests = requests?;
    let texts = bench.tokens(requests.iter().map(|request| request.prompt.clone()).collect())?;
    let (mut times, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..bench.subject.either(1, ORDER_ROUNDS) {
        let engine = bench.cold()?;
        let began = Instant::now();
        let answers = requests.iter().map(|request| engine.client.score_options(request.clone(), |_, _| {}));
        bench.wait(try_join_all(answers))?;
        let seconds = began.elapsed().as_secs_f64();
        times.push(seconds);
        ratios.push(seconds / bench.floor()?.tree(&[], texts.clone(), false)?.seconds);
    }
    report.number("score_24_orders_s", median(&times).unwrap_or(f64::NAN));
    report.number("score_24_orders_over_floor", median(&ratios).unwrap_or(f64::NAN));
    Ok(())
}

/// All orders of so many things.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![Vec::new()], |orders, next| {
        let put = |order: &Vec<usize>, at: usize| [&order[..at], &[next], &order[at..]].concat();
        orders.iter().flat_map(|order| (0..=order.len()).map(move |at| put(order, at))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_things_have_24_orders() {
        let mut orders = permutations(4);
        orders.sort();
        orders.dedup();
        assert_eq!((orders.len(), &orders[0], &orders[23]), (24, &vec![0, 1, 2, 3], &vec![3, 2, 1, 0]));
    }
}
