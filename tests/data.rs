//! `parallax data` and `parallax personas`, as a user runs them.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

fn parallax(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("parallax").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--data-dir").arg(home).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const SMALL: &str = concat!(
    r#"{"kind":"pack","format":"pluralpack/1","id":"small","version":"1","title":"Sm\u001b[31mall","lang":"en","licence":{"spdx":"CC0-1.0"}}"#,
    "\n",
    r#"{"kind":"item","id":"q","text":"Why?","mood":1,"origin":{"source":"s","row":"1"}}"#,
    "\n"
);

#[test]
fn lists_are_text_or_json() {
    let home = tempfile::tempdir().unwrap();
    let text = stdout(&parallax(home.path(), &["data", "list"]));
    assert!(text.starts_with("PACK") && text.contains("us-civics") && text.contains("CC-BY-4.0"), "{text}");
    let json: Value =
        serde_json::from_slice(&parallax(home.path(), &["data", "list", "--format", "json"]).stdout).unwrap();
    let packs: Vec<(&str, usize)> = json["packs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pack| (pack["id"].as_str().unwrap(), pack["questions"].as_array().unwrap().len()))
        .collect();
    assert_eq!(packs, [("us-civics", 20), ("debates", 12), ("dilemmas", 8)]);
    let json: Value =
        serde_json::from_slice(&parallax(home.path(), &["personas", "list", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["personas"].as_array().unwrap().len(), 16);
    assert!(stdout(&parallax(home.path(), &["personas", "list"])).contains("union-nurse"));
}

#[test]
fn packs_and_questions_are_shown_with_their_figures() {
    let home = tempfile::tempdir().unwrap();
    let pack = stdout(&parallax(home.path(), &["data", "show", "debates"]));
    assert!(pack.contains("immigration-levels") && pack.contains("! Viewpoints were written"), "{pack}");
    let question = stdout(&parallax(home.path(), &["data", "show", "us-civics/systemic-racism"]));
    for part in ["us.party.republican", "1592", "13.2 %", "our wording", "FiveThirtyEight", "refused"] {
        assert!(question.contains(part), "{part}: {question}");
    }
    assert!(
        stdout(&parallax(home.path(), &["data", "show", "debates/basic-income"]))
            .contains("(against, weight 1 by equal)")
    );
    let dilemma = stdout(&parallax(home.path(), &["data", "show", "dilemmas/evacuation"]));
    assert!(dilemma.contains("Respect his refusal") && dilemma.contains("His own life, his own end"), "{dilemma}");
    let file = parallax(home.path(), &["data", "show", "datasets/debates.pack.jsonl/basic-income"]);
    assert!(stdout(&file).contains("debates/basic-income"), "{}", stderr(&file));
}

#[test]
fn what_is_not_there_is_one_sentence_with_the_nearest_name() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (["data", "show", "us-civic"], "did you mean `us-civics`?"),
        (["data", "show", "us-civics/mail"], "did you mean `mail-ballots`?"),
        (["data", "show", "no/such.pack.jsonl"], "no such file"),
        (["personas", "show", "farmer"], "did you mean `conservative-farmer`?"),
        (["personas", "show", "@no-file.toml"], "no such file"),
    ] {
        let output = parallax(home.path(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.contains(part) && said.lines().count() == 1 && output.stdout.is_empty(), "{said}");
    }
}

#[test]
fn the_users_folder_is_laid_over_and_broken_files_are_named() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("datasets")).unwrap();
    std::fs::write(home.path().join("datasets/small.pack.jsonl"), SMALL).unwrap();
    std::fs::write(home.path().join("datasets/bad.pack.jsonl"), "not a pack").unwrap();
    let output = parallax(home.path(), &["data", "list"]);
    assert!(stdout(&output).contains("small") && !stdout(&output).contains('\u{1b}'), "{}", stdout(&output));
    assert!(stderr(&output).contains("bad.pack.jsonl"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
    assert!(parallax(home.path(), &["data", "list", "--quiet"]).stderr.is_empty());
}

#[test]
fn validation_tells_good_from_bad() {
    let home = tempfile::tempdir().unwrap();
    for pack in ["us-civics", "debates", "dilemmas"] {
        let path = format!("datasets/{pack}.pack.jsonl");
        let good = parallax(home.path(), &["data", "validate", "--strict", &path]);
        assert_eq!(good.status.code(), Some(0), "{}", stdout(&good));
    }
    let file = home.path().join("small.jsonl");
    std::fs::write(&file, SMALL).unwrap();
    let file = file.to_str().unwrap();
    let lenient = parallax(home.path(), &["data", "validate", file]);
    assert!(lenient.status.success() && !stdout(&lenient).contains("`mood`"), "{}", stdout(&lenient));
    let strict = parallax(home.path(), &["data", "validate", file, "--strict"]);
    assert_eq!(strict.status.code(), Some(1));
    assert!(stdout(&strict).contains("line 2, `q`: nothing reads the keys `mood`"), "{}", stdout(&strict));
    std::fs::write(file, format!("{SMALL}{{\n")).unwrap();
    let lost = parallax(home.path(), &["data", "validate", file, "no-such.jsonl"]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(stdout(&lost).contains("line 3: the line is not a JSON object") && stdout(&lost).contains("no such file"));
}

#[test]
fn personas_are_shown_and_checked() {
    let home = tempfile::tempdir().unwrap();
    let shown = stdout(&parallax(home.path(), &["personas", "show", "union-nurse"]));
    assert!(shown.contains("1.  You are") && shown.contains("3.  You are"), "{shown}");
    let shown = stdout(&parallax(home.path(), &["personas", "show", "@personas/climate-student.toml"]));
    assert!(shown.contains("Climate student"), "{shown}");
    let checked = parallax(home.path(), &["personas", "validate", "personas/climate-student.toml", "Cargo.toml"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        stdout(&checked).contains("climate-student.toml: good")
            && stdout(&checked).contains("error: persona Cargo.toml")
    );
}
