//! The scripted engine: no model, the same answers every time, through the same process, protocol and scheduler as a
//! real one. For tests, demonstrations and teaching. Its answers say what they are.

mod device;
mod fault;
mod grammar;
mod script;
mod thought;
mod told;

pub use fault::FaultySink;
pub use script::{FIRST_SLOT_BIAS, LABEL_MASS};

use std::path::PathBuf;

use super::host::Loader;
use super::protocol::{Hello, LoadRequest, Loaded, ModelReport, Refusal, RefusalCode, VERSION};
use super::scheduler::device::{Device, Limits, Pulse, Seq};
use super::scheduler::selftest;
use super::spec::{Fault, FaultKind};
use super::states::{MOST_BYTES, States};
use device::{RESIDUAL, ScriptedDevice};

/// What fits at once; small enough that tests reach the limits.
const LIMITS: Limits = Limits {
    cells: 16384,
    batch: 512,
    outputs: 64,
    sequences: 128,
    per_sequence: 8192,
    shares_prefixes: true,
    most_cells: 16384,
};

/// No test needs more.
const MOST_CELLS: u32 = 1 << 20;

/// The script as a device, for tests of what runs on devices.
#[cfg(test)]
pub(crate) fn device(limits: Limits) -> Box<dyn Device> {
    Box::new(ScriptedDevice::new(limits, 0))
}

/// "Loads" the script.
#[derive(Debug, Default)]
pub struct ScriptedLoader {
    step_ms: u64,
    thinks: Option<usize>,
    /// How much more the first of several options is liked, in nats; absent: as usual.
    bias: Option<f64>,
    /// Where states are kept, if they are to be.
    states: Option<PathBuf>,
}

impl ScriptedLoader {
    /// An engine with this fault; only `slow`, `think` and `bias` are its own matter, the others are [`FaultySink`]'s.
    pub fn new(fault: Option<Fault>) -> Self {
        let of = |kind| fault.filter(|fault| fault.kind == kind).map(|fault| fault.after);
        let thinks = of(FaultKind::Think).map(|tokens| usize::try_from(tokens).unwrap_or(usize::MAX));
        let bias = of(FaultKind::Bias).map(|hundredths| hundredths as f64 / 100.0);
        Self { step_ms: of(FaultKind::Slow).unwrap_or(0), thinks, bias, states: None }
    }
}

impl Loader for ScriptedLoader {
    fn hello(&self) -> Hello {
        let build = format!("parallax {}, scripted", env!("CARGO_PKG_VERSION"));
        Hello {
            version: VERSION,
            engine: "scripted".to_owned(),
            build,
            devices: Vec::new(),
            features: vec!["steering".to_owned()],
            cores: None,
        }
    }

    fn load(
        &mut self,
        request: &LoadRequest,
        _pulse: &Pulse,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<(Box<dyn Device>, Loaded), Refusal> {
        progress(1.0);
        if let Some(cells) = request.context.filter(|cells| *cells > MOST_CELLS) {
            let message = format!("the scripted engine reads {MOST_CELLS} tokens at most and not {cells}; lower --ctx");
            return Err(Refusal { code: RefusalCode::Memory, message });
        }
        let data = request.data.as_ref().filter(|_| request.keep_states);
        self.states = data.map(|data| PathBuf::from(data).join("cache").join("states"));
        let cells = request.context.unwrap_or(LIMITS.cells).max(256);
        let limits = Limits { cells, most_cells: cells, ..LIMITS };
        let limits = Limits { per_sequence: LIMITS.per_sequence.min(limits.cells), ..limits };
        let device = ScriptedDevice::new(limits, self.step_ms).thinking(self.thinks).biased(self.bias);
        let loaded = Loaded {
            reasoning: device.manner().map(|manner| manner.told()),
            name: "scripted".to_owned(),
            arch: "scripted".to_owned(),
            quantisation: "none".to_owned(),
            layers: RESIDUAL.layers,
            n_embd: u32::try_from(RESIDUAL.width).unwrap_or(0),
            template: "chat".to_owned(),
            context: limits.cells,
            sequences: limits.sequences,
            threads: 1,
            profile: "audit".to_owned(),
            ..Loaded::default()
        };
        Ok((Box::new(device), loaded))
    }

    fn examine(&mut self, _device: &mut dyn Device, _seqs: &[Seq]) -> Option<ModelReport> {
        // On a device of its own, which is quick even where this one is slow on purpose.
        let mut fresh = ScriptedDevice::new(LIMITS, 0);
        let seqs: Vec<Seq> = (0..LIMITS.sequences).collect();
        let finding = selftest::examine(&mut fresh, &seqs, 1)?;
        let steering = selftest::steering::examine(&mut fresh, &seqs)?;
        Some(ModelReport {
            sha256: None,
            class: Some(finding.class.to_owned()),
            detail: Some(finding.detail),
            steering: Some(steering.state.to_owned()),
            steering_detail: Some(steering.detail),
        })
    }

    fn states(&self) -> Option<States> {
        let folder = self.states.as_ref()?;
        Some(States::open(folder, "scripted", MOST_BYTES))
    }

    fn spare_threads(&self) -> Option<usize> {
        None
    }
}
