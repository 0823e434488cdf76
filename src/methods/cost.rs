//! What a run will ask of the model, known before it begins.

use std::ops::Add;

use super::{RunSpec, registry};
use crate::domain::Question;

/// UTF-8 bytes of a prompt per token, as a fraction. Measured: 324 prompts of the bundled questions and wordings, chat
/// template included, were 189,746 bytes and 41,748 tokens for `SmolLM2` (4.55), each between 3.8 and 5.1; 14 of them 4.86
/// for Qwen2.5. Bytes and not characters, because other scripts take more of both.
const BYTES_PER_TOKEN: (usize, usize) = (9, 2);
/// Bytes that a chat template adds to a prompt: role marks, and the system turn of models that have one.
pub(super) const TEMPLATE: usize = 120;

/// Prompts under way for each sequence of the engine: with two, one waits while another is computed.
const PROMPTS_PER_SEQUENCE: usize = 2;
/// Questions under way at the utmost: each holds its prompts in the engine's cache.
const MOST_AT_ONCE: usize = 16;

/// What a run, or a pane of it, asks of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Answers that are written.
    pub generations: usize,
    /// Prompts whose next token is read without writing.
    pub scorings: usize,
    /// Both together: as many prompts are sent, where every pane comes to its end.
    pub prompts: usize,
    /// Tokens of all those prompts, before shared beginnings are taken out: an estimate from their lengths.
    pub prompt_tokens: usize,
    /// Tokens that are written at most.
    pub most_tokens: usize,
}

impl Cost {
    /// `count` answers of at most `tokens` tokens each, to prompts of `bytes` bytes.
    pub(super) fn generations(spec: &RunSpec, count: usize, bytes: usize, tokens: usize) -> Self {
        // The engine writes one token at least.
        let most_tokens = count * tokens.min(spec.max_tokens).max(1);
        Self { generations: count, most_tokens, ..Self::prompts(spec, count, bytes) }
    }

    /// `count` scorings after prompts of `bytes` bytes.
    pub(super) fn scorings(spec: &RunSpec, count: usize, bytes: usize) -> Self {
        Self { scorings: count, ..Self::prompts(spec, count, bytes) }
    }

    /// The same beside this question, which may be another than the run's.
    pub(super) fn scorings_of(question: &Question, count: usize, bytes: usize) -> Self {
        Self { scorings: count, ..Self::prompts_of(question, count, bytes) }
    }

    /// `count` scorings after prompts of `bytes` bytes, chat template included, that do not hold the question.
    pub(super) fn scorings_apart(count: usize, bytes: usize) -> Self {
        let (per, tokens) = BYTES_PER_TOKEN;
        let prompt_tokens = count * (bytes * tokens).div_ceil(per);
        Self { scorings: count, prompts: count, prompt_tokens, ..Self::default() }
    }

    /// The same, with the chat template's own bytes added.
    pub(super) fn scorings_alone(count: usize, bytes: usize) -> Self {
        Self::scorings_apart(count, TEMPLATE + bytes)
    }

    /// Every prompt holds the conversation so far and `bytes` bytes beside the question.
    fn prompts(spec: &RunSpec, count: usize, bytes: usize) -> Self {
        Self::prompts_of(&spec.question, count, bytes)
    }

    fn prompts_of(question: &Question, count: usize, bytes: usize) -> Self {
        let turns: usize = question.turns.iter().map(|turn| turn.content.len()).sum();
        let whole = TEMPLATE + turns + question.text.len() + bytes;
        let (per, tokens) = BYTES_PER_TOKEN;
        Self { prompts: count, prompt_tokens: count * (whole * tokens).div_ceil(per), ..Self::default() }
    }
}

/// Bytes of text that a model writes in `tokens` tokens.
pub(super) fn bytes_of(tokens: usize) -> usize {
    tokens * BYTES_PER_TOKEN.0 / BYTES_PER_TOKEN.1
}

/// Bytes of the list of options, with a letter or a dash before each.
pub(super) fn options(spec: &RunSpec) -> usize {
    options_of(&spec.question)
}

/// The same of any question.
pub(super) fn options_of(question: &Question) -> usize {
    const MARK: usize = 4;
    question.options.iter().map(|option| MARK + option.label.len()).sum()
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            generations: self.generations + other.generations,
            scorings: self.scorings + other.scorings,
            prompts: self.prompts + other.prompts,
            prompt_tokens: self.prompt_tokens + other.prompt_tokens,
            most_tokens: self.most_tokens + other.most_tokens,
        }
    }
}

/// What `spec` asks of the model in all. Panes that would be skipped, and methods that there are not, cost nothing.
pub fn cost(spec: &RunSpec) -> Cost {
    let methods = spec.panes.iter().filter_map(|(mode, id)| registry::find(*mode, id));
    methods.map(|method| method.cost(spec)).fold(Cost::default(), Add::add)
}

/// As many questions as keep every one of `sequences` sequences of the engine at work; `specs` are some of them.
pub fn at_once(specs: &[RunSpec], sequences: u32) -> usize {
    let prompts: usize = specs.iter().map(|spec| cost(spec).prompts).sum();
    let each = prompts.div_ceil(specs.len().max(1)).max(1);
    (PROMPTS_PER_SEQUENCE * sequences as usize).div_ceil(each).clamp(1, MOST_AT_ONCE)
}
