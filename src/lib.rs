//! Parallax: how one local language model answers a contested question for everyone (Overton), as someone (steered) and
//! as a population (distribution), with numbers that say how far to trust each answer.
//!
//! The rooms, each knowing only those before it:
//!
//! * `text`: what may reach a screen, a log or an error message; wrapping and width.
//! * `domain`: the nouns: question, population, persona, run, voice, measure. Pure types, no I/O.
//! * `measure`: the formulas of the field, pure functions, one file per family.
//! * `config`: where things are.
//! * `engine`: the engine process, its protocol and its client; the only room that meets llama.cpp.
//! * `methods`: one file per method, and the registry that lists them.
//! * `survey`: many questions: what is kept of each run, and the tables over all of them.
//! * `data`: packs of questions, personas, wordings: embedded defaults, user folders laid over them.
//! * `models`: model files: catalogue, download, caches of other programs, GGUF facts.
//! * `store`: every run and voice on disk, as it happens.
//! * `app`: the workbench as a state machine, and the driver that carries out what it asks for.
//! * `view`: the state in, a frame out.
//! * `term`: the terminal: entered and left on every path, read, drawn to.
//! * `cli`: the command line, one file per subcommand.

pub mod text;
pub mod domain;
pub mod measure;
pub mod config;
pub mod engine;
pub mod methods;
pub mod survey;
pub mod data;
pub mod models;
pub mod store;
pub mod app;
pub mod view;
pub mod term;
pub mod cli;
