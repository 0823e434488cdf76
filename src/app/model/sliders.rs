//! The weights of a mixture of personas as they are looked at: those of a fit, or set by hand. The mixture follows from
//! what the personas answered, so that nothing is asked again.

use super::{Chart, LiveRun, Model};
use crate::domain::{MixtureFit, MixtureShown, Mode, Pane};
use crate::measure::{Base, Distribution, entropy, js_distance, linear_pool, total_variation};

/// How far one key moves a weight.
const STEP: f64 = 0.05;

/// Which weights are looked at. The same for all mixtures of a run, for they are of the same personas.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sliders {
    /// The persona whose weight keys move, by its place.
    pub chosen: usize,
    /// Which of the weights that are known, as [`Known::of`] counts them.
    known: usize,
    /// Set by hand; they sum to 1.
    by_hand: Option<Vec<f64>>,
}

/// Where weights come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known<'a> {
    /// Fitted.
    Fit(&'a MixtureFit),
    /// The personas bring them along.
    Given,
    /// Set by hand.
    ByHand,
}

impl<'a> Known<'a> {
    /// In this place: the fits in their order, then what the personas bring along, then the first again.
    fn of(mixture: &'a MixtureShown, place: usize) -> Self {
        // Where nothing was learned from other questions, the fits are to this one alone and come last.
        let held_out = mixture.fits.iter().filter(|fit| fit.held_out).count();
        let all = mixture.fits.len() + 1;
        match place % all {
            place if place < held_out => mixture.fits.get(place).map_or(Self::Given, Self::Fit),
            place if place == held_out => Self::Given,
            place => mixture.fits.get(place - 1).map_or(Self::Given, Self::Fit),
        }
    }
}

/// A mixture under the weights that are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed<'a> {
    /// Where the weights come from.
    pub known: Known<'a>,
    /// One per persona; they sum to 1.
    pub weights: Vec<f64>,
    /// Their entropy in bits.
    pub entropy_2: f64,
    /// Over the substantive options; sums to 1.
    pub p: Vec<f64>,
    /// Jensen-Shannon distance, base 2, and total variation to the population; absent where its figures are not shown.
    pub distances: Option<(f64, f64)>,
}

impl Sliders {
    /// What `pane` becomes; `None` where it is no mixture.
    pub fn mixed<'a>(&self, pane: &'a Pane) -> Option<Mixed<'a>> {
        let mixture = pane.mixture.as_ref()?;
        let (known, weights) = match (&self.by_hand, Known::of(mixture, self.known)) {
            (Some(weights), _) if weights.len() == pane.distributions.len() => (Known::ByHand, weights),
            (_, Known::Fit(fit)) => (Known::Fit(fit), &fit.weights),
            _ => (Known::Given, &mixture.given),
        };
        let members = pane.distributions.iter().map(|own| Distribution::new(&own.p)).collect::<Result<Vec<_>, _>>();
        let weights = Distribution::new(weights).ok()?;
        let p = linear_pool(&members.ok()?, &weights).ok()?;
        let people = pane.references.iter().find(|reference| reference.population == mixture.population);
        let distances = people.and_then(|people| {
            let q = Distribution::new(&people.q).ok()?;
            Some((js_distance(&p, &q, Base::Two).ok()?, total_variation(&p, &q).ok()?))
        });
        let entropy_2 = entropy(&weights, Base::Two);
        Some(Mixed { known, weights: weights.into_vec(), entropy_2, p: p.into_vec(), distances })
    }
}

impl LiveRun {
    /// The pictures of mixtures, each with its pane's place.
    pub fn mixtures(&self) -> impl Iterator<Item = &Pane> {
        let pictures = self.column(Mode::Distribution).filter_map(|pane| pane.picture.as_deref());
        pictures.filter(|pane| pane.mixture.is_some())
    }

    fn people(&self) -> usize {
        self.mixtures().map(|pane| pane.distributions.len()).max().unwrap_or(0)
    }

    /// Chooses the next persona, or the one before.
    pub fn choose_weight(&mut self, is_forward: bool) {
        let people = self.people();
        if people > 0 {
            let step = if is_forward { 1 } else { people - 1 };
            self.sliders.chosen = (self.sliders.chosen.min(people - 1) + step) % people;
        }
    }

    /// Moves the chosen persona's weight a step up or down; the others share the rest as they did.
    pub fn move_weight(&mut self, is_up: bool) {
        let Some(mut weights) = self.mixtures().find_map(|pane| Some(self.sliders.mixed(pane)?.weights)) else { return };
        let chosen = self.sliders.chosen.min(weights.len().saturating_sub(1));
        let Some(before) = weights.get(chosen).copied().filter(|_| weights.len() > 1) else { return };
        let wanted = before + if is_up { STEP } else { -STEP };
        // Whole steps, so that as many back lead where one came from.
        let wanted = ((wanted / STEP).round() * STEP).clamp(0.0, 1.0);
        let rest = 1.0 - before;
        let others = (weights.len() - 1) as f64;
        for (place, weight) in weights.iter_mut().enumerate() {
            *weight = match place == chosen {
                true => wanted,
                false if rest > 1e-12 => *weight * (1.0 - wanted) / rest,
                false => (1.0 - wanted) / others,
            };
        }
        self.sliders.by_hand = Some(weights);
    }

    /// Back from what was set by hand to the weights before; from those to the next ones that are known.
    pub fn next_weights(&mut self) {
        if self.sliders.by_hand.take().is_none() {
            let all = self.mixtures().filter_map(|pane| pane.mixture.as_ref()).map(|mixture| mixture.fits.len() + 1).max();
            self.sliders.known = (self.sliders.known + 1) % all.unwrap_or(1);
        }
    }
}

impl Model {
    /// Whether the weights of a mixture are on screen.
    pub fn shows_weights(&self) -> bool {
        self.shows_distributions()
            && self.run.as_ref().is_some_and(|run| run.chart(self.look.chart) == Chart::Weights)
    }
}
