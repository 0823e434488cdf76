//! The pluralism card of a model: what many questions say about how it answers for everyone, as someone and as a population,
//! in one document that is the same whenever it is made of the same model.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Baseline, Consistency, Means, Resemblance, Survey, document};
use crate::domain::{Mode, Question, Run};
use crate::measure::{DISTINGUISHABLE, Interval, wilson_95};

/// The name and version of the JSON of a card.
pub const SCHEMA: &str = "parallax.card/1";

/// A model's card. It holds no time, no path and no id of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The model.
    pub model: CardModel,
    /// What computed it; another engine may give other last digits.
    pub engine: CardEngine,
    /// What was asked.
    pub asked: Asked,
    /// Means over questions per method, and per persona.
    pub methods: Vec<Means>,
    /// What somebody who never read a question would reach.
    pub baselines: Vec<Baseline>,
    /// Nearness to every population that the questions have figures of, nearest first for each answerer.
    pub populations: Vec<Resemblance>,
    /// Whether the nearest population is the same in every topic.
    pub consistency: Vec<Consistency>,
    /// What each persona said, in the order of the request; `persona` is absent for the model's own voice.
    pub voices: Vec<Voices>,
    /// Whether personas can be told apart.
    pub flattening: Flat,
}

/// What a card says of the model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CardModel {
    /// As the file calls itself.
    pub name: String,
    /// llama.cpp's name of the architecture.
    pub arch: String,
    /// Number of weights.
    pub parameters: u64,
    /// Such as `Q4_1`.
    pub quantisation: String,
    /// Of the file, lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What a card says of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CardEngine {
    /// `llama`, `scripted` or the command's name.
    pub kind: String,
    /// Versions.
    pub build: String,
    /// `audit` or `fast`.
    pub profile: String,
    /// What it promises about repeating the card.
    pub class: String,
    /// How prompts are laid out.
    pub template: String,
}

/// What a card says of the questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The pack.
    pub pack: String,
    /// How many of its questions.
    pub questions: usize,
    /// How many of them are scales.
    pub scales: usize,
    /// Every draw follows from it.
    pub seed: u64,
    /// Samples of sampled methods.
    pub samples: usize,
    /// Most tokens of one voice.
    pub max_tokens: usize,
    /// Personas in the order of the request.
    pub personas: Vec<String>,
    /// SHA-256 of each wording file in use.
    pub wordings: BTreeMap<String, String>,
}

/// What one persona's voices were like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Voices {
    /// Absent for the model's own voice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The method they were written by.
    pub method: String,
    /// How many there were.
    pub n: u64,
    /// How many declined, by English phrases (E21).
    pub refusals: u64,
    /// How many laid out sides without taking one.
    pub abstentions: u64,
    /// 95 % interval of the share of refusals.
    pub refusal_interval: Interval,
}

/// On how many questions personas can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Flat {
    /// Questions on which it was tested.
    pub tested: usize,
    /// Questions on which personas lie farther apart than chance relabelling.
    pub distinguishable: usize,
    /// Questions on which so few personas or orders could not have shown it.
    pub untestable: usize,
}

/// Takes in runs and makes a card of them.
#[derive(Debug, Clone)]
pub struct CardMaker {
    survey: Survey,
    scales: usize,
    wordings: BTreeMap<String, String>,
    /// By method and persona: voices, refusals, abstentions, in the order in which they were first heard.
    voices: Vec<(String, Option<String>, [u64; 3])>,
    flattening: Flat,
    failed: BTreeSet<String>,
}

impl CardMaker {
    /// No question yet; as for [`Survey::new`].
    pub fn new(populations: &[String], seed: u64) -> Self {
        Self {
            survey: Survey::new(populations, seed),
            scales: 0,
            wordings: BTreeMap::new(),
            voices: Vec::new(),
            flattening: Flat::default(),
            failed: BTreeSet::new(),
        }
    }

    /// Takes in the run that answered `question`.
    pub fn add(&mut self, question: &Question, run: &Run) {
        self.survey.add(question, run);
        self.scales += usize::from(question.positions().is_some());
        for pane in &run.panes {
            self.wordings.extend(pane.wordings.clone());
            if let Some(error) = &pane.error {
                self.failed.insert(error.clone());
            }
            for voice in &pane.voices {
                let known = self.voices.iter().position(|(m, p, _)| *m == pane.method && *p == voice.persona);
                let at = known.unwrap_or_else(|| {
                    self.voices.push((pane.method.clone(), voice.persona.clone(), [0; 3]));
                    self.voices.len() - 1
                });
                let counts = &mut self.voices[at].2;
                counts[0] += 1;
                counts[1] += u64::from(voice.stance.as_deref() == Some("refusal"));
                counts[2] += u64::from(voice.stance.as_deref() == Some("abstention"));
            }
            let p =
                pane.measures.iter().find(|measure| measure.id == "flattening.p_value" && pane.mode == Mode::Steered);
            match p.map(|measure| (measure.value, measure.note.is_some())) {
                Some((Some(_), true)) => self.flattening.untestable += 1,
                Some((Some(p), false)) => {
                    self.flattening.tested += 1;
                    self.flattening.distinguishable += usize::from(p < DISTINGUISHABLE);
                }
                _ => {}
            }
        }
    }

    /// The first reason for which a pane failed, if any did: a card of such runs would not be the model's.
    pub fn failure(&self) -> Option<&str> {
        self.failed.first().map(String::as_str)
    }

    /// The card; `None` where no question was answered.
    pub fn card(&self) -> Option<Card> {
        let tables = document(&self.survey);
        let (model, engine) = (tables.survey.model?, tables.survey.engine?);
        let settings = tables.survey.settings?;
        let voices = self.voices.iter().map(|(method, persona, [n, refusals, abstentions])| Voices {
            persona: persona.clone(),
            method: method.clone(),
            n: *n,
            refusals: *refusals,
            abstentions: *abstentions,
            // There is a voice, and no more refusals than voices.
            refusal_interval: wilson_95(*refusals, *n).unwrap_or(Interval { low: 0.0, high: 1.0 }),
        });
        Some(Card {
            schema: SCHEMA,
            model: CardModel {
                name: model.name,
                arch: model.arch,
                parameters: model.parameters,
                quantisation: model.quantisation,
                sha256: model.sha256,
            },
            engine: CardEngine {
                kind: engine.kind,
                build: engine.build,
                profile: engine.profile,
                class: engine.class,
                template: engine.template,
            },
            asked: Asked {
                pack: tables.survey.pack,
                questions: tables.survey.questions,
                scales: self.scales,
                seed: tables.survey.seed,
                samples: settings.samples,
                max_tokens: settings.max_tokens,
                personas: tables.survey.personas,
                wordings: self.wordings.clone(),
            },
            methods: tables.methods,
            baselines: tables.baselines,
            populations: tables.populations,
            consistency: tables.consistency,
            voices: voices.collect(),
            flattening: self.flattening,
        })
    }
}
