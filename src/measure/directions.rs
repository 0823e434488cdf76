//! Directions out of contrast pairs: what a model's layer puts out for texts that show something, against texts that show
//! its opposite.

use super::error::{MeasureError, same_length};

/// Rounds of the power iteration; it has long converged by then unless two directions explain the same share.
const ROUNDS: usize = 1000;
const TOLERANCE: f64 = 1e-12;

/// How well a direction tells the two sides of pairs apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Separation {
    /// Share of the pairs whose positive side lies further along the direction than its negative side; a tie counts half.
    pub share: f64,
    /// Mean over standard deviation (n - 1) of the pairs' differences along the direction, the paired effect size of Cohen
    /// (1988); absent for fewer than two pairs and where all differ by the same.
    pub effect: Option<f64>,
}

/// The mean of `positive[i] - negative[i]`, not normalised (Rimsky et al. 2024, arXiv 2312.06681). Rows are layer outputs of
/// one width, one for each pair.
pub fn mean_difference(positive: &[Vec<f32>], negative: &[Vec<f32>]) -> Result<Vec<f64>, MeasureError> {
    let differences = differences(positive, negative)?;
    let width = differences[0].len();
    let sum = |at: usize| differences.iter().map(|row| row[at]).sum::<f64>();
    Ok((0..width).map(|at| sum(at) / differences.len() as f64).collect())
}

/// The unit vector along which `positive[i] - negative[i]` are longest in the sum of squares: the first principal component
/// of the differences, not centred, for centring would take out their mean. Its sign is that of the mean difference along
/// it (others leave it open: Zou et al. 2023, arXiv 2310.01405). An error where all differences are 0.
pub fn principal_difference(positive: &[Vec<f32>], negative: &[Vec<f32>]) -> Result<Vec<f64>, MeasureError> {
    let differences = differences(positive, negative)?;
    // Pairs are few and dimensions many: the eigenvector of the small matrix of products gives the large one's.
    let products: Vec<Vec<f64>> = differences.iter().map(|a| differences.iter().map(|b| dot(a, b)).collect()).collect();
    let longest = (0..products.len()).max_by(|a, b| products[*a][*a].total_cmp(&products[*b][*b])).unwrap_or(0);
    // Begins at the longest difference, which has a part along the component sought.
    let mut weights = products[longest].clone();
    for _ in 0..ROUNDS {
        let length = dot(&weights, &weights).sqrt();
        if length <= 0.0 {
            return Err(MeasureError::NoDirection);
        }
        let unit: Vec<f64> = weights.iter().map(|weight| weight / length).collect();
        let next: Vec<f64> = products.iter().map(|row| dot(row, &unit)).collect();
        let scale = dot(&next, &next).sqrt().max(f64::MIN_POSITIVE);
        let moved: f64 = next.iter().zip(&unit).map(|(next, unit)| (next / scale - unit).abs()).sum();
        weights = next;
        if moved < TOLERANCE {
            break;
        }
    }
    let width = differences[0].len();
    let mut direction = vec![0.0; width];
    for (weight, row) in weights.iter().zip(&differences) {
        direction.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    let length = dot(&direction, &direction).sqrt();
    if length <= 0.0 {
        return Err(MeasureError::NoDirection);
    }
    let along: f64 = differences.iter().map(|row| dot(row, &direction)).sum();
    let sign = if along < 0.0 { -1.0 } else { 1.0 };
    for value in &mut direction {
        *value *= sign / length;
    }
    Ok(direction)
}

/// How well `direction` tells the sides of these pairs apart. Of the pairs that it was made from it says too much.
pub fn separation(positive: &[Vec<f32>], negative: &[Vec<f32>], direction: &[f64]) -> Result<Separation, MeasureError> {
    let along: Vec<f64> = differences(positive, negative)?.iter().map(|row| dot(row, direction)).collect();
    let count = along.len() as f64;
    let hits = along.iter().map(|along| {
        if *along > 0.0 {
            1.0
        } else if *along < 0.0 {
            0.0
        } else {
            0.5
        }
    });
    let share = hits.sum::<f64>() / count;
    let mean = along.iter().sum::<f64>() / count;
    let squares: f64 = along.iter().map(|along| (along - mean).powi(2)).sum();
    let deviation = (squares / (count - 1.0)).sqrt();
    let effect = (along.len() > 1 && deviation > 0.0).then(|| mean / deviation).filter(|effect| effect.is_finite());
    Ok(Separation { share, effect })
}

/// The first and the last of `layers` layers, counted from 0, on which steering does most for what it breaks: from 30 % to
/// 70 % of the depth (Rimsky et al. 2024, arXiv 2312.06681, found the best at 40 to 45 %). `None` without layers.
pub fn middle_band(layers: u32) -> Option<(u32, u32)> {
    let last = layers.checked_sub(1)?;
    let at = |tenths: u64| u32::try_from(u64::from(layers) * tenths / 10).unwrap_or(u32::MAX);
    let end = u32::try_from((u64::from(layers) * 7).div_ceil(10)).unwrap_or(u32::MAX);
    let first = at(3).min(last);
    Some((first, end.saturating_sub(1).clamp(first, last)))
}

fn differences(positive: &[Vec<f32>], negative: &[Vec<f32>]) -> Result<Vec<Vec<f64>>, MeasureError> {
    same_length(positive.len(), negative.len())?;
    let Some(width) = positive.first().map(Vec::len) else { return Err(MeasureError::TooFew { least: 1, found: 0 }) };
    let rows = positive.iter().chain(negative);
    if width == 0 || rows.clone().any(|row| row.len() != width) || rows.flatten().any(|value| !value.is_finite()) {
        return Err(MeasureError::Rows);
    }
    let difference =
        |(p, n): (&Vec<f32>, &Vec<f32>)| p.iter().zip(n).map(|(p, n)| f64::from(*p) - f64::from(*n)).collect();
    Ok(positive.iter().zip(negative).map(difference).collect())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The vectors of the specification (M8).
    fn rows() -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
        let positive = vec![vec![2.0, 1.0, 0.0], vec![3.0, 0.0, 1.0], vec![1.0, 2.0, 1.0]];
        let negative = vec![vec![0.0, 1.0, 0.0], vec![1.0, 1.0, 1.0], vec![0.0, 1.0, 0.0]];
        (positive, negative)
    }

    #[test]
    fn the_middle_band_is_inside_every_model() {
        assert_eq!((middle_band(30), middle_band(32), middle_band(4)), (Some((9, 20)), Some((9, 22)), Some((1, 2))));
        assert_eq!((middle_band(0), middle_band(1), middle_band(2)), (None, Some((0, 0)), Some((0, 1))));
        for layers in 1..200 {
            let (first, last) = middle_band(layers).unwrap();
            assert!(first <= last && last < layers, "{layers}: {first} to {last}");
        }
        assert!(middle_band(u32::MAX).is_some());
    }

    fn near(a: &[f64], b: &[f64]) {
        assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} is not {b:?}");
    }

    #[test]
    fn the_mean_difference_and_the_principal_one_are_those_computed_elsewhere() {
        let (positive, negative) = rows();
        let mean = mean_difference(&positive, &negative).unwrap();
        near(&mean, &[1.666_666_7, 0.0, 0.333_333_3]);
        assert!((dot(&mean, &mean).sqrt() - 1.699_673).abs() < 1e-6);
        let principal = principal_difference(&positive, &negative).unwrap();
        near(&principal, &[0.986_953, -0.121_970, 0.105_100]);
        near(&principal_difference(&negative, &positive).unwrap(), &principal.iter().map(|v| -v).collect::<Vec<_>>());
    }

    #[test]
    fn separation_counts_pairs_and_measures_them() {
        let (positive, negative) = rows();
        let told = separation(&positive, &negative, &[1.0, 0.0, 0.0]).unwrap();
        // Differences of 2, 2 and 1: mean 5/3, deviation 0.577350.
        assert!((told.share - 1.0).abs() < 1e-12 && (told.effect.unwrap() - 2.886_751).abs() < 1e-6, "{told:?}");
        let turned = separation(&positive, &negative, &[-1.0, 0.0, 0.0]).unwrap();
        assert!(turned.share.abs() < 1e-12 && (turned.effect.unwrap() + 2.886_751).abs() < 1e-6, "{turned:?}");
        // 0, -1 and 1.
        assert!((separation(&positive, &negative, &[0.0, 1.0, 0.0]).unwrap().share - 0.5).abs() < 1e-12);
        assert_eq!(separation(&positive[..1], &negative[..1], &[1.0, 0.0, 0.0]).unwrap().effect, None);
    }

    #[test]
    fn what_makes_no_direction_is_refused() {
        let (positive, negative) = rows();
        assert!(mean_difference(&[], &[]).is_err());
        assert!(mean_difference(&positive, &negative[..2]).is_err());
        assert!(mean_difference(&positive, &[vec![0.0; 3], vec![0.0; 3], vec![0.0; 2]]).is_err());
        assert!(mean_difference(&[vec![f32::NAN]], &[vec![0.0]]).is_err());
        assert!(principal_difference(&positive, &positive).is_err());
    }

    proptest! {
        /// No other unit vector has a larger sum of squares, and the sign is that of the mean.
        #[test]
        fn the_principal_difference_is_the_longest(
            rows in prop::collection::vec(prop::collection::vec(-4.0f32..4.0, 4), 1..7),
            other in prop::collection::vec(-1.0f64..1.0, 4),
        ) {
            let zero = vec![vec![0.0; 4]; rows.len()];
            prop_assume!(rows.iter().flatten().any(|value| value.abs() > 0.1));
            let direction = principal_difference(&rows, &zero).unwrap();
            let wide: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect();
            let squares = |unit: &[f64]| wide.iter().map(|row| dot(row, unit).powi(2)).sum::<f64>();
            let length = dot(&other, &other).sqrt();
            prop_assume!(length > 0.01);
            let unit: Vec<f64> = other.iter().map(|value| value / length).collect();
            prop_assert!((dot(&direction, &direction) - 1.0).abs() < 1e-9);
            prop_assert!(squares(&unit) <= squares(&direction) * (1.0 + 1e-3) + 1e-9);
            let along: f64 = wide.iter().map(|row| dot(row, &direction)).sum();
            prop_assert!(along >= -1e-9);
        }
    }
}
