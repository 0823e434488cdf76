//! [`SafeText`]: text that cannot drive a terminal.
//!
//! Model output, packs, personas, GGUF metadata, file names and C++ error strings are hostile. They pass here once,
//! at the border, before any screen, title, log or message. Escape sequences (7-bit and 8-bit, finished or not) are
//! dropped; other control characters become visible pictures; characters that reorder or hide text become `·`.

use std::fmt;

/// Combining marks kept on one character; more only serve to draw over the neighbours.
const MAX_MARKS: usize = 4;
/// Columns between tab stops.
const TAB: &str = "    ";

/// Text that holds no control character but the line feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SafeText(String);

impl SafeText {
    /// Makes `raw` safe, keeping its line feeds.
    pub fn new(raw: &str) -> Self {
        let mut sanitiser = Sanitiser::default();
        let mut out = String::with_capacity(raw.len());
        sanitiser.push(raw, &mut out);
        Self(out)
    }

    /// Makes `raw` safe and puts it on one line.
    pub fn line(raw: &str) -> Self {
        Self(Self::new(raw).0.replace('\n', " "))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where in an escape sequence the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// Inside CSI: ends at a byte from `@` to `~`.
    Control,
    /// Inside OSC, DCS, APC, PM or SOS: ends at BEL or ST.
    String,
    /// After ESC inside such a string.
    StringEscape,
}

/// Makes a stream of chunks safe: a sequence that is split over chunks is still caught.
#[derive(Debug, Clone, Default)]
pub struct Sanitiser {
    state: State,
    marks: usize,
    carriage_return: bool,
    pictograph: bool,
}

impl Sanitiser {
    /// Appends the safe form of `chunk` to `out`.
    pub fn push(&mut self, chunk: &str, out: &mut String) {
        for c in chunk.chars() {
            self.push_char(c, out);
        }
    }

    fn push_char(&mut self, c: char, out: &mut String) {
        match self.state {
            State::Text => self.text(c, out),
            State::Escape => match c {
                '[' => self.state = State::Control,
                ']' | 'P' | 'X' | '^' | '_' => self.state = State::String,
                // ESC again, or intermediate bytes: wait for the final one.
                '\u{1b}' | ' '..='/' => {}
                // A line feed is never part of a sequence: keep it and what follows.
                '\n' => self.restart(c, out),
                _ => self.state = State::Text,
            },
            State::Control => match c {
                '\u{1b}' => self.state = State::Escape,
                '@'..='~' => self.state = State::Text,
                ' '..='?' => {}
                // Not a parameter byte: the sequence was broken off.
                _ => self.restart(c, out),
            },
            State::String => match c {
                '\u{7}' | '\u{9c}' => self.state = State::Text,
                '\u{1b}' => self.state = State::StringEscape,
                // An unterminated string must not swallow the rest of an answer.
                '\n' => self.restart(c, out),
                _ => {}
            },
            State::StringEscape => match c {
                '\\' => self.state = State::Text,
                '\u{1b}' => {}
                '\n' => self.restart(c, out),
                _ => self.state = State::String,
            },
        }
    }

    fn restart(&mut self, c: char, out: &mut String) {
        self.state = State::Text;
        self.text(c, out);
    }

    fn text(&mut self, c: char, out: &mut String) {
        let after_return = std::mem::take(&mut self.carriage_return);
        let after_pictograph = std::mem::replace(&mut self.pictograph, is_pictographic(c));
        if is_mark(c) {
            self.marks += 1;
            if self.marks <= MAX_MARKS {
                out.push(c);
            }
            return;
        }
        self.marks = 0;
        match c {
            '\n' if after_return => {}
            '\r' => {
                self.carriage_return = true;
                out.push('\n');
            }
            '\t' => out.push_str(TAB),
            '\u{1b}' => self.state = State::Escape,
            '\u{9b}' => self.state = State::Control,
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => self.state = State::String,
            '\u{7f}' => out.push('␡'),
            '\u{80}'..='\u{9f}' => out.push('·'),
            '\n' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\u{0}'..='\u{1f}' => out.push(picture(c)),
            // A joiner between emoji is part of one picture; anywhere else it only hides.
            '\u{200d}' if after_pictograph => out.push(c),
            _ if is_hidden(c) => out.push('·'),
            _ => out.push(c),
        }
    }
}

/// The Unicode picture of a C0 control.
fn picture(c: char) -> char {
    char::from_u32(0x2400 + u32::from(c)).unwrap_or('·')
}

/// Characters that reorder the text around them, take no room, or carry hidden data.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Combining marks by block, and the enclosing ones; scripts that need marks to be read keep up to [`MAX_MARKS`].
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

fn is_pictographic(c: char) -> bool {
    matches!(c, '\u{fe0f}' | '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn safe(raw: &str) -> String {
        SafeText::new(raw).to_string()
    }

    #[test]
    fn escape_sequences_vanish_and_text_stays() {
        assert_eq!(safe("a\u{1b}[31mred\u{1b}[0m b"), "ared b");
        assert_eq!(safe("x\u{1b}]52;c;aGk=\u{7}y"), "xy");
        assert_eq!(safe("x\u{1b}]0;title\u{1b}\\y"), "xy");
        assert_eq!(safe("x\u{9b}2Jy\u{9d}0;t\u{9c}z"), "xyz");
        assert_eq!(safe("x\u{1b}(By"), "xy");
    }

    #[test]
    fn an_unterminated_string_ends_with_its_line() {
        assert_eq!(safe("a\u{1b}]0;never closed\nb"), "a\nb");
    }

    #[test]
    fn controls_are_drawn_and_line_ends_kept() {
        assert_eq!(safe("a\u{0}\u{7}b\u{7f}"), "a␀␇b␡");
        assert_eq!(safe("a\r\nb\rc\td"), "a\nb\nc    d");
    }

    #[test]
    fn reordering_and_hidden_characters_are_shown_as_dots() {
        assert_eq!(safe("a\u{202e}b\u{200b}c\u{e0041}d"), "a·b·c·d");
    }

    #[test]
    fn a_joiner_stays_inside_emoji_only() {
        assert_eq!(safe("👩\u{200d}🔬"), "👩\u{200d}🔬");
        assert_eq!(safe("a\u{200d}b"), "a·b");
    }

    #[test]
    fn piled_up_marks_are_cut() {
        let zalgo = format!("a{}", "\u{301}".repeat(200));
        assert_eq!(safe(&zalgo).chars().count(), 1 + MAX_MARKS);
        assert_eq!(safe("é"), "é");
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(SafeText::line("a\nb\r\nc").as_str(), "a b c");
    }

    proptest! {
        #[test]
        fn no_control_survives(raw in "\\PC*|[\u{0}-\u{9f}a-z\\[\\]\u{202e}]{0,80}") {
            let text = safe(&raw);
            prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        }

        #[test]
        fn chunks_give_what_the_whole_gives(raw in "[\u{1b}\\[\\];0-9mA-Za\u{7}\u{9b}\r\n\u{301}]{0,60}", cut in 0usize..60) {
            let chars: Vec<char> = raw.chars().collect();
            let cut = cut.min(chars.len());
            let (head, tail): (String, String) = (chars[..cut].iter().collect(), chars[cut..].iter().collect());
            let mut sanitiser = Sanitiser::default();
            let mut out = String::new();
            sanitiser.push(&head, &mut out);
            sanitiser.push(&tail, &mut out);
            prop_assert_eq!(out, safe(&raw));
        }
    }
}
