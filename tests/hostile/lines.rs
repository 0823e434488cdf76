//! Lines of the protocol, right and wrong, in both directions.

use proptest::prelude::*;

/// A whole conversation with the engine; every request ends.
pub const CONVERSATION: [&str; 10] = [
    r#"{"id":1,"op":"hello","version":1}"#,
    r#"{"id":2,"op":"load","path":"m","context":512}"#,
    r#"{"id":3,"op":"generate","prompt":{"layout":"raw","text":"Why?"},"max_tokens":5,"seed":1,"echo":true}"#,
    r#"{"id":4,"op":"generate","prompt":{"layout":"chat","turns":[{"role":"user","content":"Wh\u00e9?"}],"prefill":"So"},"max_tokens":4,"seed":18446744073709551615,"sampler":{"temperature":0.5},"stop":["x",""],"time_limit_ms":60000,"priority":-3,"reuse":false}"#,
    r#"{"id":5,"op":"score_options","prompt":{"layout":"raw","text":"A or B? ("},"labels":["A","B"]}"#,
    r#"{"id":6,"op":"score_continuations","prompt":{"layout":"raw","text":"Tea is"},"continuations":[" good"," bad","x"]}"#,
    r#"{"id":7,"op":"cancel","target":4}"#,
    r#"{"id":8,"op":"cancel","target":99}"#,
    r#"{"id":9,"op":"status"}"#,
    r#"{"id":10,"op":"load","path":"n"}"#,
];

/// What an engine says to the five requests of `fuzzing::client_hears`, all of it right.
pub const ANSWERS: [&str; 13] = [
    r#"{"id":1,"ev":"progress","fraction":0.5}"#,
    r#"{"id":1,"ev":"done","kind":"loaded","name":"m","arch":"llama","parameters":1,"quantisation":"Q4_1","layers":1,"n_embd":1,"trained_context":1,"bytes":1,"template":"chat","context":512,"sequences":4,"threads":1,"profile":"audit","load_ms":1}"#,
    r#"{"ev":"status","queued":1,"running":1,"cells_used":1,"cells":2,"tokens_per_second":1.5,"prompt_tokens_computed":1,"prompt_tokens_reused":1,"shares_prefixes":true}"#,
    r#"{"ev":"model","sha256":"00","class":"bit-exact","detail":"d"}"#,
    r#"{"id":2,"ev":"prompt","text":"Why?","tokens":2}"#,
    r#"{"id":2,"ev":"token","text":"Be\u00e9","logprob":-0.5,"token":7}"#,
    r#"{"id":3,"ev":"token","text":"","logprob":-1e-3}"#,
    r#"{"id":3,"ev":"cancelled"}"#,
    r#"{"id":2,"ev":"done","kind":"generated","text":"Be\u00e9","finish":"length","usage":{"prompt_tokens":2,"computed_prompt_tokens":2,"generated_tokens":1,"queue_ms":0,"prompt_ms":1,"generate_ms":1}}"#,
    r#"{"id":4,"ev":"prompt","text":"Why?","tokens":2}"#,
    r#"{"id":4,"ev":"done","kind":"options","mass":[0.25,0.5],"coverage":0.75,"top":[{"text":"A","p":0.25}],"usage":{"prompt_tokens":2,"computed_prompt_tokens":0,"generated_tokens":0,"queue_ms":0,"prompt_ms":1,"generate_ms":0}}"#,
    r#"{"id":6,"ev":"done","kind":"ok"}"#,
    r#"{"id":5,"ev":"done","kind":"continuations","logprobs":[[-0.5],[null]],"usage":{"prompt_tokens":2,"computed_prompt_tokens":0,"generated_tokens":0,"queue_ms":0,"prompt_ms":1,"generate_ms":0}}"#,
];

/// The lines, each with its end.
pub fn joined(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

/// Values where a line has a number, a string or anything.
const VALUES: [&str; 22] = [
    "0",
    "-1",
    "1",
    "7",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "1e999",
    "1e-999",
    "1e38",
    "4294967296",
    "0.5",
    "null",
    "true",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\u{1b}[2J\"",
    "[]",
    "{}",
    "[[]]",
    "{\"a\":1}",
];

/// One line, mutated: bytes, fields, numbers, nesting, ends of line.
fn mutated(lines: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let whole = prop::sample::select(lines);
    let kind = 0..12u8;
    (whole, kind, any::<prop::sample::Index>(), any::<u8>(), prop::sample::select(&VALUES[..])).prop_map(
        |(line, kind, at, byte, value)| {
            let mut bytes = line.as_bytes().to_vec();
            let place = at.index(bytes.len());
            let colons: Vec<usize> = line.match_indices(':').map(|(at, _)| at).collect();
            let colon = colons[at.index(colons.len())];
            // From behind a colon to the end of a plain value.
            let end = colon + 1 + line[colon + 1..].find([',', '}', ']']).unwrap_or(0);
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                2 => drop(bytes.remove(place)),
                3 => bytes.truncate(place),
                4..=6 => drop(bytes.splice(colon + 1..end, value.bytes())),
                7 => {
                    let field = format!("\"id\":{value},");
                    bytes.splice(1..1, field.bytes());
                }
                8 => {
                    let field = format!("\"later\":{value},");
                    bytes.splice(1..1, field.bytes());
                }
                9 => bytes.push(b'\r'),
                10 => bytes.insert(place, 0),
                _ => {}
            }
            bytes.push(b'\n');
            bytes
        },
    )
}

/// Some lines, right, mutated or nothing but bytes, of which the last may lack its end.
pub fn talk(lines: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let right = prop::sample::select(lines).prop_map(|line| [line.as_bytes(), b"\n"].concat());
    let noise = prop::collection::vec(any::<u8>(), 0..40);
    let line = prop_oneof![4 => right, 4 => mutated(lines), 1 => noise];
    (prop::collection::vec(line, 0..14), any::<prop::sample::Index>()).prop_map(|(lines, cut)| {
        let mut bytes = lines.concat();
        if bytes.len() % 3 == 0 {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes
    })
}
