//! `parallax models info`.

use std::path::Path;

use serde_json::{Value, json};

use super::Format;
use super::format::{print, print_json, safe, table};
use crate::cli::Outcome;
use crate::config::Paths;
use crate::engine::Profile;
use crate::engine::memory::{Budget, Need, choose, free, most_cells, need, words};
use crate::models::gguf::{GgufFacts, read_facts};
use crate::models::{Entry, Known, ModelError, Pin, entry, installed, known, parameters, resolve, size};

/// Prints what a model's header says; of a catalogue model that is not here, what the catalogue says.
pub(super) fn run(model: Option<&str>, format: Format, paths: &Paths) -> Outcome {
    let path = match resolve(model, paths) {
        Ok(path) => path,
        Err(ModelError::NotInstalled { id }) if entry(&id).is_some() => {
            return entry(&id).map_or(Ok(()), |entry| of_catalogue(entry, format));
        }
        Err(error) => return Err(error.into()),
    };
    let facts = read_facts(&path)?;
    let found = installed(paths).into_iter().find(|found| found.path == path);
    let id = found.as_ref().map(|found| found.id.clone());
    let checksum = known(&path, found.as_ref());
    let pin = Pin::read(&path);
    match format {
        Format::Json => print_json(&as_json(&path, id.as_deref(), &facts, checksum.as_ref(), pin.as_ref())?),
        Format::Text => print(&as_text(&path, id.as_deref(), &facts, checksum.as_ref(), pin.as_ref())),
    }
}

fn as_json(
    path: &Path,
    id: Option<&str>,
    facts: &GgufFacts,
    known: Option<&Known>,
    pin: Option<&Pin>,
) -> Result<Value, serde_json::Error> {
    let mut value = json!({ "path": path.to_string_lossy(), "installed": true });
    if let Some(object) = value.as_object_mut() {
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        if let Some(id) = id {
            put("id", json!(id));
        }
        if let Some(known) = known {
            put("known_sha256", json!(known.sha256));
            put("known_from", json!(known.authority));
        }
        if let Some(pin) = pin {
            put("pin", serde_json::to_value(pin)?);
        }
        let (need, free) = (default_need(facts), free::read().bytes);
        put(
            "memory",
            json!({
                "weights": need.weights,
                "context": need.context,
                "working": need.working,
                "free": free,
                "most_context": free.map(|free| most_cells(&facts.shape, Profile::default(), free)),
            }),
        );
        if let Value::Object(facts) = serde_json::to_value(facts)? {
            object.extend(facts.into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
    Ok(value)
}

fn as_text(path: &Path, id: Option<&str>, facts: &GgufFacts, known: Option<&Known>, pin: Option<&Pin>) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut put = |name: &str, value: String| rows.push(vec![name.to_owned(), safe(&value)]);
    let count = |value: Option<u64>| value.map(|value| value.to_string());
    put("file", path.display().to_string());
    let optional = [
        ("id", id.map(str::to_owned)),
        ("name", facts.name.clone()),
        ("licence", facts.licence.clone()),
        ("architecture", Some(facts.architecture.clone())),
        ("parameters", Some(format!("{} ({})", facts.parameters, parameters(facts.parameters)))),
        ("quantisation", Some(facts.quantisation.clone())),
        ("size", Some(format!("{} ({} bytes)", size(facts.bytes), facts.bytes))),
        ("parts", (!facts.parts.is_empty()).then(|| facts.parts.len().to_string())),
        ("layers", count(facts.layers)),
        ("embedding", count(facts.embedding)),
        ("heads", count(facts.heads)),
        ("key-value heads", count(facts.kv_heads)),
        ("head size", count(facts.head_size)),
        ("memory", Some(memory(facts))),
        ("context", facts.context.map(|context| format!("{context} tokens"))),
        ("vocabulary", facts.vocabulary.map(|tokens| format!("{tokens} tokens"))),
        ("tokenizer", facts.tokenizer.clone()),
        (
            "chat template",
            Some(match &facts.chat_template {
                Some(template) => format!("yes ({} characters)", template.chars().count()),
                None => "no: a base model, prompts are plain text".to_owned(),
            }),
        ),
        ("fetched", pin.map(|pin| format!("{} from {}", pin.pulled, pin.source))),
        ("SHA-256", known.map(|known| format!("{} (not checked now: parallax models verify)", known.sha256))),
        (
            "not checked",
            (!facts.unknown_types.is_empty()).then(|| {
                format!("its length: it has tensor types newer than this program ({:?})", facts.unknown_types)
            }),
        ),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            put(name, value);
        }
    }
    table(&rows)
}

/// What a model needs with the context that is usual.
fn default_need(facts: &GgufFacts) -> Need {
    let profile = Profile::default();
    need(&facts.shape, profile, choose(&facts.shape, profile, None, &Budget::default()).cells)
}

/// Whether the model would fit here, on the CPU.
fn memory(facts: &GgufFacts) -> String {
    let total = default_need(facts).total();
    let verdict = match free::read().bytes {
        None => "how much is free here is unknown".to_owned(),
        Some(free) => {
            let most = most_cells(&facts.shape, Profile::default(), free);
            let fits = if total <= free {
                format!("fits; enough for a context of {most} tokens")
            } else if most > 0 {
                format!("fits with --ctx {most} only")
            } else {
                "does not fit".to_owned()
            };
            format!("{} free for the CPU here: {fits}", words(free))
        }
    };
    format!("about {}, {verdict}", words(total))
}

fn of_catalogue(entry: &Entry, format: Format) -> Outcome {
    if format == Format::Json {
        let mut value = serde_json::to_value(entry)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("installed".to_owned(), json!(false));
        }
        return print_json(&value);
    }
    let mut rows = vec![
        vec!["id".to_owned(), entry.id.clone()],
        vec!["name".to_owned(), entry.name.clone()],
        vec!["licence".to_owned(), entry.licence.clone()],
        vec!["size".to_owned(), format!("{} ({} bytes)", size(entry.bytes), entry.bytes)],
        vec!["good for".to_owned(), entry.good_for.clone()],
        vec!["SHA-256".to_owned(), entry.sha256.clone()],
    ];
    rows.extend(entry.sources.iter().map(|source| vec!["source".to_owned(), source.to_string()]));
    rows.push(vec!["here".to_owned(), format!("no: parallax models pull {}", entry.id)]);
    print(&table(&rows))
}
