//! Colours of a theme, how they are written, and the nearest ones that a terminal can show.

use std::fmt;
use std::str::FromStr;

use super::Depth;

/// A colour of a theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colour {
    /// One of the terminal's sixteen; what it looks like is the user's own choice.
    Named(Ansi),
    /// A place in the terminal's table of 256.
    Indexed(u8),
    /// Red, green and blue.
    Rgb(u8, u8, u8),
}

/// The sixteen colours that every colour terminal has, in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say all there is to say")]
pub enum Ansi {
    Black,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
    White,
    BrightBlack,
    BrightRed,
    BrightGreen,
    BrightYellow,
    BrightBlue,
    BrightMagenta,
    BrightCyan,
    BrightWhite,
}

/// Name and usual red, green and blue (those of xterm) of the sixteen.
const SIXTEEN: [(Ansi, &str, (u8, u8, u8)); 16] = [
    (Ansi::Black, "black", (0, 0, 0)),
    (Ansi::Red, "red", (205, 0, 0)),
    (Ansi::Green, "green", (0, 205, 0)),
    (Ansi::Yellow, "yellow", (205, 205, 0)),
    (Ansi::Blue, "blue", (0, 0, 238)),
    (Ansi::Magenta, "magenta", (205, 0, 205)),
    (Ansi::Cyan, "cyan", (0, 205, 205)),
    (Ansi::White, "white", (229, 229, 229)),
    (Ansi::BrightBlack, "bright-black", (127, 127, 127)),
    (Ansi::BrightRed, "bright-red", (255, 0, 0)),
    (Ansi::BrightGreen, "bright-green", (0, 255, 0)),
    (Ansi::BrightYellow, "bright-yellow", (255, 255, 0)),
    (Ansi::BrightBlue, "bright-blue", (92, 92, 255)),
    (Ansi::BrightMagenta, "bright-magenta", (255, 0, 255)),
    (Ansi::BrightCyan, "bright-cyan", (0, 255, 255)),
    (Ansi::BrightWhite, "bright-white", (255, 255, 255)),
];

/// Steps of the 6 x 6 x 6 cube that fills places 16 to 231 of the table of 256.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The forms a colour may be written in, for messages.
pub(super) const FORMS: &str = "a name such as \"red\" or \"bright-blue\", \"#rrggbb\", or a number from 0 to 255";

impl Colour {
    /// The nearest colour that a terminal of `depth` can show; `None` where it shows none.
    pub fn at(self, depth: Depth) -> Option<Self> {
        match (depth, self) {
            (Depth::Mono, _) => None,
            (Depth::Truecolour, _) | (_, Self::Named(_)) | (Depth::Indexed256, Self::Indexed(_)) => Some(self),
            (Depth::Indexed256, Self::Rgb(r, g, b)) => Some(Self::Indexed(nearest_indexed((r, g, b)))),
            (Depth::Ansi16, Self::Indexed(place)) => Some(Self::Named(match SIXTEEN.get(usize::from(place)) {
                Some((name, ..)) => *name,
                None => nearest_named(rgb_of(place)),
            })),
            (Depth::Ansi16, Self::Rgb(r, g, b)) => Some(Self::Named(nearest_named((r, g, b)))),
        }
    }
}

impl FromStr for Colour {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((name, ..)) = SIXTEEN.iter().find(|(_, name, _)| *name == text) {
            return Ok(Self::Named(*name));
        }
        if let Some(digits) = text.strip_prefix('#') {
            let is_hex = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let [_, r, g, b] = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(())?.to_be_bytes();
            return Ok(Self::Rgb(r, g, b));
        }
        let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        text.parse().ok().filter(|_| is_number).map(Self::Indexed).ok_or(())
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => {
                let known = SIXTEEN.iter().find(|(ansi, ..)| ansi == name);
                f.write_str(known.map_or("", |(_, name, _)| name))
            }
            Self::Indexed(place) => write!(f, "{place}"),
            Self::Rgb(r, g, b) => write!(f, "#{r:02x}{g:02x}{b:02x}"),
        }
    }
}

/// What the table of 256 usually holds at `place`.
fn rgb_of(place: u8) -> (u8, u8, u8) {
    if let Some((.., rgb)) = SIXTEEN.get(usize::from(place)) {
        return *rgb;
    }
    if place >= 232 {
        let grey = 8 + 10 * (place - 232);
        return (grey, grey, grey);
    }
    let cube = place - 16;
    let step = |digit: u8| STEPS.get(usize::from(digit % 6)).copied().unwrap_or_default();
    (step(cube / 36), step(cube / 6), step(cube))
}

/// The first sixteen places are left out: users change them.
fn nearest_indexed(rgb: (u8, u8, u8)) -> u8 {
    (16..=u8::MAX).min_by_key(|place| apart(rgb, rgb_of(*place))).unwrap_or(u8::MAX)
}

fn nearest_named(rgb: (u8, u8, u8)) -> Ansi {
    SIXTEEN.iter().min_by_key(|(.., known)| apart(rgb, *known)).map_or(Ansi::White, |(name, ..)| *name)
}

/// How different two colours look: squared differences, weighted by how much red there is, which comes nearer to the eye
/// than plain ones at the cost of a few multiplications (T. Riemersma, "Colour metric").
fn apart(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    let red = u32::midpoint(u32::from(a.0), u32::from(b.0));
    ((512 + red) * square(a.0, b.0) + 1024 * square(a.1, b.1) + (767 - red) * square(a.2, b.2)) >> 8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_three_forms_are_read_and_printed_alike() {
        for text in ["red", "bright-white", "#00ff7a", "0", "255"] {
            assert_eq!(text.parse::<Colour>().unwrap().to_string(), text);
        }
        for bad in ["", "purple", "#abc", "#12345g", "#+12345", "256", "-1", "+5", "#é1234", "Red "] {
            assert_eq!(bad.parse::<Colour>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn the_table_of_256_is_the_usual_one() {
        assert_eq!(rgb_of(16), (0, 0, 0));
        assert_eq!(rgb_of(231), (255, 255, 255));
        assert_eq!(rgb_of(208), (255, 135, 0));
        assert_eq!(rgb_of(244), (128, 128, 128));
    }

    #[test]
    fn colours_fall_to_what_there_is() {
        let orange = Colour::Rgb(255, 135, 0);
        assert_eq!(orange.at(Depth::Truecolour), Some(orange));
        assert_eq!(orange.at(Depth::Indexed256), Some(Colour::Indexed(208)));
        assert_eq!(orange.at(Depth::Mono), None);
        assert_eq!(Colour::Rgb(250, 10, 10).at(Depth::Ansi16), Some(Colour::Named(Ansi::BrightRed)));
        assert_eq!(Colour::Rgb(20, 20, 20).at(Depth::Ansi16), Some(Colour::Named(Ansi::Black)));
        assert_eq!(Colour::Indexed(9).at(Depth::Ansi16), Some(Colour::Named(Ansi::BrightRed)));
        assert_eq!(Colour::Indexed(255).at(Depth::Ansi16), Some(Colour::Named(Ansi::White)));
    }

    proptest! {
        #[test]
        fn mapping_twice_changes_nothing(r: u8, g: u8, b: u8, place: u8) {
            for depth in [Depth::Truecolour, Depth::Indexed256, Depth::Ansi16] {
                for colour in [Colour::Rgb(r, g, b), Colour::Indexed(place)] {
                    let once = colour.at(depth).unwrap();
                    prop_assert_eq!(once.at(depth), Some(once));
                    if depth == Depth::Ansi16 {
                        prop_assert!(matches!(once, Colour::Named(_)));
                    }
                }
            }
        }
    }
}
