//! The terminal: entering and leaving it, atomic frames, keys, signals, the clipboard, and what it can show.
//!
//! Everything that is switched on at the terminal is switched off by [`restore`], whoever calls it: the end of the
//! program, a panic on any thread, a signal, a suspension. Nothing is ever asked of the terminal, so no late answer can
//! be typed into the shell. After [`restore`] every draw fails, and a failed draw ends the program.

mod canvas;
mod clipboard;
mod crash;
mod depth;
mod hangup;
mod input;
mod modes;
mod pen;
mod screen;
mod signals;
mod stderr;
mod surface;
mod title;
mod tty;

pub use clipboard::Copied;
pub use crash::install_panic_hook;
pub use depth::{depth, is_remote};
pub use hangup::watch_for_hangup;
pub use input::{Input, MouseAction, input};
pub use modes::restore;
pub use screen::{Screen, TermOptions, can_suspend};
pub use signals::{Signal, signals};
pub use stderr::{StderrGuard, redirect_stderr};
