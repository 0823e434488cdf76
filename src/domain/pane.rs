//! What one method answered: a pane, its voices, its distribution and its measures, in the shape of `parallax.run/1`.

mod conditioned;
mod mixture;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Basis, Mode};

pub use conditioned::PopulationDistribution;
pub use mixture::{MixtureFit, MixtureShown};

/// One mode answered by one method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pane {
    /// What was asked for.
    pub mode: Mode,
    /// How it was produced: a method id.
    pub method: String,
    /// The model that made it, where it is the one beside the run's own: its `name` in the head of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How it ended.
    pub status: PaneStatus,
    /// One sentence, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What has to be known to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The one answer, where the method gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Single answers, in the order of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voices: Vec<Voice>,
    /// Ids of the substantive options, in the order of every `p` and `q` of the pane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
    /// The distribution without any persona.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<BeforeSteering>,
    /// One distribution per persona.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distributions: Vec<PersonaDistribution>,
    /// What steering along a direction does at several strengths, persona after persona.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fan: Vec<SteeredAt>,
    /// The distribution over the substantive options; sums to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<Vec<f64>>,
    /// Probability (exact methods) or share of samples (sampled methods) that fell on any option at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mass: Option<f64>,
    /// Per role of the options that give no opinion, and for refusals and answers that cannot be read: the probability
    /// (exact methods) or the share of all samples (sampled methods).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub non_substantive: BTreeMap<String, f64>,
    /// Number of option orders that were averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<usize>,
    /// Number of samples behind a sampled distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// How the distribution was obtained; absent where the pane has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obtained: Option<Obtained>,
    /// The distribution over all options of the question, in its order, those that give no opinion too; sums to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_whole: Option<Vec<f64>>,
    /// The distribution in each order in which the options were shown, where there was more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_order: Vec<OrderShown>,
    /// The answers of a sampled distribution in the order in which they were drawn: indices into `options`, absent for
    /// answers that give no opinion or cannot be read. A picture of how the shares settle needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<Option<usize>>,
    /// The most probable next tokens where an option was to be named, of the first order: they say why the mass is low.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<TokenShown>,
    /// The same answers by another rule, or with a bias taken out, beside `p`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrected: Vec<CorrectedShown>,
    /// One distribution per population, where the model was asked to answer as one of each; `p` is that of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_population: Vec<PopulationDistribution>,
    /// The weights under which its `distributions` were mixed, where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture: Option<MixtureShown>,
    /// The population the distances are measured to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceShown>,
    /// All populations asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceShown>,
    /// How the tokens of its voices were drawn, by what the voices were for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub samplers: BTreeMap<String, SamplerShown>,
    /// SHA-256 of each wording file the method used.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wordings: BTreeMap<String, String>,
    /// The numbers about it.
    pub measures: Vec<Measure>,
}

impl Pane {
    /// An empty pane.
    pub fn new(mode: Mode, method: &str) -> Self {
        Self {
            mode,
            method: method.to_owned(),
            model: None,
            status: PaneStatus::Done,
            error: None,
            note: None,
            text: None,
            voices: Vec::new(),
            options: None,
            before: None,
            distributions: Vec::new(),
            fan: Vec::new(),
            p: None,
            mass: None,
            non_substantive: BTreeMap::new(),
            orders: None,
            samples: None,
            obtained: None,
            p_whole: None,
            per_order: Vec::new(),
            draws: Vec::new(),
            top: Vec::new(),
            corrected: Vec::new(),
            by_population: Vec::new(),
            mixture: None,
            reference: None,
            references: Vec::new(),
            samplers: BTreeMap::new(),
            wordings: BTreeMap::new(),
            measures: Vec::new(),
        }
    }

    /// The pane as it is when it could not even start, with the reason.
    pub fn skipped(mode: Mode, method: &str, note: impl Into<String>) -> Self {
        Self { status: PaneStatus::Skipped, note: Some(note.into()), ..Self::new(mode, method) }
    }

    /// The measure `id`, for `persona` where measures are per persona.
    pub fn measure(&self, id: &str, persona: Option<&str>) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.id == id && measure.persona.as_deref() == persona)
    }

    /// Notes how many voices thought and came to no answer, if any did.
    pub fn note_unanswered(&mut self) {
        let unanswered = self.voices.iter().filter(|voice| voice.is_unanswered()).count();
        if unanswered > 0 {
            self.add_note(&format!(
                "{unanswered} of {} voices thought and came to no answer before they ended; more tokens (--max-tokens) give them room",
                self.voices.len()
            ));
        }
    }

    /// Adds `note` to what is already noted.
    pub fn add_note(&mut self, note: &str) {
        match &mut self.note {
            Some(notes) => {
                notes.push_str("; ");
                notes.push_str(note);
            }
            None => self.note = Some(note.to_owned()),
        }
    }
}

/// How a distribution was obtained: what the model would say, what it does say, what it says that people say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Obtained {
    /// Read from the model's probabilities.
    Exact,
    /// Counted over answers that were drawn.
    Sampled,
    /// Said by the model in numbers.
    Stated,
    /// Fitted to data: only its held-out distance says how good it is.
    Fitted,
}

/// The distribution when the options were shown in one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderShown {
    /// Ids of all options, by slot.
    pub order: Vec<String>,
    /// Over the substantive options, in the order of the pane's `options`; sums to 1.
    pub p: Vec<f64>,
    /// Probability or share of any option.
    pub mass: f64,
}

/// A possible next token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenShown {
    /// As text; bytes that are no text are replaced.
    pub text: String,
    /// Under the full softmax at temperature 1.
    pub p: f64,
}

/// Another distribution out of what a pane read, beside the one it shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorrectedShown {
    /// By which rule: `length-normalised`, `pmi`, `pride`, …; `docs/measures.md` lists them.
    pub by: String,
    /// Over the substantive options, in the order of the pane's `options`; sums to 1.
    pub p: Vec<f64>,
    /// What has to be known to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The numbers about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
}

/// How tokens were drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SamplerShown {
    /// 0 takes the most probable token.
    pub temperature: f64,
    /// 1 keeps all tokens.
    pub top_p: f64,
    /// 0 keeps all tokens.
    pub top_k: u32,
}

/// How a pane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaneStatus {
    /// Everything is there.
    Done,
    /// `error` says why not.
    Failed,
    /// Stopped by the user.
    Cancelled,
    /// Not applicable; `note` says why.
    Skipped,
}

/// One generated answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Voice {
    /// Unique in the run.
    pub id: String,
    /// Whom it speaks as; absent for the model's own voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The answer.
    pub text: String,
    /// What it thought before it answered; absent where it thought nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Tokens generated.
    pub tokens: usize,
    /// Those of them that were thinking, marks included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub thinking_tokens: usize,
    /// Why it ended.
    pub finish: Finish,
    /// Mean of the negative natural logarithm of its answer's tokens' probabilities, of the full softmax at temperature 1, in
    /// nats a token; the token that ends an answer is not among them. Absent where no token's probability is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surprisal: Option<f64>,
    /// Its tokens as they were drawn, thinking included, each with what might have been said instead: kept while it was
    /// written, never computed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<TokenSaid>,
    /// The option it chose, where it was asked to choose and did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    /// `refusal` or `abstention`, where it reads like one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stance: Option<String>,
}

/// A token that was drawn. Probabilities are of the full softmax at temperature 1, before sampler and grammar; single
/// precision, because a long answer has thousands of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenSaid {
    /// As text; bytes that are no text are replaced.
    pub text: String,
    /// Its probability.
    pub p: f32,
    /// The most probable tokens that were not drawn, with their probabilities, most probable first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<(String, f32)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Voice {
    /// Whether it thought, and ended by itself or by a limit before it answered anything.
    pub fn is_unanswered(&self) -> bool {
        self.text.is_empty() && self.thinking_tokens > 0 && !matches!(self.finish, Finish::Cancelled | Finish::Error)
    }
}

/// A sample's reading as an option; kept beside the voice while a pane is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampledVoice {
    /// Index into the options of the question.
    Option(usize),
    /// A refusal in free text.
    Refusal,
    /// Neither an option nor a refusal.
    Invalid,
}

/// Why a voice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model ended its answer, or a stop string did.
    Stop,
    /// The limit of tokens was reached.
    Length,
    /// The context was full.
    Context,
    /// The time limit was reached.
    Time,
    /// Stopped by the user.
    Cancelled,
    /// The engine failed.
    Error,
}

/// The model's distribution without any persona.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BeforeSteering {
    /// Over the substantive options; sums to 1.
    pub p: Vec<f64>,
    /// Probability of any option.
    pub mass: f64,
    /// Why the numbers are not to be trusted, where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The distribution of one persona.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaDistribution {
    /// The persona's id.
    pub persona: String,
    /// Over the substantive options; sums to 1.
    pub p: Vec<f64>,
    /// Probability of any option.
    pub mass: f64,
    /// The same in each order in which the options were shown, where there was more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_order: Vec<OrderShown>,
    /// Why the numbers are not to be trusted, where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What one persona's direction does at one strength.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteeredAt {
    /// The persona's id.
    pub persona: String,
    /// Multiplied the direction.
    pub strength: f64,
    /// How long that is, as a share of the mean length of what the model's layers put out: the mean over the layers in use.
    /// Its sign is that of the strength.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Over the substantive options; sums to 1. Absent where the question has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<Vec<f64>>,
    /// Probability of any option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mass: Option<f64>,
    /// Jensen-Shannon distance, base 2, from the distribution without steering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift_js_distance_2: Option<f64>,
    /// Perplexity of a neutral text over its perplexity without steering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perplexity_ratio: Option<f64>,
}

/// A reference as a pane shows it: over the substantive options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceShown {
    /// The population's id.
    pub population: String,
    /// For people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Over the substantive options; sums to 1.
    pub q: Vec<f64>,
    /// Over all options of the question, in its order, those that give no opinion too; sums to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q_whole: Option<Vec<f64>>,
    /// People asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Year of the field work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// Where the numbers come from.
    pub basis: Basis,
    /// Share of people who gave no substantive answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub non_substantive: Option<f64>,
    /// The source in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What has to be said beside the figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One number about a run. `docs/measures.md` lists the ids with unit and base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Names the formula, its unit and its base.
    pub id: String,
    /// The number; absent, with a note, when it could not be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The method it is about, where it is about several panes of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The method whose pane stands beside that one, where it is about two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// The model whose panes it is about, where it is the one beside the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The persona it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The population it is measured to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<String>,
    /// Its confidence interval, lower and upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The level of the interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    /// The value to expect when the model is perfect and only chance is at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_floor: Option<f64>,
    /// Number of things counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// How it was obtained, or why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Measure {
    /// A number without more; a value that is no number becomes absent.
    pub fn new(id: &str, value: f64) -> Self {
        Self {
            id: id.to_owned(),
            value: value.is_finite().then_some(value),
            method: None,
            beside: None,
            model: None,
            persona: None,
            population: None,
            interval: None,
            level: None,
            noise_floor: None,
            n: None,
            note: None,
        }
    }

    /// A number that could not be computed, and why.
    pub fn absent(id: &str, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..Self::new(id, f64::NAN) }
    }

    /// About panes of this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// About the pane of one method and, beside it, that of another.
    #[must_use]
    pub fn methods(mut self, method: &str, beside: &str) -> Self {
        self.beside = Some(beside.to_owned());
        self.method(method)
    }

    /// About this persona.
    #[must_use]
    pub fn persona(mut self, persona: &str) -> Self {
        self.persona = Some(persona.to_owned());
        self
    }

    /// Measured to this population.
    #[must_use]
    pub fn population(mut self, population: &str) -> Self {
        self.population = Some(population.to_owned());
        self
    }

    /// Counted over `n`.
    #[must_use]
    pub fn n(mut self, n: usize) -> Self {
        self.n = Some(n as u64);
        self
    }

    /// With how it was obtained.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}
