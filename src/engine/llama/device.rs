//! llama.cpp as a [`Device`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Services;
use super::adapter::Adapter;
use super::apart::Apart;
use super::ffi::{Context, ContextSettings, Model};
use super::sampler::Drawer;
use super::template::Template;
use super::vocab::Vocabulary;
use crate::domain::Turn;
use crate::engine::memory::free;
use crate::engine::protocol::{KnownAdapter, Prompt, Refusal, RefusalCode, Sampler, Thinking};
use crate::engine::reasoning::Manner;
use crate::engine::scheduler::device::{
    DecodeFault, Device, Draw, LastStates, Limits, Pulse, Rendered, Row, Seq, Token,
};
use crate::engine::steering::{Residual, SteeredBy, Steering};

/// Marks the place of untrusted text in a rendered template: private-use characters that no vocabulary knows as one
/// token, and that no template touches.
const SENTINEL: (char, char) = ('\u{f8f0}', '\u{f8f1}');

/// A model with a context.
pub(super) struct LlamaDevice {
    // Freed before the model, which it also keeps alive by itself.
    pub(super) context: Context,
    pub(super) model: Arc<Model>,
    pub(super) vocabulary: Vocabulary,
    pub(super) template: Template,
    /// How it thinks before it answers.
    pub(super) manner: Option<Manner>,
    pub(super) limits: Limits,
    pub(super) settings: ContextSettings,
    pub(super) pulse: Pulse,
    pub(super) workshop: Workshop,
    /// What is known of each adapter that was read, and its number is its place.
    pub(super) adapters: Vec<(KnownAdapter, Adapter)>,
    pub(super) is_adapted: bool,
    pub(super) by: SteeredBy,
    /// Whether that was decided by whoever started the engine.
    pub(super) by_is_fixed: bool,
    pub(super) apart: Apart,
}

/// What adapters are checked with.
pub(super) struct Workshop {
    pub(super) services: Services,
    /// The model's file; of a split model the first.
    pub(super) model: PathBuf,
    pub(super) data: Option<PathBuf>,
}

/// Adapters that may be read for one model.
const MOST_ADAPTERS: usize = 64;

impl LlamaDevice {
    fn tokens(&self, text: &str, parse_special: bool) -> Vec<Token> {
        let tokens = self.model.vocab().tokenize(text.as_bytes(), false, parse_special);
        tokens.into_iter().map(|token| token.0).collect()
    }

    /// Puts the token before `tokens` that every text of this model begins with, unless it is there.
    fn begin(&self, mut tokens: Vec<Token>) -> Vec<Token> {
        let vocab = self.model.vocab();
        let bos = vocab.bos().0;
        if vocab.should_add_bos() && bos >= 0 && tokens.first() != Some(&bos) {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// The turns up to the answer: where nothing is to be thought, up to the place behind the thinking.
    fn layout(&self, turns: &[Turn], thinking: Thinking) -> Result<String, Refusal> {
        let manner = self.manner.filter(|_| thinking == Thinking::Off);
        let switch = manner.and_then(|manner| manner.switch).map(|name| (name, false));
        let text = self.template.render(&self.model, turns, switch).map_err(|error| Refusal {
            code: RefusalCode::BadRequest,
            message: format!("the chat template of the model refuses the conversation: {}", error.0),
        })?;
        let closing = manner.map(|manner| manner.closing(&text)).unwrap_or_default();
        Ok(text + &closing)
    }

    /// Text that spells control tokens must not become them. The template is rendered with sentinels in place of the
    /// turns, and the turns are tokenised apart, as plain text.
    fn render_guarded(&self, turns: &[Turn], prefill: &str, thinking: Thinking) -> Result<Rendered, Refusal> {
        let sentinel = |index: usize| format!("{}{index}{}", SENTINEL.0, SENTINEL.1);
        let marked: Vec<Turn> =
            turns.iter().enumerate().map(|(index, turn)| Turn { content: sentinel(index), ..turn.clone() }).collect();
        let layout = self.layout(&marked, thinking)?;
        let (mut tokens, mut text, mut rest) = (Vec::new(), String::new(), layout.as_str());
        while let Some((before, after)) = rest.split_once(SENTINEL.0) {
            let Some((index, after)) = after.split_once(SENTINEL.1) else { break };
            let content = index.parse().ok().and_then(|index: usize| turns.get(index)).map_or("", |turn| &turn.content);
            tokens.extend(self.tokens(before, true));
            tokens.extend(self.tokens(content, false));
            text.push_str(before);
            text.push_str(content);
            rest = after;
        }
        tokens.extend(self.tokens(rest, true));
        tokens.extend(self.tokens(prefill, false));
        text.push_str(rest);
        text.push_str(prefill);
        Ok(Rendered { tokens: self.begin(tokens), text })
    }

    fn rendered(&self, prompt: &Prompt, thinking: Thinking) -> Result<Rendered, Refusal> {
        match prompt {
            Prompt::Raw { text } => {
                let parse_special = !self.vocabulary.has_control(text);
                Ok(Rendered { tokens: self.begin(self.tokens(text, parse_special)), text: text.clone() })
            }
            Prompt::Chat { turns, prefill } => {
                let prefill = prefill.as_deref().unwrap_or("");
                let is_hostile =
                    |text: &str| self.vocabulary.has_control(text) || text.contains([SENTINEL.0, SENTINEL.1]);
                if is_hostile(prefill) || turns.iter().any(|turn| is_hostile(&turn.content)) {
                    let turns: Vec<Turn> = turns
                        .iter()
                        .map(|turn| Turn {
                            content: turn.content.replace([SENTINEL.0, SENTINEL.1], " "),
                            ..turn.clone()
                        })
                        .collect();
                    return self.render_guarded(&turns, prefill, thinking);
                }
                let text = self.layout(turns, thinking)? + prefill;
                Ok(Rendered { tokens: self.begin(self.tokens(&text, true)), text })
            }
        }
    }
}

impl Device for LlamaDevice {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn render(&self, prompt: &Prompt) -> Result<Rendered, Refusal> {
        self.rendered(prompt, Thinking::Auto)
    }

    fn render_at_once(&self, prompt: &Prompt) -> Result<Rendered, Refusal> {
        self.rendered(prompt, Thinking::Off)
    }

    fn manner(&self) -> Option<Manner> {
        self.manner
    }

    fn tokenise(&self, text: &str) -> Vec<Token> {
        self.tokens(text, false)
    }

    fn piece(&self, token: Token) -> Vec<u8> {
        self.vocabulary.piece(token).to_vec()
    }

    fn vocabulary_size(&self) -> usize {
        usize::try_from(self.model.n_vocab()).unwrap_or(0)
    }

    fn is_end(&self, token: Token) -> bool {
        self.vocabulary.is_end(token)
    }

    fn spellings(&mut self, label: &str) -> Vec<Token> {
        self.vocabulary.spellings(label)
    }

    fn decode(&mut self, rows: &[Row]) -> Result<(), DecodeFault> {
        self.apart.forget();
        let is_adapted = self.is_adapted;
        let decode = |context: &mut Context, rows: &[Row]| {
            if is_adapted { context.decode_adapted(rows) } else { context.decode(rows) }
        };
        let hook = self.context.hook();
        // What is to be kept of layers has to be looked at anyway.
        if self.by == SteeredBy::Turns && hook.steers(rows) && !hook.is_watching() {
            return self.apart.decode(&mut self.context, rows, decode);
        }
        decode(&mut self.context, rows)
    }

    fn logits(&self, index: usize) -> &[f32] {
        self.apart.logits(index).unwrap_or_else(|| self.context.logits(index))
    }

    fn copy(&mut self, from: Seq, to: Seq, len: u32) {
        self.context.copy(from, to, len);
    }

    fn truncate(&mut self, seq: Seq, len: u32) -> bool {
        self.context.truncate(seq, len)
    }

    fn resize(&mut self, cells: u32) -> bool {
        let settings = ContextSettings { cells, ..self.settings };
        let Some(context) = Context::new(&self.model, settings, &self.pulse) else { return false };
        (self.context, self.settings, self.is_adapted) = (context, settings, false);
        self.limits.cells = self.context.cells();
        true
    }

    fn save(&mut self, seq: Seq) -> Option<Vec<u8>> {
        self.context.save(seq)
    }

    fn restore(&mut self, seq: Seq, bytes: &[u8]) -> bool {
        self.context.restore(seq, bytes)
    }

    fn set_threads(&mut self, threads: usize) {
        self.settings.threads = i32::try_from(threads).unwrap_or(1);
        self.context.set_threads(i32::try_from(threads).unwrap_or(1));
    }

    fn residual(&self) -> Result<Residual, String> {
        if self.model.is_recurrent() || self.model.is_hybrid() {
            // llama.cpp sorts the rows of their batches by sequence.
            return Err("a model with recurrent layers cannot be steered side by side".to_owned());
        }
        let width = usize::try_from(self.model.n_embd()).unwrap_or(0);
        Ok(Residual { layers: self.model.n_layer(), width })
    }

    fn steer(&mut self, seq: Seq, steering: Option<Arc<Steering>>) {
        self.context.hook().steer(seq, steering);
    }

    fn steer_by(&mut self, by: SteeredBy) -> bool {
        if !self.by_is_fixed {
            self.by = by;
        }
        !self.by_is_fixed
    }

    fn watch(&mut self, rows: &[usize], states: &[usize]) {
        self.context.hook().watch(rows, states);
    }

    fn states(&self) -> Result<LastStates, String> {
        if self.model.is_recurrent() || self.model.is_hybrid() {
            // llama.cpp sorts the rows of their batches by sequence.
            return Err("the states of a model with recurrent layers cannot be told apart".to_owned());
        }
        let width = usize::try_from(self.model.n_embd()).unwrap_or(0);
        let arch = self.model.meta_val_str("general.architecture").unwrap_or_default();
        let pooling = self.model.meta_val_str(&format!("{arch}.pooling_type")).ok();
        let name = |number: &str| match number {
            "1" => Some("mean"),
            "2" => Some("first token"),
            "3" => Some("last token"),
            "4" => Some("rank"),
            _ => None,
        };
        Ok(LastStates { width, trained_pooling: pooling.as_deref().and_then(name).map(str::to_owned) })
    }

    fn state(&self, row: usize) -> Vec<f32> {
        self.context.state(row)
    }

    fn adapter(&mut self, path: &str) -> Result<(usize, KnownAdapter), Refusal> {
        let refused = |code, message: String| Err(Refusal { code, message });
        let Workshop { services, model, data } = &self.workshop;
        let file = Path::new(path);
        let checked = match (services.adapter)(file, model) {
            Ok(checked) => checked,
            Err(message) => return refused(RefusalCode::Model, message),
        };
        let Some(adapter) = (services.sha256)(file, data.as_deref()) else {
            return refused(
                RefusalCode::Model,
                format!("the adapter `{path}` cannot be read to its end; check its disk"),
            );
        };
        if let Some(number) = self.adapters.iter().position(|(known, _)| known.adapter == adapter) {
            return Ok((number, self.adapters[number].0.clone()));
        }
        if self.adapters.len() >= MOST_ADAPTERS {
            let message = format!(
                "{MOST_ADAPTERS} adapters are known to the engine; load the model again and name only those in use"
            );
            return refused(RefusalCode::Memory, message);
        }
        if free::read().bytes.is_some_and(|free| free < checked.bytes) {
            let message = format!("the adapter `{path}` does not fit into the memory that is free; free some of it");
            return refused(RefusalCode::Memory, message);
        }
        let Some(read) = self.model.adapter(file) else {
            let message =
                format!("the adapter `{path}` cannot be loaded: llama.cpp refuses it, and the engine's log says why");
            return refused(RefusalCode::Model, message);
        };
        let super::CheckedAdapter { name, alpha, rank, tensors, bytes } = checked;
        let known = KnownAdapter { adapter, name, alpha, rank, tensors, bytes };
        self.adapters.push((known.clone(), read));
        Ok((self.adapters.len() - 1, known))
    }

    fn adapt(&mut self, adapters: &[(usize, f32)]) {
        let find = |(number, scale): &(usize, f32)| Some((self.adapters.get(*number)?.1, *scale));
        let adapters: Vec<_> = adapters.iter().filter_map(find).collect();
        self.is_adapted = !adapters.is_empty();
        self.context.adapt(&adapters);
    }

    fn layer_outputs(&self, row: usize) -> Vec<Vec<f32>> {
        self.context.layer_outputs(row)
    }

    fn steer_all(&mut self, vectors: &[(u32, &[f32])]) -> bool {
        self.context.set_control_vector(vectors)
    }

    fn drawer(&self, sampler: &Sampler, grammar: Option<&str>) -> Result<Box<dyn Draw>, Refusal> {
        Ok(Box::new(Drawer::new(&self.model, sampler, grammar)?))
    }
}
