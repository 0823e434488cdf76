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
        let Some(mut weights) = self.mixtures().find_map(|pane| Some(self.sliders.mixed(pane)?.weights)) else {
            return;
        };
        let chosen = self.sliders.chosen.min(weights.len().saturating_sub(1));
        let Some(before) = weights.get(chosen).copied().filter(|_| weights.len() > 1) else { return };
        let wanted = before + if is_up { STEP } else { -STEP };
        // Whole steps, so that as many back lead where one came from.
        let wanted = ((wanted / STEP).round() * STEP).clamp(0.0, 1.0);
        let rest = 1.0 - before;
        let others = (weights.len() - 1) as f64;
        for (place, weight) in weights.iter_mut().enumerate() {
            *weight = if place == chosen {
                wanted
            } else if rest > 1e-12 {
                *weight * (1.0 - wanted) / rest
            } else {
                (1.0 - wanted) / others
            };
        }
        self.sliders.by_hand = Some(weights);
    }

    /// Back from what was set by hand to the weights before; from those to the next ones that are known.
    pub fn next_weights(&mut self) {
        if self.sliders.by_hand.take().is_none() {
            let all =
                self.mixtures().filter_map(|pane| pane.mixture.as_ref()).map(|mixture| mixture.fits.len() + 1).max();
            self.sliders.known = (self.sliders.known + 1) % all.unwrap_or(1);
        }
    }
}

impl Model {
    /// Whether the weights of a mixture are on screen.
    pub fn shows_weights(&self) -> bool {
        self.shows_distributions() && self.run.as_ref().is_some_and(|run| run.chart(self.look.chart) == Chart::Weights)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::domain::{Basis, PersonaDistribution, Question, ReferenceShown};
    use crate::methods::{Cost, RunSpec};

    fn fit(loss: &str, held_out: bool, weights: [f64; 3]) -> MixtureFit {
        let (value, p) = (0.0, vec![0.5, 0.5]);
        MixtureFit { loss: loss.into(), held_out, weights: weights.to_vec(), value, p, js_distance_2: 0.0, tv: 0.0 }
    }

    /// Three personas: one says yes, one no, one either.
    fn run(fits: Vec<MixtureFit>) -> LiveRun {
        let question = Question::asked("Is it so?", &["Yes".into(), "No".into()], &[], false).unwrap();
        let spec = RunSpec {
            question,
            panes: vec![(Mode::Distribution, "persona-mixture".into())],
            pane_models: vec![],
            personas: vec![],
            directions: vec![],
            examples: Arc::default(),
            populations: vec![],
            seed: 1,
            samples: 1,
            max_tokens: 1,
            temperature: None,
            top_p: None,
        };
        let mut run = LiveRun::new(1, Arc::new(spec), Cost::default(), Duration::ZERO);
        let own = |(persona, p): (&str, [f64; 2])| PersonaDistribution {
            persona: persona.into(),
            p: p.to_vec(),
            mass: 1.0,
            per_order: vec![],
            note: None,
        };
        let mut pane = Pane::new(Mode::Distribution, "persona-mixture");
        pane.options = Some(vec!["yes".into(), "no".into()]);
        pane.distributions = [("a", [1.0, 0.0]), ("b", [0.0, 1.0]), ("c", [0.5, 0.5])].map(own).to_vec();
        pane.references = vec![ReferenceShown {
            population: "all".into(),
            label: None,
            q: vec![0.6, 0.4],
            q_whole: None,
            n: None,
            year: None,
            basis: Basis::Survey,
            non_substantive: None,
            source: None,
            note: None,
        }];
        let third = 1.0 / 3.0;
        let others = if fits.iter().any(|fit| fit.held_out) { vec!["q".into()] } else { vec![] };
        pane.mixture = Some(MixtureShown { population: "all".into(), others, given: vec![third; 3], fits });
        run.panes[0].picture = Some(Box::new(pane));
        run
    }

    fn mixed(run: &LiveRun) -> Mixed<'_> {
        run.sliders.mixed(run.mixtures().next().unwrap()).unwrap()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}, not {expected:?}");
    }

    #[test]
    fn a_weight_is_moved_by_hand_and_the_mixture_follows() {
        let mut run = run(vec![fit("tv", true, [0.5, 0.25, 0.25]), fit("tv", false, [1.0, 0.0, 0.0])]);
        assert!(matches!(mixed(&run).known, Known::Fit(fit) if fit.held_out));
        assert_close(&mixed(&run).p, &[0.625, 0.375]);
        run.choose_weight(true);
        run.move_weight(true);
        assert_eq!(mixed(&run).known, Known::ByHand);
        // 0.3 for the second; 0.5 and 0.25 share 0.7 as two to one.
        assert_close(&mixed(&run).weights, &[0.7 * 2.0 / 3.0, 0.3, 0.7 / 3.0]);
        let yes = 0.7 * 2.0 / 3.0 + 0.7 / 6.0;
        assert_close(&mixed(&run).p, &[yes, 1.0 - yes]);
        assert_close(&[mixed(&run).distances.unwrap().1], &[(yes - 0.6f64).abs()]);
        run.move_weight(false);
        assert_close(&mixed(&run).weights, &[0.5, 0.25, 0.25]);
        run.next_weights();
        assert!(matches!(mixed(&run).known, Known::Fit(fit) if fit.held_out), "back, and not on to the next");
    }

    #[test]
    fn weights_stay_between_none_and_all() {
        let mut run = run(vec![fit("tv", true, [1.0, 0.0, 0.0])]);
        run.move_weight(true);
        assert_close(&mixed(&run).weights, &[1.0, 0.0, 0.0]);
        run.move_weight(false);
        // Those that had nothing share what is let go of.
        assert_close(&mixed(&run).weights, &[0.95, 0.025, 0.025]);
        for _ in 0..30 {
            run.move_weight(false);
        }
        assert_close(&mixed(&run).weights, &[0.0, 0.5, 0.5]);
        run.choose_weight(false);
        assert_eq!(run.sliders.chosen, 2);
        run.choose_weight(true);
        assert_eq!(run.sliders.chosen, 0);
    }

    #[test]
    fn what_was_learned_from_others_comes_first_and_what_says_nothing_last() {
        let mut both = run(vec![fit("tv", true, [0.5, 0.25, 0.25]), fit("tv", false, [1.0, 0.0, 0.0])]);
        both.next_weights();
        assert_eq!(mixed(&both).known, Known::Given);
        both.next_weights();
        assert!(matches!(mixed(&both).known, Known::Fit(fit) if !fit.held_out));
        both.next_weights();
        assert!(matches!(mixed(&both).known, Known::Fit(fit) if fit.held_out));
        let alone = run(vec![fit("tv", false, [1.0, 0.0, 0.0])]);
        assert_eq!(mixed(&alone).known, Known::Given);
    }
}
