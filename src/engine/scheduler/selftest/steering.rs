//! Does a device steer the rows it is told to, by what it is told to, and no others? The answer is checked against the
//! device's own means to move all rows at once, which share no code with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::{TEXT, Trace, alone, read, row};
use crate::engine::protocol::Steer;
use crate::engine::scheduler::device::{DecodeFault, Device, Seq, Token};
use crate::engine::scheduler::math;
use crate::engine::steering::{Direction, LayerDirection, Residual, SteeredBy, Steering};

/// Tokens that are read.
const LENGTH: usize = 12;
/// The largest number of the direction that is tried.
const SIZE: f64 = 0.5;
/// Logits that differ by no more than this share of their range are nearly the same.
const NEAR: f64 = 0.02;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `exact`, `close` or `off`.
    pub state: &'static str,
    /// What was compared, or why it is off.
    pub detail: String,
    /// How the device steers from now on.
    pub by: SteeredBy,
}

/// Steering row by row that makes a batch so many times slower is given up for taking turns.
const MOST_COST: f64 = 1.5;
/// How often a batch is timed; the quickest counts.
const TIMINGS: usize = 6;

impl Finding {
    fn off(detail: impl Into<String>) -> Self {
        Self { state: "off", detail: detail.into(), by: SteeredBy::Rows }
    }
}

/// Tries it on two empty sequences and leaves them empty, and has the device steer by the means that is best there. `None`
/// when it was stopped in the middle.
pub fn examine(device: &mut dyn Device, seqs: &[Seq]) -> Option<Finding> {
    let residual = match device.residual() {
        Ok(residual) => residual,
        Err(why) => return Some(Finding::off(why)),
    };
    let [seq, other, ..] = seqs else { return Some(Finding::off("two free sequences are needed to try it")) };
    let rows = tried(device, [*seq, *other], residual)?;
    if !device.steer_by(SteeredBy::Turns) {
        return Some(rows);
    }
    let why = if rows.state == "off" {
        rows.detail.clone()
    } else {
        device.steer_by(SteeredBy::Rows);
        let cost = cost(device, *seq, residual);
        device.steer_by(SteeredBy::Turns);
        match cost {
            Ok(cost) if cost > MOST_COST => format!("row by row it makes a batch {cost:.1} times slower here"),
            Err(DecodeFault::Aborted) => return None,
            Ok(_) | Err(_) => {
                device.steer_by(SteeredBy::Rows);
                return Some(rows);
            }
        }
    };
    let turns = tried(device, [*seq, *other], residual)?;
    // Which of them is quicker may differ from start to start, and must not change a bit.
    if turns.state == "exact" || rows.state == "off" && turns.state == "close" {
        let detail = format!("{}; one recipe after the other, for {why}", turns.detail);
        return Some(Finding { detail, by: SteeredBy::Turns, ..turns });
    }
    device.steer_by(SteeredBy::Rows);
    Some(rows)
}

fn tried(device: &mut dyn Device, seqs: [Seq; 2], residual: Residual) -> Option<Finding> {
    match compare(device, seqs, residual) {
        Ok(finding) => Some(finding),
        Err(DecodeFault::Aborted) => None,
        Err(DecodeFault::NoSpace) => Some(Finding::off("the context is too small to try it")),
        Err(DecodeFault::Failed(why)) => Some(Finding::off(why)),
    }
}

/// How many times longer a batch takes that is steered in every layer.
fn cost(device: &mut dyn Device, seq: Seq, residual: Residual) -> Result<f64, DecodeFault> {
    let (_, steering) = constant(residual, 0..residual.layers).map_err(DecodeFault::Failed)?;
    let text = device.tokenise(TEXT);
    let token = text.first().copied().unwrap_or(0);
    let time = |device: &mut dyn Device| {
        let began = Instant::now();
        let result = device.decode(&[row(token, 0, seq, true)]);
        let took = began.elapsed().as_secs_f64();
        device.truncate(seq, 0);
        result.map(|()| took)
    };
    let (mut plain, mut steered) = (f64::MAX, f64::MAX);
    for _ in 0..TIMINGS {
        plain = plain.min(time(device)?);
        steered = steered.min(under(device, seq, &steering, time)?);
    }
    Ok(steered / plain.max(f64::MIN_POSITIVE))
}

fn compare(device: &mut dyn Device, seqs: [Seq; 2], residual: Residual) -> Result<Finding, DecodeFault> {
    let mut text = device.tokenise(TEXT);
    text.truncate(LENGTH.min(device.limits().per_sequence as usize / 2).max(2));
    let (direction, steering) = trial(residual).map_err(DecodeFault::Failed)?;
    let plain = alone(device, seqs[0], &text, text.len())?;
    let steered = under(device, seqs[0], &steering, |device| alone(device, seqs[0], &text, text.len()))?;
    let reference = everywhere(device, &direction, |device| alone(device, seqs[0], &text, text.len()))?;
    let (beside, neighbour) =
        under(device, seqs[0], &steering, |device| together(device, seqs, &text, [&steered, &plain]))?;
    let off = |why: &str| Ok(Finding::off(why));
    let by = SteeredBy::Rows;
    if steered == plain {
        return off("the model's layers take no notice of it");
    }
    if alone(device, seqs[0], &text, text.len())? != plain && neighbour != plain {
        return off("it leaves traces in what is not steered");
    }
    let pairs =
        [(Some(&steered), reference.as_ref()), (Some(&beside), Some(&steered)), (Some(&neighbour), Some(&plain))];
    let distance = pairs.iter().filter_map(|pair| Some(apart(pair.0?, pair.1?))).fold(0.0, f64::max);
    let against = if reference.is_some() { "as llama.cpp's own control vector does it, and " } else { "" };
    Ok(match distance {
        0.0 => Finding {
            state: "exact",
            detail: format!("bit-identical logits: {against}beside an unsteered neighbour"),
            by,
        },
        near if near <= NEAR => Finding {
            state: "close",
            detail: format!(
                "logits differ by {:.2} % of their range {against}beside an unsteered neighbour",
                near * 100.0
            ),
            by,
        },
        far => Finding::off(format!("steered logits are wrong by {:.0} % of their range on this device", far * 100.0)),
    })
}

/// A direction in the second, the middle and the last layer, and what adds it from the first token on. llama.cpp's own
/// vectors know no first layer.
fn trial(residual: Residual) -> Result<(Direction, Arc<Steering>), String> {
    let places = [1, residual.layers / 2, residual.layers.saturating_sub(1)];
    constant(residual, places.into_iter().filter(|at| (1..residual.layers).contains(at)))
}

/// A direction in these layers, and what adds it from the first token on.
fn constant(residual: Residual, layers: impl IntoIterator<Item = u32>) -> Result<(Direction, Arc<Steering>), String> {
    #[expect(clippy::cast_possible_truncation, reason = "layer outputs are single precision")]
    let value = |layer: u32, at: usize| ((2.0 * math::unit(u64::from(layer), at as u64) - 1.0) * SIZE) as f32;
    let layer = |layer: u32| {
        let values = (0..residual.width).map(|at| value(layer, at)).collect();
        (layer, LayerDirection { values, bias: None })
    };
    let layers: BTreeMap<_, _> = layers.into_iter().map(layer).collect();
    let direction = Direction::new(layers, residual)?;
    let steer =
        Steer { direction: String::new(), strength: 1.0, layers: None, from: Some(0), tokens: None, target: None };
    let steering = Steering::new(&[(Arc::new(direction.clone()), &steer)], 1)?;
    Ok((direction, Arc::new(steering.ok_or("there is nothing to try it with")?)))
}

fn under<T>(
    device: &mut dyn Device,
    seq: Seq,
    steering: &Arc<Steering>,
    work: impl FnOnce(&mut dyn Device) -> Result<T, DecodeFault>,
) -> Result<T, DecodeFault> {
    device.steer(seq, Some(Arc::clone(steering)));
    let result = work(device);
    device.steer(seq, None);
    result
}

/// The same by the device's own means; `None` where it has none.
fn everywhere(
    device: &mut dyn Device,
    direction: &Direction,
    work: impl FnOnce(&mut dyn Device) -> Result<Trace, DecodeFault>,
) -> Result<Option<Trace>, DecodeFault> {
    let vectors: Vec<(u32, &[f32])> =
        direction.layers().iter().map(|(layer, direction)| (*layer, direction.values.as_slice())).collect();
    if !device.steer_all(&vectors) {
        return Ok(None);
    }
    let result = work(device);
    device.steer_all(&[]);
    result.map(Some)
}

/// Two sequences in the same batches, each writing what `expected` says.
fn together(
    device: &mut dyn Device,
    seqs: [Seq; 2],
    text: &[Token],
    expected: [&Trace; 2],
) -> Result<(Trace, Trace), DecodeFault> {
    let mut traces = (Trace::new(), Trace::new());
    let end = text.len() + expected[0].len() - 1;
    let result = (text.len() - 1..end).try_for_each(|last| {
        let token = |of: &Trace, at: usize| {
            if at < text.len() { text[at] } else { of.get(at - text.len()).map_or(0, |(token, _)| *token) }
        };
        let first = if last + 1 == text.len() { 0 } else { last };
        let rows = |at: usize| [0, 1].map(|which| row(token(expected[which], at), at, seqs[which], at == last));
        let rows: Vec<_> = (first..=last).flat_map(rows).collect();
        device.decode(&rows)?;
        traces.0.push(read(device, rows.len() - 2));
        traces.1.push(read(device, rows.len() - 1));
        Ok(())
    });
    for seq in seqs {
        device.truncate(seq, 0);
    }
    result.map(|()| traces)
}

/// The largest difference of two logits, as a share of the range of all of them; that of different words is everything.
fn apart(a: &Trace, b: &Trace) -> f64 {
    if a == b {
        return 0.0;
    }
    let floats = |bits: &[u32]| bits.iter().map(|bits| f64::from(f32::from_bits(*bits))).collect::<Vec<_>>();
    // Where a word differs, what follows it cannot be compared.
    let same = a.iter().zip(b).take_while(|(a, b)| a.0 == b.0).count();
    let distance = a.iter().zip(b).take(same + 1).map(|(a, b)| {
        let (a, b) = (floats(&a.1), floats(&b.1));
        let (low, high) = a.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        let most = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if a.len() == b.len() && high > low { most / (high - low) } else { 1.0 }
    });
    distance.fold(f64::MIN_POSITIVE, f64::max)
}
