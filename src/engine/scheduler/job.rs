//! One request inside the scheduler.

use std::time::Instant;

use super::device::{Draw, Seq, Token};
use super::stream::TextStream;
use crate::engine::protocol::Usage;

/// What a job does with the logits behind its prompt.
pub(super) enum Work {
    Generate(Box<Voice>),
    /// Spellings per label.
    Options(Vec<Vec<Token>>),
    /// Part `index` of a `score_continuations` request; logits are wanted from the last prompt token on.
    Continuation {
        index: usize,
        logprobs: Vec<f64>,
    },
}

/// The state of a voice being written.
pub(super) struct Voice {
    pub(super) drawer: Box<dyn Draw>,
    pub(super) stream: TextStream,
    pub(super) seed: u64,
    pub(super) max_tokens: usize,
    pub(super) time_limit_ms: Option<u64>,
    pub(super) generated: usize,
}

/// One request, or one continuation of one.
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) work: Work,
    /// The prompt, and what was written or is to be scored after it.
    pub(super) tokens: Vec<Token>,
    /// Length of the prompt alone.
    pub(super) prompt: usize,
    /// Its sequence, once it runs.
    pub(super) seq: Option<Seq>,
    pub(super) usage: Usage,
    pub(super) arrived: Instant,
    pub(super) began: Option<Instant>,
    pub(super) answered: Option<Instant>,
    pub(super) cancelled: bool,
}

impl Job {
    pub(super) fn new(id: u64, work: Work, tokens: Vec<Token>, prompt: usize) -> Self {
        let usage = Usage { prompt_tokens: prompt, ..Usage::default() };
        let (arrived, seq, began, answered) = (Instant::now(), None, None, None);
        Self { id, work, tokens, prompt, seq, usage, arrived, began, answered, cancelled: false }
    }

    /// Tokens that may still be appended to a sequence that ends at `limit` tokens.
    pub(super) fn room(&self, limit: u32) -> usize {
        match &self.work {
            Work::Generate(voice) => {
                let left = voice.max_tokens.saturating_sub(voice.generated);
                left.min((limit as usize).saturating_sub(self.tokens.len()))
            }
            Work::Options(_) | Work::Continuation { .. } => 0,
        }
    }

    /// The longest prefix worth sharing: at least one token has to be computed, and all whose logits are wanted.
    pub(super) fn shareable(&self) -> usize {
        self.prompt.saturating_sub(1)
    }

    /// Whether the logits after token `index` are wanted.
    pub(super) fn wants_output(&self, index: usize) -> bool {
        match &self.work {
            Work::Generate(_) | Work::Options(_) => index + 1 == self.tokens.len(),
            // The last token of a continuation predicts nothing that was asked for.
            Work::Continuation { .. } => index + 1 >= self.prompt && index + 1 < self.tokens.len(),
        }
    }

    /// Whether it writes, as against reads.
    pub(super) fn is_streaming(&self, held: usize) -> bool {
        matches!(self.work, Work::Generate(_)) && held >= self.prompt && self.tokens.len() == held + 1
    }

    /// Counts and clocks at the end.
    pub(super) fn final_usage(&self) -> Usage {
        let now = Instant::now();
        let began = self.began.unwrap_or(now);
        let answered = self.answered.unwrap_or(now);
        Usage {
            queue_ms: millis(began - self.arrived),
            prompt_ms: millis(answered - began),
            generate_ms: millis(now - answered),
            ..self.usage
        }
    }
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
