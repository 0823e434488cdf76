//! The references of an item: figures in, one share per option out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::file::brief;
use super::super::pack::ReferenceEntry;
use super::item::{Asked, part};
use super::{Loader, Problem, ReferenceProblem};
use crate::domain::{AnswerOption, Form, Reference};

/// How far from 1 shares may sum.
const SUM_TOLERANCE: f64 = 0.02;
/// Differences from 1 that six printed decimals explain; scaling them away is not worth a word.
const ROUNDING: f64 = 1e-5;

/// Every reference that can be used; a bad one is reported and costs only itself.
pub(super) fn all(raw: &[Value], asked: &Asked, loader: &Loader, problems: &mut Vec<Problem>) -> Vec<Reference> {
    let mut references = Vec::with_capacity(raw.len());
    for raw in raw {
        let entry: ReferenceEntry = match part(raw, "reference", loader.strictness, problems) {
            Ok(entry) => entry,
            Err(cause) => {
                problems.push(Problem::MalformedReference(cause));
                continue;
            }
        };
        let group = brief(&entry.group);
        match one(entry, asked, loader, problems) {
            Ok(reference) => references.push(reference),
            Err(cause) => problems.push(Problem::Reference { group, cause }),
        }
    }
    references
}

fn one(
    entry: ReferenceEntry,
    asked: &Asked,
    loader: &Loader,
    problems: &mut Vec<Problem>,
) -> Result<Reference, ReferenceProblem> {
    if !loader.populations.iter().any(|population| population.id == entry.group) {
        return Err(ReferenceProblem::NoGroup);
    }
    let (figures, are_counts) = match (&entry.counts, &entry.shares) {
        (Some(_), Some(_)) => return Err(ReferenceProblem::CountsAndShares),
        (Some(counts), None) => (in_order(counts, &asked.options)?, true),
        (None, Some(shares)) => (in_order(shares, &asked.options)?, false),
        (None, None) => return Err(ReferenceProblem::NoFigures),
    };
    let sum: f64 = figures.iter().sum();
    if sum <= 0.0 {
        return Err(ReferenceProblem::ZeroSum);
    }
    let n = entry.n.or_else(|| (are_counts && !entry.weighted && asked.form != Form::Multi).then(|| whole(sum)));
    let shares = if asked.form == Form::Multi {
        tick_all(figures, are_counts, n, &asked.options)?
    } else {
        if !are_counts && (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(ReferenceProblem::Sum(rounded(sum)));
        }
        if !are_counts && (sum - 1.0).abs() > ROUNDING {
            problems.push(Problem::Renormalised { group: entry.group.clone(), sum: rounded(sum) });
        }
        figures.iter().map(|figure| figure / sum).collect()
    };
    let source = loader.source(&entry.source);
    if source.is_none() {
        problems.push(Problem::NoSource(brief(&entry.source)));
    }
    Ok(Reference {
        population: entry.group,
        basis: entry.basis,
        year: entry.year,
        n,
        weighted: entry.weighted,
        shares,
        source: source.map(|source| source.citation.clone()).or(Some(entry.source)),
        note: note(entry.note, entry.nonresponse.as_ref()),
    })
}

/// Figures in the order of the options; an option nobody chose may be left out.
fn in_order(figures: &BTreeMap<String, f64>, options: &[AnswerOption]) -> Result<Vec<f64>, ReferenceProblem> {
    if let Some(key) = figures.keys().find(|key| !options.iter().any(|option| option.id == **key)) {
        return Err(ReferenceProblem::UnknownOption(brief(key)));
    }
    if let Some((key, _)) = figures.iter().find(|(_, figure)| !figure.is_finite() || **figure < 0.0) {
        return Err(ReferenceProblem::BadFigure(brief(key)));
    }
    Ok(options.iter().map(|option| figures.get(&option.id).copied().unwrap_or(0.0)).collect())
}

/// Shares of people who ticked each option; they need not sum to 1 and are not scaled.
fn tick_all(
    figures: Vec<f64>,
    are_counts: bool,
    n: Option<u64>,
    options: &[AnswerOption],
) -> Result<Vec<f64>, ReferenceProblem> {
    let people = match (are_counts, n) {
        (false, _) => 1.0,
        (true, Some(n)) if n > 0 => n as f64,
        (true, _) => return Err(ReferenceProblem::NoN),
    };
    let shares: Vec<f64> = figures.into_iter().map(|figure| figure / people).collect();
    match shares.iter().zip(options).find(|(share, _)| **share > 1.0 + ROUNDING) {
        Some((_, option)) => Err(ReferenceProblem::AboveOne(option.id.clone())),
        None => Ok(shares),
    }
}

fn note(note: Option<String>, nonresponse: Option<&BTreeMap<String, f64>>) -> Option<String> {
    let without = nonresponse.filter(|reasons| !reasons.is_empty()).map(|reasons| {
        let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{} {count}", brief(reason))).collect();
        format!("without an answer: {}", reasons.join(", "))
    });
    let parts: Vec<String> = note.into_iter().chain(without).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn rounded(sum: f64) -> f64 {
    (sum * 1e4).round() / 1e4
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts, not negative, rounded")]
fn whole(sum: f64) -> u64 {
    sum.round() as u64
}
