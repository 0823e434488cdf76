//! Numbers about two models, by hand.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::{Basis, Obtained, PaneStatus};
use crate::measure::LEVEL_95;
use crate::methods::testing::head;

fn reference(n: Option<u64>) -> ReferenceShown {
    ReferenceShown {
        population: "us".into(),
        label: None,
        q: vec![0.5, 0.5],
        q_whole: None,
        n,
        year: None,
        basis: Basis::Survey,
        non_substantive: Some(0.5),
        source: None,
        note: None,
    }
}

fn pane(model: Option<&str>, p: Option<[f64; 2]>) -> Pane {
    Pane {
        model: model.map(str::to_owned),
        options: p.map(|_| vec!["yes".into(), "no".into()]),
        p: p.map(|p| p.to_vec()),
        obtained: p.map(|_| Obtained::Exact),
        references: vec![reference(Some(400))],
        ..Pane::new(Mode::Distribution, "option-logits")
    }
}

fn measures_of(panes: &[Pane]) -> Vec<Measure> {
    measures(&head(Some("aligned")), panes)
}

fn only<'a>(found: &'a [Measure], id: &str) -> &'a Measure {
    let mut those = found.iter().filter(|measure| measure.id == id);
    let one = those.next().unwrap();
    assert!(those.next().is_none(), "{id} stands once");
    one
}

#[test]
fn an_aligned_model_that_is_surer_and_farther_off_is_said_to_be() {
    let found = measures_of(&[pane(None, Some([0.5, 0.5])), pane(Some("aligned"), Some([1.0, 0.0]))]);
    assert!(found.iter().all(|measure| measure.method.as_deref() == Some("option-logits")));
    // By hand: m = (3/4, 1/4); JSD = H(m) - 1/2 = 0.811278 - 0.5.
    let distance = only(&found, DISTANCE);
    assert!((distance.value.unwrap() - (0.811_278_124_459_132_8_f64 - 0.5).sqrt()).abs() < 1e-12);
    assert_eq!((distance.interval, distance.n, distance.noise_floor), (None, None, None), "both are exact");
    let entropy = only(&found, ENTROPY);
    assert!((entropy.value.unwrap() + 1.0).abs() < 1e-12);
    assert_eq!(entropy.note.as_deref(), Some("base 1.000, aligned 0.000 bits"));
    let nearer = only(&found, NEARER);
    assert_eq!((nearer.value, nearer.population.as_deref()), (distance.value, Some("us")));
    let [low, high] = nearer.interval.unwrap();
    assert!(low > 0.3 && high < 0.7 && nearer.level == Some(LEVEL_95), "{low} {high}");
    assert!(nearer.note.as_deref().unwrap().ends_with("base is nearer to them, beyond chance"), "{nearer:?}");
}

#[test]
fn the_same_model_twice_differs_in_nothing() {
    let found = measures_of(&[pane(None, Some([0.3, 0.7])), pane(Some("aligned"), Some([0.3, 0.7]))]);
    for id in [DISTANCE, ENTROPY, NEARER] {
        assert_eq!(only(&found, id).value.map(f64::to_bits), Some(0.0f64.to_bits()), "{id}");
    }
    assert_eq!(only(&found, NEARER).interval, Some([0.0, 0.0]));
    assert!(only(&found, NEARER).note.as_deref().unwrap().ends_with("within chance"));
}

#[test]
fn sampled_sides_are_drawn_again_and_a_handful_is_not() {
    let sampled = |model, yes: usize, no: usize| {
        let n = (yes + no) as f64;
        let mut pane = pane(model, Some([yes as f64 / n, no as f64 / n]));
        pane.draws = [vec![Some(0); yes], vec![Some(1); no], vec![None; 3]].concat();
        pane.samples = Some(pane.draws.len());
        pane.obtained = Some(Obtained::Sampled);
        pane
    };
    let found = measures_of(&[sampled(None, 15, 15), sampled(Some("aligned"), 5, 15)]);
    let distance = only(&found, DISTANCE);
    assert_eq!(distance.n, Some(20), "the answers that named an option, of the side with fewer");
    assert!(distance.interval.is_some() && distance.noise_floor > Some(0.0), "{distance:?}");
    assert!(only(&found, ENTROPY).interval.is_some());
    let few = measures_of(&[sampled(None, 15, 15), sampled(Some("aligned"), 2, 3)]);
    assert_eq!(only(&few, DISTANCE).interval, None);
    assert!(only(&few, NEARER).note.as_deref().unwrap().contains("fewer than 10 answers"));
    let one = measures_of(&[sampled(None, 15, 15), sampled(Some("aligned"), 20, 0)]);
    assert!(only(&one, ENTROPY).note.as_deref().unwrap().contains("named the same option"));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let mut dead = pane(Some("aligned"), None);
    (dead.status, dead.error) = (PaneStatus::Failed, Some("the engine is gone".into()));
    let found = measures_of(&[pane(None, Some([0.5, 0.5])), dead]);
    assert_eq!((found.len(), found[0].value), (1, None));
    assert_eq!(found[0].note.as_deref(), Some("aligned has no distribution here"));
    let mut unknown = [pane(None, Some([0.5, 0.5])), pane(Some("aligned"), Some([0.6, 0.4]))];
    for pane in &mut unknown {
        pane.references = vec![reference(None)];
    }
    let found = measures_of(&unknown);
    assert!(only(&found, NEARER).note.as_deref().unwrap().contains("number of people"));
    let alone = [pane(None, Some([0.5, 0.5]))];
    assert_eq!((measures_of(&alone), measures(&head(None), &alone)), (vec![], vec![]));
}
