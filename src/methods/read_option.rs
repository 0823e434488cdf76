//! Which option a free answer names (M28): the letter or the words of one option, and of one only.

use crate::domain::{AnswerOption, SampledVoice};
use crate::measure::{OptionReading, ReplyKind, classify_reply};

/// Reads `text` as one of `options`, as a refusal, or as neither.
pub(super) fn read_option(text: &str, options: &[AnswerOption]) -> SampledVoice {
    let found = by_words(text, options);
    if let Some(index) = found {
        return SampledVoice::Option(index);
    }
    match classify_reply(text, OptionReading { asked: true, parsed: false, opener_mass: None }).kind {
        ReplyKind::Refusal | ReplyKind::Abstention => SampledVoice::Refusal,
        ReplyKind::Answer | ReplyKind::Invalid => SampledVoice::Invalid,
    }
}

/// The option whose words stand in the text. Of nested labels ("confident", "very confident") the longest counts; text
/// that names two options names none, unless it begins with one of them.
fn by_words(text: &str, options: &[AnswerOption]) -> Option<usize> {
    let words = words(text);
    let labels: Vec<Vec<String>> = options.iter().map(|option| self::words(&option.label)).collect();
    let mut by_length: Vec<usize> = (0..options.len()).filter(|index| !labels[*index].is_empty()).collect();
    by_length.sort_by_key(|index| std::cmp::Reverse(labels[*index].len()));
    if let Some(first) = by_length.iter().find(|index| words.starts_with(&labels[**index])) {
        return Some(*first);
    }
    let mut is_taken = vec![false; words.len()];
    let mut found = Vec::new();
    for index in by_length {
        let label = &labels[index];
        let mut names_it = false;
        for at in 0..=words.len().saturating_sub(label.len()) {
            let end = (at + label.len()).min(words.len());
            if words[at..end] == label[..] && !is_taken[at..end].iter().any(|taken| *taken) {
                is_taken[at..end].fill(true);
                names_it = true;
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

/// Lower-case words without punctuation.
fn words(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '\'';
    let plain = text.to_lowercase().replace('\u{2019}', "'");
    plain.split(|c| !is_part(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Role;

    fn read(text: &str) -> SampledVoice {
        let option = |label: &str| AnswerOption {
            id: label.to_owned(),
            label: label.to_owned(),
            role: Role::Substantive,
            value: None,
        };
        let options: Vec<_> = ["Very confident", "Confident", "Not very confident", "Don't know"].map(option).into();
        read_option(text, &options)
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
