//! Random schedules: the same documents read in ever other ways, every logit compared with what the document gives alone.
//!
//! A schedule reads several documents at once, in random batches, chunks and orders of rows, with a random number of
//! threads, on sequences that begin anew, take over the beginning of another one, are cut back, go on with another
//! document, are saved and restored, or are stopped in the middle of a batch, beside neighbours that read noise, in
//! contexts of several sizes. Some documents are steered, each by its own direction, as some of the noise is. Where a device promises the same bits whatever it computes beside, no schedule may differ.

mod draw;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::protocol::Steer;
use super::scheduler::device::{DecodeFault, Device, Pulse, Row, Token};
use super::steering::{Direction, LayerDirection, Steering};
use draw::Draw;
use schedule::Schedule;

/// Plain text that the documents are cut from; what it says does not matter.
const TEXT: &str = "Two neighbours share a well. One says that whoever dug it should decide who drinks; the other says \
    that water belongs to those who are thirsty. Their children ask why it has to be one or the other. In a dry year \
    the village votes: 12 for a fee, 9 for free water, 4 for a new well that nobody can pay. What would be fair? Some \
    would count heads, some would ask who suffers most, and some would keep the oldest promise. (a) The fee. (b) Free \
    water. (c) A new well. (d) None of these. Each answer has its reasons, and each leaves somebody out.";
/// Documents, the most tokens of one, and the most that two have in common.
const DOCUMENTS: usize = 12;
const LENGTH: usize = 96;
/// How many of a hundred documents are steered, and of a hundred neighbours that read noise.
const STEERED: usize = 40;
/// Sizes of the context, in cells: in the small ones all have to move together again and again.
const SIZES: [u32; 3] = [256, 512, 2048];

/// What is read, and a hash of all logits after each of its tokens when it is read alone.
#[derive(Debug, Clone, PartialEq)]
struct Document {
    tokens: Vec<Token>,
    steering: Option<Arc<Steering>>,
    hashes: Vec<u64>,
}

impl Document {
    /// How many of the first tokens leave the same in a sequence as those of another document.
    fn common(&self, other: &Self) -> usize {
        let tokens = self.tokens.iter().zip(&other.tokens).take_while(|(a, b)| a == b).count();
        let from = |document: &Self| document.steering.as_ref().map_or(u32::MAX, |steering| steering.from());
        if self.steering == other.steering { tokens } else { tokens.min(from(self).min(from(other)) as usize) }
    }
}

/// What was done, over all schedules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Schedules run to their end.
    pub schedules: u64,
    /// Batches computed.
    pub batches: u64,
    /// Rows of those batches.
    pub rows: u64,
    /// The most rows of one batch.
    pub widest: usize,
    /// Rows whose logits were compared, all of them, bit for bit.
    pub compared: u64,
    /// Beginnings taken over from another sequence.
    pub copied: u64,
    /// Sequences cut back to a beginning or to nothing.
    pub cut: u64,
    /// Sequences restored from a saved state.
    pub restored: u64,
    /// Batches stopped in the middle.
    pub stopped: u64,
    /// Rows of documents that are steered, of those compared.
    pub steered: u64,
    /// Contexts made anew in another size.
    pub resized: u64,
    /// Schedules with a logit that differed.
    pub differing: u64,
    /// The first of them.
    pub first: Option<Difference>,
}

/// A logit that is not what it is alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The schedule: [`run`] with this seed and a count of 1 repeats it.
    pub seed: u64,
    /// The document's number and the place of the token.
    pub document: usize,
    /// As above.
    pub position: usize,
    /// The batch of the schedule, counted from 0.
    pub batch: usize,
    /// What stood in that batch.
    pub rows: usize,
    /// Threads that computed it.
    pub threads: usize,
    /// Cells of the context.
    pub cells: u32,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, document, position, batch, rows, threads, cells } = self;
        write!(
            f,
            "schedule {seed}: the logits after token {position} of document {document} differ in batch {batch} ({rows} rows, {threads} threads, a context of {cells} cells)"
        )
    }
}

/// Why nothing could be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(pub String);

impl From<DecodeFault> for Failed {
    fn from(fault: DecodeFault) -> Self {
        Self(match fault {
            DecodeFault::NoSpace => "the device has no cells for a batch that has room".to_owned(),
            DecodeFault::Aborted => "a batch was stopped that nobody stopped".to_owned(),
            DecodeFault::Failed(message) => message,
        })
    }
}

/// Runs the schedules `seed`, `seed + 1` and so on, `count` of them, on an empty device with up to `threads` threads.
/// `pulse` is the device's. The documents depend on the device's vocabulary alone, so that a schedule can be repeated by
/// itself. Ends early, with an error, when something cannot be computed; a logit that differs is counted.
pub fn run(
    device: &mut dyn Device,
    pulse: &Pulse,
    seed: u64,
    count: u64,
    threads: usize,
    each: &mut dyn FnMut(&Tally),
) -> Result<Tally, Failed> {
    let mut tally = Tally::default();
    let threads = threads.max(1);
    device.set_threads(threads);
    let documents = documents(device)?;
    for seed in (0..count).map(|index| seed.wrapping_add(index)) {
        Schedule::new(device, pulse, &documents, threads, seed, &mut tally)?.run()?;
        tally.schedules += 1;
        each(&tally);
    }
    Ok(tally)
}

/// Documents that branch off each other at random places, with what they give alone.
fn documents(device: &mut dyn Device) -> Result<Vec<Document>, Failed> {
    let limits = device.limits();
    let text = device.tokenise(TEXT);
    let length = LENGTH.min(limits.per_sequence as usize).min(SIZES[0] as usize / 2);
    if text.len() < 2 || length < 8 {
        return Err(Failed("the context is too small for a document".to_owned()));
    }
    let mut draw = Draw::new(0);
    let mut documents: Vec<Document> = Vec::new();
    for _ in 0..DOCUMENTS {
        let mut tokens = match documents.len() {
            0 => Vec::new(),
            known => {
                let other = &documents[draw.below(known)].tokens;
                other[..draw.below(other.len())].to_vec()
            }
        };
        let end = (tokens.len() + 1 + draw.below(length)).min(length);
        // Runs of the text from random places.
        while tokens.len() < end {
            let from = draw.below(text.len() - 1);
            let run = 1 + draw.below(24);
            tokens.extend(text[from..].iter().take(run.min(end - tokens.len())));
        }
        let steering = if draw.chance(STEERED) { random_steering(device, &mut draw, tokens.len()) } else { None };
        let hashes = alone(device, &tokens, steering.clone())?;
        documents.push(Document { tokens, steering, hashes });
    }
    Ok(documents)
}

/// A direction in one to three layers, from a random token on; `None` where nothing can be steered.
fn random_steering(device: &dyn Device, draw: &mut Draw, tokens: usize) -> Option<Arc<Steering>> {
    let residual = device.residual().ok()?;
    let layers = (0..=draw.below(3)).map(|_| draw.below(residual.layers as usize)).collect::<BTreeSet<_>>();
    let layers = layers.into_iter().map(|layer| {
        // From -0.3 to 0.3, in steps.
        let values = (0..residual.width).map(|_| draw.below(61) as f32 / 100.0 - 0.3).collect();
        let bias = draw.chance(30).then_some(0.1);
        (wide(layer), LayerDirection { values, bias })
    });
    let layers: BTreeMap<_, _> = layers.collect();
    let is_probe = layers.values().all(|layer| layer.bias.is_some());
    let steer = Steer {
        direction: String::new(),
        strength: 1.0,
        layers: None,
        from: Some(wide(draw.below(tokens + 1))),
        tokens: draw.chance(30).then(|| wide(1 + draw.below(LENGTH))),
        target: is_probe.then_some(0.7),
    };
    let direction = Direction::new(layers, residual).ok()?;
    Steering::new(&[(Arc::new(direction), &steer)], tokens).ok()?.map(Arc::new)
}

/// Hashes of the logits after each of `tokens`, read by itself in batches as large as they may be.
fn alone(device: &mut dyn Device, tokens: &[Token], steering: Option<Arc<Steering>>) -> Result<Vec<u64>, Failed> {
    let limits = device.limits();
    device.steer(0, steering);
    let mut hashes = Vec::with_capacity(tokens.len());
    for part in tokens.chunks(limits.batch.min(limits.outputs).max(1)) {
        let row = |(index, token): (usize, &Token)| Row {
            token: *token,
            pos: wide(hashes.len() + index),
            seq: 0,
            output: true,
        };
        let rows: Vec<Row> = part.iter().enumerate().map(row).collect();
        device.decode(&rows)?;
        hashes.extend((0..rows.len()).map(|index| hash(device.logits(index))));
    }
    device.truncate(0, 0);
    device.steer(0, None);
    Ok(hashes)
}

/// A hash of all bits of `logits`: each step is one-to-one, so that two rows that differ in one logit never agree.
fn hash(logits: &[f32]) -> u64 {
    logits.iter().fold(logits.len() as u64, |hash, logit| {
        (hash ^ u64::from(logit.to_bits())).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    })
}

fn wide(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
