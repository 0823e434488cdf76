//! Lists: searched, taken from, closed.

use super::*;
use crate::app::event::Hit;
use crate::app::model::PickerKind;

/// Everything that a list or a form may change.
fn chosen(model: &Model) -> String {
    format!("{:?} {:?} {}", model.setup, model.engine, model.theme)
}

#[test]
fn every_overlay_closes_with_escape_and_changes_nothing() {
    for (open, inside) in [
        ("/", "down h o t down"),
        ("p", "space down space d e"),
        ("m", "space down space"),
        ("g", "space down space"),
        ("l", "down"),
        ("s", "9 9 down right down left"),
        ("a", "h i tab x enter y"),
        ("w", "h i tab x"),
        ("?", "down"),
        ("ctrl-p", "down down q"),
        ("v", "down n"),
    ] {
        let mut model = running();
        update(&mut model, models());
        let before = chosen(&model);
        press(&mut model, open);
        assert!(model.overlay.is_some(), "{open}");
        assert_eq!(press(&mut model, inside), [], "{open}");
        assert_eq!(press(&mut model, "esc"), [], "{open}");
        assert!(model.overlay.is_none(), "{open}");
        assert_eq!(chosen(&model), before, "{open}");
        assert!(model.is_running(), "{open}");
    }
}

#[test]
fn a_question_is_found_by_typing_and_taken_with_enter() {
    let mut model = ready();
    press(&mut model, "/");
    assert_eq!(lines(&model).len(), 3);
    assert_eq!(picker(&model).item().unwrap().label, "Is a hot dog a sandwich?", "the one in force comes first");
    type_in(&mut model, "days four");
    assert_eq!(lines(&model), ["Should the week have four working days?"]);
    press(&mut model, "enter");
    assert_eq!(model.setup.question.as_ref().unwrap().id, "hours");
    press(&mut model, "/");
    assert_eq!(picker(&model).item().unwrap().label, "Should the week have four working days?");
}

#[test]
fn what_fits_nothing_is_not_taken_and_can_be_corrected() {
    let mut model = ready();
    press(&mut model, "/");
    type_in(&mut model, "zzzz");
    assert_eq!(lines(&model).len(), 0);
    press(&mut model, "down enter space");
    assert!(model.overlay.is_some());
    press(&mut model, "ctrl-u");
    assert_eq!((lines(&model).len(), picker(&model).pattern.as_str()), (3, ""));
}

#[test]
fn the_pattern_is_edited_by_letter_by_word_and_whole() {
    let mut model = ready();
    press(&mut model, "/");
    type_in(&mut model, "hot dög");
    press(&mut model, "backspace");
    assert_eq!(picker(&model).pattern, "hot dö");
    press(&mut model, "ctrl-w");
    assert_eq!(picker(&model).pattern, "hot ");
    type_in(&mut model, "q?");
    assert_eq!(picker(&model).pattern, "hot q?", "letters that are keys elsewhere are letters here");
    press(&mut model, "ctrl-w ctrl-w");
    assert_eq!(picker(&model).pattern, "");
}

#[test]
fn personas_are_switched_and_keep_the_order_of_the_list() {
    let mut model = ready();
    press(&mut model, "p down down down space up up up space enter");
    assert_eq!(model.setup.personas, ["nurse", "owl"]);
    press(&mut model, "p");
    type_in(&mut model, "farmer");
    press(&mut model, "tab enter");
    assert_eq!(model.setup.personas, ["farmer", "nurse", "owl"], "what a search hides stays on");
    press(&mut model, "p space down space down down space enter");
    assert_eq!(model.setup.personas, Vec::<String>::new(), "nobody is a choice too");
}

#[test]
fn the_last_method_cannot_be_switched_off() {
    let mut model = ready();
    press(&mut model, "m");
    for index in 0..picker(&model).items.len() {
        if picker(&model).on.contains(&index) {
            press(&mut model, "space");
        }
        press(&mut model, "down");
    }
    press(&mut model, "enter");
    assert_eq!(picker(&model).kind, PickerKind::Methods, "the list stays open");
    assert!(said(&model).contains("at least one method"), "{}", said(&model));
    press(&mut model, "space enter");
    assert_eq!(model.setup.panes.len(), 1);
    assert!(model.overlay.is_none());
}

#[test]
fn methods_stand_in_the_order_of_the_registry() {
    let mut model = ready();
    press(&mut model, "m");
    let before = model.setup.panes.len();
    type_in(&mut model, "pluralistic-prompt");
    press(&mut model, "space enter");
    let panes: Vec<&str> = model.setup.panes.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(panes.len(), before + 1);
    assert_eq!(&panes[..3], ["vanilla", "pluralistic-prompt", "ensemble"]);
}

#[test]
fn groups_to_compare_with_are_chosen_and_leave_with_their_question() {
    let mut model = ready();
    press(&mut model, "g down space enter");
    assert_eq!(model.setup.populations, ["everyone", "cooks"], "the first one is on where nobody chose");
    press(&mut model, "g space enter");
    assert_eq!(model.setup.populations, ["cooks"]);
    press(&mut model, "/ down down enter");
    assert_eq!(model.setup.populations, Vec::<String>::new(), "this question knows no cooks");
    press(&mut model, "g");
    assert!(model.overlay.is_none(), "with one group there is nothing to choose");
}

#[test]
fn pasted_text_is_searched_on_one_line_and_takes_nothing() {
    let mut model = ready();
    press(&mut model, "/");
    assert_eq!(update(&mut model, Event::Paste("working\ndays\n".to_owned())), []);
    assert_eq!(picker(&model).pattern, "working days ");
    assert_eq!(lines(&model), ["Should the week have four working days?"]);
    update(&mut model, Event::Paste("x".repeat(100_000)));
    assert_eq!(picker(&model).pattern.chars().count(), 200);
    assert_eq!(model.setup.question.as_ref().unwrap().id, "hot-dog");
}

#[test]
fn the_wheel_and_pages_move_the_choice_within_the_list() {
    let mut model = ready();
    drawn(&mut model, 20, 20);
    press(&mut model, "/");
    update(&mut model, Event::Wheel(2));
    assert_eq!(picker(&model).selected, 2);
    update(&mut model, Event::Wheel(90));
    assert_eq!(picker(&model).selected, 2);
    press(&mut model, "pageup");
    assert_eq!(picker(&model).selected, 0);
}

#[test]
fn models_are_listed_when_found_and_what_was_typed_and_chosen_stays() {
    let mut model = ready();
    press(&mut model, "l");
    assert_eq!(lines(&model).len(), 0, "they are being looked for");
    type_in(&mut model, "m");
    update(&mut model, models());
    assert_eq!(lines(&model), ["small", "remote"]);
    press(&mut model, "down");
    let at = picker(&model).item().unwrap().id.clone();
    update(&mut model, models());
    assert_eq!((picker(&model).item().unwrap().id.as_str(), picker(&model).pattern.as_str()), (at.as_str(), "m"));
}

#[test]
fn a_choice_far_down_is_in_sight_when_models_are_found() {
    let mut model = ready();
    drawn(&mut model, 20, 20);
    model.engine.wanted = Some("m30".to_owned());
    press(&mut model, "l");
    let entries = (0..40).map(|n| ModelEntry { id: format!("m{n}"), detail: String::new(), is_here: true }).collect();
    update(&mut model, Event::Models(entries));
    let picker = picker(&model);
    assert_eq!(picker.selected, 30);
    assert!(picker.top <= 30 && 30 < picker.top + 10, "{}", picker.top);
}

#[test]
fn lists_that_need_no_packs_open_before_the_packs_are_read() {
    let mut model = begun();
    for key in ["ctrl-p", "m", "l"] {
        press(&mut model, key);
        assert!(model.overlay.is_some(), "{key}");
        press(&mut model, "esc");
    }
    press(&mut model, "/");
    assert!(model.overlay.is_none() && said(&model).contains("still being read"));
}

fn hit(index: usize) -> Hit {
    Hit { index, matched: Arc::new([]) }
}

fn long() -> Model {
    let mut model = begun();
    update(&mut model, Event::Library(Box::new(LONG.clone())));
    engine_ready(&mut model);
    press(&mut model, "/");
    model
}

/// The ticket and pattern of a search.
fn asked(effects: &[Effect]) -> (u64, &str) {
    match effects {
        [Effect::Search { ticket, pattern, texts }] => {
            assert_eq!(texts.len(), 2_100);
            (*ticket, pattern)
        }
        other => unreachable!("{} effects", other.len()),
    }
}

#[test]
fn long_lists_are_searched_aside_and_the_newest_search_wins() {
    let mut model = long();
    let first = type_in(&mut model, "1");
    let second = type_in(&mut model, "7");
    let (older, newer) = (asked(&first).0, asked(&second).0);
    assert_eq!(asked(&second).1, "17");
    assert!(older < newer);
    update(&mut model, Event::Found { ticket: older, hits: vec![hit(1)] });
    assert_eq!(picker(&model).hits.len(), 2_100, "what an older search found is left out");
    update(&mut model, Event::Found { ticket: newer, hits: vec![hit(17), hit(170)] });
    assert_eq!(picker(&model).hits.len(), 2);
    update(&mut model, Event::Found { ticket: newer, hits: vec![hit(3)] });
    assert_eq!(picker(&model).hits.len(), 2, "a search is answered once");
    press(&mut model, "enter");
    assert_eq!(model.setup.question.as_ref().unwrap().id, "q17");
}

#[test]
fn enter_before_a_search_has_ended_takes_what_it_finds() {
    let mut model = long();
    let effects = type_in(&mut model, "17");
    let Some(Effect::Search { ticket, .. }) = effects.last() else { unreachable!() };
    press(&mut model, "enter");
    assert!(model.overlay.is_some(), "what is on screen is not what was typed");
    let before = model.expected;
    update(&mut model, Event::Found { ticket: *ticket, hits: vec![hit(1_700)] });
    assert_eq!(model.setup.question.as_ref().unwrap().id, "q1700");
    assert!(model.overlay.is_none());
    assert_ne!(model.expected, before, "the cost is that of the new question");
}

#[test]
fn a_search_that_was_emptied_or_closed_is_not_waited_for() {
    let mut model = long();
    let effects = type_in(&mut model, "1");
    let ticket = asked(&effects).0;
    assert_eq!(press(&mut model, "enter backspace"), []);
    assert_eq!(picker(&model).hits.len(), 2_100);
    update(&mut model, Event::Found { ticket, hits: vec![hit(9)] });
    assert_eq!(picker(&model).hits.len(), 2_100);
    press(&mut model, "esc");
    update(&mut model, Event::Found { ticket, hits: vec![hit(9)] });
    assert_eq!(model.setup.question.as_ref().unwrap().id, "q0");
}
