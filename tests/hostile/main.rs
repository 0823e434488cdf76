//! Both sides of the engine's protocol against whatever bytes come: no panic, no hang, every request ends exactly once,
//! and every failure is one sentence.

#![allow(clippy::unwrap_used, clippy::panic)]

mod client;
mod engine;
mod lines;
mod wire;
