//! `agreement`: ratings of the same units by several raters.

use serde::{Deserialize, Serialize};

use super::{InField, Kind, KindError, Notes, answer};
use crate::measure::{KappaWeight, RatingScale, cohen_kappa, krippendorff_alpha};

pub(super) const KIND: Kind = Kind {
    name: "agreement",
    about: "ratings of the same units by several raters: agreement beyond chance",
    example: r#"{"kind":"agreement","ratings":[[1,1,0,0,1,0,1,1],[1,0,0,0,1,0,1,1]],"scale":"nominal"}"#,
    evaluate: |line| answer("agreement", line, evaluate),
};

#[derive(Debug, Deserialize)]
struct Input {
    /// A row a rater; null where a rating is missing.
    ratings: Vec<Vec<Option<f64>>>,
    #[serde(default)]
    scale: Scale,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scale {
    #[default]
    Nominal,
    Ordinal,
    Interval,
}

#[derive(Debug, Serialize)]
struct Output {
    raters: usize,
    units: usize,
    krippendorff_alpha: f64,
    /// Only for two raters.
    #[serde(skip_serializing_if = "Option::is_none")]
    cohen_kappa: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kappa_linear: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kappa_quadratic: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn evaluate(input: &Input) -> Result<Output, KindError> {
    let scale = match input.scale {
        Scale::Nominal => RatingScale::Nominal,
        Scale::Ordinal => RatingScale::Ordinal,
        Scale::Interval => RatingScale::Interval,
    };
    let krippendorff_alpha = krippendorff_alpha(&input.ratings, scale).field("ratings")?;
    let mut notes = Notes::default();
    let mut kappa = |name: &str, weight: KappaWeight| match &input.ratings[..] {
        [first, second] => notes.keep(name, cohen_kappa(first, second, weight)),
        _ => None,
    };
    Ok(Output {
        raters: input.ratings.len(),
        units: input.ratings.first().map_or(0, Vec::len),
        krippendorff_alpha,
        cohen_kappa: kappa("cohen_kappa", KappaWeight::None),
        kappa_linear: kappa("kappa_linear", KappaWeight::Linear),
        kappa_quadratic: kappa("kappa_quadratic", KappaWeight::Quadratic),
        note: notes.into_note(),
    })
}
