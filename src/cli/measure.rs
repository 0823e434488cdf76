//! `parallax measure`: JSON Lines on stdin to measures on stdout.
//!
//! Every line is answered and flushed before the next one is read, so that the command works as a coprocess. A line
//! that cannot be answered gives an error object in its place, and the rest goes on.

use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal, Write};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::measure::kinds::{self, KINDS};

use super::{EXIT_FAILED, Failure, Outcome};

mod lines;

use lines::{Line, LineReader, MAX_LINE};

/// Options of `parallax measure`.
#[derive(Debug, clap::Args)]
pub struct Command {
    /// List the kinds of lines, each with an example, and exit
    #[arg(long)]
    list: bool,
}

/// Runs it.
pub fn run(command: &Command) -> Outcome {
    let result =
        if command.list { list(&mut io::stdout().lock()).map(|()| Summary::default()) } else { answer_stdin() };
    match result {
        Ok(Summary { failed: 0, .. }) => Ok(()),
        Ok(Summary { failed, answered }) => {
            let total = failed + answered;
            eprintln!("parallax: {failed} of {total} lines could not be measured; see the `error` in their place.");
            Err(Failure::silent(EXIT_FAILED))
        }
        // Whoever read our output has seen enough.
        Err(StreamError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Why the stream ended before its input did.
#[derive(Debug, Error)]
enum StreamError {
    #[error("stdin could not be read ({0}); pipe a file of JSON Lines into `parallax measure`")]
    Read(#[source] io::Error),
    #[error("stdout could not be written ({0}); free some space or choose another place for the output")]
    Write(#[source] io::Error),
}

/// How many lines were answered with measures and with errors; blank lines are neither.
#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    answered: u64,
    failed: u64,
}

fn list(output: &mut impl Write) -> Result<(), StreamError> {
    for kind in KINDS {
        writeln!(output, "{:10} {}\n{:10} {}", kind.name, kind.about, "", kind.example).map_err(StreamError::Write)?;
    }
    output.flush().map_err(StreamError::Write)
}

fn answer_stdin() -> Result<Summary, StreamError> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        eprintln!(
            "parallax: reading JSON Lines from the terminal, end with Ctrl-D; `parallax measure --list` shows examples."
        );
    }
    answer_lines(stdin, &mut io::stdout().lock())
}

/// Answers every line of `input` on `output`.
fn answer_lines(input: impl BufRead, output: &mut impl Write) -> Result<Summary, StreamError> {
    let mut reader = LineReader::new(input);
    let mut summary = Summary::default();
    while let Some((number, line)) = reader.next_line().map_err(StreamError::Read)? {
        let answer = match line {
            Line::Blank => continue,
            Line::Text(text) => answer_line(text),
            Line::TooLong => Err(refused(format!("the line is longer than {} MiB; split it", MAX_LINE >> 20))),
            Line::NotUtf8 { at } => Err(refused(format!("byte {at} of the line is not UTF-8; save the file as UTF-8"))),
        };
        let text = match answer {
            Ok(text) => {
                summary.answered += 1;
                text
            }
            Err(refusal) => {
                summary.failed += 1;
                with_id(refusal.id.as_deref(), json!({"error": refusal.sentence, "line": number}))
            }
        };
        output.write_all((text + "\n").as_bytes()).and_then(|()| output.flush()).map_err(StreamError::Write)?;
    }
    Ok(summary)
}

/// A line without an answer: why, and its id as far as it could be read.
struct Refusal {
    id: Option<String>,
    sentence: String,
}

fn refused(sentence: String) -> Refusal {
    Refusal { id: None, sentence }
}

/// What all kinds have in common; their own fields are read by them.
#[derive(Deserialize)]
struct Envelope<'a> {
    // Kept as written: any JSON value, `null` and numbers beyond 64 bits included.
    #[serde(borrow, default, deserialize_with = "as_written")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    kind: Option<&'a RawValue>,
}

fn as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The JSON text that answers `line`.
fn answer_line(line: &str) -> Result<String, Refusal> {
    if !line.trim_start().starts_with('{') {
        return Err(refused("the line is not a JSON object; write {\"kind\":…} with one object a line".to_owned()));
    }
    let envelope: Envelope = serde_json::from_str(line).map_err(|error| {
        refused(format!("the line is not valid JSON: {}; write one object a line", kinds::without_position(&error)))
    })?;
    let id = envelope.id.map(RawValue::get);
    measure(line, envelope.kind)
        .map(|measures| with_id(id, measures))
        .map_err(|sentence| Refusal { id: id.map(str::to_owned), sentence })
}

/// The measures of `line`, or why there are none.
fn measure(line: &str, kind: Option<&RawValue>) -> Result<Value, String> {
    let names = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    let raw = kind.ok_or_else(|| format!("the field `kind` is missing; use one of {}", names()))?;
    let name: Cow<str> = serde_json::from_str(raw.get())
        .map_err(|_| format!("the field `kind` is not a text; use one of {}", names()))?;
    let kind = kinds::find(&name).map_err(|error| error.to_string())?;
    (kind.evaluate)(line).map_err(|error| error.to_string())
}

/// The text of `object` with the id in front, safe to print on a terminal.
fn with_id(id: Option<&str>, object: Value) -> String {
    let body = match object {
        Value::Object(body) => body,
        other => Map::from_iter([("value".to_owned(), other)]),
    };
    let text = Value::Object(body).to_string();
    let text = match (id, text.strip_prefix('{')) {
        (Some(id), Some(rest)) => format!("{{\"id\":{id}{}{rest}", if rest == "}" { "" } else { "," }),
        _ => text,
    };
    escape_hostile(&text)
}

/// Writes characters that drive or disguise a terminal as JSON escapes; the value stays the same. In valid JSON those
/// below the blank stand between values, all others inside texts.
fn escape_hostile(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\0'..'\u{20}' => out.push(' '),
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => out.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn answers(input: &[u8]) -> (Vec<Value>, Summary) {
        let mut output = Vec::new();
        let summary = answer_lines(input, &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), summary)
    }

    #[test]
    fn ids_pass_through_as_written() {
        for id in ["\"q\"", "7", "null", "[1,{\"a\":2}]", "123456789012345678901234567890", "1.10", "\"\\u00e9\""] {
            let line = format!(r#"{{"kind":"pair","p":[1,2],"q":[2,1],"id":{id}}}"#);
            assert!(answer_line(&line).ok().unwrap().starts_with(&format!("{{\"id\":{id},")), "{id}");
            let bad = answer_line(&line.replace("[2,1]", "[2,-1]")).err().unwrap();
            assert_eq!(bad.id.as_deref(), Some(id));
        }
    }

    #[test]
    fn a_bad_line_is_answered_in_its_place() {
        let good = KINDS[0].example;
        let input =
            format!("{good}\n\n{{\"kind\":\"pear\",\"id\":3}}\nnonsense\n[1]\n{{\"id\":4}}\n{{\"kind\":1}}\n{good}");
        let (out, summary) = answers(input.as_bytes());
        assert_eq!(summary, Summary { answered: 2, failed: 5 });
        assert_eq!(out[0], out[6]);
        assert_eq!(out[1]["line"], 3);
        assert_eq!(out[1]["id"], 3);
        assert_eq!(out[4]["id"], 4);
        assert!(out[4]["error"].as_str().unwrap().contains("`kind` is missing"));
        assert_eq!(out[5]["line"], 7);
    }

    #[test]
    fn what_is_no_text_or_too_long_is_answered_too() {
        let mut input = b"\xff\xfe\n".to_vec();
        input.extend(vec![b' '; MAX_LINE + 1]);
        input.extend(b"\n\xef\xbb\xbf{\"kind\":\"pair\"}\r\n");
        let (out, summary) = answers(&input);
        assert_eq!(summary, Summary { answered: 0, failed: 3 });
        assert!(out[0]["error"].as_str().unwrap().starts_with("byte 0 of the line is not UTF-8"));
        assert!(out[1]["error"].as_str().unwrap().starts_with("the line is longer than 8 MiB"));
        assert_eq!(out[2]["line"], 3);
    }

    #[test]
    fn hostile_ids_and_kinds_cannot_drive_a_terminal() {
        let line = "{\"kind\":\"\u{9b}31m\\u001b[2J\u{202e}\",\"id\":[\r\"\u{9b}2J\"]}";
        let (out, _) = answers(line.as_bytes());
        assert_eq!(out[0]["id"][0], "\u{9b}2J");
        let mut output = Vec::new();
        answer_lines(line.as_bytes(), &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        assert!(text.trim_end().chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text:?}");
    }

    #[test]
    fn every_kind_is_listed_with_its_example() {
        let mut output = Vec::new();
        list(&mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        assert!(KINDS.iter().all(|kind| text.contains(kind.example) && text.contains(kind.about)));
    }

    #[test]
    fn each_line_is_flushed_before_the_next_is_read() {
        /// Notes how much had been flushed whenever more was asked for.
        struct Output(Vec<usize>, usize);
        impl Write for Output {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 += 1;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.0.push(self.1);
                Ok(())
            }
        }
        let mut output = Output(Vec::new(), 0);
        let input = format!("{0}\n{0}\n", KINDS[0].example);
        answer_lines(input.as_bytes(), &mut output).unwrap();
        assert_eq!(output.0, [1, 2]);
    }

    proptest! {
        #[test]
        fn any_bytes_get_valid_answers(input in prop::collection::vec(any::<u8>(), 0..200)) {
            answers(&input);
        }

        #[test]
        fn any_numbers_get_finite_measures_or_an_error(
            p in prop::collection::vec(prop_oneof![any::<f64>(), 0.0..1.0f64, Just(0.0)], 0..5),
            q in prop::collection::vec(prop_oneof![Just(5e-324), Just(f64::MAX), 0.0..1.0f64], 0..5),
        ) {
            let n: Vec<u64> = q.iter().map(|v| u64::from(*v > 0.5) * 3).collect();
            for line in [
                json!({"kind":"pair","p":p,"q":q,"ordinal":true}),
                json!({"kind":"pair","p":q,"q":q,"positions":p}),
                json!({"kind":"many","distributions":[p, q]}),
                json!({"kind":"many","distributions":[q, q],"weights":p}),
                json!({"kind":"counts","counts":n,"q":q,"resamples":20}),
                json!({"kind":"variants","logits":{"A":p,"B":q},"rest":p}),
                json!({"kind":"orders","orders":[[0, 1, 2, 3]],"slots":[q]}),
            ] {
                let (out, _) = answers(line.to_string().as_bytes());
                for (key, value) in out[0].as_object().unwrap() {
                    prop_assert!(!value.is_null() || key.starts_with("kl_2_"), "{key} is null for {line}");
                    prop_assert!(!value.as_array().is_some_and(|a| a.iter().any(Value::is_null)), "{key} for {line}");
                }
            }
        }
    }
}
