//! The packs that come with Parallax: every one is clean, and the figures of `us-civics` are those of its source.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use parallax::data::catalogue::BUNDLED;
use parallax::data::load::{self, Pack, Strictness, is_thin};
use parallax::domain::{Mode, Role, Scale, Stance};

fn bundled(id: &str) -> Pack {
    let (name, text) = BUNDLED.iter().find(|(name, _)| *name == format!("{id}.pack.jsonl")).unwrap();
    load::read(name, text.as_bytes(), Strictness::Strict).unwrap()
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
fn us_civics_has_eight_questions_with_all_adults_first() {
    let pack = bundled("us-civics");
    assert_eq!(pack.questions.len(), 8);
    assert_eq!(pack.questions[0].scale, Scale::Ordinal);
    assert_eq!(pack.questions[0].substantive().len(), 4);
    for question in &pack.questions {
        assert_eq!(question.references[0].population, "us.all", "{}", question.id);
        assert_eq!(question.references.len(), pack.populations.len(), "{}", question.id);
        assert_eq!(load::modes(question), [Mode::Steered, Mode::Distribution]);
        assert_eq!(question.options.last().unwrap().role, Role::Refused);
        for reference in &question.references {
            let sum: f64 = reference.shares.iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{} {}: {sum}", question.id, reference.population);
            assert!(reference.weighted && !is_thin(reference) && reference.year == Some(2020));
            assert!(reference.note.as_deref().unwrap().contains("our wording"));
        }
        assert!(question.citation.as_deref().unwrap().contains("FiveThirtyEight"));
    }
    let dimensions: std::collections::BTreeSet<&str> =
        pack.populations.iter().map(|population| population.dimension.as_str()).collect();
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
    let (weight, party) = (column("weight"), column("Q30"));
    let pack = bundled("us-civics");
    for question in &pack.questions {
        let answer = column(&pack.origins[&question.id]);
        for (population, only) in [("us.all", None), ("us.party.democrat", Some("2"))] {
            let asked: Vec<&Vec<&str>> =
                rows.iter().filter(|row| row[answer] != "NA" && only.is_none_or(|code| row[party] == code)).collect();
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

#[test]
fn debates_have_views_on_both_sides_with_equal_weights() {
    let pack = bundled("debates");
    assert_eq!(pack.questions.len(), 6);
    assert!(pack.declared.iter().any(|said| said.contains("equal weights")));
    assert!(pack.questions.iter().any(|q| q.text == "Should the country drastically reduce immigration levels?"));
    for question in &pack.questions {
        assert!((4..=8).contains(&question.perspectives.len()), "{}", question.id);
        let side = |stance| question.perspectives.iter().filter(|perspective| perspective.stance == stance).count();
        let (support, oppose) = (side(Stance::Support), side(Stance::Oppose));
        assert!(support >= 2 && oppose >= 2 && support.abs_diff(oppose) <= 1, "{}: {support} {oppose}", question.id);
        assert!(question.perspectives.iter().all(|p| p.weight_basis == "equal" && p.text.split(' ').count() >= 15));
        assert!(question.references.is_empty() && question.has_distribution(), "{}", question.id);
    }
}
