//! `parallax bench screen` measures the real program in a terminal of its own, `parallax bench engine` its engine. No times
//! are asserted here: they are the machine's.

#![allow(clippy::unwrap_used)]

mod support;

use support::Parallax;

#[test]
fn launches_and_rest_are_measured() {
    let parallax = Parallax::new();
    let ended = parallax.call(&[
        "bench",
        "screen",
        "--only",
        "first-frame,idle",
        "--quick",
        "--format",
        "json",
        "--engine",
        "scripted",
        "--quiet",
    ]);
    let ended = ended.succeeded();
    assert_eq!(ended.err, "");
    let json = ended.json();
    for field in ["first_frame_ms", "model_ready_ms"] {
        assert!(json[field].as_f64().is_some_and(|ms| ms > 0.0), "{field}: {json:#}");
    }
    assert_eq!((&json["idle_frames"], &json["idle_bytes"]), (&0.into(), &0.into()), "{json:#}");
    assert_eq!((&json["full_clears"], &json["engine"]), (&0.into(), &"scripted".into()), "{json:#}");
    assert!(json["key_to_frame_ms_p99"].is_null(), "not asked for: {json:#}");
    let reached: Vec<&str> =
        json["reach"].as_array().unwrap().iter().filter_map(|line| line["field"].as_str()).collect();
    assert!(reached.contains(&"first_frame_ms") && reached.contains(&"full_clears"), "{reached:?}");
    assert!(json["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0), "{json:#}");
    // What it started is gone, and so is its folder: the user's own data folder was never touched.
    assert!(parallax.reader().is_none());
}

#[test]
fn an_engine_that_does_not_start_costs_its_measurements_and_is_named() {
    let parallax = Parallax::new();
    let ended = parallax.call(&[
        "bench",
        "screen",
        "--only",
        "first-frame,spinner",
        "--quick",
        "--format",
        "json",
        "--engine",
        "scripted:crash@1",
        "--quiet",
    ]);
    let json = ended.succeeded().json();
    assert!(json["first_frame_ms"].is_null(), "{json:#}");
    let notes: Vec<&str> = json["notes"].as_array().unwrap().iter().filter_map(|note| note.as_str()).collect();
    assert!(notes.iter().any(|note| note.starts_with("first-frame: ")), "{notes:?}");
    assert!(json["spinner_bytes_per_frame"].as_f64().is_some_and(|bytes| bytes > 16.0), "{json:#}");
}

#[test]
fn a_perfect_prefix_tree_is_compared_with_what_was_computed() {
    let parallax = Parallax::new();
    let ended = parallax.call(&[
        "bench",
        "engine",
        "--quick",
        "--only",
        "prefixes,first-token,one-by-one,batched",
        "--format",
        "json",
        "--engine",
        "scripted",
        "--quiet",
    ]);
    let json = ended.succeeded().json();
    for which in ["", "_run"] {
        let count = |name: &str| json[format!("prompt_tokens_{name}{which}")].as_u64().unwrap();
        assert_eq!(count("sent"), count("computed") + count("reused"), "{json:#}");
        assert!(count("minimum") < count("sent") / 2, "prompts have beginnings in common: {json:#}");
        let ratio = json[format!("computed_over_minimum{which}")].as_f64().unwrap();
        assert!((ratio - count("computed") as f64 / count("minimum") as f64).abs() < 0.001, "{json:#}");
        // The warm-up may leave a token behind, and what was written is shared too.
        assert!(ratio > 0.9, "fewer tokens were computed than there are: {json:#}");
    }
    for field in ["first_token_cold_s", "first_token_warm_s", "one_by_one_ratio", "one_by_one_ratio_warm"] {
        assert!(json[field].as_f64().is_some_and(|value| value > 0.0), "{field}: {json:#}");
    }
    assert!(json["one_by_one_generated_tokens"].as_u64().is_some_and(|tokens| tokens > 50), "{json:#}");
    // Six comments, six answers, one synthesis, and two orders of the question with and without each persona and alone.
    assert_eq!(json["one_by_one_requests"], 6 + 6 + 1 + 2 * (6 + 1) + 2, "{json:#}");
    let reached: Vec<&str> =
        json["reach"].as_array().unwrap().iter().filter_map(|line| line["field"].as_str()).collect();
    assert!(reached.contains(&"computed_over_minimum") && reached.contains(&"one_by_one_ratio"), "{reached:?}");
    let facts = ["model", "build", "profile", "threads", "machine", "one_by_one_rounds"];
    assert!(facts.iter().all(|field| !json[field].is_null()), "{json:#}");
    let notes: Vec<&str> = json["notes"].as_array().unwrap().iter().filter_map(|note| note.as_str()).collect();
    // Without llama.cpp there is nothing to compare batches with.
    assert!(notes.iter().any(|note| note.starts_with("batched: ") && note.contains("--engine llama")), "{notes:?}");
}

#[test]
fn an_engine_without_a_start_is_a_failure_and_an_unknown_section_a_mistake() {
    let parallax = Parallax::new();
    let ended = parallax.call(&["bench", "engine", "--engine", "scripted:crash@1", "--quiet"]);
    assert_eq!((ended.code(), ended.err.lines().count()), (Some(1), 1), "{}", ended.err);
    let ended = parallax.call(&["bench", "engine", "--engine", "scripted", "--only", "speed"]);
    assert!(ended.code() == Some(2) && ended.err.contains("first-token"), "{}", ended.err);
}
