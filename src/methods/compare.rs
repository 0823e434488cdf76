//! A distribution beside populations: distances with their interval and noise floor, and the baseline to beat.

use super::RunSpec;
use super::baselines::baselines;
use super::pane::PaneContext;
use crate::domain::{Measure, Question, Reference, ReferenceShown};
use crate::measure::{
    Base, Distribution, LEVEL_95, MeasureError, Resampling, Sample, ScaleOrder, bootstrap_interval, distance_interval,
    entropy, js_distance, kl_divergence, mode_match, noise_floor, steering_gain, total_variation,
};

/// Draws at each place that an interval tries.
const RESAMPLES: u64 = 500;
/// Draws behind a noise floor that cannot be enumerated.
const FLOOR_DRAWS: u64 = 400;
/// Draws behind the interval of a gain.
const GAIN_DRAWS: u64 = 1000;

/// Whether `wanted`, a population's id, the beginning of several before `.*`, or `all`, means `population`.
pub fn names(wanted: &str, population: &str) -> bool {
    match wanted.strip_suffix(".*") {
        Some(beginning) => population.strip_prefix(beginning).is_some_and(|rest| rest.starts_with('.')),
        None => wanted == "all" || wanted == population,
    }
}

/// The populations a run compares with: those asked for, else the question's first. The second list names those that
/// the question knows nothing of.
pub(super) fn references(pane: &PaneContext) -> (Vec<&Reference>, Vec<String>) {
    references_of(pane.spec())
}

/// The same before there is a pane.
pub(super) fn references_of(spec: &RunSpec) -> (Vec<&Reference>, Vec<String>) {
    let question = &spec.question;
    if spec.populations.is_empty() {
        return (question.references.first().into_iter().collect(), Vec::new());
    }
    let mut unknown = Vec::new();
    let mut known = Vec::new();
    for wanted in &spec.populations {
        let before = known.len();
        for reference in question.references.iter().filter(|reference| names(wanted, &reference.population)) {
            if !known.iter().any(|other: &&Reference| other.population == reference.population) {
                known.push(reference);
            }
        }
        if known.len() == before && !question.references.iter().any(|other| names(wanted, &other.population)) {
            unknown.push(wanted.clone());
        }
    }
    (known, unknown)
}

/// A reference as a pane shows it; `None` when nobody gave a substantive answer.
pub(super) fn shown(question: &Question, reference: &Reference) -> Option<ReferenceShown> {
    let (q, dropped) = reference.substantive(question)?;
    Some(ReferenceShown {
        population: reference.population.clone(),
        label: question.population(&reference.population).map(|population| population.label.clone()),
        q,
        q_whole: Distribution::new(&reference.shares).ok().map(|whole| whole.as_slice().to_vec()),
        n: reference.n,
        year: reference.year,
        basis: reference.basis,
        non_substantive: (dropped > 0.0).then_some(dropped),
        source: reference.source.clone().or_else(|| question.citation.clone()),
        note: reference.note.clone(),
    })
}

/// How far `p` lies from every population of the run, in the two distances that are read first: for distributions that
/// stand beside the one a pane shows.
pub(super) fn distances(pane: &PaneContext, p: &Distribution) -> Vec<Measure> {
    let mut found = Vec::new();
    for reference in references(pane).0 {
        let q = reference.substantive(&pane.spec().question).and_then(|(q, _)| Distribution::new(&q).ok());
        let Some(q) = q else { continue };
        for (id, value) in [("js_distance_2", js_distance(p, &q, Base::Two)), ("tv", total_variation(p, &q))] {
            let measure = match value {
                Ok(value) => Measure::new(id, value),
                Err(error) => Measure::absent(id, error.to_string()),
            };
            found.push(measure.population(&reference.population));
        }
    }
    found
}

/// How much nearer to `reference` the answer came when it was no longer `before` but `after` (E13); both exact. `None`
/// where nobody gave a substantive answer.
pub(super) fn gain(
    pane: &PaneContext,
    before: &Distribution,
    after: &Distribution,
    reference: &Reference,
    stage: Stage,
) -> Option<Measure> {
    let question = &pane.spec().question;
    let (q, _) = reference.substantive(question)?;
    let q = Distribution::new(&q).ok()?;
    let value = steering_gain(before, after, &q).ok()?;
    let mut gain = Measure::new("gain.js_distance_2", value).population(&reference.population);
    if stage == Stage::SoFar {
        return Some(gain);
    }
    let people = reference.substantive_n(question).filter(|n| *n > 0 && reference.basis.is_human());
    let plan = Resampling { resamples: GAIN_DRAWS, seed: pane.seed(&reference.population, 0), level: LEVEL_95 };
    let (exact, drawn) = (Sample { distribution: after, n: None }, Sample { distribution: &q, n: people });
    match bootstrap_interval(exact, drawn, plan, |after, q| steering_gain(before, after, q)) {
        Ok(interval) => {
            gain.interval = Some([interval.low, interval.high]);
            gain.level = Some(LEVEL_95);
        }
        Err(error) => gain.note = Some(format!("no interval: {error}")),
    }
    Some(gain)
}

/// How far all that a pane counted lies from all that people answered, with "don't know" and refusals on both sides: the view
/// in which a model that seldom has an opinion is not like people who do. `n` samples stand behind `whole`, `None` for exact
/// probabilities. Nothing where no option of the question is without an opinion.
pub(super) fn with_refusals(
    pane: &PaneContext,
    whole: &Distribution,
    n: Option<u64>,
    reference: &Reference,
    stage: Stage,
) -> Vec<Measure> {
    let question = &pane.spec().question;
    if question.substantive().len() == question.options.len() {
        return Vec::new();
    }
    let Ok(q) = Distribution::new(&reference.shares) else { return Vec::new() };
    let people = reference.n.filter(|n| *n > 0 && reference.basis.is_human());
    let seed = pane.seed(&reference.population, 1);
    let judge = Judge { p: whole, q: &q, model_n: n, people, seed, stage };
    let js = judge.distance("whole.js_distance_2", |p, q| js_distance(p, q, Base::Two));
    let tv = judge.distance("whole.tv", total_variation);
    [js, tv].into_iter().map(|measure| measure.population(&reference.population)).collect()
}

/// Whether a pane is done, or shown while it is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Drawn again with everything that comes in, so without what takes milliseconds: drawing samples again.
    SoFar,
    /// Once and for all.
    Done,
}

/// All measures of `p`, with `model_n` samples behind it (`None` for exact probabilities), against `reference`.
pub(super) fn measures(
    pane: &PaneContext,
    p: &Distribution,
    model_n: Option<u64>,
    reference: &Reference,
    stage: Stage,
) -> Vec<Measure> {
    let question = &pane.spec().question;
    let population = reference.population.as_str();
    let Some((q, _)) = reference.substantive(question) else {
        let note = "nobody in this population gave a substantive answer";
        return vec![Measure::absent("js_distance_2", note).population(population)];
    };
    let q = match Distribution::new(&q) {
        Ok(q) => q,
        Err(error) => return vec![Measure::absent("js_distance_2", error.to_string()).population(population)],
    };
    // Uniform and agreed figures are conventions without people to draw again.
    let people = reference.substantive_n(question).filter(|n| *n > 0 && reference.basis.is_human());
    let judge = Judge { p, q: &q, model_n, people, seed: pane.seed(population, 0), stage };
    let mut measures = vec![
        judge.distance("js_distance_2", |p, q| js_distance(p, q, Base::Two)),
        judge.distance("tv", total_variation),
    ];
    if let Some(positions) = question.positions() {
        measures.push(judge.on_scale(&positions));
    }
    measures.push(judge.kl());
    measures.push(match mode_match(p, &q) {
        Ok(matches) => Measure::new("mode_match", f64::from(u8::from(matches))),
        Err(error) => Measure::absent("mode_match", error.to_string()),
    });
    measures.push(Measure::new("entropy_2_q", entropy(&q, Base::Two)));
    measures.extend(baselines(question, reference));
    measures.into_iter().map(|measure| measure.population(population)).collect()
}

struct Judge<'a> {
    p: &'a Distribution,
    q: &'a Distribution,
    model_n: Option<u64>,
    people: Option<u64>,
    seed: u64,
    stage: Stage,
}

impl Judge<'_> {
    fn distance(
        &self,
        id: &str,
        measure: impl Fn(&Distribution, &Distribution) -> Result<f64, MeasureError> + Copy,
    ) -> Measure {
        let value = match measure(self.p, self.q) {
            Ok(value) => value,
            Err(error) => return Measure::absent(id, error.to_string()),
        };
        let mut found = Measure::new(id, value);
        found.n = self.model_n;
        if self.stage == Stage::SoFar {
            return found;
        }
        let sides = (Sample { distribution: self.p, n: self.model_n }, Sample { distribution: self.q, n: self.people });
        let plan = Resampling { resamples: RESAMPLES, seed: self.seed, level: LEVEL_95 };
        match distance_interval(sides.0, sides.1, plan, measure) {
            Ok(interval) => {
                found.interval = Some([interval.low, interval.high]);
                found.level = Some(LEVEL_95);
            }
            Err(MeasureError::NothingToResample) => {
                found.note = Some("no interval: the number of people behind the reference is unknown".to_owned());
            }
            Err(error) => found.note = Some(format!("no interval: {error}")),
        }
        if let Ok(floor) = noise_floor(self.q, self.model_n, self.people, FLOOR_DRAWS, self.seed, measure) {
            found.noise_floor = Some(floor.value);
        }
        found
    }

    fn on_scale(&self, values: &[f64]) -> Measure {
        let id = "w1_normalised";
        match ScaleOrder::new(values) {
            Ok(scale) => self.distance(id, |p, q| scale.distance(p, q)),
            Err(_) => Measure::absent(id, "two options have the same place on the scale"),
        }
    }

    fn kl(&self) -> Measure {
        match kl_divergence(self.q, self.p, Base::Two) {
            Ok(Some(value)) => Measure::new("kl_2_qp", value),
            Ok(None) => {
                Measure::absent("kl_2_qp", "infinite: the model gives nothing to an option that the reference has")
            }
            Err(error) => Measure::absent("kl_2_qp", error.to_string()),
        }
    }
}
