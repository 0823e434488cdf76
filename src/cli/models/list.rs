//! `parallax models list`.

use serde_json::{Map, Value, json};

use super::Format;
use super::format::{print, print_json, safe, table};
use crate::cli::Outcome;
use crate::config::Paths;
use crate::models::gguf::{GgufFacts, read_facts};
use crate::models::{Entry, Found, catalogue, default_of, installed, parameters, size};

/// Prints the catalogue and what was found.
pub(super) fn run(format: Format, paths: &Paths) -> Outcome {
    let found = installed(paths);
    let default = default_of(&found).map(|found| found.path.clone());
    let missing: Vec<&Entry> =
        catalogue().iter().filter(|entry| !found.iter().any(|found| found.id == entry.id)).collect();
    match format {
        Format::Json => {
            let here = found.iter().map(|found| as_json(found, default.as_ref() == Some(&found.path)));
            let not_here = missing.iter().map(|entry| missing_as_json(entry));
            print_json(&json!({ "models": here.chain(not_here).collect::<Vec<Value>>() }))
        }
        Format::Text => {
            let mut rows = vec![row(["", "ID", "SIZE", "PARAMETERS", "QUANTISATION", "WHERE"])];
            rows.extend(found.iter().map(|found| as_row(found, default.as_ref() == Some(&found.path))));
            rows.extend(missing.iter().map(|entry| {
                let how = format!("not here: parallax models pull {}", entry.id);
                row(["", &entry.id, &size(entry.bytes), "", "", &how])
            }));
            print(&table(&rows))
        }
    }
}

fn row(cells: [&str; 6]) -> Vec<String> {
    cells.map(safe).to_vec()
}

fn as_row(found: &Found, default: bool) -> Vec<String> {
    let place = format!("{}: {}", found.place, found.path.display());
    let star = if default { "*" } else { "" };
    match read_facts(&found.path) {
        Ok(facts) => {
            row([star, &found.id, &size(facts.bytes), &parameters(facts.parameters), &facts.quantisation, &place])
        }
        Err(error) => row([star, &found.id, &size(found.bytes), "", "unusable", &error.to_string()]),
    }
}

fn as_json(found: &Found, default: bool) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("id", json!(found.id));
    put("installed", json!(true));
    put("default", json!(default));
    put("path", json!(found.path.to_string_lossy()));
    put("place", json!(found.place.to_string()));
    put("bytes", json!(found.bytes));
    match read_facts(&found.path) {
        Ok(GgufFacts { architecture, parameters, quantisation, bytes, .. }) => {
            put("bytes", json!(bytes));
            put("architecture", json!(architecture));
            put("parameters", json!(parameters));
            put("quantisation", json!(quantisation));
        }
        Err(error) => {
            put("error", json!(error.to_string()));
        }
    }
    Value::Object(object)
}

fn missing_as_json(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "installed": false,
        "default": false,
        "bytes": entry.bytes,
        "name": entry.name,
        "licence": entry.licence,
        "sha256": entry.sha256,
        "good_for": entry.good_for,
        "sources": entry.sources.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
