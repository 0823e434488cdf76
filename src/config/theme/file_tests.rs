#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::theme::Ansi;

fn load(files: &[(&str, &str)]) -> (Vec<Theme>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let (themes, errors) = load_all(folder.path());
    let root = format!("{}/", folder.path().display());
    (themes, errors.into_iter().map(|error| error.to_string().replace(&root, "")).collect())
}

fn find<'a>(themes: &'a [Theme], name: &str) -> &'a Theme {
    themes.iter().find(|theme| theme.name == name).unwrap()
}

fn fg(theme: &Theme, role: Role) -> Option<Colour> {
    theme.look(role).fg
}

#[test]
fn bundled_themes_are_right_and_whole() {
    for (name, text) in BUNDLED {
        let mut errors = Vec::new();
        let sheet = parse(name, text, &mut errors).unwrap();
        assert_eq!(errors, [], "{name}");
        assert_eq!(sheet.looks.len(), Role::ALL.len(), "{name}");
    }
    let (themes, errors) = load(&[]);
    let names: Vec<&str> = themes.iter().map(|theme| theme.name.as_str()).collect();
    assert_eq!((names.as_slice(), errors.len()), (["dark", "light", "mono"].as_slice(), 0));
    assert_eq!(Theme::default(), *find(&themes, "dark"));
}

#[test]
fn own_themes_inherit_and_stand_behind_the_bundled_ones() {
    let own =
        "inherits = \"dark\"\nsummary = \"warm\"\n[roles]\naccent = \"#e5a050\"\nbadge = { bg = 179, bold = true }\n";
    let (themes, errors) = load(&[("dusk.toml", own), ("notes.txt", "not a theme")]);
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(themes.len(), 4);
    let dusk = find(&themes, "dusk");
    assert_eq!((dusk.summary.as_str(), dusk.is_bundled), ("warm", false));
    assert_eq!(fg(dusk, Role::Accent), Some(Colour::Rgb(0xe5, 0xa0, 0x50)));
    assert_eq!(dusk.look(Role::Badge), Look { bg: Some(Colour::Indexed(179)), bold: true, ..Look::default() });
    assert_eq!(fg(dusk, Role::Good), Some(Colour::Named(Ansi::Green)));
}

#[test]
fn a_file_may_inherit_the_bundled_theme_it_replaces() {
    let (themes, errors) = load(&[("dark.toml", "inherits = \"dark\"\n[roles]\nkey = \"red\"\n")]);
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(themes.len(), 3);
    let dark = find(&themes, "dark");
    assert!(!dark.is_bundled);
    assert_eq!(fg(dark, Role::Key), Some(Colour::Named(Ansi::Red)));
    assert_eq!(fg(dark, Role::Good), Some(Colour::Named(Ansi::Green)));
}

#[test]
fn what_is_left_out_looks_as_in_mono() {
    let (themes, _) = load(&[("bare.toml", "[roles]\naccent = \"red\"\n")]);
    let (bare, mono) = (find(&themes, "bare"), find(&themes, "mono"));
    assert_eq!(bare.look(Role::Selection), mono.look(Role::Selection));
    assert!(bare.look(Role::Selection).reversed);
}

#[test]
fn circles_and_missing_parents_are_told_and_the_theme_still_works() {
    let (themes, errors) = load(&[
        ("a.toml", "inherits = \"b\"\n[roles]\nkey = \"red\"\n"),
        ("b.toml", "inherits = \"a\"\n"),
        ("c.toml", "inherits = \"c\"\n"),
        ("d.toml", "inherits = \"nowhere\"\n"),
    ]);
    assert_eq!(themes.len(), 7);
    assert_eq!(errors.len(), 4);
    let known = "inherit one of `dark`, `light`, `mono`, `a`, `b`, `c`, `d`";
    assert_eq!(errors.first().unwrap(), &format!("theme a.toml: it inherits `a`, which inherits it in turn; {known}"));
    assert_eq!(errors.get(2).unwrap(), &format!("theme c.toml: it inherits `c`, which is itself; {known}"));
    assert_eq!(errors.get(3).unwrap(), &format!("theme d.toml: it inherits `nowhere`, which is not there; {known}"));
    assert_eq!(fg(find(&themes, "a"), Role::Key), Some(Colour::Named(Ansi::Red)));
}

#[test]
fn every_mistake_yields_one_sentence() {
    let forms = "a name such as \"red\" or \"bright-blue\", \"#rrggbb\", or a number from 0 to 255";
    let look = "`{ fg, bg, bold, dim, italic, underlined, reversed }` with colours and true or false";
    let cases = [
        ("[roles]\n\naccent = \"#abc\"", format!("line 3: \"#abc\" is not a colour; write {forms}, or {look}")),
        ("[roles]\naccent = { fg = 256 }", format!("line 2: 256 is not a colour; write {forms}")),
        ("[roles]\naccent = { bold = \"yes\" }", "line 2: \"yes\" is not a switch; write true or false".to_owned()),
        ("[roles]\naccent = { blink = true }", format!("line 2: `blink` is not a part of a look; write {look}")),
        ("inherits = 5", "line 1: 5 is not a text; write it in quotes".to_owned()),
        ("roles = 5", "line 1: 5 is not a table; write `[roles]` and the roles below it".to_owned()),
        (
            "[role]\naccent = \"red\"",
            "line 1: `role` is not a part of a theme; write `inherits`, `summary` or, under `[roles]`, a role"
                .to_owned(),
        ),
    ];
    for (text, sentence) in cases {
        let (themes, errors) = load(&[("x.toml", text), ("fine.toml", "inherits = \"light\"")]);
        assert_eq!(errors, [format!("theme x.toml, {sentence}")], "{text}");
        assert_eq!(themes.len(), 5, "{text}");
    }
    let (_, errors) = load(&[("x.toml", "[roles]\nacent = \"red\"")]);
    assert!(errors.concat().starts_with("theme x.toml, line 2: `acent` is not a role; write one of text, secondary, "));
}

#[test]
fn a_broken_file_leaves_the_bundled_theme_in_force() {
    let (themes, errors) = load(&[("dark.toml", "[roles\n"), ("big.toml", &"#".repeat(70_000))]);
    assert_eq!(themes, load(&[]).0);
    assert_eq!(errors.len(), 2);
    assert!(errors.concat().contains("theme dark.toml: line 1: "), "{errors:?}");
    assert!(errors.concat().contains("theme big.toml: it is larger than 65536 bytes"), "{errors:?}");
}

#[test]
fn hostile_text_does_not_reach_a_sentence() {
    let (_, errors) = load(&[("x.toml", "[roles]\naccent = \"\\u001b[31m\\u202e\"")]);
    assert_eq!(errors.len(), 1);
    assert!(errors.concat().chars().all(|c| !c.is_control() && c != '\u{202e}'), "{errors:?}");
}
