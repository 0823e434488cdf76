//! What llama.cpp calls for every tensor that it computes: here rows of layer outputs are moved, each along its own
//! sequence's directions, and some are kept. Only layers in use are looked at, and nothing at all while none is.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::sync::Arc;

use llama_cpp_sys_2 as sys;

use crate::engine::scheduler::device::{Row, Seq};
use crate::engine::steering::Steering;

/// llama.cpp's name of the output of block N is this with N behind it.
const OUTPUT: &[u8] = b"l_out-";
/// And of the states behind all blocks and the last norm, those alone whose logits are wanted.
const STATES: &[u8] = b"result_norm";

/// A steered row of the batch under way.
#[derive(Debug)]
struct Steered {
    /// Its place among all rows.
    row: usize,
    /// Its place among those whose logits are wanted: the last block computes no others.
    output: Option<usize>,
    position: u32,
    steering: Arc<Steering>,
}

/// A row whose layer outputs are kept.
#[derive(Debug)]
struct Watched {
    row: usize,
    output: Option<usize>,
    /// By layer.
    kept: Vec<Vec<f32>>,
}

/// A row whose last state is kept.
#[derive(Debug)]
struct Stated {
    row: usize,
    /// Its place among the rows whose logits are wanted.
    output: usize,
    kept: Vec<f32>,
}

/// What is to be done while a batch is computed, and what came of it.
#[derive(Debug)]
pub(super) struct Hook {
    width: usize,
    /// By sequence.
    steering: Vec<Option<Arc<Steering>>>,
    steered: Vec<Steered>,
    /// Rows of the next batch whose layer outputs are to be kept.
    to_watch: Vec<usize>,
    watched: Vec<Watched>,
    /// The same for last states.
    to_state: Vec<usize>,
    stated: Vec<Stated>,
    rows: usize,
    outputs: usize,
    /// By layer: whether it is in use, and whether it came.
    wanted: Vec<bool>,
    met: Vec<bool>,
    fault: Option<String>,
    h: Vec<f32>,
    /// Whether steering is left to others.
    is_set_aside: bool,
}

impl Hook {
    pub(super) fn new(layers: usize, width: usize) -> Self {
        Self {
            width,
            steering: Vec::new(),
            steered: Vec::new(),
            to_watch: Vec::new(),
            watched: Vec::new(),
            to_state: Vec::new(),
            stated: Vec::new(),
            rows: 0,
            outputs: 0,
            wanted: vec![false; layers],
            met: vec![false; layers],
            fault: None,
            h: Vec::new(),
            is_set_aside: false,
        }
    }

    /// Steers what is computed of `seq` from now on.
    pub(super) fn steer(&mut self, seq: Seq, steering: Option<Arc<Steering>>) {
        let seq = seq as usize;
        if seq >= self.steering.len() {
            self.steering.resize(seq + 1, None);
        }
        self.steering[seq] = steering;
    }

    /// What is done to `seq`.
    pub(super) fn steering_of(&self, seq: Seq) -> Option<&Arc<Steering>> {
        self.steering.get(seq as usize)?.as_ref()
    }

    /// Whether some of `rows` is steered.
    pub(super) fn steers(&self, rows: &[Row]) -> bool {
        rows.iter().any(|row| self.steering_of(row.seq).is_some_and(|steering| steering.stage(row.pos) != 0))
    }

    /// Whether something of the next batch is to be kept.
    pub(super) fn is_watching(&self) -> bool {
        !self.to_watch.is_empty() || !self.to_state.is_empty()
    }

    /// Moves nothing from the next batch on, because others do, or does it again.
    pub(super) fn set_aside(&mut self, is_set_aside: bool) {
        self.is_set_aside = is_set_aside;
    }

    /// Keeps what all layers put out for `rows` of the next batch, and the last states for `states`, whose logits are wanted
    /// too.
    pub(super) fn watch(&mut self, rows: &[usize], states: &[usize]) {
        (self.to_watch, self.to_state) = (rows.to_vec(), states.to_vec());
    }

    /// The last state of a row of the last batch; empty where it was not watched, or does not come.
    pub(super) fn state(&self, row: usize) -> Vec<f32> {
        self.stated.iter().find(|stated| stated.row == row).map_or_else(Vec::new, |stated| stated.kept.clone())
    }

    /// What the layers put out for a row of the last batch; empty where it was not watched.
    pub(super) fn layer_outputs(&self, row: usize) -> Vec<Vec<f32>> {
        self.watched.iter().find(|watched| watched.row == row).map_or_else(Vec::new, |watched| watched.kept.clone())
    }

    fn is_idle(&self) -> bool {
        self.steered.is_empty() && self.watched.is_empty() && self.stated.is_empty()
    }

    /// Before a batch.
    pub(super) fn begin(&mut self, rows: &[Row]) {
        self.steered.clear();
        self.watched.clear();
        self.stated.clear();
        self.fault = None;
        self.wanted.fill(false);
        self.met.fill(false);
        (self.rows, self.outputs) = (rows.len(), rows.iter().filter(|row| row.output).count());
        let to_watch = std::mem::take(&mut self.to_watch);
        let to_state = std::mem::take(&mut self.to_state);
        if to_watch.is_empty() && to_state.is_empty() && self.steering.iter().all(Option::is_none) {
            return;
        }
        self.wanted.fill(!to_watch.is_empty());
        let mut outputs = 0;
        for (index, row) in rows.iter().enumerate() {
            let output = row.output.then_some(outputs);
            outputs += usize::from(row.output);
            if to_watch.contains(&index) {
                self.watched.push(Watched { row: index, output, kept: vec![Vec::new(); self.wanted.len()] });
            }
            if let Some(output) = output.filter(|_| to_state.contains(&index)) {
                self.stated.push(Stated { row: index, output, kept: Vec::new() });
            }
            let steering = self.steering.get(row.seq as usize).and_then(Option::as_ref);
            let Some(steering) = steering.filter(|_| !self.is_set_aside) else { continue };
            for (layer, wanted) in (0..).zip(&mut self.wanted) {
                *wanted |= steering.acts(row.pos, layer);
            }
            let steering = Arc::clone(steering);
            self.steered.push(Steered { row: index, output, position: row.pos, steering });
        }
    }

    /// After a batch that was computed: what went wrong.
    pub(super) fn end(&mut self) -> Result<(), String> {
        self.steered.clear();
        let missing = self.wanted.iter().zip(&self.met).position(|(wanted, met)| *wanted && !met);
        self.wanted.fill(false);
        match (self.fault.take(), missing) {
            (Some(fault), _) => Err(fault),
            (None, Some(layer)) => {
                Err(format!("llama.cpp does not name the output of layer {layer} in models of this architecture"))
            }
            (None, None) => Ok(()),
        }
    }

    /// The layer whose output the tensor is, if it is in use.
    fn layer_of(&self, name: &[u8]) -> Option<usize> {
        let number = std::str::from_utf8(name.strip_prefix(OUTPUT)?).ok()?;
        number.parse().ok().filter(|layer| self.wanted.get(*layer).copied().unwrap_or(false))
    }

    /// Keeps the last states that are wanted out of `tensor`. A tensor of another shape has none: who asked sees that they
    /// did not come.
    ///
    /// # Safety
    ///
    /// `tensor` has been computed, and nothing else uses it.
    unsafe fn keep_states(&mut self, tensor: *mut sys::ggml_tensor) {
        // SAFETY: the caller's.
        let (kind, ne, nb) = unsafe { ((*tensor).type_, (*tensor).ne, (*tensor).nb) };
        let is_plain = kind == sys::GGML_TYPE_F32
            && usize::try_from(ne[0]) == Ok(self.width)
            && usize::try_from(ne[1]) == Ok(self.outputs)
            && ne[2..] == [1, 1]
            && nb[0] == size_of::<f32>();
        if !is_plain {
            return;
        }
        for stated in &mut self.stated {
            stated.kept.resize(self.width, 0.0);
            let (offset, size) = (stated.output * nb[1], self.width * size_of::<f32>());
            // SAFETY: the caller's; the row lies in the tensor, whose shape was checked above, and the buffer has its size.
            unsafe { sys::ggml_backend_tensor_get(tensor, stated.kept.as_mut_ptr().cast(), offset, size) };
        }
    }

    /// Moves the steered rows of `tensor`, the output of `layer`.
    ///
    /// # Safety
    ///
    /// `tensor` has been computed, and nothing else uses it.
    unsafe fn change(&mut self, tensor: *mut sys::ggml_tensor, layer: usize) {
        // SAFETY: the caller's.
        let (kind, ne, nb) = unsafe { ((*tensor).type_, (*tensor).ne, (*tensor).nb) };
        self.met[layer] = true;
        let count = usize::try_from(ne[1]).unwrap_or(0);
        let is_plain = kind == sys::GGML_TYPE_F32
            && usize::try_from(ne[0]) == Ok(self.width)
            && ne[2..] == [1, 1]
            && nb[0] == size_of::<f32>();
        let is_whole = count == self.rows;
        if !is_plain || !(is_whole || count == self.outputs) {
            self.fault.get_or_insert_with(|| {
                format!("the output of layer {layer} has another shape than rows of {} numbers", self.width)
            });
            return;
        }
        self.h.resize(self.width, 0.0);
        let size = self.width * size_of::<f32>();
        let number = u32::try_from(layer).unwrap_or(u32::MAX);
        for steered in &self.steered {
            let Some(row) = (if is_whole { Some(steered.row) } else { steered.output }) else { continue };
            if !steered.steering.acts(steered.position, number) {
                continue;
            }
            let offset = row * nb[1];
            // SAFETY: the caller's; the row lies in the tensor, as its shape was checked above, and the buffer has its
            // size.
            unsafe { sys::ggml_backend_tensor_get(tensor, self.h.as_mut_ptr().cast(), offset, size) };
            steered.steering.apply(steered.position, number, &mut self.h);
            // SAFETY: as above.
            unsafe { sys::ggml_backend_tensor_set(tensor, self.h.as_ptr().cast(), offset, size) };
        }
        for watched in &mut self.watched {
            let Some(row) = (if is_whole { Some(watched.row) } else { watched.output }) else { continue };
            let Some(kept) = watched.kept.get_mut(layer) else { continue };
            kept.resize(self.width, 0.0);
            // SAFETY: as above.
            unsafe { sys::ggml_backend_tensor_get(tensor, kept.as_mut_ptr().cast(), row * nb[1], size) };
        }
    }
}

/// Called for each tensor before it is computed (`ask`: whether it is of interest) and, if it is, after it.
///
/// # Safety
///
/// `data` is a [`Hook`] to which nothing else holds a reference while llama.cpp computes.
pub(super) unsafe extern "C" fn on_tensor(tensor: *mut sys::ggml_tensor, ask: bool, data: *mut c_void) -> bool {
    // SAFETY: the caller's; llama.cpp calls this on the thread that called it, one call after the other.
    let hook = unsafe { &mut *data.cast::<Hook>() };
    if hook.is_idle() {
        // To the second question this is "go on".
        return !ask;
    }
    // SAFETY: the tensor is alive during the call, and its name ends with a zero.
    let name = unsafe { CStr::from_ptr((&raw const (*tensor).name).cast()) };
    if name.to_bytes() == STATES && !hook.stated.is_empty() {
        if !ask {
            // SAFETY: the second call for a tensor comes after it was computed.
            unsafe { hook.keep_states(tensor) };
        }
        return true;
    }
    let layer = hook.layer_of(name.to_bytes());
    if !ask && let Some(layer) = layer {
        // SAFETY: the second call for a tensor comes after it was computed, and before anything that reads it.
        unsafe { hook.change(tensor, layer) };
    }
    !ask || layer.is_some()
}
