//! [`Watch`]: how long work on models says what it does, and hears that it should stop.

use std::sync::atomic::{AtomicBool, Ordering};

use super::ModelError;

/// What a pull is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A new stage begins; progress counts from zero again.
    Stage(String),
    /// Bytes of this stage so far, and how many it has if that is known.
    Bytes {
        /// So far.
        done: u64,
        /// In the end.
        total: Option<u64>,
    },
    /// Something worth a line: a source failed, a transfer is tried again.
    Note(String),
}

/// Where reports go, and whether to stop.
pub struct Watch<'a> {
    cancelled: Option<&'a AtomicBool>,
    report: Box<dyn FnMut(Report) + 'a>,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("cancelled", &self.cancelled).finish_non_exhaustive()
    }
}

impl<'a> Watch<'a> {
    /// Reports to `report`; stops soon after `cancelled` becomes true.
    pub fn new(cancelled: &'a AtomicBool, report: impl FnMut(Report) + 'a) -> Self {
        Self { cancelled: Some(cancelled), report: Box::new(report) }
    }

    /// Reports nothing and never stops.
    pub fn silent() -> Self {
        Self { cancelled: None, report: Box::new(|_| {}) }
    }

    /// Fails when the work should stop.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        match self.cancelled {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(ModelError::Interrupted),
            _ => Ok(()),
        }
    }

    pub(crate) fn stage(&mut self, text: impl Into<String>) {
        (self.report)(Report::Stage(text.into()));
    }

    pub(crate) fn bytes(&mut self, done: u64, total: Option<u64>) {
        (self.report)(Report::Bytes { done, total });
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        (self.report)(Report::Note(text.into()));
    }
}
