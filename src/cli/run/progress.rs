//! How far a run is, or many of them: on stderr, so that the data stays clean.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::RunEvent;
use crate::survey::{Progress as Count, time_in_words};
use crate::text::SafeText;

/// How often something is said where there is no terminal.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// How far it is.
pub(super) enum Progress {
    /// One question: panes, voices, tokens.
    One(One),
    /// Several questions.
    Many(Many),
}

impl Progress {
    /// Of so many questions.
    pub(super) fn new(is_quiet: bool, questions: usize) -> Self {
        if questions == 1 { Self::One(One::new(is_quiet)) } else { Self::Many(Many::new(is_quiet, questions)) }
    }

    /// Something happened at the question `id`.
    pub(super) fn see(&mut self, id: &str, event: &RunEvent) {
        match self {
            Self::One(one) => one.see(event),
            Self::Many(many) => many.see(id, event),
        }
    }

    /// A question is answered, `from_store` where it was before.
    pub(super) fn answered(&mut self, from_store: bool) {
        if let Self::Many(many) = self {
            many.answered(from_store);
        }
    }

    pub(super) fn finish(&self) {
        match self {
            Self::One(one) => one.bar.finish_and_clear(),
            Self::Many(many) => many.bar.finish_and_clear(),
        }
    }

    /// Lets something else be written to the terminal.
    pub(super) fn aside(&self, write: impl FnOnce() -> crate::cli::Outcome) -> crate::cli::Outcome {
        match self {
            Self::One(one) => one.bar.suspend(write),
            Self::Many(many) => many.bar.suspend(write),
        }
    }
}

/// One line while a run is under way; indicatif draws on terminals only.
pub(super) struct One {
    bar: ProgressBar,
    /// What each model is called, which panes are its own, and how many of those are done.
    models: Vec<(String, Vec<usize>, usize)>,
    voices: usize,
    voices_done: usize,
    tokens: usize,
}

impl One {
    fn new(is_quiet: bool) -> Self {
        let bar = if is_quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, models: Vec::new(), voices: 0, voices_done: 0, tokens: 0 }
    }

    fn see(&mut self, event: &RunEvent) {
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
            "{}, {} of {} voices, {} tokens",
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
}

/// A bar on a terminal, a line now and then elsewhere.
pub(super) struct Many {
    bar: ProgressBar,
    says_lines: bool,
    count: Count,
    /// Tokens that the engine computed, read and written.
    tokens: u64,
    began: Instant,
    said: Instant,
    /// The questions under way.
    current: Vec<String>,
}

impl Many {
    fn new(is_quiet: bool, total: usize) -> Self {
        let bar = if is_quiet { ProgressBar::hidden() } else { ProgressBar::new(total as u64) };
        let style = ProgressStyle::with_template("{wide_bar:.dim} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        let now = Instant::now();
        Self {
            bar,
            says_lines: !is_quiet && !std::io::stderr().is_terminal(),
            count: Count { total, ..Count::default() },
            tokens: 0,
            began: now,
            said: now,
            current: Vec::new(),
        }
    }

    fn see(&mut self, id: &str, event: &RunEvent) {
        match event {
            RunEvent::Started { .. } => self.current.push(id.to_owned()),
            RunEvent::VoiceText { tokens, .. } => self.tokens += *tokens as u64,
            RunEvent::Finished { timing } => {
                self.tokens += timing.computed_prompt_tokens.unwrap_or(0);
                self.current.retain(|known| known != id);
            }
            RunEvent::PaneDone { .. } => {}
            _ => return,
        }
        self.say();
    }

    fn answered(&mut self, from_store: bool) {
        self.count.done += 1;
        self.count.stored += usize::from(from_store);
        self.bar.set_position(self.count.done as u64);
        self.say();
    }

    fn say(&mut self) {
        // The one that was begun first is the one that the next result waits for.
        let line = line(self.count, self.tokens, self.began.elapsed(), self.current.first().map(String::as_str));
        if self.says_lines && self.said.elapsed() >= NOW_AND_THEN {
            self.said = Instant::now();
            eprintln!("parallax: {}", SafeText::line(&line));
        }
        self.bar.set_message(SafeText::line(&line).to_string());
    }
}

fn line(count: Count, tokens: u64, elapsed: Duration, current: Option<&str>) -> String {
    let mut parts = vec![count.in_words()];
    parts.extend(count.left(elapsed).map(|left| format!("about {} left", time_in_words(left))));
    if tokens > 0 && elapsed.as_secs_f64() > 0.0 {
        parts.push(format!("{:.0} tokens/s", tokens as f64 / elapsed.as_secs_f64()));
    }
    parts.extend(current.map(str::to_owned));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_and_how_long_it_will_take() {
        let count = Count { total: 40, done: 12, stored: 10 };
        assert_eq!(
            line(count, 600, Duration::from_secs(6), Some("police-trust")),
            "12 of 40 questions, 10 of them stored before, about 1 min 24 s left, 100 tokens/s, police-trust"
        );
    }
}
