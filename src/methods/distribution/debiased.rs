//! The exact distribution of one order with the prior over slots divided out, which was read on other questions of the pack
//! (`PriDe`, P5): k passes for a few questions, and one for each of the rest.

use std::ops::Add;

use futures_util::future::{try_join, try_join_all};

use super::option_logits::{INSTRUCTION, prompt};
use super::{show, too_many_letters, with_opinions};
use crate::domain::{Measure, Mode, Obtained, OptionOrder, Pane, Question};
use crate::measure::{Distribution, cyclic_shifts, mean_prior, pairwise_tv};
use crate::methods::asked::Asked;
use crate::methods::compare::Stage;
use crate::methods::corrected::{beside, prior_measures, prior_of, without_prior};
use crate::methods::cost::{options, options_of};
use crate::methods::elicit::{elicit_in, many_options_note, orders};
use crate::methods::others::{readable, shuffle};
use crate::methods::{Cost, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// The prior over slots of a pack.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "debiased",
        summary: "the exact probability of each option's letter in one order, with the letters' own pull taken out, which 5 to 20 other questions of the pack show",
        cost: "1 F, and k F for each of 5 to 20 other questions, once for all questions of a pack",
        paper: "PriDe of Zheng et al. 2024 (arXiv 2309.03882)",
        wordings: &["option-logits"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// One question of so many is read for the prior, but no fewer and no more than these.
const ONE_IN: usize = 20;
const FEWEST: usize = 5;
const MOST: usize = 20;

fn cost(spec: &RunSpec) -> Cost {
    let Ok(others) = calibration(spec) else { return Cost::default() };
    let own = Cost::scorings(spec, 1, INSTRUCTION + options(spec));
    let of = |other: &Question| Cost::scorings_of(other, other.substantive().len(), INSTRUCTION + options_of(other));
    others.into_iter().map(of).fold(own, Add::add)
}

/// The questions that the prior is read on: with as many opinions to choose from, for a prior is one of a number of slots,
/// and in an order that may be changed. Fails with the sentence to show.
fn calibration(spec: &RunSpec) -> Result<Vec<&Question>, String> {
    if let Some(error) = too_many_letters(&spec.question) {
        return Err(error.to_string());
    }
    let k = spec.question.substantive().len();
    let fits = |other: &&Question| other.substantive().len() == k && other.order != OptionOrder::Fixed;
    let mut others: Vec<&Question> = readable(spec).filter(fits).collect();
    if others.len() < FEWEST {
        return Err(format!(
            "the prior over slots is read on {FEWEST} other questions of the pack at least, with {k} opinions to choose from \
             and an order that may be changed, and there are {}; the method option-logits averages over orders instead",
            others.len()
        ));
    }
    shuffle(&mut others);
    others.truncate(spec.examples.len().div_ceil(ONE_IN).clamp(FEWEST, MOST));
    Ok(others)
}

/// Every opinion in every slot once; those that give none stay last. A scale is turned too: what is read is the slots' pull,
/// and the content cancels out.
fn cyclic_orders(question: &Question) -> Vec<Vec<usize>> {
    let opinions = question.substantive();
    let rest: Vec<usize> = (0..question.options.len()).filter(|place| !opinions.contains(place)).collect();
    let order =
        |shift: Vec<usize>| shift.into_iter().map(|place| opinions[place]).chain(rest.iter().copied()).collect();
    cyclic_shifts(opinions.len()).into_iter().map(order).collect()
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let others = match calibration(pane.spec()) {
        Ok(others) => others,
        Err(why) => return Ok(Pane::skipped(METHOD.facts.mode, METHOD.facts.id, why)),
    };
    let mut result = pane.begin(&METHOD.facts)?;
    let own = Asked::own(pane);
    let first: Vec<_> = orders(own.question).into_iter().take(1).collect();
    let read = elicit_in(own, &first, "options", |options| prompt(own, options));
    let (found, priors) = try_join(read, try_join_all(others.iter().map(|other| prior(pane, other)))).await?;
    let (names, priors): (Vec<&str>, Vec<Distribution>) =
        others.iter().zip(priors).filter_map(|(other, prior)| Some((other.id.as_str(), prior?))).unzip();
    if priors.len() < FEWEST {
        let sentence = format!(
            "the prior over slots could be read on {} of {} other questions, and {FEWEST} are needed",
            priors.len(),
            others.len()
        );
        return Err(MethodError::Question(sentence));
    }
    let prior = mean_prior(&priors)?;
    let p = without_prior(&found, &prior)?;
    result.mass = Some(found.mass);
    result.orders = Some(found.orders);
    result.obtained = Some(Obtained::Exact);
    result.p_whole = Some(with_opinions(own.question, &found.whole, &p));
    result.top.clone_from(&found.top);
    result.non_substantive.clone_from(&found.non_substantive);
    let told = format!("the prior over slots is of {} other questions ({})", names.len(), names.join(", "));
    let notes = [Some(told), found.note(), many_options_note(own.question)];
    notes.into_iter().flatten().for_each(|note| result.add_note(&note));
    show(pane, &mut result, &p, None, Stage::Done);
    result.measures.extend(found.order_measures());
    result.measures.extend(prior_measures(&prior, priors.len()));
    result.measures.push(Measure::new("pride.spread_tv", pairwise_tv(&priors)?.mean).n(priors.len()));
    let note = "as it was read in one order, with the letters' own pull";
    result.corrected.push(beside(pane, "raw", &found.p, &p, Some(note.to_owned())));
    Ok(result)
}

/// The prior over slots that another question shows; `None` where its answers are no distribution.
async fn prior(pane: &PaneContext, question: &Question) -> Result<Option<Distribution>, MethodError> {
    let asked = Asked { pane, question };
    let orders = cyclic_orders(question);
    let purpose = format!("prior over slots, {}", question.id);
    match elicit_in(asked, &orders, &purpose, |options| prompt(asked, options)).await {
        Ok(found) => Ok(prior_of(&found).ok()),
        Err(error @ MethodError::Engine(_)) => Err(error),
        // Another question is no reason to give up this one.
        Err(_) => Ok(None),
    }
}
