//! `parallax bench`: how fast this program is on this machine.

mod bytes;
mod cues;
mod grid;
mod inside;
mod keys;
mod paced;
mod process;
mod pty;
mod report;
mod screen;
mod sitting;
mod start;
mod subject;
mod tax;
mod wire;

use super::{Global, Outcome};

/// Options of `parallax bench`.
#[derive(Debug, clap::Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Measure the workbench itself in a terminal of its own: frames, keys, bytes, memory
    Screen(screen::Options),
    /// An engine for measuring: scripted voices at the pace of a model
    #[command(hide = true)]
    PacedEngine,
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match &command.what {
        What::Screen(options) => screen::run(options, global),
        What::PacedEngine => {
            paced::run();
            Ok(())
        }
    }
}
