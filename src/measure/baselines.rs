//! What a distance has to beat: answers that know nothing of the model (methods M21 and M28, pitfall 12; section 8 of the
//! project's list of methods has their values on the public data sets).

use super::distribution::Distribution;
use super::error::MeasureError;
use super::generalised_js::{equal_weights, linear_pool};
use super::mode_match::modes;

/// Equal shares over as many options as `target` has.
pub fn uniform(target: &Distribution) -> Result<Distribution, MeasureError> {
    Ok(Distribution::new(&vec![1.0; target.len()])?)
}

/// All of it on the options that `target` itself names most: what a model reaches that knows the most frequent answer and no
/// shares. Of several equally frequent ones each gets as much.
pub fn oracle_mode(target: &Distribution) -> Result<Distribution, MeasureError> {
    let mut point = vec![0.0; target.len()];
    modes(target).into_iter().for_each(|mode| point[mode] = 1.0);
    Ok(Distribution::new(&point)?)
}

/// The mean of how other groups answered the same question, each weighing the same: what is known of a group without asking
/// it. Fails without groups and on unequal lengths.
pub fn other_groups(others: &[Distribution]) -> Result<Distribution, MeasureError> {
    linear_pool(others, &equal_weights(others.len())?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{all_close, any_distribution, close, d};
    use crate::measure::{Base, js_distance};
    use proptest::prelude::*;

    #[test]
    fn each_is_what_it_says() {
        let target = d(&[0.2, 0.4, 0.4]);
        all_close(uniform(&target).unwrap().as_slice(), &[1.0 / 3.0; 3]);
        all_close(oracle_mode(&target).unwrap().as_slice(), &[0.0, 0.5, 0.5]);
        all_close(other_groups(&[d(&[1.0, 0.0]), d(&[0.5, 0.5])]).unwrap().as_slice(), &[0.75, 0.25]);
        assert!(other_groups(&[]).is_err());
    }

    #[test]
    fn a_certain_population_is_met_by_its_mode() {
        let certain = d(&[0.0, 1.0]);
        close(js_distance(&oracle_mode(&certain).unwrap(), &certain, Base::Two).unwrap(), 0.0);
    }

    proptest! {
        #[test]
        fn the_mode_of_the_oracle_is_the_populations(target in any_distribution(5)) {
            let oracle = oracle_mode(&target).unwrap();
            prop_assert!(crate::measure::mode_match(&oracle, &target).unwrap());
        }
    }
}
