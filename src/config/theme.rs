//! Themes: how each role of the screen looks, mapped once to what the terminal can show.
//!
//! A theme knows roles, never places, and says nothing by colour alone: whatever draws also writes the word. In
//! [`Depth::Mono`] no colour is left at all, since crossterm's own handling of `NO_COLOR` loses bold and reverse.

mod colour;
mod file;

pub use colour::{Ansi, Colour};
pub use file::ThemeError;

use super::Paths;

/// How many colours a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 24 bits.
    Truecolour,
    /// A table of 256.
    Indexed256,
    /// The sixteen.
    Ansi16,
    /// None, by `NO_COLOR` or by choice.
    Mono,
}

/// What a piece of the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// What is to be read.
    Text,
    /// What stands beside it.
    Secondary,
    /// A title.
    Heading,
    /// What should be seen first.
    Accent,
    /// A good sign.
    Good,
    /// Read with care.
    Warning,
    /// Failed, or not to be trusted.
    Bad,
    /// The model's bar.
    Model,
    /// The bar of the population compared with.
    Reference,
    /// Voices told apart.
    Persona1,
    /// Voices told apart.
    Persona2,
    /// Voices told apart.
    Persona3,
    /// Voices told apart.
    Persona4,
    /// Voices told apart.
    Persona5,
    /// Voices told apart.
    Persona6,
    /// What the cursor is on.
    Selection,
    /// A frame.
    Border,
    /// The frame of what has the keys.
    BorderFocused,
    /// A key to press.
    Key,
    /// A short word set apart.
    Badge,
}

impl Role {
    /// Every role, in the order of their declaration.
    pub const ALL: [Self; 20] = [
        Self::Text,
        Self::Secondary,
        Self::Heading,
        Self::Accent,
        Self::Good,
        Self::Warning,
        Self::Bad,
        Self::Model,
        Self::Reference,
        Self::Persona1,
        Self::Persona2,
        Self::Persona3,
        Self::Persona4,
        Self::Persona5,
        Self::Persona6,
        Self::Selection,
        Self::Border,
        Self::BorderFocused,
        Self::Key,
        Self::Badge,
    ];

    /// Of the voice at this place; the hues come round again after six.
    pub fn persona(place: usize) -> Self {
        match place % 6 {
            0 => Self::Persona1,
            1 => Self::Persona2,
            2 => Self::Persona3,
            3 => Self::Persona4,
            4 => Self::Persona5,
            _ => Self::Persona6,
        }
    }

    /// The key in theme files.
    pub fn id(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Secondary => "secondary",
            Self::Heading => "heading",
            Self::Accent => "accent",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Model => "model",
            Self::Reference => "reference",
            Self::Persona1 => "persona1",
            Self::Persona2 => "persona2",
            Self::Persona3 => "persona3",
            Self::Persona4 => "persona4",
            Self::Persona5 => "persona5",
            Self::Persona6 => "persona6",
            Self::Selection => "selection",
            Self::Border => "border",
            Self::BorderFocused => "border_focused",
            Self::Key => "key",
            Self::Badge => "badge",
        }
    }
}

/// How a role is drawn. A colour that is absent is the terminal's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a terminal's attributes are switches")]
pub struct Look {
    /// Of the letters.
    pub fg: Option<Colour>,
    /// Behind the letters.
    pub bg: Option<Colour>,
    /// Heavier.
    pub bold: bool,
    /// Fainter.
    pub dim: bool,
    /// Slanted.
    pub italic: bool,
    /// With a line below.
    pub underlined: bool,
    /// Letters and background exchanged.
    pub reversed: bool,
}

impl Look {
    fn has_attribute(self) -> bool {
        self.bold || self.dim || self.italic || self.underlined || self.reversed
    }

    /// `plain` is how the role looks in the theme without colours.
    fn at(self, depth: Depth, plain: Self) -> Self {
        let at = |colour: Option<Colour>| colour.and_then(|colour| colour.at(depth));
        let mapped = Self { fg: at(self.fg), bg: at(self.bg), ..self };
        if depth != Depth::Mono || (self.fg.is_none() && self.bg.is_none()) {
            return mapped;
        }
        match (self.bg, mapped.has_attribute()) {
            // A background sets its piece apart; so does this.
            (Some(_), _) => Self { reversed: true, ..mapped },
            (None, true) => mapped,
            (None, false) => plain,
        }
    }
}

/// How every role looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// The name of its file.
    pub name: String,
    /// A few words for the list of themes; may be empty.
    pub summary: String,
    /// Whether it comes with the program.
    pub is_bundled: bool,
    /// In the order of [`Role::ALL`].
    looks: [Look; Role::ALL.len()],
}

impl Theme {
    /// The bundled themes (dark, light, mono) with the user's laid over them by name, and a sentence for everything in the
    /// user's folder that cannot be used. A bundled theme is always there.
    pub fn load_all(paths: &Paths) -> (Vec<Self>, Vec<ThemeError>) {
        file::load_all(&paths.themes())
    }

    /// How `role` looks.
    pub fn look(&self, role: Role) -> Look {
        self.looks.get(role as usize).copied().unwrap_or_default()
    }

    /// The theme as a terminal of `depth` can show it.
    #[must_use]
    pub fn at(&self, depth: Depth) -> Self {
        let plain = file::plain();
        let looks = Role::ALL.map(|role| self.look(role).at(depth, plain(role)));
        Self { looks, ..self.clone() }
    }
}

impl Default for Theme {
    /// The bundled dark theme.
    fn default() -> Self {
        file::dark()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bundled(name: &str) -> Theme {
        let folder = tempfile::tempdir().unwrap();
        let (themes, errors) = Theme::load_all(&Paths { data: folder.path().to_path_buf() });
        assert!(errors.is_empty(), "{errors:?}");
        themes.into_iter().find(|theme| theme.name == name).unwrap()
    }

    #[test]
    fn roles_stand_at_their_own_place() {
        for (place, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, place);
        }
    }

    #[test]
    fn without_colours_no_colour_is_left_and_weight_stays() {
        for name in ["dark", "light", "mono"] {
            let mono = bundled(name).at(Depth::Mono);
            for role in Role::ALL {
                let look = mono.look(role);
                assert_eq!((look.fg, look.bg), (None, None), "{name} {role:?}");
            }
            for role in [Role::Selection, Role::Badge] {
                assert!(mono.look(role).reversed, "{name} {role:?}");
            }
            for role in [Role::Bad, Role::Warning, Role::BorderFocused, Role::Key, Role::Heading] {
                assert!(mono.look(role).has_attribute(), "{name} {role:?}");
            }
            assert_ne!(mono.look(Role::Border), mono.look(Role::BorderFocused));
        }
    }

    #[test]
    fn sixteen_colours_are_enough_for_the_bundled_themes() {
        for name in ["dark", "light"] {
            let theme = bundled(name);
            for role in Role::ALL {
                let look = theme.at(Depth::Ansi16).look(role);
                for colour in [look.fg, look.bg].into_iter().flatten() {
                    assert!(matches!(colour, Colour::Named(_)), "{name} {role:?}");
                }
            }
            assert_eq!(theme.look(Role::Text), Look::default(), "{name}");
        }
    }

    #[test]
    fn voices_differ_from_each_other() {
        for name in ["dark", "light", "mono"] {
            let theme = bundled(name);
            for depth in [Depth::Ansi16, Depth::Truecolour] {
                let looks: Vec<Look> = (0..6).map(|place| theme.at(depth).look(Role::persona(place))).collect();
                for (place, look) in looks.iter().enumerate() {
                    assert!(!looks.iter().skip(place + 1).any(|other| other == look), "{name} {place}");
                }
            }
        }
        assert_eq!(Role::persona(6), Role::Persona1);
    }

    #[test]
    fn light_has_nothing_that_white_swallows() {
        let theme = bundled("light");
        for role in Role::ALL {
            let look = theme.look(role);
            let pale =
                [Ansi::White, Ansi::BrightWhite, Ansi::Yellow, Ansi::BrightYellow, Ansi::BrightCyan, Ansi::BrightGreen];
            let is_pale = matches!(look.fg, Some(Colour::Named(name)) if pale.contains(&name));
            assert!(!is_pale || look.bg.is_some(), "{role:?}");
        }
    }
}
