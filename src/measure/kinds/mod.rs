//! The JSON kinds of `parallax measure`, still without I/O. Each kind is one file with its input, its output and `evaluate`, and one line in
//! [`KINDS`]; help, the list of kinds, the documentation test and the dispatch follow from that table.
//!
//! Unknown fields of an input are ignored, so that a line may carry what its writer needs.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::{Distribution, MeasureError};

mod agreement;
mod classes;
mod counts;
mod many;
mod orders;
mod pair;
mod variants;

/// All kinds, in the order in which they are listed.
pub const KINDS: &[Kind] =
    &[pair::KIND, many::KIND, counts::KIND, variants::KIND, orders::KIND, classes::KIND, agreement::KIND];

/// One kind of question to `parallax measure`.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The value of the field `kind`.
    pub name: &'static str,
    /// What it computes, in one line.
    pub about: &'static str,
    /// A line that works.
    pub example: &'static str,
    /// From the text of a JSON object to the object of its measures.
    pub evaluate: fn(&str) -> Result<Value, KindError>,
}

/// Why a line has no measures.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum KindError {
    /// No kind of this name.
    #[error("`{name}` is not a kind; use one of {}", KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", "))]
    Unknown {
        /// What stood in the field `kind`.
        name: String,
    },
    /// A field that is missing or of the wrong type.
    #[error("the line does not fit the kind `{kind}`: {cause}; `parallax measure --list` shows an example")]
    Shape {
        /// The kind.
        kind: &'static str,
        /// What the parser said, without its position.
        cause: String,
    },
    /// A field whose value has no measure.
    #[error("`{field}`: {source}")]
    Field {
        /// The field, or several.
        field: String,
        /// Why.
        source: MeasureError,
    },
}

/// The kind of this name.
pub fn find(name: &str) -> Result<&'static Kind, KindError> {
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| KindError::Unknown { name: name.to_owned() })
}

/// What every kind's `evaluate` does around its own function: reads the input and writes the output.
fn answer<I, O>(kind: &'static str, line: &str, evaluate: fn(&I) -> Result<O, KindError>) -> Result<Value, KindError>
where
    I: DeserializeOwned,
    O: Serialize,
{
    let shape = |error: serde_json::Error| KindError::Shape { kind, cause: without_position(&error) };
    serde_json::to_value(evaluate(&serde_json::from_str(line).map_err(shape)?)?).map_err(shape)
}

/// The parser's sentence; its "line 1" would contradict the number of the line in the stream.
pub fn without_position(error: &serde_json::Error) -> String {
    let (text, column) = (error.to_string(), error.column());
    match text.rsplit_once(" at line ") {
        Some((sentence, _)) => format!("{sentence} (character {column})"),
        None => text,
    }
}

/// Adds the field's name to an error about its value.
trait InField<T> {
    fn field(self, field: &str) -> Result<T, KindError>;
}

impl<T, E: Into<MeasureError>> InField<T> for Result<T, E> {
    fn field(self, field: &str) -> Result<T, KindError> {
        self.map_err(|error| KindError::Field { field: field.to_owned(), source: error.into() })
    }
}

/// The distribution in a field.
fn distribution(field: &str, values: &[f64]) -> Result<Distribution, KindError> {
    Distribution::new(values).field(field)
}

/// The distributions in a field that holds a list of them; an error names the entry.
fn distributions(field: &str, rows: &[Vec<f64>]) -> Result<Vec<Distribution>, KindError> {
    rows.iter().enumerate().map(|(index, row)| distribution(&format!("{field}[{index}]"), row)).collect()
}

/// Answer counts in a field: whole numbers of 0 or more, written as JSON likes (`3` or `3.0`).
fn counts(field: &str, values: &[f64]) -> Result<Vec<u64>, KindError> {
    distribution(field, values)?;
    let whole = |(index, value): (usize, &f64)| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole, and below 2^53")]
        if value.fract() == 0.0 && *value < 9_007_199_254_740_992.0 {
            Ok(*value as u64)
        } else {
            Err(MeasureError::NotACount { index, value: *value })
        }
    };
    values.iter().enumerate().map(whole).collect::<Result<_, _>>().field(field)
}

/// Sentences about what is absent from an output, joined to one note; `None` if nothing is.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Notes {
    /// The value, or a note why it is absent.
    fn keep<T>(&mut self, name: &str, result: Result<T, MeasureError>) -> Option<T> {
        result.map_err(|error| self.0.push(format!("`{name}` is absent: {error}"))).ok()
    }

    fn push(&mut self, sentence: impl Into<String>) {
        self.0.push(sentence.into());
    }

    fn into_note(self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(". "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_example_is_evaluated_and_names_its_kind() {
        for kind in KINDS {
            let input: Value = serde_json::from_str(kind.example).unwrap();
            assert_eq!(input["kind"], kind.name);
            assert!((find(kind.name).unwrap().evaluate)(kind.example).unwrap().is_object());
        }
    }

    #[test]
    fn sentences_name_the_field_and_the_next_step() {
        let say = |line: &str| (find("pair").unwrap().evaluate)(line).unwrap_err().to_string();
        assert_eq!(
            say(r#"{"p":[0.5,-0.5],"q":[1,0]}"#),
            "`p`: entry 1 is negative (-0.5); give shares or counts of 0 or more"
        );
        assert!(say(r#"{"p":[1,0]}"#).contains("missing field `q`"));
        assert!(say(r#"{"p":[1,null],"q":[1,0]}"#).contains("(character "));
        assert!(find("pear").unwrap_err().to_string().starts_with("`pear` is not a kind; use one of pair, many,"));
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!(counts("c", &[3.0, 0.0]).unwrap(), [3, 0]);
        for bad in [[1.5, 1.0], [-1.0, 2.0], [0.0, 0.0], [1e300, 1.0]] {
            assert!(counts("c", &bad).is_err());
        }
    }
}
