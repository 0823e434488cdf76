//! Does a device give the same bits however the work is cut up? Asked of every model before its runs are called
//! repeatable.

pub mod steering;

use super::device::{DecodeFault, Device, Row, Seq, Token};
use super::governor::Governor;
use super::math;

/// Plain text to read; what it says does not matter.
const TEXT: &str = "People who live in one country may want different things from it. Some ask for safety, some for \
    freedom, some for time with those they love; most ask for all of these, in an order of their own. A question \
    that many answer in many ways has no single answer, and to hear only one is to hear less than was said.";
/// Tokens of it that are read, at most.
const LENGTH: usize = 52;
/// Tokens that are written after it.
const STEPS: usize = 4;
/// Sequences that write at once in one of the passes.
const CROWD: usize = 8;
/// Sequences that a whole self-test needs: the crowd, and the one whose prefix it shares.
pub(super) const SEQUENCES: usize = CROWD + 1;
/// Cells that it needs, generously.
pub(super) const CELLS: usize = SEQUENCES * (LENGTH + STEPS);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `bit-exact`, `same-build` or `statistical`.
    pub class: &'static str,
    /// What was compared.
    pub detail: String,
    /// Whether anything was compared at all.
    pub is_result: bool,
    /// Whether a sequence that was saved, dropped and restored goes on with the same bits: only then are saved states used.
    pub restores: bool,
}

/// Reads and writes a little in several ways and compares every logit. Uses only the empty sequences `seqs`, and leaves
/// them empty. `None` when it was stopped in the middle.
pub fn examine(device: &mut dyn Device, seqs: &[Seq], threads: usize) -> Option<Finding> {
    if seqs.is_empty() {
        return Some(failed("no sequence is free"));
    }
    match compare(device, seqs, threads) {
        Ok(finding) => Some(finding),
        Err(DecodeFault::Aborted) => None,
        Err(DecodeFault::NoSpace) => Some(failed("the context is too small for it")),
        Err(DecodeFault::Failed(message)) => Some(failed(&message)),
    }
}

fn failed(why: &str) -> Finding {
    let detail = format!("the self-test could not be computed: {why}");
    Finding { class: "statistical", detail, is_result: false, restores: false }
}

fn compare(device: &mut dyn Device, seqs: &[Seq], threads: usize) -> Result<Finding, DecodeFault> {
    let limits = device.limits();
    let mut text = device.tokenise(TEXT);
    text.truncate(LENGTH.min(limits.batch).min(limits.per_sequence as usize / 2).saturating_sub(STEPS).max(2));
    // Beside other processes, more passes than needed with all threads would take minutes.
    let mut governor = Governor::new(threads);
    governor.look();
    let first = alone(device, seqs[0], &text, text.len())?;
    let spare = governor.settle();
    device.set_threads(spare);
    let rest = differences(device, seqs, &text, &first, threads.min(spare));
    device.set_threads(threads);
    rest
}

fn differences(
    device: &mut dyn Device,
    seqs: &[Seq],
    text: &[Token],
    first: &Trace,
    threads: usize,
) -> Result<Finding, DecodeFault> {
    let limits = device.limits();
    let mut differing = Vec::new();
    let again = alone(device, seqs[0], text, text.len())?;
    if again != *first {
        if threads > 1 || alone(device, seqs[0], text, text.len())? != again {
            let detail = "the same work done twice gave different logits".to_owned();
            return Ok(Finding { class: "statistical", detail, is_result: true, restores: false });
        }
        differing.push("one thread");
    }
    if alone(device, seqs[0], text, 7)? != again {
        differing.push("a prompt read in chunks of 7");
    }
    if threads > 1 {
        device.set_threads(1);
        let single = alone(device, seqs[0], text, text.len());
        device.set_threads(threads);
        if single? != again {
            differing.push("one thread");
        }
    }
    let has_room = seqs.len() >= SEQUENCES && limits.batch > CROWD;
    if limits.shares_prefixes && has_room && in_company(device, seqs, text, &again)? != again {
        differing.push("seven neighbours behind a shared prefix");
    }
    let restores = seqs.len() >= 2 && restored(device, [seqs[0], seqs[1]], text)?.is_some_and(|trace| trace == again);
    let (class, detail) = if differing.is_empty() {
        let told = if restores { ", and after its state was saved and restored" } else { "" };
        let ways = "whole and in chunks of 7, with one thread, beside seven neighbours";
        ("bit-exact", format!("bit-identical logits: {ways}{told}"))
    } else {
        ("same-build", format!("logits differ with {}", differing.join(" and ")))
    };
    Ok(Finding { class, detail, is_result: true, restores })
}

/// Bits of the logits after the text and after each token written greedily.
type Trace = Vec<(Token, Vec<u32>)>;

fn alone(device: &mut dyn Device, seq: Seq, text: &[Token], chunk: usize) -> Result<Trace, DecodeFault> {
    let mut trace = Trace::new();
    let mut at = 0;
    let result = (|| {
        for part in text.chunks(chunk) {
            let rows: Vec<Row> = part
                .iter()
                .map(|token| {
                    at += 1;
                    row(*token, at - 1, seq, at == text.len())
                })
                .collect();
            device.decode(&rows)?;
            if at == text.len() {
                trace.push(read(device, rows.len() - 1));
            }
        }
        for _ in 0..STEPS {
            let token = trace.last().map_or(0, |(token, _)| *token);
            device.decode(&[row(token, at, seq, true)])?;
            at += 1;
            trace.push(read(device, 0));
        }
        Ok(())
    })();
    device.truncate(seq, 0);
    result.map(|()| trace)
}

/// The same, with all but the last token of the text taken from a saved state; `None` where the device saves none.
fn restored(device: &mut dyn Device, [seq, other]: [Seq; 2], text: &[Token]) -> Result<Option<Trace>, DecodeFault> {
    let mut trace = Trace::new();
    let (start, last) = text.split_at(text.len() - 1);
    let result = (|| {
        let rows: Vec<Row> = start.iter().enumerate().map(|(at, token)| row(*token, at, seq, false)).collect();
        device.decode(&rows)?;
        let Some(bytes) = device.save(seq) else { return Ok(false) };
        device.truncate(seq, 0);
        if !device.restore(other, &bytes) {
            return Ok(false);
        }
        let mut next = last[0];
        for at in start.len()..text.len() + STEPS {
            device.decode(&[row(next, at, other, true)])?;
            let read = read(device, 0);
            next = read.0;
            trace.push(read);
        }
        Ok(true)
    })();
    device.truncate(seq, 0);
    device.truncate(other, 0);
    result.map(|works| works.then_some(trace))
}

/// The same in a crowd that shares the prefix and writes other tokens in the same batches.
fn in_company(device: &mut dyn Device, seqs: &[Seq], text: &[Token], expected: &Trace) -> Result<Trace, DecodeFault> {
    // The one under test stands in the middle, so that its rows stand elsewhere than when alone.
    const WATCHED: usize = CROWD / 2;
    let (crowd, source) = (&seqs[..CROWD], seqs[CROWD]);
    let mut trace = Trace::new();
    let split = text.len() / 2;
    let result = (|| {
        let rows: Vec<Row> =
            text[..split].iter().enumerate().map(|(at, token)| row(*token, at, source, false)).collect();
        device.decode(&rows)?;
        for seq in crowd {
            device.copy(source, *seq, u32::try_from(split).unwrap_or(u32::MAX));
        }
        for at in split..text.len() + STEPS {
            let is_read = at < text.len();
            let own = if is_read { text[at] } else { expected.get(at - text.len()).map_or(0, |(token, _)| *token) };
            let wanted = at + 1 >= text.len();
            let rows: Vec<Row> = (0..CROWD)
                .map(|member| {
                    let is_watched = member == WATCHED;
                    let token = if is_watched { own } else { text[(at + 5 * member + 1) % text.len()] };
                    row(token, at, crowd[member], is_watched && wanted)
                })
                .collect();
            device.decode(&rows)?;
            if wanted {
                trace.push(read(device, WATCHED));
            }
        }
        Ok(())
    })();
    for seq in seqs.iter().take(SEQUENCES) {
        device.truncate(*seq, 0);
    }
    result.map(|()| trace)
}

fn row(token: Token, at: usize, seq: Seq, output: bool) -> Row {
    Row { token, pos: u32::try_from(at).unwrap_or(u32::MAX), seq, output }
}

fn read(device: &dyn Device, index: usize) -> (Token, Vec<u32>) {
    let logits = device.logits(index);
    let best = math::top(logits, 1).first().copied().unwrap_or(0);
    (best, logits.iter().map(|logit| logit.to_bits()).collect())
}
