//! What the scripted engine says: a pure function of the text before it.

use sha2::{Digest, Sha256};

use super::told;

/// How much more the first option shown is liked, in nats, where `bias@` says nothing else: a planted order bias that
/// averaging over orders must remove.
pub const FIRST_SLOT_BIAS: f64 = 0.4;
/// The probability that the next token after an answer cue is any label at all.
pub const LABEL_MASS: f64 = 0.92;

/// Sentences to choose from. They claim nothing about any question.
const SENTENCES: [&str; 12] = [
    "This is a scripted answer, written before the question was asked.",
    "Some people say yes, because they weigh freedom first.",
    "Others say no, because they weigh safety first.",
    "Many look for a middle way and ask what it would cost.",
    "Those who live with the outcome often see it in another light.",
    "A few hold that the question itself is put the wrong way.",
    "Both sides want what is good for those they care about.",
    "What is fair to one generation may be unfair to the next.",
    "Custom and faith speak for one answer, and change for the other.",
    "Experience differs from place to place, and so do views.",
    "The evidence leaves room for more than one reading.",
    "Where all agree is that people should be heard.",
];
/// Sentences of one free answer.
const LENGTH: usize = 4;

/// A possible way to go on, and its probability.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Next {
    /// The text to go on with, whole up to the next choice; `None` ends the answer.
    pub(super) text: Option<String>,
    pub(super) p: f64,
}

/// All ways to go on after `prompt` and the beginning `answer` of the answer to it. The first option of a list is liked more
/// than its words say, by `bias` nats.
pub(super) fn next(prompt: &str, answer: &str, bias: f64) -> Vec<Next> {
    let options = options(prompt);
    let cue = answer.trim_end();
    if !options.is_empty() && (cue.ends_with('(') || cue.ends_with("nswer:") || prompt.trim_end().ends_with("nswer:")) {
        return labels(prompt, &options, bias);
    }
    let told = told::quoted(prompt, answer, &dashed(prompt), bias);
    if let Some(ways) = told.or_else(|| told::many(prompt, answer, &options, bias)) {
        return ways;
    }
    let mut rest = answer.trim_start();
    for place in 0..=LENGTH {
        let ways = sentences(prompt, &options, place);
        // The way that was taken here, if it was finished.
        let taken = ways.iter().filter_map(|way| way.text.as_deref()).find(|way| rest.starts_with(*way));
        match taken {
            Some(way) => rest = &rest[way.len()..],
            None => {
                return ways
                    .into_iter()
                    .filter(|way| way.text.as_deref().is_none_or(|text| text.starts_with(rest)))
                    .map(|way| Next { text: way.text.map(|text| text[rest.len()..].to_owned()), p: way.p })
                    .collect();
            }
        }
    }
    vec![Next { text: None, p: 1.0 }]
}

/// A line such as `A. Strongly agree` or `(B) No`: its letter and its words.
fn option_line(line: &str) -> Option<(char, &str)> {
    let line = line.trim();
    let mut chars = line.strip_prefix('(').unwrap_or(line).chars();
    let (letter, mark, space) = (chars.next()?, chars.next()?, chars.next()?);
    let is_option = letter.is_ascii_uppercase() && matches!(mark, '.' | ')' | ':') && space == ' ';
    is_option.then(|| (letter, chars.as_str().trim()))
}

/// The options of the last list of the prompt.
fn options(prompt: &str) -> Vec<(char, String)> {
    let mut found: Vec<(char, String)> = Vec::new();
    for (letter, label) in prompt.lines().filter_map(option_line) {
        if letter == 'A' {
            found.clear();
        }
        if letter == char::from(b'A' + u8::try_from(found.len()).unwrap_or(0)) {
            found.push((letter, label.to_owned()));
        }
    }
    found
}

/// The options of a list with dashes, from which an answer in words is asked for.
fn dashed(prompt: &str) -> Vec<&str> {
    prompt.lines().filter_map(dashed_line).collect()
}

fn dashed_line(line: &str) -> Option<&str> {
    line.trim().strip_prefix("- ").map(str::trim).filter(|label| !label.is_empty())
}

/// What stands in the place of a question that asks nothing.
const NO_QUESTION: [&str; 2] = ["N/A", "[MASK]"];

/// Whether nothing is asked, so that no option can be liked for its words.
fn asks_nothing(prompt: &str) -> bool {
    let prompt = prompt.strip_prefix('\n').unwrap_or(prompt);
    let first = prompt.lines().next().unwrap_or_default().trim();
    !prompt.is_empty() && (first.is_empty() || NO_QUESTION.contains(&first))
}

/// How much the reader of `prompt` likes an option, whatever its place: a number in [-1, 1].
fn liking(prompt: &str, label: &str) -> f64 {
    if asks_nothing(prompt) {
        return 0.0;
    }
    // The list is left out: its order must not change what is liked.
    let stem: Vec<&str> =
        prompt.lines().filter(|line| option_line(line).is_none() && dashed_line(line).is_none()).collect();
    unit(&[&stem.join("\n"), label]).mul_add(2.0, -1.0)
}

/// Each option's share of those who name one.
pub(super) fn shares(prompt: &str, labels: &[&str], bias: f64) -> Vec<f64> {
    let pull = |slot: usize| if slot == 0 { bias } else { 0.0 };
    let scores: Vec<f64> =
        labels.iter().enumerate().map(|(slot, label)| (liking(prompt, label) + pull(slot)).exp()).collect();
    let total: f64 = scores.iter().sum();
    scores.into_iter().map(|score| score / total).collect()
}

fn labels(prompt: &str, options: &[(char, String)], bias: f64) -> Vec<Next> {
    let shares = shares(prompt, &options.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(), bias);
    let mut ways: Vec<Next> = options
        .iter()
        .zip(shares)
        .map(|((letter, _), share)| Next { text: Some(letter.to_string()), p: LABEL_MASS * share })
        .collect();
    ways.push(Next { text: Some("The".to_owned()), p: 1.0 - LABEL_MASS });
    ways
}

fn sentences(prompt: &str, options: &[(char, String)], place: usize) -> Vec<Next> {
    if place >= LENGTH {
        return vec![Next { text: None, p: 1.0 }];
    }
    let choices: Vec<(&str, String)> = if options.is_empty() {
        dashed(prompt).into_iter().map(|label| (label, format!("{label}. "))).collect()
    } else {
        options.iter().map(|(letter, label)| (label.as_str(), format!("{letter}. {label} "))).collect()
    };
    if place == 0 && !choices.is_empty() {
        let scores: Vec<f64> = choices.iter().map(|(label, _)| liking(prompt, label).exp()).collect();
        let total: f64 = scores.iter().sum();
        return choices
            .into_iter()
            .zip(scores)
            .map(|((_, text), score)| Next { text: Some(text), p: score / total })
            .collect();
    }
    let first = (unit(&[prompt, &place.to_string()]) * SENTENCES.len() as f64).floor();
    [(0, 0.5), (4, 0.3), (7, 0.2)]
        .into_iter()
        .map(|(step, p)| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a floor below 12")]
            let index = (first as usize + step) % SENTENCES.len();
            Next { text: Some(format!("{} ", SENTENCES[index])), p }
        })
        .collect()
}

/// A number in [0, 1) that depends on the parts alone.
pub(super) fn unit(parts: &[&str]) -> f64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &str = "Is it so?\nA. Yes\nB. No\nC. Perhaps\nAnswer with the letter only.";

    #[test]
    fn options_are_read_from_the_last_list() {
        let found = options("A. old\nB. old\n\nA. Yes\nB. No\nBecause.");
        assert_eq!(found, [('A', "Yes".to_owned()), ('B', "No".to_owned())]);
    }

    #[test]
    fn an_answer_in_words_begins_with_one_of_the_dashed_options() {
        let ways = next("Is it so?\n- Yes\n- No\nReply with one sentence.", "", FIRST_SLOT_BIAS);
        let texts: Vec<_> = ways.iter().filter_map(|way| way.text.as_deref()).collect();
        assert_eq!(texts, ["Yes. ", "No. "]);
        assert!((ways.iter().map(|way| way.p).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn liking_does_not_depend_on_the_order() {
        let turned = "Is it so?\nA. No\nB. Perhaps\nC. Yes\nAnswer with the letter only.";
        for label in ["Yes", "No", "Perhaps"] {
            assert!((liking(QUESTION, label) - liking(turned, label)).abs() < 1e-15, "{label}");
        }
    }

    #[test]
    fn labels_add_up_to_their_mass_and_lean_to_the_first() {
        let ways = next(QUESTION, "Answer: (", FIRST_SLOT_BIAS);
        let mass: f64 = ways.iter().take(3).map(|way| way.p).sum();
        assert!((mass - LABEL_MASS).abs() < 1e-12);
        let odds = (ways[0].p / ways[1].p).ln();
        let liked = liking(QUESTION, "Yes") - liking(QUESTION, "No");
        assert!((odds - liked - FIRST_SLOT_BIAS).abs() < 1e-12);
    }

    #[test]
    fn what_asks_nothing_leaves_the_bias_alone() {
        for nothing in ["N/A", "[MASK]", ""] {
            let shares = shares(&format!("\n{nothing}\n\nA. Yes\nB. No\nAnswer."), &["Yes", "No"], 0.7);
            assert!(((shares[0] / shares[1]).ln() - 0.7).abs() < 1e-12, "{nothing:?}");
        }
        assert!(!asks_nothing(QUESTION) && !asks_nothing(""));
    }

    #[test]
    fn an_answer_goes_on_where_it_stands_and_ends() {
        let mut answer = String::new();
        for _ in 0..=LENGTH {
            let ways = next("Why?", &answer, 0.0);
            let total: f64 = ways.iter().map(|way| way.p).sum();
            assert!((total - 1.0).abs() < 1e-12, "{answer:?}");
            let Some(text) = &ways[0].text else { return };
            answer.push_str(text);
            assert!(next("Why?", &answer[..answer.len() - 4], 0.0).iter().any(|way| way.text.is_some()));
        }
        assert_eq!(next("Why?", &answer, 0.0)[0].text, None);
    }
}
