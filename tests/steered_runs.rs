//! `parallax directions` and the method `direction` on the scripted engine, whose layers can be steered.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use parallax::domain::DirectionVectors;
use parallax::models::control_vector::ControlVector;
use serde_json::Value;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command = assert_cmd::Command::cargo_bin("parallax").unwrap();
        let command = command.env("PARALLAX_HOME", self.0.path()).args(["--engine", "scripted", "--quiet"]).args(words);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, words: &[&str]) -> Value {
        let (code, out, errors) = self.run(words);
        assert_eq!(code, Some(0), "{words:?}: {errors}");
        serde_json::from_str(&out).unwrap()
    }

    fn refused(&self, words: &[&str], code: i32, part: &str) {
        let (ended, _, errors) = self.run(words);
        assert_eq!(ended, Some(code), "{words:?}: {errors}");
        assert!(errors.lines().count() == 1 && errors.contains(part), "`{part}` is not in: {errors}");
    }

    /// A vector for layers of the scripted engine, which has four of eight dimensions.
    fn vector(&self, name: &str, layers: &[u32], width: usize) -> String {
        let values = |layer: u32| (0..width).map(|at| (layer + 1) as f32 * 0.25 - at as f32 * 0.125).collect();
        let layers: BTreeMap<u32, Vec<f32>> = layers.iter().map(|layer| (*layer, values(*layer))).collect();
        let vectors = DirectionVectors { layers, model: Some("scripted".to_owned()) };
        let path = self.path(name);
        ControlVector { vectors, ..ControlVector::default() }.save(Path::new(&path)).unwrap();
        path
    }
}

const ASK: [&str; 10] =
    ["run", "--pack", "us-civics", "--question", "police-trust", "--mode", "steered", "--format", "json", "--no-store"];

fn pane(run: &Value) -> &Value {
    let pane = &run["panes"][0];
    assert_eq!((&pane["method"], &pane["status"]), (&"direction".into(), &"done".into()), "{pane}");
    pane
}

#[test]
fn a_file_steers_at_four_strengths_beside_the_unsteered_answer() {
    let home = Home::new();
    let vector = home.vector("warm.gguf", &[1, 2, 3], 8);
    let run = home.json(&[&ASK[..], &["--direction", &format!("{vector}@0.5")]].concat());
    let pane = pane(&run);
    let strengths: Vec<f64> =
        pane["fan"].as_array().unwrap().iter().map(|at| at["strength"].as_f64().unwrap()).collect();
    assert_eq!(strengths, [-0.5, 0.25, 0.5, 1.0]);
    let fan = |at: usize| &pane["fan"][at];
    assert!(fan(2)["p"] == pane["distributions"][0]["p"] && fan(2)["p"] != pane["before"]["p"]);
    assert!(fan(0)["share"].as_f64().unwrap() < 0.0 && fan(3)["share"].as_f64().unwrap() > 0.0);
    assert!(fan(0)["perplexity_ratio"].as_f64().unwrap() != fan(2)["perplexity_ratio"].as_f64().unwrap());
    let voices: Vec<&Value> = pane["voices"].as_array().unwrap().iter().map(|voice| &voice["persona"]).collect();
    assert_eq!(voices, [&Value::Null, &"warm".into()]);
    assert!(pane["note"].as_str().unwrap().contains("strength 0.500 on layers 1 to 2"), "{}", pane["note"]);
    // No strength: what it does not move, it leaves as it was.
    let still = home.json(&[&ASK[..], &["--direction", &format!("{vector}@0")]].concat());
    let still = self::pane(&still);
    assert_eq!(still["fan"][2]["p"], still["before"]["p"]);
    assert_eq!(still["fan"][2]["perplexity_ratio"].as_f64(), Some(1.0));
    assert_eq!(still["voices"][0]["text"], still["voices"][1]["text"], "the same draws");
    let text = home.run(&["run", "--ask", "Why?", "--mode", "steered", "--direction", &vector, "--no-store"]).1;
    assert!(text.contains("at every strength:") && text.contains("so there is no shift to measure"), "{text}");
}

#[test]
fn a_persona_has_a_direction_of_its_own_or_one_made_from_its_wording() {
    let home = Home::new();
    let derived = home.json(&[&ASK[..], &["--method", "steered=direction", "--persona", "union-nurse"]].concat());
    let note = pane(&derived)["note"].as_str().unwrap();
    assert!(note.contains("union-nurse: derived from its wording") && note.contains("4 pairs held out"), "{note}");
    home.vector("calm.gguf", &[2], 8);
    let mut text = "id = \"calm\"\nlabel = \"Calm\"\nwordings = [\"You are calm.\"]\nsynthetic = true\n".to_owned();
    text += "direction = \"calm.gguf\"\nstrength = -2.0\nlayers = [2, 3]\n";
    std::fs::write(home.path("calm.toml"), &text).unwrap();
    let persona = format!("@{}", home.path("calm.toml"));
    let own = home.json(&[&ASK[..], &["--method", "steered=direction", "--persona", &persona]].concat());
    let note = pane(&own)["note"].as_str().unwrap();
    assert!(note.contains("calm.gguf, strength -2.000 on layers 2 to 3"), "{note}");
    std::fs::write(home.path("calm.gguf"), "GGUF").unwrap();
    let broken = [&ASK[..], &["--method", "steered=direction", "--persona", &persona]].concat();
    home.refused(&broken, 1, "calm.gguf is truncated or damaged");
}

#[test]
fn directions_are_made_shown_and_listed() {
    let home = Home::new();
    let pairs = home.path("moods.jsonl");
    let line = |at: usize| format!("{{\"positive\":\"good {at}\",\"negative\":\"bad {at}\"}}\n");
    std::fs::write(&pairs, (0..8).map(line).collect::<String>()).unwrap();
    let made = home.json(&["directions", "derive", "--pairs", &pairs, "--by", "pca", "--format", "json"]);
    assert_eq!((made["pairs"].as_u64(), made["held_out_pairs"].as_u64()), (Some(6), Some(2)), "{made}");
    assert_eq!(made["layers"].as_array().unwrap().len(), 4);
    let path = made["path"].as_str().unwrap();
    let vector = ControlVector::read(Path::new(path)).unwrap();
    assert_eq!(vector.vectors.layers.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(vector.vectors.layers.values().all(|values| values.len() == 8));
    assert_eq!(vector.told.by.as_deref(), Some("pca"));
    let shown = home.json(&["directions", "show", "moods", "--format", "json"]);
    assert_eq!((&shown["model"], shown["pairs"].as_u64()), (&"scripted".into(), Some(6)));
    let listed = home.json(&["directions", "list", "--format", "json"]);
    assert_eq!(listed["directions"][0]["name"], "moods");
    let text = home.run(&["directions", "show", "moods"]).1;
    assert!(text.contains("held out") && text.contains("Layers 1 to 2"), "{text}");
    let persona = home.run(&["directions", "derive", "--persona", "night-cashier"]);
    assert!(persona.0 == Some(0) && persona.1.contains("night-cashier.gguf"), "{persona:?}");
    pane(&home.json(&[&ASK[..], &["--direction", "moods"]].concat()));
}

#[test]
fn what_does_not_fit_is_refused_in_one_sentence() {
    let home = Home::new();
    let wide = home.vector("wide.gguf", &[1], 9);
    home.refused(
        &[&ASK[..], &["--direction", &wide]].concat(),
        1,
        "9 numbers in a layer, and the model's layers have 8",
    );
    let high = home.vector("high.gguf", &[7], 8);
    home.refused(&[&ASK[..], &["--direction", &high]].concat(), 1, "none of its layers is one of the model's 4");
    home.refused(&[&ASK[..], &["--direction", "nothing@1"]].concat(), 2, "no control vector nothing");
    home.refused(&[&ASK[..], &["--direction", &format!("{wide}@1000")]].concat(), 2, "from -100 to 100");
    let other = ["--direction", &wide, "--method", "steered=persona-prompt"];
    home.refused(&[&ASK[..], &other].concat(), 2, "add --method steered=direction");
    home.refused(&["directions", "derive"], 2, "--pairs");
    let same = ["directions", "derive", "--positive", "You are kind.", "--negative", "You are kind."];
    home.refused(&same, 2, "two texts that differ");
    home.refused(&["directions", "derive", "--persona", "union-nurse", "--hold-out", "32"], 2, "leaves nothing");
    home.refused(&["directions", "derive", "--pairs", "/dev/null"], 2, "not a regular file");
}
