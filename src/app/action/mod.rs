//! Every action with its keys: the one table behind the keyboard, the footer, the `?` help and the palette.

mod survey;
mod table;

use crate::config::Key;
use crate::domain::Mode;

use super::model::Model;

/// Where keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Wherever one is.
    Anywhere,
    /// The panes and the setup beside them.
    Workbench,
    /// A list to choose one thing from.
    Picker,
    /// A list to switch things on and off in.
    MultiPicker,
    /// A form with texts of several lines.
    Editor,
    /// The numbers of a run.
    Settings,
    /// Many questions at once.
    Survey,
    /// Something to read.
    Reader,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Ask the question as it is set up.
    Run,
    /// The same with the next seed.
    RunNewSeed,
    /// Stop the panes of the column that is looked at.
    StopColumn,
    /// Stop all panes.
    StopAll,
    /// Stop what runs; close what is open; quit.
    Interrupt,
    /// Choose a question.
    PickQuestion,
    /// Write a question.
    Ask,
    /// Choose personas.
    PickPersonas,
    /// Write a persona.
    WritePersona,
    /// Choose modes and methods.
    PickMethods,
    /// Choose a model.
    PickModel,
    /// Choose a model to answer beside it.
    PickBeside,
    /// Choose whom to compare with.
    PickPopulations,
    /// Change the numbers of a run.
    Settings,
    /// Choose the questions of a survey.
    PickSurvey,
    /// Ask all questions that were found.
    AskFound,
    /// Look at the survey.
    LookAtSurvey,
    /// Stop the survey.
    StopSurvey,
    /// Sort the questions by the next measure.
    NextSort,
    /// Sort them by the measure before.
    PreviousSort,
    /// Turn their order round.
    Reverse,
    /// Look at the next answerer's numbers.
    NextAnswerer,
    /// Look at the numbers of the one before.
    PreviousAnswerer,
    /// Read the exact prompts.
    ShowPrompts,
    /// Read the tokens of the column's voices.
    ShowTokens,
    /// Look at one column.
    Look(Mode),
    /// Look at the setup, where it is a tab.
    LookAtSetup,
    /// Look at the next column.
    Next,
    /// Look at the column before.
    Previous,
    /// Give the column the whole width, or take it back.
    Zoom,
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the beginning.
    Top,
    /// To the end, and follow what is written.
    Follow,
    /// Show whole what the column's voices thought, or one line of it.
    Fold,
    /// The next chart of the distribution column.
    NextChart,
    /// The chart before.
    PreviousChart,
    /// The next persona of a mixture.
    NextWeight,
    /// The persona before.
    PreviousWeight,
    /// More weight for the chosen persona.
    MoreWeight,
    /// Less weight for it.
    LessWeight,
    /// Back to fitted weights, then to the next that are known.
    FittedWeights,
    /// Bars over opinions alone, or over all options.
    AllOptions,
    /// Copy the column's text.
    Copy,
    /// The next theme.
    NextTheme,
    /// A new engine in place of the one that is gone.
    RestartEngine,
    /// All keys.
    Help,
    /// All actions by name.
    Palette,
    /// Take what is chosen or written.
    Accept,
    /// Close without taking anything.
    Cancel,
    /// Switch the chosen line on or off.
    Toggle,
    /// The next field.
    NextField,
    /// The field before.
    PreviousField,
    /// A step more.
    Increase,
    /// A step less.
    Decrease,
    /// Draw everything anew.
    Redraw,
    /// Go to the background.
    Suspend,
    /// End.
    Quit,
}

macro_rules! action {
    ($place:ident, $what:expr, $id:literal, $label:literal, $keys:expr, $when:expr, $footer:expr, $help:literal) => {
        Action {
            what: $what,
            id: $id,
            label: $label,
            help: $help,
            keys: &$keys,
            place: Place::$place,
            when: $when,
            footer: $footer,
        }
    };
}

use action;

/// All actions, in the order of the help.
pub static ACTIONS: &[Action] = &joined::<{ table::TABLE.len() + survey::TABLE.len() }>(table::TABLE, survey::TABLE);

const fn joined<const N: usize>(first: &[Action], second: &[Action]) -> [Action; N] {
    let mut all = [first[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() { first[at] } else { second[at - first.len()] };
        at += 1;
    }
    all
}

/// An action, its keys, and when it can be done.
#[derive(Debug, Clone, Copy)]
pub struct Action {
    /// What is done.
    pub what: Do,
    /// For the command palette and the documents.
    pub id: &'static str,
    /// One or two words for the footer.
    pub label: &'static str,
    /// A sentence without its full stop.
    pub help: &'static str,
    /// As [`Key`] reads them; the first is the one that is shown.
    pub keys: &'static [&'static str],
    /// Where the keys work.
    pub place: Place,
    /// Whether it can be done now.
    pub when: fn(&Model) -> bool,
    /// Its rank in the footer, the lowest first; `None` keeps it out.
    pub footer: Option<u8>,
}

impl Action {
    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.keys.iter().filter_map(|key| key.parse().ok())
    }

    /// Its keys as people write them; the first is the one that is shown alone.
    pub fn written(&self) -> impl Iterator<Item = String> + '_ {
        self.keys.iter().map(|key| match *key {
            "enter" => "Enter".to_owned(),
            "esc" => "Esc".to_owned(),
            "tab" => "Tab".to_owned(),
            "space" => "Space".to_owned(),
            "up" => "Up".to_owned(),
            "down" => "Down".to_owned(),
            "left" => "Left".to_owned(),
            "right" => "Right".to_owned(),
            "home" => "Home".to_owned(),
            "end" => "End".to_owned(),
            "pageup" => "PgUp".to_owned(),
            "pagedown" => "PgDn".to_owned(),
            "f1" => "F1".to_owned(),
            key => key
                .replace("ctrl-", "Ctrl-")
                .replace("alt-", "Alt-")
                .replace("shift-tab", "Shift-Tab")
                .replace("-enter", "-Enter"),
        })
    }

    /// The key that is shown.
    pub fn key(&self) -> String {
        self.written().next().unwrap_or_default()
    }
}

/// The action of `key` at `place`, if it can be done now.
pub fn find(model: &Model, place: Place, key: Key) -> Option<&'static Action> {
    let at = |wanted: Place| {
        ACTIONS
            .iter()
            .filter(move |action| action.place == wanted)
            .find(|action| action.keys().any(|own| own == key) && (action.when)(model))
    };
    at(place).or_else(|| at(Place::Anywhere))
}

/// What the footer shows at `place`, the most useful first.
pub fn footer(model: &Model, place: Place) -> Vec<&'static Action> {
    let mut actions: Vec<&Action> = ACTIONS
        .iter()
        .filter(|action| action.place == place && action.footer.is_some() && (action.when)(model))
        .collect();
    actions.sort_by_key(|action| action.footer);
    actions
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_key_can_be_read_and_means_one_thing_in_its_place() {
        let mut known: BTreeMap<(String, Key), &str> = BTreeMap::new();
        for action in ACTIONS {
            assert!(!action.keys.is_empty(), "{} has no key", action.id);
            for text in action.keys {
                let key: Key = text.parse().unwrap_or_else(|_| unreachable!("{text} of {} is no key", action.id));
                for place in [action.place, Place::Anywhere] {
                    let earlier = known.get(&(format!("{place:?}"), key));
                    assert_eq!(earlier, None, "{text} means {} too", action.id);
                }
                known.insert((format!("{:?}", action.place), key), action.id);
            }
        }
    }

    #[test]
    fn every_action_says_what_it_does_and_is_named_once_in_its_place() {
        let mut names = std::collections::BTreeSet::new();
        for action in ACTIONS {
            assert!(!action.help.is_empty() && !action.help.ends_with('.'), "{}", action.id);
            assert!(!action.label.is_empty(), "{}", action.id);
            assert!(names.insert((format!("{:?}", action.place), action.id)), "{} stands twice", action.id);
        }
    }
}
