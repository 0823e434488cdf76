//! Steering: directions that are added to what a model's layers give out, for some positions of some sequences.
//!
//! A [`Direction`] is a vector for each layer it knows. A request names directions, strengths, layers and positions;
//! [`Steering`] is what becomes of that for one sequence. `h` after block `l` becomes `h + v_l`, where `v_l` is the sum of
//! all strengths times directions there, before block `l + 1` reads it: the place where llama.cpp's control vectors act
//! (Turner et al. 2023, arXiv 2308.10248; Rimsky et al. 2024, arXiv 2312.06681).

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::protocol::Steer;

/// Directions that one request may name.
const MOST_PARTS: usize = 64;

/// What a layer's output is moved along.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerDirection {
    /// One number for each dimension of the residual stream.
    pub values: Vec<f32>,
    /// The bias of a logistic probe whose weights are the values; absent where they are no probe.
    pub bias: Option<f32>,
}

/// A vector for each layer it knows; layers are counted from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Direction {
    layers: BTreeMap<u32, LayerDirection>,
    id: String,
}

/// The residual stream of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Residual {
    /// Blocks, each with an output of its own.
    pub layers: u32,
    /// Dimensions.
    pub width: usize,
}

impl Direction {
    /// A direction for a model with this residual stream, or one clause that says why not.
    pub fn new(layers: BTreeMap<u32, LayerDirection>, residual: Residual) -> Result<Self, String> {
        if layers.is_empty() {
            return Err("it has no layer".to_owned());
        }
        for (layer, direction) in &layers {
            if *layer >= residual.layers {
                return Err(format!("it names layer {layer}, and the model has {}, counted from 0", residual.layers));
            }
            if direction.values.len() != residual.width {
                return Err(format!(
                    "it has {} numbers in layer {layer}, and the model's layers have {}",
                    direction.values.len(),
                    residual.width
                ));
            }
            let numbers = direction.values.iter().chain(&direction.bias);
            if numbers.into_iter().any(|number| !number.is_finite()) {
                return Err(format!("layer {layer} holds something that is no finite number"));
            }
            if direction.values.iter().all(|value| *value == 0.0) {
                return Err(format!("layer {layer} holds only zeros; leave it out"));
            }
        }
        let id = name(&layers);
        Ok(Self { layers, id })
    }

    /// Its layers, from below.
    pub fn layers(&self) -> &BTreeMap<u32, LayerDirection> {
        &self.layers
    }

    /// A name that its contents alone decide: the SHA-256 of all layers with their numbers, lower-case hexadecimal.
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn name(layers: &BTreeMap<u32, LayerDirection>) -> String {
    let mut hash = Sha256::new();
    for (layer, direction) in layers {
        hash.update(layer.to_le_bytes());
        hash.update((direction.values.len() as u64).to_le_bytes());
        direction.values.iter().for_each(|value| hash.update(value.to_bits().to_le_bytes()));
        hash.update([u8::from(direction.bias.is_some())]);
        hash.update(direction.bias.unwrap_or(0.0).to_bits().to_le_bytes());
    }
    hex(&hash.finalize())
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl LayerDirection {
    /// The smallest step that brings a probe's reading of `h` to the probability `target`, along the unit vector of its
    /// weights: `(logit(target) - bias - w.h) / |w|`, and 0 where `h` is beyond the target already. A target below one half
    /// is reached from above (VISPA, Zheng et al. 2026, arXiv 2601.12758).
    fn step(&self, target: f64, h: &[f32]) -> f64 {
        let product: f64 = self.values.iter().zip(h).map(|(w, h)| f64::from(*w) * f64::from(*h)).sum();
        let goal = (target / (1.0 - target)).ln();
        let step = (goal - f64::from(self.bias.unwrap_or(0.0)) - product) / self.norm();
        if target >= 0.5 { step.max(0.0) } else { step.min(0.0) }
    }

    /// Euclidean length of the values.
    pub fn norm(&self) -> f64 {
        self.values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
    }

    #[expect(clippy::cast_possible_truncation, reason = "layer outputs are single precision")]
    fn reach(&self, target: f64, h: &mut [f32]) {
        let step = self.step(target, h);
        if step != 0.0 {
            let factor = step / self.norm();
            h.iter_mut().zip(&self.values).for_each(|(h, w)| *h += (factor * f64::from(*w)) as f32);
        }
    }
}

/// One direction of a request, with its positions.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    direction: Arc<Direction>,
    /// The first and the last.
    layers: (u32, u32),
    from: u32,
    until: u32,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Add(f32),
    Reach(f64),
}

impl Part {
    fn at(&self, layer: u32) -> Option<&LayerDirection> {
        self.direction.layers.get(&layer).filter(|_| (self.layers.0..=self.layers.1).contains(&layer))
    }
}

/// How a device steers the rows of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SteeredBy {
    /// Row by row, while all are computed together.
    #[default]
    Rows,
    /// One recipe after the other, all rows of it at once: slower with many recipes, and quicker where looking into the
    /// layers makes the device wait.
    Turns,
}

impl SteeredBy {
    /// `rows` or `turns`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Turns => "turns",
        }
    }
}

impl std::str::FromStr for SteeredBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Rows, Self::Turns]
            .into_iter()
            .find(|by| by.id() == text)
            .ok_or_else(|| format!("`{text}` is no way to steer: use rows or turns"))
    }
}

/// What is done to one sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Steering {
    id: u64,
    parts: Vec<Part>,
}

impl Steering {
    /// What `parts` come to for a prompt of `prompt` tokens; `None` where nothing is left to do. Else one clause that says
    /// what is wrong.
    pub fn new(parts: &[(Arc<Direction>, &Steer)], prompt: usize) -> Result<Option<Self>, String> {
        if parts.len() > MOST_PARTS {
            return Err(format!("{} directions were asked for at once, and {MOST_PARTS} may be", parts.len()));
        }
        let parts = parts.iter().map(|(direction, steer)| part(direction, steer, prompt));
        let parts: Vec<Part> = parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        Ok((!parts.is_empty()).then(|| Self { id: hash(&parts), parts }))
    }

    /// A name that what it does alone decides.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The first position it acts on.
    pub fn from(&self) -> u32 {
        self.parts.iter().map(|part| part.from).min().unwrap_or(u32::MAX)
    }

    /// Whether it changes the output of `layer` at `position`.
    pub fn acts(&self, position: u32, layer: u32) -> bool {
        self.active(position).any(|part| part.at(layer).is_some())
    }

    /// Changes `h`, the output of `layer` at `position`: first by the sum of all constant vectors, then by the probes in
    /// their order.
    pub fn apply(&self, position: u32, layer: u32, h: &mut [f32]) {
        let added: Vec<(f32, &[f32])> = self
            .active(position)
            .filter_map(|part| match part.how {
                How::Add(strength) => Some((strength, part.at(layer)?.values.as_slice())),
                How::Reach(_) => None,
            })
            .collect();
        match added.as_slice() {
            [] => {}
            [(strength, values)] => h.iter_mut().zip(*values).for_each(|(h, value)| *h += strength * value),
            // Summed before they are added, as one vector would have been.
            all => {
                for (at, h) in h.iter_mut().enumerate() {
                    *h += all.iter().map(|(strength, values)| strength * values[at]).sum::<f32>();
                }
            }
        }
        for part in self.active(position) {
            if let (How::Reach(target), Some(probe)) = (part.how, part.at(layer)) {
                probe.reach(target, h);
            }
        }
    }

    /// Which of its parts act at `position`, one bit for each; 0: none does.
    pub fn stage(&self, position: u32) -> u64 {
        let bits = self.parts.iter().zip(0u32..).filter(|(part, _)| (part.from..part.until).contains(&position));
        bits.fold(0, |stage, (_, bit)| stage | 1 << bit)
    }

    /// What is added to each layer's output at `position`; `None` where what is done there depends on the output, or where
    /// nothing is.
    pub fn vectors(&self, position: u32) -> Option<BTreeMap<u32, Vec<f32>>> {
        let mut layers = BTreeMap::new();
        for part in self.active(position) {
            if matches!(part.how, How::Reach(_)) {
                return None;
            }
            for (layer, direction) in &part.direction.layers {
                if part.at(*layer).is_some() {
                    layers.entry(*layer).or_insert_with(|| vec![0.0; direction.values.len()]);
                }
            }
        }
        for (layer, values) in &mut layers {
            self.apply(position, *layer, values);
        }
        (!layers.is_empty()).then_some(layers)
    }

    fn active(&self, position: u32) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| (part.from..part.until).contains(&position))
    }
}

fn hash(parts: &[Part]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.direction.id.as_bytes());
        for number in [part.layers.0, part.layers.1, part.from, part.until] {
            hash.update(number.to_le_bytes());
        }
        match part.how {
            How::Add(strength) => hash.update([[0; 4], strength.to_bits().to_le_bytes()].concat()),
            How::Reach(target) => hash.update(target.to_bits().to_le_bytes()),
        }
        hash.update([u8::from(matches!(part.how, How::Reach(_)))]);
    }
    hash.finalize().iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

fn part(direction: &Arc<Direction>, steer: &Steer, prompt: usize) -> Result<Option<Part>, String> {
    let (first, last) = steer.layers.unwrap_or((0, u32::MAX));
    if first > last || direction.layers.range(first..=last).next().is_none() {
        return Err(format!("the direction knows none of the layers {first} to {last}"));
    }
    let how = match steer.target {
        Some(target) if !(target > 0.0 && target < 1.0) => {
            return Err(format!("a probe's target lies between 0 and 1 and is not {target}"));
        }
        Some(target) => How::Reach(target),
        None if !steer.strength.is_finite() => return Err("a strength is a finite number".to_owned()),
        None => How::Add(steer.strength),
    };
    let mut chosen = direction.layers.range(first..=last);
    if matches!(how, How::Reach(_)) && chosen.any(|(_, layer)| layer.bias.is_none()) {
        return Err("a target needs a probe, and the direction has no bias".to_owned());
    }
    // The logits after the prompt's last token are the first that are wanted.
    let end = u32::try_from(prompt.saturating_sub(1)).unwrap_or(u32::MAX);
    let from = steer.from.unwrap_or(end);
    let until = steer.tokens.map_or(u32::MAX, |tokens| from.saturating_add(tokens));
    let acts = from < until && !matches!(how, How::Add(0.0));
    let direction = Arc::clone(direction);
    Ok(acts.then_some(Part { direction, layers: (first, last), from, until, how }))
}

#[cfg(test)]
#[path = "steering_tests.rs"]
mod tests;
