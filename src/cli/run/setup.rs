//! From options and a saved setup to what is to be run.

mod directions;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::Deserialize;

use super::Command;
use crate::cli::Failure;
use crate::config::Paths;
use crate::data::catalogue::{Catalogue, CatalogueError, question_of};
use crate::data::fuzzy::{Skim, nearest};
use crate::data::personas::{PersonaEntry, Personas};
use crate::domain::{BadQuestion, Mode, Persona, Question, limits};
use crate::measure::named_seed;
use crate::methods::{DEFAULT_METHODS, RunSpec, names, registry};
use crate::models::control_vector::read_for;
use crate::text::SafeText;

/// A range as clap wants it.
pub(super) fn allowed(range: &RangeInclusive<usize>) -> RangeInclusive<i64> {
    let bound = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    bound(*range.start())..=bound(*range.end())
}

/// The options of a run, from the command line and a saved setup. A saved setup uses the same names, with `_` for `-`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Setup {
    pack: Option<String>,
    question: Vec<String>,
    all: bool,
    tag: Vec<String>,
    limit: Option<u32>,
    random: Option<u32>,
    ask: Option<String>,
    option: Vec<String>,
    other: Vec<String>,
    ordinal: bool,
    mode: Vec<Mode>,
    method: Vec<String>,
    persona: Vec<String>,
    persona_text: Vec<String>,
    lora: Vec<String>,
    direction: Vec<String>,
    population: Vec<String>,
    seed: Option<u64>,
    samples: Option<u32>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    beside: Option<String>,
}

impl Command {
    /// Whether it names questions of a pack without naming each.
    fn is_of_many(&self) -> bool {
        self.all || !self.tag.is_empty() || self.limit.is_some() || self.random.is_some()
    }
}

impl Setup {
    pub(super) fn new(command: &Command) -> Result<Self, Failure> {
        let saved = match &command.spec {
            Some(path) => {
                let shown = path.display();
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Failure::usage(format!("the setup `{shown}` cannot be read: {error}; check --spec"))
                })?;
                toml::from_str(&text).map_err(|error| {
                    let at = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                    Failure::usage(format!("the setup `{shown}`, line {at}: {}; correct it", error.message()))
                })?
            }
            None => Self::default(),
        };
        Ok(saved.under(command.clone()))
    }

    /// Options of the command line go first. A question named there replaces the saved one as a whole; of a saved pack
    /// another question may be named.
    fn under(self, command: Command) -> Self {
        fn first<T>(given: Vec<T>, saved: Vec<T>) -> Vec<T> {
            if given.is_empty() { saved } else { given }
        }
        let names_question =
            command.pack.is_some() || !command.question.is_empty() || command.is_of_many() || command.ask.is_some();
        let saved = if names_question {
            let (question, all, ask) = (Vec::new(), false, None);
            let pack = if command.ask.is_some() { None } else { self.pack };
            let (tag, limit, random) = (Vec::new(), None, None);
            Self {
                pack,
                question,
                all,
                tag,
                limit,
                random,
                ask,
                option: Vec::new(),
                other: Vec::new(),
                ordinal: false,
                ..self
            }
        } else {
            self
        };
        Self {
            pack: command.pack.or(saved.pack),
            question: first(command.question, saved.question),
            all: command.all || saved.all,
            tag: first(command.tag, saved.tag),
            limit: command.limit.or(saved.limit),
            random: command.random.or(saved.random),
            ask: command.ask.or(saved.ask),
            option: first(command.option, saved.option),
            other: first(command.other, saved.other),
            ordinal: command.ordinal || saved.ordinal,
            mode: first(command.mode, saved.mode),
            method: first(command.method, saved.method),
            persona: first(command.persona, saved.persona),
            persona_text: first(command.persona_text, saved.persona_text),
            lora: first(command.lora, saved.lora),
            direction: first(command.direction, saved.direction),
            population: first(command.population, saved.population),
            seed: command.seed.or(saved.seed),
            samples: command.samples.or(saved.samples),
            max_tokens: command.max_tokens.or(saved.max_tokens),
            temperature: command.temperature.or(saved.temperature),
            top_p: command.top_p.or(saved.top_p),
            beside: command.beside.or(saved.beside),
        }
    }

    /// The model beside the run's own.
    pub(super) fn beside(&self) -> Option<&str> {
        self.beside.as_deref()
    }

    /// One request per question.
    pub(super) fn specs(&self, paths: &Paths) -> Result<Vec<RunSpec>, Failure> {
        self.check_numbers()?;
        let panes = self.panes()?;
        let personas = self.personas(paths)?;
        let directions = directions::named(&self.direction, &personas, paths)?;
        let (questions, examples) = self.questions(paths)?;
        let spec = |question| RunSpec {
            question,
            panes: panes.clone(),
            personas: personas.clone(),
            directions: directions.clone(),
            pane_models: Vec::new(),
            examples: Arc::default(),
            populations: self.population.clone(),
            seed: self.seed.unwrap_or(limits::DEFAULT_SEED),
            samples: self.samples.map_or(limits::DEFAULT_SAMPLES, |samples| samples as usize),
            max_tokens: self.max_tokens.map_or(limits::DEFAULT_MAX_TOKENS, |tokens| tokens as usize),
            temperature: self.temperature,
            top_p: self.top_p,
        };
        let specs = questions.into_iter().map(spec).map(|spec| spec.with_examples(&examples));
        Ok(if self.beside.is_some() { specs.map(RunSpec::with_both_models).collect() } else { specs.collect() })
    }

    /// A saved setup can hold what the command line refuses.
    fn check_numbers(&self) -> Result<(), Failure> {
        if self.samples.is_some_and(|samples| !limits::SAMPLES.contains(&(samples as usize))) {
            return Err(Failure::usage("--samples takes a number from 1 to 10,000"));
        }
        if self.max_tokens.is_some_and(|tokens| !limits::MAX_TOKENS.contains(&(tokens as usize))) {
            return Err(Failure::usage("--max-tokens takes a number from 1 to 1,000,000"));
        }
        if self.temperature.is_some_and(|t| !limits::TEMPERATURE.contains(&t)) {
            return Err(Failure::usage("--temperature takes a number from 0 to 10"));
        }
        if self.top_p.is_some_and(|p| !limits::is_top_p(p)) {
            return Err(Failure::usage("--top-p takes a number above 0 and at most 1"));
        }
        Ok(())
    }

    /// Mode and method of every pane: per mode those asked for, else the mode's defaults.
    fn panes(&self) -> Result<Vec<(Mode, String)>, Failure> {
        let mut asked: Vec<(Mode, String)> = Vec::new();
        for text in &self.method {
            let (mode, id) = match text.split_once('=') {
                Some((mode, id)) => {
                    let mode: Mode =
                        mode.trim().parse().map_err(|error| Failure::usage(format!("--method: {error}")))?;
                    let id = id.trim();
                    let unknown = || Failure::usage(registry::unknown(mode, id));
                    (mode, registry::find(mode, id).ok_or_else(unknown)?.facts.id)
                }
                None => registry::named(text.trim()).map_err(Failure::usage)?,
            };
            asked.push((mode, id.to_owned()));
        }
        let steered = directions::METHOD;
        if !self.direction.is_empty() && !asked.iter().any(|(mode, id)| (*mode, id.as_str()) == steered) {
            if asked.iter().any(|(mode, _)| *mode == Mode::Steered) {
                let sentence =
                    "--direction is for the method direction; add --method steered=direction, or leave it out";
                return Err(Failure::usage(sentence));
            }
            asked.push((steered.0, steered.1.to_owned()));
        }
        let modes: Vec<Mode> = if self.mode.is_empty() { Mode::ALL.to_vec() } else { self.mode.clone() };
        if let Some((mode, id)) = asked.iter().find(|(mode, _)| !modes.contains(mode)) {
            return Err(Failure::usage(format!(
                "--method {mode}={id} belongs to a mode that --mode leaves out; add it there"
            )));
        }
        let mut panes = Vec::new();
        for mode in modes {
            let own: Vec<_> = asked.iter().filter(|(other, _)| *other == mode).cloned().collect();
            let defaults =
                DEFAULT_METHODS.iter().filter(|(other, _)| *other == mode).map(|(mode, id)| (*mode, (*id).to_owned()));
            for pane in if own.is_empty() { defaults.collect() } else { own } {
                if !panes.contains(&pane) {
                    panes.push(pane);
                }
            }
        }
        Ok(panes)
    }

    fn personas(&self, paths: &Paths) -> Result<Vec<Persona>, Failure> {
        let known = Personas::load(paths);
        let mut chosen: Vec<Persona> = Vec::new();
        for name in &self.persona {
            chosen.push(known.get(name.trim()).map_err(|error| Failure::usage(error.to_string()))?.persona);
        }
        for (number, text) in (1..).zip(&self.persona_text) {
            chosen.push(
                PersonaEntry::from_text(text, number).map_err(|error| Failure::usage(error.to_string()))?.persona,
            );
        }
        for (number, text) in (1..).zip(&self.lora) {
            let entry = PersonaEntry::from_adapter(text, number);
            chosen.push(entry.map_err(|error| Failure::usage(error.to_string()))?.persona);
        }
        if chosen.is_empty() {
            chosen = known.defaults().iter().map(|entry| entry.persona.clone()).collect();
        }
        read_for(&mut chosen, paths);
        for (index, persona) in chosen.iter().enumerate() {
            if chosen[..index].iter().any(|other| other.id == persona.id) {
                return Err(Failure::usage(format!("the persona `{}` stands twice; name each once", persona.id)));
            }
        }
        Ok(chosen)
    }

    /// What is asked, and all questions of its pack, from which methods take examples.
    fn questions(&self, paths: &Paths) -> Result<(Vec<Question>, Arc<Vec<Question>>), Failure> {
        let is_of_many = self.all || !self.tag.is_empty() || self.limit.is_some() || self.random.is_some();
        let of_a_pack = self.pack.is_some() || !self.question.is_empty() || is_of_many;
        if self.ask.is_some() && of_a_pack || is_of_many && !self.question.is_empty() {
            return Err(Failure::usage(
                "ask, all and question exclude each other, and ask needs no pack: keep one of them",
            ));
        }
        if let Some(text) = &self.ask {
            let question = Question::asked(text, &self.option, &self.other, self.ordinal);
            return Ok((vec![question.map_err(|error| in_options(&error))?], Arc::default()));
        }
        if !self.option.is_empty() || !self.other.is_empty() || self.ordinal {
            return Err(Failure::usage("--option, --other and --ordinal belong to --ask"));
        }
        let Some(pack) = &self.pack else {
            let hint = "name a question with --pack and --question, or ask your own with --ask; `parallax data list` shows the packs";
            return Err(Failure::usage(hint));
        };
        let catalogue = Catalogue::load(paths);
        let loaded = catalogue.pack(pack).map_err(named)?;
        self.check_populations(&loaded.populations)?;
        if is_of_many {
            return Ok((self.chosen(&loaded.questions)?, Arc::clone(&loaded.questions)));
        }
        if self.question.is_empty() {
            return Err(Failure::usage(format!(
                "the pack `{pack}` has {} questions: name one with --question, or take all with --all; `parallax data show {pack}` lists them",
                loaded.questions.len()
            )));
        }
        let question = |id: &String| question_of(&loaded, id).cloned().map_err(named);
        let asked = self.question.iter().map(question).collect::<Result<_, _>>()?;
        Ok((asked, Arc::clone(&loaded.questions)))
    }

    /// Those of a pack's questions that the tags, the limit or the draw leave, in the order of the pack.
    fn chosen(&self, questions: &[Question]) -> Result<Vec<Question>, Failure> {
        for tag in &self.tag {
            if !questions.iter().any(|question| question.tags.contains(tag)) {
                let known: BTreeSet<&str> =
                    questions.iter().flat_map(|question| question.tags.iter().map(String::as_str)).collect();
                let known: Vec<&str> = known.into_iter().collect();
                return Err(Failure::usage(format!(
                    "no question of the pack has the topic `{tag}`: use one of {}, or leave --tag out",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                )));
            }
        }
        let has_tag =
            |question: &&Question| self.tag.is_empty() || question.tags.iter().any(|tag| self.tag.contains(tag));
        let mut kept: Vec<&Question> = questions.iter().filter(has_tag).collect();
        if let Some(random) = self.random {
            let seed = self.seed.unwrap_or(limits::DEFAULT_SEED);
            // By a number of its own, so that a question stays or goes whatever else is in the pack.
            let mut drawn: Vec<(u64, usize)> = kept
                .iter()
                .enumerate()
                .map(|(place, question)| (named_seed(seed, &["survey", "question", &question.id]), place))
                .collect();
            drawn.sort_unstable();
            let mut places: Vec<usize> = drawn.into_iter().take(random as usize).map(|(_, place)| place).collect();
            places.sort_unstable();
            kept = places.into_iter().map(|place| kept[place]).collect();
        }
        if let Some(limit) = self.limit {
            kept.truncate(limit as usize);
        }
        if kept.is_empty() {
            return Err(Failure::usage("the pack has no questions; `parallax data list` shows packs that have some"));
        }
        Ok(kept.into_iter().cloned().collect())
    }

    fn check_populations(&self, known: &[crate::domain::Population]) -> Result<(), Failure> {
        for population in &self.population {
            if !known.iter().any(|other| names(population, &other.id)) {
                let near = nearest(&Skim::default(), population, known.iter().map(|other| other.id.as_str()));
                let some: Vec<&str> = known.iter().take(8).map(|other| other.id.as_str()).collect();
                let more = if known.len() > some.len() { ", …" } else { "" };
                let next = near.map_or_else(
                    || format!("use one of {}{more}", some.join(", ")),
                    |id| format!("did you mean `{id}`?"),
                );
                return Err(Failure::usage(format!(
                    "the pack has no population `{}`: {next}; `parallax data show` lists them all",
                    SafeText::line(population)
                )));
            }
        }
        Ok(())
    }
}

/// What is wrong with a question of the user's own, in the words of the command line.
fn in_options(error: &BadQuestion) -> Failure {
    Failure::usage(match error {
        BadQuestion::Empty => "--ask is empty: write the question after it".to_owned(),
        BadQuestion::ScaleWithoutOptions => {
            "--ordinal makes options a scale: give at least two with --option first".to_owned()
        }
        BadQuestion::OtherWithoutOptions => "--other adds to options: give at least two with --option first".to_owned(),
        BadQuestion::OneOption | BadQuestion::Option(_) => error.to_string(),
    })
}

/// What the command line names and there is not is its mistake; what is there and cannot be used is not.
fn named(error: CatalogueError) -> Failure {
    match error {
        CatalogueError::NoPack { .. } | CatalogueError::NoQuestion { .. } => Failure::usage(error.to_string()),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_method_replaces_its_modes_default_and_leaves_the_others() {
        let setup = Setup { method: vec!["overton=pluralistic-prompt".into()], ..Setup::default() };
        let panes = setup.panes().unwrap();
        assert_eq!(panes.iter().filter(|(mode, _)| *mode == Mode::Overton).count(), 1);
        assert_eq!(panes.len(), 3);
        assert_eq!(Setup::default().panes().unwrap().len(), DEFAULT_METHODS.len());
    }

    #[test]
    fn methods_that_do_not_fit_get_a_sentence() {
        let wrong = |setup: Setup| setup.panes().unwrap_err().sentence;
        assert!(
            wrong(Setup { method: vec!["vanila".into()], ..Setup::default() }).contains("no method is called `vanila`")
        );
        assert!(wrong(Setup { method: vec!["overton=none".into()], ..Setup::default() }).contains("use vanilla"));
        let mode = vec![Mode::Steered];
        assert!(
            wrong(Setup { mode, method: vec!["overton=vanilla".into()], ..Setup::default() }).contains("leaves out")
        );
    }

    #[test]
    fn the_command_line_goes_before_the_saved_setup() {
        let saved: Setup = toml::from_str("pack = \"debates\"\nall = true\nseed = 7\nmode = [\"overton\"]\n").unwrap();
        let command = Command { ask: Some("Why?".into()), seed: Some(9), ..Command::default() };
        let merged = saved.clone().under(command);
        assert_eq!((merged.pack, merged.all, merged.seed), (None, false, Some(9)));
        assert_eq!(merged.mode, [Mode::Overton]);
        let other = saved.clone().under(Command { question: vec!["q".into()], ..Command::default() });
        assert_eq!((other.pack.as_deref(), other.all), (Some("debates"), false));
        assert_eq!(saved.clone().under(Command::default()), saved);
        assert!(toml::from_str::<Setup>("sed = 7").unwrap_err().message().contains("sed"));
    }
}
