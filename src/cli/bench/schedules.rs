//! `parallax bench schedules`: are the logits the same bits whatever is computed beside? Random schedules on the engine's
//! own device, in the environment of the profile.

use serde_json::json;

use crate::cli::page::{Format, Page, aside};
use crate::cli::{Failure, Global, Outcome};
use crate::engine::host::Loader;
use crate::engine::protocol::LoadRequest;
use crate::engine::scheduler::device::Pulse;
use crate::engine::schedules;
use crate::engine::scripted::ScriptedLoader;
use crate::engine::{EngineSpec, Profile};

/// Cells while the documents are read alone.
const CONTEXT: u32 = 512;
/// Schedules between two lines that say how far it is.
const STEP: u64 = 50;

/// Options of `parallax bench schedules`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many schedules
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Of the first one; those after it are one higher each
    #[arg(long, default_value = "1")]
    first: u64,
    /// How to print the counts
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs them. A difference is a failure in the audit profile alone: no other promises the same bits.
pub fn run(options: &Options, global: &Global) -> Outcome {
    let subject = global.engine_choice(false)?;
    let mut loader: Box<dyn Loader> = match &subject.spec {
        EngineSpec::Scripted(None) => Box::new(ScriptedLoader::new(None)),
        EngineSpec::Llama => llama(global)?,
        _ => return Err(Failure::usage("schedules run inside this program: use --engine llama or scripted")),
    };
    let pulse = Pulse::default();
    let request = LoadRequest {
        path: subject.model.clone().unwrap_or_default(),
        context: Some(CONTEXT),
        data: None,
        keep_states: false,
        others: None,
    };
    let (mut device, loaded) =
        loader.load(&request, &pulse, &mut |_| true).map_err(|refusal| Failure::new(refusal.message))?;
    let threads = loaded.threads as usize;
    let mut each = |tally: &schedules::Tally| {
        if tally.schedules.is_multiple_of(STEP) {
            let of = options.count;
            aside(global.quiet, &format!("{} of {of} schedules, {} differ", tally.schedules, tally.differing));
        }
    };
    let tally = schedules::run(device.as_mut(), &pulse, options.first, options.count, threads, &mut each)
        .map_err(|failed| Failure::new(format!("the schedules could not be computed: {}", failed.0)))?;
    let schedules::Tally {
        schedules,
        batches,
        rows,
        widest,
        compared,
        steered,
        copied,
        cut,
        restored,
        stopped,
        resized,
        differing,
        first,
    } = tally;
    let first = first.map(|first| first.to_string());
    let mut page = Page::default();
    match options.format {
        Format::Json => page.json(&json!({
            "model": loaded.name, "quantisation": loaded.quantisation, "profile": loaded.profile, "threads": threads,
            "schedules": schedules, "batches": batches, "rows": rows, "widest": widest, "compared": compared, "steered": steered,
            "copied": copied, "cut": cut, "restored": restored, "stopped": stopped, "resized": resized,
            "differing": differing, "first": first,
        })),
        Format::Text => page.line(&format!(
            "{} {} ({}, up to {threads} threads): {differing} of {schedules} schedules differ; {compared} rows of logits compared, {steered} of them steered, in {batches} batches of up to {widest} rows; {copied} beginnings taken over, {cut} cut, {restored} restored, {stopped} batches stopped, {resized} contexts made",
            loaded.name, loaded.quantisation, loaded.profile
        )),
    }
    page.print()?;
    match first {
        Some(first) if loaded.profile == Profile::Audit.id() => Err(Failure::new(first)),
        _ => Ok(()),
    }
}

#[cfg(feature = "llama")]
fn llama(global: &Global) -> Result<Box<dyn Loader>, Failure> {
    let loader = crate::cli::engine::llama_loader(global.profile, global.threads, None)?;
    // Here it has no log of its own.
    crate::engine::llama::only_errors();
    Ok(Box::new(loader))
}

#[cfg(not(feature = "llama"))]
fn llama(_global: &Global) -> Result<Box<dyn Loader>, Failure> {
    Err(Failure::new("this build has no llama.cpp; build it with the feature `llama`, or use --engine scripted"))
}
