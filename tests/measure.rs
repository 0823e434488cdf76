//! `parallax measure` as a program: the examples of `docs/measures.md`, bad lines, exit codes, pipes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

const DOCS: &str = include_str!("../docs/measures.md");

fn parallax(arguments: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("parallax").unwrap();
    command.args(arguments);
    command
}

/// Runs `parallax measure` on `input`: exit code, one value per line of output, stderr.
fn measure(input: impl Into<Vec<u8>>) -> (i32, Vec<Value>, String) {
    let output = parallax(&["measure"]).write_stdin(input).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("NaN") && !text.contains("Infinity"));
    let values = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code().unwrap(), values, String::from_utf8(output.stderr).unwrap())
}

/// The name, input and output of each example in the documentation.
fn examples() -> Vec<(&'static str, &'static str, &'static str)> {
    let kinds = DOCS.split_once("## Kinds of `parallax measure`").unwrap().1;
    kinds
        .split("\n### ")
        .skip(1)
        .map(|section| {
            let mut blocks = section.split("```json\n").skip(1).map(|block| block.split("\n```").next().unwrap());
            let example = (section.lines().next().unwrap(), blocks.next().unwrap(), blocks.next().unwrap());
            assert_eq!(blocks.next(), None, "{} has more than one example", example.0);
            example
        })
        .collect()
}

/// Equal, numbers to 1e-6, with the same keys in the same order.
fn assert_same(found: &Value, expected: &Value, at: &str) {
    match (found, expected) {
        (Value::Number(f), Value::Number(e)) => {
            let (f, e) = (f.as_f64().unwrap(), e.as_f64().unwrap());
            assert!((f - e).abs() <= 1e-6, "{at}: found {f}, documented {e}");
        }
        (Value::Array(f), Value::Array(e)) => {
            assert_eq!(f.len(), e.len(), "{at}");
            for (index, (f, e)) in f.iter().zip(e).enumerate() {
                assert_same(f, e, &format!("{at}[{index}]"));
            }
        }
        (Value::Object(f), Value::Object(e)) => {
            assert_eq!(f.keys().collect::<Vec<_>>(), e.keys().collect::<Vec<_>>(), "{at}");
            for (key, value) in f {
                assert_same(value, &e[key], &format!("{at}.{key}"));
            }
        }
        _ => assert_eq!(found, expected, "{at}"),
    }
}

#[test]
fn documented_examples_give_the_documented_numbers() {
    assert!(examples().len() > 5);
    for (name, input, expected) in examples() {
        let (code, out, _) = measure(input);
        assert_eq!(out.len(), 1, "{name}");
        assert_eq!(code, i32::from(name == "Bad lines"), "{name}");
        assert_same(&out[0], &serde_json::from_str(expected).unwrap(), name);
    }
}

#[test]
fn every_kind_and_its_example_are_documented() {
    let output = parallax(&["measure", "--list"]).output().unwrap();
    assert!(output.status.success());
    let listed = String::from_utf8(output.stdout).unwrap();
    let (kinds, inputs): (Vec<_>, Vec<_>) = examples().into_iter().map(|(name, input, _)| (name, input)).unzip();
    let mut lines = listed.lines();
    let mut count = 0;
    while let (Some(about), Some(example)) = (lines.next(), lines.next()) {
        let name = about.split_whitespace().next().unwrap();
        assert!(kinds.contains(&format!("`{name}`").as_str()), "{name} is not in docs/measures.md");
        assert!(inputs.contains(&example.trim()), "the example of {name} is not in docs/measures.md");
        count += 1;
    }
    assert_eq!(count, kinds.len() - 1, "all sections but that on bad lines are kinds");
}

#[test]
fn every_id_of_an_output_is_explained() {
    for (name, _, output) in examples().into_iter().filter(|(name, ..)| name.starts_with('`')) {
        let output: Value = serde_json::from_str(output).unwrap();
        for id in
            output.as_object().unwrap().keys().filter(|key| !["id", "n", "seed", "resamples"].contains(&key.as_str()))
        {
            assert!(DOCS.contains(&format!("`{id}`")), "{id} of {name} is not explained");
        }
    }
}

#[test]
fn bad_lines_are_answered_in_place_and_exit_with_1() {
    let good = r#"{"kind":"pair","p":[1,1],"q":[1,3],"id":{"a":[null,123456789012345678901234567890]}}"#;
    let bad = [
        r#"{"kind":"pair","p":[1],"q":[1,3],"id":"x"}"#,
        r#"{"kind":"pair","p":[1,1],"q":[0,0]}"#,
        r#"{"kind":"pair","p":[1,1],"q":[1,-3]}"#,
        r#"{"kind":"pair","p":[1,1],"q":[1,NaN]}"#,
        r#"{"kind":"pair","p":[1,1],"q":[1,1e999]}"#,
        r#"{"kind":"none","p":[1,1]}"#,
        r#"{"p":[1,1]}"#,
        r#"{"kind":"many","distributions":[[1,1],[1,1,1]]}"#,
        r#"{"kind":"orders","orders":[[0,0]],"slots":[[1,1]]}"#,
        "nonsense",
        "[]",
    ];
    let input = format!("{good}\n\n{}\n{good}\n", bad.join("\n"));
    let (code, out, stderr) = measure(input);
    assert_eq!(code, 1);
    assert_eq!(out.len(), bad.len() + 2);
    assert_eq!(out[0], out[bad.len() + 1]);
    for (index, line) in bad.iter().enumerate() {
        assert_eq!(out[index + 1]["line"], index + 3, "{line}");
        let sentence = out[index + 1]["error"].as_str().unwrap();
        assert!(sentence.len() > 20 && !sentence.contains('\n'), "{sentence}");
    }
    assert_eq!(out[1]["id"], "x");
    assert!(out[6]["error"].as_str().unwrap().contains("`none` is not a kind; use one of pair"));
    assert_eq!(stderr.lines().count(), 1);
    assert!(stderr.contains("11 of 13 lines"), "{stderr}");
}

#[test]
fn ids_come_back_byte_for_byte() {
    let id = r#"{"a":[null,123456789012345678901234567890,1.10]}"#;
    let output = parallax(&["measure"])
        .write_stdin(format!(r#"{{"id": {id},"kind":"pair","p":[1,1],"q":[1,3]}}"#))
        .output()
        .unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(&format!(r#"{{"id":{id},"js_divergence_2":"#)));
}

#[test]
fn nothing_in_nothing_out() {
    assert_eq!(measure(""), (0, vec![], String::new()));
    assert_eq!(measure("\n  \n"), (0, vec![], String::new()));
}

#[test]
fn other_encodings_and_endless_lines_are_answered() {
    let mut input = b"{\"kind\":\"pair\xff\"}\n".to_vec();
    input.extend(vec![b'1'; 9 << 20]);
    input.extend(b"\n{\"kind\":\"pair\",\"p\":[1,1],\"q\":[1,1]}");
    let (code, out, _) = measure(input);
    assert_eq!((code, out.len()), (1, 3));
    assert!(out[0]["error"].as_str().unwrap().contains("not UTF-8"));
    assert!(out[1]["error"].as_str().unwrap().contains("8 MiB"));
    assert_eq!(out[2]["tv"], 0.0);
}

#[test]
fn works_as_a_coprocess() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_parallax"))
        .arg("measure")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for id in 0..3 {
        writeln!(stdin, r#"{{"kind":"pair","p":[1,1],"q":[1,3],"id":{id}}}"#).unwrap();
        stdin.flush().unwrap();
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["id"], id);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_parallax"))
        .arg("measure")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // The child may be gone before all is written.
    for _ in 0..1000 {
        if writeln!(stdin, r#"{{"kind":"pair","p":[1,1],"q":[1,3]}}"#).is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}
