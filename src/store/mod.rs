//! Every run and voice on disk, as it happens: one `SQLite` database in the data folder.
//!
//! Writing: [`Store::open`] starts the one thread that owns the connection, and each run gets its
//! [`RunWriter`], which takes in the run's events. A voice that is done is committed at once; a
//! run that stops short, by a crash or a kill, keeps what it had and stands as interrupted. Several processes may write to
//! one database.
//!
//! Reading: [`Reader`] has its own connection, which never waits for a writer, and builds a run out
//! of its rows by replaying them through [`Assembler`](crate::domain::Assembler), so that it looks as it did live.

mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod owner;
mod queries;
mod record;
mod replay;
mod schema;
mod writer;

pub use error::StoreError;
pub use queries::{Reader, RunFilter, RunStatus, RunSummary};
pub use replay::{StoredPrompt, StoredRun, StoredVoice};
pub use writer::{RunWriter, Store};
