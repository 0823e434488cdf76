//! The numbers of a run.

use super::*;
use crate::app::model::{Field, SettingsForm};

fn form(model: &Model) -> &SettingsForm {
    match &model.overlay {
        Some(Overlay::Settings(form)) => form,
        other => unreachable!("{other:?} are no settings"),
    }
}

#[test]
fn numbers_are_typed_stepped_and_taken() {
    let mut model = ready();
    press(&mut model, "s ctrl-u 4 2 down right down left down right down");
    type_in(&mut model, "0,8");
    assert_eq!(press(&mut model, "enter"), []);
    assert!(model.overlay.is_none());
    let setup = &model.setup;
    assert_eq!((setup.seed, setup.max_tokens, setup.samples), (42, 576, 20));
    assert_eq!((setup.temperature, setup.top_p), (Some(1.0), Some(0.8)));
}

#[test]
fn a_wrong_number_keeps_the_form_open_and_everything_in_it() {
    let mut model = ready();
    press(&mut model, "s ctrl-u 7 up");
    type_in(&mut model, "1.5");
    press(&mut model, "up up up enter");
    let form = form(&model);
    assert_eq!(form.field(), Field::TopP, "it goes to what is wrong");
    assert!(form.error.as_deref().unwrap().contains("`1.5` is no top-p"), "{:?}", form.error);
    assert_eq!(form.texts[0], "7");
    assert_eq!((model.setup.seed, model.setup.top_p), (1, None), "nothing is taken in part");
    press(&mut model, "backspace backspace backspace enter");
    assert_eq!((model.setup.seed, model.setup.top_p), (7, None));
}

#[test]
fn only_numbers_can_be_typed_or_pasted() {
    let mut model = ready();
    press(&mut model, "s ctrl-u");
    assert_eq!(type_in(&mut model, "1q2 x"), []);
    assert_eq!(form(&model).texts[0], "12");
    assert_eq!(update(&mut model, Event::Paste(" 34\n".to_owned())), []);
    assert_eq!(form(&model).texts[0], "1234");
    update(&mut model, Event::Paste("9".repeat(1_000)));
    assert_eq!(form(&model).texts[0].len(), 24);
    press(&mut model, "enter");
    assert!(form(&model).error.as_deref().unwrap().contains("seed"));
}

#[test]
fn the_seed_on_screen_is_the_one_that_n_goes_on_from() {
    let mut model = ready();
    press(&mut model, "s ctrl-u 9 enter");
    let effects = press(&mut model, "n");
    assert_eq!(started(&effects)[0].1.seed, 10);
    finish(&mut model, 0, 0);
    press(&mut model, "s");
    assert_eq!(form(&model).texts[0], "10");
}
