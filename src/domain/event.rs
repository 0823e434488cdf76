//! What happens in a run, as it happens. The screen, the record and the store all read this one stream.

use super::{Mode, Pane, RunHead, Timing, Voice};

/// One thing that happened. Panes are named by their place in the request.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// The engine is ready and the run begins.
    Started {
        /// What is asked, of which model.
        head: Box<RunHead>,
        /// Mode and method of every pane.
        panes: Vec<(Mode, String)>,
    },
    /// A prompt was sent.
    Prompt {
        /// The pane that asked.
        pane: usize,
        /// The exact prompt.
        prompt: PromptSent,
    },
    /// A voice begins.
    VoiceStarted {
        /// The pane it belongs to.
        pane: usize,
        /// Its id.
        voice: String,
        /// Whom it speaks as.
        persona: Option<String>,
    },
    /// A voice goes on.
    VoiceText {
        /// The pane it belongs to.
        pane: usize,
        /// Its id.
        voice: String,
        /// What was added; empty only for thinking, whose tokens are counted though their text is held back.
        delta: String,
        /// Tokens it took: those before it whose text was held back, because a character or a stop string was not whole,
        /// are counted here. 0 for text that was held back to the end.
        tokens: usize,
        /// Sum of the natural logarithms of those tokens' probabilities, of the full softmax at temperature 1; absent
        /// for 0 tokens.
        logprob: Option<f64>,
        /// Whether it is thinking and no part of the answer.
        thinking: bool,
    },
    /// A voice ended.
    VoiceDone {
        /// The pane it belongs to.
        pane: usize,
        /// All of it.
        voice: Box<Voice>,
    },
    /// A pane that is still being made, as far as its numbers are known; each replaces the one before. For the screen
    /// alone: it is no part of the record, and is not stored.
    PaneSoFar {
        /// Its place in the request.
        pane: usize,
        /// The numbers of what has come in, without voices, intervals of distances or noise floors. Its `status` says
        /// nothing: that the pane goes on is said by this event.
        result: Box<Pane>,
    },
    /// A pane ended, well or not.
    PaneDone {
        /// Its place in the request.
        pane: usize,
        /// All of it.
        result: Box<Pane>,
    },
    /// All panes ended.
    Finished {
        /// How long it took and what it cost.
        timing: Timing,
    },
}

/// A prompt exactly as the model read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSent {
    /// What it was for: a voice id, or the scoring it served.
    pub purpose: String,
    /// After the chat template, with control tokens as text.
    pub text: String,
    /// Its length.
    pub tokens: usize,
}
