//! All tables of a survey at once, for a screen: they take their time, and belong to what was answered by then.

use super::{
    Answerer, Baseline, Consistency, Difference, Gap, Means, Resemblance, Survey, Topic, baselines, consistency,
    differences, gaps, means, resemblance, topics,
};
use crate::domain::Mode;

/// What the columns of a table of questions hold first, where there is such a number.
pub const COLUMNS: [&str; 6] = ["js_distance_2", "tv", "w1_normalised", "mass", "orders.mean_pairwise_tv", "entropy_2"];

/// A survey with its tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// The questions.
    pub survey: Survey,
    /// Means over questions, one line per answerer.
    pub methods: Vec<Means>,
    /// What somebody who never read a question would reach.
    pub baselines: Vec<Baseline>,
    /// Answerers against each other and against baselines.
    pub differences: Vec<Difference>,
    /// What models know of people and cannot act out.
    pub gaps: Vec<Gap>,
    /// Nearness to every population, the nearest of each answerer first.
    pub populations: Vec<Resemblance>,
    /// Whether the nearest population is the same in every topic.
    pub consistency: Vec<Consistency>,
    /// Means by topic.
    pub topics: Vec<Topic>,
    /// For each answerer the measures that questions can be sorted by: [`COLUMNS`] first, then in alphabetical order.
    pub measures: Vec<Vec<String>>,
}

impl Tables {
    /// All tables of `survey`.
    pub fn new(survey: Survey) -> Self {
        let draws = survey.resamples();
        let measures = (0..survey.answerers().len()).map(|answerer| sortable(&survey, answerer)).collect();
        Self {
            methods: means(&survey, &draws),
            baselines: baselines(&survey, &draws),
            differences: differences(&survey, &draws),
            gaps: gaps(&survey, &draws),
            populations: resemblance(&survey, &draws),
            consistency: consistency(&survey),
            topics: topics(&survey, &draws),
            measures,
            survey,
        }
    }

    /// The answerer whose questions are shown first: of the distribution mode, where there is one.
    pub fn main_answerer(&self) -> usize {
        self.survey.answerers().iter().position(|known| known.mode == Mode::Distribution).unwrap_or(0)
    }

    /// Who answered, by place.
    pub fn answerer(&self, place: usize) -> Option<&Answerer> {
        self.survey.answerers().get(place)
    }
}

fn sortable(survey: &Survey, answerer: usize) -> Vec<String> {
    let readings = survey.entries().iter().filter_map(|entry| entry.reading(answerer));
    let known: std::collections::BTreeSet<&str> =
        readings.flat_map(|reading| reading.numbers.keys().map(AsRef::as_ref)).collect();
    let first = COLUMNS.into_iter().filter(|id| known.contains(id));
    let others = known.iter().copied().filter(|id| !COLUMNS.contains(id) && !id.starts_with(means::BASELINE));
    first.chain(others).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::testing::survey;

    #[test]
    fn the_measures_to_sort_by_are_those_there_are_and_no_baseline() {
        let tables = Tables::new(survey(&[(&["x"], Some(0.2)), (&[], None)]));
        assert_eq!(tables.measures, [["js_distance_2", "tv", "mass", "entropy_2"]]);
        assert_eq!((tables.methods.len(), tables.topics.len(), tables.main_answerer()), (1, 1, 0));
    }
}
