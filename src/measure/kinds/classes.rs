//! `classes`: chosen classes against the right ones.

use serde::{Deserialize, Serialize};

use super::{InField, Kind, KindError, answer};
use crate::measure::class_scores;

pub(super) const KIND: Kind = Kind {
    name: "classes",
    about: "chosen classes against the right ones: accuracy, balanced accuracy, macro F1, and what guessing would reach",
    example: r#"{"kind":"classes","gold":["A","A","A","A","B","B","B","C","C","C"],"predicted":["A","A","A","B","B","B","A","C","A",null],"labels":["A","B","C"]}"#,
    evaluate: |line| answer("classes", line, evaluate),
};

#[derive(Debug, Deserialize)]
struct Input {
    gold: Vec<String>,
    /// Null where no class could be read: a wrong answer.
    predicted: Vec<Option<String>>,
    labels: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Output {
    n: usize,
    accuracy: f64,
    balanced_accuracy: f64,
    macro_f1: f64,
    per_class: Vec<Class>,
    majority: f64,
    random: f64,
    unparsed: usize,
}

#[derive(Debug, Serialize)]
struct Class {
    label: String,
    n: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    recall: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    f1: Option<f64>,
}

fn evaluate(input: &Input) -> Result<Output, KindError> {
    let gold: Vec<&str> = input.gold.iter().map(String::as_str).collect();
    let labels: Vec<&str> = input.labels.iter().map(String::as_str).collect();
    // A null byte is no label anybody writes.
    let predicted: Vec<&str> = input.predicted.iter().map(|class| class.as_deref().unwrap_or("\0")).collect();
    let found = class_scores(&gold, &predicted, &labels).field("gold, predicted and labels")?;
    let class = |class: crate::measure::ClassScore| Class {
        label: class.label,
        n: class.n,
        recall: class.recall,
        precision: class.precision,
        f1: class.f1,
    };
    Ok(Output {
        n: gold.len(),
        accuracy: found.accuracy,
        balanced_accuracy: found.balanced_accuracy,
        macro_f1: found.macro_f1,
        per_class: found.per_class.into_iter().map(class).collect(),
        majority: found.majority,
        random: found.random,
        unparsed: found.unparsed,
    })
}
