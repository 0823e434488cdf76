//! How well a model's answers represent a population over many questions: OpinionQA's representativeness (E7) and
//! `GlobalOpinionQA`'s similarity (E8).

use super::error::{MeasureError, same_length};

/// Representativeness (E7): the mean over questions of 1 - W1 / span, from the normalised Wasserstein-1 distances of ordinal
/// questions. 0 to 1. Santurkar et al., ICML 2023 (arXiv 2303.17548).
///
/// Fails without questions.
pub fn representativeness(w1_normalised: &[f64]) -> Result<f64, MeasureError> {
    mean(w1_normalised.iter().map(|distance| 1.0 - distance))
}

/// Similarity (E8): the mean over questions of 1 - Jensen-Shannon distance, whose base decides the number: give distances
/// in base 2, and the range is 0 to 1. Durmus et al. 2023 (arXiv 2306.16388).
///
/// Fails without questions.
pub fn similarity(js_distances: &[f64]) -> Result<f64, MeasureError> {
    mean(js_distances.iter().map(|distance| 1.0 - distance))
}

/// Steerability (E7): the mean over groups of the best context's representativeness. `by_group` has a row a group with a
/// number a context. The best context is that of the mean over all questions, as in the authors' code; the maximum within
/// each question would be more optimistic.
///
/// Fails without groups or contexts.
pub fn steerability(by_group: &[Vec<f64>]) -> Result<f64, MeasureError> {
    let best = by_group.iter().map(|contexts| contexts.iter().copied().reduce(f64::max));
    let best: Option<Vec<f64>> = best.collect();
    mean(best.ok_or(MeasureError::TooFew { least: 1, found: 0 })?.into_iter())
}

/// Consistency (E7) over the groups of one attribute: the share of topics whose best represented group is the one that is
/// best represented over all topics. `by_group` has a row a group with a representativeness a topic; of equals the first
/// group counts.
///
/// Fails without groups or topics, and on unequal numbers of topics.
pub fn consistency(by_group: &[Vec<f64>]) -> Result<f64, MeasureError> {
    let topics = by_group.first().map_or(0, Vec::len);
    if topics == 0 {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    by_group.iter().try_for_each(|group| same_length(group.len(), topics))?;
    let best = |value: &dyn Fn(&Vec<f64>) -> f64| {
        (0..by_group.len())
            .reduce(|best, group| if value(&by_group[group]) > value(&by_group[best]) { group } else { best })
    };
    let overall = best(&|group| group.iter().sum());
    let agree = (0..topics).filter(|topic| best(&|group| group[*topic]) == overall).count();
    Ok(agree as f64 / topics as f64)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Result<f64, MeasureError> {
    let n = values.len();
    if n == 0 { Err(MeasureError::TooFew { least: 1, found: 0 }) } else { Ok(values.sum::<f64>() / n as f64) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{close, d};
    use crate::measure::{Positions, wasserstein_1_normalised};

    #[test]
    fn two_questions_of_e7() {
        let w1 =
            |p: &[f64], q: &[f64]| wasserstein_1_normalised(&d(p), &d(q), &Positions::ranks(p.len()).unwrap()).unwrap();
        let first = w1(&[0.25; 4], &[0.1, 0.2, 0.3, 0.4]);
        let second = w1(&[0.2, 0.3, 0.5], &[0.5, 0.3, 0.2]);
        close(1.0 - first, 0.833_333);
        close(1.0 - second, 0.7);
        close(representativeness(&[first, second]).unwrap(), 0.766_667);
    }

    #[test]
    fn topics_and_contexts_of_e7() {
        let (democrats, republicans) = (vec![0.84, 0.80, 0.79], vec![0.80, 0.83, 0.75]);
        close(consistency(&[democrats, republicans]).unwrap(), 0.666_667);
        close(steerability(&[vec![0.80, 0.82, 0.86], vec![0.78, 0.77, 0.80]]).unwrap(), 0.83);
    }

    #[test]
    fn similarity_is_the_complement_of_the_distance() {
        close(similarity(&[0.25, 0.35]).unwrap(), 0.7);
    }

    #[test]
    fn nothing_has_no_mean() {
        assert!(representativeness(&[]).is_err() && similarity(&[]).is_err());
        assert!(steerability(&[]).is_err() && steerability(&[vec![]]).is_err());
        assert!(consistency(&[]).is_err() && consistency(&[vec![0.1], vec![0.1, 0.2]]).is_err());
    }
}
