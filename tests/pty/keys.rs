//! Keys as a terminal of the xterm family sends them.

use parallax::config::{Key, KeyCode};

/// The bytes of the key with this name in the keymap.
pub fn bytes(name: &str) -> String {
    let key: Key = name.parse().unwrap_or_else(|error| panic!("{error}"));
    let modifier = 1 + u8::from(key.shift) + 2 * u8::from(key.alt) + 4 * u8::from(key.ctrl);
    let arrow = |last: char| match modifier {
        1 => format!("\x1b[{last}"),
        _ => format!("\x1b[1;{modifier}{last}"),
    };
    let tilde = |number: u8| match modifier {
        1 => format!("\x1b[{number}~"),
        _ => format!("\x1b[{number};{modifier}~"),
    };
    let plain = match key.code {
        KeyCode::Up => return arrow('A'),
        KeyCode::Down => return arrow('B'),
        KeyCode::Right => return arrow('C'),
        KeyCode::Left => return arrow('D'),
        KeyCode::Home => return arrow('H'),
        KeyCode::End => return arrow('F'),
        KeyCode::Insert => return tilde(2),
        KeyCode::Delete => return tilde(3),
        KeyCode::PageUp => return tilde(5),
        KeyCode::PageDown => return tilde(6),
        KeyCode::F(number @ 1..=4) if modifier == 1 => return format!("\x1bO{}", char::from(b'O' + number)),
        KeyCode::F(number @ 1..=4) => return arrow(char::from(b'O' + number)),
        KeyCode::F(number) => match [15, 17, 18, 19, 20, 21, 23, 24].get(usize::from(number).wrapping_sub(5)) {
            Some(code) => return tilde(*code),
            None => panic!("{name}: terminals send F1 to F12"),
        },
        KeyCode::Tab if key.shift => "\x1b[Z".to_owned(),
        KeyCode::Tab => "\t".to_owned(),
        KeyCode::Enter => "\r".to_owned(),
        KeyCode::Escape => "\x1b".to_owned(),
        KeyCode::Backspace => "\x7f".to_owned(),
        KeyCode::Char(' ') if key.ctrl => "\0".to_owned(),
        KeyCode::Char(c) if key.ctrl && c.is_ascii_alphabetic() => {
            char::from(c.to_ascii_uppercase() as u8 & 0x1f).to_string()
        }
        KeyCode::Char(_) if key.ctrl => panic!("{name}: terminals send control with letters and space"),
        KeyCode::Char(c) => c.to_string(),
    };
    if key.alt { format!("\x1b{plain}") } else { plain }
}
