//! All tables as one document, `parallax.survey/1`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Answerer, Baseline, Consistency, Difference, Gap, Means, Resemblance, Survey, Topic, baselines, consistency,
    differences, gaps, means, resemblance, topics,
};
use crate::domain::{EngineFacts, ModelFacts, PaneStatus, PaneTiming, Settings};

/// The name and version of the JSON of a survey.
pub const SCHEMA: &str = "parallax.survey/1";

/// A survey: what was asked, and the tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// What was asked, of which model.
    pub survey: Head,
    /// Means over questions.
    pub methods: Vec<Means>,
    /// What somebody who never read a question would reach.
    pub baselines: Vec<Baseline>,
    /// Answerers against each other and against baselines.
    pub differences: Vec<Difference>,
    /// What models know of people and cannot act out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// Nearness to every population that the questions have figures of.
    pub populations: Vec<Resemblance>,
    /// Whether the nearest population is the same in every topic.
    pub consistency: Vec<Consistency>,
    /// Means by topic.
    pub topics: Vec<Topic>,
    /// Question by question.
    pub questions: Vec<QuestionLine>,
    /// The only part, with the ids of the runs, in which two surveys of one seed differ.
    pub timing: Vec<Spent>,
}

/// What was asked, of which model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Head {
    /// Questions that were asked.
    pub questions: usize,
    /// Empty for questions of no pack.
    pub pack: String,
    /// Every draw follows from it.
    pub seed: u64,
    /// Populations that distances are to, with the number of questions; where none was asked for, each question's first.
    pub populations: BTreeMap<String, usize>,
    /// The model; absent where nothing was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelFacts>,
    /// The engine; absent where nothing was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineFacts>,
    /// Personas in the order of the request.
    pub personas: Vec<String>,
    /// Sampler settings; absent where nothing was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuestionLine {
    /// Unique in its pack.
    pub id: String,
    /// As it was asked.
    pub text: String,
    /// Topics.
    pub tags: Vec<String>,
    /// The population its distances are to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<String>,
    /// The run that answered it.
    pub run: String,
    /// What each answerer said.
    pub answers: Vec<Answer>,
}

/// What one answerer said to one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Who answered.
    #[serde(flatten)]
    pub answerer: Answerer,
    /// How it ended.
    pub status: PaneStatus,
    /// By measure id.
    pub measures: BTreeMap<String, f64>,
}

/// What the panes of one method took together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spent {
    /// Who answered.
    #[serde(flatten)]
    pub answerer: Answerer,
    /// Sums over the questions; `ms` from asking to the end of each pane, beside everything else that ran meanwhile.
    #[serde(flatten)]
    pub cost: PaneTiming,
}

/// All tables of `survey`.
pub fn document(survey: &Survey) -> Document {
    let draws = survey.resamples();
    let methods = means(survey, &draws);
    let mut populations = BTreeMap::new();
    for population in survey.entries().iter().filter_map(|entry| entry.population.clone()) {
        *populations.entry(population).or_insert(0) += 1;
    }
    let head = survey.head.as_ref();
    let has_cost = |line: &&Means| line.answerer.persona.is_none();
    Document {
        schema: SCHEMA,
        survey: Head {
            questions: survey.entries().len(),
            pack: head.map(|head| head.question.pack.clone()).unwrap_or_default(),
            seed: survey.seed,
            populations,
            model: head.map(|head| head.model.clone()),
            engine: head.map(|head| head.engine.clone()),
            personas: head.map(|head| head.personas.clone()).unwrap_or_default(),
            settings: head.map(|head| head.settings.clone()),
        },
        timing: methods
            .iter()
            .filter(has_cost)
            .map(|line| Spent { answerer: line.answerer.clone(), cost: line.cost })
            .collect(),
        methods,
        baselines: baselines(survey, &draws),
        differences: differences(survey, &draws),
        gaps: gaps(survey, &draws),
        populations: resemblance(survey, &draws),
        consistency: consistency(survey),
        topics: topics(survey, &draws),
        questions: survey
            .entries()
            .iter()
            .map(|entry| QuestionLine {
                id: entry.id.clone(),
                text: entry.text.clone(),
                tags: entry.tags.clone(),
                population: entry.population.clone(),
                run: entry.run.clone(),
                answers: entry
                    .readings
                    .iter()
                    .map(|reading| Answer {
                        answerer: survey.answerers()[reading.answerer].clone(),
                        status: reading.status,
                        measures: reading.numbers.iter().map(|(id, value)| (id.to_string(), *value)).collect(),
                    })
                    .collect(),
            })
            .collect(),
    }
}
