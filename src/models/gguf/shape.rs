//! What a header says about memory: [`ModelShape`], which `engine::memory` turns into bytes.

use super::header::{Header, Value};
use crate::engine::memory::ModelShape;

/// Layers that are looked at; the largest published models have a few hundred.
const MAX_LAYERS: u64 = 4096;

/// The shape of the model whose first part has this header.
pub(super) fn shape(header: &Header, architecture: &str) -> ModelShape {
    let own = Own { header, architecture };
    let embedding = own.number("embedding_length").unwrap_or(0);
    let experts = own
        .number("expert_feed_forward_length")
        .unwrap_or(0)
        .saturating_mul(own.number("expert_used_count").unwrap_or(0))
        .saturating_add(own.number("expert_shared_feed_forward_length").unwrap_or(0));
    let tokens = match header.metadata.get("tokenizer.ggml.tokens") {
        Some(Value::Array { len, .. }) => *len,
        _ => 0,
    };
    ModelShape {
        weights: 0,
        parameters: 0,
        cells: own.cells(embedding),
        state: own.state(embedding),
        heads: own.number("attention.head_count").unwrap_or(0),
        embedding,
        feed_forward: own.number("feed_forward_length").unwrap_or(0).max(experts),
        vocabulary: own.number("vocab_size").unwrap_or(tokens),
        trained: own.number("context_length").unwrap_or(0),
    }
}

/// The keys of the model's own architecture.
struct Own<'a> {
    header: &'a Header,
    architecture: &'a str,
}

impl Own<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.header.metadata.get(&format!("{}.{key}", self.architecture))
    }

    /// A number; of a list with one per layer the largest.
    fn number(&self, key: &str) -> Option<u64> {
        self.value(key).and_then(super::facts::largest)
    }

    /// A number of one layer.
    fn at(&self, key: &str, layer: usize) -> Option<u64> {
        match self.value(key)? {
            Value::Array { head, .. } => head.get(layer).and_then(Value::as_u64),
            value => value.as_u64(),
        }
    }

    /// Whether a layer sees a window only; `None` when the header does not say.
    fn slides(&self, layer: usize) -> Option<bool> {
        match self.value("attention.sliding_window_pattern")? {
            Value::Array { head, .. } => match head.get(layer)? {
                Value::Bool(yes) => Some(*yes),
                value => value.as_u64().map(|number| number != 0),
            },
            value => {
                let period = value.as_u64().filter(|period| *period > 0)?;
                Some(layer as u64 % period + 1 < period)
            }
        }
    }

    fn layers(&self) -> u64 {
        self.number("block_count").unwrap_or(0).min(MAX_LAYERS)
    }

    /// Whether a layer keeps recurrent state, where the model has any.
    fn recurs(&self, layer: usize) -> bool {
        let heads = |layer| self.at("attention.head_count_kv", layer);
        if let Some(interval) = self.number("full_attention_interval").filter(|interval| *interval > 0) {
            return !(layer as u64 + 1).is_multiple_of(interval);
        }
        match self.value("attention.head_count_kv") {
            Some(Value::Array { head, .. }) if head.iter().any(|heads| heads.as_u64() == Some(0)) => {
                heads(layer) == Some(0)
            }
            _ => true,
        }
    }

    /// Values of keys and values in a cell, layer by layer. Windows are kept whole (`swa_full`), so that sliding layers
    /// have as many cells as the others.
    fn cells(&self, embedding: u64) -> Vec<(u64, u64)> {
        let shared = self.number("attention.shared_kv_layers").unwrap_or(0);
        let is_latent = self.number("attention.key_length_mla").is_some();
        let has_intervals = self.number("full_attention_interval").is_some();
        let own = usize::try_from(self.layers().saturating_sub(shared)).unwrap_or(0);
        let cells = (0..own).filter(|layer| !(has_intervals && self.recurs(*layer))).map(|layer| {
            let heads = self.at("attention.head_count", layer).unwrap_or(0);
            let kv = self.at("attention.head_count_kv", layer).unwrap_or(heads);
            let divided = embedding.checked_div(heads).unwrap_or(0);
            let width = |key: &str| {
                let usual = self.number(key).unwrap_or(divided);
                let sliding = self.number(&format!("{key}_swa")).unwrap_or(usual);
                match self.slides(layer) {
                    Some(true) => sliding,
                    Some(false) => usual,
                    None => usual.max(sliding),
                }
            };
            let keys = kv.saturating_mul(width("attention.key_length"));
            // Of a latent cache the values are a part of the keys.
            let values = if is_latent { 0 } else { kv.saturating_mul(width("attention.value_length")) };
            (keys, values)
        });
        cells.filter(|cell| *cell != (0, 0)).collect()
    }

    /// Values of the recurrent state of one sequence over all layers: RWKV, short convolutions (LFM2), Mamba and gated
    /// delta nets. Other kinds count as nothing.
    fn state(&self, embedding: u64) -> u64 {
        let number = |key: &str| self.number(key).unwrap_or(0);
        let (wkv, short) = (number("wkv.head_size"), number("shortconv.l_cache"));
        let inner = number("ssm.inner_size");
        let one = if wkv > 0 {
            let shifts = self.number("token_shift_count").unwrap_or(2);
            embedding.saturating_mul(shifts.saturating_add(wkv))
        } else if short > 0 {
            embedding.saturating_mul(short - 1)
        } else {
            let wide = number("ssm.state_size");
            let groups = number("ssm.group_count").saturating_mul(wide).saturating_mul(2);
            let convolution = number("ssm.conv_kernel").saturating_sub(1).saturating_mul(inner.saturating_add(groups));
            convolution.saturating_add(wide.saturating_mul(inner))
        };
        if one == 0 {
            return 0;
        }
        let layers = (0..usize::try_from(self.layers()).unwrap_or(0)).filter(|layer| self.recurs(*layer)).count();
        one.saturating_mul(layers as u64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Item, Writer, read_header};
    use super::*;

    fn of(pairs: &[(&str, Item)]) -> ModelShape {
        let mut writer = Writer::new();
        for (key, item) in pairs {
            writer = writer.with(&format!("m.{key}"), item.clone());
        }
        let bytes = writer.finish();
        shape(&read_header(bytes.as_slice(), bytes.len() as u64).unwrap(), "m")
    }

    fn base() -> Vec<(&'static str, Item)> {
        vec![("block_count", Item::U32(4)), ("embedding_length", Item::U32(64)), ("attention.head_count", Item::U32(4))]
    }

    fn with(more: &[(&'static str, Item)]) -> ModelShape {
        of(&[base(), more.to_vec()].concat())
    }

    fn array(numbers: &[u32]) -> Item {
        Item::Array(numbers.iter().map(|number| Item::U32(*number)).collect())
    }

    #[test]
    fn without_more_every_head_has_its_share_of_the_width() {
        assert_eq!(with(&[]).cells, [(64, 64); 4]);
        let wide = with(&[
            ("attention.head_count_kv", Item::U32(2)),
            ("attention.key_length", Item::U32(128)),
            ("attention.value_length", Item::U32(96)),
        ]);
        assert_eq!(wide.cells, [(256, 192); 4]);
    }

    #[test]
    fn layers_may_have_other_heads_other_lengths_or_no_cells() {
        let heads = with(&[("attention.head_count_kv", array(&[4, 2, 1, 1]))]);
        assert_eq!(heads.cells, [(64, 64), (32, 32), (16, 16), (16, 16)]);
        let pattern = Item::Array([true, true, false, true].map(Item::Bool).to_vec());
        let lengths = [("attention.key_length", Item::U32(32)), ("attention.key_length_swa", Item::U32(8))];
        let sliding = with(&[lengths.as_slice(), &[("attention.sliding_window_pattern", pattern)]].concat());
        assert_eq!(sliding.cells, [(32, 64), (32, 64), (128, 64), (32, 64)]);
        let periodic = with(&[lengths.as_slice(), &[("attention.sliding_window_pattern", Item::U32(2))]].concat());
        assert_eq!(periodic.cells, [(32, 64), (128, 64), (32, 64), (128, 64)]);
        assert_eq!(with(&lengths).cells, [(128, 64); 4]);
        assert_eq!(with(&[("attention.shared_kv_layers", Item::U32(3))]).cells, [(64, 64)]);
        let latent = [("attention.head_count_kv", Item::U32(1)), ("attention.key_length_mla", Item::U32(9))];
        assert_eq!(with(&latent).cells, [(16, 0); 4]);
    }

    #[test]
    fn recurrent_layers_have_state_instead_of_cells() {
        let ssm = [
            ("ssm.conv_kernel", Item::U32(4)),
            ("ssm.inner_size", Item::U32(128)),
            ("ssm.state_size", Item::U32(16)),
            ("ssm.group_count", Item::U32(1)),
        ];
        let one = 3 * (128 + 32) + 16 * 128;
        let hybrid = with(&[ssm.as_slice(), &[("attention.head_count_kv", array(&[0, 0, 2, 0]))]].concat());
        assert_eq!((hybrid.cells, hybrid.state), (vec![(32, 32)], 3 * one));
        let interval = with(&[ssm.as_slice(), &[("full_attention_interval", Item::U32(4))]].concat());
        assert_eq!((interval.cells.len(), interval.state), (1, 3 * one));
        let mamba = with(&[ssm.as_slice(), &[("attention.head_count_kv", Item::U32(0))]].concat());
        assert_eq!((mamba.cells.len(), mamba.state), (0, 4 * one));
    }

    #[test]
    fn experts_that_a_token_uses_count_together_and_absurd_claims_end() {
        let experts = [
            ("feed_forward_length", Item::U32(100)),
            ("expert_feed_forward_length", Item::U32(64)),
            ("expert_used_count", Item::U32(8)),
        ];
        assert_eq!(with(&experts).feed_forward, 512);
        let absurd = of(&[
            ("block_count", Item::U64(u64::MAX)),
            ("embedding_length", Item::U64(u64::MAX)),
            ("attention.head_count", Item::U64(1)),
            ("wkv.head_size", Item::U64(u64::MAX)),
        ]);
        assert_eq!((absurd.cells.len(), absurd.state), (4096, u64::MAX));
        assert_eq!(of(&[]), ModelShape::default());
    }
}
