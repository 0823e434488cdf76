//! The table of populations: how near an answerer comes to each, by `OpinionQA`'s representativeness (E7) and
//! `GlobalOpinionQA`'s similarity (E8), and whether the nearest one is the same from topic to topic.

use std::collections::BTreeSet;

use serde::Serialize;

use super::means::mean;
use super::{Answerer, Resamples, Survey};
use crate::domain::{Measure, Question};
use crate::measure::{Base, Distribution, ScaleOrder, js_distance};

/// How near one answer came to one population.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Its place among the populations of the survey.
    pub(super) population: usize,
    /// 1 less the JS distance, base 2 (E8).
    pub similarity: f64,
    /// 1 less the normalised Wasserstein-1 distance (E7); only on a scale.
    pub representativeness: Option<f64>,
}

/// An ordinal question's scale; `None` for a nominal question, and where two options share a place.
pub(super) fn scale_of(question: &Question) -> Option<ScaleOrder> {
    ScaleOrder::new(&question.positions()?).ok()
}

/// How near `p` is to `q`; `None` where they are not over the same options.
pub(super) fn near(population: usize, p: &Distribution, q: &Distribution, scale: Option<&ScaleOrder>) -> Option<Near> {
    let similarity = 1.0 - js_distance(p, q, Base::Two).ok()?;
    let representativeness = scale.and_then(|scale| scale.distance(p, q).ok()).map(|distance| 1.0 - distance);
    Some(Near { population, similarity, representativeness })
}

/// One line of the table of populations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resemblance {
    /// Who answered.
    #[serde(flatten)]
    pub answerer: Answerer,
    /// The population's id.
    pub population: String,
    /// For people to read.
    pub label: String,
    /// `similarity` and, over ordinal questions, `representativeness`: means over the questions it has figures of.
    pub measures: Vec<Measure>,
}

impl Resemblance {
    /// The mean similarity, by which populations are ranked.
    pub fn similarity(&self) -> f64 {
        self.measures.iter().find(|measure| measure.id == "similarity").and_then(|found| found.value).unwrap_or(0.0)
    }
}

/// One line per answerer and population, the nearest population of each answerer first.
pub fn resemblance(survey: &Survey, draws: &Resamples) -> Vec<Resemblance> {
    let mut lines = Vec::new();
    for (place, answerer) in survey.answerers.iter().enumerate() {
        let begin = lines.len();
        for (index, (population, shown)) in survey.populations.iter().enumerate() {
            let found: Vec<Option<Near>> = column(survey, place, index);
            let similarity: Vec<Option<f64>> = found.iter().map(|near| near.map(|near| near.similarity)).collect();
            let on_scale: Vec<Option<f64>> =
                found.iter().map(|near| near.and_then(|near| near.representativeness)).collect();
            let n = |values: &[Option<f64>]| values.iter().flatten().count();
            let measures = [("similarity", &similarity), ("representativeness", &on_scale)];
            let measures: Vec<Measure> =
                measures.into_iter().filter_map(|(id, values)| mean(draws, "", id, values, n(values))).collect();
            if !measures.is_empty() {
                lines.push(Resemblance {
                    answerer: answerer.clone(),
                    population: population.clone(),
                    label: shown.label.clone(),
                    measures,
                });
            }
        }
        lines[begin..].sort_by(|a, b| b.similarity().total_cmp(&a.similarity()));
    }
    lines
}

fn column(survey: &Survey, answerer: usize, population: usize) -> Vec<Option<Near>> {
    let entries = survey.entries.iter();
    entries
        .map(|entry| entry.reading(answerer)?.near.iter().find(|near| near.population == population).copied())
        .collect()
}

/// Whether the population that an answerer is nearest to over all questions is the nearest in each topic too (E7).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consistency {
    /// Who answered.
    #[serde(flatten)]
    pub answerer: Answerer,
    /// What the populations are slices of: `party`, `age`, …
    pub dimension: String,
    /// The nearest population over all questions.
    pub population: String,
    /// `consistency`: the share of topics in which it is the nearest; `n` counts the topics.
    pub measure: Measure,
}

/// One line per answerer and dimension with at least two populations and two topics. By representativeness, so over
/// ordinal questions alone.
pub fn consistency(survey: &Survey) -> Vec<Consistency> {
    let topics: BTreeSet<&str> =
        survey.entries.iter().flat_map(|entry| entry.tags.iter().map(String::as_str)).collect();
    let dimensions: BTreeSet<&str> = survey.populations.iter().map(|(_, shown)| shown.dimension.as_str()).collect();
    let mut lines = Vec::new();
    for (place, answerer) in survey.answerers.iter().enumerate() {
        for dimension in dimensions.iter().filter(|dimension| !dimension.is_empty()) {
            let members: Vec<usize> = (0..survey.populations.len())
                .filter(|index| survey.populations[*index].1.dimension == **dimension)
                .collect();
            if members.len() < 2 {
                continue;
            }
            let columns: Vec<Vec<Option<f64>>> = members
                .iter()
                .map(|member| {
                    column(survey, place, *member)
                        .iter()
                        .map(|near| near.and_then(|near| near.representativeness))
                        .collect()
                })
                .collect();
            let Some(overall) = nearest(&columns, |_| true) else { continue };
            let in_topics: Vec<usize> = topics
                .iter()
                .filter_map(|topic| {
                    nearest(&columns, |index| survey.entries[index].tags.iter().any(|tag| tag == topic))
                })
                .collect();
            if in_topics.len() < 2 {
                continue;
            }
            let agree = in_topics.iter().filter(|best| **best == overall).count();
            lines.push(Consistency {
                answerer: answerer.clone(),
                dimension: (*dimension).to_owned(),
                population: survey.populations[members[overall]].0.clone(),
                measure: Measure::new("consistency", agree as f64 / in_topics.len() as f64).n(in_topics.len()),
            });
        }
    }
    lines
}

/// The column with the highest mean over the questions that are `kept`; the first of equals. `None` where fewer than two
/// have a number there.
fn nearest(columns: &[Vec<Option<f64>>], kept: impl Fn(usize) -> bool) -> Option<usize> {
    let means: Vec<(usize, f64)> = columns
        .iter()
        .enumerate()
        .filter_map(|(place, column)| {
            let values: Vec<Option<f64>> =
                column.iter().enumerate().map(|(index, value)| value.filter(|_| kept(index))).collect();
            Some((place, Resamples::mean(&values)?))
        })
        .collect();
    if means.len() < 2 {
        return None;
    }
    means.into_iter().reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::survey::testing::survey_of_scales;

    fn value(line: &Resemblance, id: &str) -> f64 {
        line.measures.iter().find(|measure| measure.id == id).unwrap().value.unwrap()
    }

    /// The two questions of the specification's vector for E7: 0.833333 and 0.7, mean 0.766667.
    #[test]
    fn representativeness_follows_the_published_example() {
        let survey = survey_of_scales(&[
            (&[0.25; 4], &[("g", &[0.1, 0.2, 0.3, 0.4])], "t"),
            (&[0.2, 0.3, 0.5], &[("g", &[0.5, 0.3, 0.2])], "t"),
        ]);
        let lines = resemblance(&survey, &survey.resamples());
        assert_eq!(lines.len(), 1);
        assert!((value(&lines[0], "representativeness") - 0.766_666_666_7).abs() < 1e-9);
        let by_hand = |p: &[f64], q: &[f64]| {
            1.0 - js_distance(&Distribution::new(p).unwrap(), &Distribution::new(q).unwrap(), Base::Two).unwrap()
        };
        let expected =
            f64::midpoint(by_hand(&[0.25; 4], &[0.1, 0.2, 0.3, 0.4]), by_hand(&[0.2, 0.3, 0.5], &[0.5, 0.3, 0.2]));
        assert!((value(&lines[0], "similarity") - expected).abs() < 1e-12);
    }

    #[test]
    fn the_nearest_population_stands_first_and_may_differ_from_topic_to_topic() {
        let near: &[f64] = &[0.3, 0.7];
        let far: &[f64] = &[0.9, 0.1];
        let p: &[f64] = &[0.25, 0.75];
        let survey = survey_of_scales(&[
            (p, &[("a", far), ("b", near)], "one"),
            (p, &[("a", near), ("b", far)], "two"),
            (p, &[("a", far), ("b", near)], "three"),
        ]);
        let lines = resemblance(&survey, &survey.resamples());
        assert_eq!(lines.iter().map(|line| line.population.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        let found = consistency(&survey);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].population.as_str(), found[0].measure.n), ("b", Some(3)));
        assert!((found[0].measure.value.unwrap() - 2.0 / 3.0).abs() < 1e-12);
    }
}
