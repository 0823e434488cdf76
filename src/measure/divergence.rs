//! How far two distributions over the same options lie apart: Jensen-Shannon (E1), Kullback-Leibler (E2), total
//! variation (E4), Hellinger.

use std::f64::consts::LN_2;

use super::distribution::Distribution;
use super::error::{MeasureError, same_length};

/// The unit of an information measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Bits. Ids end in `_2`.
    Two,
    /// Nats. Ids end in `_e`.
    E,
}

impl Base {
    /// Turns nats into this unit.
    pub fn of_nats(self, nats: f64) -> f64 {
        match self {
            Self::Two => nats / LN_2,
            Self::E => nats,
        }
    }
}

/// Jensen-Shannon divergence (E1): the mean KL of both sides to their midpoint; 0 for equal distributions, at most
/// 1 bit or ln 2 nats. Lin, IEEE Transactions on Information Theory 37, 1991.
///
/// Fails on unequal lengths.
pub fn js_divergence(p: &Distribution, q: &Distribution, base: Base) -> Result<f64, MeasureError> {
    same_length(p.len(), q.len())?;
    let nats: f64 = p.as_slice().iter().zip(q.as_slice()).map(|(&a, &b)| js_term(a, b)).sum();
    Ok(base.of_nats(nats.min(LN_2)))
}

/// One option's part of the divergence in nats. Written in the relative difference d of both shares, every part is 0
/// or more and exactly symmetric; the textbook form cancels when the distributions are close, and the square root of
/// the distance would make that visible.
fn js_term(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if sum == 0.0 {
        return 0.0;
    }
    let d = ((a - b) / sum).abs();
    let bracket = if d < 0.5 {
        (-d * d).ln_1p() + 2.0 * d * d.atanh()
    } else {
        (1.0 + d) * d.ln_1p() + if d < 1.0 { (1.0 - d) * (1.0 - d).ln() } else { 0.0 }
    };
    (sum / 4.0 * bracket).max(0.0)
}

/// Jensen-Shannon distance (E1): the square root of the divergence, a metric; at most 1 (base 2) or sqrt(ln 2) =
/// 0.832555 (base e). Endres and Schindelin, IEEE Transactions on Information Theory 49, 2003.
///
/// The default of this program is base 2; `ModPlural` and its successors print base e. Fails on unequal lengths.
pub fn js_distance(p: &Distribution, q: &Distribution, base: Base) -> Result<f64, MeasureError> {
    Ok(js_divergence(p, q, base)?.sqrt())
}

/// Kullback-Leibler divergence of `p` from `q` (E2); `None` if infinite, that is where `q` is 0 and `p` is not.
///
/// On screen `p` is the human side and `q` the model's, which penalises missing mass. Fails on unequal lengths.
pub fn kl_divergence(p: &Distribution, q: &Distribution, base: Base) -> Result<Option<f64>, MeasureError> {
    same_length(p.len(), q.len())?;
    let mut nats = 0.0;
    for (&a, &b) in p.as_slice().iter().zip(q.as_slice()) {
        if a > 0.0 {
            if b == 0.0 {
                return Ok(None);
            }
            // The ratio of a normal and a subnormal number can overflow; the difference of logarithms cannot.
            nats += a * (a.ln() - b.ln());
        }
    }
    Ok(Some(base.of_nats(nats.max(0.0))))
}

/// The share added to every option before a KL divergence is shown: the value of Spectrum Tuning.
pub const SMOOTHING: f64 = 1e-6;

/// KL divergence after smoothing both sides by `(p_i + eps) / (1 + k eps)` (E2): always finite for `eps > 0`.
///
/// Fails on unequal lengths, and on an `eps` that is negative or not finite.
pub fn kl_divergence_smoothed(p: &Distribution, q: &Distribution, eps: f64, base: Base) -> Result<f64, MeasureError> {
    same_length(p.len(), q.len())?;
    let smooth = |d: &Distribution| Distribution::new(&d.as_slice().iter().map(|v| v + eps).collect::<Vec<_>>());
    // With eps = 0 an infinite divergence is still possible.
    kl_divergence(&smooth(p)?, &smooth(q)?, base)?.ok_or(MeasureError::DisjointSupport)
}

/// Total variation (E4): half the sum of absolute differences, 0 to 1; the share of answers that would have to change.
///
/// Fails on unequal lengths.
pub fn total_variation(p: &Distribution, q: &Distribution) -> Result<f64, MeasureError> {
    same_length(p.len(), q.len())?;
    let sum: f64 = p.as_slice().iter().zip(q.as_slice()).map(|(a, b)| (a - b).abs()).sum();
    Ok((sum / 2.0).min(1.0))
}

/// Hellinger distance: `sqrt(1/2 sum (sqrt p_i - sqrt q_i)^2)`, 0 to 1. Fails on unequal lengths.
pub fn hellinger(p: &Distribution, q: &Distribution) -> Result<f64, MeasureError> {
    same_length(p.len(), q.len())?;
    let sum: f64 = p.as_slice().iter().zip(q.as_slice()).map(|(a, b)| (a.sqrt() - b.sqrt()).powi(2)).sum();
    Ok((sum / 2.0).sqrt().min(1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{close, d, master_table};

    #[test]
    fn master_table_of_two_vectors() {
        for row in master_table() {
            close(js_divergence(&row.p, &row.q, Base::Two).unwrap(), row.jsd_2);
            close(js_distance(&row.p, &row.q, Base::Two).unwrap(), row.js_distance_2);
            close(js_divergence(&row.p, &row.q, Base::E).unwrap(), row.jsd_e);
            close(js_distance(&row.p, &row.q, Base::E).unwrap(), row.js_distance_e);
            close(total_variation(&row.p, &row.q).unwrap(), row.tv);
            for (found, expected) in [
                (kl_divergence(&row.p, &row.q, Base::Two).unwrap(), row.kl_pq),
                (kl_divergence(&row.q, &row.p, Base::Two).unwrap(), row.kl_qp),
            ] {
                assert_eq!(found.is_some(), expected.is_some(), "{}", row.id);
                close(found.unwrap_or(0.0), expected.unwrap_or(0.0));
            }
        }
    }

    #[test]
    fn case_a_in_nats_and_hellinger() {
        let (p, q) = (d(&[0.8, 0.2]), d(&[0.5, 0.5]));
        close(kl_divergence(&p, &q, Base::E).unwrap().unwrap(), 0.192_745);
        close(kl_divergence(&q, &p, Base::E).unwrap().unwrap(), 0.223_144);
        close(hellinger(&p, &q).unwrap(), 0.226_532);
    }

    #[test]
    fn smoothing_makes_case_d_finite() {
        let (p, q) = (d(&[1.0, 0.0, 0.0]), d(&[0.5, 0.5, 0.0]));
        close(kl_divergence_smoothed(&q, &p, SMOOTHING, Base::E).unwrap(), 6.214_603);
        close(kl_divergence_smoothed(&q, &p, SMOOTHING, Base::Two).unwrap(), 8.965_777);
        assert!(kl_divergence_smoothed(&q, &p, 0.0, Base::E).is_err());
        assert!(kl_divergence_smoothed(&q, &p, f64::NAN, Base::E).is_err());
    }

    #[test]
    fn tiny_differences_are_seen_and_extremes_stay_finite() {
        let p = d(&[0.5, 0.5]);
        let q = d(&[0.5 + 1e-9, 0.5 - 1e-9]);
        let expected = 1e-9 / (2.0 * LN_2).sqrt();
        assert!((js_distance(&p, &q, Base::Two).unwrap() / expected - 1.0).abs() < 1e-6);
        let extreme = d(&[1.0, 5e-324]);
        assert!(kl_divergence(&extreme, &d(&[5e-324, 1.0]), Base::E).unwrap().unwrap().is_finite());
        close(js_distance(&extreme, &d(&[1e-17, 1.0]), Base::Two).unwrap(), 1.0);
    }

    #[test]
    fn unequal_lengths_are_an_error() {
        let expected = Err(MeasureError::UnequalLengths { left: 2, right: 1 });
        assert_eq!(js_distance(&d(&[0.5, 0.5]), &d(&[1.0]), Base::Two), expected);
        assert_eq!(total_variation(&d(&[0.5, 0.5]), &d(&[1.0])), expected);
        assert_eq!(hellinger(&d(&[0.5, 0.5]), &d(&[1.0])), expected);
    }
}
