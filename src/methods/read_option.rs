//! Which option a free answer names (M28): the letter or the words of one option, and of one only.

use crate::domain::{AnswerOption, Role, SampledVoice};
use crate::measure::{OptionReading, ReplyKind, classify_reply};

/// Reads `text` as one of `options`, as a refusal, or as neither.
pub(super) fn read_option(text: &str, options: &[AnswerOption]) -> SampledVoice {
    let kind = classify_reply(text, OptionReading { asked: true, parsed: false, opener_mass: None }).kind;
    let is_refusal = matches!(kind, ReplyKind::Refusal | ReplyKind::Abstention);
    match by_words(text, options, is_refusal) {
        Some(index) => SampledVoice::Option(index),
        None if is_refusal => SampledVoice::Refusal,
        None => SampledVoice::Invalid,
    }
}

/// Labels with fewer letters than this are words of everyday speech ("no", "some", "a lot"): in the middle of a
/// sentence they mean nothing.
const DISTINCT: usize = 10;
/// Words that may follow a short label at the beginning of an answer: "Yes, because …", "No I do not".
const GOES_ON: [&str; 8] = ["because", "i", "it", "this", "that", "we", "they", "but"];
/// Words that announce an answer: the short label behind them is meant as one.
const ANNOUNCED: [&[&str]; 6] =
    [&["answer", "is"], &["answer"], &["i", "say"], &["i", "choose"], &["i", "would", "say"], &["i", "pick"]];

/// The option whose words stand in the text. Of nested labels ("confident", "very confident") the longest counts; text
/// that names two options names none, unless it begins with one of them. Short labels count only at the beginning,
/// in quotes or emphasis, or where they are announced.
///
/// In a text that reads like a refusal (`is_refusal`) every label counts as short: it mostly names what others think.
fn by_words(text: &str, options: &[AnswerOption], is_refusal: bool) -> Option<usize> {
    let words = words(text);
    let labels: Vec<Vec<String>> = options.iter().map(|option| self::words(&option.label)).collect();
    let mut by_length: Vec<usize> = (0..options.len()).filter(|index| !labels[*index].is_empty()).collect();
    by_length.sort_by_key(|index| std::cmp::Reverse(labels[*index].len()));
    if let Some(first) = by_length.iter().find(|index| begins(text, &words, &labels[**index])) {
        return (!is_list(text, &labels)).then_some(*first);
    }
    let mut is_taken = vec![false; words.len()];
    let mut found = Vec::new();
    for index in by_length {
        let label = &labels[index];
        // "Don't know" and its like are said in the middle of sentences, and mean the same there.
        let is_phrase = options[index].role != Role::Substantive && label.len() > 1;
        let is_distinct = !is_refusal && (is_phrase || label.concat().chars().count() >= DISTINCT);
        let mut names_it = false;
        for at in 0..=words.len().saturating_sub(label.len()) {
            let end = (at + label.len()).min(words.len());
            if words[at..end] == label[..] && !is_taken[at..end].iter().any(|taken| *taken) {
                // A longer label's words are not those of a shorter one, whether they count or not.
                is_taken[at..end].fill(true);
                let counts = is_distinct || is_announced(&words[..at]) || is_marked(text, &options[index].label);
                names_it |= counts && !is_denied(&words[..at]);
            }
        }
        if names_it {
            found.push(index);
        }
    }
    match found[..] {
        [index] => Some(index),
        _ => None,
    }
}

/// Whether the answer opens with the label, and the label is all that it opens with.
fn begins(text: &str, words: &[String], label: &[String]) -> bool {
    if !words.starts_with(label) {
        return false;
    }
    let Some(next) = words.get(label.len()) else { return true };
    if label.concat().chars().count() >= DISTINCT || GOES_ON.contains(&next.as_str()) {
        return true;
    }
    // "No, …" and "No. …", but not "No one …".
    let lower = text.to_lowercase();
    let start = lower.trim_start_matches(|c: char| !c.is_alphanumeric());
    let last = label.last().map_or("", String::as_str);
    let after = start.find(last).map(|at| &start[at + last.len()..]);
    after
        .and_then(|after| after.chars().next())
        .is_some_and(|c| !c.is_alphanumeric() && c != ' ' && c != '\'' && c != '-')
}

/// Whether the answer is the list of options over again, which chooses none of them.
fn is_list(text: &str, labels: &[Vec<String>]) -> bool {
    let opens = |line: &str| labels.iter().any(|label| !label.is_empty() && words(line).starts_with(label));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.filter(|line| opens(line)).count() > 1
}

/// Whether the words before a label take it back: "I do not agree strongly".
fn is_denied(before: &[String]) -> bool {
    const DENIALS: [&str; 8] = ["not", "never", "don't", "doesn't", "cannot", "can't", "isn't", "wouldn't"];
    before.iter().rev().take(2).any(|word| DENIALS.contains(&word.as_str()))
}

fn is_announced(before: &[String]) -> bool {
    ANNOUNCED.iter().any(|words| before.len() >= words.len() && before[before.len() - words.len()..] == **words)
}

/// Whether the label stands in quotes or emphasis.
fn is_marked(text: &str, label: &str) -> bool {
    let (text, label) = (text.to_lowercase(), label.to_lowercase());
    [('"', '"'), ('\u{201c}', '\u{201d}'), ('*', '*'), ('`', '`')]
        .iter()
        .any(|(open, close)| ["", ".", ","].iter().any(|end| text.contains(&format!("{open}{label}{end}{close}"))))
}

/// Lower-case words without punctuation.
fn words(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '\'';
    let plain = text.to_lowercase().replace('\u{2019}', "'");
    plain.split(|c| !is_part(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(text: &str, labels: &[&str]) -> SampledVoice {
        let option = |label: &&str| {
            let role = if *label == "Don't know" { Role::DontKnow } else { Role::Substantive };
            AnswerOption { id: (*label).to_owned(), label: (*label).to_owned(), role, value: None }
        };
        read_option(text, &labels.iter().map(option).collect::<Vec<_>>())
    }

    fn read(text: &str) -> SampledVoice {
        read_as(text, &["Very confident", "Confident", "Not very confident", "Don't know"])
    }

    #[test]
    fn everyday_words_in_the_middle_are_no_answers() {
        let labels = ["Yes", "No", "Some", "A lot"];
        for text in [
            "There is no loyalty left.",
            "For some, it's a blunt figure.",
            "A lot of people disagree.",
            "No one knows.",
        ] {
            assert_eq!(read_as(text, &labels), SampledVoice::Invalid, "{text}");
        }
        for text in
            ["No.", "No, never.", "**No**", "no because it harms", "My answer is no.", "The word \"no\" fits best."]
        {
            assert_eq!(read_as(text, &labels), SampledVoice::Option(1), "{text}");
        }
        assert_eq!(read_as("A lot.", &labels), SampledVoice::Option(3));
        assert_eq!(read_as("I would say yes to that.", &labels), SampledVoice::Option(0));
    }

    #[test]
    fn what_is_denied_listed_or_said_of_others_is_no_answer() {
        let labels = ["Agree strongly", "Disagree strongly", "Other"];
        assert_eq!(read_as("I do not agree strongly with it.", &labels), SampledVoice::Invalid);
        assert_eq!(read_as("- Agree strongly\n- Disagree strongly", &labels), SampledVoice::Invalid);
        assert_eq!(read_as("On the other hand it costs a lot.", &labels), SampledVoice::Invalid);
        let refused = "As an AI language model I have no personal opinion, but many people agree strongly.";
        assert_eq!(read_as(refused, &labels), SampledVoice::Refusal);
        assert_eq!(read_as("I agree strongly.", &labels), SampledVoice::Option(0));
    }

    #[test]
    fn the_words_of_an_option_are_found() {
        assert_eq!(read("Very confident."), SampledVoice::Option(0));
        assert_eq!(read("I am **confident** in it."), SampledVoice::Option(1));
        assert_eq!(read("I don\u{2019}t know, really."), SampledVoice::Option(3));
    }

    #[test]
    fn the_longest_of_nested_labels_counts() {
        assert_eq!(read("I am not very confident that it is safe."), SampledVoice::Option(2));
        assert_eq!(read("I would say very confident."), SampledVoice::Option(0));
    }

    #[test]
    fn two_options_are_none_unless_one_comes_first() {
        assert_eq!(read("Some are very confident and others not very confident."), SampledVoice::Invalid);
        assert_eq!(read("Confident, though others are not very confident."), SampledVoice::Option(1));
    }

    #[test]
    fn refusals_and_nonsense_are_told_apart() {
        assert_eq!(read("As an AI language model, I do not have personal opinions."), SampledVoice::Refusal);
        assert_eq!(read("The paper is white and long."), SampledVoice::Invalid);
        assert_eq!(read(""), SampledVoice::Invalid);
    }
}
