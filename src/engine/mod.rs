//! The engine: a child process that computes, the protocol it speaks and the client that drives it.

mod cgroup;
pub mod client;
pub mod cores;
mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod host;
#[cfg(feature = "llama")]
pub mod llama;
pub mod memory;
pub mod protocol;
pub mod reasoning;
pub mod scheduler;
pub mod schedules;
pub mod scripted;
mod spec;
pub mod states;
pub mod steering;

pub use client::{EngineClient, Generation, GenerationEvent};
pub use error::EngineError;
pub use spec::{EngineSpec, Fault, FaultKind, Profile};
