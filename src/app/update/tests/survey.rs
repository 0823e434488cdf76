//! Surveys begin, go on, are looked at, and end.

use super::*;
use crate::app::event::{LoadedRun, SurveyNews};
use crate::app::model::{LiveSurvey, SurveySpec, Table};
use crate::domain::{Measure, Run, Timing};
use crate::methods::with_numbers_across;
use crate::survey::{Survey, Tables};

fn asked(effects: &[Effect]) -> (u64, &SurveySpec) {
    match effects {
        [Effect::StartSurvey { number, spec }] => (*number, spec),
        other => unreachable!("{other:?} begins no survey"),
    }
}

fn ids(spec: &SurveySpec) -> Vec<String> {
    (0..spec.places.len()).map(|number| spec.spec(number).unwrap().question.id).collect()
}

fn live_survey(model: &Model) -> &LiveSurvey {
    model.survey.as_ref().unwrap()
}

/// The food pack is being asked.
pub(super) fn surveying() -> Model {
    let mut model = ready();
    let effects = press(&mut model, "A enter");
    assert_eq!(ids(asked(&effects).1), ["hot-dog", "pineapple"]);
    model
}

fn news(model: &mut Model, news: SurveyNews) {
    let number = live_survey(model).number;
    update(model, Event::Survey { number, news });
}

fn answered(model: &mut Model) {
    news(model, SurveyNews::Answered { is_stored: false, has_failed: false, not_stored: None });
}

/// The run that answered the question of this number, at this total variation from people and with this mass.
fn run(spec: &SurveySpec, number: usize, yes: f64, mass: f64) -> Run {
    let spec = spec.spec(number).unwrap();
    let panes = spec.panes.iter().map(|(mode, method)| {
        let mut pane = Pane::new(*mode, method);
        if *mode == Mode::Distribution {
            pane.options = Some(vec!["a".to_owned(), "b".to_owned()]);
            pane.p = Some(vec![yes, 1.0 - yes]);
            pane.mass = Some(mass);
        }
        pane
    });
    let mut head = fixture::head(&format!("run of {}", spec.question.id));
    head.question = (&spec.question).into();
    let (panes, measures) = (panes.collect(), vec![Measure::new("across.tv", 0.5).methods("a", "b")]);
    Run { schema: crate::domain::SCHEMA.to_owned(), run: head, panes, measures, timing: Timing::default() }
}

fn tables(model: &mut Model, numbers: &[(f64, f64)]) {
    let spec = Arc::clone(&live_survey(model).spec);
    let mut survey = Survey::new(&spec.how.populations, 1);
    for (number, (yes, mass)) in numbers.iter().enumerate() {
        survey.add(&spec.spec(number).unwrap().question, &run(&spec, number, *yes, *mass));
    }
    news(model, SurveyNews::Tables(Arc::new(Tables::new(survey))));
}

fn shown(model: &Model) -> Vec<&str> {
    let survey = live_survey(model);
    survey.rows().iter().map(|place| survey.entry(*place).unwrap().id.as_str()).collect()
}

#[test]
fn a_pack_a_topic_and_what_is_found_can_be_asked() {
    let mut model = ready();
    press(&mut model, "A");
    assert_eq!(lines(&model), ["food", "work"]);
    assert!(picker(&model).items[0].detail.starts_with("2 questions, about "), "{:?}", picker(&model).items[0]);
    let effects = press(&mut model, "down enter");
    let (number, spec) = asked(&effects);
    assert_eq!((number, ids(spec)), (1, vec!["hours".to_owned()]));
    assert_eq!(spec.how.panes, model.setup.panes);
    assert!(model.shows_survey() && model.is_moving());
    let mut model = ready();
    press(&mut model, "/");
    type_in(&mut model, "sandwich");
    let effects = press(&mut model, "ctrl-a");
    assert_eq!(ids(asked(&effects).1), ["hot-dog"]);
    assert!(model.overlay.is_none() && live_survey(&model).spec.title.contains("sandwich"));
    let mut library = library();
    let mut questions = (*library.packs[0].questions).clone();
    questions[1].tags = vec!["pizza".to_owned()];
    library.packs[0] = pack("food", questions);
    let mut model = ready();
    update(&mut model, Event::Library(Box::new(library)));
    press(&mut model, "A");
    assert_eq!(lines(&model), ["food", "food, topic pizza", "work"]);
    assert_eq!(ids(asked(&press(&mut model, "down enter")).1), ["pineapple"]);
}

#[test]
fn a_survey_compares_with_populations_that_some_question_knows() {
    let mut model = ready();
    model.setup.populations = vec!["cooks".to_owned(), "everyone".to_owned()];
    let effects = press(&mut model, "A down enter");
    assert_eq!(asked(&effects).1.how.populations, ["everyone"]);
    assert_eq!(model.setup.populations, ["cooks", "everyone"], "what is set up stays");
}

#[test]
fn without_a_model_nothing_is_asked_and_one_survey_is_enough() {
    let mut model = loading();
    assert_eq!(press(&mut model, "A enter"), []);
    assert!(said(&model).contains("no model that is ready"), "{}", said(&model));
    let mut model = surveying();
    press(&mut model, "esc");
    assert_eq!(press(&mut model, "A enter"), []);
    assert!(said(&model).contains("goes on already"), "{}", said(&model));
    assert_eq!(press(&mut model, "S"), []);
    assert!(model.shows_survey());
}

#[test]
fn leaving_does_not_stop_it_and_stopping_does_not_leave() {
    let mut model = surveying();
    answered(&mut model);
    press(&mut model, "esc");
    assert!(!model.shows_survey() && model.is_surveying());
    assert_eq!(live_survey(&model).progress.done, 1);
    assert_eq!(started(&press(&mut model, "enter")).len(), 1, "a question may be asked meanwhile");
    press(&mut model, "S");
    let number = live_survey(&model).number;
    assert_eq!(press(&mut model, "x"), [Effect::StopSurvey { number }]);
    assert!(model.shows_survey() && live_survey(&model).is_stopping);
    news(&mut model, SurveyNews::Over { why: None });
    assert!(!model.is_surveying() && live_survey(&model).why.is_none());
    finish(&mut model, 0, 0);
    update(&mut model, Event::Tick(std::time::Duration::from_secs(60)));
    assert!(!model.is_moving());
    assert_eq!(press(&mut model, "x"), [], "what is over is not stopped again");
    // What is missing can be asked.
    assert_eq!(asked(&press(&mut model, "A enter")).1.places.len(), 2);
}

#[test]
fn news_of_an_earlier_survey_are_left_out() {
    let mut model = surveying();
    let news = SurveyNews::Answered { is_stored: true, has_failed: true, not_stored: None };
    update(&mut model, Event::Survey { number: 0, news });
    assert_eq!((live_survey(&model).progress.done, live_survey(&model).failed), (0, 0));
}

#[test]
fn ctrl_c_stops_the_run_then_the_survey_then_leaves_then_quits() {
    let mut model = surveying();
    press(&mut model, "esc enter S");
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::StopRun { number: 2 }]);
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::StopSurvey { number: 1 }]);
    assert_eq!(press(&mut model, "ctrl-c"), []);
    assert!(!model.shows_survey());
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::Quit]);
}

#[test]
fn another_model_stops_the_survey_first() {
    let mut model = surveying();
    update(&mut model, models());
    press(&mut model, "esc l");
    let effects = press(&mut model, "down enter");
    assert!(matches!(effects[..], [Effect::StopSurvey { number: 1 }, Effect::OpenEngine { .. }]), "{effects:?}");
    news(&mut model, SurveyNews::Over { why: Some("the engine is gone".to_owned()) });
    assert_eq!(live_survey(&model).why.as_deref(), Some("the engine is gone"));
    assert!(said(&model).contains("the survey is over: 0 of 2 questions"), "{}", said(&model));
}

#[test]
fn questions_are_sorted_by_any_measure_and_the_chosen_one_stays_chosen() {
    let mut model = surveying();
    // People say yes in a quarter. The second question has no people.
    tables(&mut model, &[(0.3, 0.5)]);
    assert_eq!(shown(&model), ["hot-dog"]);
    tables(&mut model, &[(0.3, 0.5), (0.9, 0.9)]);
    assert_eq!(shown(&model), ["hot-dog", "pineapple"], "by distance: those without one stand last");
    press(&mut model, "down");
    assert_eq!(live_survey(&model).chosen().unwrap().id, "pineapple");
    press(&mut model, "s");
    assert_eq!(live_survey(&model).sort.as_ref().unwrap().measure, "tv");
    press(&mut model, "s");
    assert_eq!(live_survey(&model).sort.as_ref().unwrap().measure, "mass");
    assert_eq!(shown(&model), ["hot-dog", "pineapple"], "the lowest mass is the worst");
    press(&mut model, "r");
    assert_eq!(shown(&model), ["pineapple", "hot-dog"]);
    press(&mut model, "end");
    tables(&mut model, &[(0.3, 0.95), (0.9, 0.9)]);
    assert_eq!((shown(&model), live_survey(&model).selected), (vec!["hot-dog", "pineapple"], 0));
    press(&mut model, "s s");
    assert_eq!(live_survey(&model).sort, None, "after the last measure comes the order of asking");
    press(&mut model, "S S S");
    assert_eq!(live_survey(&model).sort.as_ref().unwrap().measure, "tv");
}

#[test]
fn tables_and_answerers_come_round_again() {
    let mut model = surveying();
    tables(&mut model, &[(0.3, 0.5), (0.9, 0.9)]);
    let first = live_survey(&model).answerer;
    assert_eq!(live_survey(&model).mode(), Some(Mode::Distribution));
    press(&mut model, "m M M m");
    assert_eq!(live_survey(&model).answerer, first);
    press(&mut model, "m");
    assert_eq!((live_survey(&model).mode(), &live_survey(&model).sort), (Some(Mode::Overton), &None));
    for table in [Table::Methods, Table::Topics, Table::Groups, Table::Differences, Table::Questions] {
        press(&mut model, "tab");
        assert_eq!(live_survey(&model).table, table);
    }
    press(&mut model, "left");
    assert_eq!(live_survey(&model).table, Table::Differences);
}

#[test]
fn enter_opens_the_run_of_a_question_in_the_panes() {
    let mut model = surveying();
    assert_eq!(press(&mut model, "enter"), [], "nothing is answered yet");
    tables(&mut model, &[(0.3, 0.5), (0.9, 0.9)]);
    let effects = press(&mut model, "down enter");
    assert_eq!(effects, [Effect::LoadRun { id: "run of pineapple".to_owned() }]);
    let spec = Arc::clone(&live_survey(&model).spec);
    let run = run(&spec, 1, 0.9, 0.9);
    let prompt = PromptSent { purpose: "options".to_owned(), text: "Prompt".to_owned(), tokens: 3 };
    let loaded = LoadedRun { run: run.clone(), prompts: vec![(LOGITS, prompt)] };
    update(&mut model, Event::RunLoaded(Ok(Box::new(loaded))));
    let open = model.run.as_ref().unwrap();
    assert!(!model.shows_survey() && !open.is_running());
    assert_eq!((open.head.as_deref(), model.look.mode), (Some(&run.run), Mode::Distribution));
    assert_eq!((&open.measures, open.panes[LOGITS].prompts.len()), (&run.measures, 1));
    assert_eq!(open.panes[LOGITS].picture.as_deref(), Some(&run.panes[LOGITS]));
    assert_eq!(model.setup.question.as_ref().unwrap().id, "pineapple");
    assert!(with_numbers_across(run).measures.is_empty(), "one pane of the distribution mode stands beside nothing");
    press(&mut model, "S");
    assert_eq!(live_survey(&model).chosen().unwrap().id, "pineapple");
    update(&mut model, Event::RunLoaded(Err("the run is not in the store".to_owned())));
    assert!(model.shows_survey() && said(&model).contains("not in the store"));
}

#[test]
fn a_run_under_way_is_not_taken_from_the_screen() {
    let mut model = surveying();
    tables(&mut model, &[(0.3, 0.5)]);
    press(&mut model, "esc enter S");
    assert_eq!(press(&mut model, "enter"), []);
    assert!(said(&model).contains("goes on in the panes"), "{}", said(&model));
}
