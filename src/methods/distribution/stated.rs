//! What the model says that people say (M21, Verb): percentages under a grammar, several samples in every option order,
//! each divided by its own sum.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;

use super::show_nothing;
use crate::domain::{Measure, Obtained, OrderShown, Pane, Question, Role, Voice};
use crate::engine::protocol::Prompt;
use crate::measure::{Distribution, PairwiseTv, equal_weights, generalised_js_2, linear_pool, pairwise_tv};
use crate::methods::compare::Stage;
use crate::methods::pane::VoiceRequest;
use crate::methods::{LetteredOption, MethodError, PaneContext};

/// Samples in each order.
pub(super) const SAMPLES: usize = 5;
const TEMPERATURE: f64 = 0.7;
/// `A: 100%` and the end of the line, where every byte is a token.
const TOKENS_PER_OPTION: usize = 8;
/// From this share on a slot is said to take all.
const TAKES_ALL: f64 = 0.95;

/// Most tokens of one sample.
pub(super) fn tokens(question: &Question) -> usize {
    TOKENS_PER_OPTION * question.options.len() + 1
}

/// One line for each letter: `A: 40%`.
fn grammar(letters: &[LetteredOption]) -> String {
    let lines: Vec<String> = letters.iter().map(|option| format!("\"{}: \" share \"%\"", option.letter)).collect();
    let mut grammar = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(grammar, "root ::= {}", lines.join(" \"\\n\" "));
    grammar.push_str("share ::= \"100\" | [1-9] [0-9]? | \"0\"\n");
    grammar
}

/// The numbers of such lines, in the order of `letters`; `None` where a line is missing or cut.
fn read(text: &str, letters: &[LetteredOption]) -> Option<Vec<f64>> {
    let mut lines = text.lines();
    letters.iter().map(|option| percentage(lines.next()?, &option.letter)).collect()
}

fn percentage(line: &str, letter: &str) -> Option<f64> {
    line.strip_prefix(letter)?.strip_prefix(": ")?.strip_suffix('%')?.parse().ok()
}

/// What one sample said.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    /// Which of the orders it read.
    order: usize,
    /// Per slot, in percent, as it was said; absent where it cannot be read or is 0 throughout.
    percent: Option<Vec<f64>>,
}

/// Has every sample written, in each of `orders` with its prompt; `see` gets what is known after each, by the number of the
/// sample.
async fn ask(
    pane: &PaneContext,
    orders: &[Vec<usize>],
    prompts: &[Prompt],
    see: impl Fn(&BTreeMap<usize, Said>) + Sync,
) -> Result<(Vec<Voice>, Vec<Said>), MethodError> {
    let known = Mutex::new(BTreeMap::new());
    let (known, see) = (&known, &see);
    let samples = (0..SAMPLES * orders.len()).map(|number| async move {
        // Neighbours read the same prompt.
        let order = number / SAMPLES;
        let letters = pane.lettered(&orders[order]);
        let request = VoiceRequest {
            part: "percentages",
            number,
            persona: None,
            prompt: prompts[order].clone(),
            grammar: Some(grammar(&letters)),
            max_tokens: tokens(&pane.spec().question),
            temperature: TEMPERATURE,
            top_p: 1.0,
        };
        let voice = pane.voice(request).await?;
        pane.voice_done(&voice);
        let percent = read(&voice.text, &letters).filter(|percent| percent.iter().sum::<f64>() > 0.0);
        let said = Said { order, percent };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(number, said.clone());
        see(&known);
        Ok::<_, MethodError>((voice, said))
    });
    Ok(try_join_all(samples).await?.into_iter().unzip())
}

/// Asks in each of `orders` with its prompt, and puts together what is said; `picture` draws that, on the way too. Where
/// nothing can be read the pane says so.
pub(super) async fn pane_of(
    pane: &PaneContext,
    blank: &Pane,
    orders: &[Vec<usize>],
    prompts: &[Prompt],
    picture: impl Fn(&Stated, Stage) -> Pane + Sync,
) -> Result<Pane, MethodError> {
    let question = &pane.spec().question;
    let see = |known: &BTreeMap<usize, Said>| {
        let said: Vec<Said> = known.values().cloned().collect();
        if let Ok(stated) = Stated::new(question, orders, &said) {
            pane.so_far(picture(&stated, Stage::SoFar));
        }
    };
    let (voices, said) = ask(pane, orders, prompts, see).await?;
    Ok(match Stated::new(question, orders, &said) {
        Ok(stated) => Pane { voices, ..picture(&stated, Stage::Done) },
        Err(error) => {
            let mut result = Pane { voices, mass: Some(0.0), obtained: Some(Obtained::Stated), ..blank.clone() };
            show_nothing(pane, &mut result, &error.to_string());
            result
        }
    })
}

/// What the samples say together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stated {
    /// Over the substantive options: the mean of the samples, each with the same weight.
    pub(super) p: Distribution,
    pub(super) whole: Distribution,
    /// Share of the samples that can be read.
    pub(super) mass: f64,
    pub(super) non_substantive: BTreeMap<String, f64>,
    pub(super) per_order: Vec<OrderShown>,
    /// Between all samples; absent for one.
    spread: Option<PairwiseTv>,
    /// Between the orders, each the mean of its samples; absent for one.
    between: Option<(PairwiseTv, f64)>,
    /// What the percentages of each readable sample add up to.
    sums: Vec<f64>,
    samples: usize,
    /// The slot that gets nearly everything in every order, whatever stands there.
    greedy_slot: Option<usize>,
}

impl Stated {
    /// Puts `said` together. Fails where no sample can be read, or none says anything of an opinion.
    fn new(question: &Question, orders: &[Vec<usize>], said: &[Said]) -> Result<Self, MethodError> {
        let nothing = || MethodError::Question(format!("none of {} samples states shares of opinions", said.len()));
        let substantive = question.substantive();
        let only = |all: &Distribution| {
            Distribution::new(&substantive.iter().map(|index| all.as_slice()[*index]).collect::<Vec<_>>())
        };
        let mut by_order: Vec<Vec<Distribution>> = vec![Vec::new(); orders.len()];
        let (mut samples, mut sums) = (Vec::new(), Vec::new());
        let mut slots = vec![0.0; question.options.len()];
        let mut least_first = vec![1.0f64; question.options.len()];
        for said in said {
            let Some(percent) = &said.percent else { continue };
            let sum: f64 = percent.iter().sum();
            let mut shares = vec![0.0; percent.len()];
            for (slot, (option, percent)) in orders[said.order].iter().zip(percent).enumerate() {
                shares[*option] = *percent;
                slots[slot] += percent / sum;
                least_first[slot] = least_first[slot].min(percent / sum);
            }
            let shares = Distribution::new(&shares)?;
            sums.push(sum);
            by_order[said.order].push(shares.clone());
            samples.push(shares);
        }
        if samples.is_empty() {
            return Err(nothing());
        }
        let mean = |members: &[Distribution]| -> Result<Distribution, MethodError> {
            Ok(linear_pool(members, &equal_weights(members.len())?)?)
        };
        let whole = mean(&samples)?;
        let p = only(&whole).map_err(|_| nothing())?;
        let mut non_substantive: BTreeMap<String, f64> = BTreeMap::new();
        for (option, share) in question.options.iter().zip(whole.as_slice()) {
            if option.role != Role::Substantive {
                *non_substantive.entry(option.role.id().to_owned()).or_default() += share;
            }
        }
        let mut per_order = Vec::new();
        for (order, members) in orders.iter().zip(&by_order).filter(|(_, members)| !members.is_empty()) {
            if let Ok(p) = only(&mean(members)?) {
                per_order.push((order, p, members.len()));
            }
        }
        let means: Vec<Distribution> = per_order.iter().map(|(_, p, _)| p.clone()).collect();
        let between = match means.len() {
            0 | 1 => None,
            n => Some((pairwise_tv(&means)?, generalised_js_2(&means, &equal_weights(n)?)?)),
        };
        let opinions: Vec<Distribution> = samples.iter().filter_map(|sample| only(sample).ok()).collect();
        let several = per_order.len() > 1;
        let shown = |(order, p, n): &(&Vec<usize>, Distribution, usize)| OrderShown {
            order: order.iter().map(|index| question.options[*index].id.clone()).collect(),
            p: p.as_slice().to_vec(),
            mass: *n as f64 / SAMPLES as f64,
        };
        Ok(Self {
            spread: if opinions.len() > 1 { Some(pairwise_tv(&opinions)?) } else { None },
            greedy_slot: least_first.iter().position(|share| *share >= TAKES_ALL).filter(|_| several),
            mass: samples.len() as f64 / said.len() as f64,
            per_order: if several { per_order.iter().map(shown).collect() } else { Vec::new() },
            samples: said.len(),
            p,
            whole,
            non_substantive,
            between,
            sums,
        })
    }

    /// Writes everything but `p` and its distances into a pane.
    pub(super) fn describe(&self, result: &mut Pane) {
        result.obtained = Some(Obtained::Stated);
        result.mass = Some(self.mass);
        result.p_whole = Some(self.whole.as_slice().to_vec());
        result.orders = Some(self.per_order.len().max(1));
        result.per_order.clone_from(&self.per_order);
        result.non_substantive.clone_from(&self.non_substantive);
        if self.sums.len() < self.samples {
            let unread = self.samples - self.sums.len();
            result.add_note(&format!("{unread} of {} samples were cut or state 0 for everything", self.samples));
        }
        if let Some(slot) = self.greedy_slot {
            result.add_note(&format!(
                "option {} of the list gets nearly everything, whatever stands there: these numbers say nothing of people",
                slot + 1
            ));
        }
        let equal = 1.0 / self.p.len() as f64;
        if self.spread.is_some_and(|spread| spread.max < 1e-9)
            && self.p.as_slice().iter().all(|share| (share - equal).abs() < 1e-9)
        {
            result.add_note("every sample states equal shares: these numbers say nothing of people");
        }
    }

    /// How far samples and orders agree, and what the percentages added up to.
    pub(super) fn measures(&self) -> Vec<Measure> {
        let n = self.sums.len();
        let mut measures = vec![match self.spread {
            Some(spread) => Measure::new("stated.mean_pairwise_tv", spread.mean).n(n),
            None => Measure::absent("stated.mean_pairwise_tv", "fewer than two samples could be read"),
        }];
        let (low, high) = self
            .sums
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), sum| (low.min(*sum), high.max(*sum)));
        let sum = Measure::new("stated.sum", self.sums.iter().sum::<f64>() / n as f64).n(n);
        measures.push(sum.note(format!("from {low:.0} to {high:.0}; every sample was divided by its own")));
        match self.between {
            Some((tv, js)) => {
                let orders = self.per_order.len();
                measures.push(Measure::new("orders.mean_pairwise_tv", tv.mean).n(orders));
                measures.push(Measure::new("orders.max_pairwise_tv", tv.max).n(orders));
                measures.push(Measure::new("orders.generalised_js_2", js).n(orders));
            }
            None => measures.push(Measure::absent(
                "orders.mean_pairwise_tv",
                "the options were shown in one order only, or one alone could be read",
            )),
        }
        measures
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn letters(count: usize) -> Vec<LetteredOption> {
        LetteredOption::all(std::iter::repeat_n("x", count))
    }

    fn question() -> Question {
        Question::asked("Is it so?", &["Yes".into(), "No".into()], &["Don't know".into()], false).unwrap()
    }

    fn said(order: usize, percent: &[f64]) -> Said {
        Said { order, percent: (!percent.is_empty()).then(|| percent.to_vec()) }
    }

    const ORDERS: [[usize; 3]; 2] = [[0, 1, 2], [1, 0, 2]];

    fn stated(said: &[Said]) -> Result<Stated, MethodError> {
        Stated::new(&question(), &ORDERS.map(|order| order.to_vec()), said)
    }

    #[test]
    fn lines_are_read_whole_or_not_at_all() {
        assert_eq!(read("A: 40%\nB: 60%", &letters(2)), Some(vec![40.0, 60.0]));
        for cut in ["A: 40%\nB: 6", "A: 40%", "", "B: 40%\nA: 60%", "A: many%\nB: 60%"] {
            assert_eq!(read(cut, &letters(2)), None, "{cut:?}");
        }
        let grammar = grammar(&letters(2));
        assert!(grammar.starts_with("root ::= \"A: \" share \"%\" \"\\n\" \"B: \" share \"%\"\n"), "{grammar}");
    }

    #[test]
    fn sums_of_98_and_130_are_divided_out_and_told() {
        let found = stated(&[said(0, &[49.0, 49.0, 0.0]), said(1, &[65.0, 65.0, 0.0])]).unwrap();
        assert_eq!(found.p.as_slice(), [0.5, 0.5]);
        let sum = found.measures().into_iter().find(|measure| measure.id == "stated.sum").unwrap();
        assert_eq!((sum.value, sum.n), (Some(114.0), Some(2)));
        assert!(sum.note.unwrap().contains("from 98 to 130"));
    }

    #[test]
    fn shares_follow_their_options_through_the_orders_and_no_opinion_stands_apart() {
        // 60 % yes, 20 % no, 20 % don't know, in both orders.
        let found = stated(&[said(0, &[60.0, 20.0, 20.0]), said(1, &[20.0, 60.0, 20.0])]).unwrap();
        assert!((found.p.as_slice()[0] - 0.75).abs() < 1e-12);
        assert!((found.non_substantive["other"] - 0.2).abs() < 1e-12);
        assert!(found.between.unwrap().0.max < 1e-12 && found.spread.unwrap().max < 1e-12);
        assert_eq!((found.greedy_slot, found.mass), (None, 1.0));
    }

    #[test]
    fn a_model_that_gives_all_to_the_first_slot_is_told_on() {
        let found = stated(&[said(0, &[100.0, 0.0, 0.0]), said(1, &[100.0, 0.0, 0.0])]).unwrap();
        assert_eq!(found.p.as_slice(), [0.5, 0.5]);
        let mut pane = Pane::new(crate::domain::Mode::Distribution, "verbalised");
        found.describe(&mut pane);
        assert!(pane.note.unwrap().contains("option 1 of the list gets nearly everything"));
        assert!((found.between.unwrap().0.max - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_nothing_at_all_is_an_error() {
        let found = stated(&[said(0, &[10.0, 30.0, 0.0]), said(1, &[])]).unwrap();
        assert_eq!((found.mass, found.per_order.len()), (0.5, 0));
        assert!(stated(&[said(0, &[])]).unwrap_err().to_string().contains("none of 1 samples"));
        assert!(stated(&[said(0, &[0.0, 0.0, 100.0])]).is_err(), "no opinion among them");
    }
}
