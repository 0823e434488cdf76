//! A mixture of personas (M18, categorical): how the model divides as each persona, and the weights under which the personas
//! together answer as a population did. The weights that count are fitted to other questions of the pack and tried on this
//! one. Those fitted to this one stand beside them: they show how near the personas can come at all, and say nothing of other
//! questions.

use std::ops::Add;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{try_join, try_join_all};

use super::show;
use crate::domain::{
    Measure, MixtureFit, MixtureShown, Mode, Obtained, Pane, Persona, PersonaDistribution, Question, Reference,
};
use crate::measure::{
    Base, Distribution, MixtureLoss, MixtureQuestion, entropy, equal_weights, fit_mixture, js_distance, linear_pool,
    total_variation,
};
use crate::methods::compare::{self, Stage};
use crate::methods::cost::options_of;
use crate::methods::elicit::{Elicited, many_options_note, scorings};
use crate::methods::others::{Other, others};
use crate::methods::pool::pool;
use crate::methods::steered::persona_prompt::{CHOICE_INSTRUCTION, PERSONA_INSTRUCTION, choose_about};
use crate::methods::{Cost, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// A mixture of personas.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "persona-mixture",
        summary: "the exact distribution as each persona, mixed by weights that are fitted to how a population answered up to 8 other questions of the pack",
        cost: "A x o F, for this question and each of up to 8 others",
        paper: "PromptMixture of Xie et al. 2025 (OpenReview 6KM1siLL8a), over options and without rewriting personas",
        wordings: &["persona-prompt", "option-logits"],
        needs_options: true,
        needs_personas: true,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Other questions that weights are fitted to, at most.
const OTHERS: usize = 8;
/// The fit whose mixture the pane shows.
const SHOWN: MixtureLoss = MixtureLoss::JsDivergence;
/// From this distance on people answer otherwise than any mixture of the personas does.
const REACHED: f64 = 0.01;

fn cost(spec: &RunSpec) -> Cost {
    let Ok(asked) = Asked::of(spec) else { return Cost::default() };
    let questions = asked.others.iter().map(|other| other.question).chain([&spec.question]);
    let each = questions.flat_map(|question| spec.personas.iter().map(move |persona| (question, persona)));
    each.map(|(question, persona)| {
        let bytes = CHOICE_INSTRUCTION + PERSONA_INSTRUCTION + persona.text().len() + options_of(question);
        Cost::scorings_of(question, scorings(question), bytes)
    })
    .fold(Cost::default(), Add::add)
}

/// Whom the mixture is to be like, and where that can be learned.
struct Asked<'a> {
    reference: &'a Reference,
    others: Vec<Other<'a>>,
}

impl<'a> Asked<'a> {
    /// Of the first population asked for. Fails, with the sentence to show, where the question has figures of none.
    fn of(spec: &'a RunSpec) -> Result<Self, String> {
        let (references, unknown) = compare::references_of(spec);
        let reference = references.into_iter().find(|reference| reference.substantive(&spec.question).is_some());
        let Some(reference) = reference else {
            return Err(match unknown.first() {
                Some(first) => format!("the question has no figures of `{first}` that weights could be fitted to"),
                None => "the question has figures of no population that weights could be fitted to".to_owned(),
            });
        };
        let mut others = others(spec, &reference.population);
        others.truncate(OTHERS);
        Ok(Self { reference, others })
    }
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut blank = pane.begin(&METHOD.facts)?;
    let spec = pane.spec();
    let asked = match Asked::of(spec) {
        Ok(asked) => asked,
        Err(why) => return Ok(Pane::skipped(METHOD.facts.mode, METHOD.facts.id, why)),
    };
    pane.with_adapters().await?.iter().for_each(|told| blank.add_note(told));
    let known = Mutex::new(vec![None; spec.personas.len()]);
    let see = |place: usize, found: Elicited| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known[place] = Some(found);
        let so_far: Vec<Elicited> = known.iter().flatten().cloned().collect();
        // A mixture of some would be of others than those who were chosen.
        if so_far.len() == spec.personas.len()
            && let Ok(so_far) = picture(pane, &blank, &asked, &so_far, &[], Stage::SoFar)
        {
            pane.so_far(so_far);
        }
    };
    let see = &see;
    let own = spec.personas.iter().enumerate();
    let own = own.map(|(place, persona)| {
        choose_about(pane, &spec.question, Some(persona), &persona.id, move |found| see(place, found))
    });
    let rest = asked.others.iter().map(|other| answered(pane, &spec.personas, other));
    let (own, rest) = try_join(try_join_all(own), try_join_all(rest)).await?;
    picture(pane, &blank, &asked, &own, &rest, Stage::Done)
}

/// How the personas answer another question, beside its people; `None` where the model's answers are no distribution.
async fn answered(
    pane: &PaneContext,
    personas: &[Persona],
    other: &Other<'_>,
) -> Result<Option<MixtureQuestion>, MethodError> {
    let each = personas.iter().map(|persona| async move {
        let purpose = format!("{}, {}", persona.id, other.question.id);
        match choose_about(pane, other.question, Some(persona), &purpose, |_| {}).await {
            Ok(found) => Ok(Some(found.p)),
            Err(error @ MethodError::Engine(_)) => Err(error),
            // Another question is no reason to give up this one.
            Err(_) => Ok(None),
        }
    });
    let members: Option<Vec<Distribution>> = try_join_all(each).await?.into_iter().collect();
    let target = target(other.question, other.reference);
    Ok(members.zip(target).map(|(members, target)| MixtureQuestion { members, target }))
}

fn target(question: &Question, reference: &Reference) -> Option<Distribution> {
    Distribution::new(&reference.substantive(question)?.0).ok()
}

/// The weights that the personas bring along; equal ones where they bring none.
fn given(personas: &[Persona]) -> Result<Distribution, MethodError> {
    let weights: Vec<f64> = personas.iter().map(|persona| persona.weight).collect();
    Ok(match Distribution::new(&weights) {
        Ok(weights) => weights,
        Err(_) => equal_weights(personas.len())?,
    })
}

/// The pane with what was read. `rest` is of the other questions, empty while they are not all there.
fn picture(
    pane: &PaneContext,
    blank: &Pane,
    asked: &Asked<'_>,
    own: &[Elicited],
    rest: &[Option<MixtureQuestion>],
    stage: Stage,
) -> Result<Pane, MethodError> {
    let spec = pane.spec();
    let mut result = blank.clone();
    let given = given(&spec.personas)?;
    let members: Vec<Distribution> = own.iter().map(|found| found.p.clone()).collect();
    let q = target(&spec.question, asked.reference)
        .ok_or_else(|| MethodError::Question("nobody in this population gave a substantive answer".to_owned()))?;
    let fit = Fit { members: &members, q: &q };
    let learned: Vec<(&str, MixtureQuestion)> = asked
        .others
        .iter()
        .zip(rest)
        .filter_map(|(other, read)| Some((other.question.id.as_str(), read.clone()?)))
        .collect();
    let (names, questions): (Vec<&str>, Vec<MixtureQuestion>) = learned.into_iter().unzip();
    let mut fits = Vec::new();
    if stage == Stage::Done {
        if !questions.is_empty() {
            fits.extend(fit.to(&questions, true)?);
        }
        let alone = [MixtureQuestion { members: members.clone(), target: q.clone() }];
        fits.extend(fit.to(&alone, false)?);
    }
    let shown = fits.iter().find(|fit| fit.held_out && fit.loss == SHOWN.id());
    let weights = shown.map_or(Ok(given.clone()), |fit| Distribution::new(&fit.weights))?;
    let mixed = pool(own, &weights)?;
    result.mass = Some(mixed.mass);
    result.orders = Some(mixed.orders);
    result.obtained = Some(if shown.is_some() { Obtained::Fitted } else { Obtained::Exact });
    result.p_whole = Some(mixed.whole.as_slice().to_vec());
    result.per_order.clone_from(&mixed.per_order);
    result.non_substantive.clone_from(&mixed.non_substantive);
    result.distributions = spec
        .personas
        .iter()
        .zip(own)
        .map(|(persona, found)| PersonaDistribution {
            persona: persona.id.clone(),
            p: found.p.as_slice().to_vec(),
            mass: found.mass,
            per_order: found.per_order.clone(),
            note: found.note(),
        })
        .collect();
    let notes = [Some(told(asked, &names, &fits, stage)), many_options_note(&spec.question), mixed.note()];
    notes.into_iter().flatten().for_each(|note| result.add_note(&note));
    show(pane, &mut result, &mixed.p, None, stage);
    result.measures.extend(mixed.order_measures());
    if stage == Stage::Done {
        let population = asked.reference.population.as_str();
        let told = fit.measures(&given, &weights, &fits, names.len(), population)?;
        result.measures.extend(told.into_iter().map(|measure| measure.population(population)));
    }
    result.mixture = Some(MixtureShown {
        population: asked.reference.population.clone(),
        others: names.into_iter().map(str::to_owned).collect(),
        given: given.into_vec(),
        fits,
    });
    Ok(result)
}

/// Where the weights come from.
fn told(asked: &Asked<'_>, names: &[&str], fits: &[MixtureFit], stage: Stage) -> String {
    let population = &asked.reference.population;
    if stage == Stage::SoFar {
        return "so far with the weights that the personas bring along".to_owned();
    }
    let left_out = asked.others.len() - names.len();
    let left_out = if left_out > 0 { format!(", {left_out} could not be read") } else { String::new() };
    if names.is_empty() {
        return format!(
            "no other question of the pack with figures of `{population}` could be learned from{left_out}, so the bars are of the \
             weights that the personas bring along: a fit to this question alone says nothing"
        );
    }
    let least = fits.iter().find(|fit| fit.held_out && fit.loss == SHOWN.id()).map_or(0.0, |fit| fit.value);
    format!(
        "weights fitted by the mean {} to how `{population}` answered {} other questions ({}), {least:.4} left{left_out}",
        SHOWN.id(),
        names.len(),
        names.join(", ")
    )
}

/// The personas' answers to the question that is asked, and its people.
struct Fit<'a> {
    members: &'a [Distribution],
    q: &'a Distribution,
}

impl Fit<'_> {
    fn distances(&self, weights: &Distribution) -> Result<(Distribution, f64, f64), MethodError> {
        let p = linear_pool(self.members, weights)?;
        let (js, tv) = (js_distance(&p, self.q, Base::Two)?, total_variation(&p, self.q)?);
        Ok((p, js, tv))
    }

    /// The weights with the least loss on `questions`, by every loss.
    fn to(&self, questions: &[MixtureQuestion], held_out: bool) -> Result<Vec<MixtureFit>, MethodError> {
        let by = |loss: MixtureLoss| {
            let found = fit_mixture(questions, loss)?;
            let (p, js_distance_2, tv) = self.distances(&found.weights)?;
            Ok(MixtureFit {
                loss: loss.id().to_owned(),
                held_out,
                weights: found.weights.into_vec(),
                value: found.loss,
                p: p.into_vec(),
                js_distance_2,
                tv,
            })
        };
        MixtureLoss::ALL.into_iter().map(by).collect()
    }

    fn measures(
        &self,
        given: &Distribution,
        shown: &Distribution,
        fits: &[MixtureFit],
        others: usize,
        population: &str,
    ) -> Result<Vec<Measure>, MethodError> {
        let (people, k) = (self.members.len(), self.q.len());
        let of = |held_out: bool| fits.iter().find(|fit| fit.held_out == held_out && fit.loss == SHOWN.id());
        let most = (people as f64).log2();
        let mut found = vec![
            Measure::new("mixture.weights_entropy_2", entropy(shown, Base::Two))
                .n(people)
                .note(format!("{most:.2} at most, with equal weights")),
        ];
        if let Some(fit) = of(true) {
            found.push(Measure::new("mixture.held_out.js_distance_2", fit.js_distance_2).n(others));
            found.push(Measure::new("mixture.held_out.tv", fit.tv).n(others));
        } else {
            let why = format!("the pack has no other question with figures of `{population}` that could be read");
            found.push(Measure::absent("mixture.held_out.js_distance_2", why));
        }
        if let Some(fit) = of(false) {
            let note = if fit.js_distance_2 >= REACHED {
                "fitted to this question itself: no weights of these personas come nearer".to_owned()
            } else if people >= k {
                format!("{people} personas for {k} options: such a fit is easily perfect and says nothing")
            } else {
                "fitted to this question itself: no answer to another question is known by it".to_owned()
            };
            found.push(Measure::new("mixture.in_sample.js_distance_2", fit.js_distance_2).note(&*note));
            found.push(Measure::new("mixture.in_sample.tv", fit.tv).note(note));
        }
        let (_, js, tv) = self.distances(given)?;
        found.push(Measure::new("mixture.given.js_distance_2", js));
        found.push(Measure::new("mixture.given.tv", tv));
        Ok(found)
    }
}
