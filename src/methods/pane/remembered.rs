//! Exact scorings that several runs of one engine ask for: those of other questions than the run's own. A survey of 40
//! questions that each read the same 20 others computes these once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::PaneContext;
use crate::engine::protocol::{OptionScores, Prompt, ScoreOptionsRequest, Steer, Usage};
use crate::methods::MethodError;

/// Scorings that are kept; of each a prompt, its letters' probabilities and the most probable tokens: some kilobytes.
const MOST: usize = 4096;

/// The scorings that one engine with one model was asked for. Clones share them.
///
/// To answer from here is sound: a scoring draws nothing, so that the prompt, the labels, the directions and the adapters
/// decide it, for as long as the engine and its model stay the same. In the profile `audit` it would come out bit for bit
/// alike; in `fast` it may differ in the last digits with what runs beside it, and the first reading is as good as another.
#[derive(Debug, Clone, Default)]
pub struct Remembered(Arc<Mutex<Known>>);

type Key = [u8; 32];
type Cell = Arc<OnceCell<Scored>>;

#[derive(Debug, Default)]
struct Known {
    cells: HashMap<Key, Cell>,
    /// Oldest first.
    order: VecDeque<Key>,
}

#[derive(Debug, Clone)]
struct Scored {
    scores: OptionScores,
    /// The prompt as the model read it, and its tokens.
    prompt: Option<(String, usize)>,
}

impl Remembered {
    /// Where the answer to this request is, or will be: whoever comes second waits for the first.
    fn cell(&self, key: Key) -> Cell {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.cells.get(&key) {
            return Arc::clone(cell);
        }
        if known.order.len() >= MOST
            && let Some(oldest) = known.order.pop_front()
        {
            known.cells.remove(&oldest);
        }
        let cell = Cell::default();
        known.cells.insert(key, Arc::clone(&cell));
        known.order.push_back(key);
        cell
    }
}

/// What decides the answer. How the request is handled does not.
fn key(request: &ScoreOptionsRequest) -> Key {
    let ScoreOptionsRequest { prompt, labels, echo: _, steering, adapters, handling: _ } = request;
    // A debug form quotes its texts, so no two requests have the same one.
    Sha256::digest(format!("{prompt:?};{labels:?};{steering:?};{adapters:?}")).into()
}

impl PaneContext {
    /// The same as [`Self::score_as`], out of memory where the engine has been asked before. The prompt is told either way;
    /// of one that is remembered no token counts as computed.
    pub(in crate::methods) async fn score_remembered(
        &self,
        persona: Option<&str>,
        purpose: &str,
        prompt: Prompt,
        labels: Vec<String>,
        steering: Vec<Steer>,
    ) -> Result<OptionScores, MethodError> {
        let request = self.scoring(persona, prompt, labels, steering);
        let cell = self.engine.remembered.cell(key(&request));
        let mut is_new = false;
        let scored = cell.get_or_try_init(|| {
            is_new = true;
            async {
                let mut prompt = None;
                let scores =
                    self.engine.client.score_options(request, |text, tokens| prompt = Some((text, tokens))).await?;
                Ok::<_, MethodError>(Scored { scores, prompt })
            }
        });
        let Scored { scores, prompt } = scored.await?.clone();
        if let Some((text, tokens)) = prompt {
            self.prompt_sent(purpose, text, tokens);
        }
        let usage = scores.usage;
        let reused = Usage { computed_prompt_tokens: 0, queue_ms: 0, prompt_ms: 0, generate_ms: 0, ..usage };
        self.add(if is_new { usage } else { reused });
        Ok(scores)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::protocol::Handling;

    fn request(text: &str, label: &str) -> ScoreOptionsRequest {
        ScoreOptionsRequest {
            prompt: Prompt::Raw { text: text.to_owned() },
            labels: vec![label.to_owned()],
            echo: true,
            steering: Vec::new(),
            adapters: Vec::new(),
            handling: Handling::default(),
        }
    }

    #[test]
    fn what_decides_an_answer_is_told_apart_and_how_it_is_handled_is_not() {
        let plain = key(&request("a", "A"));
        assert_ne!(key(&request("b", "A")), plain);
        assert_ne!(key(&request("a", "B")), plain);
        let handling = Handling { group: 7, ..Handling::default() };
        assert_eq!(key(&ScoreOptionsRequest { echo: false, handling, ..request("a", "A") }), plain);
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let remembered = Remembered::default();
        let number = |number: usize| Sha256::digest(number.to_le_bytes()).into();
        let first = remembered.cell(number(0));
        assert!(Arc::ptr_eq(&first, &remembered.clone().cell(number(0))), "clones share");
        for other in 1..=MOST {
            remembered.cell(number(other));
        }
        assert!(!Arc::ptr_eq(&first, &remembered.cell(number(0))));
        let known = remembered.0.lock().unwrap();
        assert_eq!((known.cells.len(), known.order.len()), (MOST, MOST));
    }
}
