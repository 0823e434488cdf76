//! The least that llama.cpp itself needs for a piece of work: its own loop and its own samplers, and nothing of ours. What
//! the scheduler costs is measured against it.

use std::path::Path;
use std::time::{Duration, Instant};

use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::LlamaLoader;
use super::device::LlamaDevice;
use crate::engine::protocol::{LoadRequest, Loaded, Prompt};
use crate::engine::scheduler::device::{DecodeFault, Device, Pulse, Row, Seq, Token};

/// A model in the context that the engine would make for it.
pub struct Floor {
    device: LlamaDevice,
    loaded: Loaded,
}

impl std::fmt::Debug for Floor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Floor").field("loaded", &self.loaded).finish_non_exhaustive()
    }
}

/// A piece of work, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Computed {
    /// Tokens written or read.
    pub tokens: usize,
    /// From the first batch that counts to the end of the last.
    pub time: Duration,
}

impl Floor {
    /// Loads a model as the engine does, with `context` cells (absent: as many as the engine would choose) and
    /// what the engine remembers in the folder `data`.
    pub fn load(
        loader: &mut LlamaLoader,
        path: &Path,
        context: Option<u32>,
        data: Option<String>,
    ) -> Result<Self, String> {
        let request = LoadRequest { path: path.display().to_string(), context, data, keep_states: false, others: None };
        let opened = loader.open(&request, &Pulse::default(), &mut |_| true);
        let (device, loaded) = opened.map_err(|refusal| refusal.message)?;
        Ok(Self { device, loaded })
    }

    /// What was loaded, and how.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The tokens of a prompt as the engine lays it out.
    pub fn tokens(&self, prompt: &Prompt) -> Result<Vec<Token>, String> {
        self.device.render(prompt).map(|rendered| rendered.tokens).map_err(|refusal| refusal.message)
    }

    /// The tokens of plain text that goes on from a prompt.
    pub fn continuation(&self, text: &str) -> Vec<Token> {
        self.device.tokenise(text)
    }

    /// Writes `steps` tokens after the first one in each of `sequences` that share a prompt: one row per sequence and
    /// step, drawn by llama.cpp's own temperature and distribution samplers. The prompt and the first token are not
    /// timed. What is drawn never ends a sequence.
    pub fn write(
        &mut self,
        prompt: &[Token],
        sequences: u32,
        steps: usize,
        temperature: f32,
        seed: u32,
    ) -> Result<Computed, String> {
        self.clear();
        let (Some((last, before)), true) = (prompt.split_last(), sequences <= self.device.limits.sequences) else {
            return Err(format!("{sequences} sequences after {} tokens cannot be written", prompt.len()));
        };
        self.read(before)?;
        let len = wide(before.len());
        (1..sequences).for_each(|seq| self.device.context.copy(0, seq, len));
        let chain = |seq: u32| {
            // llama.cpp takes the largest seed as none.
            let dist = LlamaSampler::dist(seed.wrapping_add(seq) % u32::MAX);
            LlamaSampler::chain([LlamaSampler::temp(temperature), dist], true)
        };
        let mut samplers: Vec<LlamaSampler> = (0..sequences).map(chain).collect();
        let mut rows: Vec<Row> = (0..sequences).map(|seq| Row { token: *last, pos: len, seq, output: true }).collect();
        let mut candidates = LlamaTokenDataArray::new(Vec::new(), false);
        let mut began = Instant::now();
        for step in 0..=steps {
            self.device.context.decode(&rows).map_err(fault)?;
            for (index, (row, sampler)) in rows.iter_mut().zip(&mut samplers).enumerate() {
                let logits = self.device.context.logits(index);
                candidates.data.clear();
                candidates
                    .data
                    .extend((0..).zip(logits).map(|(id, logit)| LlamaTokenData::new(LlamaToken(id), *logit, 0.0)));
                (candidates.sorted, candidates.selected) = (false, None);
                candidates.apply_sampler(sampler);
                let drawn = candidates.selected_token().ok_or("llama.cpp's sampler drew no token")?;
                sampler.accept(drawn);
                (row.token, row.pos) = (drawn.0, row.pos + 1);
            }
            if step == 0 {
                began = Instant::now();
            }
        }
        let computed = Computed { tokens: steps * sequences as usize, time: began.elapsed() };
        self.clear();
        Ok(computed)
    }

    /// Reads several texts after `known` tokens, which are not timed: every token of their prefix tree once, in batches
    /// as large as they may be. With `scores` the logits after every token are asked for, else those after the last one
    /// of each text.
    pub fn tree(&mut self, known: &[Token], texts: &[Vec<Token>], scores: bool) -> Result<Computed, String> {
        self.clear();
        let mut texts: Vec<&[Token]> = texts.iter().map(Vec::as_slice).collect();
        texts.sort_unstable();
        texts.dedup();
        if texts.is_empty() || texts.len() > self.device.limits.sequences as usize {
            return Err(format!("{} texts cannot be read at once", texts.len()));
        }
        self.read(known)?;
        let len = wide(known.len());
        (1..wide(texts.len())).for_each(|seq| self.device.context.copy(0, seq, len));
        let (rows, seqs) = rows_of(&texts, len, scores);
        let limits = self.device.limits;
        let began = Instant::now();
        let mut at = 0;
        while at < rows.len() {
            let (mut end, mut outputs) = (at, 0);
            while end < rows.len() && end - at < limits.batch {
                outputs += usize::from(rows[end].output);
                if outputs > limits.outputs {
                    break;
                }
                end += 1;
            }
            self.device.context.decode_shared(&rows[at..end], &seqs[at..end]).map_err(fault)?;
            // Computing may go on after the call that began it: whoever reads a result waits.
            if let Some(index) = rows[at..end].iter().position(|row| row.output) {
                std::hint::black_box(self.device.context.logits(index));
            }
            at = end;
        }
        let computed = Computed { tokens: rows.len(), time: began.elapsed() };
        self.clear();
        Ok(computed)
    }

    /// Reads the beginning of the first sequence.
    fn read(&mut self, tokens: &[Token]) -> Result<(), String> {
        let row = |(pos, token): (u32, &Token)| Row { token: *token, pos, seq: 0, output: false };
        let rows: Vec<Row> = (0..).zip(tokens).map(row).collect();
        rows.chunks(self.device.limits.batch).try_for_each(|rows| self.device.context.decode(rows).map_err(fault))
    }

    fn clear(&mut self) {
        (0..self.device.limits.sequences).for_each(|seq| {
            // Forgetting everything is always possible.
            let _ = self.device.context.truncate(seq, 0);
        });
    }
}

/// The rows of the prefix tree of sorted texts, parents before children, and the sequences of each: text `i` is
/// sequence `i`.
fn rows_of(texts: &[&[Token]], first: u32, scores: bool) -> (Vec<Row>, Vec<Vec<Seq>>) {
    let (mut rows, mut seqs) = (Vec::new(), Vec::new());
    let shared = |a: &[Token], b: &[Token]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    for (index, text) in texts.iter().enumerate() {
        let begin = if index == 0 { 0 } else { shared(texts[index - 1], text) };
        for at in begin..text.len() {
            let others = texts[index..].iter().take_while(|other| shared(other, text) > at).count();
            let is_last = at + 1 == text.len();
            let pos = first + wide(at);
            rows.push(Row { token: text[at], pos, seq: wide(index), output: scores || is_last });
            seqs.push((wide(index)..wide(index + others)).collect());
        }
    }
    (rows, seqs)
}

fn wide(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn fault(fault: DecodeFault) -> String {
    match fault {
        DecodeFault::NoSpace => "the context has no room for the work; raise --ctx".to_owned(),
        DecodeFault::Aborted => "the computation was stopped".to_owned(),
        DecodeFault::Failed(message) => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_every_shared_token_once() {
        let texts: [&[Token]; 3] = [&[1, 2, 3], &[1, 2, 4, 5], &[6]];
        let (rows, seqs) = rows_of(&texts, 10, false);
        let brief: Vec<_> = rows.iter().map(|row| (row.token, row.pos, row.output)).collect();
        let expected = [(1, 10, false), (2, 11, false), (3, 12, true), (4, 12, false), (5, 13, true), (6, 10, true)];
        assert_eq!(brief, expected);
        assert_eq!(seqs, [vec![0, 1], vec![0, 1], vec![0], vec![1], vec![1], vec![2]]);
    }

    #[test]
    fn scores_are_asked_for_after_each_token() {
        let texts: [&[Token]; 2] = [&[1, 2, 3], &[1, 4]];
        let (rows, _) = rows_of(&texts, 0, true);
        assert_eq!(rows.iter().map(|row| row.output).collect::<Vec<_>>(), [true; 4]);
    }
}
