//! The model's distribution over the options of a question, read from the probabilities of their letters (P2) and
//! averaged over option orders (P4).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;

use super::asked::Asked;
use super::pane::PaneContext;
use super::{LetteredOption, MethodError};
use crate::domain::{Measure, OptionOrder, OrderShown, Question, Role, Scale, TokenShown};
use crate::engine::protocol::{OptionScores, Prompt, Steer};
use crate::measure::{
    Distribution, MASS_LOW, MASS_TOO_SMALL, PairwiseTv, average_orders, equal_weights, generalised_js_2, option_orders,
    pairwise_tv,
};

/// One letter per option.
pub(super) const MOST_OPTIONS: usize = 26;
/// Published orders and letters go so far; beyond, letters are rarely seen as labels.
const USUAL_OPTIONS: usize = 10;

/// A distribution and what says how far to trust it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Elicited {
    /// Over the substantive options, averaged over the orders.
    pub(super) p: Distribution,
    /// Probability of any label, averaged over the orders.
    pub(super) mass: f64,
    /// Probability per role of the options that give no opinion, averaged over the orders; a part of `mass`.
    pub(super) non_substantive: BTreeMap<String, f64>,
    /// Number of orders.
    pub(super) orders: usize,
    /// Total variation between the orders.
    pub(super) between: Option<PairwiseTv>,
    /// Disagreement of the orders in bits.
    pub(super) generalised_js: Option<f64>,
    /// Over all options of the question, averaged over the orders; sums to 1.
    pub(super) whole: Distribution,
    /// Each order with what was read in it, where there are several.
    pub(super) per_order: Vec<OrderShown>,
    /// The most probable next tokens of the first order.
    pub(super) top: Vec<TokenShown>,
    /// Per order, which substantive option stood in each slot, counted among the substantive ones, and the slots' shares.
    pub(super) slots: Vec<(Vec<usize>, Distribution)>,
}

impl Elicited {
    /// Why `p` is not to be trusted, where it is not (P2).
    pub(super) fn note(&self) -> Option<String> {
        // What stands behind the bars: labels, less those that give no opinion.
        let opinion = self.mass - self.non_substantive.values().sum::<f64>();
        let share = opinion * 100.0;
        if opinion < MASS_TOO_SMALL {
            Some(format!("only {share:.1} % of the next token is an opinion: the distribution is not to be trusted"))
        } else if opinion < MASS_LOW {
            Some(format!("only {share:.0} % of the next token is an opinion: read the distribution with care"))
        } else {
            None
        }
    }

    /// How far the order of the options changes the answer.
    pub(super) fn order_measures(&self) -> Vec<Measure> {
        let (Some(between), Some(js)) = (self.between, self.generalised_js) else {
            return vec![Measure::absent("orders.mean_pairwise_tv", "the options were shown in one order only")];
        };
        vec![
            Measure::new("orders.mean_pairwise_tv", between.mean).n(self.orders),
            Measure::new("orders.max_pairwise_tv", between.max).n(self.orders),
            Measure::new("orders.generalised_js_2", js).n(self.orders),
        ]
    }
}

/// The orders in which the options of `question` are shown; each lists option indices by slot.
pub(super) fn orders(question: &Question) -> Vec<Vec<usize>> {
    let substantive: Vec<bool> = question.options.iter().map(|option| option.role == Role::Substantive).collect();
    match question.order {
        OptionOrder::Fixed => option_orders(&substantive, true).into_iter().take(1).collect(),
        OptionOrder::Reversible => option_orders(&substantive, true),
        // A shuffled scale means something else.
        OptionOrder::Free => option_orders(&substantive, question.scale != Scale::Nominal),
    }
}

/// How many prompts [`elicit_as`] has scored for `question`.
pub(super) fn scorings(question: &Question) -> usize {
    if question.options.len() > MOST_OPTIONS { 0 } else { orders(question).len() }
}

/// How a question is read.
#[derive(Debug, Clone, Copy, Default)]
struct Reading<'a> {
    /// Whose adapter answers.
    persona: Option<&'a str>,
    steering: &'a [Steer],
    /// Orders to show the options in; `None`: all of [`orders`].
    orders: Option<&'a [Vec<usize>]>,
}

/// The same as [`elicit_as`] of the run's own question, by the model as it is.
pub(super) async fn elicit(
    pane: &PaneContext,
    purpose: &str,
    prompt: impl Fn(&[LetteredOption]) -> Result<Prompt, MethodError>,
    see: impl Fn(Elicited) + Sync,
) -> Result<Elicited, MethodError> {
    elicit_with(Asked::own(pane), purpose, Reading::default(), prompt, see).await
}

/// The distribution over the options of `question`, which may be another than the run's, as `persona` with its adapter.
pub(super) async fn elicit_as(
    pane: &PaneContext,
    question: &Question,
    persona: Option<&str>,
    purpose: &str,
    prompt: impl Fn(&[LetteredOption]) -> Result<Prompt, MethodError>,
    see: impl Fn(Elicited) + Sync,
) -> Result<Elicited, MethodError> {
    let reading = Reading { persona, ..Reading::default() };
    elicit_with(Asked { pane, question }, purpose, reading, prompt, see).await
}

/// The same of the run's own question, steered.
pub(super) async fn elicit_steered(
    pane: &PaneContext,
    purpose: &str,
    steering: &[Steer],
    prompt: impl Fn(&[LetteredOption]) -> Result<Prompt, MethodError>,
    see: impl Fn(Elicited) + Sync,
) -> Result<Elicited, MethodError> {
    let reading = Reading { steering, ..Reading::default() };
    elicit_with(Asked::own(pane), purpose, reading, prompt, see).await
}

/// The same of any question, in these orders only.
pub(super) async fn elicit_in(
    asked: Asked<'_>,
    orders: &[Vec<usize>],
    purpose: &str,
    prompt: impl Fn(&[LetteredOption]) -> Result<Prompt, MethodError>,
) -> Result<Elicited, MethodError> {
    let reading = Reading { orders: Some(orders), ..Reading::default() };
    elicit_with(asked, purpose, reading, prompt, |_| {}).await
}

async fn elicit_with(
    asked: Asked<'_>,
    purpose: &str,
    reading: Reading<'_>,
    prompt: impl Fn(&[LetteredOption]) -> Result<Prompt, MethodError>,
    see: impl Fn(Elicited) + Sync,
) -> Result<Elicited, MethodError> {
    let Asked { pane, question } = asked;
    let count = question.options.len();
    if count > MOST_OPTIONS {
        let sentence = format!(
            "the question has {count} options and there are letters for {MOST_OPTIONS}; use the method sampled or option-text"
        );
        return Err(MethodError::Question(sentence));
    }
    let orders = reading.orders.map_or_else(|| orders(question), <[_]>::to_vec);
    let known = Mutex::new(Vec::with_capacity(orders.len()));
    let (known, see) = (&known, &see);
    let requests = orders.iter().enumerate().map(|(number, order)| {
        let options = asked.lettered(order);
        let labels = options.iter().map(|option| option.letter.clone()).collect();
        let (prompt, purpose) = (prompt(&options), format!("{purpose}, order {}", number + 1));
        async move {
            let scores = if asked.is_own() {
                pane.score_as(reading.persona, &purpose, prompt?, labels, reading.steering.to_vec()).await?
            } else {
                pane.score_remembered(reading.persona, &purpose, prompt?, labels, reading.steering.to_vec()).await?
            };
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.push((order.clone(), scores.clone()));
            let (orders, so_far): (Vec<_>, Vec<_>) = known.iter().cloned().unzip();
            drop(known);
            // What cannot be averaged is told once, at the end.
            if let Ok(found) = combine(question, &orders, &so_far) {
                see(found);
            }
            Ok::<_, MethodError>(scores)
        }
    });
    let scores = try_join_all(requests).await?;
    combine(question, &orders, &scores)
}

/// Averages what was read in each of `orders`. `scores` are by slot.
pub(super) fn combine(
    question: &Question,
    orders: &[Vec<usize>],
    scores: &[OptionScores],
) -> Result<Elicited, MethodError> {
    let slots: Vec<Vec<f64>> = scores.iter().map(|scores| scores.mass.clone()).collect();
    let average = average_orders(orders, &slots)?;
    let substantive = question.substantive();
    let only = |all: &Distribution| -> Result<Distribution, MethodError> {
        let kept: Vec<f64> = substantive.iter().map(|index| all.as_slice()[*index]).collect();
        Ok(Distribution::new(&kept)?)
    };
    let mut non_substantive: BTreeMap<String, f64> = BTreeMap::new();
    for (order, scores) in orders.iter().zip(scores) {
        for (index, mass) in order.iter().zip(&scores.mass) {
            let role = question.options[*index].role;
            if role != Role::Substantive {
                *non_substantive.entry(role.id().to_owned()).or_default() += mass / orders.len() as f64;
            }
        }
    }
    // Sensitivity is a matter of the opinions alone, like the distribution that is shown.
    let per_order = average.per_order.iter().map(only).collect::<Result<Vec<_>, _>>()?;
    let (mut between, mut generalised_js) = (None, None);
    if per_order.len() > 1 {
        between = Some(pairwise_tv(&per_order)?);
        generalised_js = Some(generalised_js_2(&per_order, &equal_weights(per_order.len())?)?);
    }
    let mass = scores.iter().map(|scores| scores.coverage).sum::<f64>() / scores.len() as f64;
    let among = |index: &usize| substantive.iter().position(|kept| kept == index);
    let slots = orders.iter().zip(scores).map(|(order, scores)| {
        let filled = order.iter().zip(&scores.mass).filter_map(|(index, mass)| Some((among(index)?, *mass)));
        let (options, shares): (Vec<usize>, Vec<f64>) = filled.unzip();
        Ok((options, Distribution::new(&shares)?))
    });
    let slots = slots.collect::<Result<Vec<_>, MethodError>>()?;
    // The mean per option first, then without those that give no opinion: an order that is nearly all "don't know"
    // must not weigh as much as one that answers.
    let p = only(&average.p)?;
    let shown = orders.iter().zip(&per_order).zip(scores).map(|((order, p), scores)| OrderShown {
        order: order.iter().map(|index| question.options[*index].id.clone()).collect(),
        p: p.as_slice().to_vec(),
        mass: scores.coverage,
    });
    let top = scores.first().map(|scores| scores.top.as_slice()).unwrap_or_default();
    Ok(Elicited {
        p,
        mass,
        non_substantive,
        orders: orders.len(),
        between,
        generalised_js,
        whole: average.p,
        per_order: if orders.len() > 1 { shown.collect() } else { Vec::new() },
        top: top.iter().map(|token| TokenShown { text: token.text.clone(), p: token.p }).collect(),
        slots,
    })
}

/// A note for questions with unusually many options.
pub(super) fn many_options_note(question: &Question) -> Option<String> {
    let count = question.options.len();
    (count > USUAL_OPTIONS).then(|| format!("{count} options: models seldom use letters beyond J as labels"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::{AnswerOption, Form};
    use crate::engine::protocol::Usage;

    fn question(roles: &[Role], scale: Scale, order: OptionOrder) -> Question {
        let options = roles.iter().enumerate().map(|(index, role)| AnswerOption {
            id: index.to_string(),
            label: format!("option {index}"),
            role: *role,
            value: None,
        });
        Question {
            pack: String::new(),
            id: String::new(),
            text: String::new(),
            lang: String::new(),
            turns: Vec::new(),
            form: Form::Choice,
            scale,
            order,
            options: options.collect(),
            references: Vec::new(),
            populations: Vec::new(),
            perspectives: Vec::new(),
            tags: Vec::new(),
            citation: None,
        }
    }

    fn scores(mass: &[f64]) -> OptionScores {
        OptionScores { mass: mass.to_vec(), coverage: mass.iter().sum(), top: Vec::new(), usage: Usage::default() }
    }

    #[test]
    fn scales_are_only_turned_and_refusals_stay_last() {
        let roles = [Role::Substantive, Role::Substantive, Role::Substantive, Role::Refused];
        let scale = question(&roles, Scale::Ordinal, OptionOrder::Free);
        assert_eq!(orders(&scale), [vec![0, 1, 2, 3], vec![2, 1, 0, 3]]);
        let fixed = question(&roles, Scale::Nominal, OptionOrder::Fixed);
        assert_eq!(orders(&fixed), [vec![0, 1, 2, 3]]);
        let free = question(&roles, Scale::Nominal, OptionOrder::Free);
        assert_eq!(orders(&free).len(), 6);
    }

    #[test]
    fn a_first_slot_bias_cancels_out_over_two_orders() {
        let roles = [Role::Substantive, Role::Substantive];
        let question = question(&roles, Scale::Nominal, OptionOrder::Free);
        // The model likes whatever stands first, and nothing else.
        let found = combine(&question, &orders(&question), &[scores(&[0.6, 0.3]), scores(&[0.6, 0.3])]).unwrap();
        assert!((found.p.as_slice()[0] - 0.5).abs() < 1e-12);
        assert!((found.mass - 0.9).abs() < 1e-12);
        assert!((found.between.unwrap().max - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn refusals_are_told_apart_and_not_folded_in() {
        let roles = [Role::Substantive, Role::Substantive, Role::Refused];
        let question = question(&roles, Scale::Nominal, OptionOrder::Free);
        let answers = [scores(&[0.4, 0.2, 0.2]), scores(&[0.2, 0.4, 0.2])];
        let found = combine(&question, &orders(&question), &answers).unwrap();
        assert!((found.p.as_slice()[0] - 2.0 / 3.0).abs() < 1e-12);
        assert!((found.non_substantive["refused"] - 0.2).abs() < 1e-12);
        assert_eq!(found.note(), None);
    }

    #[test]
    fn an_order_without_opinions_weighs_little() {
        let roles = [Role::Substantive, Role::Substantive, Role::DontKnow];
        let question = question(&roles, Scale::Nominal, OptionOrder::Free);
        let answers = [scores(&[0.45, 0.45, 0.05]), scores(&[0.001, 0.009, 0.94])];
        let found = combine(&question, &orders(&question), &answers).unwrap();
        // By hand: rows divided by 0.95, per option (0.45 + 0.009) and (0.45 + 0.001), then without the third.
        assert!((found.p.as_slice()[0] - 0.459 / 0.910).abs() < 1e-9, "{:?}", found.p);
        assert!(found.note().unwrap().contains("is an opinion"), "{:?}", found.note());
    }

    #[test]
    fn little_mass_is_said() {
        let roles = [Role::Substantive, Role::Substantive];
        let question = question(&roles, Scale::Nominal, OptionOrder::Fixed);
        let found = |mass: &[f64]| combine(&question, &orders(&question), &[scores(mass)]).unwrap();
        assert!(found(&[0.2, 0.1]).note().unwrap().contains("with care"));
        assert!(found(&[0.01, 0.01]).note().unwrap().contains("not to be trusted"));
        assert_eq!(found(&[0.2, 0.1]).order_measures()[0].value, None);
    }
}
