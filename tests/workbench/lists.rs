//! Lists: searched, taken from, closed.

use crate::bench::{FIRST_QUESTION, Workbench};

/// The title of a list or form in its frame.
fn framed(title: &str) -> String {
    format!("╭ {title} ─")
}

#[test]
fn a_word_finds_a_question_and_enter_takes_it() {
    let mut bench = Workbench::ready("scripted");
    bench.key("/");
    bench.wait_for(&framed("Question"));
    bench.wait_for("40 of 40");
    bench.send("ballots");
    bench.wait_for("› ballots");
    bench.wait_for("▸ How confident are you that paper ballots");
    bench.key("enter");
    bench.wait_until_gone(&framed("Question"));
    bench.wait_for("us-civics mail-ballots");
    bench.wait_until_gone(FIRST_QUESTION);
    bench.key("enter");
    bench.wait_until_done();
    assert_eq!(bench.stored()["run"]["question"]["id"], "mail-ballots");
    bench.quits();
}

#[test]
fn a_third_persona_speaks_in_the_next_run() {
    let mut bench = Workbench::ready("scripted");
    bench.key("p");
    bench.wait_for(&framed("Personas"));
    bench.wait_for("[x] Conservative farmer");
    bench.send("nurse");
    bench.wait_for("[ ] Union nurse");
    bench.key("space");
    bench.wait_for("[x] Union nurse");
    bench.key("enter");
    bench.wait_until_gone(&framed("Personas"));
    bench.wait_for("▌Union nurse");
    bench.wait_for("21 prompts");
    bench.key("enter");
    bench.wait_until_done();
    let voices = bench.voices();
    let hers: Vec<_> = voices.iter().filter(|voice| voice.persona.as_deref() == Some("union-nurse")).collect();
    assert_eq!(hers.len(), 2, "a comment and a steered answer: {voices:?}");
    bench.wait_until("her voice has its name", |pty| pty.screen().matches("▌Union nurse").count() >= 2);
    bench.quits();
}

#[test]
fn methods_are_switched_on_and_off_but_never_all() {
    let mut bench = Workbench::ready("scripted");
    bench.key("m");
    bench.wait_for(&framed("Modes and methods"));
    bench.send("sampled");
    bench.wait_for("[ ] distribution: sampled");
    bench.keys("tab enter");
    bench.wait_for("Distribution option-logits, sampled");
    bench.key("m");
    for method in ["vanilla", "ensemble", "persona-prompt", "option-logits", "sampled"] {
        bench.key("ctrl-u");
        bench.send(method);
        bench.wait_for(&format!("› {method}"));
        bench.key("space");
    }
    bench.key("enter");
    bench.wait_for("a run needs at least one method");
    assert!(bench.screen().contains(&framed("Modes and methods")), "the list stays open:\n{}", bench.screen());
    bench.key("escape");
    bench.wait_for("Distribution option-logits, sampled");
    bench.quits();
}

#[test]
fn groups_to_compare_with_are_chosen() {
    let mut bench = Workbench::ready("scripted");
    bench.key("g");
    bench.wait_for(&framed("Compare with"));
    bench.send("republican");
    bench.wait_for("▸ [ ] Republicans");
    bench.keys("space enter");
    bench.wait_for_sentence("beside All adult citizens, Republicans (g: 24 more)");
    bench.quits();
}

#[test]
fn models_can_be_looked_at_without_loading_one() {
    let mut bench = Workbench::ready("scripted");
    bench.key("l");
    bench.wait_for(&framed("Model"));
    bench.wait_for("Enter fetches it");
    bench.key("escape");
    bench.wait_until_gone(&framed("Model"));
    bench.wait_for("bit-exact");
    bench.quits();
}

#[test]
fn the_palette_does_an_action_by_its_name() {
    let mut bench = Workbench::ready("scripted");
    for (name, opened) in [("settings", "top-p"), ("write persona", "a few words"), ("help", "All keys")] {
        bench.key("ctrl-p");
        bench.wait_for(&framed("Actions"));
        bench.send(name);
        bench.wait_for(&format!("▸ {name}: "));
        bench.key("enter");
        bench.wait_until_gone(&framed("Actions"));
        bench.wait_for(opened);
        bench.key("escape");
        bench.wait_until_gone("╭");
    }
    bench.key("ctrl-p");
    bench.send("run");
    bench.wait_for("▸ run: ");
    bench.key("enter");
    bench.wait_until_done();
    bench.quits();
}

#[test]
fn the_palette_says_when_nothing_fits() {
    let mut bench = Workbench::ready("scripted");
    bench.key("ctrl-p");
    bench.send("zzzzqq");
    bench.wait_for("nothing fits: Backspace takes a letter back");
    bench.key("enter");
    bench.key("ctrl-u");
    bench.wait_for("type to search");
    bench.key("escape");
    bench.wait_until_gone("╭");
    bench.quits();
}

#[test]
fn help_names_every_key_and_escape_closes_everything() {
    let mut bench = Workbench::ready("scripted");
    bench.key("?");
    bench.wait_for("All keys");
    let parts = [
        "At the workbench",
        "Anywhere",
        "In a form",
        "While reading",
        "Ctrl-p",
        "Ctrl-q",
        "Shift-Tab",
        "PgUp",
        "Ctrl-s",
    ];
    let mut missing = parts.to_vec();
    // From page to page, until the last.
    for _ in 0..12 {
        bench.wait_until_still();
        let screen = bench.screen();
        missing.retain(|part| !screen.contains(part));
        bench.key("pagedown");
    }
    assert!(missing.is_empty(), "{missing:?} were not seen, at last\n{}", bench.screen());
    bench.key("escape");
    bench.wait_until_gone("╭");
    for key in ["/", "p", "m", "l", "g", "s", "a", "w", "ctrl-p", "?"] {
        bench.key(key);
        bench.wait_for("╭");
        bench.key("escape");
        bench.wait_until_gone("╭");
    }
    assert!(bench.screen().contains(FIRST_QUESTION), "nothing was changed:\n{}", bench.screen());
    bench.quits();
}
