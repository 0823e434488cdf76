//! Panes of a real run with the scripted engine (bundled pack us-civics, two personas, 20 samples, seed 1), its texts cut.

use crate::domain::{AnswerOption, Form, Mode, OptionOrder, Pane, Population, Question, Role, Run, Scale};

const RUN: &str = include_str!("../../../tests/fixtures/panes/run.json");
const GROUPS: &str = include_str!("../../../tests/fixtures/panes/groups.json");

fn run() -> Run {
    serde_json::from_str(RUN).expect("the fixture is a run")
}

/// The pane of `mode` and `method`.
pub(super) fn pane(mode: Mode, method: &str) -> Pane {
    run().panes.into_iter().find(|pane| pane.mode == mode && pane.method == method).expect("the fixture has the pane")
}

/// The question of the run.
pub(super) fn question() -> Question {
    let shown = run().run.question;
    let options = shown.options.into_iter().map(|option| AnswerOption {
        id: option.id,
        label: option.label,
        role: option.role,
        value: option.value,
    });
    let populations = [("us.party.democrat", "Democrats"), ("us.party.republican", "Republicans")];
    Question {
        populations: populations
            .map(|(id, label)| Population {
                id: id.to_owned(),
                label: label.to_owned(),
                dimension: "party".to_owned(),
                prompt: None,
            })
            .to_vec(),
        ..bare(options.collect())
    }
}

/// A question with nothing but options.
pub(super) fn bare(options: Vec<AnswerOption>) -> Question {
    Question {
        pack: String::new(),
        id: String::new(),
        text: String::new(),
        lang: String::new(),
        turns: Vec::new(),
        form: Form::Choice,
        scale: Scale::Nominal,
        order: OptionOrder::Free,
        options,
        references: Vec::new(),
        populations: Vec::new(),
        perspectives: Vec::new(),
        tags: Vec::new(),
        citation: None,
    }
}

/// A substantive option.
pub(super) fn option(id: &str, label: &str) -> AnswerOption {
    AnswerOption { id: id.to_owned(), label: label.to_owned(), role: Role::Substantive, value: None }
}

/// The distribution panes of a run beside three populations (scripted engine, 20 samples, seed 1), with their orders, draws
/// and tokens.
pub(super) fn group_panes() -> Vec<Pane> {
    let run: Run = serde_json::from_str(GROUPS).expect("the fixture is a run");
    run.panes.into_iter().filter(|pane| pane.mode == Mode::Distribution).collect()
}
