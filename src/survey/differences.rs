//! The table of differences: two answerers, or one and a baseline, on the very same questions.

use serde::Serialize;

use super::means::{BASELINE, baseline_column, mean};
use super::{Answerer, Resamples, Survey};
use crate::domain::{Measure, Mode};

/// What is compared.
const COMPARED: [&str; 6] = ["js_distance_2", "tv", "w1_normalised", "entropy_2", "mass", "orders.mean_pairwise_tv"];

/// One line of the table of differences.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Whose numbers come first.
    pub first: Answerer,
    /// Whose numbers are taken away; absent beside a baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Answerer>,
    /// The baseline whose numbers are taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Means of first less second over the questions that both have, under `difference.` and the measure's id: below 0
    /// the first is lower.
    pub measures: Vec<Measure>,
}

/// Every two methods of the distribution mode, every persona against its method without one, and every method of the
/// distribution mode against every baseline.
pub fn differences(survey: &Survey, draws: &Resamples) -> Vec<Difference> {
    let answerers = survey.answerers();
    let mut lines = Vec::new();
    for (second, earlier) in answerers.iter().enumerate() {
        for (first, later) in answerers.iter().enumerate().skip(second + 1) {
            if are_compared(earlier, later) {
                let measures = COMPARED
                    .iter()
                    .filter_map(|id| difference(draws, id, &survey.column(first, id), &survey.column(second, id)));
                let measures: Vec<Measure> = measures.collect();
                if !measures.is_empty() {
                    let second = Some(earlier.clone());
                    lines.push(Difference { first: later.clone(), second, baseline: None, measures });
                }
            }
        }
    }
    for (place, answerer) in answerers.iter().enumerate().filter(|(_, known)| known.mode == Mode::Distribution) {
        for name in baseline_names(survey) {
            let measures: Vec<Measure> = COMPARED
                .iter()
                .filter_map(|id| {
                    let beside = baseline_column(survey, &format!("{BASELINE}{name}.{id}"));
                    difference(draws, id, &survey.column(place, id), &beside)
                })
                .collect();
            if !measures.is_empty() {
                lines.push(Difference { first: answerer.clone(), second: None, baseline: Some(name), measures });
            }
        }
    }
    lines
}

fn are_compared(earlier: &Answerer, later: &Answerer) -> bool {
    let both = |mode| earlier.mode == mode && later.mode == mode;
    let is_persona_of = later.persona.is_some()
        && earlier.persona.is_none()
        && earlier.method == later.method
        && earlier.model == later.model;
    both(Mode::Distribution) || both(Mode::Steered) && is_persona_of
}

fn baseline_names(survey: &Survey) -> Vec<String> {
    let mut names: Vec<String> =
        survey.measures().filter_map(|id| Some(id.strip_prefix(BASELINE)?.split_once('.')?.0.to_owned())).collect();
    names.dedup();
    names
}

fn difference(draws: &Resamples, id: &str, first: &[Option<f64>], second: &[Option<f64>]) -> Option<Measure> {
    let values: Vec<Option<f64>> =
        first.iter().zip(second).map(|(first, second)| Some((*first)? - (*second)?)).collect();
    let n = values.iter().flatten().count();
    mean(draws, "difference.", id, &values, n)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::survey::testing::survey_of_two;

    #[test]
    fn a_difference_is_paired_question_by_question() {
        // The second method is 0.1 farther away in every question, however far that is: the interval has no width.
        let survey = survey_of_two(&[(0.1, 0.2), (0.3, 0.4), (0.0, 0.1)]);
        let lines = differences(&survey, &survey.resamples());
        let tv = lines[0].measures.iter().find(|measure| measure.id == "difference.tv").unwrap();
        assert!((tv.value.unwrap() - 0.1).abs() < 1e-12);
        let [low, high] = tv.interval.unwrap();
        assert!((low - 0.1).abs() < 1e-9 && (high - 0.1).abs() < 1e-9, "{tv:?}");
        let beside: Vec<_> = lines.iter().filter_map(|line| line.baseline.as_deref()).collect();
        assert_eq!(beside, ["uniform", "uniform"]);
    }
}
