//! How far two methods' distributions of one question are from each other (E23): what the model would say, does say, and
//! says that people say.

use super::LiveRun;
use crate::domain::{Mode, Pane};
use crate::measure::{Base, Distribution, js_distance, noise_floor};

/// Draws behind a noise floor that cannot be enumerated.
const FLOOR_DRAWS: u64 = 200;
/// Sampled panes are compared on this many answers at most: beyond, chance hardly counts, and a floor takes its time.
const MOST_ANSWERS: u64 = 2000;

/// Two panes of a run, by their places in the request, and their distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Between {
    /// The lower place.
    pub first: usize,
    /// The higher place.
    pub second: usize,
    /// Jensen-Shannon distance, base 2.
    pub js_distance_2: f64,
    /// What chance alone would make of it, where one of the two was sampled.
    pub noise_floor: Option<f64>,
}

impl Between {
    /// Whether it says no more than chance would.
    pub fn is_quiet(&self) -> bool {
        self.noise_floor.is_some_and(|floor| self.js_distance_2 <= floor)
    }
}

/// The Jensen-Shannon distance (base 2) of two lists of shares; `None` where they are no distributions over the same options.
pub fn distance(p: &[f64], q: &[f64]) -> Option<f64> {
    js_distance(&Distribution::new(p).ok()?, &Distribution::new(q).ok()?, Base::Two).ok()
}

fn between(first: (usize, &Pane), second: (usize, &Pane)) -> Option<Between> {
    let (one, other) = (first.1, second.1);
    if one.options != other.options {
        return None;
    }
    let (p, q) = (one.p.as_ref()?, other.p.as_ref()?);
    let js_distance_2 = distance(p, q)?;
    let drawn = (answers(one), answers(other));
    // Where both were drawn, their mean is the best guess of what both were drawn from.
    let truth: Vec<f64> = match drawn {
        (Some(_), None) => q.clone(),
        (None, _) => p.clone(),
        (Some(_), Some(_)) => p.iter().zip(q).map(|(p, q)| f64::midpoint(*p, *q)).collect(),
    };
    let truth = Distribution::new(&truth).ok()?;
    let floor = noise_floor(&truth, drawn.0, drawn.1, FLOOR_DRAWS, 1, |p, q| js_distance(p, q, Base::Two)).ok();
    Some(Between { first: first.0, second: second.0, js_distance_2, noise_floor: floor.map(|floor| floor.value) })
}

/// Answers that a sampled pane's shares were counted over.
fn answers(pane: &Pane) -> Option<u64> {
    pane.samples?;
    let named = pane.draws.iter().flatten().count() as u64;
    let named = if named > 0 { Some(named) } else { pane.measure("entropy_2_miller_madow", None)?.n };
    named.filter(|n| *n > 0).map(|n| n.min(MOST_ANSWERS))
}

impl LiveRun {
    /// Compares the pane in this place, which has ended, with those that ended before.
    pub(super) fn compare(&mut self, place: usize) {
        let ended = |at: usize| {
            let pane = self.panes.get(at).filter(|pane| pane.mode == Mode::Distribution && !pane.is_running())?;
            Some((at, pane.picture.as_deref()?))
        };
        let Some(pane) = ended(place) else { return };
        let others = (0..self.panes.len()).filter(|other| *other != place).filter_map(ended);
        let found: Vec<Between> = others
            .filter_map(|other| if other.0 < place { between(other, pane) } else { between(pane, other) })
            .collect();
        self.between.extend(found);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pane(p: &[f64]) -> Pane {
        let options = Some(vec!["yes".to_owned(), "no".to_owned()]);
        Pane { options, p: Some(p.to_vec()), ..Pane::new(Mode::Distribution, "x") }
    }

    #[test]
    fn exact_panes_have_no_floor_and_sampled_ones_do() {
        let (a, b) = (pane(&[0.5, 0.5]), pane(&[0.9, 0.1]));
        let found = between((0, &a), (1, &b)).unwrap();
        // JS divergence of (0.5, 0.5) and (0.9, 0.1) is 0.1467931 bits: H(0.7) - (1 + H(0.9)) / 2.
        assert!((found.js_distance_2 - 0.383_135_9).abs() < 1e-6, "{found:?}");
        assert_eq!((found.noise_floor, found.is_quiet()), (None, false));
        let two = Pane { samples: Some(2), draws: vec![Some(0), None, Some(1)], ..a.clone() };
        let same = between((0, &two), (1, &a)).unwrap();
        // Two answers of a fair coin: 1/2 of the time they agree, at H(0.75) - 1/2 = 0.3112781 bits from it, else at 0.
        assert!((same.noise_floor.unwrap() - 0.5 * 0.311_278_1_f64.sqrt()).abs() < 1e-6, "{same:?}");
        assert!(same.js_distance_2.abs() < 1e-12 && same.is_quiet());
    }

    #[test]
    fn other_options_are_not_compared() {
        let other = Pane { options: Some(vec!["no".to_owned(), "yes".to_owned()]), ..pane(&[0.5, 0.5]) };
        assert_eq!(between((0, &pane(&[0.5, 0.5])), (1, &other)), None);
    }
}
