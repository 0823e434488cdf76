//! What a control vector file says about how it was made. Other programs read past these keys.

use crate::models::gguf::{Header, Item, Value};

const PREFIX: &str = "parallax.direction.";

/// How a direction was made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// What it stands for, in words.
    pub about: Option<String>,
    /// `mean-difference` or `pca`.
    pub by: Option<String>,
    /// Pairs that it was made from.
    pub pairs: Option<u64>,
    /// Pairs that it was tried on.
    pub held_out: Option<u64>,
    /// Layers of the model it was made on.
    pub model_layers: Option<u64>,
    /// What was measured in each layer, from below.
    pub layers: Vec<ToldLayer>,
}

/// What was measured in one layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToldLayer {
    /// Counted from 0.
    pub layer: u32,
    /// Mean length of the layer's outputs.
    pub residual_norm: f64,
    /// Share of its own pairs on the right side.
    pub separation: f64,
    /// Share of the pairs held out on the right side.
    pub held_out: Option<f64>,
}

impl Told {
    /// What is measured in `layer`.
    pub fn at(&self, layer: u32) -> Option<&ToldLayer> {
        self.layers.iter().find(|told| told.layer == layer)
    }

    pub(super) fn read(header: &Header) -> Self {
        let value = |key: &str| header.metadata.get(&format!("{PREFIX}{key}"));
        let text = |key: &str| value(key).and_then(Value::as_text).map(str::to_owned);
        let count = |key: &str| value(key).and_then(Value::as_u64);
        let list = |key: &str| match value(key) {
            Some(Value::Array { head, .. }) => head.as_slice(),
            _ => &[],
        };
        let number = |value: &Value| match value {
            Value::Float(number) if number.is_finite() => Some(*number),
            _ => None,
        };
        let (norms, separations, held_out) = (list("residual_norm"), list("separation"), list("held_out_share"));
        let layers = list("layers").iter().enumerate().filter_map(|(at, layer)| {
            Some(ToldLayer {
                layer: u32::try_from(layer.as_u64()?).ok()?,
                residual_norm: norms.get(at).and_then(number)?,
                separation: separations.get(at).and_then(number)?,
                held_out: held_out.get(at).and_then(number),
            })
        });
        Self {
            about: text("about"),
            by: text("by"),
            pairs: count("pairs"),
            held_out: count("held_out"),
            model_layers: count("model_layers"),
            layers: layers.collect(),
        }
    }

    pub(super) fn items(&self) -> Vec<(String, Item)> {
        let texts = [("about", &self.about), ("by", &self.by)];
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key, Item::text(text.as_deref()?))));
        let counts = [("pairs", self.pairs), ("held_out", self.held_out), ("model_layers", self.model_layers)];
        let counts = counts.into_iter().filter_map(|(key, count)| Some((key, Item::U64(count?))));
        #[expect(clippy::cast_possible_truncation, reason = "three places are plenty")]
        let list = |of: fn(&ToldLayer) -> f64| self.layers.iter().map(|told| Item::F32(of(told) as f32)).collect();
        let mut lists = Vec::new();
        if !self.layers.is_empty() {
            lists.push(("layers", Item::Array(self.layers.iter().map(|told| Item::U32(told.layer)).collect())));
            lists.push(("residual_norm", Item::Array(list(|told| told.residual_norm))));
            lists.push(("separation", Item::Array(list(|told| told.separation))));
            if self.layers.iter().all(|told| told.held_out.is_some()) {
                lists.push(("held_out_share", Item::Array(list(|told| told.held_out.unwrap_or_default()))));
            }
        }
        texts.chain(counts).chain(lists).map(|(key, item)| (format!("{PREFIX}{key}"), item)).collect()
    }
}
