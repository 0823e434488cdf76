//! Colours and signs: what terminals without them are sent.

use crate::bench::{Start, Workbench};

/// The numbers of every sequence that sets how characters are drawn.
fn looks(raw: &str) -> Vec<u16> {
    let sequences = raw.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest[end..].starts_with('m').then(|| &rest[..end])
    });
    sequences.flat_map(|codes| codes.split(';').filter_map(|code| code.parse().ok())).collect()
}

fn is_colour(code: u16) -> bool {
    matches!(code, 30..=38 | 40..=48 | 90..=97 | 100..=107)
}

/// Opens everything there is, runs, looks at every theme, and quits.
fn tour(bench: &mut Workbench, is_done: &str) {
    for key in ["/", "p", "m", "s", "a", "w", "?", "ctrl-p"] {
        bench.key(key);
        bench.wait_until_still();
        bench.key("escape");
    }
    bench.key("enter");
    bench.wait_for(is_done);
    for key in ["2", "3", "1", "v"] {
        bench.key(key);
        bench.wait_until_still();
    }
    bench.keys("escape t t t");
    bench.wait_for("theme: ");
    bench.key("z");
    bench.wait_until_still();
}

#[test]
fn no_color_means_no_colour_and_keeps_bold_and_reverse() {
    let mut bench = Start::with("scripted").env("NO_COLOR", "1").ready();
    tour(&mut bench, "3 Distribution ✓");
    let looks = looks(&bench.raw());
    let colours: Vec<&u16> = looks.iter().filter(|code| is_colour(**code)).collect();
    assert!(colours.is_empty(), "{colours:?}");
    assert!(looks.contains(&1) && looks.contains(&7), "bold and reverse are gone");
    bench.key("z");
    bench.quits();
}

#[test]
fn without_it_there_are_colours() {
    for (name, value) in [("NO_COLOR", ""), ("COLORTERM", "truecolor")] {
        let bench = Start::with("scripted").env(name, value).ready();
        assert!(looks(&bench.raw()).into_iter().any(is_colour), "{name}");
        bench.quits();
    }
}

#[test]
fn the_linux_console_gets_ascii_alone() {
    let mut bench = Start::with("scripted:slow@5").size(120, 40).env("TERM", "linux").ready();
    tour(&mut bench, "3 Distribution ok");
    let raw = bench.raw();
    // Letters are those of people's names and texts.
    let place = raw.find(|c: char| !c.is_ascii() && !c.is_alphabetic());
    let around = place.map(|at| raw[at..].chars().take(40).collect::<String>());
    assert_eq!(around, None);
    bench.quits();
}

#[test]
fn signs_of_ascii_can_be_asked_for() {
    let mut bench = Start::with("no-such-program").size(80, 24).arguments(&["--ascii"]).begin();
    bench.wait_for("could not be started");
    bench.wait_for("Setup");
    bench.keys("0 1 2 3");
    bench.wait_until_still();
    assert!(bench.raw().is_ascii(), "{}", bench.screen());
    bench.quits();
}
