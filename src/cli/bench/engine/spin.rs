//! Foreign processes that want the cores too.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::Failure;

/// Uses one core until standard input ends: whoever started it may die and need not clean up.
pub(super) fn run() {
    let is_over = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&is_over);
    std::thread::spawn(move || {
        let mut byte = [0];
        // A failure ends it like the end of the stream.
        let _ = std::io::stdin().read(&mut byte);
        end.store(true, Ordering::Relaxed);
    });
    let mut number = 1u64;
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..10_000 {
            // The cheapest thing that an optimiser cannot leave out.
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

/// So many of them; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Spinners(Vec<Child>);

impl Spinners {
    pub(super) fn start(count: usize) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        // Made before the first child, so that those that started are ended if one does not.
        let mut spinners = Self(Vec::new());
        for _ in 0..count {
            let mut command = Command::new(&program);
            command.args(["bench", "spin"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            spinners.0.push(command.spawn()?);
        }
        Ok(spinners)
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that is gone already cannot be killed again.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
