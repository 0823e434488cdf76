//! Sixteen recipes and the control in one batch: whether each says what it says alone, and what the steering costs.

use futures_util::future::try_join_all;

use super::bench::Bench;
use super::voices::{burst_of, counting, finish_with_tokens, request};
use crate::cli::bench::report::{Report, median};
use crate::cli::{Failure, Outcome};
use crate::engine::EngineClient;
use crate::engine::protocol::{DirectionRequest, GenerateRequest, LayerVector, Steer};
use crate::measure::SplitMix64;

const RECIPES: u64 = 16;
/// Tokens of each voice whose bits are compared.
const LENGTH: usize = 16;
/// Steps of one measurement and of a quick one.
const STEPS: (usize, usize) = (8, 40);
const ROUNDS: usize = 9;
const ROUNDS_QUICK: usize = 3;
/// The largest number of a direction: enough to change what is said, not enough to end a voice early.
const SIZE: f64 = 0.01;
/// Seeds that are tried before voices that always end early are given up.
const TRIES: u64 = 4;

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    let engine = bench.engine()?;
    let (layers, width) = (engine.loaded.layers, engine.loaded.n_embd as usize);
    let mut recipes = vec![Vec::new()];
    for seed in 0..RECIPES {
        let known = bench.wait(engine.client.direction(direction(layers, width, seed)))?;
        let (strength, layers, from, tokens, target) = (1.0, None, None, None, None);
        recipes.push(vec![Steer { direction: known.direction, strength, layers, from, tokens, target }]);
    }
    same_bits(bench, &engine.client, &recipes, report)?;
    let rounds = bench.subject.either(ROUNDS_QUICK, ROUNDS);
    let steps = bench.subject.either(STEPS.0, STEPS.1);
    let plain = vec![Vec::new(); recipes.len()];
    let speed = |bench: &Bench, recipes: &[Vec<Steer>], seed: u64| {
        for seed in seed..seed + TRIES {
            if let Some(speed) = bench.wait(burst_of(&engine.client, voices(recipes, steps + 1, seed), steps))? {
                return Ok(speed);
            }
        }
        Err(Failure::new(
            "the voices did not write side by side: the machine is busy, or they end early; measure on an idle one, or with another model",
        ))
    };
    // The first batch of a size is laid out anew.
    speed(bench, &recipes, 0)?;
    let mut ratios = Vec::new();
    for round in 0..rounds {
        if round > 0 && bench.subject.is_late() {
            report.note(format!("steering_ratio_16 comes from {round} rounds: the quick run's time was over"));
            break;
        }
        let seed = 1000 * (round as u64 + 1);
        // Who goes first changes.
        let before = if round % 2 == 0 { Some(speed(bench, &recipes, seed)?) } else { None };
        let unsteered = speed(bench, &plain, seed)?;
        let steered = before.map_or_else(|| speed(bench, &recipes, seed), Ok)?;
        ratios.push(steered / unsteered);
    }
    report.number("steering_ratio_16", median(&ratios).unwrap_or(f64::NAN));
    Ok(())
}

/// Counts the voices that say the same, with the same probabilities to the bit, alone and all at once.
fn same_bits(bench: &Bench, client: &EngineClient, recipes: &[Vec<Steer>], report: &mut Report) -> Outcome {
    let mut alone = Vec::new();
    for request in voices(recipes, LENGTH, 1) {
        alone.push(bench.wait(finish_with_tokens(client.generate(request)))?);
    }
    let together = voices(recipes, LENGTH, 1).into_iter().map(|request| finish_with_tokens(client.generate(request)));
    let together = bench.wait(try_join_all(together))?;
    let same = alone.iter().zip(&together).filter(|(alone, together)| alone == together).count();
    let different = alone[1..].iter().filter(|voice| **voice != alone[0]).count();
    report.count("steering_voices", recipes.len() as u64);
    report.count("steering_same_bits", same as u64);
    report.number("steering_same_bits_share", same as f64 / recipes.len() as f64);
    // Were it none, the comparison would say nothing.
    report.count("steering_voices_changed", different as u64);
    Ok(())
}

fn voices(recipes: &[Vec<Steer>], tokens: usize, seed: u64) -> Vec<GenerateRequest> {
    let prompt = counting();
    let voice =
        |steering: &Vec<Steer>| GenerateRequest { steering: steering.clone(), ..request(&prompt, tokens, seed) };
    recipes.iter().map(voice).collect()
}

/// A random direction in all layers but the first.
fn direction(layers: u32, width: usize, seed: u64) -> DirectionRequest {
    let mut random = SplitMix64::new(seed + 1);
    #[expect(clippy::cast_possible_truncation, reason = "layer outputs are single precision")]
    let mut value = || ((2.0 * random.uniform() - 1.0) * SIZE) as f32;
    let layers =
        (1..layers).map(|layer| LayerVector { layer, values: (0..width).map(|_| value()).collect(), bias: None });
    DirectionRequest { layers: layers.collect() }
}
