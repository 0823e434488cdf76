//! Requests that are steered, each its own way.

use super::*;
use crate::engine::protocol::LayerVector;
use crate::engine::scheduler::selftest;

/// Ways to steer a request.
pub(super) const STEERINGS: usize = 5;

pub(super) fn steering(scheduler: &mut Scheduler, number: usize) -> Vec<Steer> {
    let [one, other] = [(1, 0.3), (3, -0.2)].map(|(layer, value)| {
        let vector = LayerVector { layer, values: vec![value; 8], bias: Some(0.1) };
        scheduler.learn(&DirectionRequest { layers: vec![vector] }).unwrap().direction
    });
    let steer = |direction: &String, strength| Steer {
        direction: direction.clone(),
        strength,
        layers: None,
        from: None,
        tokens: None,
        target: None,
    };
    match number {
        0 => vec![steer(&one, 1.0)],
        1 => vec![Steer { from: Some(0), ..steer(&one, 1.0) }],
        2 => vec![Steer { from: Some(3), tokens: Some(6), ..steer(&one, -0.5) }],
        3 => vec![steer(&one, 1.0), Steer { from: Some(10), tokens: Some(30), ..steer(&other, 2.0) }],
        _ => vec![Steer { target: Some(0.8), from: Some(20), ..steer(&other, 0.0) }],
    }
}

#[test]
fn steering_changes_what_is_said_and_says_why_it_cannot() {
    let limits = limits(4096, 16, 64, 16);
    let plain = Ask::Options { prompt: (1, 2) };
    let mut ends = vec![alone(limits, &plain)];
    for number in 0..STEERINGS {
        let end = alone(limits, &Ask::Steered(Box::new(plain.clone()), number));
        assert!(!ends.contains(&end), "{number}: {end:?}");
        ends.push(end);
    }
    let mut scheduler = scheduler(limits);
    let unknown = Steer { direction: "north".to_owned(), ..steering(&mut scheduler, 0).remove(0) };
    let labels = vec!["A".to_owned()];
    let request = |steering| ScoreOptionsRequest {
        prompt: chat((1, 2)),
        labels: labels.clone(),
        echo: false,
        steering,
        adapters: Vec::new(),
        handling: Handling::default(),
    };
    scheduler.score_options(1, &request(vec![unknown]));
    let wide = LayerVector { layer: 0, values: vec![1.0; 9], bias: None };
    scheduler.add_direction(2, &DirectionRequest { layers: vec![wide] });
    let known = steering(&mut scheduler, 0);
    scheduler.switch_steering_off("its layers have no names".to_owned());
    scheduler.score_options(3, &request(known));
    let told: Vec<String> = scheduler
        .take_events()
        .into_iter()
        .map(|event| match event.ev {
            Ev::Error(refusal) => refusal.message,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(told[0].contains("no direction `north` is known"), "{told:?}");
    assert!(told[1].contains("9 numbers in layer 0, and the model's layers have 8"), "{told:?}");
    assert!(told[2].contains("its layers have no names"), "{told:?}");
    assert!(!scheduler.is_busy());
}

#[test]
fn what_lies_before_the_steering_is_computed_once() {
    let limits = limits(4096, 16, 64, 16);
    let (mut scheduler, mut ledger) = (scheduler(limits), Ledger::default());
    let plain = Ask::Generate { prompt: (2, 1), max_tokens: 5, seed: 1, temperature: 0.0 };
    submit(&mut scheduler, 0, &plain);
    run_to_the_end(&mut scheduler, &mut ledger);
    let alone = scheduler.status().prompt_tokens_computed;
    for (id, number) in [(1, 0), (2, 3)] {
        submit(&mut scheduler, id, &Ask::Steered(Box::new(plain.clone()), number));
    }
    run_to_the_end(&mut scheduler, &mut ledger);
    // Number 3 acts from token 10 on, number 0 on the last one alone.
    let computed = scheduler.status().prompt_tokens_computed - alone;
    assert_eq!(computed, 1 + alone - 10);
}

#[test]
fn a_device_whose_layers_have_no_names_steers_one_recipe_after_the_other() {
    let limits = Limits {
        cells: 256,
        most_cells: 256,
        batch: 64,
        outputs: 8,
        sequences: 4,
        per_sequence: 256,
        shares_prefixes: true,
    };
    let device = |by| Unsteady {
        inner: scripted::device(limits),
        fault: DecodeFault::Aborted,
        one_in: 0,
        all_or_nothing: false,
        batches: 0,
        seed: 1,
        by,
        steered: 0,
    };
    let mut able = device(Some(SteeredBy::Rows));
    let found = selftest::steering::examine(&mut able, &[0, 1]).unwrap();
    assert_eq!((found.state, found.by, able.by), ("exact", SteeredBy::Turns, Some(SteeredBy::Turns)), "{found:?}");
    assert!(found.detail.contains("for its layers have no names"), "{found:?}");
    let mut plain = device(None);
    let found = selftest::steering::examine(&mut plain, &[0, 1]).unwrap();
    assert_eq!((found.state, found.by), ("exact", SteeredBy::Rows), "{found:?}");
}
