//! Directions that requests may name, and what they come to for one request.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Scheduler;
use crate::engine::protocol::{Answer, DirectionRequest, Ev, Event, Known, LayerNorm, Refusal, RefusalCode, Steer};
use crate::engine::steering::{Direction, LayerDirection, Steering};

/// Numbers of all directions that are known at once: 512 MiB.
const MOST_NUMBERS: usize = 128 << 20;

/// By name.
#[derive(Debug, Default)]
pub(super) struct Directions {
    known: HashMap<String, Arc<Direction>>,
    numbers: usize,
    /// Why nothing can be steered, once that was found.
    off: Option<String>,
}

impl Scheduler {
    /// Makes a direction known.
    pub fn add_direction(&mut self, id: u64, request: &DirectionRequest) {
        let ev = match self.learn(request) {
            Ok(known) => Ev::Done(Answer::Direction(known)),
            Err((code, message)) => Ev::Error(Refusal { code, message }),
        };
        self.events.push(Event { id: Some(id), ev });
    }

    pub(super) fn learn(&mut self, request: &DirectionRequest) -> Result<Known, (RefusalCode, String)> {
        let bad = |why: String| (RefusalCode::BadRequest, format!("the direction cannot be used: {why}"));
        let residual = self.can_steer().map_err(bad)?;
        let mut layers = BTreeMap::new();
        for vector in &request.layers {
            let direction = LayerDirection { values: vector.values.clone(), bias: vector.bias };
            if layers.insert(vector.layer, direction).is_some() {
                return Err(bad(format!("it names layer {} twice", vector.layer)));
            }
        }
        let direction = Direction::new(layers, residual).map_err(bad)?;
        let norms = direction.layers().iter().map(|(layer, of)| LayerNorm { layer: *layer, norm: of.norm() });
        let known = Known { direction: direction.id().to_owned(), norms: norms.collect() };
        self.keep_direction(direction)?;
        Ok(known)
    }

    pub(super) fn keep_direction(&mut self, direction: Direction) -> Result<(), (RefusalCode, String)> {
        if self.directions.known.contains_key(direction.id()) {
            return Ok(());
        }
        let numbers = direction.layers().values().map(|layer| layer.values.len()).sum::<usize>();
        if self.directions.numbers + numbers > MOST_NUMBERS {
            let message =
                "too many directions are known to the engine; load the model again and name only those in use";
            return Err((RefusalCode::Memory, message.to_owned()));
        }
        self.directions.numbers += numbers;
        self.directions.known.insert(direction.id().to_owned(), Arc::new(direction));
        Ok(())
    }

    /// The residual stream, where it may be steered.
    pub(super) fn can_steer(&self) -> Result<crate::engine::steering::Residual, String> {
        match &self.directions.off {
            Some(why) => Err(why.clone()),
            None => self.device.residual(),
        }
    }

    /// Refuses every request that is to be steered from now on.
    pub fn switch_steering_off(&mut self, why: String) {
        self.directions.off = Some(why);
    }

    /// What a request's directions come to, if anything; an error where it was refused for them.
    pub(super) fn steering(&mut self, id: u64, parts: &[Steer], prompt: usize) -> Result<Option<Arc<Steering>>, ()> {
        if parts.is_empty() {
            return Ok(None);
        }
        self.compile(parts, prompt).map(|steering| steering.map(Arc::new)).map_err(|why| {
            let message = format!("the request cannot be steered: {why}");
            self.refuse(id, Refusal { code: RefusalCode::BadRequest, message });
        })
    }

    fn compile<'a>(&self, parts: &'a [Steer], prompt: usize) -> Result<Option<Steering>, String> {
        self.can_steer()?;
        let find = |steer: &'a Steer| {
            let name = &steer.direction;
            let known = self.directions.known.get(name);
            let known = known.ok_or_else(|| format!("no direction `{name}` is known; send it with `direction`"))?;
            Ok((Arc::clone(known), steer))
        };
        let parts: Vec<_> = parts.iter().map(find).collect::<Result<_, String>>()?;
        Steering::new(&parts, prompt)
    }
}
