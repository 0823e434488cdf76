//! [`Distribution`]: shares over options, checked and renormalised once, so that no formula has to check again.

use thiserror::Error;

/// Probabilities over k >= 1 options: each finite and 0 or more, together 1.
///
/// Made by renormalising non-negative numbers (shares, percentages, counts); a value of this type is always valid, so
/// formulas that take it can fail only where two of them do not fit together.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution(Vec<f64>);

/// Why numbers are not a distribution. Entries are counted from 0.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidDistribution {
    /// No entry at all.
    #[error("it is empty; give one number per option")]
    Empty,
    /// An entry below 0.
    #[error("entry {index} is negative ({value}); give shares or counts of 0 or more")]
    Negative {
        /// Which entry.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// An entry that is infinite or not a number.
    #[error("entry {index} is not a finite number; give shares or counts of 0 or more")]
    NotFinite {
        /// Which entry.
        index: usize,
    },
    /// Every entry is 0, so there is nothing to divide by.
    #[error("all entries are 0; give at least one option a positive share")]
    ZeroSum,
}

impl Distribution {
    /// Checks `values` and divides them by their sum.
    pub fn new(values: &[f64]) -> Result<Self, InvalidDistribution> {
        for (index, &value) in values.iter().enumerate() {
            if !value.is_finite() {
                return Err(InvalidDistribution::NotFinite { index });
            }
            if value < 0.0 {
                return Err(InvalidDistribution::Negative { index, value });
            }
        }
        let largest = values.iter().copied().reduce(f64::max).ok_or(InvalidDistribution::Empty)?;
        if largest == 0.0 {
            return Err(InvalidDistribution::ZeroSum);
        }
        // A sum that overflows or is subnormal would lose the shares; scaling by the largest entry keeps them.
        let plain: f64 = values.iter().sum();
        let scale = if plain.is_normal() { 1.0 } else { largest };
        let sum: f64 = values.iter().map(|value| value / scale).sum();
        // `abs` turns -0.0 into 0.0, which would otherwise be printed with its sign.
        Ok(Self(values.iter().map(|value| (value / scale / sum).abs()).collect()))
    }

    /// The shares of `counts`; fails when there are no options or no answers.
    pub fn from_counts(counts: &[u64]) -> Result<Self, InvalidDistribution> {
        Self::new(&counts.iter().map(|&count| count as f64).collect::<Vec<_>>())
    }

    /// `softmax(scores)`: shares proportional to `exp(score)`, computed without overflow. Scores may be -infinity
    /// (share 0), as long as one is finite.
    pub fn softmax(scores: &[f64]) -> Result<Self, InvalidDistribution> {
        if let Some(index) = scores.iter().position(|score| score.is_nan() || *score == f64::INFINITY) {
            return Err(InvalidDistribution::NotFinite { index });
        }
        let largest = scores.iter().copied().reduce(f64::max).ok_or(InvalidDistribution::Empty)?;
        if largest == f64::NEG_INFINITY {
            return Err(InvalidDistribution::ZeroSum);
        }
        Self::new(&scores.iter().map(|score| (score - largest).exp()).collect::<Vec<_>>())
    }

    /// The probabilities, in the order of the options.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The probabilities as a vector.
    pub fn into_vec(self) -> Vec<f64> {
        self.0
    }

    /// The number of options, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a distribution is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl AsRef<[f64]> for Distribution {
    fn as_ref(&self) -> &[f64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn renormalises_shares_percentages_and_counts() {
        assert_eq!(Distribution::new(&[60.0, 30.0, 10.0]).unwrap().as_slice(), &[0.6, 0.3, 0.1]);
        assert_eq!(Distribution::from_counts(&[1, 0, 3]).unwrap().as_slice(), &[0.25, 0.0, 0.75]);
    }

    #[test]
    fn keeps_shares_of_sums_that_overflow_or_vanish() {
        assert_eq!(Distribution::new(&[f64::MAX, f64::MAX]).unwrap().as_slice(), &[0.5, 0.5]);
        assert_eq!(Distribution::new(&[5e-324, 5e-324]).unwrap().as_slice(), &[0.5, 0.5]);
        assert!(Distribution::new(&[-0.0, 1.0]).unwrap().as_slice()[0].is_sign_positive());
    }

    #[test]
    fn refuses_what_is_no_distribution() {
        assert_eq!(Distribution::new(&[]), Err(InvalidDistribution::Empty));
        assert_eq!(Distribution::new(&[0.0, 0.0]), Err(InvalidDistribution::ZeroSum));
        assert_eq!(Distribution::new(&[0.5, -0.1]), Err(InvalidDistribution::Negative { index: 1, value: -0.1 }));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Distribution::new(&[1.0, bad]), Err(InvalidDistribution::NotFinite { index: 1 }));
        }
    }

    #[test]
    fn softmax_does_not_overflow() {
        let p = Distribution::softmax(&[1000.0, 1000.0, f64::NEG_INFINITY]).unwrap();
        assert_eq!(p.as_slice(), &[0.5, 0.5, 0.0]);
        assert_eq!(Distribution::softmax(&[f64::NEG_INFINITY]), Err(InvalidDistribution::ZeroSum));
        assert_eq!(Distribution::softmax(&[0.0, f64::NAN]), Err(InvalidDistribution::NotFinite { index: 1 }));
    }
}
