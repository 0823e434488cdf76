//! Tests of [`super::Surface`]: the bytes of frames, read by a terminal parser.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::num::NonZeroU16;
use std::rc::Rc;

use proptest::prelude::*;
use ratatui::layout::Position;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;

use super::*;

/// A terminal's end of the line: what arrives, write by write.
#[derive(Debug, Clone, Default)]
struct Wire(Rc<RefCell<Vec<Vec<u8>>>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.borrow_mut())
    }

    fn take_text(&self) -> String {
        String::from_utf8(self.take().concat()).unwrap()
    }
}

fn surface(synchronised: bool, size: (u16, u16)) -> (Surface<Wire>, Wire) {
    let wire = Wire::default();
    (Surface::new(wire.clone(), synchronised, size).unwrap(), wire)
}

fn parser(size: (u16, u16)) -> vt100::Parser {
    vt100::Parser::new(NonZeroU16::new(size.1).unwrap(), NonZeroU16::new(size.0).unwrap(), 0)
}

const SIZE: (u16, u16) = (40, 6);

#[test]
fn a_frame_is_one_write_inside_one_synchronised_update() {
    let (mut surface, wire) = surface(true, SIZE);
    let answer = surface.draw(SIZE, |frame| {
        frame.render_widget(Line::from("hello").bold().red(), frame.area());
        42
    });
    assert_eq!(answer.unwrap(), 42);
    let writes = wire.take();
    assert_eq!(writes.len(), 1, "{writes:?}");
    let text = String::from_utf8(writes.concat()).unwrap();
    assert!(text.starts_with("\x1b[?2026h") && text.ends_with("\x1b[?2026l"), "{text:?}");
    assert_eq!((text.matches("?2026h").count(), text.matches("?2026l").count()), (1, 1));
    assert!(text.contains("\x1b[1;31mhello "), "{text:?}");
    assert_eq!((surface.bytes(), surface.frames()), (text.len() as u64, 1));
}

#[test]
fn a_frame_without_a_change_writes_nothing() {
    let (mut surface, wire) = surface(true, SIZE);
    for _ in 0..3 {
        surface.draw(SIZE, |frame| frame.render_widget("same", frame.area())).unwrap();
    }
    assert_eq!(wire.take().len(), 1);
    assert_eq!(surface.frames(), 1);
}

#[test]
fn one_spinner_cell_fits_in_64_bytes_even_beside_a_shown_cursor() {
    let size = (160, 45);
    let (mut surface, wire) = surface(true, size);
    for (step, glyph) in ["⠋", "⠙", "⠹"].into_iter().enumerate() {
        let draw = surface.draw(size, |frame| {
            frame.buffer_mut().set_string(158, 44, glyph, Style::new().fg(Color::Cyan));
            frame.set_cursor_position((120, 40));
        });
        draw.unwrap();
        let bytes = wire.take().concat().len();
        assert!(step == 0 || bytes <= 64, "{bytes} bytes");
    }
}

#[test]
fn a_failing_terminal_is_an_error_and_the_next_frame_paints_everything() {
    struct Failing(Wire, Rc<RefCell<bool>>);
    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if *self.1.borrow() { Err(io::Error::other("gone")) } else { self.0.write(bytes) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (wire, broken) = (Wire::default(), Rc::new(RefCell::new(true)));
    let mut surface = Surface::new(Failing(wire.clone(), Rc::clone(&broken)), true, SIZE).unwrap();
    let mut draw = || surface.draw(SIZE, |frame| frame.render_widget("text", frame.area()));
    assert_eq!(draw().unwrap_err().to_string(), "gone");
    assert!(wire.take().is_empty());
    *broken.borrow_mut() = false;
    draw().unwrap();
    let text = wire.take_text();
    assert_eq!((text.matches("?2026h").count(), text.matches("?2026l").count()), (1, 1));
    assert!(text.matches(' ').count() > 200, "the frame after a lost one must not rely on it: {text:?}");
}

#[test]
fn a_panic_while_rendering_writes_nothing() {
    let (mut surface, wire) = surface(true, SIZE);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        surface.draw(SIZE, |frame| {
            frame.render_widget("half", frame.area());
            assert!(frame.area().is_empty(), "on purpose");
        })
    }));
    assert!(outcome.is_err());
    assert!(wire.take().is_empty());
}

#[test]
fn clearing_repaints_without_blanking_the_screen() {
    let (mut surface, wire) = surface(true, SIZE);
    let mut terminal = parser(SIZE);
    surface.draw(SIZE, |frame| frame.render_widget("hello", frame.area())).unwrap();
    terminal.process(&wire.take().concat());
    terminal.process(b"\x1b[2;1Hgarbage from elsewhere\x1b[1;1HJ");
    surface.repaint();
    surface.draw(SIZE, |frame| frame.render_widget("hello", frame.area())).unwrap();
    let bytes = wire.take_text();
    assert!(!bytes.contains("\x1b[2J") && !bytes.contains("\x1b[J"), "{bytes:?}");
    terminal.process(bytes.as_bytes());
    assert_eq!(terminal.screen().contents().trim_end(), "hello");
}

#[test]
fn the_cursor_is_shown_moved_and_hidden_once_each() {
    let (mut surface, wire) = surface(true, SIZE);
    let mut at = |position: Option<(u16, u16)>| {
        surface
            .draw(SIZE, |frame| {
                if let Some(position) = position {
                    frame.set_cursor_position(Position::from(position));
                }
            })
            .unwrap();
        wire.take_text().replace("\x1b[?2026h", "").replace("\x1b[?2026l", "")
    };
    assert_eq!(at(Some((4, 2))), "\x1b[3;5H\x1b[?25h");
    assert_eq!(at(Some((4, 2))), "");
    assert_eq!(at(Some((5, 2))), "\x1b[3;6H");
    assert_eq!(at(None), "\x1b[?25l");
    assert_eq!(at(None), "");
}

#[test]
fn without_synchronisation_the_cursor_hides_while_cells_are_drawn() {
    let (mut surface, wire) = surface(false, SIZE);
    for text in ["one", "two"] {
        surface
            .draw(SIZE, |frame| {
                frame.render_widget(text, frame.area());
                frame.set_cursor_position((0, 1));
            })
            .unwrap();
    }
    let writes = wire.take();
    let second = String::from_utf8_lossy(&writes[1]);
    assert!(second.starts_with("\x1b[?25l") && second.ends_with("\x1b[2;1H\x1b[?25h"), "{second:?}");
    assert!(!second.contains("2026"));
}

#[test]
fn a_control_character_set_in_a_cell_never_reaches_the_terminal() {
    let (mut surface, wire) = surface(true, SIZE);
    let draw = surface.draw(SIZE, |frame| {
        for (x, symbol) in (0u16..).zip(["\x1b]52;c;aGk=\x07", "\u{9b}2J", "\r", "", "\t"]) {
            frame.buffer_mut()[(x * 2, 1)].set_symbol(symbol).set_fg(Color::Red);
        }
    });
    draw.unwrap();
    let text = wire.take_text();
    assert!(!text.contains("]52") && !text.contains(['\x07', '\r', '\t', '\u{9b}']), "{text:?}");
}

#[test]
fn sizes_no_screen_has_are_cut_and_small_ones_work() {
    assert_eq!(drawn_size(400, 300), Size::new(400, 300));
    assert_eq!(drawn_size(640, 180), Size::new(640, 180));
    assert_eq!(drawn_size(0, 0), Size::new(1, 1));
    for (columns, rows) in [(u16::MAX, u16::MAX), (1, u16::MAX), (u16::MAX, 1)] {
        let size = drawn_size(columns, rows);
        assert!(u32::from(size.width) * u32::from(size.height) <= MAX_CELLS, "{size:?}");
    }
    for size in [(u16::MAX, u16::MAX), (400, 300), (10, 3), (1, 1)] {
        let (mut surface, wire) = surface(true, SIZE);
        surface.draw(SIZE, |frame| frame.render_widget("first", frame.area())).unwrap();
        wire.take();
        let area = surface.draw(size, |frame| {
            frame.render_widget("x".repeat(20), frame.area());
            frame.area()
        });
        assert_eq!(area.unwrap().as_size(), drawn_size(size.0, size.1));
        // The part of a terminal that is not drawn must not keep what it showed.
        assert_eq!(wire.take_text().contains("\x1b[2J"), size == (u16::MAX, u16::MAX));
    }
}

#[test]
fn a_resized_terminal_shows_the_new_frame_alone() {
    let (mut surface, wire) = surface(true, SIZE);
    let mut terminal = parser(SIZE);
    for size in [SIZE, (20, 10), (60, 3), (40, 6)] {
        terminal.set_size(NonZeroU16::new(size.1).unwrap(), NonZeroU16::new(size.0).unwrap());
        surface.draw(size, |frame| frame.render_widget(format!("{}x{}", size.0, size.1), frame.area())).unwrap();
        terminal.process(&wire.take().concat());
        assert_eq!(terminal.screen().contents().trim_end(), format!("{}x{}", size.0, size.1));
    }
}

/// A cell of a random frame: where, what, and how.
///
/// Wide characters keep to columns of their own: how the half of one looks that a narrow one leaves over differs from
/// terminal to terminal, and the parser gives it the style of the narrow one.
fn any_cell() -> impl Strategy<Value = (u16, u16, &'static str, u8, u8, u16)> {
    let narrow = (0..30u16, prop::sample::select(vec!["a", "Z", " ", "é", "│", "█", "⠋"]));
    let wide = ((15..19u16).prop_map(|half| half * 2), prop::sample::select(vec!["日", "한"]));
    let place = prop_oneof![4 => narrow, 1 => wide];
    (place, 0..6u16, 0..20u8, 0..20u8, 0..0x200u16)
        .prop_map(|((x, symbol), y, fg, bg, attributes)| (x, y, symbol, fg, bg, attributes))
}

fn colour(index: u8) -> Color {
    match index {
        0..=3 => Color::Reset,
        4..=11 => Color::Indexed(index - 4),
        12..=15 => [Color::Red, Color::Gray, Color::LightBlue, Color::White][usize::from(index - 12)],
        _ => Color::Rgb(index, 100, 200),
    }
}

/// Every cell as it looks: a blank that was written is a blank that was never touched, whatever letters it would bear.
fn looks(terminal: &vt100::Parser) -> Vec<String> {
    let cells = (0..SIZE.1).flat_map(|row| (0..SIZE.0).map(move |column| (row, column)));
    let look = |(row, column)| {
        let cell = terminal.screen().cell(row, column).unwrap();
        let lines = (cell.underline(), cell.inverse());
        let (blank, place) = (cell.contents().trim().is_empty(), format!("{row},{column}"));
        let letter = (!blank).then(|| (cell.contents().to_owned(), cell.bold(), cell.italic(), cell.is_wide()));
        let foreground = (!blank || cell.underline() || cell.inverse()).then(|| cell.fgcolor());
        format!("{place} {letter:?} {foreground:?} {:?} {lines:?}", cell.bgcolor())
    };
    cells.map(look).collect()
}

proptest! {
    /// Differences over many frames lead to the same screen as each frame drawn afresh.
    #[test]
    fn a_terminal_shows_what_was_drawn(frames in prop::collection::vec(prop::collection::vec(any_cell(), 0..30), 1..6)) {
        let (mut surface, wire) = surface(true, SIZE);
        let mut terminal = parser(SIZE);
        for cells in frames {
            let render = |frame: &mut Frame<'_>| {
                for (x, y, symbol, fg, bg, attributes) in &cells {
                    // Blink, hidden and struck-out text are outside the parser's model.
                    let kept = Modifier::BOLD | Modifier::ITALIC | Modifier::UNDERLINED | Modifier::REVERSED;
                    let style = Style::new().fg(colour(*fg)).bg(colour(*bg));
                    let style = style.add_modifier(Modifier::from_bits_truncate(*attributes) & kept);
                    frame.buffer_mut().set_string(*x, *y, symbol, style);
                }
            };
            surface.draw(SIZE, render).unwrap();
            terminal.process(&wire.take().concat());
            let (mut fresh, fresh_wire) = self::surface(true, SIZE);
            fresh.draw(SIZE, render).unwrap();
            let mut expected = parser(SIZE);
            expected.process(&fresh_wire.take().concat());
            let (shown, wanted) = (looks(&terminal), looks(&expected));
            let differing: Vec<_> = shown.iter().zip(&wanted).filter(|(shown, wanted)| shown != wanted).collect();
            prop_assert!(differing.is_empty(), "{differing:#?}");
        }
    }
}
