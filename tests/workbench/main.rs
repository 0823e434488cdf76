//! The workbench as people use it: the real program on a terminal of its own, with the scripted engine.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../pty/mod.rs"]
mod pty;
#[path = "../support/mod.rs"]
mod support;

mod bench;
mod ends;
mod engines;
mod forms;
mod hostile;
mod lists;
mod reading;
mod screens;
mod signs;
mod stops;
mod surveys;
