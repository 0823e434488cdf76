//! Continuous batching: many requests, one context. Each step takes one token of every voice that is being written and
//! fills the batch with prompt chunks. A prompt takes over the longest beginning that any sequence holds already, and
//! waits for one that another prompt is about to compute.

mod cache;
pub mod device;
mod governor;
mod job;
pub mod math;
pub mod selftest;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::protocol::{
    Answer, ContinuationScores, Ev, Event, GenerateRequest, Generated, OptionScores, Refusal, RefusalCode,
    ScoreContinuationsRequest, ScoreOptionsRequest, Status, TokenProbability, Usage,
};
use crate::domain::Finish;
use cache::{Cache, Match, common_prefix};
use device::{DecodeFault, Device, Limits, Pulse, Rendered, Row};
use governor::Governor;
use job::{Job, Voice, Work, millis};
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
    waiting: VecDeque<Job>,
    running: Vec<Job>,
    groups: HashMap<u64, Group>,
    events: Vec<Event>,
    ms_per_row: f64,
    computed: u64,
    reused: u64,
    recent: VecDeque<(Instant, usize)>,
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
            waiting: VecDeque::new(),
            running: Vec::new(),
            groups: HashMap::new(),
            events: Vec::new(),
            ms_per_row: 0.0,
            computed: 0,
            reused: 0,
            recent: VecDeque::new(),
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
            shares_prefixes: self.limits.shares_prefixes,
        }
    }

    /// Takes on a `generate` request.
    pub fn generate(&mut self, id: u64, request: &GenerateRequest) {
        let Some(rendered) = self.render(id, &request.prompt, request.echo) else { return };
        let drawer = match self.device.drawer(&request.sampler, request.grammar.as_deref()) {
            Ok(drawer) => drawer,
            Err(refusal) => return self.refuse(id, refusal),
        };
        let voice = Voice {
            drawer,
            stream: TextStream::new(&request.stop),
            seed: request.seed,
            max_tokens: request.max_tokens.max(1),
            time_limit_ms: request.time_limit_ms,
            generated: 0,
        };
        let prompt = rendered.tokens.len();
        self.waiting.push_back(Job::new(id, Work::Generate(Box::new(voice)), rendered.tokens, prompt));
    }

    /// Takes on a `score_options` request.
    pub fn score_options(&mut self, id: u64, request: &ScoreOptionsRequest) {
        let Some(rendered) = self.render(id, &request.prompt, request.echo) else { return };
        let spellings: Vec<_> = request.labels.iter().map(|label| self.device.spellings(label)).collect();
        if let Some(at) = spellings.iter().position(Vec::is_empty) {
            let message =
                format!("no single token of this model spells the label `{}`; use another one", request.labels[at]);
            return self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        }
        let prompt = rendered.tokens.len();
        self.waiting.push_back(Job::new(id, Work::Options(spellings), rendered.tokens, prompt));
    }

    /// Takes on a `score_continuations` request.
    pub fn score_continuations(&mut self, id: u64, request: &ScoreContinuationsRequest) {
        let Some(rendered) = self.render(id, &request.prompt, request.echo) else { return };
        let parts: Vec<_> = request.continuations.iter().map(|text| self.device.tokenise(text)).collect();
        let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
        if parts.iter().any(Vec::is_empty) || parts.is_empty() {
            let message = "score_continuations needs at least one continuation, and none may be empty".to_owned();
            return self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        }
        if rendered.tokens.len() + longest > self.limits.per_sequence as usize {
            return self.refuse(id, self.too_long(rendered.tokens.len() + longest));
        }
        let group = Group { open: parts.len(), logprobs: vec![Vec::new(); parts.len()], usage: Usage::default() };
        self.groups.insert(id, group);
        let prompt = rendered.tokens.len();
        for (index, part) in parts.into_iter().enumerate() {
            let tokens: Vec<_> = rendered.tokens.iter().copied().chain(part).collect();
            let work = Work::Continuation { index, logprobs: Vec::new() };
            self.waiting.push_back(Job::new(id, work, tokens, prompt));
        }
    }

    /// Stops a request. Its cells are free when this returns, and it ends with `cancelled`.
    pub fn cancel(&mut self, id: u64) {
        let mut found = self.groups.remove(&id).is_some();
        let waiting = self.waiting.len();
        self.waiting.retain(|job| job.id != id);
        found |= self.waiting.len() < waiting;
        for job in self.running.iter_mut().filter(|job| job.id == id) {
            job.cancelled = true;
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
        let rows = self.batch();
        if rows.is_empty() {
            return;
        }
        let prompt_rows = rows.iter().filter(|planned| !planned.streaming).count();
        let flat: Vec<Row> = rows.iter().map(|planned| planned.row).collect();
        if let Some(threads) = self.governor.look() {
            self.device.set_threads(threads);
        }
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

    /// The device, for self-tests while nothing runs. All sequences are forgotten.
    pub fn device_alone(&mut self) -> Option<&mut dyn Device> {
        if self.is_busy() {
            return None;
        }
        while self.evict_one() {}
        Some(self.device.as_mut())
    }
}

/// A row, and whose it is.
struct Planned {
    row: Row,
    job: usize,
    streaming: bool,
}

impl Scheduler {
    fn render(&mut self, id: u64, prompt: &super::protocol::Prompt, echo: bool) -> Option<Rendered> {
        let rendered = match self.device.render(prompt) {
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

    /// Cells that running jobs will still need.
    fn promised(&self) -> usize {
        let left = |job: &Job| {
            let held = job.seq.map_or(0, |seq| self.cache.len(seq));
            // A voice's last token is never computed.
            (job.tokens.len() - held + job.room()).saturating_sub(1)
        };
        self.running.iter().map(left).sum()
    }

    /// Moves jobs from waiting to running, in order. A job that could share more of its prompt with one that is just
    /// being read waits for it, and lets others pass.
    fn admit(&mut self) {
        let mut at = 0;
        while at < self.waiting.len() {
            if self.running.len() >= self.limits.outputs {
                return;
            }
            let job = &self.waiting[at];
            let found = self.shared_with(job);
            let have = found.map_or(0, |found| found.len);
            let prefix = &job.tokens[..job.shareable()];
            let coming = self.running.iter().map(|other| common_prefix(&other.tokens[..other.prompt], prefix)).max();
            if self.limits.shares_prefixes && coming.unwrap_or(0) > have {
                at += 1;
                continue;
            }
            let needed = job.tokens.len() - have + job.room();
            if let Some(found) = found {
                // What is about to be shared is evicted last.
                self.cache.touch(found.seq);
            }
            if !self.make_space(needed) {
                return;
            }
            // Making space may have evicted the sequence that was found, so it is looked for again.
            let found = self.shared_with(&self.waiting[at]);
            let Some(seq) = self.cache.take(found) else { return };
            if let Some(found) = found {
                #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
                self.device.copy(found.seq, seq, found.len as u32);
            }
            let Some(mut job) = self.waiting.remove(at) else { return };
            job.seq = Some(seq);
            job.began = Some(Instant::now());
            job.reused = found.map_or(0, |found| found.len);
            self.reused += job.reused as u64;
            self.running.push(job);
        }
    }

    /// The longest beginning of the job's prompt that is there already.
    fn shared_with(&self, job: &Job) -> Option<Match> {
        self.cache.longest_match(&job.tokens[..job.shareable()]).filter(|_| self.limits.shares_prefixes)
    }

    /// Evicts until a sequence and `needed` cells are free. A job that is alone is let in though it may not fit: it is
    /// ended by `context` when the cells are full.
    fn make_space(&mut self, needed: usize) -> bool {
        loop {
            let is_enough = self.cache.cells_free() >= needed + self.promised();
            if self.cache.has_free_sequence()
                && (is_enough || self.running.is_empty() && self.cache.oldest_kept().is_none())
            {
                return true;
            }
            if !self.evict_one() {
                return false;
            }
        }
    }

    fn evict_one(&mut self) -> bool {
        let Some(seq) = self.cache.oldest_kept() else { return false };
        self.device.truncate(seq, 0);
        self.cache.release(seq);
        true
    }

    /// The next batch: voices first, then prompts in order of arrival.
    fn batch(&mut self) -> Vec<Planned> {
        let mut rows = Vec::new();
        let mut outputs = 0;
        let mut cells = self.cache.cells_free();
        let mut starved = None;
        for (index, job) in self.running.iter().enumerate() {
            let Some(seq) = job.seq else { continue };
            let held = self.cache.len(seq);
            if job.is_streaming(held) && rows.len() < self.limits.batch && outputs < self.limits.outputs {
                if cells == 0 {
                    starved = Some(index);
                    break;
                }
                rows.push(Planned { row: row(job, seq, held), job: index, streaming: true });
                outputs += 1;
                cells -= 1;
            }
        }
        let streams = !rows.is_empty();
        let mut budget = if streams { self.chunk() } else { self.limits.batch };
        for (index, job) in self.running.iter().enumerate() {
            let Some(seq) = job.seq else { continue };
            let held = self.cache.len(seq);
            if job.is_streaming(held) {
                continue;
            }
            for at in held..job.tokens.len() {
                let row = row(job, seq, at);
                let is_full =
                    rows.len() >= self.limits.batch || budget == 0 || row.output && outputs >= self.limits.outputs;
                if is_full || cells == 0 {
                    if cells == 0 && rows.is_empty() {
                        starved = Some(index);
                    }
                    break;
                }
                outputs += usize::from(row.output);
                budget -= 1;
                cells -= 1;
                rows.push(Planned { row, job: index, streaming: false });
            }
        }
        if let Some(index) = starved
            && !self.evict_one()
            && rows.is_empty()
        {
            self.end(index, Finish::Context);
            self.drop_cancelled();
        }
        rows
    }

    /// Prompt rows that hold a stream up for about [`CHUNK_MS`].
    fn chunk(&self) -> usize {
        if self.ms_per_row <= 0.0 {
            return MIN_CHUNK;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the size of a batch")]
        let rows = (CHUNK_MS / self.ms_per_row).clamp(MIN_CHUNK as f64, self.limits.batch as f64) as usize;
        rows
    }

    fn learn_speed(&mut self, began: Instant, prompt_rows: usize, rows: usize) {
        if prompt_rows >= MIN_CHUNK {
            let ms = began.elapsed().as_secs_f64() * 1000.0 / rows as f64;
            self.ms_per_row = if self.ms_per_row <= 0.0 { ms } else { 0.7 * self.ms_per_row + 0.3 * ms };
        }
    }

    fn commit(&mut self, rows: &[Planned]) {
        let mut written = 0;
        for planned in rows {
            // The batch was cut to the free cells, so this cannot fail.
            let noted = self.cache.extend(planned.row.seq, &[planned.row.token]);
            debug_assert!(noted, "a batch took more cells than there are");
            let job = &mut self.running[planned.job];
            if (planned.row.pos as usize) < job.prompt {
                job.usage.computed_prompt_tokens += 1;
                self.computed += 1;
            } else {
                written += 1;
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

    fn read_outputs(&mut self, rows: &[Planned]) {
        for (index, planned) in rows.iter().enumerate() {
            if !planned.row.output {
                continue;
            }
            let logits = self.device.logits(index);
            let job = &mut self.running[planned.job];
            let log_z = math::log_sum_exp(logits);
            match &mut job.work {
                Work::Continuation { logprobs, .. } => {
                    let next = job.tokens[planned.row.pos as usize + 1];
                    logprobs.push(f64::from(logits[next as usize]) - log_z);
                }
                Work::Options(spellings) => {
                    let ev = score(self.device.as_ref(), logits, log_z, spellings, job.usage);
                    job.answered = Some(Instant::now());
                    let Ev::Done(Answer::Options(mut scores)) = ev else { continue };
                    scores.usage = job.final_usage();
                    self.events.push(Event { id: Some(job.id), ev: Ev::Done(Answer::Options(scores)) });
                    job.cancelled = true;
                }
                Work::Generate(_) => self.draw(planned.job, index, log_z),
            }
        }
        self.end_continuations();
        self.drop_cancelled();
    }

    /// Draws the next token of a voice from the logits of row `index`.
    fn draw(&mut self, job_index: usize, index: usize, log_z: f64) {
        let logits = self.device.logits(index);
        let job = &mut self.running[job_index];
        let Work::Generate(voice) = &mut job.work else { return };
        job.answered.get_or_insert_with(Instant::now);
        let unit = math::unit(voice.seed, voice.generated as u64);
        let Some(token) = voice.drawer.draw(logits, unit) else { return self.end(job_index, Finish::Stop) };
        if self.device.is_end(token) || !voice.drawer.accept(token) {
            return self.end(job_index, Finish::Stop);
        }
        let logprob = Some(f64::from(logits[token as usize]) - log_z);
        let text = voice.stream.push(&self.device.piece(token));
        voice.generated += 1;
        job.usage.generated_tokens += 1;
        job.tokens.push(token);
        self.events.push(Event { id: Some(job.id), ev: Ev::Token { text, logprob } });
        let finish = if voice.stream.is_stopped() {
            Some(Finish::Stop)
        } else if voice.generated >= voice.max_tokens {
            Some(Finish::Length)
        } else if job.tokens.len() >= self.limits.per_sequence as usize {
            Some(Finish::Context)
        } else {
            None
        };
        if let Some(finish) = finish {
            self.end(job_index, finish);
        }
    }

    /// Ends a job that is not finished by its scores.
    fn end(&mut self, job_index: usize, finish: Finish) {
        let job = &mut self.running[job_index];
        job.cancelled = true;
        match &mut job.work {
            Work::Generate(voice) => {
                let (delta, text) = std::mem::take(&mut voice.stream).finish();
                let id = Some(job.id);
                if !delta.is_empty() {
                    self.events.push(Event { id, ev: Ev::Token { text: delta, logprob: None } });
                }
                let usage = job.final_usage();
                self.events.push(Event { id, ev: Ev::Done(Answer::Generated(Generated { text, finish, usage })) });
            }
            Work::Options(_) | Work::Continuation { .. } => {
                let id = job.id;
                let tokens = job.tokens.len();
                let refusal = self.too_long(tokens);
                self.groups.remove(&id);
                self.waiting.retain(|job| job.id != id);
                self.running.iter_mut().filter(|job| job.id == id).for_each(|job| job.cancelled = true);
                self.refuse(id, refusal);
            }
        }
    }

    fn end_out_of_time(&mut self) {
        for index in 0..self.running.len() {
            let job = &self.running[index];
            let Work::Generate(voice) = &job.work else { continue };
            let ran = job.began.map_or(0, |began| millis(began.elapsed()));
            if voice.time_limit_ms.is_some_and(|limit| ran >= limit) {
                self.end(index, Finish::Time);
            }
        }
        self.drop_cancelled();
    }

    fn end_continuations(&mut self) {
        for job in &mut self.running {
            let Work::Continuation { index, logprobs } = &mut job.work else { continue };
            if job.cancelled || logprobs.len() < job.tokens.len() - job.prompt {
                continue;
            }
            job.cancelled = true;
            let Some(group) = self.groups.get_mut(&job.id) else { continue };
            group.logprobs[*index] = std::mem::take(logprobs);
            group.open -= 1;
            let usage = job.final_usage();
            group.usage.prompt_tokens += usage.prompt_tokens;
            group.usage.computed_prompt_tokens += usage.computed_prompt_tokens;
            group.usage.queue_ms = group.usage.queue_ms.max(usage.queue_ms);
            group.usage.prompt_ms = group.usage.prompt_ms.max(usage.prompt_ms);
            if group.open == 0
                && let Some(group) = self.groups.remove(&job.id)
            {
                let scores = ContinuationScores { logprobs: group.logprobs, usage: group.usage };
                self.events.push(Event { id: Some(job.id), ev: Ev::Done(Answer::Continuations(scores)) });
            }
        }
    }

    /// Takes ended jobs out of the running ones; their tokens stay for others to share.
    fn drop_cancelled(&mut self) {
        let mut at = 0;
        while at < self.running.len() {
            if !self.running[at].cancelled {
                at += 1;
                continue;
            }
            let job = self.running.remove(at);
            if let Some(seq) = job.seq {
                if self.limits.shares_prefixes && self.cache.len(seq) > 0 {
                    self.cache.keep(seq);
                } else {
                    self.device.truncate(seq, 0);
                    self.cache.release(seq);
                }
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
        let mut ids: Vec<u64> = self.running.drain(..).chain(self.waiting.drain(..)).map(|job| job.id).collect();
        ids.dedup();
        ids.sort_unstable();
        ids.dedup();
        self.groups.clear();
        for seq in 0..self.limits.sequences {
            self.device.truncate(seq, 0);
        }
        self.cache = Cache::new(self.limits);
        for id in ids {
            self.refuse(id, Refusal { code: RefusalCode::Compute, message: message.to_owned() });
        }
    }
}

fn row(job: &Job, seq: device::Seq, at: usize) -> Row {
    #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
    let pos = at as u32;
    Row { token: job.tokens[at], pos, seq, output: job.wants_output(at) }
}

fn score(device: &dyn Device, logits: &[f32], log_z: f64, spellings: &[Vec<device::Token>], usage: Usage) -> Ev {
    let p = |token: device::Token| (f64::from(logits[token as usize]) - log_z).exp();
    let mass: Vec<f64> = spellings.iter().map(|tokens| tokens.iter().map(|token| p(*token)).sum()).collect();
    let coverage = mass.iter().sum();
    let top = math::top(logits, TOP)
        .into_iter()
        .map(|token| TokenProbability { text: String::from_utf8_lossy(&device.piece(token)).into_owned(), p: p(token) })
        .collect();
    Ev::Done(Answer::Options(OptionScores { mass, coverage, top, usage }))
}
