//! The actions of the survey.

use super::table::always;
use super::{Action, Do, Place, action};
use crate::app::model::{Model, Table};

fn has_answerers(model: &Model) -> bool {
    let tables = model.survey.as_ref().and_then(|survey| survey.tables.as_ref());
    tables.is_some_and(|tables| tables.survey.answerers().len() > 1)
}

fn shows_questions(model: &Model) -> bool {
    model.survey.as_ref().is_some_and(|survey| survey.table == Table::Questions && !survey.rows().is_empty())
}

/// In the order of the help.
pub(super) const TABLE: &[Action] = &[
    action!(
        Survey,
        Do::Accept,
        "open",
        "open",
        ["enter"],
        shows_questions,
        Some(0),
        "look at the chosen question's run in the panes"
    ),
    action!(
        Survey,
        Do::StopSurvey,
        "stop-survey",
        "stop",
        ["x", "X"],
        Model::is_surveying,
        Some(1),
        "stop asking; what was answered stays, and asking again goes on from there"
    ),
    action!(
        Survey,
        Do::Cancel,
        "leave",
        "leave",
        ["esc", "q"],
        always,
        Some(2),
        "back to the panes; the survey goes on"
    ),
    action!(Survey, Do::Next, "next", "next table", ["tab", "right"], always, Some(3), "the next table"),
    action!(Survey, Do::Previous, "previous", "table before", ["shift-tab", "left"], always, None, "the table before"),
    action!(
        Survey,
        Do::NextSort,
        "sort",
        "sort",
        ["s"],
        shows_questions,
        Some(4),
        "sort the questions by the next measure, the worst first"
    ),
    action!(
        Survey,
        Do::PreviousSort,
        "sort-before",
        "sort before",
        ["S"],
        shows_questions,
        None,
        "sort the questions by the measure before"
    ),
    action!(Survey, Do::Reverse, "reverse", "reverse", ["r"], shows_questions, Some(5), "turn their order round"),
    action!(
        Survey,
        Do::NextAnswerer,
        "method",
        "method",
        ["m"],
        has_answerers,
        Some(6),
        "the numbers of the next method or persona"
    ),
    action!(
        Survey,
        Do::PreviousAnswerer,
        "method-before",
        "method before",
        ["M"],
        has_answerers,
        None,
        "the numbers of the method or persona before"
    ),
    action!(
        Survey,
        Do::PickSurvey,
        "ask-all",
        "ask all",
        ["A"],
        |model| !model.is_surveying(),
        Some(7),
        "another survey, or what is missing of this one: what was answered is not asked again"
    ),
    action!(Survey, Do::Up, "up", "up", ["up", "k"], always, None, "one line up"),
    action!(Survey, Do::Down, "down", "down", ["down", "j"], always, None, "one line down"),
    action!(Survey, Do::PageUp, "page-up", "page up", ["pageup", "ctrl-b"], always, None, "one page up"),
    action!(
        Survey,
        Do::PageDown,
        "page-down",
        "page down",
        ["pagedown", "ctrl-f", "space"],
        always,
        None,
        "one page down"
    ),
    action!(Survey, Do::Top, "top", "top", ["home"], always, None, "to the beginning"),
    action!(Survey, Do::Follow, "end", "end", ["end", "G"], always, None, "to the end"),
    action!(Survey, Do::NextTheme, "theme", "theme", ["t"], always, None, "the next theme"),
    action!(Survey, Do::Help, "help", "help", ["?", "f1"], always, Some(8), "all keys"),
];
