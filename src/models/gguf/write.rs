//! Writes small GGUF files: fixtures for tests, and vectors or probes that other programs should read.

use super::types::tensor_type;

/// A metadata value as it is written, each with its exact type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Rust type of its name")]
pub enum Item {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Text(String),
    U64(u64),
    I64(i64),
    F64(f64),
    /// All elements must be of one variant; an empty array is written as one of `U8`.
    Array(Vec<Item>),
}

impl Item {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn kind(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::Text(_) => 8,
            Self::Array(_) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::U8(value) => out.extend(value.to_le_bytes()),
            Self::I8(value) => out.extend(value.to_le_bytes()),
            Self::U16(value) => out.extend(value.to_le_bytes()),
            Self::I16(value) => out.extend(value.to_le_bytes()),
            Self::U32(value) => out.extend(value.to_le_bytes()),
            Self::I32(value) => out.extend(value.to_le_bytes()),
            Self::F32(value) => out.extend(value.to_le_bytes()),
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Text(text) => write_text(text, out),
            Self::U64(value) => out.extend(value.to_le_bytes()),
            Self::I64(value) => out.extend(value.to_le_bytes()),
            Self::F64(value) => out.extend(value.to_le_bytes()),
            Self::Array(items) => {
                out.extend(items.first().map_or(0, Self::kind).to_le_bytes());
                out.extend((items.len() as u64).to_le_bytes());
                for item in items {
                    item.write(out);
                }
            }
        }
    }
}

/// Builds a GGUF file in memory.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    metadata: Vec<(String, Item)>,
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

const ALIGNMENT: usize = 32;

impl Writer {
    /// A file with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a metadata entry.
    #[must_use]
    pub fn with(mut self, key: &str, item: Item) -> Self {
        self.metadata.push((key.to_owned(), item));
        self
    }

    /// Adds a tensor of `dims` (fastest first) and ggml type `kind`, with its bytes as they are stored.
    #[must_use]
    pub fn tensor(mut self, name: &str, dims: &[u64], kind: u32, data: Vec<u8>) -> Self {
        self.tensors.push((name.to_owned(), dims.to_vec(), kind, data));
        self
    }

    /// Adds a tensor of zeros; of unknown types none is written.
    #[must_use]
    pub fn zeros(self, name: &str, dims: &[u64], kind: u32) -> Self {
        let elements: u64 = dims.iter().product();
        let bytes = tensor_type(kind).map_or(0, |layout| elements / layout.block * layout.bytes);
        self.tensor(name, dims, kind, vec![0; usize::try_from(bytes).unwrap_or(0)])
    }

    /// The file, version 3, little endian.
    pub fn finish(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, item) in &self.metadata {
            write_text(key, &mut out);
            out.extend(item.kind().to_le_bytes());
            item.write(&mut out);
        }
        let mut offset = 0;
        for (name, dims, kind, data) in &self.tensors {
            write_text(name, &mut out);
            out.extend(u32::try_from(dims.len()).unwrap_or(u32::MAX).to_le_bytes());
            for dim in dims {
                out.extend(dim.to_le_bytes());
            }
            out.extend(kind.to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset += data.len().next_multiple_of(ALIGNMENT);
        }
        for (_, _, _, data) in &self.tensors {
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
            out.extend(data);
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A small file with everything a language model's header has: architecture `llama`, two layers, a vocabulary of
/// three tokens, a chat template. For tests.
pub fn sample_model(name: &str) -> Writer {
    Writer::new()
        .with("general.architecture", Item::text("llama"))
        .with("general.name", Item::text(name))
        .with("general.file_type", Item::U32(3))
        .with("general.license", Item::text("apache-2.0"))
        .with("llama.block_count", Item::U32(2))
        .with("llama.embedding_length", Item::U32(64))
        .with("llama.context_length", Item::U32(2048))
        .with("llama.attention.head_count", Item::U32(4))
        .with("llama.attention.head_count_kv", Item::Array(vec![Item::I32(2), Item::I32(1)]))
        .with("tokenizer.ggml.model", Item::text("gpt2"))
        .with("tokenizer.ggml.tokens", Item::Array(vec![Item::text("a"), Item::text("b"), Item::text("</s>")]))
        .with("tokenizer.ggml.scores", Item::Array(vec![Item::F32(0.0), Item::F32(-1.0), Item::F32(0.5)]))
        .with("tokenizer.chat_template", Item::text("{% for m in messages %}{{ m.content }}{% endfor %}"))
        .zeros("token_embd.weight", &[64, 3], 3)
        .zeros("blk.0.attn_norm.weight", &[64], 0)
        .zeros("blk.0.attn_q.weight", &[64, 64], 3)
}
