//! The questions drawn again: intervals of means over questions by the cluster bootstrap (E11).

use crate::measure::{Interval, LEVEL_95, SplitMix64, named_seed, percentile_interval};

/// How often the questions are drawn again.
pub const RESAMPLES: usize = 1000;

/// How often each question was drawn in each of `RESAMPLES` draws of as many questions as there are.
///
/// One set of draws serves all means of a survey. So the difference of two means that is drawn with it is the paired one,
/// and a mean over those questions that have a number stays a mean over questions that were drawn together.
#[derive(Debug, Clone, PartialEq)]
pub struct Resamples {
    questions: usize,
    /// Draw by draw.
    counts: Vec<u16>,
}

impl Resamples {
    /// Draws of `questions` questions; the same for the same seed.
    pub fn new(questions: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(named_seed(seed, &["survey", "questions"]));
        let mut counts = vec![0u16; questions * RESAMPLES];
        for draw in counts.chunks_exact_mut(questions.max(1)) {
            for _ in 0..questions {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "floor of a place in the list"
                )]
                let place = (random.uniform() * questions as f64) as usize;
                let count = &mut draw[place.min(questions - 1)];
                *count = count.saturating_add(1);
            }
        }
        Self { questions, counts }
    }

    /// The mean of the numbers there are; `None` where there is none.
    pub fn mean(values: &[Option<f64>]) -> Option<f64> {
        let (mut sum, mut n) = (0.0, 0u32);
        for value in values.iter().flatten() {
            sum += value;
            n += 1;
        }
        (n > 0).then(|| sum / f64::from(n))
    }

    /// The 95 % percentile interval of [`Resamples::mean`], `values` in the order of the questions. `None` for fewer than
    /// two numbers: a single question drawn again says the same again.
    pub fn interval(&self, values: &[Option<f64>]) -> Option<Interval> {
        self.interval_of(&[values], |means| means.first().copied())
    }

    /// The 95 % percentile interval of a number that `makes` out of the means of several columns; a column that has no number
    /// at a question has none at it in any. `None` for fewer than two numbers, and where `makes` gives none in some draw.
    pub fn interval_of(&self, columns: &[&[Option<f64>]], makes: impl Fn(&[f64]) -> Option<f64>) -> Option<Interval> {
        let is_whole = |values: &&[Option<f64>]| values.len() == self.questions && values.iter().flatten().count() > 1;
        if !columns.iter().all(is_whole) {
            return None;
        }
        // Absent numbers weigh nothing.
        let known: Vec<Vec<(f64, f64)>> = columns
            .iter()
            .map(|values| values.iter().map(|value| value.map_or((0.0, 0.0), |value| (value, 1.0))).collect())
            .collect();
        let mut found = Vec::new();
        let mut means = vec![0.0; columns.len()];
        for draw in self.counts.chunks_exact(self.questions) {
            let mut least = f64::INFINITY;
            for (mean, known) in means.iter_mut().zip(&known) {
                let (mut sum, mut weight) = (0.0, 0.0);
                for (count, (value, one)) in draw.iter().zip(known) {
                    let count = f64::from(*count);
                    sum += count * value;
                    weight += count * one;
                }
                *mean = sum / weight;
                least = least.min(weight);
            }
            // A draw that met no question with a number has no mean.
            if least > 0.0 {
                found.push(makes(&means)?);
            }
        }
        percentile_interval(&mut found, LEVEL_95).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::SplitMix64;

    #[test]
    fn a_draw_has_as_many_questions_as_there_are() {
        let draws = Resamples::new(7, 3);
        assert!(draws.counts.chunks_exact(7).all(|draw| draw.iter().sum::<u16>() == 7));
        assert_eq!(draws, Resamples::new(7, 3));
        assert_ne!(draws, Resamples::new(7, 4));
        assert_eq!(Resamples::new(0, 1).interval(&[]), None);
    }

    #[test]
    fn one_question_has_no_interval_and_missing_numbers_weigh_nothing() {
        let draws = Resamples::new(3, 1);
        assert_eq!(draws.interval(&[Some(1.0), None, None]), None);
        assert_eq!(Resamples::mean(&[None, None]), None);
        assert_eq!(Resamples::mean(&[Some(1.0), None, Some(2.0)]), Some(1.5));
        let interval = draws.interval(&[Some(1.0), None, Some(2.0)]).unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 2.0));
    }

    /// Of 500 surveys of 40 questions whose numbers are even draws between 0 and 1, the interval holds the true mean in
    /// about 95 %.
    #[test]
    fn intervals_cover_the_mean_they_are_about() {
        let mut random = SplitMix64::new(11);
        let trials: u32 = 500;
        let covered = (0..trials).filter(|trial| {
            let values: Vec<Option<f64>> = (0..40).map(|_| Some(random.uniform())).collect();
            let interval = Resamples::new(40, u64::from(*trial)).interval(&values).unwrap();
            interval.low <= 0.5 && 0.5 <= interval.high
        });
        let share = covered.count() as f64 / f64::from(trials);
        assert!((0.92..=0.97).contains(&share), "{share}");
    }
}
