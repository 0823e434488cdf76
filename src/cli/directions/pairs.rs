//! Contrast pairs out of a file: JSON Lines, or TOML with a list `pairs`.

use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use crate::cli::Failure;
use crate::domain::{Turn, TurnRole};
use crate::engine::protocol::{ContrastPair, Prompt};

/// Bytes of a file.
const MOST_BYTES: u64 = 16 << 20;
/// Pairs; more make no better direction.
const MOST_PAIRS: usize = 4096;

/// A pair as it stands in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    /// What shows the thing sought.
    positive: String,
    /// What shows its opposite.
    negative: String,
    /// What both answer; without it both are read as plain text.
    prompt: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PairsFile {
    pairs: Vec<Pair>,
}

/// Reads the pairs in the file at `path`.
pub(super) fn read(path: &Path) -> Result<Vec<ContrastPair>, Failure> {
    let shown = path.display();
    let unusable = |why: String| Failure::usage(format!("the pairs {shown}: {why}"));
    let text = text(path).map_err(|why| unusable(format!("{why}; check --pairs")))?;
    let pairs = if path.extension().is_some_and(|ending| ending == "toml") {
        let read: PairsFile = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
            unusable(format!(
                "line {at}: {}; a pair is [[pairs]] with positive and negative",
                first_line(error.message())
            ))
        })?;
        (1..).zip(read.pairs).collect::<Vec<_>>()
    } else {
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let pair = |(at, line): (usize, &str)| match serde_json::from_str::<Pair>(line) {
            Ok(pair) => Ok((at, pair)),
            Err(error) => Err(unusable(format!(
                "line {at}: {}; a pair is {{\"positive\":\"…\",\"negative\":\"…\"}}",
                first_line(&error.to_string())
            ))),
        };
        lines.map(pair).collect::<Result<Vec<_>, _>>()?
    };
    if pairs.is_empty() || pairs.len() > MOST_PAIRS {
        return Err(unusable(format!("it holds {} pairs, and 1 to {MOST_PAIRS} are taken", pairs.len())));
    }
    pairs.into_iter().map(|(at, pair)| contrast(pair).map_err(|why| unusable(format!("pair {at}: {why}")))).collect()
}

fn text(path: &Path) -> Result<String, String> {
    let facts = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    String::from_utf8(text).map_err(|error| format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(160).collect()
}

fn contrast(pair: Pair) -> Result<ContrastPair, &'static str> {
    if pair.positive.trim().is_empty() || pair.negative.trim().is_empty() {
        return Err("one of its sides is empty; write both");
    }
    if pair.positive == pair.negative {
        return Err("its sides are the same; write two that differ");
    }
    let side = |text: String| match &pair.prompt {
        Some(prompt) => {
            Prompt::Chat { turns: vec![Turn { role: TurnRole::User, content: prompt.clone() }], prefill: Some(text) }
        }
        None => Prompt::Raw { text },
    };
    Ok(ContrastPair { positive: side(pair.positive), negative: side(pair.negative) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(name: &str, text: &str) -> Result<Vec<ContrastPair>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn both_formats_give_the_same_pairs() {
        let lines = "{\"positive\":\"I agree\",\"negative\":\"I disagree\"}\n\n\
                     {\"positive\":\"Yes\",\"negative\":\"No\",\"prompt\":\"Is it so?\"}\n";
        let toml = "[[pairs]]\npositive = \"I agree\"\nnegative = \"I disagree\"\n\
                    [[pairs]]\npositive = \"Yes\"\nnegative = \"No\"\nprompt = \"Is it so?\"\n";
        let pairs = of("a.jsonl", lines).unwrap();
        assert_eq!(pairs, of("a.toml", toml).unwrap());
        assert_eq!(pairs[0].positive, Prompt::Raw { text: "I agree".into() });
        assert!(matches!(&pairs[1].negative, Prompt::Chat { prefill: Some(text), .. } if text == "No"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (name, text, part) in [
            ("a.jsonl", "{\"positive\":\"a\"}", "line 1: missing field `negative`"),
            ("a.jsonl", "\n[1]\n", "line 2"),
            ("a.jsonl", "", "holds 0 pairs"),
            ("a.jsonl", "{\"positive\":\"a\",\"negative\":\"a\"}", "pair 1: its sides are the same"),
            ("a.jsonl", "{\"positive\":\"a\",\"negative\":\" \"}", "empty"),
            ("a.toml", "[[pairs]]\npositive = \"a\"\nnegativ = \"b\"\n", "line"),
        ] {
            let sentence = of(name, text).unwrap_err().sentence;
            assert!(sentence.contains(part) && !sentence.contains('\n'), "{sentence}");
        }
        assert!(read(Path::new("/")).unwrap_err().sentence.contains("regular file"));
    }
}
