//! The record of a run: `parallax.run/1`.

use serde::{Deserialize, Serialize};

use super::{Measure, Mode, Pane, Question, Role};

/// The name and version of the JSON of a run.
pub const SCHEMA: &str = "parallax.run/1";

/// One question x modes x methods x personas x model x seed, with everything it gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What was asked, of which model, how.
    pub run: RunHead,
    /// The answers, in the order of the request.
    pub panes: Vec<Pane>,
    /// Numbers about several panes together, such as how far methods disagree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
    /// The only part, with `run.id` and `run.started`, in which two runs of one seed differ.
    pub timing: Timing,
}

impl Run {
    /// The same without the single tokens of its voices, which are most of its length.
    #[must_use]
    pub fn without_tokens(mut self) -> Self {
        self.panes.iter_mut().flat_map(|pane| &mut pane.voices).for_each(|voice| voice.said = Vec::new());
        self
    }
}

/// What was asked, of which model, how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// Unique.
    pub id: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// Every draw of the run follows from it.
    pub seed: u64,
    /// The model.
    pub model: ModelFacts,
    /// The engine.
    pub engine: EngineFacts,
    /// The question.
    pub question: QuestionShown,
    /// Personas in the order of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personas: Vec<String>,
    /// Sampler settings.
    pub settings: Settings,
    /// SHA-256 of all that the answer follows from: runs with the same one need not be asked again. Absent in records of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The second model, where the run has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

impl RunHead {
    /// What the model of the pane at this place is called, where it is not the run's own.
    pub fn model_beside(&self, pane: usize) -> Option<&str> {
        self.beside.as_ref().filter(|beside| beside.panes.contains(&pane)).map(|beside| beside.name.as_str())
    }
}

/// A second model beside the run's own, which makes panes of its own from the same request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// What `model` of its panes says; never what the run's own model is called.
    pub name: String,
    /// The model.
    pub model: ModelFacts,
    /// Its engine.
    pub engine: EngineFacts,
    /// Places of its panes in the request.
    pub panes: Vec<usize>,
}

/// What a model file says about itself, and its checksum.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModelFacts {
    /// On the engine's side.
    pub path: String,
    /// As the file calls itself.
    pub name: String,
    /// llama.cpp's name of the architecture.
    pub arch: String,
    /// Number of weights.
    pub parameters: u64,
    /// Such as `Q4_1`.
    pub quantisation: String,
    /// Of the file, lower-case hexadecimal; absent where the engine has no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Which engine ran, and what it promises about repeating the run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EngineFacts {
    /// `llama`, `scripted` or the command's name.
    pub kind: String,
    /// Versions of the engine and of llama.cpp.
    pub build: String,
    /// `audit` or `fast`.
    pub profile: String,
    /// `bit-exact`, `same-build`, `statistical` or `untested`.
    pub class: String,
    /// Tokens the context holds, over all sequences.
    pub context: u32,
    /// Sequences that can run at once.
    pub sequences: u32,
    /// Threads that compute.
    pub threads: u32,
    /// How prompts are laid out: `chat`, `chat-builtin` or `plain`.
    pub template: String,
}

/// The question as the record keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionShown {
    /// Empty for a question asked on the command line.
    pub pack: String,
    /// Unique in its pack.
    pub id: String,
    /// As it was asked.
    pub text: String,
    /// All options, those that give no opinion too.
    pub options: Vec<OptionShown>,
}

impl From<&Question> for QuestionShown {
    fn from(question: &Question) -> Self {
        Self {
            pack: question.pack.clone(),
            id: question.id.clone(),
            text: question.text.clone(),
            options: question
                .options
                .iter()
                .map(|option| OptionShown {
                    id: option.id.clone(),
                    label: option.label.clone(),
                    role: option.role,
                    value: option.value,
                })
                .collect(),
        }
    }
}

/// An option as the record keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptionShown {
    /// Unique in its question.
    pub id: String,
    /// As it was shown.
    pub label: String,
    /// Whether it expresses an opinion.
    pub role: Role,
    /// Its position on a scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// Settings of a run, as chosen by the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Most tokens of one voice.
    pub max_tokens: usize,
    /// Samples of sampled methods.
    pub samples: usize,
    /// Of generated text; absent means each method's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Of generated text; absent means each method's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Mode and method of every pane, in the order of the request.
    pub methods: Vec<(Mode, String)>,
}

/// How long it took and what it cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Timing {
    /// From the request to the last pane, model loading aside; absent for a run that never ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
    /// Loading of the model, or of both one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_ms: Option<u64>,
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Those of them that had to be computed; the rest was reused. Absent for a run that never ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed_prompt_tokens: Option<u64>,
    /// Tokens of all voices.
    pub generated_tokens: u64,
    /// What each pane took, in the order of the panes; empty for a run that never ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub panes: Vec<PaneTiming>,
}

/// How long one pane took and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PaneTiming {
    /// From the request to its end, beside everything else that ran meanwhile.
    pub ms: u64,
    /// Tokens of its prompts.
    pub prompt_tokens: u64,
    /// Those of them that had to be computed.
    pub computed_prompt_tokens: u64,
    /// Tokens of its voices.
    pub generated_tokens: u64,
}
