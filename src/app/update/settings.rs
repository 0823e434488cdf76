//! The numbers of a run.

use crate::app::effect::Effect;
use crate::app::model::{Model, Overlay, SettingsForm};
use crate::config::{Key, KeyCode};

/// The longest number that can be typed.
const LONGEST: usize = 24;

/// Opens the form.
pub(super) fn open(model: &mut Model) {
    model.overlay = Some(Overlay::Settings(SettingsForm::new(&model.setup)));
}

/// A key that means nothing else goes into the field.
pub(super) fn type_key(model: &mut Model, key: Key) {
    let Some(Overlay::Settings(form)) = &mut model.overlay else { return };
    let Some(text) = form.text_mut() else { return };
    match (key.code, key.ctrl, key.alt) {
        (KeyCode::Char(c), false, false) if is_number(c) && text.len() < LONGEST => text.push(c),
        (KeyCode::Backspace, _, _) => {
            text.pop();
        }
        (KeyCode::Char('u'), true, false) | (KeyCode::Delete, _, _) => text.clear(),
        _ => {}
    }
}

/// Pasted text: its digits.
pub(super) fn type_text(model: &mut Model, pasted: &str) {
    let Some(Overlay::Settings(form)) = &mut model.overlay else { return };
    let Some(text) = form.text_mut() else { return };
    let room = LONGEST.saturating_sub(text.len());
    text.extend(pasted.trim().chars().filter(|c| is_number(*c)).take(room));
}

fn is_number(c: char) -> bool {
    c.is_ascii_digit() || c == '.' || c == ','
}

/// A step more or less.
pub(super) fn step(model: &mut Model, is_more: bool) {
    if let Some(Overlay::Settings(form)) = &mut model.overlay {
        form.step(is_more);
    }
}

/// Takes the numbers, or says what is wrong and stays open.
pub(super) fn accept(model: &mut Model, mut form: SettingsForm) -> Vec<Effect> {
    if !form.apply(&mut model.setup) {
        model.overlay = Some(Overlay::Settings(form));
    }
    Vec::new()
}
