//! `parallax run` with the scripted engine: the record it prints, field by field, and that it repeats itself.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use parallax::engine::scripted::{FIRST_SLOT_BIAS, LABEL_MASS};
use serde_json::Value;
use support::{EVERY_METHOD, POLICE_TRUST, Parallax, lasting, measures, numbers, pane, shape, strings};

fn methods(run: &Value) -> Vec<&str> {
    run["panes"].as_array().unwrap().iter().map(|pane| pane["method"].as_str().unwrap()).collect()
}

#[test]
fn the_default_run_has_all_modes_and_is_the_stored_run() {
    let parallax = Parallax::new();
    let run = parallax.run_json(&POLICE_TRUST);
    assert_eq!(methods(&run), ["vanilla", "ensemble", "persona-prompt", "option-logits"]);
    assert!(run["panes"].as_array().unwrap().iter().all(|pane| pane["status"] == "done"));
    assert_eq!(strings(&run["run"]["personas"]), ["progressive-teacher", "conservative-farmer"]);
    assert_eq!((&run["run"]["seed"], &run["run"]["settings"]["max_tokens"]), (&1.into(), &512.into()));
    let engine = &run["run"]["engine"];
    assert_eq!((engine["kind"].as_str(), engine["class"].as_str()), (Some("scripted"), Some("bit-exact")));
    let ensemble = pane(&run, "ensemble");
    let who: Vec<_> = ensemble["voices"].as_array().unwrap().iter().map(|voice| voice["persona"].as_str()).collect();
    assert_eq!(who, [Some("progressive-teacher"), Some("conservative-farmer"), None]);
    assert_eq!(ensemble["text"], ensemble["voices"][2]["text"], "the last voice brings the others together");
    assert!(ensemble["voices"].as_array().unwrap().iter().all(|voice| voice["finish"] == "stop"));
    // What was reused of the prompts is told: the personas share the question.
    assert!(run["timing"]["computed_prompt_tokens"].as_u64() < run["timing"]["prompt_tokens"].as_u64());
    assert_eq!(parallax.shown(run["run"]["id"].as_str().unwrap()), run);
}

#[test]
fn a_seed_gives_the_same_run_and_another_seed_another() {
    let parallax = Parallax::new();
    let run = |seed: &str| {
        let samples = ["--samples", "8", "--max-tokens", "60", "--seed", seed];
        parallax.run_json(&[&POLICE_TRUST[..], &EVERY_METHOD, &samples].concat())
    };
    let (first, second, other) = (run("7"), run("7"), run("8"));
    assert_ne!(first["run"]["id"], second["run"]["id"]);
    assert_eq!(lasting(first.clone()), lasting(second));
    for method in ["vanilla", "ensemble", "pluralistic-prompt", "persona-prompt", "sampled"] {
        let texts = |run: &Value| -> Vec<String> {
            let voices = pane(run, method)["voices"].as_array().unwrap().clone();
            voices.iter().map(|voice| voice["text"].as_str().unwrap().to_owned()).collect()
        };
        // The baseline is nearly greedy: another seed need not change it.
        assert!(method == "vanilla" || texts(&first) != texts(&other), "{method} does not listen to the seed");
    }
    let exact = |run: &Value| pane(run, "option-logits")["p"].clone();
    assert_eq!(exact(&first), exact(&other), "what is exact needs no seed");
    assert!(lasting(other)["run"]["seed"] == 8);
}

#[test]
fn panes_stand_in_the_order_of_modes_and_then_of_methods() {
    let parallax = Parallax::new();
    let run = parallax.run_json(&[&POLICE_TRUST[..], &EVERY_METHOD, &["--samples", "5"]].concat());
    let expected = ["vanilla", "ensemble", "pluralistic-prompt", "persona-prompt", "sampled", "option-logits"];
    assert_eq!(methods(&run), expected);
    let turned = ["--mode", "distribution,overton", "--method", "distribution=sampled", "--samples", "3"];
    let run = parallax.run_json(&[&POLICE_TRUST[..], &turned].concat());
    assert_eq!(methods(&run), ["sampled", "vanilla", "ensemble"]);
    let twice = ["--mode", "overton", "--method", "overton=vanilla", "--method", "overton=vanilla"];
    assert_eq!(methods(&parallax.run_json(&[&POLICE_TRUST[..], &twice].concat())), ["vanilla"]);
}

#[test]
fn distances_to_people_come_with_interval_and_noise_floor() {
    let parallax = Parallax::new();
    let groups = ["--population", "us.party.democrat", "--population", "us.party.republican"];
    let samples = ["--mode", "distribution", "--method", "distribution=option-logits"];
    let more = ["--method", "distribution=sampled", "--samples", "40"];
    let run = parallax.run_json(&[&POLICE_TRUST[..], &groups, &samples, &more].concat());
    for (method, n) in [("option-logits", None), ("sampled", Some(40))] {
        let pane = pane(&run, method);
        let shown: Vec<_> = pane["references"].as_array().unwrap().iter().map(|r| r["population"].clone()).collect();
        assert_eq!(shown, ["us.party.democrat", "us.party.republican"], "{method}");
        assert_eq!(pane["reference"], pane["references"][0]);
        assert!(pane["reference"]["n"].as_u64() > Some(500) && pane["reference"]["year"] == 2020);
        for id in ["js_distance_2", "tv", "w1_normalised"] {
            let found = measures(pane, id);
            assert_eq!(found.len(), 2, "{method}: {id} to both populations");
            for measure in found {
                let (interval, value) = (numbers(&measure["interval"]), measure["value"].as_f64().unwrap());
                assert!(interval[0] < interval[1], "{method}: {measure}");
                assert!((0.0..=1.0).contains(&value) && measure["level"] == 0.95, "{method}: {measure}");
                assert!(measure["noise_floor"].as_f64() > Some(0.0), "{method}: {measure}");
                assert_eq!(measure.get("n").is_some(), n.is_some(), "{method}: {measure}");
            }
        }
        // The measure is what its formula gives for the numbers beside it.
        let (p, q) = (numbers(&pane["p"]), numbers(&pane["references"][1]["q"]));
        let tv = p.iter().zip(&q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0;
        assert!((measures(pane, "tv")[1]["value"].as_f64().unwrap() - tv).abs() < 1e-9);
        assert_eq!(pane.get("samples").and_then(Value::as_u64), n, "{method}");
    }
    let sampled = pane(&run, "sampled");
    let p = numbers(&sampled["p"]);
    let options = strings(&sampled["options"]);
    let answered = sampled["voices"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|voice| voice["option"].as_str().is_some_and(|option| options.contains(&option)));
    let answered = answered.count() as u64;
    assert!(answered > 20 && measures(sampled, "tv")[0]["n"] == answered);
    for (option, p) in options.iter().zip(&p) {
        let counted = sampled["voices"].as_array().unwrap().iter().filter(|voice| voice["option"] == *option).count();
        assert!((counted as f64 / answered as f64 - p).abs() < 1e-9, "{option}: {counted} of {answered} voices");
        let share = measures(sampled, &format!("share.{option}"))[0];
        let interval = numbers(&share["interval"]);
        assert!(interval[0] <= *p && *p <= interval[1], "{share}");
    }
    // Sampling adds its own noise.
    let floor = |method: &str| measures(pane(&run, method), "js_distance_2")[0]["noise_floor"].as_f64().unwrap();
    assert!(floor("sampled") > floor("option-logits"));
}

#[test]
fn a_steered_pane_tells_the_shift_of_every_persona() {
    let parallax = Parallax::new();
    let file = parallax
        .file("own.toml", "id = \"own\"\nlabel = \"Own\"\nwordings = [\"You are a shepherd.\"]\nsynthetic = true\n");
    let at_file = format!("@{}", file.display());
    let who = ["--persona", "union-nurse,climate-student", "--persona", &at_file];
    let text = ["--persona-text", "You are a pilot.", "--mode", "steered,overton"];
    let run = parallax.run_json(&[&POLICE_TRUST[..], &who, &text].concat());
    let expected = ["union-nurse", "climate-student", "own", "custom-1"];
    assert_eq!(strings(&run["run"]["personas"]), expected);
    let steered = pane(&run, "persona-prompt");
    let spoke: Vec<_> = steered["voices"].as_array().unwrap().iter().map(|voice| voice["persona"].clone()).collect();
    assert_eq!(spoke, expected);
    assert_eq!(steered["distributions"].as_array().unwrap().len(), 4);
    let before = numbers(&steered["before"]["p"]);
    for (index, persona) in expected.iter().enumerate() {
        let after = numbers(&steered["distributions"][index]["p"]);
        let tv = before.iter().zip(&after).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0;
        let told = measures(steered, "shift.tv")[index];
        assert_eq!(told["persona"], *persona);
        assert!((told["value"].as_f64().unwrap() - tv).abs() < 1e-9 && tv > 0.0, "{told} against {tv}");
    }
    assert_eq!(pane(&run, "ensemble")["voices"].as_array().unwrap().len(), 5);
}

/// The scripted engine likes what stands first by a known number of nats. Over all orders of nominal options that
/// cancels, whatever order the options are given in.
#[test]
fn averaging_over_orders_takes_the_first_slot_bias_out() {
    let parallax = Parallax::new();
    let by_label = |options: &[&str]| -> (Vec<(String, f64)>, Value) {
        let given: Vec<&str> = options.iter().flat_map(|option| ["--option", option]).collect();
        let run = parallax.run_json(&[&["--ask", "Is it so?", "--mode", "distribution"], &given[..]].concat());
        let pane = pane(&run, "option-logits").clone();
        assert!((pane["mass"].as_f64().unwrap() - LABEL_MASS).abs() < 1e-6);
        let labels = options.iter().map(|label| (*label).to_owned());
        let mut shares: Vec<_> = labels.zip(numbers(&pane["p"])).collect();
        shares.sort_by(|a, b| a.0.cmp(&b.0));
        (shares, pane)
    };
    let same = |a: &[(String, f64)], b: &[(String, f64)]| {
        for ((label, one), (_, other)) in a.iter().zip(b) {
            assert!((one - other).abs() < 1e-9, "{label}: {one} and {other}");
        }
    };

    let (two, pane) = by_label(&["Yes", "No"]);
    same(&two, &by_label(&["No", "Yes"]).0);
    assert_eq!(pane["orders"], 2);
    // With d the liking of one over the other and b the bias, the orders say s(d + b) and s(d - b).
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let average = |d: f64| f64::midpoint(logistic(d + FIRST_SLOT_BIAS), logistic(d - FIRST_SLOT_BIAS));
    let (mut low, mut high) = (-20.0, 20.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if average(middle) < two[0].1 { low = middle } else { high = middle }
    }
    let gap = logistic(low + FIRST_SLOT_BIAS) - logistic(low - FIRST_SLOT_BIAS);
    let told = measures(&pane, "orders.max_pairwise_tv")[0]["value"].as_f64().unwrap();
    assert!((told - gap).abs() < 1e-6, "the size of the correction is shown: {told}, expected {gap}");

    let (three, pane) = by_label(&["Yes", "No", "Perhaps"]);
    assert_eq!(pane["orders"], 6);
    assert!(measures(&pane, "orders.mean_pairwise_tv")[0]["value"].as_f64() > Some(0.05));
    for options in [["No", "Yes", "Perhaps"], ["Perhaps", "No", "Yes"], ["No", "Perhaps", "Yes"]] {
        same(&three, &by_label(&options).0);
    }
}

#[test]
fn an_open_question_skips_the_distribution_and_says_why() {
    let parallax = Parallax::new();
    let run = parallax.run_json(&["--ask", "What is a good life?", "--method", "distribution=sampled"]);
    assert_eq!(run["run"]["question"]["options"], Value::Array(Vec::new()));
    assert_eq!(run["run"]["question"]["pack"], "");
    let skipped = pane(&run, "sampled");
    assert_eq!(skipped["status"], "skipped");
    assert!(skipped["note"].as_str().unwrap().contains("options"), "{skipped}");
    let steered = pane(&run, "persona-prompt");
    assert!(steered.get("before").is_none() && steered["note"].as_str().unwrap().contains("no options"));
    assert_eq!(steered["status"], "done");
}

#[test]
fn options_of_ones_own_get_letters_roles_and_places() {
    let parallax = Parallax::new();
    let options = ["--option", "Low", "--option", "Middle", "--option", "High", "--other", "Don't know", "--ordinal"];
    let run = parallax.run_json(&[&["--ask", "How much?", "--mode", "distribution"], &options[..]].concat());
    let asked = run["run"]["question"]["options"].as_array().unwrap();
    let ids: Vec<_> = asked.iter().map(|option| option["id"].as_str().unwrap()).collect();
    let roles: Vec<_> = asked.iter().map(|option| option["role"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    assert_eq!(roles, ["substantive", "substantive", "substantive", "other"]);
    assert_eq!((&asked[2]["value"], asked[3].get("value")), (&3.0.into(), None));
    let pane = pane(&run, "option-logits");
    assert_eq!(strings(&pane["options"]), ["a", "b", "c"]);
    assert_eq!(pane["orders"], 2, "a scale is turned, never shuffled");
    assert!(pane["non_substantive"]["other"].as_f64() > Some(0.0));
    assert!(pane["note"].as_str().unwrap().contains("no human reference"));
}

#[test]
fn a_population_that_the_question_knows_nothing_of_is_noted() {
    let parallax = Parallax::new();
    let arguments = ["--ask", "Is it so?", "--option", "Yes", "--option", "No", "--population", "mars.all"];
    let run = parallax.run_json(&arguments);
    assert!(pane(&run, "option-logits")["note"].as_str().unwrap().contains("`mars.all`"));
}

#[test]
fn a_whole_pack_is_one_run_a_line() {
    let parallax = Parallax::new();
    let all = ["--pack", "us-civics", "--all", "--mode", "distribution"];
    let ended = parallax.call(&[&["run", "--engine", "scripted", "--format", "jsonl"], &all[..]].concat()).succeeded();
    let runs: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(runs.len(), 20);
    runs.iter().for_each(shape::check);
    let ids: BTreeSet<_> = runs.iter().map(|run| run["run"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 20);
    assert_eq!(
        (&runs[0]["run"]["question"]["id"], &runs[19]["run"]["question"]["id"]),
        (&"systemic-racism".into(), &"democrats-and-voters".into())
    );
    let array = parallax.run(&all).succeeded().json();
    let array: Vec<Value> = array.as_array().unwrap().clone();
    let both = |runs: Vec<Value>| runs.into_iter().map(lasting).collect::<Vec<_>>();
    assert_eq!(both(array), both(runs));
    let listed = parallax.call(&["sessions", "list", "--format", "json", "--limit", "100"]).succeeded().json();
    assert_eq!(listed.as_array().unwrap().len(), 40);
}

#[test]
fn results_go_to_a_file_when_asked() {
    let parallax = Parallax::new();
    let ended = parallax.run(&[&POLICE_TRUST[..], &["--mode", "overton", "--out", "run.json"]].concat()).succeeded();
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("", ""));
    let text = std::fs::read_to_string(parallax.home().join("run.json")).unwrap();
    shape::check(&serde_json::from_str(&text).unwrap());
    let nowhere = parallax.run(&[&POLICE_TRUST[..], &["--out", "no/such/folder/run.json"]].concat());
    assert_eq!((nowhere.code(), nowhere.out.as_str()), (Some(1), ""));
    assert!(nowhere.sentence().contains("no/such/folder/run.json"));
}

#[test]
fn a_run_is_stored_unless_it_is_not_to_be() {
    let parallax = Parallax::new();
    parallax.run_json(&[&POLICE_TRUST[..], &["--mode", "distribution", "--no-store"]].concat());
    assert!(!parallax.home().join("parallax.sqlite").exists());
    assert!(parallax.newest().is_none());
}

#[test]
fn prompts_are_shown_word_for_word() {
    let parallax = Parallax::new();
    let shown = parallax.run(&[&POLICE_TRUST[..], &["--show-prompts"]].concat()).succeeded();
    shape::check(&shown.json());
    let prompts = |text: &str| text.lines().filter(|line| line.starts_with("=== prompt of ")).count();
    // One answer, two comments and their synthesis, two personas; three readings and the bare one in two orders each, and
    // three texts without content.
    assert_eq!(prompts(&shown.err), 1 + 3 + 2 + 3 * 2 + 2 + 3, "{}", shown.err);
    assert!(shown.err.contains("<|user|>How far do you trust the police in the United States?"), "{}", shown.err);
    assert!(shown.err.contains("<|assistant|>Answer:"), "{}", shown.err);
    let arguments = ["run", "--engine", "scripted", "--ask", "Why?", "--mode", "overton", "--show-prompts"];
    let text = parallax.call(&arguments).succeeded();
    assert_eq!(prompts(&text.out), 4, "{}", text.out);
    assert_eq!(text.err, "");
    assert!(text.out.contains("OVERTON") && text.out.contains("brought together"), "{}", text.out);
}

#[test]
fn settings_reach_the_voices_and_the_record() {
    let parallax = Parallax::new();
    let settings = ["--mode", "overton", "--max-tokens", "7", "--temperature", "0.7", "--top-p", "0.95"];
    let run = parallax.run_json(&[&POLICE_TRUST[..], &settings].concat());
    assert_eq!((&run["run"]["settings"]["temperature"], &run["run"]["settings"]["top_p"]), (&0.7.into(), &0.95.into()));
    let voices = run["panes"].as_array().unwrap().iter().flat_map(|pane| pane["voices"].as_array().unwrap());
    let ends: Vec<_> = voices.map(|voice| (voice["tokens"].as_u64(), voice["finish"].as_str())).collect();
    assert!(ends.iter().all(|end| *end == (Some(7), Some("length"))), "{ends:?}");
    let id = run["run"]["id"].as_str().unwrap();
    assert_eq!(parallax.shown(id), run);
}

#[test]
fn a_context_that_is_too_small_cuts_voices_and_fails_panes_that_do_not_fit() {
    let parallax = Parallax::new();
    let run = parallax
        .run(&["--ctx", "256", "--mode", "overton", "--method", "overton=vanilla", "--ask", &"Why? ".repeat(44)])
        .succeeded()
        .json();
    shape::check(&run);
    assert_eq!(pane(&run, "vanilla")["voices"][0]["finish"], "context");
    let ended = parallax.run(&["--ctx", "256", "--mode", "overton", "--ask", &"Why? ".repeat(300)]);
    assert_eq!(ended.code(), Some(1));
    assert!(ended.sentence().contains("--ctx"), "{ended:?}");
    let run = ended.json();
    shape::check(&run);
    assert!(run["panes"].as_array().unwrap().iter().all(|pane| pane["status"] == "failed"));
}

#[test]
fn methods_and_doctor_say_what_there_is() {
    let parallax = Parallax::new();
    let methods = parallax.call(&["methods", "--format", "json"]).succeeded().json();
    let methods = methods.as_array().unwrap();
    assert_eq!(methods.len(), parallax::methods::registry::METHODS.len());
    for method in methods {
        for key in ["mode", "id", "summary", "cost", "paper"] {
            assert!(!method[key].as_str().unwrap().is_empty(), "{method}");
        }
    }
    let defaults: Vec<_> = methods.iter().filter(|method| method["default"] == true).map(|m| m["id"].clone()).collect();
    assert_eq!(defaults, ["vanilla", "ensemble", "persona-prompt", "option-logits"]);
    let doctor = parallax.call(&["doctor", "--engine", "scripted", "--format", "json"]).succeeded().json();
    assert_eq!(doctor["good"], true, "{doctor}");
    let whats: Vec<_> = doctor["findings"].as_array().unwrap().iter().map(|finding| finding["what"].clone()).collect();
    assert!(
        ["store", "engine", "model", "repeatability"].iter().all(|what| whats.contains(&(*what).into())),
        "{whats:?}"
    );
    let ill = parallax.call(&["doctor", "--engine", "/nonexistent/engine", "--format", "json"]);
    assert_eq!((ill.code(), ill.json()["good"].as_bool(), ill.err.as_str()), (Some(1), Some(false), ""));
}
