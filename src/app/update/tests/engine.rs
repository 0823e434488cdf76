//! The engine comes, fails, is replaced; models are swapped and fetched.

use super::*;
use crate::app::event::PullNews;
use crate::app::model::engine::Phase;
use crate::engine::protocol::{ModelReport, Status};

#[test]
fn the_program_begins_with_the_model_of_the_command_line() {
    let mut model = Model::new((80, 24), themes(), 0, Some("mine".to_owned()));
    let effects = begin(&mut model);
    assert_eq!(effects, [Effect::OpenEngine { opening: 1, model: Some("mine".to_owned()), beside: None }]);
    engine(&mut model, EngineNews::Loading(0.4));
    assert!(matches!(model.engine.phase, Phase::Opening(Some(fraction)) if (fraction - 0.4).abs() < 1e-6));
}

#[test]
fn a_model_that_is_ready_has_its_last_speed_looked_up() {
    let mut model = loading();
    assert_eq!(engine_ready(&mut model), [Effect::LookUpSpeed { model: "SmolLM2".to_owned() }]);
    engine(&mut model, EngineNews::Loading(0.9));
    assert!(model.engine.ready().is_some(), "a late fraction does not undo it");
}

#[test]
fn self_tests_and_load_are_taken_in() {
    let mut model = ready();
    assert_eq!(model.engine.ready().unwrap().class(), "testing…");
    let report = ModelReport { class: Some("bit-exact".to_owned()), ..ModelReport::default() };
    engine(&mut model, EngineNews::Report(report));
    engine(&mut model, EngineNews::Status(Status { queued: 3, ..Status::default() }));
    let ready = model.engine.ready().unwrap();
    assert_eq!((ready.class(), ready.status.queued), ("bit-exact", 3));
}

#[test]
fn a_remark_about_the_profile_is_said() {
    let mut model = loading();
    let note = Some("the audit profile needs AVX".to_owned());
    let loaded = Box::new(Loaded { profile_note: note, ..Loaded::default() });
    engine(&mut model, EngineNews::Ready { loaded, build: String::new() });
    assert_eq!(said(&model), "the audit profile needs AVX");
}

#[test]
fn enter_in_trouble_opens_one_engine_and_runs_when_it_is_ready() {
    let mut model = ready();
    engine_fails(&mut model, "the engine was killed");
    assert_eq!(model.engine.trouble(), Some("the engine was killed"));
    let effects = press(&mut model, "enter");
    assert_eq!(effects, [Effect::OpenEngine { opening: 2, model: Some("small".to_owned()), beside: None }]);
    assert_eq!(press(&mut model, "enter e"), [], "one engine is enough");
    assert_eq!(started(&engine_ready(&mut model)).len(), 1);
}

#[test]
fn e_opens_a_new_engine_and_runs_nothing() {
    let mut model = ready();
    assert_eq!(press(&mut model, "e"), [], "nothing is wrong with the one there is");
    engine_fails(&mut model, "gone");
    assert_eq!(opened(&press(&mut model, "e")), [Some("small")]);
    assert_eq!(started(&engine_ready(&mut model)), []);
}

#[test]
fn an_engine_that_fails_again_calls_the_waiting_run_off() {
    let mut model = loading();
    press(&mut model, "enter");
    engine_fails(&mut model, "no memory");
    assert!(!model.is_queued);
    assert_eq!(opened(&press(&mut model, "enter")), [Some("small")]);
}

#[test]
fn everything_is_kept_when_the_engine_dies() {
    let mut model = running();
    engine_fails(&mut model, "killed");
    assert_eq!(live(&model, PERSONAS).voices[0].text.text(), "Answer 2");
    assert_eq!(press(&mut model, "enter"), [], "its run has not ended yet");
    for pane in 0..PANES {
        end_pane(&mut model, pane, PaneStatus::Failed);
    }
    update(&mut model, Event::RunOver { number: 1, not_stored: None });
    assert_eq!(opened(&press(&mut model, "enter")), [Some("small")]);
    let effects = engine_ready(&mut model);
    assert_eq!(started(&effects).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
}

/// Chooses the model in the line `down` lines below the first.
fn choose_model(model: &mut Model, down: usize) -> Vec<Effect> {
    assert_eq!(press(model, "l"), [Effect::FindModels]);
    update(model, models());
    press(model, "home");
    press(model, &"down ".repeat(down));
    press(model, "enter")
}

#[test]
fn after_a_refused_model_enter_goes_back_to_the_one_before() {
    let mut model = ready();
    assert_eq!(opened(&choose_model(&mut model, 1)), [Some("big")]);
    engine_fails(&mut model, "big does not fit into memory");
    assert_eq!(opened(&press(&mut model, "enter")), [Some("small")]);
    assert_eq!(started(&engine_ready(&mut model)).len(), 1);
}

#[test]
fn a_model_that_died_after_it_was_ready_is_tried_again_itself() {
    let mut model = ready();
    choose_model(&mut model, 1);
    engine_ready(&mut model);
    engine_fails(&mut model, "killed");
    assert_eq!(opened(&press(&mut model, "e")), [Some("big")]);
}

#[test]
fn swapping_the_model_during_a_run_stops_the_run_first() {
    let mut model = running();
    let effects = choose_model(&mut model, 1);
    assert_eq!(effects[0], Effect::StopRun { number: 1 });
    assert_eq!(opened(&effects[1..]), [Some("big")]);
    assert_eq!(live(&model, VANILLA).voices[0].text.text(), "Answer 0");
}

#[test]
fn choosing_the_model_in_use_again_disturbs_nothing() {
    let mut model = running();
    assert_eq!(choose_model(&mut model, 0), []);
    assert!(model.is_running() && model.overlay.is_none() && said(&model).contains("small"));
    engine_fails(&mut model, "gone");
    assert_eq!(opened(&choose_model(&mut model, 0)), [Some("small")], "unless it is in trouble");
}

#[test]
fn news_of_an_engine_that_was_replaced_is_left_out() {
    let mut model = ready();
    choose_model(&mut model, 1);
    assert_eq!(model.engine.opening, 2);
    let failed = EngineNews::Failed { sentence: "stopped".to_owned(), was_ready: true };
    let loaded = Box::<Loaded>::default();
    for news in [failed, EngineNews::Ready { loaded, build: String::new() }, EngineNews::Loading(0.5)] {
        assert_eq!(update(&mut model, Event::Engine { opening: 1, news }), []);
        assert!(matches!(model.engine.phase, Phase::Opening(None)));
    }
}

#[test]
fn a_model_that_is_not_here_is_fetched_then_loaded() {
    let mut model = ready();
    assert_eq!(choose_model(&mut model, 2), [Effect::Pull { id: "remote".to_owned() }]);
    let pull = |news| Event::Pull { id: "remote".to_owned(), news };
    update(&mut model, pull(PullNews::Bytes(5, Some(10))));
    assert_eq!(model.pull, Some(("remote".to_owned(), 5, Some(10))));
    assert!(model.engine.ready().is_some(), "the other model can be used meanwhile");
    assert_eq!(choose_model(&mut model, 2), [], "one download at a time");
    let effects = update(&mut model, pull(PullNews::Done));
    assert_eq!(effects[0], Effect::FindModels);
    assert_eq!(opened(&effects), [Some("remote")]);
    assert_eq!(model.pull, None);
}

#[test]
fn a_download_that_ends_during_a_run_leaves_the_run_alone() {
    let mut model = ready();
    choose_model(&mut model, 2);
    press(&mut model, "enter");
    let effects = update(&mut model, Event::Pull { id: "remote".to_owned(), news: PullNews::Done });
    assert_eq!(effects, [Effect::FindModels]);
    assert!(model.is_running() && model.engine.ready().is_some());
    assert!(said(&model).contains("remote is here"), "{}", said(&model));
}

#[test]
fn a_download_that_fails_is_told_and_can_be_tried_again() {
    let mut model = ready();
    choose_model(&mut model, 2);
    let failed = PullNews::Failed("no network".to_owned());
    assert_eq!(update(&mut model, Event::Pull { id: "remote".to_owned(), news: failed }), []);
    assert_eq!((said(&model), model.pull.as_ref()), ("no network", None));
    assert!(model.engine.ready().is_some());
    assert_eq!(choose_model(&mut model, 2).len(), 1);
}

#[test]
fn a_model_beside_opens_both_and_doubles_every_pane() {
    let mut model = ready();
    let alone = model.expected.unwrap();
    assert_eq!(press(&mut model, "L"), [Effect::FindModels]);
    update(&mut model, models());
    assert_eq!(lines(&model), ["none", "small", "big"], "only what is on this machine");
    let effects = press(&mut model, "down down enter");
    let beside = Some("big".to_owned());
    assert_eq!(effects, [Effect::OpenEngine { opening: 2, model: Some("small".to_owned()), beside: beside.clone() }]);
    assert_eq!(model.expected.unwrap().prompts, 2 * alone.prompts);
    assert_eq!(press(&mut model, "enter"), [], "the run waits for both");
    engine(&mut model, EngineNews::Beside(Box::new(Loaded { name: "Big".to_owned(), ..Loaded::default() })));
    let effects = engine_ready(&mut model);
    let (_, spec) = started(&effects)[0];
    assert_eq!(spec.panes.len(), 2 * PANES);
    assert!((0..2 * PANES).all(|pane| spec.is_beside(pane) == (pane % 2 == 1)));
    let number = model.run.as_ref().unwrap().number;
    let mut head = fixture::head("r");
    head.beside = Some(crate::domain::Beside {
        name: "Big".to_owned(),
        model: head.model.clone(),
        engine: head.engine.clone(),
        panes: vec![1, 3, 5, 7],
    });
    let panes = spec.panes.clone();
    update(&mut model, Event::Run { number, event: RunEvent::Started { head: Box::new(head), panes } });
    assert_eq!([live(&model, 0), live(&model, 1)].map(|pane| pane.model.as_deref()), [None, Some("Big")]);
}

#[test]
fn where_the_model_beside_is_refused_the_way_back_is_without_it() {
    let mut model = ready();
    press(&mut model, "L");
    update(&mut model, models());
    press(&mut model, "down down enter");
    engine_fails(&mut model, "there is no room for two models");
    assert!(model.engine.is_new());
    let effects = press(&mut model, "enter");
    assert_eq!(effects, [Effect::OpenEngine { opening: 3, model: Some("small".to_owned()), beside: None }]);
    assert_eq!(started(&engine_ready(&mut model))[0].1.panes.len(), PANES);
}
