//! Surveys begin, go on, are looked at, and end.

use std::sync::Arc;

use super::run;
use crate::app::effect::Effect;
use crate::app::event::{LoadedRun, SurveyNews};
use crate::app::model::engine::Phase;
use crate::app::model::{LiveRun, LiveSurvey, Model, Overlay, Picker, SurveySpec};
use crate::domain::{Question, RunEvent};
use crate::methods;

/// Asks the questions that a line of the list of surveys names: of a pack, all or those with a topic.
pub(super) fn begin_named(model: &mut Model, line: &str) -> Vec<Effect> {
    let Some((pack, topic)) = line.split_once('\n') else { return Vec::new() };
    let Some(library) = &model.library else { return Vec::new() };
    let Some(pack) = library.packs.iter().find(|own| own.id == pack) else { return Vec::new() };
    let is_asked = |question: &Question| topic.is_empty() || question.tags.iter().any(|own| own.as_str() == topic);
    let places = pack.questions.iter().enumerate().filter(|(_, question)| is_asked(question));
    let places = places.map(|(place, _)| (0, place)).collect();
    let title = if topic.is_empty() { pack.id.clone() } else { format!("{}, topic {topic}", pack.id) };
    let packs = vec![Arc::clone(&pack.questions)];
    begin(model, title, packs, places)
}

/// Asks the questions that were found in the list of questions, in the order of the packs.
pub(super) fn begin_found(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Picker(picker)) = &model.overlay else { return Vec::new() };
    if picker.ticket.is_some() {
        model.say("the list is still being searched: try again in a moment");
        return Vec::new();
    }
    let Some(library) = &model.library else { return Vec::new() };
    let (title, mut places) = (found_title(picker), Vec::new());
    let mut found: Vec<usize> = picker.hits.iter().map(|hit| hit.index).collect();
    found.sort_unstable();
    for index in found {
        let Some((pack, id)) = picker.items.get(index).and_then(|item| item.id.split_once('\n')) else { continue };
        let pack = library.packs.iter().position(|own| own.id == pack);
        let place = pack.and_then(|pack| {
            let questions = &library.packs.get(pack)?.questions;
            Some((pack, questions.iter().position(|question| question.id == id)?))
        });
        places.extend(place);
    }
    let packs = library.packs.iter().map(|pack| Arc::clone(&pack.questions)).collect();
    let effects = begin(model, title, packs, places);
    if !effects.is_empty() {
        model.overlay = None;
    }
    effects
}

fn found_title(picker: &Picker) -> String {
    match picker.pattern.trim() {
        "" => "all packs".to_owned(),
        pattern => format!("what \u{201c}{pattern}\u{201d} finds"),
    }
}

fn begin(model: &mut Model, title: String, packs: Vec<Arc<Vec<Question>>>, places: Vec<(usize, usize)>) -> Vec<Effect> {
    if model.is_surveying() {
        model.say("a survey goes on already: S shows it, and x there stops it");
        return Vec::new();
    }
    if model.setup.panes.is_empty() {
        model.say("no method is on, so there is nothing to ask: m chooses modes and methods");
        return Vec::new();
    }
    if !matches!(model.engine.phase, Phase::Ready(_)) {
        model.say("there is no model that is ready: ask again as soon as one is");
        return Vec::new();
    }
    let asked = |(pack, place): &(usize, usize)| packs.get(*pack).and_then(|pack| pack.get(*place));
    let questions: Vec<&Question> = places.iter().filter_map(asked).collect();
    let (Some(first), Some(library)) = (questions.first(), &model.library) else {
        model.say("there are no such questions");
        return Vec::new();
    };
    let mut setup = model.setup.clone();
    setup.question = Some(Arc::new((*first).clone()));
    // What was chosen for another question may mean nothing here.
    setup.populations.retain(|id| questions.iter().any(|question| question.reference(id).is_some()));
    let Some(how) = setup.spec(library) else { return Vec::new() };
    model.runs += 1;
    let number = model.runs;
    let spec = Arc::new(SurveySpec { title, how, packs, places });
    model.survey = Some(LiveSurvey::new(number, Arc::clone(&spec), model.now));
    model.look.at_survey = true;
    vec![Effect::StartSurvey { number, spec }]
}

/// Stops asking.
pub(super) fn stop(model: &mut Model) -> Vec<Effect> {
    let Some(survey) = model.survey.as_mut().filter(|survey| survey.is_running()) else { return Vec::new() };
    survey.is_stopping = true;
    vec![Effect::StopSurvey { number: survey.number }]
}

/// Takes in what happened in the survey `number`.
pub(super) fn on_news(model: &mut Model, number: u64, news: SurveyNews) {
    let now = model.now;
    let Some(survey) = model.survey.as_mut().filter(|survey| survey.number == number) else { return };
    match news {
        SurveyNews::Answered { is_stored, has_failed, not_stored } => {
            survey.progress.done += 1;
            survey.progress.stored += usize::from(is_stored);
            survey.failed += usize::from(has_failed);
            if let Some(sentence) = not_stored {
                model.say(format!("an answer is not stored: {sentence}"));
            }
        }
        SurveyNews::Tables(tables) => survey.take(tables),
        SurveyNews::Over { why } => {
            survey.ended.get_or_insert(now);
            survey.why = why;
            if !model.look.at_survey {
                let Some(survey) = &model.survey else { return };
                let text = format!("the survey is over: {}; S shows it", survey.progress.in_words());
                model.say(text);
            }
        }
    }
}

/// Asks for the run of the chosen question.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    if model.is_running() {
        model.say("a run goes on in the panes: wait for its end, or stop it there with X");
        return Vec::new();
    }
    let Some(entry) = model.survey.as_ref().and_then(LiveSurvey::chosen) else { return Vec::new() };
    vec![Effect::LoadRun { id: entry.run.clone() }]
}

/// Shows a run that was read in the panes.
pub(super) fn on_loaded(model: &mut Model, loaded: Result<Box<LoadedRun>, String>) {
    let loaded = match loaded {
        Ok(loaded) => *loaded,
        Err(sentence) => {
            model.say(sentence);
            return;
        }
    };
    // What was begun meanwhile is not taken from the screen.
    if model.is_running() {
        return;
    }
    let asked = &loaded.run.run.question;
    let spec = model.survey.as_ref().and_then(|survey| {
        let number = survey.spec.find(&asked.pack, &asked.id)?;
        survey.spec.spec(number)
    });
    let Some(spec) = spec else { return };
    model.runs += 1;
    model.setup.ask(Arc::new(spec.question.clone()));
    let cost = methods::cost(&spec);
    let mut run = LiveRun::new(model.runs, Arc::new(spec), cost, model.now);
    let LoadedRun { run: record, prompts } = loaded;
    let panes = run.spec.panes.clone();
    let now = model.now;
    run.apply(RunEvent::Started { head: Box::new(record.run), panes }, now);
    for (pane, prompt) in prompts {
        run.apply(RunEvent::Prompt { pane, prompt }, now);
    }
    for (pane, result) in record.panes.into_iter().enumerate() {
        run.apply(RunEvent::PaneDone { pane, result: Box::new(result) }, now);
    }
    run.measures = record.measures;
    run.apply(RunEvent::Finished { timing: record.timing }, now);
    model.run = Some(run);
    model.look.follow_all();
    model.look.at_setup = false;
    model.look.at_survey = false;
}

/// What runs is stopped before another model comes.
pub(super) fn stop_everything(model: &mut Model) -> Vec<Effect> {
    let mut effects = run::stop_all(model);
    effects.extend(stop(model));
    effects
}
