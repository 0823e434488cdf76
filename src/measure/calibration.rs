//! Corrections of an option distribution after the fact: content-free calibration (P6) and temperature scaling (M21).

use super::distribution::Distribution;
use super::divergence::total_variation;
use super::error::{MeasureError, same_length};
use super::generalised_js::{equal_weights, linear_pool};
use super::orders::divide_out;

/// Content-free calibration (P6): `p_i / p_cf,i`, renormalised, where `p_cf` is the mean of what the model answers when
/// the question is replaced by something without content (`N/A`, `[MASK]`, nothing). Zhao et al., ICML 2021.
///
/// It can overcorrect; order averaging and `PriDe` are to be preferred. A share of 0 is taken as 1e-10. Fails without
/// content-free distributions and on unequal lengths.
pub fn calibrate_content_free(p: &Distribution, content_free: &[Distribution]) -> Result<Distribution, MeasureError> {
    divide_out(p, &linear_pool(content_free, &equal_weights(content_free.len())?)?)
}

/// Temperature scaling (M21): `p_i^(1/T)`, renormalised; above 1 flatter, below 1 sharper. A share of 0 stays 0.
/// Guo et al., ICML 2017; for option distributions Meister et al., NAACL 2025.
///
/// Fails for a temperature that is not a finite number above 0.
pub fn scale_temperature(p: &Distribution, temperature: f64) -> Result<Distribution, MeasureError> {
    if !(temperature > 0.0 && temperature.is_finite()) {
        return Err(MeasureError::Temperature(temperature));
    }
    // Relative to the largest share, so that a tiny temperature does not make every logarithm infinite.
    let largest = p.as_slice().iter().copied().fold(0.0, f64::max).ln();
    let score = |share: &f64| (share.ln() - largest) / temperature;
    Ok(Distribution::softmax(&p.as_slice().iter().map(score).collect::<Vec<_>>())?)
}

/// A fitted temperature and what it reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FittedTemperature {
    /// The temperature.
    pub temperature: f64,
    /// Mean total variation to the targets at that temperature, 0 to 1.
    pub mean_tv: f64,
}

/// The temperature of 0.05, 0.10, ..., 10 with the least total variation between scaled model distributions and their
/// targets, `(model, target)` per question (M21). The lowest of several equally good ones.
///
/// Fit on other questions than are reported. Fails without pairs and on unequal lengths.
pub fn fit_temperature(pairs: &[(Distribution, Distribution)]) -> Result<FittedTemperature, MeasureError> {
    if pairs.is_empty() {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    let mut best = FittedTemperature { temperature: 1.0, mean_tv: f64::INFINITY };
    for step in 1..=200u32 {
        let temperature = f64::from(step) / 20.0;
        let mut sum = 0.0;
        for (model, target) in pairs {
            same_length(model.len(), target.len())?;
            sum += total_variation(&scale_temperature(model, temperature)?, target)?;
        }
        let mean_tv = sum / pairs.len() as f64;
        if mean_tv < best.mean_tv {
            best = FittedTemperature { temperature, mean_tv };
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{all_close, any_distribution, close, d};
    use proptest::prelude::*;

    #[test]
    fn vector_of_p6() {
        let calibrated = calibrate_content_free(&d(&[0.6, 0.2, 0.2]), &[d(&[0.5, 0.3, 0.2])]).unwrap();
        all_close(calibrated.as_slice(), &[0.418_605, 0.232_558, 0.348_837]);
        let mean_of_two = [d(&[0.6, 0.2, 0.2]), d(&[0.4, 0.4, 0.2])];
        all_close(
            calibrate_content_free(&d(&[0.6, 0.2, 0.2]), &mean_of_two).unwrap().as_slice(),
            calibrated.as_slice(),
        );
        assert!(calibrate_content_free(&d(&[1.0]), &[]).is_err());
    }

    #[test]
    fn vectors_of_temperature_scaling() {
        let p = d(&[0.9, 0.08, 0.02]);
        for (temperature, expected) in [
            (2.0, [0.690_983, 0.206_011, 0.103_006]),
            (3.0, [0.578_894, 0.258_354, 0.162_753]),
            (0.5, [0.991_675, 0.007_835, 0.000_490]),
            (5.0, [0.480_005, 0.295_812, 0.224_183]),
        ] {
            all_close(scale_temperature(&p, temperature).unwrap().as_slice(), &expected);
        }
        let target = d(&[0.6, 0.25, 0.15]);
        close(total_variation(&p, &target).unwrap(), 0.3);
        let fitted = fit_temperature(&[(p, target)]).unwrap();
        close(fitted.temperature, 2.75);
        close(fitted.mean_tv, 0.000_951);
    }

    #[test]
    fn extremes_stay_distributions() {
        let p = d(&[0.9, 0.1, 0.0]);
        all_close(scale_temperature(&p, 1e-300).unwrap().as_slice(), &[1.0, 0.0, 0.0]);
        all_close(scale_temperature(&p, 1e300).unwrap().as_slice(), &[0.5, 0.5, 0.0]);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(scale_temperature(&p, bad).is_err());
        }
        assert!(fit_temperature(&[]).is_err());
        assert!(fit_temperature(&[(p, d(&[1.0]))]).is_err());
    }

    proptest! {
        #[test]
        fn temperature_one_changes_nothing_and_the_ranking_stays(p in any_distribution(4), t in 0.1..10.0f64) {
            all_close(scale_temperature(&p, 1.0).unwrap().as_slice(), p.as_slice());
            let scaled = scale_temperature(&p, t).unwrap();
            for (a, b) in [(0, 1), (1, 2), (2, 3)] {
                let (before, after) = (p.as_slice(), scaled.as_slice());
                prop_assert!(before[a] <= before[b] || after[a] >= after[b]);
            }
        }
    }
}
