//! `parallax bench screen`: the workbench, measured from outside as a user's terminal sees it.

use clap::ValueEnum as _;

use super::report::{Report, Target, least, most};
use super::sitting::Sitting;
use super::subject::Subject;
use super::{bytes, inside, keys, process, start, tax};
use crate::cli::page::{Format, Page, aside};
use crate::cli::{Failure, Global, Outcome};

/// In the order of the table.
const TARGETS: [Target; 16] = [
    most("first_frame_ms", "launch to first frame", 50.0),
    most("model_ready_ms", "launch to a usable model", 400.0),
    most("key_to_frame_ms_p99", "key to frame while all cores decode, 99 of 100", 33.0),
    most("stop_acknowledged_ms", "stop key to its acknowledgement", 50.0),
    most("idle_frames", "frames while nothing happens", 0.0),
    most("idle_cpu_percent_app", "percent of a core while nothing happens, app", 0.5),
    most("idle_cpu_percent_engine", "percent of a core while nothing happens, engine", 0.5),
    most("bytes_per_second_remote", "bytes a second over SSH, nine voices", 8192.0),
    most("bytes_per_second_remote_model", "the same with the model", 8192.0),
    most("full_clears", "clears of the whole screen", 0.0),
    most("spinner_bytes_per_frame", "bytes a frame of one spinner", 64.0),
    least("screen_tax_ratio", "tokens a second on screen over headless", 0.95),
    most("transcript_20000_words_frame_ms", "frame with 20,000 words a pane", 5.0),
    most("transcript_20000_words_read_ms", "the same, scrolled after the run", 5.0),
    most("fuzzy_100000_questions_ms", "search over 100,000 questions, worst pattern", 50.0),
    most("app_rss_mb", "memory of the app in MB", 60.0),
];

/// Options of `parallax bench screen`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// End within 50 seconds, with fewer repetitions
    #[arg(long)]
    quick: bool,
    /// How to print the numbers
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Measure these alone; commas or several
    #[arg(long, hide = true, value_enum, value_name = "NAME", value_delimiter = ',')]
    only: Vec<What>,
}

/// The measurements, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    FirstFrame,
    Idle,
    Keys,
    Stop,
    Memory,
    Bytes,
    Spinner,
    Transcript,
    ScreenTax,
    Fuzzy,
}

impl What {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Runs it.
pub fn run(options: &Options, global: &Global) -> Outcome {
    let before = process::load();
    let (subject, why) = Subject::new(global, options.quick)?;
    let mut bench =
        Bench { subject, report: Report::new(&TARGETS), only: options.only.clone(), is_quiet: global.quiet };
    bench.report.say("engine", bench.subject.engine.kind());
    if let Some(model) = &bench.subject.model {
        bench.report.say("model", model.as_str());
    }
    bench.report.say("quick", options.quick);
    if cfg!(debug_assertions) {
        bench.report.note("this is a debug build: measure a release build");
    }
    if let Some(why) = why {
        bench.report.note(why);
    }
    bench.measure();
    bench.report.say("machine", process::machine(before));
    let mut page = Page::default();
    match options.format {
        Format::Json => page.json(&bench.report.json()),
        Format::Text => bench.report.text(&mut page),
    }
    page.print()
}

struct Bench {
    subject: Subject,
    report: Report,
    only: Vec<What>,
    is_quiet: bool,
}

impl Bench {
    fn measure(&mut self) {
        self.one(What::FirstFrame, start::launches);
        self.one(What::Idle, |subject, report| start::idle(subject, &mut subject.sit_ready()?, report));
        self.in_a_run();
        self.one(What::Spinner, bytes::spinner);
        self.one(What::Bytes, bytes::streaming);
        self.one(What::Transcript, inside::transcript);
        self.one(What::Fuzzy, |subject, report| {
            inside::fuzzy(subject, report);
            Ok(())
        });
        self.one(What::ScreenTax, tax::tax);
    }

    /// Keys, stops and memory have one workbench in common: what they need is a run.
    fn in_a_run(&mut self) {
        if ![What::Keys, What::Stop, What::Memory].iter().any(|what| self.is_wanted(*what)) {
            return;
        }
        let mut sitting: Option<Sitting> = None;
        self.one(What::Keys, |subject, report| {
            keys::key_to_frame(subject, sitting.insert(keys::sit(subject)?), report)
        });
        self.one(What::Stop, |subject, report| {
            let sitting = match &mut sitting {
                Some(sitting) => sitting,
                none => none.insert(keys::sit(subject)?),
            };
            keys::stop(subject, sitting, report)
        });
        self.one(What::Memory, |subject, report| {
            let mut sitting = if let Some(sitting) = sitting.take() {
                sitting
            } else {
                let mut sitting = keys::sit(subject)?;
                keys::one_run(&mut sitting)?;
                sitting
            };
            start::memory(&mut sitting, report)
        });
    }

    fn is_wanted(&self, what: What) -> bool {
        self.only.is_empty() || self.only.contains(&what)
    }

    /// Makes one measurement. If it fails, the others do not.
    fn one(&mut self, what: What, measure: impl FnOnce(&Subject, &mut Report) -> Result<(), Failure>) {
        if !self.is_wanted(what) {
            return;
        }
        if self.subject.is_late() {
            self.report.note(format!("{} was left out: the quick run's time was over", what.name()));
            return;
        }
        aside(self.is_quiet, &format!("measuring {}", what.name()));
        if let Err(failure) = measure(&self.subject, &mut self.report) {
            self.report.note(format!("{}: {}", what.name(), failure.sentence));
        }
    }
}
