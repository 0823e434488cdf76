//! Numbers about several panes: the same ones printed, stored and read again, and small where the script says one thing.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::{POLICE_TRUST, Parallax, lasting};

const METHODS: [&str; 10] = [
    "--mode",
    "distribution",
    "--method",
    "distribution=option-logits",
    "--method",
    "distribution=sampled",
    "--method",
    "distribution=sequence",
    "--method",
    "distribution=verbalised",
];

const POPULATIONS: [&str; 4] = ["--population", "us.all", "--population", "us.party.democrat"];

fn of<'a>(run: &'a Value, id: &str) -> Vec<&'a Value> {
    run["measures"].as_array().unwrap().iter().filter(|measure| measure["id"] == id).collect()
}

#[test]
fn what_the_model_would_say_does_say_and_states_stand_beside_each_other() {
    let parallax = Parallax::new();
    let arguments = [&POLICE_TRUST[..], &METHODS, &POPULATIONS].concat();
    let run = parallax.run_json(&arguments);
    let pairs: Vec<(&str, &str)> = of(&run, "across.js_distance_2")
        .iter()
        .map(|measure| (measure["method"].as_str().unwrap(), measure["beside"].as_str().unwrap()))
        .collect();
    let methods = ["option-logits", "sampled", "sequence", "verbalised"];
    let expected = (0..4).flat_map(|first| (first + 1..4).map(move |second| (methods[first], methods[second])));
    assert_eq!(pairs, expected.collect::<Vec<_>>());
    assert_eq!(of(&run, "across.tv").len(), 6);
    for measure in of(&run, "across.js_distance_2") {
        let was_counted = [&measure["method"], &measure["beside"]].iter().any(|method| {
            let method = method.as_str().unwrap();
            method == "sampled" || method == "sequence"
        });
        assert_eq!(measure.get("noise_floor").is_some(), was_counted, "{measure}");
    }
    // The engine writes what its probabilities say, so the mismatch is about that of a draw from them.
    let mismatch = of(&run, "across.first_token_mismatch");
    assert_eq!((mismatch.len(), mismatch[0]["n"].as_u64().is_some()), (1, true));
    let references = run["panes"][2]["references"].as_array().unwrap();
    let gaps = of(&run, "across.knowledge_to_simulation");
    assert_eq!(gaps.len(), references.len());
    for (gap, reference) in gaps.iter().zip(references) {
        assert_eq!(gap["population"], reference["population"]);
        let tv = |pane: usize| {
            let measures = run["panes"][pane]["measures"].as_array().unwrap();
            let is_it = |m: &&Value| m["id"] == "tv" && m["population"] == reference["population"];
            measures.iter().find(is_it).unwrap()["value"].as_f64().unwrap()
        };
        assert!((gap["value"].as_f64().unwrap() - (tv(2) / tv(3) - 1.0)).abs() < 1e-9, "{gap}");
    }
    // Stored without them, read with them.
    assert_eq!(parallax.shown(run["run"]["id"].as_str().unwrap()), run);
    assert_eq!(lasting(parallax.run_json(&arguments)), lasting(run));
}

#[test]
fn the_page_says_it_in_words() {
    let parallax = Parallax::new();
    let arguments = [&["run", "--engine", "scripted", "--quiet"][..], &POLICE_TRUST, &METHODS].concat();
    let page = parallax.call(&arguments).succeeded().out;
    let flat: String = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "── PANES TOGETHER ──",
        "JS distance, base 2, option-logits and sampled: ",
        "what the model would say, beside what it does say",
        "written answers that are not the most probable first token, option-logits and sampled: ",
        "knowledge-to-simulation gap, sequence and verbalised, to ",
    ] {
        assert!(flat.contains(wanted), "{wanted}: {page}");
    }
}
