//! Supervised calibration (M22): the exact distribution, put through a map that was learned on other questions of the pack
//! whose people are known. Beside each calibrated distribution stands how good its map is on questions that it did not see;
//! without that none is shown.

use std::ops::Add;

use futures_util::future::{try_join, try_join_all};

use super::option_logits::{INSTRUCTION, prompt};
use super::{show_each, too_many_letters, with_opinions};
use crate::domain::{Measure, Mode, Obtained, Pane, PopulationDistribution, Question, Reference};
use crate::measure::{
    Calibrated, CalibrationMap, Distribution, FEWEST_LABELLED, LEVEL_95, Labelled, QuestionMean, ScaleOrder,
    calibrate_supervised, mean_over_questions, paired_difference,
};
use crate::methods::asked::Asked;
use crate::methods::compare::{self, Stage};
use crate::methods::corrected::beside;
use crate::methods::cost::options_of;
use crate::methods::elicit::{Elicited, elicit, elicit_as, many_options_note, scorings};
use crate::methods::others::{answered_by, readable, shuffle};
use crate::methods::{Cost, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// Supervised calibration.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "calibrated",
        summary: "the exact distribution through a map (temperature, shrinkage, ridge) learned on up to 24 other questions of the pack whose people are known, with its score on questions held out",
        cost: "o F, for this question and each of up to 24 others, these once for all questions of a pack",
        paper: "after Kambhatla et al. 2025 (arXiv 2507.00439); temperature of Meister et al. 2025 (arXiv 2411.05403)",
        wordings: &["option-logits"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Other questions that a map is learned on, at most.
const MOST: usize = 24;

fn cost(spec: &RunSpec) -> Cost {
    let Ok(plan) = Plan::of(spec) else { return Cost::default() };
    let questions = plan.questions.iter().copied().chain([&spec.question]);
    let of = |question: &Question| Cost::scorings_of(question, scorings(question), INSTRUCTION + options_of(question));
    questions.map(of).fold(Cost::default(), Add::add)
}

/// Whom to be like, and where that can be learned.
struct Plan<'a> {
    targets: Vec<Target<'a>>,
    /// Those of all targets, each once.
    questions: Vec<&'a Question>,
    /// Populations without a target.
    left_out: Vec<String>,
}

/// One population, and the other questions that its people answered.
struct Target<'a> {
    population: &'a str,
    labelled: Vec<(&'a Question, &'a Reference)>,
}

impl<'a> Plan<'a> {
    /// Fails, with the sentence to show, where nothing can be learned.
    fn of(spec: &'a RunSpec) -> Result<Self, String> {
        if let Some(error) = too_many_letters(&spec.question) {
            return Err(error.to_string());
        }
        let (references, unknown) = compare::references_of(spec);
        let people: Vec<&Reference> = references.into_iter().filter(|reference| reference.basis.is_human()).collect();
        if people.is_empty() {
            return Err(match unknown.first() {
                Some(first) => {
                    format!("the question has no figures of `{first}`, so there is nobody to be calibrated to")
                }
                None => "the question has figures of no people, so there is nobody to be calibrated to".to_owned(),
            });
        }
        let (mut targets, mut left_out): (Vec<Target<'a>>, Vec<String>) = (Vec::new(), Vec::new());
        let mut most = 0;
        for reference in people {
            let population = reference.population.as_str();
            let labelled = labelled(spec, population);
            most = most.max(labelled.len());
            if labelled.len() < FEWEST_LABELLED {
                left_out.push(population.to_owned());
            } else {
                targets.push(Target { population, labelled });
            }
        }
        if targets.is_empty() {
            return Err(format!(
                "the pack has figures of `{}` for {most} other questions, and a calibration is learned and tried on \
                 {FEWEST_LABELLED} at least; the method option-logits shows the distribution as it is",
                left_out.join("`, `")
            ));
        }
        let mut questions: Vec<&Question> = Vec::new();
        for (question, _) in targets.iter().flat_map(|target| &target.labelled) {
            if !questions.iter().any(|known| std::ptr::eq(*known, *question)) {
                questions.push(question);
            }
        }
        Ok(Self { targets, questions, left_out })
    }
}

/// The other questions that `population` answered: those of the kind of the one asked first, and else a draw that all questions
/// of the pack share.
fn labelled<'a>(spec: &'a RunSpec, population: &str) -> Vec<(&'a Question, &'a Reference)> {
    let kind = |question: &Question| (scale(question).is_some(), question.substantive().len());
    let own = kind(&spec.question);
    let mut known: Vec<&Question> =
        readable(spec).filter(|question| answered_by(question, population).is_some()).collect();
    shuffle(&mut known);
    // Stable, so that the draw decides among those of one kind.
    known.sort_by_key(|question| kind(question) != own);
    known.truncate(MOST);
    known.into_iter().filter_map(|question| Some((question, answered_by(question, population)?))).collect()
}

/// The scale of a question; `None` where there is none, or two options share a place.
fn scale(question: &Question) -> Option<ScaleOrder> {
    ScaleOrder::new(&question.positions()?).ok()
}

/// `p` by place, where the question is a scale.
fn by_place(question: &Question, p: &Distribution) -> Result<Distribution, MethodError> {
    Ok(scale(question).map_or_else(|| Ok(p.clone()), |scale| scale.by_place(p))?)
}

/// The other way round.
fn by_option(question: &Question, p: &Distribution) -> Result<Distribution, MethodError> {
    Ok(scale(question).map_or_else(|| Ok(p.clone()), |scale| scale.by_option(p))?)
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let plan = match Plan::of(pane.spec()) {
        Ok(plan) => plan,
        Err(why) => return Ok(Pane::skipped(METHOD.facts.mode, METHOD.facts.id, why)),
    };
    let blank = pane.begin(&METHOD.facts)?;
    let own = Asked::own(pane);
    let read = elicit(pane, "options", |options| prompt(own, options), |_| {});
    let others = plan.questions.iter().map(|question| other(pane, question));
    let (found, others) = try_join(read, try_join_all(others)).await?;
    let others: Vec<(&Question, Option<Distribution>)> = plan.questions.iter().copied().zip(others).collect();
    picture(pane, blank, &plan, &found, &others).await
}

/// What the model says to another question; `None` where that is no distribution.
async fn other(pane: &PaneContext, question: &Question) -> Result<Option<Distribution>, MethodError> {
    let asked = Asked { pane, question };
    let purpose = format!("calibration, {}", question.id);
    match elicit_as(pane, question, None, &purpose, |options| prompt(asked, options), |_| {}).await {
        Ok(found) => Ok(Some(found.p)),
        Err(error @ MethodError::Engine(_)) => Err(error),
        // Another question is no reason to give up this one.
        Err(_) => Ok(None),
    }
}

/// What was learned for one population.
struct Learned<'a> {
    population: &'a str,
    p: Distribution,
    found: Calibrated,
}

/// The pane with what was read.
async fn picture(
    pane: &PaneContext,
    mut result: Pane,
    plan: &Plan<'_>,
    found: &Elicited,
    others: &[(&Question, Option<Distribution>)],
) -> Result<Pane, MethodError> {
    let question = &pane.spec().question;
    let mut left_out = plan.left_out.clone();
    let mut learned = Vec::new();
    for target in &plan.targets {
        // A fit takes milliseconds, and there may be one for each of many groups.
        tokio::task::yield_now().await;
        let questions = known(target, others)?;
        if questions.len() < FEWEST_LABELLED {
            left_out.push(target.population.to_owned());
            continue;
        }
        let calibrated = calibrate_supervised(&by_place(question, &found.p)?, scale(question).is_some(), &questions)?;
        learned.push(Learned {
            population: target.population,
            p: by_option(question, &calibrated.p)?,
            found: calibrated,
        });
    }
    let Some(first) = learned.first() else {
        let sentence =
            format!("fewer than {FEWEST_LABELLED} of the other questions could be read, so nothing was learned");
        return Err(MethodError::Question(sentence));
    };
    let first = first.p.clone();
    result.mass = Some(found.mass);
    result.orders = Some(found.orders);
    result.obtained = Some(Obtained::Fitted);
    result.p_whole = Some(with_opinions(question, &found.whole, &first));
    result.top.clone_from(&found.top);
    result.non_substantive.clone_from(&found.non_substantive);
    let read = others.iter().filter(|(_, p)| p.is_some()).map(|(other, _)| other.id.as_str()).collect::<Vec<_>>();
    result.add_note(&format!("learned on other questions of the pack: {}", read.join(", ")));
    for own in &learned {
        result.by_population.push(PopulationDistribution {
            population: own.population.to_owned(),
            p: own.p.as_slice().to_vec(),
            p_whole: Some(with_opinions(question, &found.whole, &own.p)),
            mass: found.mass,
            non_substantive: found.non_substantive.clone(),
            per_order: Vec::new(),
            note: Some(told(&own.found)),
        });
    }
    if !left_out.is_empty() {
        result.add_note(&format!(
            "no calibrated number to `{}`: fewer than {FEWEST_LABELLED} other questions of the pack know it",
            left_out.join("`, `")
        ));
    }
    let notes = [found.note(), many_options_note(question)];
    notes.into_iter().flatten().for_each(|note| result.add_note(&note));
    let of =
        |reference: &Reference| learned.iter().find(|own| own.population == reference.population).map(|own| &own.p);
    show_each(pane, &mut result, &first, of, None, Stage::Done);
    for own in &learned {
        let seed = pane.seed(own.population, 1);
        result
            .measures
            .extend(measures(&own.found, seed)?.into_iter().map(|measure| measure.population(own.population)));
    }
    result.measures.extend(found.order_measures());
    let note = "as the model says it, without any calibration";
    result.corrected.push(beside(pane, "raw", &found.p, &first, Some(note.to_owned())));
    Ok(result)
}

/// The target's questions that could be read.
fn known(target: &Target<'_>, others: &[(&Question, Option<Distribution>)]) -> Result<Vec<Labelled>, MethodError> {
    let mut found = Vec::new();
    for (question, reference) in &target.labelled {
        let read = others.iter().find(|(other, _)| std::ptr::eq(*other, *question)).and_then(|(_, p)| p.as_ref());
        let (Some(p), Some((q, _))) = (read, reference.substantive(question)) else { continue };
        let q = by_place(question, &Distribution::new(&q)?)?;
        found.push(Labelled { p: by_place(question, p)?, q, is_scale: scale(question).is_some() });
    }
    Ok(found)
}

/// The map, and how good it is.
fn told(found: &Calibrated) -> String {
    let map = match found.map {
        CalibrationMap::None => "nothing is changed, for no map tried was better".to_owned(),
        CalibrationMap::Temperature(temperature) => format!("temperature {temperature:.2}"),
        CalibrationMap::Shrinkage { temperature, shrinkage } => {
            format!("temperature {temperature:.2}, then {:.0} % of the marginal", shrinkage * 100.0)
        }
        CalibrationMap::AlrRidge { penalty } => format!("ridge between log-ratios with the penalty {penalty}"),
    };
    let kind = if found.is_own_kind { " of the same kind" } else { "" };
    format!(
        "{map}; on {} other questions{kind}, each held out, total variation {:.3} instead of {:.3}",
        found.raw.len(),
        mean(&found.held_out),
        mean(&found.raw)
    )
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn measures(found: &Calibrated, seed: u64) -> Result<Vec<Measure>, MethodError> {
    let over_questions = |id: &str, mean: QuestionMean| {
        let mut measure = Measure::new(id, mean.mean).n(mean.n);
        if let Some(interval) = mean.interval {
            measure.interval = Some([interval.low, interval.high]);
            measure.level = Some(LEVEL_95);
        }
        measure
    };
    let mut measures = vec![
        over_questions("calibrated.held_out.tv", mean_over_questions(&found.held_out, seed)?),
        over_questions("calibrated.raw.tv", mean_over_questions(&found.raw, seed)?),
        over_questions("calibrated.gain.tv", paired_difference(&found.raw, &found.held_out, seed)?),
    ];
    let n = found.raw.len();
    if let CalibrationMap::Temperature(temperature) | CalibrationMap::Shrinkage { temperature, .. } = found.map {
        measures.push(Measure::new("calibrated.temperature", temperature).n(n));
    }
    if let CalibrationMap::Shrinkage { shrinkage, .. } = found.map {
        measures.push(Measure::new("calibrated.shrinkage", shrinkage).n(n));
    }
    Ok(measures)
}
