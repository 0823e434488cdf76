//! From needs and what is free to a decision: how large a context, whether to load at all, and the sentence that says so.

use super::{ModelShape, Need, STEP, most_cells, need};
use crate::engine::spec::Profile;

/// Cells unless asked otherwise: a dozen voices of a few hundred tokens.
const DEFAULT: u32 = 8192;
/// The fewest cells the default is lowered to.
const LEAST: u32 = 1024;
/// The share of the free memory, in hundredths, that a default may take.
const SHARE: u64 = 60;

/// Tensor types a model may be fetched in, from the largest, with the thousandths of a bit that a weight takes in a whole
/// model of that name.
const QUANTISATIONS: [(&str, u64); 9] = [
    ("Q8_0", 8500),
    ("Q6_K", 6570),
    ("Q5_K_M", 5700),
    ("Q4_K_M", 4890),
    ("IQ4_XS", 4460),
    ("Q3_K_M", 4000),
    ("Q2_K", 3350),
    ("IQ2_XS", 2590),
    ("IQ1_S", 1880),
];

/// Free memory where a model is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budget {
    /// The devices that hold the model: their names and bytes free.
    pub devices: Vec<(String, u64)>,
    /// Whether a container's limit is what leaves so little.
    pub is_limited: bool,
    /// Bytes already taken off for the weights of another model.
    pub others: u64,
}

impl Budget {
    /// Bytes free on all of them; `None` when that is unknown.
    pub fn free(&self) -> Option<u64> {
        (!self.devices.is_empty()).then(|| self.devices.iter().fold(0u64, |sum, (_, free)| sum.saturating_add(*free)))
    }

    /// The same without `bytes` that another model's mapped weights take up where the processor holds the model: the system
    /// counts pages of files as free, and a model that is read from disk for every token is none that can be used.
    #[must_use]
    pub fn without(mut self, bytes: u64) -> Self {
        if let [(name, free)] = &mut self.devices[..]
            && name == "CPU"
            && bytes > 0
        {
            *free = free.saturating_sub(bytes);
            self.others = bytes;
        }
        self
    }

    /// `CPU 3.1 GiB, by a container's limit`.
    fn words(&self) -> String {
        let list: Vec<String> = self.devices.iter().map(|(name, free)| format!("{} on {name}", words(*free))).collect();
        let limit = if self.is_limited { ", by the limit of a container" } else { "" };
        let others = match self.others {
            0 => String::new(),
            bytes => format!(", beside the {} of the other model", words(bytes)),
        };
        list.join(" and ") + limit + &others
    }
}

/// The size of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Cells.
    pub cells: u32,
    /// Why there are fewer than usual, if so.
    pub note: Option<String>,
}

/// The cells to load with: those asked for, else a default that leaves room to other programs.
pub fn choose(shape: &ModelShape, profile: Profile, asked: Option<u32>, budget: &Budget) -> Chosen {
    if let Some(asked) = asked {
        return Chosen { cells: asked.max(STEP), note: None };
    }
    // A model that reads little at once cannot use many cells either: sixteen voices at their longest.
    let useful = match u32::try_from(shape.trained.saturating_mul(16)) {
        Ok(0) | Err(_) => DEFAULT,
        Ok(useful) => useful.clamp(LEAST, DEFAULT),
    };
    let Some(free) = budget.free() else { return Chosen { cells: useful, note: None } };
    let fitting = most_cells(shape, profile, free / 100 * SHARE);
    if fitting >= useful {
        return Chosen { cells: useful, note: None };
    }
    let cells = fitting.max(LEAST);
    let note = format!(
        "the context is {cells} tokens instead of {useful}, so that the model takes no more than {SHARE} % of the free \
         memory ({}) where that is possible; --ctx overrides it",
        budget.words()
    );
    Chosen { cells, note: Some(note) }
}

/// Whether the model fits with so many cells; else one sentence with the sizes and what to do. `shown` names the model.
pub fn fits(shape: &ModelShape, profile: Profile, cells: u32, budget: &Budget, shown: &str) -> Result<Need, String> {
    let need = need(shape, profile, cells);
    let Some(free) = budget.free().filter(|free| need.total() > *free) else { return Ok(need) };
    let mut steps: Vec<String> = Vec::new();
    let fitting = most_cells(shape, profile, free);
    if fitting >= STEP && fitting < cells {
        steps.push(format!("give --ctx {fitting}"));
    }
    if let Some((name, bytes)) = smaller(shape, profile, cells, free) {
        steps.push(format!("take a smaller quantisation ({name} would need about {})", words(bytes)));
    } else if steps.is_empty() {
        steps.push("take a smaller model".to_owned());
    }
    steps.push("close other programs".to_owned());
    Err(format!(
        "the model `{shown}` needs {}: {} of weights, {} for a context of {cells} tokens, {} to work with; {} are free; {}",
        words(need.total()),
        words(need.weights),
        words(need.context),
        words(need.working),
        budget.words(),
        steps.join(", or "),
    ))
}

/// The largest quantisation that is smaller than the file and would fit, with all it would need.
fn smaller(shape: &ModelShape, profile: Profile, cells: u32, free: u64) -> Option<(&'static str, u64)> {
    let sizes = QUANTISATIONS.iter().map(|(name, milli)| (*name, shape.parameters.saturating_mul(*milli) / 8000));
    let needs =
        sizes.filter(|(_, weights)| *weights > 0 && *weights < shape.weights / 100 * 97).map(|(name, weights)| {
            let shape = ModelShape { weights, ..shape.clone() };
            (name, need(&shape, profile, cells).total())
        });
    needs.into_iter().find(|(_, total)| *total <= free)
}

/// A size for people: `93 MiB`, `1.2 GiB`.
pub fn words(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1000.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}
