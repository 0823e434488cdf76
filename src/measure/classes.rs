//! Steerable accuracy (E12): chosen options against the right ones, by class.

use std::collections::BTreeMap;

use super::error::{MeasureError, same_length};

/// How well predictions met one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassScore {
    /// The class.
    pub label: String,
    /// How often it was right.
    pub n: usize,
    /// The share of those that were predicted so; absent where it was never right.
    pub recall: Option<f64>,
    /// The share of its predictions that were right; absent where it was never predicted.
    pub precision: Option<f64>,
    /// Harmonic mean of both, 0 where neither is above 0; absent where the class is neither right nor predicted.
    pub f1: Option<f64>,
}

/// How well predictions met all classes; every number from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassScores {
    /// The share that was right.
    pub accuracy: f64,
    /// Mean recall of the classes that occur.
    pub balanced_accuracy: f64,
    /// Mean F1 of the classes that occur.
    pub macro_f1: f64,
    /// In the order of `labels`.
    pub per_class: Vec<ClassScore>,
    /// The accuracy of always naming the most frequent class.
    pub majority: f64,
    /// The accuracy to expect of naming classes at random, all alike.
    pub random: f64,
    /// Predictions that are none of the labels: wrong answers of a class of their own.
    pub unparsed: usize,
}

/// Scores `predicted` against `gold`. A prediction outside `labels` counts as wrong. Feng et al., EMNLP 2024 (arXiv
/// 2406.15951) score steerability so.
///
/// Fails without answers, on unequal lengths, and for a gold class outside `labels`.
pub fn class_scores(gold: &[&str], predicted: &[&str], labels: &[&str]) -> Result<ClassScores, MeasureError> {
    same_length(gold.len(), predicted.len())?;
    if gold.is_empty() || labels.is_empty() {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    if let Some(index) = gold.iter().position(|class| !labels.contains(class)) {
        return Err(MeasureError::NotALabel { index });
    }
    let mut right: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut said, mut truth) = (right.clone(), right.clone());
    for (gold, predicted) in gold.iter().zip(predicted) {
        *truth.entry(gold).or_default() += 1;
        *said.entry(predicted).or_default() += 1;
        *right.entry(gold).or_default() += usize::from(gold == predicted);
    }
    let n = gold.len() as f64;
    let count = |of: &BTreeMap<&str, usize>, label: &str| of.get(label).copied().unwrap_or(0);
    let share = |hits: usize, of: usize| (of > 0).then(|| hits as f64 / of as f64);
    let per_class: Vec<ClassScore> = labels
        .iter()
        .map(|label| {
            let (hits, truth, said) = (count(&right, label), count(&truth, label), count(&said, label));
            ClassScore {
                label: (*label).to_owned(),
                n: truth,
                recall: share(hits, truth),
                precision: share(hits, said),
                f1: share(2 * hits, truth + said),
            }
        })
        .collect();
    // A class that is never right has no recall; macro means are over the others (Sorensen et al. and scikit-learn agree).
    let occurring: Vec<&ClassScore> = per_class.iter().filter(|class| class.n > 0).collect();
    let mean = |of: fn(&ClassScore) -> Option<f64>| {
        occurring.iter().filter_map(|class| of(class)).sum::<f64>() / occurring.len() as f64
    };
    Ok(ClassScores {
        accuracy: right.values().sum::<usize>() as f64 / n,
        balanced_accuracy: mean(|class| class.recall),
        macro_f1: mean(|class| class.f1),
        majority: truth.values().copied().max().unwrap_or(0) as f64 / n,
        random: 1.0 / labels.len() as f64,
        unparsed: predicted.iter().filter(|class| !labels.contains(class)).count(),
        per_class,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;

    fn classes(text: &str) -> Vec<&str> {
        text.split("").filter(|class| !class.is_empty()).collect()
    }

    #[test]
    fn vector_of_e12() {
        let found = class_scores(&classes("AAAABBBCCC"), &classes("AAABBBACAX"), &["A", "B", "C"]).unwrap();
        close(found.accuracy, 0.6);
        close(found.balanced_accuracy, 0.583_333);
        close(found.macro_f1, 0.611_111);
        for (class, (recall, f1)) in
            found.per_class.iter().zip([(0.75, 0.666_667), (0.666_667, 0.666_667), (0.333_333, 0.5)])
        {
            close(class.recall.unwrap(), recall);
            close(class.f1.unwrap(), f1);
        }
        close(found.majority, 0.4);
        close(found.random, 0.333_333);
        assert_eq!(found.unparsed, 1);
    }

    #[test]
    fn classes_that_do_not_occur_count_for_nothing() {
        let found = class_scores(&classes("AAB"), &classes("AAB"), &["A", "B", "C"]).unwrap();
        assert!((found.balanced_accuracy - 1.0).abs() < 1e-12 && (found.macro_f1 - 1.0).abs() < 1e-12);
        assert_eq!((found.per_class[2].recall, found.per_class[2].f1), (None, None));
    }

    #[test]
    fn misfits_are_errors() {
        assert!(class_scores(&["A"], &[], &["A"]).is_err());
        assert!(class_scores(&[], &[], &["A"]).is_err());
        assert_eq!(class_scores(&["A", "Z"], &["A", "A"], &["A"]), Err(MeasureError::NotALabel { index: 1 }));
    }
}
