//! Shows what a pull does on stderr: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::format::safe;
use crate::models::Report;

const KNOWN: &str = "{msg} {wide_bar:.dim} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
const UNKNOWN: &str = "{msg} {spinner} {decimal_bytes} {decimal_bytes_per_sec}";

/// Draws reports.
pub(super) struct Progress {
    quiet: bool,
    terminal: bool,
    bar: Option<ProgressBar>,
    stage: String,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), bar: None, stage: String::new() }
    }

    /// Shows one report.
    pub(super) fn show(&mut self, report: Report) {
        if self.quiet {
            return;
        }
        match report {
            Report::Note(text) => self.line(&text),
            Report::Stage(text) => {
                self.clear();
                self.stage = safe(&text);
            }
            Report::Bytes { done, total } if self.terminal => self.draw(done, total),
            Report::Bytes { .. } => {}
        }
    }

    /// Removes the bar.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        let text = safe(text);
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    fn draw(&mut self, done: u64, total: Option<u64>) {
        let stage = &self.stage;
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template(if total.is_some() { KNOWN } else { UNKNOWN });
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.set_message(stage.clone());
            // What an earlier attempt left must not count as speed.
            bar.set_position(done);
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        bar.set_position(done);
    }
}
