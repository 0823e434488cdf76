//! How simulated people differ from real ones: what a model knows and cannot act out (E23), traits whose spread collapses
//! (E25), and confidences that do not come true (E28).

use super::error::{MeasureError, same_length};

/// The knowledge-to-simulation gap (E23): total variation of the sequence a model acts out over that of the shares it
/// states, less 1. Above 0 it knows more than it can act out. Meister et al., NAACL 2025 (arXiv 2411.05403).
///
/// Fails where the stated distance is 0, and for distances that are negative or no numbers.
pub fn knowledge_to_simulation_gap(tv_sequence: f64, tv_verbalised: f64) -> Result<f64, MeasureError> {
    for (index, tv) in [tv_sequence, tv_verbalised].into_iter().enumerate() {
        if !(tv >= 0.0 && tv.is_finite()) {
            return Err(MeasureError::Score { index });
        }
    }
    if tv_verbalised == 0.0 {
        Err(MeasureError::Zero("the stated distance"))
    } else {
        Ok(tv_sequence / tv_verbalised - 1.0)
    }
}

/// How a trait's scores are spread, simulated and real.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraitDistance {
    /// Wasserstein-1 distance of the two samples, in units of the score.
    pub w1: f64,
    /// Sample standard deviation of the model's scores over that of the people's: far below 1 where simulated people are all
    /// alike.
    pub spread_ratio: f64,
}

/// Distance and spread of one trait's scores (E25). The distance is the area between the two empirical distribution
/// functions.
///
/// Fails with fewer than two scores on a side, for scores that are no numbers, and where all people score the same.
pub fn trait_distance(model: &[f64], people: &[f64]) -> Result<TraitDistance, MeasureError> {
    for side in [model, people] {
        if side.len() < 2 {
            return Err(MeasureError::TooFew { least: 2, found: side.len() });
        }
        if let Some(index) = side.iter().position(|score| !score.is_finite()) {
            return Err(MeasureError::Score { index });
        }
    }
    let sorted = |side: &[f64]| {
        let mut side = side.to_vec();
        side.sort_by(f64::total_cmp);
        side
    };
    let (model, people) = (sorted(model), sorted(people));
    let mut places: Vec<f64> = model.iter().chain(&people).copied().collect();
    places.sort_by(f64::total_cmp);
    let below = |side: &[f64], place: f64| side.partition_point(|score| *score <= place) as f64 / side.len() as f64;
    let w1 =
        places.windows(2).map(|pair| (below(&model, pair[0]) - below(&people, pair[0])).abs() * (pair[1] - pair[0]));
    let w1 = w1.sum();
    let spread = deviation(&people);
    if spread == 0.0 {
        return Err(MeasureError::NoVariation);
    }
    Ok(TraitDistance { w1, spread_ratio: deviation(&model) / spread })
}

/// Sample standard deviation.
fn deviation(scores: &[f64]) -> f64 {
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    (scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// How confidences came true.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceCalibration {
    /// Expected calibration error: mean distance of accuracy and mean confidence over the bins, by their sizes; 0 to 1.
    pub expected_error: f64,
    /// Mean squared distance of confidence and outcome; 0 to 1.
    pub brier: f64,
}

/// Calibration of stated confidences (E28) over `bins` bins of equal width; a confidence on an edge belongs to the bin above,
/// 1 to the last.
///
/// Fails without answers or bins, on unequal lengths, and for confidences outside 0 to 1.
pub fn confidence_calibration(
    confidences: &[f64],
    correct: &[bool],
    bins: usize,
) -> Result<ConfidenceCalibration, MeasureError> {
    same_length(confidences.len(), correct.len())?;
    if confidences.is_empty() || bins == 0 {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    if let Some(index) = confidences.iter().position(|confidence| !(0.0..=1.0).contains(confidence)) {
        return Err(MeasureError::Score { index });
    }
    let outcome = |correct: bool| f64::from(u8::from(correct));
    let mut sums = vec![0.0; bins];
    for (confidence, correct) in confidences.iter().zip(correct) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the number of bins")]
        let bin = (confidence * bins as f64 + 1e-9) as usize;
        sums[bin.min(bins - 1)] += outcome(*correct) - confidence;
    }
    let n = confidences.len() as f64;
    let squares = confidences.iter().zip(correct).map(|(confidence, correct)| (confidence - outcome(*correct)).powi(2));
    Ok(ConfidenceCalibration {
        expected_error: sums.iter().map(|sum| sum.abs()).sum::<f64>() / n,
        brier: squares.sum::<f64>() / n,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;
    use proptest::prelude::*;

    #[test]
    fn vectors_of_e23() {
        close(knowledge_to_simulation_gap(0.309, 0.254).unwrap(), 0.216_535);
        close(knowledge_to_simulation_gap(0.328, 0.244).unwrap(), 0.344_262);
        assert!(knowledge_to_simulation_gap(0.1, 0.0).is_err() && knowledge_to_simulation_gap(-0.1, 0.1).is_err());
    }

    #[test]
    fn vector_of_e28() {
        let found =
            confidence_calibration(&[0.95, 0.85, 0.75, 0.65, 0.55], &[true, true, false, true, false], 5).unwrap();
        close(found.expected_error, 0.23);
        close(found.brier, 0.2025);
        assert!(confidence_calibration(&[1.1], &[true], 5).is_err() && confidence_calibration(&[], &[], 5).is_err());
    }

    #[test]
    fn collapsed_spread_is_seen() {
        let people = [30.0, 35.0, 40.0, 45.0, 50.0];
        let found = trait_distance(&[44.0, 44.5, 45.0, 45.5, 46.0], &people).unwrap();
        close(found.spread_ratio, 0.1);
        // By hand: both samples have five scores, so it is the mean distance of the sorted ones.
        close(found.w1, (14.0 + 9.5 + 5.0 + 0.5 + 4.0) / 5.0);
        assert!(trait_distance(&[1.0], &people).is_err() && trait_distance(&people, &[1.0, 1.0]).is_err());
    }

    proptest! {
        #[test]
        fn the_distance_of_equal_sizes_is_that_of_sorted_pairs(
            pairs in prop::collection::vec((-50f64..50.0, -50f64..50.0), 2..20)
        ) {
            let (mut a, mut b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let found = trait_distance(&a, &b).unwrap().w1;
            a.sort_by(f64::total_cmp);
            b.sort_by(f64::total_cmp);
            let expected = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64;
            prop_assert!((found - expected).abs() < 1e-9);
        }
    }
}
