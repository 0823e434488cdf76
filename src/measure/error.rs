//! [`MeasureError`]: why a measure has no value.

use thiserror::Error;

use super::distribution::InvalidDistribution;

/// Why a measure could not be computed. Entries are counted from 0.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MeasureError {
    /// Numbers that are no distribution.
    #[error(transparent)]
    Distribution(#[from] InvalidDistribution),
    /// Two lists that must be about the same options are not equally long.
    #[error("{left} entries stand against {right}; give both sides the same options in the same order")]
    UnequalLengths {
        /// Length of the first list.
        left: usize,
        /// Length of the second list.
        right: usize,
    },
    /// An ordinal measure needs two options or more.
    #[error("an ordinal scale of {0} option has no distances; give at least two options")]
    ScaleTooShort(usize),
    /// Positions that do not ascend strictly or are not finite.
    #[error("position {index} does not lie above the one before it; give finite positions in strictly ascending order")]
    PositionsNotAscending {
        /// The first offending position.
        index: usize,
    },
    /// Fewer than the measure compares.
    #[error("{found} of at least {least} are there; give at least {least}")]
    TooFew {
        /// How many are needed.
        least: usize,
        /// How many there are.
        found: usize,
    },
    /// No option has a share above 0 on every side with a weight, so a geometric mean does not exist.
    #[error("no option has a positive share in every distribution; smooth them or use the linear pool")]
    DisjointSupport,
    /// A right class that is not among the labels.
    #[error("the right class of entry {index} is not among the labels; name every class there is")]
    NotALabel {
        /// Which entry.
        index: usize,
    },
    /// Ratings or scores that are all the same: chance would agree too.
    #[error("all of them are the same, so there is nothing to compare with; give some that differ")]
    NoVariation,
    /// Layer outputs that are not finite numbers, or not of one width.
    #[error("the sides of pairs are not finite numbers of one width; give layer outputs of one model")]
    Rows,
    /// Pairs whose sides are the same.
    #[error("the two sides of every pair are the same, so there is no direction; give sides that differ")]
    NoDirection,
    /// More work than a live measure may take.
    #[error("it would take {work} steps, more than {limit}; give fewer resamples, answers or distributions")]
    TooMuchWork {
        /// The steps it would take, saturating.
        work: u64,
        /// The steps allowed.
        limit: u64,
    },
    /// An interval of a number that does not come from a sample.
    #[error("neither side is a sample; give the number of answers or people behind at least one of them")]
    NothingToResample,
    /// A sample of no answers, or no resamples.
    #[error("{0} is 0; give at least 1")]
    Zero(&'static str),
    /// A count with a fraction, or too large to be exact.
    #[error("entry {index} ({value}) is not a whole number below 2^53; give counts, or shares to the kind `pair`")]
    NotACount {
        /// Which entry.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A share above 1.
    #[error("{hits} hits in {n} trials are impossible; give at most as many hits as trials")]
    MoreHitsThanTrials {
        /// The hits.
        hits: u64,
        /// The trials.
        n: u64,
    },
    /// A confidence level outside (0, 1).
    #[error("the level {0} is not between 0 and 1; give for example 0.95")]
    Level(f64),
    /// A temperature that is not a positive finite number.
    #[error("the temperature {0} is not above 0; give a finite number above 0")]
    Temperature(f64),
    /// A share of a marginal outside 0 to 1.
    #[error("the shrinkage {0} is not between 0 and 1; give for example 0.5")]
    Shrinkage(f64),
    /// An order that does not name every option exactly once.
    #[error("order {index} does not hold each option 0 to {last} exactly once; give a permutation of the options")]
    NotAPermutation {
        /// Which order.
        index: usize,
        /// The highest option index.
        last: usize,
    },
    /// Orders from which a prior over slots cannot be told from the options' content.
    #[error("not every option visits every slot equally often; give the cyclic or all orders")]
    UnbalancedOrders,
    /// A logit or log-probability that is infinite upwards or not a number.
    #[error("score {index} is not a number below infinity; give logits or log-probabilities")]
    Score {
        /// Which score.
        index: usize,
    },
    /// A token id beyond the vocabulary.
    #[error("token {id} lies beyond the vocabulary of {size}; build the variants from the same model")]
    TokenOutOfRange {
        /// The token id.
        id: usize,
        /// The size of the vocabulary.
        size: usize,
    },
}

/// Checks that two lists are about the same number of options.
pub(crate) fn same_length(left: usize, right: usize) -> Result<(), MeasureError> {
    if left == right { Ok(()) } else { Err(MeasureError::UnequalLengths { left, right }) }
}
