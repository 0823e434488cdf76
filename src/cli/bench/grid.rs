//! What a terminal would show: enough of one to read the workbench's own frames.
//!
//! Only what the workbench writes is understood: text, absolute moves, clearing the screen, private modes. Colours pass
//! by. Every byte is counted on the cell where it was written, so that one can say where bytes go.

use crate::text::width;

/// Longest control sequence that is read; the workbench writes none so long but titles.
const LONGEST: usize = 256;

/// A screen of characters.
#[derive(Debug)]
pub(super) struct Grid {
    columns: usize,
    rows: usize,
    cells: Vec<char>,
    /// Bytes spent on each cell since the last [`Grid::forget_costs`].
    costs: Vec<u64>,
    column: usize,
    row: usize,
    state: State,
    /// Bytes of a sequence or of a character that is not whole yet.
    held: Vec<u8>,
    full_clears: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Escape,
    Control,
    /// A title: up to BEL or ST.
    Title,
}

/// What a byte completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing of note.
    None,
    /// A frame begins.
    FrameBegins,
    /// A frame is whole.
    FrameEnds,
}

/// The second cell of a wide character.
const REST: char = '\0';

impl Grid {
    pub(super) fn new((columns, rows): (u16, u16)) -> Self {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        Self {
            columns,
            rows,
            cells: vec![' '; columns * rows],
            costs: vec![0; columns * rows],
            column: 0,
            row: 0,
            state: State::Text,
            held: Vec::new(),
            full_clears: 0,
        }
    }

    /// Takes one byte.
    pub(super) fn take(&mut self, byte: u8) -> Mark {
        match self.state {
            State::Text if byte == 0x1b => {
                self.state = State::Escape;
                self.held = vec![byte];
                Mark::None
            }
            State::Text => {
                self.text(byte);
                Mark::None
            }
            State::Escape => {
                self.held.push(byte);
                self.state = match byte {
                    b'[' => State::Control,
                    b']' => State::Title,
                    _ => State::Text,
                };
                if self.state == State::Text {
                    self.held.clear();
                }
                Mark::None
            }
            State::Control => {
                self.held.push(byte);
                if !(0x40..=0x7e).contains(&byte) && self.held.len() < LONGEST {
                    return Mark::None;
                }
                self.state = State::Text;
                let sequence = std::mem::take(&mut self.held);
                self.control(&sequence)
            }
            State::Title => {
                if byte == 0x07 || (byte == b'\\' && self.held.last() == Some(&0x1b)) {
                    self.state = State::Text;
                    self.held.clear();
                } else if self.held.len() < LONGEST || byte == 0x1b {
                    self.held.push(byte);
                }
                Mark::None
            }
        }
    }

    fn text(&mut self, byte: u8) {
        self.held.push(byte);
        let Ok(text) = std::str::from_utf8(&self.held) else {
            if self.held.len() >= 4 {
                self.held.clear();
            }
            return;
        };
        let Some(c) = text.chars().next() else { return };
        let (cells, bytes) = (width(text), self.held.len());
        self.held.clear();
        if c.is_control() {
            return;
        }
        self.cost(bytes);
        for (offset, c) in [c, REST].into_iter().take(cells).enumerate() {
            if let Some(cell) = self.place(self.column + offset, self.row).and_then(|at| self.cells.get_mut(at)) {
                *cell = c;
            }
        }
        self.column += cells;
    }

    fn control(&mut self, sequence: &[u8]) -> Mark {
        let text = String::from_utf8_lossy(sequence.get(2..).unwrap_or_default()).into_owned();
        let (body, last) = text.split_at(text.len().saturating_sub(1));
        let mut numbers = body.split(';').map(|part| part.parse::<usize>().ok());
        let mut place = || numbers.next().flatten().unwrap_or(1).max(1) - 1;
        match last {
            "H" => (self.row, self.column) = (place(), place()),
            "G" => self.column = place(),
            "J" if body == "2" => {
                self.full_clears += 1;
                self.blank();
            }
            "h" if body == "?1049" => self.blank(),
            "h" if body == "?2026" => return Mark::FrameBegins,
            "l" if body == "?2026" => return Mark::FrameEnds,
            _ => {}
        }
        self.cost(sequence.len());
        Mark::None
    }

    fn blank(&mut self) {
        self.cells.fill(' ');
    }

    fn place(&self, column: usize, row: usize) -> Option<usize> {
        (column < self.columns && row < self.rows).then(|| row * self.columns + column)
    }

    fn cost(&mut self, bytes: usize) {
        let column = self.column.min(self.columns.saturating_sub(1));
        if let Some(cost) = self.place(column, self.row).and_then(|at| self.costs.get_mut(at)) {
            *cost += bytes as u64;
        }
    }

    /// The text of a row, from 0.
    pub(super) fn row(&self, row: usize) -> String {
        let from = row * self.columns;
        let cells = self.cells.get(from..from + self.columns).unwrap_or_default();
        cells.iter().filter(|c| **c != REST).collect()
    }

    /// All rows from the top.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.rows).map(|row| self.row(row))
    }

    /// The status line.
    pub(super) fn last_row(&self) -> String {
        self.row(self.rows.saturating_sub(1))
    }

    /// Whether a row holds `text`.
    pub(super) fn shows(&self, text: &str) -> bool {
        self.lines().any(|line| line.contains(text))
    }

    /// How often the whole screen was cleared.
    pub(super) fn full_clears(&self) -> u64 {
        self.full_clears
    }

    /// Begins to count bytes anew.
    pub(super) fn forget_costs(&mut self) {
        self.costs.fill(0);
    }

    /// Bytes spent on the cells of these columns and rows.
    pub(super) fn cost_of(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> u64 {
        let row = |row: usize| {
            let from = row * self.columns;
            self.costs.get(from + columns.start..from + columns.end.min(self.columns)).unwrap_or_default()
        };
        rows.filter(|at| *at < self.rows).flat_map(row).sum()
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(grid: &mut Grid, text: &str) -> Vec<Mark> {
        text.bytes().map(|byte| grid.take(byte)).filter(|mark| *mark != Mark::None).collect()
    }

    #[test]
    fn text_moves_and_frames_are_understood() {
        let mut grid = Grid::new((12, 3));
        let marks = take(&mut grid, "\x1b[?2026h\x1b[2;3H\x1b[1;31mab\x1b[m\x1b[8G日é\x1b]0;a title\x07x\x1b[?2026l");
        assert_eq!(marks, [Mark::FrameBegins, Mark::FrameEnds]);
        assert_eq!(grid.row(1).trim_end(), "  ab   日éx");
        assert!(grid.shows("ab") && !grid.shows("title") && grid.last_row().trim().is_empty());
    }

    #[test]
    fn bytes_count_where_they_were_written() {
        let mut grid = Grid::new((10, 2));
        take(&mut grid, "\x1b[2;5Hab");
        assert_eq!((grid.cost_of(4..5, 1..2), grid.cost_of(0..10, 0..2)), (7, 8));
        grid.forget_costs();
        assert_eq!(grid.cost_of(0..10, 0..2), 0);
    }

    #[test]
    fn clears_are_counted_and_what_lies_outside_is_left_alone() {
        let mut grid = Grid::new((4, 1));
        take(&mut grid, "abc\x1b[2J\x1b[9;9Hx\x1b[0K");
        assert_eq!((grid.full_clears(), grid.row(0).as_str()), (1, "    "));
    }
}
