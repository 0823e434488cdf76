//! Agreement beyond chance between raters, or agents (E18).

use super::error::MeasureError;

/// What differences between ratings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatingScale {
    /// Equal or not.
    Nominal,
    /// By the ratings that lie between them.
    Ordinal,
    /// By their squared difference.
    Interval,
}

/// How weighted kappa counts disagreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KappaWeight {
    /// All alike.
    None,
    /// By the number of categories between.
    Linear,
    /// By its square.
    Quadratic,
}

/// Krippendorff's alpha: 1 - observed / expected disagreement, from the coincidence matrix: each unit with m ratings, two or
/// more, adds 1 / (m - 1) for each ordered pair of them. 1 is agreement, 0 chance, below 0 worse. `ratings` has a row a rater
/// with a rating a unit, absent where it is missing. Krippendorff, Content Analysis, 4th edition 2018, chapter 12.
///
/// Fails on unequal lengths, for ratings that are no numbers, without a unit that two raters rated, and where all ratings are
/// the same, for then chance would agree too.
pub fn krippendorff_alpha(ratings: &[Vec<Option<f64>>], scale: RatingScale) -> Result<f64, MeasureError> {
    let units = check(ratings)?;
    let mut values: Vec<f64> = ratings.iter().flatten().filter_map(|rating| *rating).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let place = |value: f64| values.partition_point(|other| *other < value);
    let k = values.len();
    let mut coincidences = vec![vec![0.0; k]; k];
    for unit in 0..units {
        let rated: Vec<usize> = ratings.iter().filter_map(|rater| rater[unit].map(place)).collect();
        if rated.len() < 2 {
            continue;
        }
        for (one, first) in rated.iter().enumerate() {
            for (other, second) in rated.iter().enumerate() {
                if one != other {
                    coincidences[*first][*second] += 1.0 / (rated.len() - 1) as f64;
                }
            }
        }
    }
    let totals: Vec<f64> = coincidences.iter().map(|row| row.iter().sum()).collect();
    let n: f64 = totals.iter().sum();
    if n == 0.0 {
        return Err(MeasureError::TooFew { least: 2, found: 1 });
    }
    let squared = |c: usize, d: usize| -> f64 {
        if c == d {
            return 0.0;
        }
        match scale {
            RatingScale::Nominal => 1.0,
            RatingScale::Interval => (values[c] - values[d]).powi(2),
            RatingScale::Ordinal => {
                let (low, high) = (c.min(d), c.max(d));
                let between: f64 = totals[low..=high].iter().sum();
                (between - f64::midpoint(totals[low], totals[high])).powi(2)
            }
        }
    };
    let (mut observed, mut expected) = (0.0, 0.0);
    for c in 0..k {
        for d in 0..k {
            observed += coincidences[c][d] * squared(c, d);
            expected += totals[c] * totals[d] * squared(c, d);
        }
    }
    if expected == 0.0 {
        return Err(MeasureError::NoVariation);
    }
    Ok(1.0 - (n - 1.0) * observed / expected)
}

/// Cohen's kappa of two raters, over the units that both rated: (p_o - p_e) / (1 - p_e), with disagreement weighted by
/// |i - j|^w / (k - 1)^w between the i-th and j-th of the categories in use. Cohen 1960 and 1968.
///
/// Fails on unequal lengths, for ratings that are no numbers, without a unit that both rated, and where all ratings are the
/// same.
pub fn cohen_kappa(first: &[Option<f64>], second: &[Option<f64>], weight: KappaWeight) -> Result<f64, MeasureError> {
    check(&[first.to_vec(), second.to_vec()])?;
    let both: Vec<(f64, f64)> = first.iter().zip(second).filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect();
    if both.is_empty() {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    let mut values: Vec<f64> = both.iter().flat_map(|(a, b)| [*a, *b]).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let k = values.len();
    if k < 2 {
        return Err(MeasureError::NoVariation);
    }
    let place = |value: f64| values.partition_point(|other| *other < value);
    let disagreement = |i: usize, j: usize| -> f64 {
        let distance = i.abs_diff(j) as f64 / (k - 1) as f64;
        match weight {
            KappaWeight::None => f64::from(u8::from(i != j)),
            KappaWeight::Linear => distance,
            KappaWeight::Quadratic => distance * distance,
        }
    };
    let n = both.len() as f64;
    let (mut rows, mut columns, mut observed) = (vec![0.0; k], vec![0.0; k], 0.0);
    for (a, b) in both {
        let (i, j) = (place(a), place(b));
        rows[i] += 1.0;
        columns[j] += 1.0;
        observed += disagreement(i, j);
    }
    let mut expected = 0.0;
    for (i, row) in rows.iter().enumerate() {
        for (j, column) in columns.iter().enumerate() {
            expected += row * column / n * disagreement(i, j);
        }
    }
    if expected == 0.0 { Err(MeasureError::NoVariation) } else { Ok(1.0 - observed / expected) }
}

/// The number of units, if all raters rated as many and every rating is a number.
fn check(ratings: &[Vec<Option<f64>>]) -> Result<usize, MeasureError> {
    if ratings.len() < 2 {
        return Err(MeasureError::TooFew { least: 2, found: ratings.len() });
    }
    let units = ratings[0].len();
    for rater in ratings {
        super::error::same_length(rater.len(), units)?;
        if let Some(index) = rater.iter().position(|rating| rating.is_some_and(|rating| !rating.is_finite())) {
            return Err(MeasureError::Score { index });
        }
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;

    fn rater(text: &str) -> Vec<Option<f64>> {
        text.split_whitespace().map(|rating| rating.parse().ok()).collect()
    }

    #[test]
    fn krippendorffs_own_example() {
        let raters = [
            "1 2 3 3 2 1 4 1 2 . . .",
            "1 2 3 3 2 2 4 1 2 5 . 3",
            ". 3 3 3 2 3 4 2 2 5 1 .",
            "1 2 3 3 2 4 4 1 2 5 1 .",
        ]
        .map(rater);
        for (scale, expected) in
            [(RatingScale::Nominal, 0.743_421), (RatingScale::Ordinal, 0.815_388), (RatingScale::Interval, 0.849_107)]
        {
            close(krippendorff_alpha(&raters, scale).unwrap(), expected);
        }
    }

    #[test]
    fn two_coders() {
        let (one, two) = (rater("1 1 0 0 1 0 1 1"), rater("1 0 0 0 1 0 1 1"));
        close(cohen_kappa(&one, &two, KappaWeight::None).unwrap(), 0.75);
        close(krippendorff_alpha(&[one, two], RatingScale::Nominal).unwrap(), 0.761_905);
    }

    #[test]
    fn kappas_of_a_table() {
        let table = [[20, 5, 0], [3, 15, 2], [1, 4, 10]];
        let (mut one, mut two) = (Vec::new(), Vec::new());
        for (i, row) in (0u32..).zip(table) {
            for (j, count) in (0u32..).zip(row) {
                one.extend(vec![Some(f64::from(i)); count]);
                two.extend(vec![Some(f64::from(j)); count]);
            }
        }
        for (weight, expected) in
            [(KappaWeight::None, 0.615_385), (KappaWeight::Linear, 0.68), (KappaWeight::Quadratic, 0.75)]
        {
            close(cohen_kappa(&one, &two, weight).unwrap(), expected);
            close(cohen_kappa(&two, &one, weight).unwrap(), expected);
        }
    }

    #[test]
    fn what_cannot_agree_is_refused() {
        let same = rater("1 1 1");
        assert_eq!(cohen_kappa(&same, &same, KappaWeight::None), Err(MeasureError::NoVariation));
        assert_eq!(
            krippendorff_alpha(&[same.clone(), same.clone()], RatingScale::Nominal),
            Err(MeasureError::NoVariation)
        );
        assert!(krippendorff_alpha(&[rater("1 ."), rater(". 1")], RatingScale::Nominal).is_err());
        assert!(krippendorff_alpha(&[same.clone(), rater("1")], RatingScale::Nominal).is_err());
        assert!(krippendorff_alpha(&[same], RatingScale::Nominal).is_err());
        assert!(cohen_kappa(&[Some(f64::INFINITY)], &[Some(1.0)], KappaWeight::None).is_err());
    }
}
