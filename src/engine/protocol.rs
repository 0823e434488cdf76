//! The protocol between Parallax and its engine: JSON Lines in both directions.
//!
//! A request is `{"id":N,"op":"…",…}`, an event `{"id":N,"ev":"…",…}`. Exactly one of `done`, `error`, `cancelled`
//! ends an id; `status` and `model` have none. Unknown fields are ignored, unknown ops are answered with `error`.

mod answers;

use serde::{Deserialize, Serialize};

use crate::domain::Turn;
pub use answers::{
    ContinuationScores, Cores, Derived, DerivedLayer, Device, DrawnFrom, Embedded, Generated, Hello, Known,
    KnownAdapter, LayerNorm, Loaded, ModelReport, OptionScores, Reasoning, Status, TokenProbability, Usage,
};

/// Raised when a peer of another version would misunderstand.
pub const VERSION: u32 = 1;
/// The most alternatives that can be asked for with each token.
pub const MOST_ALTERNATIVES: u32 = 20;
/// The longest line either side accepts, in bytes.
pub const MAX_LINE: usize = 8 << 20;

/// One line to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client, never used twice.
    pub id: u64,
    /// What to do.
    #[serde(flatten)]
    pub op: Op,
}

/// What the engine can be asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// First of all: who speaks which version.
    Hello {
        /// The client's [`VERSION`].
        version: u32,
    },
    /// Load a model; a model that was loaded before is dropped first.
    Load(LoadRequest),
    /// Write text.
    Generate(GenerateRequest),
    /// The probability of each label as the next thing said (P2).
    ScoreOptions(ScoreOptionsRequest),
    /// The probability of whole texts after one prompt (P3).
    ScoreContinuations(ScoreContinuationsRequest),
    /// Make a direction known, until another model is loaded.
    Direction(DirectionRequest),
    /// Make one out of contrast pairs, and make it known.
    DeriveDirection(DeriveRequest),
    /// Make a LoRA adapter known, until another model is loaded.
    Adapter(AdapterRequest),
    /// One unit vector for each text.
    Embed(EmbedRequest),
    /// Stop a request; its id ends with `cancelled` unless it ended before.
    Cancel {
        /// The request to stop.
        target: u64,
    },
    /// Report at once.
    Status,
}

impl Op {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Load(_) => "load",
            Self::Generate(_) => "generate",
            Self::ScoreOptions(_) => "score_options",
            Self::ScoreContinuations(_) => "score_continuations",
            Self::Direction(_) => "direction",
            Self::DeriveDirection(_) => "derive_direction",
            Self::Adapter(_) => "adapter",
            Self::Embed(_) => "embed",
            Self::Cancel { .. } => "cancel",
            Self::Status => "status",
        }
    }
}

/// Which model, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadRequest {
    /// On the engine's side.
    pub path: String,
    /// Cells of the KV cache, over all sequences; absent: chosen by the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
    /// The data folder on the engine's side, for self-test results and checksums; absent: the engine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Whether what was read may be kept in that folder, so that it need not be read again after a restart.
    #[serde(default)]
    pub keep_states: bool,
    /// Bytes of the weights of another model, which another engine keeps mapped beside this one, or will: the system counts
    /// them as free, and they are not. Beside another engine a context does not grow. Absent: there is no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<u64>,
}

/// What the model reads before it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "layout", rename_all = "snake_case")]
pub enum Prompt {
    /// Turns laid out by the model's own chat template, with the assistant's turn opened.
    Chat {
        /// In order; the last one is the user's.
        turns: Vec<Turn>,
        /// The beginning of the assistant's answer, given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefill: Option<String>,
    },
    /// Plain text to go on from, without any template.
    Raw {
        /// The text.
        text: String,
    },
}

/// Write text after a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// What the model reads first.
    pub prompt: Prompt,
    /// The limit; the voice ends with `length` there.
    pub max_tokens: usize,
    /// How tokens are drawn.
    #[serde(default)]
    pub sampler: Sampler,
    /// The draw of token t depends on it and on t alone.
    pub seed: u64,
    /// Texts that end the answer; they are not part of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// GBNF the answer must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
    /// The voice ends with `time` after this many milliseconds of its own running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit_ms: Option<u64>,
    /// Send a `prompt` event with the exact prompt first.
    #[serde(default)]
    pub echo: bool,
    /// Whether the model may think first.
    #[serde(default, skip_serializing_if = "Thinking::is_auto")]
    pub thinking: Thinking,
    /// Tokens that the voice has said already, by their ids: it goes on after them, and its next draw is the one that
    /// follows them. They count as written; only what comes after them is sent as `token` events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forced: Vec<i32>,
    /// What its layers' outputs are moved along; empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steering: Vec<Steer>,
    /// LoRA adapters that the model is computed with; empty: as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Adapted>,
    /// How many of the tokens that might have been said instead are told with each token, at most
    /// [`MOST_ALTERNATIVES`]; 0: none, nor the token's own piece of text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub alternatives: u32,
    /// Its place beside other requests.
    #[serde(flatten)]
    pub handling: Handling,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Whether a model that can think before it answers does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// As it does by itself. Where the beginning of the answer is given, or a grammar for it, there is no place for
    /// thinking, and this is `Off`.
    #[default]
    Auto,
    /// It answers at once.
    Off,
}

impl Thinking {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// The place of a request beside others. It decides when an answer comes, never what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Handling {
    /// Requests of a larger number get a place first; among equals the one that came first.
    pub priority: i8,
    /// Requests of one group share their turns fairly with other groups of the same priority: a group for each pane.
    pub group: u32,
    /// Whether beginnings that were computed before may be taken over. Without it the whole prompt is computed, for
    /// measuring and for checking.
    pub reuse: bool,
}

impl Default for Handling {
    fn default() -> Self {
        Self { priority: 0, group: 0, reuse: true }
    }
}

/// How tokens are drawn, in this order: penalty, top-k, top-p, min-p, temperature, draw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampler {
    /// 0 takes the most probable token.
    pub temperature: f32,
    /// Keep the k most probable tokens; 0 keeps all.
    pub top_k: u32,
    /// Keep the smallest set of tokens with at least this probability; 1 keeps all.
    pub top_p: f32,
    /// Drop tokens less probable than this share of the most probable one; 0 drops none.
    pub min_p: f32,
    /// Divides the score of tokens said in the last 64; 1 is off.
    pub repeat_penalty: f32,
}

impl Default for Sampler {
    /// The model's own distribution, untouched.
    fn default() -> Self {
        Self { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, repeat_penalty: 1.0 }
    }
}

/// A direction that is added to what layers give out, at some positions of one request. Several of them add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Steer {
    /// What `direction` answered.
    pub direction: String,
    /// Multiplies the direction; negative turns it round.
    #[serde(default = "one")]
    pub strength: f32,
    /// The first and the last layer it acts on, counted from 0; absent: all that the direction knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<(u32, u32)>,
    /// The first token it acts on, counted from 0 over prompt and answer; absent: the last of the prompt, so that all
    /// before it is shared with voices that are steered otherwise or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// On how many tokens it acts; absent: to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// With a direction that is a probe: instead of a strength, the probability that its reading is brought to, by the
    /// smallest step at each token that reaches it. Between 0 and 1; below one half it is reached from above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
}

fn one() -> f32 {
    1.0
}

/// An adapter that a request is computed with. Several of them add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adapted {
    /// What `adapter` answered.
    pub adapter: String,
    /// Multiplies what it does; 0 is as if it were not named.
    #[serde(default = "one")]
    pub scale: f32,
}

/// A LoRA adapter for the loaded model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterRequest {
    /// A GGUF file on the engine's side.
    pub path: String,
}

/// One unit vector for each text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbedRequest {
    /// Plain texts, each read by itself.
    pub texts: Vec<String>,
    /// LoRA adapters that the model is computed with; empty: as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Adapted>,
    /// Its place beside other requests.
    #[serde(flatten)]
    pub handling: Handling,
}

/// A direction to steer with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DirectionRequest {
    /// In any order; none twice.
    pub layers: Vec<LayerVector>,
}

/// What a direction is in one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerVector {
    /// Counted from 0; it is the output of this block that is moved.
    pub layer: u32,
    /// One number for each dimension of the residual stream.
    pub values: Vec<f32>,
    /// Of a logistic probe whose weights are the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<f32>,
}

/// A direction out of contrast pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeriveRequest {
    /// In each, two prompts alike in all but what the direction is to show. The outputs of all layers at the last token of
    /// each are compared.
    pub pairs: Vec<ContrastPair>,
    /// Pairs that the direction is not made from: it is tried on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_out: Vec<ContrastPair>,
    /// How.
    #[serde(default)]
    pub by: DerivedBy,
    /// Send a `prompt` event with the exact prompt of every side.
    #[serde(default)]
    pub echo: bool,
    /// Its place beside other requests.
    #[serde(flatten)]
    pub handling: Handling,
}

/// Two prompts, one of which shows something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContrastPair {
    /// The direction points to it.
    pub positive: Prompt,
    /// And away from it.
    pub negative: Prompt,
}

/// How pairs become a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DerivedBy {
    /// The mean of the differences, with its length.
    #[default]
    MeanDifference,
    /// The first principal component of the differences, not centred, of length 1, pointing where their mean points.
    Pca,
}

/// The probability of each label as the next thing said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreOptionsRequest {
    /// Ends where the label is to be said.
    pub prompt: Prompt,
    /// Such as `A`, `B`, `C`.
    pub labels: Vec<String>,
    /// Send a `prompt` event with the exact prompt first.
    #[serde(default)]
    pub echo: bool,
    /// What its layers' outputs are moved along; empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steering: Vec<Steer>,
    /// LoRA adapters that the model is computed with; empty: as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Adapted>,
    /// Its place beside other requests.
    #[serde(flatten)]
    pub handling: Handling,
}

/// The probability of whole texts after one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreContinuationsRequest {
    /// What comes before each of them.
    pub prompt: Prompt,
    /// Tokenised apart from the prompt, as plain text.
    pub continuations: Vec<String>,
    /// Send a `prompt` event with the exact prompt first.
    #[serde(default)]
    pub echo: bool,
    /// What its layers' outputs are moved along; empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steering: Vec<Steer>,
    /// LoRA adapters that the model is computed with; empty: as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Adapted>,
    /// Its place beside other requests.
    #[serde(flatten)]
    pub handling: Handling,
}

/// One line from the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The request it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub ev: Ev,
}

/// What happened.
#[expect(clippy::large_enum_variant, reason = "events are moved a few at a time and never kept in bulk")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
pub enum Ev {
    /// Loading goes on.
    Progress {
        /// From 0 to 1.
        fraction: f32,
    },
    /// The exact prompt of a request that asked for it.
    Prompt {
        /// With control tokens as text.
        text: String,
        /// Its length.
        tokens: usize,
    },
    /// One token of a voice. `text` may be empty while a character or a stop string is unfinished.
    Token {
        /// What was added.
        text: String,
        /// Natural logarithm of its probability under the full softmax at temperature 1; absent for text that was held
        /// back and comes with the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        logprob: Option<f64>,
        /// Its id in the model's vocabulary, for [`GenerateRequest::forced`]; absent as the probability is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<i32>,
        /// Whether it belongs to what the model thinks before it answers.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        thinking: bool,
        /// What it was drawn from, where [`GenerateRequest::alternatives`] asked for that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drawn_from: Option<DrawnFrom>,
    },
    /// The request is answered.
    Done(Answer),
    /// The request failed.
    Error(Refusal),
    /// The request was stopped.
    Cancelled,
    /// How busy the engine is.
    Status(Status),
    /// Something learned about the loaded model after `load` was done.
    Model(ModelReport),
}

/// What ends a request well.
#[expect(clippy::large_enum_variant, reason = "one for each request, and never kept in bulk")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// To `hello`.
    Hello(Hello),
    /// To `load`.
    Loaded(Loaded),
    /// To `generate`.
    Generated(Generated),
    /// To `score_options`.
    Options(OptionScores),
    /// To `score_continuations`.
    Continuations(ContinuationScores),
    /// To `direction`.
    Direction(Known),
    /// To `derive_direction`.
    Derived(Derived),
    /// To `adapter`.
    Adapter(KnownAdapter),
    /// To `embed`.
    Embedded(Embedded),
    /// To `cancel` and `status`.
    Ok,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// One sentence for people.
    pub message: String,
}

/// Kinds of failure a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The request makes no sense to this engine.
    BadRequest,
    /// The two sides speak different versions.
    Version,
    /// The model file cannot be used.
    Model,
    /// It does not fit into memory.
    Memory,
    /// The prompt does not fit into the context.
    Context,
    /// Nothing is loaded.
    NoModel,
    /// Computing failed.
    Compute,
    /// A kind this client does not know.
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_is_one_flat_object() {
        let request = Request { id: 7, op: Op::Cancel { target: 3 } };
        let line = serde_json::to_string(&request).unwrap();
        assert_eq!(line, r#"{"id":7,"op":"cancel","target":3}"#);
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    }

    #[test]
    fn unknown_fields_are_ignored_and_missing_ones_have_defaults() {
        let line = r#"{"id":1,"op":"generate","prompt":{"layout":"raw","text":"a"},"max_tokens":5,"seed":18446744073709551615,"later":true}"#;
        let request: Request = serde_json::from_str(line).unwrap();
        let Op::Generate(generate) = request.op else { unreachable!() };
        assert_eq!((generate.seed, generate.sampler), (u64::MAX, Sampler::default()));
    }

    #[test]
    fn an_answer_names_its_kind() {
        let event = Event { id: Some(2), ev: Ev::Done(Answer::Ok) };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(line, r#"{"id":2,"ev":"done","kind":"ok"}"#);
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn an_impossible_continuation_survives_json() {
        let scores = ContinuationScores { logprobs: vec![vec![-0.5, f64::NEG_INFINITY]], usage: Usage::default() };
        let line = serde_json::to_string(&scores).unwrap();
        assert!(line.contains("[[-0.5,null]]"), "{line}");
        assert_eq!(serde_json::from_str::<ContinuationScores>(&line).unwrap(), scores);
    }

    #[test]
    fn a_code_of_a_later_version_is_still_an_error() {
        let line = r#"{"id":2,"ev":"error","code":"eclipse","message":"The moon."}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.ev, Ev::Error(Refusal { code: RefusalCode::Other, message: "The moon.".into() }));
    }
}
