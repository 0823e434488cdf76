//! Pages to read: prompts, tokens, keys. And copies of what is read.

use std::fmt::Write as _;

use crate::app::action::{ACTIONS, Place};
use crate::app::effect::Effect;
use crate::app::model::reader::{Content, Page};
use crate::app::model::{LivePane, Model, Overlay, Reader};
use crate::domain::TokenSaid;
use crate::text::SafeText;

/// Opens the exact prompts of the column that is looked at.
pub(super) fn open_prompts(model: &mut Model) {
    let Some(run) = &model.run else { return };
    let mode = model.look.mode;
    let pages = run.column(mode).flat_map(|pane| {
        pane.prompts.iter().map(|prompt| {
            let voice = pane.voices.iter().find(|voice| voice.id == prompt.purpose);
            let persona = voice.and_then(|voice| voice.persona.as_deref());
            let whom = persona.map_or_else(|| prompt.purpose.clone(), |id| model.persona_label(id));
            Page {
                title: format!("{} · {whom} · {} tokens", pane.method, prompt.tokens),
                content: Content::Verbatim(SafeText::new(&prompt.text)),
            }
        })
    });
    match Reader::new("Exact prompt", pages.collect()) {
        Some(reader) => model.overlay = Some(Overlay::Reader(reader)),
        None => model.say("no prompt of this column was sent yet"),
    }
}

/// Opens the tokens of the voices of the column that is looked at, as far as they ended.
pub(super) fn open_tokens(model: &mut Model) {
    let Some(run) = &model.run else { return };
    let voices = run.column(model.look.mode).flat_map(|pane| pane.voices.iter().map(move |voice| (pane, voice)));
    let pages = voices.filter(|(_, voice)| !voice.said.is_empty()).map(|(pane, voice)| {
        let whom = voice.persona.as_deref().map_or_else(|| voice.id.clone(), |id| model.persona_label(id));
        Page {
            title: format!("{} · {whom} · {} tokens", pane.method, voice.said.len()),
            content: Content::Tokens(voice.said.clone()),
        }
    });
    match Reader::new("Token by token", pages.collect()) {
        Some(reader) => model.overlay = Some(Overlay::Reader(reader)),
        None => model.say("no voice of this column has ended yet"),
    }
}

/// Opens all keys.
pub(super) fn open_help(model: &mut Model) {
    let parts = [
        (Place::Workbench, "At the workbench"),
        (Place::Survey, "In the survey"),
        (Place::Anywhere, "Anywhere"),
        (Place::Picker, "In a list"),
        (Place::MultiPicker, "In a list with several choices"),
        (Place::Editor, "In a form"),
        (Place::Settings, "In the settings"),
        (Place::Reader, "While reading"),
    ];
    let parts = parts.into_iter().map(|(place, title)| {
        let actions = ACTIONS.iter().filter(|action| action.place == place);
        let keys = actions.map(|action| (action.written().collect::<Vec<_>>().join(", "), action.help));
        (title.to_owned(), keys.collect())
    });
    let page = Page { title: "All keys".to_owned(), content: Content::Keys(parts.collect()) };
    model.overlay = Reader::new("Help", vec![page]).map(Overlay::Reader);
}

/// Copies what is read, else the text of the column.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    if let Some(Overlay::Reader(reader)) = &model.overlay {
        let page = reader.page();
        return page
            .and_then(|page| match &page.content {
                Content::Verbatim(text) => Some(Effect::Copy(text.to_string())),
                Content::Tokens(said) => Some(Effect::Copy(table_of(said))),
                Content::Keys(_) => None,
            })
            .into_iter()
            .collect();
    }
    let Some(run) = &model.run else { return Vec::new() };
    let mut text = format!("{}\n", run.spec.question.text);
    for pane in run.column(model.look.mode) {
        copy_pane(model, pane, &mut text);
    }
    vec![Effect::Copy(text)]
}

/// A line per token, tabs between its columns: text, probability, then the others with theirs.
fn table_of(said: &[TokenSaid]) -> String {
    let mut table = String::new();
    for token in said {
        let _ = write!(table, "{:?}\t{:.4}", token.text, token.p);
        for (text, p) in &token.others {
            let _ = write!(table, "\t{text:?}\t{p:.4}");
        }
        table.push('\n');
    }
    table
}

fn copy_pane(model: &Model, pane: &LivePane, text: &mut String) {
    let _ = writeln!(text, "\n# {}: {}", pane.mode, pane.method);
    for voice in &pane.voices {
        let whom = voice.persona.as_deref().map(|id| model.persona_label(id));
        let _ = writeln!(text, "\n## {}\n{}", whom.as_deref().unwrap_or(&voice.id), voice.text.text());
    }
    let picture = pane.picture.as_deref();
    if let Some((options, p)) = picture.and_then(|picture| Some((picture.options.as_ref()?, picture.p.as_ref()?))) {
        for (option, share) in options.iter().zip(p) {
            let _ = writeln!(text, "{option}: {:.1} %", share * 100.0);
        }
    }
    for measure in picture.iter().flat_map(|picture| &picture.measures) {
        let whose = measure.persona.as_deref().map_or_else(String::new, |id| format!(" ({id})"));
        if let Some(value) = measure.value {
            let _ = writeln!(text, "{}{whose}: {value:.4}", measure.id);
        }
    }
}
