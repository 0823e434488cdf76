//! From a theme to the styles ratatui draws with: the only place that names a ratatui colour.

use ratatui::style::{Color, Modifier, Style};

use crate::config::theme::{Ansi, Colour, Look, Role, Theme};

/// The styles of a theme, and the signs that go with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette {
    /// In the order of [`Role::ALL`].
    styles: [Style; Role::ALL.len()],
    is_ascii: bool,
}

impl Palette {
    /// The styles of `theme`, which has been mapped to what the terminal shows ([`Theme::at`]).
    pub fn new(theme: &Theme) -> Self {
        Self { styles: Role::ALL.map(|role| style(theme.look(role))), is_ascii: false }
    }

    /// With signs of ASCII alone, for terminals and fonts without block characters.
    #[must_use]
    pub fn ascii(mut self, is_ascii: bool) -> Self {
        self.is_ascii = is_ascii;
        self
    }

    /// Whether signs are of ASCII alone.
    pub fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// `plain` where the terminal has it, else `ascii`.
    pub fn sign(&self, plain: &'static str, ascii: &'static str) -> &'static str {
        if self.is_ascii { ascii } else { plain }
    }

    /// How `role` is drawn.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// How the voice at this place is drawn; the hues come round again after six.
    pub fn persona(&self, place: usize) -> Style {
        self.style(Role::persona(place))
    }
}

fn style(look: Look) -> Style {
    let modifiers = [
        (look.bold, Modifier::BOLD),
        (look.dim, Modifier::DIM),
        (look.italic, Modifier::ITALIC),
        (look.underlined, Modifier::UNDERLINED),
        (look.reversed, Modifier::REVERSED),
    ];
    let on = modifiers.into_iter().filter(|(is_on, _)| *is_on).map(|(_, modifier)| modifier);
    let mut style = Style::new().add_modifier(on.collect());
    style.fg = look.fg.map(colour);
    style.bg = look.bg.map(colour);
    style
}

fn colour(colour: Colour) -> Color {
    match colour {
        Colour::Indexed(place) => Color::Indexed(place),
        Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
        Colour::Named(name) => match name {
            Ansi::Black => Color::Black,
            Ansi::Red => Color::Red,
            Ansi::Green => Color::Green,
            Ansi::Yellow => Color::Yellow,
            Ansi::Blue => Color::Blue,
            Ansi::Magenta => Color::Magenta,
            Ansi::Cyan => Color::Cyan,
            // ratatui's White is the bright one.
            Ansi::White => Color::Gray,
            Ansi::BrightBlack => Color::DarkGray,
            Ansi::BrightRed => Color::LightRed,
            Ansi::BrightGreen => Color::LightGreen,
            Ansi::BrightYellow => Color::LightYellow,
            Ansi::BrightBlue => Color::LightBlue,
            Ansi::BrightMagenta => Color::LightMagenta,
            Ansi::BrightCyan => Color::LightCyan,
            Ansi::BrightWhite => Color::White,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::theme::Depth;

    #[test]
    fn looks_become_styles() {
        let palette = Palette::new(&Theme::default().at(Depth::Ansi16));
        assert_eq!(palette.style(Role::Text), Style::new());
        assert_eq!(palette.style(Role::Key), Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD));
        assert_eq!(palette.style(Role::Badge), Style::new().fg(Color::Black).bg(Color::Cyan));
        assert_eq!(palette.persona(7), palette.style(Role::Persona2));
    }

    #[test]
    fn no_colour_reaches_ratatui_without_colours() {
        let palette = Palette::new(&Theme::default().at(Depth::Mono));
        for role in Role::ALL {
            let style = palette.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
        assert!(palette.style(Role::Selection).add_modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn signs_have_an_ascii_form() {
        let palette = Palette::new(&Theme::default());
        assert_eq!((palette.sign("█", "#"), palette.ascii(true).sign("█", "#")), ("█", "#"));
    }
}
