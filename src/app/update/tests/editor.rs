//! Forms: a question, a persona.

use super::*;
use crate::app::model::{Editor, Purpose};
use crate::domain::{Role, Scale};

fn editor(model: &Model) -> &Editor {
    match &model.overlay {
        Some(Overlay::Editor(editor)) => editor,
        other => unreachable!("{other:?} is no form"),
    }
}

fn error(model: &Model) -> &str {
    editor(model).error.as_deref().unwrap_or_default()
}

#[test]
fn a_question_of_ones_own_is_asked_with_its_options() {
    let mut model = ready();
    press(&mut model, "a");
    type_in(&mut model, "Should quiet hours");
    press(&mut model, "enter");
    type_in(&mut model, "begin at nine?");
    press(&mut model, "tab");
    type_in(&mut model, "Too early");
    press(&mut model, "enter");
    type_in(&mut model, "Just right");
    press(&mut model, "enter");
    type_in(&mut model, "~ No opinion");
    press(&mut model, "tab");
    type_in(&mut model, "yes");
    assert_eq!(press(&mut model, "ctrl-s"), [], "asking does not run");
    assert!(model.overlay.is_none());
    let question = model.setup.question.as_ref().unwrap();
    assert_eq!((question.text.as_str(), question.scale), ("Should quiet hours\nbegin at nine?", Scale::Ordinal));
    let options: Vec<(&str, Role)> =
        question.options.iter().map(|option| (option.label.as_str(), option.role)).collect();
    let wanted = [("Too early", Role::Substantive), ("Just right", Role::Substantive), ("No opinion", Role::Other)];
    assert_eq!(options, wanted);
    let effects = press(&mut model, "enter");
    assert_eq!(started(&effects)[0].1.question, **model.setup.question.as_ref().unwrap());
}

#[test]
fn a_question_without_options_is_open() {
    let mut model = ready();
    press(&mut model, "a");
    type_in(&mut model, "What is home?");
    press(&mut model, "alt-enter");
    assert!(!model.setup.question.as_ref().unwrap().has_distribution());
}

#[test]
fn a_bad_question_keeps_the_form_open_with_a_sentence_and_everything_in_it() {
    let mut model = ready();
    press(&mut model, "a ctrl-s");
    assert_eq!(error(&model), "the question is empty: write what is to be asked");
    type_in(&mut model, "Q?");
    assert_eq!(error(&model), "", "typing takes the sentence away");
    press(&mut model, "tab");
    type_in(&mut model, "only");
    press(&mut model, "ctrl-s");
    assert!(error(&model).contains("at least two"), "{}", error(&model));
    assert_eq!((editor(&model).text(0), editor(&model).text(1), editor(&model).at), ("Q?".into(), "only".into(), 1));
    assert_eq!(model.setup.question.as_ref().unwrap().id, "hot-dog");
    press(&mut model, "enter");
    type_in(&mut model, "other");
    press(&mut model, "ctrl-s");
    assert!(model.overlay.is_none());
}

#[test]
fn drafts_outlive_escape_ctrl_c_and_other_lists() {
    for leave in ["esc", "ctrl-c", "ctrl-p esc"] {
        let mut model = ready();
        press(&mut model, "a");
        type_in(&mut model, "First");
        press(&mut model, "enter");
        type_in(&mut model, "second");
        press(&mut model, "tab");
        type_in(&mut model, "Yes");
        assert_eq!(press(&mut model, leave), [], "{leave}");
        press(&mut model, "w");
        assert_eq!(editor(&model).text(0), "", "a persona is another form");
        press(&mut model, "esc a");
        assert_eq!((editor(&model).text(0), editor(&model).text(1)), ("First\nsecond".into(), "Yes".into()), "{leave}");
        type_in(&mut model, "!");
        assert_eq!(editor(&model).text(0), "First\nsecond!", "one goes on at the end");
    }
}

#[test]
fn letters_with_a_meaning_elsewhere_are_letters_in_a_form() {
    let mut model = ready();
    press(&mut model, "a");
    assert_eq!(type_in(&mut model, "qrnxX/?+-  jk0123"), []);
    assert_eq!(editor(&model).text(0), "qrnxX/?+-  jk0123");
}

#[test]
fn a_paste_never_submits_and_is_one_edit() {
    let mut model = ready();
    press(&mut model, "a");
    type_in(&mut model, "Why");
    let pasted = "\nis\tit\nso?\n";
    assert_eq!(update(&mut model, Event::Paste(pasted.to_owned())), []);
    assert_eq!(editor(&model).text(0), format!("Why{pasted}"));
    press(&mut model, "ctrl-u");
    assert_eq!(editor(&model).text(0), "Why", "one undo takes all of it back");
    press(&mut model, "ctrl-r");
    assert_eq!(editor(&model).text(0), format!("Why{pasted}"));
}

#[test]
fn a_paste_where_nothing_is_written_says_where_to_write() {
    for open in ["", "?"] {
        let mut model = ready();
        press(&mut model, open);
        assert_eq!(update(&mut model, Event::Paste("q\nenter\n".to_owned())), []);
        assert!(said(&model).contains("no text field"), "{}", said(&model));
        assert!(!model.is_running());
    }
}

#[test]
fn fields_are_turned_forwards_and_back() {
    let mut model = ready();
    press(&mut model, "a");
    let at: Vec<usize> = ["tab", "tab", "tab", "shift-tab"]
        .into_iter()
        .map(|key| {
            press(&mut model, key);
            editor(&model).at
        })
        .collect();
    assert_eq!(at, [1, 2, 0, 2]);
}

/// A persona was written and is being saved.
fn written() -> Model {
    let mut model = ready();
    press(&mut model, "w");
    type_in(&mut model, "Night  owl");
    press(&mut model, "tab");
    type_in(&mut model, "You are awake at night.");
    let wanted = Effect::SavePersona { label: "Night owl".to_owned(), text: "You are awake at night.".to_owned() };
    assert_eq!(press(&mut model, "ctrl-s"), [wanted]);
    assert!(model.overlay.is_none());
    model
}

#[test]
fn a_written_persona_speaks_once_it_is_on_disk() {
    let mut model = written();
    let entry = persona("own-night-owl", "Night owl");
    update(&mut model, Event::PersonaSaved(Ok(Box::new(entry.clone()))));
    assert_eq!(model.setup.personas, ["farmer", "nurse", "own-night-owl"]);
    assert!(said(&model).contains("Night owl speaks in the next run"), "{}", said(&model));
    update(&mut model, Event::PersonaSaved(Ok(Box::new(entry))));
    assert_eq!(model.setup.personas.len(), 3, "written again, it still stands once");
    assert_eq!(model.library.as_ref().unwrap().personas.len(), 5);
    let effects = press(&mut model, "enter");
    assert_eq!(started(&effects)[0].1.personas.len(), 3);
    press(&mut model, "w");
    assert_eq!(editor(&model).text(0), "", "the next persona begins empty");
}

#[test]
fn a_bad_persona_keeps_the_form_open() {
    let mut model = ready();
    press(&mut model, "w ctrl-s");
    assert!(error(&model).contains("the persona is empty"), "{}", error(&model));
    press(&mut model, "tab");
    type_in(&mut model, "You are.");
    assert_eq!(press(&mut model, "ctrl-s"), []);
    assert!(error(&model).contains("has no name"), "{}", error(&model));
    assert_eq!(editor(&model).text(1), "You are.");
}

#[test]
fn a_persona_that_cannot_be_saved_comes_back_with_the_reason() {
    let mut model = written();
    update(&mut model, Event::PersonaSaved(Err("the disk is full".to_owned())));
    assert_eq!(error(&model), "the disk is full");
    assert_eq!((editor(&model).purpose, editor(&model).text(0)), (Purpose::Persona, "Night  owl".to_owned()));
}

#[test]
fn the_reason_takes_nothing_away_that_is_written_meanwhile() {
    let mut model = written();
    press(&mut model, "a");
    type_in(&mut model, "Half a quest");
    update(&mut model, Event::PersonaSaved(Err("the disk is full".to_owned())));
    assert_eq!(editor(&model).text(1), "You are awake at night.");
    press(&mut model, "esc a");
    assert_eq!(editor(&model).text(0), "Half a quest");
}
