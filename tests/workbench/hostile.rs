//! Packs and personas that mean harm: what they carry reaches no terminal.

use crate::bench::{Start, words};
use crate::support::Parallax;

/// What a hostile text holds, in every field of it.
const EVIL: &str =
    "\x1b[31m\x1b]52;c;ZXZpbA==\x07\x1b]0;evil\x07\x1b[2J\u{9b}5m\u{202e}\u{2066}\u{200b}\u{e0041}\x08\x07";
/// No sequence of it, and none of its characters, may arrive.
const FORBIDDEN: [&str; 12] = [
    "\x1b]52",
    "ZXZpbA==",
    "\x1b]0;evil",
    "\x1b[31m",
    "\x1b[2J",
    "\u{9b}",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{e0041}",
    "\x08",
    "]52;c",
];

fn marks() -> String {
    format!("Z{}", "\u{301}".repeat(200))
}

/// A pack that takes the place of the first bundled one, so that its question is the first on screen.
fn pack() -> String {
    let text = |name: &str| serde_json::to_string(&format!("{name}{EVIL} {}", marks())).unwrap();
    [
        format!(
            r#"{{"kind":"pack","format":"pluralpack/1","id":"us-civics","version":"1","title":{},"lang":"en","licence":{{"spdx":"CC0-1.0"}}}}"#,
            text("Title")
        ),
        format!(r#"{{"kind":"source","id":"s","title":{},"citation":{}}}"#, text("Source"), text("Citation")),
        format!(
            r#"{{"kind":"scale","id":"two","measure":"nominal","options":[{{"id":"y","label":{}}},{{"id":"n","label":{}}}]}}"#,
            text("Yea"),
            text("Nay")
        ),
        format!(r#"{{"kind":"group","id":"g","label":{},"dimension":"all"}}"#, text("Everybody")),
        format!(r#"{{"kind":"group","id":"h","label":{},"dimension":"age"}}"#, text("Elders")),
        format!(
            r#"{{"kind":"item","id":"q","text":{},"ask":{{"form":"choice","scale":"two"}},"reference":[{{"group":"g","basis":"survey","source":"s","counts":{{"y":30,"n":20}},"note":{}}},{{"group":"h","basis":"survey","source":"s","counts":{{"y":3,"n":2}}}}]}}"#,
            text("Whether"),
            text("Note")
        ),
    ]
    .join("\n")
}

fn persona() -> String {
    // TOML takes control characters only as escapes.
    let escaped = |text: &str| {
        text.chars()
            .map(|c| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() })
            .collect::<String>()
    };
    let text = |name: &str| format!("\"{}\"", escaped(&format!("{name}{EVIL} {}", marks())));
    format!(
        "id = \"union-nurse\"\nlabel = {}\nsummary = {}\nwordings = [{}]\nsynthetic = true\nsource = {}\n",
        text("Villain"),
        text("Summary"),
        text("You are a villain"),
        text("Nowhere")
    )
}

#[test]
fn hostile_packs_and_personas_are_shown_as_what_they_are() {
    let parallax = Parallax::new();
    for folder in ["datasets", "personas"] {
        std::fs::create_dir_all(parallax.home().join(folder)).unwrap();
    }
    parallax.file("datasets/x.pack.jsonl", &pack());
    parallax.file("personas/evil.toml", &persona());
    let mut bench = Start::with("scripted").home(parallax).begin();
    bench.wait_for("bit-exact");
    bench.wait_for("Whether");
    bench.wait_for("Yea");
    bench.wait_for_sentence("beside Everybody");
    assert!(bench.screen().contains("␈") && bench.screen().contains('·'), "pictures are seen:\n{}", bench.screen());
    bench.key("p");
    bench.send("villain");
    bench.wait_for("[ ] Villain");
    bench.keys("space enter");
    bench.wait_for("▌Villain");
    bench.key("/");
    bench.send("whether");
    bench.wait_for("▸ Whether");
    bench.keys("escape g");
    bench.wait_for("[ ] Elders");
    bench.key("escape");
    bench.key("enter");
    bench.wait_until_done();
    for key in ["1", "z", "2", "end", "3", "end"] {
        bench.key(key);
        bench.wait_until_still();
    }
    assert!(words(&bench.screen()).contains("Everybody"), "{}", bench.screen());
    for key in ["1", "2", "3"] {
        bench.keys(&format!("{key} v"));
        bench.wait_for("╭ Exact prompt");
        for _ in 0..4 {
            bench.keys("n pagedown");
        }
        bench.wait_until_still();
        bench.key("escape");
    }
    bench.wait_until_still();
    bench.key("z");
    // What takes the screen blanks it; frames never do.
    let raw = bench.raw();
    let raw = &raw[raw.find("\x1b[?2026h").unwrap()..];
    for part in FORBIDDEN {
        let at = raw.find(part);
        let around: Option<String> = at.map(|at| raw[at..].chars().take(30).collect());
        assert_eq!(around, None, "{part:?} came through");
    }
    assert!(!raw.contains(&"\u{301}".repeat(5)), "marks pile up");
    assert!(raw.contains("\u{301}"), "a few marks are text");
    bench.quits();
}

#[test]
fn broken_files_of_the_user_are_named_and_the_rest_works() {
    let parallax = Parallax::new();
    for folder in ["datasets", "personas"] {
        std::fs::create_dir_all(parallax.home().join(folder)).unwrap();
    }
    parallax.file("datasets/b\x1b[31mad.pack.jsonl", "no json\n");
    parallax.file("personas/bad.toml", "id = 7\n");
    let mut bench = Start::with("scripted").home(parallax).begin();
    bench.wait_for("ad.pack.jsonl");
    assert!(!bench.raw().contains("\x1b[31mad"));
    bench.key("enter");
    bench.wait_until_done();
    bench.quits();
}
