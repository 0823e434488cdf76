//! The documents agree with the program: every measure, method, subcommand and protocol line that is documented exists,
//! and the other way round.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

use parallax::domain::Mode;
use parallax::engine::protocol::{Event, Op, Request, VERSION};
use parallax::methods::DEFAULT_METHODS;
use parallax::methods::registry::METHODS;
use serde_json::Value;

const README: &str = include_str!("../README.md");
const MEASURES: &str = include_str!("../docs/measures.md");
const PROTOCOL: &str = include_str!("../docs/engine-protocol.md");
/// How `docs/methods.md` is written anew.
const UPDATE: &str = "UPDATE_DOCS=1 cargo test --no-default-features --test documents";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The standard output of a command that has to succeed, in a data folder of its own.
fn parallax(arguments: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut command = assert_cmd::Command::cargo_bin("parallax").unwrap();
    let output = command.env("PARALLAX_HOME", home.path()).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "parallax {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let rest = text.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic_on(heading)).1;
    rest.split("\n## ").next().unwrap()
}

fn panic_on(heading: &str) -> ! {
    unreachable!("there is no section `{heading}`")
}

/// Texts between backticks, outside fenced blocks.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The ids that the first column of every table explains. `<…>` in an id stands for any text.
fn ids_of_tables(text: &str) -> BTreeSet<&str> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(code_spans).collect()
}

fn matches(documented: &str, id: &str) -> bool {
    match documented.split_once('<') {
        Some((start, _)) => id.strip_prefix(start).is_some_and(|rest| !rest.is_empty()),
        None => documented == id,
    }
}

/// Every measure id that all methods together emit: on a survey question whose groups the default personas belong to,
/// on one whose options are no scale, and on a question without references.
fn emitted() -> BTreeSet<String> {
    let methods: Vec<String> =
        METHODS.iter().map(|method| format!("{}={}", method.facts.mode, method.facts.id)).collect();
    let mut ids = BTreeSet::new();
    let questions =
        [("us-civics", "systemic-racism"), ("us-civics", "government-design"), ("debates", "nuclear-power")];
    for (pack, question) in questions {
        let mut arguments = vec!["--engine", "scripted", "run", "--pack", pack, "--question", question];
        if pack == "us-civics" {
            arguments.extend(["--population", "us.all", "--population", "us.party.democrat"]);
        }
        arguments.extend(["--samples", "6", "--max-tokens", "40", "--format", "json", "--quiet"]);
        arguments.extend(methods.iter().flat_map(|method| ["--method", method]));
        let run: Value = serde_json::from_str(&parallax(&arguments)).unwrap();
        let panes = run["panes"].as_array().unwrap();
        assert_eq!(panes.len(), METHODS.len(), "one pane per method");
        for pane in panes {
            // Some methods need figures of people, or other questions with as many options, and say so where there are none.
            if pane["status"] == "skipped" && (pack != "us-civics" || pane["method"] == "debiased") {
                assert!(pane["note"].as_str().unwrap().len() > 20, "{pane}");
                continue;
            }
            assert_eq!(pane["status"], "done", "{pane}");
            let measures = pane["measures"].as_array().unwrap();
            assert!(!measures.is_empty(), "{} has no measures", pane["method"]);
            let corrected = pane["corrected"].as_array().into_iter().flatten();
            let corrected = corrected.flat_map(|other| other["measures"].as_array().into_iter().flatten());
            ids.extend(measures.iter().chain(corrected).map(|measure| measure["id"].as_str().unwrap().to_owned()));
        }
    }
    ids
}

#[test]
fn every_measure_of_a_run_is_documented_and_every_documented_pane_measure_is_emitted() {
    let current = MEASURES.split("\n## Reserved ids\n").next().unwrap();
    let (documented, emitted) = (ids_of_tables(current), emitted());
    let missing: Vec<_> = emitted.iter().filter(|id| !documented.iter().any(|known| matches(known, id))).collect();
    assert!(missing.is_empty(), "docs/measures.md lacks a row for {missing:?}");
    let panes_only = ids_of_tables(section(MEASURES, "Panes only"));
    assert!(panes_only.len() > 5);
    let unused: Vec<_> = panes_only.iter().filter(|known| !emitted.iter().any(|id| matches(known, id))).collect();
    assert!(unused.is_empty(), "docs/measures.md explains {unused:?}, which no method emits");
}

#[test]
fn ids_with_a_placeholder_match_what_is_filled_in() {
    assert!(matches("share.<option>", "share.a-lot") && !matches("share.<option>", "share."));
    assert!(matches("tv", "tv") && !matches("tv", "shift.tv"));
    assert_eq!(ids_of_tables("| id | E |\n| `a`, `b_<x>` | `c` |\ntext `d`"), BTreeSet::from(["a", "b_<x>"]));
}

/// `docs/methods.md`, from the registry.
fn methods_page() -> String {
    let mut page = format!(
        "# Methods\n\n<!-- Generated from src/methods/registry.rs. To write it anew: {UPDATE} -->\n\n\
         A method is one way to produce a mode's answer. `parallax run --method MODE=METHOD` chooses one, and may be given \
         again to see\nseveral side by side; the defaults run where none is chosen. `parallax methods` prints this list.\n\n\
         Cost counts answers that are written (G) and prompts that are scored (F), for A personas, o option orders and n \
         samples.\n"
    );
    for mode in Mode::ALL {
        write!(page, "\n## {mode}\n\n{}.\n\n", capital(mode.meaning())).unwrap();
        page.push_str(
            "| method | does | cost | needs options | source | wordings |\n| --- | --- | --- | --- | --- | --- |\n",
        );
        for facts in METHODS.iter().map(|method| &method.facts).filter(|facts| facts.mode == mode) {
            let default = if DEFAULT_METHODS.contains(&(mode, facts.id)) { " (default)" } else { "" };
            let needs = if facts.needs_options { "yes" } else { "no" };
            let wordings: Vec<String> =
                facts.wordings.iter().map(|file| format!("[{file}](../prompts/{file}.toml)")).collect();
            writeln!(
                page,
                "| `{}`{default} | {} | {} | {needs} | {} | {} |",
                facts.id,
                facts.summary,
                facts.cost,
                facts.paper,
                wordings.join(", ")
            )
            .unwrap();
        }
    }
    page
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// `docs/methods.md` as it stands, after it was written anew if that was asked for.
fn methods_page_on_disk() -> String {
    static WRITTEN: Once = Once::new();
    let path = root().join("docs/methods.md");
    WRITTEN.call_once(|| {
        if std::env::var_os("UPDATE_DOCS").is_some_and(|on| !on.is_empty()) {
            std::fs::write(&path, methods_page()).unwrap();
        }
    });
    std::fs::read_to_string(&path).unwrap_or_default()
}

#[test]
fn the_page_of_methods_is_that_of_the_registry() {
    assert!(methods_page_on_disk() == methods_page(), "docs/methods.md is not what the registry says; run: {UPDATE}");
}

#[test]
fn every_method_that_the_program_lists_is_documented() {
    let listed: Vec<Value> = serde_json::from_str(&parallax(&["methods", "--format", "json"])).unwrap();
    assert_eq!(listed.len(), METHODS.len());
    let page = methods_page_on_disk();
    for method in listed {
        let (mode, id) = (method["mode"].as_str().unwrap(), method["id"].as_str().unwrap());
        assert!(section(&page, mode).contains(&format!("| `{id}`")), "{mode}={id} is not in docs/methods.md");
    }
}

/// Relative targets of the links in a page, without their anchors.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let is_here = |target: &&str| !target.contains("://") && !target.starts_with("mailto:");
    targets.filter(is_here).map(|target| target.split('#').next().unwrap()).filter(|path| !path.is_empty()).collect()
}

#[test]
fn every_relative_link_leads_to_a_file() {
    methods_page_on_disk();
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.extend(
        ["README.md", "datasets/README.md", "personas/README.md", "prompts/README.md"].map(|it| root().join(it)),
    );
    let mut count = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            count += 1;
            let target = page.parent().unwrap_or(Path::new("")).join(link);
            assert!(target.exists(), "{} links to `{link}`, which is not there", page.display());
        }
    }
    assert!(count > 10, "only {count} links were found");
}

#[test]
fn the_readme_names_every_subcommand() {
    let help = parallax(&["--help"]);
    let commands = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    // Longer descriptions go on in lines that are indented further.
    let names = commands.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 5, "{help}");
    for name in names {
        assert!(README.contains(&format!("parallax {name}")), "README.md does not show `parallax {name}`");
    }
}

#[test]
fn the_readme_names_options_that_exist() {
    let help = ["--help", "run --help", "doctor --help", "bench screen --help", "directions derive --help"]
        .map(|words| parallax(&words.split(' ').collect::<Vec<_>>()))
        .concat();
    // Options of make, cargo and other programs stand in the section on installing.
    let text: String = README.split("\n## ").filter(|part| !part.starts_with("Install and run")).collect();
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    let options = text.split(|c: char| !is_part(c)).filter(|word| word.starts_with("--") && word.len() > 3);
    let options: BTreeSet<&str> = options.filter(|word| *word != "--list").collect();
    let known: BTreeSet<&str> = help.split(|c: char| !is_part(c)).collect();
    assert!(options.len() > 10);
    for option in options {
        assert!(known.contains(option), "README.md names `{option}`, which no help page knows");
    }
}

#[test]
fn every_protocol_line_is_understood() {
    assert!(PROTOCOL.contains(&format!("describes version {VERSION} ")));
    let blocks = PROTOCOL.split("```json\n").skip(1).map(|block| block.split("\n```").next().unwrap());
    let lines: Vec<&str> = blocks.flat_map(str::lines).filter(|line| line.starts_with('{')).collect();
    let mut ops = BTreeSet::new();
    let mut events = 0;
    for line in lines {
        // What was cut stands for something: an ellipsis of its own makes no JSON.
        let whole = line.replace(",…}", "}").replace("{…}", USAGE).replace(",…]", "]");
        let is_request = line.contains("\"op\":");
        if is_request {
            let request: Request = serde_json::from_str(&whole).unwrap_or_else(|error| unreachable!("{error}: {line}"));
            ops.insert(request.op.name());
        } else {
            let _: Event = serde_json::from_str(&whole).unwrap_or_else(|error| unreachable!("{error}: {line}"));
            events += 1;
        }
    }
    let all = [Op::Hello { version: 1 }, Op::Cancel { target: 1 }, Op::Status].map(|op| op.name());
    let others = [
        "load",
        "generate",
        "score_options",
        "score_continuations",
        "direction",
        "derive_direction",
        "adapter",
        "embed",
    ];
    assert_eq!(ops, all.into_iter().chain(others).collect(), "every op has an example");
    assert!(events > 10);
}

/// Stands for the counts of an example that leaves them out.
const USAGE: &str =
    r#"{"prompt_tokens":0,"computed_prompt_tokens":0,"generated_tokens":0,"queue_ms":0,"prompt_ms":0,"generate_ms":0}"#;
