//! The workbench as a state machine: [`Event`]s go in, [`Effect`]s come out, and everything on screen follows from the
//! [`Model`]. The driver carries the effects out and brings events back; it is the only part that waits for anything.

pub mod action;
pub mod driver;
pub mod effect;
pub mod event;
pub mod library;
pub mod model;
pub mod session;
pub mod update;

pub use effect::Effect;
pub use event::Event;
pub use model::Model;
