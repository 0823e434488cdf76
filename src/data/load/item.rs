//! From an `item` line to a question.

use std::collections::HashSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::file::{brief, is_slug};
use super::super::pack::{ItemLine, OptionEntry, PerspectiveEntry, SteerEntry};
use super::{Loader, Problem, Strictness, cause, extra_keys, reference};
use crate::domain::{AnswerOption, Form, OptionOrder, Perspective, Question, Reference, Role, Scale, Turn, TurnRole};

/// What weights of perspectives can be.
const WEIGHT_BASES: [&str; 4] = ["participants", "annotators", "equal", "judge"];
const STANCES: [&str; 4] = ["support", "oppose", "either", "none"];

/// The question, if the item can be used, and everything to be said about it.
pub(super) fn question(item: ItemLine, loader: &Loader) -> (Option<Question>, Vec<Problem>) {
    let mut problems = Vec::new();
    let question = build(item, loader, &mut problems).map_err(|problem| problems.push(problem)).ok();
    (question, problems)
}

fn build(item: ItemLine, loader: &Loader, problems: &mut Vec<Problem>) -> Result<Question, Problem> {
    if item.text.trim().is_empty() {
        return Err(Problem::EmptyText("item"));
    }
    let asked = asked(&item, loader, problems)?;
    let references = reference::all(&item.reference, &asked, loader, problems);
    let perspectives = perspectives(&item.perspectives, loader.strictness, problems);
    check_origin(&item, loader, problems);
    let mut question = Question {
        pack: loader.header.id.clone(),
        id: item.id,
        text: item.text,
        lang: item.lang.unwrap_or_else(|| loader.header.lang.clone()),
        turns: item.context.map(turns).unwrap_or_default(),
        form: asked.form,
        scale: asked.scale,
        order: asked.order,
        options: asked.options,
        populations: named_populations(&references, loader),
        citation: None,
        references,
        perspectives,
        tags: item.tags,
    };
    question.citation = citation(&item.reference, item.origin.as_ref().map(|origin| origin.source.as_str()), loader);
    if !question.references.is_empty() && question.form == Form::Choice && question.substantive().len() < 2 {
        problems.push(Problem::OneOption);
    }
    check_steer(&item.steer, &question, loader, problems);
    Ok(question)
}

/// How an item is to be answered.
pub(super) struct Asked {
    pub form: Form,
    scale: Scale,
    order: OptionOrder,
    pub options: Vec<AnswerOption>,
}

fn asked(item: &ItemLine, loader: &Loader, problems: &mut Vec<Problem>) -> Result<Asked, Problem> {
    let Some(ask) = &item.ask else {
        return Ok(Asked { form: Form::Open, scale: Scale::Nominal, order: OptionOrder::Free, options: Vec::new() });
    };
    let (measure, reversible, entries) = if let Some(id) = &ask.scale {
        let scale = loader.scales.get(id).ok_or_else(|| Problem::NoScale(brief(id)))?;
        (scale.measure, scale.reversible, scale.options.clone())
    } else {
        let mut entries = ask.options.clone();
        problems.extend(check_options(&mut entries, Scale::Nominal, "item")?);
        (Scale::Nominal, None, entries)
    };
    if entries.is_empty() && ask.form != Form::Open {
        return Err(Problem::NoOptions);
    }
    // Shuffling an ordered scale destroys its meaning, so without a word it is at most turned round.
    let order = ask.order.unwrap_or(match (measure, reversible) {
        (Scale::Nominal, _) => OptionOrder::Free,
        (_, Some(false)) => OptionOrder::Fixed,
        _ => OptionOrder::Reversible,
    });
    let mut options: Vec<AnswerOption> = entries
        .into_iter()
        .map(|OptionEntry { id, label, value, role }| AnswerOption { id, label, role, value })
        .collect();
    options.sort_by_key(|option| option.role != Role::Substantive);
    Ok(Asked { form: ask.form, scale: measure, order, options })
}

/// Checks the options of a scale or item; what is only noted comes back, the rest loses the line.
pub(super) fn check_options(
    options: &mut [OptionEntry],
    measure: Scale,
    what: &'static str,
) -> Result<Vec<Problem>, Problem> {
    let mut notes = Vec::new();
    let (mut seen, mut labels) = (HashSet::new(), HashSet::new());
    for option in options {
        if !is_slug(&option.id) {
            return Err(Problem::NotASlug { what: "option", id: brief(&option.id) });
        }
        if !seen.insert(option.id.clone()) {
            return Err(Problem::Duplicate { what: "option", id: option.id.clone(), first: None });
        }
        if option.label.trim().is_empty() {
            return Err(Problem::EmptyText("option"));
        }
        // An answer in words could mean either.
        if !labels.insert(option.label.trim().to_lowercase()) {
            return Err(Problem::SameLabel(brief(&option.label)));
        }
        match (option.role, option.value) {
            (Role::Substantive, None) if measure != Scale::Nominal => {
                return Err(Problem::NoValue { what, option: option.id.clone() });
            }
            (Role::Substantive, _) | (_, None) => {}
            (_, Some(_)) => {
                option.value = None;
                notes.push(Problem::ValueOfRefusal(option.id.clone()));
            }
        }
    }
    Ok(notes)
}

fn turns(context: super::super::pack::ContextEntry) -> Vec<Turn> {
    let frame = context.preamble.map(|content| Turn { role: TurnRole::System, content });
    frame
        .into_iter()
        .chain(context.turns.into_iter().map(|turn| Turn { role: turn.role, content: turn.content }))
        .collect()
}

fn named_populations(references: &[Reference], loader: &Loader) -> Vec<crate::domain::Population> {
    let mut seen = HashSet::new();
    references
        .iter()
        .filter(|reference| seen.insert(reference.population.as_str()))
        .filter_map(|reference| loader.populations.iter().find(|population| population.id == reference.population))
        .cloned()
        .collect()
}

/// Citations of the sources of its figures, else of the item itself.
fn citation(references: &[Value], origin: Option<&str>, loader: &Loader) -> Option<String> {
    let ids = references.iter().filter_map(|reference| reference.get("source")?.as_str());
    let mut citations: Vec<&str> = Vec::new();
    for source in ids.filter_map(|id| loader.source(id)) {
        if !citations.contains(&source.citation.as_str()) {
            citations.push(&source.citation);
        }
    }
    if citations.is_empty() {
        citations.extend(origin.and_then(|id| loader.source(id)).map(|source| source.citation.as_str()));
    }
    (!citations.is_empty()).then(|| citations.join("; "))
}

fn check_origin(item: &ItemLine, loader: &Loader, problems: &mut Vec<Problem>) {
    match &item.origin {
        Some(origin) => {
            if super::row(&origin.row).is_none() {
                problems.push(Problem::NoOrigin);
            }
            if loader.source(&origin.source).is_none() {
                problems.push(Problem::NoSource(brief(&origin.source)));
            }
        }
        None => problems.push(Problem::NoOrigin),
    }
}

impl Loader {
    pub(super) fn source(&self, id: &str) -> Option<&super::SourceLine> {
        self.sources.iter().find(|source| source.id == id)
    }
}

/// A raw part of an item as its type; unknown keys are reported when asked.
pub(super) fn part<T: DeserializeOwned + Serialize>(
    raw: &Value,
    name: &str,
    strictness: Strictness,
    problems: &mut Vec<Problem>,
) -> Result<T, String> {
    let value = T::deserialize(raw).map_err(|error| cause(&error))?;
    if strictness == Strictness::Strict
        && let Ok(read) = serde_json::to_value(&value)
    {
        let mut keys = Vec::new();
        extra_keys(raw, &read, name, &mut keys);
        if !keys.is_empty() {
            problems.push(Problem::UnknownKeys(keys));
        }
    }
    Ok(value)
}

fn perspectives(raw: &[Value], strictness: Strictness, problems: &mut Vec<Problem>) -> Vec<Perspective> {
    let mut perspectives: Vec<Perspective> = Vec::with_capacity(raw.len());
    for raw in raw {
        match part::<PerspectiveEntry>(raw, "perspectives", strictness, problems).and_then(perspective) {
            Ok(next) if perspectives.iter().any(|other| other.id == next.id) => {
                problems.push(Problem::Duplicate { what: "perspective", id: next.id, first: None });
            }
            Ok(next) => perspectives.push(next),
            Err(cause) => problems.push(Problem::Perspective(cause)),
        }
    }
    check_weights(&mut perspectives, problems);
    perspectives
}

fn perspective(entry: PerspectiveEntry) -> Result<Perspective, String> {
    if !is_slug(&entry.id) {
        return Err(format!("its id `{}` is not a slug", brief(&entry.id)));
    }
    let weight = entry.weight.unwrap_or(1.0);
    if !(weight.is_finite() && weight >= 0.0) {
        return Err(format!("the weight of `{}` is negative", entry.id));
    }
    let weight_basis = entry.weight_basis.unwrap_or_else(|| "equal".into());
    if !WEIGHT_BASES.contains(&weight_basis.as_str()) {
        return Err(format!(
            "the weight basis `{}` of `{}` is none of {}",
            brief(&weight_basis),
            entry.id,
            WEIGHT_BASES.join(", ")
        ));
    }
    let text = [entry.text, entry.explanation].into_iter().flatten().find(|text| !text.trim().is_empty());
    Ok(Perspective {
        text: text.unwrap_or_else(|| entry.label.clone()),
        id: entry.id,
        label: entry.label,
        stance: entry.stance,
        weight,
        weight_basis,
    })
}

fn check_weights(perspectives: &mut [Perspective], problems: &mut Vec<Problem>) {
    let sum: f64 = perspectives.iter().map(|perspective| perspective.weight).sum();
    if perspectives.len() < 2 {
        return;
    }
    if sum <= 0.0 {
        problems.push(Problem::ZeroWeights);
        for perspective in perspectives {
            perspective.weight = 1.0;
            "equal".clone_into(&mut perspective.weight_basis);
        }
        return;
    }
    #[expect(clippy::float_cmp, reason = "weights that were written alike are alike to the bit")]
    let all_alike = perspectives.windows(2).all(|pair| pair[0].weight == pair[1].weight);
    if let Some(claimed) = perspectives.iter().find(|perspective| perspective.weight_basis != "equal")
        && all_alike
    {
        problems.push(Problem::EqualWeights(claimed.weight_basis.clone()));
    }
}

/// A steer target must point at something that exists; the nouns have no place for targets yet, so they are only checked.
fn check_steer(raw: &[Value], question: &Question, loader: &Loader, problems: &mut Vec<Problem>) {
    for raw in raw {
        let found = part::<SteerEntry>(raw, "steer", loader.strictness, problems).and_then(|entry| {
            if !entry.by.keys().all(|key| matches!(key.as_str(), "attribute" | "group" | "persona"))
                || entry.by.len() != 1
            {
                return Err(format!("`{}` must have one of attribute, group or persona in `by`", brief(&entry.id)));
            }
            let expect: serde_json::Map<String, Value> = entry.expect.into_iter().collect();
            target(&Value::Object(expect), question).map_err(|cause| format!("`{}` {cause}", brief(&entry.id)))
        });
        if let Err(cause) = found {
            problems.push(Problem::Steer(cause));
        }
    }
}

fn target(expect: &Value, question: &Question) -> Result<(), String> {
    let entries = expect.as_object().ok_or("expects something that is not an object")?;
    if entries.is_empty() {
        return Err("expects nothing".into());
    }
    for (kind, value) in entries {
        let name = value.as_str().unwrap_or_default();
        let exists = match kind.as_str() {
            "option" => question.options.iter().any(|option| option.id == name),
            "perspective" => question.perspectives.iter().any(|perspective| perspective.id == name),
            "reference" => question.reference(name).is_some(),
            "stance" => STANCES.contains(&name),
            "any_of" => {
                let choices = value.as_array().ok_or("has an `any_of` that is not a list")?;
                choices.iter().try_for_each(|choice| target(choice, question))?;
                !choices.is_empty()
            }
            _ => return Err(format!("expects the unknown `{}`", brief(kind))),
        };
        if !exists {
            return Err(format!("expects the {kind} `{}`, which the item does not have", brief(name)));
        }
    }
    Ok(())
}
