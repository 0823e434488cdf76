//! `many`: several distributions over the same options.

use serde::{Deserialize, Serialize};

use super::{InField, Kind, KindError, Notes, answer, distribution, distributions};
use crate::measure::{
    Distribution, MeasureError, equal_weights, generalised_js_2, linear_pool, log_pool, pairwise_tv, stability,
};

pub(super) const KIND: Kind = Kind {
    name: "many",
    about: "several distributions over the same options: how much they disagree, and their pools",
    example: r#"{"kind":"many","id":"panel","distributions":[[0.8,0.2],[0.5,0.5],[0.2,0.8]]}"#,
    evaluate: |line| answer("many", line, evaluate),
};

/// Weights closer than this are equal but for rounding.
const EQUAL: f64 = 1e-12;

#[derive(Debug, Deserialize)]
struct Input {
    distributions: Vec<Vec<f64>>,
    /// One per distribution; equal where absent.
    weights: Option<Vec<f64>>,
}

#[derive(Debug, Serialize)]
struct Output {
    generalised_js_2: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stability: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_pairwise_tv: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pairwise_tv: Option<f64>,
    linear_pool: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_pool: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn evaluate(input: &Input) -> Result<Output, KindError> {
    let members = distributions("distributions", &input.distributions)?;
    if members.len() < 2 {
        return Err(MeasureError::TooFew { least: 2, found: members.len() }).field("distributions");
    }
    let weights = match &input.weights {
        Some(weights) => distribution("weights", weights)?,
        None => equal_weights(members.len()).field("distributions")?,
    };
    if weights.len() != members.len() {
        return Err(MeasureError::UnequalLengths { left: members.len(), right: weights.len() })
            .field("distributions and weights");
    }
    let mut notes = Notes::default();
    let gjs = generalised_js_2(&members, &weights).field("distributions")?;
    let stability = if weights.as_slice().iter().all(|weight| (weight - weights.as_slice()[0]).abs() < EQUAL) {
        notes.keep("stability", stability(&members))
    } else {
        notes.push("`stability` is absent: it is defined for equal weights only");
        None
    };
    let pairs = notes.keep("mean_pairwise_tv", pairwise_tv(&members));
    Ok(Output {
        generalised_js_2: gjs,
        stability,
        mean_pairwise_tv: pairs.map(|pairs| pairs.mean),
        max_pairwise_tv: pairs.map(|pairs| pairs.max),
        linear_pool: linear_pool(&members, &weights).field("distributions")?.into_vec(),
        log_pool: notes.keep("log_pool", log_pool(&members, &weights)).map(Distribution::into_vec),
        note: notes.into_note(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;

    #[test]
    fn weights_decide_about_stability() {
        let out = (KIND.evaluate)(KIND.example).unwrap();
        close(out["generalised_js_2"].as_f64().unwrap(), 0.185_381);
        assert!(out["stability"].is_number() && out.get("note").is_none());
        let line = r#"{"distributions":[[0.8,0.2],[0.5,0.5],[0.2,0.8]],"weights":[0.5,0.25,0.25]}"#;
        let out = (KIND.evaluate)(line).unwrap();
        close(out["generalised_js_2"].as_f64().unwrap(), 0.192_262);
        assert!(out.get("stability").is_none() && out["note"].as_str().unwrap().contains("stability"));
        let line = r#"{"distributions":[[0.8,0.2],[0.5,0.5]],"weights":[3,3]}"#;
        assert!((KIND.evaluate)(line).unwrap()["stability"].is_number());
    }

    #[test]
    fn opposites_have_no_log_pool_but_a_note() {
        let out = (KIND.evaluate)(r#"{"distributions":[[1,0],[0,1]]}"#).unwrap();
        assert!(out.get("log_pool").is_none() && out["note"].as_str().unwrap().contains("`log_pool` is absent"));
        close(out["stability"].as_f64().unwrap(), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for line in [
            r#"{"distributions":[]}"#,
            r#"{"distributions":[[1,2]]}"#,
            r#"{"distributions":[[1,2],[1,2,3]]}"#,
            r#"{"distributions":[[1,2],[-1,2]]}"#,
            r#"{"distributions":[[1,2],[1,2]],"weights":[1]}"#,
            r#"{"distributions":[[1,2],[1,2]],"weights":[0,0]}"#,
        ] {
            assert!((KIND.evaluate)(line).is_err(), "{line}");
        }
        let say = (KIND.evaluate)(r#"{"distributions":[[1,2],[-1,2]]}"#).unwrap_err().to_string();
        assert!(say.starts_with("`distributions[1]`: entry 0 is negative"), "{say}");
    }
}
