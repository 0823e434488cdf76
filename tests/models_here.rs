//! `parallax models list`, `info` and `verify` on files that are already on this machine.

#![allow(clippy::unwrap_used)]

mod hub;

use std::fs;
use std::path::Path;

use hub::{Bench, sha256};
use parallax::models::gguf::{Item, sample_model};
use serde_json::Value;

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| unreachable!("{error}: {text}"))
}

#[test]
fn the_list_has_the_catalogue_and_every_cache() {
    let bench = Bench::new();
    let model = sample_model("Tiny").finish();
    let home = bench.home();
    write(&home.join(".cache/huggingface/hub/models--o--r/snapshots/abc/h.gguf"), &model);
    write(&home.join(".lmstudio/models/o/r/l.gguf"), &model);
    let digest = sha256(&model);
    write(&home.join(format!(".ollama/models/blobs/sha256-{digest}")), &model);
    let manifest =
        format!(r#"{{"layers":[{{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{digest}"}}]}}"#);
    write(&home.join(".ollama/models/manifests/host/library/tiny/1"), manifest.as_bytes());
    write(&bench.models().join("broken.gguf"), b"<!DOCTYPE html>");

    let done = bench.run(&["models", "list", "--format", "json"], &[]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let list = json(&done.out);
    let by_id = |id: &str| list["models"].as_array().unwrap().iter().find(|model| model["id"] == id).unwrap().clone();
    for (id, place) in [("o/r:h.gguf", "hugging face"), ("o/r:l.gguf", "lm studio"), ("tiny:1", "ollama")] {
        let model = by_id(id);
        assert_eq!((&model["place"], &model["quantisation"]), (&Value::from(place), &Value::from("Q4_1")), "{id}");
        assert_eq!(model["parameters"], 64 * 3 + 64 + 64 * 64);
    }
    assert!(by_id("broken.gguf")["error"].as_str().unwrap().contains("web page"));
    assert_eq!(by_id("smollm2-135m")["installed"], false);

    let text = bench.run(&["models", "list"], &[]).out;
    assert!(text.contains("not here: parallax models pull smollm2-135m"), "{text}");
    assert!(text.contains("tiny:1") && text.contains("4.35k") | text.contains("4352"), "{text}");

    // Named by its beginning; verified against the store that holds it.
    assert_eq!(json(&bench.run(&["models", "info", "tiny", "--format", "json"], &[]).out)["name"], "Tiny");
    assert_eq!(bench.run(&["models", "verify", "tiny:1"], &[]).code, 0);
    fs::write(home.join(format!(".ollama/models/blobs/sha256-{digest}")), sample_model("Evil").finish()).unwrap();
    let different = bench.run(&["models", "verify", "tiny:1"], &[]);
    assert_eq!((different.code, different.out.contains("different")), (1, true), "{different:?}");
}

#[test]
fn info_says_what_the_header_says() {
    let bench = Bench::new();
    let path = bench.home().join("tiny.gguf");
    write(&path, &sample_model("Tiny").finish());
    let path = path.to_str().unwrap();
    let facts = json(&bench.run(&["models", "info", path, "--format", "json"], &[]).out);
    assert_eq!(facts["architecture"], "llama");
    assert_eq!((&facts["layers"], &facts["head_size"], &facts["kv_heads"]), (&2.into(), &16.into(), &2.into()));
    assert!(facts["chat_template"].as_str().unwrap().contains("messages"));
    let text = bench.run(&["models", "info", path], &[]).out;
    for words in ["apache-2.0", "Q4_1", "2048 tokens", "yes (50 characters)"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let catalogue = bench.run(&["models", "info", "smollm2-135m"], &[]);
    assert_eq!((catalogue.code, catalogue.out.contains("Apache-2.0")), (0, true));
}

#[test]
fn nothing_in_a_header_reaches_the_terminal_raw() {
    let bench = Bench::new();
    let path = bench.home().join("evil.gguf");
    let evil =
        sample_model("x\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}y\nz").with("tokenizer.ggml.pre", Item::text("\u{1b}c"));
    write(&path, &evil.finish());
    let path = path.to_str().unwrap();
    for format in ["text", "json"] {
        let done = bench.run(&["models", "info", path, "--format", format], &[]);
        assert_eq!(done.code, 0);
        assert!(done.out.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{:?}", done.out);
        assert!(!done.out.contains("\ny"), "{:?}", done.out);
    }
    // The JSON loses nothing.
    let facts = json(&bench.run(&["models", "info", path, "--format", "json"], &[]).out);
    assert_eq!(facts["name"], "x\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}y\nz");
}

#[test]
fn each_wrong_file_has_its_sentence() {
    let bench = Bench::new();
    let whole = sample_model("Tiny").finish();
    for (name, content, words) in [
        ("empty.gguf", &b""[..], "is empty"),
        ("page.gguf", b"<!DOCTYPE html>", "web page"),
        ("cut.gguf", &whole[..whole.len() - 100], "tensors need"),
        ("head.gguf", &whole[..100], "ends inside its header"),
    ] {
        let path = bench.home().join(name);
        write(&path, content);
        let done = bench.run(&["models", "info", path.to_str().unwrap()], &[]);
        assert_eq!((done.code, done.out.as_str()), (1, ""));
        assert!(done.err.contains(words) && done.err.lines().count() == 1, "{}", done.err);
    }
    let folder = bench.run(&["models", "info", bench.home().to_str().unwrap()], &[]);
    assert!(folder.code == 1 && folder.err.contains("is a folder"), "{folder:?}");
    let missing = bench.run(&["models", "info", "./none.gguf"], &[]);
    assert!(missing.code == 1 && missing.err.contains("does not exist"), "{missing:?}");
    let none = bench.run(&["models", "info"], &[]);
    assert!(none.code == 1 && none.err.contains("parallax models pull"), "{none:?}");
}

#[test]
fn a_file_that_nobody_vouches_for_is_not_called_right() {
    let bench = Bench::new();
    let path = bench.models().join("mine.gguf");
    let model = sample_model("Mine").finish();
    write(&path, &model);
    let done = bench.run(&["models", "verify", "mine.gguf", "--format", "json"], &[]);
    let verdict = &json(&done.out)["models"][0];
    assert_eq!((done.code, &verdict["status"], &verdict["sha256"]), (1, &"unknown".into(), &sha256(&model).into()));
    // Without a name only files with a known checksum are looked at: there is none.
    let all = bench.run(&["models", "verify"], &[]);
    assert_eq!((all.code, all.out.as_str()), (0, ""));
    assert!(all.err.contains("parallax models pull"), "{}", all.err);
}
