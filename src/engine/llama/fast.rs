//! The fast profile: the quickest of the ways to keep keys and values and to attend to them on this machine, found by
//! trying them. What llama.cpp itself would choose was the slowest of them on the first processors that were measured.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ffi::{Context, ContextSettings, Model};
use super::known;
use crate::engine::scheduler::device::{DecodeFault, Pulse, Row, Seq};

/// All ways together are tried for about so long.
const MOST_TIME: Duration = Duration::from_secs(2);
/// Voices that write at once while a way is tried, behind a prompt that they share.
const VOICES: u32 = 16;
/// Tokens of that prompt, and of one batch of it.
const PROMPT: u32 = 64;
const CHUNK: usize = 16;
/// Steps of all voices: the quickest of them counts.
const STEPS: u32 = 8;
/// A way needs so many to be judged.
const FEWEST_STEPS: u32 = 2;
/// Cells while it is tried, as many as a run with a few panes uses.
const CELLS: u32 = 1024;

/// What the cache holds, and how it is attended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Way {
    /// Values of 16 bits, without flash attention.
    #[default]
    Plain,
    /// Values of 16 bits.
    Flash,
    /// Blocks of 32 values in 34 bytes.
    FlashQuantised,
}

impl Way {
    const ALL: [Self; 3] = [Self::Plain, Self::FlashQuantised, Self::Flash];

    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Plain => "f16 cache",
            Self::Flash => "f16 cache, flash attention",
            Self::FlashQuantised => "q8_0 cache, flash attention",
        }
    }
}

/// What was found before.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    way: Way,
}

/// The quickest way, remembered in `folder` under `key`, which has to say all that it depends on. Where a model is too
/// slow to be tried in time, and where nothing can be remembered, the ways are not told apart: [`Way::Plain`].
pub(super) fn choose(
    model: &Arc<Model>,
    settings: ContextSettings,
    pulse: &Pulse,
    folder: Option<&Path>,
    key: &str,
) -> Way {
    let Some(file) = folder.map(|folder| folder.join("fast.jsonl")) else { return Way::Plain };
    if let Some(Found { way }) = known::recall(&file, key) {
        return way;
    }
    let way =
        quickest(|way| try_out(model, ContextSettings { way, ..settings }, pulse), Instant::now()).unwrap_or_default();
    known::remember(&file, key, &Found { way });
    way
}

/// The way whose step takes least; `None` when not all that work could be judged in time.
fn quickest(mut step_of: impl FnMut(Way) -> Option<Tried>, began: Instant) -> Option<Way> {
    let mut best: Option<(Duration, Way)> = None;
    for way in Way::ALL {
        match step_of(way) {
            Some(Tried::Step(step)) if best.is_none_or(|(least, _)| step < least) => best = Some((step, way)),
            Some(Tried::Step(_)) | None => {}
            Some(Tried::TooSlow) => return None,
        }
        if began.elapsed() > MOST_TIME {
            break;
        }
    }
    best.map(|(_, way)| way)
}

/// What came of one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// One token of each voice took so long.
    Step(Duration),
    /// There was no time for enough steps.
    TooSlow,
}

/// Computes a little in one way; `None` where it does not work.
fn try_out(model: &Arc<Model>, settings: ContextSettings, pulse: &Pulse) -> Option<Tried> {
    let settings = ContextSettings { cells: CELLS, outputs: VOICES, sequences: VOICES, invariant: false, ..settings };
    let began = Instant::now();
    let mut context = Context::new(model, settings, pulse)?;
    match steps(&mut context, model, began + MOST_TIME / 3) {
        Ok(Some(step)) => Some(Tried::Step(step)),
        Ok(None) => Some(Tried::TooSlow),
        Err(_) => None,
    }
}

/// The quickest of some steps; `None` when `end` comes before there are enough.
fn steps(context: &mut Context, model: &Model, end: Instant) -> Result<Option<Duration>, DecodeFault> {
    let size = u32::try_from(model.n_vocab()).unwrap_or(1).max(1);
    let row = |pos: u32, seq: Seq, output: bool| {
        // Any text will do; the same one for each way.
        let token = i32::try_from((997 * (pos + 1) + 31 * seq) % size).unwrap_or(0);
        Row { token, pos, seq, output }
    };
    let prompt: Vec<Row> = (0..PROMPT).map(|pos| row(pos, 0, false)).collect();
    for part in prompt.chunks(CHUNK) {
        context.decode(part)?;
        if Instant::now() > end {
            return Ok(None);
        }
    }
    let can_copy = !model.is_recurrent() && !model.is_hybrid();
    (1..VOICES).filter(|_| can_copy).for_each(|seq| context.copy(0, seq, PROMPT));
    let mut best = None;
    for step in 0..STEPS {
        let start = |seq: Seq| if can_copy || seq == 0 { PROMPT } else { 0 };
        let rows: Vec<Row> = (0..VOICES).map(|seq| row(start(seq) + step, seq, true)).collect();
        let began = Instant::now();
        context.decode(&rows)?;
        // Computing may go on after the call that began it.
        std::hint::black_box(context.logits(0));
        let took = began.elapsed();
        best = Some(best.map_or(took, |best: Duration| best.min(took)));
        if Instant::now() > end && step + 1 < STEPS {
            return Ok(best.filter(|_| step + 1 >= FEWEST_STEPS));
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_quickest_way_that_works_is_taken() {
        let ms = |ms| Some(Tried::Step(Duration::from_millis(ms)));
        let choose = |plain, quantised, flash| {
            quickest(
                |way| match way {
                    Way::Plain => plain,
                    Way::FlashQuantised => quantised,
                    Way::Flash => flash,
                },
                Instant::now(),
            )
        };
        assert_eq!(choose(ms(9), ms(7), ms(8)), Some(Way::FlashQuantised));
        assert_eq!(choose(ms(7), ms(7), ms(8)), Some(Way::Plain), "of equals the one without conditions");
        assert_eq!(choose(None, None, ms(8)), Some(Way::Flash));
        assert_eq!(choose(None, None, None), None);
        assert_eq!(choose(ms(9), Some(Tried::TooSlow), ms(1)), None, "half a comparison is none");
    }
}
