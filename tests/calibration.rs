//! What is learned on other questions of a pack and tried on one, of the built program with the scripted engine: what was
//! planted, in the engine or in the figures of the people, is found again.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use parallax::measure::{Distribution, scale_temperature, total_variation};
use serde_json::{Value, json};
use support::{POLICE_TRUST, Parallax, measures, numbers, pane, shape};

const OPTIONS: [&str; 4] = ["Apples", "Pears and quinces", "Plums", "Cherries"];

/// A pack of questions without order, all with the same options; `people` gives the shares of each that are known.
fn pack(home: &Parallax, questions: usize, people: &dyn Fn(usize) -> Option<Vec<f64>>) -> String {
    let head = json!({
        "kind": "pack", "format": "pluralpack/1", "id": "own", "version": "1", "title": "Own", "lang": "en",
        "licence": { "spdx": "CC0-1.0" },
    });
    let source = json!({ "kind": "source", "id": "s", "citation": "Of one's own" });
    let group = json!({ "kind": "group", "id": "g", "label": "People", "dimension": "all" });
    let mut lines = vec![head, source, group];
    for number in 0..questions {
        let options: Vec<Value> = OPTIONS
            .iter()
            .enumerate()
            .map(|(place, label)| json!({ "id": format!("o{place}"), "label": label }))
            .collect();
        let mut item = json!({
            "kind": "item", "id": format!("q{number}"), "text": format!("Which is the best for purpose {number}?"),
            "ask": { "form": "choice", "options": options }, "origin": { "source": "s", "row": number.to_string() },
        });
        if let Some(shares) = people(number) {
            let shares: serde_json::Map<String, Value> =
                shares.iter().enumerate().map(|(place, share)| (format!("o{place}"), json!(share))).collect();
            item["reference"] = json!([{ "group": "g", "basis": "survey", "n": 900, "source": "s", "shares": shares }]);
        }
        lines.push(item);
    }
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    home.file("own.pack.jsonl", &text.join("\n")).display().to_string()
}

fn run(home: &Parallax, engine: &str, question: &[&str], method: &str, more: &[&str]) -> (Value, String) {
    let method_of_mode = format!("distribution={method}");
    let arguments =
        ["run", "--engine", engine, "--format", "json", "--mode", "distribution", "--method", &method_of_mode];
    let ended = home.call(&[&arguments, question, more].concat()).succeeded();
    let run = ended.json();
    shape::check(&run);
    (pane(&run, method).clone(), ended.err)
}

fn p(of: &Value) -> Distribution {
    Distribution::new(&numbers(&of["p"])).unwrap()
}

fn tv(a: &Distribution, b: &Distribution) -> f64 {
    total_variation(a, b).unwrap()
}

fn value(pane: &Value, id: &str) -> f64 {
    let found = measures(pane, id);
    found.first().and_then(|found| found["value"].as_f64()).unwrap_or_else(|| panic!("no {id}: {pane:#}"))
}

fn corrected<'a>(pane: &'a Value, by: &str) -> &'a Value {
    pane["corrected"].as_array().unwrap().iter().find(|other| other["by"] == by).unwrap_or_else(|| panic!("no {by}"))
}

#[test]
fn a_planted_pull_of_slots_is_read_on_other_questions_and_taken_out() {
    let home = Parallax::new();
    let file = pack(&home, 7, &|_| None);
    let question = ["--pack", &file, "--question", "q3"];
    let (plain, _) = run(&home, "scripted:bias@0", &question, "option-logits", &[]);
    let (biased, prompts) = run(&home, "scripted:bias@150", &question, "debiased", &["--show-prompts"]);
    assert!(tv(&p(&biased), &p(&plain)) < 1e-4, "{biased:#}");
    let slots = ["A", "B", "C", "D"].map(|letter| value(&biased, &format!("pride.prior.{letter}")));
    assert!(((slots[0] / slots[1]).ln() - 1.5).abs() < 0.015, "{slots:?}");
    assert!(value(&biased, "pride.spread_tv") < 1e-4, "the pull is the same everywhere");
    for id in ["pride.prior_tv", "pride.prior.A", "pride.spread_tv"] {
        assert_eq!(measures(&biased, id)[0]["n"], 5, "{id}: 5 % of the pack, but no fewer than 5");
    }
    let raw = corrected(&biased, "raw");
    let first = &plain["per_order"][0]["p"];
    let pulled = Distribution::new(&numbers(first)).unwrap();
    assert!(tv(&p(raw), &pulled) > 0.1 && numbers(&raw["p"])[0] > numbers(first)[0]);
    assert_eq!(prompts.matches("=== prompt of").count(), 1 + 5 * 4, "one pass for the question itself");
    assert_eq!(prompts.matches("for purpose 3?").count(), 1);
    let (again, _) = run(&home, "scripted:bias@150", &question, "debiased", &["--seed", "99"]);
    assert_eq!(again, biased, "the pack draws the questions, not the run");
}

#[test]
fn too_few_questions_for_a_prior_are_told() {
    let home = Parallax::new();
    let file = pack(&home, 5, &|_| None);
    let (pane, prompts) =
        run(&home, "scripted", &["--pack", &file, "--question", "q0"], "debiased", &["--show-prompts"]);
    assert_eq!(pane["status"], "skipped");
    let note = pane["note"].as_str().unwrap();
    assert!(note.contains("5 other questions") && note.contains("there are 4"), "{note}");
    assert!(!prompts.contains("=== prompt of"), "nothing is asked");
}

#[test]
fn what_texts_without_content_bring_about_is_divided_out_of_the_first_order() {
    let home = Parallax::new();
    let file = pack(&home, 1, &|_| None);
    let question = ["--pack", &file, "--question", "q0"];
    let (plain, _) = run(&home, "scripted:bias@0", &question, "option-logits", &[]);
    let (biased, prompts) = run(&home, "scripted:bias@150", &question, "option-logits", &["--show-prompts"]);
    let free = corrected(&biased, "content-free");
    assert!(tv(&p(free), &p(&plain)) < 1e-4, "{free:#}");
    assert!(free["note"].as_str().unwrap().contains("first order alone"));
    assert_eq!(prompts.matches("=== prompt of").count(), 4 + 3);
    assert_eq!(prompts.matches("[MASK]").count(), 1);
    assert_eq!(prompts.matches("for purpose 0?").count(), 4, "three ask nothing");
}

/// People who answer as the model does, but with more doubt.
fn doubting(home: &Parallax, questions: usize, known: &dyn Fn(usize) -> bool) -> (String, Vec<Distribution>) {
    let file = pack(home, questions, &|_| None);
    let said: Vec<Distribution> = (0..questions)
        .map(|number| {
            let id = format!("q{number}");
            p(&run(home, "scripted", &["--pack", &file, "--question", &id], "option-logits", &[]).0)
        })
        .collect();
    let doubt = |number: usize| scale_temperature(&said[number], 2.5).unwrap();
    let file = pack(home, questions, &|number| known(number).then(|| doubt(number).as_slice().to_vec()));
    (file, said)
}

#[test]
fn a_planted_temperature_is_learned_on_the_other_questions() {
    let home = Parallax::new();
    let (file, said) = doubting(&home, 6, &|_| true);
    let (pane, _) = run(&home, "scripted", &["--pack", &file, "--question", "q2"], "calibrated", &[]);
    assert_eq!((value(&pane, "calibrated.temperature"), &pane["obtained"]), (2.5, &json!("fitted")));
    let expected = scale_temperature(&said[2], 2.5).unwrap();
    assert!(tv(&p(&pane), &expected) < 1e-9, "{pane:#}");
    assert!(tv(&p(corrected(&pane, "raw")), &said[2]) < 1e-12, "what the model says stands beside it");
    assert!(value(&pane, "tv") < 1e-9 && value(&pane, "calibrated.held_out.tv") < 1e-9);
    let raw = (0..6).filter(|number| *number != 2);
    let raw: f64 = raw.map(|number| tv(&said[number], &scale_temperature(&said[number], 2.5).unwrap())).sum();
    assert!((value(&pane, "calibrated.raw.tv") - raw / 5.0).abs() < 1e-9, "the question itself is not among them");
    assert_eq!(measures(&pane, "calibrated.raw.tv")[0]["n"], 5);
    assert!(measures(&pane, "calibrated.gain.tv")[0].get("interval").is_none(), "5 questions give no interval");
    let note = pane["by_population"][0]["note"].as_str().unwrap();
    assert!(note.contains("temperature 2.50") && note.contains("held out"), "{note}");
}

#[test]
fn without_questions_to_try_it_on_no_calibrated_number_is_shown() {
    let home = Parallax::new();
    let (file, _) = doubting(&home, 4, &|number| number < 3);
    let question = ["--pack", &file, "--question", "q0"];
    let (pane, prompts) = run(&home, "scripted", &question, "calibrated", &["--show-prompts"]);
    assert_eq!((&pane["status"], pane.get("p")), (&json!("skipped"), None));
    let note = pane["note"].as_str().unwrap();
    assert!(note.contains("figures of `g` for 2 other questions"), "{note}");
    assert!(!prompts.contains("=== prompt of"), "nothing is asked");
}

#[test]
fn each_population_has_a_map_of_its_own_and_its_score() {
    let home = Parallax::new();
    let parties = ["--population", "us.party.democrat", "--population", "us.party.republican"];
    let (pane, prompts) =
        run(&home, "scripted", &POLICE_TRUST, "calibrated", &[&parties[..], &["--show-prompts"]].concat());
    let each = pane["by_population"].as_array().unwrap();
    assert_eq!(each.len(), 2);
    for (place, (own, reference)) in each.iter().zip(pane["references"].as_array().unwrap()).enumerate() {
        let population = &reference["population"];
        assert_eq!(&own["population"], population);
        let to = |id: &str| {
            measures(&pane, id).into_iter().find(|found| &found["population"] == population).unwrap().clone()
        };
        let q = Distribution::new(&numbers(&reference["q"])).unwrap();
        assert!((to("tv")["value"].as_f64().unwrap() - tv(&p(own), &q)).abs() < 1e-9, "{place}");
        let [held_out, raw, gain] = ["held_out", "raw", "gain"].map(|what| to(&format!("calibrated.{what}.tv")));
        assert_eq!((&held_out["n"], &raw["n"], &gain["n"]), (&json!(19), &json!(19), &json!(19)));
        let value = |of: &Value| of["value"].as_f64().unwrap();
        assert!((value(&raw) - value(&held_out) - value(&gain)).abs() < 1e-9);
        assert!(numbers(&gain["interval"]).iter().all(|end| (-1.0..=1.0).contains(end)));
        assert!(own["note"].as_str().unwrap().contains(&format!("{:.3}", value(&held_out))));
    }
    // Both learn from the same readings.
    assert_eq!(prompts.matches("=== prompt of").count() % 2, 0);
    assert_eq!(prompts.matches("How far do you trust the police in the United States?").count(), 2);
}
