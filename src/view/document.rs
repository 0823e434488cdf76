//! A column as one long text: every pane with its picture, its voices and what is to be said about it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::column::pane_line;
use super::palette::Palette;
use super::said::{self, Said};
use super::widgets::{put, wrapped};
use super::{panes, population};
use crate::app::model::{LivePane, LiveRun, LiveVoice, Model};
use crate::config::Role;
use crate::domain::{Finish, Mode};
use crate::text::{SafeText, pad_to};

/// Parts of a column, one below the other.
pub(super) struct Document<'a> {
    parts: Vec<Part<'a>>,
    width: usize,
}

enum Part<'a> {
    Lines(Vec<Line<'static>>),
    Voice(Said<'a>),
}

impl<'a> Document<'a> {
    /// The column of `mode`.
    pub(super) fn new(model: &'a Model, run: &'a LiveRun, mode: Mode, width: usize, palette: &Palette) -> Self {
        let mut document = Self { parts: Vec::new(), width };
        if mode == Mode::Distribution {
            document.distributions(model, run, palette);
            return document;
        }
        for pane in run.column(mode) {
            if !document.parts.is_empty() {
                document.parts.push(Part::Lines(vec![Line::default()]));
            }
            document.pane(model, run, pane, palette);
        }
        document
    }

    /// What is drawn of the distributions; below the bars of a pane its answers.
    fn distributions(&mut self, model: &'a Model, run: &'a LiveRun, palette: &Palette) {
        let heading = |pane: &LivePane| heading(model, pane, self.width, palette);
        for block in population::blocks(model, run, self.width, palette, &heading) {
            self.parts.push(Part::Lines(block.lines));
            if let Some(pane) = block.pane {
                self.samples(model, run, pane, palette);
            }
        }
    }

    fn pane(&mut self, model: &'a Model, run: &'a LiveRun, pane: &'a LivePane, palette: &Palette) {
        let width = self.width;
        let mut lines = heading(model, pane, width, palette);
        if let Some(note) = pane.picture.as_deref().and_then(|picture| picture.note.as_ref()) {
            lines.extend(wrapped(note, width, palette.style(Role::Secondary)));
        }
        lines.extend(picture(model, run, pane, width, palette));
        self.parts.push(Part::Lines(lines));
        for voice in &pane.voices {
            // One voice alone needs no name.
            if pane.voices.len() > 1 || voice.persona.is_some() {
                self.parts.push(Part::Lines(vec![voice_line(model, run, voice, false, width, palette)]));
            }
            let is_unfolded = model.look.is_unfolded(pane.mode);
            self.parts.push(Part::Voice(Said::new(voice, is_unfolded, voice_style(run, voice, palette), palette)));
        }
    }

    /// Samples are many and short: one line each, what they chose first. Their thinking is shown only where it is
    /// unfolded.
    fn samples(&mut self, model: &Model, run: &LiveRun, pane: &'a LivePane, palette: &Palette) {
        let width = self.width;
        for voice in &pane.voices {
            let chosen = match (&voice.option, &voice.stance, voice.finish) {
                (Some(option), _, _) => option_label(run, option),
                (None, Some(stance), _) => stance.clone(),
                (None, None, Some(_)) => "no option".to_owned(),
                (None, None, None) => "…".to_owned(),
            };
            let cells = (width / 3).clamp(6, 24);
            let answer = voice.text.text().replace('\n', " ");
            let about = said::about(voice, model.look.is_unfolded(pane.mode), palette).filter(|_| answer.is_empty());
            let said = about.unwrap_or(answer);
            let said = pad_to(&said, width.saturating_sub(cells + 1));
            self.parts.push(Part::Lines(vec![Line::from(vec![
                Span::styled(pad_to(&chosen, cells), palette.style(Role::Accent)),
                Span::styled(format!(" {}", said.trim_end()), palette.style(Role::Secondary)),
            ])]));
            if model.look.is_unfolded(pane.mode) && voice.thinking_tokens > 0 {
                self.parts.push(Part::Voice(Said::thinking(voice, palette)));
            }
        }
    }

    fn rows(&self, part: &Part<'_>) -> usize {
        match part {
            Part::Lines(lines) => lines.len(),
            Part::Voice(said) => said.line_count(self.width),
        }
    }

    /// Lines of the whole text.
    pub(super) fn line_count(&self) -> usize {
        self.parts.iter().map(|part| self.rows(part)).sum()
    }

    /// Draws the text from its line `top` on.
    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, top: usize) {
        let end = top + usize::from(area.height);
        let mut at = 0;
        for part in &self.parts {
            let rows = self.rows(part);
            let from = top.saturating_sub(at).min(rows);
            let to = end.saturating_sub(at).min(rows);
            if from < to {
                match part {
                    Part::Lines(lines) => {
                        for (offset, line) in lines.iter().enumerate().take(to).skip(from) {
                            put(buffer, area, at + offset - top, line);
                        }
                    }
                    Part::Voice(said) => said.for_each_line(self.width, from..to, |offset, line| {
                        put(buffer, area, at + offset - top, line);
                    }),
                }
            }
            at += rows;
            if at >= end {
                break;
            }
        }
    }
}

/// The name of a pane, and why it failed.
fn heading(model: &Model, pane: &LivePane, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let mut lines = vec![pane_line(model, pane, width, palette)];
    let error = pane.picture.as_deref().and_then(|picture| picture.error.as_ref());
    // What stands in the banner need not stand in every pane.
    if let Some(error) = error.filter(|error| Some(error.as_str()) != model.engine.trouble()) {
        lines.extend(wrapped(error, width, palette.style(Role::Bad)));
    }
    lines
}

/// The shifts of a steered pane, as far as they are known.
pub(super) fn picture(
    model: &Model,
    run: &LiveRun,
    pane: &LivePane,
    width: usize,
    palette: &Palette,
) -> Vec<Line<'static>> {
    let Some(picture) = pane.picture.as_deref().filter(|_| pane.mode == Mode::Steered) else { return Vec::new() };
    panes::shifts(picture, &run.spec.question, &|id| model.persona_label(id), width, palette)
}

/// The hue of the persona that speaks; the model's own voice has none.
pub(super) fn voice_style(run: &LiveRun, voice: &LiveVoice, palette: &Palette) -> ratatui::style::Style {
    let place = voice.persona.as_ref().and_then(|id| run.spec.personas.iter().position(|persona| persona.id == *id));
    place.map_or_else(|| palette.style(Role::Border), |place| palette.persona(place))
}

/// Who speaks, how much was said, and why it ended.
pub(super) fn voice_line(
    model: &Model,
    run: &LiveRun,
    voice: &LiveVoice,
    is_alone: bool,
    width: usize,
    palette: &Palette,
) -> Line<'static> {
    let who = match &voice.persona {
        Some(id) => model.persona_label(id),
        None if is_alone => "The model".to_owned(),
        None => "All voices together".to_owned(),
    };
    let mut facts = Vec::new();
    if let Some(option) = &voice.option {
        facts.push(format!("{} {}", palette.sign("→", "->"), option_label(run, option)));
    }
    if let Some(stance) = &voice.stance {
        facts.push(stance.clone());
    }
    facts.push(format!("{} tok", voice.tokens));
    match voice.finish {
        None | Some(Finish::Stop) => {}
        Some(Finish::Length) => facts.push("cut at the limit".to_owned()),
        Some(Finish::Context) => facts.push("cut: context full".to_owned()),
        Some(Finish::Time) => facts.push("cut: time over".to_owned()),
        Some(Finish::Cancelled) => facts.push("stopped".to_owned()),
        Some(Finish::Error) => facts.push("broken off".to_owned()),
    }
    let who = SafeText::line(&who).to_string();
    let facts = SafeText::line(&facts.join(" · ")).to_string();
    let room = width.saturating_sub(3);
    let name_cells = crate::text::width(&who).min(room.saturating_sub(crate::text::width(&facts)).max(room / 2));
    let rest = room.saturating_sub(name_cells);
    Line::from(vec![
        Span::styled(palette.sign("▌", "|"), voice_style(run, voice, palette)),
        Span::styled(pad_to(&who, name_cells), palette.style(Role::Heading)),
        Span::styled(format!("  {}", pad_to(&facts, rest).trim_end()), palette.style(Role::Secondary)),
    ])
}

fn option_label(run: &LiveRun, id: &str) -> String {
    let option = run.spec.question.options.iter().find(|option| option.id == id);
    SafeText::line(option.map_or(id, |option| option.label.as_str())).to_string()
}
