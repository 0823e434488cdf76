#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use ratatui::style::Modifier;
use ratatui::text::Line;

use super::fixture::{bare, option, pane, question};
use super::{distribution, shifts, strip};
use crate::config::theme::{Depth, Theme};
use crate::domain::{
    Basis, BeforeSteering, Finish, Measure, Mode, Pane, PaneStatus, PersonaDistribution, Question, ReferenceShown,
    Voice,
};
use crate::view::palette::Palette;

fn palette() -> Palette {
    Palette::new(&Theme::default().at(Depth::Ansi16))
}

fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect()
}

fn drawn(pane: &Pane, question: &Question, width: usize) -> Vec<String> {
    texts(&distribution(pane, question, width, &palette(), true))
}

fn names(id: &str) -> String {
    id.replace('-', " ")
}

fn exact() -> Pane {
    pane(Mode::Distribution, "option-logits")
}

#[test]
fn a_narrow_pane_says_everything() {
    let expected = [
        "█ model: 20 samples, mass 100 %",
        "▒ people: All adult citizens,",
        "  2020, N 5,836, survey",
        "  our wording; figures answer the",
        "  original wording",
        "Agree strongly",
        // 15.8 % of 24 cells is 3.8, its interval [5.5 37.6] from 1.3 to 9.02: the tenth cell.
        "█├█▊─────┤                16 %",
        "▒▒▒▒▒▒▒▒▒▒░               44 %   -28",
        "Agree somewhat",
        "██▌────┤                  11 %",
        "▒▒▒▒▒▒▒                   29 % ≈ -18",
    ];
    let found = drawn(&pane(Mode::Distribution, "sampled"), &question(), 36);
    assert_eq!(found.get(..expected.len()).unwrap(), expected);
}

#[test]
fn a_pane_of_sixty_columns_has_all_its_measures() {
    // Bars of 25 cells: 9.3 % is 2.3 of them, 51.6 % is 12.9.
    let expected = [
        "█ model: exact, mean of 2 option orders, mass 92 %",
        "▒ people: All adult citizens, 2020, N 5,836, survey",
        "  our wording; figures answer the original wording",
        "Agree strongly     ██▍                         9.3 %",
        "                   ▒▒▒▒▒▒▒▒▒▒▒                43.7 %   -34.4",
        "Agree somewhat     ████████████▉              51.6 %",
        "                   ▒▒▒▒▒▒▒                    28.9 %   +22.7",
        "Disagree somewhat  ██▉                        11.7 %",
        "                   ▒▒▒░                       14.8 %   -3.1",
        "Disagree strongly  ██████▉                    27.4 %",
        "                   ▒▒▒                        12.6 %   +14.8",
        "├─┤ 95 % interval · +/- points · ≈ inside it",
        "  full bar 100 %",
        "outside the bars, of the next token: refused 18.7 %",
        "  people: 0.7 % without an opinion",
        "JS distance (base 2, 0 to 1) 0.36 [0.35 0.37]",
        "  noise floor 0.0092 · uniform 0.21, nearer than the model",
        "  orders TV 0.09",
        "! the survey is weighted: intervals and noise floors are",
        "  those of a simple sample of its size, so too narrow",
    ];
    assert_eq!(drawn(&exact(), &question(), 60), expected);
}

#[test]
fn shifts_stand_beside_their_names() {
    // Bars of 28 cells: 0.21 is 5.8 of them, 0.26 is 7.4.
    let expected = [
        "before: no persona, mass 92 %",
        "  Agree strongly 9 % · Agree somewhat 52 %",
        "  Disagree somewhat 12 % · Disagree strongly 27 %",
        "  option orders alone move it by TV 0.09",
        "progressive teacher     █████▉                       0.21 JS",
        "  Agree strongly 9→26 % · Agree somewhat 52→34 %",
        "  the rest by less than 1 point",
        "  nearer to Democrats: gain +0.15 [0.15 0.16]",
        "conservative farmer     ███████▍                     0.26 JS",
        "  Agree strongly 9→13 % · Agree somewhat 52→23 %",
        "  Disagree somewhat 12→14 % · Disagree strongly 27→50 %",
        "  farther from Republicans: gain -0.03 [-0.05 -0.0013]",
        "mean shift 0.24",
        "  shift and gain: JS distance, base 2, 0 to 1",
    ];
    let steered = pane(Mode::Steered, "persona-prompt");
    assert_eq!(texts(&shifts(&steered, &question(), &names, 60, &palette())), expected);
}

#[test]
fn narrow_shifts_stand_below_their_names() {
    let expected = [
        "  option orders alone move it by",
        "  TV 0.09",
        "progressive teacher",
        "  █████▍                     0.21 JS",
        "  Agree strongly 9→26 %",
        "  Agree somewhat 52→34 %",
        "  the rest by less than 1 point",
        "  nearer to Democrats: gain +0.15",
    ];
    let steered = pane(Mode::Steered, "persona-prompt");
    let found = texts(&shifts(&steered, &question(), &names, 36, &palette()));
    assert_eq!(found.get(5..13).unwrap(), expected);
}

#[test]
fn conventions_are_never_called_people() {
    for (basis, word) in [
        (Basis::Agreed, "agreed by convention"),
        (Basis::Uniform, "equal shares"),
        (Basis::Model, "written by a model"),
    ] {
        let mut pane = exact();
        let reference = pane.reference.as_mut().unwrap();
        (reference.basis, reference.label) = (basis, Some("Everyone".to_owned()));
        let found = drawn(&pane, &question(), 100).join("\n");
        assert!(found.contains(&format!("▒ {word}")), "{found}");
        assert!(!found.replace("not people", "").contains("people"), "{found}");
        // There is nobody to draw again, so there is no interval.
        assert!(!found.contains("95 % interval"), "{found}");
        assert!(!texts(&strip(&pane, 200, &palette())).concat().contains("people"));
    }
}

#[test]
fn without_a_reference_the_model_stands_alone() {
    let mut pane = exact();
    pane.reference = None;
    pane.references.clear();
    pane.measures.retain(|measure| measure.population.is_none());
    pane.note = Some("the question has no human reference to compare with".to_owned());
    let expected = [
        "█ model: exact, mean of 2 option orders, mass 92 %",
        "no reference: nobody's answers to compare with",
        "Agree strongly     ███▏                                9.3 %",
        "Agree somewhat     █████████████████                  51.6 %",
        "Disagree somewhat  ███▉                               11.7 %",
        "Disagree strongly  █████████                          27.4 %",
        "full bar 100 %",
        "outside the bars, of the next token: refused 18.7 %",
        "orders TV 0.09",
    ];
    assert_eq!(drawn(&pane, &question(), 60), expected);
}

#[test]
fn little_mass_is_said_and_drawn_dim() {
    let mut pane = exact();
    pane.mass = Some(0.21);
    pane.note = Some("only 2.3 % of the next token is an opinion: the distribution is not to be trusted".to_owned());
    let lines = distribution(&pane, &question(), 60, &palette(), true);
    let found = texts(&lines);
    assert!(found.join(" ").contains("! only 2.3 % of the next token is an opinion"), "{found:#?}");
    let bars = lines.iter().filter(|line| line.to_string().contains("Agree"));
    let spans: Vec<_> = bars.flat_map(|line| &line.spans).collect();
    assert!(!spans.is_empty() && spans.iter().all(|span| span.style.add_modifier.contains(Modifier::DIM)));
}

#[test]
fn below_the_floor_nothing_is_claimed() {
    let mut pane = exact();
    let distance = pane.measures.iter_mut().find(|measure| measure.id == "js_distance_2").unwrap();
    distance.noise_floor = Some(0.4);
    let lines = distribution(&pane, &question(), 100, &palette(), true);
    let found = texts(&lines).join("\n");
    assert!(found.contains("noise floor 0.40: below it, says nothing"), "{found}");
    assert_eq!(found.matches("below noise").count(), 4, "{found}");
    assert!(!found.contains("+22.7"), "{found}");
}

#[test]
fn absent_numbers_show_their_reason_and_never_a_zero() {
    let mut pane = exact();
    for measure in &mut pane.measures {
        *measure =
            Measure { population: measure.population.clone(), ..Measure::absent(&measure.id, "it was too dark") };
    }
    let found = drawn(&pane, &question(), 100).join("\n");
    assert!(found.contains("JS distance not computed: it was too dark"), "{found}");
    assert!(found.contains("orders TV not computed: it was too dark"), "{found}");
    let strip = texts(&strip(&pane, 100, &palette())).join("\n");
    assert!(strip.starts_with("TV not computed: it was too dark"), "{strip}");
    assert!(!strip.contains(" 0"), "{strip}");
}

#[test]
fn answers_are_counted_while_they_come() {
    let whole = pane(Mode::Distribution, "sampled");
    let mut running = Pane {
        status: PaneStatus::Failed,
        error: Some("still running".to_owned()),
        ..Pane::new(whole.mode, &whole.method)
    };
    let nothing = texts(&distribution(&running, &question(), 60, &palette(), false));
    assert_eq!(nothing, ["no numbers yet"]);
    running.voices = whole.voices.iter().take(8).cloned().collect();
    let found = texts(&distribution(&running, &question(), 60, &palette(), false)).join("\n");
    // Of the first eight: 2 agree strongly, 4 disagree somewhat, 2 disagree strongly.
    assert!(found.starts_with("█ model: so far, 8 answers"), "{found}");
    assert!(found.contains("50.0 %") && found.contains("25.0 %") && !found.contains("still running"), "{found}");
    assert!(drawn(&running, &question(), 60).join(" ").contains("! still running"));
}

#[test]
fn why_there_are_no_bars_is_said() {
    let skipped = Pane::skipped(Mode::Distribution, "option-logits", "the question has no options");
    assert_eq!(drawn(&skipped, &question(), 60), ["! the question has no options"]);
    let cancelled = Pane { status: PaneStatus::Cancelled, ..Pane::new(Mode::Distribution, "x") };
    assert_eq!(drawn(&cancelled, &question(), 60), ["stopped before there was a distribution"]);
}

#[test]
fn options_are_matched_by_their_id() {
    let mut pane = exact();
    pane.options.as_mut().unwrap().rotate_left(1);
    let found = drawn(&pane, &question(), 100);
    let first = found.iter().find(|line| line.contains("9.3 %")).unwrap();
    assert!(first.starts_with("Agree somewhat "), "{first}");
    *pane.options.as_mut().unwrap().first_mut().unwrap() = "gone".to_owned();
    assert!(drawn(&pane, &question(), 100).iter().any(|line| line.starts_with("gone ")));
}

#[test]
fn further_populations_have_a_line_each() {
    let mut pane = exact();
    let other = ReferenceShown {
        population: "us.x".to_owned(),
        label: Some("Others".to_owned()),
        n: None,
        ..pane.reference.clone().unwrap()
    };
    pane.references.push(other);
    let mut distance = Measure::new("js_distance_2", 0.3).population("us.x");
    distance.noise_floor = Some(0.5);
    pane.measures.push(distance);
    let found = drawn(&pane, &question(), 100).join("\n");
    let line = "also people: Others, 2020, N unknown, survey; JS distance 0.30, below its noise floor";
    assert!(found.contains(line), "{found}");
}

#[test]
fn a_shift_no_larger_than_the_orders_is_dim_and_said() {
    let mut pane = pane(Mode::Steered, "persona-prompt");
    let orders = pane.measures.iter_mut().rfind(|measure| measure.id == "orders.mean_pairwise_tv").unwrap();
    orders.value = Some(0.2);
    let found = texts(&shifts(&pane, &question(), &names, 60, &palette()));
    assert_eq!(
        found.iter().filter(|line| line.contains("no more than option orders alone do")).count(),
        1,
        "{found:#?}"
    );
}

#[test]
fn a_steered_pane_without_options_says_why() {
    let mut pane = Pane::new(Mode::Steered, "persona-prompt");
    assert!(shifts(&pane, &question(), &names, 60, &palette()).is_empty());
    pane.note = Some("the question has no options, so there is no shift to measure".to_owned());
    let found = texts(&shifts(&pane, &question(), &names, 80, &palette()));
    assert_eq!(found, ["! the question has no options, so there is no shift to measure"]);
}

#[test]
fn a_strip_takes_two_lines_and_counts_the_rest() {
    let vanilla = pane(Mode::Overton, "vanilla");
    assert_eq!(texts(&strip(&vanilla, 60, &palette())), ["refusals 0 % of 1 [0 79] · words 47"]);
    assert!(strip(&Pane::new(Mode::Overton, "x"), 60, &palette()).is_empty());
    assert_eq!(texts(&strip(&exact(), 36, &palette())), ["TV 0.37 [0.36 0.39] · +6 more"]);
    let wide = texts(&strip(&exact(), 400, &palette())).concat();
    assert!(wide.contains("same top answer: no") && !wide.contains("JS distance") && !wide.contains("more"), "{wide}");
}

/// A pane with anything in it.
fn any_pane() -> impl Strategy<Value = (Pane, Question)> {
    let text = || "[a-z日é \u{1b}\u{202e}👩]{0,30}|[x]{200}";
    let share = || 0.0..=1.0;
    let shares = || proptest::collection::vec(share(), 0..28);
    let measure = (
        prop::sample::select(vec![
            "js_distance_2",
            "tv",
            "kl_2_qp",
            "mode_match",
            "refusal_rate",
            "words",
            "share.o1",
            "orders.mean_pairwise_tv",
            "shift.js_distance_2",
            "shift.tv",
            "gain.js_distance_2",
            "baseline.uniform.js_distance_2",
            "shift.mean_js_distance_2",
        ]),
        proptest::option::of(-1.0..100.0),
        proptest::option::of([share(), share()]),
        proptest::option::of(share()),
        proptest::option::of(text()),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(id, value, interval, noise_floor, note, of_persona, to_population)| Measure {
            value,
            interval,
            noise_floor,
            note,
            persona: of_persona.then(|| "me".to_owned()),
            population: to_population.then(|| "all".to_owned()),
            ..Measure::new(id, 0.0)
        });
    let basis =
        prop::sample::select(vec![Basis::Survey, Basis::Annotators, Basis::Agreed, Basis::Uniform, Basis::Model]);
    let reference = (
        shares(),
        basis,
        proptest::option::of(any::<u64>()),
        proptest::option::of(text()),
        proptest::option::of(share()),
    )
        .prop_map(|(q, basis, n, label, non_substantive)| ReferenceShown {
            population: "all".to_owned(),
            note: label.clone(),
            label,
            q,
            q_whole: None,
            n,
            year: Some(2020),
            basis,
            non_substantive,
            source: None,
        });
    (
        proptest::collection::vec(text(), 0..27),
        proptest::option::of(shares()),
        proptest::option::of(share()),
        proptest::collection::vec(reference, 0..3),
        proptest::collection::vec(measure, 0..12),
        proptest::option::of(text()),
        proptest::option::of(1usize..30),
        shares(),
    )
        .prop_map(|(labels, p, mass, references, measures, note, samples, after)| {
            let options: Vec<_> = labels.iter().enumerate().map(|(n, label)| option(&format!("o{n}"), label)).collect();
            let mut pane = Pane::new(Mode::Distribution, "any");
            pane.options = Some(options.iter().map(|option| option.id.clone()).collect());
            pane.before = p.clone().map(|p| BeforeSteering { p, mass: 0.4, note: note.clone() });
            pane.distributions = vec![PersonaDistribution {
                persona: "me".to_owned(),
                p: after,
                mass: 0.1,
                per_order: Vec::new(),
                note: note.clone(),
            }];
            if p.is_none() {
                pane.distributions.clear();
            }
            pane.voices = vec![Voice {
                id: "v".to_owned(),
                persona: None,
                text: String::new(),
                thinking: None,
                tokens: 1,
                thinking_tokens: 0,
                finish: Finish::Stop,
                option: Some("o0".to_owned()),
                stance: None,
                said: Vec::new(),
                surprisal: None,
            }];
            (pane.p, pane.mass, pane.note, pane.samples) = (p, mass, note, samples);
            pane.non_substantive.extend(mass.map(|mass| ("refused".to_owned(), mass)));
            pane.reference = references.first().cloned();
            pane.references = references;
            pane.measures = measures;
            (pane, bare(options))
        })
}

proptest! {
    // Each case draws 121 widths, three parts each.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn nothing_is_too_wide_or_unsafe((pane, question) in any_pane(), is_final: bool, ascii: bool) {
        let palette = palette().ascii(ascii);
        let name = |id: &str| format!("{id}\u{1b}[31m 日本語 {}", "y".repeat(100));
        for width in 0..=120 {
            let mut lines = distribution(&pane, &question, width, &palette, is_final);
            lines.extend(shifts(&pane, &question, &name, width, &palette));
            let strip = strip(&pane, width, &palette);
            prop_assert!(strip.len() <= 2);
            for line in lines.into_iter().chain(strip) {
                prop_assert!(line.width() <= width, "{width}: {line}");
                prop_assert!(line.to_string().chars().all(|c| !c.is_control() && c != '\u{202e}'), "{line:?}");
            }
        }
    }
}
