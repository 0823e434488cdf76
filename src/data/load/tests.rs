//! The loader rules of the pack format, one test each at least, and hostile files.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::{Basis, Form, OptionOrder, Scale, Stance, TurnRole};

const HEAD: &str = r#"{"kind":"pack","format":"pluralpack/1","id":"p","version":"1","title":"P","lang":"en","licence":{"spdx":"CC0-1.0"}}"#;
const BASE: [&str; 5] = [
    r#"{"kind":"source","id":"s","title":"S","citation":"S (2026)"}"#,
    r#"{"kind":"scale","id":"two","measure":"nominal","options":[{"id":"dk","label":"?","role":"dont_know"},{"id":"y","label":"Yes"},{"id":"n","label":"No"}]}"#,
    r#"{"kind":"scale","id":"three","measure":"ordinal","options":[{"id":"a","label":"A","value":3},{"id":"b","label":"B","value":1.5},{"id":"c","label":"C","value":1}]}"#,
    r#"{"kind":"group","id":"g","label":"All","dimension":"all"}"#,
    r#"{"kind":"group","id":"h","label":"Few","dimension":"age","prompt":"a few"}"#,
];

fn pack_of(lines: &[&str], strictness: Strictness) -> Pack {
    let text = [&[HEAD], &BASE[..], lines].concat().join("\n");
    read("f.jsonl", text.as_bytes(), strictness).unwrap()
}

/// An item with this `ask`, reference and perspectives, each as JSON.
fn item(ask: &str, references: &str, perspectives: &str) -> String {
    format!(
        r#"{{"kind":"item","id":"q","text":"Q?","ask":{ask},"reference":[{references}],"perspectives":[{perspectives}],"origin":{{"source":"s","row":17}}}}"#
    )
}

fn choice(references: &str) -> Pack {
    pack_of(&[&item(r#"{"form":"choice","scale":"two"}"#, references, "")], Strictness::Strict)
}

fn reference_with(figures: &str) -> String {
    format!(r#"{{"group":"g","basis":"survey","source":"s",{figures}}}"#)
}

fn said(pack: &Pack) -> String {
    pack.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn shares(pack: &Pack) -> Vec<f64> {
    pack.questions[0].references[0].shares.clone()
}

#[test]
fn rule_1_counts_become_shares_and_a_missing_key_is_zero() {
    let pack = choice(&reference_with(r#""counts":{"y":3,"dk":1}"#));
    assert_eq!(said(&pack), "");
    let ids: Vec<&str> = pack.questions[0].options.iter().map(|option| option.id.as_str()).collect();
    assert_eq!(ids, ["y", "n", "dk"], "what is no opinion comes last");
    assert_eq!(shares(&pack), [0.75, 0.0, 0.25]);
    assert_eq!(pack.questions[0].references[0].n, Some(4));
}

#[test]
fn rule_1_weighted_counts_do_not_say_how_many_were_asked() {
    let pack = choice(&reference_with(r#""weighted":true,"counts":{"y":3,"n":1}"#));
    assert_eq!(pack.questions[0].references[0].n, None);
}

#[test]
fn rule_1_bad_figures_cost_the_reference_and_not_the_question() {
    for (figures, part) in [
        (r#""counts":{"y":1},"shares":{"y":1}"#, "counts and shares"),
        (r#""n":5"#, "neither counts nor shares"),
        (r#""counts":{"maybe":1}"#, "`maybe`"),
        (r#""counts":{"y":-1,"n":2}"#, "negative"),
        (r#""counts":{"y":"many"}"#, "cannot be read"),
    ] {
        let pack = choice(&format!("{},{}", reference_with(figures), reference_with(r#""counts":{"n":1}"#)));
        assert!(said(&pack).contains(part), "{figures}: {}", said(&pack));
        assert!(said(&pack).starts_with("f.jsonl, line 7, `q`: "), "{}", said(&pack));
        assert_eq!(shares(&pack), [0.0, 1.0, 0.0]);
        assert_eq!(pack.warnings[0].problem.severity(), Severity::Lost);
    }
}

#[test]
fn rule_2_shares_near_one_are_scaled_and_others_rejected() {
    let scaled = choice(&reference_with(r#""shares":{"y":0.49,"n":0.5}"#));
    assert!(said(&scaled).contains("sum to 0.99"), "{}", said(&scaled));
    assert!((shares(&scaled)[0] - 0.49 / 0.99).abs() < 1e-12);
    assert!((shares(&scaled).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let rounded = choice(&reference_with(r#""shares":{"y":0.333333,"n":0.666666}"#));
    assert_eq!(said(&rounded), "");
    let far = choice(&reference_with(r#""shares":{"y":0.4,"n":0.5}"#));
    assert!(said(&far).contains("sum to 0.9,") && far.questions[0].references.is_empty(), "{}", said(&far));
    for zero in [r#""shares":{"y":0}"#, r#""counts":{}"#] {
        let pack = choice(&reference_with(zero));
        assert!(said(&pack).contains("sum to 0;") && pack.questions.len() == 1, "{}", said(&pack));
    }
}

#[test]
fn rule_3_the_substantive_view_drops_refusals_and_the_raw_one_stays() {
    let pack = choice(&reference_with(r#""n":10,"shares":{"y":0.6,"n":0.2,"dk":0.2}"#));
    let question = &pack.questions[0];
    let (p, dropped) = question.references[0].substantive(question).unwrap();
    assert!((p[0] - 0.75).abs() < 1e-12 && (dropped - 0.2).abs() < 1e-12 && p.len() == 2);
    assert_eq!(question.references[0].shares.len(), 3);
}

#[test]
fn rule_4_ordinal_options_need_values_and_keep_half_steps() {
    let pack = pack_of(&[&item(r#"{"form":"choice","scale":"three"}"#, "", "")], Strictness::Strict);
    assert_eq!(pack.questions[0].positions(), Some(vec![3.0, 1.5, 1.0]));
    assert_eq!((pack.questions[0].scale, pack.questions[0].order), (Scale::Ordinal, OptionOrder::Reversible));
    let bad = r#"{"kind":"scale","id":"bad","measure":"ordinal","options":[{"id":"a","label":"A","value":1},{"id":"b","label":"B"}]}"#;
    let pack = pack_of(&[bad, &item(r#"{"form":"choice","scale":"bad"}"#, "", "")], Strictness::Lenient);
    assert!(said(&pack).contains("`b` of an ordered scale has no `value`"), "{}", said(&pack));
    assert!(said(&pack).contains("uses the scale `bad`") && pack.questions.is_empty());
    assert_eq!(choice("").questions[0].positions(), None, "nominal scales have no positions");
}

#[test]
fn rule_5_what_no_people_said_is_not_called_human() {
    for (basis, is_human) in
        [("survey", true), ("annotators", true), ("uniform", false), ("agreed", false), ("model", false)]
    {
        let pack = choice(&reference_with(r#""counts":{"y":1}"#).replace("survey", basis));
        assert_eq!(pack.questions[0].references[0].basis.is_human(), is_human, "{basis}");
    }
    assert_eq!(choice(&reference_with(r#""counts":{"y":1}"#)).questions[0].references[0].basis, Basis::Survey);
}

#[test]
fn rule_6_one_opinion_is_no_distribution() {
    let ask = r#"{"form":"choice","options":[{"id":"y","label":"Yes"},{"id":"r","label":"-","role":"refused"}]}"#;
    let pack = pack_of(&[&item(ask, &reference_with(r#""counts":{"y":1}"#), "")], Strictness::Strict);
    assert!(said(&pack).contains("only one option is an opinion"), "{}", said(&pack));
    assert!(!pack.questions[0].has_distribution() && modes(&pack.questions[0]).is_empty());
}

#[test]
fn rule_7_weights() {
    let two = |first: &str, second: &str| {
        let perspectives = format!(r#"{{"id":"a","label":"A","text":"t"{first}}},{{"id":"b","label":"B"{second}}}"#);
        pack_of(&[&item(r#"{"form":"open"}"#, "", &perspectives)], Strictness::Strict)
    };
    let zero = two(r#","weight":0"#, r#","weight":0"#);
    assert!(said(&zero).contains("sum to 0"), "{}", said(&zero));
    assert!(zero.questions[0].perspectives.iter().all(|p| (p.weight - 1.0).abs() < 1e-12 && p.weight_basis == "equal"));
    let negative = two(r#","weight":-1"#, "");
    assert!(said(&negative).contains("negative") && negative.questions[0].perspectives.len() == 1);
    let claimed = two(r#","weight":1,"weight_basis":"judge""#, r#","weight":1,"weight_basis":"judge""#);
    assert!(said(&claimed).contains("claim the basis `judge`"), "{}", said(&claimed));
    let fine = two(
        r#","weight":3,"weight_basis":"participants","stance":"oppose""#,
        r#","weight":1,"weight_basis":"participants""#,
    );
    assert_eq!(said(&fine), "");
    assert_eq!(fine.questions[0].perspectives[0].stance, Stance::Oppose);
    assert_eq!(fine.questions[0].perspectives[1].text, "B", "without a text the label stands in");
}

#[test]
fn rule_8_steer_targets_must_exist() {
    let steer = |expect: &str| {
        let line = item(r#"{"form":"choice","scale":"two"}"#, &reference_with(r#""counts":{"y":1}"#), "").replace(
            r#""origin""#,
            &format!(r#""steer":[{{"id":"t","by":{{"group":"g"}},"expect":{expect}}}],"origin""#),
        );
        said(&pack_of(&[&line], Strictness::Strict))
    };
    for fine in [
        r#"{"option":"y"}"#,
        r#"{"stance":"oppose"}"#,
        r#"{"reference":"g"}"#,
        r#"{"any_of":[{"option":"y"},{"option":"n"}]}"#,
    ] {
        assert_eq!(steer(fine), "", "{fine}");
    }
    for bad in [
        r#"{"option":"z"}"#,
        r#"{"perspective":"y"}"#,
        r#"{"reference":"h"}"#,
        r#"{"any_of":[]}"#,
        "{}",
        r#"{"x":"y"}"#,
    ] {
        assert!(steer(bad).contains("steer target was left out"), "{bad}: {}", steer(bad));
    }
}

#[test]
fn rule_9_modes_follow_from_the_data() {
    let references = format!(
        "{0},{1}",
        reference_with(r#""counts":{"y":1}"#),
        reference_with(r#""counts":{"n":1}"#).replace("\"g\"", "\"h\"")
    );
    let perspectives = r#"{"id":"a","label":"A"},{"id":"b","label":"B"}"#;
    let ask = r#"{"form":"choice","scale":"two"}"#;
    let of = |references: &str, perspectives: &str| {
        modes(&pack_of(&[&item(ask, references, perspectives)], Strictness::Strict).questions[0])
    };
    assert_eq!(of(&references, perspectives), Mode::ALL);
    assert_eq!(of("", perspectives), [Mode::Overton]);
    assert_eq!(of(&reference_with(r#""counts":{"y":1}"#), ""), [Mode::Distribution]);
}

#[test]
fn rule_10_few_or_unknown_people_are_flagged() {
    let thin =
        |n: &str| is_thin(&choice(&reference_with(&format!(r#"{n}"shares":{{"y":1}}"#))).questions[0].references[0]);
    assert!(thin("") && thin(r#""n":29,"#) && !thin(r#""n":30,"#));
}

#[test]
fn rule_11_tick_all_shares_stay_as_they_are() {
    let multi = |figures: &str| {
        pack_of(&[&item(r#"{"form":"multi","scale":"two"}"#, &reference_with(figures), "")], Strictness::Strict)
    };
    let pack = multi(r#""shares":{"y":0.8,"n":0.7}"#);
    assert_eq!((said(&pack).as_str(), shares(&pack)), ("", vec![0.8, 0.7, 0.0]));
    assert_eq!(pack.questions[0].form, Form::Multi);
    assert_eq!(shares(&multi(r#""n":10,"counts":{"y":8,"n":5}"#)), [0.8, 0.5, 0.0]);
    assert!(said(&multi(r#""counts":{"y":8}"#)).contains("need `n`"));
    assert!(said(&multi(r#""shares":{"y":1.4}"#)).contains("above 1"));
}

#[test]
fn rule_12_a_question_can_be_traced_to_its_source() {
    let pack = choice(&reference_with(r#""counts":{"y":1}"#));
    assert_eq!(pack.origins["q"], "17");
    assert_eq!(pack.questions[0].citation.as_deref(), Some("S (2026)"));
    assert_eq!(pack.questions[0].references[0].source.as_deref(), Some("S (2026)"));
    let pack = pack_of(&[r#"{"kind":"item","id":"q","text":"Q?"}"#], Strictness::Lenient);
    assert!(said(&pack).contains("which row") && pack.questions.len() == 1, "{}", said(&pack));
    let unknown = choice(&reference_with(r#""counts":{"y":1}"#).replace(r#""source":"s""#, r#""source":"z""#));
    assert!(said(&unknown).contains("source `z`"), "{}", said(&unknown));
}

#[test]
fn rule_13_packs_without_a_free_licence_load_but_are_not_exported() {
    let exportable = |licence: &str| {
        let head = HEAD.replace(r#","licence":{"spdx":"CC0-1.0"}"#, licence);
        read("f", head.as_bytes(), Strictness::Strict).unwrap().is_exportable()
    };
    assert!(exportable(r#","licence":{"spdx":"MIT"}"#));
    assert!(!exportable(""));
    assert!(!exportable(r#","licence":{"spdx":"CC-BY-NC-4.0","non_commercial":true}"#));
}

#[test]
fn groups_must_be_there_and_come_in_the_order_of_the_references() {
    let both = format!(
        "{},{}",
        reference_with(r#""counts":{"y":1}"#).replace("\"g\"", "\"h\""),
        reference_with(r#""counts":{"y":1}"#)
    );
    let pack = choice(&both);
    let ids: Vec<&str> = pack.questions[0].populations.iter().map(|population| population.id.as_str()).collect();
    assert_eq!(ids, ["h", "g"]);
    assert_eq!(pack.questions[0].populations[0].prompt.as_deref(), Some("a few"));
    let missing = choice(&reference_with(r#""counts":{"y":1}"#).replace("\"g\"", "\"nobody\""));
    assert!(said(&missing).contains("`nobody` was left out: the pack has no such group"), "{}", said(&missing));
}

#[test]
fn earlier_turns_and_the_preamble_become_turns() {
    let line = r#"{"kind":"item","id":"q","text":"And now?","lang":"de","context":{"preamble":"Be short.","turns":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]},"origin":{"source":"s","row":"1"}}"#;
    let pack = pack_of(&[line], Strictness::Strict);
    let roles: Vec<TurnRole> = pack.questions[0].turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [TurnRole::System, TurnRole::User, TurnRole::Assistant]);
    assert_eq!((said(&pack).as_str(), pack.questions[0].lang.as_str()), ("", "de"));
}

#[test]
fn refusals_lose_their_value_and_personas_their_fourth_wording() {
    let scale = r#"{"kind":"scale","id":"x","measure":"ordinal","options":[{"id":"a","label":"A","value":1},{"id":"r","label":"R","role":"refused","value":99}]}"#;
    let persona =
        r#"{"kind":"persona","id":"me","label":"Me","text":"You are 1.","wordings":["2","3","4"],"synthetic":true}"#;
    let empty = r#"{"kind":"persona","id":"you","label":"You","synthetic":true}"#;
    let pack = pack_of(&[scale, persona, empty], Strictness::Strict);
    assert!(said(&pack).contains("`r` is not an opinion") && said(&pack).contains("4 wordings"), "{}", said(&pack));
    assert!(said(&pack).contains("persona has no text"), "{}", said(&pack));
    assert_eq!(pack.personas.len(), 1);
    assert_eq!((pack.personas[0].wordings.len(), pack.personas[0].text()), (3, "You are 1."));
    assert_eq!(pack.questions.len(), 0);
}

#[test]
fn unknown_keys_are_quiet_unless_asked_for_at_every_depth() {
    let line = r#"{"kind":"item","id":"q","text":"Q?","mood":1,"ask":{"form":"choice","scale":"two","hurry":2},"reference":[{"group":"g","basis":"survey","source":"s","counts":{"y":1},"colour":3}],"origin":{"source":"s","row":"1"}}"#;
    assert_eq!(said(&pack_of(&[line], Strictness::Lenient)), "");
    let strict = said(&pack_of(&[line], Strictness::Strict));
    for key in ["`mood`", "`ask.hurry`", "`reference.colour`"] {
        assert!(strict.contains(key), "{key}: {strict}");
    }
    let unknown = pack_of(&[r#"{"kind":"poem","id":"x"}"#], Strictness::Lenient);
    assert!(said(&unknown).contains("kind `poem`"));
    assert_eq!(unknown.warnings[0].problem.severity(), Severity::Note);
}

#[test]
fn one_bad_line_costs_itself_alone() {
    let good = item(r#"{"form":"choice","scale":"two"}"#, "", "");
    let deep = format!(r#"{{"kind":"item","id":"deep","text":"D","i18n":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let bad = [
        "{",
        "[]",
        "17",
        r#"{"id":"x"}"#,
        r#"{"kind":"item","id":"x"}"#,
        r#"{"kind":"item","id":"Not A Slug","text":"t"}"#,
        r#"{"kind":"item","text":"t"}"#,
        r#"{"kind":"item","id":"z","text":"a\u0000b"}"#,
        r#"{"kind":"item","id":"w","text":" "}"#,
        r#"{"kind":"scale","id":"v","measure":"odd","options":[]}"#,
        r#"{"kind":"item","id":"n","text":"t","ask":{"form":"choice"}}"#,
        "{\"kind\":\"item\"\0}",
        &deep,
        HEAD,
    ];
    let lines: Vec<&str> = bad.into_iter().chain([good.as_str(), good.as_str()]).collect();
    let pack = pack_of(&lines, Strictness::Lenient);
    assert_eq!(pack.questions.len(), 1);
    let lines: Vec<usize> = pack.warnings.iter().map(|warning| warning.line).collect();
    assert!((7..7 + bad.len()).all(|line| lines.contains(&line)), "{}", said(&pack));
    assert!(said(&pack).contains("the item id `q` was used before in line 21"), "{}", said(&pack));
    assert!(pack.warnings.iter().all(|w| w.problem.severity() == Severity::Lost || w.problem == Problem::NoOrigin));
}

#[test]
fn byte_marks_line_ends_and_a_missing_last_one_are_fine() {
    let text = format!("\u{feff}{HEAD}\r\n\r\n{}\r\n{}", BASE[1], item(r#"{"form":"choice","scale":"two"}"#, "", ""));
    let pack = read("f", text.as_bytes(), Strictness::Lenient).unwrap();
    assert_eq!(pack.questions.len(), 1);
}

#[test]
fn broken_bytes_and_endless_lines_are_skipped_and_the_rest_is_read() {
    let mut bytes = HEAD.as_bytes().to_vec();
    bytes.extend(b"\n{\"kind\":\"group\",\"id\":\"\xff\"}\n");
    bytes.extend(vec![b'x'; usize::try_from(LINE_LIMIT).unwrap() + 10]);
    bytes.extend(format!("\n{}\n", BASE[3]).bytes());
    let pack = read("f", bytes.as_slice(), Strictness::Lenient).unwrap();
    assert_eq!(pack.populations.len(), 1);
    assert!(said(&pack).contains("line 2: byte 23 of the line is not UTF-8"), "{}", said(&pack));
    assert!(said(&pack).contains("line 3: the line is longer than 8 MiB"), "{}", said(&pack));
}

#[test]
fn a_file_beyond_the_limit_is_refused_even_when_it_comes_from_a_pipe() {
    use std::io::Read;
    let endless = BufReader::new(HEAD.as_bytes().chain(b"\n".as_slice()).chain(std::io::repeat(b' ')));
    let error = read("pipe", endless, Strictness::Lenient).unwrap_err();
    assert!(matches!(error, PackError::File { problem: FileProblem::TooLarge { .. }, .. }), "{error}");
}

#[test]
fn what_is_no_pack_is_refused_with_a_reason() {
    let why = |text: &str| read("f", text.as_bytes(), Strictness::Lenient).unwrap_err().to_string();
    assert!(why("").contains("empty") && why("\n \n").contains("empty"));
    assert!(why("hello").contains("line 1 is not the first line of a pack"));
    assert!(why(BASE[0]).contains("kind is not `pack`"));
    assert!(why(&HEAD.replace("pluralpack/1", "pluralpack/2")).contains("`pluralpack/2`"));
    assert!(why(&HEAD.replace(r#""lang":"en","#, "")).contains("`lang`"));
    assert!(why(&HEAD.replace(r#""id":"p""#, r#""id":"P P""#)).contains("`P P`"));
    assert!(
        read_file(Path::new("/no/such.pack.jsonl"), Strictness::Lenient)
            .unwrap_err()
            .to_string()
            .contains("no such file")
    );
    assert!(read_file(Path::new("/"), Strictness::Lenient).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn the_headers_counts_are_compared_with_what_was_found() {
    let head = HEAD.replace(r#""lang""#, r#""counts":{"item":2,"group":1},"lang""#);
    let text = [&head, BASE[3], &item(r#"{"form":"open"}"#, "", "")].map(str::to_owned).join("\n");
    let pack = read("f", text.as_bytes(), Strictness::Lenient).unwrap();
    assert!(said(&pack).contains("counts 2 lines of kind `item`, and 1 could be used"), "{}", said(&pack));
    assert!(!said(&pack).contains("`group`"), "{}", said(&pack));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn damaged_packs_never_stop_the_reader(
        damage in proptest::collection::vec((0usize..74_000, 0u8..=255), 1..40),
        end in 2_000usize..74_000,
    ) {
        let mut bytes = include_bytes!("../../../datasets/us-civics.pack.jsonl").to_vec();
        // The first line stays, or nothing behind it would be read.
        let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        bytes.truncate(end);
        for (at, byte) in damage {
            if let Some(place) = bytes.get_mut(at).filter(|_| at >= first) {
                *place = byte;
            }
        }
        let pack = read("f", bytes.as_slice(), Strictness::Strict).unwrap();
        for reference in pack.questions.iter().flat_map(|question| &question.references) {
            let sum: f64 = reference.shares.iter().sum();
            proptest::prop_assert!((sum - 1.0).abs() < 1e-9 && reference.shares.iter().all(|share| *share >= 0.0));
        }
    }
}

#[test]
fn two_options_that_read_the_same_lose_the_item() {
    let ask = r#"{"form":"choice","options":[{"id":"a","label":"Yes"},{"id":"b","label":" yes "}]}"#;
    let pack = pack_of(&[&item(ask, "", "")], Strictness::Lenient);
    assert!(pack.questions.is_empty());
    assert!(said(&pack).contains("two options are called"), "{}", said(&pack));
}
