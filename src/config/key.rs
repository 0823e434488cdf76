//! [`Key`]: one key press as the keymap writes it, `ctrl-p`, `alt-enter`, `?`, `f5`.
//!
//! Printing and parsing are inverses, so a help page, a configuration file and the keymap always speak of the same key.
//! A terminal cannot tell some presses apart (shift is already in a capital letter, control knows no case): [`Key`] is
//! kept in one normal form, so that equal presses are equal values.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The key itself, without modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A character as the keyboard layout gives it: `a`, `A`, `?`, `é`, a space.
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Escape,
    /// The tabulator; with shift it is the back tab.
    Tab,
    /// Delete to the left.
    Backspace,
    /// Delete to the right.
    Delete,
    /// Insert.
    Insert,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// To the start.
    Home,
    /// To the end.
    End,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// A function key, from 1.
    F(u8),
}

/// The names of the keys that are no character: the first of a key is printed, all are read.
const NAMES: [(&str, KeyCode); 24] = [
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("return", KeyCode::Enter),
    ("escape", KeyCode::Escape),
    ("esc", KeyCode::Escape),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("del", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("ins", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("page-up", KeyCode::PageUp),
    ("pgup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("page-down", KeyCode::PageDown),
    ("pgdn", KeyCode::PageDown),
    ("pgdown", KeyCode::PageDown),
];
/// The highest function key a terminal can name.
const LAST_FUNCTION_KEY: u8 = 35;

/// One key press. Build it with [`Key::new`] or by parsing, which keep the normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// The key itself.
    pub code: KeyCode,
    /// Held with control.
    pub ctrl: bool,
    /// Held with alt (meta, option).
    pub alt: bool,
    /// Held with shift; never set on a character, whose capital or symbol says it already.
    pub shift: bool,
}

impl Key {
    /// The key in its normal form: a shifted letter is its capital, control has no case and no shift, characters carry
    /// no shift.
    pub fn new(code: KeyCode, ctrl: bool, alt: bool, shift: bool) -> Self {
        let KeyCode::Char(c) = code else { return Self { code, ctrl, alt, shift } };
        let c = match (ctrl, shift) {
            (true, _) => single(c, c.to_lowercase()),
            (false, true) => single(c, c.to_uppercase()),
            (false, false) => c,
        };
        Self { code: KeyCode::Char(c), ctrl, alt, shift: false }
    }

    /// A key without modifiers.
    pub fn plain(code: KeyCode) -> Self {
        Self::new(code, false, false, false)
    }

    /// The character this press types into a text field, if it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

/// `c` in its other case, or unchanged where that is not one character (`ß` has no single capital).
fn single(c: char, mut other: impl Iterator<Item = char>) -> char {
    match (other.next(), other.next()) {
        (Some(first), None) => first,
        _ => c,
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = Self::new(self.code, self.ctrl, self.alt, self.shift);
        for (held, name) in [(key.ctrl, "ctrl-"), (key.alt, "alt-"), (key.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        if let Some((name, _)) = NAMES.iter().find(|(_, code)| *code == key.code) {
            return f.write_str(name);
        }
        match key.code {
            KeyCode::F(number) => write!(f, "f{number}"),
            KeyCode::Char(c) => write!(f, "{c}"),
            // Every other key has a name in the table.
            _ => Ok(()),
        }
    }
}

/// The text names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing, or modifiers and nothing after them.
    #[error(
        "`{0}` names no key: write a character or a name such as enter, space, f5 after the modifiers, as in ctrl-p"
    )]
    Missing(String),
    /// A word that is no key name.
    #[error(
        "`{name}` in `{whole}` is no key: use one character, f1 to f35, space, enter, escape, tab, backspace, delete, \
         insert, home, end, pageup, pagedown or an arrow (up, down, left, right)"
    )]
    Unknown {
        /// The part that was not understood.
        name: String,
        /// The whole text.
        whole: String,
    },
    /// The same modifier twice.
    #[error("`{0}` names a modifier twice: write each of ctrl, alt and shift once")]
    Twice(String),
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut rest = text;
        let mut held = [false; 3];
        'modifiers: loop {
            for (held, name) in held.iter_mut().zip(["ctrl-", "alt-", "shift-"]) {
                if let Some(tail) = strip_prefix_ignoring_case(rest, name) {
                    if std::mem::replace(held, true) {
                        return Err(KeyError::Twice(text.to_owned()));
                    }
                    rest = tail;
                    continue 'modifiers;
                }
            }
            break;
        }
        let [ctrl, alt, shift] = held;
        Ok(Self::new(code(rest, text)?, ctrl, alt, shift))
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    if head.eq_ignore_ascii_case(prefix) { text.get(prefix.len()..) } else { None }
}

fn code(name: &str, whole: &str) -> Result<KeyCode, KeyError> {
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        (None, _) => return Err(KeyError::Missing(whole.to_owned())),
        (Some(c), None) if !c.is_control() => return Ok(KeyCode::Char(c)),
        _ => {}
    }
    let lower = name.to_ascii_lowercase();
    if lower == "backtab" {
        return Err(KeyError::Unknown { name: format!("{name} (write shift-tab)"), whole: whole.to_owned() });
    }
    if let Some((_, code)) = NAMES.iter().find(|(known, _)| *known == lower) {
        return Ok(*code);
    }
    let function = lower.strip_prefix('f').filter(|digits| !digits.starts_with(['0', '+']));
    match function.and_then(|digits| digits.parse().ok()) {
        Some(number) if number <= LAST_FUNCTION_KEY => Ok(KeyCode::F(number)),
        _ => Err(KeyError::Unknown { name: name.to_owned(), whole: whole.to_owned() }),
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn every_form_of_the_keymap_is_read_and_printed_alike() {
        for text in ["ctrl-p", "alt-enter", "shift-tab", "space", "?", "A", "f5", "f35", "-", "ctrl--", "alt--", "é"] {
            assert_eq!(key(text).to_string(), text);
        }
        assert_eq!(key("ctrl--"), Key { code: KeyCode::Char('-'), ctrl: true, alt: false, shift: false });
        assert_eq!(key("shift-tab"), Key { code: KeyCode::Tab, ctrl: false, alt: false, shift: true });
    }

    #[test]
    fn aliases_case_and_order_of_modifiers_lead_to_one_key() {
        assert_eq!(key("Ctrl-P"), key("ctrl-p"));
        assert_eq!(key("shift-a"), key("A"));
        assert_eq!(key("shift-alt-ctrl-Up").to_string(), "ctrl-alt-shift-up");
        assert_eq!(key("Esc"), key("escape"));
        assert_eq!(key("pgdn"), key("page-down"));
        assert_eq!(key(" "), key("space"));
        assert_ne!(key("alt-A"), key("alt-a"));
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_sentence() {
        for (text, part) in [
            ("", "names no key"),
            ("ctrl-", "names no key"),
            ("ctrl-ctrl-p", "twice"),
            ("hyper-x", "`hyper-x`"),
            ("f0", "`f0`"),
            ("f36", "`f36`"),
            ("f+5", "`f+5`"),
            ("f256", "`f256`"),
            ("\n", "is no key"),
            ("backtab", "shift-tab"),
            ("日本", "`日本`"),
        ] {
            let error = text.parse::<Key>().unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_press_types_only_without_control_and_alt() {
        assert_eq!(key("A").typed(), Some('A'));
        assert_eq!(key("space").typed(), Some(' '));
        assert_eq!(key("ctrl-a").typed(), None);
        assert_eq!(key("alt-a").typed(), None);
        assert_eq!(key("enter").typed(), None);
    }

    fn any_code() -> impl Strategy<Value = KeyCode> {
        let names = prop::sample::select(NAMES.iter().map(|(_, code)| *code).collect::<Vec<_>>());
        let chars = any::<char>().prop_filter("no control", |c| !c.is_control()).prop_map(KeyCode::Char);
        prop_oneof![
            names,
            chars,
            "[ -~]".prop_map(|s| KeyCode::Char(s.chars().next().unwrap())),
            (1u8..=35).prop_map(KeyCode::F)
        ]
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverses(code in any_code(), ctrl: bool, alt: bool, shift: bool) {
            let key = Key::new(code, ctrl, alt, shift);
            prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
            prop_assert_eq!(Key::new(key.code, key.ctrl, key.alt, key.shift), key, "the normal form is not stable");
            let json = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key);
        }

        #[test]
        fn what_parses_prints_to_the_same_key(text in "(ctrl-|alt-|shift-|Ctrl-){0,3}(\\PC{0,3}|[a-z0-9-]{0,9})") {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
            }
        }
    }
}
