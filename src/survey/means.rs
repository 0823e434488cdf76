//! The table of methods: means over the questions, and the baselines beside them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Answerer, Resamples, Survey};
use crate::domain::{Measure, Mode, PaneStatus, PaneTiming};
use crate::measure::LEVEL_95;

/// How the ids of baselines begin; the baseline's name follows, then the measure.
pub(super) const BASELINE: &str = "baseline.";

/// One line of the table of methods.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Means {
    /// Who answered.
    #[serde(flatten)]
    pub answerer: Answerer,
    /// Questions that were answered.
    pub done: usize,
    /// Questions whose pane failed.
    pub failed: usize,
    /// Questions whose pane was stopped.
    pub cancelled: usize,
    /// Questions the method does not apply to.
    pub skipped: usize,
    /// Means over questions, with the number of questions that have the measure.
    pub measures: Vec<Measure>,
    /// What its panes took together; it is no part of what two surveys of one seed have in common.
    #[serde(skip)]
    pub cost: PaneTiming,
}

/// What somebody who never read a question would reach.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// `uniform`, `majority`, …
    pub name: String,
    /// Means over questions.
    pub measures: Vec<Measure>,
}

/// One line per answerer.
pub fn means(survey: &Survey, draws: &Resamples) -> Vec<Means> {
    survey.answerers().iter().enumerate().map(|(place, answerer)| line(survey, draws, place, answerer)).collect()
}

fn line(survey: &Survey, draws: &Resamples, place: usize, answerer: &Answerer) -> Means {
    let mut line = Means {
        answerer: answerer.clone(),
        done: 0,
        failed: 0,
        cancelled: 0,
        skipped: 0,
        measures: Vec::new(),
        cost: PaneTiming::default(),
    };
    for reading in survey.entries().iter().filter_map(|entry| entry.reading(place)) {
        match reading.status {
            PaneStatus::Done => line.done += 1,
            PaneStatus::Failed => line.failed += 1,
            PaneStatus::Cancelled => line.cancelled += 1,
            PaneStatus::Skipped => line.skipped += 1,
        }
        if let Some(cost) = reading.cost {
            line.cost.ms += cost.ms;
            line.cost.prompt_tokens += cost.prompt_tokens;
            line.cost.computed_prompt_tokens += cost.computed_prompt_tokens;
            line.cost.generated_tokens += cost.generated_tokens;
        }
    }
    for id in survey.measures().filter(|id| !id.starts_with(BASELINE)) {
        line.measures.extend(mean(draws, "mean.", id, &survey.column(place, id), line.done));
    }
    line
}

/// The mean of `values` under the id `prefix` + `id`; `None` where no question has the measure. `answered` is the number of
/// questions that could have it.
pub(super) fn mean(
    draws: &Resamples,
    prefix: &str,
    id: &str,
    values: &[Option<f64>],
    answered: usize,
) -> Option<Measure> {
    let n = values.iter().flatten().count();
    let mut found = Measure::new(&format!("{prefix}{id}"), Resamples::mean(values)?).n(n);
    let mut notes = Vec::new();
    match draws.interval(values) {
        Some(interval) => {
            found.interval = Some([interval.low, interval.high]);
            found.level = Some(LEVEL_95);
        }
        None => notes.push("no interval: it is of one question".to_owned()),
    }
    if n < answered {
        notes.push(format!("{} of {answered} questions do not have it", answered - n));
    }
    found.note = (!notes.is_empty()).then(|| notes.join("; "));
    Some(found)
}

/// The number of `id` at each question, of whoever has it first: a baseline is the same for all methods of a mode.
pub(super) fn baseline_column(survey: &Survey, id: &str) -> Vec<Option<f64>> {
    let of_distributions = |place: usize| survey.answerers()[place].mode == Mode::Distribution;
    survey
        .entries()
        .iter()
        .map(|entry| {
            let mut readings = entry.readings.iter().filter(|reading| of_distributions(reading.answerer));
            readings.find_map(|reading| reading.numbers.get(id).copied())
        })
        .collect()
}

/// One line per baseline that the panes tell of.
pub fn baselines(survey: &Survey, draws: &Resamples) -> Vec<Baseline> {
    let mut lines: BTreeMap<String, Vec<Measure>> = BTreeMap::new();
    for id in survey.measures() {
        let Some((name, measure)) = id.strip_prefix(BASELINE).and_then(|rest| rest.split_once('.')) else { continue };
        let values = baseline_column(survey, id);
        let n = values.iter().flatten().count();
        lines.entry(name.to_owned()).or_default().extend(mean(draws, "mean.", measure, &values, n));
    }
    lines.into_iter().map(|(name, measures)| Baseline { name, measures }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::survey::testing::survey;

    #[test]
    fn means_are_those_of_the_questions_and_say_of_how_many() {
        let survey = survey(&[(&["x"], Some(0.2)), (&["x", "y"], Some(0.4)), (&[], None)]);
        let draws = survey.resamples();
        let line = &means(&survey, &draws)[0];
        assert_eq!((line.done, line.failed, line.cancelled, line.skipped), (2, 1, 0, 0));
        let js = line.measures.iter().find(|measure| measure.id == "mean.js_distance_2").unwrap();
        let expected = survey.column(0, "js_distance_2");
        assert_eq!(expected[2], None);
        assert!((js.value.unwrap() - f64::midpoint(expected[0].unwrap(), expected[1].unwrap())).abs() < 1e-12);
        assert_eq!((js.n, js.level, js.note.as_deref()), (Some(2), Some(0.95), None));
        let tv = line.measures.iter().find(|measure| measure.id == "mean.tv").unwrap();
        assert!((tv.value.unwrap() - 0.3).abs() < 1e-12, "{tv:?}");
        let interval = tv.interval.unwrap();
        assert!((interval[0] - 0.2).abs() < 1e-12 && (interval[1] - 0.4).abs() < 1e-12);
        assert_eq!(line.cost.ms, 30);
    }

    #[test]
    fn baselines_stand_apart() {
        let survey = survey(&[(&["x"], Some(0.2)), (&[], Some(0.4))]);
        let draws = survey.resamples();
        let found = baselines(&survey, &draws);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].measures[0].id.as_str()), ("uniform", "mean.js_distance_2"));
        assert_eq!(found[0].measures[0].value, Some(0.0));
        assert!(means(&survey, &draws)[0].measures.iter().all(|measure| !measure.id.contains("baseline")));
    }
}
