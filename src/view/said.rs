//! What a voice said, line by line: one line about its thinking, the thinking itself where it is unfolded, the answer.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::palette::Palette;
use super::widgets::thousands;
use crate::app::model::LiveVoice;
use crate::config::Role;
use crate::text::pad_to;

/// Cells before the text of a voice.
const INDENT: usize = 2;

/// A voice's lines.
pub(super) struct Said<'a> {
    voice: &'a LiveVoice,
    /// Absent where it has thought nothing.
    about: Option<String>,
    is_unfolded: bool,
    /// Whether its answer is shown here.
    has_answer: bool,
    /// The bar at its side, its colour, and the style of what was thought.
    bar: &'static str,
    style: Style,
    dim: Style,
}

impl<'a> Said<'a> {
    /// All of it; `style` is the colour of its bar.
    pub(super) fn new(voice: &'a LiveVoice, is_unfolded: bool, style: Style, palette: &Palette) -> Self {
        let about = about(voice, is_unfolded, palette);
        let (bar, dim) = (palette.sign("▌", "|"), palette.style(Role::Secondary));
        let is_unfolded = is_unfolded && about.is_some();
        // While it thinks there is no answer, and no empty line in its place.
        let has_answer = !(about.is_some() && voice.text.text().is_empty());
        Self { voice, about, is_unfolded, has_answer, bar, style, dim }
    }

    /// The thinking alone, for voices whose answer stands elsewhere.
    pub(super) fn thinking(voice: &'a LiveVoice, palette: &Palette) -> Self {
        Self { has_answer: false, ..Self::new(voice, true, palette.style(Role::Border), palette) }
    }

    /// Lines at `width`.
    pub(super) fn line_count(&self, width: usize) -> usize {
        let width = text_width(width);
        usize::from(self.about.is_some()) + self.thought(width) + self.answered(width)
    }

    fn thought(&self, width: usize) -> usize {
        if self.is_unfolded { self.voice.thinking.line_count(width) } else { 0 }
    }

    fn answered(&self, width: usize) -> usize {
        if self.has_answer { self.voice.text.line_count(width) } else { 0 }
    }

    /// Hands the lines in `range` to `f`, with their place.
    pub(super) fn for_each_line(&self, width: usize, range: Range<usize>, mut f: impl FnMut(usize, &Line<'_>)) {
        let cells = text_width(width);
        let line = |text: &str, style| -> Line<'static> {
            Line::from(vec![Span::styled(self.bar, self.style), Span::raw(" "), Span::styled(text.to_owned(), style)])
        };
        let head = usize::from(self.about.is_some());
        if let Some(about) = self.about.as_ref().filter(|_| range.contains(&0)) {
            f(0, &line(pad_to(about, cells).trim_end(), self.dim));
        }
        let answer = head + self.thought(cells);
        let within = |from: usize, to: usize| {
            range.start.clamp(from, to.max(from)) - from..range.end.clamp(from, to.max(from)) - from
        };
        if self.is_unfolded {
            let range = within(head, answer);
            self.voice.thinking.for_each_line(cells, range, |at, text| f(head + at, &line(text, self.dim)));
        }
        if self.has_answer {
            let range = within(answer, answer + self.answered(cells));
            self.voice.text.for_each_line(cells, range, |at, text| f(answer + at, &line(text, Style::default())));
        }
    }
}

fn text_width(width: usize) -> usize {
    width.saturating_sub(INDENT).max(1)
}

/// One line about what a voice thinks or thought, in words.
pub(super) fn about(voice: &LiveVoice, is_unfolded: bool, palette: &Palette) -> Option<String> {
    if voice.thinking_tokens == 0 {
        return None;
    }
    let tokens = thousands(voice.thinking_tokens as u64);
    if voice.is_thinking() {
        return Some(format!("thinking{} {tokens} tokens", palette.sign("…", "...")));
    }
    let sign = if is_unfolded { palette.sign("▾", "v") } else { palette.sign("▸", ">") };
    let answer = if voice.finish.is_some() && voice.text.text().is_empty() { ", no answer" } else { "" };
    Some(format!("{sign} thought {tokens} tokens{answer}"))
}
