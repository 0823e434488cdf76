//! Intervals: Wilson's for a share, and percentiles of resampled values (E11).

use serde::Serialize;

use super::error::MeasureError;

/// The 97.5 % quantile of the standard normal distribution, for 95 % intervals.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// The level of every interval that is not asked for otherwise.
pub const LEVEL_95: f64 = 0.95;

/// An interval; written in JSON as `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

/// Wilson's score interval (95 %) of a share of `hits` in `n` trials (E11); inside [0, 1], and sensible at 0 and n
/// where the textbook interval has no width. Wilson, Journal of the American Statistical Association 22, 1927.
///
/// Fails for `n` = 0 and for more hits than trials.
pub fn wilson_95(hits: u64, n: u64) -> Result<Interval, MeasureError> {
    if n == 0 {
        return Err(MeasureError::Zero("the number of trials"));
    }
    if hits > n {
        return Err(MeasureError::MoreHitsThanTrials { hits, n });
    }
    let (trials, z2) = (n as f64, Z_95 * Z_95);
    let share = hits as f64 / trials;
    let centre = share + z2 / (2.0 * trials);
    let reach = Z_95 * (share * (1.0 - share) / trials + z2 / (4.0 * trials * trials)).sqrt();
    let scale = 1.0 + z2 / trials;
    // At the ends centre and reach are equal but for rounding.
    let low = if hits == 0 { 0.0 } else { (centre - reach) / scale };
    let high = if hits == n { 1.0 } else { (centre + reach) / scale };
    Ok(Interval { low: low.clamp(0.0, 1.0), high: high.clamp(0.0, 1.0) })
}

/// The `level` interval between the outer percentiles of `values`, which it sorts; percentiles between two values are
/// interpolated linearly (type 7 of Hyndman and Fan, The American Statistician 50, 1996).
///
/// Fails without values and for a level outside (0, 1).
pub fn percentile_interval(values: &mut [f64], level: f64) -> Result<Interval, MeasureError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(MeasureError::Level(level));
    }
    if values.is_empty() {
        return Err(MeasureError::Zero("the number of resamples"));
    }
    values.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Ok(Interval { low: percentile(values, tail), high: percentile(values, 1.0 - tail) })
}

/// The `share` percentile (0 to 1) of ascending values.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into the slice, 0 or more")]
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;
    use proptest::prelude::*;

    #[test]
    fn wilson_of_thirty_answers() {
        for (hits, low, high) in
            [(18, 0.423_204, 0.754_094), (9, 0.166_647, 0.478_758), (3, 0.034_600, 0.256_211), (0, 0.0, 0.113_513)]
        {
            let interval = wilson_95(hits, 30).unwrap();
            close(interval.low, low);
            close(interval.high, high);
        }
        assert!(wilson_95(0, 30).unwrap().low <= 0.0 && wilson_95(30, 30).unwrap().high >= 1.0);
    }

    #[test]
    fn wilson_half_widths_at_one_half() {
        for (n, half) in [(10, 0.263), (30, 0.169), (50, 0.134), (100, 0.096), (200, 0.069), (500, 0.044)] {
            let interval = wilson_95(n / 2, n).unwrap();
            assert!(((interval.high - interval.low) / 2.0 - half).abs() < 0.0006, "{n}");
        }
    }

    /// The chance that the interval of `n` answers holds the true share, summed over all counts.
    fn coverage(n: u64, share: f64) -> f64 {
        let ln = |x: u64| (1..=x).map(|i| (i as f64).ln()).sum::<f64>();
        (0..=n)
            .filter(|hits| wilson_95(*hits, n).is_ok_and(|i| i.low <= share && share <= i.high))
            .map(|k| (ln(n) - ln(k) - ln(n - k) + k as f64 * share.ln() + (n - k) as f64 * (1.0 - share).ln()).exp())
            .sum()
    }

    #[test]
    fn wilson_covers_as_often_as_it_says() {
        for n in [10, 30, 100] {
            let shares: Vec<f64> = (1..100).map(|percent| f64::from(percent) / 100.0).collect();
            let mean = shares.iter().map(|share| coverage(n, *share)).sum::<f64>() / 99.0;
            assert!((0.93..=0.97).contains(&mean), "{n}: {mean}");
            // Counts are whole, so single shares lie off it.
            assert!(shares.iter().all(|share| coverage(n, *share) > 0.83), "{n}");
        }
    }

    #[test]
    fn wilson_refuses_nonsense() {
        assert!(wilson_95(0, 0).is_err());
        assert!(wilson_95(2, 1).is_err());
    }

    #[test]
    fn percentiles_are_interpolated() {
        let mut values: Vec<f64> = (0..=40).rev().map(f64::from).collect();
        let interval = percentile_interval(&mut values, 0.95).unwrap();
        close(interval.low, 1.0);
        close(interval.high, 39.0);
        let interval = percentile_interval(&mut [3.0, 1.0], 0.5).unwrap();
        close(interval.low, 1.5);
        close(interval.high, 2.5);
        assert!(percentile_interval(&mut [], 0.95).is_err());
        assert!(percentile_interval(&mut [1.0], 1.0).is_err());
        assert!(percentile_interval(&mut [1.0], f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn wilson_holds_the_share(n in 1u64..5000, part in 0.0..=1.0f64) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let hits = (part * n as f64) as u64;
            let interval = wilson_95(hits, n).unwrap();
            let share = hits as f64 / n as f64;
            prop_assert!(0.0 <= interval.low && interval.low <= share && share <= interval.high && interval.high <= 1.0);
        }
    }
}
