//! Colours and attributes as bytes.
//!
//! Written here and not by crossterm for three reasons: crossterm 0.29 answers `NO_COLOR` with a sequence that also
//! resets bold and reverse, it spells the 16 colours with nine bytes instead of five, and it lets a cell's control
//! characters through. Which colours a terminal can show is the theme's business: a pen writes what it is given.

use std::io::Write;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

/// Each attribute and the number that switches it on.
const ATTRIBUTES: [(Modifier, u8); 9] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::RAPID_BLINK, 6),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

/// How the terminal would draw the next character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pen {
    foreground: Color,
    background: Color,
    attributes: Modifier,
}

impl Pen {
    /// Default colours, no attributes: how every frame begins and ends.
    pub(super) const PLAIN: Self =
        Self { foreground: Color::Reset, background: Color::Reset, attributes: Modifier::empty() };

    /// The pen that draws `cell`.
    pub(super) fn of(cell: &Cell) -> Self {
        Self { foreground: cell.fg, background: cell.bg, attributes: cell.modifier }
    }

    /// Appends the shortest sequence that turns this pen into `to`.
    pub(super) fn change(&mut self, to: Self, out: &mut Vec<u8>) {
        if *self == to {
            return;
        }
        let mut from = std::mem::replace(self, to);
        if to == Self::PLAIN {
            out.extend_from_slice(b"\x1b[m");
            return;
        }
        let mut codes = Codes { out, any: false };
        // Bold and dim share their "off", so an attribute is taken away by starting afresh.
        if !to.attributes.contains(from.attributes) {
            codes.push(format_args!("0"));
            from = Self::PLAIN;
        }
        for (attribute, code) in ATTRIBUTES {
            if to.attributes.contains(attribute) && !from.attributes.contains(attribute) {
                codes.push(format_args!("{code}"));
            }
        }
        for (was, is, base) in [(from.foreground, to.foreground, 30), (from.background, to.background, 40)] {
            if was != is {
                codes.colour(is, base);
            }
        }
        codes.out.push(b'm');
    }
}

/// Numbers of one sequence, as they are appended.
struct Codes<'a> {
    out: &'a mut Vec<u8>,
    any: bool,
}

impl Codes<'_> {
    fn push(&mut self, code: std::fmt::Arguments<'_>) {
        self.out.extend_from_slice(if std::mem::replace(&mut self.any, true) { b";" } else { b"\x1b[" });
        // A vector takes every write.
        let _ = self.out.write_fmt(code);
    }

    /// `base` is 30 for the foreground, 40 for the background.
    fn colour(&mut self, colour: Color, base: u8) {
        let basic = match colour {
            Color::Reset => 9,
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 60,
            Color::LightRed => 61,
            Color::LightGreen => 62,
            Color::LightYellow => 63,
            Color::LightBlue => 64,
            Color::LightMagenta => 65,
            Color::LightCyan => 66,
            Color::White => 67,
            Color::Indexed(index) => return self.push(format_args!("{};5;{index}", base + 8)),
            Color::Rgb(r, g, b) => return self.push(format_args!("{};2;{r};{g};{b}", base + 8)),
        };
        self.push(format_args!("{}", base + basic));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pen(foreground: Color, background: Color, attributes: Modifier) -> Pen {
        Pen { foreground, background, attributes }
    }

    fn bytes(from: Pen, to: Pen) -> String {
        let (mut pen, mut out) = (from, Vec::new());
        pen.change(to, &mut out);
        assert_eq!(pen, to);
        String::from_utf8_lossy(&out).replace('\x1b', "^")
    }

    #[test]
    fn each_change_is_the_shortest_sequence() {
        let bold_red = pen(Color::Red, Color::Reset, Modifier::BOLD);
        let reverse = pen(Color::Reset, Color::Reset, Modifier::REVERSED);
        assert_eq!(bytes(Pen::PLAIN, Pen::PLAIN), "");
        assert_eq!(bytes(Pen::PLAIN, bold_red), "^[1;31m");
        assert_eq!(bytes(bold_red, Pen::PLAIN), "^[m");
        assert_eq!(bytes(bold_red, reverse), "^[0;7m");
        assert_eq!(bytes(bold_red, pen(Color::Reset, Color::Reset, Modifier::BOLD)), "^[39m");
        assert_eq!(bytes(Pen::PLAIN, pen(Color::White, Color::DarkGray, Modifier::empty())), "^[97;100m");
        assert_eq!(
            bytes(Pen::PLAIN, pen(Color::Indexed(208), Color::Rgb(1, 2, 3), Modifier::DIM)),
            "^[2;38;5;208;48;2;1;2;3m"
        );
    }
}
