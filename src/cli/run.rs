//! `parallax run`: questions answered without a screen.

mod ask;
mod once;
mod output;
mod progress;
pub(super) mod report;
mod setup;
mod table;

use std::cell::RefCell;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

pub(super) use self::once::Done;
use self::output::{Format, Output};
use self::progress::Progress;
use super::page::aside;
use super::session::{self, block_on};
use super::{EXIT_FAILED, EXIT_INTERRUPTED, Failure, Global, Outcome};
use crate::config::Paths;
use crate::data::Wordings;
use crate::domain::{Mode, PaneStatus, Run, limits};
use crate::methods::{RunSpec, at_once};
use crate::store::{Reader, Store};
use crate::survey::{Sort, Survey};

/// Options of `parallax run`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Command {
    /// The pack the question is from: an id of `parallax data list`, or a file
    #[arg(long, value_name = "ID-or-FILE")]
    pack: Option<String>,
    /// A question of the pack; commas or several
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    question: Vec<String>,
    /// All questions of the pack
    #[arg(long, conflicts_with_all = ["question", "ask"])]
    all: bool,
    /// Of the pack those with this topic; commas or several
    #[arg(long, value_name = "TOPIC", value_delimiter = ',', conflicts_with_all = ["question", "ask"])]
    tag: Vec<String>,
    /// Of those the first N
    #[arg(long, value_name = "N", conflicts_with_all = ["question", "ask", "random"], value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Of those N at random, by the seed, in the order of the pack
    #[arg(long, value_name = "N", conflicts_with_all = ["question", "ask"], value_parser = clap::value_parser!(u32).range(1..))]
    random: Option<u32>,
    /// Take questions that were answered before, under the very same conditions, from the store
    #[arg(long, conflicts_with = "no_store")]
    resume: bool,
    /// Questions that are asked at once [default: as many as keep the engine at work]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    at_once: Option<u16>,
    /// A question of your own
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["pack", "question"])]
    ask: Option<String>,
    /// An option of your own question, in order; may be given again
    #[arg(long, value_name = "TEXT")]
    option: Vec<String>,
    /// An option that gives no opinion, such as "Don't know"; may be given again
    #[arg(long, value_name = "TEXT")]
    other: Vec<String>,
    /// The options are a scale, from low to high
    #[arg(long)]
    ordinal: bool,
    /// overton, steered, distribution [default: all]
    #[arg(long, value_name = "MODE", value_delimiter = ',')]
    mode: Vec<Mode>,
    /// A method of `parallax methods`, alone or as MODE=METHOD, instead of its mode's default; may be given again
    #[arg(long, value_name = "METHOD")]
    method: Vec<String>,
    /// A persona: an id of `parallax personas list`, or @FILE; commas or several [default: the first two]
    #[arg(long, value_name = "ID|@FILE", value_delimiter = ',')]
    persona: Vec<String>,
    /// A persona in your own words: "You are …"; may be given again
    #[arg(long, value_name = "TEXT")]
    persona_text: Vec<String>,
    /// A LoRA adapter (GGUF, on the engine's side) to answer with in the mode steered; may be given again [default scale: 1]
    #[arg(long, value_name = "FILE[@SCALE]")]
    lora: Vec<String>,
    /// A control vector to steer along, with its strength: a file, or a name of `parallax directions list`; may be given again
    #[arg(long, value_name = "FILE[@STRENGTH]")]
    direction: Vec<String>,
    /// A population to compare with; may be given again; `all`, or the beginning of several with `.*`
    /// [default: the question's first]
    #[arg(long, value_name = "GROUP")]
    population: Vec<String>,
    /// Every draw follows from it [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Samples of the method `sampled` [default: 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(setup::allowed(&limits::SAMPLES)))]
    samples: Option<u32>,
    /// Most tokens of one answer [default: 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(setup::allowed(&limits::MAX_TOKENS)))]
    max_tokens: Option<u32>,
    /// Temperature of written answers [default: each method's own]
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Top-p of written answers [default: each method's own]
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// A second model, asked the same in an engine of its own: a file, or an id of `parallax models list`
    #[arg(long, value_name = "PATH-or-ID")]
    beside: Option<String>,
    /// A saved setup: a TOML file with these options as keys; options given here go first
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// How to print results
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write results to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the tables over all questions to a file too, as JSON
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Sort the table of questions, for example `js_distance_2:desc` [default: the best and the worst by `js_distance_2`]
    #[arg(long, value_name = "MEASURE[:asc|:desc]")]
    sort: Option<Sort>,
    /// Only the N worst questions, by the measure of --sort
    #[arg(long, value_name = "N")]
    worst: Option<usize>,
    /// Do not store the run
    #[arg(long)]
    no_store: bool,
    /// Print every prompt exactly as the model read it (on stderr, unless the format is text)
    #[arg(long)]
    show_prompts: bool,
    /// Keep in JSON every token of every voice, with its probability and what might have been said instead
    #[arg(long)]
    tokens: bool,
}

impl Command {
    /// All questions of `pack` put to `methods`, for a card: what is not said is the default, and what is in the store
    /// already is taken from there.
    pub(super) fn for_card(pack: &str, methods: &[&str], personas: Vec<String>, limit: Option<u32>, seed: u64) -> Self {
        Self {
            pack: Some(pack.to_owned()),
            all: true,
            limit,
            mode: vec![Mode::Steered, Mode::Distribution],
            method: methods.iter().map(|method| (*method).to_owned()).collect(),
            persona: personas,
            seed: Some(seed),
            samples: Some(10),
            max_tokens: Some(64),
            resume: true,
            ..Self::default()
        }
    }
}

/// What is done with the runs.
pub(super) trait Readers {
    /// Takes in the next run, in the order of the questions.
    fn add(&mut self, done: &Done) -> Outcome;
    /// Nothing more comes.
    fn finish(&mut self) -> Outcome;
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    answer(command, global, |specs| {
        let survey =
            specs.first().map_or_else(|| Survey::new(&[], 0), |spec| Survey::new(&spec.populations, spec.seed));
        Ok(Box::new(Output::open(command, specs.len() > 1, survey)?))
    })
}

/// Asks what `command` says and gives the runs to what `readers` makes before any computing.
#[expect(clippy::needless_lifetimes, reason = "elided, it would be the life of the questions")]
pub(super) fn answer<'a>(
    command: &'a Command,
    global: &Global,
    readers: impl FnOnce(&[RunSpec]) -> Result<Box<dyn Readers + 'a>, Failure>,
) -> Outcome {
    let paths = global.paths()?;
    let setup = setup::Setup::new(command)?;
    let specs = setup.specs(&paths)?;
    let wordings = Arc::new(Wordings::load(&paths));
    let mut output = readers(&specs)?;
    let store = if command.no_store { None } else { Some(Store::open(&paths.database())?) };
    let interrupted = block_on(async {
        let stop = CancellationToken::new();
        let watch = stop.clone();
        let watcher = tokio::spawn(async move {
            interrupt().await;
            watch.cancel();
            interrupt().await;
            // Asked twice: nothing is waited for. What was finished is on disk already.
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        });
        let sessions = tokio::select! {
            sessions = session::start_all(global, !command.no_store, setup.beside()) => sessions?,
            () = stop.cancelled() => return Err(Failure::interrupted()),
        };
        let once = once::Once {
            sessions: &sessions,
            wordings: &wordings,
            store: store.as_ref(),
            stop: &stop,
            keeps_prompts: command.show_prompts,
        };
        let failed = ask_all(command, global, &paths, specs, once, output.as_mut()).await;
        watcher.abort();
        match failed? {
            Some(_) if stop.is_cancelled() => Ok(true),
            Some(sentence) => Err(Failure { sentence, code: EXIT_FAILED }),
            None => Ok(stop.is_cancelled()),
        }
    });
    if let Some(store) = store {
        store.close()?;
    }
    if interrupted? { Err(Failure::interrupted()) } else { Ok(()) }
}

/// Asks what is not in the store, or everything, and writes the results; gives the first thing that failed.
async fn ask_all(
    command: &Command,
    global: &Global,
    paths: &Paths,
    specs: Vec<RunSpec>,
    once: once::Once<'_>,
    output: &mut dyn Readers,
) -> Result<Option<String>, Failure> {
    let is_list = specs.len() > 1;
    let has_store = once.store.is_some() && (command.resume || is_list);
    let reader = if has_store { Reader::open(&paths.database())? } else { None };
    let mut stored = ask::stored(&specs, once.sessions, once.wordings, reader.as_ref())?;
    let count = stored.iter().flatten().count();
    if !command.resume && count > 0 {
        let text = format!(
            "{count} of {} questions are answered in the store already; --resume takes them from there",
            specs.len()
        );
        aside(global.quiet, &text);
        stored.fill(None);
    }
    let at_once = match command.at_once {
        Some(at_once) => usize::from(at_once),
        None => at_once(&specs, once.sessions.own.loaded.sequences),
    };
    let progress = RefCell::new(Progress::new(global.quiet, specs.len()));
    let mut failed = None;
    {
        let mut answers = pin!(ask::answers(once, reader.as_ref(), specs, stored, at_once, &progress));
        while let Some(done) = answers.next().await {
            let done = done?;
            progress.borrow().aside(|| output.add(&done))?;
            failed = failed.or_else(|| first_failure(&done.run)).or(done.not_stored);
        }
    }
    if let Some(error) = once.sessions.dead() {
        failed = failed.or_else(|| Some(error.to_string()));
    }
    progress.borrow().finish();
    output.finish()?;
    Ok(failed)
}

fn first_failure(run: &Run) -> Option<String> {
    let failed = run.panes.iter().find(|pane| pane.status == PaneStatus::Failed)?;
    failed.error.clone().or_else(|| Some("a pane failed".to_owned()))
}

/// Ctrl-C, or a request to end from the system.
async fn interrupt() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let ends = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
        if let (Ok(mut first), Ok(mut second), Ok(mut third)) = ends {
            tokio::select! {
                _ = first.recv() => {}
                _ = second.recv() => {}
                _ = third.recv() => {}
            }
            return;
        }
    }
    // Without a handler the system's default ends the process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
