//! The probe of the roadmap (M0): the exact distribution behind a few other questions answered at random. They teach how
//! to answer and not what, so that base models answer at all and can be compared with their aligned siblings.

use futures_util::future::try_join_all;
use serde_json::json;

use super::show;
use crate::domain::{Measure, Mode, Obtained, Pane, Question};
use crate::engine::protocol::Prompt;
use crate::measure::{Distribution, PairwiseTv, SplitMix64, equal_weights, pairwise_tv};
use crate::methods::compare::Stage;
use crate::methods::cost::options;
use crate::methods::elicit::{Elicited, MOST_OPTIONS, elicit, many_options_note, scorings};
use crate::methods::pool::pool;
use crate::methods::{Cost, LetteredOption, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// The roadmap's probe.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "random-shots",
        summary: "the exact probability of each option's letter behind 3 other questions answered at random, 5 times; for base models against aligned ones",
        cost: "5 o F",
        paper: "Sorensen et al. 2024 (arXiv 2402.05070), experiments on base and aligned models",
        wordings: &["random-shots"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Questions with answers before the one that is asked.
const SHOTS: usize = 3;
/// How often other questions and letters are drawn.
const REPEATS: usize = 5;
/// Bytes of the marks around a question.
const MARKS: usize = 24;
/// Bytes of a bundled example with its options.
const BUNDLED: usize = 80;
/// Longer ones would fill the context with what is not asked.
const LONGEST: usize = 800;

fn cost(spec: &RunSpec) -> Cost {
    let known = of_pack(spec);
    let shot = if known.len() < SHOTS {
        BUNDLED
    } else {
        let all: usize = known.iter().map(Example::bytes).sum();
        all / known.len()
    };
    Cost::scorings(spec, REPEATS * scorings(&spec.question), MARKS + options(spec) + SHOTS * (MARKS + shot))
}

/// A question to show, without what is asked about it.
#[derive(Debug, Clone, PartialEq)]
struct Example {
    text: String,
    options: Vec<String>,
}

impl Example {
    fn bytes(&self) -> usize {
        self.text.len() + self.options.iter().map(|option| 4 + option.len()).sum::<usize>()
    }
}

/// The other questions of the pack that can be shown: with as many options as there are letters, and no conversation
/// before them.
fn of_pack(spec: &RunSpec) -> Vec<Example> {
    let own = &spec.question;
    let fits = |other: &&Question| {
        let is_same = other.pack == own.pack && other.id == own.id || other.text == own.text;
        !is_same && other.turns.is_empty() && (2..=MOST_OPTIONS).contains(&other.options.len())
    };
    let example = |other: &Question| Example {
        text: other.text.clone(),
        options: other.options.iter().map(|option| option.label.clone()).collect(),
    };
    spec.examples.iter().filter(fits).map(example).filter(|example| example.bytes() <= LONGEST).collect()
}

/// The examples of the wordings: a line with a question, then its options, each behind a dash.
fn of_wordings(text: &str) -> Result<Vec<Example>, MethodError> {
    let mut found: Vec<Example> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match (line.strip_prefix("- "), found.last_mut()) {
            (Some(option), Some(example)) => example.options.push(option.trim().to_owned()),
            _ => found.push(Example { text: line.to_owned(), options: Vec::new() }),
        }
    }
    found.retain(|example| (2..=MOST_OPTIONS).contains(&example.options.len()));
    if found.len() < SHOTS {
        let sentence = format!(
            "the text `examples` of the wordings random-shots.toml has {} questions with options and needs {SHOTS}; add some",
            found.len()
        );
        return Err(MethodError::Text(sentence));
    }
    Ok(found)
}

/// `SHOTS` different examples, each with the place of an option drawn at random.
fn draw<'a>(examples: &'a [Example], seed: u64) -> Vec<(&'a Example, usize)> {
    let mut random = SplitMix64::new(seed);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the count it is drawn from")]
    let mut below = |count: usize| ((random.uniform() * count as f64) as usize).min(count.saturating_sub(1));
    let mut left: Vec<&'a Example> = examples.iter().collect();
    (0..SHOTS.min(left.len()))
        .map(|_| {
            let example = left.swap_remove(below(left.len()));
            (example, below(example.options.len()))
        })
        .collect()
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut blank = pane.begin(&METHOD.facts)?;
    let mut examples = of_pack(pane.spec());
    if examples.len() < SHOTS {
        examples = of_wordings(&pane.text(METHOD.facts.id, "examples", json!({}))?)?;
        blank.add_note(
            "the pack has too few other questions: the examples before the question are those of the wordings",
        );
    }
    let repeats = (0..REPEATS).map(|repeat| {
        let shots = draw(&examples, pane.seed("shots", repeat));
        async move {
            let before = written(pane, &shots)?;
            let prompt = |options: &[LetteredOption]| {
                let asked = pane.text(METHOD.facts.id, "raw", json!({ "options": options }))?;
                Ok(Prompt::Raw { text: format!("{before}{asked}") })
            };
            elicit(pane, &format!("repeat {}", repeat + 1), prompt, |_| {}).await
        }
    });
    let repeats = try_join_all(repeats).await?;
    // Each counts the same.
    let found = pool(&repeats, &equal_weights(repeats.len())?)?;
    let mut result = blank;
    result.mass = Some(found.mass);
    result.orders = Some(found.orders);
    result.obtained = Some(Obtained::Exact);
    result.p_whole = Some(found.whole.as_slice().to_vec());
    result.per_order.clone_from(&found.per_order);
    result.top.clone_from(&found.top);
    result.non_substantive.clone_from(&found.non_substantive);
    for note in [found.note(), many_options_note(&pane.spec().question)].into_iter().flatten() {
        result.add_note(&note);
    }
    show(pane, &mut result, &found.p, None, Stage::Done);
    result.measures.extend(found.order_measures());
    let PairwiseTv { mean, max } = between(&repeats)?;
    result.measures.push(Measure::new("shots.mean_pairwise_tv", mean).n(repeats.len()));
    result.measures.push(Measure::new("shots.max_pairwise_tv", max).n(repeats.len()));
    Ok(result)
}

/// The answered examples as they stand before the question.
fn written(pane: &PaneContext, shots: &[(&Example, usize)]) -> Result<String, MethodError> {
    let mut text = String::new();
    for (example, answer) in shots {
        let options = LetteredOption::all(example.options.iter().map(String::as_str));
        let letter = options.get(*answer).map_or("A", |option| option.letter.as_str()).to_owned();
        let values = json!({ "question": example.text, "options": options, "letter": letter });
        text.push_str(pane.text(METHOD.facts.id, "shot", values)?.trim_end());
        text.push_str("\n\n");
    }
    Ok(text)
}

/// How far other shots change the answer.
fn between(repeats: &[Elicited]) -> Result<PairwiseTv, MethodError> {
    let each: Vec<Distribution> = repeats.iter().map(|found| found.p.clone()).collect();
    Ok(pairwise_tv(&each)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn examples(count: usize) -> Vec<Example> {
        let options = || ["a", "b", "c"].map(str::to_owned).to_vec();
        (0..count).map(|number| Example { text: format!("question {number}"), options: options() }).collect()
    }

    #[test]
    fn shots_are_different_questions_and_their_letters_have_no_stance() {
        let examples = examples(7);
        let (mut letters, mut questions) = ([0usize; 3], std::collections::BTreeSet::new());
        for seed in 0..1000 {
            let shots = draw(&examples, seed);
            let texts: std::collections::BTreeSet<&str> = shots.iter().map(|(shot, _)| shot.text.as_str()).collect();
            assert_eq!(texts.len(), SHOTS);
            questions.extend(texts);
            for (_, letter) in shots {
                letters[letter] += 1;
            }
        }
        assert_eq!(questions.len(), 7);
        // 3000 draws of three letters: five standard deviations are 129.
        assert!(letters.iter().all(|count| count.abs_diff(1000) < 129), "{letters:?}");
        assert_eq!(draw(&examples, 4), draw(&examples, 4));
    }

    #[test]
    fn examples_of_the_wordings_are_read_line_by_line() {
        let text = "One?\n- a\n- b\n\nNo options?\n\nTwo?\n - c \n- d\nThree?\n- e\n- f\n- g\n";
        let found = of_wordings(text).unwrap();
        assert_eq!(found.iter().map(|example| example.text.as_str()).collect::<Vec<_>>(), ["One?", "Two?", "Three?"]);
        assert_eq!((found[1].options.as_slice(), found[2].options.len()), (&["c".to_owned(), "d".to_owned()][..], 3));
        let few = of_wordings("One?\n- a\n- b\n").unwrap_err().to_string();
        assert!(few.contains("has 1 questions with options and needs 3"), "{few}");
    }
}
