//! Model files: which there are, where they come from, and what they say about themselves.
//!
//! `resolve` turns what the user typed into a path, `pull` fetches, `gguf::read_facts` reads headers, `sha256_cached`
//! names a file for ever. Nothing here loads a model, and only `pull` uses the network.

mod caches;
mod catalogue;
mod checksum;
/// Control vectors: files with directions.
pub mod control_vector;
mod download;
mod error;
/// Headers of GGUF files.
pub mod gguf;
mod http;
mod hub;
mod locate;
mod pins;
mod pull;
mod reference;
mod size;
mod verify;
mod watch;
mod wheel;

pub use caches::{Caches, Found, Place};
pub use catalogue::{Entry, Source, WheelPart, catalogue, entry, entry_of, starter};
pub use checksum::{model_sha256, sha256_cached, sha256_fresh};
pub use error::ModelError;
pub use hub::HubSettings;
pub use locate::{default_of, first_installed, installed, resolve};
pub use pins::{Pin, pin_path};
pub use pull::{Pulled, Target, pull};
pub use reference::{BadReference, HubFile};
pub use size::{parameters, size};
pub use verify::{Authority, Known, Verdict, known, verify};
pub use watch::{Report, Watch};
