//! LoRA adapters: what llama.cpp would only find out while it loads or computes, by an abort at worst, is checked by the
//! headers of the adapter and of its model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::header::{Header, TensorInfo, Value};
use super::types::tensor_type;
use super::{GgufError, open, whole_header};
use crate::text::SafeText;

/// Types of an adapter's matrices: those that converters write, by their numbers.
const TYPES: [u32; 4] = [0, 1, 8, 30];
/// A type of weights that llama.cpp cannot adapt.
const NVFP4: u32 = 40;

/// What is known about an adapter from its header.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterFacts {
    /// `general.name`.
    pub name: Option<String>,
    /// `adapter.lora.alpha`; `None` where the file does not say or says 0.
    pub alpha: Option<f64>,
    /// The largest rank of its pairs.
    pub rank: u64,
    /// Tensors of the model that it changes.
    pub tensors: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why a file is no adapter for a model. Each variant reads as one sentence with the next step.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The file cannot be read, or is no GGUF.
    #[error("the adapter cannot be used: {0}")]
    File(GgufError),
    /// The model cannot be read any more.
    #[error("the model of the adapter cannot be read: {0}")]
    Model(GgufError),
    /// It does not fit.
    #[error("{} is no LoRA adapter for this model: {misfit}", path.display())]
    Misfit {
        /// The adapter.
        path: PathBuf,
        /// What is wrong, with the next step.
        misfit: Misfit,
    },
}

/// What keeps an adapter from a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A model, a vocabulary, or something else.
    #[error(
        "it says `{0}` of its type, and an adapter says `adapter`; name a file that was converted as a LoRA adapter"
    )]
    Kind(String),
    /// A control vector, for example.
    #[error("it is an adapter of the kind `{0}`; only `lora` can be used")]
    Adapter(String),
    /// Made for another architecture.
    #[error("it was made for the architecture `{adapter}` and the model is `{model}`; load the model it was made for")]
    Architecture {
        /// Of the adapter.
        adapter: String,
        /// Of the model.
        model: String,
    },
    /// It would act behind certain tokens alone.
    #[error("it is an activated LoRA, which acts only behind tokens of its own; take a plain one")]
    Activated,
    /// A number of the wrong kind where llama.cpp expects single precision.
    #[error("its alpha is no finite number of single precision; convert it again")]
    Alpha,
    /// Nothing in it.
    #[error("it has no pair of matrices; convert it again")]
    Empty,
    /// A tensor that belongs to no pair.
    #[error("its tensor `{0}` belongs to no pair of `lora_a` and `lora_b`; convert it again")]
    Unpaired(String),
    /// Two tensors of one name.
    #[error("it has two tensors `{0}`; convert it again")]
    Twice(String),
    /// The model does not have what it changes.
    #[error("the model has no tensor `{0}`; load the model it was made for")]
    Base(String),
    /// Matrices whose sizes do not belong together.
    #[error(
        "its matrices for `{tensor}` are {a} and {b}, and the model's tensor is {base}; load the model it was made for"
    )]
    Sizes {
        /// The model's tensor.
        tensor: String,
        /// Sizes of `lora_a`.
        a: String,
        /// Sizes of `lora_b`.
        b: String,
        /// Sizes of the model's tensor.
        base: String,
    },
    /// Stored in a way that cannot be computed with.
    #[error("its matrices for `{tensor}` are stored as {kind}; convert it to F32, F16, BF16 or Q8_0")]
    Stored {
        /// The model's tensor.
        tensor: String,
        /// The type.
        kind: String,
    },
    /// The model's weights allow no adapter.
    #[error(
        "the model's tensor `{0}` is stored as NVFP4, which llama.cpp cannot adapt; take another file of the model"
    )]
    Weights(String),
}

/// Reads what the header of the adapter at `path` says, and checks that it fits the model at `model`.
pub fn read_adapter(path: &Path, model: &Path) -> Result<AdapterFacts, AdapterError> {
    let (header, bytes) = open(path).map_err(AdapterError::File)?;
    let model = whole_header(model).map_err(AdapterError::Model)?;
    check(&header, bytes, &model).map_err(|misfit| AdapterError::Misfit { path: path.to_owned(), misfit })
}

fn check(header: &Header, bytes: u64, model: &Header) -> Result<AdapterFacts, Misfit> {
    let text = |header: &Header, key: &str| {
        let text = header.metadata.get(key).and_then(Value::as_text).unwrap_or("nothing");
        shown(text)
    };
    let kind = text(header, "general.type");
    if kind != "adapter" {
        return Err(Misfit::Kind(kind));
    }
    let kind = text(header, "adapter.type");
    if kind != "lora" {
        return Err(Misfit::Adapter(kind));
    }
    let key = "general.architecture";
    let (adapter, model_arch) = (text(header, key), text(model, key));
    if adapter != model_arch {
        return Err(Misfit::Architecture { adapter, model: model_arch });
    }
    if header.metadata.contains_key("adapter.alora.invocation_tokens") {
        return Err(Misfit::Activated);
    }
    let alpha = match header.metadata.get("adapter.lora.alpha") {
        None => None,
        Some(Value::Float(alpha)) if alpha.is_finite() => Some(*alpha).filter(|alpha| *alpha != 0.0),
        Some(_) => return Err(Misfit::Alpha),
    };
    let (rank, tensors) = pairs(&header.tensors, &model.tensors)?;
    let name = header.metadata.get("general.name").and_then(Value::as_text).map(shown);
    Ok(AdapterFacts { name, alpha, rank, tensors, bytes })
}

/// The largest rank, and the number of pairs.
fn pairs(tensors: &[TensorInfo], model: &[TensorInfo]) -> Result<(u64, u64), Misfit> {
    let base: BTreeMap<&str, &TensorInfo> = model.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let (mut names, mut sides) = (BTreeSet::new(), BTreeMap::<&str, [Option<&TensorInfo>; 2]>::new());
    for tensor in tensors {
        let name = tensor.name.as_str();
        if !names.insert(name) {
            return Err(Misfit::Twice(shown(name)));
        }
        let (of, side) = match (name.strip_suffix(".lora_a"), name.strip_suffix(".lora_b")) {
            (Some(of), _) => (of, 0),
            (_, Some(of)) => (of, 1),
            // llama.cpp leaves these out.
            _ if name.ends_with("_norm.weight") => continue,
            _ => return Err(Misfit::Unpaired(shown(name))),
        };
        sides.entry(of).or_default()[side] = Some(tensor);
    }
    let mut most = 0;
    for (of, pair) in &sides {
        let [Some(a), Some(b)] = pair else { return Err(Misfit::Unpaired(shown(of))) };
        let base = base.get(of).ok_or_else(|| Misfit::Base(shown(of)))?;
        most = most.max(rank(of, a, b, base)?);
    }
    if sides.is_empty() { Err(Misfit::Empty) } else { Ok((most, sides.len() as u64)) }
}

/// The rank of one pair. `a` makes `rank` numbers out of what the tensor reads, `b` what it puts out of these; for the
/// embeddings of tokens both are stored the other way round.
fn rank(of: &str, a: &TensorInfo, b: &TensorInfo, base: &TensorInfo) -> Result<u64, Misfit> {
    if base.kind == NVFP4 {
        return Err(Misfit::Weights(shown(of)));
    }
    if let Some(stored) = [a, b].into_iter().find(|side| !TYPES.contains(&side.kind)) {
        let kind =
            tensor_type(stored.kind).map_or_else(|| format!("type {}", stored.kind), |kind| kind.name.to_owned());
        return Err(Misfit::Stored { tensor: shown(of), kind });
    }
    let at = |tensor: &TensorInfo, dimension: usize| tensor.dims.get(dimension).copied().unwrap_or(1);
    let fits = if of.ends_with("token_embd.weight") {
        at(base, 0) == at(b, 1) && at(base, 1) == at(a, 1) && at(a, 0) == at(b, 0)
    } else {
        at(base, 0) == at(a, 0) && at(base, 1) == at(b, 1) && at(a, 1) == at(b, 0)
    };
    let are_alike = (2..4).all(|dimension| [a, b].map(|side| at(side, dimension)) == [at(base, dimension); 2]);
    if !fits || !are_alike || base.dims.len() < 2 || a.elements == 0 || b.elements == 0 {
        let sizes = |tensor: &TensorInfo| tensor.dims.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
        return Err(Misfit::Sizes { tensor: shown(of), a: sizes(a), b: sizes(b), base: sizes(base) });
    }
    Ok(at(b, 0))
}

/// A text of a file as it may stand in a sentence.
fn shown(text: &str) -> String {
    const MOST: usize = 80;
    SafeText::line(text).as_str().chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Item, Writer, read_header, sample_model};
    use super::*;

    const Q: &str = "blk.0.attn_q.weight";

    fn adapter() -> Writer {
        Writer::new()
            .with("general.architecture", Item::text("llama"))
            .with("general.type", Item::text("adapter"))
            .with("adapter.type", Item::text("lora"))
    }

    fn pair(writer: Writer, of: &str, a: [u64; 2], b: [u64; 2]) -> Writer {
        writer.zeros(&format!("{of}.lora_a"), &a, 0).zeros(&format!("{of}.lora_b"), &b, 0)
    }

    fn read(writer: &Writer) -> Result<AdapterFacts, Misfit> {
        let header = |bytes: Vec<u8>| read_header(bytes.as_slice(), bytes.len() as u64).unwrap();
        check(&header(writer.finish()), 7, &header(sample_model("m").finish()))
    }

    #[test]
    fn an_adapter_that_fits_is_told_of() {
        let good = pair(adapter(), Q, [64, 4], [4, 64])
            .with("adapter.lora.alpha", Item::F32(16.0))
            .with("general.name", Item::text("mine"));
        let good = pair(good, "token_embd.weight", [8, 3], [8, 64]).zeros("blk.0.attn_norm.weight", &[64], 0);
        let facts = AdapterFacts { name: Some("mine".into()), alpha: Some(16.0), rank: 8, tensors: 2, bytes: 7 };
        assert_eq!(read(&good), Ok(facts));
    }

    #[test]
    fn what_llama_cpp_would_fall_over_is_refused_in_words() {
        let good = || pair(adapter(), Q, [64, 4], [4, 64]);
        let arch = |arch: &str| Writer::new().with("general.architecture", Item::text(arch));
        let typed = |kind: &str| {
            arch("llama").with("general.type", Item::text("adapter")).with("adapter.type", Item::text(kind))
        };
        let of_another =
            arch("gemma3").with("general.type", Item::text("adapter")).with("adapter.type", Item::text("lora"));
        let cases = [
            (sample_model("m"), "says `nothing` of its type"),
            (arch("llama").with("general.type", Item::U32(1)), "says `nothing` of its type"),
            (typed("control_vector"), "of the kind `control_vector`"),
            (of_another, "for the architecture `gemma3` and the model is `llama`"),
            (good().with("adapter.lora.alpha", Item::F64(1.0)), "alpha"),
            (good().with("adapter.lora.alpha", Item::F32(f32::NAN)), "alpha"),
            (good().with("adapter.alora.invocation_tokens", Item::Array(vec![Item::U32(1)])), "activated"),
            (adapter(), "no pair of matrices"),
            (adapter().zeros(&format!("{Q}.lora_a"), &[64, 4], 0), "belongs to no pair"),
            (good().zeros(&format!("{Q}.lora_a"), &[64, 4], 0), "two tensors"),
            (good().zeros("blk.0.attn_q.weight", &[64, 64], 0), "belongs to no pair"),
            (pair(adapter(), "blk.9.attn_q.weight", [64, 4], [4, 64]), "no tensor `blk.9.attn_q.weight`"),
            (pair(adapter(), "\u{1b}[2J", [64, 4], [4, 64]), "no tensor `"),
            (pair(adapter(), Q, [64, 4], [5, 64]), "64 x 4 and 5 x 64, and the model's tensor is 64 x 64"),
            (pair(adapter(), Q, [32, 4], [4, 64]), "32 x 4"),
            (pair(adapter(), Q, [64, 0], [0, 64]), "64 x 0"),
            (pair(adapter(), "blk.0.attn_norm.weight", [64, 4], [4, 1]), "model's tensor is 64"),
            (pair(adapter(), "token_embd.weight", [64, 4], [4, 3]), "64 x 4"),
            (adapter().zeros(&format!("{Q}.lora_a"), &[64, 4], 26).zeros(&format!("{Q}.lora_b"), &[4, 64], 0), "I32"),
        ];
        for (writer, part) in cases {
            let sentence = read(&writer).unwrap_err().to_string();
            assert!(sentence.contains(part) && !sentence.contains(char::is_control), "{part}: {sentence}");
        }
    }
}
