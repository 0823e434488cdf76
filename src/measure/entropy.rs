//! Entropy of one distribution (E6), and its correction for small samples (E11).

use std::f64::consts::LN_2;

use super::distribution::{Distribution, InvalidDistribution};
use super::divergence::Base;

/// Shannon entropy (E6) in bits or nats: 0 for a point mass, `log k` for the uniform distribution over k options.
/// Shannon, Bell System Technical Journal 27, 1948.
pub fn entropy(p: &Distribution, base: Base) -> f64 {
    let nats: f64 = p.as_slice().iter().filter(|v| **v > 0.0).map(|v| -v * v.ln()).sum();
    // The negation of a sum of zeros would print as -0.
    // `max` may keep the sign of a negative zero.
    base.of_nats(if nats > 0.0 { nats } else { 0.0 })
}

/// Entropy divided by that of the uniform distribution (E6), 0 to 1; `None` for a single option.
pub fn normalised_entropy(p: &Distribution) -> Option<f64> {
    (p.len() > 1).then(|| (entropy(p, Base::E) / (p.len() as f64).ln()).min(1.0))
}

/// The effective number of options, `2^H2` (E6): 1 for a point mass, k for the uniform distribution.
pub fn effective_options(p: &Distribution) -> f64 {
    entropy(p, Base::Two).exp2()
}

/// Entropy of counted answers after Miller and Madow (E11), in bits: the plug-in entropy of a sample is too small by
/// about `(options seen - 1) / (2 n ln 2)`, which is added. Miller, Information Theory in Psychology, 1955.
///
/// Fails when there are no options or no answers.
pub fn entropy_miller_madow(counts: &[u64]) -> Result<f64, InvalidDistribution> {
    let p = Distribution::from_counts(counts)?;
    let n: f64 = counts.iter().map(|&count| count as f64).sum();
    let seen = counts.iter().filter(|&&count| count > 0).count();
    Ok(entropy(&p, Base::Two) + (seen as f64 - 1.0) / (2.0 * n * LN_2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{any_distribution, close, d, master_table};
    use proptest::prelude::*;

    #[test]
    fn master_table_entropies() {
        for row in master_table() {
            close(entropy(&row.p, Base::Two), row.entropy_p);
            close(entropy(&row.q, Base::Two), row.entropy_q);
        }
    }

    #[test]
    fn nats_normalised_and_effective_options() {
        let uniform = d(&[0.25; 4]);
        close(entropy(&uniform, Base::E), 4f64.ln());
        close(normalised_entropy(&uniform).unwrap(), 1.0);
        close(effective_options(&uniform), 4.0);
        assert_eq!(normalised_entropy(&d(&[1.0])), None);
        assert!(entropy(&d(&[1.0, 0.0]), Base::Two).is_sign_positive());
    }

    #[test]
    fn miller_madow_of_thirty_answers() {
        close(entropy(&Distribution::from_counts(&[18, 9, 3]).unwrap(), Base::Two), 1.295_462);
        close(entropy_miller_madow(&[18, 9, 3]).unwrap(), 1.343_552);
        // An option nobody chose adds nothing.
        close(entropy_miller_madow(&[18, 9, 3, 0]).unwrap(), 1.343_552);
        assert!(entropy_miller_madow(&[0, 0]).is_err());
    }

    proptest! {
        #[test]
        fn lies_between_zero_and_log_k(p in any_distribution(5)) {
            let h = entropy(&p, Base::Two);
            prop_assert!((0.0..=5f64.log2() + 1e-12).contains(&h));
            prop_assert!((1.0 - 1e-12..=5.0 + 1e-9).contains(&effective_options(&p)));
        }
    }
}
