//! Directions out of contrast pairs: every side is read, and what all layers put out at its last token is compared.

use std::collections::BTreeMap;

use super::Scheduler;
use super::job::{Job, Work};
use crate::engine::protocol::{
    Answer, DeriveRequest, Derived, DerivedBy, DerivedLayer, Ev, Event, Refusal, RefusalCode, Thinking, Usage,
};
use crate::engine::steering::{Direction, LayerDirection};
use crate::measure;

/// Numbers that all sides together may have: 512 MiB.
const MOST_NUMBERS: usize = 128 << 20;

/// A `derive_direction` request whose sides run as jobs of their own: the positive one of each pair, then the negative;
/// the pairs that are held out come last.
#[derive(Debug)]
pub(super) struct Derivation {
    by: DerivedBy,
    /// Pairs that the direction is made from.
    pairs: usize,
    open: usize,
    /// By side and layer.
    outputs: Vec<Vec<Vec<f32>>>,
    usage: Usage,
}

impl Scheduler {
    /// Takes on a `derive_direction` request.
    pub fn derive_direction(&mut self, id: u64, request: &DeriveRequest) {
        let refused = |message: String| Refusal { code: RefusalCode::BadRequest, message };
        let residual = match self.can_steer() {
            Ok(residual) => residual,
            Err(why) => return self.refuse(id, refused(format!("no direction can be derived: {why}"))),
        };
        if request.pairs.is_empty() {
            return self.refuse(id, refused("derive_direction needs at least one pair".to_owned()));
        }
        let sides = 2 * (request.pairs.len() + request.held_out.len());
        let numbers = sides.saturating_mul(residual.layers as usize).saturating_mul(residual.width);
        if numbers > MOST_NUMBERS {
            let most = MOST_NUMBERS / (2 * residual.layers as usize * residual.width).max(1);
            return self
                .refuse(id, refused(format!("{} pairs are too many for this model; give {most} at most", sides / 2)));
        }
        let mut jobs = Vec::with_capacity(sides);
        let pairs = request.pairs.iter().chain(&request.held_out);
        for prompt in pairs.flat_map(|pair| [&pair.positive, &pair.negative]) {
            let Some(rendered) = self.render(id, prompt, Thinking::Off, request.echo) else { return };
            let (work, prompt) = (Work::Outputs { side: jobs.len() }, rendered.tokens.len());
            jobs.push(Job::new(id, work, rendered.tokens, prompt, request.handling));
        }
        let (by, pairs, outputs) = (request.by, request.pairs.len(), vec![Vec::new(); sides]);
        self.derivations.insert(id, Derivation { by, pairs, open: sides, outputs, usage: Usage::default() });
        for job in jobs {
            self.line_up(job);
        }
    }

    /// Takes in what the layers put out at the end of one side.
    pub(super) fn take_outputs(&mut self, job_index: usize, row: usize) {
        let job = &mut self.running[job_index];
        let Work::Outputs { side } = job.work else { return };
        job.cancelled = true;
        let (id, usage) = (job.id, job.final_usage());
        let Some(derivation) = self.derivations.get_mut(&id) else { return };
        derivation.outputs[side] = self.device.layer_outputs(row);
        derivation.usage.prompt_tokens += usage.prompt_tokens;
        derivation.usage.computed_prompt_tokens += usage.computed_prompt_tokens;
        derivation.usage.queue_ms = derivation.usage.queue_ms.max(usage.queue_ms);
        derivation.usage.prompt_ms = derivation.usage.prompt_ms.max(usage.prompt_ms);
        derivation.open -= 1;
        if derivation.open > 0 {
            return;
        }
        let Some(derivation) = self.derivations.remove(&id) else { return };
        let ev = match self.derived(derivation) {
            Ok(derived) => Ev::Done(Answer::Derived(derived)),
            Err((code, message)) => Ev::Error(Refusal { code, message }),
        };
        self.events.push(Event { id: Some(id), ev });
    }

    fn derived(&mut self, derivation: Derivation) -> Result<Derived, (RefusalCode, String)> {
        let failed = |why: String| (RefusalCode::BadRequest, format!("no direction can be derived: {why}"));
        let Derivation { by, pairs, outputs, usage, .. } = derivation;
        let residual = self.can_steer().map_err(failed)?;
        if outputs.iter().any(|side| side.len() != residual.layers as usize) {
            return Err((RefusalCode::Compute, "the outputs of a layer are missing; see the engine's log".to_owned()));
        }
        let (mut layers, mut vectors) = (Vec::new(), BTreeMap::new());
        for layer in 0..residual.layers {
            let rows = |first: usize| {
                outputs.iter().skip(first).step_by(2).map(|side| side[layer as usize].clone()).collect::<Vec<_>>()
            };
            let (positive, negative) = (rows(0), rows(1));
            let (positive, negative) = (positive.split_at(pairs), negative.split_at(pairs));
            let unable = |error: measure::MeasureError| failed(error.to_string());
            let Some(mut derived) = derive(layer, by, positive.0, negative.0).map_err(unable)? else { continue };
            if !positive.1.is_empty() {
                let direction: Vec<f64> = derived.values.iter().map(|value| f64::from(*value)).collect();
                let tried = measure::separation(positive.1, negative.1, &direction).map_err(unable)?;
                (derived.held_out, derived.held_out_effect) = (Some(tried.share), tried.effect);
            }
            vectors.insert(layer, LayerDirection { values: derived.values.clone(), bias: None });
            layers.push(derived);
        }
        if vectors.is_empty() {
            return Err(failed(measure::MeasureError::NoDirection.to_string()));
        }
        let direction = Direction::new(vectors, residual).map_err(failed)?;
        let name = direction.id().to_owned();
        self.keep_direction(direction)?;
        Ok(Derived { direction: name, layers, usage })
    }
}

/// The direction in one layer; `None` where the sides do not differ.
fn derive(
    layer: u32,
    by: DerivedBy,
    positive: &[Vec<f32>],
    negative: &[Vec<f32>],
) -> Result<Option<DerivedLayer>, measure::MeasureError> {
    let direction = match by {
        DerivedBy::MeanDifference => measure::mean_difference(positive, negative)?,
        DerivedBy::Pca => match measure::principal_difference(positive, negative) {
            Err(measure::MeasureError::NoDirection) => return Ok(None),
            direction => direction?,
        },
    };
    #[expect(clippy::cast_possible_truncation, reason = "layer outputs are single precision")]
    let values: Vec<f32> = direction.iter().map(|value| *value as f32).collect();
    if values.iter().all(|value| *value == 0.0) {
        return Ok(None);
    }
    let separation = measure::separation(positive, negative, &direction)?;
    let length = |row: &[f32]| row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let rows = positive.len() + negative.len();
    let residual_norm = positive.iter().chain(negative).map(|row| length(row)).sum::<f64>() / rows as f64;
    Ok(Some(DerivedLayer {
        layer,
        norm: length(&values),
        values,
        residual_norm,
        separation: separation.share,
        effect: separation.effect,
        held_out: None,
        held_out_effect: None,
    }))
}
