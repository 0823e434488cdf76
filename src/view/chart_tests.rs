#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::widgets::Widget;

use super::*;
use crate::config::theme::{Depth, Theme};

fn palette(depth: Depth) -> Palette {
    Palette::new(&Theme::default().at(depth))
}

fn texts(rows: &[Row], width: usize) -> Vec<String> {
    let lines = chart(rows, width, &palette(Depth::Ansi16));
    lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect()
}

fn row(label: &str, model: f64, reference: f64) -> Row {
    Row { label: label.to_owned(), model: Some(model), reference: Some(reference), ..Row::default() }
}

fn rows() -> Vec<Row> {
    vec![
        Row { reference_interval: Some([0.35, 0.53]), ..row("Agree strongly", 0.625, 0.4375) },
        Row { model_interval: Some([0.2, 0.6]), ..row("Agree somewhat", 0.375, 0.375) },
        row("Disagree", 0.0, 0.1875),
    ]
}

#[test]
fn narrow_labels_stand_above_their_bars() {
    let expected = [
        "█ model · ▒ reference",
        "  ├─┤ 95 % interval · +/- points",
        "  ≈ inside it · full bar 100 %",
        "Agree strongly",
        // 24 cells are left: 36 less a share, a difference and their gaps.
        "███████████████           62 %",
        "▒▒▒▒▒▒▒▒├▒░─┤             44 %   +19",
        "Agree somewhat",
        "████├████─────┤           38 %",
        "▒▒▒▒▒▒▒▒▒                 38 % ≈ 0",
        "Disagree",
        "                           0 %",
        "▒▒▒▒░                     19 %   -19",
    ];
    assert_eq!(texts(&rows(), 36), expected);
}

#[test]
fn wide_labels_stand_beside_them() {
    let expected = [
        "█ model · ▒ reference · ├─┤ 95 % interval · +/- points",
        "  ≈ inside it · full bar 100 %",
        "Agree strongly  █████████████████▌            62.5 %",
        "                ▒▒▒▒▒▒▒▒▒├▒▒░─┤               43.8 %   +18.8",
        "Agree somewhat  █████├████▌─────┤             37.5 %",
        "                ▒▒▒▒▒▒▒▒▒▒░                   37.5 % ≈ 0",
        "Disagree                                       0.0 %",
        "                ▒▒▒▒▒░                        18.8 %   -18.8",
    ];
    assert_eq!(texts(&rows(), 60), expected);
}

#[test]
fn spacious_charts_write_intervals_out() {
    let expected = [
        "█ model · ▒ reference · ├─┤ 95 % interval · +/- points · ≈ inside it · full bar 100 %",
        "Agree strongly  ████████████████████████████████████▎                       62.5 %",
        "                ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒├▒▒▒▒░────┤                             43.8 % [35 53]     +18.8",
        "Agree somewhat  ███████████├█████████▊────────────┤                         37.5 % [20 60]",
        "                ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒                                      37.5 %           ≈ 0",
        "Disagree                                                                     0.0 %",
        "                ▒▒▒▒▒▒▒▒▒▒▒                                                 18.8 %             -18.8",
    ];
    assert_eq!(texts(&rows(), 100), expected);
}

#[test]
fn what_is_drawn_is_what_is_written() {
    let (rows, width) = (rows(), 60_u16);
    let lines = chart(&rows, usize::from(width), &palette(Depth::Ansi16));
    let area = Rect::new(0, 0, width, u16::try_from(lines.len()).unwrap());
    let mut buffer = Buffer::empty(area);
    for (line, place) in lines.iter().zip(area.rows()) {
        line.render(place, &mut buffer);
    }
    let bar = buffer.cell((16, 2)).unwrap();
    assert_eq!((bar.symbol(), bar.fg), ("█", palette(Depth::Ansi16).style(Role::Model).fg.unwrap()));
    let bar = buffer.cell((16, 3)).unwrap();
    assert_eq!((bar.symbol(), bar.fg), ("▒", palette(Depth::Ansi16).style(Role::Reference).fg.unwrap()));
    let drawn: String = (0..width).map(|x| buffer.cell((x, 3)).unwrap().symbol()).collect();
    assert_eq!(drawn.trim_end(), "                ▒▒▒▒▒▒▒▒▒├▒▒░─┤               43.8 %   +18.8");
}

#[test]
fn quiet_rows_are_dim_and_say_so() {
    let rows = [Row { quiet: true, ..row("Yes", 0.5, 0.52) }, Row { quiet: true, ..row("No", 0.5, 0.48) }];
    for depth in [Depth::Ansi16, Depth::Mono] {
        let lines = chart(&rows, 60, &palette(depth));
        let bar = lines.get(2).unwrap();
        assert!(bar.to_string().ends_with("52.0 % below noise"), "{bar}");
        assert!(bar.spans.iter().all(|span| span.style.add_modifier.contains(Modifier::DIM)), "{depth:?}");
    }
}

#[test]
fn without_a_reference_there_are_single_bars_and_no_differences() {
    let rows = [("Yes, whatever the circumstances may be", Some(0.04)), ("No", Some(0.02)), ("Unknown", None)]
        .map(|(label, model)| Row { label: label.to_owned(), model, ..Row::default() });
    let expected = [
        "█ model · full bar 10 %",
        "Yes, whatever the   ████████████▊                      4.0 %",
        "circumstances may…",
        "No                  ██████▍                            2.0 %",
        "Unknown                                                 none",
    ];
    assert_eq!(texts(&rows, 60), expected);
}

#[test]
fn extremes_stay_inside_their_cells() {
    let rows = [row("all", 1.0, 0.0), row("a trace", 0.0001, 0.9999), row("broken", f64::NAN, 7.0)];
    let found = texts(&rows, 60).join("\n");
    for written in ["100.0 %", "0.0 %   +100.0", "<0.1 %", ">99.9 %   -100.0", "none"] {
        assert!(found.contains(written), "{written}\n{found}");
    }
    assert!(found.contains("▏ "), "a trace can be seen\n{found}");
}

#[test]
fn ascii_has_no_other_signs() {
    let lines = chart(&rows(), 36, &palette(Depth::Mono).ascii(true));
    let found: Vec<String> = lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect();
    assert!(found.iter().all(|line| line.is_ascii()), "{found:#?}");
    assert_eq!(found.get(5).unwrap(), "::::::::|:.-|             44 %   +19");
}

#[test]
fn without_colours_the_bars_differ_by_sign() {
    let lines = chart(&rows(), 60, &palette(Depth::Mono));
    let styles = lines.iter().flat_map(|line| &line.spans).map(|span| span.style);
    assert!(styles.into_iter().all(|style| style.fg.is_none() && style.bg.is_none()));
    let sign = |line: usize| lines.get(line).unwrap().to_string().chars().nth(16);
    assert_eq!((sign(2), sign(3)), (Some('█'), Some('▒')));
}

#[test]
fn many_options_and_wide_labels_are_drawn() {
    let rows: Vec<Row> = (0..26).map(|n| row(&"選択肢の名前".repeat(n + 1), 1.0 / 26.0, 0.04)).collect();
    for width in [20, 36, 60, 100] {
        let found = texts(&rows, width);
        assert!(found.iter().any(|line| line.contains('…')), "{width}");
        assert!(found.len() >= 52, "{width}");
    }
}

fn any_share() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![Just(None), Just(Some(0.0)), Just(Some(1.0)), (0.0..=1.0).prop_map(Some), (0.0..1e-6).prop_map(Some)]
}

fn any_ends() -> impl Strategy<Value = Option<[f64; 2]>> {
    proptest::option::of([0.0..=1.0, 0.0..=1.0])
}

fn any_row() -> impl Strategy<Value = Row> {
    let label = "[a-zé日 \u{1b}\u{301}👩\u{200d}🔬\u{202e}]{0,20}|[a-z]{200}";
    (label, any_share(), any_ends(), any_share(), any_ends(), any::<bool>()).prop_map(
        |(label, model, model_interval, reference, reference_interval, quiet)| Row {
            label,
            model,
            model_interval,
            reference,
            reference_interval,
            quiet,
            more: if quiet {
                vec![Side { share: model, interval: reference_interval, quiet: false }; 2]
            } else {
                Vec::new()
            },
        },
    )
}

proptest! {
    // Each case draws 121 widths.
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_line_is_too_wide(rows in proptest::collection::vec(any_row(), 0..8), ascii: bool) {
        let palette = palette(Depth::Ansi16).ascii(ascii);
        for width in 0..=120 {
            for line in chart(&rows, width, &palette) {
                prop_assert!(line.width() <= width, "{width}: {line}");
                prop_assert!(line.to_string().chars().all(|c| !c.is_control() && c != '\u{202e}'), "unsafe");
            }
        }
    }

    #[test]
    fn a_bar_takes_exactly_its_cells(share in any_share(), ends in any_ends(), room in 0usize..60, ascii: bool) {
        let palette = palette(Depth::Ansi16).ascii(ascii);
        for signs in [Signs::model(&palette), Signs::reference(&palette)] {
            prop_assert_eq!(cells_of(&drawn(share, ends, room, 1.0, &signs)), room);
        }
    }
}
