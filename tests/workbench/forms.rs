//! Questions and personas of one's own, and numbers.

use crate::bench::{FIRST_QUESTION, Start, Workbench};

/// What must never arrive: a colour, a title, a clipboard, a cleared screen.
const PASTED: &str = "Ja\x1b[31mm\x1b]0;gotcha\x07\x1b]52;c;Z290Y2hh\x07 on to\u{202e}ast?\x1b[2J\rOr \u{9b}not?\r";

#[test]
fn an_own_question_with_options_is_asked() {
    let mut bench = Workbench::ready("scripted");
    bench.key("a");
    bench.wait_for("╭ Ask a question");
    bench.send("Is a hot dog");
    bench.key("enter");
    bench.send("a sandwich? q x");
    bench.key("tab");
    bench.send("Yes\rNo\r~ I cannot say");
    bench.wait_for("~ I cannot say");
    bench.key("ctrl-s");
    bench.wait_until_gone("╭ Ask");
    bench.wait_for("your own");
    for part in ["Is a hot dog", "a sandwich? q x", "◦ Yes", "◦ No", "· I cannot say", "no people's answers"] {
        assert!(bench.screen().contains(part), "{part:?} is not in\n{}", bench.screen());
    }
    bench.key("enter");
    bench.wait_until_done();
    let run = bench.stored();
    let question = &run["run"]["question"];
    assert_eq!(question["text"], "Is a hot dog\na sandwich? q x");
    let options = question["options"].as_array().unwrap();
    assert_eq!(options.len(), 3);
    assert!(options[2]["role"] != "substantive" && options[0]["role"] == "substantive", "{question:#}");
    bench.quits();
}

#[test]
fn a_pasted_question_is_harmless_and_submits_nothing() {
    let mut bench = Workbench::ready("scripted");
    bench.key("a");
    bench.wait_for("╭ Ask a question");
    let before = bench.raw().len();
    bench.paste(PASTED);
    bench.wait_for("Jam on to·ast?");
    bench.wait_for("Or ");
    bench.key("tab");
    bench.paste("Yes\r\nNo\x1b[5m\r\n");
    bench.wait_until("both options are there", |pty| pty.screen().lines().any(|line| line.contains("│  No")));
    assert!(bench.screen().contains("╭ Ask a question"), "a paste submits nothing:\n{}", bench.screen());
    let raw = bench.raw()[before..].to_owned();
    for part in ["\x1b]52", "gotcha", "Z290Y2hh", "\x1b[31m", "\x1b[2J", "\x1b[5m", "\u{202e}", "\u{9b}"] {
        assert!(!raw.contains(part), "{part:?} came through");
    }
    bench.key("alt-enter");
    bench.wait_for("your own");
    bench.key("enter");
    bench.wait_until_done();
    bench.quits();
}

#[test]
fn text_that_is_pasted_as_keys_is_harmless_too() {
    let mut bench = Workbench::ready("scripted");
    bench.key("a");
    bench.wait_for("╭ Ask a question");
    bench.send("abc\u{202e}def\u{2066}ghi\u{200b}");
    bench.wait_for("abc·def·ghi·");
    bench.key("escape");
    bench.wait_until_gone("╭");
    let raw = bench.raw();
    assert!(!raw.contains(['\u{202e}', '\u{2066}', '\u{200b}']));
    bench.quits();
}

#[test]
fn a_question_that_cannot_be_asked_gets_a_sentence_and_keeps_its_text() {
    let mut bench = Workbench::ready("scripted");
    bench.keys("a ctrl-s");
    bench.wait_for("the question is empty");
    bench.send("What now?");
    bench.key("tab");
    bench.send("Only one");
    bench.key("ctrl-s");
    bench.wait_for("option");
    bench.wait_for("╭ Ask a question");
    bench.key("escape");
    bench.wait_until_gone("╭");
    assert!(bench.screen().contains(FIRST_QUESTION));
    bench.key("a");
    bench.wait_for("What now?");
    bench.wait_for("Only one");
    bench.key("escape");
    bench.quits();
}

#[test]
fn a_paste_at_the_workbench_presses_no_keys() {
    let mut bench = Workbench::ready("scripted");
    bench.paste("q\rx\r");
    bench.wait_for("there is no text field open to paste into");
    assert!(bench.parallax.newest().is_none());
    bench.quits();
}

#[test]
fn a_written_persona_is_kept_and_speaks() {
    let mut bench = Workbench::ready("scripted");
    bench.key("w");
    bench.wait_for("╭ Write a persona");
    bench.send("Lighthouse \"keeper\"");
    bench.key("tab");
    bench.send("You keep a lighthouse.\rYou like quiet.");
    bench.key("ctrl-s");
    bench.wait_for("Lighthouse \"keeper\" speaks in the next run");
    let file = bench.parallax.home().join("personas/own-lighthouse-keeper.toml");
    assert!(std::fs::read_to_string(&file).unwrap().contains("You like quiet."));
    bench.key("enter");
    bench.wait_until_done();
    let voices = bench.voices();
    assert_eq!(
        voices.iter().filter(|voice| voice.persona.as_deref() == Some("own-lighthouse-keeper")).count(),
        2,
        "{voices:?}"
    );
    bench.key("v");
    bench.wait_for("Exact prompt");
    let mut page = 0;
    while !bench.shows("You keep a lighthouse. You like quiet.") {
        assert!(page < 8, "no prompt says it:\n{}", bench.screen());
        page += 1;
        bench.key("n");
        bench.wait_until_still();
    }
    bench.key("escape");
    let parallax = bench.quits();
    let mut again = Start::with("scripted").home(parallax).ready();
    again.key("p");
    again.send("lighthouse");
    again.wait_for("[ ] Lighthouse \"keeper\"");
    again.key("escape");
    again.wait_until_gone("╭");
    again.quits();
}

#[test]
fn a_persona_that_cannot_be_written_says_why_and_is_not_lost() {
    let parallax = crate::support::Parallax::new();
    parallax.file("personas", "a file where the folder should be");
    let mut bench = Start::with("scripted").home(parallax).begin();
    bench.wait_for("bit-exact");
    bench.key("w");
    bench.send("Somebody");
    bench.key("tab");
    bench.send("You are somebody.");
    bench.key("ctrl-s");
    bench.wait_for_sentence("the persona cannot be written");
    bench.wait_for("You are somebody.");
    bench.key("escape");
    bench.quits();
}

#[test]
fn numbers_of_a_run_are_changed_and_wrong_ones_refused() {
    let mut bench = Workbench::ready("scripted");
    bench.key("s");
    bench.wait_for("╭ Settings");
    bench.key("ctrl-u");
    bench.send("4711");
    bench.keys("down ctrl-u");
    bench.send("64");
    bench.keys("down ctrl-u");
    bench.send("0");
    bench.key("enter");
    bench.wait_for_sentence("`0` is no samples: use a whole number from 1 to 10,000");
    assert!(bench.screen().contains("seed 1,"), "all or none:\n{}", bench.screen());
    bench.keys("ctrl-u right");
    bench.keys("down right down left enter");
    bench.wait_until_gone("╭ Settings");
    bench.wait_for_sentence("seed 4711, at most 64 tokens a voice, 10 samples");
    bench.wait_for("temperature 1");
    bench.wait_for("top-p 0.9");
    bench.key("enter");
    bench.wait_until_done();
    assert_eq!(bench.stored()["run"]["seed"], 4711);
    bench.quits();
}
