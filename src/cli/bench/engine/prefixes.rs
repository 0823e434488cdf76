//! Tokens computed over the least that a perfect prefix tree of the same prompts needs.

use futures_util::future::try_join_all;

use super::bench::Bench;
use super::one_by_one::{PANES, TOKENS_QUICK};
use super::panes;
use crate::cli::bench::report::Report;
use crate::cli::{Failure, Outcome};
use crate::engine::protocol::{Handling, ScoreOptionsRequest};
use crate::engine::scheduler::device::Token;

/// Questions of the grid.
const QUESTIONS: usize = 6;
const QUESTIONS_QUICK: usize = 2;

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    grid(bench, report)?;
    let spec = panes::spec(bench, &PANES, TOKENS_QUICK)?;
    let engine = bench.cold()?;
    let ran = panes::run(bench, &engine, spec, |_, _| false)?;
    let tokens = bench.tokens(ran.prompts())?;
    let computed = ran.timing.computed_prompt_tokens.unwrap_or(0);
    tell(report, "_run", ran.timing.prompt_tokens, computed, &tokens)
}

/// Personas x questions x orders, all at once.
fn grid(bench: &mut Bench, report: &mut Report) -> Outcome {
    let mut requests = Vec::new();
    let questions: Vec<_> =
        bench.questions.iter().take(bench.subject.either(QUESTIONS_QUICK, QUESTIONS)).cloned().collect();
    for question in &questions {
        let options: Vec<&str> = question.options.iter().map(|option| option.label.as_str()).collect();
        let given: Vec<usize> = (0..options.len()).collect();
        let reverse: Vec<usize> = given.iter().rev().copied().collect();
        for persona in &bench.personas {
            for order in [&given, &reverse] {
                let (prompt, labels) = bench.choice(&question.text, persona, &options, order)?;
                requests.push(ScoreOptionsRequest {
                    prompt,
                    labels,
                    echo: false,
                    steering: Vec::new(),
                    adapters: Vec::new(),
                    handling: Handling::default(),
                });
            }
        }
    }
    let tokens = bench.tokens(requests.iter().map(|request| request.prompt.clone()).collect())?;
    let engine = bench.cold()?;
    let answers = requests.into_iter().map(|request| engine.client.score_options(request, |_, _| {}));
    let usages: Vec<_> = bench.wait(try_join_all(answers))?.into_iter().map(|scores| scores.usage).collect();
    let sent = usages.iter().map(|usage| usage.prompt_tokens as u64).sum();
    let computed = usages.iter().map(|usage| usage.computed_prompt_tokens as u64).sum();
    tell(report, "", sent, computed, &tokens)
}

fn tell(report: &mut Report, which: &str, sent: u64, computed: u64, prompts: &[Vec<Token>]) -> Outcome {
    let known: usize = prompts.iter().map(Vec::len).sum();
    if known as u64 != sent {
        return Err(Failure::new(format!(
            "the engine counts {sent} prompt tokens and their texts have {known}; please report this"
        )));
    }
    let least = minimum(prompts);
    report.count(&format!("prompt_tokens_sent{which}"), sent);
    report.count(&format!("prompt_tokens_computed{which}"), computed);
    report.count(&format!("prompt_tokens_reused{which}"), sent.saturating_sub(computed));
    report.count(&format!("prompt_tokens_minimum{which}"), least as u64);
    report.number(&format!("computed_over_minimum{which}"), computed as f64 / least as f64);
    Ok(())
}

/// Nodes of the prefix tree of `prompts`: a perfect scheduler computes each of them once. The last token of a prompt is
/// one of them, and it is computed once for all requests with that very prompt.
fn minimum(prompts: &[Vec<Token>]) -> usize {
    let mut sorted: Vec<&[Token]> = prompts.iter().map(Vec::as_slice).collect();
    sorted.sort_unstable();
    let first = sorted.first().map_or(0, |first| first.len());
    let common = |a: &[Token], b: &[Token]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    first + sorted.windows(2).map(|pair| pair[1].len() - common(pair[0], pair[1])).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn a_shared_beginning_counts_once_and_so_does_a_prompt_sent_twice() {
        let prompts = [vec![1, 2, 3], vec![1, 2, 4, 5], vec![1, 2, 3], vec![1, 2], vec![6]];
        assert_eq!(minimum(&prompts), 6);
        assert_eq!(minimum(&[]), 0);
    }

    proptest! {
        #[test]
        fn the_minimum_is_the_number_of_distinct_beginnings(
            prompts in prop::collection::vec(prop::collection::vec(0..3, 0..6), 0..12)
        ) {
            let beginnings: HashSet<&[Token]> =
                prompts.iter().flat_map(|prompt| (1..=prompt.len()).map(|len| &prompt[..len])).collect();
            prop_assert_eq!(minimum(&prompts), beginnings.len());
        }
    }
}
