//! Questions of the user's own.

use super::{AnswerOption, Form, OptionOrder, Question, Role, Scale};

/// Why what was typed is no question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuestion {
    /// No text.
    #[error("the question is empty: write what is to be asked")]
    Empty,
    /// One option.
    #[error("one option is no choice: give at least two, or none for an open question")]
    OneOption,
    /// A scale without options.
    #[error("a scale needs options: give at least two first")]
    ScaleWithoutOptions,
    /// Answers that give no opinion, beside no others.
    #[error("an answer without an opinion adds to options: give at least two first")]
    OtherWithoutOptions,
    /// The same answer twice, or one without words.
    #[error("the option `{0}` is empty or stands twice: give every option its own words")]
    Option(String),
}

impl Question {
    /// A question that somebody typed. Options get the ids a, b, …; `options` express an opinion and, where the question
    /// is `ordinal`, are a scale from low to high; `other` do not.
    pub fn asked(text: &str, options: &[String], other: &[String], ordinal: bool) -> Result<Self, BadQuestion> {
        if text.trim().is_empty() {
            return Err(BadQuestion::Empty);
        }
        match options {
            [_] => return Err(BadQuestion::OneOption),
            [] if ordinal => return Err(BadQuestion::ScaleWithoutOptions),
            [] if !other.is_empty() => return Err(BadQuestion::OtherWithoutOptions),
            _ => {}
        }
        let ids = (b'a'..=b'z').map(char::from).map(String::from).chain((1..).map(|number| format!("option-{number}")));
        let labels = options
            .iter()
            .map(|label| (label, Role::Substantive))
            .chain(other.iter().map(|label| (label, Role::Other)));
        let options: Vec<AnswerOption> = ids
            .zip(labels)
            .enumerate()
            .map(|(index, (id, (label, role)))| AnswerOption {
                id,
                label: label.trim().to_owned(),
                role,
                value: (ordinal && role == Role::Substantive).then_some((index + 1) as f64),
            })
            .collect();
        if let Some((_, bad)) = options.iter().enumerate().find(|(index, option)| {
            option.label.is_empty() || options[..*index].iter().any(|earlier| earlier.label == option.label)
        }) {
            return Err(BadQuestion::Option(bad.label.clone()));
        }
        Ok(Self {
            pack: String::new(),
            id: "asked".to_owned(),
            text: text.trim().to_owned(),
            lang: "und".to_owned(),
            turns: Vec::new(),
            form: if options.is_empty() { Form::Open } else { Form::Choice },
            scale: if ordinal { Scale::Ordinal } else { Scale::Nominal },
            order: if ordinal { OptionOrder::Reversible } else { OptionOrder::Free },
            options,
            references: Vec::new(),
            populations: Vec::new(),
            perspectives: Vec::new(),
            tags: Vec::new(),
            citation: None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn asked(options: &[&str], other: &[&str], ordinal: bool) -> Result<Question, BadQuestion> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Question::asked("Is it so?", &own(options), &own(other), ordinal)
    }

    #[test]
    fn options_get_letters_and_others_give_no_opinion() {
        let question = asked(&["Yes", "No"], &["Don't know"], false).unwrap();
        let ids: Vec<&str> = question.options.iter().map(|option| option.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(question.substantive(), [0, 1]);
        assert_eq!(question.positions(), None);
    }

    #[test]
    fn a_scale_gets_places_from_low_to_high() {
        let question = asked(&["Low", "Middle", "High"], &["None"], true).unwrap();
        assert_eq!(question.positions().unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(question.order, OptionOrder::Reversible);
    }

    #[test]
    fn mistakes_get_a_sentence() {
        assert_eq!(asked(&["Yes"], &[], false), Err(BadQuestion::OneOption));
        assert_eq!(asked(&[], &["Other"], false), Err(BadQuestion::OtherWithoutOptions));
        assert_eq!(asked(&[], &[], true), Err(BadQuestion::ScaleWithoutOptions));
        assert_eq!(asked(&["Yes", "Yes"], &[], false), Err(BadQuestion::Option("Yes".into())));
        assert_eq!(Question::asked(" ", &[], &[], false), Err(BadQuestion::Empty));
    }
}
