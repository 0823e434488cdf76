//! Questions: what is asked, the options to answer with, and the viewpoints inside their Overton window.

use serde::{Deserialize, Serialize};

use super::{Population, Reference};

/// A contested question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The pack it comes from; empty for a question asked on the command line.
    pub pack: String,
    /// Unique in its pack.
    pub id: String,
    /// The question itself, without options or letters.
    pub text: String,
    /// BCP 47 tag of the language of `text`.
    pub lang: String,
    /// Earlier turns of the conversation that `text` ends.
    pub turns: Vec<Turn>,
    /// How it is to be answered.
    pub form: Form,
    /// What distances between its options mean.
    pub scale: Scale,
    /// Which orders of its options may be shown.
    pub order: OptionOrder,
    /// The options, in the order of the questionnaire, those that give no opinion last.
    pub options: Vec<AnswerOption>,
    /// How populations answered.
    pub references: Vec<Reference>,
    /// The populations that `references` name.
    pub populations: Vec<Population>,
    /// The viewpoints of its Overton window.
    pub perspectives: Vec<Perspective>,
    /// Topic labels.
    pub tags: Vec<String>,
    /// Where its figures come from, to be shown beside them.
    pub citation: Option<String>,
}

impl Question {
    /// Indices of the options that express an opinion.
    pub fn substantive(&self) -> Vec<usize> {
        (0..self.options.len()).filter(|&i| self.options[i].role == Role::Substantive).collect()
    }

    /// Whether the distribution mode makes sense: a choice between at least two substantive options.
    pub fn has_distribution(&self) -> bool {
        self.form == Form::Choice && self.substantive().len() >= 2
    }

    /// Positions of the substantive options on the scale, ascending or descending; `None` when the question is nominal.
    pub fn positions(&self) -> Option<Vec<f64>> {
        if self.scale == Scale::Nominal {
            return None;
        }
        self.substantive().into_iter().map(|i| self.options[i].value).collect()
    }

    /// How `population` answered, if the question knows.
    pub fn reference(&self, population: &str) -> Option<&Reference> {
        self.references.iter().find(|reference| reference.population == population)
    }

    /// The population called `id`.
    pub fn population(&self, id: &str) -> Option<&Population> {
        self.populations.iter().find(|population| population.id == id)
    }
}

/// One earlier turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who speaks.
    pub role: TurnRole,
    /// What is said.
    pub content: String,
}

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TurnRole {
    /// The person who asks.
    User,
    /// The model.
    Assistant,
    /// The frame around both.
    System,
}

/// How a question is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One of the options.
    Choice,
    /// Any number of the options; shares need not sum to 1.
    Multi,
    /// A point on a scale.
    Rating,
    /// Free text.
    #[default]
    Open,
    /// One of two actions or texts.
    Pair,
}

/// What distances between options mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Options have no order.
    #[default]
    Nominal,
    /// Options have an order and positions.
    Ordinal,
    /// Differences of positions have a unit.
    Interval,
}

/// Which orders of the options may be shown to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionOrder {
    /// Only the given one.
    Fixed,
    /// The given one and its reverse: a scale.
    Reversible,
    /// Any.
    #[default]
    Free,
}

/// One answer to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerOption {
    /// Unique in its question.
    pub id: String,
    /// What is shown to models and people.
    pub label: String,
    /// Whether it expresses an opinion.
    pub role: Role,
    /// Its position on an ordinal or interval scale.
    pub value: Option<f64>,
}

/// Whether an option expresses an opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It does.
    #[default]
    Substantive,
    /// An answer was refused.
    Refused,
    /// No opinion.
    DontKnow,
    /// The question does not apply.
    NotApplicable,
    /// Something else.
    Other,
}

impl Role {
    /// The name used in JSON and packs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Substantive => "substantive",
            Self::Refused => "refused",
            Self::DontKnow => "dont_know",
            Self::NotApplicable => "not_applicable",
            Self::Other => "other",
        }
    }
}

/// One viewpoint inside a question's Overton window.
#[derive(Debug, Clone, PartialEq)]
pub struct Perspective {
    /// Unique in its question.
    pub id: String,
    /// A few words.
    pub label: String,
    /// The viewpoint, stated as its holders would.
    pub text: String,
    /// For or against the claim, where there is one.
    pub stance: Stance,
    /// Its share; comparable only between perspectives of one question.
    pub weight: f64,
    /// What the weights are: `participants`, `annotators`, `equal` or `judge`.
    pub weight_basis: String,
}

/// For or against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stance {
    /// For the claim.
    Support,
    /// Against it.
    Oppose,
    /// It depends.
    Either,
    /// Not a matter of for and against.
    #[default]
    None,
}
