//! A device whose batches fail now and then.

use super::*;

/// A device that fails now and then, after part of the batch was computed.
pub(super) struct Unsteady {
    pub(super) inner: Box<dyn Device>,
    pub(super) fault: DecodeFault,
    /// One batch in so many fails.
    pub(super) one_in: u64,
    /// Whether sequences can only be forgotten as a whole, like those of recurrent models.
    pub(super) all_or_nothing: bool,
    pub(super) batches: u64,
    pub(super) seed: u64,
    /// How it steers, where that can be chosen: row by row it then cannot.
    pub(super) by: Option<SteeredBy>,
    pub(super) steered: usize,
}

impl Device for Unsteady {
    fn limits(&self) -> Limits {
        Limits { shares_prefixes: !self.all_or_nothing, ..self.inner.limits() }
    }
    fn render(&self, prompt: &Prompt) -> Result<Rendered, Refusal> {
        self.inner.render(prompt)
    }
    fn tokenise(&self, text: &str) -> Vec<Token> {
        self.inner.tokenise(text)
    }
    fn piece(&self, token: Token) -> Vec<u8> {
        self.inner.piece(token)
    }
    fn vocabulary_size(&self) -> usize {
        self.inner.vocabulary_size()
    }
    fn is_end(&self, token: Token) -> bool {
        self.inner.is_end(token)
    }
    fn spellings(&mut self, label: &str) -> Vec<Token> {
        self.inner.spellings(label)
    }
    fn decode(&mut self, rows: &[Row]) -> Result<(), DecodeFault> {
        self.batches += 1;
        if self.by == Some(SteeredBy::Rows) && self.steered > 0 {
            return Err(DecodeFault::Failed("its layers have no names".to_owned()));
        }
        let draw = |salt: u64, below: u64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
            let drawn = (math::unit(self.seed ^ salt, self.batches) * below as f64) as u64;
            drawn
        };
        if self.one_in > 0 && draw(1, self.one_in) == 0 {
            let done = usize::try_from(draw(2, rows.len() as u64 + 1)).unwrap();
            self.inner.decode(&rows[..done])?;
            return Err(self.fault.clone());
        }
        self.inner.decode(rows)
    }
    fn logits(&self, index: usize) -> &[f32] {
        self.inner.logits(index)
    }
    fn copy(&mut self, from: Seq, to: Seq, len: u32) {
        assert!(!self.all_or_nothing, "nothing can be copied");
        self.inner.copy(from, to, len);
    }
    fn truncate(&mut self, seq: Seq, len: u32) -> bool {
        (len == 0 || !self.all_or_nothing) && self.inner.truncate(seq, len)
    }
    fn resize(&mut self, cells: u32) -> bool {
        self.inner.resize(cells)
    }
    fn save(&mut self, seq: Seq) -> Option<Vec<u8>> {
        self.inner.save(seq)
    }
    fn restore(&mut self, seq: Seq, bytes: &[u8]) -> bool {
        self.inner.restore(seq, bytes)
    }
    fn residual(&self) -> Result<Residual, String> {
        self.inner.residual()
    }

    fn watch(&mut self, rows: &[usize], states: &[usize]) {
        self.inner.watch(rows, states);
    }

    fn states(&self) -> Result<LastStates, String> {
        self.inner.states()
    }

    fn state(&self, row: usize) -> Vec<f32> {
        self.inner.state(row)
    }

    fn adapter(&mut self, path: &str) -> Result<(usize, KnownAdapter), Refusal> {
        self.inner.adapter(path)
    }

    fn adapt(&mut self, adapters: &[(usize, f32)]) {
        self.inner.adapt(adapters);
    }

    fn layer_outputs(&self, row: usize) -> Vec<Vec<f32>> {
        self.inner.layer_outputs(row)
    }

    fn steer_by(&mut self, by: SteeredBy) -> bool {
        self.by.is_some_and(|_| {
            self.by = Some(by);
            true
        })
    }

    fn steer_all(&mut self, vectors: &[(u32, &[f32])]) -> bool {
        self.inner.steer_all(vectors)
    }

    fn steer(&mut self, seq: Seq, steering: Option<Arc<Steering>>) {
        self.steered = usize::from(steering.is_some());
        self.inner.steer(seq, steering);
    }

    fn set_threads(&mut self, threads: usize) {
        self.inner.set_threads(threads);
    }
    fn drawer(&self, sampler: &Sampler, grammar: Option<&str>) -> Result<Box<dyn Draw>, Refusal> {
        self.inner.drawer(sampler, grammar)
    }
}

pub(super) fn unsteady(limits: Limits, fault: DecodeFault, one_in: u64, all_or_nothing: bool, seed: u64) -> Scheduler {
    let device = Unsteady {
        inner: scripted::device(limits),
        fault,
        one_in,
        all_or_nothing,
        batches: 0,
        seed,
        by: None,
        steered: 0,
    };
    Scheduler::new(Box::new(device), Pulse::default())
}
