//! Models that think before they answer, with the scripted engine: what they think is told, kept and never read as an
//! answer.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};
use support::{EVERY_METHOD, POLICE_TRUST, Parallax, measures, numbers, pane, shape};

/// A run of an engine, with its prompts.
fn run(parallax: &Parallax, engine: &str, more: &[&str]) -> (Value, String) {
    let arguments = ["run", "--engine", engine, "--format", "json", "--show-prompts"];
    let ended = parallax.call(&[&arguments[..], &POLICE_TRUST, &EVERY_METHOD, more].concat()).succeeded();
    let run = ended.json();
    shape::check(&run);
    (run, ended.err)
}

fn voices(run: &Value) -> Vec<&Value> {
    run["panes"].as_array().unwrap().iter().filter_map(|pane| pane["voices"].as_array()).flatten().collect()
}

#[test]
fn thinking_stands_beside_the_answer_and_changes_no_score() {
    let parallax = Parallax::new();
    let settings = ["--temperature", "0", "--samples", "3"];
    let (plain, _) = run(&parallax, "scripted", &settings);
    let (thought, prompts) = run(&parallax, "scripted:think@23", &settings);
    assert!(
        voices(&plain).iter().all(|voice| voice.get("thinking").is_none() && voice.get("thinking_tokens").is_none())
    );
    assert_eq!(voices(&plain).len(), voices(&thought).len());
    for voice in voices(&thought) {
        let thinking = voice["thinking"].as_str().unwrap();
        assert!(thinking.split_whitespace().count() == 23, "{thinking}");
        let text = voice["text"].as_str().unwrap();
        assert!(!text.is_empty() && ![text, thinking].iter().any(|text| text.contains("think>")), "{voice}");
        let (all, thinking) = (voice["tokens"].as_u64().unwrap(), voice["thinking_tokens"].as_u64().unwrap());
        // The marks and the line feeds beside them are bytes, one token each; those behind the mark are the answer's.
        assert!(thinking == 23 + 8 + 9 && thinking < all, "{voice}");
    }
    // Greedy, the script says the same whether it thought or not; only prompts that hold other answers differ.
    let texts = |run: &Value| voices(run).iter().map(|voice| voice["text"].clone()).collect::<Vec<_>>();
    for (plain, thought) in texts(&plain).iter().zip(texts(&thought)) {
        // The one sentence of a sample is cut at a limit that a model which thinks first does not have.
        assert!(thought.as_str().unwrap().starts_with(plain.as_str().unwrap()), "{plain} and {thought}");
    }
    assert_eq!(pane(&plain, "ensemble").get("text"), pane(&thought, "ensemble").get("text"));
    for method in ["option-logits", "persona-prompt"] {
        assert_eq!(pane(&plain, method).get("p"), pane(&thought, method).get("p"), "{method}");
        assert_eq!(pane(&plain, method).get("distributions"), pane(&thought, method).get("distributions"), "{method}");
    }
    assert!(prompts.contains("<|assistant|><think>\n\n</think>\n\nAnswer:"), "{prompts}");
    let asked = prompts.lines().filter(|line| line.ends_with("<|assistant|>")).count();
    assert!(asked >= voices(&thought).len(), "generated answers are asked for as ever: {prompts}");
    assert_eq!(parallax.shown(thought["run"]["id"].as_str().unwrap()), thought, "the store keeps it");
}

#[test]
fn a_voice_that_never_stops_thinking_has_no_answer_and_the_pane_says_so() {
    let parallax = Parallax::new();
    let (run, _) = run(&parallax, "scripted:think@500", &["--max-tokens", "40", "--samples", "4"]);
    for voice in voices(&run) {
        assert_eq!((voice["text"].as_str(), voice["finish"].as_str()), (Some(""), Some("length")), "{voice}");
        assert_eq!((&voice["tokens"], &voice["thinking_tokens"]), (&40.into(), &40.into()));
        assert!(voice["thinking"].as_str().unwrap().len() > 40);
        assert!(["option", "stance", "surprisal"].iter().all(|field| voice.get(field).is_none()), "{voice}");
    }
    for method in ["vanilla", "ensemble", "pluralistic-prompt", "persona-prompt", "sampled"] {
        let pane = pane(&run, method);
        assert_eq!(pane["status"], "done");
        let note = pane["note"].as_str().unwrap();
        assert!(note.contains("came to no answer") && note.contains("--max-tokens"), "{method}: {note}");
    }
    assert_eq!(pane(&run, "ensemble").get("text"), None, "there was nothing to bring together");
    let vanilla = pane(&run, "vanilla");
    for id in ["refusal_rate", "words"] {
        assert!(measures(vanilla, id)[0].get("value").is_none(), "{id}: {vanilla}");
    }
    let sampled = pane(&run, "sampled");
    assert_eq!((sampled.get("p"), &sampled["non_substantive"]["invalid"]), (None, &1.0.into()));
    assert!((numbers(&pane(&run, "option-logits")["p"]).iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let arguments = ["run", "--engine", "scripted:think@500", "--max-tokens", "40", "--mode", "overton"];
    let text = parallax.call(&[&arguments[..], &POLICE_TRUST].concat()).succeeded();
    assert!(text.out.contains("40 of them thinking") && text.out.contains("it only thought"), "{}", text.out);
}

/// What the engine answers to `requests`, after `load`.
fn answers(kind: &str, requests: &[Value]) -> Vec<Value> {
    let parallax = Parallax::new();
    let mut child = parallax
        .command(&["engine", "--kind", kind])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut events = Vec::new();
    writeln!(input, "{}", json!({"id": 1, "op": "load", "path": ""})).unwrap();
    for request in requests {
        writeln!(input, "{request}").unwrap();
    }
    let mut open = requests.len() + 1;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        open -= usize::from(matches!(event["ev"].as_str(), Some("done" | "error")));
        events.push(event);
        if open == 0 {
            break;
        }
    }
    drop(input);
    child.wait().unwrap();
    events
}

fn generate(id: u64, more: &Value) -> Value {
    let turns = json!([{"role": "user", "content": "Why?"}]);
    let mut request = json!({"id": id, "op": "generate", "max_tokens": 400, "seed": 1, "echo": true,
        "prompt": {"layout": "chat", "turns": turns}});
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

#[test]
fn the_protocol_tells_thinking_apart_and_can_switch_it_off() {
    let begun = json!({"layout": "chat", "turns": [{"role": "user", "content": "Why?"}], "prefill": "This is"});
    let events = answers(
        "scripted:think@9",
        &[
            generate(2, &json!({})),
            generate(3, &json!({"thinking": "off"})),
            generate(4, &json!({"prompt": begun})),
            generate(5, &json!({"prompt": {"layout": "raw", "text": "Why?"}})),
        ],
    );
    let of = |id: u64| events.iter().filter(|event| event["id"] == id).collect::<Vec<_>>();
    assert_eq!(of(1).last().unwrap()["reasoning"], json!({"open": "<think>", "close": "</think>"}));
    let joined = |id: u64, thinking: bool| -> String {
        let tokens = of(id).into_iter().filter(|event| event["ev"] == "token");
        tokens
            .filter(|event| (event["thinking"] == true) == thinking)
            .filter_map(|event| event["text"].as_str())
            .collect()
    };
    let done = |id: u64| (*of(id).last().unwrap()).clone();
    assert_eq!(joined(2, true), done(2)["thinking"].as_str().unwrap());
    assert_eq!(joined(2, false), done(2)["text"].as_str().unwrap());
    assert!(done(2)["usage"]["thinking_tokens"].as_u64().unwrap() > 9);
    let tokens = of(2).into_iter().filter(|event| event["token"].is_i64()).count();
    assert_eq!(done(2)["usage"]["generated_tokens"], tokens, "text that was held back is no token");
    for id in [3, 4, 5] {
        assert!(
            done(id).get("thinking").is_none() && done(id)["usage"].get("thinking_tokens").is_none(),
            "{}",
            done(id)
        );
        assert_eq!(
            (joined(id, true), joined(id, false)),
            (String::new(), done(id)["text"].as_str().unwrap().to_owned())
        );
    }
    let prompt = |id: u64| of(id)[0]["text"].as_str().unwrap().to_owned();
    assert!(prompt(2).ends_with("<|assistant|>"));
    assert!(prompt(3).ends_with("<|assistant|><think>\n\n</think>\n\n"));
    assert!(prompt(4).ends_with("<think>\n\n</think>\n\nThis is"), "a given beginning is the answer's: {}", prompt(4));
}
