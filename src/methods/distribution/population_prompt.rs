//! Conditioning on a population (M21, persona): the exact distribution when the model is asked to answer as one of the
//! people it is compared with, each population on its own, beside the answer as nobody.

use std::sync::{Mutex, PoisonError};

use futures_util::future::{try_join, try_join_all};
use serde_json::json;

use super::show_each;
use crate::domain::{BeforeSteering, Measure, Mode, Obtained, Pane, PopulationDistribution, Reference};
use crate::engine::protocol::Prompt;
use crate::measure::steering_shift;
use crate::methods::compare::{self, Stage};
use crate::methods::cost::options;
use crate::methods::elicit::{Elicited, elicit, many_options_note, scorings};
use crate::methods::{Cost, LetteredOption, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// Conditioning on a population.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "population-prompt",
        summary: "the exact probability of each option's letter when the model answers as one of a population, each population on its own, beside the answer as nobody",
        cost: "(P + 1) x o F, P populations",
        paper: "persona conditioning of Meister et al. 2025 (arXiv 2411.05403)",
        wordings: &["population-prompt"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instruction and of the beginning of the answer, and what goes with a person.
const INSTRUCTION: usize = 45;
const PERSON_INSTRUCTION: usize = 20;

fn cost(spec: &RunSpec) -> Cost {
    let Ok(asked) = Asked::of(spec) else { return Cost::default() };
    let bytes = INSTRUCTION + options(spec);
    let orders = scorings(&spec.question);
    let each =
        asked.people.iter().map(|(_, person)| Cost::scorings(spec, orders, bytes + PERSON_INSTRUCTION + person.len()));
    each.fold(Cost::scorings(spec, orders, bytes), std::ops::Add::add)
}

/// The populations that a model can be asked to answer as.
struct Asked<'a> {
    /// Each with the words that name one of its people.
    people: Vec<(&'a Reference, &'a str)>,
    /// Those of which the pack does not say how to name one.
    unnamed: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    /// Fails, with the sentence to show, where there is none.
    fn of(spec: &'a RunSpec) -> Result<Self, String> {
        let (references, unknown) = compare::references_of(spec);
        let mut asked = Self { people: Vec::new(), unnamed: Vec::new() };
        for reference in references {
            let population = spec.question.population(&reference.population);
            match population.and_then(|population| population.prompt.as_deref()).filter(|text| !text.trim().is_empty())
            {
                Some(person) => asked.people.push((reference, person)),
                None => asked.unnamed.push(&reference.population),
            }
        }
        if !asked.people.is_empty() {
            return Ok(asked);
        }
        Err(match (asked.unnamed.first(), unknown.first()) {
            (Some(first), _) => no_words_for(first),
            (None, Some(first)) => format!(
                "the question has no figures of `{first}`, so there is no population to answer as; ask for one that it has with --population"
            ),
            (None, None) => "the question has figures of no population, so there is nobody to answer as".to_owned(),
        })
    }
}

fn no_words_for(population: &str) -> String {
    format!(
        "the pack has no `prompt` that names one of `{population}` to a model, so nobody was asked to answer as one"
    )
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let mut blank = pane.begin(&METHOD.facts)?;
    let asked = match Asked::of(pane.spec()) {
        Ok(asked) => asked,
        Err(why) => return Ok(Pane::skipped(METHOD.facts.mode, METHOD.facts.id, why)),
    };
    asked.unnamed.iter().for_each(|population| blank.add_note(&no_words_for(population)));
    let answers = Mutex::new(Answers { before: None, people: vec![None; asked.people.len()] });
    // `None` is the model as nobody.
    let see = |place: Option<usize>, found: Elicited| {
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        match place {
            Some(place) => answers.people[place] = Some(found),
            None => answers.before = Some(found),
        }
        // What cannot be compared is told once, at the end.
        if let Ok(Some(so_far)) = answers.picture(pane, &blank, &asked, Stage::SoFar) {
            pane.so_far(so_far);
        }
    };
    let see = &see;
    let people = asked.people.iter().enumerate();
    let people = people.map(|(place, (reference, person))| {
        let who = Some((reference.population.as_str(), *person));
        choose(pane, who, move |found| see(Some(place), found))
    });
    let (before, people) = try_join(choose(pane, None, |found| see(None, found)), try_join_all(people)).await?;
    let answers = Answers { before: Some(before), people: people.into_iter().map(Some).collect() };
    let whole = answers.picture(pane, &blank, &asked, Stage::Done)?;
    whole.ok_or_else(|| MethodError::Question("nothing was read".to_owned()))
}

/// How the model divides over the options as one of a population, given by its id and in words, or as nobody.
async fn choose(
    pane: &PaneContext,
    who: Option<(&str, &str)>,
    see: impl Fn(Elicited) + Sync,
) -> Result<Elicited, MethodError> {
    let prefill = pane.text(METHOD.facts.id, "prefill", json!({}))?;
    let prompt = |options: &[LetteredOption]| {
        let text = |name: &str, plain: &str| match who {
            Some((_, person)) => pane.text(METHOD.facts.id, name, json!({ "person": person, "options": options })),
            None => pane.text(METHOD.facts.id, plain, json!({ "options": options })),
        };
        Ok(if pane.is_base_model() {
            Prompt::Raw { text: text("raw", "raw_plain")? }
        } else {
            pane.chat(text("choice", "choice_plain")?, Some(prefill.clone()))
        })
    };
    let purpose = who.map_or("before", |(population, _)| population);
    elicit(pane, purpose, prompt, see).await
}

/// The distributions as nobody and as one of each population, as far as they are known.
struct Answers {
    before: Option<Elicited>,
    /// In the order of the populations.
    people: Vec<Option<Elicited>>,
}

impl Answers {
    /// `None` before anything is known of the first population, whose distribution is the pane's.
    fn picture(
        &self,
        pane: &PaneContext,
        blank: &Pane,
        asked: &Asked<'_>,
        stage: Stage,
    ) -> Result<Option<Pane>, MethodError> {
        let Some(Some(first)) = self.people.first() else { return Ok(None) };
        let mut result = blank.clone();
        result.mass = Some(first.mass);
        result.orders = Some(first.orders);
        result.obtained = Some(Obtained::Exact);
        result.p_whole = Some(first.whole.as_slice().to_vec());
        result.per_order.clone_from(&first.per_order);
        result.top.clone_from(&first.top);
        result.non_substantive.clone_from(&first.non_substantive);
        if let Some(note) = many_options_note(&pane.spec().question) {
            result.add_note(&note);
        }
        let known: Vec<(&Reference, &Elicited)> = asked
            .people
            .iter()
            .zip(&self.people)
            .filter_map(|((reference, _), found)| Some((*reference, found.as_ref()?)))
            .collect();
        let own = |of: &Reference| {
            known.iter().find(|(reference, _)| reference.population == of.population).map(|(_, found)| &found.p)
        };
        show_each(pane, &mut result, &first.p, own, None, stage);
        result.before = self.before.as_ref().map(|before| BeforeSteering {
            p: before.p.as_slice().to_vec(),
            mass: before.mass,
            note: before.note(),
        });
        for (reference, found) in &known {
            let population = reference.population.as_str();
            result.by_population.push(PopulationDistribution {
                population: population.to_owned(),
                p: found.p.as_slice().to_vec(),
                p_whole: Some(found.whole.as_slice().to_vec()),
                mass: found.mass,
                non_substantive: found.non_substantive.clone(),
                per_order: found.per_order.clone(),
                note: found.note(),
            });
            if let Some(before) = &self.before {
                let shift = steering_shift(&before.p, &found.p)?;
                result.measures.push(Measure::new("shift.js_distance_2", shift).population(population));
                result.measures.extend(compare::gain(pane, &before.p, &found.p, reference, stage));
            }
            result.measures.extend(found.order_measures().into_iter().map(|measure| measure.population(population)));
        }
        Ok(Some(result))
    }
}
