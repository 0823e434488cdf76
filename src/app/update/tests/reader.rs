//! Prompts, keys, copies.

use super::*;
use crate::app::action::{ACTIONS, Place};
use crate::app::model::Reader;
use crate::app::model::reader::Content;
use crate::domain::Measure;

fn reader(model: &Model) -> &Reader {
    match &model.overlay {
        Some(Overlay::Reader(reader)) => reader,
        other => unreachable!("{other:?} is not read"),
    }
}

fn page(model: &Model) -> (String, String) {
    let page = reader(model).page().unwrap();
    let Content::Verbatim(text) = &page.content else { unreachable!() };
    (page.title.clone(), text.to_string())
}

#[test]
fn the_prompts_are_those_of_the_column_with_whose_they_are() {
    let mut model = running();
    press(&mut model, "1 v");
    assert_eq!(reader(&model).pages.len(), 2);
    assert_eq!(page(&model), ("vanilla · The nurse · 9 tokens".to_owned(), "Prompt 0".to_owned()));
    press(&mut model, "right");
    assert_eq!(page(&model).1, "Prompt 1");
    press(&mut model, "n");
    assert_eq!(page(&model).1, "Prompt 0", "after the last comes the first");
    press(&mut model, "p");
    assert_eq!(page(&model).1, "Prompt 1");
    press(&mut model, "esc");
    for key in ["esc", "q", "v", "enter"] {
        press(&mut model, "3");
        assert_eq!(press(&mut model, "v"), []);
        assert_eq!(page(&model).1, "Prompt 3");
        assert_eq!(press(&mut model, key), [], "{key} closes and no more");
        assert!(model.overlay.is_none(), "{key}");
    }
}

#[test]
fn tokens_are_those_of_the_column_and_are_copied_as_a_table() {
    let mut model = running();
    assert_eq!(press(&mut model, "1 V"), []);
    assert!(model.overlay.is_none(), "nothing has ended");
    happen(&mut model, fixture::voice_done(VANILLA, "v0", "Yes."));
    press(&mut model, "1 V");
    assert!(
        matches!(&reader(&model).page().unwrap().content, Content::Tokens(said) if said[..] == fixture::voice("v0", "").said)
    );
    let copied = "\" yes\"\t0.3000\t\"\\u{1b}no\"\t0.7000\n".to_owned();
    assert_eq!(press(&mut model, "y"), [Effect::Copy(copied)]);
}

#[test]
fn a_prompt_is_copied_whole_also_when_it_is_the_only_one() {
    let mut model = running();
    assert_eq!(press(&mut model, "1 v right y"), [Effect::Copy("Prompt 1".to_owned())]);
    press(&mut model, "esc");
    assert_eq!(press(&mut model, "3 v y"), [Effect::Copy("Prompt 3".to_owned())]);
}

#[test]
fn prompts_are_hostile_text_too() {
    let mut model = running();
    let prompt = PromptSent { purpose: "scores".to_owned(), text: "a\u{1b}[2Jb".to_owned(), tokens: 3 };
    happen(&mut model, RunEvent::Prompt { pane: LOGITS, prompt });
    press(&mut model, "3 v right");
    let (title, text) = page(&model);
    assert_eq!(title, "option-logits · scores · 3 tokens");
    assert!(!text.contains('\u{1b}') && text.starts_with('a'), "{text}");
}

#[test]
fn a_column_without_prompts_says_so() {
    let mut model = ready();
    press(&mut model, "enter v");
    assert!(model.overlay.is_none() && said(&model).contains("no prompt"), "{}", said(&model));
}

#[test]
fn a_page_is_scrolled_within_its_bounds_and_turned_to_its_top() {
    let mut model = running();
    press(&mut model, "1 v");
    drawn(&mut model, 10, 35);
    press(&mut model, "pagedown");
    assert_eq!(reader(&model).top, 9);
    press(&mut model, "end down");
    assert_eq!(reader(&model).top, 25);
    update(&mut model, Event::Wheel(-5));
    assert_eq!(reader(&model).top, 20);
    press(&mut model, "right");
    assert_eq!(reader(&model).top, 0);
    let columns = Mode::ALL.map(|mode| model.look.scroll(mode).follows);
    assert_eq!(columns, [true; 3], "the panes behind it stay where they are");
}

#[test]
fn the_help_holds_every_key_of_every_place() {
    for key in ["?", "f1"] {
        let mut model = ready();
        press(&mut model, key);
        let Content::Keys(parts) = &reader(&model).page().unwrap().content else { unreachable!() };
        let all: Vec<&(String, &str)> = parts.iter().flat_map(|(_, keys)| keys).collect();
        assert_eq!(all.len(), ACTIONS.len());
        for action in ACTIONS {
            let keys = action.written().collect::<Vec<_>>().join(", ");
            assert!(all.iter().any(|(own, help)| *own == keys && *help == action.help), "{} is missing", action.id);
        }
        assert_eq!(press(&mut model, "y"), [], "keys are not copied");
        assert_eq!(press(&mut model, "?"), []);
        assert!(model.overlay.is_none());
    }
}

#[test]
fn every_place_can_be_left_by_a_key_in_its_table() {
    use crate::app::action::Do;
    for place in [Place::Picker, Place::MultiPicker, Place::Editor, Place::Settings, Place::Reader, Place::Survey] {
        let mut here = ACTIONS.iter().filter(|action| action.place == place);
        assert!(here.any(|action| action.what == Do::Cancel && action.keys.contains(&"esc")), "{place:?}");
    }
}

#[test]
fn the_text_of_a_column_is_copied_with_its_numbers() {
    let mut model = running();
    happen(&mut model, fixture::voice_done(LOGITS, "v3", "Yes."));
    let result = Pane {
        options: Some(vec!["Yes".to_owned(), "No".to_owned()]),
        p: Some(vec![0.25, 0.75]),
        measures: vec![
            Measure::new("js_distance", 0.125).persona("nurse"),
            Measure::absent("wasserstein", "the options are no scale"),
        ],
        ..Pane::new(Mode::Distribution, "option-logits")
    };
    happen(&mut model, RunEvent::PaneDone { pane: LOGITS, result: Box::new(result) });
    let effects = press(&mut model, "3 y");
    let wanted = "Is a hot dog a sandwich?\n\n# distribution: option-logits\n\n## The nurse\nYes.\nYes: 25.0 %\nNo: 75.0 \
                  %\njs_distance (nurse): 0.1250\n";
    assert_eq!(effects, [Effect::Copy(wanted.to_owned())]);
    let effects = press(&mut model, "1 y");
    let [Effect::Copy(text)] = effects.as_slice() else { unreachable!() };
    assert!(text.contains("Answer 0") && text.contains("Answer 1") && !text.contains("Answer 2"), "{text}");
}
