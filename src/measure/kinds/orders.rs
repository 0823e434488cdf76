//! `orders`: the same options asked in several orders.

use serde::{Deserialize, Serialize};

use super::{InField, Kind, KindError, Notes, answer, distributions};
use crate::measure::{Distribution, average_orders, pride_prior};

pub(super) const KIND: Kind = Kind {
    name: "orders",
    about: "slot probabilities of several option orders: order-fair shares, order sensitivity, prior over slots",
    example: r#"{"kind":"orders","orders":[[0,1,2],[1,2,0],[2,0,1]],"slots":[[0.6,0.3,0.1],[0.5,0.2,0.3],[0.4,0.45,0.15]]}"#,
    evaluate: |line| answer("orders", line, evaluate),
};

#[derive(Debug, Deserialize)]
struct Input {
    /// `orders[o][slot]`: index of the option in that slot.
    orders: Vec<Vec<usize>>,
    /// `slots[o][slot]`: its probability.
    slots: Vec<Vec<f64>>,
}

#[derive(Debug, Serialize)]
struct Output {
    p: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_pairwise_tv: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pairwise_tv: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generalised_js_2: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pride_prior: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn evaluate(input: &Input) -> Result<Output, KindError> {
    // For an error that names the row.
    distributions("slots", &input.slots)?;
    let average = average_orders(&input.orders, &input.slots).field("orders and slots")?;
    let mut notes = Notes::default();
    if average.pairwise.is_none() {
        notes.push("order sensitivity is absent: one order alone shows none");
    }
    let prior = notes.keep("pride_prior", pride_prior(&input.orders, &input.slots));
    Ok(Output {
        p: average.p.into_vec(),
        mean_pairwise_tv: average.pairwise.map(|pairs| pairs.mean),
        max_pairwise_tv: average.pairwise.map(|pairs| pairs.max),
        generalised_js_2: average.generalised_js_2,
        pride_prior: prior.map(Distribution::into_vec),
        note: notes.into_note(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;

    #[test]
    fn vectors_of_p4_and_p5() {
        let out = (KIND.evaluate)(KIND.example).unwrap();
        close(out["p"][1].as_f64().unwrap(), 0.316_667);
        close(out["max_pairwise_tv"].as_f64().unwrap(), 0.35);
        close(out["generalised_js_2"].as_f64().unwrap(), 0.120_746);
        close(out["pride_prior"][0].as_f64().unwrap(), 0.514_685);
        assert!(out.get("note").is_none());
    }

    #[test]
    fn forward_and_reversed_give_no_prior() {
        let out = (KIND.evaluate)(r#"{"orders":[[0,1,2],[2,1,0]],"slots":[[0.6,0.3,0.1],[0.5,0.2,0.3]]}"#).unwrap();
        close(out["p"][0].as_f64().unwrap(), 0.45);
        assert!(out.get("pride_prior").is_none() && out["note"].as_str().unwrap().contains("every slot"));
        let out = (KIND.evaluate)(r#"{"orders":[[1,0]],"slots":[[0.6,0.4]]}"#).unwrap();
        assert!(out.get("mean_pairwise_tv").is_none() && out.get("generalised_js_2").is_none());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for line in [
            r#"{"orders":[],"slots":[]}"#,
            r#"{"orders":[[0,0]],"slots":[[1,1]]}"#,
            r#"{"orders":[[0,1]],"slots":[[1,1],[1,1]]}"#,
            r#"{"orders":[[0,1]],"slots":[[1,-1]]}"#,
            r#"{"orders":[[0,1.5]],"slots":[[1,1]]}"#,
            r#"{"orders":[[0,-1]],"slots":[[1,1]]}"#,
            r#"{"orders":[[0]],"slots":[[1,1]]}"#,
        ] {
            assert!((KIND.evaluate)(line).is_err(), "{line}");
        }
    }
}
