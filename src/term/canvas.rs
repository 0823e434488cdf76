//! [`Canvas`]: what ratatui draws on. It gathers one frame in memory, so that the frame leaves in a single write.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use super::pen::Pen;

/// Begin and end of a synchronised update. Terminals that do not know the mode ignore both.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// Gathers the cells of one frame and writes them at once.
///
/// `W` is the terminal, or a buffer in tests. Clearing is not passed on: whoever resizes repaints every cell, which
/// does not flicker.
#[derive(Debug)]
pub(super) struct Canvas<W> {
    out: W,
    cells: Vec<u8>,
    /// The size ratatui is told, fixed for the length of one frame.
    pub(super) size: Size,
    /// Blank the whole screen at the start of the next frame.
    pub(super) blank_first: bool,
    shown: bool,
    at: Option<Position>,
    wanted: Option<Position>,
    hide_wanted: bool,
    bytes: u64,
}

impl<W: Write> Canvas<W> {
    /// A canvas over `out`, whose cursor is hidden.
    pub(super) fn new(out: W, size: Size) -> Self {
        Self {
            out,
            cells: Vec::new(),
            size,
            blank_first: false,
            shown: false,
            at: None,
            wanted: None,
            hide_wanted: true,
            bytes: 0,
        }
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts bytes that went to the same terminal another way.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The terminal hid the cursor, as entering does.
    pub(super) fn cursor_was_hidden(&mut self) {
        (self.shown, self.at) = (false, None);
    }

    /// Writes bytes that belong to no frame.
    pub(super) fn write_now(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.count(bytes.len());
        self.out.flush()
    }

    /// Sends the gathered frame, begin and end included, in one write. False if there was nothing to send.
    pub(super) fn finish(&mut self, synchronised: bool) -> io::Result<bool> {
        let mut cells = std::mem::take(&mut self.cells);
        let blank = std::mem::take(&mut self.blank_first);
        let drawn = blank || !cells.is_empty();
        let mut frame = Vec::with_capacity(cells.len() + 64);
        if synchronised {
            frame.extend_from_slice(BEGIN);
        }
        let empty = frame.len();
        // Without synchronisation a visible cursor would be seen running over the screen.
        if self.shown && (self.hide_wanted || (drawn && !synchronised)) {
            frame.extend_from_slice(b"\x1b[?25l");
            self.shown = false;
        }
        if blank {
            frame.extend_from_slice(b"\x1b[2J");
        }
        frame.extend_from_slice(&cells);
        cells.clear();
        self.cells = cells;
        if let Some(position) = self.wanted.filter(|_| !self.hide_wanted) {
            if drawn || self.at != Some(position) {
                move_to(position, &mut frame);
            }
            if !std::mem::replace(&mut self.shown, true) {
                frame.extend_from_slice(b"\x1b[?25h");
            }
        }
        self.at = self.wanted.filter(|_| self.shown);
        if frame.len() == empty {
            return Ok(false);
        }
        if synchronised {
            frame.extend_from_slice(END);
        }
        self.write_now(&frame)?;
        Ok(true)
    }

    /// Throws away what was gathered of a frame that failed.
    pub(super) fn abandon(&mut self) {
        self.cells.clear();
    }
}

fn move_to(position: Position, out: &mut Vec<u8>) {
    let (row, column) = (u32::from(position.y) + 1, u32::from(position.x) + 1);
    // A vector takes every write.
    let _ = write!(out, "\x1b[{row};{column}H");
}

impl<W: Write> Backend for Canvas<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let out = &mut self.cells;
        let mut pen = Pen::PLAIN;
        let mut last: Option<Position> = None;
        for (x, y, cell) in content {
            match last {
                Some(last) if last.y == y && last.x.checked_add(1) == Some(x) => {}
                Some(last) if last.y == y => write!(out, "\x1b[{}G", u32::from(x) + 1)?,
                _ => move_to(Position { x, y }, out),
            }
            last = Some(Position { x, y });
            pen.change(Pen::of(cell), out);
            // Widgets filter control characters, a cell set directly does not: this is the last gate.
            let symbol = cell.symbol();
            let symbol = if symbol.is_empty() || symbol.contains(char::is_control) { " " } else { symbol };
            out.extend_from_slice(symbol.as_bytes());
        }
        pen.change(Pen::PLAIN, out);
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.hide_wanted = true;
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.hide_wanted = false;
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // Asking the terminal would race with the keys.
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.wanted = Some(position.into());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn clear_region(&mut self, _clear_type: ClearType) -> io::Result<()> {
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
