//! The ways out.

use super::*;

#[test]
fn q_quits_at_the_workbench() {
    for mut model in [begun(), ready(), running()] {
        assert_eq!(press(&mut model, "q"), [Effect::Quit]);
    }
}

#[test]
fn ctrl_q_quits_wherever_one_is() {
    for open in ["", "/", "p", "m", "g", "l", "s", "a", "w", "?", "v", "ctrl-p"] {
        let mut model = running();
        press(&mut model, open);
        assert_eq!(press(&mut model, "ctrl-q"), [Effect::Quit], "{open}");
    }
}

#[test]
fn q_in_lists_forms_and_settings_does_not_quit() {
    for open in ["/", "p", "m", "g", "l", "s", "a", "w", "ctrl-p"] {
        let mut model = ready();
        press(&mut model, open);
        assert_eq!(press(&mut model, "q"), [], "{open}");
        assert!(model.overlay.is_some(), "{open}");
        if let Some(Overlay::Picker(picker)) = &model.overlay {
            assert_eq!(picker.pattern, "q", "{open}");
        }
    }
}

#[test]
fn ctrl_c_twice_stops_then_quits() {
    let mut model = running();
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::StopRun { number: 1 }]);
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::Quit]);
}

#[test]
fn ctrl_c_with_nothing_running_quits() {
    assert_eq!(press(&mut ready(), "ctrl-c"), [Effect::Quit]);
}

#[test]
fn ctrl_c_stops_the_rest_although_one_column_was_stopped_before() {
    let mut model = running();
    press(&mut model, "1 x");
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::StopRun { number: 1 }]);
    let mut model = running();
    press(&mut model, "3 x");
    end_pane(&mut model, LOGITS, PaneStatus::Cancelled);
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::StopRun { number: 1 }]);
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::Quit]);
}

#[test]
fn ctrl_c_calls_a_waiting_run_off_before_it_quits() {
    let mut model = loading();
    press(&mut model, "enter");
    assert_eq!(press(&mut model, "ctrl-c"), []);
    assert!(said(&model).contains("called off"), "{}", said(&model));
    assert_eq!(started(&engine_ready(&mut model)), []);
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::Quit]);
}

#[test]
fn ctrl_c_closes_what_is_open_before_it_quits() {
    for open in ["/", "p", "s", "a", "?", "ctrl-p"] {
        let mut model = ready();
        press(&mut model, open);
        assert_eq!(press(&mut model, "ctrl-c"), [], "{open}");
        assert!(model.overlay.is_none(), "{open}");
        assert_eq!(press(&mut model, "ctrl-c"), [Effect::Quit]);
    }
}

#[test]
fn signals_and_the_background() {
    let mut model = running();
    assert_eq!(update(&mut model, Event::Terminate), [Effect::Quit]);
    assert_eq!(update(&mut model, Event::SuspendAsked), [Effect::Suspend]);
    assert_eq!(update(&mut model, Event::Resumed), [Effect::Redraw]);
    assert_eq!(press(&mut model, "ctrl-z"), [Effect::Suspend]);
    assert_eq!(press(&mut model, "ctrl-l"), [Effect::Redraw]);
    assert!(model.is_running());
}
