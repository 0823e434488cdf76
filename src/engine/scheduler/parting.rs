//! What a model thinks, apart from what it answers, while both come in. A mark may be split over many pieces; what only
//! resembles one is given out.

use crate::engine::reasoning::Manner;

/// Text of either kind. What is thought always stands before what is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parted {
    pub(super) thinking: String,
    pub(super) answer: String,
}

/// Where in its text a voice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nothing but white space was answered: a part may open here. White space behind a closed part is its layout.
    Beginning {
        is_behind_part: bool,
    },
    Thinking,
    Answer,
}

/// Parts the text of one voice.
#[derive(Debug)]
pub(super) struct Parting {
    manner: Manner,
    at: At,
    /// What may become a mark, or is white space before one.
    held: String,
    /// Whether the last piece ended a mark.
    met_mark: bool,
}

impl Parting {
    /// For a voice that goes on from `prompt`.
    pub(super) fn after(manner: Manner, prompt: &str) -> Self {
        let at = if manner.is_open(prompt) {
            At::Thinking
        } else {
            At::Beginning { is_behind_part: manner.is_closed(prompt) }
        };
        Self { manner, at, held: String::new(), met_mark: false }
    }

    /// Whether the last piece belongs to thinking or its marks.
    pub(super) fn is_thinking(&self) -> bool {
        self.at == At::Thinking || self.met_mark
    }

    /// Whether the answer has begun.
    pub(super) fn is_answering(&self) -> bool {
        self.at == At::Answer
    }

    /// Takes in more text and gives what is certain now.
    pub(super) fn push(&mut self, text: &str) -> Parted {
        self.held.push_str(text);
        self.met_mark = false;
        let mut parted = Parted::default();
        while self.step(&mut parted) {}
        parted
    }

    /// The end: what was held back is text after all.
    pub(super) fn finish(mut self) -> Parted {
        let held = std::mem::take(&mut self.held);
        match self.at {
            At::Thinking => Parted { thinking: held, ..Parted::default() },
            At::Beginning { is_behind_part: true } => {
                Parted { answer: held.trim_start().to_owned(), ..Parted::default() }
            }
            At::Beginning { is_behind_part: false } | At::Answer => Parted { answer: held, ..Parted::default() },
        }
    }

    /// Whether there is more to be done with what is held.
    fn step(&mut self, parted: &mut Parted) -> bool {
        let family = self.manner.family;
        match self.at {
            At::Answer => {
                parted.answer.push_str(&std::mem::take(&mut self.held));
                false
            }
            At::Thinking => {
                if let Some(at) = self.held.find(family.close) {
                    parted.thinking.push_str(&self.held[..at]);
                    self.close(at + family.close.len());
                    return true;
                }
                let certain = self.held.len() - unfinished(&self.held, family.close);
                parted.thinking.extend(self.held.drain(..certain));
                false
            }
            At::Beginning { is_behind_part } => {
                let text = self.held.trim_start();
                let blank = self.held.len() - text.len();
                if let Some(open) = family.opens.iter().find(|open| text.starts_with(*open)) {
                    self.held.drain(..blank + open.len());
                    (self.at, self.met_mark) = (At::Thinking, true);
                    return true;
                }
                // A mark that closes what was never opened says only that the answer begins.
                let mut closes = family.plain.iter().chain([&family.close]);
                if let Some(close) = closes.find(|close| text.starts_with(*close)) {
                    self.close(blank + close.len());
                    return true;
                }
                let mut marks = family.opens.iter().chain(family.plain).chain([&family.close]);
                if marks.any(|mark| mark.starts_with(text)) {
                    return false;
                }
                if is_behind_part {
                    self.held.drain(..blank);
                }
                self.at = At::Answer;
                true
            }
        }
    }

    fn close(&mut self, taken: usize) {
        self.held.drain(..taken);
        (self.at, self.met_mark) = (At::Beginning { is_behind_part: true }, true);
    }
}

/// Length of the longest end of `text` that begins `mark` and is not all of it.
pub(super) fn unfinished(text: &str, mark: &str) -> usize {
    let longest = mark.len().saturating_sub(1).min(text.len());
    let begins = |len: &usize| mark.as_bytes().starts_with(&text.as_bytes()[text.len() - len..]);
    (1..=longest).rev().find(begins).unwrap_or(0)
}
