//! What is to be asked, of whom, how: the column at the left, or a tab of its own.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::palette::Palette;
use super::root::name;
use super::status::called;
use super::widgets::{plain, put, seconds, thousands, wrapped};
use crate::app::model::Model;
use crate::app::model::engine::Phase;
use crate::app::model::look::ColumnLayout;
use crate::config::Role;
use crate::domain::{Mode, Question, Role as OptionRole};
use crate::text::{SafeText, pad_to};

/// Rows of a question's text before it is cut.
const LONGEST_QUESTION: usize = 9;

/// Draws the setup from its line `top` on.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model, palette: &Palette, top: usize) -> ColumnLayout {
    let rows = usize::from(area.height);
    let mut lines = lines(model, usize::from(area.width), palette, LONGEST_QUESTION);
    // What a run costs is to be seen before Enter: the question gives way first, then the air between the parts.
    if lines.len() > rows && !model.has_tabs() {
        let over = lines.len() - rows;
        lines = self::lines(model, usize::from(area.width), palette, LONGEST_QUESTION.saturating_sub(over).max(3));
        while lines.len() > rows
            && let Some(air) = lines.iter().position(|line| line.width() == 0)
        {
            lines.remove(air);
        }
    }
    let layout = ColumnLayout { rows, lines: lines.len() };
    for (row, line) in lines.iter().skip(top.min(layout.last_top())).take(rows).enumerate() {
        put(buffer, area, row, line);
    }
    layout
}

fn lines(model: &Model, width: usize, palette: &Palette, longest_question: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    question(model, width, palette, longest_question, &mut lines);
    personas(model, width, palette, &mut lines);
    methods_on(model, width, palette, &mut lines);
    engine(model, width, palette, &mut lines);
    settings(model, width, palette, &mut lines);
    cost(model, width, palette, &mut lines);
    lines
}

/// A heading with its key at the right end.
fn heading(text: &str, key: &str, width: usize, palette: &Palette, lines: &mut Vec<Line<'static>>) {
    if !lines.is_empty() {
        lines.push(Line::default());
    }
    let room = width.saturating_sub(key.chars().count() + 1);
    lines.push(Line::from(vec![
        Span::styled(pad_to(text, room), palette.style(Role::Heading)),
        Span::raw(" "),
        Span::styled(key.to_owned(), palette.style(Role::Key)),
    ]));
}

fn question(model: &Model, width: usize, palette: &Palette, longest: usize, lines: &mut Vec<Line<'static>>) {
    heading("Question", "/ a", width, palette, lines);
    let Some(question) = &model.setup.question else {
        let text = if model.library.is_some() { "none: / chooses, a asks your own" } else { "reading the packs…" };
        lines.extend(wrapped(text, width, palette.style(Role::Secondary)));
        return;
    };
    let mut text = wrapped(&question.text, width, palette.style(Role::Text));
    if text.len() > longest {
        text.truncate(longest.saturating_sub(1));
        text.push(plain("…", palette.style(Role::Secondary)));
    }
    lines.extend(text);
    for option in &question.options {
        let (mark, role) = match option.role {
            OptionRole::Substantive => (palette.sign("◦", "-"), Role::Text),
            _ => (palette.sign("·", "."), Role::Secondary),
        };
        let label = pad_to(SafeText::line(&option.label).as_str(), width.saturating_sub(2));
        lines.push(plain(&format!("{mark} {}", label.trim_end()), palette.style(role)));
    }
    let from =
        if question.pack.is_empty() { "your own".to_owned() } else { format!("{} {}", question.pack, question.id) };
    lines.push(plain(&pad_to(&from, width), palette.style(Role::Secondary)));
    compared(model, question, width, palette, lines);
}

fn compared(model: &Model, question: &Question, width: usize, palette: &Palette, lines: &mut Vec<Line<'static>>) {
    let chosen: Vec<&str> = if model.setup.populations.is_empty() {
        question.references.first().map(|reference| reference.population.as_str()).into_iter().collect()
    } else {
        model.setup.populations.iter().map(String::as_str).collect()
    };
    let style = palette.style(Role::Reference);
    if chosen.is_empty() {
        lines.extend(wrapped("no people's answers to compare with", width, palette.style(Role::Secondary)));
        return;
    }
    let labels: Vec<&str> =
        chosen.iter().map(|id| question.population(id).map_or(*id, |population| population.label.as_str())).collect();
    let others = question.references.len().saturating_sub(chosen.len());
    let more = if others > 0 { format!(" (g: {others} more)") } else { String::new() };
    lines.extend(wrapped(&format!("beside {}{more}", labels.join(", ")), width, style));
}

fn personas(model: &Model, width: usize, palette: &Palette, lines: &mut Vec<Line<'static>>) {
    heading("Personas", "p w", width, palette, lines);
    if model.setup.personas.is_empty() {
        lines.extend(wrapped("none: p chooses, w writes one", width, palette.style(Role::Secondary)));
    }
    for (place, id) in model.setup.personas.iter().enumerate() {
        let label = SafeText::line(&model.persona_label(id)).to_string();
        lines.push(Line::from(vec![
            Span::styled(palette.sign("▌", "|"), palette.persona(place)),
            Span::styled(pad_to(&label, width.saturating_sub(1)).trim_end().to_owned(), palette.style(Role::Text)),
        ]));
    }
}

fn methods_on(model: &Model, width: usize, palette: &Palette, lines: &mut Vec<Line<'static>>) {
    heading("Modes and methods", "m", width, palette, lines);
    for mode in Mode::ALL {
        let methods: Vec<&str> = model.setup.methods(mode).collect();
        let (text, role) =
            if methods.is_empty() { ("off".to_owned(), Role::Secondary) } else { (methods.join(", "), Role::Text) };
        let label = format!("{:<13}", name(mode));
        let mut rows = wrapped(&text, width.saturating_sub(label.len()), palette.style(role)).into_iter();
        let mut spans = vec![Span::styled(label.clone(), palette.style(Role::Secondary))];
        spans.extend(rows.next().map(|line| line.spans).unwrap_or_default());
        lines.push(Line::from(spans));
        for row in rows {
            let mut spans = vec![Span::raw(" ".repeat(label.len()))];
            spans.extend(row.spans);
            lines.push(Line::from(spans));
        }
    }
}

fn engine(model: &Model, width: usize, palette: &Palette, lines: &mut Vec<Line<'static>>) {
    heading("Model", "l L", width, palette, lines);
    match &model.engine.phase {
        Phase::Ready(ready) => {
            lines.extend(wrapped(
                &called(&ready.loaded.name, &ready.loaded.quantisation),
                width,
                palette.style(Role::Text),
            ));
            if let Some(beside) = &model.engine.beside_loaded {
                let text = format!("beside it {}", called(&beside.name, &beside.quantisation));
                lines.extend(wrapped(&text, width, palette.style(Role::Text)));
            }
            let class = format!("{} profile, {}", ready.loaded.profile, ready.class());
            lines.extend(wrapped(&class, width, palette.style(Role::Secondary)));
        }
        Phase::Opening(_) => lines.push(plain("loading…", palette.style(Role::Accent))),
        Phase::Trouble(_) => lines.push(plain("none that works", palette.style(Role::Bad))),
        Phase::Off => lines.push(plain("none", palette.style(Role::Secondary))),
    }
}

fn settings(model: &Model, width: usize, palette: &Palette, lines: &mut Vec<Line<'static>>) {
    heading("Settings", "s", width, palette, lines);
    let setup = &model.setup;
    let mut text = format!(
        "seed {}, at most {} tokens a voice, {} samples, ",
        setup.seed,
        thousands(setup.max_tokens as u64),
        thousands(setup.samples as u64)
    );
    let _ = match (setup.temperature, setup.top_p) {
        (None, None) => write!(text, "each method's own temperature and top-p"),
        (Some(temperature), None) => write!(text, "temperature {temperature}, each method's own top-p"),
        (None, Some(top_p)) => write!(text, "each method's own temperature, top-p {top_p}"),
        (Some(temperature), Some(top_p)) => write!(text, "temperature {temperature}, top-p {top_p}"),
    };
    lines.extend(wrapped(&text, width, palette.style(Role::Text)));
}

fn cost(model: &Model, width: usize, palette: &Palette, lines: &mut Vec<Line<'static>>) {
    let Some(cost) = model.expected else { return };
    heading("This run", "Enter", width, palette, lines);
    let mut text = format!(
        "{} prompts, about {} tokens to read, at most {} to write",
        thousands(cost.prompts as u64),
        thousands(cost.prompt_tokens as u64),
        thousands(cost.most_tokens as u64)
    );
    let name = model.engine.ready().map(|ready| ready.loaded.name.as_str());
    match model.speed.as_ref().filter(|speed| Some(speed.model.as_str()) == name) {
        Some(speed) if speed.tokens_per_second > 0.0 => {
            let most = cost.most_tokens as f64 / speed.tokens_per_second;
            let _ = write!(text, ", so up to {} at the last run's speed", seconds(most));
        }
        _ => text.push_str("; the time is known after this model's first run"),
    }
    lines.extend(wrapped(&text, width, palette.style(Role::Text)));
}
