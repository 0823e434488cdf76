//! `parallax doctor`: is everything in place, and if not, what to do.

use serde_json::json;

use super::page::{Format, Page};
use super::session::{self, block_on};
use super::{Failure, Global, Outcome};
use crate::config::Paths;
use crate::data::Wordings;
use crate::data::catalogue::Catalogue;
use crate::data::personas::Personas;
use crate::engine::memory::words;
use crate::engine::{EngineSpec, cores};
use crate::store::Store;

/// Options of `parallax doctor`.
#[derive(Debug, clap::Args)]
pub struct Command {
    /// How to print the findings
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// One thing that was looked at.
#[derive(Clone)]
struct Finding {
    what: &'static str,
    is_good: bool,
    detail: String,
}

/// Runs it. Exit 1 when something is wrong.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let paths = global.paths()?;
    let findings = [files(&paths), database(&paths), engine(global)].concat();
    let mut page = Page::default();
    match command.format {
        Format::Json => {
            let list: Vec<_> = findings
                .iter()
                .map(|finding| json!({ "what": finding.what, "good": finding.is_good, "detail": finding.detail }))
                .collect();
            page.json(&json!({ "good": findings.iter().all(|finding| finding.is_good), "findings": list }));
        }
        Format::Text => {
            for finding in &findings {
                let mark = if finding.is_good { "ok" } else { "NOT ok" };
                page.hanging(22, &format!("{mark:<8}{}", finding.what), &finding.detail);
            }
        }
    }
    page.print()?;
    if findings.iter().all(|finding| finding.is_good) { Ok(()) } else { Err(Failure::silent(super::EXIT_FAILED)) }
}

fn finding(what: &'static str, result: Result<String, String>) -> Finding {
    let is_good = result.is_ok();
    Finding { what, is_good, detail: result.unwrap_or_else(|error| error) }
}

fn files(paths: &Paths) -> Vec<Finding> {
    let catalogue = Catalogue::load(paths);
    let personas = Personas::load(paths);
    let wordings = Wordings::load(paths);
    let mut findings = vec![
        finding("program", Ok(format!("parallax {}", env!("CARGO_PKG_VERSION")))),
        finding("data folder", Ok(paths.data.display().to_string())),
    ];
    let packs = format!("{} packs", catalogue.packs().len());
    findings.push(finding("packs", one(packs, catalogue.problems())));
    findings.push(finding("personas", one(format!("{} personas", personas.all().len()), personas.problems())));
    findings.push(finding("wordings", one("all wordings can be read".to_owned(), wordings.problems())));
    findings
}

/// The first problem, if there is one.
fn one<'a, E: std::fmt::Display + 'a>(
    good: String,
    problems: impl IntoIterator<Item = &'a E>,
) -> Result<String, String> {
    problems.into_iter().next().map_or(Ok(good), |problem| Err(problem.to_string()))
}

fn database(paths: &Paths) -> Vec<Finding> {
    let path = paths.database();
    let result = Store::open(&path).and_then(Store::close);
    vec![finding("store", result.map(|()| path.display().to_string()).map_err(|error| error.to_string()))]
}

fn engine(global: &Global) -> Vec<Finding> {
    let session = match block_on(session::start(global, false)) {
        Ok(session) => session,
        Err(failure) => return vec![finding("engine", Err(failure.sentence))],
    };
    let hello = session.client.hello();
    let devices = hello.devices.iter().map(|device| {
        let memory = match (device.free, device.total) {
            (0, _) => "free memory unknown".to_owned(),
            (free, 0) => format!("{} free", words(free)),
            (free, total) => format!("{} of {} free", words(free), words(total)),
        };
        finding("device", Ok(format!("{} ({}), {}, {memory}", device.name, device.description, device.kind)))
    });
    let (loaded, facts) = (&session.loaded, session.engine_facts());
    let mut findings = vec![finding("engine", Ok(hello.build.clone()))];
    if hello.engine == "llama" && !matches!(global.engine, EngineSpec::Command(_)) {
        findings.push(finding("accelerators", Ok(accelerators())));
    }
    findings.extend(devices);
    if let Some(cores) = hello.cores {
        findings.push(finding("cores", Ok(format!("{}; threads {}", cores::words(cores), loaded.threads))));
    }
    let model = format!(
        "{} {}, {:.0} M parameters, template {}, context {}, loaded in {} ms",
        loaded.name,
        loaded.quantisation,
        loaded.parameters as f64 / 1e6,
        loaded.template,
        loaded.context,
        loaded.load_ms
    );
    findings.push(finding("model", Ok(model)));
    if let Some(needed) = loaded.needed {
        findings.push(finding("memory", Ok(memory(needed, loaded.free, loaded.most_context))));
    }
    if let Some(note) = &loaded.context_note {
        findings.push(finding("context", Ok(note.clone())));
    }
    let profile = match (&loaded.attention, &loaded.profile_note) {
        (Some(attention), None) => format!("{}: {attention}", loaded.profile),
        (_, Some(note)) => note.clone(),
        (None, None) => loaded.profile.clone(),
    };
    findings.push(finding("profile", Ok(profile)));
    let tested =
        format!("{}: {}", facts.class, session.report().detail.as_deref().unwrap_or("the self-test has not ended"));
    findings.push(finding("repeatability", Ok(tested)));
    findings
}

/// What the loaded model takes, beside what was free.
fn memory(needed: u64, free: Option<u64>, most: Option<u32>) -> String {
    let free = free.map(|free| format!("; {} were free before", words(free))).unwrap_or_default();
    let most = most.map(|most| format!(", enough for a context of {most} tokens")).unwrap_or_default();
    format!("the model takes about {} with its context{free}{most}", words(needed))
}

/// What this build can compute on, and how far that was tried.
fn accelerators() -> String {
    let known =
        [("CUDA", cfg!(feature = "cuda")), ("Metal", cfg!(feature = "metal")), ("Vulkan", cfg!(feature = "vulkan"))];
    let named = |is_in: bool| -> Vec<&str> {
        known.iter().filter(|(_, compiled)| *compiled == is_in).map(|(name, _)| *name).collect()
    };
    let (inside, outside) = (named(true).join(", "), named(false).join(", "));
    if inside.is_empty() {
        return format!("none compiled in: the CPU computes; {outside} builds exist (GPU=…) and are untested");
    }
    format!("{inside} compiled in, untested on real devices; not compiled in: {outside}")
}
