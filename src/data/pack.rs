//! The lines of a pack file, `pluralpack/1`, as they stand on disk.
//!
//! Optional fields are written as `null`, never left out: [`super::load`] finds keys that nobody reads by comparing a line
//! with what its type writes back, so this file is the only list of keys there is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{Basis, Form, OptionOrder, Role, Scale, Stance, TurnRole};

/// The format this reader understands.
pub const FORMAT: &str = "pluralpack/1";

/// What every line has: its kind, and in the first line the format.
#[derive(Debug, Deserialize)]
pub(super) struct Probe {
    pub kind: Option<String>,
    pub format: Option<String>,
    pub id: Option<String>,
}

/// Under which conditions a pack or source may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// SPDX identifier.
    pub spdx: String,
    /// Whom to name.
    #[serde(default)]
    pub attribution: Option<String>,
    /// Its text.
    #[serde(default)]
    pub url: Option<String>,
    /// Copies must carry the same licence.
    #[serde(default)]
    pub share_alike: bool,
    /// Commercial use is not allowed.
    #[serde(default)]
    pub non_commercial: bool,
}

/// `pack`: the first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeaderLine {
    /// [`FORMAT`].
    pub format: String,
    /// Slug.
    pub id: String,
    /// Of the pack, not of the format.
    pub version: String,
    /// For people to read.
    pub title: String,
    /// What is in it.
    #[serde(default)]
    pub summary: Option<String>,
    /// BCP 47 tag of the texts.
    pub lang: String,
    /// Missing is allowed, and keeps the pack out of exports.
    #[serde(default)]
    pub licence: Option<Licence>,
    /// What its makers say a reader must know.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Lines per kind.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
}

/// `source`: where figures and texts come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLine {
    /// Slug.
    pub id: String,
    /// For people to read.
    pub title: String,
    /// To be shown beside its figures.
    pub citation: String,
    /// Repository.
    #[serde(default)]
    pub repo: Option<String>,
    /// Commit in it.
    #[serde(default)]
    pub commit: Option<String>,
    /// Path in it.
    #[serde(default)]
    pub path: Option<String>,
    /// Address of the file.
    #[serde(default)]
    pub url: Option<String>,
    /// Of the file, lower-case hexadecimal.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Date of the copy.
    #[serde(default)]
    pub retrieved: Option<String>,
    /// Of the source; may differ from the pack's.
    #[serde(default)]
    pub licence: Option<Licence>,
    /// What the pack's makers altered.
    #[serde(default)]
    pub changes: Vec<String>,
}

/// `scale`: options that several items share.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScaleLine {
    /// Slug.
    pub id: String,
    /// What distances between the options mean.
    pub measure: Scale,
    /// In the order of the questionnaire.
    pub options: Vec<OptionEntry>,
    /// Whether the reverse order may be shown.
    #[serde(default)]
    pub reversible: Option<bool>,
}

/// One option of a scale or item.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OptionEntry {
    /// Slug.
    pub id: String,
    /// As shown.
    pub label: String,
    /// Position; required of substantive options unless nominal.
    #[serde(default)]
    pub value: Option<f64>,
    /// Whether it is an opinion.
    #[serde(default)]
    pub role: Role,
}

/// `group`: a population.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupLine {
    /// Dotted slug.
    pub id: String,
    /// For people to read.
    pub label: String,
    /// What it is a slice of.
    pub dimension: String,
    /// The group it is part of.
    #[serde(default)]
    pub parent: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default)]
    pub country: Option<String>,
    /// How to name it to a model.
    #[serde(default)]
    pub prompt: Option<String>,
    /// For people to read.
    #[serde(default)]
    pub note: Option<String>,
}

/// `attribute`: a value, trait or belief that steering may name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttributeLine {
    /// Slug.
    pub id: String,
    /// `value`, `right`, `duty`, `trait`, …
    pub dimension: String,
    /// For people to read.
    pub label: String,
    /// In a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// The attribute that is its opposite.
    #[serde(default)]
    pub opposite: Option<String>,
    /// How to name it to a model.
    #[serde(default)]
    pub prompt: Option<String>,
}

/// `persona`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PersonaLine {
    /// Slug.
    pub id: String,
    /// For people to read.
    pub label: String,
    /// The one wording, where there are no `wordings`.
    #[serde(default)]
    pub text: Option<String>,
    /// Up to three.
    #[serde(default)]
    pub wordings: Vec<String>,
    /// A steering vector of the same person.
    #[serde(default)]
    pub direction: Option<String>,
    /// An adapter of the same person.
    #[serde(default)]
    pub lora: Option<String>,
    /// Attribute ids or words.
    #[serde(default)]
    pub attributes: Vec<String>,
    /// Group ids.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Share of a population.
    #[serde(default)]
    pub weight: Option<f64>,
    /// Written, as against drawn from a survey person.
    pub synthetic: bool,
    /// Source id.
    #[serde(default)]
    pub source: Option<String>,
}

/// `item`: a question. References, perspectives and steer targets stay raw here, so that a bad one costs only itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ItemLine {
    /// Slug.
    pub id: String,
    /// Without options and letters.
    pub text: String,
    /// Where it differs from the pack's.
    #[serde(default)]
    pub lang: Option<String>,
    /// Translations.
    #[serde(default)]
    pub i18n: Option<Value>,
    /// What comes before it.
    #[serde(default)]
    pub context: Option<ContextEntry>,
    /// How it is answered; free text if missing.
    #[serde(default)]
    pub ask: Option<AskEntry>,
    /// [`ReferenceEntry`] each.
    #[serde(default)]
    pub reference: Vec<Value>,
    /// [`PerspectiveEntry`] each.
    #[serde(default)]
    pub perspectives: Vec<Value>,
    /// [`SteerEntry`] each.
    #[serde(default)]
    pub steer: Vec<Value>,
    /// Topics.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Content warnings.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// `train`, `dev` or `test`.
    #[serde(default)]
    pub split: Option<String>,
    /// Where it comes from.
    #[serde(default)]
    pub origin: Option<OriginEntry>,
}

/// What comes before a question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContextEntry {
    /// A frame for the whole conversation.
    #[serde(default)]
    pub preamble: Option<String>,
    /// Earlier turns.
    #[serde(default)]
    pub turns: Vec<TurnEntry>,
    /// For people to read.
    #[serde(default)]
    pub note: Option<String>,
}

/// One earlier turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TurnEntry {
    /// Who speaks.
    pub role: TurnRole,
    /// What is said.
    pub content: String,
    /// Which person or model.
    #[serde(default)]
    pub by: Option<String>,
}

/// How an item is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AskEntry {
    /// Choice, rating, …
    pub form: Form,
    /// A scale's id.
    #[serde(default)]
    pub scale: Option<String>,
    /// Options of this item alone; nominal.
    #[serde(default)]
    pub options: Vec<OptionEntry>,
    /// Which orders may be shown.
    #[serde(default)]
    pub order: Option<OptionOrder>,
}

/// How one population answered an item.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReferenceEntry {
    /// Group id.
    pub group: String,
    /// Where the numbers come from.
    pub basis: Basis,
    /// Of the field work.
    #[serde(default)]
    pub year: Option<i32>,
    /// In words.
    #[serde(default)]
    pub fieldwork: Option<String>,
    /// People asked, unweighted.
    #[serde(default)]
    pub n: Option<u64>,
    /// Weighted to the population.
    #[serde(default)]
    pub weighted: bool,
    /// By option id; excludes `shares`.
    #[serde(default)]
    pub counts: Option<BTreeMap<String, f64>>,
    /// By option id; excludes `counts`.
    #[serde(default)]
    pub shares: Option<BTreeMap<String, f64>>,
    /// People without an answer, by reason, outside the counts.
    #[serde(default)]
    pub nonresponse: Option<BTreeMap<String, f64>>,
    /// Source id.
    pub source: String,
    /// Shown beside the figures.
    #[serde(default)]
    pub note: Option<String>,
}

/// One viewpoint on an item.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PerspectiveEntry {
    /// Slug, unique in the item.
    pub id: String,
    /// A few words.
    pub label: String,
    /// As its holders would say it.
    #[serde(default)]
    pub text: Option<String>,
    /// `value`, `right`, `duty`, `argument`, `viewpoint` or `answer`.
    #[serde(default)]
    pub family: Option<String>,
    /// For or against.
    #[serde(default)]
    pub stance: Stance,
    /// Relative to the other perspectives of the item.
    #[serde(default)]
    pub weight: Option<f64>,
    /// `participants`, `annotators`, `equal` or `judge`.
    #[serde(default)]
    pub weight_basis: Option<String>,
    /// People counted.
    #[serde(default)]
    pub n: Option<u64>,
    /// Group that holds it.
    #[serde(default)]
    pub group: Option<String>,
    /// Sentences that say the same.
    #[serde(default)]
    pub exemplars: Vec<String>,
    /// Sentences to test an answer against.
    #[serde(default)]
    pub hypotheses: Vec<String>,
    /// Why its holders hold it.
    #[serde(default)]
    pub explanation: Option<String>,
    /// Source id.
    #[serde(default)]
    pub source: Option<String>,
}

/// What is expected of a model steered in some way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SteerEntry {
    /// Unique in the item.
    pub id: String,
    /// `attribute`, `group` or `persona`.
    pub by: BTreeMap<String, String>,
    /// `option`, `stance`, `perspective`, `reference` or `any_of`.
    pub expect: BTreeMap<String, Value>,
    /// 0 to 1.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// Where the expectation comes from.
    #[serde(default)]
    pub basis: Option<String>,
    /// Source id.
    #[serde(default)]
    pub source: Option<String>,
}

/// Where an item comes from, so that a result can be traced to its source line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginEntry {
    /// Source id.
    pub source: String,
    /// Key of the row in the source: a text or a number.
    #[serde(default)]
    pub row: Value,
    /// What was altered.
    #[serde(default)]
    pub changes: Vec<String>,
}
