//! Numbers about several panes, by hand.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::Basis;
use crate::methods::testing::head;

fn reference(q: [f64; 2]) -> ReferenceShown {
    ReferenceShown {
        population: "us".into(),
        label: None,
        q: q.to_vec(),
        q_whole: None,
        n: Some(400),
        year: None,
        basis: Basis::Survey,
        non_substantive: None,
        source: None,
        note: None,
    }
}

fn pane(method: &str, obtained: Obtained, p: [f64; 2]) -> Pane {
    Pane {
        options: Some(vec!["yes".into(), "no".into()]),
        p: Some(p.to_vec()),
        obtained: Some(obtained),
        references: vec![reference([0.5, 0.5])],
        ..Pane::new(Mode::Distribution, method)
    }
}

fn counted(method: &str, yes: usize, no: usize, unnamed: usize) -> Pane {
    let n = (yes + no) as f64;
    Pane {
        draws: [vec![Some(0); yes], vec![Some(1); no], vec![None; unnamed]].concat(),
        samples: Some(yes + no + unnamed),
        ..pane(method, Obtained::Sampled, [yes as f64 / n, no as f64 / n])
    }
}

fn only<'a>(found: &'a [Measure], id: &str, beside: &str) -> &'a Measure {
    let mut those = found.iter().filter(|measure| measure.id == id && measure.beside.as_deref() == Some(beside));
    let one = those.next().unwrap();
    assert!(those.next().is_none(), "{id} beside {beside} stands once");
    one
}

#[test]
fn every_two_panes_are_compared_once_and_say_what_stands_beside_what() {
    let panes = [
        pane("option-logits", Obtained::Exact, [0.5, 0.5]),
        counted("sampled", 27, 3, 0),
        pane("verbalised", Obtained::Stated, [0.9, 0.1]),
    ];
    let found = measures(&head(None), &panes);
    assert_eq!(found.iter().filter(|measure| measure.id == DISTANCE).count(), 3);
    let of = |first: &str, beside: &str| {
        let is_it = |measure: &&Measure| {
            measure.id == DISTANCE
                && measure.method.as_deref() == Some(first)
                && measure.beside.as_deref() == Some(beside)
        };
        found.iter().find(is_it).unwrap()
    };
    // By hand: m = (0.7, 0.3), JSD = H(m) - (1 + H(0.9)) / 2 = 0.881291 - 0.734498.
    let exact = of("option-logits", "verbalised");
    assert!((exact.value.unwrap() - 0.383_135_9).abs() < 1e-6, "{exact:?}");
    assert_eq!((exact.interval, exact.noise_floor, exact.n), (None, None, None), "nothing was counted");
    assert_eq!(exact.note.as_deref(), Some("what the model would say, beside what it says that people say"));
    let sampled = of("option-logits", "sampled");
    let [low, high] = sampled.interval.unwrap();
    assert!(low > 0.15 && low < 0.383 && high > 0.383 && high < 0.6, "{sampled:?}");
    assert!(sampled.noise_floor.unwrap() > 0.05 && sampled.noise_floor.unwrap() < 0.15);
    assert_eq!((sampled.n, sampled.level), (Some(30), Some(LEVEL_95)));
    assert!(of("sampled", "verbalised").value.unwrap() < 1e-9, "whichever pane stands first");
    let tv = found.iter().find(|measure| measure.id == TV).unwrap();
    assert!((tv.value.unwrap() - 0.4).abs() < 1e-12);
    assert!(found.iter().all(|measure| measure.model.is_none()));
}

#[test]
fn written_answers_that_are_not_the_first_token_are_counted() {
    // The first token says no; 18 of 24 write yes, and 6 write something else.
    let panes = [pane("option-logits", Obtained::Exact, [0.3, 0.7]), counted("sampled", 18, 6, 6)];
    let found = measures(&head(None), &panes);
    let mismatch = only(&found, MISMATCH, "sampled");
    assert_eq!((mismatch.value, mismatch.n), (Some(0.75), Some(24)));
    // Wilson for 18 of 24.
    let [low, high] = mismatch.interval.unwrap();
    assert!((low - 0.550_99).abs() < 1e-4 && (high - 0.879_92).abs() < 1e-4, "{low} {high}");
    let note = mismatch.note.as_deref().unwrap();
    assert!(note.contains("0.300 would, if they were drawn") && note.ends_with("6 more name none"), "{note}");
    // Of two first tokens that are as probable either may be written.
    let tied = [pane("option-logits", Obtained::Exact, [0.5, 0.5]), counted("sampled", 18, 6, 0)];
    assert_eq!(only(&measures(&head(None), &tied), MISMATCH, "sampled").value, Some(0.0));
}

#[test]
fn what_is_known_and_not_acted_out_is_the_gap_of_meister() {
    let panes = [counted("sequence", 243, 57, 0), pane("verbalised", Obtained::Stated, [0.754, 0.246])];
    let found = measures(&head(None), &panes);
    let gap = only(&found, GAP, "verbalised");
    // 0.31 / 0.254 - 1.
    assert!((gap.value.unwrap() - 0.220_472_44).abs() < 1e-6, "{gap:?}");
    assert_eq!((gap.population.as_deref(), gap.n), (Some("us"), Some(300)));
    assert_eq!(gap.note.as_deref(), Some("total variation to them: acted out 0.310, stated 0.254"));
    let [low, high] = gap.interval.unwrap();
    assert!(low < 0.22 && high > 0.22 && high - low < 0.8, "{low} {high}");
    let mut same = panes.clone();
    same[1].p = Some(vec![0.5, 0.5]);
    let found = measures(&head(None), &same);
    let gap = only(&found, GAP, "verbalised");
    assert_eq!(gap.value, None);
    assert!(gap.note.as_deref().unwrap().contains("no distance to divide by"));
}

#[test]
fn a_pane_without_a_distribution_is_named_and_one_that_does_not_apply_is_not() {
    let failed = Pane { status: PaneStatus::Failed, ..Pane::new(Mode::Distribution, "sampled") };
    let whole = pane("option-logits", Obtained::Exact, [0.3, 0.7]);
    let found = measures(&head(None), &[whole.clone(), failed]);
    assert_eq!((found.len(), found[0].value), (1, None));
    assert_eq!(found[0].note.as_deref(), Some("sampled has no distribution here"));
    let skipped = Pane::skipped(Mode::Distribution, "sampled", "no options");
    let steered = Pane { mode: Mode::Steered, ..whole.clone() };
    assert_eq!(measures(&head(None), &[whole, skipped, steered]), []);
}

#[test]
fn each_model_is_compared_with_itself_alone() {
    let of = |method: &str, model: Option<&str>| Pane {
        model: model.map(str::to_owned),
        ..pane(method, Obtained::Exact, [0.3, 0.7])
    };
    let panes = [
        of("option-logits", None),
        of("option-logits", Some("aligned")),
        of("option-text", None),
        of("option-text", Some("aligned")),
    ];
    let found = measures(&head(Some("aligned")), &panes);
    let distances = found.iter().filter(|measure| measure.id == DISTANCE);
    let models: Vec<Option<&str>> = distances.map(|measure| measure.model.as_deref()).collect();
    assert_eq!(models, [None, Some("aligned")]);
    let both = super::super::numbers_across(&head(Some("aligned")), &panes);
    assert_eq!(both.iter().filter(|measure| measure.id == "models.js_distance_2").count(), 2);
}
