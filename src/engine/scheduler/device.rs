//! What the scheduler needs of something that computes: llama.cpp, or the scripted stand-in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::engine::protocol::{KnownAdapter, Prompt, Refusal, RefusalCode, Sampler};
use crate::engine::reasoning::Manner;
use crate::engine::steering::{Residual, SteeredBy, Steering};

/// A token id of the loaded model.
pub type Token = i32;
/// Where the token stands in the vocabulary, and in logits over it.
pub fn place(token: Token) -> usize {
    // No vocabulary has negative ids; one that did would read as the first token.
    usize::try_from(token).unwrap_or(0)
}

/// A sequence id of the context.
pub type Seq = u32;

/// One row of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What is read.
    pub token: Token,
    /// Its place in its sequence.
    pub pos: u32,
    /// Its sequence.
    pub seq: Seq,
    /// Whether the logits after it are wanted.
    pub output: bool,
}

/// What a device can hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens in the KV cache over all sequences; a shared prefix counts once.
    pub cells: u32,
    /// Rows of one batch.
    pub batch: usize,
    /// Rows of one batch whose logits are wanted.
    pub outputs: usize,
    /// Sequences.
    pub sequences: u32,
    /// Tokens of one sequence.
    pub per_sequence: u32,
    /// Whether [`Device::copy`] works.
    pub shares_prefixes: bool,
    /// The most cells that [`Device::resize`] may be asked for: what memory allows.
    pub most_cells: u32,
}

/// Why a batch was not computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeFault {
    /// No cells for it.
    NoSpace,
    /// [`Pulse::abort`] stopped it.
    Aborted,
    /// Anything else, in words.
    Failed(String),
}

/// A prompt laid out and tokenised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// What the model reads.
    pub tokens: Vec<Token>,
    /// The same as text, with control tokens.
    pub text: String,
}

/// Rows that a device may add to a batch with adapters, for its own ends: batches leave so much room.
pub const PADDING: usize = 8;

/// What a device's embeddings are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastStates {
    /// Numbers of each.
    pub width: usize,
    /// How the model's file says that they are to be put together, where it says so.
    pub trained_pooling: Option<String>,
}

/// Something that computes logits.
pub trait Device {
    /// What it can hold.
    fn limits(&self) -> Limits;
    /// Lays a prompt out and tokenises it.
    fn render(&self, prompt: &Prompt) -> Result<Rendered, Refusal>;
    /// The same for a model that is not to think before it answers. A prefill stands behind the place of thinking.
    fn render_at_once(&self, prompt: &Prompt) -> Result<Rendered, Refusal> {
        self.render(prompt)
    }
    /// How the model thinks before it answers; `None` where it does not.
    fn manner(&self) -> Option<Manner> {
        None
    }
    /// Tokenises plain text that goes on from a prompt.
    fn tokenise(&self, text: &str) -> Vec<Token>;
    /// The bytes of a token.
    fn piece(&self, token: Token) -> Vec<u8>;
    /// Tokens are numbered from 0 to below this.
    fn vocabulary_size(&self) -> usize;
    /// Whether the token ends an answer.
    fn is_end(&self, token: Token) -> bool;
    /// Ids of all tokens that spell `label` (P2).
    fn spellings(&mut self, label: &str) -> Vec<Token>;
    /// Computes a batch. Afterwards [`Device::logits`] has its outputs. On a fault nothing may be assumed of the
    /// sequences in the batch beyond what they held before.
    fn decode(&mut self, rows: &[Row]) -> Result<(), DecodeFault>;
    /// Logits after row `index` of the last batch, one per token of the vocabulary.
    fn logits(&self, index: usize) -> &[f32];
    /// Makes the empty sequence `to` begin with the first `len` tokens of `from`, sharing their cells.
    fn copy(&mut self, from: Seq, to: Seq, len: u32);
    /// Forgets all but the first `len` tokens of `seq`. `false` when only forgetting everything is possible, and then
    /// nothing was done.
    fn truncate(&mut self, seq: Seq, len: u32) -> bool;
    /// Empties all sequences and holds `cells` from now on, of all of them and of one; `false`, and nothing was done, when
    /// there is no memory for it.
    fn resize(&mut self, cells: u32) -> bool;
    /// What a sequence holds as bytes, for [`Device::restore`] on the same model, build and settings. `None` where that
    /// is not possible.
    fn save(&mut self, seq: Seq) -> Option<Vec<u8>>;
    /// Makes the empty sequence `seq` hold what was saved. `false` leaves it empty.
    fn restore(&mut self, seq: Seq, bytes: &[u8]) -> bool;
    /// Computes with so many threads from the next batch on.
    fn set_threads(&mut self, threads: usize);
    /// Layers and width of what can be steered; else a clause that says why nothing can.
    fn residual(&self) -> Result<Residual, String> {
        Err("this device steers nothing".to_owned())
    }
    /// Steers what is computed of `seq` from now on; `None` ends that. [`Device::resize`] ends it for all.
    fn steer(&mut self, _seq: Seq, _steering: Option<Arc<Steering>>) {}
    /// Steers by this means from now on. `false` where there is nothing to choose between, and then nothing was done.
    fn steer_by(&mut self, _by: SteeredBy) -> bool {
        false
    }
    /// Keeps what all layers put out for `rows` of the next batch, and the last states for `states`, whose logits are wanted
    /// too.
    fn watch(&mut self, _rows: &[usize], _states: &[usize]) {}
    /// What each layer put out for row `row` of the last batch, from below, after all steering; none where it was not
    /// watched.
    fn layer_outputs(&self, _row: usize) -> Vec<Vec<f32>> {
        Vec::new()
    }
    /// Width and kind of last states; else a clause that says why there are none.
    fn states(&self) -> Result<LastStates, String> {
        Err("this device tells no states".to_owned())
    }
    /// The last state of row `row` of the last batch: what the output matrix reads. Empty where it was not watched.
    fn state(&self, _row: usize) -> Vec<f32> {
        Vec::new()
    }
    /// Makes the LoRA adapter in a file of the engine's side ready, and tells by which number [`Device::adapt`] knows it.
    fn adapter(&mut self, _path: &str) -> Result<(usize, KnownAdapter), Refusal> {
        let message = "this device takes no adapters".to_owned();
        Err(Refusal { code: RefusalCode::BadRequest, message })
    }
    /// Computes all rows from the next batch on with these adapters, by number and scale, and no others. [`Device::resize`]
    /// ends it.
    fn adapt(&mut self, _adapters: &[(usize, f32)]) {}
    /// Adds a vector to the outputs of some layers, for all rows of all sequences, by means that have nothing to do with
    /// [`Device::steer`]; none ends it. `false` where there is no such thing, or not for these layers. For self-tests.
    fn steer_all(&mut self, _vectors: &[(u32, &[f32])]) -> bool {
        false
    }
    /// Something that draws tokens for one voice.
    fn drawer(&self, sampler: &Sampler, grammar: Option<&str>) -> Result<Box<dyn Draw>, Refusal>;
}

/// Draws the tokens of one voice.
pub trait Draw {
    /// Draws a token. `unit` is uniform in [0, 1) and the only randomness. `None` when nothing may follow.
    fn draw(&mut self, logits: &[f32], unit: f64) -> Option<Token>;
    /// Tells it which token was taken. `false` when the grammar does not allow it.
    fn accept(&mut self, token: Token) -> bool;
}

/// Signs of life out of a computation, and the way to stop it; shared between threads.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<PulseInner>);

#[derive(Debug, Default)]
struct PulseInner {
    ticks: AtomicU64,
    stop: AtomicBool,
    may_stop: AtomicBool,
    for_nobody: AtomicBool,
    /// The request that loads a model; no request has the id 0.
    loading: AtomicU64,
    /// The request that was cancelled last.
    cancelled: AtomicU64,
    for_good: AtomicBool,
}

impl Pulse {
    /// Something was computed.
    pub fn tick(&self) {
        self.0.ticks.fetch_add(1, Ordering::Relaxed);
    }

    /// How often [`Pulse::tick`] was called.
    pub fn ticks(&self) -> u64 {
        self.0.ticks.load(Ordering::Relaxed)
    }

    /// Asks the computation under way to stop, if it is one that may be stopped.
    pub fn abort(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }

    /// Asks every computation from now on to stop: nobody waits for any.
    pub fn abort_for_good(&self) {
        self.0.for_good.store(true, Ordering::Relaxed);
    }

    /// Asks the computation under way to stop for the sake of a cancelled request: a batch may hold its tokens, but a
    /// model is loaded for the request alone that asked for it.
    pub fn abort_for(&self, target: u64) {
        // Before the look at what is being loaded: one of the two sides sees the other.
        self.0.cancelled.store(target, Ordering::SeqCst);
        let loading = self.0.loading.load(Ordering::SeqCst);
        if loading == 0 || loading == target {
            self.abort();
        }
    }

    /// Begins to load a model for the request `id`. What was to stop before it is no matter of it; its own `cancel` may
    /// have come already.
    pub fn begin_loading(&self, id: u64) {
        self.0.loading.store(id, Ordering::SeqCst);
        self.reset();
        self.begin(true);
        if self.0.cancelled.load(Ordering::SeqCst) == id {
            self.abort();
        }
    }

    /// Ends what [`Pulse::begin_loading`] began; whether it was to stop.
    pub fn end_loading(&self) -> bool {
        let was_stopped = self.must_stop();
        self.0.loading.store(0, Ordering::SeqCst);
        self.begin(false);
        was_stopped
    }

    /// Begins a computation; `may_stop` says whether it is long enough to be worth stopping in the middle.
    pub fn begin(&self, may_stop: bool) {
        self.0.may_stop.store(may_stop, Ordering::Relaxed);
    }

    /// Whether the computation under way is one that nobody waits for, such as a self-test: any request goes first.
    pub fn is_for_nobody(&self) -> bool {
        self.0.for_nobody.load(Ordering::Relaxed)
    }

    /// Begins or ends a computation that nobody waits for.
    pub fn set_for_nobody(&self, yes: bool) {
        self.0.for_nobody.store(yes, Ordering::Relaxed);
        self.begin(yes);
    }

    /// Forgets earlier calls of [`Pulse::abort`].
    pub fn reset(&self) {
        self.0.stop.store(false, Ordering::Relaxed);
    }

    /// Whether the computation under way is to stop.
    pub fn must_stop(&self) -> bool {
        let must = self.0.stop.load(Ordering::Relaxed) || self.0.for_good.load(Ordering::Relaxed);
        must && self.0.may_stop.load(Ordering::Relaxed)
    }
}
