//! Mode match (E9): whether two distributions have a most likely option in common.

use super::distribution::Distribution;
use super::error::{MeasureError, same_length};

/// Shares closer than this count as tied: averaging and renormalising disturb the last bits.
const TIE: f64 = 1e-12;

/// The most likely options, several where they tie.
pub fn modes(p: &Distribution) -> Vec<usize> {
    let largest = p.as_slice().iter().copied().fold(0.0, f64::max);
    (0..p.len()).filter(|&option| p.as_slice()[option] >= largest - TIE).collect()
}

/// Whether any most likely option of `p` is one of `q` (E9). Fails on unequal lengths.
pub fn mode_match(p: &Distribution, q: &Distribution) -> Result<bool, MeasureError> {
    same_length(p.len(), q.len())?;
    let of_q = modes(q);
    Ok(modes(p).iter().any(|option| of_q.contains(option)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::d;

    #[test]
    fn ties_count_if_any_option_matches() {
        let (first, second, tied) = (d(&[0.6, 0.3, 0.1]), d(&[0.2, 0.5, 0.3]), d(&[0.4, 0.4, 0.2]));
        assert!(!mode_match(&first, &second).unwrap());
        assert!(mode_match(&first, &tied).unwrap() && mode_match(&tied, &second).unwrap());
        assert!(!mode_match(&tied, &d(&[0.1, 0.2, 0.7])).unwrap());
        assert!(mode_match(&first, &d(&[1.0])).is_err());
    }

    #[test]
    fn rounding_does_not_break_a_tie() {
        assert_eq!(modes(&d(&[0.1 + 0.2, 0.3, 0.4 - 0.1])), [0, 1, 2]);
    }
}
