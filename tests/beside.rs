//! `parallax run --beside`: two models answer the same, each in an engine of its own.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use parallax::store::RunFilter;
use rustix::process::Signal;
use serde_json::Value;
use support::{POLICE_TRUST, Parallax, children, finish, lasting, pane, shape, signal, strings, wait_until};

const BESIDE: [&str; 4] = ["--model", "base.gguf", "--beside", "folder/aligned.gguf"];

fn panes(run: &Value) -> Vec<(&str, Option<&str>)> {
    let panes = run["panes"].as_array().unwrap();
    panes.iter().map(|pane| (pane["method"].as_str().unwrap(), pane["model"].as_str())).collect()
}

/// The panes of one model, with nothing in them that tells which or where they stand.
fn of_model(run: &Value, model: Option<&str>) -> Vec<Value> {
    let own = run["panes"].as_array().unwrap().iter().filter(|pane| pane["model"].as_str() == model);
    own.cloned()
        .map(|mut pane| {
            pane.as_object_mut().unwrap().remove("model");
            for voice in pane.get_mut("voices").and_then(Value::as_array_mut).into_iter().flatten() {
                voice.as_object_mut().unwrap().remove("id").unwrap();
            }
            pane
        })
        .collect()
}

#[test]
fn both_models_make_every_pane_and_the_record_is_the_stored_one() {
    let parallax = Parallax::new();
    let more = ["--method", "distribution=option-logits", "--method", "distribution=sampled"];
    let run = parallax.run_json(&[&POLICE_TRUST[..], &BESIDE, &more, &["--samples", "12"]].concat());
    let beside = Some("aligned");
    let expected = ["vanilla", "ensemble", "persona-prompt", "option-logits", "sampled"];
    let expected: Vec<_> = expected.iter().flat_map(|method| [(*method, None), (*method, beside)]).collect();
    assert_eq!(panes(&run), expected);
    let head = &run["run"]["beside"];
    assert_eq!((head["name"].as_str(), head["engine"]["class"].as_str()), (beside, Some("bit-exact")));
    assert_eq!(head["panes"], serde_json::json!([1, 3, 5, 7, 9]));
    assert_eq!(parallax.shown(run["run"]["id"].as_str().unwrap()), run);
    let list = parallax.reader().unwrap().runs(&RunFilter::default(), 1, None).unwrap();
    assert_eq!((list[0].model.as_str(), list[0].beside.as_deref()), ("scripted", beside));
    let text = parallax.call(&["sessions", "list"]).succeeded().out;
    assert!(text.contains("scripted + aligned"), "{text}");
}

/// The script is the same in both engines: what one says depends neither on the other nor on its place in the run.
#[test]
fn a_model_says_beside_another_what_it_says_alone() {
    let parallax = Parallax::new();
    let both = parallax.run_json(&[&POLICE_TRUST[..], &BESIDE].concat());
    let alone = parallax.run_json(&POLICE_TRUST);
    assert!(alone["run"].get("beside").is_none() && alone.get("measures").is_none());
    assert_eq!(of_model(&both, None), of_model(&alone, None));
    assert_eq!(of_model(&both, Some("aligned")), of_model(&alone, None));
    let measures = both["measures"].as_array().unwrap();
    let of = |id: &str| measures.iter().find(|measure| measure["id"] == id).unwrap();
    for id in ["models.js_distance_2", "models.entropy_2_change", "models.reference_change.js_distance_2"] {
        assert_eq!((of(id)["value"].as_f64(), of(id)["method"].as_str()), (Some(0.0), Some("option-logits")), "{id}");
    }
    assert!(of("models.reference_change.js_distance_2")["note"].as_str().unwrap().contains("within chance"));
    assert_eq!(lasting(both), lasting(parallax.run_json(&[&POLICE_TRUST[..], &BESIDE].concat())));
}

#[test]
fn the_page_names_the_model_of_every_pane() {
    let parallax = Parallax::new();
    let arguments =
        [&["run", "--engine", "scripted", "--quiet", "--show-prompts"][..], &POLICE_TRUST, &BESIDE].concat();
    let page = parallax.call(&arguments).succeeded().out;
    for wanted in [
        "beside it aligned",
        "OVERTON · vanilla · scripted ──",
        "OVERTON · vanilla · aligned ──",
        "of vanilla by aligned,",
    ] {
        assert!(page.contains(wanted), "{wanted} is missing in:\n{page}");
    }
    let together = page.split_once("PANES TOGETHER").unwrap().1;
    assert!(together.contains("the two models, JS distance, base 2, option-logits: 0.000"), "{together}");
}

#[test]
fn an_engine_that_is_killed_takes_no_pane_of_the_other_with_it() {
    let parallax = Parallax::new();
    let arguments = ["run", "--engine", "scripted:slow@15", "--format", "json", "--quiet", "--max-tokens", "400"];
    let child = parallax.start(&[&arguments[..], &POLICE_TRUST, &BESIDE].concat());
    let engines = || {
        let mut engines = children(child.id());
        engines.sort_unstable();
        engines
    };
    assert!(wait_until(Duration::from_secs(60), || engines().len() == 2 && !parallax.finished_voices().is_empty()));
    // The second engine was started last.
    signal(engines()[1], Signal::KILL);
    let ended = finish(child);
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let run = ended.json();
    shape::check(&run);
    for pane in run["panes"].as_array().unwrap() {
        match pane["model"].as_str() {
            None => assert_eq!(pane["status"], "done", "{pane:#}"),
            Some(_) => assert!(pane["status"] == "done" || pane["error"].is_string(), "{pane:#}"),
        }
    }
    let failed = run["panes"].as_array().unwrap().iter().filter(|pane| pane["status"] == "failed").count();
    assert!(failed > 0, "it was killed in the middle");
    let stored = parallax.shown(run["run"]["id"].as_str().unwrap());
    assert_eq!(stored, run);
    parallax.assert_no_process_within(Duration::from_secs(5));
}

#[test]
fn a_saved_setup_may_name_the_model_beside() {
    let parallax = Parallax::new();
    let spec =
        parallax.file("two.toml", "pack = \"us-civics\"\nquestion = [\"police-trust\"]\nbeside = \"other.gguf\"\n");
    let mode = ["--mode", "overton", "--method", "overton=vanilla"];
    let run = parallax.run_json(&[&["--spec", spec.to_str().unwrap()][..], &mode].concat());
    assert_eq!(panes(&run), [("vanilla", None), ("vanilla", Some("other"))]);
}

#[test]
fn shots_come_from_the_pack_and_are_the_same_for_both_models() {
    let parallax = Parallax::new();
    let method = ["--mode", "distribution", "--method", "distribution=random-shots"];
    let run = parallax.run_json(&[&POLICE_TRUST[..], &BESIDE, &method].concat());
    assert_eq!(of_model(&run, None), of_model(&run, Some("aligned")));
    let shots = pane(&run, "random-shots");
    assert!(shots.get("note").is_none_or(|note| !note.as_str().unwrap().contains("wordings")), "{shots:#}");
    assert!(support::measures(shots, "shots.mean_pairwise_tv")[0]["value"].as_f64() > Some(0.0));
    assert_eq!(support::measures(shots, "shots.mean_pairwise_tv")[0]["n"], 5);
    // The first slot's bias of the script cancels out in the mean over the orders, as in option-logits.
    assert_eq!(shots["orders"], 2);
    let id = run["run"]["id"].as_str().unwrap();
    let prompts = parallax.reader().unwrap().prompts(id).unwrap();
    let own: Vec<&str> =
        prompts.iter().filter(|prompt| prompt.pane == 0).map(|prompt| prompt.prompt.text.as_str()).collect();
    assert_eq!(own.len(), 10, "5 repeats in 2 orders");
    for text in &own {
        assert_eq!(text.matches("Question: ").count(), 4, "{text}");
        assert!(text.trim_end().ends_with("Answer:"), "{text}");
    }
    let asked = parallax.run_json(&[&["--ask", "Tea?", "--option", "Yes", "--option", "No"][..], &method].concat());
    assert!(pane(&asked, "random-shots")["note"].as_str().unwrap().contains("those of the wordings"));
    assert_eq!(strings(&pane(&asked, "random-shots")["options"]).len(), 2);
}
