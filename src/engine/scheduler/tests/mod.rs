//! What the scheduler promises whatever requests, steps and cancels come in whatever order: every request ends exactly
//! once, with the answer it would have had alone, and nothing is left behind.
#![allow(clippy::unwrap_used, clippy::panic)]

mod alternatives;
mod adapters;
mod room;
mod steering;
mod unsteady;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::device::{DecodeFault, Device, Draw, LastStates, Limits, Pulse, Rendered, Row, Seq, Token};
use super::tree::Recipe;
use super::{Scheduler, math};
use crate::domain::{Finish, Turn, TurnRole};
use crate::engine::protocol::{
    Answer, ContrastPair, DeriveRequest, DerivedBy, DirectionRequest, EmbedRequest, Ev, GenerateRequest, Handling,
    KnownAdapter, Prompt, Refusal, RefusalCode, Sampler, ScoreContinuationsRequest, ScoreOptionsRequest, Steer,
    Thinking,
};
use crate::engine::scripted;
use crate::engine::steering::{Residual, SteeredBy, Steering};
use adapters::{ADAPTER_SETS, adapters};
use steering::{STEERINGS, steering};
use unsteady::{Unsteady, unsteady};

/// More steps than any schedule here takes.
const MOST_STEPS: usize = 20_000;
const ON_FIRE: &str = "the device is on fire";
/// Beginnings that prompts share; some are the beginning of others.
const BEGINNINGS: [&str; 4] = [
    "",
    "People should say what they think. ",
    "People should say what they think. Some of them want safety and some want freedom, so it is an important question. ",
    "Other views: ",
];
const ENDS: [&str; 5] = [
    "Why?",
    "Why is it so?",
    "Is it so?\nA. Yes\nB. No\nAnswer with the letter only.",
    "Is it so?\nA. No\nB. Yes\nC. Other\nAnswer with the letter only.",
    "Is it so?\n- Yes\n- No\n",
];
const CONTINUATIONS: [&str; 4] = ["Yes", " it is so", " people weigh freedom and safety in their own way", "é"];

fn limits(cells: u32, sequences: u32, batch: usize, outputs: usize) -> Limits {
    Limits { cells, batch, outputs, sequences, per_sequence: cells, shares_prefixes: true, most_cells: cells }
}

fn scheduler(limits: Limits) -> Scheduler {
    Scheduler::new(scripted::device(limits), Pulse::default())
}

#[derive(Debug, Clone)]
enum Ask {
    Generate {
        prompt: (usize, usize),
        max_tokens: usize,
        seed: u64,
        temperature: f32,
    },
    Options {
        prompt: (usize, usize),
    },
    Continuations {
        prompt: (usize, usize),
        texts: Vec<usize>,
    },
    /// A direction from one prompt to another, and from one end to another.
    Derive {
        from: (usize, usize),
        to: (usize, usize),
        by: DerivedBy,
    },
    /// Vectors of these texts.
    Embed(Vec<usize>),
    /// One of these, by one of the [`steering`]s.
    Steered(Box<Ask>, usize),
    /// One of these, steered or not, with one of the sets of [`adapters`].
    Adapted(Box<Ask>, usize),
}

#[derive(Debug, Clone)]
enum Action {
    Submit(Ask),
    /// The request with this number, of those that were submitted so far.
    Cancel(usize),
    Steps(usize),
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Generated { text: String, finish: Finish, tokens: usize },
    Options { mass: Vec<f64>, coverage: f64 },
    Continuations(Vec<Vec<f64>>),
    Derived { direction: String, separation: Vec<f64> },
    Embedded(Vec<Vec<f32>>),
    Refused(RefusalCode),
    Cancelled,
}

fn chat((beginning, end): (usize, usize)) -> Prompt {
    let turn = Turn { role: TurnRole::User, content: format!("{}{}", BEGINNINGS[beginning], ENDS[end]) };
    Prompt::Chat { turns: vec![turn], prefill: (end == 2 || end == 3).then(|| "Answer:".to_owned()) }
}

fn submit(scheduler: &mut Scheduler, id: u64, ask: &Ask) {
    submit_as(scheduler, id, ask, Handling::default());
}

/// A place beside others that differs from request to request.
fn some_handling(id: u64) -> Handling {
    let drawn = math::unit(9, id);
    Handling {
        priority: [-1, 0, 0, 2][usize::try_from(id % 4).unwrap_or(0)],
        group: u32::try_from(id % 3).unwrap_or(0),
        reuse: drawn < 0.8,
    }
}

fn submit_as(scheduler: &mut Scheduler, id: u64, ask: &Ask, handling: Handling) {
    let (ask, adapters) = match ask {
        Ask::Adapted(ask, number) => (&**ask, adapters(scheduler, *number)),
        plain => (plain, Vec::new()),
    };
    let (ask, steering) = match ask {
        Ask::Steered(ask, number) => (&**ask, steering(scheduler, *number)),
        plain => (plain, Vec::new()),
    };
    let echo = false;
    match ask {
        Ask::Generate { prompt, max_tokens, seed, temperature } => scheduler.generate(
            id,
            &GenerateRequest {
                prompt: chat(*prompt),
                max_tokens: *max_tokens,
                sampler: Sampler { temperature: *temperature, ..Sampler::default() },
                seed: *seed,
                stop: Vec::new(),
                grammar: None,
                time_limit_ms: None,
                echo,
                thinking: Thinking::Auto,
                forced: Vec::new(),
                steering,
                adapters,
                alternatives: 0,
                handling,
            },
        ),
        Ask::Options { prompt } => {
            let labels = ["A", "B", "C"].map(str::to_owned).into();
            scheduler.score_options(
                id,
                &ScoreOptionsRequest { prompt: chat(*prompt), labels, echo, steering, adapters, handling },
            );
        }
        Ask::Continuations { prompt, texts } => {
            let continuations = texts.iter().map(|text| CONTINUATIONS[*text].to_owned()).collect();
            let prompt = chat(*prompt);
            let request = ScoreContinuationsRequest { prompt, continuations, echo, steering, adapters, handling };
            scheduler.score_continuations(id, &request);
        }
        Ask::Derive { from, to, by } => {
            let pair = |from, to| ContrastPair { positive: chat(to), negative: chat(from) };
            let pairs = vec![pair(*from, *to), pair((from.0, to.1), (to.0, to.1))];
            scheduler.derive_direction(id, &DeriveRequest { pairs, held_out: Vec::new(), by: *by, echo, handling });
        }
        Ask::Embed(texts) => {
            let texts = texts.iter().map(|text| format!("{}{}", BEGINNINGS[1], ENDS[*text])).collect();
            scheduler.embed(id, &EmbedRequest { texts, adapters, handling });
        }
        Ask::Steered(..) | Ask::Adapted(..) => unreachable!("steered and adapted once"),
    }
}

/// What has come of each id; panics on a second end, on text after the end, and on deltas that do not add up.
#[derive(Debug, Default)]
struct Ledger {
    deltas: BTreeMap<u64, String>,
    ends: BTreeMap<u64, End>,
}

impl Ledger {
    fn take(&mut self, scheduler: &mut Scheduler) {
        for event in scheduler.take_events() {
            let id = event.id.unwrap();
            assert!(!self.ends.contains_key(&id), "{id} goes on after its end: {:?}", event.ev);
            let end = match event.ev {
                Ev::Token { text, .. } => {
                    self.deltas.entry(id).or_default().push_str(&text);
                    continue;
                }
                Ev::Done(Answer::Generated(done)) => {
                    assert_eq!(self.deltas.remove(&id).unwrap_or_default(), done.text, "the deltas of {id}");
                    End::Generated { text: done.text, finish: done.finish, tokens: done.usage.generated_tokens }
                }
                Ev::Done(Answer::Options(scores)) => End::Options { mass: scores.mass, coverage: scores.coverage },
                Ev::Done(Answer::Continuations(scores)) => End::Continuations(scores.logprobs),
                Ev::Done(Answer::Derived(derived)) => End::Derived {
                    direction: derived.direction,
                    separation: derived.layers.iter().map(|layer| layer.separation).collect(),
                },
                Ev::Done(Answer::Embedded(embedded)) => End::Embedded(embedded.vectors),
                Ev::Error(refusal) => End::Refused(refusal.code),
                Ev::Cancelled => End::Cancelled,
                other => panic!("{id} got {other:?}"),
            };
            self.ends.insert(id, end);
        }
    }
}

fn run_to_the_end(scheduler: &mut Scheduler, ledger: &mut Ledger) {
    ledger.take(scheduler);
    for _ in 0..MOST_STEPS {
        if !scheduler.is_busy() {
            return;
        }
        scheduler.step();
        ledger.take(scheduler);
    }
    panic!("not done after {MOST_STEPS} steps: {scheduler:?}, {:?}", scheduler.status());
}

/// How `ask` ends on a scheduler of its own.
fn alone(limits: Limits, ask: &Ask) -> End {
    let (mut scheduler, mut ledger) = (scheduler(limits), Ledger::default());
    submit(&mut scheduler, 0, ask);
    run_to_the_end(&mut scheduler, &mut ledger);
    ledger.ends.remove(&0).unwrap()
}

/// Nothing is promised, and when everything that is kept is given up, the cache and the device are empty.
fn assert_nothing_left(scheduler: &mut Scheduler) {
    assert!(scheduler.running.is_empty() && scheduler.waiting.is_empty() && scheduler.groups.is_empty());
    assert!(scheduler.derivations.is_empty() && scheduler.embeddings.is_empty());
    assert_eq!(scheduler.promised(), 0);
    let sequences = scheduler.limits.sequences;
    while scheduler.evict_one() {}
    let (device, free) = scheduler.spare().unwrap();
    assert_eq!(free.len(), sequences as usize);
    for seq in 0..sequences {
        // The scripted device refuses a first token in a sequence that holds any; faults on demand are passed over.
        while let Err(fault) = device.decode(&[Row { token: 65, pos: 0, seq, output: false }]) {
            assert!(!matches!(&fault, DecodeFault::Failed(why) if why != ON_FIRE), "{fault:?}");
            assert!(device.truncate(seq, 0));
        }
        assert!(device.truncate(seq, 0));
    }
    assert_eq!(scheduler.status().cells_used, 0);
}

/// Does `actions`, then runs to the end. Gives what was asked and how it ended, by id.
fn play(scheduler: &mut Scheduler, actions: &[Action]) -> (Vec<Ask>, Vec<bool>, Ledger) {
    let (mut asks, mut cancelled, mut ledger) = (Vec::new(), Vec::new(), Ledger::default());
    for action in actions {
        match action {
            Action::Submit(ask) => {
                let id = asks.len() as u64;
                submit_as(scheduler, id, ask, some_handling(id));
                asks.push(ask.clone());
                cancelled.push(false);
            }
            Action::Cancel(number) if !asks.is_empty() => {
                let number = number % asks.len();
                scheduler.cancel(number as u64);
                ledger.take(scheduler);
                cancelled[number] = true;
                assert!(ledger.ends.contains_key(&(number as u64)), "a cancel acts at once");
            }
            Action::Cancel(_) => {}
            Action::Steps(count) => {
                for _ in 0..*count {
                    scheduler.step();
                    ledger.take(scheduler);
                }
            }
        }
    }
    run_to_the_end(scheduler, &mut ledger);
    assert_eq!(ledger.ends.len(), asks.len(), "every request ends");
    (asks, cancelled, ledger)
}

fn ask() -> impl Strategy<Value = Ask> {
    let prompt = || (0..BEGINNINGS.len(), 0..ENDS.len());
    let temperature = prop_oneof![Just(0.0f32), Just(1.0)];
    let plain = prop_oneof![
        3 => (prompt(), 1usize..60, 0u64..4, temperature)
            .prop_map(|(prompt, max_tokens, seed, temperature)| Ask::Generate { prompt, max_tokens, seed, temperature }),
        2 => prompt().prop_map(|prompt| Ask::Options { prompt }),
        1 => (prompt(), prop::collection::vec(0..CONTINUATIONS.len(), 1..5))
            .prop_map(|(prompt, texts)| Ask::Continuations { prompt, texts }),
        1 => (prompt(), prompt(), prop_oneof![Just(DerivedBy::MeanDifference), Just(DerivedBy::Pca)])
            .prop_map(|(from, to, by)| Ask::Derive { from, to, by }),
        1 => prop::collection::vec(0..ENDS.len(), 1..4).prop_map(Ask::Embed),
    ];
    let steering = prop::option::weighted(0.4, 0..STEERINGS);
    (plain, steering, prop::option::weighted(0.4, 0..ADAPTER_SETS)).prop_map(|(ask, steering, adapters)| {
        let is_derived = matches!(ask, Ask::Derive { .. });
        let ask = match steering {
            Some(number) if !is_derived && !matches!(ask, Ask::Embed(_)) => Ask::Steered(Box::new(ask), number),
            _ => ask,
        };
        match adapters {
            Some(number) if !is_derived => Ask::Adapted(Box::new(ask), number),
            _ => ask,
        }
    })
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        6 => ask().prop_map(Action::Submit),
        1 => (0usize..40).prop_map(Action::Cancel),
        4 => (1usize..12).prop_map(Action::Steps),
    ];
    prop::collection::vec(action, 1..40)
}

fn small_limits() -> impl Strategy<Value = Limits> {
    (64u32..512, 4u32..16, 8usize..64, 4usize..16, 1u32..4).prop_map(|(cells, sequences, batch, outputs, part)| {
        Limits { per_sequence: (cells / part).max(48), ..limits(cells, sequences, batch, outputs) }
    })
}

/// Every request that was not cancelled ended as it would have alone.
fn assert_as_alone(limits: Limits, (asks, cancelled, ledger): &(Vec<Ask>, Vec<bool>, Ledger)) {
    for (number, ask) in asks.iter().enumerate() {
        let end = &ledger.ends[&(number as u64)];
        if *end == End::Cancelled {
            assert!(cancelled[number], "{number} was never cancelled");
        } else {
            assert_eq!(*end, alone(limits, ask), "{ask:?} beside others, with {limits:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_request_ends_once_as_it_would_alone(limits in small_limits(), actions in actions()) {
        let mut scheduler = scheduler(limits);
        let played = play(&mut scheduler, &actions);
        assert_as_alone(limits, &played);
        assert_nothing_left(&mut scheduler);
    }

    #[test]
    fn an_aborted_batch_leaves_no_trace(limits in small_limits(), actions in actions(), seed: u64) {
        let mut scheduler = unsteady(limits, DecodeFault::Aborted, 3, false, seed);
        let played = play(&mut scheduler, &actions);
        assert_as_alone(limits, &played);
        assert_nothing_left(&mut scheduler);
    }

    #[test]
    fn sequences_that_cannot_be_cut_are_read_again(limits in small_limits(), actions in actions(), seed: u64) {
        // Steps that fail seldom: every failure throws the sequences of its batch back to their beginning.
        let mut scheduler = unsteady(limits, DecodeFault::Aborted, 200, true, seed);
        let played = play(&mut scheduler, &actions);
        assert_as_alone(limits, &played);
        assert_nothing_left(&mut scheduler);
    }

    /// A device that claims to be full may end voices early by `context`; what they wrote until then stands.
    #[test]
    fn a_device_without_space_ends_voices_early_at_worst(limits in small_limits(), actions in actions(), seed: u64) {
        let mut scheduler = unsteady(limits, DecodeFault::NoSpace, 12, false, seed);
        let (asks, _, ledger) = play(&mut scheduler, &actions);
        for (number, ask) in asks.iter().enumerate() {
            let end = &ledger.ends[&(number as u64)];
            match (end, alone(limits, ask)) {
                (End::Generated { text, finish: Finish::Context, .. }, End::Generated { text: whole, .. }) => {
                    prop_assert!(whole.starts_with(text.as_str()), "{text:?} is no beginning of {whole:?}");
                }
                (End::Cancelled | End::Refused(RefusalCode::Context), _) => {}
                (end, alone) => prop_assert_eq!(end, &alone),
            }
        }
        assert_nothing_left(&mut scheduler);
    }

    /// When a batch cannot be computed all that is open fails, and what comes afterwards is answered as ever.
    #[test]
    fn after_a_failure_everything_begins_anew(limits in small_limits(), actions in actions(), seed: u64) {
        let fault = DecodeFault::Failed(ON_FIRE.to_owned());
        let mut scheduler = unsteady(limits, fault, 20, false, seed);
        let (asks, _, ledger) = play(&mut scheduler, &actions);
        for (number, ask) in asks.iter().enumerate() {
            match &ledger.ends[&(number as u64)] {
                End::Cancelled | End::Refused(RefusalCode::Compute) => {}
                end => prop_assert_eq!(end, &alone(limits, ask)),
            }
        }
        assert_nothing_left(&mut scheduler);
    }

    /// As long as nothing has to be evicted, prompts cost what a perfect prefix tree costs, to the token.
    #[test]
    fn shared_beginnings_are_computed_once(prompts in prop::collection::vec((0..BEGINNINGS.len(), 0..ENDS.len()), 1..24)) {
        let limits = limits(16384, 128, 32, 64);
        let (mut scheduler, mut ledger) = (scheduler(limits), Ledger::default());
        let (mut tree, mut prompt_tokens) = (BTreeSet::new(), 0);
        for (id, prompt) in (0..).zip(&prompts) {
            let tokens = scripted::device(limits).render(&chat(*prompt)).unwrap().tokens;
            prompt_tokens += tokens.len();
            tree.extend((1..=tokens.len()).map(|len| tokens[..len].to_vec()));
            let (max_tokens, seed, temperature) = (6, id, 1.0);
            submit(&mut scheduler, id, &Ask::Generate { prompt: *prompt, max_tokens, seed, temperature });
        }
        run_to_the_end(&mut scheduler, &mut ledger);
        let status = scheduler.status();
        let computed = usize::try_from(status.prompt_tokens_computed).unwrap();
        prop_assert_eq!(computed, tree.len());
        prop_assert_eq!(computed + usize::try_from(status.prompt_tokens_reused).unwrap(), prompt_tokens);
    }
}

#[test]
fn copies_of_a_long_prompt_cost_nothing() {
    let mut scheduler = scheduler(limits(4096, 32, 64, 16));
    let mut ledger = Ledger::default();
    for id in 0..12 {
        submit(&mut scheduler, id, &Ask::Generate { prompt: (2, 1), max_tokens: 4, seed: id, temperature: 1.0 });
    }
    let prompt = scripted::device(limits(4096, 32, 64, 16)).render(&chat((2, 1))).unwrap().tokens.len();
    run_to_the_end(&mut scheduler, &mut ledger);
    assert!(prompt > 40, "the prompt is long enough to tell");
    assert_eq!(scheduler.status().prompt_tokens_computed, prompt as u64);
}

#[test]
fn a_voice_that_outgrows_its_sequence_ends_by_context_and_a_prompt_that_does_is_refused() {
    let limits = limits(96, 4, 16, 4);
    let ask = |end, max_tokens| Ask::Generate { prompt: (2, end), max_tokens, seed: 1, temperature: 0.0 };
    let End::Generated { finish, tokens, .. } = alone(limits, &ask(1, 1000)) else { panic!("refused") };
    let prompt = scripted::device(limits).render(&chat((2, 1))).unwrap().tokens.len();
    assert_eq!((finish, tokens + prompt), (Finish::Context, 96));
    let narrow = Limits { per_sequence: 40, ..limits };
    assert_eq!(alone(narrow, &ask(1, 5)), End::Refused(RefusalCode::Context));
}

/// A request that has to wait for cells must not cost others the beginnings they would share.
#[test]
fn waiting_for_cells_evicts_nothing_in_vain() {
    let limits = Limits { per_sequence: 256, ..limits(256, 8, 64, 8) };
    let (mut scheduler, mut ledger) = (scheduler(limits), Ledger::default());
    // Kept behind its end: the beginning that comes back later.
    submit(&mut scheduler, 0, &Ask::Options { prompt: (2, 2) });
    run_to_the_end(&mut scheduler, &mut ledger);
    submit(&mut scheduler, 1, &Ask::Generate { prompt: (3, 0), max_tokens: 120, seed: 1, temperature: 1.0 });
    scheduler.step();
    // More than fits beside the running one, whatever is evicted.
    submit(&mut scheduler, 2, &Ask::Generate { prompt: (3, 1), max_tokens: 10_000, seed: 1, temperature: 1.0 });
    for _ in 0..10 {
        scheduler.step();
    }
    let found = scheduler
        .cache
        .longest_match(Recipe::default(), &scripted::device(limits).render(&chat((2, 2))).unwrap().tokens);
    let prompt = scripted::device(limits).render(&chat((2, 2))).unwrap().tokens.len();
    assert_eq!(found.map(|found| found.len), Some(prompt), "the kept prompt is still there");
    run_to_the_end(&mut scheduler, &mut ledger);
    assert_eq!(ledger.ends.len(), 3);
}
