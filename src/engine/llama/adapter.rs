//! LoRA adapters. llama.cpp computes a whole batch with one set of them.
//!
//! Their matrices are stored as they were trained, and ggml multiplies with a single row by other means than with several:
//! the same sums in another order. Where results must not depend on the size of a batch, batches are therefore filled up
//! with rows of a sequence that nobody uses.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::path::Path;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::ffi::{Context, Model};
use crate::engine::scheduler::device::{DecodeFault, PADDING, Row};

/// Rows from which on ggml multiplies by the same means.
const FEWEST_ROWS: usize = if cfg!(target_arch = "x86_64") { 2 } else { PADDING };

/// An adapter of a model, which frees it when it is freed itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adapter(NonNull<sys::llama_adapter_lora>);

impl Model {
    /// Reads an adapter whose header was checked; `None` where llama.cpp refuses it, and then its log says why.
    pub(super) fn adapter(&self, path: &Path) -> Option<Adapter> {
        let path = path.to_str().and_then(|path| CString::new(path).ok())?;
        // SAFETY: the model is alive and no computation runs, since both happen on the thread that owns the contexts; `path`
        // is a valid C string; llama.cpp catches its own exceptions and returns null. The adapter belongs to the model.
        let raw = unsafe { sys::llama_adapter_lora_init(self.raw(), path.as_ptr()) };
        NonNull::new(raw).map(Adapter)
    }
}

impl Context {
    /// Computes with these adapters of its model and no others from the next batch on.
    pub(super) fn adapt(&mut self, adapters: &[(Adapter, f32)]) {
        let (mut raw, mut scales): (Vec<_>, Vec<f32>) =
            adapters.iter().map(|(adapter, scale)| (adapter.0.as_ptr(), *scale)).unzip();
        // SAFETY: the context is alive and no computation runs; both arrays have the length that is told and are copied; the
        // adapters live as long as the model, which the context keeps alive.
        unsafe { sys::llama_set_adapters_lora(self.raw(), raw.as_mut_ptr(), raw.len(), scales.as_mut_ptr()) };
    }

    /// Computes a batch with adapters, by the same means however few rows it has.
    pub(super) fn decode_adapted(&mut self, rows: &[Row]) -> Result<(), DecodeFault> {
        let outputs = rows.iter().filter(|row| row.output).count();
        let of_outputs = if outputs == 0 { 0 } else { FEWEST_ROWS.saturating_sub(outputs) };
        let padding = FEWEST_ROWS.saturating_sub(rows.len()).max(of_outputs);
        if padding == 0 || !self.is_ordered() {
            return self.decode(rows);
        }
        let (Some(seq), Some(first)) = (self.idle_sequence(rows), rows.first()) else {
            return Err(DecodeFault::NoSpace);
        };
        let filling = (0..).take(padding).map(|pos| Row { token: first.token, pos, seq, output: outputs > 0 });
        let result = self.decode(&rows.iter().copied().chain(filling).collect::<Vec<_>>());
        self.truncate(seq, 0);
        result
    }
}
