//! What an engine says of itself, of a model and of what was asked: the contents of its events.

use serde::{Deserialize, Serialize};

use crate::domain::Finish;

/// Who the engine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The engine's [`VERSION`](super::VERSION).
    pub version: u32,
    /// `llama` or `scripted`.
    pub engine: String,
    /// Versions of Parallax and of llama.cpp.
    pub build: String,
    /// Devices that can compute.
    pub devices: Vec<Device>,
    /// Ops it answers, beyond the first version's.
    #[serde(default)]
    pub features: Vec<String>,
    /// The cores it computes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<Cores>,
}

/// The cores of a machine as one process sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cores {
    /// Physical cores.
    pub physical: u32,
    /// Those of them that this process may run on.
    pub usable: u32,
    /// Processor time that its containers allow, in thousandths of a core; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_milli: Option<u64>,
}

/// A device that can compute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Short name.
    pub name: String,
    /// In words.
    pub description: String,
    /// `cpu`, `gpu`, `integrated-gpu` or `accelerator`.
    pub kind: String,
    /// Bytes free for this process, within the limits of its containers; 0: unknown.
    pub free: u64,
    /// Bytes in all, within the same limits; 0: unknown.
    pub total: u64,
}

/// A loaded model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Loaded {
    /// As the file calls itself.
    pub name: String,
    /// llama.cpp's name of the architecture.
    pub arch: String,
    /// Number of weights.
    pub parameters: u64,
    /// Such as `Q4_1`.
    pub quantisation: String,
    /// Blocks.
    pub layers: u32,
    /// Width of the residual stream.
    pub n_embd: u32,
    /// Tokens it was trained to read.
    pub trained_context: u32,
    /// Size of the weights.
    pub bytes: u64,
    /// `chat`, `chat-builtin` or `plain`.
    pub template: String,
    /// Cells of the KV cache.
    pub context: u32,
    /// Sequences that can run at once.
    pub sequences: u32,
    /// Threads that compute.
    pub threads: u32,
    /// `audit` or `fast`, after any fall-back.
    pub profile: String,
    /// What the KV cache holds and how it is attended to, in words; absent where the engine does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<String>,
    /// Why the profile is not the one asked for, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_note: Option<String>,
    /// Why the context is smaller than usual, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_note: Option<String>,
    /// The most cells that would have fitted when it was loaded; absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_context: Option<u32>,
    /// Bytes it was estimated to take with its context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u64>,
    /// Bytes that were free before it was loaded, on the devices that hold it; absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
    /// Milliseconds it took.
    pub load_ms: u64,
    /// How the model thinks before it answers; absent where its template knows no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
}

/// How a model thinks before it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoning {
    /// The mark before what it thinks.
    pub open: String,
    /// The mark behind it.
    pub close: String,
    /// The variable of its template that switches thinking; absent where there is none, and an empty part is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<String>,
}

/// Something learned about the loaded model after `load` was done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModelReport {
    /// Of the file, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// `bit-exact`, `same-build` or `statistical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What was compared and found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether requests can be steered: `exact` where rows that are steered side by side are, bit for bit, what llama.cpp's own
    /// control vector makes of them, `close` where only nearly so, `off` where not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steering: Option<String>,
    /// What was compared for that, or why it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steering_detail: Option<String>,
}

/// Counts and clocks of one request; the clocks are the engine's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them that were computed for this request; the rest was reused.
    pub computed_prompt_tokens: usize,
    /// Tokens written.
    pub generated_tokens: usize,
    /// Those of them that were thinking, marks included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub thinking_tokens: usize,
    /// Waiting for a place.
    pub queue_ms: u64,
    /// Reading the prompt.
    pub prompt_ms: u64,
    /// Writing.
    pub generate_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A finished voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// All of its answer.
    pub text: String,
    /// What it thought before, without the marks; absent where it thought nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Why it ended.
    pub finish: Finish,
    /// Counts and clocks.
    pub usage: Usage,
}

/// The probability of each label, out of the full vocabulary (P2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptionScores {
    /// Probability per label, summed over its spellings, in the order of the request.
    pub mass: Vec<f64>,
    /// Their sum: how much of the model's answer is any label at all.
    pub coverage: f64,
    /// The most probable next tokens.
    pub top: Vec<TokenProbability>,
    /// Counts and clocks.
    pub usage: Usage,
}

/// A possible next token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenProbability {
    /// As text; bytes that are no text are replaced.
    pub text: String,
    /// Under the full softmax at temperature 1.
    pub p: f64,
}

/// What a token was drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawnFrom {
    /// The token as text, whatever of it is held back; bytes that are no text are replaced.
    pub piece: String,
    /// The most probable tokens that were not drawn, most probable first; those below one in a thousand are left out.
    pub others: Vec<TokenProbability>,
}

/// The probability of whole texts after one prompt (P3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContinuationScores {
    /// Per continuation, in the order of the request: natural logarithm of the probability of each of its tokens. JSON
    /// has no infinity: an impossible token is `null` there, and minus infinity here.
    #[serde(with = "impossible")]
    pub logprobs: Vec<Vec<f64>>,
    /// Counts and clocks, over all of them.
    pub usage: Usage,
}

/// Minus infinity as `null`.
mod impossible {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(rows: &[Vec<f64>], serializer: S) -> Result<S::Ok, S::Error> {
        let finite = |value: &f64| value.is_finite().then_some(*value);
        rows.iter().map(|row| row.iter().map(finite).collect()).collect::<Vec<Vec<Option<f64>>>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<f64>>, D::Error> {
        let rows = Vec::<Vec<Option<f64>>>::deserialize(deserializer)?;
        Ok(rows
            .into_iter()
            .map(|row| row.into_iter().map(|value| value.unwrap_or(f64::NEG_INFINITY)).collect())
            .collect())
    }
}

/// A direction that can be steered with now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What requests name it by: the SHA-256 of its numbers, so that the same direction always has the same name.
    pub direction: String,
    /// Euclidean length in each layer, from below.
    pub norms: Vec<LayerNorm>,
}

/// How long a direction is in one layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerNorm {
    /// Counted from 0.
    pub layer: u32,
    /// Euclidean.
    pub norm: f64,
}

/// A direction made out of contrast pairs; it can be steered with now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Derived {
    /// What requests name it by.
    pub direction: String,
    /// From below; layers whose outputs do not differ are missing.
    pub layers: Vec<DerivedLayer>,
    /// Counts and clocks, over all prompts.
    pub usage: Usage,
}

/// A derived direction in one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DerivedLayer {
    /// Counted from 0.
    pub layer: u32,
    /// One number for each dimension of the residual stream.
    pub values: Vec<f32>,
    /// Euclidean length of the values.
    pub norm: f64,
    /// Mean Euclidean length of this layer's outputs over all prompts: strengths are best told as shares of it.
    pub residual_norm: f64,
    /// Share of the pairs whose positive side lies further along the direction; a tie counts half. Of the very pairs it
    /// was made from: it says too much of others.
    pub separation: f64,
    /// Mean over standard deviation of the pairs' differences along the direction; absent for a single pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// As `separation`, of the pairs that were held out; absent where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<f64>,
    /// As `effect`, of the pairs that were held out; absent for fewer than two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_effect: Option<f64>,
}

/// How busy the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// Requests that wait for a place.
    pub queued: usize,
    /// Requests that run.
    pub running: usize,
    /// Cells of the KV cache in use.
    pub cells_used: u32,
    /// Cells of the KV cache.
    pub cells: u32,
    /// Tokens written in the last second.
    pub tokens_per_second: f64,
    /// Prompt tokens computed since the model was loaded.
    pub prompt_tokens_computed: u64,
    /// Prompt tokens reused since the model was loaded.
    pub prompt_tokens_reused: u64,
    /// Tokens whose cells were read from saved states since the model was loaded.
    #[serde(default)]
    pub prompt_tokens_restored: u64,
    /// Whether prompts can share their beginnings on this model.
    pub shares_prefixes: bool,
}
