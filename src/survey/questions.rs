//! The table of questions: in which order, by which measure.

use std::str::FromStr;

use super::Survey;

/// Measures of which more is better; of all others less is.
const HIGHER_IS_BETTER: [&str; 6] = ["mass", "mode_match", "gain.", "stability", "similarity", "representativeness"];

/// The order of the table of questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The measure to sort by.
    pub measure: String,
    /// Whether the highest stands first.
    pub is_descending: bool,
}

/// A word that is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no order: write a measure's id, or the id with :asc or :desc behind it")]
pub struct BadSort(pub String);

impl FromStr for Sort {
    type Err = BadSort;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (measure, direction) = text.trim().split_once(':').unwrap_or((text.trim(), "asc"));
        let is_descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => return Err(BadSort(text.to_owned())),
        };
        if measure.is_empty() {
            return Err(BadSort(text.to_owned()));
        }
        Ok(Self { measure: measure.to_owned(), is_descending })
    }
}

impl Sort {
    /// The order in which the worst stand first.
    pub fn worst_first(measure: &str) -> Self {
        let is_descending = !HIGHER_IS_BETTER.iter().any(|known| measure.starts_with(known));
        Self { measure: measure.to_owned(), is_descending }
    }
}

/// The places of the questions that `answerer` answered, sorted; those without the measure stand last, equals in the order
/// of the pack.
pub fn order(survey: &Survey, answerer: usize, sort: Option<&Sort>) -> Vec<usize> {
    let entries = survey.entries();
    let mut places: Vec<usize> =
        (0..entries.len()).filter(|place| entries[*place].reading(answerer).is_some()).collect();
    if let Some(sort) = sort {
        let column = survey.column(answerer, &sort.measure);
        places.sort_by(|a, b| match (column[*a], column[*b]) {
            (Some(a), Some(b)) if sort.is_descending => b.total_cmp(&a),
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
    }
    places
}

/// The measures that can be sorted by, for a sentence about one that cannot.
pub fn known_measures(survey: &Survey) -> String {
    let ids: Vec<&str> = survey.measures().collect();
    if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::survey::testing::survey;

    #[test]
    fn questions_are_sorted_either_way_and_those_without_a_number_stand_last() {
        let survey = survey(&[(&[], Some(0.2)), (&[], None), (&[], Some(0.1)), (&[], Some(0.4))]);
        let sorted = |text: &str| order(&survey, 0, Some(&text.parse().unwrap()));
        assert_eq!(order(&survey, 0, None), [0, 1, 2, 3]);
        assert_eq!(sorted("tv"), [2, 0, 3, 1]);
        assert_eq!(sorted("tv:desc"), [3, 0, 2, 1]);
        assert_eq!(order(&survey, 0, Some(&Sort::worst_first("tv"))), [3, 0, 2, 1]);
        assert!(!Sort::worst_first("mass").is_descending);
        assert!(known_measures(&survey).contains("js_distance_2"));
    }

    #[test]
    fn what_is_no_order_is_told() {
        for text in ["", "tv:up", ":desc"] {
            assert_eq!(text.parse::<Sort>(), Err(BadSort(text.to_owned())));
        }
    }
}
