//! What can go wrong with an engine, as one sentence each.

use super::protocol::{Refusal, RefusalCode};

/// What can go wrong with an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The process could not be started.
    #[error("the engine `{engine}` could not be started: {cause}; check --engine, or run `parallax doctor`")]
    Start {
        /// As given by `--engine`.
        engine: String,
        /// The system's words.
        cause: String,
    },
    /// The process ended by itself or was killed.
    #[error("the engine died ({how}); what was finished is kept{log}, run again to start a new engine")]
    Died {
        /// Its exit status or signal.
        how: String,
        /// Where its last words are.
        log: String,
    },
    /// It no longer answers.
    #[error(
        "the engine has not answered for {seconds} s and was stopped; what was finished is kept{log}, run again to start a new engine"
    )]
    Hung {
        /// How long.
        seconds: u64,
        /// Where its last words are.
        log: String,
    },
    /// It sent something that is not the protocol.
    #[error(
        "the engine sent a line that is not its protocol ({what}) and was stopped; check that `{engine}` is a Parallax engine"
    )]
    Garbage {
        /// What was wrong with the line.
        what: String,
        /// As given by `--engine`.
        engine: String,
    },
    /// The two sides speak different versions.
    #[error(
        "the engine `{engine}` speaks version {theirs} of the protocol and this program version {ours}; install the same Parallax on both sides"
    )]
    Version {
        /// As given by `--engine`.
        engine: String,
        /// Its version.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// It refused a request.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The request was stopped.
    #[error("stopped")]
    Cancelled,
}

impl EngineError {
    /// Whether the engine is gone, so that every further request will fail too.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Cancelled => false,
            Self::Start { .. }
            | Self::Died { .. }
            | Self::Hung { .. }
            | Self::Garbage { .. }
            | Self::Version { .. } => true,
        }
    }

    /// A refusal made on this side.
    pub fn refused(code: RefusalCode, message: impl Into<String>) -> Self {
        Self::Refused(Refusal { code, message: message.into() })
    }
}
