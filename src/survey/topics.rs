//! The table of topics: the distances of each answerer, tag by tag.

use std::collections::BTreeSet;

use serde::Serialize;

use super::means::mean;
use super::{Answerer, Resamples, Survey};
use crate::domain::Measure;

/// What is said of a topic.
const SHOWN: [&str; 4] = ["js_distance_2", "tv", "w1_normalised", "entropy_2"];

/// One line of the table of topics.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topic {
    /// Who answered.
    #[serde(flatten)]
    pub answerer: Answerer,
    /// The tag.
    pub topic: String,
    /// Means over its questions.
    pub measures: Vec<Measure>,
}

/// One line per answerer and tag, tags in alphabetical order. A question with several tags counts in each.
pub fn topics(survey: &Survey, draws: &Resamples) -> Vec<Topic> {
    let tags: BTreeSet<&str> =
        survey.entries().iter().flat_map(|entry| entry.tags.iter().map(String::as_str)).collect();
    let mut lines = Vec::new();
    for (place, answerer) in survey.answerers().iter().enumerate() {
        for topic in &tags {
            let is_in = |index: usize| survey.entries()[index].tags.iter().any(|tag| tag == topic);
            let measures: Vec<Measure> = SHOWN
                .iter()
                .filter_map(|id| {
                    let mut values = survey.column(place, id);
                    for (index, value) in values.iter_mut().enumerate() {
                        *value = value.filter(|_| is_in(index));
                    }
                    let n = values.iter().flatten().count();
                    mean(draws, "mean.", id, &values, n)
                })
                .collect();
            if !measures.is_empty() {
                lines.push(Topic { answerer: answerer.clone(), topic: (*topic).to_owned(), measures });
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::survey::testing::survey;

    #[test]
    fn a_question_counts_in_each_of_its_topics() {
        let survey = survey(&[(&["x"], Some(0.1)), (&["x", "y"], Some(0.4)), (&[], Some(0.5))]);
        let lines = topics(&survey, &survey.resamples());
        let tv: Vec<(String, f64, u64)> = lines
            .iter()
            .map(|line| {
                let tv = line.measures.iter().find(|measure| measure.id == "mean.tv").unwrap();
                (line.topic.clone(), (tv.value.unwrap() * 1e9).round() / 1e9, tv.n.unwrap())
            })
            .collect();
        assert_eq!(tv, [("x".to_owned(), 0.25, 2), ("y".to_owned(), 0.4, 1)]);
    }
}
