//! The distribution methods of the built program with the scripted engine: what was planted is found again, and questions
//! that fit no method get a sentence or the right handling.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use parallax::domain::Mode;
use parallax::methods::registry::METHODS;
use serde_json::Value;
use support::{Parallax, numbers, shape};

/// Runs methods of the distribution mode on a question of one's own.
fn run(engine: &str, question: &[&str], methods: &[&str]) -> Value {
    let parallax = Parallax::new();
    let methods: Vec<String> = methods.iter().map(|method| format!("distribution={method}")).collect();
    let mut arguments = vec!["run", "--engine", engine, "--format", "json", "--quiet", "--mode", "distribution"];
    arguments.extend(methods.iter().flat_map(|method| ["--method", method]));
    arguments.extend(question);
    let run: Value = serde_json::from_str(&parallax.call(&arguments).out).unwrap();
    shape::check(&run);
    run
}

const NOMINAL: [&str; 10] = [
    "--ask",
    "Which of these is best?",
    "--option",
    "Apples",
    "--option",
    "Pears and quinces",
    "--option",
    "Plums",
    "--option",
    "Cherries",
];

fn pane<'a>(run: &'a Value, method: &str) -> &'a Value {
    let panes = run["panes"].as_array().unwrap();
    panes.iter().find(|pane| pane["method"] == method).unwrap_or_else(|| panic!("no pane {method}"))
}

fn p(of: &Value) -> Vec<f64> {
    numbers(&of["p"])
}

fn corrected<'a>(pane: &'a Value, by: &str) -> &'a Value {
    let all = pane["corrected"].as_array().unwrap();
    all.iter().find(|other| other["by"] == by).unwrap_or_else(|| panic!("nothing by {by}: {all:?}"))
}

fn measure(pane: &Value, id: &str) -> f64 {
    let found = pane["measures"].as_array().unwrap().iter().find(|measure| measure["id"] == id);
    found.and_then(|measure| measure["value"].as_f64()).unwrap_or_else(|| panic!("no {id}: {pane}"))
}

fn tv(p: &[f64], q: &[f64]) -> f64 {
    assert_eq!(p.len(), q.len());
    p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0
}

#[test]
fn a_planted_order_bias_is_recovered_and_taken_out() {
    let methods = ["option-logits", "option-text"];
    let planted = run("scripted:bias@0", &NOMINAL, &methods);
    for hundredths in [40, 150] {
        let bias = f64::from(hundredths) / 100.0;
        let biased = run(&format!("scripted:bias@{hundredths}"), &NOMINAL, &methods);
        let letters = pane(&biased, "option-logits");
        let slots = ["A", "B", "C", "D"].map(|letter| measure(letters, &format!("pride.prior.{letter}")));
        let found = (slots[0] / slots[1]).ln();
        assert!((found - bias).abs() < 0.01 * bias, "{found} nats were found, {bias} planted");
        assert!((slots[1] - slots[3]).abs() < 1e-4);
        assert!(measure(letters, "orders.max_pairwise_tv") > 0.05, "the bias moves the orders apart");
        for method in methods {
            let (content, found) = (p(pane(&planted, method)), pane(&biased, method));
            // A mean over orders is not the content to the last digit, for a bias adds in the logarithm.
            let of_mean = tv(&p(found), &content);
            assert!(of_mean < if hundredths == 40 { 0.01 } else { 0.06 }, "{method}: {of_mean}");
        }
        let content = p(pane(&planted, "option-logits"));
        assert!(tv(&p(corrected(letters, "pride")), &content) < 1e-4, "{letters}");
        let texts = pane(&biased, "option-text");
        // Nothing is liked for its words where nothing is asked, so that PMI is left with the content alone.
        assert!(tv(&p(corrected(texts, "pmi")), &p(pane(&planted, "option-text"))) < 1e-4, "{texts}");
        assert!((texts["mass"].as_f64().unwrap() - 0.92).abs() < 1e-4, "{}", texts["mass"]);
    }
    assert!(measure(pane(&planted, "option-logits"), "pride.prior_tv") < 1e-4);
    assert!(measure(pane(&planted, "option-logits"), "orders.max_pairwise_tv") < 1e-4);
}

#[test]
fn what_is_said_agrees_with_what_is_planted() {
    let mut question = NOMINAL.to_vec();
    question.extend(["--samples", "600"]);
    let planted = run("scripted:bias@0", &question, &["option-logits", "sequence", "verbalised"]);
    let content = p(pane(&planted, "option-logits"));
    let (sequence, stated) = (pane(&planted, "sequence"), pane(&planted, "verbalised"));
    assert_eq!((&sequence["obtained"], &stated["obtained"]), (&"sampled".into(), &"stated".into()));
    assert_eq!((sequence["samples"].as_u64(), sequence["draws"].as_array().unwrap().len()), (Some(600), 600));
    assert_eq!(sequence["mass"].as_f64(), Some(1.0));
    // The scripted engine reads a prompt of its own in each method, and likes what it likes there.
    for pane in [sequence, stated] {
        assert_eq!(p(pane).len(), content.len());
        assert_eq!(pane["orders"].as_u64(), Some(4));
        assert!(measure(pane, "orders.mean_pairwise_tv") < 0.25, "{pane}");
    }
    assert_eq!(stated["voices"].as_array().unwrap().len(), 20);
    let sum = measure(stated, "stated.sum");
    assert!((sum - 100.0).abs() < 10.0, "{sum}");
    let text = stated["voices"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("A: ") && text.lines().count() == 4 && text.ends_with('%'), "{text}");
}

/// Every method of the mode.
fn all() -> Vec<&'static str> {
    let facts = METHODS.iter().map(|method| &method.facts);
    facts.filter(|facts| facts.mode == Mode::Distribution).map(|facts| facts.id).collect()
}

/// A question with `count` options that begin with the same word.
fn many(count: usize) -> Vec<String> {
    let mut question = vec!["--ask".to_owned(), "Which number is the best one?".to_owned()];
    for number in 0..count {
        question.extend(["--option".to_owned(), format!("Number {number} of them")]);
    }
    question
}

fn run_many(count: usize) -> Value {
    let question = many(count);
    let mut words: Vec<&str> = question.iter().map(String::as_str).collect();
    words.extend(["--samples", "6"]);
    run("scripted", &words, &all())
}

#[test]
fn eighteen_options_are_handled_and_letters_beyond_j_are_told() {
    let run = run_many(18);
    for method in all() {
        let pane = pane(&run, method);
        let note = pane["note"].as_str().unwrap_or_default();
        match pane["status"].as_str().unwrap() {
            "done" => assert_eq!(p(pane).len(), 18, "{method}"),
            status => assert!(status == "skipped" && note.len() > 20, "{method}: {pane}"),
        }
        let has_letters = ["option-logits", "sequence", "verbalised"].contains(&method);
        assert!(!has_letters || note.contains("beyond J"), "{method}: {note}");
    }
}

#[test]
fn more_options_than_letters_get_a_sentence_or_words() {
    let run = run_many(27);
    for method in all() {
        let pane = pane(&run, method);
        match method {
            "sampled" | "option-text" => assert_eq!(p(pane).len(), 27, "{method}: {pane}"),
            _ if pane["status"] == "skipped" => assert!(pane["note"].is_string(), "{method}"),
            _ => {
                let error = pane["error"].as_str().unwrap_or_default();
                assert!(error.contains("27 options") && error.contains("use the method"), "{method}: {error}");
            }
        }
    }
}

#[test]
fn options_of_very_different_length_and_one_first_word_are_told_apart() {
    let long = "Agree strongly, because everybody who has looked at it for long enough has come to the same view";
    let question = ["--ask", "Is it so?", "--option", "Agree", "--option", long, "--option", "No"];
    let run = run("scripted:bias@0", &question, &all());
    let texts = pane(&run, "option-text");
    let shares = p(texts);
    assert!(shares.iter().all(|share| *share > 0.05), "{shares:?}");
    // The script gives an option its share whatever its length; a mean per token does not.
    assert!(tv(&p(corrected(texts, "length-normalised")), &shares) > 0.01);
    assert!((texts["mass"].as_f64().unwrap() - 0.92).abs() < 1e-4, "no option is counted inside another");
}

#[test]
fn one_substantive_option_leaves_every_method_out_with_a_reason() {
    let parallax = Parallax::new();
    let pack = concat!(
        r#"{"kind":"pack","format":"pluralpack/1","id":"one","version":"1","title":"One","lang":"en","licence":{"spdx":"CC0-1.0"}}"#,
        "\n",
        r#"{"kind":"item","id":"q","text":"Is it so?","ask":{"form":"choice","options":[{"id":"y","label":"Yes"},{"id":"d","label":"Don't know","role":"dont_know"}]},"origin":{"source":"s","row":"1"}}"#
    );
    let file = parallax.file("one.pack.jsonl", pack).display().to_string();
    let methods: Vec<String> = all().iter().map(|method| format!("distribution={method}")).collect();
    let mut arguments = vec!["--pack", &file, "--question", "q", "--mode", "distribution", "--quiet"];
    arguments.extend(methods.iter().flat_map(|method| ["--method", method]));
    let run = parallax.run_json(&arguments);
    for method in all() {
        let pane = pane(&run, method);
        assert_eq!(pane["status"], "skipped", "{method}");
        assert!(pane["note"].as_str().unwrap().contains("fewer than two options"), "{method}: {pane}");
    }
}
