//! The distribution methods that are about somebody, of the built program with the scripted engine: as one of a population,
//! behind a population's answers to other questions, and as a mixture of personas.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use parallax::measure::{Base, Distribution, js_distance};
use serde_json::Value;
use support::{POLICE_TRUST, Parallax, measures, numbers, pane, shape, strings};

/// The program's answer with these arguments, and what it says beside it.
fn run(question: &[&str], method: &str, more: &[&str]) -> (Value, String) {
    let parallax = Parallax::new();
    let method = format!("distribution={method}");
    let arguments = ["run", "--engine", "scripted", "--format", "json", "--mode", "distribution", "--method", &method];
    let ended = parallax.call(&[&arguments, question, more].concat()).succeeded();
    let run = ended.json();
    shape::check(&run);
    (run, ended.err)
}

fn distance(p: &Value, q: &Value) -> f64 {
    let shares = |value| Distribution::new(&numbers(value)).unwrap();
    js_distance(&shares(p), &shares(q), Base::Two).unwrap()
}

/// The measure `id` to `population`.
fn to(pane: &Value, id: &str, population: &str) -> f64 {
    let found = measures(pane, id).into_iter().find(|measure| measure["population"] == population);
    found.and_then(|measure| measure["value"].as_f64()).unwrap_or_else(|| panic!("no {id} to {population}: {pane:#}"))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

const PARTIES: [&str; 4] = ["--population", "us.party.democrat", "--population", "us.party.republican"];

#[test]
fn each_population_is_asked_for_on_its_own_and_compared_with_its_own_people() {
    let (run, prompts) = run(&POLICE_TRUST, "population-prompt", &[&PARTIES[..], &["--show-prompts"]].concat());
    let pane = pane(&run, "population-prompt");
    for person in ["Answer as a Democrat would.", "Answer as a Republican would."] {
        assert_eq!(prompts.matches(person).count(), 2, "one for each order: {prompts}");
    }
    assert_eq!(prompts.matches("=== prompt of").count(), 6, "and two as nobody");
    let each = pane["by_population"].as_array().unwrap();
    let ids: Vec<&str> = each.iter().map(|own| own["population"].as_str().unwrap()).collect();
    assert_eq!(ids, ["us.party.democrat", "us.party.republican"]);
    assert!(each[0]["p"] != each[1]["p"] && each[0]["p"] != pane["before"]["p"] && pane["p"] == each[0]["p"]);
    for (own, reference) in each.iter().zip(pane["references"].as_array().unwrap()) {
        let population = own["population"].as_str().unwrap();
        assert_eq!(reference["population"], population);
        let after = distance(&own["p"], &reference["q"]);
        close(to(pane, "js_distance_2", population), after);
        close(to(pane, "shift.js_distance_2", population), distance(&pane["before"]["p"], &own["p"]));
        close(to(pane, "gain.js_distance_2", population), distance(&pane["before"]["p"], &reference["q"]) - after);
        assert!(to(pane, "orders.mean_pairwise_tv", population) > 0.0, "a bias is planted");
        assert!(to(pane, "baseline.uniform.js_distance_2", population) > 0.0);
    }
}

#[test]
fn the_answer_as_nobody_is_the_one_of_the_plain_method() {
    let (own, _) = run(&POLICE_TRUST, "population-prompt", &[]);
    let (plain, _) = run(&POLICE_TRUST, "option-logits", &[]);
    assert_eq!(pane(&own, "population-prompt")["before"]["p"], pane(&plain, "option-logits")["p"]);
}

/// A pack of one's own, with a question that people of two groups answered; one of the groups can be named to a model.
const GROUPS: &str = concat!(
    r#"{"kind":"pack","format":"pluralpack/1","id":"own","version":"1","title":"Own","lang":"en","licence":{"spdx":"CC0-1.0"}}"#,
    "\n",
    r#"{"kind":"source","id":"s","citation":"Of one's own"}"#,
    "\n",
    r#"{"kind":"group","id":"g.named","label":"Named","dimension":"g","prompt":"a baker"}"#,
    "\n",
    r#"{"kind":"group","id":"g.unnamed","label":"Unnamed","dimension":"g"}"#,
    "\n",
    r#"{"kind":"item","id":"q","text":"Is it so?","ask":{"form":"choice","options":[{"id":"y","label":"Yes"},{"id":"n","label":"No"}]},"origin":{"source":"s","row":"1"},"reference":[{"group":"g.named","basis":"survey","n":100,"source":"s","shares":{"y":0.7,"n":0.3}},{"group":"g.unnamed","basis":"survey","n":100,"source":"s","shares":{"y":0.4,"n":0.6}}]}"#
);

#[test]
fn populations_that_cannot_be_named_are_left_out_with_a_sentence() {
    let home = Parallax::new();
    let file = home.file("own.pack.jsonl", GROUPS).display().to_string();
    let question = ["--pack", &file, "--question", "q"];
    let (both, _) = run(&question, "population-prompt", &["--population", "all"]);
    let both = pane(&both, "population-prompt");
    assert_eq!(both["by_population"].as_array().unwrap().len(), 1);
    assert_eq!(both["references"].as_array().unwrap().len(), 1, "nothing is compared with whom nobody answered as");
    assert!(both["note"].as_str().unwrap().contains("names one of `g.unnamed`"), "{}", both["note"]);
    let (none, _) = run(&question, "population-prompt", &["--population", "g.unnamed"]);
    let none = pane(&none, "population-prompt");
    assert_eq!(none["status"], "skipped");
    assert!(none["note"].as_str().unwrap().contains("nobody was asked"), "{}", none["note"]);
    let (asked, _) = run(&["--ask", "Is it so?", "--option", "Yes", "--option", "No"], "population-prompt", &[]);
    assert!(pane(&asked, "population-prompt")["note"].as_str().unwrap().contains("figures of no population"));
}

#[test]
fn examples_are_the_most_similar_questions_with_the_figures_of_the_same_people() {
    let (run, prompts) = run(
        &POLICE_TRUST,
        "few-shot",
        &["--population", "us.party.republican", "--max-tokens", "60", "--show-prompts"],
    );
    let pane = pane(&run, "few-shot");
    let note = pane["note"].as_str().unwrap();
    assert!(note.contains("figures of `us.party.republican`"), "{note}");
    assert!(note.contains("words: supreme-court-trust (0.") && note.contains("postal-trust (0."), "{note}");
    let prompt = prompts.split("=== prompt of").nth(1).unwrap();
    assert!(prompt.contains("Each of them is a Republican."), "{prompt}");
    assert_eq!(prompt.matches("A: ").count(), 5, "five examples: {prompt}");
    assert_eq!(prompt.matches("How far do you trust the police in the United States?").count(), 1);
    let court = prompt.split("Supreme Court of the United States?").nth(1).unwrap();
    let shares: Vec<u32> = court
        .lines()
        .filter_map(|line| line.split_once(": ")?.1.trim().strip_suffix('%')?.parse().ok())
        .take(5)
        .collect();
    let figures = figures_of("supreme-court-trust", "us.party.republican");
    assert_eq!(shares.iter().sum::<u32>(), 100, "{shares:?}");
    for (shown, figure) in shares.iter().zip(&figures) {
        assert!((f64::from(*shown) - figure * 100.0).abs() < 1.0, "{shares:?} for {figures:?}");
    }
    assert_eq!((pane["obtained"].as_str(), pane["voices"].as_array().unwrap().len()), (Some("stated"), 10));
    assert_eq!(pane["reference"]["population"], "us.party.republican");
    close(to(pane, "js_distance_2", "us.party.republican"), distance(&pane["p"], &pane["reference"]["q"]));
}

/// The shares in the bundled pack, in the order of the question's options.
fn figures_of(question: &str, population: &str) -> Vec<f64> {
    let home = tempfile::tempdir().unwrap();
    let paths = parallax::config::Paths { data: home.path().to_path_buf() };
    let question = parallax::data::Catalogue::load(&paths).question("us-civics", question).unwrap();
    question.reference(population).unwrap().shares.clone()
}

#[test]
fn without_other_questions_of_the_same_people_nothing_is_made_up() {
    let home = Parallax::new();
    // The second question is the same in other letters, the third has figures that come from no people.
    let more = concat!(
        r#"{"kind":"item","id":"same","text":"is it  SO?","ask":{"form":"choice","options":[{"id":"y","label":"Yes"},{"id":"n","label":"No"}]},"origin":{"source":"s","row":"2"},"reference":[{"group":"g.named","basis":"survey","n":9,"source":"s","shares":{"y":0.2,"n":0.8}}]}"#,
        "\n",
        r#"{"kind":"item","id":"agreed","text":"And why?","ask":{"form":"choice","options":[{"id":"y","label":"Yes"},{"id":"n","label":"No"}]},"origin":{"source":"s","row":"3"},"reference":[{"group":"g.named","basis":"agreed","source":"s","shares":{"y":1.0,"n":0.0}}]}"#
    );
    let file = home.file("own.pack.jsonl", &format!("{GROUPS}\n{more}")).display().to_string();
    let (run, _) = run(&["--pack", &file, "--question", "q"], "few-shot", &["--population", "g.named"]);
    let pane = pane(&run, "few-shot");
    assert_eq!(pane["status"], "skipped");
    assert!(pane["note"].as_str().unwrap().contains("figures of `g.named` for no other question"), "{}", pane["note"]);
}

fn shares(value: &Value) -> Distribution {
    Distribution::new(&numbers(value)).unwrap()
}

/// Weights under which the pane's personas are mixed.
fn mixed(pane: &Value, weights: &Value) -> Vec<f64> {
    let each = pane["distributions"].as_array().unwrap().iter().map(|own| numbers(&own["p"]));
    let mut sum = vec![0.0; pane["options"].as_array().unwrap().len()];
    for (p, weight) in each.zip(numbers(weights)) {
        sum.iter_mut().zip(p).for_each(|(sum, share)| *sum += weight * share);
    }
    sum
}

const SIX: [&str; 12] = [
    "--persona",
    "union-nurse",
    "--persona",
    "retired-officer",
    "--persona",
    "city-planner",
    "--persona",
    "conservative-farmer",
    "--persona",
    "night-cashier",
    "--persona",
    "climate-student",
];

#[test]
fn weights_are_fitted_to_other_questions_and_tried_on_this_one() {
    let (run, prompts) =
        run(&POLICE_TRUST, "persona-mixture", &[&SIX[..], &["--show-prompts", "--population", "us.all"]].concat());
    let pane = pane(&run, "persona-mixture");
    let mixture = &pane["mixture"];
    let others = strings(&mixture["others"]);
    assert_eq!(others.len(), 8);
    assert!(others[..2].contains(&"supreme-court-trust") && !others.contains(&"police-trust"), "{others:?}");
    let purposes: Vec<&str> = prompts.lines().filter(|line| line.starts_with("=== prompt of")).collect();
    for other in &others {
        let its = purposes.iter().filter(|line| line.contains(&format!("union-nurse, {other}, order "))).count();
        assert!(its >= 2, "each persona answers each question in each order: {purposes:?}");
    }
    // Eight questions with two orders, one of three options with all six.
    assert_eq!(purposes.len(), 6 * (8 * 2 + 6));
    let fits = mixture["fits"].as_array().unwrap();
    let named: Vec<_> =
        fits.iter().map(|fit| (fit["loss"].as_str().unwrap(), fit["held_out"].as_bool().unwrap())).collect();
    let losses = ["js_divergence_2", "squared_error", "tv"];
    assert_eq!(named, [true, false].iter().flat_map(|held| losses.map(|loss| (loss, *held))).collect::<Vec<_>>());
    let people = shares(&pane["reference"]["q"]);
    for fit in fits {
        let p = Distribution::new(&mixed(pane, &fit["weights"])).unwrap();
        close(fit["js_distance_2"].as_f64().unwrap(), js_distance(&p, &people, Base::Two).unwrap());
    }
    assert_eq!((&pane["p"], pane["obtained"].as_str()), (&fits[0]["p"], Some("fitted")));
    close(to(pane, "js_distance_2", "us.all"), fits[0]["js_distance_2"].as_f64().unwrap());
    close(to(pane, "mixture.held_out.js_distance_2", "us.all"), fits[0]["js_distance_2"].as_f64().unwrap());
    // Each loss is least where it was fitted: of those fitted to this very question.
    let here = &fits[3..];
    let given = mixed(pane, &mixture["given"]);
    let given = js_distance(&Distribution::new(&given).unwrap(), &people, Base::Two).unwrap();
    close(to(pane, "mixture.given.js_distance_2", "us.all"), given);
    for other in fits {
        assert!(here[0]["js_distance_2"].as_f64().unwrap() <= other["js_distance_2"].as_f64().unwrap() + 1e-9);
        assert!(here[2]["tv"].as_f64().unwrap() <= other["tv"].as_f64().unwrap() + 1e-9);
    }
    assert!(here[0]["js_distance_2"].as_f64().unwrap() <= given);
    let in_sample = measures(pane, "mixture.in_sample.js_distance_2")[0]["note"].as_str().unwrap();
    let is_reached = here[0]["js_distance_2"].as_f64().unwrap() < 0.01;
    let says = if is_reached { "6 personas for 4 options" } else { "no weights of these personas come nearer" };
    assert!(in_sample.contains(says), "{in_sample}");
    let note = pane["note"].as_str().unwrap();
    assert!(note.contains("fitted by the mean js_divergence_2 to how `us.all` answered 8 other questions"), "{note}");
}

#[test]
fn without_other_questions_the_bars_are_of_the_weights_that_are_brought_along() {
    let home = Parallax::new();
    let file = home.file("own.pack.jsonl", GROUPS).display().to_string();
    let question = ["--pack", &file, "--question", "q", "--persona", "union-nurse", "--persona", "city-planner"];
    let (run, _) = run(&question, "persona-mixture", &[]);
    let pane = pane(&run, "persona-mixture");
    assert_eq!((pane["obtained"].as_str(), &pane["mixture"]["others"]), (Some("exact"), &Value::Null));
    assert_eq!(pane["mixture"]["fits"].as_array().unwrap().len(), 3, "to this question alone");
    for (p, expected) in numbers(&pane["p"]).iter().zip(mixed(pane, &pane["mixture"]["given"])) {
        close(*p, expected);
    }
    let absent = measures(pane, "mixture.held_out.js_distance_2")[0];
    assert!(absent["value"].is_null() && absent["note"].as_str().unwrap().contains("no other question"), "{absent}");
    assert!(pane["note"].as_str().unwrap().contains("says nothing"), "{}", pane["note"]);
    let (asked, _) = self::run(
        &["--ask", "Is it so?", "--option", "Yes", "--option", "No", "--persona", "union-nurse"],
        "persona-mixture",
        &[],
    );
    assert_eq!(support::pane(&asked, "persona-mixture")["status"], "skipped");
}
