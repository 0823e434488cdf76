//! One request inside the scheduler.

use std::sync::Arc;
use std::time::Instant;

use super::device::{Draw, Seq, Token};
use super::stream::TextStream;
use super::tree::Recipe;
use crate::engine::protocol::{Handling, Usage};
use crate::engine::steering::Steering;

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
    /// One side of a pair of a `derive_direction` request.
    Outputs {
        side: usize,
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
    /// How many tokens that were not drawn are told with each that was.
    pub(super) alternatives: usize,
}

/// The place in the line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turn {
    /// When it may start, by its group's clock.
    pub(super) start: f64,
    /// Its number among all jobs.
    pub(super) arrival: u64,
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
    pub(super) handling: Handling,
    /// What its cells depend on besides its tokens.
    pub(super) recipe: Recipe,
    pub(super) steering: Option<Arc<Steering>>,
    pub(super) turn: Turn,
    /// Waits until the job with this arrival number has read so many tokens, to share them.
    pub(super) waits_for: Option<(u64, usize)>,
    /// Ended where it might have gone on.
    pub(super) is_cut: bool,
    /// Gave its cells back once: it is let in again only when all it may need is there.
    pub(super) preempted: bool,
}

impl Job {
    pub(super) fn new(id: u64, work: Work, tokens: Vec<Token>, prompt: usize, handling: Handling) -> Self {
        Self {
            id,
            work,
            tokens,
            prompt,
            seq: None,
            usage: Usage { prompt_tokens: prompt, ..Usage::default() },
            arrived: Instant::now(),
            began: None,
            answered: None,
            cancelled: false,
            handling,
            recipe: if handling.reuse { Recipe::default() } else { Recipe::of_its_own(id) },
            steering: None,
            turn: Turn::default(),
            waits_for: None,
            is_cut: false,
            preempted: false,
        }
    }

    /// The same job, steered.
    pub(super) fn steered(mut self, steering: Option<Arc<Steering>>) -> Self {
        self.recipe.steered = steering.as_ref().map(|steering| (steering.from(), steering.id()));
        self.steering = steering;
        self
    }

    /// Whether others may take over what it computes.
    pub(super) fn is_private(&self) -> bool {
        self.recipe.base != 0
    }

    /// Tokens that may still be appended to a sequence that ends at `limit` tokens.
    pub(super) fn room(&self, limit: u32) -> usize {
        match &self.work {
            Work::Generate(voice) => {
                let left = voice.max_tokens.saturating_sub(voice.generated);
                left.min((limit as usize).saturating_sub(self.tokens.len()))
            }
            Work::Options(_) | Work::Continuation { .. } | Work::Outputs { .. } => 0,
        }
    }

    /// The longest prefix that can be taken over: all whose logits are not wanted. The logits after the prompt's last
    /// token may be known already (`speaks`), and then that token can be taken over too.
    pub(super) fn shareable(&self, speaks: bool) -> usize {
        match &self.work {
            // A voice that goes on after forced tokens, or after it gave its cells back.
            Work::Generate(_) if self.tokens.len() > self.prompt => self.tokens.len() - 1,
            Work::Continuation { logprobs, .. } if !logprobs.is_empty() => self.prompt - 1,
            // What the layers put out is known only while the token is computed.
            Work::Outputs { .. } => self.prompt.saturating_sub(1),
            _ if speaks => self.prompt,
            _ => self.prompt.saturating_sub(1),
        }
    }

    /// How many of its tokens are computed, from the first on: all but the last of a continuation, which predicts nothing
    /// that was asked for.
    pub(super) fn computed(&self) -> usize {
        self.tokens.len() - usize::from(matches!(self.work, Work::Continuation { .. }))
    }

    /// Whether the logits after token `index` are wanted.
    pub(super) fn wants_output(&self, index: usize) -> bool {
        match &self.work {
            Work::Generate(_) | Work::Options(_) | Work::Outputs { .. } => index + 1 == self.tokens.len(),
            Work::Continuation { .. } => index + 1 >= self.prompt,
        }
    }

    /// Whether what the layers put out at its last token is wanted.
    pub(super) fn is_watched(&self) -> bool {
        matches!(self.work, Work::Outputs { .. })
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
