//! Directions layer by layer, with how strong to take them.

use serde::Serialize;

use crate::cli::page::Page;

/// How long a direction should be in each of the middle layers, as a share of what those put out: below, little is seen; above,
/// the language of the starter model suffers (perplexity of a neutral text 1.4 times its own at 5 %).
const SHARES: (f64, f64) = (0.01, 0.05);
/// The share between them that methods take by themselves.
const USUAL: f64 = 0.025;

/// A direction in one layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) layer: u32,
    pub(super) norm: f64,
    /// Mean length of the layer's outputs.
    pub(super) residual_norm: Option<f64>,
    /// Share of its own pairs on the right side.
    pub(super) separation: Option<f64>,
    /// Share of the pairs held out on the right side.
    pub(super) held_out: Option<f64>,
    /// Mean over standard deviation of the differences of the pairs held out, or of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effect: Option<f64>,
}

impl Row {
    fn share(&self) -> Option<f64> {
        self.residual_norm.filter(|residual| *residual > 0.0).map(|residual| self.norm / residual)
    }
}

/// Mean of what is known.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

pub(super) fn print(page: &mut Page, rows: &[Row]) {
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let head = ["layer", "length", "of outputs", "separates", "held out", "effect"].map(str::to_owned).to_vec();
    let lines = rows.iter().map(|row| {
        vec![
            row.layer.to_string(),
            format!("{:.3}", row.norm),
            percent(row.share()),
            percent(row.separation),
            percent(row.held_out),
            row.effect.map_or_else(|| "-".to_owned(), |effect| format!("{effect:.1}")),
        ]
    });
    page.table(&std::iter::once(head).chain(lines).collect::<Vec<_>>(), 12);
}

/// Which layers, how strong, and how far it can be trusted.
pub(super) fn advice(page: &mut Page, rows: &[Row], (first, last): (u32, u32), name: &str) {
    let band = || rows.iter().filter(|row| (first..=last).contains(&row.layer));
    page.wrapped(
        0,
        &format!("Layers {first} to {last}, the middle of the model, are steered unless others are named."),
    );
    if let Some(held_out) = mean(band().filter_map(|row| row.held_out)) {
        let worst = band().filter_map(|row| row.held_out).fold(1.0, f64::min);
        page.wrapped(
            0,
            &format!(
                "There {:.1} % of the pairs held out lie on the right side ({:.1} % in the worst layer).",
                held_out * 100.0,
                worst * 100.0
            ),
        );
    }
    if let Some(share) = mean(band().filter_map(Row::share)).filter(|share| *share > 0.0) {
        let (low, high) = (SHARES.0 / share, SHARES.1 / share);
        page.wrapped(
            0,
            &format!(
                "At strength 1 it is {:.1} % as long as what they put out; {:.0} % to {:.0} % is sensible, strength {low:.2} \
                 to {high:.2}: parallax run --direction {name}@{:.2}",
                share * 100.0,
                SHARES.0 * 100.0,
                SHARES.1 * 100.0,
                USUAL / share
            ),
        );
    }
}
