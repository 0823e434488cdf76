//! llama.cpp: loading a model, and what is learned about it afterwards. The only room with unsafe code (`adapter`, `ffi`, `hook`, `log`).

mod adapter;
mod apart;
mod bounded;
mod cells;
mod device;
mod fast;
mod ffi;
mod floor;
mod hook;
mod known;
mod log;
mod sampler;
mod template;
mod vocab;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::{LlamaBackendDeviceType, list_llama_ggml_backend_devices};
use serde::{Deserialize, Serialize};

use super::cores;
use super::host::Loader;
use super::memory::{self, BATCH, Budget, ModelShape, free};
use super::protocol::{Device as DeviceFacts, Hello, LoadRequest, Loaded, ModelReport, Refusal, RefusalCode, VERSION};
use super::scheduler::device::{Device, Limits, Pulse, Seq};
use super::scheduler::selftest;
use super::spec::Profile;
use super::states::{MOST_BYTES, States};
use super::steering::SteeredBy;
use apart::Apart;
use device::{LlamaDevice, Workshop};
use fast::Way;
use ffi::{Context, ContextSettings, LoadFault, Model};
pub use floor::{Computed, Floor};
pub use log::only_errors;
use template::Template;
use vocab::Vocabulary;

/// What the engine needs of rooms above it, handed in by the command line.
#[derive(Debug, Clone, Copy)]
pub struct Services {
    /// Checks a model before any C++ reads it; else one sentence that says what is wrong.
    pub check: fn(&Path) -> Result<Checked, String>,
    /// The SHA-256 of a model, remembered in the data folder; `None` when it cannot be read.
    pub sha256: fn(&Path, Option<&Path>) -> Option<String>,
    /// Checks an adapter by its header and that of its model, before any C++ reads it; else one sentence that says what
    /// is wrong.
    pub adapter: fn(&Path, &Path) -> Result<CheckedAdapter, String>,
    /// Where things that can be made again are kept in the data folder.
    pub cache: fn(Option<&Path>) -> Option<PathBuf>,
}

/// A model whose header was read.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The file to load; of a split model the first part.
    pub path: PathBuf,
    /// What memory depends on.
    pub shape: ModelShape,
}

/// An adapter whose header was read and fits its model.
#[derive(Debug, Clone)]
pub struct CheckedAdapter {
    /// What it calls itself.
    pub name: Option<String>,
    /// What it is multiplied with, beside one over its rank.
    pub alpha: Option<f64>,
    /// The largest of its pairs.
    pub rank: u64,
    /// Tensors of the model that it changes.
    pub tensors: u64,
    /// Bytes of its file.
    pub bytes: u64,
}

/// Loads models with llama.cpp.
#[derive(Debug)]
pub struct LlamaLoader {
    backend: Arc<LlamaBackend>,
    profile: Profile,
    threads: usize,
    threads_are_fixed: bool,
    services: Services,
    /// How rows are steered; absent: as the self-test finds best.
    steered_by: Option<SteeredBy>,
    last: Option<LastLoaded>,
}

#[derive(Debug)]
struct LastLoaded {
    path: PathBuf,
    data: Option<PathBuf>,
    profile: Profile,
    way: Way,
    keep_states: bool,
    /// What the bytes of its states depend on, once the self-test has shown that they can be restored.
    states: Option<String>,
}

impl LlamaLoader {
    /// Starts llama.cpp. At most once in a process; the environment of the profile must be set already.
    pub fn start(
        profile: Profile,
        threads: Option<usize>,
        steered_by: Option<SteeredBy>,
        services: Services,
    ) -> Result<Self, String> {
        let backend = LlamaBackend::init().map_err(|error| format!("llama.cpp does not start: {error}"))?;
        log::begin();
        let threads_are_fixed = threads.is_some();
        let threads = threads.unwrap_or_else(|| cores::threads(cores::read())).max(1);
        Ok(Self { backend: Arc::new(backend), profile, threads, threads_are_fixed, services, steered_by, last: None })
    }
}

/// The environment that a profile needs before the process starts.
pub fn environment(profile: Profile) -> &'static [(&'static str, &'static str)] {
    // When ggml aborts, it would run a debugger that writes over the protocol.
    const QUIET: (&str, &str) = ("GGML_NO_BACKTRACE", "1");
    // glibc would keep a buffer as large as the cache once one was freed; larger ones than this go back to the system.
    const FRUGAL: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "8388608");
    match profile {
        // The tiled kernels whatever the number of rows, so that a row's result does not depend on its neighbours.
        Profile::Audit => &[QUIET, FRUGAL, ("GGML_CPU_TILED_MM_FORCE", "1")],
        Profile::Fast => &[QUIET, FRUGAL],
    }
}

/// Versions, and the devices that compute: other devices give other bits.
fn build() -> String {
    let devices: Vec<String> = list_llama_ggml_backend_devices().into_iter().map(|device| device.backend).collect();
    format!("parallax {}, llama-cpp-sys-2 0.1.161 ({})", env!("CARGO_PKG_VERSION"), devices.join(", "))
}

/// The devices, with what is really free: of the CPU ggml tells the size of the whole machine.
fn devices() -> Vec<DeviceFacts> {
    let kind = |kind| match kind {
        LlamaBackendDeviceType::Cpu => "cpu",
        LlamaBackendDeviceType::Gpu => "gpu",
        LlamaBackendDeviceType::IntegratedGpu => "integrated-gpu",
        _ => "accelerator",
    };
    let system = free::read();
    let list = list_llama_ggml_backend_devices().into_iter();
    list.map(|device| {
        let is_cpu = matches!(device.device_type, LlamaBackendDeviceType::Cpu);
        let (told_free, told_total) = (device.memory_free as u64, device.memory_total as u64);
        let (free, total) = if is_cpu {
            (system.bytes.unwrap_or(0), system.total.unwrap_or(told_total))
        } else {
            (told_free, told_total)
        };
        DeviceFacts {
            name: device.name,
            description: device.description,
            kind: kind(device.device_type).to_owned(),
            free,
            total,
        }
    })
    .collect()
}

/// Free memory where llama.cpp puts a model: on the GPUs when there are any (on integrated ones only when there are no
/// others), else in the memory of the processor. Accelerators without memory of their own work on the processor's.
fn budget() -> Budget {
    let devices = devices();
    let kind =
        ["gpu", "integrated-gpu", "cpu"].into_iter().find(|kind| devices.iter().any(|device| device.kind == *kind));
    let holders: Vec<_> = devices.into_iter().filter(|device| Some(device.kind.as_str()) == kind).collect();
    // One that does not tell makes the sum unknown.
    if holders.iter().any(|device| device.free == 0) {
        return Budget::default();
    }
    let devices = holders.into_iter().map(|device| (device.name, device.free)).collect();
    Budget { devices, is_limited: kind == Some("cpu") && free::read().is_limited, others: 0 }
}

impl Loader for LlamaLoader {
    fn hello(&self) -> Hello {
        Hello {
            version: VERSION,
            engine: "llama".to_owned(),
            build: build(),
            devices: devices(),
            features: ["steering", "adapters", "embed"].map(str::to_owned).into(),
            cores: Some(cores::read()),
        }
    }

    fn load(
        &mut self,
        request: &LoadRequest,
        pulse: &Pulse,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<(Box<dyn Device>, Loaded), Refusal> {
        let (device, loaded) = self.open(request, pulse, progress)?;
        Ok((Box::new(device), loaded))
    }

    fn examine(&mut self, device: &mut dyn Device, seqs: &[Seq]) -> Option<ModelReport> {
        let last = self.last.as_mut()?;
        let sha256 = (self.services.sha256)(&last.path, last.data.as_deref());
        let file = (self.services.cache)(last.data.as_deref()).map(|folder| folder.join("self-tests.jsonl"));
        let way = last.way.words();
        let fixed = self.steered_by.map(|by| format!(", steered by {}", by.id())).unwrap_or_default();
        let key = sha256
            .as_ref()
            .map(|sha256| format!("{sha256} {} {} ({way}) {} threads{fixed}", machine(), last.profile, self.threads));
        // Nothing is known of a file whose checksum is not.
        let known = file.as_deref().zip(key.as_deref());
        let recalled = known.and_then(|(file, key)| known::recall::<Tested>(file, key));
        let tested = if let Some(recalled) = recalled {
            recalled
        } else {
            let finding = selftest::examine(device, seqs, self.threads)?;
            let steering = selftest::steering::examine(device, seqs)?;
            let tested = Tested {
                class: finding.class.to_owned(),
                detail: finding.detail,
                restores: finding.restores,
                steering: steering.state.to_owned(),
                steering_detail: steering.detail,
                steered_by: steering.by.id().to_owned(),
            };
            if let (Some((file, key)), true) = (known, finding.is_result) {
                known::remember(file, key, &tested);
            }
            tested
        };
        if let Ok(by) = tested.steered_by.parse() {
            device.steer_by(by);
        }
        last.states = key.filter(|_| tested.restores);
        Some(ModelReport {
            sha256,
            class: Some(tested.class),
            detail: Some(tested.detail),
            steering: Some(tested.steering),
            steering_detail: Some(tested.steering_detail),
        })
    }

    fn states(&self) -> Option<States> {
        let last = self.last.as_ref().filter(|last| last.keep_states)?;
        let folder = (self.services.cache)(last.data.as_deref())?;
        Some(States::open(&folder.join("states"), last.states.as_ref()?, MOST_BYTES))
    }

    fn spare_threads(&self) -> Option<usize> {
        (!self.threads_are_fixed).then_some(self.threads)
    }
}

impl LlamaLoader {
    /// Loads a model into a device.
    fn open(
        &mut self,
        request: &LoadRequest,
        pulse: &Pulse,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<(LlamaDevice, Loaded), Refusal> {
        let began = Instant::now();
        self.last = None;
        let refused = |code, message: String| Refusal { code, message };
        if request.path.is_empty() {
            let message = "no model was named; give its path on the engine's side with --model";
            return Err(refused(RefusalCode::Model, message.to_owned()));
        }
        let Checked { path, shape } =
            (self.services.check)(Path::new(&request.path)).map_err(|message| refused(RefusalCode::Model, message))?;
        let path = path.as_path();
        let budget = budget().without(request.others.unwrap_or(0));
        let chosen = memory::choose(&shape, self.profile, request.context, &budget);
        let need = memory::fits(&shape, self.profile, chosen.cells, &budget, &request.path)
            .map_err(|message| refused(RefusalCode::Memory, message))?;
        let model = Model::load(&self.backend, path, self.profile == Profile::Fast, progress).map_err(|fault| {
            let why = match fault {
                LoadFault::Path => "its path holds a zero byte or is no text",
                LoadFault::Stopped => "loading was stopped",
                LoadFault::Refused => "llama.cpp refuses it, and the engine's log says why",
            };
            refused(
                RefusalCode::Model,
                format!("the model `{}` cannot be loaded: {why}; try another one with --model", request.path),
            )
        })?;
        let model = Arc::new(model);
        let (context, settings, profile_note) =
            self.context(&model, chosen.cells, memory::sequences(&shape), request, pulse)?;
        let profile = if settings.invariant { Profile::Audit } else { Profile::Fast };
        let cells = context.cells();
        let trained = model.n_ctx_train();
        // A size that was asked for is not outgrown, and what is free is not one engine's alone where there are two.
        let grows = request.context.is_none() && request.others.is_none();
        let most_cells = if grows {
            budget.free().map(|free| memory::most_cells(&shape, profile, free).max(cells))
        } else {
            Some(cells)
        };
        let limits = Limits {
            cells,
            most_cells: most_cells.unwrap_or(cells),
            batch: BATCH as usize,
            outputs: settings.outputs as usize,
            sequences: context.sequences(),
            per_sequence: match (most_cells.unwrap_or(cells), trained) {
                (most, 0) => most,
                (most, trained) => most.min(trained),
            },
            shares_prefixes: !model.is_recurrent() && !model.is_hybrid(),
        };
        let template = Template::of(&model);
        let manner = template.manner(&model);
        let loaded = Loaded {
            name: model.meta_val_str("general.name").unwrap_or_else(|_| file_name(path)),
            arch: model.meta_val_str("general.architecture").unwrap_or_default(),
            parameters: model.n_params(),
            quantisation: model.quantisation(),
            layers: model.n_layer(),
            n_embd: u32::try_from(model.n_embd()).unwrap_or(0),
            trained_context: trained,
            bytes: model.size(),
            template: template.id().to_owned(),
            context: cells,
            sequences: limits.sequences,
            threads: u32::try_from(self.threads).unwrap_or(u32::MAX),
            profile: profile.id().to_owned(),
            attention: Some(settings.way.words().to_owned()),
            profile_note,
            context_note: chosen.note,
            most_context: most_cells,
            needed: Some(if profile == self.profile { need } else { memory::need(&shape, profile, cells) }.total()),
            free: budget.free(),
            load_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            reasoning: manner.map(|manner| manner.told()),
        };
        let data = request.data.as_ref().map(PathBuf::from);
        let workshop = Workshop { services: self.services, model: path.to_path_buf(), data: data.clone() };
        let (path_kept, keep_states) = (path.to_path_buf(), request.keep_states);
        self.last = Some(LastLoaded { path: path_kept, data, profile, way: settings.way, keep_states, states: None });
        let vocabulary = Vocabulary::read(&model, manner);
        let pulse = pulse.clone();
        let device = LlamaDevice {
            context,
            model,
            vocabulary,
            template,
            manner,
            limits,
            settings,
            pulse,
            workshop,
            adapters: Vec::new(),
            is_adapted: false,
            by: self.steered_by.unwrap_or_default(),
            by_is_fixed: self.steered_by.is_some(),
            apart: Apart::default(),
        };
        Ok((device, loaded))
    }

    /// A context of the profile; where the audit profile's cannot be made, one without its promise.
    fn context(
        &self,
        model: &Arc<Model>,
        cells: u32,
        sequences: u32,
        request: &LoadRequest,
        pulse: &Pulse,
    ) -> Result<(Context, ContextSettings, Option<String>), Refusal> {
        let trained = model.n_ctx_train();
        let settings = ContextSettings {
            cells,
            batch: BATCH,
            outputs: sequences,
            sequences,
            threads: i32::try_from(self.threads).unwrap_or(i32::MAX),
            invariant: self.profile == Profile::Audit,
            way: Way::FlashQuantised,
        };
        // A quantised cache stores heads in blocks of 32 values.
        let heads = model.n_head().max(1);
        let head = u32::try_from(model.n_embd()).unwrap_or(0) / heads;
        if settings.invariant
            && head.is_multiple_of(32)
            && let Some(context) = Context::new(model, settings, pulse)
        {
            return Ok((context, settings, None));
        }
        let settings = ContextSettings { invariant: false, ..settings };
        // What was asked for as a way out is not tried out first.
        let way =
            if self.profile == Profile::Fast { self.quickest(model, settings, request, pulse) } else { Way::Plain };
        for way in [way, Way::Plain] {
            let settings = ContextSettings { way, ..settings };
            let Some(context) = Context::new(model, settings, pulse) else { continue };
            let note = if head.is_multiple_of(32) {
                "the audit profile was asked for, but this device makes no context with a q8_0 cache: the profile is fast"
            } else {
                "the audit profile was asked for, but it needs heads of a multiple of 32 values: the profile is fast"
            };
            let is_fallback = self.profile == Profile::Audit;
            return Ok((context, settings, is_fallback.then(|| note.to_owned())));
        }
        let message = format!(
            "no context of {cells} tokens can be made for `{}` (it was trained on {trained}); lower --ctx or free memory",
            request.path
        );
        Err(Refusal { code: RefusalCode::Memory, message })
    }

    /// The quickest cache and attention for a model, tried out once on each machine.
    fn quickest(&self, model: &Arc<Model>, settings: ContextSettings, request: &LoadRequest, pulse: &Pulse) -> Way {
        let folder = (self.services.cache)(request.data.as_deref().map(Path::new));
        // Not the file's checksum: that takes long, and speed depends on shape and format alone.
        let key = format!(
            "{} {} {} {} {} {} threads",
            model.meta_val_str("general.architecture").unwrap_or_default(),
            model.n_params(),
            model.quantisation(),
            model.size(),
            machine(),
            self.threads
        );
        fast::choose(model, settings, pulse, folder.as_deref(), &key)
    }
}

fn file_name(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What computes: bits and speed depend on it.
fn machine() -> String {
    format!("{} {}", build(), processor())
}

/// The processor's name: kernels are chosen by it, and with them the bits.
fn processor() -> String {
    let named = |text: String| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let name = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(named);
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// What a self-test found. Older versions did not ask for all of it: their entries are not read.
#[derive(Debug, Serialize, Deserialize)]
struct Tested {
    class: String,
    detail: String,
    restores: bool,
    steering: String,
    steering_detail: String,
    steered_by: String,
}
