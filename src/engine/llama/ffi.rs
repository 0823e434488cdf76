//! The only unsafe code: a model and a context of llama.cpp behind safe types.
//!
//! The model is loaded through the sys crate because the wrapper cannot switch weight repacking off; the context is
//! made here because the wrapper exposes neither the abort callback nor the KV types together with a unified cache.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_sys_2 as sys;

use super::cells::Cells;
use super::fast::Way;
use super::hook::{Hook, on_tensor};
use crate::engine::scheduler::device::{DecodeFault, Pulse, Row, Seq};

/// A loaded model. Contexts and samplers share it, so that it is freed after all of them.
#[derive(Debug)]
pub(super) struct Model {
    inner: LlamaModel,
    // Freed after the model.
    _backend: Arc<LlamaBackend>,
}

impl std::ops::Deref for Model {
    type Target = LlamaModel;

    fn deref(&self) -> &LlamaModel {
        &self.inner
    }
}

/// Why a model could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoadFault {
    /// The path cannot be handed to C.
    Path,
    /// `progress` said stop.
    Stopped,
    /// llama.cpp refused; its log says why.
    Refused,
}

/// What the progress callback works with.
struct Progress<'a> {
    report: &'a mut dyn FnMut(f32) -> bool,
    stopped: bool,
}

unsafe extern "C" fn on_progress(fraction: f32, data: *mut c_void) -> bool {
    // SAFETY: `data` is the `Progress` that `Model::load` keeps alive over the call that uses this callback, on the
    // same thread; nothing else holds a reference to it meanwhile.
    let progress = unsafe { &mut *data.cast::<Progress<'_>>() };
    let go_on = (progress.report)(fraction);
    progress.stopped |= !go_on;
    go_on
}

impl Model {
    /// Loads a model file. `repack` allows llama.cpp to rearrange the weights for speed, at the price of results that
    /// depend on the size of a batch.
    pub(super) fn load(
        backend: &Arc<LlamaBackend>,
        path: &Path,
        repack: bool,
        report: &mut dyn FnMut(f32) -> bool,
    ) -> Result<Self, LoadFault> {
        let path = path.to_str().and_then(|path| CString::new(path).ok()).ok_or(LoadFault::Path)?;
        let mut progress = Progress { report, stopped: false };
        // SAFETY: the function only fills a plain struct.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.use_extra_bufts = repack;
        params.progress_callback = Some(on_progress);
        params.progress_callback_user_data = (&raw mut progress).cast();
        // SAFETY: `path` is a valid C string and `progress` outlives the call; llama.cpp catches its own exceptions and
        // returns null. The backend was initialised, as `backend` proves.
        let raw = unsafe { sys::llama_model_load_from_file(path.as_ptr(), params) };
        let Some(raw) = NonNull::new(raw) else {
            return Err(if progress.stopped { LoadFault::Stopped } else { LoadFault::Refused });
        };
        // SAFETY: `LlamaModel` is `repr(transparent)` over a `repr(transparent)` wrapper of `NonNull<llama_model>`
        // (checked in the source of the pinned version). Ownership moves: its `Drop` frees the model once.
        let inner = unsafe { std::mem::transmute::<NonNull<sys::llama_model>, LlamaModel>(raw) };
        Ok(Self { inner, _backend: Arc::clone(backend) })
    }

    pub(super) fn raw(&self) -> *mut sys::llama_model {
        // SAFETY: as in `load`, the other way round; the pointer is copied, not moved, and `self` keeps it alive.
        unsafe { std::mem::transmute_copy::<LlamaModel, *mut sys::llama_model>(&self.inner) }
    }

    /// The tokens that sliding attention reaches back; 0 where none slides.
    fn window(&self) -> i32 {
        // SAFETY: the model is alive.
        unsafe { sys::llama_model_n_swa(self.raw()) }
    }

    /// The name of the quantisation, such as `Q4_1` or `Q4_K_M`.
    pub(super) fn quantisation(&self) -> String {
        // SAFETY: the model is alive; the function returns a static C string or null.
        let name = unsafe { sys::llama_ftype_name(sys::llama_model_ftype(self.raw())) };
        if name.is_null() {
            return "unknown".to_owned();
        }
        // SAFETY: not null, and a static C string.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        let name = name.strip_prefix("(guessed) ").unwrap_or(&name);
        name.replace(" - Small", "_S").replace(" - Medium", "_M").replace(" - Large", "_L")
    }
}

/// How a context is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContextSettings {
    pub(super) cells: u32,
    pub(super) batch: u32,
    pub(super) outputs: u32,
    pub(super) sequences: u32,
    pub(super) threads: i32,
    /// Whether the cells of a sequence are to keep their order. With a `q8_0` cache and flash attention no result depends
    /// on the size of a batch then.
    pub(super) invariant: bool,
    pub(super) way: Way,
}

/// A context: the KV cache and the buffers to compute with.
#[derive(Debug)]
pub(super) struct Context {
    raw: NonNull<sys::llama_context>,
    vocabulary: usize,
    outputs: Vec<bool>,
    sequences: u32,
    order: Option<Order>,
    // Read by the abort callback as long as the context lives; boxed so that it does not move.
    _pulse: Box<Pulse>,
    // Used by the callback of every tensor while a batch is computed, and by nobody else then. Owned.
    hook: NonNull<Hook>,
    // Freed after the context.
    model: Arc<Model>,
}

/// How the cells of every sequence are kept in the order of its tokens; only where that decides about bits.
#[derive(Debug)]
struct Order {
    cells: Cells,
    /// The sequence that holds what nobody does.
    keeper: i32,
    /// Whether cells are given to the keeper as soon as they are filled. Where attention slides, llama.cpp fills those
    /// again that a window has left behind, unless several sequences hold them.
    at_once: bool,
}

/// A number as C takes it; none that gets here is too large.
fn fit(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

unsafe extern "C" fn on_node(data: *mut c_void) -> bool {
    // SAFETY: `data` is the boxed `Pulse` that the context owns and that outlives it; it is only read, and all it holds
    // is atomic.
    let pulse = unsafe { &*data.cast::<Pulse>() };
    pulse.tick();
    pulse.must_stop()
}

impl Context {
    /// Makes a context; `None` when llama.cpp refuses, for example for lack of memory or an unsupported cache type.
    pub(super) fn new(model: &Arc<Model>, settings: ContextSettings, pulse: &Pulse) -> Option<Self> {
        let pulse = Box::new(pulse.clone());
        // SAFETY: the function only fills a plain struct.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = settings.cells;
        params.n_batch = settings.batch;
        // One physical batch per step: an abort is rolled back per physical batch.
        params.n_ubatch = settings.batch;
        params.n_outputs_max = settings.outputs;
        params.n_seq_max = settings.sequences;
        params.n_threads = settings.threads;
        params.n_threads_batch = settings.threads;
        params.kv_unified = true;
        params.swa_full = true;
        params.no_perf = true;
        params.flash_attn_type = match settings.way {
            Way::Plain => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
            Way::Flash | Way::FlashQuantised => sys::LLAMA_FLASH_ATTN_TYPE_ENABLED,
        };
        if settings.way == Way::FlashQuantised {
            params.type_k = sys::GGML_TYPE_Q8_0;
            params.type_v = sys::GGML_TYPE_Q8_0;
        }
        let layers = usize::try_from(model.n_layer()).unwrap_or(0);
        let width = usize::try_from(model.n_embd()).unwrap_or(0);
        let hook = NonNull::from(Box::leak(Box::new(Hook::new(layers, width))));
        params.cb_eval = Some(on_tensor);
        params.cb_eval_user_data = hook.as_ptr().cast();
        params.abort_callback = Some(on_node);
        params.abort_callback_data = (&raw const *pulse).cast_mut().cast();
        // SAFETY: the model is alive and stays so as long as the context (`model`); so do the pulse (`_pulse`) and the hook.
        let raw = unsafe { sys::llama_init_from_model(model.raw(), params) };
        let Some(raw) = NonNull::new(raw) else {
            // SAFETY: it was leaked above, and there is no context that could use it.
            drop(unsafe { Box::from_raw(hook.as_ptr()) });
            return None;
        };
        let vocabulary = usize::try_from(model.n_vocab()).unwrap_or(0);
        let is_ordered = settings.invariant && settings.sequences > 1 && !model.is_recurrent() && !model.is_hybrid();
        let sequences = settings.sequences - u32::from(is_ordered);
        let order = is_ordered.then(|| Order {
            cells: Cells::new(sequences),
            keeper: fit(sequences),
            at_once: model.window() > 0,
        });
        Some(Self {
            raw,
            vocabulary,
            outputs: Vec::new(),
            sequences,
            order,
            _pulse: pulse,
            hook,
            model: Arc::clone(model),
        })
    }

    /// Cells over all sequences, as llama.cpp rounded them.
    pub(super) fn cells(&self) -> u32 {
        // SAFETY: the context is alive.
        unsafe { sys::llama_n_ctx(self.raw.as_ptr()) }
    }

    /// The context itself, alive as long as `self`.
    pub(super) fn raw(&self) -> *mut sys::llama_context {
        self.raw.as_ptr()
    }

    /// A sequence that holds nothing and is none of `rows`; `None` too where the order of cells is no matter.
    pub(super) fn idle_sequence(&self, rows: &[Row]) -> Option<Seq> {
        let order = self.order.as_ref()?;
        (0..self.sequences).rev().find(|seq| !order.cells.holds(*seq) && rows.iter().all(|row| row.seq != *seq))
    }

    /// Whether no result may depend on the size of a batch.
    pub(super) fn is_ordered(&self) -> bool {
        self.order.is_some()
    }

    /// Sequences that may be used.
    pub(super) fn sequences(&self) -> u32 {
        self.sequences
    }

    /// Sets the number of threads from the next batch on.
    pub(super) fn set_threads(&mut self, threads: i32) {
        // SAFETY: the context is alive, and no computation runs: `decode` takes `&mut self` too.
        unsafe { sys::llama_set_n_threads(self.raw.as_ptr(), threads, threads) }
    }

    /// What is done to layer outputs while batches are computed.
    pub(super) fn hook(&mut self) -> &mut Hook {
        // SAFETY: owned by `self`, and no computation runs: `compute` takes `&mut self` too.
        unsafe { self.hook.as_mut() }
    }

    /// The last state of a row of the last batch that was watched.
    pub(super) fn state(&self, row: usize) -> Vec<f32> {
        // SAFETY: as in `hook`.
        unsafe { self.hook.as_ref() }.state(row)
    }

    /// What the layers put out for a row of the last batch that was watched.
    pub(super) fn layer_outputs(&self, row: usize) -> Vec<Vec<f32>> {
        // SAFETY: as in `hook`.
        unsafe { self.hook.as_ref() }.layer_outputs(row)
    }

    /// Adds vectors to layer outputs for all rows, by llama.cpp's own means; `false` where it refuses.
    pub(super) fn set_control_vector(&mut self, vectors: &[(u32, &[f32])]) -> bool {
        let (layers, width) = (self.model.n_layer(), self.model.n_embd());
        let size = usize::try_from(width).unwrap_or(0);
        // Those of the first layer have no slot; the buffer has to hold all others, or older vectors would stay.
        let mut all = vec![0.0f32; (layers as usize).saturating_sub(1) * size];
        for (layer, vector) in vectors {
            let slot = (*layer as usize).checked_sub(1).and_then(|at| all.chunks_exact_mut(size.max(1)).nth(at));
            match slot.filter(|slot| slot.len() == vector.len()) {
                Some(slot) => slot.copy_from_slice(vector),
                None => return false,
            }
        }
        let data = if vectors.is_empty() { std::ptr::null() } else { all.as_ptr() };
        let last = fit(layers.saturating_sub(1));
        // SAFETY: the context is alive, and no computation runs; llama.cpp copies `all.len()` numbers, or none for null.
        let code = unsafe { sys::llama_set_adapter_cvec(self.raw.as_ptr(), data, all.len(), width, 1, last) };
        code == 0
    }

    /// Computes a batch.
    pub(super) fn decode(&mut self, rows: &[Row]) -> Result<(), DecodeFault> {
        self.compute(rows, &mut vec![1; rows.len()], &mut rows.iter().map(|row| fit(row.seq)).collect::<Vec<_>>())
    }

    /// Computes a batch whose row `i` belongs to all sequences `shared[i]` at once, instead of to its own.
    pub(super) fn decode_shared(&mut self, rows: &[Row], shared: &[Vec<Seq>]) -> Result<(), DecodeFault> {
        if shared.len() != rows.len() || shared.iter().any(Vec::is_empty) {
            return Err(DecodeFault::Failed("every row of a batch needs a sequence".to_owned()));
        }
        let mut counts: Vec<i32> = shared.iter().map(|seqs| fit(u32::try_from(seqs.len()).unwrap_or(0))).collect();
        let mut seqs: Vec<i32> = shared.iter().flatten().map(|seq| fit(*seq)).collect();
        self.compute(rows, &mut counts, &mut seqs)
    }

    /// Computes a batch; row `i` has the next `counts[i]` of `seqs`.
    fn compute(&mut self, rows: &[Row], counts: &mut [i32], seqs: &mut [i32]) -> Result<(), DecodeFault> {
        let size = self.cells() as usize;
        if self.order.as_mut().is_some_and(|order| order.cells.must_move(rows.len(), size)) {
            self.move_together()?;
        }
        let mut tokens: Vec<i32> = rows.iter().map(|row| row.token).collect();
        let mut positions: Vec<i32> = rows.iter().map(|row| fit(row.pos)).collect();
        let mut logits: Vec<i8> = rows.iter().map(|row| i8::from(row.output)).collect();
        let (mut seq_pointers, mut rest) = (Vec::with_capacity(rows.len()), &mut *seqs);
        for count in counts.iter() {
            let count = usize::try_from(*count).unwrap_or(0).min(rest.len());
            let (own, others) = rest.split_at_mut(count);
            seq_pointers.push(own.as_mut_ptr());
            rest = others;
        }
        let batch = sys::llama_batch {
            n_tokens: i32::try_from(rows.len()).unwrap_or(i32::MAX),
            token: tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: positions.as_mut_ptr(),
            n_seq_id: counts.as_mut_ptr(),
            seq_id: seq_pointers.as_mut_ptr(),
            logits: logits.as_mut_ptr(),
        };
        self.hook().begin(rows);
        // SAFETY: the context is alive; every array of the batch has `n_tokens` entries, those of the sequences as many
        // as `counts` says (both callers make them so), and all live over the call, which copies what it keeps.
        // `&mut self` keeps other calls away.
        let result = unsafe { sys::llama_decode(self.raw.as_ptr(), batch) };
        let steered = self.hook().end();
        self.outputs = rows.iter().map(|row| row.output).collect();
        match result {
            0 => {
                self.filled(counts, seqs);
                steered.map_err(|why| DecodeFault::Failed(format!("a voice could not be steered: {why}")))
            }
            1 => Err(DecodeFault::NoSpace),
            2 => Err(DecodeFault::Aborted),
            code => Err(DecodeFault::Failed(format!(
                "llama.cpp could not compute a batch (code {code}); the engine's log says why"
            ))),
        }
    }

    /// Logits after row `index` of the last batch; empty when that row asked for none.
    pub(super) fn logits(&self, index: usize) -> &[f32] {
        if !self.outputs.get(index).copied().unwrap_or(false) {
            return &[];
        }
        let Ok(row) = i32::try_from(index) else { return &[] };
        // SAFETY: the context is alive; the function checks the index and returns null where there are no logits.
        let pointer = unsafe { sys::llama_get_logits_ith(self.raw.as_ptr(), row) };
        if pointer.is_null() {
            return &[];
        }
        // SAFETY: llama.cpp keeps one float per token of the vocabulary there until the next call that takes
        // `&mut self`, which the borrow of `self` in the result rules out.
        unsafe { std::slice::from_raw_parts(pointer, self.vocabulary) }
    }

    fn memory(&self) -> sys::llama_memory_t {
        // SAFETY: the context is alive.
        unsafe { sys::llama_get_memory(self.raw.as_ptr()) }
    }

    /// Notes which cells a batch filled.
    fn filled(&mut self, counts: &[i32], seqs: &[i32]) {
        let memory = self.memory();
        let Some(order) = &mut self.order else { return };
        let mut rest = seqs;
        for count in counts {
            let (own, others) = rest.split_at(usize::try_from(*count).unwrap_or(0).min(rest.len()));
            let own: Vec<Seq> = own.iter().filter_map(|seq| Seq::try_from(*seq).ok()).collect();
            order.cells.fill(&own);
            rest = others;
        }
        if order.at_once {
            let mut seqs = seqs.to_vec();
            seqs.sort_unstable();
            seqs.dedup();
            for seq in seqs {
                // SAFETY: the memory belongs to the context, which is alive; negative ends mean all of the sequence.
                unsafe { sys::llama_memory_seq_cp(memory, seq, order.keeper, -1, -1) }
            }
        }
    }

    /// Moves all cells that are held together, in their order.
    fn move_together(&mut self) -> Result<(), DecodeFault> {
        let (raw, memory) = (self.raw.as_ptr(), self.memory());
        let Some(order) = &mut self.order else { return Ok(()) };
        // SAFETY: here and below the context is alive, and no computation runs: `&mut self` keeps other calls away.
        unsafe { sys::llama_memory_seq_rm(memory, order.keeper, -1, -1) };
        if order.cells.living() == 0 {
            // SAFETY: as above. What the cells hold need not be wiped.
            unsafe { sys::llama_memory_clear(memory, false) };
        } else {
            // SAFETY: as above.
            let size = unsafe { sys::llama_state_get_size(raw) };
            let mut bytes = vec![0u8; size];
            // SAFETY: as above; the buffer has the size that is told, and llama.cpp writes and reads no further (it
            // catches its own exceptions and returns 0 then). A whole state is put back from the first cell on, in the
            // order of its cells.
            let is_back = unsafe {
                let written = sys::llama_state_get_data(raw, bytes.as_mut_ptr(), size);
                written > 0 && sys::llama_state_set_data(raw, bytes.as_ptr(), written) > 0
            };
            if !is_back {
                let message = "llama.cpp could not move its cells together; the engine's log says why";
                return Err(DecodeFault::Failed(message.to_owned()));
            }
        }
        order.cells.moved();
        if order.at_once {
            for seq in order.cells.used() {
                // SAFETY: as above; negative ends mean all of the sequence.
                unsafe { sys::llama_memory_seq_cp(memory, fit(seq), order.keeper, -1, -1) }
            }
        }
        Ok(())
    }

    /// Makes the empty sequence `to` begin with the first `len` tokens of `from`.
    pub(super) fn copy(&mut self, from: Seq, to: Seq, len: u32) {
        if let Some(order) = &mut self.order {
            order.cells.copy(from, to, len);
        }
        // SAFETY: the memory belongs to the context, which is alive; the cache is unified, so any range may be copied.
        unsafe { sys::llama_memory_seq_cp(self.memory(), fit(from), fit(to), 0, fit(len)) }
    }

    /// What a sequence holds, for [`Context::restore`]; `None` when llama.cpp cannot tell.
    pub(super) fn save(&mut self, seq: Seq) -> Option<Vec<u8>> {
        let id = i32::try_from(seq).ok()?;
        let window = self.model.window();
        // SAFETY: the context is alive.
        let last = unsafe { sys::llama_memory_seq_pos_max(self.memory(), id) };
        // Of a longer sequence llama.cpp saves only what its windows still reach, and no beginning could be cut from it.
        if window > 0 && last >= window {
            return None;
        }
        // SAFETY: the context is alive, and no computation runs.
        let size = unsafe { sys::llama_state_seq_get_size(self.raw.as_ptr(), id) };
        let mut bytes = vec![0u8; size];
        // SAFETY: as above; the buffer has the size that is told, and llama.cpp writes no further (it catches its own
        // exceptions and returns 0 then).
        let written = unsafe { sys::llama_state_seq_get_data(self.raw.as_ptr(), bytes.as_mut_ptr(), size, id) };
        bytes.truncate(written);
        (written > 0).then_some(bytes)
    }

    /// Makes the empty sequence `seq` hold what was saved on the same model, build and settings; the caller has checked
    /// that. `false` leaves it empty.
    pub(super) fn restore(&mut self, seq: Seq, bytes: &[u8]) -> bool {
        let Ok(id) = i32::try_from(seq) else { return false };
        // Cells between the living ones would be filled first, though they may be too few.
        let has_dead = self.order.as_ref().is_some_and(|order| order.cells.has_dead());
        if has_dead && self.move_together().is_err() {
            return false;
        }
        // SAFETY: the context is alive, and no computation runs; llama.cpp reads no further than the size that is told,
        // catches its own exceptions and returns 0 when the bytes do not fit.
        let read = unsafe { sys::llama_state_seq_set_data(self.raw.as_ptr(), bytes.as_ptr(), bytes.len(), id) };
        if read == 0 {
            self.truncate(seq, 0);
            return false;
        }
        // SAFETY: the context is alive.
        let last = unsafe { sys::llama_memory_seq_pos_max(self.memory(), id) };
        let len = usize::try_from(last).map_or(0, |last| last + 1);
        self.filled(&vec![1; len], &vec![id; len]);
        true
    }

    /// Forgets all but the first `len` tokens; `false` when the model cannot do so.
    pub(super) fn truncate(&mut self, seq: Seq, len: u32) -> bool {
        let memory = self.memory();
        if let Some(order) = &mut self.order
            && order.cells.cut(seq, len)
            && !order.at_once
        {
            // SAFETY: the memory belongs to the context, which is alive; -1 means to the end.
            unsafe { sys::llama_memory_seq_cp(memory, fit(seq), order.keeper, fit(len), -1) }
        }
        // SAFETY: as above.
        unsafe { sys::llama_memory_seq_rm(self.memory(), fit(seq), fit(len), -1) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `llama_init_from_model` and is freed once, before `model`, `_pulse` and the hook, which was
        // leaked in `new` and is dropped once.
        unsafe {
            sys::llama_free(self.raw.as_ptr());
            drop(Box::from_raw(self.hook.as_ptr()));
        }
    }
}
