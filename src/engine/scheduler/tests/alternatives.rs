//! What a token was drawn from, told with it.

use super::*;
use crate::engine::protocol::MOST_ALTERNATIVES;

fn request(alternatives: u32) -> GenerateRequest {
    GenerateRequest {
        prompt: chat((0, 0)),
        max_tokens: 40,
        sampler: Sampler::default(),
        seed: 3,
        stop: Vec::new(),
        grammar: None,
        time_limit_ms: None,
        echo: false,
        thinking: Thinking::Off,
        forced: Vec::new(),
        steering: Vec::new(),
        alternatives,
        handling: Handling::default(),
    }
}

/// All events of one voice, from a scheduler of its own.
fn events(alternatives: u32) -> Vec<Ev> {
    let mut scheduler = scheduler(limits(400, 8, 64, 16));
    scheduler.generate(1, &request(alternatives));
    let mut events = Vec::new();
    for _ in 0..MOST_STEPS {
        events.extend(scheduler.take_events().into_iter().map(|event| event.ev));
        if !scheduler.is_busy() {
            return events;
        }
        scheduler.step();
    }
    panic!("not done after {MOST_STEPS} steps");
}

#[test]
fn each_token_tells_itself_and_the_most_probable_others() {
    let (mut said, mut whole, mut told) = (String::new(), String::new(), 0);
    for ev in events(4) {
        match ev {
            Ev::Token { logprob: Some(logprob), drawn_from, .. } => {
                let drawn_from = drawn_from.unwrap();
                said.push_str(&drawn_from.piece);
                let others: Vec<f64> = drawn_from.others.iter().map(|other| other.p).collect();
                assert!(others.len() <= 4 && others.is_sorted_by(|a, b| a >= b), "{others:?}");
                assert!(others.iter().sum::<f64>() + logprob.exp() < 1.0 + 1e-6, "{others:?} beside {logprob}");
                assert!(others.iter().all(|p| *p >= 0.001));
                told += others.len();
            }
            Ev::Done(Answer::Generated(done)) => whole = done.text,
            _ => {}
        }
    }
    assert!(told > 0 && said.starts_with(&whole) && !whole.is_empty(), "{said:?} for {whole:?}");
}

#[test]
fn what_is_told_changes_nothing_that_is_said() {
    let text = |alternatives| {
        let done = events(alternatives).into_iter().find_map(|ev| match ev {
            Ev::Done(Answer::Generated(done)) => Some(done.text),
            _ => None,
        });
        done.unwrap()
    };
    assert_eq!(text(0), text(MOST_ALTERNATIVES));
    let is_told = |ev: &Ev| matches!(ev, Ev::Token { drawn_from: Some(_), .. });
    assert!(!events(0).iter().any(is_told) && events(1).iter().any(is_told));
}

#[test]
fn too_many_are_refused_in_a_sentence() {
    let refused = events(MOST_ALTERNATIVES + 1);
    assert!(
        matches!(&refused[..], [Ev::Error(refusal)] if refusal.code == RefusalCode::BadRequest && refusal.message.contains("at most 20")),
        "{refused:?}"
    );
}
