//! How the bench reads from the screen what the workbench does, and how it types.
//!
//! Words are taken from the workbench's own tables where it has them, so that a change of a label does not break this.

use super::grid::Grid;
use crate::app::Event;
use crate::app::action::{ACTIONS, Do, Place};
use crate::app::model::{Field, Model, Overlay};
use crate::app::update::update;
use crate::config::{Key, KeyCode};
use crate::domain::Mode;
use crate::methods::{DEFAULT_METHODS, registry::METHODS};

/// Keys as a terminal sends them.
pub(super) const ENTER: &str = "\r";
pub(super) const ESCAPE: &str = "\x1b";
const DOWN: &str = "\x1b[B";
const CTRL_U: &str = "\x15";

/// Beside the model's profile stands its class, once the model is loaded.
const PROFILE: &str = " profile, ";
/// The class while the self-tests go on.
const UNTESTED: &str = "testing…";
/// In place of the model's name.
const TROUBLE: &str = "none that works";
/// A pane that was asked to stop and has not.
const STOPPING: &str = "stopping";

/// How the footer names an action.
fn footer(place: Place, what: Do) -> String {
    let action = ACTIONS.iter().find(|action| action.place == place && action.what == what);
    action.map_or_else(String::new, |action| format!("{} {}", action.key(), action.label))
}

/// The model can be used.
pub(super) fn is_ready(grid: &Grid) -> bool {
    grid.shows(PROFILE)
}

/// The engine is gone or its model cannot be used: what the screen says about it.
pub(super) fn trouble(grid: &Grid) -> Option<String> {
    // The sentence stands over the panes, above a rule.
    let side = grid.size().0 / 4;
    let cut = |line: String| line.chars().skip(side).collect::<String>().trim().to_owned();
    let rows = grid.lines().map(cut).take_while(|line| !line.starts_with(['─', '-']) && !line.is_empty());
    grid.shows(TROUBLE).then(|| rows.collect::<Vec<_>>().join(" "))
}

/// The self-tests are over.
pub(super) fn has_class(grid: &Grid) -> bool {
    is_ready(grid) && !grid.shows(UNTESTED)
}

/// What stands beside the profile.
pub(super) fn class(grid: &Grid) -> Option<String> {
    let line = grid.lines().find(|line| line.contains(PROFILE))?;
    line.split(PROFILE).nth(1)?.split_whitespace().next().map(str::to_owned)
}

/// The key that begins a run works: none is under way.
pub(super) fn is_idle(grid: &Grid) -> bool {
    grid.last_row().contains(&footer(Place::Workbench, Do::Run))
}

/// A run is under way, and nothing lies over it.
pub(super) fn is_running(grid: &Grid) -> bool {
    let last = grid.last_row();
    [Do::StopColumn, Do::StopAll].iter().any(|what| last.contains(&footer(Place::Workbench, *what)))
}

/// The screen has taken in that a run is to stop.
pub(super) fn is_stopping(grid: &Grid) -> bool {
    grid.shows(STOPPING) || is_idle(grid)
}

/// A list with several choices is open.
pub(super) fn is_choosing(grid: &Grid) -> bool {
    grid.last_row().contains(&footer(Place::MultiPicker, Do::Toggle))
}

/// The settings are open.
pub(super) fn is_setting(grid: &Grid) -> bool {
    grid.shows(Field::Seed.help())
}

/// What stands on the page of all keys and nowhere else.
pub(super) fn help_title() -> Option<String> {
    let mut model = Model::new(super::sitting::SIZE, Vec::new(), 0, None);
    update(&mut model, Event::Key(Key::plain(KeyCode::Char('?'))));
    match model.overlay {
        Some(Overlay::Reader(reader)) => reader.page().map(|page| page.title.clone()),
        _ => None,
    }
}

/// Tokens of every voice on screen, each from the line with its name.
pub(super) fn voices(grid: &Grid) -> Vec<u64> {
    let of_line = |line: String| -> Vec<u64> {
        let pieces: Vec<&str> = line.split(" tok").collect();
        let is_voice = |after: &str| !after.starts_with(['/', 'e']) && !after.starts_with(" reused");
        let number = |before: &str| before.rsplit(' ').next().and_then(|word| word.parse().ok());
        pieces.windows(2).filter(|pair| is_voice(pair[1])).filter_map(|pair| number(pair[0])).collect()
    };
    let rows = grid.size().1.saturating_sub(1);
    grid.lines().take(rows).flat_map(of_line).collect()
}

/// Keys that switch on these places of an open list, whose line `at` is chosen, and take it.
fn switch(at: usize, places: &[usize]) -> String {
    let mut keys = String::new();
    let mut at = at;
    for place in places {
        keys.push_str(&DOWN.repeat(place.saturating_sub(at)));
        keys.push(' ');
        at = *place;
    }
    keys + ENTER
}

/// Keys for the open list of personas: the first `n` are on, where the first `defaults` were.
pub(super) fn first_personas(n: usize, defaults: usize) -> String {
    switch(0, &(defaults..n).collect::<Vec<_>>())
}

/// Keys for the open list of methods: all that write are on.
///
/// `sampled` stays off: its thirty samples would share the engine with the voices on screen, and are not shown.
pub(super) fn writing_methods() -> String {
    let is_on = |mode: Mode, id: &str| DEFAULT_METHODS.contains(&(mode, id));
    let facts = || METHODS.iter().map(|method| &method.facts).enumerate();
    let first = facts().find(|(_, facts)| is_on(facts.mode, facts.id)).map_or(0, |(place, _)| place);
    let off = facts().filter(|(_, facts)| !is_on(facts.mode, facts.id) && facts.mode != Mode::Distribution);
    switch(first, &off.map(|(place, _)| place).collect::<Vec<_>>())
}

/// Keys for the open settings: at most so many tokens a voice.
pub(super) fn most_tokens(n: usize) -> String {
    let place = Field::ALL.iter().position(|field| *field == Field::MaxTokens).unwrap_or(0);
    format!("{}{CTRL_U}{n}{ENTER}", DOWN.repeat(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(line: &str) -> Grid {
        let mut grid = Grid::new((120, 2));
        for byte in line.bytes() {
            grid.take(byte);
        }
        grid
    }

    #[test]
    fn voices_are_told_from_sums_and_speeds() {
        let line = "▌Teacher  12 tok   ▌Farmer  3 tok · stopped  2 of 3 voices · 15 tokens · 9 tok/s";
        assert_eq!(voices(&grid(line)), [12, 3]);
    }

    #[test]
    fn every_cue_of_the_footer_is_known_to_the_action_table() {
        for (place, what) in [
            (Place::Workbench, Do::Run),
            (Place::Workbench, Do::StopColumn),
            (Place::Workbench, Do::StopAll),
            (Place::MultiPicker, Do::Toggle),
        ] {
            assert!(footer(place, what).contains(' '), "{what:?}");
        }
        assert!(help_title().is_some_and(|title| title.len() > 3));
    }

    #[test]
    fn lists_are_walked_down() {
        assert_eq!(first_personas(4, 2), format!("{DOWN}{DOWN} {DOWN} {ENTER}"));
        assert!(writing_methods().ends_with(ENTER));
    }
}
