//! What steering did to the option distribution (E13).

use super::distribution::Distribution;
use super::divergence::{Base, js_distance};
use super::error::MeasureError;

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
