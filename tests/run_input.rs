//! What `parallax run` is asked to do: saved setups, and mistakes, each answered with one sentence and exit 2.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use support::{Parallax, pane, strings};

const ASK: [&str; 2] = ["--ask", "Is it so?"];

#[test]
fn mistakes_of_the_command_line_are_one_sentence_and_exit_2() {
    let parallax = Parallax::new();
    let of_pack = ["--pack", "us-civics", "--question", "police-trust"];
    let cases: &[(&[&str], &str)] = &[
        (&[], "--pack"),
        (&["--pack", "us-civics"], "--question"),
        (&["--pack", "us-civisc", "--all"], "us-civics"),
        (&["--pack", "us-civics", "--question", "police-trsut"], "police-trust"),
        (&["--question", "police-trust"], "--pack"),
        (&["--all"], "--pack"),
        (&["--pack", "us-civics", "--tag", "trsut"], "trust"),
        (&["--pack", "us-civics", "--limit", "0"], "--limit"),
        (&["--pack", "us-civics", "--random", "2", "--limit", "2"], "--limit"),
        (&["--pack", "us-civics", "--tag", "trust", "--question", "police-trust"], "--question"),
        (&["--pack", "us-civics", "--all", "--resume", "--no-store"], "--no-store"),
        (&["--pack", "us-civics", "--all", "--sort", "tv:up"], ":desc"),
        (&["--ask", "  "], "--ask"),
        (&["--ask", "Why?", "--pack", "us-civics"], "--pack"),
        (&["--ask", "Why?", "--all"], "--all"),
        (&["--ask", "Why?", "--option", "Yes"], "at least two"),
        (&["--ask", "Why?", "--option", "Yes", "--option", " Yes "], "twice"),
        (&["--ask", "Why?", "--other", "None"], "--option"),
        (&["--ask", "Why?", "--ordinal"], "--ordinal"),
        (&[&of_pack[..], &["--option", "Yes"]].concat(), "--ask"),
        (&[&of_pack[..], &["--population", "us.party.whig"]].concat(), "us.party.whig"),
        (&[&ASK[..], &["--mode", "overtone"]].concat(), "overton, steered or distribution"),
        (&[&ASK[..], &["--method", "vanila"]].concat(), "no method is called `vanila`"),
        (&[&ASK[..], &["--method", "overton=vanila"]].concat(), "vanilla"),
        (&[&ASK[..], &["--method", "overton=sampled"]].concat(), "overton"),
        (&[&ASK[..], &["--mode", "steered", "--method", "overton=vanilla"]].concat(), "--mode"),
        (&[&ASK[..], &["--persona", "union-nrse"]].concat(), "union-nurse"),
        (&[&ASK[..], &["--persona", "@no-such-file.toml"]].concat(), "no-such-file.toml"),
        (&[&ASK[..], &["--persona", "union-nurse,union-nurse"]].concat(), "twice"),
        (&[&ASK[..], &["--persona-text", " "]].concat(), "empty"),
        (&[&ASK[..], &["--samples", "0"]].concat(), "--samples"),
        (&[&ASK[..], &["--max-tokens", "0"]].concat(), "--max-tokens"),
        (&[&ASK[..], &["--seed", "-1"]].concat(), "-1"),
        (&[&ASK[..], &["--seed", "x"]].concat(), "--seed"),
        (&[&ASK[..], &["--temperature", "11"]].concat(), "--temperature"),
        (&[&ASK[..], &["--temperature", "NaN"]].concat(), "--temperature"),
        (&[&ASK[..], &["--top-p", "0"]].concat(), "--top-p"),
        (&[&ASK[..], &["--format", "yaml"]].concat(), "jsonl"),
        (&[&ASK[..], &["--ctx", "12"]].concat(), "--ctx"),
        (&[&ASK[..], &["--engine", "scripted:melt@3"]].concat(), "crash@N"),
        (&[&ASK[..], &["--engine", "ssh 'box"]].concat(), "--engine"),
        (&[&ASK[..], &["--engine", ""]].concat(), "--engine"),
        (&[&ASK[..], &["--profile", "quick"]].concat(), "audit or fast"),
        (&[&ASK[..], &["--spec", "no-such.toml"]].concat(), "no-such.toml"),
        (&[&ASK[..], &["--optoin", "x"]].concat(), "--option"),
        (&[&ASK[..], &["\u{1b}[31mred"]].concat(), "red"),
    ];
    for (arguments, wanted) in cases {
        let has_engine = arguments.contains(&"--engine") || arguments.contains(&"--format");
        let start: &[&str] = if has_engine { &["run"] } else { &["run", "--engine", "scripted", "--format", "json"] };
        let ended = parallax.call(&[start, arguments].concat());
        assert_eq!((ended.code(), ended.out.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.sentence().contains(wanted), "{arguments:?}: {}", ended.sentence());
    }
    assert!(!parallax.home().join("parallax.sqlite").exists(), "a mistake leaves nothing behind");
}

#[test]
fn help_and_version_are_data() {
    let parallax = Parallax::new();
    let help = parallax.call(&["run", "--help"]).succeeded();
    assert!(help.out.contains("--persona-text") && !help.out.contains("hang-after") && help.err.is_empty());
    assert!(!parallax.call(&["--help"]).succeeded().out.contains("engine  "), "the engine is hidden");
    assert!(parallax.call(&["--version"]).succeeded().out.starts_with("parallax "));
}

#[test]
fn a_saved_setup_is_a_run_and_options_go_first() {
    let parallax = Parallax::new();
    parallax.file(
        "setup.toml",
        r#"
        ask = "Is it so?"
        option = ["Yes", "No"]
        other = ["Don't know"]
        mode = ["distribution", "overton"]
        method = ["overton=vanilla", "distribution=sampled", "distribution=option-logits"]
        persona_text = ["You are a pilot."]
        seed = 7
        samples = 6
        max_tokens = 12
        temperature = 1
        top_p = 0.5
        "#,
    );
    let run = parallax.run_json(&["--spec", "setup.toml"]);
    let settings = &run["run"]["settings"];
    assert_eq!(
        (&run["run"]["seed"], &settings["samples"], &settings["max_tokens"]),
        (&7.into(), &6.into(), &12.into())
    );
    assert_eq!((&settings["temperature"], &settings["top_p"]), (&1.0.into(), &0.5.into()));
    let methods: Vec<_> = run["panes"].as_array().unwrap().iter().map(|pane| pane["method"].clone()).collect();
    assert_eq!(methods, ["sampled", "option-logits", "vanilla"]);
    assert_eq!(pane(&run, "sampled")["voices"].as_array().unwrap().len(), 6);
    assert_eq!(strings(&run["run"]["personas"]), ["custom-1"]);

    let other =
        parallax.run_json(&["--spec", "setup.toml", "--seed", "9", "--samples", "2", "--mode", "distribution,overton"]);
    assert_eq!((&other["run"]["seed"], &other["run"]["settings"]["samples"]), (&9.into(), &2.into()));
    assert_eq!(other["run"]["settings"]["max_tokens"], 12);
    // A question of one's own replaces the saved one with its options.
    let asked = parallax.run_json(&["--spec", "setup.toml", "--ask", "Why?"]);
    assert_eq!(asked["run"]["question"]["options"].as_array().unwrap().len(), 0);
    assert_eq!(asked["run"]["question"]["text"], "Why?");
    // Of a saved pack another question can be named.
    parallax.file("pack.toml", "pack = \"us-civics\"\nquestion = [\"who-wins\"]\nmode = [\"distribution\"]\n");
    let of_pack = parallax.run_json(&["--spec", "pack.toml", "--question", "police-trust"]);
    assert_eq!(of_pack["run"]["question"]["id"], "police-trust");
}

#[test]
fn mistakes_of_a_saved_setup_are_named_with_their_place() {
    let parallax = Parallax::new();
    let cases = [
        ("sed = 7", "sed"),
        ("seed = \"seven\"", "line 1"),
        ("ask = \"Why?\"\nseed = -7", "line 2"),
        ("ask = \"Why?\"\nmode = [\"overtone\"]", "line 2"),
        ("ask = \"Why?\"\nsamples = 0", "--samples"),
        ("ask = \"Why?\"\nmax_tokens = 0", "--max-tokens"),
        ("ask = \"Why?\"\nsamples = 10001", "--samples"),
        ("ask = \"Why?\"\ntemperature = nan", "--temperature"),
        ("ask = \"Why?\"\npack = \"us-civics\"", "ask"),
        ("pack = \"us-civics\"\nall = true\nquestion = [\"who-wins\"]", "question"),
        ("ask = \"Why?", "line 1"),
        ("\u{0}", "line 1"),
    ];
    for (text, wanted) in cases {
        parallax.file("setup.toml", text);
        let ended = parallax.run(&["--spec", "setup.toml"]);
        assert_eq!((ended.code(), ended.out.as_str()), (Some(2), ""), "{text}: {ended:?}");
        assert!(ended.sentence().contains(wanted), "{text}: {}", ended.sentence());
    }
    let folder = parallax.run(&["--spec", "."]);
    assert_eq!(folder.code(), Some(2));
    assert!(folder.sentence().contains("--spec"));
}

#[test]
fn without_a_model_the_next_step_is_named() {
    let parallax = Parallax::new();
    let mut command = parallax.command(&["run", "--ask", "Why?", "--format", "json"]);
    // No caches of others' either.
    command.env("HOME", parallax.home()).env_remove("HF_HOME").env_remove("XDG_CACHE_HOME").env_remove("OLLAMA_MODELS");
    let ended = support::finish(command.spawn().unwrap());
    assert_eq!((ended.code(), ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.sentence().contains("models pull"), "{ended:?}");
}
