//! What is done with the logits of a batch: tokens are drawn, options and continuations scored, requests ended.

use std::rc::Rc;
use std::time::Instant;

use super::device::{Device, Token, place};
use super::job::{Job, Work, millis};
use super::parting::Parted;
use super::plan::Planned;
use super::{Scheduler, TOP, math};
use crate::domain::Finish;
use crate::engine::protocol::{
    Answer, ContinuationScores, DrawnFrom, Ev, Event, Generated, OptionScores, Refusal, RefusalCode, TokenProbability,
    Usage,
};

/// A voice that was cut off and wrote so many tokens is kept, so that it can go on without being read again.
const WORTH_KEEPING: usize = 32;
/// The least probability of a token that was not drawn and is told all the same.
const WORTH_TELLING: f64 = 0.001;

/// Where logits are read.
pub(super) enum Source {
    /// A row of the last batch.
    Row(usize),
    /// Kept from the last time that this prompt was read.
    Remembered(Rc<[f32]>),
}

impl Source {
    fn logits<'a>(&'a self, device: &'a dyn Device) -> &'a [f32] {
        match self {
            Self::Row(index) => device.logits(*index),
            Self::Remembered(logits) => logits,
        }
    }
}

impl Scheduler {
    pub(super) fn read_outputs(&mut self, rows: &[Planned]) {
        for (index, planned) in rows.iter().enumerate().filter(|(_, planned)| planned.row.output) {
            let logits = self.device.logits(index);
            let log_z = math::log_sum_exp(logits);
            if !log_z.is_finite() {
                self.fail(planned.job);
                continue;
            }
            let (job, at) = (&self.running[planned.job], planned.row.pos as usize);
            if at + 1 == job.prompt && self.limits.shares_prefixes && !job.is_private() {
                // The same prompt need not be computed again, not even its last token.
                self.cache.remember_at(planned.row.seq, at, logits);
            }
            if job.is_watched() {
                self.take_outputs(planned.job, index);
                continue;
            }
            self.read_output(planned.job, at, &Source::Row(index), log_z);
        }
        self.end_continuations();
        self.drop_cancelled();
    }

    /// Uses the logits after token `at` of a running job.
    pub(super) fn read_output(&mut self, job_index: usize, at: usize, source: &Source, log_z: f64) {
        let logits = source.logits(self.device.as_ref());
        let job = &mut self.running[job_index];
        match &mut job.work {
            Work::Continuation { logprobs, .. } => {
                // After a roll-back to the start the same rows come again.
                logprobs.truncate(at + 1 - job.prompt);
                let next = job.tokens[at + 1];
                // JSON knows no infinity, and a sum of these must stay a number.
                logprobs.push(f64::from(logits[place(next)]) - log_z);
            }
            Work::Options(spellings) => {
                let mut scores = score(self.device.as_ref(), logits, log_z, spellings);
                job.answered = Some(Instant::now());
                scores.usage = job.final_usage();
                self.events.push(Event { id: Some(job.id), ev: Ev::Done(Answer::Options(scores)) });
                job.cancelled = true;
            }
            Work::Generate(_) => self.draw(job_index, source, log_z),
            Work::Outputs { .. } => {}
        }
    }

    /// Ends a request whose logits are no numbers.
    fn fail(&mut self, job_index: usize) {
        let job = &self.running[job_index];
        if job.cancelled {
            return;
        }
        let message = "the model's scores are not numbers, so its file is damaged or its format is not computed rightly here; check it with `parallax models verify`, or use another one";
        self.refuse_all_of(job.id, Refusal { code: RefusalCode::Compute, message: message.to_owned() });
    }

    /// Ends a request with all its jobs.
    fn refuse_all_of(&mut self, id: u64, refusal: Refusal) {
        self.groups.remove(&id);
        self.derivations.remove(&id);
        self.waiting.drop_request(id);
        self.running.iter_mut().filter(|job| job.id == id).for_each(|job| job.cancelled = true);
        self.refuse(id, refusal);
    }

    /// Draws the next token of a voice.
    fn draw(&mut self, job_index: usize, source: &Source, log_z: f64) {
        let logits = source.logits(self.device.as_ref());
        let job = &mut self.running[job_index];
        let Work::Generate(voice) = &mut job.work else { return };
        job.answered.get_or_insert_with(Instant::now);
        let unit = math::unit(voice.seed, voice.generated as u64);
        let Some(token) = voice.drawer.draw(logits, unit) else { return self.end(job_index, Finish::Stop) };
        if self.device.is_end(token) || !voice.drawer.accept(token) {
            return self.end(job_index, Finish::Stop);
        }
        let logprob = Some(f64::from(logits[place(token)]) - log_z);
        let drawn_from = (voice.alternatives > 0)
            .then(|| drawn_from(self.device.as_ref(), logits, log_z, token, voice.alternatives));
        let Parted { thinking, answer } = voice.stream.push(&self.device.piece(token));
        voice.generated += 1;
        job.usage.generated_tokens += 1;
        job.usage.thinking_tokens = voice.stream.thinking_tokens();
        job.tokens.push(token);
        let id = Some(job.id);
        let is_thought = !thinking.is_empty() || voice.stream.is_thinking();
        let (text, rest) = if is_thought { (thinking, answer) } else { (answer, String::new()) };
        let ev = Ev::Token { text, logprob, token: Some(token), thinking: is_thought, drawn_from };
        self.events.push(Event { id, ev });
        self.events.extend(text_alone(id, rest, false));
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
    pub(super) fn end(&mut self, job_index: usize, finish: Finish) {
        let job = &mut self.running[job_index];
        job.cancelled = true;
        job.is_cut = matches!(finish, Finish::Length | Finish::Time);
        match &mut job.work {
            Work::Generate(voice) => {
                let (last, whole) = std::mem::take(&mut voice.stream).finish();
                let id = Some(job.id);
                self.events.extend(text_alone(id, last.thinking, true));
                self.events.extend(text_alone(id, last.answer, false));
                let thinking = Some(whole.thinking).filter(|thinking| !thinking.trim().is_empty());
                let generated = Generated { text: whole.answer, thinking, finish, usage: job.final_usage() };
                self.events.push(Event { id, ev: Ev::Done(Answer::Generated(generated)) });
            }
            Work::Options(_) | Work::Continuation { .. } | Work::Outputs { .. } => {
                let (id, tokens) = (job.id, job.tokens.len());
                self.refuse_all_of(id, self.too_long(tokens));
            }
        }
    }

    pub(super) fn end_out_of_time(&mut self) {
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

    pub(super) fn end_continuations(&mut self) {
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
    pub(super) fn drop_cancelled(&mut self) {
        let mut at = 0;
        while at < self.running.len() {
            if !self.running[at].cancelled {
                at += 1;
                continue;
            }
            let job = self.running.remove(at);
            self.leave(&job);
        }
    }

    /// Keeps what others may share of an ended job's sequence, and gives the rest back: what was written after a prompt
    /// only takes room, unless the voice may go on.
    fn leave(&mut self, job: &Job) {
        let Some(seq) = job.seq else { return };
        self.device.steer(seq, None);
        let is_voice = job.is_cut && job.tokens.len() >= job.prompt + WORTH_KEEPING;
        let len = if is_voice { self.cache.len(seq) } else { self.cache.len(seq).min(job.prompt) };
        let is_shared = self.limits.shares_prefixes && !job.is_private() && len > 0;
        if is_shared {
            #[expect(clippy::cast_possible_truncation, reason = "a context holds far fewer than 2^32 tokens")]
            let is_cut = len == self.cache.len(seq) || self.device.truncate(seq, len as u32);
            if is_cut {
                self.cache.truncate(seq, len);
                if !self.cache.is_held_elsewhere(seq) {
                    return self.cache.keep(seq, is_voice.then_some(job.prompt));
                }
            }
        }
        self.give_back(seq);
    }
}

/// Text that comes with no token of its own.
fn text_alone(id: Option<u64>, text: String, thinking: bool) -> Option<Event> {
    let ev = Ev::Token { text, logprob: None, token: None, thinking, drawn_from: None };
    matches!(&ev, Ev::Token { text, .. } if !text.is_empty()).then_some(Event { id, ev })
}

/// What `token` was drawn from: itself, and the `count` most probable others.
fn drawn_from(device: &dyn Device, logits: &[f32], log_z: f64, token: Token, count: usize) -> DrawnFrom {
    let others = math::top(logits, count + 1).into_iter().filter(|other| *other != token).take(count);
    let others = others.map(|other| token_probability(device, logits, log_z, other));
    DrawnFrom {
        piece: String::from_utf8_lossy(&device.piece(token)).into_owned(),
        others: others.take_while(|other| other.p >= WORTH_TELLING).collect(),
    }
}

fn token_probability(device: &dyn Device, logits: &[f32], log_z: f64, token: Token) -> TokenProbability {
    let p = (f64::from(logits[place(token)]) - log_z).exp();
    TokenProbability { text: String::from_utf8_lossy(&device.piece(token)).into_owned(), p }
}

fn score(device: &dyn Device, logits: &[f32], log_z: f64, spellings: &[Vec<Token>]) -> OptionScores {
    let p = |token: Token| (f64::from(logits[place(token)]) - log_z).exp();
    let mass: Vec<f64> = spellings.iter().map(|tokens| tokens.iter().map(|token| p(*token)).sum()).collect();
    let coverage = mass.iter().sum();
    let top = math::top(logits, TOP).into_iter().map(|token| token_probability(device, logits, log_z, token)).collect();
    OptionScores { mass, coverage, top, usage: Usage::default() }
}
