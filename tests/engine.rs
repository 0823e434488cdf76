//! The engine's protocol, spoken by hand: every id ends exactly once, and nothing that is sent can end the engine.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Parallax, wait_until};

const PATIENCE: Duration = Duration::from_secs(20);

struct Engine {
    _parallax: Parallax,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
}

impl Engine {
    fn start(kind: &str) -> Self {
        let parallax = Parallax::new();
        let mut command = parallax.command(&["engine", "--kind", kind]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { _parallax: parallax, child, input, lines }
    }

    fn loaded(kind: &str) -> Self {
        let mut engine = Self::start(kind);
        engine.send(&json!({"id": 1, "op": "load", "path": ""}));
        assert_eq!(engine.end_of(1).last().unwrap()["kind"], "loaded");
        engine
    }

    fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn send(&mut self, request: &Value) {
        self.raw(format!("{request}\n").as_bytes());
    }

    /// The next event that is not about the engine as a whole.
    fn next(&self) -> Value {
        loop {
            let event = self.lines.recv_timeout(PATIENCE).unwrap();
            if !matches!(event["ev"].as_str().unwrap(), "status" | "model") {
                return event;
            }
        }
    }

    /// All events up to the end of `id`; they must all be of `id`.
    fn end_of(&self, id: u64) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.next();
            assert_eq!(event["id"], id, "{event}");
            let is_end = is_end(&event);
            events.push(event);
            if is_end {
                return events;
            }
        }
    }

    /// The refusal that answers `id`, alone.
    fn refusal(&self, id: u64) -> (String, String) {
        let events = self.end_of(id);
        let [event] = &events[..] else { panic!("{events:?}") };
        assert_eq!(event["ev"], "error", "{event}");
        (event["code"].as_str().unwrap().to_owned(), event["message"].as_str().unwrap().to_owned())
    }

    fn assert_alive(&mut self) {
        self.send(&json!({"id": 999, "op": "hello", "version": 1}));
        assert_eq!(self.end_of(999).last().unwrap()["kind"], "hello");
    }

    /// Closes the input and takes what still comes.
    fn close(mut self) -> (Option<i32>, Vec<Value>) {
        drop(self.input.take());
        let mut status = None;
        assert!(wait_until(PATIENCE, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        }));
        (status.unwrap().code(), self.lines.iter().collect())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_end(event: &Value) -> bool {
    matches!(event["ev"].as_str().unwrap(), "done" | "error" | "cancelled")
}

fn generate(id: u64, text: &str) -> Value {
    json!({"id": id, "op": "generate", "prompt": {"layout": "chat", "turns": [{"role": "user", "content": text}]},
        "max_tokens": 400, "seed": 1})
}

#[test]
fn a_greeting_a_model_and_an_answer() {
    let mut engine = Engine::start("scripted");
    for id in [1, 2] {
        engine.send(&json!({"id": id, "op": "hello", "version": 1, "later": {"a": [1]}}));
        let events = engine.end_of(id);
        let hello = events.last().unwrap();
        assert_eq!((hello["kind"].as_str(), hello["version"].as_u64()), (Some("hello"), Some(1)), "{hello}");
    }
    engine.send(&json!({"id": 3, "op": "load", "path": "", "context": 2048}));
    let events = engine.end_of(3);
    assert!(events.iter().any(|event| event["ev"] == "progress"));
    assert_eq!(events.last().unwrap()["context"], 2048);
    engine.send(&generate(4, "Why?"));
    let events = engine.end_of(4);
    let (done, tokens) = events.split_last().unwrap();
    let text: String = tokens.iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(done["text"], text);
    assert_eq!(
        (done["finish"].as_str(), done["usage"]["generated_tokens"].as_u64()),
        (Some("stop"), Some(tokens.len() as u64))
    );
    assert!(tokens.iter().all(|event| event["logprob"].as_f64().unwrap() <= 1e-6));
    engine.send(&json!({"id": 5, "op": "score_continuations", "prompt": {"layout": "raw", "text": "Why?"}, "continuations": ["a", "bb"]}));
    let scores = engine.end_of(5).pop().unwrap();
    let lengths: Vec<_> = scores["logprobs"].as_array().unwrap().iter().map(|l| l.as_array().unwrap().len()).collect();
    assert_eq!(lengths, [1, 2]);
    let (code, rest) = engine.close();
    assert_eq!(code, Some(0));
    assert!(rest.iter().all(|event| event.get("id").is_none()), "{rest:?}");
}

#[test]
fn requests_that_make_no_sense_are_refused_and_the_rest_goes_on() {
    let mut engine = Engine::start("scripted");
    engine.send(&json!({"id": 1, "op": "hello", "version": 99}));
    let (code, message) = engine.refusal(1);
    assert!(code == "version" && message.contains("version 1") && message.contains("version 99"), "{message}");
    engine.send(&generate(2, "Why?"));
    let (code, message) = engine.refusal(2);
    assert!(code == "no_model" && message.contains("load"), "{message}");
    engine.send(&json!({"id": 3, "op": "fly", "to": "the moon"}));
    let (code, message) = engine.refusal(3);
    assert!(code == "bad_request" && message.contains("fly"), "{message}");
    engine.send(&json!({"id": 4, "op": "generate", "max_tokens": "many"}));
    assert_eq!(engine.refusal(4).0, "bad_request");
    // Without an id that can be read, the answer is to nobody.
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000], vec![b'\n']].concat();
    let deep_field =
        [br#"{"id":5,"op":"status","x":"#.as_slice(), &vec![b'['; 10_000], &vec![b']'; 10_000], b"}\n"].concat();
    for line in [
        b"not JSON\n".as_slice(),
        b"{\"op\":\"status\"}\n",
        b"[]\n",
        b"\xff\xfe\n",
        &deep,
        &deep_field,
        b"{\"id\":-1,\"op\":\"status\"}\n",
    ] {
        engine.raw(line);
        let (code, message) = engine.refusal(0);
        assert!(code == "bad_request" && message.len() < 300, "{message}");
    }
    engine.raw(b"\n  \n\r\n");
    engine.assert_alive();
    let long = [b"{\"id\":6,\"op\":\"hello\",\"x\":\"".as_slice(), &vec![b'x'; 9 << 20], b"\"}\n"].concat();
    engine.raw(&long);
    let (code, message) = engine.refusal(0);
    assert!(code == "bad_request" && message.contains("8388608"), "{message}");
    engine.assert_alive();
    engine.send(&json!({"id": 7, "op": "load", "path": ""}));
    assert_eq!(engine.end_of(7).last().unwrap()["kind"], "loaded");
    engine
        .send(&json!({"id": 8, "op": "generate", "prompt": {"layout": "raw", "text": ""}, "max_tokens": 4, "seed": 1}));
    assert_eq!(engine.refusal(8).0, "bad_request");
    engine.send(&generate(9, &"word ".repeat(20_000)));
    assert_eq!(engine.refusal(9).0, "context");
    engine.assert_alive();
    assert_eq!(engine.close().0, Some(0));
}

#[test]
fn the_end_of_the_input_ends_the_engine_even_within_a_line() {
    let mut engine = Engine::loaded("scripted");
    engine.raw(b"{\"id\":5,\"op\":\"stat");
    let (code, rest) = engine.close();
    assert_eq!(code, Some(0));
    assert!(rest.iter().all(|event| event.get("id").is_none()), "half a line means nothing: {rest:?}");
    // In the middle of an answer, too.
    let mut engine = Engine::loaded("scripted:slow@50");
    engine.send(&generate(2, "Why?"));
    assert_eq!(engine.next()["ev"], "token");
    let began = Instant::now();
    assert_eq!(engine.close().0, Some(0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn a_cancelled_voice_ends_once_and_at_once() {
    let mut engine = Engine::loaded("scripted:slow@20");
    engine.send(&json!({"id": 2, "op": "cancel", "target": 77}));
    assert_eq!(engine.end_of(2).len(), 1, "nothing to cancel is no mistake");
    engine.send(&generate(3, "Why?"));
    engine.send(&generate(4, "How?"));
    assert_eq!(engine.next()["ev"], "token");
    engine.send(&json!({"id": 5, "op": "cancel", "target": 3}));
    let mut ends = Vec::new();
    while !ends.contains(&5) {
        let event = engine.next();
        if is_end(&event) {
            let id = event["id"].as_u64().unwrap();
            assert_eq!(event["ev"], if id == 3 { "cancelled" } else { "done" }, "{event}");
            ends.push(id);
        }
    }
    assert_eq!(ends, [3, 5]);
    engine.send(&json!({"id": 6, "op": "cancel", "target": 3}));
    let mut after = Vec::new();
    while !after.contains(&4) {
        let event = engine.next();
        assert_ne!(event["id"], 3, "3 has ended");
        if is_end(&event) {
            after.push(event["id"].as_u64().unwrap());
        }
    }
    assert_eq!(after, [6, 4], "the neighbour goes on to its end");
}

#[test]
fn a_busy_engine_says_twice_a_second_how_busy_it_is_and_an_idle_one_is_silent() {
    let mut engine = Engine::loaded("scripted:slow@20");
    engine.send(&generate(2, "Why?"));
    let (mut beats, mut has_run, mut is_over) = (0, false, false);
    while !is_over {
        let event = engine.lines.recv_timeout(PATIENCE).unwrap();
        if event["ev"] == "status" {
            beats += 1;
            assert!(
                event["cells"].as_u64() > Some(0) && event["cells_used"].as_u64() <= event["cells"].as_u64(),
                "{event}"
            );
            has_run |= event["running"] == 1 && event["cells_used"].as_u64() > Some(0);
        }
        is_over = event["id"] == 2 && is_end(&event);
    }
    assert!(beats >= 2 && has_run, "{beats} beats");
    // The last beat and the outcome of the self-test may still be on their way.
    while engine.lines.recv_timeout(Duration::from_millis(1200)).is_ok() {}
    assert_eq!(engine.lines.recv_timeout(Duration::from_millis(1200)), Err(RecvTimeoutError::Timeout));
    engine.send(&json!({"id": 3, "op": "status"}));
    let status = engine.lines.recv_timeout(PATIENCE).unwrap();
    assert_eq!((status["ev"].as_str(), status["running"].as_u64()), (Some("status"), Some(0)));
    assert_eq!(engine.end_of(3).len(), 1);
}
