//! Forms: opened, taken, refused.

use std::sync::Arc;

use crate::app::effect::Effect;
use crate::app::model::{Editor, Model, Overlay, Purpose};
use crate::data::PersonaEntry;

/// Opens the form with what was typed the last time.
pub(super) fn open(model: &mut Model, purpose: Purpose) {
    model.overlay = Some(Overlay::Editor(Box::new(Editor::new(purpose, &model.drafts))));
}

/// Takes what is written, or says what is wrong with it and stays open.
pub(super) fn accept(model: &mut Model, mut editor: Box<Editor>) -> Vec<Effect> {
    editor.keep(&mut model.drafts);
    let error = match editor.purpose {
        Purpose::Question => match editor.question() {
            Ok(question) => {
                model.setup.ask(Arc::new(question));
                return Vec::new();
            }
            Err(error) => error.to_string(),
        },
        Purpose::Persona => match editor.persona() {
            Ok((label, text)) => return vec![Effect::SavePersona { label, text }],
            Err(error) => error,
        },
    };
    editor.error = Some(error);
    model.overlay = Some(Overlay::Editor(editor));
    Vec::new()
}

/// The persona that was written is on disk and is used, or the form comes back with the reason.
pub(super) fn on_saved(model: &mut Model, result: Result<Box<PersonaEntry>, String>) {
    match result {
        Ok(entry) => {
            let id = entry.persona.id.clone();
            model.say(format!("{} speaks in the next run; kept in {}", entry.persona.label, entry.origin));
            if let Some(library) = &mut model.library {
                library.personas.retain(|other| other.persona.id != id);
                library.personas.push(*entry);
            }
            if !model.setup.personas.contains(&id) {
                model.setup.personas.push(id);
            }
            model.drafts.forget(Purpose::Persona);
        }
        Err(sentence) => {
            // What was opened meanwhile may hold text too.
            if let Some(Overlay::Editor(open)) = &model.overlay {
                open.keep(&mut model.drafts);
            }
            let mut editor = Editor::new(Purpose::Persona, &model.drafts);
            editor.error = Some(sentence);
            model.overlay = Some(Overlay::Editor(Box::new(editor)));
        }
    }
}
