//! `parallax personas`: whom a model can answer as.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::page::{Format, Page, aside};
use super::{EXIT_FAILED, Failure, Global, Outcome};
use crate::data::{PersonaEntry, Personas};
use crate::domain::PersonaDirection;

/// Options of `parallax personas`.
#[derive(Debug, clap::Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the personas: those that come with Parallax and your own
    List {
        /// For people or for programs
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show one persona with all its wordings
    Show {
        /// Its id, or @FILE
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Check persona files
    Validate {
        /// Persona files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match &command.what {
        What::List { format } => list(&personas(global)?, *format),
        What::Show { id } => show(&personas(global)?, id),
        What::Validate { files } => validate(files),
    }
}

fn personas(global: &Global) -> Result<Personas, Failure> {
    let personas = Personas::load(&global.paths()?);
    for problem in personas.problems() {
        aside(global.quiet, &problem.to_string());
    }
    Ok(personas)
}

fn list(personas: &Personas, format: Format) -> Outcome {
    let mut page = Page::default();
    match format {
        Format::Json => page.json(&json!({ "personas": personas.all().iter().map(as_json).collect::<Vec<_>>() })),
        Format::Text => {
            let ids = personas.all().iter().map(|entry| entry.persona.id.chars().count());
            let widest = ids.max().unwrap_or(0).min(30) + 2;
            for PersonaEntry { persona, summary, origin, .. } in personas.all() {
                let who = if summary.is_empty() { &persona.label } else { summary };
                page.hanging(widest, &persona.id, &format!("{who} ({origin})"));
            }
        }
    }
    page.print()
}

fn as_json(PersonaEntry { persona, summary, source, origin }: &PersonaEntry) -> Value {
    json!({
        "id": persona.id,
        "label": persona.label,
        "summary": summary,
        "wordings": persona.wordings,
        "attributes": persona.attributes,
        "groups": persona.groups,
        "weight": persona.weight,
        "synthetic": persona.synthetic,
        "source": source,
        "direction": persona.direction.as_ref().map(direction),
        "from": origin.to_string(),
    })
}

fn show(personas: &Personas, id: &str) -> Outcome {
    let PersonaEntry { persona, summary, source, origin } = personas.get(id)?;
    let mut page = Page::default();
    page.line(&format!("{} ({}, {origin})", persona.label, persona.id));
    if !summary.is_empty() {
        page.wrapped(0, &summary);
    }
    for (number, wording) in persona.wordings.iter().enumerate() {
        page.gap();
        page.hanging(4, &format!("{}.", number + 1), wording);
    }
    page.gap();
    let facts = [
        ("Attributes:", persona.attributes.join(", ")),
        ("Groups:", persona.groups.join(", ")),
        ("Weight:", persona.weight.to_string()),
        ("Kind:", if persona.synthetic { "written by somebody" } else { "drawn from a survey person" }.to_owned()),
        ("Direction:", persona.direction.as_ref().map(direction).unwrap_or_default()),
        ("Source:", source.unwrap_or_default()),
    ];
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        page.hanging(12, name, fact);
    }
    page.print()
}

/// What a persona says of its direction.
fn direction(direction: &PersonaDirection) -> String {
    let strength = direction.strength.map(|strength| format!(", strength {strength}"));
    let layers = direction.layers.map(|(first, last)| format!(", layers {first} to {last}"));
    [direction.file.display().to_string()].into_iter().chain(strength).chain(layers).collect()
}

fn validate(files: &[PathBuf]) -> Outcome {
    let mut page = Page::default();
    let mut is_good = true;
    for file in files {
        match PersonaEntry::read_file(file) {
            Ok(PersonaEntry { persona, .. }) => page.line(&format!(
                "{}: good, persona `{}` with {} wordings",
                file.display(),
                persona.id,
                persona.wordings.len()
            )),
            Err(error) => {
                is_good = false;
                page.line(&format!("error: {error}"));
            }
        }
    }
    page.print()?;
    if is_good { Ok(()) } else { Err(Failure::silent(EXIT_FAILED)) }
}
