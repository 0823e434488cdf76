//! Exact prompts, and copies.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::bench::Workbench;

/// The last text that was sent to the clipboard.
fn copied(raw: &str) -> String {
    let sent = raw.rsplit("\x1b]52;c;").next().and_then(|rest| rest.split('\x07').next()).unwrap();
    String::from_utf8(BASE64_STANDARD.decode(sent).unwrap()).unwrap()
}

#[test]
fn the_exact_prompts_can_be_read_and_copied() {
    let mut bench = Workbench::ready("scripted");
    bench.key("enter");
    bench.wait_until_done();
    bench.key("v");
    bench.wait_for("╭ Exact prompt");
    bench.wait_for("1 of 4");
    bench.wait_for("vanilla");
    assert!(bench.shows("<|user|>Do you agree or disagree that racism is built into"), "{}", bench.screen());
    bench.key("n");
    bench.wait_for("2 of 4");
    bench.wait_for("Progressive teacher");
    bench.key("y");
    bench.wait_for("characters sent to the terminal's clipboard");
    let text = copied(&bench.raw());
    assert!(text.contains("You are") && text.contains("<|assistant|>"), "{text}");
    bench.key("p");
    bench.wait_for("1 of 4");
    bench.key("escape");
    bench.wait_until_gone("╭");
    bench.keys("3 v");
    bench.wait_for("╭ Exact prompt");
    bench.wait_for("A. Agree strongly");
    bench.key("q");
    bench.wait_until_gone("╭");
    bench.quits();
}

#[test]
fn a_column_is_copied_as_it_was_written() {
    let mut bench = Workbench::ready("scripted");
    bench.key("enter");
    bench.wait_until_done();
    bench.keys("1 y");
    bench.wait_for("characters sent to the terminal's clipboard");
    let text = copied(&bench.raw());
    assert!(text.starts_with("Do you agree or disagree"), "{text}");
    let voices = bench.voices();
    let (overton, others): (Vec<_>, Vec<_>) = voices.iter().partition(|voice| voice.pane < 2);
    assert!(overton.len() == 4 && others.len() == 2, "{voices:?}");
    assert!(overton.iter().all(|voice| text.contains(voice.text.trim())), "{text}");
    assert!(others.iter().all(|voice| !text.contains(voice.text.trim())), "{text}");
    bench.keys("3 y");
    bench.wait_until("another text is sent", |pty| {
        String::from_utf8_lossy(&pty.raw_bytes()).matches("\x1b]52;c;").count() == 2
    });
    let text = copied(&bench.raw());
    assert!(text.contains("agree-strongly: ") && text.contains("js_distance_2: "), "{text}");
    bench.quits();
}
