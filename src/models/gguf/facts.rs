//! [`GgufFacts`]: what a header says about a model, in the words of this program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::header::{Damage, Header, TensorInfo, Value};
use super::shape::shape;
use super::types::{file_type, tensor_type};
use crate::engine::memory::ModelShape;

/// What is known about a model from its header alone. A field is `None` when the header does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GgufFacts {
    /// `general.architecture`, such as `llama`.
    pub architecture: String,
    /// `general.name`.
    pub name: Option<String>,
    /// Elements of all tensors, over all parts.
    pub parameters: u64,
    /// `general.file_type` by name, such as `Q4_K_M`; else the tensor type that holds the most elements.
    pub quantisation: String,
    /// Transformer blocks.
    pub layers: Option<u64>,
    /// Width of the residual stream.
    pub embedding: Option<u64>,
    /// Attention heads (the most of any layer).
    pub heads: Option<u64>,
    /// Key and value heads (the most of any layer).
    pub kv_heads: Option<u64>,
    /// Width of one head's keys.
    pub head_size: Option<u64>,
    /// Tokens the model was trained to read at once.
    pub context: Option<u64>,
    /// Entries of the vocabulary.
    pub vocabulary: Option<u64>,
    /// `tokenizer.ggml.model`, such as `gpt2`.
    pub tokenizer: Option<String>,
    /// The model's own chat template, Jinja source.
    pub chat_template: Option<String>,
    /// `general.license`.
    pub licence: Option<String>,
    /// Bytes of the file, over all parts.
    pub bytes: u64,
    /// The files of a split model in order; empty for a single file.
    pub parts: Vec<PathBuf>,
    /// Numbers of tensor types that are newer than this program, whose length could therefore not be checked.
    pub unknown_types: Vec<u32>,
    /// Version of the GGUF format.
    pub gguf_version: u32,
    /// What memory depends on.
    #[serde(skip)]
    pub shape: ModelShape,
}

impl GgufFacts {
    /// Whether the model carries a chat template.
    pub fn has_chat_template(&self) -> bool {
        self.chat_template.is_some()
    }

    /// Reads the facts of a header; `bytes` is the size of its file.
    pub(super) fn from_header(header: &Header, bytes: u64) -> Result<Self, Damage> {
        let text = |key: &str| header.metadata.get(key).and_then(Value::as_text).map(str::to_owned);
        let architecture = text("general.architecture").ok_or(Damage::MissingKey("general.architecture"))?;
        let own = |key: &str| header.metadata.get(&format!("{architecture}.{key}")).and_then(largest);
        let embedding = own("embedding_length");
        let heads = own("attention.head_count");
        let divided = embedding.zip(heads).and_then(|(width, heads)| width.checked_div(heads));
        let tokens = match header.metadata.get("tokenizer.ggml.tokens") {
            Some(Value::Array { len, .. }) => Some(*len),
            _ => None,
        };
        let named = header.metadata.get("general.file_type").and_then(Value::as_u64).and_then(file_type);
        let parameters = parameters(&header.tensors);
        let shape = ModelShape { weights: bytes, parameters, ..shape(header, &architecture) };
        Ok(Self {
            name: text("general.name"),
            parameters,
            quantisation: named.map_or_else(|| dominant_type(&header.tensors), str::to_owned),
            layers: own("block_count"),
            embedding,
            heads,
            kv_heads: own("attention.head_count_kv").or(heads),
            head_size: own("attention.key_length").or(divided),
            context: own("context_length"),
            vocabulary: own("vocab_size").or(tokens),
            tokenizer: text("tokenizer.ggml.model"),
            chat_template: text("tokenizer.chat_template"),
            licence: text("general.license"),
            bytes,
            parts: Vec::new(),
            unknown_types: unknown_types(&header.tensors),
            gguf_version: header.version,
            shape,
            architecture,
        })
    }

    /// Adds a further part of a split model.
    pub(super) fn add_part(&mut self, header: &Header, bytes: u64) {
        self.parameters = self.parameters.saturating_add(parameters(&header.tensors));
        self.bytes = self.bytes.saturating_add(bytes);
        (self.shape.weights, self.shape.parameters) = (self.bytes, self.parameters);
        self.unknown_types.extend(unknown_types(&header.tensors));
        self.unknown_types.sort_unstable();
        self.unknown_types.dedup();
    }
}

/// A count; of a list with one per layer the largest.
pub(super) fn largest(value: &Value) -> Option<u64> {
    match value {
        Value::Array { head, .. } => head.iter().filter_map(Value::as_u64).max(),
        _ => value.as_u64(),
    }
}

fn parameters(tensors: &[TensorInfo]) -> u64 {
    tensors.iter().fold(0, |sum, tensor| sum.saturating_add(tensor.elements))
}

fn unknown_types(tensors: &[TensorInfo]) -> Vec<u32> {
    let mut kinds: Vec<u32> =
        tensors.iter().filter(|tensor| tensor.bytes.is_none()).map(|tensor| tensor.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn dominant_type(tensors: &[TensorInfo]) -> String {
    let mut elements: BTreeMap<u32, u64> = BTreeMap::new();
    for tensor in tensors {
        let sum = elements.entry(tensor.kind).or_default();
        *sum = sum.saturating_add(tensor.elements);
    }
    match elements.into_iter().max_by_key(|(_, sum)| *sum) {
        Some((kind, _)) => tensor_type(kind).map_or_else(|| format!("type {kind}"), |layout| layout.name.to_owned()),
        None => "none".to_owned(),
    }
}
