//! Wasserstein-1 distance on an ordinal scale (E5).

use super::distribution::Distribution;
use super::error::{MeasureError, same_length};

/// Where the options of an ordinal scale lie: at least two finite positions, strictly ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Positions(Vec<f64>);

impl Positions {
    /// Checks `values`, one per option. The span must be finite too.
    pub fn new(values: &[f64]) -> Result<Self, MeasureError> {
        if values.len() < 2 {
            return Err(MeasureError::ScaleTooShort(values.len()));
        }
        let mut previous = f64::NEG_INFINITY;
        for (index, &value) in values.iter().enumerate() {
            if !(value.is_finite() && value > previous && (value - values[0]).is_finite()) {
                return Err(MeasureError::PositionsNotAscending { index });
            }
            previous = value;
        }
        Ok(Self(values.to_vec()))
    }

    /// The default scale 1, 2, ..., k.
    pub fn ranks(k: usize) -> Result<Self, MeasureError> {
        Self::new(&(1..=k).map(|rank| rank as f64).collect::<Vec<_>>())
    }

    /// The distance from the first to the last position, above 0.
    pub fn span(&self) -> f64 {
        self.0[self.0.len() - 1] - self.0[0]
    }
}

/// The options of a scale that may run either way, and what turns them round where it descends.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleOrder {
    positions: Positions,
    /// The options by their position, ascending.
    order: Vec<usize>,
}

impl ScaleOrder {
    /// `values` are the positions of the options in their own order. Fails where fewer than two are given, where one is not
    /// finite, and where two are equal.
    pub fn new(values: &[f64]) -> Result<Self, MeasureError> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        let sorted: Vec<f64> = order.iter().map(|option| values[*option]).collect();
        Ok(Self { positions: Positions::new(&sorted)?, order })
    }

    /// [`wasserstein_1_normalised`] of two distributions over the options in their own order.
    pub fn distance(&self, p: &Distribution, q: &Distribution) -> Result<f64, MeasureError> {
        wasserstein_1_normalised(&self.by_place(p)?, &self.by_place(q)?, &self.positions)
    }

    /// A distribution over the options, by their places from the lowest. Fails where it is not over as many.
    pub fn by_place(&self, p: &Distribution) -> Result<Distribution, MeasureError> {
        same_length(p.len(), self.order.len())?;
        Ok(Distribution::new(&self.order.iter().map(|option| p.as_slice()[*option]).collect::<Vec<_>>())?)
    }

    /// The other way round.
    pub fn by_option(&self, p: &Distribution) -> Result<Distribution, MeasureError> {
        same_length(p.len(), self.order.len())?;
        let mut shares = vec![0.0; self.order.len()];
        for (option, share) in self.order.iter().zip(p.as_slice()) {
            shares[*option] = *share;
        }
        Ok(Distribution::new(&shares)?)
    }
}

/// Wasserstein-1 distance (E5) in units of the positions: how far answers would have to move along the scale, 0 to the
/// span. Refusals and "don't know" must be taken out and both sides renormalised before.
///
/// Fails when `p`, `q` and `positions` are not about the same number of options.
pub fn wasserstein_1(p: &Distribution, q: &Distribution, positions: &Positions) -> Result<f64, MeasureError> {
    same_length(p.len(), q.len())?;
    same_length(p.len(), positions.0.len())?;
    let mut ahead = 0.0; // F_p - F_q up to the current option
    let mut sum = 0.0;
    for ((a, b), gap) in p.as_slice().iter().zip(q.as_slice()).zip(positions.0.windows(2)) {
        ahead += a - b;
        sum += f64::abs(ahead) * (gap[1] - gap[0]);
    }
    Ok(sum)
}

/// [`wasserstein_1`] divided by the span, 0 to 1. `1 -` this is the representativeness of `OpinionQA` (E7).
pub fn wasserstein_1_normalised(
    p: &Distribution,
    q: &Distribution,
    positions: &Positions,
) -> Result<f64, MeasureError> {
    Ok((wasserstein_1(p, q, positions)? / positions.span()).min(1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{all_close, any_distribution, close, d, master_table};
    use proptest::prelude::*;

    #[test]
    fn master_table_distances() {
        for row in master_table() {
            let positions = Positions::ranks(row.p.len()).unwrap();
            close(wasserstein_1(&row.p, &row.q, &positions).unwrap(), row.w1);
            close(wasserstein_1_normalised(&row.p, &row.q, &positions).unwrap(), row.w1_normalised);
        }
    }

    #[test]
    fn a_scale_that_descends_is_turned_round() {
        let (p, q) = (d(&[0.1, 0.2, 0.7]), d(&[0.5, 0.3, 0.2]));
        let up = wasserstein_1_normalised(&p, &q, &Positions::new(&[1.0, 2.0, 4.0]).unwrap()).unwrap();
        close(ScaleOrder::new(&[1.0, 2.0, 4.0]).unwrap().distance(&p, &q).unwrap(), up);
        close(ScaleOrder::new(&[4.0, 3.0, 1.0]).unwrap().distance(&p, &q).unwrap(), up);
        let turned = ScaleOrder::new(&[4.0, 3.0, 1.0]).unwrap();
        all_close(turned.by_place(&p).unwrap().as_slice(), &[0.7, 0.2, 0.1]);
        all_close(turned.by_option(&turned.by_place(&p).unwrap()).unwrap().as_slice(), p.as_slice());
        assert!(ScaleOrder::new(&[4.0, 4.0, 1.0]).is_err());
        assert!(ScaleOrder::new(&[2.0, 1.0]).unwrap().distance(&p, &q).is_err());
    }

    #[test]
    fn uneven_positions_and_representativeness() {
        let (p, q) = (d(&[0.1, 0.2, 0.3, 0.4]), d(&[0.4, 0.3, 0.2, 0.1]));
        let uneven = Positions::new(&[1.0, 2.0, 2.5, 4.0]).unwrap();
        close(wasserstein_1(&p, &q, &uneven).unwrap(), 0.95);
        close(1.0 - wasserstein_1_normalised(&p, &q, &uneven).unwrap(), 0.683_333);
        let even = Positions::ranks(4).unwrap();
        close(1.0 - wasserstein_1_normalised(&p, &q, &even).unwrap(), 0.666_667);
    }

    #[test]
    fn refusals_are_taken_out_first() {
        let p = d(&[0.1, 0.2, 0.3, 0.3]);
        all_close(p.as_slice(), &[0.111_111, 0.222_222, 0.333_333, 0.333_333]);
        let (q, positions) = (d(&[0.25; 4]), Positions::ranks(4).unwrap());
        close(wasserstein_1(&p, &q, &positions).unwrap(), 0.388_889);
        close(1.0 - wasserstein_1_normalised(&p, &q, &positions).unwrap(), 0.870_370);
    }

    #[test]
    fn positions_must_ascend() {
        assert_eq!(Positions::new(&[1.0, 1.0]), Err(MeasureError::PositionsNotAscending { index: 1 }));
        assert_eq!(Positions::new(&[1.0, f64::NAN]), Err(MeasureError::PositionsNotAscending { index: 1 }));
        assert_eq!(Positions::new(&[-f64::MAX, f64::MAX]), Err(MeasureError::PositionsNotAscending { index: 1 }));
        assert_eq!(Positions::ranks(1), Err(MeasureError::ScaleTooShort(1)));
        let three = Positions::ranks(3).unwrap();
        assert!(wasserstein_1(&d(&[0.5, 0.5]), &d(&[0.5, 0.5]), &three).is_err());
    }

    proptest! {
        #[test]
        fn is_a_metric(p in any_distribution(5), q in any_distribution(5), r in any_distribution(5)) {
            let positions = Positions::new(&[0.0, 0.5, 3.0, 4.0, 9.0]).unwrap();
            let w = |a: &Distribution, b: &Distribution| wasserstein_1(a, b, &positions).unwrap();
            prop_assert!(w(&p, &r) <= w(&p, &q) + w(&q, &r) + 1e-12);
            prop_assert!((w(&p, &q) - w(&q, &p)).abs() < 1e-12);
            prop_assert!(w(&p, &p) == 0.0);
            prop_assert!((0.0..=1.0).contains(&wasserstein_1_normalised(&p, &q, &positions).unwrap()));
        }
    }
}
