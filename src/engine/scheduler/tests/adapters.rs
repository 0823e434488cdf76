//! Requests with adapters beside others without.

use super::*;
use crate::engine::protocol::{Adapted, AdapterRequest};

/// Sets of adapters of a request.
pub(super) const ADAPTER_SETS: usize = 4;

pub(super) fn adapters(scheduler: &mut Scheduler, number: usize) -> Vec<Adapted> {
    let [one, other] = ["one.gguf", "other.gguf"].map(|path| scheduler.learn_adapter(path).unwrap().adapter);
    let adapted = |adapter: &String, scale| Adapted { adapter: adapter.clone(), scale };
    match number {
        0 => vec![adapted(&one, 1.0)],
        1 => vec![adapted(&one, -0.5)],
        2 => vec![adapted(&other, 1.0), adapted(&one, 1.0)],
        _ => vec![adapted(&other, 2.0), adapted(&one, 0.0)],
    }
}

fn with(ask: &Ask, number: usize) -> Ask {
    Ask::Adapted(Box::new(ask.clone()), number)
}

#[test]
fn adapters_change_what_is_said_and_say_why_they_cannot() {
    let limits = limits(4096, 16, 64, 16);
    let plain = Ask::Options { prompt: (1, 2) };
    let mut ends = vec![alone(limits, &plain)];
    for number in 0..ADAPTER_SETS {
        let end = alone(limits, &with(&plain, number));
        assert!(!ends.contains(&end), "{number}: {end:?}");
        ends.push(end);
    }
    let mut scheduler = scheduler(limits);
    let known = adapters(&mut scheduler, 0).remove(0);
    let of = |adapter: &str, scale| Adapted { adapter: adapter.to_owned(), scale };
    let cases = [
        (vec![of("north\n", 1.0)], "no adapter `north` is known"),
        (vec![known.clone(), known.clone()], "is named twice"),
        (vec![of(&known.adapter, f32::NAN)], "a scale is a finite number"),
        (vec![known.clone(); 3], "3 were asked for at once"),
    ];
    for (id, (adapters, part)) in (1..).zip(cases) {
        scheduler.embed(id, &EmbedRequest { texts: vec!["a".into()], adapters, handling: Handling::default() });
        let events = scheduler.take_events();
        let [event] = events.as_slice() else { panic!("{events:?}") };
        let Ev::Error(refusal) = &event.ev else { panic!("{event:?}") };
        assert!(refusal.message.contains(part) && refusal.code == RefusalCode::BadRequest, "{refusal:?}");
    }
    scheduler.add_adapter(9, &AdapterRequest { path: String::new() });
    assert!(
        matches!(&scheduler.take_events()[0].ev, Ev::Error(refusal) if refusal.message.contains("no adapter was named"))
    );
    assert!(!scheduler.is_busy());
}

#[test]
fn a_scale_of_zero_is_no_adapter_and_order_is_no_matter() {
    let mut scheduler = scheduler(limits(512, 4, 16, 4));
    let both = adapters(&mut scheduler, 2);
    let off = both.iter().map(|adapted| Adapted { scale: 0.0, ..adapted.clone() }).collect::<Vec<_>>();
    assert_eq!(scheduler.adapter_set(1, &off), Ok(None));
    let turned: Vec<_> = both.iter().rev().cloned().collect();
    assert_eq!(scheduler.adapter_set(2, &both), scheduler.adapter_set(3, &turned));
}

#[test]
fn beginnings_are_shared_with_the_same_adapters_alone() {
    let limits = limits(4096, 16, 64, 16);
    let (mut scheduler, mut ledger) = (scheduler(limits), Ledger::default());
    let plain = Ask::Generate { prompt: (2, 1), max_tokens: 5, seed: 1, temperature: 0.0 };
    let mut computed = Vec::new();
    let asks = [plain.clone(), with(&plain, 0), with(&plain, 0), with(&plain, 1), plain.clone(), with(&plain, 1)];
    for (id, ask) in (0..).zip(&asks) {
        let before = scheduler.status().prompt_tokens_computed;
        submit(&mut scheduler, id, ask);
        run_to_the_end(&mut scheduler, &mut ledger);
        computed.push(scheduler.status().prompt_tokens_computed - before);
    }
    let whole = computed[0];
    assert_eq!(computed, [whole, whole, 0, whole, 0, 0]);
}

#[test]
fn sets_take_turns_and_each_batch_has_one() {
    let limits = limits(4096, 32, 64, 32);
    let (mut scheduler, mut ledger) = (scheduler(limits), Ledger::default());
    for id in 0..12 {
        let plain = Ask::Generate { prompt: (1, 1), max_tokens: 40, seed: id, temperature: 1.0 };
        let number = usize::try_from(id % 4).unwrap();
        submit(&mut scheduler, id, &if number == 0 { plain } else { with(&plain, number - 1) });
    }
    let mut served = Vec::new();
    while scheduler.is_busy() {
        scheduler.step();
        ledger.take(&mut scheduler);
        served.push(scheduler.turns.in_force);
    }
    let runs: Vec<(u64, usize)> = served.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
    let sets: BTreeSet<u64> = served.iter().copied().collect();
    assert_eq!(sets.len(), 4);
    // While all of them go on, none is served twice before every other was.
    for four in runs.windows(4).take(12) {
        assert_eq!(four.iter().map(|run| run.0).collect::<BTreeSet<_>>().len(), 4, "{runs:?}");
    }
}

#[test]
fn the_same_words_have_the_same_vector_and_others_another() {
    let limits = limits(4096, 16, 64, 16);
    let vectors = |texts: &[&str]| {
        let (mut scheduler, texts) = (scheduler(limits), texts.iter().map(|text| (*text).to_owned()).collect());
        scheduler.embed(1, &EmbedRequest { texts, adapters: Vec::new(), handling: Handling::default() });
        let mut ledger = Ledger::default();
        run_to_the_end(&mut scheduler, &mut ledger);
        match ledger.ends.remove(&1) {
            Some(End::Embedded(vectors)) => vectors,
            end => panic!("{end:?}"),
        }
    };
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let all = vectors(&["people want freedom", "people want freedom", "people want safety", "Rainy days"]);
    assert!(all.iter().all(|vector| (product(vector, vector) - 1.0).abs() < 1e-5));
    assert_eq!(all[0], all[1]);
    let (near, far) = (product(&all[0], &all[2]), product(&all[0], &all[3]));
    assert!(far < near && near < 0.999, "{near} {far}");
}
