//! What can be wrong with a pack: errors that lose the file, warnings that lose a line, notes that lose nothing.

use std::fmt;

use super::super::file::FileProblem;
use super::super::pack::FORMAT;

/// The file is no pack, so nothing of it can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// It cannot be read at all.
    #[error("pack {file}: {problem}")]
    File {
        /// Path or name.
        file: String,
        /// The reason.
        problem: FileProblem,
    },
    /// Nothing in it.
    #[error("pack {file}: the file is empty; a pack begins with a line of kind `pack`")]
    Empty {
        /// Path or name.
        file: String,
    },
    /// The first line is something else.
    #[error(
        "pack {file}: line {line} is not the first line of a pack ({cause}); a pack is JSON Lines and begins with {{\"kind\":\"pack\",\"format\":\"{FORMAT}\",…}}"
    )]
    NotAPack {
        /// Path or name.
        file: String,
        /// From 1.
        line: usize,
        /// What is there instead.
        cause: String,
    },
    /// A format of another version.
    #[error(
        "pack {file}: its format is `{format}`, and this version reads `{FORMAT}`; get the pack in that format or a newer Parallax"
    )]
    Format {
        /// Path or name.
        file: String,
        /// As written.
        format: String,
    },
}

/// Something in a pack that was not used, or not as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PackWarning {
    /// Path or name of the pack file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The line's id, where it has one.
    pub id: Option<String>,
    /// What is wrong, what was done and what to do.
    pub problem: Problem,
}

impl fmt::Display for PackWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        if let Some(id) = &self.id {
            write!(f, ", `{id}`")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Everything is used.
    Note,
    /// A line or a part of one is not used.
    Lost,
}

/// What is wrong with a line or a part of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is documented by its sentence")]
pub enum Problem {
    #[error("the line is longer than 8 MiB and was skipped; split it into several items")]
    LineTooLong,
    #[error("byte {byte} of the line is not UTF-8 and the line was skipped; save the file as UTF-8")]
    NotUtf8 { byte: usize },
    #[error("the line holds a NUL character and was skipped; remove it")]
    Nul,
    #[error("the line is not a JSON object with a `kind` ({0}) and was skipped; write one object a line")]
    NotJson(String),
    #[error("the {kind} line cannot be read ({cause}) and was skipped; correct that field")]
    Malformed { kind: &'static str, cause: String },
    #[error("the kind `{0}` is unknown and the line was skipped; check its spelling or get a newer Parallax")]
    UnknownKind(String),
    #[error("nothing reads the keys {}; check their spelling or remove them", list(.0))]
    UnknownKeys(Vec<String>),
    #[error(
        "the {what} id `{id}` is not 1 to 80 characters of a-z, 0-9, `.`, `_` and `-`, so it was skipped; rename it"
    )]
    NotASlug { what: &'static str, id: String },
    #[error("the {what} id `{id}` was used before{}, so this one was skipped; rename one of them", at_line(*.first))]
    Duplicate { what: &'static str, id: String, first: Option<usize> },
    #[error("the {0} has no text and was skipped; write one")]
    EmptyText(&'static str),
    /// Two options that people read as the same.
    #[error(
        "two options are called `{0}`, so an answer could mean either and the whole was skipped; word them differently"
    )]
    SameLabel(String),
    #[error(
        "the option `{option}` of an ordered scale has no `value`, so the {what} was skipped; give each substantive option its position or make the scale nominal"
    )]
    NoValue { what: &'static str, option: String },
    #[error("the option `{0}` is not an opinion but has a `value`, which was dropped; remove it")]
    ValueOfRefusal(String),
    #[error("it uses the scale `{0}`, which the pack does not have or whose line was skipped; add that scale line")]
    NoScale(String),
    #[error("it asks for a choice but has no options, so it was skipped; name a scale or list options")]
    NoOptions,
    #[error(
        "only one option is an opinion, so there is no distribution to compare; add an option or drop the references"
    )]
    OneOption,
    #[error("a reference cannot be read ({0}) and was left out; correct that field")]
    MalformedReference(String),
    #[error("the reference of `{group}` was left out: {cause}")]
    Reference { group: String, cause: ReferenceProblem },
    #[error("the shares of `{group}` sum to {sum}, not 1, and were scaled; correct them")]
    Renormalised { group: String, sum: f64 },
    #[error("a perspective was left out ({0}); correct it")]
    Perspective(String),
    #[error("the weights of its perspectives sum to 0 and all were set to 1; write weights above 0")]
    ZeroWeights,
    #[error("its perspectives all have one weight but claim the basis `{0}`; write \"weight_basis\":\"equal\"")]
    EqualWeights(String),
    #[error("a steer target was left out ({0}); correct it")]
    Steer(String),
    #[error("it names the source `{0}`, which the pack does not have; add that source line")]
    NoSource(String),
    #[error("it does not say which row of its source it comes from; write \"origin\":{{\"source\":…,\"row\":…}}")]
    NoOrigin,
    #[error("the persona has {0} wordings and the first three were kept; remove the others")]
    ManyWordings(usize),
    #[error("the pack names no licence, so it is left out of exports; write one")]
    NoLicence,
    #[error(
        "the header counts {said} lines of kind `{kind}`, and {found} could be used; correct the count or look for lost lines"
    )]
    Count { kind: String, said: u64, found: u64 },
}

impl Problem {
    /// What it costs.
    pub fn severity(&self) -> Severity {
        match self {
            Self::UnknownKind(_)
            | Self::UnknownKeys(_)
            | Self::ValueOfRefusal(_)
            | Self::OneOption
            | Self::Renormalised { .. }
            | Self::ZeroWeights
            | Self::EqualWeights(_)
            | Self::NoSource(_)
            | Self::NoOrigin
            | Self::ManyWordings(_)
            | Self::NoLicence
            | Self::Count { .. } => Severity::Note,
            Self::LineTooLong
            | Self::NotUtf8 { .. }
            | Self::Nul
            | Self::NotJson(_)
            | Self::Malformed { .. }
            | Self::NotASlug { .. }
            | Self::Duplicate { .. }
            | Self::EmptyText(_)
            | Self::SameLabel(_)
            | Self::NoValue { .. }
            | Self::NoScale(_)
            | Self::NoOptions
            | Self::MalformedReference(_)
            | Self::Reference { .. }
            | Self::Perspective(_)
            | Self::Steer(_) => Severity::Lost,
        }
    }
}

/// Why a reference is not used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is documented by its sentence")]
pub enum ReferenceProblem {
    #[error("the pack has no such group; add a group line")]
    NoGroup,
    #[error("it gives counts and shares; keep one of them")]
    CountsAndShares,
    #[error("it gives neither counts nor shares; add one of them")]
    NoFigures,
    #[error("it names the option `{0}`, which the question does not have; correct the option id")]
    UnknownOption(String),
    #[error("the figure of `{0}` is negative or not finite; correct it")]
    BadFigure(String),
    #[error("its figures sum to 0; remove it")]
    ZeroSum,
    #[error("its shares sum to {0}, more than 0.02 away from 1; correct them")]
    Sum(f64),
    #[error("counts of a tick-all question need `n`, the number of people asked; add it")]
    NoN,
    #[error("the share of `{0}` is above 1; correct it")]
    AboveOne(String),
}

fn list(keys: &[String]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" in line {line}"))
}
