//! How far a run is, or many of them: on stderr, so that the data stays clean.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::RunEvent;
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
    began: Instant,
    said: Instant,
    /// The questions under way.
    current: Vec<String>,
}

/// What a line of progress is made of.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    total: usize,
    done: usize,
    /// Those of them that were in the store.
    stored: usize,
    /// Tokens that the engine computed, read and written.
    tokens: u64,
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
            began: now,
            said: now,
            current: Vec::new(),
        }
    }

    fn see(&mut self, id: &str, event: &RunEvent) {
        match event {
            RunEvent::Started { .. } => self.current.push(id.to_owned()),
            RunEvent::VoiceText { tokens, .. } => self.count.tokens += *tokens as u64,
            RunEvent::Finished { timing } => {
                self.count.tokens += timing.computed_prompt_tokens.unwrap_or(0);
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
        let line = line(self.count, self.began.elapsed(), self.current.first().map(String::as_str));
        if self.says_lines && self.said.elapsed() >= NOW_AND_THEN {
            self.said = Instant::now();
            eprintln!("parallax: {}", SafeText::line(&line));
        }
        self.bar.set_message(SafeText::line(&line).to_string());
    }
}

fn line(count: Count, elapsed: Duration, current: Option<&str>) -> String {
    let mut parts = vec![match count.stored {
        0 => format!("{} of {} questions", count.done, count.total),
        stored => format!("{} of {} questions, {stored} of them stored before", count.done, count.total),
    }];
    parts.extend(left(count, elapsed).map(|left| format!("about {} left", in_words(left))));
    if count.tokens > 0 && elapsed.as_secs_f64() > 0.0 {
        parts.push(format!("{:.0} tokens/s", count.tokens as f64 / elapsed.as_secs_f64()));
    }
    parts.extend(current.map(str::to_owned));
    parts.join(", ")
}

/// The time that the questions left will take, if they take as long as those that were asked.
fn left(count: Count, elapsed: Duration) -> Option<Duration> {
    let asked = count.done.checked_sub(count.stored).filter(|asked| *asked > 0)?;
    let each = elapsed.as_secs_f64() / asked as f64;
    Duration::try_from_secs_f64(each * count.total.saturating_sub(count.done) as f64).ok()
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_questions_asked_and_not_of_those_in_the_store() {
        let count = Count { total: 40, done: 12, stored: 10, tokens: 600 };
        let line = line(count, Duration::from_secs(6), Some("police-trust"));
        assert_eq!(
            line,
            "12 of 40 questions, 10 of them stored before, about 1 min 24 s left, 100 tokens/s, police-trust"
        );
        assert_eq!(left(Count { total: 4, done: 2, stored: 2, tokens: 0 }, Duration::from_secs(1)), None);
        assert_eq!(in_words(Duration::from_secs(7_384)), "2 h 3 min");
    }
}
