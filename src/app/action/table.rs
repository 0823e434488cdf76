//! The table of actions.

use super::{Action, Do, Place, action};
use crate::app::model::{LiveRun, Model, Overlay, PickerKind};
use crate::domain::Mode;

pub(super) fn always(_: &Model) -> bool {
    true
}

fn is_idle(model: &Model) -> bool {
    !model.is_running()
}

fn has_run(model: &Model) -> bool {
    model.run.is_some()
}

fn has_tokens(model: &Model) -> bool {
    let panes = model.run.iter().flat_map(|run| run.column(model.look.mode));
    !model.looks_at_setup() && panes.flat_map(|pane| &pane.voices).any(|voice| !voice.said.is_empty())
}

fn has_thinking(model: &Model) -> bool {
    let panes = model.run.iter().flat_map(|run| run.column(model.look.mode));
    !model.looks_at_setup() && panes.flat_map(|pane| &pane.voices).any(|voice| voice.thinking_tokens > 0)
}

fn has_references(model: &Model) -> bool {
    model.setup.question.as_ref().is_some_and(|question| question.references.len() > 1)
}

fn has_charts(model: &Model) -> bool {
    model.shows_distributions() && model.run.as_ref().is_some_and(|run| run.charts().len() > 1)
}

fn has_whole(model: &Model) -> bool {
    model.shows_distributions() && model.run.as_ref().is_some_and(LiveRun::has_whole)
}

fn has_survey(model: &Model) -> bool {
    model.survey.is_some()
}

fn has_found_questions(model: &Model) -> bool {
    let Some(Overlay::Picker(picker)) = &model.overlay else { return false };
    picker.kind == PickerKind::Question && !picker.hits.is_empty()
}

fn engine_is_gone(model: &Model) -> bool {
    model.engine.trouble().is_some()
}

fn is_away_from_end(model: &Model) -> bool {
    let look = &model.look;
    if model.looks_at_setup() {
        return look.setup_top < look.layout.setup.last_top();
    }
    let scroll = look.scroll(look.mode);
    if model.column_is_running() {
        return !scroll.follows;
    }
    // A column that follows nothing any more shows its beginning.
    let top = if scroll.follows { 0 } else { scroll.top };
    top < look.size(look.mode).last_top()
}

fn shows_a_running_column(model: &Model) -> bool {
    model.column_is_running() && !model.looks_at_setup()
}

/// All actions but those of the survey, in the order of the help.
pub(super) const TABLE: &[Action] = &[
    action!(
        Workbench,
        Do::Run,
        "run",
        "run",
        ["enter", "r"],
        is_idle,
        Some(0),
        "ask the question as it is set up; again with the same seed gives the same answers"
    ),
    action!(
        Workbench,
        Do::RunNewSeed,
        "run-new-seed",
        "new seed",
        ["n"],
        is_idle,
        Some(9),
        "ask again with the next seed"
    ),
    action!(
        Workbench,
        Do::StopColumn,
        "stop-pane",
        "stop pane",
        ["x"],
        shows_a_running_column,
        Some(1),
        "stop the panes of this column and keep what they have"
    ),
    action!(
        Workbench,
        Do::StopAll,
        "stop-all",
        "stop all",
        ["X"],
        Model::is_running,
        Some(2),
        "stop every pane and keep what they have"
    ),
    action!(
        Workbench,
        Do::RestartEngine,
        "restart-engine",
        "restart engine",
        ["e"],
        engine_is_gone,
        Some(1),
        "start a new engine in place of the one that is gone"
    ),
    action!(
        Workbench,
        Do::PickQuestion,
        "question",
        "question",
        ["/"],
        always,
        Some(3),
        "choose a question from the packs"
    ),
    action!(
        Workbench,
        Do::Ask,
        "ask",
        "ask",
        ["a"],
        always,
        Some(8),
        "ask a question of your own, with or without options"
    ),
    action!(
        Workbench,
        Do::PickPersonas,
        "personas",
        "personas",
        ["p"],
        always,
        Some(4),
        "choose whom the model answers as"
    ),
    action!(
        Workbench,
        Do::WritePersona,
        "write-persona",
        "write persona",
        ["w"],
        always,
        None,
        "write a persona of your own"
    ),
    action!(Workbench, Do::PickMethods, "methods", "methods", ["m"], always, Some(6), "choose modes and methods"),
    action!(Workbench, Do::PickModel, "model", "model", ["l"], always, Some(7), "load another model"),
    action!(
        Workbench,
        Do::PickBeside,
        "model-beside",
        "model beside",
        ["L"],
        always,
        None,
        "have a second model answer everything beside the first: a base model and its aligned sibling, say"
    ),
    action!(
        Workbench,
        Do::PickPopulations,
        "compare",
        "compare with",
        ["g"],
        has_references,
        None,
        "choose the groups of people to compare with"
    ),
    action!(
        Workbench,
        Do::Settings,
        "settings",
        "settings",
        ["s"],
        always,
        Some(10),
        "seed, tokens, samples, temperature, top-p"
    ),
    action!(
        Workbench,
        Do::PickSurvey,
        "ask-all",
        "ask all",
        ["A"],
        always,
        None,
        "a survey: ask all questions of a pack or of a topic, in the way that is set up"
    ),
    action!(
        Workbench,
        Do::LookAtSurvey,
        "survey",
        "survey",
        ["S"],
        has_survey,
        Some(4),
        "look at the survey: how far it is, and its tables"
    ),
    action!(
        Workbench,
        Do::ShowPrompts,
        "prompts",
        "prompts",
        ["v"],
        has_run,
        Some(11),
        "read the exact prompts of this column's voices and scorings"
    ),
    action!(
        Workbench,
        Do::ShowTokens,
        "tokens",
        "tokens",
        ["V"],
        has_tokens,
        None,
        "read this column's voices token by token, with probabilities and what might have been said instead"
    ),
    action!(
        Workbench,
        Do::Look(Mode::Overton),
        "overton",
        "Overton",
        ["1"],
        always,
        None,
        "look at the Overton column"
    ),
    action!(
        Workbench,
        Do::Look(Mode::Steered),
        "steered",
        "Steered",
        ["2"],
        always,
        None,
        "look at the Steered column"
    ),
    action!(
        Workbench,
        Do::Look(Mode::Distribution),
        "distribution",
        "Distribution",
        ["3"],
        always,
        None,
        "look at the Distribution column"
    ),
    action!(Workbench, Do::LookAtSetup, "setup", "setup", ["0"], |model| model.has_tabs(), None, "look at the setup"),
    action!(Workbench, Do::Next, "next", "next pane", ["tab", "right"], always, Some(12), "look at the next column"),
    action!(
        Workbench,
        Do::Previous,
        "previous",
        "previous pane",
        ["shift-tab", "left"],
        always,
        None,
        "look at the column before"
    ),
    action!(
        Workbench,
        Do::Zoom,
        "zoom",
        "zoom",
        ["z"],
        |model| !model.has_tabs(),
        Some(13),
        "give this column the whole width, or take it back"
    ),
    action!(
        Workbench,
        Do::Up,
        "up",
        "up",
        ["up", "k"],
        always,
        None,
        "one line up; what is written is no longer followed"
    ),
    action!(Workbench, Do::Down, "down", "down", ["down", "j"], always, None, "one line down"),
    action!(Workbench, Do::PageUp, "page-up", "page up", ["pageup", "ctrl-b"], always, None, "one page up"),
    action!(
        Workbench,
        Do::PageDown,
        "page-down",
        "page down",
        ["pagedown", "ctrl-f", "space"],
        always,
        None,
        "one page down"
    ),
    action!(Workbench, Do::Top, "top", "top", ["home"], always, None, "to the beginning"),
    action!(
        Workbench,
        Do::Follow,
        "follow",
        "follow",
        ["end", "G"],
        is_away_from_end,
        Some(5),
        "to the end, and follow what is being written"
    ),
    action!(
        Workbench,
        Do::Fold,
        "thinking",
        "thinking",
        ["T"],
        has_thinking,
        Some(5),
        "unfold what this column's voices thought before they answered, or fold it"
    ),
    action!(
        Workbench,
        Do::NextChart,
        "chart",
        "chart",
        ["c"],
        has_charts,
        Some(3),
        "the next chart of the distributions: bars, scale, together, groups, weights, orders, tokens, settling"
    ),
    action!(Workbench, Do::PreviousChart, "chart-before", "chart before", ["C"], has_charts, None, "the chart before"),
    action!(
        Workbench,
        Do::NextWeight,
        "next-weight",
        "weight",
        ["]"],
        Model::shows_weights,
        Some(3),
        "the next persona of a mixture, to move its weight"
    ),
    action!(
        Workbench,
        Do::PreviousWeight,
        "weight-before",
        "weight before",
        ["["],
        Model::shows_weights,
        None,
        "the persona before"
    ),
    action!(
        Workbench,
        Do::MoreWeight,
        "more-weight",
        "more",
        ["+", "="],
        Model::shows_weights,
        Some(3),
        "more weight for the chosen persona, less for the others; nothing is asked again"
    ),
    action!(
        Workbench,
        Do::LessWeight,
        "less-weight",
        "less",
        ["-"],
        Model::shows_weights,
        Some(3),
        "less weight for it"
    ),
    action!(
        Workbench,
        Do::FittedWeights,
        "fitted-weights",
        "fitted",
        ["f"],
        Model::shows_weights,
        Some(3),
        "back to fitted weights; again for those of the next fit"
    ),
    action!(
        Workbench,
        Do::AllOptions,
        "all-options",
        "all options",
        ["o"],
        has_whole,
        Some(5),
        "bars over opinions alone, or over all options, those that give no opinion too"
    ),
    action!(
        Workbench,
        Do::Copy,
        "copy",
        "copy",
        ["y"],
        has_run,
        None,
        "send this column's text to the terminal's clipboard"
    ),
    action!(
        Workbench,
        Do::NextTheme,
        "theme",
        "theme",
        ["t"],
        always,
        None,
        "the next theme: dark, light, mono, your own"
    ),
    action!(Workbench, Do::Help, "help", "help", ["?", "f1"], always, Some(14), "all keys"),
    action!(Workbench, Do::Quit, "quit", "quit", ["q"], always, Some(15), "end; what was finished is kept"),
    action!(Picker, Do::Accept, "accept", "take", ["enter"], always, Some(0), "take the chosen line"),
    action!(Picker, Do::Up, "up", "up", ["up", "ctrl-k"], always, None, "one line up"),
    action!(Picker, Do::Down, "down", "down", ["down", "ctrl-j", "ctrl-n"], always, None, "one line down"),
    action!(Picker, Do::PageUp, "page-up", "page up", ["pageup"], always, None, "one page up"),
    action!(Picker, Do::PageDown, "page-down", "page down", ["pagedown"], always, None, "one page down"),
    action!(
        Picker,
        Do::AskFound,
        "ask-found",
        "ask all found",
        ["ctrl-a"],
        has_found_questions,
        Some(2),
        "in the list of questions: a survey of all that were found"
    ),
    action!(Picker, Do::Cancel, "close", "close", ["esc"], always, Some(1), "close and change nothing"),
    action!(
        MultiPicker,
        Do::Toggle,
        "toggle",
        "on/off",
        ["space", "tab"],
        always,
        Some(0),
        "switch the chosen line on or off"
    ),
    action!(MultiPicker, Do::Accept, "accept", "done", ["enter"], always, Some(1), "take what is switched on"),
    action!(MultiPicker, Do::Up, "up", "up", ["up", "ctrl-k"], always, None, "one line up"),
    action!(MultiPicker, Do::Down, "down", "down", ["down", "ctrl-j", "ctrl-n"], always, None, "one line down"),
    action!(MultiPicker, Do::PageUp, "page-up", "page up", ["pageup"], always, None, "one page up"),
    action!(MultiPicker, Do::PageDown, "page-down", "page down", ["pagedown"], always, None, "one page down"),
    action!(MultiPicker, Do::Cancel, "close", "close", ["esc"], always, Some(2), "close and change nothing"),
    action!(Editor, Do::Accept, "accept", "use it", ["ctrl-s", "alt-enter"], always, Some(0), "take what is written"),
    action!(Editor, Do::NextField, "next-field", "next field", ["tab"], always, Some(1), "the next field"),
    action!(
        Editor,
        Do::PreviousField,
        "previous-field",
        "previous field",
        ["shift-tab"],
        always,
        None,
        "the field before"
    ),
    action!(
        Editor,
        Do::Cancel,
        "close",
        "close",
        ["esc"],
        always,
        Some(2),
        "close; what is written is kept for the next time"
    ),
    action!(Settings, Do::Accept, "accept", "done", ["enter"], always, Some(0), "take the numbers"),
    action!(Settings, Do::NextField, "next-field", "next", ["down", "tab"], always, Some(1), "the next number"),
    action!(
        Settings,
        Do::PreviousField,
        "previous-field",
        "previous",
        ["up", "shift-tab"],
        always,
        None,
        "the number before"
    ),
    action!(Settings, Do::Increase, "increase", "more", ["right", "+"], always, Some(2), "a step more"),
    action!(Settings, Do::Decrease, "decrease", "less", ["left", "-"], always, Some(3), "a step less"),
    action!(Settings, Do::Cancel, "close", "close", ["esc"], always, Some(4), "close and change nothing"),
    action!(Reader, Do::Next, "next", "next", ["right", "tab", "n"], Model::can_turn_pages, Some(0), "the next one"),
    action!(
        Reader,
        Do::Previous,
        "previous",
        "previous",
        ["left", "shift-tab", "p"],
        Model::can_turn_pages,
        Some(1),
        "the one before"
    ),
    action!(Reader, Do::Up, "up", "up", ["up", "k"], always, None, "one line up"),
    action!(Reader, Do::Down, "down", "scroll", ["down", "j"], always, Some(2), "one line down"),
    action!(Reader, Do::PageUp, "page-up", "page up", ["pageup"], always, None, "one page up"),
    action!(Reader, Do::PageDown, "page-down", "page down", ["pagedown", "space"], always, None, "one page down"),
    action!(Reader, Do::Top, "top", "top", ["home"], always, None, "to the beginning"),
    action!(Reader, Do::Follow, "end", "end", ["end", "G"], always, None, "to the end"),
    action!(
        Reader,
        Do::Copy,
        "copy",
        "copy",
        ["y"],
        Model::reads_prompts,
        Some(3),
        "send this text to the terminal's clipboard"
    ),
    action!(Reader, Do::Cancel, "close", "close", ["esc", "q", "enter", "?", "v"], always, Some(4), "close"),
    action!(Anywhere, Do::Palette, "palette", "palette", ["ctrl-p"], always, None, "every action by name"),
    action!(
        Anywhere,
        Do::Interrupt,
        "interrupt",
        "stop",
        ["ctrl-c"],
        always,
        None,
        "stop what runs; with nothing running, quit"
    ),
    action!(Anywhere, Do::Redraw, "redraw", "redraw", ["ctrl-l"], always, None, "draw the screen anew"),
    action!(
        Anywhere,
        Do::Suspend,
        "suspend",
        "suspend",
        ["ctrl-z"],
        always,
        None,
        "go to the background; `fg` comes back"
    ),
    action!(Anywhere, Do::Quit, "quit-anywhere", "quit", ["ctrl-q"], always, None, "end, also from text fields"),
];
