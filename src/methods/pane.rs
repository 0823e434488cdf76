//! What a method works with: the request, the engine, and the voices of its pane.

mod adapters;
mod remembered;
mod steering;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::asked::Asked;
use super::{LetteredOption, MethodError, MethodFacts, RunSpec, Texts};
use crate::domain::{
    Finish, Mode, Pane, PaneStatus, PromptSent, RunEvent, SamplerShown, TokenSaid, Turn, TurnRole, Voice,
};
use crate::engine::protocol::{
    Adapted, DrawnFrom, GenerateRequest, Handling, Loaded, Prompt, Sampler, ScoreContinuationsRequest, Steer, Thinking,
    Usage,
};
use crate::engine::{EngineClient, EngineError, GenerationEvent};
use crate::measure::{OptionReading, ReplyKind, classify_reply, named_seed};

pub use remembered::Remembered;

/// The most probable tokens from which text is drawn; the rest is noise that costs time.
const TEXT_TOP_K: u32 = 64;
/// What might have been said instead of each token, kept for reading later.
const ALTERNATIVES: u32 = 5;

/// An engine with a model loaded.
#[derive(Debug, Clone)]
pub struct EngineInUse {
    /// The engine.
    pub client: EngineClient,
    /// The model.
    pub loaded: Loaded,
    /// What it was asked before about questions that were not a run's own; shared by the runs that use it.
    pub remembered: Remembered,
}

/// The engines of a run: a process and a model each, which know nothing of each other.
#[derive(Debug, Clone)]
pub struct Engines {
    /// Of the run's own model.
    pub own: EngineInUse,
    /// Of the model beside it.
    pub beside: Option<EngineInUse>,
}

impl From<EngineInUse> for Engines {
    fn from(own: EngineInUse) -> Self {
        Self { own, beside: None }
    }
}

/// A pane being made.
pub struct PaneContext {
    index: usize,
    spec: Arc<RunSpec>,
    engine: EngineInUse,
    texts: Arc<dyn Texts>,
    events: UnboundedSender<RunEvent>,
    state: Mutex<State>,
}

impl std::fmt::Debug for PaneContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaneContext").field("index", &self.index).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    /// All voices that were started, in that order; those still running end with `cancelled` for now.
    voices: Vec<Voice>,
    usage: Usage,
    samplers: BTreeMap<String, SamplerShown>,
    /// By persona; see [`PaneContext::with_adapters`].
    adapters: BTreeMap<String, Adapted>,
    /// What [`PaneContext::so_far`] was last told.
    so_far: Option<Pane>,
}

/// How one voice is asked for.
#[derive(Debug, Clone)]
pub(super) struct VoiceRequest {
    /// What it is for.
    pub(super) part: &'static str,
    /// Its place in the pane, from 0; its seed follows from it.
    pub(super) number: usize,
    /// Whom it speaks as.
    pub(super) persona: Option<String>,
    /// What it reads.
    pub(super) prompt: Prompt,
    /// GBNF that the answer must follow.
    pub(super) grammar: Option<String>,
    pub(super) max_tokens: usize,
    /// The method's own, where the user chose none.
    pub(super) temperature: f64,
    pub(super) top_p: f64,
}

/// Tokens, and the sum of their log-probabilities in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Surprisal {
    tokens: usize,
    logprob: f64,
}

impl Surprisal {
    fn add(&mut self, logprob: f64) {
        self.tokens += 1;
        self.logprob += logprob;
    }

    /// Nats a token; `None` without tokens.
    fn mean(self) -> Option<f64> {
        let mean = -self.logprob / self.tokens as f64;
        // A certain token's probability may be above 1 by rounding, and minus 0 is no number to show.
        mean.is_finite().then_some(if mean > 0.0 { mean } else { 0.0 })
    }
}

/// The tokens of a voice that is being written.
#[derive(Debug, Default)]
struct Count {
    all: usize,
    thinking: usize,
    answer: Surprisal,
    /// Those whose text is held back.
    untold: Surprisal,
}

impl Count {
    /// Takes in one token and gives what goes with its text: nothing while that is held back and may be of the answer.
    fn token(&mut self, text: &str, logprob: Option<f64>, is_thinking: bool) -> Option<Surprisal> {
        // Without one it is no token, but text that was held back to the end.
        if let Some(logprob) = logprob {
            self.all += 1;
            self.untold.add(logprob);
        }
        if text.is_empty() && (!is_thinking || self.untold.tokens == 0) {
            return None;
        }
        let told = std::mem::take(&mut self.untold);
        if is_thinking {
            self.thinking += told.tokens;
        } else {
            self.answer.tokens += told.tokens;
            self.answer.logprob += told.logprob;
        }
        Some(told)
    }
}

impl PaneContext {
    pub(super) fn new(
        index: usize,
        spec: Arc<RunSpec>,
        engine: EngineInUse,
        texts: Arc<dyn Texts>,
        events: UnboundedSender<RunEvent>,
    ) -> Self {
        Self { index, spec, engine, texts, events, state: Mutex::default() }
    }

    /// Panes share the engine fairly: the many prompts of one hold up no other.
    fn handling(&self) -> Handling {
        Handling { group: u32::try_from(self.index).unwrap_or(u32::MAX), ..Handling::default() }
    }

    /// Its place in the request.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What the run is asked to do.
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// Its mode and method.
    pub fn identity(&self) -> (Mode, String) {
        self.spec.panes[self.index].clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn usage(&self) -> Usage {
        self.state().usage
    }

    /// How the tokens of its voices were drawn.
    pub(super) fn samplers(&self) -> BTreeMap<String, SamplerShown> {
        self.state().samplers.clone()
    }

    pub(super) fn send(&self, event: RunEvent) {
        // A reader that is gone reads nothing.
        let _ = self.events.send(event);
    }

    /// A pane of this method with the hashes of its wordings.
    pub(super) fn begin(&self, facts: &MethodFacts) -> Result<Pane, MethodError> {
        let mut pane = Pane::new(facts.mode, facts.id);
        for file in facts.wordings {
            pane.wordings.insert((*file).to_owned(), self.texts.hash(file).map_err(MethodError::Text)?);
        }
        Ok(pane)
    }

    /// Shows the pane as far as its numbers are known.
    pub(super) fn so_far(&self, result: Pane) {
        self.state().so_far = Some(result.clone());
        self.send(RunEvent::PaneSoFar { pane: self.index, result: Box::new(result) });
    }

    /// The pane as far as it came. One that was stopped keeps the numbers that were on the screen.
    pub(super) fn unfinished(&self, status: PaneStatus, error: Option<String>) -> Pane {
        let (mode, id) = self.identity();
        let mut state = self.state();
        let mut pane = match state.so_far.take().filter(|_| status == PaneStatus::Cancelled) {
            Some(mut so_far) => {
                so_far.add_note("stopped early: the numbers are of what had come in, without intervals of distances");
                so_far
            }
            None => Pane::new(mode, &id),
        };
        (pane.status, pane.error) = (status, error);
        let mut written = 0;
        for voice in &mut state.voices {
            if voice.finish == Finish::Cancelled {
                written += voice.tokens;
                if status == PaneStatus::Failed {
                    voice.finish = Finish::Error;
                }
            }
        }
        state.usage.generated_tokens += written;
        pane.voices.clone_from(&state.voices);
        pane
    }

    /// [`Asked::text`] of the run's own question.
    pub(super) fn text(&self, file: &str, name: &str, values: Value) -> Result<String, MethodError> {
        Asked::own(self).text(file, name, values)
    }

    /// Whether the model was never taught to answer, but only to go on.
    pub(super) fn is_base_model(&self) -> bool {
        self.engine.loaded.template == "plain"
    }

    /// [`Asked::chat`] of the run's own question.
    pub(super) fn chat(&self, text: String, prefill: Option<String>) -> Prompt {
        Asked::own(self).chat(text, prefill)
    }

    /// A prompt without the question's earlier turns, for what stands in the place of a question.
    pub(super) fn chat_alone(text: String, prefill: Option<String>) -> Prompt {
        Prompt::Chat { turns: vec![Turn { role: TurnRole::User, content: text }], prefill }
    }

    /// [`Asked::lettered`] of the run's own question.
    pub(super) fn lettered(&self, indices: &[usize]) -> Vec<LetteredOption> {
        Asked::own(self).lettered(indices)
    }

    /// The seed of draws with this name.
    pub(super) fn seed(&self, name: &str, number: usize) -> u64 {
        let (mode, id) = self.identity();
        named_seed(self.spec.seed, &[mode.id(), &id, name, &number.to_string()])
    }

    /// Writes one voice to its end.
    pub(super) async fn voice(&self, request: VoiceRequest) -> Result<Voice, MethodError> {
        let draws = request.number;
        self.voice_steered(request, Vec::new(), draws).await
    }

    /// Writes one voice to its end, steered. Voices with the same number of `draws` draw alike: what differs is not luck.
    pub(super) async fn voice_steered(
        &self,
        request: VoiceRequest,
        steering: Vec<Steer>,
        draws: usize,
    ) -> Result<Voice, MethodError> {
        let id = format!("{}.{}", self.index + 1, request.number + 1);
        let place = self.open(&id, request.persona.as_deref());
        let top_p = self.spec.top_p.unwrap_or(request.top_p);
        let shown = SamplerShown {
            temperature: self.spec.temperature.unwrap_or(request.temperature),
            top_p,
            // A top-p that the user chose is taken as it is.
            top_k: if top_p < 1.0 && self.spec.top_p.is_none() { TEXT_TOP_K } else { 0 },
        };
        self.state().samplers.insert(request.part.to_owned(), shown);
        #[expect(clippy::cast_possible_truncation, reason = "samplers work in single precision")]
        let sampler = Sampler {
            temperature: shown.temperature as f32,
            top_p: shown.top_p as f32,
            top_k: shown.top_k,
            ..Sampler::default()
        };
        let mut generation = self.engine.client.generate(GenerateRequest {
            prompt: request.prompt,
            max_tokens: self.limit(request.max_tokens),
            sampler,
            seed: self.seed("voice", draws),
            stop: self.stops(),
            grammar: request.grammar,
            time_limit_ms: None,
            echo: true,
            thinking: Thinking::Auto,
            forced: Vec::new(),
            steering,
            adapters: self.adapters_of(request.persona.as_deref()),
            alternatives: ALTERNATIVES,
            handling: self.handling(),
        });
        let mut count = Count::default();
        while let Some(event) = generation.next().await {
            match event? {
                GenerationEvent::Prompt { text, tokens } => self.prompt_sent(&id, text, tokens),
                GenerationEvent::Token { text, logprob, thinking, drawn_from, .. } => {
                    let told = count.token(&text, logprob, thinking);
                    let mut state = self.state();
                    let voice = &mut state.voices[place];
                    match thinking {
                        true if text.is_empty() => {}
                        true => voice.thinking.get_or_insert_default().push_str(&text),
                        false => voice.text.push_str(&text),
                    }
                    (voice.tokens, voice.thinking_tokens) = (count.all, count.thinking);
                    voice.surprisal = count.answer.mean();
                    voice.said.extend(said(logprob, drawn_from));
                    drop(state);
                    if let Some(Surprisal { tokens, logprob }) = told {
                        let logprob = (tokens > 0).then_some(logprob);
                        let voice = id.clone();
                        let delta = text;
                        let pane = self.index;
                        self.send(RunEvent::VoiceText { pane, voice, delta, tokens, logprob, thinking });
                    }
                }
                GenerationEvent::Done(generated) => {
                    // To lay out sides without taking one is what the Overton mode asks for.
                    let is_task = |stance: &String| self.identity().0 == Mode::Overton && stance == "abstention";
                    let stance = stance(&generated.text).filter(|stance| !is_task(stance));
                    let said = std::mem::take(&mut self.state().voices[place].said);
                    let voice = Voice {
                        id,
                        said,
                        persona: request.persona,
                        text: generated.text.trim().to_owned(),
                        thinking: generated.thinking.map(|thinking| thinking.trim().to_owned()),
                        tokens: generated.usage.generated_tokens,
                        thinking_tokens: generated.usage.thinking_tokens,
                        finish: generated.finish,
                        surprisal: count.answer.mean(),
                        option: None,
                        stance,
                    };
                    self.add(generated.usage);
                    self.state().voices[place] = voice.clone();
                    return Ok(voice);
                }
            }
        }
        Err(EngineError::Cancelled.into())
    }

    /// Tells the readers that a voice is as it stays. Apart from [`Self::voice`], so that a method can add the option
    /// it read before.
    pub(super) fn voice_done(&self, voice: &Voice) {
        if let Some(known) = self.state().voices.iter_mut().find(|known| known.id == voice.id) {
            known.clone_from(voice);
        }
        self.send(RunEvent::VoiceDone { pane: self.index, voice: Box::new(voice.clone()) });
    }

    fn open(&self, id: &str, persona: Option<&str>) -> usize {
        let persona = persona.map(str::to_owned);
        let mut state = self.state();
        state.voices.push(Voice {
            id: id.to_owned(),
            persona: persona.clone(),
            text: String::new(),
            thinking: None,
            tokens: 0,
            thinking_tokens: 0,
            finish: Finish::Cancelled,
            surprisal: None,
            said: Vec::new(),
            option: None,
            stance: None,
        });
        self.send(RunEvent::VoiceStarted { pane: self.index, voice: id.to_owned(), persona });
        state.voices.len() - 1
    }

    /// Most tokens of a voice whose method wants no more than `own`. That is said of answers: a model that thinks first
    /// gets as many as the run allows, for else it would never come to one.
    fn limit(&self, own: usize) -> usize {
        let own = if self.engine.loaded.reasoning.is_some() { usize::MAX } else { own };
        own.min(self.spec.max_tokens)
    }

    /// A model that only goes on would ask itself the next question.
    fn stops(&self) -> Vec<String> {
        if self.is_base_model() { vec!["\nQuestion:".to_owned()] } else { Vec::new() }
    }

    fn prompt_sent(&self, purpose: &str, text: String, tokens: usize) {
        let prompt = PromptSent { purpose: purpose.to_owned(), text, tokens };
        self.send(RunEvent::Prompt { pane: self.index, prompt });
    }

    /// The natural logarithms of the probabilities of each text's tokens after a prompt.
    pub(super) async fn score_texts(
        &self,
        purpose: &str,
        prompt: Prompt,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f64>>, MethodError> {
        let request = ScoreContinuationsRequest {
            prompt,
            continuations: texts,
            echo: true,
            steering: Vec::new(),
            adapters: Vec::new(),
            handling: self.handling(),
        };
        let prompt = |text, tokens| self.prompt_sent(purpose, text, tokens);
        let scores = self.engine.client.score_continuations(request, prompt).await?;
        self.add(scores.usage);
        Ok(scores.logprobs)
    }

    fn add(&self, usage: Usage) {
        let total = &mut self.state().usage;
        total.prompt_tokens += usage.prompt_tokens;
        total.computed_prompt_tokens += usage.computed_prompt_tokens;
        total.generated_tokens += usage.generated_tokens;
        total.thinking_tokens += usage.thinking_tokens;
    }
}

/// A token as the record keeps it; `None` for text that came with no token of its own.
fn said(logprob: Option<f64>, drawn_from: Option<DrawnFrom>) -> Option<TokenSaid> {
    let (logprob, DrawnFrom { piece, others }) = (logprob?, drawn_from?);
    #[expect(clippy::cast_possible_truncation, reason = "kept in single precision")]
    let single = |p: f64| p as f32;
    let others = others.into_iter().map(|other| (other.text, single(other.p))).collect();
    Some(TokenSaid { text: piece, p: single(logprob.exp()), others })
}

fn stance(text: &str) -> Option<String> {
    match classify_reply(text, OptionReading::default()).kind {
        ReplyKind::Refusal => Some("refusal".to_owned()),
        ReplyKind::Abstention => Some("abstention".to_owned()),
        ReplyKind::Answer | ReplyKind::Invalid => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprisal_is_a_mean_of_what_is_known() {
        let mut told = Surprisal::default();
        assert_eq!(told.mean(), None);
        told.add(0.0);
        assert_eq!(told.mean().map(f64::to_bits), Some(0.0f64.to_bits()), "no minus 0");
        told.add(-1.0);
        told.add(-3.5);
        assert_eq!((told.tokens, told.mean()), (3, Some(1.5)));
    }

    #[test]
    fn tokens_without_text_go_with_the_text_that_comes() {
        let mut count = Count::default();
        let told =
            [("", Some(-1.0)), ("", Some(-2.0)), ("€", Some(-0.5)), (" a", Some(-4.0)), ("", Some(-0.5)), ("b", None)];
        let told =
            told.map(|(text, logprob)| count.token(text, logprob, false).map(|told| (told.tokens, told.logprob)));
        assert_eq!(told, [None, None, Some((3, -3.5)), Some((1, -4.0)), None, Some((1, -0.5))]);
        assert_eq!((count.all, count.answer.mean()), (5, Some(1.6)));
        assert_eq!(count.token("c", None, false), Some(Surprisal::default()), "text alone is no token");
    }

    #[test]
    fn thinking_is_counted_apart_and_surprises_nobody() {
        let mut count = Count::default();
        // Half a mark, the rest of it, a thought, the closing mark, the answer.
        let told = [("", -1.0, false), ("", -2.0, true), ("so", -3.0, true), ("", -4.0, true), ("Yes", -0.5, false)];
        let told = told.map(|(text, logprob, is_thinking)| {
            count.token(text, Some(logprob), is_thinking).map(|told| (told.tokens, told.logprob))
        });
        assert_eq!(told, [None, Some((2, -3.0)), Some((1, -3.0)), Some((1, -4.0)), Some((1, -0.5))]);
        assert_eq!((count.all, count.thinking, count.answer.mean()), (5, 4, Some(0.5)));
    }
}
