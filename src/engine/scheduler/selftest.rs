//! Does a device give the same bits however the work is cut up? Asked of every model before its runs are called
//! repeatable.

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
/// Sequences that run beside the one under test.
const NEIGHBOURS: u32 = 7;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `bit-exact`, `same-build` or `statistical`.
    pub class: &'static str,
    /// What was compared.
    pub detail: String,
}

/// Reads and writes a little in several ways and compares every logit. Leaves no sequence behind. `None` when it was
/// stopped in the middle.
pub fn examine(device: &mut dyn Device, threads: usize) -> Option<Finding> {
    match compare(device, threads) {
        Ok(finding) => Some(finding),
        Err(DecodeFault::Aborted) => None,
        Err(DecodeFault::NoSpace) => Some(failed("the context is too small for it")),
        Err(DecodeFault::Failed(message)) => Some(failed(&message)),
    }
}

fn failed(why: &str) -> Finding {
    Finding { class: "statistical", detail: format!("the self-test could not be computed: {why}") }
}

fn compare(device: &mut dyn Device, threads: usize) -> Result<Finding, DecodeFault> {
    let limits = device.limits();
    let mut text = device.tokenise(TEXT);
    text.truncate(LENGTH.min(limits.batch).min(limits.per_sequence as usize / 2).saturating_sub(STEPS).max(2));
    // Beside other processes, more passes than needed with all threads would take minutes.
    let mut governor = Governor::new(threads);
    governor.look();
    let first = alone(device, &text, text.len())?;
    let spare = governor.settle();
    device.set_threads(spare);
    let rest = differences(device, &text, &first, threads.min(spare));
    device.set_threads(threads);
    rest
}

fn differences(device: &mut dyn Device, text: &[Token], first: &Trace, threads: usize) -> Result<Finding, DecodeFault> {
    let limits = device.limits();
    let mut differing = Vec::new();
    let again = alone(device, text, text.len())?;
    if again != *first {
        if threads > 1 || alone(device, text, text.len())? != again {
            let detail = "the same work done twice gave different logits".to_owned();
            return Ok(Finding { class: "statistical", detail });
        }
        differing.push("one thread");
    }
    if alone(device, text, 7)? != again {
        differing.push("a prompt read in chunks of 7");
    }
    if threads > 1 {
        device.set_threads(1);
        let single = alone(device, text, text.len());
        device.set_threads(threads);
        if single? != again {
            differing.push("one thread");
        }
    }
    let has_room = limits.sequences > NEIGHBOURS && limits.outputs > NEIGHBOURS as usize;
    if limits.shares_prefixes && has_room && in_company(device, text, &again)? != again {
        differing.push("seven neighbours behind a shared prefix");
    }
    let finding = if differing.is_empty() {
        let detail = "bit-identical logits: whole and in chunks of 7, with one thread, beside seven neighbours";
        Finding { class: "bit-exact", detail: detail.to_owned() }
    } else {
        Finding { class: "same-build", detail: format!("logits differ with {}", differing.join(" and ")) }
    };
    Ok(finding)
}

/// Bits of the logits after the text and after each token written greedily.
type Trace = Vec<(Token, Vec<u32>)>;

fn alone(device: &mut dyn Device, text: &[Token], chunk: usize) -> Result<Trace, DecodeFault> {
    let mut trace = Trace::new();
    let mut at = 0;
    let result = (|| {
        for part in text.chunks(chunk) {
            let rows: Vec<Row> = part
                .iter()
                .map(|token| {
                    at += 1;
                    row(*token, at - 1, 0, at == text.len())
                })
                .collect();
            device.decode(&rows)?;
            if at == text.len() {
                trace.push(read(device, rows.len() - 1));
            }
        }
        for _ in 0..STEPS {
            let token = trace.last().map_or(0, |(token, _)| *token);
            device.decode(&[row(token, at, 0, true)])?;
            at += 1;
            trace.push(read(device, 0));
        }
        Ok(())
    })();
    device.truncate(0, 0);
    result.map(|()| trace)
}

/// The same, with neighbours that share the prefix and write other tokens in the same batches.
fn in_company(device: &mut dyn Device, text: &[Token], expected: &Trace) -> Result<Trace, DecodeFault> {
    let mut trace = Trace::new();
    let split = text.len() / 2;
    let result = (|| {
        let rows: Vec<Row> =
            text[..split].iter().enumerate().map(|(at, token)| row(*token, at, NEIGHBOURS, false)).collect();
        device.decode(&rows)?;
        for seq in 0..NEIGHBOURS {
            device.copy(NEIGHBOURS, seq, u32::try_from(split).unwrap_or(u32::MAX));
        }
        // The one under test comes last, so that its rows stand elsewhere than when alone.
        for at in split..text.len() {
            let rows: Vec<Row> = (0..NEIGHBOURS)
                .map(|seq| {
                    let token = if seq == 3 { text[at] } else { text[(at + 5 * seq as usize + 1) % text.len()] };
                    row(token, at, seq, seq == 3 && at + 1 == text.len())
                })
                .collect();
            device.decode(&rows)?;
            if at + 1 == text.len() {
                trace.push(read(device, 3));
            }
        }
        for step in 0..STEPS {
            let at = text.len() + step;
            let token = expected.get(step).map_or(0, |(token, _)| *token);
            let rows: Vec<Row> = (0..NEIGHBOURS)
                .map(|seq| {
                    let other = text[(step + 11 * seq as usize) % text.len()];
                    row(if seq == 3 { token } else { other }, at, seq, seq == 3)
                })
                .collect();
            device.decode(&rows)?;
            trace.push(read(device, 3));
        }
        Ok(())
    })();
    for seq in 0..=NEIGHBOURS {
        device.truncate(seq, 0);
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
