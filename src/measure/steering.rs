//! What steering did to the option distribution, and to the language itself (E13).

use std::collections::BTreeSet;

use super::distribution::Distribution;
use super::divergence::{Base, js_distance};
use super::error::{MeasureError, same_length};

/// How far the steered answer moved from the default one: Jensen-Shannon distance, base 2, 0 to 1 (E13).
///
/// Fails on unequal lengths.
pub fn steering_shift(default: &Distribution, steered: &Distribution) -> Result<f64, MeasureError> {
    js_distance(default, steered, Base::Two)
}

/// How much nearer to the target steering came: the default's distance less the steered one's, base 2, -1 to 1 (E13).
/// Above 0 is a success if answers to unrelated questions stayed where they were.
///
/// Fails on unequal lengths.
pub fn steering_gain(
    default: &Distribution,
    steered: &Distribution,
    target: &Distribution,
) -> Result<f64, MeasureError> {
    Ok(js_distance(default, target, Base::Two)? - js_distance(steered, target, Base::Two)?)
}

/// How much less a text is expected after steering than before: the steered perplexity over the default one, 1 where nothing
/// changed (M8, E13). `default` and `steered` are natural logarithms of the probabilities of the same tokens.
///
/// Absent where a token has no probability at all; fails on unequal or no tokens.
pub fn perplexity_ratio(default: &[f64], steered: &[f64]) -> Result<Option<f64>, MeasureError> {
    same_length(default.len(), steered.len())?;
    if default.is_empty() {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    let mean = |logprobs: &[f64]| logprobs.iter().sum::<f64>() / logprobs.len() as f64;
    Ok(Some((mean(default) - mean(steered)).exp()).filter(|ratio| ratio.is_finite()))
}

/// The share of a text's runs of four words that were there before in the same text: 0 where it never repeats itself (M8).
/// Words are split at white space and compared without regard to case. `None` for fewer than four words.
pub fn repeated_4_grams(text: &str) -> Option<f64> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let runs = words.windows(4);
    let count = runs.len();
    let distinct: BTreeSet<&[String]> = runs.collect();
    (count > 0).then(|| 1.0 - distinct.len() as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{any_pair, close, d};
    use proptest::prelude::*;

    #[test]
    fn shift_and_gain() {
        let (default, steered, target) = (d(&[0.6, 0.3, 0.1]), d(&[0.2, 0.5, 0.3]), d(&[0.2, 0.5, 0.3]));
        close(steering_shift(&default, &steered).unwrap(), 0.362_573);
        close(steering_gain(&default, &steered, &target).unwrap(), 0.362_573);
        close(steering_gain(&target, &default, &target).unwrap(), -0.362_573);
        assert!(steering_gain(&default, &steered, &d(&[1.0])).is_err());
    }

    #[test]
    fn a_text_that_is_half_as_likely_a_token_doubles_its_perplexity() {
        let half = (0.5f64).ln();
        close(perplexity_ratio(&[half, half], &[2.0 * half, 2.0 * half]).unwrap().unwrap(), 2.0);
        close(perplexity_ratio(&[-1.0, -3.0], &[-3.0, -1.0]).unwrap().unwrap(), 1.0);
        assert_eq!(perplexity_ratio(&[-1.0], &[f64::NEG_INFINITY]).unwrap(), None);
        assert!(perplexity_ratio(&[-1.0], &[]).is_err() && perplexity_ratio(&[], &[]).is_err());
    }

    #[test]
    fn runs_of_four_words_are_counted_once() {
        assert_eq!(repeated_4_grams("one two three"), None);
        assert_eq!(repeated_4_grams("one two three four five"), Some(0.0));
        // "a b a b", "b a b a", "a b a b": one of three was there before.
        close(repeated_4_grams("A b a B a b").unwrap(), 1.0 / 3.0);
        close(repeated_4_grams(&"no ".repeat(103)).unwrap(), 0.99);
    }

    proptest! {
        #[test]
        fn nothing_gained_without_a_shift((p, target) in any_pair()) {
            prop_assert!(steering_gain(&p, &p, &target).unwrap() == 0.0);
        }

        #[test]
        fn gain_is_at_most_the_shift((p, q) in any_pair()) {
            // The triangle inequality of the distance.
            let target = d(&vec![1.0; p.len()]);
            prop_assert!(steering_gain(&p, &q, &target).unwrap() <= steering_shift(&p, &q).unwrap() + 1e-9);
        }
    }
}
