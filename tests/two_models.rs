//! Two models in one run, each in an engine of its own, on the real starter model.
#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "runs need only the model's path")]
mod model;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A run of the starter model with these further arguments.
fn run(home: &Path, arguments: &[&str]) -> Value {
    let model = model::path().display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_parallax"));
    command.args(["run", "--quiet", "--format", "json", "--data-dir", home.to_str().unwrap(), "--model", &model]);
    command.args(["--pack", "us-civics", "--question", "police-trust", "--max-tokens", "24", "--samples", "8"]);
    command.args(["--method", "vanilla", "--method", "persona-prompt", "--method", "option-logits"]);
    command.args(["--method", "sampled", "--method", "random-shots"]).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The panes that are of the model beside, or those that are not, without what tells which.
fn panes(run: &Value, of_beside: bool) -> Vec<Value> {
    let all = run["panes"].as_array().unwrap().iter().filter(|pane| pane["model"].is_string() == of_beside);
    all.cloned()
        .map(|mut pane| {
            pane.as_object_mut().unwrap().remove("model");
            for voice in pane.get_mut("voices").and_then(Value::as_array_mut).into_iter().flatten() {
                voice.as_object_mut().unwrap().remove("id").unwrap();
            }
            pane
        })
        .collect()
}

/// Two engines compute at once and share the machine: neither changes a bit of what the other says.
#[test]
fn a_model_beside_itself_says_what_it_says_alone_to_the_last_bit() {
    let model = model::path().display().to_string();
    let home = tempfile::tempdir().unwrap();
    let alone = run(home.path(), &[]);
    let both = run(home.path(), &["--beside", &model]);
    let (own, beside) = (panes(&both, false), panes(&both, true));
    assert_eq!((own.len(), beside.len()), (5, 5));
    assert!(own.iter().all(|pane| pane["status"] == "done"), "{own:#?}");
    assert_eq!(own, panes(&alone, false));
    assert_eq!(beside, own);
    let head = &both["run"]["beside"];
    assert_eq!(head["engine"]["class"], "bit-exact");
    assert_ne!(head["name"], both["run"]["model"]["name"], "two names, for the reader has to tell them apart");
    let measures = both["measures"].as_array().unwrap();
    for id in ["models.js_distance_2", "models.entropy_2_change"] {
        let values: Vec<_> = measures.iter().filter(|m| m["id"] == id).map(|m| m["value"].as_f64()).collect();
        assert_eq!(values, [Some(0.0); 3], "{id}");
    }
}
