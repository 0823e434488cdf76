//! One line on stderr, on terminals only, while a run is under way.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::RunEvent;
use crate::text::SafeText;

/// The line.
pub(super) struct Progress {
    bar: ProgressBar,
    label: String,
    /// What each model is called, which panes are its own, and how many of those are done.
    models: Vec<(String, Vec<usize>, usize)>,
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
        Self { bar, label: label.to_owned(), models: Vec::new(), voices: 0, voices_done: 0, tokens: 0 }
    }

    pub(super) fn see(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Started { head, panes } => {
                let of = |is_beside: bool| {
                    (0..panes.len()).filter(|pane| head.model_beside(*pane).is_some() == is_beside).collect()
                };
                self.models = vec![(head.model.name.clone(), of(false), 0)];
                self.models.extend(head.beside.as_ref().map(|beside| (beside.name.clone(), of(true), 0)));
            }
            RunEvent::VoiceStarted { .. } => self.voices += 1,
            RunEvent::VoiceText { tokens, .. } => self.tokens += tokens,
            RunEvent::VoiceDone { .. } => self.voices_done += 1,
            RunEvent::PaneDone { pane, .. } => {
                if let Some((_, _, done)) = self.models.iter_mut().find(|(_, panes, _)| panes.contains(pane)) {
                    *done += 1;
                }
            }
            RunEvent::PaneSoFar { .. } => return,
            RunEvent::Prompt { .. } | RunEvent::Finished { .. } => {}
        }
        self.bar.set_message(format!(
            "{}{}, {} of {} voices, {} tokens",
            self.label,
            self.panes(),
            self.voices_done,
            self.voices,
            self.tokens
        ));
    }

    /// `3 of 8 panes`, or with two models `panes: 2 of 4 of base, 1 of 4 of aligned`.
    fn panes(&self) -> String {
        match &self.models[..] {
            [] => "0 of 0 panes".to_owned(),
            [(_, panes, done)] => format!("{done} of {} panes", panes.len()),
            models => {
                let of = |(name, panes, done): &(String, Vec<usize>, usize)| {
                    format!("{done} of {} of {}", panes.len(), SafeText::line(name))
                };
                format!("panes: {}", models.iter().map(of).collect::<Vec<_>>().join(", "))
            }
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
