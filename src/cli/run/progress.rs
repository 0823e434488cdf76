//! One line on stderr, on terminals only, while a run is under way.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::RunEvent;

/// The line.
pub(super) struct Progress {
    bar: ProgressBar,
    label: String,
    panes: usize,
    panes_done: usize,
    voices: usize,
    voices_done: usize,
    tokens: usize,
}

impl Progress {
    pub(super) fn new(is_quiet: bool, label: &str) -> Self {
        // indicatif draws on terminals only.
        let bar = if is_quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, label: label.to_owned(), panes: 0, panes_done: 0, voices: 0, voices_done: 0, tokens: 0 }
    }

    pub(super) fn see(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Started { panes, .. } => self.panes = panes.len(),
            RunEvent::VoiceStarted { .. } => self.voices += 1,
            RunEvent::VoiceText { tokens, .. } => self.tokens += tokens,
            RunEvent::VoiceDone { .. } => self.voices_done += 1,
            RunEvent::PaneDone { .. } => self.panes_done += 1,
            RunEvent::PaneSoFar { .. } => return,
            RunEvent::Prompt { .. } | RunEvent::Finished { .. } => {}
        }
        self.bar.set_message(format!(
            "{}{} of {} panes, {} of {} voices, {} tokens",
            self.label, self.panes_done, self.panes, self.voices_done, self.voices, self.tokens
        ));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
