//! Surveys made by hand.

use super::Survey;
use crate::domain::{
    AnswerOption, Basis, EngineFacts, Form, Measure, Mode, ModelFacts, OptionOrder, Pane, PaneStatus, PaneTiming,
    Population, Question, QuestionShown, Reference, Role, Run, RunHead, SCHEMA, Scale, Settings, Timing,
};

fn question(number: usize, options: usize, scale: Scale, references: &[(&str, &[f64])], tags: &[&str]) -> Question {
    let place = |index: usize| (scale != Scale::Nominal).then_some(index as f64 + 1.0);
    let options = (0..options).map(|index| AnswerOption {
        id: index.to_string(),
        label: format!("option {index}"),
        role: Role::Substantive,
        value: place(index),
    });
    let populations = references.iter().map(|(id, _)| Population {
        id: (*id).to_owned(),
        label: format!("group {id}"),
        dimension: "party".into(),
        prompt: None,
    });
    let references = references.iter().map(|(id, shares)| Reference {
        population: (*id).to_owned(),
        basis: Basis::Survey,
        year: None,
        n: None,
        weighted: false,
        shares: shares.to_vec(),
        source: None,
        note: None,
    });
    Question {
        pack: "pack".into(),
        id: format!("q{number}"),
        text: format!("Question {number}?"),
        lang: "en".into(),
        turns: vec![],
        form: Form::Choice,
        scale,
        order: OptionOrder::Free,
        options: options.collect(),
        references: references.collect(),
        populations: populations.collect(),
        perspectives: vec![],
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        citation: None,
    }
}

fn pane(method: &str, p: Option<&[f64]>) -> Pane {
    let mut pane = Pane::new(Mode::Distribution, method);
    if let Some(p) = p {
        pane.p = Some(p.to_vec());
        pane.mass = Some(0.9);
        pane.measures.push(Measure::new("share.0", p[0]));
        pane.measures.push(Measure::new("baseline.uniform.js_distance_2", 0.0).population("g"));
    } else {
        (pane.status, pane.error) = (PaneStatus::Failed, Some("broken".into()));
    }
    pane
}

fn run(question: &Question, panes: Vec<Pane>) -> Run {
    let methods = panes.iter().map(|pane| (pane.mode, pane.method.clone())).collect();
    let cost = PaneTiming { ms: 10, prompt_tokens: 5, computed_prompt_tokens: 4, generated_tokens: 0 };
    Run {
        schema: SCHEMA.into(),
        run: RunHead {
            id: format!("run of {}", question.id),
            started: "2026-11-23T16:00:00Z".into(),
            seed: 1,
            model: ModelFacts::default(),
            engine: EngineFacts::default(),
            question: QuestionShown::from(question),
            personas: vec![],
            settings: Settings { max_tokens: 8, samples: 1, temperature: None, top_p: None, methods },
            fingerprint: None,
            beside: None,
        },
        timing: Timing { panes: vec![cost; panes.len()], ..Timing::default() },
        panes,
        measures: vec![],
    }
}

/// Nominal questions of two options with their tags; one method, at the total variation given from equal shares, or
/// failed.
pub(super) fn survey(questions: &[(&[&str], Option<f64>)]) -> Survey {
    let mut survey = Survey::new(&[], 1);
    for (number, (tags, tv)) in questions.iter().enumerate() {
        let question = question(number, 2, Scale::Nominal, &[("g", &[0.5, 0.5])], tags);
        let p = tv.map(|tv| [0.5 + tv, 0.5 - tv]);
        survey.add(&question, &run(&question, vec![pane("first", p.as_ref().map(|p| &p[..]))]));
    }
    survey
}

/// Two methods, each at its total variation from equal shares.
pub(super) fn survey_of_two(questions: &[(f64, f64)]) -> Survey {
    survey_of_methods(["first", "second"], questions)
}

/// The same by these names.
pub(super) fn survey_of_methods(methods: [&str; 2], questions: &[(f64, f64)]) -> Survey {
    let mut survey = Survey::new(&[], 1);
    for (number, (first, second)) in questions.iter().enumerate() {
        let question = question(number, 2, Scale::Nominal, &[("g", &[0.5, 0.5])], &[]);
        let pane = |method: &str, tv: f64| pane(method, Some(&[0.5 + tv, 0.5 - tv]));
        survey.add(&question, &run(&question, vec![pane(methods[0], *first), pane(methods[1], *second)]));
    }
    survey
}

/// A scale with the model's shares, populations and a topic.
pub(super) type OnScale<'a> = (&'a [f64], &'a [(&'a str, &'a [f64])], &'a str);

/// One method over questions on scales.
pub(super) fn survey_of_scales(questions: &[OnScale<'_>]) -> Survey {
    let mut survey = Survey::new(&[], 1);
    for (number, (p, references, topic)) in questions.iter().enumerate() {
        let question = question(number, p.len(), Scale::Ordinal, references, &[topic]);
        survey.add(&question, &run(&question, vec![pane("first", Some(p))]));
    }
    survey
}
