//! Continuous batching: many requests, one context. Each step takes one token of every voice that is being written and
//! fills the batch with prompt chunks. A prompt takes over the longest beginning that any sequence holds already, and
//! waits for one that another prompt is about to compute.

mod admit;
mod cache;
pub mod device;
mod derive;
mod directions;
mod governor;
mod job;
pub mod math;
mod outputs;
mod parting;
mod plan;
mod queue;
mod saved;
pub mod selftest;
mod stream;
mod tree;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::protocol::{
    Ev, Event, GenerateRequest, MOST_ALTERNATIVES, Prompt, Refusal, RefusalCode, ScoreContinuationsRequest,
    ScoreOptionsRequest, Status, Thinking, Usage,
};
use super::states::States;
use crate::domain::Finish;
use cache::Cache;
use derive::Derivation;
use device::{DecodeFault, Device, Limits, Pulse, Rendered, Row, Seq, Token};
use directions::Directions;
use governor::Governor;
use job::{Job, Voice, Work};
use parting::Parting;
use plan::Planned;
use queue::Queue;
use stream::TextStream;

/// While anything streams, a prompt chunk may hold it up for so long.
const CHUNK_MS: f64 = 40.0;
/// The smallest chunk: below it the fixed cost of a step rules.
const MIN_CHUNK: usize = 16;
/// A batch with more prompt rows than this is worth stopping in the middle.
const STOPPABLE_ROWS: usize = 32;
/// How many next tokens `score_options` tells.
const TOP: usize = 20;

/// A `score_continuations` request whose parts run as jobs of their own.
struct Group {
    open: usize,
    logprobs: Vec<Vec<f64>>,
    usage: Usage,
}

/// Requests over one device.
pub struct Scheduler {
    device: Box<dyn Device>,
    limits: Limits,
    pulse: Pulse,
    governor: Governor,
    cache: Cache,
    waiting: Queue,
    running: Vec<Job>,
    groups: HashMap<u64, Group>,
    events: Vec<Event>,
    ms_per_row: f64,
    computed: u64,
    reused: u64,
    restored: u64,
    states: Option<States>,
    recent: VecDeque<(Instant, usize)>,
    directions: Directions,
    derivations: HashMap<u64, Derivation>,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// A scheduler with nothing to do.
    pub fn new(device: Box<dyn Device>, pulse: Pulse) -> Self {
        let limits = device.limits();
        Self {
            device,
            limits,
            pulse,
            governor: Governor::new(1),
            cache: Cache::new(limits),
            waiting: Queue::default(),
            running: Vec::new(),
            groups: HashMap::new(),
            events: Vec::new(),
            ms_per_row: 0.0,
            computed: 0,
            reused: 0,
            restored: 0,
            states: None,
            recent: VecDeque::new(),
            directions: Directions::default(),
            derivations: HashMap::new(),
        }
    }

    /// Lets it use fewer than `most` threads while other processes want the cores.
    pub fn share_cores(&mut self, most: usize) {
        self.governor = Governor::new(most);
    }

    /// Whether there is anything to do.
    pub fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.running.is_empty()
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// How busy it is.
    pub fn status(&self) -> Status {
        let now = Instant::now();
        let second = self.recent.iter().filter(|(at, _)| (now - *at).as_secs_f64() <= 1.0);
        let wide = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Status {
            queued: self.waiting.len(),
            running: self.running.len(),
            cells_used: wide(self.cache.cells_used()),
            cells: self.limits.cells,
            tokens_per_second: second.map(|(_, tokens)| *tokens).sum::<usize>() as f64,
            prompt_tokens_computed: self.computed,
            prompt_tokens_reused: self.reused,
            prompt_tokens_restored: self.restored,
            shares_prefixes: self.limits.shares_prefixes,
        }
    }

    /// Takes on a `generate` request.
    pub fn generate(&mut self, id: u64, request: &GenerateRequest) {
        if request.alternatives > MOST_ALTERNATIVES {
            let message =
                format!("{} alternatives are too many; at most {MOST_ALTERNATIVES} are told", request.alternatives);
            return self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        }
        // A grammar is the answer's, from its first token on.
        let thinking = if request.grammar.is_some() { Thinking::Off } else { request.thinking };
        let Some(rendered) = self.render(id, &request.prompt, thinking, request.echo) else { return };
        let manner = self.device.manner().filter(|_| matches!(request.prompt, Prompt::Chat { .. }));
        let drawer = match self.device.drawer(&request.sampler, request.grammar.as_deref()) {
            Ok(drawer) => drawer,
            Err(refusal) => return self.refuse(id, refusal),
        };
        let mut voice = Voice {
            drawer,
            stream: TextStream::new(&request.stop).parted(manner.map(|manner| Parting::after(manner, &rendered.text))),
            seed: request.seed,
            max_tokens: request.max_tokens.max(1),
            time_limit_ms: request.time_limit_ms,
            generated: 0,
            alternatives: request.alternatives as usize,
        };
        let (prompt, mut tokens) = (rendered.tokens.len(), rendered.tokens);
        if let Err(message) = self.force(&mut voice, &request.forced, prompt) {
            return self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        }
        tokens.extend(&request.forced);
        let Ok(steering) = self.steering(id, &request.steering, prompt) else { return };
        let work = Work::Generate(Box::new(voice));
        self.line_up(Job::new(id, work, tokens, prompt, request.handling).steered(steering));
    }

    /// Lets a voice have said `tokens`.
    fn force(&self, voice: &mut Voice, tokens: &[Token], prompt: usize) -> Result<(), String> {
        let room = (self.limits.per_sequence as usize).saturating_sub(prompt + 1).min(voice.max_tokens - 1);
        if tokens.len() > room {
            return Err(format!("{} tokens are forced and there is room for {room}; raise max_tokens", tokens.len()));
        }
        for (index, token) in tokens.iter().enumerate() {
            let known = usize::try_from(*token).is_ok_and(|token| token < self.device.vocabulary_size());
            if !known || self.device.is_end(*token) || !voice.drawer.accept(*token) {
                return Err(format!(
                    "forced token {index} ({token}) cannot be said there; check that the model is the same"
                ));
            }
            voice.stream.push(&self.device.piece(*token));
            if voice.stream.is_stopped() {
                return Err(format!("the answer stops at forced token {index}; nothing can follow it"));
            }
        }
        voice.generated = tokens.len();
        Ok(())
    }

    /// Takes on a `score_options` request.
    pub fn score_options(&mut self, id: u64, request: &ScoreOptionsRequest) {
        let Some(rendered) = self.render(id, &request.prompt, Thinking::Off, request.echo) else { return };
        if request.labels.is_empty() {
            let message = "score_options needs at least one label".to_owned();
            return self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        }
        let spellings: Vec<_> = request.labels.iter().map(|label| self.device.spellings(label)).collect();
        if let Some(at) = spellings.iter().position(Vec::is_empty) {
            let message =
                format!("no single token of this model spells the label `{}`; use another one", request.labels[at]);
            return self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        }
        let prompt = rendered.tokens.len();
        let Ok(steering) = self.steering(id, &request.steering, prompt) else { return };
        let work = Work::Options(spellings);
        self.line_up(Job::new(id, work, rendered.tokens, prompt, request.handling).steered(steering));
    }

    /// Takes on a `score_continuations` request.
    pub fn score_continuations(&mut self, id: u64, request: &ScoreContinuationsRequest) {
        let Some(rendered) = self.render(id, &request.prompt, Thinking::Off, request.echo) else { return };
        let parts: Vec<_> = request.continuations.iter().map(|text| self.device.tokenise(text)).collect();
        let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
        if parts.iter().any(Vec::is_empty) || parts.is_empty() {
            let message = "score_continuations needs at least one continuation, and none may be empty".to_owned();
            return self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        }
        if rendered.tokens.len() + longest > self.limits.per_sequence as usize {
            return self.refuse(id, self.too_long(rendered.tokens.len() + longest));
        }
        let Ok(steering) = self.steering(id, &request.steering, rendered.tokens.len()) else { return };
        let group = Group { open: parts.len(), logprobs: vec![Vec::new(); parts.len()], usage: Usage::default() };
        self.groups.insert(id, group);
        let prompt = rendered.tokens.len();
        for (index, part) in parts.into_iter().enumerate() {
            let tokens: Vec<_> = rendered.tokens.iter().copied().chain(part).collect();
            let work = Work::Continuation { index, logprobs: Vec::new() };
            self.line_up(Job::new(id, work, tokens, prompt, request.handling).steered(steering.clone()));
        }
    }

    fn line_up(&mut self, job: Job) {
        let cost = job.tokens.len() + job.room(self.limits.per_sequence);
        self.waiting.push(job, cost);
    }

    /// Stops a request. Its cells are free when this returns, and it ends with `cancelled`.
    pub fn cancel(&mut self, id: u64) {
        let mut found = self.groups.remove(&id).is_some() | self.derivations.remove(&id).is_some();
        found |= self.waiting.drop_request(id) > 0;
        for job in self.running.iter_mut().filter(|job| job.id == id) {
            (job.cancelled, job.is_cut) = (true, true);
            found = true;
        }
        self.drop_cancelled();
        if found {
            self.events.push(Event { id: Some(id), ev: Ev::Cancelled });
        }
    }

    /// One step: admit what fits, compute one batch, use its logits.
    pub fn step(&mut self) {
        self.admit();
        self.end_out_of_time();
        // After those let in have taken over what they need.
        while let Some((seq, len)) = self.cache.stale() {
            self.cut_kept(seq, len);
        }
        let rows = self.batch();
        if rows.is_empty() {
            return;
        }
        let prompt_rows = rows.iter().filter(|planned| !planned.streaming).count();
        let flat: Vec<Row> = rows.iter().map(|planned| planned.row).collect();
        if let Some(threads) = self.governor.look() {
            self.device.set_threads(threads);
        }
        let is_watched = |planned: &Planned| planned.row.output && self.running[planned.job].is_watched();
        let watched: Vec<usize> =
            (0..).zip(&rows).filter(|(_, planned)| is_watched(planned)).map(|(at, _)| at).collect();
        self.device.watch(&watched);
        self.pulse.begin(prompt_rows > STOPPABLE_ROWS);
        let began = Instant::now();
        let result = self.device.decode(&flat);
        self.pulse.begin(false);
        match result {
            Ok(()) => {
                self.learn_speed(began, prompt_rows, rows.len());
                self.commit(&rows);
                self.read_outputs(&rows);
            }
            Err(DecodeFault::Aborted) => self.roll_back(&rows),
            Err(DecodeFault::NoSpace) => {
                self.roll_back(&rows);
                if !self.evict_one() {
                    self.end_largest(Finish::Context);
                }
            }
            Err(DecodeFault::Failed(message)) => {
                self.roll_back(&rows);
                self.fail_all(&message);
            }
        }
    }

    /// The device and sequences that nobody uses, for self-tests while nothing runs; they are to be left empty. Kept
    /// prefixes are evicted only where there is no room beside them.
    pub fn spare(&mut self) -> Option<(&mut dyn Device, Vec<Seq>)> {
        if self.is_busy() {
            return None;
        }
        loop {
            let free = self.cache.free_sequences();
            if free.len() >= selftest::SEQUENCES && self.cache.cells_free() >= selftest::CELLS || !self.evict_one() {
                return Some((self.device.as_mut(), free));
            }
        }
    }

    /// Ends every request with `cancelled`.
    pub fn cancel_all(&mut self) {
        let mut ids: Vec<u64> = self.waiting.iter().chain(&self.running).map(|job| job.id).collect();
        ids.sort_unstable();
        ids.dedup();
        // All at once: one after the other takes the square of their number.
        self.groups.clear();
        self.derivations.clear();
        self.waiting = Queue::default();
        self.running.iter_mut().for_each(|job| job.cancelled = true);
        self.drop_cancelled();
        self.events.extend(ids.into_iter().map(|id| Event { id: Some(id), ev: Ev::Cancelled }));
    }
}

impl Scheduler {
    fn render(&mut self, id: u64, prompt: &Prompt, thinking: Thinking, echo: bool) -> Option<Rendered> {
        // A given beginning is the answer's.
        let is_begun = matches!(prompt, Prompt::Chat { prefill: Some(text), .. } if !text.is_empty());
        let rendered = if thinking == Thinking::Off || is_begun {
            self.device.render_at_once(prompt)
        } else {
            self.device.render(prompt)
        };
        let rendered = match rendered {
            Ok(rendered) if rendered.tokens.is_empty() => {
                let message = "the prompt is empty; give the model something to read".to_owned();
                self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
                return None;
            }
            Ok(rendered) => rendered,
            Err(refusal) => {
                self.refuse(id, refusal);
                return None;
            }
        };
        if rendered.tokens.len() >= self.limits.per_sequence as usize {
            self.refuse(id, self.too_long(rendered.tokens.len()));
            return None;
        }
        if echo {
            let ev = Ev::Prompt { text: rendered.text.clone(), tokens: rendered.tokens.len() };
            self.events.push(Event { id: Some(id), ev });
        }
        Some(rendered)
    }

    fn too_long(&self, tokens: usize) -> Refusal {
        let limit = self.limits.per_sequence;
        let message =
            format!("the prompt has {tokens} tokens and the context holds {limit}; shorten it or raise --ctx");
        Refusal { code: RefusalCode::Context, message }
    }

    fn refuse(&mut self, id: u64, refusal: Refusal) {
        self.events.push(Event { id: Some(id), ev: Ev::Error(refusal) });
    }

    fn learn_speed(&mut self, began: Instant, prompt_rows: usize, rows: usize) {
        if prompt_rows >= MIN_CHUNK {
            let ms = began.elapsed().as_secs_f64() * 1000.0 / rows as f64;
            self.ms_per_row = if self.ms_per_row <= 0.0 { ms } else { 0.7 * self.ms_per_row + 0.3 * ms };
        }
    }

    fn commit(&mut self, rows: &[Planned]) {
        let mut written = 0;
        self.cache.pass(rows.len());
        for planned in rows {
            // The batch was cut to the free cells, so this cannot fail.
            let noted = self.cache.extend(planned.row.seq, &[planned.row.token]);
            debug_assert!(noted, "a batch took more cells than there are");
            let job = &mut self.running[planned.job];
            written += usize::from(planned.streaming);
            if (planned.row.pos as usize) < job.prompt {
                // What has to be read twice is not more of the prompt.
                job.usage.computed_prompt_tokens += usize::from(!job.preempted);
                self.computed += 1;
            }
        }
        let now = Instant::now();
        self.recent.push_back((now, written));
        while self.recent.front().is_some_and(|(at, _)| (now - *at).as_secs_f64() > 1.0) {
            self.recent.pop_front();
        }
    }

    /// Makes the device forget what a failed batch may have left.
    fn roll_back(&mut self, rows: &[Planned]) {
        let mut seqs: Vec<_> = rows.iter().map(|planned| planned.row.seq).collect();
        seqs.dedup();
        for seq in seqs {
            #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
            let len = self.cache.len(seq) as u32;
            if !self.device.truncate(seq, len) {
                // All or nothing on this model: the job reads its tokens again from the start.
                self.device.truncate(seq, 0);
                self.cache.truncate(seq, 0);
            }
        }
    }

    /// When even an empty cache does not help, the longest voice gives way.
    fn end_largest(&mut self, finish: Finish) {
        let longest = (0..self.running.len()).max_by_key(|index| self.running[*index].tokens.len());
        if let Some(index) = longest {
            self.end(index, finish);
            self.drop_cancelled();
        }
    }

    fn fail_all(&mut self, message: &str) {
        let mut ids: Vec<u64> = self.running.drain(..).chain(self.waiting.drain()).map(|job| job.id).collect();
        ids.dedup();
        ids.sort_unstable();
        ids.dedup();
        self.groups.clear();
        self.derivations.clear();
        for seq in 0..self.limits.sequences {
            self.device.steer(seq, None);
            self.device.truncate(seq, 0);
        }
        self.cache = Cache::new(self.limits);
        for id in ids {
            self.refuse(id, Refusal { code: RefusalCode::Compute, message: message.to_owned() });
        }
    }
}
