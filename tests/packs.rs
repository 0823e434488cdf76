//! The packs that come with Parallax: every one is clean, the figures of `us-civics` are those of its source, and written
//! viewpoints do justice to every side.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use parallax::data::catalogue::BUNDLED;
use parallax::data::load::{self, Pack, Strictness, is_thin};
use parallax::domain::{Mode, Question, Role, Scale, Stance};
use serde_json::Value;

fn text_of(id: &str) -> &'static str {
    BUNDLED.iter().find(|(name, _)| *name == format!("{id}.pack.jsonl")).unwrap().1
}

fn bundled(id: &str) -> Pack {
    load::read(id, text_of(id).as_bytes(), Strictness::Strict).unwrap()
}

#[test]
fn every_pack_in_the_folder_is_bundled_and_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".pack.jsonl"))
        .collect();
    files.sort();
    let mut names: Vec<&str> = BUNDLED.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
    for (name, text) in BUNDLED {
        let pack = load::read(name, text.as_bytes(), Strictness::Strict).unwrap();
        assert_eq!(name, format!("{}.pack.jsonl", pack.id));
        assert!(pack.warnings.is_empty(), "{:?}", pack.warnings);
        assert!(pack.is_exportable() && !pack.declared.is_empty(), "{name}");
        assert!(!text.contains('\r') && text.ends_with('\n'), "{name}");
    }
}

#[test]
fn us_civics_has_twenty_questions_with_all_adults_first() {
    let pack = bundled("us-civics");
    assert_eq!(pack.questions.len(), 20);
    assert_eq!(pack.questions[0].id, "systemic-racism");
    assert_eq!(pack.questions[0].scale, Scale::Ordinal);
    assert_eq!(pack.questions[0].substantive().len(), 4);
    let columns: BTreeSet<&String> = pack.origins.values().collect();
    assert_eq!(columns.len(), 20, "each question answers for a column of its own");
    for question in pack.questions.iter() {
        assert_eq!(question.references[0].population, "us.all", "{}", question.id);
        assert_eq!(question.references.len(), pack.populations.len(), "{}", question.id);
        assert_eq!(load::modes(question), [Mode::Steered, Mode::Distribution]);
        assert_eq!(question.options.last().unwrap().role, Role::Refused);
        assert!(question.has_distribution(), "{}", question.id);
        for reference in &question.references {
            let sum: f64 = reference.shares.iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{} {}: {sum}", question.id, reference.population);
            assert!(reference.weighted && !is_thin(reference) && reference.year == Some(2020));
            assert!(reference.note.as_deref().unwrap().contains("our wording"));
        }
        assert!(question.citation.as_deref().unwrap().contains("FiveThirtyEight"));
    }
    let dimensions: BTreeSet<&str> = pack.populations.iter().map(|population| population.dimension.as_str()).collect();
    assert!(dimensions.len() >= 5, "{dimensions:?}");
}

#[test]
fn us_civics_starts_with_a_question_that_divides_the_parties() {
    let pack = bundled("us-civics");
    let question = &pack.questions[0];
    let agree = |population: &str| question.reference(population).unwrap().shares[..2].iter().sum::<f64>();
    assert!(agree("us.party.democrat") - agree("us.party.republican") > 0.4);
}

/// The survey file, where the folder of shared data is beside the repository.
fn survey() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared", "../../shared"]
        .map(|folder| root.join(folder).join("data/fivethirtyeight/non-voters/nonvoters_data.csv"))
        .into_iter()
        .find(|path| path.is_file())
}

#[test]
fn us_civics_figures_are_those_of_the_survey_file() {
    let Some(path) = survey() else {
        eprintln!("skipped: no ../shared/data");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = rows.next().unwrap();
    let rows: Vec<Vec<&str>> = rows.collect();
    let column = |name: &str| names.iter().position(|other| *other == name).unwrap();
    let weight = column("weight");
    let slices = [
        ("us.all", "weight", None),
        ("us.party.democrat", "Q30", Some("2")),
        ("us.party.no-preference", "Q30", Some("5")),
        ("us.education.college", "educ", Some("College")),
        ("us.race.black", "race", Some("Black")),
        ("us.gender.male", "gender", Some("Male")),
        ("us.income.under-40k", "income_cat", Some("Less than $40k")),
        ("us.voting.rarely", "voter_category", Some("rarely/never")),
    ];
    let pack = bundled("us-civics");
    for question in pack.questions.iter() {
        let answer = column(&pack.origins[&question.id]);
        for (population, by, only) in slices {
            let by = column(by);
            let asked: Vec<&Vec<&str>> =
                rows.iter().filter(|row| row[answer] != "NA" && only.is_none_or(|value| row[by] == value)).collect();
            let mut sums: HashMap<&str, f64> = HashMap::new();
            for row in &asked {
                *sums.entry(row[answer]).or_default() += row[weight].parse::<f64>().unwrap();
            }
            let total: f64 = sums.values().sum();
            let reference = question.reference(population).unwrap();
            assert_eq!(reference.n, Some(asked.len() as u64), "{} {population}", question.id);
            for (index, (option, share)) in question.options.iter().zip(&reference.shares).enumerate() {
                let code = if option.role == Role::Refused { "-1".to_owned() } else { (index + 1).to_string() };
                let expected = sums.get(code.as_str()).copied().unwrap_or(0.0) / total;
                assert!(
                    (share - expected).abs() < 2e-6,
                    "{} {population} {}: {share} {expected}",
                    question.id,
                    option.id
                );
            }
        }
    }
}

/// How many perspectives of a question argue for and against it.
fn sides(question: &Question) -> (usize, usize) {
    let side = |stance| question.perspectives.iter().filter(|perspective| perspective.stance == stance).count();
    (side(Stance::Support), side(Stance::Oppose))
}

fn ids<'a>(lines: impl Iterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    lines.map(|line| line["id"].as_str().unwrap()).collect()
}

#[test]
fn debates_and_dilemmas_have_views_on_both_sides_with_equal_weights() {
    for (id, questions) in [("debates", 12), ("dilemmas", 8)] {
        let pack = bundled(id);
        assert_eq!(pack.questions.len(), questions);
        assert!(pack.declared.iter().any(|said| said.contains("equal weights")));
        for question in pack.questions.iter() {
            let (support, oppose) = sides(question);
            assert!(support >= 2 && oppose >= 2, "{}: {support} {oppose}", question.id);
            assert!((4..=8).contains(&question.perspectives.len()), "{}", question.id);
            assert!(question.perspectives.iter().all(|p| p.weight_basis == "equal" && p.text.split(' ').count() >= 15));
            assert!(question.references.is_empty() && question.has_distribution(), "{}", question.id);
            assert_eq!(load::modes(question), [Mode::Overton], "{}", question.id);
        }
    }
}

#[test]
fn debates_give_both_sides_the_same_room() {
    let pack = bundled("debates");
    assert!(pack.questions.iter().any(|q| q.text == "Should the country drastically reduce immigration levels?"));
    for question in pack.questions.iter() {
        let (support, oppose) = sides(question);
        assert!(support.abs_diff(oppose) <= 1, "{}: {support} {oppose}", question.id);
    }
}

#[test]
fn every_way_out_of_a_dilemma_has_reasons_of_its_own() {
    let lines: Vec<Value> =
        text_of("dilemmas").lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    let kind = |kind: &'static str| lines.iter().filter(move |line| line["kind"] == kind);
    let attributes = ids(kind("attribute"));
    let mut used = BTreeSet::new();
    for item in kind("item") {
        let list = |key: &str| item[key].as_array().unwrap().iter();
        let name = &item["id"];
        assert_eq!(ids(list("perspectives")), ids(list("steer")), "{name}: one steer target for each view");
        let options = item["ask"]["options"].as_array().unwrap();
        assert!((2..=3).contains(&options.len()), "{name}");
        for option in options {
            let reasons = list("steer").filter(|steer| steer["expect"]["option"] == option["id"]).count();
            assert!(reasons >= 2, "{name}: {reasons} reasons for {}", option["id"]);
        }
        let values: BTreeSet<&str> = list("steer").map(|steer| steer["by"]["attribute"].as_str().unwrap()).collect();
        assert_eq!(values.len(), list("steer").len(), "{name}: a value speaks for one way out only");
        used.extend(values);
        for perspective in list("perspectives") {
            let steer = list("steer").find(|steer| steer["id"] == perspective["id"]).unwrap();
            let chosen = options.iter().position(|option| option["id"] == steer["expect"]["option"]).unwrap();
            assert_eq!(
                perspective["stance"] == "support",
                chosen == 0,
                "{name}: the question asks for its first option"
            );
        }
    }
    assert_eq!(used, attributes, "every value is declared and at stake somewhere");
}
