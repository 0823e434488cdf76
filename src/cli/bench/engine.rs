//! `parallax bench engine`: what the engine costs beyond llama.cpp's own loop, and what its scheduling saves.
//!
//! All of it in one run of the program, in turns, so that noise meets both sides of a ratio. One file per section; a new
//! one is a file and a line in [`SECTIONS`].

mod batched;
mod bench;
mod contention;
mod first_token;
mod floor;
#[cfg(feature = "llama")]
mod floor_child;
mod one_by_one;
mod panes;
mod prefixes;
mod rest;
mod scoring;
mod spin;
mod steering;
mod voices;

use clap::builder::PossibleValuesParser;

use super::process;
use super::report::{Report, Target, least, most};
use super::subject::Subject;
use crate::cli::page::{Format, Page, aside};
use crate::cli::{Global, Outcome};
use bench::Bench;

/// In the order of the table; S is SmolLM2-135M.
const TARGETS: [Target; 15] = [
    least("batched_ratio_16", "tokens a second over llama.cpp's own loop, 16 voices", 0.95),
    most("computed_over_minimum", "tokens computed over a perfect prefix tree, grid", 1.05),
    most("computed_over_minimum_run", "the same, three panes with six personas", 1.05),
    most("one_by_one_ratio", "three panes, six personas, over one prompt after the other", 0.4),
    most("first_token_cold_s", "seconds to nine first tokens, cold (S)", 2.0),
    most("first_token_warm_s", "the same, warm (S)", 1.4),
    most("score_continuations_ms", "5 options of 6 tokens behind a warm prefix, ms (S)", 120.0),
    most("score_24_orders_s", "24 orders of 4 options, seconds (S)", 4.0),
    least("busy_ratio_1", "beside one busy process over idle, 1 voice", 0.35),
    least("busy_ratio_16", "the same, 16 voices", 0.45),
    least("recovered_ratio_16", "2 s after busy processes left over before, 16 voices", 0.95),
    most("idle_cpu_percent_engine", "percent of a core while nothing happens", 0.5),
    least("steering_same_bits_share", "of 16 recipes and the control: the same bits as alone", 1.0),
    least("steering_ratio_16", "16 recipes and the control over as many unsteered voices", 0.97),
    least("reuse_off_share", "tokens computed of those sent, where reuse was forbidden", 1.0),
];

/// One measurement.
struct Section {
    /// As `--only` has it.
    name: &'static str,
    measure: fn(&mut Bench, &mut Report) -> Outcome,
}

/// The measurements, in the order in which they are made.
const SECTIONS: [Section; 8] = [
    Section { name: "batched", measure: batched::measure },
    Section { name: "scoring", measure: scoring::measure },
    Section { name: "steering", measure: steering::measure },
    Section { name: "prefixes", measure: prefixes::measure },
    Section { name: "first-token", measure: first_token::measure },
    Section { name: "contention", measure: contention::measure },
    Section { name: "one-by-one", measure: one_by_one::measure },
    Section { name: "rest", measure: rest::measure },
];

/// The load of a machine on which nothing else is computed.
const QUIET: f64 = 0.5;

/// Options of `parallax bench engine`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// End within 50 seconds, with fewer repetitions
    #[arg(long)]
    quick: bool,
    /// How to print the numbers
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Measure these alone; commas or several
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = PossibleValuesParser::new(SECTIONS.iter().map(|section| section.name)))]
    only: Vec<String>,
}

/// Runs it.
pub fn run(options: &Options, global: &Global) -> Outcome {
    let before = process::load();
    let (subject, why) = Subject::new(global, options.quick)?;
    let mut report = Report::new(&TARGETS);
    report.say("engine", subject.engine.kind());
    report.say("quick", options.quick);
    if cfg!(debug_assertions) {
        report.note("this is a debug build: measure a release build");
    }
    if let Some(why) = why {
        report.note(why);
    }
    if let Some(load) = before.filter(|load| *load > QUIET) {
        report.note(format!(
            "other processes were busy (load {load:.1}): a fixed number of threads is slow beside them, so that only ratios with --threads 1 say something"
        ));
    }
    let mut bench = Bench::new(subject, global)?;
    bench.describe(&mut report)?;
    for section in &SECTIONS {
        if !options.only.is_empty() && !options.only.iter().any(|name| name == section.name) {
            continue;
        }
        if bench.subject.is_late() {
            report.note(format!("{} was left out: the quick run's time was over", section.name));
            continue;
        }
        aside(global.quiet, &format!("measuring {}", section.name));
        // If one fails, the others do not.
        if let Err(failure) = (section.measure)(&mut bench, &mut report) {
            report.note(format!("{}: {}", section.name, failure.sentence));
        }
    }
    report.say("machine", process::machine(before));
    let mut page = Page::default();
    match options.format {
        Format::Json => page.json(&report.json()),
        Format::Text => report.text(&mut page),
    }
    page.print()
}

/// The hidden child with llama.cpp's own loop.
#[cfg(feature = "llama")]
pub(super) fn floor(global: &Global) -> Outcome {
    floor_child::run(global)
}

/// The hidden child with llama.cpp's own loop.
#[cfg(not(feature = "llama"))]
pub(super) fn floor(_global: &Global) -> Outcome {
    Err(crate::cli::Failure::new("this build has no llama.cpp; build it with the feature `llama`"))
}

/// A foreign process that uses one core.
pub(super) fn spin() {
    spin::run();
}
