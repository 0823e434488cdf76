//! Numbers over a whole vocabulary, and the randomness of a voice.

use super::device::Token;

/// Natural logarithm of the sum of exponentials: the normaliser of the full softmax at temperature 1.
pub fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if max == f32::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    // Single precision per term, double for the sum: 1e-7 relative, far below what a logit itself is good for.
    let sum: f64 = logits.iter().map(|logit| f64::from((logit - max).exp())).sum();
    f64::from(max) + sum.ln()
}

/// The `count` tokens with the largest logits, largest first; of equals the one with the smaller id.
pub fn top(logits: &[f32], count: usize) -> Vec<Token> {
    let mut best: Vec<(f32, Token)> = Vec::with_capacity(count + 1);
    for (token, logit) in (0..).zip(logits) {
        if best.len() == count && best.last().is_some_and(|(least, _)| logit <= least) {
            continue;
        }
        let at = best.partition_point(|(other, _)| other >= logit);
        best.insert(at, (*logit, token));
        best.truncate(count);
    }
    best.into_iter().map(|(_, token)| token).collect()
}

/// A number uniform in [0, 1) that depends on the voice's seed and the place of the token alone, so that a voice that
/// is forked, resumed or replayed draws the same. `SplitMix64` (Steele, Lea and Flood 2014), entered at step `index`.
pub fn unit(seed: u64, index: u64) -> f64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = seed.wrapping_add(STEP.wrapping_mul(index.wrapping_add(1)));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scheduler::device::place;
    use proptest::prelude::*;

    #[test]
    fn log_sum_exp_of_known_logits() {
        assert!((log_sum_exp(&[0.0, 0.0]) - 2f64.ln()).abs() < 1e-12);
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + 2f64.ln())).abs() < 1e-9);
        assert!(log_sum_exp(&[f32::NEG_INFINITY]) == f64::NEG_INFINITY);
    }

    #[test]
    fn equal_logits_come_in_the_order_of_their_ids() {
        assert_eq!(top(&[1.0, 3.0, 3.0, 0.0, 2.0], 3), [1, 2, 4]);
        assert_eq!(top(&[1.0], 3), [0]);
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // First outputs for seed 1234567 of the reference implementation.
        let expected = [6_457_827_717_110_365_317u64, 3_203_168_211_198_807_973];
        for (index, bits) in (0..).zip(expected) {
            assert!((unit(1_234_567, index) - (bits >> 11) as f64 / (1u64 << 53) as f64).abs() < 1e-18);
        }
    }

    proptest! {
        #[test]
        fn top_agrees_with_sorting(logits in prop::collection::vec(-5f32..5.0, 0..50), count in 1usize..10) {
            let mut ids: Vec<Token> = (0..).take(logits.len()).collect();
            ids.sort_by(|a, b| logits[place(*b)].total_cmp(&logits[place(*a)]).then(a.cmp(b)));
            ids.truncate(count);
            prop_assert_eq!(top(&logits, count), ids);
        }

        #[test]
        fn draws_lie_in_the_unit_interval(seed: u64, index: u64) {
            let u = unit(seed, index);
            prop_assert!((0.0..1.0).contains(&u));
        }
    }
}
