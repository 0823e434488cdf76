//! `parallax run`: questions answered without a screen.

mod once;
mod progress;
pub(super) mod report;
mod setup;

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::page::Page;
use super::session::{self, block_on};
use super::{EXIT_FAILED, EXIT_INTERRUPTED, Failure, Global, Outcome};
use crate::data::Wordings;
use crate::domain::{Mode, PaneStatus, Run, limits};
use crate::store::Store;

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
    /// A method of `parallax methods` instead of a mode's default; may be given again, also for one mode
    #[arg(long, value_name = "MODE=METHOD")]
    method: Vec<String>,
    /// A persona: an id of `parallax personas list`, or @FILE; commas or several [default: the first two]
    #[arg(long, value_name = "ID|@FILE", value_delimiter = ',')]
    persona: Vec<String>,
    /// A persona in your own words: "You are …"; may be given again
    #[arg(long, value_name = "TEXT")]
    persona_text: Vec<String>,
    /// A population to compare with; may be given again [default: the question's first]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document: a run, or an array of them when several questions were asked
    Json,
    /// One run a line
    Jsonl,
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let paths = global.paths()?;
    let setup = setup::Setup::new(command)?;
    let specs = setup.specs(&paths)?;
    let wordings = std::sync::Arc::new(Wordings::load(&paths));
    // Before any computing: a result that cannot be kept must be known at once.
    let mut output = Output::open(command, specs.len() > 1)?;
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
        let mut failed = None;
        let is_single = specs.len() == 1;
        for (number, spec) in specs.into_iter().enumerate() {
            if stop.is_cancelled() {
                break;
            }
            let label = if is_single { String::new() } else { format!("question {}: ", number + 1) };
            let once = once::Once {
                sessions: &sessions,
                wordings: &wordings,
                store: store.as_ref(),
                stop: &stop,
                global,
                label,
            };
            let done = once.run(spec).await?;
            output.add(&done)?;
            failed = failed.or_else(|| first_failure(&done.run)).or(done.not_stored);
            if let Some(error) = sessions.dead() {
                failed = failed.or_else(|| Some(error.to_string()));
                break;
            }
        }
        watcher.abort();
        output.finish()?;
        match failed {
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

/// Where results go, in the format asked for.
struct Output {
    format: Format,
    file: Option<(PathBuf, std::fs::File)>,
    show_prompts: bool,
    tokens: bool,
    /// Whether several questions were asked, however many came to be answered.
    is_list: bool,
    runs: Vec<Value>,
    has_written: bool,
}

impl Output {
    fn open(command: &Command, is_list: bool) -> Result<Self, Failure> {
        let file = match &command.out {
            Some(path) => {
                // What is there already is kept until there is something to write.
                let options = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path);
                let file = options.map_err(|error| {
                    Failure::new(format!(
                        "`{}` cannot be written: {error}; name another file with --out",
                        path.display()
                    ))
                })?;
                Some((path.clone(), file))
            }
            None => None,
        };
        Ok(Self {
            format: command.format,
            file,
            show_prompts: command.show_prompts,
            tokens: command.tokens,
            is_list,
            runs: Vec::new(),
            has_written: false,
        })
    }

    fn add(&mut self, done: &once::Done) -> Outcome {
        if self.show_prompts && self.format != Format::Text {
            let mut page = Page::default();
            report::prompts(&mut page, done);
            eprint!("{}", page.as_str());
        }
        match self.format {
            Format::Text => {
                let mut page = Page::default();
                if self.show_prompts {
                    report::prompts(&mut page, done);
                }
                report::run(&mut page, &done.run, Some(&done.question));
                self.write(page)
            }
            Format::Json => {
                self.runs.push(self.value(&done.run)?);
                Ok(())
            }
            Format::Jsonl => {
                let mut page = Page::default();
                page.json_line(&self.value(&done.run)?);
                self.write(page)
            }
        }
    }

    fn value(&self, run: &Run) -> Result<Value, Failure> {
        Ok(if self.tokens { serde_json::to_value(run) } else { serde_json::to_value(run.clone().without_tokens()) }?)
    }

    fn finish(&mut self) -> Outcome {
        if self.format != Format::Json {
            return Ok(());
        }
        let mut page = Page::default();
        match &mut self.runs[..] {
            [] => {}
            [run] if !self.is_list => page.json(run),
            runs => page.json(&Value::Array(runs.iter_mut().map(Value::take).collect())),
        }
        self.write(page)
    }

    fn write(&mut self, page: Page) -> Outcome {
        use std::io::Write;

        match &mut self.file {
            None => page.print(),
            Some((path, file)) => {
                let begun = if std::mem::replace(&mut self.has_written, true) { Ok(()) } else { file.set_len(0) };
                begun.and_then(|()| file.write_all(page.as_str().as_bytes())).map_err(|error| {
                    Failure::new(format!(
                        "`{}` cannot be written: {error}; free space or name another file",
                        path.display()
                    ))
                })
            }
        }
    }
}
