//! llama.cpp: loading a model, and what is learned about it afterwards. The only room with unsafe code (`ffi`).

mod device;
mod ffi;
mod sampler;
mod template;
mod vocab;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::{LlamaBackendDeviceType, list_llama_ggml_backend_devices};
use serde::{Deserialize, Serialize};

use super::host::Loader;
use super::protocol::{Device as DeviceFacts, Hello, LoadRequest, Loaded, ModelReport, Refusal, RefusalCode, VERSION};
use super::scheduler::device::{Device, Limits, Pulse, Seq};
use super::scheduler::selftest::{self, Finding};
use super::spec::Profile;
use device::LlamaDevice;
use ffi::{Context, ContextSettings, LoadFault, Model};
use template::Template;
use vocab::Vocabulary;

/// Cells of the KV cache unless asked otherwise: a dozen voices of a few hundred tokens.
const CELLS: u32 = 8192;
/// Rows of one batch.
const BATCH: u32 = 512;
/// Sequences, running and kept for their prefixes; llama.cpp holds the logits of one row for each of them, four bytes
/// per token of the vocabulary.
const SEQUENCES: u32 = 96;
/// Rows whose logits are wanted; llama.cpp aborts when there are fewer than sequences.
const OUTPUTS: u32 = SEQUENCES;

/// What the engine needs of rooms above it, handed in by the command line.
#[derive(Debug, Clone, Copy)]
pub struct Services {
    /// Checks a model file before any C++ reads it: the bytes of one KV cell at 16 bits, or one sentence that says what
    /// is wrong.
    pub check: fn(&Path) -> Result<u64, String>,
    /// The SHA-256 of a file, remembered in the data folder; `None` when it cannot be read.
    pub sha256: fn(&Path, Option<&Path>) -> Option<String>,
    /// Where things that can be made again are kept in the data folder.
    pub cache: fn(Option<&Path>) -> Option<PathBuf>,
}

/// Loads models with llama.cpp.
#[derive(Debug)]
pub struct LlamaLoader {
    backend: Arc<LlamaBackend>,
    profile: Profile,
    threads: usize,
    threads_are_fixed: bool,
    services: Services,
    last: Option<LastLoaded>,
}

#[derive(Debug)]
struct LastLoaded {
    path: PathBuf,
    data: Option<PathBuf>,
    profile: Profile,
}

impl LlamaLoader {
    /// Starts llama.cpp. At most once in a process; the environment of the profile must be set already.
    pub fn start(profile: Profile, threads: Option<usize>, services: Services) -> Result<Self, String> {
        let backend = LlamaBackend::init().map_err(|error| format!("llama.cpp does not start: {error}"))?;
        let available = std::thread::available_parallelism().map_or(1, usize::from);
        let threads_are_fixed = threads.is_some();
        let threads = threads.unwrap_or(available).max(1);
        Ok(Self { backend: Arc::new(backend), profile, threads, threads_are_fixed, services, last: None })
    }
}

/// The environment that a profile needs before the process starts.
pub fn environment(profile: Profile) -> &'static [(&'static str, &'static str)] {
    // When ggml aborts, it would run a debugger that writes over the protocol.
    const QUIET: (&str, &str) = ("GGML_NO_BACKTRACE", "1");
    match profile {
        // The tiled kernels whatever the number of rows, so that a row's result does not depend on its neighbours.
        Profile::Audit => &[QUIET, ("GGML_CPU_TILED_MM_FORCE", "1")],
        Profile::Fast => &[QUIET],
    }
}

/// Versions, and the devices that compute: other devices give other bits.
fn build() -> String {
    let devices: Vec<String> = list_llama_ggml_backend_devices().into_iter().map(|device| device.backend).collect();
    format!("parallax {}, llama-cpp-sys-2 0.1.161 ({})", env!("CARGO_PKG_VERSION"), devices.join(", "))
}

fn devices() -> Vec<DeviceFacts> {
    let kind = |kind| match kind {
        LlamaBackendDeviceType::Cpu => "cpu",
        LlamaBackendDeviceType::Gpu => "gpu",
        LlamaBackendDeviceType::IntegratedGpu => "integrated-gpu",
        _ => "accelerator",
    };
    let list = list_llama_ggml_backend_devices().into_iter();
    list.map(|device| DeviceFacts {
        name: device.name,
        description: device.description,
        kind: kind(device.device_type).to_owned(),
        free: device.memory_free as u64,
        total: device.memory_total as u64,
    })
    .collect()
}

impl Loader for LlamaLoader {
    fn hello(&self) -> Hello {
        Hello { version: VERSION, engine: "llama".to_owned(), build: build(), devices: devices(), features: Vec::new() }
    }

    fn load(
        &mut self,
        request: &LoadRequest,
        pulse: &Pulse,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<(Box<dyn Device>, Loaded), Refusal> {
        let began = Instant::now();
        self.last = None;
        let path = Path::new(&request.path);
        let refused = |code, message: String| Refusal { code, message };
        if request.path.is_empty() {
            let message = "no model was named; give its path on the engine's side with --model";
            return Err(refused(RefusalCode::Model, message.to_owned()));
        }
        let cell = (self.services.check)(path).map_err(|message| refused(RefusalCode::Model, message))?;
        fits(path, &request.path, cell.saturating_mul(u64::from(request.context.unwrap_or(CELLS))))?;
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
        let (context, profile, profile_note) = self.context(&model, request, pulse)?;
        let cells = context.cells();
        let trained = model.n_ctx_train();
        let limits = Limits {
            cells,
            batch: BATCH as usize,
            outputs: OUTPUTS as usize,
            sequences: SEQUENCES,
            per_sequence: if trained == 0 { cells } else { cells.min(trained) },
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
            sequences: SEQUENCES,
            threads: u32::try_from(self.threads).unwrap_or(u32::MAX),
            profile: profile.id().to_owned(),
            profile_note,
            load_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            reasoning: manner.map(|manner| manner.told()),
        };
        let data = request.data.as_ref().map(PathBuf::from);
        self.last = Some(LastLoaded { path: path.to_path_buf(), data, profile });
        let vocabulary = Vocabulary::read(&model, manner);
        Ok((Box::new(LlamaDevice { context, model, vocabulary, template, manner, limits }), loaded))
    }

    fn examine(&mut self, device: &mut dyn Device, seqs: &[Seq]) -> Option<ModelReport> {
        let last = self.last.as_ref()?;
        let sha256 = (self.services.sha256)(&last.path, last.data.as_deref());
        let cache = (self.services.cache)(last.data.as_deref());
        let key = sha256
            .as_ref()
            .map(|sha256| format!("{sha256} {} {} {} {} threads", build(), processor(), last.profile, self.threads));
        let remembered = key.as_ref().and_then(|key| recall(cache.as_deref()?, key));
        let (class, detail) = if let Some(remembered) = remembered {
            remembered
        } else {
            let Finding { class, detail, is_result } = selftest::examine(device, seqs, self.threads)?;
            if let (Some(folder), Some(key), true) = (&cache, &key, is_result) {
                remember(folder, key, class, &detail);
            }
            (class.to_owned(), detail)
        };
        Some(ModelReport { sha256, class: Some(class), detail: Some(detail) })
    }

    fn spare_threads(&self) -> Option<usize> {
        (!self.threads_are_fixed).then_some(self.threads)
    }
}

impl LlamaLoader {
    /// A context of the profile; where the audit profile's cannot be made, one without its promise.
    fn context(
        &self,
        model: &Arc<Model>,
        request: &LoadRequest,
        pulse: &Pulse,
    ) -> Result<(Context, Profile, Option<String>), Refusal> {
        let trained = model.n_ctx_train();
        let cells = request.context.unwrap_or(CELLS).max(256);
        let settings = ContextSettings {
            cells,
            batch: BATCH,
            outputs: OUTPUTS,
            sequences: SEQUENCES,
            threads: i32::try_from(self.threads).unwrap_or(i32::MAX),
            invariant: self.profile == Profile::Audit,
        };
        // A quantised cache stores heads in blocks of 32 values.
        let heads = model.n_head().max(1);
        let head = u32::try_from(model.n_embd()).unwrap_or(0) / heads;
        if settings.invariant
            && head.is_multiple_of(32)
            && let Some(context) = Context::new(model, settings, pulse)
        {
            return Ok((context, Profile::Audit, None));
        }
        if let Some(context) = Context::new(model, ContextSettings { invariant: false, ..settings }, pulse) {
            let note = if head.is_multiple_of(32) {
                "the audit profile was asked for, but this device makes no context with a q8_0 cache: the profile is fast"
            } else {
                "the audit profile was asked for, but it needs heads of a multiple of 32 values: the profile is fast"
            };
            let is_fallback = self.profile == Profile::Audit;
            return Ok((context, Profile::Fast, is_fallback.then(|| note.to_owned())));
        }
        let message = format!(
            "no context of {cells} tokens can be made for `{}` (it was trained on {trained}); lower --ctx or free memory",
            request.path
        );
        Err(Refusal { code: RefusalCode::Memory, message })
    }
}

/// Refuses a model that with its context of `cache` bytes is larger than the memory that is free on all devices together.
fn fits(path: &Path, shown: &str, cache: u64) -> Result<(), Refusal> {
    let file = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let needed = file.saturating_add(cache);
    let free: u64 = devices().iter().map(|device| device.free).sum();
    // Some devices do not tell.
    if free == 0 || needed < free {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let message = format!(
        "the model `{shown}` takes {:.1} GiB and its context {:.1} GiB, and {:.1} GiB are free; use a smaller quantisation, lower --ctx, or free memory",
        gib(file),
        gib(cache),
        gib(free)
    );
    Err(Refusal { code: RefusalCode::Memory, message })
}

fn file_name(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
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

#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    key: String,
    class: String,
    detail: String,
}

fn self_test_file(folder: &Path) -> PathBuf {
    folder.join("self-tests.jsonl")
}

fn recall(folder: &Path, key: &str) -> Option<(String, String)> {
    let text = std::fs::read_to_string(self_test_file(folder)).ok()?;
    let mut known = text.lines().filter_map(|line| serde_json::from_str::<Remembered>(line).ok());
    known.find(|known| known.key == key).map(|known| (known.class, known.detail))
}

/// A failure to remember only costs the next self-test.
fn remember(folder: &Path, key: &str, class: &str, detail: &str) {
    use std::io::Write;
    let entry = Remembered { key: key.to_owned(), class: class.to_owned(), detail: detail.to_owned() };
    let Ok(mut line) = serde_json::to_string(&entry) else { return };
    line.push('\n');
    let file = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::OpenOptions::new().create(true).append(true).open(self_test_file(folder)));
    if let Ok(mut file) = file {
        // One write, so that two engines at once do not mix their lines.
        let _ = file.write_all(line.as_bytes());
    }
}
