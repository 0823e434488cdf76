//! On real rows of public data sets, the baselines of the program equal a direct computation from the raw numbers, and the
//! figures that were published or computed elsewhere.
//!
//! The data sets lie beside the project and are no part of it; where they are not at hand, nothing is compared.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parallax::domain::{Basis, Population, Question, Reference};
use parallax::methods::baselines;
use serde_json::Value;

/// The folder of data sets beside the checkout, or beside the folder of work trees.
fn data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["..", "../.."].map(|up| root.join(up).join("shared/data")).into_iter().find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("the data sets of ../shared/data are not at hand, so nothing is compared");
    }
    found
}

/// One group's raw numbers on one question; they need not sum to 1.
struct Row {
    question: String,
    options: Vec<String>,
    group: String,
    numbers: Vec<f64>,
}

/// Rows put together to questions as a pack would hold them, every option an opinion.
fn questions(rows: &[Row]) -> Vec<(Question, Vec<&Row>)> {
    let mut by_text: BTreeMap<(&str, &[String]), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let same = by_text.entry((&row.question, &row.options)).or_default();
        // The sets repeat some rows; a group answers a question once.
        if same.iter().all(|other| other.group != row.group) {
            same.push(row);
        }
    }
    by_text
        .into_values()
        .map(|rows| {
            let options: Vec<String> =
                rows[0].options.iter().enumerate().map(|(i, text)| format!("{i} {text}")).collect();
            let mut question = Question::asked("a question of the set", &options, &[], false).unwrap();
            for row in &rows {
                let id = row.group.clone();
                question.populations.push(Population {
                    id: id.clone(),
                    label: id.clone(),
                    dimension: "group".into(),
                    prompt: None,
                });
                let sum: f64 = row.numbers.iter().sum();
                question.references.push(Reference {
                    population: id,
                    basis: Basis::Survey,
                    year: None,
                    n: None,
                    weighted: true,
                    shares: row.numbers.iter().map(|number| number / sum).collect(),
                    source: None,
                    note: None,
                });
            }
            (question, rows)
        })
        .collect()
}

/// Straight from the definitions, with nothing of the program: JS distance in base 2 and total variation.
fn directly(p: &[f64], q: &[f64]) -> (f64, f64) {
    let norm = |v: &[f64]| v.iter().map(|x| x / v.iter().sum::<f64>()).collect::<Vec<_>>();
    let (p, q) = (norm(p), norm(q));
    let h = |v: &[f64]| -v.iter().filter(|x| **x > 0.0).map(|x| x * x.log2()).sum::<f64>();
    let m: Vec<f64> = p.iter().zip(&q).map(|(a, b)| (a + b) / 2.0).collect();
    let js = (h(&m) - (h(&p) + h(&q)) / 2.0).max(0.0).sqrt();
    (js, p.iter().zip(&q).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0)
}

/// Means over all rows, and how many there were: (JS distance, total variation, n).
type Means = (f64, f64, usize);

/// Compares every row and gives the means of equal shares and of the other groups.
fn compare(rows: &[Row]) -> (Means, Means) {
    let (mut uniform, mut others) = ((0.0, 0.0, 0), (0.0, 0.0, 0));
    for (question, rows) in questions(rows) {
        let normed = |row: &Row| {
            let sum: f64 = row.numbers.iter().sum();
            row.numbers.iter().map(|x| x / sum).collect::<Vec<_>>()
        };
        for (row, reference) in rows.iter().zip(&question.references) {
            let found = baselines(&question, reference);
            let value = |id: &str| found.iter().find(|measure| measure.id == id).and_then(|measure| measure.value);
            let check = |name: &str, p: &[f64], sums: &mut Means| {
                let (js, tv) = directly(p, &row.numbers);
                let program = value(&format!("baseline.{name}.js_distance_2")).unwrap();
                // The root of a difference of entropies loses half the digits next to 0.
                assert!((program * program - js * js).abs() < 1e-9, "{name}: {program} and {js} for {:?}", row.numbers);
                assert!((value(&format!("baseline.{name}.tv")).unwrap() - tv).abs() < 1e-9);
                *sums = (sums.0 + program, sums.1 + tv, sums.2 + 1);
            };
            check("uniform", &vec![1.0; row.numbers.len()], &mut uniform);
            let rest: Vec<Vec<f64>> = rows.iter().filter(|other| other.group != row.group).map(|r| normed(r)).collect();
            if rest.is_empty() {
                assert_eq!(value("baseline.other_groups.js_distance_2"), None, "absent, and never 0");
            } else {
                let mean: Vec<f64> = (0..row.numbers.len()).map(|i| rest.iter().map(|r| r[i]).sum()).collect();
                check("other_groups", &mean, &mut others);
            }
        }
    }
    let mean = |(js, tv, n): Means| (js / n as f64, tv / n as f64, n);
    (mean(uniform), mean(others))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Rows with two options or more and a distribution: one option or none has no distance.
fn usable(rows: Vec<Row>) -> Vec<Row> {
    rows.into_iter().filter(|row| row.numbers.len() > 1 && row.numbers.iter().sum::<f64>() > 0.0).collect()
}

fn modular(path: &Path) -> Vec<Row> {
    let rows = json(path);
    let row = |row: &Value| Row {
        question: row["question"].as_str().unwrap().to_owned(),
        options: texts(&row["options"]),
        group: row["attribute"].as_str().unwrap().to_owned(),
        numbers: numbers(&row["gold_distribution"]),
    };
    usable(rows.as_array().unwrap().iter().map(row).collect())
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

#[test]
fn vital_rows_of_global_opinion_qa_have_the_baselines_computed_elsewhere() {
    let Some(data) = data() else { return };
    let rows = modular(&data.join("vital/vital_distributional_globalopinionqa.json"));
    let (uniform, others) = compare(&rows);
    // By a script of a few lines in another language, on these 1,237 rows; all 1,676 of the set have .4284 and .1595.
    assert_eq!((rows.len(), uniform.2, others.2), (1237, 1237, 1212));
    near(uniform.0, 0.424_897);
    near(others.0, 0.160_729);
}

#[test]
fn vital_rows_of_opinion_qa_equal_a_direct_computation() {
    let Some(data) = data() else { return };
    let (uniform, others) = compare(&modular(&data.join("vital/vital_steerable_opinionqa.json")));
    assert!(uniform.2 > 2000 && others.2 > 2000);
    assert!(others.0 < uniform.0, "{others:?} {uniform:?}");
}

#[test]
fn global_opinion_qa_equals_a_direct_computation() {
    let Some(data) = data() else { return };
    let rows = json(&data.join("globalopinionqa_nc/eval_subset.json"));
    let row = |row: &Value| Row {
        question: row["question"].as_str().unwrap().to_owned(),
        options: texts(&row["options"]),
        group: row["country"].as_str().unwrap().to_owned(),
        numbers: numbers(&row["distribution"]),
    };
    let (uniform, _) = compare(&usable(rows.as_array().unwrap().iter().map(row).collect()));
    assert!(uniform.2 > 20, "{uniform:?}");
}

#[test]
fn opinion_qa_shaped_counts_equal_a_direct_computation() {
    let Some(data) = data() else { return };
    for dimension in ["EDUCATION", "INCOME", "POLPARTY", "RACE", "SEX"] {
        let file = json(&data.join(format!("format_twins/opinionqa_shape/{dimension}_data.json")));
        let mut rows = Vec::new();
        for (key, question) in file.as_object().unwrap() {
            let options = texts(&question["MC_options"]);
            for (group, counts) in question.as_object().unwrap() {
                if let Some(counts) = counts.as_object() {
                    let numbers =
                        options.iter().map(|option| counts.get(option).and_then(Value::as_f64).unwrap_or(0.0));
                    let numbers = numbers.collect();
                    rows.push(Row { question: key.clone(), options: options.clone(), group: group.clone(), numbers });
                }
            }
        }
        let (uniform, others) = compare(&usable(rows));
        assert!(uniform.2 > 10 && others.2 == uniform.2, "{dimension}: {uniform:?} {others:?}");
        assert!(others.0 < uniform.0, "people of all groups agree more with each other than with equal shares");
    }
}
