//! The clipboard, by OSC 52: the terminal, wherever it is, is asked to take the text.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Longest text sent, in bytes. Terminals and multiplexers drop longer sequences, some at 100 kB of base64.
const MAX_BYTES: usize = 74_994;

/// What was attempted; whether the terminal took the text is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// The text was sent to the terminal.
    Sent {
        /// Its characters.
        characters: usize,
        /// It had to pass tmux, which asks for `set-clipboard on`.
        tmux: bool,
    },
    /// The text is longer than terminals take: nothing was sent.
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The most that is sent, in bytes.
        limit: usize,
    },
    /// There was no text: nothing was sent.
    Empty,
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { characters, tmux: false } => {
                write!(f, "{characters} characters sent to the terminal's clipboard")
            }
            Self::Sent { characters, tmux: true } => write!(
                f,
                "{characters} characters sent to the terminal's clipboard through tmux, which needs `set-clipboard on`"
            ),
            Self::TooLong { bytes, limit } => write!(
                f,
                "nothing was sent: {bytes} bytes are more than the {limit} a terminal's clipboard takes; export to a \
                 file instead"
            ),
            Self::Empty => f.write_str("nothing was sent: there is no text here"),
        }
    }
}

/// The bytes that ask for `text` to be copied, and what that attempts.
///
/// Under tmux the request goes twice: as it is, which tmux takes with `set-clipboard on`, and wrapped for the terminal
/// around it, which tmux hands on with `allow-passthrough on`.
pub(super) fn sequence(text: &str, tmux: bool) -> (Vec<u8>, Copied) {
    if text.is_empty() {
        return (Vec::new(), Copied::Empty);
    }
    if text.len() > MAX_BYTES {
        return (Vec::new(), Copied::TooLong { bytes: text.len(), limit: MAX_BYTES });
    }
    let mut bytes = format!("\x1b]52;c;{}\x07", BASE64_STANDARD.encode(text));
    if tmux {
        let wrapped = bytes.replace('\x1b', "\x1b\x1b");
        bytes = format!("{bytes}\x1bPtmux;{wrapped}\x1b\\");
    }
    (bytes.into_bytes(), Copied::Sent { characters: text.chars().count(), tmux })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_text_travels_as_base64() {
        let (bytes, copied) = sequence("héllo\x1b[31m", false);
        let text = String::from_utf8(bytes).unwrap();
        let inner = text.strip_prefix("\x1b]52;c;").and_then(|text| text.strip_suffix('\x07')).unwrap();
        assert_eq!(BASE64_STANDARD.decode(inner).unwrap(), "héllo\x1b[31m".as_bytes());
        assert_eq!(copied, Copied::Sent { characters: 10, tmux: false });
    }

    #[test]
    fn under_tmux_it_goes_plain_and_wrapped_with_doubled_escapes() {
        let (bytes, copied) = sequence("hi", true);
        assert_eq!(String::from_utf8(bytes).unwrap(), "\x1b]52;c;aGk=\x07\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\");
        assert!(copied.to_string().contains("set-clipboard on"));
    }

    #[test]
    fn too_long_and_empty_texts_send_nothing_and_say_so() {
        let (bytes, copied) = sequence(&"x".repeat(MAX_BYTES + 1), false);
        assert!(bytes.is_empty());
        assert!(copied.to_string().starts_with("nothing was sent: 74995 bytes"), "{copied}");
        assert!(sequence(&"x".repeat(MAX_BYTES), false).0.len() <= 100_000);
        assert_eq!(sequence("", true), (Vec::new(), Copied::Empty));
    }

    #[test]
    fn no_answer_claims_that_the_text_was_copied() {
        for copied in [sequence("a", false).1, sequence("a", true).1, sequence("", false).1] {
            assert!(!copied.to_string().contains("copied"), "{copied}");
        }
    }
}
