//! What llama.cpp says on standard error: for the engine's log, without what only its own developers read.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use llama_cpp_sys_2 as sys;

/// The least level that is written.
static LEAST: AtomicU32 = AtomicU32::new(sys::GGML_LOG_LEVEL_INFO);
/// Whether the message before was written: a continued one goes where its beginning went.
static WAS_WRITTEN: AtomicBool = AtomicBool::new(true);

/// Leaves out what is meant for debugging, thousands of lines for each context.
pub(super) fn begin() {
    // SAFETY: the callback has the type that is asked for, uses no data and does not unwind.
    unsafe { sys::llama_log_set(Some(on_message), std::ptr::null_mut()) }
}

/// Writes errors alone from now on.
pub fn only_errors() {
    LEAST.store(sys::GGML_LOG_LEVEL_ERROR, Ordering::Relaxed);
}

fn is_written(level: sys::ggml_log_level) -> bool {
    match level {
        sys::GGML_LOG_LEVEL_CONT => WAS_WRITTEN.load(Ordering::Relaxed),
        level => {
            // The level "none" is for output that was asked for.
            let is = level == sys::GGML_LOG_LEVEL_NONE || level >= LEAST.load(Ordering::Relaxed);
            WAS_WRITTEN.store(is, Ordering::Relaxed);
            is
        }
    }
}

unsafe extern "C" fn on_message(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() || !is_written(level) {
        return;
    }
    // SAFETY: not null, and llama.cpp hands over a C string that lives over the call.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    // Nobody may be listening, which is no reason to stop.
    let _ = std::io::stderr().write_all(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continued_message_goes_where_its_beginning_went() {
        let levels = [
            (sys::GGML_LOG_LEVEL_INFO, true),
            (sys::GGML_LOG_LEVEL_CONT, true),
            (sys::GGML_LOG_LEVEL_DEBUG, false),
            (sys::GGML_LOG_LEVEL_CONT, false),
            (sys::GGML_LOG_LEVEL_CONT, false),
            (sys::GGML_LOG_LEVEL_ERROR, true),
            (sys::GGML_LOG_LEVEL_CONT, true),
            (sys::GGML_LOG_LEVEL_NONE, true),
        ];
        for (at, (level, is)) in levels.into_iter().enumerate() {
            assert_eq!(is_written(level), is, "{at}");
        }
    }
}
