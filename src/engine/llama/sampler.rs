//! Draws tokens: llama.cpp's samplers narrow the candidates down, our own seeded number picks one.

use std::sync::Arc;

use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::ffi::Model;
use crate::engine::protocol::{Refusal, RefusalCode, Sampler};
use crate::engine::scheduler::device::{Draw, Token, place};
use crate::engine::scheduler::math;

/// Tokens that a repetition penalty looks back at.
const PENALTY_WINDOW: i32 = 64;
/// So many of the most probable tokens are found quicker here than out of a list of all.
const FEW: u32 = 256;

/// The samplers of one voice.
pub(super) struct Drawer {
    greedy: bool,
    temperature: f32,
    grammar: Option<LlamaSampler>,
    /// Keep so many before the filters see any; 0 keeps all. Only where nothing comes before it.
    top_k: usize,
    filters: Vec<LlamaSampler>,
    candidates: LlamaTokenDataArray,
    // A grammar points into the vocabulary of the model.
    _model: Arc<Model>,
}

impl Drawer {
    pub(super) fn new(model: &Arc<Model>, settings: &Sampler, grammar: Option<&str>) -> Result<Self, Refusal> {
        let wrong = |message: String| Refusal { code: RefusalCode::BadRequest, message };
        let in_range = settings.temperature.is_finite()
            && settings.top_p > 0.0
            && (0.0..=1.0).contains(&settings.min_p)
            && settings.repeat_penalty > 0.0
            && settings.repeat_penalty.is_finite();
        if !in_range {
            return Err(wrong(format!(
                "the sampler settings are out of range ({settings:?}): the temperature must be finite, top-p above 0, min-p within 0 and 1, the penalty above 0"
            )));
        }
        let grammar = match grammar {
            Some(source) => Some(
                LlamaSampler::grammar(model, source, "root")
                    .map_err(|error| wrong(format!("the grammar is not valid GBNF ({error}); check its rules")))?,
            ),
            None => None,
        };
        let mut filters = Vec::new();
        if (settings.repeat_penalty - 1.0).abs() > f32::EPSILON {
            filters.push(LlamaSampler::penalties(model.n_vocab(), PENALTY_WINDOW, settings.repeat_penalty, 0.0, 0.0));
        }
        let mut top_k = 0;
        if (1..=FEW).contains(&settings.top_k) && grammar.is_none() && filters.is_empty() {
            top_k = settings.top_k as usize;
        } else if settings.top_k > 0 {
            filters.push(LlamaSampler::top_k(i32::try_from(settings.top_k).unwrap_or(i32::MAX)));
        }
        if settings.top_p < 1.0 {
            filters.push(LlamaSampler::top_p(settings.top_p, 1));
        }
        if settings.min_p > 0.0 {
            filters.push(LlamaSampler::min_p(settings.min_p, 1));
        }
        Ok(Self {
            greedy: settings.temperature <= 0.0,
            temperature: settings.temperature,
            grammar,
            top_k,
            filters,
            candidates: LlamaTokenDataArray::new(Vec::new(), false),
            _model: Arc::clone(model),
        })
    }
}

/// Fills `array` with the `top_k` most probable tokens, the best first, or with all of them where that is 0.
fn fill(array: &mut LlamaTokenDataArray, logits: &[f32], top_k: usize) {
    array.data.clear();
    if top_k > 0 {
        let best = math::top(logits, top_k.min(logits.len()));
        let data = |id: Token| LlamaTokenData::new(LlamaToken(id), logits[place(id)], 0.0);
        array.data.extend(best.into_iter().map(data));
    } else {
        array.data.extend((0..).zip(logits).map(|(id, logit)| LlamaTokenData::new(LlamaToken(id), *logit, 0.0)));
    }
    (array.sorted, array.selected) = (top_k > 0, None);
}

impl Draw for Drawer {
    fn draw(&mut self, logits: &[f32], unit: f64) -> Option<Token> {
        if self.grammar.is_none() && self.filters.is_empty() && self.top_k == 0 {
            // Nothing narrows the candidates down, so that no list of them is needed.
            if self.greedy {
                return math::top(logits, 1).into_iter().find(|token| logits[place(*token)].is_finite());
            }
            return math::draw(logits, self.temperature, unit);
        }
        let array = &mut self.candidates;
        fill(array, logits, self.top_k);
        // `apply` does not accept the token: that is done once, in `accept`.
        if let Some(grammar) = &mut self.grammar {
            array.apply_sampler(grammar);
        }
        for filter in &mut self.filters {
            array.apply_sampler(filter);
        }
        let best = array.data.iter().filter(|candidate| candidate.logit().is_finite());
        // Of equals the smaller id, so that the draw does not depend on how a filter sorted.
        let best = best.max_by(|a, b| a.logit().total_cmp(&b.logit()).then(b.id().cmp(&a.id())))?;
        if self.greedy {
            return Some(best.id().0);
        }
        let (max, temperature) = (best.logit(), self.temperature);
        let weight = |candidate: &LlamaTokenData| f64::from(((candidate.logit() - max) / temperature).exp());
        let total: f64 = array.data.iter().map(weight).sum();
        let mut left = unit * total;
        for candidate in &array.data {
            left -= weight(candidate);
            if left < 0.0 {
                return Some(candidate.id().0);
            }
        }
        // Rounding: the last candidate with any weight.
        array.data.iter().rev().find(|candidate| weight(candidate) > 0.0).map(|candidate| candidate.id().0)
    }

    fn accept(&mut self, token: Token) -> bool {
        for filter in &mut self.filters {
            filter.accept(LlamaToken(token));
        }
        // A finished grammar refuses the token, and must not be asked again: it would abort the process.
        self.grammar.as_mut().is_none_or(|grammar| grammar.try_accept(LlamaToken(token)).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_tokens_are_those_of_the_filter_of_llama_cpp() {
        for (seed, k) in [(1, 1), (2, 40), (3, 64), (4, 256), (5, 5000)] {
            // No two are equal, for there the filter has no order of its own.
            #[expect(clippy::cast_possible_truncation, reason = "logits are single precision")]
            let logits: Vec<f32> = (0..3000).map(|index| (math::unit(seed, index) * 25.0 - 15.0) as f32).collect();
            let mut theirs = LlamaTokenDataArray::new(Vec::new(), false);
            fill(&mut theirs, &logits, 0);
            theirs.apply_sampler(&mut LlamaSampler::top_k(k));
            let mut ours = LlamaTokenDataArray::new(Vec::new(), false);
            fill(&mut ours, &logits, usize::try_from(k).unwrap_or(0));
            // What comes after finds the same, in the same order.
            for array in [&mut theirs, &mut ours] {
                array.apply_sampler(&mut LlamaSampler::top_p(0.9, 1));
            }
            let seen = |array: &LlamaTokenDataArray| {
                array.data.iter().map(|data| (data.id().0, data.logit().to_bits())).collect::<Vec<_>>()
            };
            assert_eq!(seen(&ours), seen(&theirs), "{k} of 3000");
        }
    }
}
