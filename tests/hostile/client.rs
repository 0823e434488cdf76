//! The client hears anything.

use parallax::engine::fuzzing::client_hears;
use parallax::engine::protocol::MAX_LINE;
use proptest::prelude::*;

use crate::lines::{ANSWERS, joined, talk};

/// How each of the five requests ended, shortly.
fn ends(said: &[u8]) -> Vec<String> {
    let ends = client_hears(said, 64).unwrap();
    ends.into_iter().map(|end| end.err().unwrap_or_else(|| "well".to_owned())).collect()
}

#[test]
fn an_engine_may_die_at_every_byte() {
    let whole = joined(&ANSWERS);
    assert_eq!(ends(&whole), ["well", "well", "stopped", "well", "well"]);
    for end in 0..whole.len() {
        let ends = client_hears(&whole[..end], 1 + end % 100).unwrap_or_else(|broken| panic!("cut at {end}: {broken}"));
        assert_eq!(ends.len(), 5);
        let is_kept = |end: &Result<(), String>| match end {
            Ok(()) => true,
            Err(sentence) => sentence == "stopped" || sentence.starts_with("the engine died (its output ended)"),
        };
        assert!(ends.iter().all(is_kept), "cut at {end}: {ends:?}");
    }
}

#[test]
fn a_second_end_and_what_nobody_asked_for_change_nothing() {
    let whole = joined(&ANSWERS);
    let twice: Vec<u8> = ANSWERS.iter().flat_map(|line| format!("{line}\n{line}\n").into_bytes()).collect();
    assert_eq!(ends(&twice), ends(&whole));
    let stray = "{\"id\":99,\"ev\":\"token\",\"text\":\"x\"}\n{\"id\":0,\"ev\":\"error\",\"code\":\"bad_request\",\"message\":\"m\"}\n";
    assert_eq!(ends(&[stray.repeat(50_000).as_bytes(), &whole].concat()), ends(&whole));
}

#[test]
fn a_flood_for_one_request_ends_the_engine() {
    let token = "{\"id\":2,\"ev\":\"token\",\"text\":\"x\"}\n";
    for end in ends(token.repeat(21).as_bytes()) {
        assert!(end.contains("more of it than one request can have"), "{end}");
    }
    // Four tokens, and some that hold nothing but the end of held-back text.
    assert!(ends(token.repeat(5).as_bytes()).iter().all(|end| end.contains("its output ended")));
    let large = format!("{{\"id\":2,\"ev\":\"token\",\"text\":\"{}\"}}\n", "x".repeat(MAX_LINE - 100));
    assert!(ends(large.repeat(3).as_bytes())[0].contains("more of it than one request can have"));
    let progress = "{\"id\":1,\"ev\":\"progress\",\"fraction\":0.1}\n".repeat(20_000);
    assert!(ends(progress.as_bytes())[0].contains("more of it than one request can have"));
}

#[test]
fn a_line_of_the_limit_is_read_and_one_byte_more_is_not() {
    let line = |length: usize| {
        let start = "{\"id\":2,\"ev\":\"cancelled\",\"x\":\"";
        format!("{start}{}\"}}\n", "x".repeat(length - start.len() - 2))
    };
    assert_eq!(ends(line(MAX_LINE).as_bytes())[1], "stopped");
    assert!(ends(line(MAX_LINE + 1).as_bytes())[1].contains("longer than 8388608 bytes"));
    assert!(ends(&vec![b'x'; MAX_LINE + 2])[1].contains("longer than 8388608 bytes"));
}

#[test]
fn answers_of_the_wrong_shape_are_told() {
    let usage = r#""usage":{"prompt_tokens":18446744073709551615,"computed_prompt_tokens":0,"generated_tokens":0,"queue_ms":0,"prompt_ms":0,"generate_ms":0}"#;
    for (at, body) in [
        (3, r#""kind":"options","mass":[0.5],"coverage":0.5,"top":[]"#),
        (3, r#""kind":"options","mass":[0.5,1e300],"coverage":0.5,"top":[]"#),
        (3, r#""kind":"options","mass":[0.5,-0.5],"coverage":0.5,"top":[]"#),
        (4, r#""kind":"continuations","logprobs":[[-1]]"#),
        (4, r#""kind":"continuations","logprobs":[[-1],[3]]"#),
        (1, r#""kind":"options","mass":[],"coverage":0,"top":[]"#),
    ] {
        let line = format!("{{\"id\":{},\"ev\":\"done\",{body},{usage}}}\n", at + 1);
        let end = &ends(line.as_bytes())[at];
        assert!(end.contains("with something else"), "{line}: {end}");
    }
    let hostile = "{\"id\":1,\"ev\":\"error\",\"code\":\"model\",\"message\":\"a\\u001b[2J\\nb\"}\n{\"id\":2,\"ev\":\"error\",\"code\":\"x\",\"message\":\"\"}\n";
    let ends = ends(hostile.as_bytes());
    assert_eq!(ends[0], "a b");
    assert!(ends[1].contains("did not say why"), "{}", ends[1]);
}

#[test]
fn nesting_without_end_is_nonsense() {
    for start in ["", "{\"id\":2,\"ev\":\"cancelled\",\"x\":"] {
        let line = format!("{start}{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
        assert!(ends(line.as_bytes())[1].contains("not its protocol"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_it_hears_every_request_ends(said in talk(&ANSWERS), piece in 1usize..200) {
        let ends = client_hears(&said, piece);
        prop_assert_eq!(ends.map(|ends| ends.len()), Ok(5));
    }
}
