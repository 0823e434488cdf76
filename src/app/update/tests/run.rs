//! Runs begin, go on, are stopped, and end.

use super::*;
use crate::domain::Finish;

#[test]
fn enter_with_a_ready_model_asks_what_is_set_up_once() {
    let mut model = ready();
    let effects = press(&mut model, "enter");
    let runs = started(&effects);
    assert_eq!((effects.len(), runs.len()), (1, 1), "{effects:?}");
    let (number, spec) = runs[0];
    assert_eq!((number, spec.question.id.as_str(), spec.seed), (1, "hot-dog", 1));
    let personas: Vec<&str> = spec.personas.iter().map(|persona| persona.id.as_str()).collect();
    assert_eq!(personas, ["farmer", "nurse"]);
    assert_eq!(spec.panes, model.setup.panes);
    assert!(model.is_running());
}

#[test]
fn a_changed_setup_is_what_is_asked() {
    let mut model = ready();
    press(&mut model, "/ down enter p down down space enter s");
    press(&mut model, "ctrl-u");
    type_in(&mut model, "77");
    let effects = press(&mut model, "enter g enter enter");
    let runs = started(&effects);
    assert_eq!(runs.len(), 1, "{effects:?}");
    let spec = runs[0].1;
    assert_eq!((spec.question.id.as_str(), spec.seed), ("pineapple", 77));
    let personas: Vec<&str> = spec.personas.iter().map(|persona| persona.id.as_str()).collect();
    assert_eq!(personas, ["farmer", "nurse", "teacher"]);
}

#[test]
fn enter_while_the_model_loads_waits_for_it_and_begins_once() {
    let mut model = loading();
    assert_eq!(press(&mut model, "enter enter r"), []);
    assert!(model.is_queued && said(&model).contains("as soon as"), "{}", said(&model));
    let effects = engine_ready(&mut model);
    assert_eq!(started(&effects).len(), 1);
    assert!(!model.is_queued);
    finish(&mut model, 0, 0);
    assert_eq!(started(&engine_ready(&mut model)), [], "what was begun does not wait any more");
}

#[test]
fn enter_before_the_packs_are_read_waits_for_them() {
    let mut model = begun();
    engine_ready(&mut model);
    assert_eq!(press(&mut model, "enter"), []);
    let effects = update(&mut model, Event::Library(Box::new(library())));
    assert_eq!(started(&effects).len(), 1);
}

#[test]
fn a_run_without_any_question_is_refused_and_does_not_wait_in_secret() {
    let mut model = begun();
    engine_ready(&mut model);
    press(&mut model, "enter");
    let none = Library { packs: Vec::new(), ..library() };
    assert_eq!(update(&mut model, Event::Library(Box::new(none))), []);
    assert!(said(&model).contains("there is no question"), "{}", said(&model));
    assert!(!model.is_queued);
}

#[test]
fn keys_that_run_do_nothing_during_a_run() {
    let mut model = running();
    assert_eq!(press(&mut model, "enter r n"), []);
    assert_eq!((model.setup.seed, model.is_queued), (1, false));
}

#[test]
fn n_takes_the_next_seed_and_r_the_same() {
    let mut model = ready();
    let mut seeds = Vec::new();
    for key in ["enter", "r", "n", "enter", "n"] {
        let effects = press(&mut model, key);
        seeds.extend(started(&effects).iter().map(|(number, spec)| (*number, spec.seed)));
        finish(&mut model, 0, 0);
    }
    assert_eq!(seeds, [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)]);
}

#[test]
fn x_stops_the_running_panes_of_its_column_alone() {
    let mut model = running();
    end_pane(&mut model, VANILLA, PaneStatus::Done);
    assert_eq!(press(&mut model, "1 x"), [Effect::StopPane { number: 1, pane: ENSEMBLE }]);
    assert_eq!(press(&mut model, "2 x"), [Effect::StopPane { number: 1, pane: PERSONAS }]);
    assert!(!live(&model, LOGITS).is_stopping && !live(&model, VANILLA).is_stopping);
    end_pane(&mut model, ENSEMBLE, PaneStatus::Cancelled);
    assert_eq!(press(&mut model, "1 x"), [], "nothing of it runs any more");
}

#[test]
fn x_stops_nothing_that_is_not_in_sight() {
    let mut model = running();
    update(&mut model, Event::Resize(80, 24));
    assert_eq!(press(&mut model, "0 x"), []);
    assert_eq!(press(&mut model, "3 x"), [Effect::StopPane { number: 1, pane: LOGITS }]);
}

#[test]
fn capital_x_and_ctrl_c_stop_everything() {
    for key in ["X", "ctrl-c"] {
        let mut model = running();
        assert_eq!(press(&mut model, key), [Effect::StopRun { number: 1 }]);
        assert!((0..PANES).all(|pane| live(&model, pane).is_stopping));
    }
}

#[test]
fn events_of_earlier_runs_are_left_out() {
    let mut model = running();
    finish(&mut model, 0, 0);
    press(&mut model, "n");
    let late = fixture::voice_started(VANILLA, "late");
    update(&mut model, Event::Run { number: 1, event: late });
    update(&mut model, Event::RunOver { number: 1, not_stored: None });
    assert!(model.is_running() && live(&model, VANILLA).voices.is_empty());
}

#[test]
fn what_a_pane_is_told_after_its_end_is_left_out_as_in_the_record() {
    let mut model = running();
    happen(&mut model, fixture::voice_done(VANILLA, "v0", "The whole answer."));
    end_pane(&mut model, VANILLA, PaneStatus::Done);
    happen(&mut model, fixture::voice_text(VANILLA, "v0", " And more."));
    happen(&mut model, fixture::voice_done(VANILLA, "v0", "too late"));
    happen(&mut model, fixture::voice_started(VANILLA, "v9"));
    let voices = &live(&model, VANILLA).voices;
    assert_eq!((voices.len(), voices[0].text.text()), (1, "The whole answer."));
}

#[test]
fn voices_keep_what_they_said_when_their_pane_fails() {
    let mut model = running();
    happen(&mut model, fixture::voice_text(ENSEMBLE, "v1", " so far"));
    let failed = Pane {
        status: PaneStatus::Failed,
        error: Some("the engine died".to_owned()),
        ..Pane::new(Mode::Overton, "ensemble")
    };
    happen(&mut model, RunEvent::PaneDone { pane: ENSEMBLE, result: Box::new(failed) });
    let pane = live(&model, ENSEMBLE);
    assert_eq!(pane.voices[0].text.text(), "Answer 1 so far");
    assert_eq!(pane.status, Some(PaneStatus::Failed));
    assert_eq!(pane.picture.as_ref().unwrap().error.as_deref(), Some("the engine died"));
    assert!(model.is_running(), "the others go on");
}

#[test]
fn a_voice_is_what_it_said_when_done_and_counts_its_tokens() {
    let mut model = running();
    happen(&mut model, fixture::voice_started(VANILLA, "w"));
    happen(&mut model, fixture::voice_text(VANILLA, "w", "\n\nIt "));
    happen(&mut model, fixture::voice_text(VANILLA, "w", "dep"));
    let voice = &live(&model, VANILLA).voices[1];
    assert_eq!((voice.text.text(), voice.tokens, voice.surprisal()), ("It dep", 2, Some(0.5)));
    happen(&mut model, fixture::voice_done(VANILLA, "w", "It depends."));
    let voice = &live(&model, VANILLA).voices[1];
    assert_eq!((voice.text.text(), voice.tokens, voice.finish), ("It depends.", 5, Some(Finish::Length)));
    assert_eq!(model.run.as_ref().unwrap().tokens(), 1 + 5 + 3);
}

#[test]
fn a_run_that_never_came_about_leaves_no_pane_that_seems_to_run() {
    let mut model = ready();
    press(&mut model, "enter 1 x");
    let gone = "the engine was gone before the run began".to_owned();
    update(&mut model, Event::RunOver { number: 1, not_stored: Some(gone) });
    assert!(!model.is_running() && !model.column_is_running());
    assert_eq!(live(&model, VANILLA).status, Some(PaneStatus::Cancelled));
    assert_eq!(live(&model, LOGITS).status, Some(PaneStatus::Failed));
    assert!(said(&model).contains("the engine was gone"));
    assert_eq!(started(&press(&mut model, "enter")).len(), 1);
}

#[test]
fn a_store_that_fails_is_told_also_of_a_run_that_has_left_the_screen() {
    let mut model = running();
    finish(&mut model, 0, 0);
    let over = |number| Event::RunOver { number, not_stored: Some("the disk is full".to_owned()) };
    update(&mut model, over(1));
    assert_eq!(said(&model), "this run is not stored: the disk is full");
    assert_eq!(model.run.as_ref().unwrap().not_stored.as_deref(), Some("the disk is full"));
    press(&mut model, "n");
    model.say("something else");
    update(&mut model, over(1));
    assert_eq!(said(&model), "the run before is not stored: the disk is full");
    assert_eq!(model.run.as_ref().unwrap().not_stored, None);
    assert!(model.is_running());
}

fn tokens_per_second(model: &Model) -> Option<f64> {
    model.speed.as_ref().map(|speed| speed.tokens_per_second)
}

fn stored_speed(model: &mut Model, name: &str) {
    update(model, Event::Speed { model: name.to_owned(), tokens_per_second: 7.0 });
}

#[test]
fn a_measured_speed_stays_against_a_stored_one() {
    let mut model = running();
    stored_speed(&mut model, "SmolLM2");
    assert_eq!(tokens_per_second(&model), Some(7.0));
    finish(&mut model, 100, 2_000);
    assert_eq!(tokens_per_second(&model), Some(50.0));
    stored_speed(&mut model, "SmolLM2");
    assert_eq!(tokens_per_second(&model), Some(50.0));
    stored_speed(&mut model, "Other");
    assert_eq!(tokens_per_second(&model), Some(7.0));
}

#[test]
fn runs_that_were_stopped_or_broke_off_or_hardly_wrote_tell_no_speed() {
    let mut stopped = running();
    press(&mut stopped, "x");
    let mut failed = running();
    end_pane(&mut failed, PERSONAS, PaneStatus::Failed);
    for (mut model, tokens) in [(stopped, 100), (failed, 100), (running(), 15)] {
        finish(&mut model, tokens, 2_000);
        assert_eq!(tokens_per_second(&model), None);
    }
}

#[test]
fn the_cost_is_reckoned_before_enter_and_follows_the_setup() {
    let mut model = ready();
    let before = model.expected.unwrap();
    assert!(before.prompts > 0 && before.most_tokens > 0);
    press(&mut model, "p down down space enter");
    let more = model.expected.unwrap();
    assert!(more.prompts > before.prompts, "{before:?} {more:?}");
    press(&mut model, "s down right enter");
    assert!(model.expected.unwrap().most_tokens > more.most_tokens);
}
