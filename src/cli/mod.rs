//! The command line: what is common to all subcommands, and the dispatch to them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand};

use crate::config::Paths;
use crate::engine::{EngineSpec, Profile};
use crate::text::SafeText;

pub mod bench;
pub mod data;
pub mod directions;
pub mod doctor;
pub mod engine;
mod logging;
pub mod measure;
pub mod methods;
pub mod models;
mod page;
pub mod personas;
pub mod run;
mod session;
pub mod sessions;
pub mod workbench;

/// The exit codes of every subcommand.
pub const EXIT_FAILED: u8 = 1;
/// The command line itself was wrong (clap uses the same code).
pub const EXIT_USAGE: u8 = 2;
/// Interrupted by Ctrl-C or a signal.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Why a subcommand ends with something other than 0: one sentence and the exit code.
///
/// Whatever a room's own error type is, it becomes a `Failure` at this edge; the sentence names the thing, the
/// cause and the next step. It is made safe for a terminal when it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The sentence for the user; empty when everything was said already.
    pub sentence: String,
    /// The exit code of the process.
    pub code: u8,
}

impl Failure {
    /// Something failed: exit 1 with this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: EXIT_FAILED }
    }

    /// The command line itself is wrong: exit 2 with this sentence.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: EXIT_USAGE }
    }

    /// Stopped by the user or the system.
    pub fn interrupted() -> Self {
        Self { sentence: "interrupted".to_owned(), code: EXIT_INTERRUPTED }
    }

    /// Exit with `code` and print nothing more.
    pub fn silent(code: u8) -> Self {
        Self { sentence: String::new(), code }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// What a subcommand returns.
pub type Outcome = Result<(), Failure>;

/// Ask one local language model a contested question three ways, and see how far to trust each answer.
#[derive(Debug, Parser)]
#[command(name = "parallax", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    workbench: workbench::Options,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The options every subcommand understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every subcommand")]
pub struct Global {
    /// Where data is kept: models, runs, your own packs and personas [default: the system's data folder, or `PARALLAX_HOME`]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Which engine: llama, scripted, or a command that speaks the protocol
    #[arg(long, global = true, value_name = "llama|scripted|COMMAND", default_value = "llama")]
    pub engine: EngineSpec,
    /// Model: a file, or an id of `parallax models list` [default: the first installed one]
    #[arg(long, global = true, value_name = "PATH-or-ID")]
    pub model: Option<String>,
    /// audit: the same bits every time; fast: the quickest on this machine
    #[arg(long, global = true, value_name = "audit|fast", default_value = "audit")]
    pub profile: Profile,
    /// Threads that compute [default: all that this process may use]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024).map(usize::from))]
    pub threads: Option<usize>,
    /// Tokens that the context holds, over all answers that run at once [default: chosen by the engine]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(256..=16_777_216))]
    pub ctx: Option<u32>,
    /// Seconds after which an engine that owes an answer and is silent counts as hung
    #[arg(long, global = true, hide = true, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub hang_after: u64,
    /// Say nothing but data and errors
    #[arg(long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log more to the log file
    #[arg(long, global = true)]
    pub verbose: bool,
}

impl Global {
    /// The folders this process reads and writes.
    pub fn paths(&self) -> Result<Paths, Failure> {
        Ok(Paths::resolve(self.data_dir.as_deref())?)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask questions without a screen and print what came
    Run(Box<run::Command>),
    /// List every method: mode, cost, paper
    Methods(methods::Command),
    /// List, fetch, inspect and check models
    Models(models::Command),
    /// List, show and check packs of questions
    Data(data::Command),
    /// List, show and check personas
    Personas(personas::Command),
    /// Make, show and list directions to steer along
    Directions(directions::Command),
    /// List and show stored runs
    Sessions(sessions::Command),
    /// Turn JSON Lines on stdin into measures on stdout
    Measure(measure::Command),
    /// Say whether everything is in place, and if not, what to do
    Doctor(doctor::Command),
    /// Measure how fast this program is on this machine
    Bench(bench::Command),
    /// Compute, on standard input and output
    #[command(hide = true)]
    Engine(engine::Command),
}

/// Help and the version as they are; a mistake as one sentence, like every other error.
fn not_understood(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        eprintln!("parallax: {}", SafeText::line(&usage_sentence(&error.render().to_string())));
    } else {
        // Whoever closed the pipe has read enough.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 })
}

/// What clap says over several paragraphs, without its pattern of the command line.
fn usage_sentence(rendered: &str) -> String {
    let is_about_mistake = |part: &&str| !part.starts_with("Usage:") && !part.starts_with("For more information");
    let parts: Vec<String> = rendered
        .trim()
        .split("\n\n")
        .take_while(is_about_mistake)
        .map(|part| part.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|part| !part.is_empty())
        .collect();
    format!("{}; --help shows what can be given", parts.join("; "))
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    // Only what computes or fetches has anything to tell; the engine's log is its standard error.
    let has_log = matches!(
        cli.command,
        None | Some(Command::Run(_) | Command::Doctor(_) | Command::Models(_) | Command::Directions(_))
    );
    let _guard = if has_log { logging::start(&cli.global) } else { None };
    let outcome = match cli.command {
        None => workbench::start(&cli.workbench, &cli.global),
        Some(Command::Run(command)) => run::run(&command, &cli.global),
        Some(Command::Methods(command)) => methods::run(&command),
        Some(Command::Doctor(command)) => doctor::run(&command, &cli.global),
        Some(Command::Models(command)) => models::run(&command, &cli.global),
        Some(Command::Data(command)) => data::run(&command, &cli.global),
        Some(Command::Personas(command)) => personas::run(&command, &cli.global),
        Some(Command::Directions(command)) => directions::run(&command, &cli.global),
        Some(Command::Sessions(command)) => sessions::run(&command, &cli.global),
        Some(Command::Measure(command)) => measure::run(&command),
        Some(Command::Bench(command)) => bench::run(&command, &cli.global),
        Some(Command::Engine(command)) => engine::run(&command, cli.global.profile, cli.global.threads),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.sentence.is_empty() {
                tracing::error!(code = failure.code, "{}", SafeText::line(&failure.sentence));
                eprintln!("parallax: {}", SafeText::line(&failure.sentence));
            }
            ExitCode::from(failure.code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_one_sentence_with_its_tip() {
        let sentence = |arguments: &[&str]| match Cli::try_parse_from(arguments) {
            Ok(_) => String::new(),
            Err(error) => usage_sentence(&error.render().to_string()),
        };
        assert_eq!(
            sentence(&["parallax", "run", "--format", "yaml"]),
            "invalid value 'yaml' for '--format <FORMAT>' [possible values: text, table, json, jsonl, survey]; \
             --help shows what can be given"
        );
        let tip = sentence(&["parallax", "run", "--quetion", "q"]);
        assert!(
            tip.contains("'--quetion' found; tip: ") && tip.contains("--question") && !tip.contains("Usage"),
            "{tip}"
        );
        assert!(!tip.contains('\n'), "{tip}");
    }
}
