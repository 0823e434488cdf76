//! `parallax directions`: directions to steer along, made out of contrast pairs and kept as control vector files.

mod derive;
mod pairs;
mod table;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::page::{Format, Page};
use super::{Failure, Global, Outcome};
use crate::measure::middle_band;
use crate::models::control_vector::{ControlVector, locate, norm};
use table::Row;

/// Options of `parallax directions`.
#[derive(Debug, clap::Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make one out of contrast pairs, or out of what a persona is told
    Derive(Box<derive::Command>),
    /// Show what a control vector file holds
    Show {
        /// A file, or a name of `parallax directions list`
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// For people or for programs
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// List those in the folder `directions` of the data folder
    List {
        /// For people or for programs
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match &command.what {
        What::Derive(command) => derive::run(command, global),
        What::Show { file, format } => show(&locate(file, &global.paths()?)?, *format),
        What::List { format } => list(global, *format),
    }
}

fn show(path: &Path, format: Format) -> Outcome {
    let vector = ControlVector::read(path)?;
    let rows: Vec<Row> = vector.vectors.layers.iter().map(|(layer, values)| row(&vector, *layer, values)).collect();
    let width = vector.vectors.layers.values().next().map_or(0, Vec::len);
    let mut page = Page::default();
    if format == Format::Json {
        page.json(&json!({
            "path": path.display().to_string(), "model": vector.vectors.model, "width": width, "about": vector.told.about,
            "by": vector.told.by, "pairs": vector.told.pairs, "held_out_pairs": vector.told.held_out,
            "layers": rows, "notes": vector.notes,
        }));
        return page.print();
    }
    page.line(&path.display().to_string());
    let facts = [
        ("About:", vector.told.about.clone()),
        ("Made on:", vector.vectors.model.clone()),
        ("Made by:", made(&vector)),
        ("Numbers:", Some(format!("{} layers of {width}", rows.len()))),
    ];
    for (name, fact) in facts.iter().filter_map(|(name, fact)| Some((name, fact.as_ref()?))) {
        page.hanging(10, name, fact);
    }
    vector.notes.iter().for_each(|note| page.hanging(2, "!", note));
    page.gap();
    table::print(&mut page, &rows);
    let layers = vector.told.model_layers.and_then(|layers| u32::try_from(layers).ok());
    if let Some(band) = layers.and_then(middle_band) {
        page.gap();
        table::advice(&mut page, &rows, band, &path.display().to_string());
    }
    page.print()
}

fn row(vector: &ControlVector, layer: u32, values: &[f32]) -> Row {
    let told = vector.told.at(layer);
    Row {
        layer,
        norm: norm(values),
        residual_norm: told.map(|told| told.residual_norm),
        separation: told.map(|told| told.separation),
        held_out: told.and_then(|told| told.held_out),
        effect: None,
    }
}

fn made(vector: &ControlVector) -> Option<String> {
    let told = &vector.told;
    let by = told.by.as_ref()?;
    let held_out =
        told.held_out.filter(|count| *count > 0).map_or_else(String::new, |count| format!(", {count} held out"));
    Some(format!("{by}{}{held_out}", told.pairs.map_or_else(String::new, |pairs| format!(" of {pairs} pairs"))))
}

fn list(global: &Global, format: Format) -> Outcome {
    let folder = global.paths()?.directions();
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("{} cannot be listed ({error}); check its permissions", folder.display()))
    };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(unreadable)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "gguf"));
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let found = paths.iter().map(|path| (name(path), ControlVector::read(path)));
    let mut page = Page::default();
    match format {
        Format::Json => {
            let each = found.map(|(name, read)| match read {
                Ok(vector) => json!({
                    "name": name, "model": vector.vectors.model, "about": vector.told.about,
                    "layers": vector.vectors.layers.keys().collect::<Vec<_>>(),
                }),
                Err(error) => json!({ "name": name, "error": error.to_string() }),
            });
            page.json(&json!({ "directions": each.collect::<Vec<_>>() }));
        }
        Format::Text if paths.is_empty() => {
            page.wrapped(0, &format!("no directions in {}; `parallax directions derive` makes one", folder.display()));
        }
        Format::Text => {
            let widest = paths.iter().map(|path| name(path).chars().count()).max().unwrap_or(0).min(30) + 2;
            for (name, read) in found {
                let fact = match read {
                    Ok(vector) => [
                        vector.told.about.clone(),
                        Some(format!("{} layers", vector.vectors.layers.len())),
                        vector.vectors.model.map(|model| format!("for {model}")),
                    ]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(", "),
                    Err(error) => error.to_string(),
                };
                page.hanging(widest, &name, &fact);
            }
        }
    }
    page.print()
}
