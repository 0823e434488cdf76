//! The least of a convex quadratic function over the simplex, by steps between two members at a time.

/// Steps between two members; each costs as many additions as there are members.
const MOST_STEPS: usize = 200_000;
/// It ends where the function can fall no farther than this.
const ENOUGH: f64 = 1e-17;

/// `f(w) = sum_i bend_i / 2 * (row_i w)^2 + offset_i * (row_i w)`, as `w A w / 2 + b w`.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    members: usize,
    /// Row after row.
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Problem {
    pub(super) fn new(members: usize) -> Self {
        Self { members, a: vec![0.0; members * members], b: vec![0.0; members] }
    }

    /// Adds one term; `bend` is not negative.
    pub(super) fn add(&mut self, row: &[f64], bend: f64, offset: f64) {
        for (one, first) in row.iter().enumerate() {
            self.b[one] += offset * first;
            for (other, second) in row.iter().enumerate() {
                self.a[one * self.members + other] += bend * first * second;
            }
        }
    }

    /// The weights with the least value, found from `weights`, and what the value lies above the least one at most.
    pub(super) fn least(&self, mut weights: Vec<f64>) -> (Vec<f64>, f64) {
        let size = self.members;
        let at = |one: usize, other: usize| self.a[one * size + other];
        let slopes = |weights: &[f64]| -> Vec<f64> {
            let of = |one: usize| (0..size).map(|other| at(one, other) * weights[other]).sum::<f64>() + self.b[one];
            (0..size).map(of).collect()
        };
        let mut gradient = slopes(&weights);
        for step in 0..MOST_STEPS {
            // Rounding adds up in what is only ever updated.
            if step % 1000 == 999 {
                gradient = slopes(&weights);
            }
            if gap(&weights, &gradient) < ENOUGH {
                break;
            }
            // From the member whose weight costs most to the one whose weight would cost least.
            let places = || 0..size;
            let to = places().min_by(|one, other| gradient[*one].total_cmp(&gradient[*other]));
            let held = places().filter(|place| weights[*place] > 0.0);
            let from = held.max_by(|one, other| gradient[*one].total_cmp(&gradient[*other]));
            let (Some(to), Some(from)) = (to, from) else { break };
            let fall = gradient[from] - gradient[to];
            if from == to || fall <= 0.0 {
                break;
            }
            let bend = at(to, to) + at(from, from) - 2.0 * at(to, from);
            let length = if bend > 0.0 { (fall / bend).min(weights[from]) } else { weights[from] };
            weights[to] += length;
            // All of it is all of it, whatever rounding says.
            weights[from] = if length >= weights[from] { 0.0 } else { weights[from] - length };
            for (place, slope) in gradient.iter_mut().enumerate() {
                *slope += length * (at(place, to) - at(place, from));
            }
        }
        let left = gap(&weights, &slopes(&weights));
        (weights, left)
    }
}

/// What a convex function with this gradient lies above its least value at most: the gap of Frank and Wolfe (1956).
pub(super) fn gap(weights: &[f64], gradient: &[f64]) -> f64 {
    let least = gradient.iter().copied().fold(f64::INFINITY, f64::min);
    weights.iter().zip(gradient).map(|(weight, slope)| weight * (slope - least)).sum::<f64>().max(0.0)
}
