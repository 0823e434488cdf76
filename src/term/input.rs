//! Keys, pastes and clicks.
//!
//! They are read on a thread of their own and not through crossterm's `EventStream`: crossterm 0.29 reads the terminal
//! with blocking calls, also inside `poll` with no time-out, and spins at the end of file. Half an escape sequence or a
//! lost terminal would so hold the thread that draws and handles signals; here it holds a thread that does nothing else.

use std::io;

use crossterm::event::{
    Event, KeyCode as Code, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;

use crate::config::{Key, KeyCode};
use crate::text::SafeText;

/// Longest paste that is taken, in characters: a long essay, not a log file.
const MAX_PASTE: usize = 100_000;
/// Events read ahead. When the program is slow, the reader waits, and the terminal keeps what is typed.
const AHEAD: usize = 64;

/// Something the user did at the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed, or repeats while held.
    Key(Key),
    /// A pasted text, made safe, with `\n` as its line end.
    Paste(String),
    /// A sentence for the user about the input before it: a paste was cut.
    Notice(String),
    /// The terminal has another size, in columns and rows.
    Resize(u16, u16),
    /// A click or a turn of the wheel.
    Mouse {
        /// Which.
        action: MouseAction,
        /// Column, from 0.
        column: u16,
        /// Row, from 0.
        row: u16,
    },
    /// The terminal's window is used again.
    FocusGained,
    /// The user went to another window.
    FocusLost,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseAction {
    /// The left button was pressed.
    Click,
    /// The wheel was turned away from the user.
    ScrollUp,
    /// The wheel was turned towards the user.
    ScrollDown,
}

/// The input of the terminal, from now on. An error is the last item.
///
/// Only one such stream may exist. Dropping it ends its thread with the next event.
pub fn input() -> impl Stream<Item = io::Result<Input>> + Send + Unpin {
    let (tx, mut rx) = mpsc::channel(AHEAD);
    let reader = {
        let tx = tx.clone();
        move || read(&tx)
    };
    if let Err(error) = std::thread::Builder::new().name("input".to_owned()).spawn(reader) {
        // The channel is new and empty: it takes one.
        let _ = tx.try_send(Err(error));
    }
    stream::poll_fn(move |cx| rx.poll_recv(cx))
}

fn read(tx: &mpsc::Sender<io::Result<Input>>) {
    loop {
        let event = crossterm::event::read();
        let failed = event.is_err();
        let inputs = match event {
            Ok(event) => translate(event).into_iter().flatten().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        for input in inputs {
            if tx.blocking_send(input).is_err() {
                return;
            }
        }
        if failed {
            return;
        }
    }
}

/// The input an event means, if any, and a notice about it, if any.
fn translate(event: Event) -> [Option<Input>; 2] {
    let input = match event {
        Event::Key(event) => key(event).map(Input::Key),
        Event::Paste(text) => return paste(&text),
        Event::Resize(columns, rows) => Some(Input::Resize(columns, rows)),
        Event::Mouse(event) => mouse(event),
        Event::FocusGained => Some(Input::FocusGained),
        Event::FocusLost => Some(Input::FocusLost),
    };
    [input, None]
}

fn paste(text: &str) -> [Option<Input>; 2] {
    let mut kept: String = text.chars().take(MAX_PASTE).collect();
    let whole = kept.len() == text.len();
    kept = SafeText::new(&kept).to_string();
    let notice = (!whole).then(|| {
        let all = text.chars().count();
        Input::Notice(format!(
            "only the first {MAX_PASTE} of {all} pasted characters were taken: for more, write them to a file"
        ))
    });
    [Some(Input::Paste(kept)), notice]
}

fn mouse(event: MouseEvent) -> Option<Input> {
    let action = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseAction::Click,
        MouseEventKind::ScrollUp => MouseAction::ScrollUp,
        MouseEventKind::ScrollDown => MouseAction::ScrollDown,
        _ => return None,
    };
    Some(Input::Mouse { action, column: event.column, row: event.row })
}

/// The key of a press or a repeat; releases and keys without a name in the keymap are none.
fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let code = match event.code {
        Code::Char(c) if c.is_control() => return None,
        // Without bracketed paste a pasted text comes as keys: what hides or reorders is made visible here too.
        Code::Char(c) => KeyCode::Char(SafeText::line(c.encode_utf8(&mut [0; 4])).as_str().chars().next()?),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Escape,
        Code::Tab | Code::BackTab => KeyCode::Tab,
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Insert => KeyCode::Insert,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::F(number) => KeyCode::F(number),
        Code::Null
        | Code::CapsLock
        | Code::ScrollLock
        | Code::NumLock
        | Code::PrintScreen
        | Code::Pause
        | Code::Menu
        | Code::KeypadBegin
        | Code::Media(_)
        | Code::Modifier(_) => return None,
    };
    let held = |modifier| event.modifiers.contains(modifier);
    let shift = held(KeyModifiers::SHIFT) || event.code == Code::BackTab;
    // Meta is alt on the keyboards that have it.
    let alt = held(KeyModifiers::ALT) || held(KeyModifiers::META);
    Some(Key::new(code, held(KeyModifiers::CONTROL), alt, shift))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn press(code: Code, modifiers: KeyModifiers) -> Option<String> {
        key(KeyEvent::new(code, modifiers)).map(|key| key.to_string())
    }

    #[test]
    fn presses_become_keys_of_the_keymap() {
        for (code, modifiers, expected) in [
            (Code::Char('p'), KeyModifiers::CONTROL, "ctrl-p"),
            (Code::Char('A'), KeyModifiers::SHIFT, "A"),
            (Code::Char('a'), KeyModifiers::SHIFT, "A"),
            (Code::Char('?'), KeyModifiers::SHIFT, "?"),
            (Code::BackTab, KeyModifiers::SHIFT, "shift-tab"),
            (Code::BackTab, KeyModifiers::NONE, "shift-tab"),
            (Code::Enter, KeyModifiers::ALT, "alt-enter"),
            (Code::Char(' '), KeyModifiers::CONTROL, "ctrl-space"),
            (Code::F(5), KeyModifiers::NONE, "f5"),
        ] {
            assert_eq!(press(code, modifiers).as_deref(), Some(expected));
        }
    }

    #[test]
    fn releases_and_nameless_keys_are_none_and_repeats_count() {
        let event = |kind| KeyEvent::new_with_kind(Code::Char('a'), KeyModifiers::NONE, kind);
        assert_eq!(key(event(KeyEventKind::Release)), None);
        assert!(key(event(KeyEventKind::Repeat)).is_some());
        assert_eq!(press(Code::CapsLock, KeyModifiers::NONE), None);
        assert_eq!(press(Code::Char('\u{9b}'), KeyModifiers::NONE), None);
        assert_eq!(press(Code::Char('\u{202e}'), KeyModifiers::NONE).as_deref(), Some("·"));
    }

    #[test]
    fn a_paste_is_safe_and_one_piece() {
        let [paste, notice] = translate(Event::Paste("a\r\x1b[31mb\x1b[0m\tc\x07".to_owned()));
        assert_eq!(paste, Some(Input::Paste("a\nb    c␇".to_owned())));
        assert_eq!(notice, None);
    }

    #[test]
    fn a_huge_paste_is_cut_with_a_notice() {
        let [paste, notice] = translate(Event::Paste("é".repeat(MAX_PASTE + 5)));
        let (Some(Input::Paste(text)), Some(Input::Notice(said))) = (paste, notice) else { unreachable!() };
        assert_eq!(text.chars().count(), MAX_PASTE);
        assert!(said.contains("100000 of 100005"), "{said}");
    }

    #[test]
    fn of_the_mouse_only_clicks_and_the_wheel_count() {
        let event = |kind| MouseEvent { kind, column: 3, row: 4, modifiers: KeyModifiers::NONE };
        let click = mouse(event(MouseEventKind::Down(MouseButton::Left)));
        assert_eq!(click, Some(Input::Mouse { action: MouseAction::Click, column: 3, row: 4 }));
        assert_eq!(mouse(event(MouseEventKind::Moved)), None);
        assert_eq!(mouse(event(MouseEventKind::Up(MouseButton::Left))), None);
    }
}
