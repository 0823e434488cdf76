//! `parallax doctor`: is everything in place, and if not, what to do.

use serde_json::json;

use super::page::{Format, Page};
use super::session::{self, block_on};
use super::{Failure, Global, Outcome};
use crate::config::Paths;
use crate::data::Wordings;
use crate::data::catalogue::Catalogue;
use crate::data::personas::Personas;
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
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let devices = hello.devices.iter().map(|device| {
        let memory = format!("{:.1} of {:.1} GiB free", gib(device.free), gib(device.total));
        finding("device", Ok(format!("{} ({}), {}, {memory}", device.name, device.description, device.kind)))
    });
    let (loaded, facts) = (&session.loaded, session.engine_facts());
    let mut findings = vec![finding("engine", Ok(hello.build.clone()))];
    findings.extend(devices);
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
    if let Some(note) = &loaded.profile_note {
        findings.push(finding("profile", Ok(note.clone())));
    }
    let tested =
        format!("{}: {}", facts.class, session.report().detail.as_deref().unwrap_or("the self-test has not ended"));
    findings.push(finding("repeatability", Ok(tested)));
    findings
}
