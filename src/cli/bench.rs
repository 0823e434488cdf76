//! `parallax bench`: how fast this program is on this machine.

mod bytes;
mod cues;
mod engine;
mod grid;
mod inside;
mod keys;
mod paced;
mod process;
mod pty;
mod report;
mod schedules;
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
    /// Measure the engine: batches, shared beginnings, first tokens, scoring, foreign load
    Engine(engine::Options),
    /// llama.cpp's own loop, for measuring beside it: requests on standard input, times on standard output
    #[command(hide = true)]
    Floor,
    /// Compare every logit of random schedules with what is computed alone, bit for bit
    #[command(hide = true)]
    Schedules(schedules::Options),
    /// A foreign process that uses one core until its standard input ends
    #[command(hide = true)]
    Spin,
    /// An engine for measuring: scripted voices at the pace of a model
    #[command(hide = true)]
    PacedEngine,
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match &command.what {
        What::Screen(options) => screen::run(options, global),
        What::Engine(options) => engine::run(options, global),
        What::Floor => engine::floor(global),
        What::Schedules(options) => schedules::run(options, global),
        What::Spin => {
            engine::spin();
            Ok(())
        }
        What::PacedEngine => {
            paced::run();
            Ok(())
        }
    }
}
