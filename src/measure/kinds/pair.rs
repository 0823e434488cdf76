//! `pair`: two distributions over the same options.

use serde::{Deserialize, Serialize};

use super::{InField, Kind, KindError, answer, distribution};
use crate::measure::{
    Base, Positions, entropy, hellinger, js_distance, js_divergence, kl_divergence, mode_match, total_variation,
    wasserstein_1, wasserstein_1_normalised,
};

pub(super) const KIND: Kind = Kind {
    name: "pair",
    about: "two distributions over the same options: how far they lie apart",
    example: r#"{"kind":"pair","id":"q1","p":[0.6,0.3,0.1],"q":[0.2,0.5,0.3],"ordinal":true}"#,
    evaluate: |line| answer("pair", line, evaluate),
};

#[derive(Debug, Deserialize)]
struct Input {
    p: Vec<f64>,
    q: Vec<f64>,
    /// Where the options lie; makes the question ordinal.
    positions: Option<Vec<f64>>,
    /// Ordinal with the positions 1 to k.
    #[serde(default)]
    ordinal: bool,
}

#[derive(Debug, Serialize)]
struct Output {
    js_divergence_2: f64,
    js_distance_2: f64,
    js_divergence_e: f64,
    js_distance_e: f64,
    tv: f64,
    /// Null if infinite.
    kl_2_pq: Option<f64>,
    /// Null if infinite.
    kl_2_qp: Option<f64>,
    hellinger: f64,
    entropy_2_p: f64,
    entropy_2_q: f64,
    mode_match: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    w1: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    w1_normalised: Option<f64>,
}

fn evaluate(input: &Input) -> Result<Output, KindError> {
    let (p, q) = (distribution("p", &input.p)?, distribution("q", &input.q)?);
    let js_divergence_2 = js_divergence(&p, &q, Base::Two).field("p and q")?;
    let positions = match &input.positions {
        Some(positions) => Some(Positions::new(positions).field("positions")?),
        None if input.ordinal => Some(Positions::ranks(p.len()).field("p")?),
        None => None,
    };
    let w1 = positions.as_ref().map(|at| wasserstein_1(&p, &q, at)).transpose().field("positions")?;
    let w1_normalised =
        positions.as_ref().map(|at| wasserstein_1_normalised(&p, &q, at)).transpose().field("positions")?;
    Ok(Output {
        js_divergence_2,
        js_distance_2: js_distance(&p, &q, Base::Two).field("p and q")?,
        js_divergence_e: js_divergence(&p, &q, Base::E).field("p and q")?,
        js_distance_e: js_distance(&p, &q, Base::E).field("p and q")?,
        tv: total_variation(&p, &q).field("p and q")?,
        kl_2_pq: kl_divergence(&p, &q, Base::Two).field("p and q")?,
        kl_2_qp: kl_divergence(&q, &p, Base::Two).field("p and q")?,
        hellinger: hellinger(&p, &q).field("p and q")?,
        entropy_2_p: entropy(&p, Base::Two),
        entropy_2_q: entropy(&q, Base::Two),
        mode_match: mode_match(&p, &q).field("p and q")?,
        w1,
        w1_normalised,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{close, master_table};
    use serde_json::json;

    #[test]
    fn master_table_through_json() {
        for row in master_table() {
            let line = json!({"p": row.p.as_slice(), "q": row.q.as_slice(), "ordinal": true}).to_string();
            let out = (KIND.evaluate)(&line).unwrap();
            close(out["js_distance_2"].as_f64().unwrap(), row.js_distance_2);
            close(out["w1_normalised"].as_f64().unwrap(), row.w1_normalised);
            assert_eq!(out["kl_2_qp"].is_null(), row.kl_qp.is_none());
            close(out["kl_2_pq"].as_f64().unwrap_or(0.0), row.kl_pq.unwrap_or(0.0));
        }
    }

    #[test]
    fn nominal_pairs_have_no_w1_and_positions_make_a_scale() {
        let out = (KIND.evaluate)(r#"{"p":[1,2,3,4],"q":[4,3,2,1]}"#).unwrap();
        assert!(out.get("w1").is_none() && out.get("w1_normalised").is_none());
        let out = (KIND.evaluate)(r#"{"p":[1,2,3,4],"q":[4,3,2,1],"positions":[1,2,2.5,4]}"#).unwrap();
        close(out["w1"].as_f64().unwrap(), 0.95);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for line in [
            r#"{"p":[1,2],"q":[1,2,3]}"#,
            r#"{"p":[1,2],"q":[1,2],"positions":[2,1]}"#,
            r#"{"p":[1,2],"q":[1,2],"positions":[1,2,3]}"#,
            r#"{"p":[1],"q":[1],"ordinal":true}"#,
            r#"{"p":[],"q":[]}"#,
            r#"{"p":[0,0],"q":[1,2]}"#,
            r#"{"p":[1,1e999],"q":[1,2]}"#,
            r#"{"p":[1,2],"q":[1,2],"ordinal":"yes"}"#,
        ] {
            assert!((KIND.evaluate)(line).is_err(), "{line}");
        }
    }
}
