//! Many questions: what is kept of each run, and the tables over all of them. Pure: runs go in one by one, and nothing but
//! numbers stays, so that a thousand questions need little room.
//!
//! A question is one cluster: intervals of means over questions draw the questions again, not the answers (E11), and the
//! same draws serve every table, so that differences between methods are paired.

mod answerer;
mod card;
mod differences;
mod document;
mod gap;
mod means;
mod numbers;
mod populations;
mod progress;
mod questions;
mod resample;
mod tables;
#[cfg(test)]
mod testing;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use answerer::Answerer;
pub use card::{Asked, Card, CardEngine, CardMaker, CardModel, Flat, SCHEMA as CARD_SCHEMA, Voices};
pub use differences::{Difference, differences};
pub use document::{Document, SCHEMA, document};
pub use gap::{Gap, gaps};
pub use means::{Baseline, Means, baselines, means};
pub use populations::{Consistency, Near, Resemblance, consistency, resemblance};
pub use progress::{Progress, time_in_words};
pub use questions::{BadSort, Sort, known_measures, order};
pub use resample::Resamples;
pub use tables::{COLUMNS, Tables};
pub use topics::{Topic, topics};

use crate::domain::{PaneStatus, PaneTiming, Question, Run, RunHead};

/// Questions with what their runs said.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Populations asked for; empty: each question's first.
    asked: Vec<String>,
    seed: u64,
    head: Option<RunHead>,
    answerers: Vec<Answerer>,
    populations: Vec<(String, PopulationShown)>,
    /// In the order in which they were asked.
    entries: Vec<Entry>,
    ids: Ids,
}

/// A population as tables show it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PopulationShown {
    label: String,
    dimension: String,
}

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Unique in its pack.
    pub id: String,
    /// As it was asked.
    pub text: String,
    /// Topics.
    pub tags: Vec<String>,
    /// The population its distances are to.
    pub population: Option<String>,
    /// The run that answered it.
    pub run: String,
    /// One per answerer that it was put to.
    pub readings: Vec<Reading>,
}

/// What one answerer said to one question, in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its place in [`Survey::answerers`].
    pub answerer: usize,
    /// How its pane ended.
    pub status: PaneStatus,
    /// By measure id.
    pub numbers: BTreeMap<Arc<str>, f64>,
    /// How near it came to every population that the question knows.
    pub near: Vec<Near>,
    /// What its pane took; absent for personas, who share a pane, and where nobody counted.
    pub cost: Option<PaneTiming>,
}

/// Measure ids, each kept once.
#[derive(Debug, Clone, PartialEq, Default)]
struct Ids(std::collections::BTreeSet<Arc<str>>);

impl Ids {
    fn get(&mut self, id: &str) -> Arc<str> {
        if let Some(known) = self.0.get(id) {
            return Arc::clone(known);
        }
        let new: Arc<str> = id.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

impl Survey {
    /// No question yet. `populations` are those that distances are to (empty: each question's first); draws for intervals
    /// follow from `seed`.
    pub fn new(populations: &[String], seed: u64) -> Self {
        Self {
            asked: populations.to_vec(),
            seed,
            head: None,
            answerers: Vec::new(),
            populations: Vec::new(),
            entries: Vec::new(),
            ids: Ids::default(),
        }
    }

    /// Takes in the run that answered `question`.
    pub fn add(&mut self, question: &Question, run: &Run) {
        if self.head.is_none() {
            self.head = Some(run.run.clone());
        }
        let readings = numbers::readings(self, question, run);
        self.entries.push(Entry {
            id: question.id.clone(),
            text: question.text.clone(),
            tags: question.tags.clone(),
            population: numbers::reference(&self.asked, question).map(|reference| reference.population.clone()),
            run: run.run.id.clone(),
            readings,
        });
    }

    /// The questions in the order in which they were asked.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Who answered, in the order in which they were first heard.
    pub fn answerers(&self) -> &[Answerer] {
        &self.answerers
    }

    /// The draws that all intervals come from.
    pub fn resamples(&self) -> Resamples {
        Resamples::new(self.entries.len(), self.seed)
    }

    /// What `answerer` said to each question under the measure `id`; `None` where it said nothing.
    pub fn column(&self, answerer: usize, id: &str) -> Vec<Option<f64>> {
        self.entries.iter().map(|entry| entry.reading(answerer)?.numbers.get(id).copied()).collect()
    }

    /// The measure ids that anybody's answers have, in alphabetical order.
    pub fn measures(&self) -> impl Iterator<Item = &str> {
        self.ids.0.iter().map(AsRef::as_ref)
    }

    /// The place of `answerer`, a new one if it was never heard.
    fn place(&mut self, answerer: &Answerer) -> usize {
        self.answerers.iter().position(|known| known == answerer).unwrap_or_else(|| {
            self.answerers.push(answerer.clone());
            self.answerers.len() - 1
        })
    }

    fn population(&mut self, question: &Question, id: &str) -> usize {
        self.populations.iter().position(|(known, _)| known == id).unwrap_or_else(|| {
            let known = question.population(id);
            let label = known.map_or_else(|| id.to_owned(), |population| population.label.clone());
            let dimension = known.map_or_else(String::new, |population| population.dimension.clone());
            self.populations.push((id.to_owned(), PopulationShown { label, dimension }));
            self.populations.len() - 1
        })
    }
}

impl Entry {
    /// What the answerer at this place said.
    pub fn reading(&self, answerer: usize) -> Option<&Reading> {
        self.readings.iter().find(|reading| reading.answerer == answerer)
    }
}
