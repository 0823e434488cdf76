//! [`Surface`]: atomic frames on any writer. [`super::Screen`] is the surface of the real terminal.

use std::io::{self, Write};

use ratatui::buffer::Cell;
use ratatui::layout::{Rect, Size};
use ratatui::style::Modifier;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

use super::canvas::Canvas;

/// Most cells that are drawn: more than any screen has (a 4K monitor in a tiny font: 640 x 180), few enough that a
/// terminal which lies about its size costs milliseconds and megabytes, not gigabytes.
const MAX_CELLS: u32 = 200_000;
/// Most columns that are drawn.
const MAX_COLUMNS: u16 = 2_000;

/// What the terminal shows before the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The last frame: only differences are written.
    LastFrame,
    /// Nothing.
    Blank,
    /// Something else: every cell is written.
    Unknown,
}

/// Frames on `W`: each leaves in one write, inside one synchronised update.
#[derive(Debug)]
pub(super) struct Surface<W: Write> {
    terminal: Terminal<Canvas<W>>,
    synchronised: bool,
    shown: Shown,
    frames: u64,
}

/// The part of a terminal of `columns` x `rows` that is drawn.
fn drawn_size(columns: u16, rows: u16) -> Size {
    let width = columns.clamp(1, MAX_COLUMNS);
    let most = u16::try_from(MAX_CELLS / u32::from(width)).unwrap_or(u16::MAX);
    Size { width, height: rows.clamp(1, most) }
}

impl<W: Write> Surface<W> {
    /// A surface over a blank terminal with a hidden cursor.
    pub(super) fn new(out: W, synchronised: bool, (columns, rows): (u16, u16)) -> io::Result<Self> {
        let size = drawn_size(columns, rows);
        let viewport = Viewport::Fullscreen;
        let terminal = Terminal::with_options(Canvas::new(out, size), TerminalOptions { viewport })?;
        Ok(Self { terminal, synchronised, shown: Shown::Blank, frames: 0 })
    }

    /// Draws one frame on a terminal that has `columns` x `rows` now.
    pub(super) fn draw<T>(
        &mut self,
        (columns, rows): (u16, u16),
        render: impl FnOnce(&mut Frame<'_>) -> T,
    ) -> io::Result<T> {
        let size = drawn_size(columns, rows);
        if size != self.terminal.backend().size {
            self.terminal.backend_mut().size = size;
            self.terminal.resize(Rect::from(size))?;
            // Terminals keep, cut or re-wrap what they showed, each in its own way.
            self.shown = Shown::Unknown;
            self.terminal.backend_mut().blank_first = (size.width, size.height) != (columns, rows);
        }
        self.forget(self.shown);
        let mut made = None;
        let drawn = self.terminal.draw(|frame| made = Some(render(frame))).map(|_| ());
        if drawn.is_err() {
            self.terminal.backend_mut().abandon();
        }
        drawn?;
        self.shown = Shown::Unknown;
        if self.terminal.backend_mut().finish(self.synchronised)? {
            self.frames += 1;
        }
        self.shown = Shown::LastFrame;
        made.ok_or_else(|| io::Error::other("the frame was not rendered"))
    }

    /// Makes ratatui's idea of the screen true, so that its differences are the right ones.
    fn forget(&mut self, shown: Shown) {
        match shown {
            Shown::LastFrame => return,
            Shown::Blank => {}
            Shown::Unknown => {
                // No cell of ours looks like this one, so every cell differs and is written.
                let mut unlike = Cell::new("\u{e000}");
                unlike.modifier = Modifier::HIDDEN;
                self.terminal.current_buffer_mut().content.fill(unlike);
            }
        }
        // Between frames the current buffer is blank; swapped, it is what ratatui believes is on the screen.
        self.terminal.swap_buffers();
    }

    /// Every cell is written with the next frame.
    pub(super) fn repaint(&mut self) {
        self.shown = Shown::Unknown;
    }

    /// The terminal was cleared and its cursor hidden by other means, with `bytes` bytes.
    pub(super) fn was_blanked(&mut self, bytes: usize) {
        self.shown = Shown::Blank;
        self.terminal.backend_mut().count(bytes);
        self.terminal.backend_mut().cursor_was_hidden();
    }

    /// Writes bytes that belong to no frame and move nothing on the screen.
    pub(super) fn write_now(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.terminal.backend_mut().write_now(bytes)
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.terminal.backend().bytes()
    }

    /// Frames that had something to write.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }
}

#[cfg(test)]
#[path = "surface_tests.rs"]
mod tests;
