//! `parallax data`: the packs at hand, what is in them, and whether a file is one.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::page::{Format, Page, aside};
use super::{EXIT_FAILED, Failure, Global, Outcome};
use crate::data::Catalogue;
use crate::data::catalogue::{CatalogueError, Entry, question_of};
use crate::data::load::{self, Pack, Severity, Strictness, is_thin, modes};
use crate::domain::{Form, Question, Role, Stance};

/// Options of `parallax data`.
#[derive(Debug, clap::Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the packs: those that come with Parallax and your own
    List {
        /// For people or for programs
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show a pack and its questions, or one question with its options, viewpoints and figures
    Show {
        /// Id or file of a pack, and after a slash the id of a question
        #[arg(value_name = "PACK[/QUESTION]")]
        what: String,
    },
    /// Check pack files and say what is wrong with each line
    Validate {
        /// Pack files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Report unknown keys too, and fail on notes as well as on lost lines
        #[arg(long)]
        strict: bool,
    },
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match &command.what {
        What::List { format } => list(&catalogue(global)?, *format),
        What::Show { what } => show(&catalogue(global)?, what),
        What::Validate { files, strict } => validate(files, *strict),
    }
}

fn catalogue(global: &Global) -> Result<Catalogue, Failure> {
    let catalogue = Catalogue::load(&global.paths()?);
    for problem in catalogue.problems() {
        aside(global.quiet, &problem.to_string());
    }
    Ok(catalogue)
}

fn list(catalogue: &Catalogue, format: Format) -> Outcome {
    let mut page = Page::default();
    match format {
        Format::Json => page.json(&json!({ "packs": catalogue.packs().iter().map(pack_json).collect::<Vec<_>>() })),
        Format::Text => {
            let mut rows =
                vec![["PACK", "VERSION", "QUESTIONS", "GROUPS", "LICENCE", "FROM", "TITLE"].map(String::from).to_vec()];
            rows.extend(catalogue.packs().iter().map(|Entry { pack, origin }| {
                vec![
                    pack.id.clone(),
                    pack.version.clone(),
                    pack.questions.len().to_string(),
                    pack.populations.len().to_string(),
                    licence(pack),
                    origin.to_string(),
                    pack.title.clone(),
                ]
            }));
            page.table(&rows, 40);
        }
    }
    page.print()
}

fn licence(pack: &Pack) -> String {
    let name = pack.licence.as_ref().map_or("none", |licence| licence.spdx.as_str());
    if pack.is_exportable() { name.to_owned() } else { format!("{name} (not exported)") }
}

fn pack_json(Entry { pack, origin }: &Entry) -> Value {
    json!({
        "id": pack.id,
        "title": pack.title,
        "version": pack.version,
        "lang": pack.lang,
        "summary": pack.summary,
        "licence": pack.licence,
        "exportable": pack.is_exportable(),
        "questions": pack.questions.iter().map(|question| question.id.as_str()).collect::<Vec<_>>(),
        "populations": pack.populations.iter().map(|population| population.id.as_str()).collect::<Vec<_>>(),
        "personas": pack.personas.iter().map(|persona| persona.id.as_str()).collect::<Vec<_>>(),
        "declared": pack.declared,
        "warnings": pack.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "from": origin.to_string(),
    })
}

fn show(catalogue: &Catalogue, what: &str) -> Outcome {
    let mut page = Page::default();
    match catalogue.pack(what) {
        Ok(pack) => show_pack(&pack, &mut page),
        // A path may hold slashes too, so the whole is tried first.
        Err(CatalogueError::NoPack { .. }) if what.contains('/') => {
            let (pack, id) = what.rsplit_once('/').unwrap_or((what, ""));
            let pack = catalogue.pack(pack)?;
            show_question(question_of(&pack, id)?, &mut page);
        }
        Err(error) => return Err(error.into()),
    }
    page.print()
}

fn show_pack(pack: &Pack, page: &mut Page) {
    page.line(&format!("{} ({} {}, {})", pack.title, pack.id, pack.version, licence(pack)));
    if let Some(summary) = &pack.summary {
        page.wrapped(0, summary);
    }
    for said in &pack.declared {
        page.hanging(2, "!", said);
    }
    for source in &pack.sources {
        page.hanging(8, "Source:", &source.citation);
    }
    page.gap();
    let widest = pack.questions.iter().map(|question| question.id.chars().count()).max().unwrap_or(0).min(30) + 2;
    for question in pack.questions.iter() {
        page.hanging(widest, &question.id, &question.text);
        page.wrapped(widest, &contents(question));
    }
    for persona in &pack.personas {
        page.hanging(widest, &persona.id, &format!("(persona) {}", persona.label));
    }
    for warning in &pack.warnings {
        page.hanging(2, "!", &warning.to_string());
    }
}

fn contents(question: &Question) -> String {
    let modes: Vec<&str> = modes(question).into_iter().map(crate::domain::Mode::id).collect();
    format!(
        "{} options, {} viewpoints, {} populations; data for: {}",
        question.options.len(),
        question.perspectives.len(),
        question.references.len(),
        if modes.is_empty() { "none".to_owned() } else { modes.join(", ") }
    )
}

fn show_question(question: &Question, page: &mut Page) {
    page.wrapped(0, &question.text);
    page.line(&format!("{}/{}: {}", question.pack, question.id, contents(question)));
    if !question.options.is_empty() {
        page.gap();
        let rows: Vec<Vec<String>> = question
            .options
            .iter()
            .map(|option| {
                let value = option.value.map_or_else(String::new, |value| format!("value {value}"));
                let role = if option.role == Role::Substantive { value } else { option.role.id().to_owned() };
                vec![format!("  {}", option.id), option.label.clone(), role]
            })
            .collect();
        page.table(&rows, 60);
    }
    for perspective in &question.perspectives {
        page.gap();
        page.line(&format!(
            "{} ({}, weight {} by {})",
            perspective.label,
            stance(perspective.stance),
            perspective.weight,
            perspective.weight_basis
        ));
        page.wrapped(2, &perspective.text);
    }
    show_figures(question, page);
    if let Some(citation) = &question.citation {
        page.gap();
        page.hanging(8, "Source:", citation);
    }
}

fn show_figures(question: &Question, page: &mut Page) {
    if question.references.is_empty() {
        return;
    }
    page.gap();
    let mut rows = vec![vec!["POPULATION".to_owned(), "N".to_owned(), "YEAR".to_owned(), "BASIS".to_owned()]];
    rows[0].extend(question.options.iter().map(|option| option.id.clone()));
    for reference in &question.references {
        let mut row = vec![
            reference.population.clone(),
            reference.n.map_or_else(|| "unknown".into(), |n| n.to_string()),
            reference.year.map_or_else(|| "-".into(), |year| year.to_string()),
            reference.basis.id().to_owned(),
        ];
        row.extend(reference.shares.iter().map(|share| format!("{:.1} %", share * 100.0)));
        if is_thin(reference) {
            row.push("few or unknown people".into());
        }
        rows.push(row);
    }
    page.table(&rows, 30);
    let mut notes: Vec<&str> = Vec::new();
    if question.references.iter().any(|reference| reference.weighted) {
        notes.push("shares are weighted to the population, N is not");
    }
    if question.form == Form::Multi {
        notes.push("any number of options could be ticked, so shares need not sum to 100 %");
    }
    for note in question.references.iter().filter_map(|reference| reference.note.as_deref()) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    for note in notes {
        page.hanging(8, "Note:", note);
    }
}

fn stance(stance: Stance) -> &'static str {
    match stance {
        Stance::Support => "for",
        Stance::Oppose => "against",
        Stance::Either => "it depends",
        Stance::None => "no side",
    }
}

fn validate(files: &[PathBuf], is_strict: bool) -> Outcome {
    let mut page = Page::default();
    let bad = files.iter().filter(|file| !is_good(file, is_strict, &mut page)).count();
    page.print()?;
    if bad == 0 { Ok(()) } else { Err(Failure::silent(EXIT_FAILED)) }
}

fn is_good(file: &Path, is_strict: bool, page: &mut Page) -> bool {
    let strictness = if is_strict { Strictness::Strict } else { Strictness::Lenient };
    let pack = match load::read_file(file, strictness) {
        Ok(pack) => pack,
        Err(error) => {
            page.line(&format!("error: {error}"));
            return false;
        }
    };
    let mut is_good = true;
    for warning in &pack.warnings {
        let severity = warning.problem.severity();
        is_good &= severity == Severity::Note && !is_strict;
        page.line(&format!("{}: {warning}", if severity == Severity::Lost { "error" } else { "note" }));
    }
    page.line(&format!(
        "{}: {}, pack `{}`: {} questions, {} populations, {} personas, {} warnings",
        file.display(),
        if is_good { "good" } else { "not good" },
        pack.id,
        pack.questions.len(),
        pack.populations.len(),
        pack.personas.len(),
        pack.warnings.len()
    ));
    is_good
}
