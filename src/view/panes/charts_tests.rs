//! The charts beside the bars.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use ratatui::text::Line;

use super::fixture::{group_panes, question};
use super::tests::any_pane;
use super::{Members, groups, orders, scale, settling, together, tokens};
use crate::config::theme::{Depth, Theme};
use crate::domain::{Basis, Measure, Mode, Pane, Population, Question, Reference, TokenShown};
use crate::view::palette::Palette;

fn palette() -> Palette {
    Palette::new(&Theme::default().at(Depth::Mono))
}

fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect()
}

fn found(lines: &[Line]) -> String {
    texts(lines).join("\n")
}

/// The fixture's question as a scale.
fn ordinal() -> Question {
    Question { scale: crate::domain::Scale::Ordinal, ..question() }
}

fn drawn(
    chart: fn(&Members<'_>, usize, &Palette) -> Vec<Line<'static>>,
    question: &Question,
    width: usize,
) -> Vec<String> {
    let panes = group_panes();
    let distance = Measure::new("across.js_distance_2", 0.31).methods("option-logits", "sampled");
    let mismatch = Measure::new("across.first_token_mismatch", 0.75).methods("option-logits", "sampled").n(24);
    let across = [Measure { noise_floor: Some(0.4), ..distance }, mismatch];
    let members = Members { panes: panes.iter().enumerate().collect(), question, across: &across };
    texts(&chart(&members, width, &palette()))
}

fn pane(method: &str) -> Pane {
    group_panes().into_iter().find(|pane| pane.method == method).unwrap()
}

#[test]
fn a_scale_has_its_means_and_their_difference() {
    let wide = drawn(scale, &ordinal(), 110).join("\n");
    // 0.0928 x 4 + 0.5159 x 3 + 0.1173 x 2 + 0.2740 x 1, and the same of all citizens, 3.0366.
    assert!(wide.contains("mean of the model 2.43"), "{wide}");
    assert!(wide.contains("3.04, model -0.61"), "{wide}");
    assert!(wide.contains("along the scale (W1 over its span, 0 to 1)"), "{wide}");
    // From the lowest to the highest, whatever the order of the questionnaire.
    let labels = wide.lines().find(|line| line.contains("Disagree") && line.contains("Agree")).unwrap();
    assert!(labels.find("Disagree").unwrap() < labels.rfind("Agree").unwrap(), "{labels}");
    let narrow = drawn(scale, &ordinal(), 36).join("\n");
    assert!(narrow.contains("model 2.43") && narrow.contains('█'), "{narrow}");
}

#[test]
fn methods_stand_together_with_what_they_are() {
    for width in [36, 110] {
        let found = drawn(together, &question(), width).join("\n");
        assert!(found.contains("█ would say: option-logits"), "{found}");
        assert!(found.contains("▓ does say: sampled"), "{found}");
        let flat = found.split_whitespace().collect::<Vec<_>>().join(" ");
        let mismatch = "sampled: written answers that are not the most probable first token 75 % of 24";
        assert!(flat.contains(mismatch), "{found}");
        // A table where there is room, else sentences.
        assert!(found.contains(if width > 36 { "≈0.31" } else { "0.31, noise" }), "{found}");
        assert!(found.replace("\n ", "").replace("  ", " ").contains("no more than chance alone makes"), "{found}");
    }
}

#[test]
fn the_map_knows_every_population_and_what_it_is() {
    let mut question = question();
    let add = |question: &mut Question, id: &str, basis, shares: [f64; 5]| {
        question.references.push(Reference {
            population: id.to_owned(),
            basis,
            year: None,
            n: None,
            weighted: false,
            shares: shares.to_vec(),
            source: None,
            note: None,
        });
    };
    add(&mut question, "us.party.democrat", Basis::Survey, [0.7, 0.2, 0.05, 0.05, 0.0]);
    add(&mut question, "us.party.republican", Basis::Survey, [0.1, 0.5, 0.1, 0.3, 0.0]);
    add(&mut question, "made", Basis::Agreed, [0.0, 0.0, 0.5, 0.5, 0.0]);
    question.populations.push(Population {
        id: "made".to_owned(),
        label: "Convention".to_owned(),
        dimension: "rule".to_owned(),
        prompt: None,
    });
    let found = drawn(groups, &question, 110).join("\n");
    let line = |name: &str| found.lines().find(|line| line.starts_with(&format!(" {name}"))).unwrap().to_owned();
    assert!(found.contains("option-logits: nearest to Republicans 0.0"), "{found}");
    assert!(line("Republicans").contains("nearest"), "{found}");
    // The mean of the other groups of its kind: of two, the other one, so both are as far; alone of its kind, none.
    let last = |name: &str| line(name).split_whitespace().rev().nth(1).unwrap().to_owned();
    assert_eq!(last("Democrats"), last("Republicans"), "{found}");
    assert!(line("Convention (agreed)").trim_end().ends_with('–'), "{found}");
    // Too narrow for all columns: one table after the other.
    let narrow = drawn(groups, &question, 36);
    assert_eq!(narrow.iter().filter(|line| line.starts_with(" Republicans")).count(), 2, "{narrow:#?}");
}

#[test]
fn an_order_is_a_mark_on_a_strip() {
    let found = found(&orders(&pane("option-logits"), &question(), 100, &palette()));
    // Half of |0.1145-0.0714| + |0.5347-0.4974| + |0.1216-0.1131| + |0.2292-0.3181|.
    assert!(found.contains("up to 9 of 100 answers (TV 0.09"), "{found}");
    assert!(found.contains("1 as in the questionnaire") && found.contains("2 reversed"), "{found}");
    assert!(found.contains("23 to 32 %"), "{found}");
}

#[test]
fn tokens_show_their_blanks_and_what_they_count_as() {
    let mut pane = pane("option-logits");
    let token = |text: &str, p| TokenShown { text: text.to_owned(), p };
    pane.top = vec![token("\n", 0.5), token(" B", 0.2), token("\u{1b}[2J\u{202e}x", 0.1), token("", 0.05)];
    let found = found(&tokens(&pane, &question(), 60, &palette()));
    let line = |sign: &str| found.lines().find(|line| line.contains(sign)).unwrap().to_owned();
    assert!(line("\\n").ends_with("not counted"), "{found}");
    assert!(line("␣B").contains("→ Agree somewhat"), "{found}");
    assert!(found.contains("(nothing)") && found.contains("! most of it is no option's letter"), "{found}");
    assert!(!found.contains('\u{1b}') && !found.contains('\u{202e}'), "{found}");
}

#[test]
fn answers_settle() {
    let pane = pane("sampled");
    for width in [36, 110] {
        let found = found(&settling(&pane, &question(), width, &palette()));
        let flat = found.replace("\n ", "").replace("  ", " ");
        assert!(flat.contains("19 of 20 answers named an option"), "{found}");
        // Of 19: 3, 2, 8, 6; Wilson's interval of 8 in 19 is 0.231 to 0.637.
        assert!(found.contains("42 % [23 64]"), "{found}");
    }
    let plots = found(&settling(&pane, &question(), 110, &palette()));
    assert!(plots.chars().any(|sign| ('\u{2801}'..='\u{28ff}').contains(&sign)), "{plots}");
    let plain = found(&settling(&pane, &question(), 110, &palette().ascii(true)));
    assert!(plain.is_ascii(), "{plain}");
}

#[test]
fn no_chart_needs_more_than_ascii() {
    let panes = group_panes();
    let question = ordinal();
    let members = Members { panes: panes.iter().enumerate().collect(), question: &question, across: &[] };
    let palette = palette().ascii(true);
    for width in [36, 110] {
        for chart in [scale, together, groups] {
            let found = found(&chart(&members, width, &palette));
            // What a screen replaces by itself.
            let own = found.replace(['·', '–', '…', '≈'], "");
            assert!(own.is_ascii(), "{found}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_chart_is_too_wide_or_unsafe(any in proptest::collection::vec(any_pane(), 1..4), ascii: bool) {
        let palette = palette().ascii(ascii);
        let mut question = any.first().unwrap().1.clone();
        question.scale = crate::domain::Scale::Ordinal;
        for (n, option) in question.options.iter_mut().enumerate() {
            option.value = Some(n as f64);
        }
        let panes: Vec<Pane> = any.into_iter().map(|(pane, _)| pane).collect();
        let method = |place: usize| panes.get(place).map_or("other", |pane| pane.method.as_str());
        let across = ["across.js_distance_2", "across.first_token_mismatch", "models.entropy_2_change"];
        let across = across.map(|id| Measure::new(id, 0.3).methods(method(0), method(1)).note("a\u{202e}\u{1b}[2Jb ".repeat(9)));
        let members = Members { panes: panes.iter().enumerate().collect(), question: &question, across: &across };
        for width in (0..=40).chain((41..=170).step_by(13)) {
            let mut lines: Vec<Line> =
                [scale, together, groups].iter().flat_map(|chart| chart(&members, width, &palette)).collect();
            for pane in &panes {
                let own = [orders, tokens, settling];
                lines.extend(own.iter().flat_map(|chart| chart(pane, &question, width, &palette)));
            }
            for line in lines {
                prop_assert!(line.width() <= width, "{width}: {line}");
                prop_assert!(line.to_string().chars().all(|c| !c.is_control() && c != '\u{202e}'), "{line:?}");
            }
        }
    }
}

#[test]
fn the_fixture_is_of_distributions() {
    assert!(group_panes().iter().all(|pane| pane.mode == Mode::Distribution && pane.references.len() == 3));
}
