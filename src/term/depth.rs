//! How many colours the terminal shows, from the environment alone: nothing is asked of the terminal.

use crate::config::Depth;

/// Names of terminals that show 24-bit colours without saying so in `COLORTERM`, which SSH does not carry.
const TRUECOLOUR_TERMS: [&str; 8] =
    ["xterm-kitty", "xterm-ghostty", "ghostty", "alacritty", "foot", "foot-extra", "wezterm", "contour"];

/// The colours of the terminal described by `env`, which reads one variable.
///
/// In this order: `PARALLAX_COLOURS` (`truecolour`, `256`, `16`, `mono`), a non-empty `NO_COLOR`, `TERM`, `COLORTERM`.
/// `TERM` comes before `COLORTERM` where it names a terminal that garbles 24-bit colours whatever it inherited.
pub fn depth(env: impl Fn(&str) -> Option<String>) -> Depth {
    let value = |name: &str| env(name).map(|value| value.to_ascii_lowercase()).filter(|value| !value.is_empty());
    match value("PARALLAX_COLOURS").as_deref() {
        Some("truecolour" | "truecolor" | "24bit") => return Depth::Truecolour,
        Some("256") => return Depth::Indexed256,
        Some("16") => return Depth::Ansi16,
        Some("mono" | "none" | "no" | "0" | "2") => return Depth::Mono,
        _ => {}
    }
    if value("NO_COLOR").is_some() {
        return Depth::Mono;
    }
    let term = value("TERM").unwrap_or_default();
    match term.as_str() {
        "" | "dumb" | "unknown" => return Depth::Mono,
        "linux" => return Depth::Ansi16,
        // The older DEC terminals and their emulations have none.
        _ if term.starts_with("vt") && term.as_bytes().get(2).is_some_and(u8::is_ascii_digit) => return Depth::Mono,
        _ if term.ends_with("-mono") || term.ends_with("-m") => return Depth::Mono,
        _ => {}
    }
    // GNU Screen hands on the COLORTERM of the terminal around it and then garbles its colours.
    let screen = term.starts_with("screen") && value("TMUX").is_none();
    let apple = value("TERM_PROGRAM").as_deref() == Some("apple_terminal");
    let indexed = if term.contains("256") { Depth::Indexed256 } else { Depth::Ansi16 };
    if screen || apple {
        return indexed;
    }
    let says_so = matches!(value("COLORTERM").as_deref(), Some("truecolor" | "24bit"));
    if says_so
        || term.ends_with("-direct")
        || TRUECOLOUR_TERMS.contains(&term.as_str())
        || value("WT_SESSION").is_some()
    {
        return Depth::Truecolour;
    }
    indexed
}

/// Whether the terminal is on another machine: frames are then rarer, and only the terminal's own clipboard is right.
pub fn is_remote(env: impl Fn(&str) -> Option<String>) -> bool {
    ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"].iter().any(|name| env(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_environment_decides() {
        use Depth::{Ansi16, Indexed256, Mono, Truecolour};
        let cases: [(&[(&str, &str)], Depth); 23] = [
            (&[], Mono),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Mono),
            (&[("TERM", "linux")], Ansi16),
            (&[("TERM", "linux"), ("COLORTERM", "truecolor")], Ansi16),
            (&[("TERM", "xterm")], Ansi16),
            (&[("TERM", "vt100")], Mono),
            (&[("TERM", "xterm-256color")], Indexed256),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Truecolour),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "24bit")], Truecolour),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "yes")], Indexed256),
            (&[("TERM", "xterm-direct")], Truecolour),
            (&[("TERM", "xterm-kitty")], Truecolour),
            (&[("TERM", "xterm-256color"), ("WT_SESSION", "x")], Truecolour),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal"), ("COLORTERM", "truecolor")], Indexed256),
            (&[("TERM", "screen-256color"), ("COLORTERM", "truecolor")], Indexed256),
            (&[("TERM", "screen-256color"), ("COLORTERM", "truecolor"), ("TMUX", "/tmp/t")], Truecolour),
            (&[("TERM", "screen")], Ansi16),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], Mono),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Indexed256),
            (&[("TERM", "xterm"), ("NO_COLOR", "1"), ("PARALLAX_COLOURS", "16")], Ansi16),
            (&[("TERM", "linux"), ("PARALLAX_COLOURS", "Truecolor")], Truecolour),
            (&[("TERM", "xterm-kitty"), ("PARALLAX_COLOURS", "mono")], Mono),
            (&[("TERM", "xterm-256color"), ("PARALLAX_COLOURS", "lots")], Indexed256),
        ];
        for (pairs, expected) in cases {
            assert_eq!(depth(env(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_terminal_over_ssh_is_remote() {
        assert!(is_remote(env(&[("SSH_CONNECTION", "10.0.0.1 5 10.0.0.2 22")])));
        assert!(is_remote(env(&[("SSH_TTY", "/dev/pts/1")])));
        assert!(!is_remote(env(&[("SSH_CONNECTION", "")])));
        assert!(!is_remote(env(&[])));
    }
}
