//! Embeddings: every text is read by itself, and the last states of its tokens are averaged.

use super::Scheduler;
use super::job::{Job, Work};
use crate::engine::protocol::{
    Answer, EmbedRequest, Embedded, Ev, Event, Prompt, Refusal, RefusalCode, Thinking, Usage,
};

/// How vectors are made, as the answer tells it.
const POOLING: &str = "mean of last layer";
/// Bytes that all vectors of an answer may take as text, well below the longest line.
const MOST_BYTES: usize = 6 << 20;
/// Bytes of a number as text, at most.
const NUMBER: usize = 15;

/// An `embed` request whose texts run as jobs of their own.
#[derive(Debug)]
pub(super) struct Embedding {
    open: usize,
    vectors: Vec<Vec<f32>>,
    n_embd: usize,
    trained_pooling: Option<String>,
    usage: Usage,
}

impl Scheduler {
    /// Takes on an `embed` request.
    pub fn embed(&mut self, id: u64, request: &EmbedRequest) {
        let refused = |message: String| Refusal { code: RefusalCode::BadRequest, message };
        let states = match self.device.states() {
            Ok(states) => states,
            Err(why) => return self.refuse(id, refused(format!("no text can be embedded: {why}"))),
        };
        let count = request.texts.len();
        let most = MOST_BYTES / (NUMBER * states.width.max(1));
        if count == 0 || count > most {
            let message =
                format!("embed was given {count} texts and takes 1 to {most} with this model; ask for others");
            return self.refuse(id, refused(message));
        }
        let Ok(adapters) = self.adapter_set(id, &request.adapters) else { return };
        let mut jobs = Vec::with_capacity(count);
        for text in &request.texts {
            let Some(rendered) = self.render(id, &Prompt::Raw { text: text.clone() }, Thinking::Off, false) else {
                return;
            };
            let (work, prompt) =
                (Work::States { text: jobs.len(), sum: vec![0.0; states.width] }, rendered.tokens.len());
            jobs.push(Job::new(id, work, rendered.tokens, prompt, request.handling).adapted(adapters.clone()));
        }
        let (vectors, trained_pooling) = (vec![Vec::new(); count], states.trained_pooling);
        let embedding =
            Embedding { open: count, vectors, n_embd: states.width, trained_pooling, usage: Usage::default() };
        self.embeddings.insert(id, embedding);
        for job in jobs {
            self.line_up(job);
        }
    }

    /// Takes in the last state of token `at` of a text, which row `row` of the last batch was.
    pub(super) fn take_state(&mut self, job_index: usize, at: usize, row: usize) {
        let state = self.device.state(row);
        let job = &mut self.running[job_index];
        let Work::States { text, sum } = &mut job.work else { return };
        if job.cancelled {
            return;
        }
        if at == 0 {
            // After a roll-back to the start the same rows come again.
            sum.fill(0.0);
        }
        if state.len() != sum.len() || state.iter().any(|value| !value.is_finite()) {
            let message = "the model tells no states that could be averaged: llama.cpp does not name those of its architecture, or they are no numbers; use another model".to_owned();
            return self.refuse_all_of(self.running[job_index].id, Refusal { code: RefusalCode::Compute, message });
        }
        sum.iter_mut().zip(&state).for_each(|(sum, value)| *sum += f64::from(*value));
        if at + 1 < job.prompt {
            return;
        }
        let (text, vector) = (*text, unit(sum));
        job.cancelled = true;
        let (id, usage) = (job.id, job.final_usage());
        let Some(embedding) = self.embeddings.get_mut(&id) else { return };
        embedding.vectors[text] = vector;
        embedding.usage.add(usage);
        embedding.open -= 1;
        if embedding.open > 0 {
            return;
        }
        let Some(Embedding { vectors, n_embd, trained_pooling, usage, .. }) = self.embeddings.remove(&id) else {
            return;
        };
        let embedded = Embedded { vectors, pooling: POOLING.to_owned(), trained_pooling, n_embd, usage };
        self.events.push(Event { id: Some(id), ev: Ev::Done(Answer::Embedded(embedded)) });
    }
}

/// The vector of length 1 in the direction of `sum`, which is that of the mean; zeros where there is none.
fn unit(sum: &[f64]) -> Vec<f32> {
    let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "states are single precision")]
    let scaled = |value: &f64| if length > 0.0 { (value / length) as f32 } else { 0.0 };
    sum.iter().map(scaled).collect()
}
