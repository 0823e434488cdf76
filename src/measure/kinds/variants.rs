//! `variants`: next-token logits of the surface forms of option labels.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{InField, Kind, KindError, Notes, answer};
use crate::measure::{Distribution, MASS_LOW, MASS_TOO_SMALL, score_variants};

pub(super) const KIND: Kind = Kind {
    name: "variants",
    about: "next-token logits of each label's surface forms and of the rest: option shares and coverage",
    example: r#"{"kind":"variants","logits":{"A":[2.0,3.0],"B":[1.0,2.5],"C":[0.0,-1.0]},"rest":[2.8,1.5,0.5]}"#,
    evaluate: |line| answer("variants", line, evaluate),
};

#[derive(Debug, Deserialize)]
struct Input {
    /// Label to the logits of its forms; the order of the labels is kept.
    logits: Map<String, Value>,
    /// The logits of all other tokens.
    rest: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Output {
    mass_per_label: Map<String, Value>,
    mass: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn evaluate(input: &Input) -> Result<Output, KindError> {
    let forms = input
        .logits
        .iter()
        .map(|(label, forms)| {
            let shape = |error: serde_json::Error| KindError::Shape {
                kind: KIND.name,
                cause: format!("`logits` of `{label}`: {error}"),
            };
            Vec::deserialize(forms).map_err(shape)
        })
        .collect::<Result<Vec<Vec<f64>>, _>>()?;
    let scores = score_variants(&forms, &input.rest).field("logits")?;
    let named = |values: &[f64]| {
        input.logits.keys().cloned().zip(values.iter().map(|value| Value::from(*value))).collect::<Map<_, _>>()
    };
    let mut notes = Notes::default();
    if scores.p.is_none() {
        notes.push("`p` is absent: no label has any form");
    } else if scores.mass < MASS_TOO_SMALL {
        notes.push(format!(
            "`p` is not to be trusted: the labels hold less than {MASS_TOO_SMALL} of the mass; prefill the answer or sample"
        ));
    } else if scores.mass < MASS_LOW {
        notes.push(format!("the labels hold less than {MASS_LOW} of the mass"));
    }
    Ok(Output {
        mass_per_label: named(&scores.mass_per_label),
        mass: scores.mass,
        p: scores.p.as_ref().map(Distribution::as_slice).map(named),
        note: notes.into_note(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;

    #[test]
    fn vector_of_p2_keeps_its_labels_in_order() {
        let out = (KIND.evaluate)(KIND.example).unwrap();
        close(out["mass"].as_f64().unwrap(), 0.659_595);
        close(out["mass_per_label"]["A"].as_f64().unwrap(), 0.414_284);
        close(out["p"]["C"].as_f64().unwrap(), 0.031_271);
        let out = (KIND.evaluate)(r#"{"logits":{"Z":[1],"A":[1]},"rest":[]}"#).unwrap();
        assert_eq!(out["p"].as_object().unwrap().keys().collect::<Vec<_>>(), ["Z", "A"]);
        assert!(out.get("note").is_none());
    }

    #[test]
    fn small_masses_are_noted() {
        let note = |rest: f64| {
            let out = (KIND.evaluate)(&format!(r#"{{"logits":{{"A":[0],"B":[0]}},"rest":[{rest}]}}"#)).unwrap();
            out.get("note").map(|note| note.as_str().unwrap().to_owned())
        };
        assert_eq!(note(0.0), None);
        assert!(note(2.0).unwrap().contains("less than 0.5"));
        assert!(note(9.0).unwrap().contains("not to be trusted"));
        let out = (KIND.evaluate)(r#"{"logits":{"A":[]},"rest":[1]}"#).unwrap();
        assert!(out.get("p").is_none() && out["note"].is_string());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for line in [
            r#"{"logits":{},"rest":[1]}"#,
            r#"{"logits":{"A":1},"rest":[1]}"#,
            r#"{"logits":{"A":[null]},"rest":[1]}"#,
            r#"{"logits":{"A":[1]}}"#,
            r#"{"logits":[[1]],"rest":[1]}"#,
        ] {
            assert!((KIND.evaluate)(line).is_err(), "{line}");
        }
    }
}
