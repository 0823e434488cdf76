//! The engine: a child process that computes, the protocol it speaks and the client that drives it.

pub mod client;
mod error;
pub mod host;
#[cfg(feature = "llama")]
pub mod llama;
pub mod protocol;
pub mod reasoning;
pub mod scheduler;
pub mod scripted;
mod spec;

pub use client::{EngineClient, Generation, GenerationEvent};
pub use error::EngineError;
pub use spec::{EngineSpec, Fault, FaultKind, Profile};
