//! `parallax bench screen` measures the real program in a terminal of its own. No times are asserted here: they are the
//! machine's.

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
