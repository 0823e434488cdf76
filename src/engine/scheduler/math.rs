//! Numbers over a whole vocabulary, and the randomness of a voice.

use super::device::Token;

/// Values that are computed side by side: the compiler makes one vector instruction of a loop over so many.
const LANES: usize = 16;
/// Values whose weights are summed in single precision before the sum goes on in double precision: errors stay below
/// 1e-6 of the sum, far below what a logit itself is good for.
pub const BLOCK: usize = 256;

/// The largest of `values`; minus infinity of nothing.
pub fn largest(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    rest.iter().chain(&lanes).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The exponential of a number that is at most 0, to 2e-7 of itself; 0 below -87, where it leaves the normal numbers.
///
/// Written out because the library's takes most of the time of a step beside the model. It has no branches, so that the
/// compiler can compute several at once, and gives the same bits on every machine.
#[inline]
pub fn exp(x: f32) -> f32 {
    // Adding it moves the whole part of a small number into the lowest bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    // The natural logarithm of 2 in two parts, the first of which loses nothing when multiplied by a whole number.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const LEAST: f32 = -87.0;
    // What is no number stays none.
    let clamped = if x < LEAST { LEAST } else { x };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = clamped - whole * LN_2_HIGH - whole * LN_2_LOW;
    // Cephes' polynomial for |r| of at most half a natural logarithm of 2.
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5.000_000_3e-1;
    let fraction = p * r * r + r + 1.0;
    // 2 to the whole part: its bits are the exponent of a float.
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    let result = fraction * f32::from_bits(exponent);
    if x < LEAST { 0.0 } else { result }
}

/// The sum of `exp((value - max) * scale)` over at most [`BLOCK`] values, none of which is above `max`.
pub fn sum_of_weights(values: &[f32], max: f32, scale: f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += exp((value - max) * scale);
        }
    }
    let rest: f32 = rest.iter().map(|value| exp((value - max) * scale)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Natural logarithm of the sum of exponentials: the normaliser of the full softmax at temperature 1.
pub fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = largest(logits);
    if max == f32::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    let sum: f64 = logits.chunks(BLOCK).map(|block| f64::from(sum_of_weights(block, max, 1.0))).sum();
    f64::from(max) + sum.ln()
}

/// Draws one of `logits` at a temperature above 0: the token in whose part of the unit interval `unit` lies, the parts in
/// the order of the ids. `None` when no token has any weight, or one has none that is a number.
pub fn draw(logits: &[f32], temperature: f32, unit: f64) -> Option<Token> {
    let max = largest(logits);
    if max == f32::NEG_INFINITY {
        return None;
    }
    // Finite also where the temperature is next to nothing: the weight of the largest is one.
    let scale = (1.0 / temperature).min(f32::MAX);
    let weight = |logit: f32| exp((logit - max) * scale);
    let sums: Vec<f64> = logits.chunks(BLOCK).map(|block| f64::from(sum_of_weights(block, max, scale))).collect();
    let total: f64 = sums.iter().sum();
    if !total.is_finite() {
        return None;
    }
    let mut left = unit * total;
    let mut last = None;
    for (index, (block, sum)) in logits.chunks(BLOCK).zip(&sums).enumerate() {
        if *sum > 0.0 {
            last = Some(index);
        }
        if left >= *sum {
            left -= sum;
            continue;
        }
        let mut within = None;
        for (at, logit) in (index * BLOCK..).zip(block) {
            let weight = f64::from(weight(*logit));
            left -= weight;
            if weight > 0.0 {
                within = Some(at);
            }
            if left < 0.0 {
                break;
            }
        }
        // Rounding: the last one of the block that has any weight.
        return within.and_then(|at| Token::try_from(at).ok());
    }
    // Rounding: the last token with any weight.
    let begin = last? * BLOCK;
    let block = &logits[begin..logits.len().min(begin + BLOCK)];
    let at = block.iter().rposition(|logit| weight(*logit) > 0.0)?;
    Token::try_from(begin + at).ok()
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
    #![allow(clippy::unwrap_used)]
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

    #[test]
    fn exponentials_are_exact_enough_everywhere() {
        for step in 0..=870_000u32 {
            let x = -(step as f32) / 10_000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2e-7, "exp({x}) is wrong by {error}");
        }
        assert_eq!([-87.01, -1e9, f32::NEG_INFINITY].map(|x| exp(x).to_bits()), [0; 3]);
        assert_eq!(exp(0.0).to_bits(), 1f32.to_bits());
    }

    /// The same in double precision, one after the other.
    fn drawn_slowly(logits: &[f32], temperature: f32, unit: f64) -> (Vec<f64>, f64) {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights = logits.iter().map(|logit| (f64::from(logit - max) / f64::from(temperature)).exp());
        let mut sum = 0.0;
        let ends: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        (ends, unit * sum)
    }

    fn logits(count: usize, seed: u64) -> Vec<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "logits are single precision")]
        (0..count as u64).map(|index| (unit(seed, index) * 30.0 - 20.0) as f32).collect()
    }

    #[test]
    fn draws_are_those_of_double_precision() {
        for (count, temperature) in [(1, 1.0), (255, 0.7), (256, 1.0), (257, 1.3), (49_152, 1.0), (49_152, 0.2)] {
            let logits = logits(count, count as u64);
            for number in 0..60 {
                let unit = unit(9, number);
                let token = place(draw(&logits, temperature, unit).unwrap());
                let (ends, at) = drawn_slowly(&logits, temperature, unit);
                let total = ends[count - 1];
                let begin = if token == 0 { 0.0 } else { ends[token - 1] };
                let slack = total * 2e-6;
                assert!(begin - slack <= at && at <= ends[token] + slack, "{token} of {count} at {unit}");
            }
        }
    }

    #[test]
    fn what_has_no_weight_is_never_drawn() {
        let mut logits = vec![f32::NEG_INFINITY; 1000];
        assert_eq!(draw(&logits, 1.0, 0.5), None);
        assert_eq!(draw(&[], 1.0, 0.5), None);
        (logits[300], logits[700]) = (1.0, 1.0);
        let nearly_one = 1.0 - f64::EPSILON / 2.0;
        assert_eq!([0.0, 0.49, 0.51, nearly_one].map(|unit| draw(&logits, 1.0, unit)), [300, 300, 700, 700].map(Some));
        // So cold that one is left.
        logits[700] = 1.1;
        for temperature in [1e-4, f32::MIN_POSITIVE, 1e-45] {
            assert_eq!([0.0, nearly_one].map(|unit| draw(&logits, temperature, unit)), [Some(700); 2]);
        }
        logits[2] = f32::NAN;
        assert_eq!(draw(&logits, 1.0, 0.5), None);
        assert!(log_sum_exp(&logits).is_nan(), "a broken model is not hidden");
    }

    proptest! {
        #[test]
        fn sums_are_those_of_double_precision(count in 1usize..3000, seed: u64) {
            let logits = logits(count, seed);
            let exact = logits.iter().map(|logit| f64::from(*logit).exp()).sum::<f64>().ln();
            prop_assert!((log_sum_exp(&logits) - exact).abs() < 1e-6);
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(largest(&logits).to_bits(), max.to_bits());
        }

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
