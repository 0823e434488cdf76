//! Mixtures of several answers (M18): weights on the simplex under which their mean is nearest to a target. With as many
//! answers as options a fit to one question is easily perfect and says nothing: judge weights on questions that they
//! were not fitted to. The best weights depend on the loss, so it is named with every one of them.

mod linear;
mod quadratic;

use super::distribution::Distribution;
use super::divergence::{Base, js_divergence, total_variation};
use super::error::{MeasureError, same_length};
use super::generalised_js::{equal_weights, linear_pool};

/// Steps of the fit by Jensen-Shannon divergence; a dozen usually do.
const MOST_STEPS: usize = 200;
/// Halvings of one step until it makes the loss smaller.
const HALVINGS: u32 = 40;
/// The fit ends where the loss can fall no farther than this.
const ENOUGH: f64 = 1e-15;
/// How far a step goes at most that would leave an option with nothing.
const SHORT: f64 = 0.999;

/// By what a mixture is near its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MixtureLoss {
    /// Jensen-Shannon divergence in bits, the square of the distance.
    JsDivergence,
    /// Sum of the squared differences of the shares.
    SquaredError,
    /// Total variation.
    TotalVariation,
}

impl MixtureLoss {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::JsDivergence, Self::SquaredError, Self::TotalVariation];

    /// The name in JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::JsDivergence => "js_divergence_2",
            Self::SquaredError => "squared_error",
            Self::TotalVariation => "tv",
        }
    }

    /// The loss of `p` as an answer where `target` is right: bits, a sum of squares, or a share; 0 where they are equal. Fails
    /// on unequal lengths.
    pub fn of(self, p: &Distribution, target: &Distribution) -> Result<f64, MeasureError> {
        match self {
            Self::JsDivergence => js_divergence(p, target, Base::Two),
            Self::SquaredError => {
                same_length(p.len(), target.len())?;
                Ok(p.as_slice().iter().zip(target.as_slice()).map(|(p, q)| (p - q).powi(2)).sum())
            }
            Self::TotalVariation => total_variation(p, target),
        }
    }
}

/// A question to fit weights to.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureQuestion {
    /// How each member answers it, in the order of the weights; over the same options.
    pub members: Vec<Distribution>,
    /// What their mixture should be.
    pub target: Distribution,
}

/// Fitted weights.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedMixture {
    /// One per member.
    pub weights: Distribution,
    /// The mean loss over the questions under them, in the loss's own unit.
    pub loss: f64,
    /// What the loss lies above the least possible one, at most; a bound, usually far above the truth.
    pub gap: f64,
}

/// The mean loss over `questions` of the mixtures with these weights.
///
/// Fails without questions, and where members, weights or options do not go together.
pub fn mixture_loss(
    questions: &[MixtureQuestion],
    weights: &Distribution,
    loss: MixtureLoss,
) -> Result<f64, MeasureError> {
    if questions.is_empty() {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    let mut sum = 0.0;
    for question in questions {
        sum += loss.of(&linear_pool(&question.members, weights)?, &question.target)?;
    }
    Ok(sum / questions.len() as f64)
}

/// The weights, one for each member and the same for all `questions`, with the least mean loss:
/// `min_w mean_x D(sum_j w_j p_j(x), q(x))`, `w >= 0`, `sum w = 1` (`PromptMixture`, Xie et al. 2025, in its categorical
/// form). The problem is convex. Squared error: steps between pairs of members, each as long as is best. Jensen-Shannon: a
/// row of such problems, each the second-order picture of the loss at the weights so far. Total variation: exactly, as a
/// linear program. Where several weights are equally good, one of them is given, always the same.
///
/// Fails without questions or members, and where members and options do not go together.
pub fn fit_mixture(questions: &[MixtureQuestion], loss: MixtureLoss) -> Result<FittedMixture, MeasureError> {
    let first = questions.first().ok_or(MeasureError::TooFew { least: 1, found: 0 })?;
    let equal = equal_weights(first.members.len())?;
    // Checks everything once, so that what follows can rely on it.
    mixture_loss(questions, &equal, loss)?;
    let (weights, gap) = match loss {
        MixtureLoss::SquaredError => squared_error(questions, equal.into_vec()),
        MixtureLoss::JsDivergence => js(questions, equal.into_vec())?,
        MixtureLoss::TotalVariation => linear::least_tv(questions),
    };
    let weights = Distribution::new(&weights)?;
    let loss = mixture_loss(questions, &weights, loss)?;
    Ok(FittedMixture { weights, loss, gap })
}

fn shares(of: &Distribution) -> impl Iterator<Item = f64> + '_ {
    of.as_slice().iter().copied()
}

fn squared_error(questions: &[MixtureQuestion], start: Vec<f64>) -> (Vec<f64>, f64) {
    let count = questions.len() as f64;
    let mut problem = quadratic::Problem::new(start.len());
    for question in questions {
        for option in 0..question.target.len() {
            let row: Vec<f64> = question.members.iter().map(|member| member.as_slice()[option]).collect();
            problem.add(&row, 1.0 / count, -question.target.as_slice()[option] / count);
        }
    }
    let (weights, gap) = problem.least(start);
    // The problem is half of the loss.
    (weights, 2.0 * gap)
}

/// In nats while it goes.
fn js(questions: &[MixtureQuestion], start: Vec<f64>) -> Result<(Vec<f64>, f64), MeasureError> {
    let count = questions.len() as f64;
    let bits = |nats: f64| Base::Two.of_nats(nats);
    let mut weights = start;
    let mut gap = f64::INFINITY;
    for _ in 0..MOST_STEPS {
        let mut gradient = vec![0.0; weights.len()];
        let mut problem = quadratic::Problem::new(weights.len());
        for question in questions {
            for (option, target) in shares(&question.target).enumerate() {
                let row: Vec<f64> = question.members.iter().map(|member| member.as_slice()[option]).collect();
                let mixed: f64 = row.iter().zip(&weights).map(|(share, weight)| share * weight).sum();
                // What nobody ever answers is no matter of weights.
                if mixed <= 0.0 {
                    continue;
                }
                let slope = (2.0 * mixed / (mixed + target)).ln() / 2.0 / count;
                let bend = target / (2.0 * mixed * (mixed + target)) / count;
                row.iter().zip(&mut gradient).for_each(|(share, sum)| *sum += share * slope);
                // Around the weights so far: slope + bend * (new - mixed).
                problem.add(&row, bend, slope - bend * mixed);
            }
        }
        gap = quadratic::gap(&weights, &gradient);
        if gap < ENOUGH {
            break;
        }
        let (wanted, _) = problem.least(weights.clone());
        let before = mixture_loss(questions, &Distribution::new(&weights)?, MixtureLoss::JsDivergence)?;
        let mut length = if leaves_an_option_empty(questions, &weights, &wanted) { SHORT } else { 1.0 };
        let mut next = None;
        for _ in 0..HALVINGS {
            let tried: Vec<f64> =
                weights.iter().zip(&wanted).map(|(from, to)| (to - from).mul_add(length, *from).max(0.0)).collect();
            if mixture_loss(questions, &Distribution::new(&tried)?, MixtureLoss::JsDivergence)? < before {
                next = Some(tried);
                break;
            }
            length /= 2.0;
        }
        // Rounding lets the loss fall no farther.
        let Some(next) = next else { break };
        weights = next;
    }
    Ok((weights, bits(gap)))
}

/// Whether an option has a share under `before` and none under `after`: there the loss has no slope any more.
fn leaves_an_option_empty(questions: &[MixtureQuestion], before: &[f64], after: &[f64]) -> bool {
    questions.iter().any(|question| {
        (0..question.target.len()).any(|option| {
            let mixed = |weights: &[f64]| -> f64 {
                question.members.iter().zip(weights).map(|(member, weight)| member.as_slice()[option] * weight).sum()
            };
            mixed(before) > 0.0 && mixed(after) <= 0.0
        })
    })
}

#[cfg(test)]
mod tests;
