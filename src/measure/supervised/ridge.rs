//! Ridge regression between additive log-ratios: `alr(q) = W alr(p) + b`, where `alr(p)_i = ln(p_i / p_k)`.

use crate::measure::distribution::Distribution;
use crate::measure::error::{MeasureError, same_length};

/// Added to every share before a logarithm is taken of it: half a percent, which tables of surveys round away.
const FLOOR: f64 = 0.005;

/// A fitted map between distributions over the same number of options.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ridge {
    penalty: f64,
    /// Row after row, one per log-ratio that is predicted.
    weights: Vec<Vec<f64>>,
    offsets: Vec<f64>,
}

impl Ridge {
    /// The map with the least `sum |alr(q) - W alr(p) - b|^2 + penalty |W|^2` over `(p, q)`; `b` is not penalised. Fails
    /// without pairs, on unequal lengths, and for a single option.
    pub(super) fn fit(pairs: &[(&Distribution, &Distribution)], penalty: f64) -> Result<Self, MeasureError> {
        let k = pairs.first().map_or(0, |(p, _)| p.len());
        if k < 2 {
            return Err(MeasureError::TooFew { least: 2, found: k });
        }
        for (p, q) in pairs {
            same_length(k, p.len())?;
            same_length(k, q.len())?;
        }
        let (x, y): (Vec<Vec<f64>>, Vec<Vec<f64>>) = pairs.iter().map(|(p, q)| (alr(p), alr(q))).unzip();
        let (x_mean, y_mean) = (means(&x), means(&y));
        let size = k - 1;
        let product = |rows: &[Vec<f64>], mean: &[f64], one: usize, column: usize| -> f64 {
            x.iter().zip(rows).map(|(x, row)| (x[one] - x_mean[one]) * (row[column] - mean[column])).sum()
        };
        // The normal equations: (X'X + penalty) W' = X'Y, both centred. The penalty makes them solvable.
        let left: Vec<Vec<f64>> = (0..size)
            .map(|one| {
                let ridge = |other: usize| if one == other { penalty } else { 0.0 };
                (0..size).map(|other| product(&x, &x_mean, one, other) + ridge(other)).collect()
            })
            .collect();
        let right: Vec<Vec<f64>> =
            (0..size).map(|one| (0..size).map(|column| product(&y, &y_mean, one, column)).collect()).collect();
        let solved = solve(left, right);
        let weights: Vec<Vec<f64>> = (0..size).map(|column| solved.iter().map(|row| row[column]).collect()).collect();
        let offsets = weights.iter().zip(&y_mean).map(|(row, mean)| mean - dot(row, &x_mean)).collect();
        Ok(Self { penalty, weights, offsets })
    }

    pub(super) fn penalty(&self) -> f64 {
        self.penalty
    }

    /// What the map makes of `p`. Fails for another number of options than it was fitted to.
    pub(super) fn apply(&self, p: &Distribution) -> Result<Distribution, MeasureError> {
        same_length(self.weights.len() + 1, p.len())?;
        let ratios = alr(p);
        let mut logs: Vec<f64> =
            self.weights.iter().zip(&self.offsets).map(|(row, offset)| dot(row, &ratios) + offset).collect();
        logs.push(0.0);
        Ok(Distribution::softmax(&logs)?)
    }
}

fn alr(p: &Distribution) -> Vec<f64> {
    let log = |share: f64| (share + FLOOR).ln();
    match p.as_slice() {
        [rest @ .., last] => rest.iter().map(|share| log(*share) - log(*last)).collect(),
        [] => Vec::new(),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn means(rows: &[Vec<f64>]) -> Vec<f64> {
    let width = rows.first().map_or(0, Vec::len);
    (0..width).map(|column| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64).collect()
}

/// Solves `left z = right` for a positive definite `left` by Gauss's elimination, which then needs no pivoting.
fn solve(mut left: Vec<Vec<f64>>, mut right: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let size = left.len();
    for step in 0..size {
        let (pivot, of_pivot) = (left[step].clone(), right[step].clone());
        for row in (0..size).filter(|row| *row != step) {
            let factor = left[row][step] / pivot[step];
            left[row].iter_mut().zip(&pivot).for_each(|(value, above)| *value -= factor * above);
            right[row].iter_mut().zip(&of_pivot).for_each(|(value, above)| *value -= factor * above);
        }
    }
    for (row, values) in right.iter_mut().enumerate() {
        for value in values.iter_mut() {
            *value /= left[row][row];
        }
    }
    right
}
