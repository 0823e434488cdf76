//! The vocabulary of a model: which texts are control tokens, and which tokens spell a label.

use std::collections::HashMap;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;

use crate::engine::reasoning::Manner;
use crate::engine::scheduler::device::Token;

/// Labels are a letter or a short word; longer tokens need not be looked at.
const LONGEST_LABEL: usize = 16;

/// What is read out of a vocabulary once per model.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Texts that the tokeniser turns into control tokens.
    controls: Vec<String>,
    /// Label to the tokens that spell it.
    spellings: HashMap<String, Vec<Token>>,
    /// Bytes per token, control tokens as nothing unless they make up the marks of thinking.
    pieces: Vec<Vec<u8>>,
    ends: Vec<bool>,
}

impl Vocabulary {
    pub(super) fn read(model: &LlamaModel, manner: Option<Manner>) -> Self {
        let vocab = model.vocab();
        let mut read = Self { controls: Vec::new(), spellings: HashMap::new(), pieces: Vec::new(), ends: Vec::new() };
        for token in vocab.tokens() {
            let mut mark = None;
            let attributes = vocab.attr(token);
            let is_special =
                attributes.contains(LlamaTokenAttr::Control) || attributes.contains(LlamaTokenAttr::UserDefined);
            if is_special {
                let text = String::from_utf8_lossy(&vocab.token_to_piece(token, true, None)).into_owned();
                mark = manner.is_some_and(|manner| manner.has_part(&text)).then(|| text.clone().into_bytes());
                // White space and single characters are user-defined in some vocabularies, and harmless.
                if text.trim().chars().count() > 1 {
                    read.controls.push(text);
                }
            }
            let piece = vocab.token_to_piece(token, false, None);
            if let Some(label) = label(&piece) {
                read.spellings.entry(label.to_owned()).or_default().push(token.0);
            }
            // Else the end of thinking would not be seen in the text.
            read.pieces.push(mark.unwrap_or(piece));
            read.ends.push(vocab.is_eog(token));
        }
        read
    }

    /// Whether `text` holds something that the tokeniser would turn into a control token.
    pub(super) fn has_control(&self, text: &str) -> bool {
        self.controls.iter().any(|control| text.contains(control.as_str()))
    }

    pub(super) fn spellings(&self, label: &str) -> Vec<Token> {
        self.spellings.get(label).cloned().unwrap_or_default()
    }

    pub(super) fn piece(&self, token: Token) -> &[u8] {
        usize::try_from(token).ok().and_then(|index| self.pieces.get(index)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_end(&self, token: Token) -> bool {
        usize::try_from(token).ok().and_then(|index| self.ends.get(index)).copied().unwrap_or(true)
    }
}

/// The label that a token spells, if it is short enough to be one: white space and one opening sign before it and one
/// closing sign after it do not count (P2).
fn label(piece: &[u8]) -> Option<&str> {
    if piece.is_empty() || piece.len() > LONGEST_LABEL {
        return None;
    }
    let text = std::str::from_utf8(piece).ok()?.trim_start();
    let text = text.strip_prefix(['(', '[', '*', '"']).unwrap_or(text);
    let text = text.strip_suffix([')', '.', ':', ']', '*', ',', '"']).unwrap_or(text);
    (!text.is_empty()).then_some(text)
}

/// The text of a token as it stands in a template.
pub(super) fn control_text(model: &LlamaModel, token: LlamaToken) -> String {
    if token.0 < 0 {
        return String::new();
    }
    String::from_utf8_lossy(&model.vocab().token_to_piece(token, true, None)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_letter() {
        for piece in ["A", " A", "(A", "A)", "A.", " (A", "\nA", "\"A\"", "*A", "A,"] {
            assert_eq!(label(piece.as_bytes()), Some("A"), "{piece:?}");
        }
    }

    #[test]
    fn other_letters_and_longer_words_stay_what_they_are() {
        assert_eq!(label(b"a"), Some("a"));
        assert_eq!(label(b" An"), Some("An"));
        assert_eq!(label(b"((A"), Some("(A"));
        assert_eq!(label(b"  "), None);
        assert_eq!(label(b"\xff"), None);
        assert_eq!(label(b"a very long token text"), None);
    }
}
