//! Counts of many independent answers, drawn in time that does not grow with their number.

use super::random::SplitMix64;

/// Expected hits below which counting through the probabilities is quicker than rejection, and rejection not yet exact.
const FEW: f64 = 10.0;

/// The hits in `n` trials that each succeed with probability `p`, from 0 to 1: exactly binomial.
///
/// By inversion for few expected hits, else by the transformed rejection BTRS of Hörmann, Journal of Statistical
/// Computation and Simulation 46, 1993.
pub(super) fn binomial(random: &mut SplitMix64, n: u64, p: f64) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    // Both ways want the rarer side; it is at most a half.
    if p > 0.5 {
        return n - rarer(random, n, 1.0 - p);
    }
    rarer(random, n, p)
}

fn rarer(random: &mut SplitMix64, n: u64, p: f64) -> u64 {
    if n as f64 * p < FEW { inverted(random, n, p) } else { rejected(random, n, p) }
}

fn inverted(random: &mut SplitMix64, n: u64, p: f64) -> u64 {
    let odds = p / (1.0 - p);
    let mut mass = (n as f64 * (-p).ln_1p()).exp();
    let mut left = random.uniform();
    for hits in 0..n {
        if left < mass {
            return hits;
        }
        left -= mass;
        mass *= odds * (n - hits) as f64 / (hits + 1) as f64;
        // What rounding left over of the last sliver.
        if mass < f64::MIN_POSITIVE && hits as f64 > n as f64 * p {
            return hits;
        }
    }
    n
}

fn rejected(random: &mut SplitMix64, n: u64, p: f64) -> u64 {
    let (trials, q) = (n as f64, 1.0 - p);
    let spread = (trials * p * q).sqrt();
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let centre = trials * p + 0.5;
    let inner = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * spread;
    let mode = ((trials + 1.0) * p).floor();
    loop {
        let height = random.uniform();
        let u = random.uniform() - 0.5;
        let us = 0.5 - u.abs();
        let hits = ((2.0 * a / us + b) * u + centre).floor();
        if !(0.0..=trials).contains(&hits) {
            continue;
        }
        let accepted = us >= 0.07 && height <= inner || {
            let ratio = (p / q).ln();
            let height = (height * alpha / (a / (us * us) + b)).ln();
            height <= ln_choices(trials, hits) - ln_choices(trials, mode) + (hits - mode) * ratio
        };
        if accepted {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, from 0 to n")]
            return hits as u64;
        }
    }
}

/// Logarithm of the number of ways to choose `hits` of `n`, up to a term of `n` alone.
fn ln_choices(n: f64, hits: f64) -> f64 {
    -ln_factorial(hits) - ln_factorial(n - hits)
}

/// Stirling's series to 1e-9 from 10 on; below that the product itself.
fn ln_factorial(x: f64) -> f64 {
    if x < 10.0 {
        let mut product = 1.0;
        let mut factor = 2.0;
        while factor <= x {
            product *= factor;
            factor += 1.0;
        }
        return f64::ln(product);
    }
    let square = x * x;
    let tail = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / x;
    (x + 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + tail
}

/// Fills `counts` with `n` answers that divide over the options like `shares`, which sum to 1.
pub(super) fn multinomial(random: &mut SplitMix64, n: u64, shares: &[f64], counts: &mut [u64]) {
    counts.fill(0);
    let (mut left, mut rest) = (n, 1.0);
    let last = shares.iter().rposition(|share| *share > 0.0).unwrap_or(0);
    for (option, (share, count)) in shares.iter().zip(counts.iter_mut()).enumerate() {
        // What rounding leaves of the shares belongs to the last option that has one.
        *count = if option == last { left } else { binomial(random, left, (share / rest).clamp(0.0, 1.0)) };
        left -= *count;
        rest -= share;
        if option == last || left == 0 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probability of each number of hits, straight from its definition.
    fn masses(n: u64, p: f64) -> Vec<f64> {
        let ln = |x: u64| (1..=x).map(|i| (i as f64).ln()).sum::<f64>();
        (0..=n)
            .map(|k| (ln(n) - ln(k) - ln(n - k) + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp())
            .collect()
    }

    #[test]
    fn hits_follow_the_binomial_distribution() {
        let draws = 60_000;
        for (n, p) in [(1, 0.3), (30, 0.05), (30, 0.6), (40, 0.5), (200, 0.1), (1000, 0.97)] {
            let mut random = SplitMix64::new(n);
            let masses = masses(n, p);
            let mut seen = vec![0u64; masses.len()];
            for _ in 0..draws {
                seen[usize::try_from(binomial(&mut random, n, p)).unwrap_or(usize::MAX)] += 1;
            }
            let mut worst: f64 = 0.0;
            let (mut found, mut expected) = (0.0, 0.0);
            for (count, mass) in seen.iter().zip(&masses) {
                found += *count as f64 / f64::from(draws);
                expected += mass;
                worst = worst.max((found - expected).abs());
            }
            // Kolmogorov's bound for this many draws at one in a million.
            assert!(worst < 2.7 / f64::from(draws).sqrt(), "{n} trials at {p}: {worst}");
        }
    }

    #[test]
    fn answers_divide_like_the_shares_and_none_is_lost() {
        let shares = [0.0, 0.5, 0.0, 0.3, 0.2, 0.0];
        let mut random = SplitMix64::new(5);
        for n in [0, 1, 7, 30, 1_000_000, 1_000_000_000_000] {
            let mut counts = [9; 6];
            multinomial(&mut random, n, &shares, &mut counts);
            assert_eq!(counts.iter().sum::<u64>(), n);
            for (count, share) in counts.iter().zip(shares) {
                let off = (*count as f64 - n as f64 * share).abs();
                assert!(off <= 6.0 * (n as f64 * share * (1.0 - share)).sqrt(), "{counts:?}");
            }
        }
    }
}
