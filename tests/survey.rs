//! Many questions with the scripted engine: stopped and resumed without loss or repetition, asked at once with the same
//! answers, and tables that are what a direct computation gives.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use parallax::store::{RunFilter, RunStatus};
use rustix::process::Signal;
use serde_json::Value;
use support::{DEADLINE, Parallax, finish, lasting, numbers, signal, wait_until};

const QUESTIONS: usize = 12;
const ALL: [&str; 4] = ["--pack", "own.pack.jsonl", "--all", "--mode"];
const TWO_METHODS: [&str; 7] =
    ["distribution", "--method", "distribution=option-logits", "--method", "distribution=sampled", "--samples", "4"];

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn all_lasting(runs: Vec<Value>) -> Vec<Value> {
    runs.into_iter().map(lasting).collect()
}

fn arguments<'a>(engine: &'a str, format: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--engine", engine, "--format", format], &ALL[..], &TWO_METHODS, more].concat()
}

fn survey(parallax: &Parallax, engine: &str, more: &[&str]) -> Vec<Value> {
    lines(&parallax.call(&arguments(engine, "jsonl", more)).succeeded().out)
}

fn stored(parallax: &Parallax) -> u64 {
    parallax.reader().map_or(0, |reader| reader.count(&RunFilter::default()).unwrap())
}

/// Runs that reached their end with all panes.
fn whole(parallax: &Parallax) -> usize {
    let Some(reader) = parallax.reader() else { return 0 };
    let runs = reader.runs(&RunFilter::default(), 1000, None).unwrap();
    let is_whole = |id: &str| {
        let run = reader.load(id).unwrap().run;
        run.panes.iter().all(|pane| pane.status == parallax::domain::PaneStatus::Done)
    };
    runs.iter().filter(|run| run.status == RunStatus::Done && is_whole(&run.id)).count()
}

const SLOW: &str = "scripted:slow@8";

/// Starts a survey, waits until `least` questions are answered, sends it the signal and waits for its end.
fn stop_in_the_middle(parallax: &Parallax, least: usize, with: Signal) -> support::Ended {
    let child = parallax.start(&arguments(SLOW, "jsonl", &["--at-once", "3"]));
    assert!(wait_until(DEADLINE, || whole(parallax) >= least), "nothing was answered");
    signal(child.id(), with);
    finish(child)
}

#[test]
fn a_survey_that_was_stopped_or_killed_is_resumed_without_loss_or_repetition() {
    let uninterrupted = all_lasting(survey(&home(QUESTIONS), SLOW, &[]));
    assert_eq!(uninterrupted.len(), QUESTIONS);
    for with in [Signal::INT, Signal::KILL] {
        let parallax = home(QUESTIONS);
        let ended = stop_in_the_middle(&parallax, 4, with);
        if with == Signal::INT {
            assert_eq!(ended.code(), Some(130), "{ended:?}");
        }
        let (answered, begun) = (whole(&parallax), stored(&parallax));
        assert!((4..QUESTIONS).contains(&answered), "{answered}");
        // What was under way is all that is lost.
        assert!(begun <= answered as u64 + 3, "{begun} begun, {answered} answered");

        let resumed = all_lasting(survey(&parallax, SLOW, &["--resume"]));
        assert!(resumed == uninterrupted, "the resumed survey is the uninterrupted one");
        assert_eq!(stored(&parallax), begun + (QUESTIONS - answered) as u64, "each question left was asked once");
        // Everything is there now: nothing is asked.
        let again = all_lasting(survey(&parallax, SLOW, &["--resume"]));
        assert!(again == uninterrupted);
        assert_eq!(stored(&parallax), begun + (QUESTIONS - answered) as u64);
        assert!(parallax.call(&["sessions", "list", "--limit", "3"]).succeeded().out.lines().count() == 4);
    }
}

#[test]
fn what_changes_an_answer_is_asked_again_and_nothing_else() {
    let parallax = home(QUESTIONS);
    let asked = |more: &[&str]| {
        let before = stored(&parallax);
        survey(&parallax, "scripted", more);
        stored(&parallax) - before
    };
    assert_eq!(asked(&["--resume"]), 12, "nothing was stored yet");
    assert_eq!(asked(&["--resume"]), 0);
    assert_eq!(asked(&["--resume", "--at-once", "2"]), 0, "how they are asked changes nothing");
    assert_eq!(asked(&["--resume", "--seed", "2"]), 12);
    assert_eq!(asked(&["--resume", "--temperature", "0.5"]), 12);
    assert_eq!(asked(&["--resume", "--persona", "union-nurse"]), 12);
    assert_eq!(asked(&["--resume", "--population", "g.two"]), 12);
    // A part of the pack is answered by the whole of it.
    let part = [&["run", "--engine", "scripted", "--resume", "--format", "jsonl"], &ALL[..2], &["--tag", "t1"]];
    let part = [&part.concat()[..], &["--mode"], &TWO_METHODS].concat();
    let before = stored(&parallax);
    let part = lines(&parallax.call(&part).succeeded().out);
    assert_eq!((part.len(), stored(&parallax)), (4, before));
    // Without --resume everything is asked, and what could have been left out is said.
    let ended = parallax.call(&arguments("scripted", "jsonl", &[])).succeeded();
    assert!(ended.err.contains("12 of 12 questions") && ended.err.contains("--resume"), "{}", ended.err);
    assert_eq!(stored(&parallax), before + 12);
}

/// A pack of two groups, whose question `n` has the text that `text` gives, the topic n mod 3 and, where n is even, a scale.
fn pack(questions: usize, text: impl Fn(usize) -> String) -> String {
    let lines = [
        r#"{"kind":"pack","format":"pluralpack/1","id":"own","version":"1","title":"Own","lang":"en","licence":{"spdx":"CC0-1.0"}}"#,
        r#"{"kind":"source","id":"s","title":"S","citation":"S"}"#,
        r#"{"kind":"group","id":"g.one","label":"One","dimension":"g"}"#,
        r#"{"kind":"group","id":"g.two","label":"Two","dimension":"g"}"#,
        r#"{"kind":"scale","id":"yes-no","measure":"ordinal","reversible":true,"options":[{"id":"a","label":"Yes","value":1},{"id":"b","label":"No","value":2}]}"#,
    ];
    let mut pack = lines.join("\n");
    for n in 0..questions {
        let ask = if n % 2 == 0 {
            r#"{"form":"choice","scale":"yes-no"}"#
        } else {
            r#"{"form":"choice","options":[{"id":"a","label":"Yes"},{"id":"b","label":"No"}]}"#
        };
        let of = |group: &str, yes: f64| {
            let no = 1.0 - yes;
            format!(r#"{{"group":"{group}","basis":"survey","n":100,"shares":{{"a":{yes},"b":{no}}},"source":"s"}}"#)
        };
        let share = share(n);
        write!(
            pack,
            "\n{{\"kind\":\"item\",\"id\":\"q{n}\",\"text\":\"{}\",\"ask\":{ask},\"reference\":[{},{}],\"tags\":[\"t{}\"],\"origin\":{{\"source\":\"s\",\"row\":\"{n}\"}}}}",
            text(n),
            of("g.one", share),
            of("g.two", 1.0 - share),
            n % 3
        )
        .unwrap();
    }
    pack
}

/// How many of the first group say yes to question `n`.
fn share(n: usize) -> f64 {
    (n % 9 + 1) as f64 / 10.0
}

fn plain(n: usize) -> String {
    format!("Is it number {n}?")
}

/// A folder with a pack of so many questions.
fn home(questions: usize) -> Parallax {
    let parallax = Parallax::new();
    parallax.file("own.pack.jsonl", &pack(questions, plain));
    parallax
}

#[test]
fn a_question_or_wording_that_was_edited_is_asked_again() {
    let parallax = home(6);
    let ask = || {
        let before = stored(&parallax);
        let own = ["--pack", "own.pack.jsonl", "--all", "--mode", "distribution", "--resume"];
        let ended = parallax.call(&[&["run", "--engine", "scripted", "--format", "jsonl"], &own[..]].concat());
        (lines(&ended.succeeded().out).len(), stored(&parallax) - before)
    };
    assert_eq!((ask(), ask()), ((6, 6), (6, 0)));
    parallax.file("own.pack.jsonl", &pack(6, |n| if n == 3 { "Is it another?".to_owned() } else { plain(n) }));
    assert_eq!((ask(), ask()), ((6, 1), (6, 0)));
    std::fs::create_dir_all(parallax.home().join("prompts")).unwrap();
    let wording = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/option-logits.toml")).unwrap();
    std::fs::write(parallax.home().join("prompts/option-logits.toml"), format!("# Mine.\n{wording}")).unwrap();
    assert_eq!((ask(), ask()), ((6, 6), (6, 0)));
}

#[test]
fn questions_at_once_say_what_they_say_one_by_one_and_in_order() {
    let one = all_lasting(survey(&home(QUESTIONS), "scripted", &["--at-once", "1"]));
    let many = all_lasting(survey(&home(QUESTIONS), "scripted", &["--at-once", "9"]));
    assert!(one == many);
}

#[test]
fn a_filter_takes_topics_the_first_or_a_draw_by_the_seed() {
    let parallax = home(QUESTIONS);
    let ids = |more: &[&str]| -> Vec<String> {
        let start = ["run", "--engine", "scripted", "--format", "jsonl", "--mode", "distribution"];
        let out =
            parallax.call(&[&start[..], &["--pack", "own.pack.jsonl", "--no-store"], more].concat()).succeeded().out;
        lines(&out).iter().map(|run| run["run"]["question"]["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&["--all"]);
    assert_eq!(ids(&["--limit", "3"]), all[..3]);
    let drawn = ids(&["--random", "5"]);
    assert_eq!(drawn, ids(&["--random", "5"]));
    let places: Vec<usize> = drawn.iter().map(|id| all.iter().position(|known| known == id).unwrap()).collect();
    assert!(places.len() == 5 && places.is_sorted(), "{places:?}");
    assert_ne!(drawn, ids(&["--random", "5", "--seed", "2"]));
    assert_eq!(ids(&["--tag", "t1", "--limit", "2"]), ["q1", "q4"]);
    assert_eq!(ids(&["--question", "q7,q2"]), ["q7", "q2"]);
}

fn find<'a>(lines: &'a Value, wanted: &[(&str, &str)]) -> &'a Value {
    let is_it = |line: &&Value| wanted.iter().all(|(key, value)| line[*key] == *value);
    lines.as_array().unwrap().iter().find(is_it).unwrap_or_else(|| panic!("no {wanted:?} in {lines:#}"))
}

fn measure<'a>(line: &'a Value, id: &str) -> &'a Value {
    find(&line["measures"], &[("id", id)])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn js(p: &[f64], q: &[f64]) -> f64 {
    let half = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).filter(|(a, _)| **a > 0.0).map(|(a, b)| a * (2.0 * a / (a + b)).log2()).sum()
    };
    (f64::midpoint(half(p, q), half(q, p))).max(0.0).sqrt()
}

/// Every table against numbers computed here from the runs themselves.
#[test]
fn tables_are_what_the_runs_say() {
    let parallax = home(QUESTIONS);
    let start = ["run", "--engine", "scripted", "--format", "jsonl", "--summary", "tables.json"];
    let runs = lines(&parallax.call(&[&start[..], &ALL, &TWO_METHODS].concat()).succeeded().out);
    let tables: Value =
        serde_json::from_str(&std::fs::read_to_string(parallax.home().join("tables.json")).unwrap()).unwrap();
    assert_eq!((&tables["schema"], &tables["survey"]["questions"]), (&"parallax.survey/1".into(), &12.into()));
    assert_eq!(tables["survey"]["populations"], serde_json::json!({ "g.one": 12 }));

    let mut columns: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut topics: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut to_two = Vec::new();
    for (n, run) in runs.iter().enumerate() {
        let share = share(n);
        let (one, two) = ([share, 1.0 - share], [1.0 - share, share]);
        for pane in run["panes"].as_array().unwrap() {
            let p = numbers(&pane["p"]);
            let tv = (p[0] - one[0]).abs();
            if pane["method"] == "option-logits" {
                columns.entry("js").or_default().push(js(&p, &one));
                columns.entry("tv").or_default().push(tv);
                columns.entry("mass").or_default().push(pane["mass"].as_f64().unwrap());
                columns.entry("uniform").or_default().push(js(&[0.5, 0.5], &one));
                topics.entry(format!("t{}", n % 3)).or_default().push(js(&p, &one));
                to_two.push(1.0 - js(&p, &two));
                if n % 2 == 0 {
                    // Two places on a scale: the distance along it is the share that has to move.
                    columns.entry("w1").or_default().push(tv);
                }
            } else {
                columns.entry("sampled").or_default().push(js(&p, &one));
            }
        }
    }
    let close = |measure: &Value, values: &[f64]| {
        assert!((measure["value"].as_f64().unwrap() - mean(values)).abs() < 1e-9, "{measure}: {}", mean(values));
        assert_eq!(measure["n"], values.len());
        let interval = numbers(&measure["interval"]);
        assert!(interval[0] <= mean(values) && mean(values) <= interval[1] && measure["level"] == 0.95, "{measure}");
    };
    let exact = find(&tables["methods"], &[("method", "option-logits")]);
    assert_eq!((&exact["done"], &exact["failed"]), (&12.into(), &0.into()));
    for (id, name) in
        [("mean.js_distance_2", "js"), ("mean.tv", "tv"), ("mean.mass", "mass"), ("mean.w1_normalised", "w1")]
    {
        close(measure(exact, id), &columns[name]);
    }
    assert!(measure(exact, "mean.w1_normalised")["note"].as_str().unwrap().contains("6 of 12"));
    close(measure(find(&tables["baselines"], &[("name", "uniform")]), "mean.js_distance_2"), &columns["uniform"]);
    let paired: Vec<f64> = columns["sampled"].iter().zip(&columns["js"]).map(|(a, b)| a - b).collect();
    close(measure(&tables["differences"][0], "difference.js_distance_2"), &paired);
    for (topic, values) in &topics {
        let line = find(&tables["topics"], &[("method", "option-logits"), ("topic", topic)]);
        close(measure(line, "mean.js_distance_2"), values);
    }
    let similarity: Vec<f64> = columns["js"].iter().map(|distance| 1.0 - distance).collect();
    let on_scale: Vec<f64> = columns["w1"].iter().map(|distance| 1.0 - distance).collect();
    let one = find(&tables["populations"], &[("method", "option-logits"), ("population", "g.one")]);
    close(measure(one, "similarity"), &similarity);
    close(measure(one, "representativeness"), &on_scale);
    let two = find(&tables["populations"], &[("method", "option-logits"), ("population", "g.two")]);
    close(measure(two, "similarity"), &to_two);
    // Which questions the runs are.
    for (line, run) in tables["questions"].as_array().unwrap().iter().zip(&runs) {
        assert_eq!((&line["run"], &line["id"]), (&run["run"]["id"], &run["run"]["question"]["id"]));
    }

    // The tables of the store are the same, in JSON and for people.
    let of = |format: &str, more: &[&str]| {
        let start = ["run", "--engine", "scripted", "--resume", "--format", format];
        parallax.call(&[&start[..], &ALL, &TWO_METHODS, more].concat()).succeeded()
    };
    assert_eq!(of("survey", &[]).json(), tables);
    let text = of("table", &["--worst", "2", "--sort", "tv"]).out;
    let worst = columns["tv"].iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    for wanted in ["MEANS over 12 questions of own", "baseline: uniform", "POPULATIONS", "TOPICS", "DIFFERENCES"] {
        assert!(text.contains(wanted), "{wanted} is missing in:\n{text}");
    }
    let first = text.lines().skip_while(|line| !line.contains("the 2 worst by tv")).nth(2).unwrap();
    assert!(first.contains(&format!("q{} ", worst.0)), "{first}");
    let unknown = of("table", &["--sort", "nonsense"]).out;
    assert!(unknown.contains("no question has the measure nonsense: sort by one of"), "{unknown}");
}

#[test]
fn what_failed_is_in_no_mean_and_is_asked_again() {
    let parallax = home(QUESTIONS);
    let ended = parallax.call(&arguments("scripted:crash@900", "survey", &["--at-once", "2"]));
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let tables = ended.json();
    let line = find(&tables["methods"], &[("method", "sampled")]);
    assert!(line["failed"].as_u64() > Some(0) && line["done"].as_u64() > Some(0), "{line}");
    let answered = whole(&parallax) as u64;
    let before = stored(&parallax);
    // Another engine's build or kind would ask everything again; the fault is no part of either.
    assert_eq!(survey(&parallax, "scripted", &["--resume"]).len(), QUESTIONS);
    assert_eq!(stored(&parallax) - before, QUESTIONS as u64 - answered);
}

/// A thousand questions: their voices are not kept.
#[test]
fn a_thousand_questions_need_little_memory() {
    let parallax = home(1000);
    let start = ["run", "--engine", "scripted", "--format", "table", "--no-store", "--mode", "distribution"];
    let child = parallax.start(&[&start[..], &["--pack", "own.pack.jsonl", "--all"]].concat());
    let pid = child.id();
    let highest = std::thread::spawn(move || {
        let mut highest = 0;
        while let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(kib) = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok()) else {
                break;
            };
            highest = highest.max(kib);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        highest
    });
    let ended = finish(child).succeeded();
    assert!(ended.out.contains("MEANS over 1000 questions"), "{}", ended.out);
    let highest = highest.join().unwrap();
    eprintln!("1000 questions: {highest} KiB at the most, {:?}", ended.took);
    assert!(highest < 120 * 1024, "{highest} KiB");
}
