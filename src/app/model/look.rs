//! What is looked at: the column, and how far it is scrolled.

use super::Chart;
use crate::domain::Mode;

/// What is looked at.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// The column that keys act on.
    pub mode: Mode,
    /// Whether the setup is looked at instead, where it is a tab.
    pub at_setup: bool,
    /// Whether the survey is looked at, over everything else.
    pub at_survey: bool,
    /// Whether the column has the whole width.
    pub is_zoomed: bool,
    /// What the distribution column draws.
    pub chart: Chart,
    /// Whether its bars are over all options, those that give no opinion too.
    pub is_whole: bool,
    /// One per mode.
    scrolls: [Scroll; 3],
    /// Whether thinking is shown whole; one per mode.
    unfolded: [bool; 3],
    /// How far the setup is scrolled, where it is a tab.
    pub setup_top: usize,
    /// What the last frame looked like.
    pub layout: Layout,
}

/// How far a column is scrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scroll {
    /// Whether it shows what is being written.
    pub follows: bool,
    /// Else the first line that is shown.
    pub top: usize,
    /// How many lines there were when it stopped following.
    pub seen: usize,
}

impl Default for Scroll {
    fn default() -> Self {
        Self { follows: true, top: 0, seen: 0 }
    }
}

/// How large the parts of a frame were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// One per mode.
    pub columns: [ColumnLayout; 3],
    /// The setup, where it is a tab.
    pub setup: ColumnLayout,
    /// The table of the survey.
    pub survey: ColumnLayout,
    /// What is read over the panes.
    pub reader: ColumnLayout,
    /// The list that is chosen from.
    pub list: usize,
}

/// How large a scrolled part was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnLayout {
    /// Rows of the screen.
    pub rows: usize,
    /// Lines of the text.
    pub lines: usize,
}

impl ColumnLayout {
    /// The first line when scrolled to the end.
    pub fn last_top(self) -> usize {
        self.lines.saturating_sub(self.rows)
    }
}

/// The place of a mode's column.
pub fn column(mode: Mode) -> usize {
    match mode {
        Mode::Overton => 0,
        Mode::Steered => 1,
        Mode::Distribution => 2,
    }
}

impl Look {
    /// How far the column of `mode` is scrolled.
    pub fn scroll(&self, mode: Mode) -> Scroll {
        self.scrolls.get(column(mode)).copied().unwrap_or_default()
    }

    /// Whether the column of `mode` shows whole what its voices thought.
    pub fn is_unfolded(&self, mode: Mode) -> bool {
        self.unfolded.get(column(mode)).copied().unwrap_or_default()
    }

    /// Folds what the voices of the column that is looked at thought, or unfolds it.
    pub fn turn_fold(&mut self) {
        if let Some(unfolded) = self.unfolded.get_mut(column(self.mode)) {
            *unfolded = !*unfolded;
        }
    }

    /// Changes it.
    pub fn scroll_mut(&mut self, mode: Mode) -> &mut Scroll {
        let [overton, steered, distribution] = &mut self.scrolls;
        match mode {
            Mode::Overton => overton,
            Mode::Steered => steered,
            Mode::Distribution => distribution,
        }
    }

    /// All columns show what is written.
    pub fn follow_all(&mut self) {
        self.scrolls = Default::default();
    }

    /// How large the column of `mode` was.
    pub fn size(&self, mode: Mode) -> ColumnLayout {
        self.layout.columns.get(column(mode)).copied().unwrap_or_default()
    }

    /// Moves the column of `mode` by `lines`; down is positive. `starts_at_end` says what a column shows that follows.
    pub fn scroll_by(&mut self, mode: Mode, lines: i64, starts_at_end: bool) {
        let size = self.size(mode);
        let last = size.last_top();
        let scroll = self.scroll_mut(mode);
        let from = if !scroll.follows {
            scroll.top.min(last)
        } else if starts_at_end {
            last
        } else {
            0
        };
        let top = moved(from, lines, last);
        if scroll.follows {
            // Nothing above or below to go to: nothing to unfollow for.
            if top == from {
                return;
            }
            scroll.seen = size.lines;
        }
        scroll.follows = false;
        scroll.top = top;
    }
}

/// `from` moved by `lines`, not beyond `last`.
pub fn moved(from: usize, lines: i64, last: usize) -> usize {
    let by = usize::try_from(lines.unsigned_abs()).unwrap_or(usize::MAX);
    if lines < 0 { from.saturating_sub(by) } else { from.saturating_add(by).min(last) }
}
