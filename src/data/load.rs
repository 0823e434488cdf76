//! From a pack file to the nouns: streams the lines, keeps what is good, says what is not.
//!
//! Items wait until the whole file is read, so scales, groups and sources may stand anywhere. The shares of references
//! are kept raw over all options; [`crate::domain::Reference::substantive`] derives the view without refusals.

mod item;
mod lines;
mod problem;
mod reference;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::file::{self, FileProblem, brief, is_slug};
use super::pack::{FORMAT, GroupLine, HeaderLine, ItemLine, Licence, PersonaLine, Probe, ScaleLine, SourceLine};
use crate::domain::{Mode, Persona, Population, Question, Reference};
use lines::{Lines, Stop};

pub use lines::{FILE_LIMIT, LINE_LIMIT};
pub use problem::{PackError, PackWarning, Problem, ReferenceProblem, Severity};

/// Wordings a persona may have.
pub(super) const MOST_WORDINGS: usize = 3;
/// A reference of fewer people is flagged next to every distance.
const FEW_PEOPLE: u64 = 30;

/// A pack as the rest of the program sees it.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Slug.
    pub id: String,
    /// For people to read.
    pub title: String,
    /// Of the pack.
    pub version: String,
    /// What is in it.
    pub summary: Option<String>,
    /// BCP 47 tag.
    pub lang: String,
    /// Missing keeps the pack out of exports.
    pub licence: Option<Licence>,
    /// What its makers say a reader must know.
    pub declared: Vec<String>,
    /// In the order of the file; shared with runs, which take examples from them.
    pub questions: Arc<Vec<Question>>,
    /// In the order of the file.
    pub populations: Vec<Population>,
    /// In the order of the file.
    pub personas: Vec<Persona>,
    /// In the order of the file.
    pub sources: Vec<SourceLine>,
    /// Question id to the key of the row it comes from.
    pub origins: BTreeMap<String, String>,
    /// What was skipped or changed on reading, by line.
    pub warnings: Vec<PackWarning>,
}

impl Pack {
    /// Whether it may go into exports without being asked for: it has a licence, and one that allows commercial use.
    pub fn is_exportable(&self) -> bool {
        self.licence.as_ref().is_some_and(|licence| !licence.spdx.trim().is_empty() && !licence.non_commercial)
    }

    /// The question called `id`.
    pub fn question(&self, id: &str) -> Option<&Question> {
        self.questions.iter().find(|question| question.id == id)
    }
}

/// The modes whose human side a question has data for: Overton needs two perspectives, Distribution a reference.
///
/// Nothing declares them; they follow from the data, so a pack cannot promise what it does not hold.
pub fn modes(question: &Question) -> Vec<Mode> {
    let has_reference = question.has_distribution() && !question.references.is_empty();
    Mode::ALL
        .into_iter()
        .filter(|mode| match mode {
            Mode::Overton => question.perspectives.len() >= 2,
            Mode::Steered => has_reference && question.references.len() >= 2,
            Mode::Distribution => has_reference,
        })
        .collect()
}

/// Whether a reference rests on so few people (or nobody knows how many) that distances to it need a flag.
pub fn is_thin(reference: &Reference) -> bool {
    reference.n.is_none_or(|n| n < FEW_PEOPLE)
}

/// Whether keys that nobody reads are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// They are passed over, so that packs of a later minor version load quietly.
    #[default]
    Lenient,
    /// They are warnings.
    Strict,
}

/// Reads the pack in the file at `path`.
pub fn read_file(path: &Path, strictness: Strictness) -> Result<Pack, PackError> {
    let name = path.display().to_string();
    match file::open(path, FILE_LIMIT) {
        Ok(file) => read(&name, BufReader::new(file), strictness),
        Err(problem) => Err(PackError::File { file: name, problem }),
    }
}

/// Reads a pack from any reader; `name` is what messages call it.
pub fn read(name: &str, reader: impl BufRead, strictness: Strictness) -> Result<Pack, PackError> {
    let file_error = |stop| PackError::File {
        file: name.to_owned(),
        problem: match stop {
            Stop::TooLarge => FileProblem::TooLarge { limit: FILE_LIMIT },
            Stop::Io(error) => FileProblem::Io(error.to_string()),
        },
    };
    let mut lines = Lines::new(reader);
    let (line, first) = lines.next().map_err(file_error)?.ok_or(PackError::Empty { file: name.to_owned() })?;
    let not_a_pack = |cause: String| PackError::NotAPack { file: name.to_owned(), line, cause };
    let first = first.map_err(|problem| not_a_pack(problem.to_string()))?;
    let header = header(&first, name, not_a_pack)?;
    let mut loader = Loader::new(name, header, strictness);
    if strictness == Strictness::Strict {
        loader.unknown_keys(line, &loader.header.id.clone(), &first, &loader.header.clone());
    }
    if loader.header.licence.as_ref().is_none_or(|licence| licence.spdx.trim().is_empty()) {
        loader.warn(line, None, Problem::NoLicence);
    }
    while let Some((line, text)) = lines.next().map_err(file_error)? {
        match text {
            Ok(text) => loader.line(line, &text),
            Err(problem) => loader.warn(line, None, problem),
        }
    }
    Ok(loader.finish(line))
}

fn header(text: &str, name: &str, not_a_pack: impl Fn(String) -> PackError) -> Result<HeaderLine, PackError> {
    let probe: Probe = serde_json::from_str(text).map_err(|error| not_a_pack(cause(&error)))?;
    if probe.kind.as_deref() != Some("pack") {
        return Err(not_a_pack("its kind is not `pack`".into()));
    }
    match probe.format.as_deref() {
        Some(FORMAT) => {}
        Some(other) => return Err(PackError::Format { file: name.to_owned(), format: brief(other) }),
        None => return Err(not_a_pack("it names no `format`".into())),
    }
    let header: HeaderLine = serde_json::from_str(text).map_err(|error| not_a_pack(cause(&error)))?;
    if !is_slug(&header.id) {
        return Err(not_a_pack(Problem::NotASlug { what: "pack", id: brief(&header.id) }.to_string()));
    }
    Ok(header)
}

/// What has been read so far.
struct Loader {
    file: String,
    strictness: Strictness,
    header: HeaderLine,
    seen: HashMap<(&'static str, String), usize>,
    scales: HashMap<String, ScaleLine>,
    populations: Vec<Population>,
    personas: Vec<Persona>,
    sources: Vec<SourceLine>,
    /// Kept as text until the end: as JSON trees they would take many times the memory.
    items: Vec<(usize, Probe, String)>,
    warnings: Vec<PackWarning>,
    used: BTreeMap<String, u64>,
}

impl Loader {
    fn new(file: &str, header: HeaderLine, strictness: Strictness) -> Self {
        Self {
            file: file.to_owned(),
            strictness,
            header,
            seen: HashMap::new(),
            scales: HashMap::new(),
            populations: Vec::new(),
            personas: Vec::new(),
            sources: Vec::new(),
            items: Vec::new(),
            warnings: Vec::new(),
            used: BTreeMap::new(),
        }
    }

    fn warn(&mut self, line: usize, id: Option<&str>, problem: Problem) {
        self.warnings.push(PackWarning { file: self.file.clone(), line, id: id.map(brief), problem });
    }

    fn line(&mut self, line: usize, text: &str) {
        let probe: Probe = match serde_json::from_str(text) {
            Ok(probe) => probe,
            Err(error) => return self.warn(line, None, Problem::NotJson(cause(&error))),
        };
        // The escape smuggles in the character that the line check refuses.
        if text.contains("\\u0000") {
            return self.warn(line, probe.id.as_deref(), Problem::Nul);
        }
        match probe.kind.as_deref() {
            Some("source") => {
                if let Some(source) = self.typed::<SourceLine>(line, "source", &probe, text) {
                    self.sources.push(source);
                }
            }
            Some("scale") => self.scale(line, &probe, text),
            Some("group") => {
                if let Some(group) = self.typed::<GroupLine>(line, "group", &probe, text) {
                    let GroupLine { id, label, dimension, prompt, .. } = group;
                    self.populations.push(Population { id, label, dimension, prompt });
                }
            }
            Some("attribute") => {
                self.typed::<super::pack::AttributeLine>(line, "attribute", &probe, text);
            }
            Some("persona") => self.persona(line, &probe, text),
            Some("item") => self.items.push((line, probe, text.to_owned())),
            Some("pack") => {
                let problem = Problem::Duplicate { what: "pack", id: self.header.id.clone(), first: Some(1) };
                self.warn(line, probe.id.as_deref(), problem);
            }
            Some(other) => self.warn(line, probe.id.as_deref(), Problem::UnknownKind(brief(other))),
            None => self.warn(line, probe.id.as_deref(), Problem::NotJson("it has no `kind`".into())),
        }
    }

    /// The line as its type, if it can be read, its id is a slug and nothing of its kind has that id yet.
    fn typed<T: DeserializeOwned + Serialize>(
        &mut self,
        line: usize,
        kind: &'static str,
        probe: &Probe,
        text: &str,
    ) -> Option<T> {
        let id = probe.id.clone().unwrap_or_default();
        let value: T = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                let problem = Problem::Malformed { kind, cause: cause(&error) };
                self.warn(line, probe.id.as_deref(), problem);
                return None;
            }
        };
        if !is_slug(&id) {
            self.warn(line, None, Problem::NotASlug { what: kind, id: brief(&id) });
            return None;
        }
        if let Some(first) = self.seen.get(&(kind, id.clone())) {
            let problem = Problem::Duplicate { what: kind, id: id.clone(), first: Some(*first) };
            self.warn(line, Some(&id), problem);
            return None;
        }
        self.seen.insert((kind, id.clone()), line);
        *self.used.entry(kind.to_owned()).or_default() += 1;
        if self.strictness == Strictness::Strict {
            self.unknown_keys(line, &id, text, &value);
        }
        Some(value)
    }

    fn unknown_keys<T: Serialize>(&mut self, line: usize, id: &str, text: &str, read: &T) {
        if let (Ok(written), Ok(read)) = (serde_json::from_str::<Value>(text), serde_json::to_value(read)) {
            let mut keys = Vec::new();
            extra_keys(&written, &read, "", &mut keys);
            keys.retain(|key| key != "kind");
            if !keys.is_empty() {
                self.warn(line, Some(id), Problem::UnknownKeys(keys));
            }
        }
    }

    fn scale(&mut self, line: usize, probe: &Probe, text: &str) {
        if let Some(mut scale) = self.typed::<ScaleLine>(line, "scale", probe, text) {
            let id = scale.id.clone();
            match item::check_options(&mut scale.options, scale.measure, "scale") {
                Ok(notes) => {
                    for note in notes {
                        self.warn(line, Some(&id), note);
                    }
                    self.scales.insert(id, scale);
                }
                Err(problem) => self.warn(line, Some(&id), problem),
            }
        }
    }

    fn persona(&mut self, line: usize, probe: &Probe, text: &str) {
        let Some(persona) = self.typed::<PersonaLine>(line, "persona", probe, text) else { return };
        let mut wordings: Vec<String> = persona.text.into_iter().chain(persona.wordings).collect();
        wordings.retain(|wording| !wording.trim().is_empty());
        if wordings.is_empty() {
            return self.warn(line, Some(&persona.id), Problem::EmptyText("persona"));
        }
        if wordings.len() > MOST_WORDINGS {
            self.warn(line, Some(&persona.id), Problem::ManyWordings(wordings.len()));
            wordings.truncate(MOST_WORDINGS);
        }
        self.personas.push(Persona {
            id: persona.id,
            label: persona.label,
            wordings,
            attributes: persona.attributes,
            groups: persona.groups,
            weight: persona.weight.filter(|weight| *weight >= 0.0).unwrap_or(1.0),
            synthetic: persona.synthetic,
            lora: None,
            direction: None,
        });
    }

    fn finish(mut self, header_line: usize) -> Pack {
        let mut questions = Vec::with_capacity(self.items.len());
        let mut origins = BTreeMap::new();
        for (line, probe, text) in std::mem::take(&mut self.items) {
            let Some(item) = self.typed::<ItemLine>(line, "item", &probe, &text) else { continue };
            drop(text);
            let id = item.id.clone();
            if let Some(row) = item.origin.as_ref().and_then(|origin| row(&origin.row)) {
                origins.insert(id.clone(), row);
            }
            let (question, problems) = item::question(item, &self);
            for problem in problems {
                self.warn(line, Some(&id), problem);
            }
            questions.extend(question);
        }
        for (kind, said) in self.header.counts.clone() {
            let found =
                if kind == "item" { questions.len() as u64 } else { self.used.get(&kind).copied().unwrap_or(0) };
            if found != said {
                self.warn(header_line, None, Problem::Count { kind: brief(&kind), said, found });
            }
        }
        self.warnings.sort_by_key(|warning| warning.line);
        let HeaderLine { id, version, title, summary, lang, licence, warnings: declared, .. } = self.header;
        Pack {
            id,
            title,
            version,
            summary,
            lang,
            licence,
            declared,
            questions: Arc::new(questions),
            populations: self.populations,
            personas: self.personas,
            sources: self.sources,
            origins,
            warnings: self.warnings,
        }
    }
}

/// The key of a source row as text.
fn row(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Keys of `written` that its type did not write back, with their paths.
fn extra_keys(written: &Value, read: &Value, path: &str, keys: &mut Vec<String>) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            for (key, value) in written {
                let path = if path.is_empty() { brief(key) } else { format!("{path}.{}", brief(key)) };
                match read.get(key) {
                    Some(read) => extra_keys(value, read, &path, keys),
                    None => keys.push(path),
                }
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            for (written, read) in written.iter().zip(read) {
                extra_keys(written, read, path, keys);
            }
        }
        _ => {}
    }
}

/// What serde says, without its line number: every line is parsed on its own, so it would always be 1.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if error.column() == 0 { brief(text) } else { format!("{} at column {}", brief(text), error.column()) }
}
