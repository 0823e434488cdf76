//! The weights with the least total variation, exactly: a linear program, solved by the simplex method with Bland's rule
//! (1977), which cannot run in circles.
//!
//! With `u` and `v` the positive and the negative part of what the mixture lies above its target at each option:
//! `min sum (u + v) / 2`, where `sum_j w_j p_j - u + v = q`, `sum w = 1`, and nothing is negative.

use super::MixtureQuestion;

/// Smaller numbers are rounding.
const TINY: f64 = 1e-12;
/// Exchanges for each variable, far more than are ever needed: the end where rounding defeats the rule.
const EXCHANGES: usize = 50;

/// Weights, and what the loss lies above the least one at most.
pub(super) fn least_tv(questions: &[MixtureQuestion]) -> (Vec<f64>, f64) {
    let mut tableau = Tableau::new(questions);
    let most = EXCHANGES * tableau.costs.len();
    for _ in 0..most {
        let Some(entering) = tableau.costs.iter().position(|cost| *cost < -TINY) else { break };
        let Some(leaving) = tableau.leaving(entering) else { break };
        tableau.exchange(leaving, entering);
    }
    // No variable can be above 1, so each can lower the loss by its cost at most.
    let gap = tableau.costs.iter().map(|cost| (-cost).max(0.0)).sum();
    (tableau.weights(), gap)
}

struct Tableau {
    members: usize,
    /// Each equation's coefficients, then its right side.
    rows: Vec<Vec<f64>>,
    /// The variable that each equation is solved for.
    basis: Vec<usize>,
    /// What one more of each variable costs.
    costs: Vec<f64>,
}

impl Tableau {
    /// Everything on the first member.
    fn new(questions: &[MixtureQuestion]) -> Self {
        let members = questions.first().map_or(0, |question| question.members.len());
        let options: usize = questions.iter().map(|question| question.target.len()).sum();
        let width = members + 2 * options;
        let price = 0.5 / questions.len() as f64;
        let mut costs = vec![0.0; width];
        costs[members..].fill(price);
        let mut rows = Vec::with_capacity(options + 1);
        let mut basis = Vec::with_capacity(options + 1);
        let each = questions.iter().flat_map(|question| {
            let option = |(option, target): (usize, &f64)| {
                let shares: Vec<f64> = question.members.iter().map(|member| member.as_slice()[option]).collect();
                (shares, *target)
            };
            question.target.as_slice().iter().enumerate().map(option).collect::<Vec<_>>()
        });
        for (number, (shares, target)) in each.enumerate() {
            let first = shares.first().copied().unwrap_or(0.0);
            let above = first - target;
            let sign = if above >= 0.0 { 1.0 } else { -1.0 };
            let mut row = vec![0.0; width + 1];
            for (place, share) in shares.iter().enumerate().skip(1) {
                row[place] = sign * (first - share);
            }
            let (over, under) = (members + 2 * number, members + 2 * number + 1);
            (row[over], row[under]) = (sign, -sign);
            row[width] = above.abs();
            basis.push(if above >= 0.0 { over } else { under });
            // What is solved for costs nothing more.
            for (cost, coefficient) in costs.iter_mut().zip(&row) {
                *cost -= price * coefficient;
            }
            rows.push(row);
        }
        let mut sum = vec![0.0; width + 1];
        sum[..members].fill(1.0);
        sum[width] = 1.0;
        rows.push(sum);
        basis.push(0);
        Self { members, rows, basis, costs }
    }

    /// The equation that `entering` is limited by first; of several the one whose variable comes first.
    fn leaving(&self, entering: usize) -> Option<usize> {
        let width = self.costs.len();
        let limits = self.rows.iter().enumerate().filter(|(_, row)| row[entering] > TINY);
        let limits = limits.map(|(place, row)| (place, row[width] / row[entering]));
        limits
            .reduce(|best, other| {
                let is_equal = (other.1 - best.1).abs() <= TINY;
                let is_better = other.1 < best.1 - TINY || is_equal && self.basis[other.0] < self.basis[best.0];
                if is_better { other } else { best }
            })
            .map(|(place, _)| place)
    }

    fn exchange(&mut self, leaving: usize, entering: usize) {
        let pivot = self.rows[leaving][entering];
        self.rows[leaving].iter_mut().for_each(|value| *value /= pivot);
        let own = self.rows[leaving].clone();
        for (_, row) in self.rows.iter_mut().enumerate().filter(|(place, _)| *place != leaving) {
            let factor = row[entering];
            row.iter_mut().zip(&own).for_each(|(value, own)| *value -= factor * own);
        }
        let factor = self.costs[entering];
        self.costs.iter_mut().zip(&own).for_each(|(cost, own)| *cost -= factor * own);
        self.basis[leaving] = entering;
    }

    fn weights(&self) -> Vec<f64> {
        let width = self.costs.len();
        let mut weights = vec![0.0; self.members];
        for (row, variable) in self.rows.iter().zip(&self.basis) {
            if let Some(weight) = weights.get_mut(*variable) {
                *weight = row[width].max(0.0);
            }
        }
        weights
    }
}
