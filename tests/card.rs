//! The pluralism card, with the scripted engine.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use support::{Parallax, finish, signal, wait_until};

fn card(home: &std::path::Path, more: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = assert_cmd::Command::cargo_bin("parallax").unwrap();
    command.args(["--engine", "scripted", "--quiet", "--data-dir"]).arg(home);
    command.args(["card", "--limit", "3"]).args(more).assert()
}

fn printed(home: &std::path::Path, more: &[&str]) -> String {
    String::from_utf8(card(home, more).success().get_output().stdout.clone()).unwrap()
}

#[test]
fn two_cards_of_one_model_differ_in_nothing_and_another_seed_makes_another() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for form in [&[][..], &["--json"]] {
        let first = printed(one.path(), form);
        assert_eq!(first, printed(two.path(), form), "in another folder everything is asked anew");
        assert_eq!(first, printed(one.path(), form), "in the same folder it is taken from the store");
        assert_ne!(first, printed(one.path(), &[form, &["--seed", "2"]].concat()));
    }
}

#[test]
fn both_files_are_written_and_say_the_same() {
    let home = tempfile::tempdir().unwrap();
    let name = home.path().join("scripted");
    assert!(printed(home.path(), &["--out", name.to_str().unwrap()]).is_empty());
    let markdown = std::fs::read_to_string(name.with_extension("md")).unwrap();
    let json: Value = serde_json::from_slice(&std::fs::read(name.with_extension("json")).unwrap()).unwrap();
    assert_eq!(json["schema"], "parallax.card/1");
    assert_eq!(json["asked"]["questions"], 3);
    let text = json.to_string();
    for absent in ["started", "\"run\"", "\"path\"", "_ms", home.path().to_str().unwrap()] {
        assert!(!text.contains(absent), "{absent} would make two cards differ");
    }
    for section in
        ["# Pluralism card", "## As a population", "## Whom it resembles", "## As someone", "baseline: uniform"]
    {
        assert!(markdown.contains(section), "{section} is missing in {markdown}");
    }
    for method in ["option-logits", "sampled", "verbalised"] {
        let lines = json["methods"].as_array().unwrap();
        let line = lines.iter().find(|line| line["method"] == method).unwrap();
        let measures = line["measures"].as_array().unwrap();
        let distance = measures.iter().find(|measure| measure["id"] == "mean.js_distance_2").unwrap();
        let shown = format!("{:.3}", distance["value"].as_f64().unwrap());
        assert!(markdown.lines().any(|line| line.contains(method) && line.contains(&shown)), "{method}: {shown}");
    }
    let voices = json["voices"].as_array().unwrap();
    assert!(voices.iter().any(|voices| voices["persona"].is_string() && voices["n"] == 3), "{voices:?}");
    let flat = &json["flattening"];
    assert_eq!(flat["tested"].as_u64().unwrap() + flat["untestable"].as_u64().unwrap(), 3, "{flat}");
}

#[test]
fn no_card_is_made_of_half_the_questions() {
    let home = tempfile::tempdir().unwrap();
    let mut command = assert_cmd::Command::cargo_bin("parallax").unwrap();
    command.args(["--engine", "scripted:crash@40", "--quiet", "--data-dir"]).arg(home.path());
    let output = command.args(["card", "--limit", "3"]).assert().failure();
    let output = output.get_output();
    assert!(output.stdout.is_empty());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("parallax: there is no card"), "{said}");
}

/// All of its questions are under way at once, so that each is cut short.
#[test]
fn an_interrupted_card_writes_nothing() {
    let parallax = Parallax::new();
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("scripted");
    let arguments =
        ["--engine", "scripted:slow@15", "--quiet", "card", "--limit", "2", "--out", name.to_str().unwrap()];
    let child = parallax.start(&arguments);
    assert!(wait_until(Duration::from_secs(60), || !parallax.finished_voices().is_empty()));
    signal(child.id(), Signal::INT);
    let ended = finish(child);
    assert!(matches!(ended.code(), Some(1 | 130)), "{ended:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{ended:?}");
    let wanted = parallax.call(&["--engine", "scripted", "--quiet", "card", "--limit", "2"]).succeeded().out;
    assert!(wanted.contains("| questions | 2 of us-civics"), "{wanted}");
}
