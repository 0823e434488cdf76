//! Supervised calibration of option distributions (M22): a map from what a model says to what people say, learned on
//! questions whose people are known, and judged on questions that it did not see.

use super::calibration::scale_temperature;
use super::distribution::Distribution;
use super::divergence::total_variation;
use super::error::{MeasureError, same_length};
use ridge::Ridge;

mod ridge;
#[cfg(test)]
mod tests;

/// From fewer questions than these nothing is learned.
pub const FEWEST_LABELLED: usize = 3;
/// From more questions of one kind than these a map of many parameters is tried.
pub const MANY_LABELLED: usize = 20;
/// Temperatures 0.05, 0.10, ..., 10.
const TEMPERATURES: u32 = 200;
/// Temperatures beside a shrinkage: 10^(-1) to 10^1 in steps of 10^(1/20), 1 among them.
const COARSE: i32 = 20;
/// Shrinkages 0, 0.05, ..., 1.
const SHRINKAGES: u32 = 20;
/// Penalties of the ridge.
const PENALTIES: [f64; 5] = [0.01, 0.1, 1.0, 10.0, 100.0];

/// A question whose people are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// What the model says.
    pub p: Distribution,
    /// What people say, of the same options in the same order.
    pub q: Distribution,
    /// Whether the options are places on a scale; then both are in ascending order of the places.
    pub is_scale: bool,
}

/// A map from what a model says to what people say.
#[derive(Debug, Clone, PartialEq)]
pub enum CalibrationMap {
    /// Nothing is changed.
    None,
    /// Temperature scaling; see [`scale_temperature`].
    Temperature(f64),
    /// Temperature scaling, then a share of the marginal: `(1 - shrinkage) p + shrinkage m`.
    Shrinkage {
        /// The temperature.
        temperature: f64,
        /// The marginal's share, 0 to 1.
        shrinkage: f64,
    },
    /// A linear map in additive-log-ratio space, fitted by ridge regression.
    AlrRidge {
        /// What multiplies the squares of its weights.
        penalty: f64,
    },
}

impl CalibrationMap {
    /// Its name in records and documents.
    pub fn id(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Temperature(_) => "temperature",
            Self::Shrinkage { .. } => "shrinkage",
            Self::AlrRidge { .. } => "alr-ridge",
        }
    }
}

/// A calibrated distribution, and how good its map is.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// The distribution.
    pub p: Distribution,
    /// The map, fitted to all questions.
    pub map: CalibrationMap,
    /// Per question that was learned from: total variation of what the model says to what people say, 0 to 1.
    pub raw: Vec<f64>,
    /// The same of what a map makes of it that was fitted, and chosen, without that question.
    pub held_out: Vec<f64>,
    /// Whether questions of the same kind alone were learned from.
    pub is_own_kind: bool,
}

/// Learns from `labelled` what to make of `p` (M22; Kambhatla et al. 2025, arXiv 2507.00439, whose own maps are others).
///
/// The maps tried are: none; a temperature of 0.05 to 10; a temperature with a shrinkage to the marginal; and, where more
/// than [`MANY_LABELLED`] questions are scales with as many places as the one asked, a ridge in additive-log-ratio space
/// (five penalties), which is then learned from those alone, like the others. All are fitted by the least mean total
/// variation but the ridge, which has a closed form.
///
/// What the marginal `m` of one question is, is a decision: on a scale the mean of how people answered the *other* scales
/// with as many places, place by place, where three or more are known; equal shares everywhere else, for what stands at a
/// place of a list without order has nothing in common with what stands there in another.
///
/// A map is chosen by its mean total variation when every question in turn is left out of the fit. The score of a left-out
/// question is that of the map the *other* questions' scores choose, so that no question chooses its own. Of equally good
/// maps the one with fewer parameters is taken. Where no map is better than none, none is used.
///
/// Fails below [`FEWEST_LABELLED`] questions and on unequal lengths.
pub fn calibrate_supervised(
    p: &Distribution,
    is_scale: bool,
    labelled: &[Labelled],
) -> Result<Calibrated, MeasureError> {
    for question in labelled {
        same_length(question.p.len(), question.q.len())?;
    }
    let is_own = |question: &&Labelled| is_scale && question.is_scale && question.p.len() == p.len();
    let own: Vec<&Labelled> = labelled.iter().filter(is_own).collect();
    let is_own_kind = own.len() > MANY_LABELLED;
    let used: Vec<&Labelled> = if is_own_kind { own } else { labelled.iter().collect() };
    if used.len() < FEWEST_LABELLED {
        return Err(MeasureError::TooFew { least: FEWEST_LABELLED, found: used.len() });
    }
    let learning = Learning::new(used)?;
    let mut families = vec![Family::None, Family::Temperature, Family::Shrinkage];
    if is_own_kind {
        families.extend(PENALTIES.map(Family::AlrRidge));
    }
    let scores = families.iter().map(|family| learning.left_out(*family)).collect::<Result<Vec<_>, _>>()?;
    let best = |but: Option<usize>| {
        let mean = |scores: &Vec<f64>| {
            scores.iter().enumerate().filter(|(place, _)| Some(*place) != but).map(|(_, score)| score).sum::<f64>()
        };
        // The first of equals, up to rounding.
        (1..families.len())
            .fold(0, |best, other| if mean(&scores[other]) < mean(&scores[best]) - 1e-12 { other } else { best })
    };
    let count = learning.used.len();
    let held_out = (0..count).map(|place| scores[best(Some(place))][place]).collect();
    let fitted = learning.fit(families[best(None)], None)?;
    let marginal = learning.marginal(is_scale, p.len(), [None, None]);
    Ok(Calibrated { p: fitted.apply(p, &marginal)?, map: fitted.map(), raw: scores[0].clone(), held_out, is_own_kind })
}

/// What kind of map is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Family {
    None,
    Temperature,
    Shrinkage,
    AlrRidge(f64),
}

/// A map with its parameters.
enum Fitted {
    None,
    Temperature(f64),
    Shrinkage { temperature: f64, shrinkage: f64 },
    AlrRidge(Ridge),
}

impl Fitted {
    fn map(&self) -> CalibrationMap {
        match self {
            Self::None => CalibrationMap::None,
            Self::Temperature(temperature) => CalibrationMap::Temperature(*temperature),
            Self::Shrinkage { temperature, shrinkage } => {
                CalibrationMap::Shrinkage { temperature: *temperature, shrinkage: *shrinkage }
            }
            Self::AlrRidge(ridge) => CalibrationMap::AlrRidge { penalty: ridge.penalty() },
        }
    }

    fn apply(&self, p: &Distribution, marginal: &[f64]) -> Result<Distribution, MeasureError> {
        match self {
            Self::None => Ok(p.clone()),
            Self::Temperature(temperature) => scale_temperature(p, *temperature),
            Self::Shrinkage { temperature, shrinkage } => {
                shrink_to_marginal(&scale_temperature(p, *temperature)?, &Distribution::new(marginal)?, *shrinkage)
            }
            Self::AlrRidge(ridge) => ridge.apply(p),
        }
    }
}

/// Shrinkage to a marginal (M22): `(1 - shrinkage) p + shrinkage m`. Fails on unequal lengths and for a shrinkage outside
/// 0 to 1.
pub fn shrink_to_marginal(
    p: &Distribution,
    marginal: &Distribution,
    shrinkage: f64,
) -> Result<Distribution, MeasureError> {
    same_length(p.len(), marginal.len())?;
    if !(0.0..=1.0).contains(&shrinkage) {
        return Err(MeasureError::Shrinkage(shrinkage));
    }
    let mixed = p.as_slice().iter().zip(marginal.as_slice()).map(|(p, m)| (1.0 - shrinkage) * p + shrinkage * m);
    Ok(Distribution::new(&mixed.collect::<Vec<_>>())?)
}

/// The questions that are learned from, with what every fit needs of them.
struct Learning<'a> {
    used: Vec<&'a Labelled>,
    /// Per question and temperature of the fine grid, total variation.
    fine: Vec<Vec<f64>>,
    /// Per question and temperature of the coarse grid, the scaled distribution.
    coarse: Vec<Vec<Distribution>>,
}

impl<'a> Learning<'a> {
    fn new(used: Vec<&'a Labelled>) -> Result<Self, MeasureError> {
        let fine = |question: &&Labelled| {
            let at = |step| total_variation(&scale_temperature(&question.p, fine_temperature(step))?, &question.q);
            (1..=TEMPERATURES).map(at).collect::<Result<Vec<_>, MeasureError>>()
        };
        let coarse = |question: &&Labelled| {
            let at = |step| scale_temperature(&question.p, coarse_temperature(step));
            (-COARSE..=COARSE).map(at).collect::<Result<Vec<_>, MeasureError>>()
        };
        let fine = used.iter().map(fine).collect::<Result<_, _>>()?;
        let coarse = used.iter().map(coarse).collect::<Result<_, _>>()?;
        Ok(Self { used, fine, coarse })
    }

    /// Total variation of each question when the map was fitted without it.
    fn left_out(&self, family: Family) -> Result<Vec<f64>, MeasureError> {
        let score = |place: usize| {
            let Labelled { p, q, is_scale } = self.used[place];
            let marginal = self.marginal(*is_scale, p.len(), [Some(place), None]);
            total_variation(&self.fit(family, Some(place))?.apply(p, &marginal)?, q)
        };
        (0..self.used.len()).map(score).collect()
    }

    fn fit(&self, family: Family, but: Option<usize>) -> Result<Fitted, MeasureError> {
        Ok(match family {
            Family::None => Fitted::None,
            Family::Temperature => Fitted::Temperature(self.fit_temperature(but)),
            Family::Shrinkage => self.fit_shrinkage(but),
            Family::AlrRidge(penalty) => {
                let pairs: Vec<_> = self.places(but).map(|place| (&self.used[place].p, &self.used[place].q)).collect();
                Fitted::AlrRidge(Ridge::fit(&pairs, penalty)?)
            }
        })
    }

    fn places(&self, but: Option<usize>) -> impl Iterator<Item = usize> + Clone {
        (0..self.used.len()).filter(move |place| Some(*place) != but)
    }

    fn fit_temperature(&self, but: Option<usize>) -> f64 {
        let mut best = (f64::INFINITY, 1.0);
        for step in 1..=TEMPERATURES {
            let sum: f64 = self.places(but).map(|place| self.fine[place][step as usize - 1]).sum();
            if sum < best.0 {
                best = (sum, fine_temperature(step));
            }
        }
        best.1
    }

    fn fit_shrinkage(&self, but: Option<usize>) -> Fitted {
        let marginals: Vec<(usize, Vec<f64>)> = self
            .places(but)
            .map(|place| {
                let Labelled { p, is_scale, .. } = self.used[place];
                (place, self.marginal(*is_scale, p.len(), [but, Some(place)]))
            })
            .collect();
        let mut best = (f64::INFINITY, 1.0, 0.0);
        for (at, step) in (-COARSE..=COARSE).enumerate() {
            for twentieth in 0..=SHRINKAGES {
                let shrinkage = f64::from(twentieth) / f64::from(SHRINKAGES);
                let sum: f64 = marginals
                    .iter()
                    .map(|(place, marginal)| {
                        let (scaled, q) = (self.coarse[*place][at].as_slice(), self.used[*place].q.as_slice());
                        let mixed = scaled.iter().zip(marginal).map(|(p, m)| (1.0 - shrinkage) * p + shrinkage * m);
                        mixed.zip(q).map(|(mixed, q)| (mixed - q).abs()).sum::<f64>() / 2.0
                    })
                    .sum();
                if sum < best.0 {
                    best = (sum, coarse_temperature(step), shrinkage);
                }
            }
        }
        Fitted::Shrinkage { temperature: best.1, shrinkage: best.2 }
    }

    /// How people answer questions of this kind, without those at the places `but`.
    fn marginal(&self, is_scale: bool, k: usize, but: [Option<usize>; 2]) -> Vec<f64> {
        let is_like = |place: &usize| {
            let other = self.used[*place];
            is_scale && other.is_scale && other.q.len() == k && !but.contains(&Some(*place))
        };
        let like: Vec<&[f64]> =
            (0..self.used.len()).filter(is_like).map(|place| self.used[place].q.as_slice()).collect();
        if like.len() < FEWEST_LABELLED {
            return vec![1.0 / k as f64; k];
        }
        (0..k).map(|option| like.iter().map(|q| q[option]).sum::<f64>() / like.len() as f64).collect()
    }
}

fn fine_temperature(step: u32) -> f64 {
    f64::from(step) / 20.0
}

fn coarse_temperature(step: i32) -> f64 {
    10f64.powf(f64::from(step) / f64::from(COARSE))
}
