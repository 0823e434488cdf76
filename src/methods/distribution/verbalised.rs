//! The stated distribution (M21, Verb): the model says in percent how people divide.

use serde_json::json;

use super::stated::{SAMPLES, Stated, pane_of, tokens};
use super::{person, person_bytes, show, too_many_letters};
use crate::domain::{Mode, Pane};
use crate::methods::compare::Stage;
use crate::methods::cost::options;
use crate::methods::elicit::{many_options_note, orders, scorings};
use crate::methods::{Cost, Method, MethodError, MethodFacts, PaneContext, RunSpec};

/// The stated distribution.
pub(crate) static METHOD: Method = Method {
    facts: MethodFacts {
        mode: Mode::Distribution,
        id: "verbalised",
        summary: "the model states in percent how people divide: five samples in each option order, under a grammar",
        cost: "5 x o G",
        paper: "Verb of Meister et al. 2025 (arXiv 2411.05403)",
        wordings: &["verbalised"],
        needs_options: true,
        needs_personas: false,
    },
    cost,
    run: |pane| Box::pin(run(pane)),
};

/// Bytes of the instruction.
const INSTRUCTION: usize = 225;

fn cost(spec: &RunSpec) -> Cost {
    let bytes = INSTRUCTION + options(spec) + person_bytes(spec);
    Cost::generations(spec, SAMPLES * scorings(&spec.question), bytes, tokens(&spec.question))
}

async fn run(pane: &PaneContext) -> Result<Pane, MethodError> {
    let blank = pane.begin(&METHOD.facts)?;
    let question = &pane.spec().question;
    if let Some(error) = too_many_letters(question) {
        return Err(error);
    }
    let orders = orders(question);
    let prompts = orders.iter().map(|order| {
        let values = json!({ "options": pane.lettered(order), "person": person(pane).unwrap_or_default() });
        Ok(pane.chat(pane.text(METHOD.facts.id, "choice", values)?, None))
    });
    let prompts = prompts.collect::<Result<Vec<_>, MethodError>>()?;
    pane_of(pane, &blank, &orders, &prompts, |stated, stage| picture(pane, &blank, stated, stage)).await
}

fn picture(pane: &PaneContext, blank: &Pane, stated: &Stated, stage: Stage) -> Pane {
    let mut result = blank.clone();
    stated.describe(&mut result);
    if let Some(person) = person(pane) {
        result.add_note(&format!("it was asked about people of whom each is {person}"));
    }
    if let Some(note) = many_options_note(&pane.spec().question) {
        result.add_note(&note);
    }
    show(pane, &mut result, &stated.p, None, stage);
    result.measures.extend(stated.measures());
    result
}
