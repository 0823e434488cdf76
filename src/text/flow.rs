//! [`Flow`]: text that grows at its end, as a model writes it, wrapped without beginning anew each time.
//!
//! Wrapping everything again for each token is quadratic: three answers of 20,000 words cost 50 ms a frame. Here all lines
//! but the last two of the last paragraph are settled. Two, because what is added can still change the width of the last
//! letter (a combining mark, a variation selector), and with it whether the last word has room on the line before.

use std::cell::{Ref, RefCell};
use std::ops::Range;

use super::safe::Sanitiser;
use super::wrap::wrap_paragraph;

/// Text that grows at its end. It is made safe as it comes in, so that an escape sequence split over two pieces is caught.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    sanitiser: Sanitiser,
    text: String,
    wrapped: RefCell<Wrapped>,
}

/// The lines for one width, and how far they are settled.
#[derive(Debug, Clone, Default)]
struct Wrapped {
    width: usize,
    lines: Vec<String>,
    /// Lines that no later text changes.
    settled: usize,
    /// The byte of the text at which the first line that is not settled begins.
    resume: usize,
    /// Bytes of the text that `lines` shows.
    shown: usize,
    /// Bytes given to the wrapping so far.
    #[cfg(test)]
    work: usize,
}

impl Flow {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All of `raw` at once.
    pub fn from_text(raw: &str) -> Self {
        let mut flow = Self::new();
        flow.push(raw);
        flow
    }

    /// Adds `raw`, a piece of any length that may end anywhere.
    pub fn push(&mut self, raw: &str) {
        self.sanitiser.push(raw, &mut self.text);
    }

    /// Everything so far, safe to show.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines at `width` terminal cells (at least 2): those of [`super::wrap()`]. Do not hold them while asking again.
    pub fn lines(&self, width: usize) -> Ref<'_, [String]> {
        self.wrapped.borrow_mut().update(&self.text, width);
        Ref::map(self.wrapped.borrow(), |wrapped| wrapped.lines.as_slice())
    }

    /// The number of lines at `width`.
    pub fn line_count(&self, width: usize) -> usize {
        self.lines(width).len()
    }

    /// Hands the lines in `range` to `f`, with their place; a range beyond the end has no lines.
    pub fn for_each_line(&self, width: usize, range: Range<usize>, mut f: impl FnMut(usize, &str)) {
        let lines = self.lines(width);
        for (place, line) in lines.iter().enumerate().take(range.end).skip(range.start) {
            f(place, line);
        }
    }
}

impl Wrapped {
    fn update(&mut self, text: &str, width: usize) {
        if self.width != width || self.lines.is_empty() {
            self.width = width;
            self.lines.clear();
            (self.settled, self.resume) = (0, 0);
        } else if self.shown == text.len() {
            return;
        }
        self.lines.truncate(self.settled);
        let tail = text.get(self.resume..).unwrap_or_default();
        #[cfg(test)]
        {
            self.work += tail.len();
        }
        let mut at = self.resume;
        for paragraph in tail.split('\n') {
            (self.settled, self.resume) = (self.lines.len(), at);
            let mut begins = [at; 2];
            let lines = &mut self.lines;
            wrap_paragraph(paragraph, width, &mut |begin, line| {
                lines.push(line);
                begins = [begins[1], at + begin];
            });
            // A line that begins the paragraph keeps its indent only when it is wrapped from there.
            if self.lines.len() - self.settled > 2 {
                (self.settled, self.resume) = (self.lines.len() - 2, begins[0]);
            }
            at += paragraph.len() + 1;
        }
        self.shown = text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{SafeText, wrap};
    use proptest::prelude::*;

    fn whole(raw: &str, width: usize) -> Vec<String> {
        wrap(SafeText::new(raw).as_str(), width)
    }

    #[test]
    fn nothing_is_one_empty_line() {
        let flow = Flow::new();
        assert_eq!(*flow.lines(10), [String::new()]);
        assert_eq!(flow.line_count(10), 1);
    }

    #[test]
    fn words_go_on_where_they_stopped() {
        let mut flow = Flow::from_text("  one two th");
        assert_eq!(*flow.lines(9), ["  one two", "th"]);
        flow.push("ree\n\nfour");
        assert_eq!(*flow.lines(9), ["  one two", "three", "", "four"]);
        assert_eq!(*flow.lines(30), ["  one two three", "", "four"]);
    }

    #[test]
    fn a_split_escape_sequence_is_caught() {
        let mut flow = Flow::new();
        for piece in ["a\u{1b}", "[3", "1", "mb\u{1b}]0;ti", "tle\u{7}c"] {
            flow.push(piece);
            assert!(!flow.text().contains('\u{1b}'));
        }
        assert_eq!(flow.text(), "abc");
    }

    #[test]
    fn a_part_of_the_lines_can_be_asked_for() {
        let flow = Flow::from_text("a\nb\nc\nd");
        let mut seen = Vec::new();
        flow.for_each_line(10, 1..3, |place, line| seen.push((place, line.to_owned())));
        assert_eq!(seen, [(1, "b".to_owned()), (2, "c".to_owned())]);
        flow.for_each_line(10, 4..9, |_, _| seen.clear());
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_letter_that_turns_narrow_may_move_back() {
        // The clock is two cells wide, and one as text.
        let mut flow = Flow::from_text("x abcdef y\u{231a}");
        let before = flow.lines(10).to_vec();
        flow.push("\u{fe0e} z");
        assert_eq!(*flow.lines(10), *whole("x abcdef y\u{231a}\u{fe0e} z", 10));
        assert_eq!(before, whole("x abcdef y\u{231a}", 10));
    }

    /// Bytes wrapped while `words` come in one by one, read after each.
    fn work(words: usize, word: &str) -> (usize, usize) {
        let mut flow = Flow::new();
        for _ in 0..words {
            flow.push(word);
            let _ = flow.line_count(80);
        }
        let work = flow.wrapped.borrow().work;
        (work, flow.text().len())
    }

    #[test]
    fn work_grows_with_the_text_and_not_with_its_square() {
        for word in ["word ", "word", "日本語", "a\n"] {
            let (work, length) = work(20_000, word);
            // Up to three lines of 80 cells, three bytes in two cells, are looked at for each word.
            assert!(work <= 20_000 * 3 * 120, "{word:?}: {work} bytes for {length}");
            let (half, _) = self::work(10_000, word);
            assert!(work < half * 21 / 10, "{word:?}: {work} after {half}");
        }
    }

    #[test]
    fn reading_again_costs_nothing() {
        let flow = Flow::from_text(&"some words ".repeat(100));
        let _ = flow.line_count(40);
        let before = flow.wrapped.borrow().work;
        let _ = flow.line_count(40);
        assert_eq!(flow.wrapped.borrow().work, before);
    }

    proptest! {
        #[test]
        fn chunks_give_the_lines_of_the_whole(
            raw in "([a-c ]{0,12}|[日é \u{301}\u{fe0e}\u{fe0f}⌚🇩🇪👩\u{200d}🔬كषि\u{94d}क]{0,8}|[\n\r\t]|\u{1b}\\[3[0-9]m|\u{1b}\\]0;[a-z]{0,5}(\u{7}|\u{1b}\\\\)|\u{9b}2J){0,30}",
            cuts in proptest::collection::vec(0usize..400, 0..40),
            width in 1usize..30,
            other in 1usize..30,
        ) {
            let chars: Vec<char> = raw.chars().collect();
            let mut flow = Flow::new();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(chars.len())).collect();
            cuts.push(chars.len());
            cuts.sort_unstable();
            let mut from = 0;
            for (turn, to) in cuts.into_iter().enumerate() {
                flow.push(&chars[from..to].iter().collect::<String>());
                from = to;
                let so_far = flow.text().to_owned();
                let width = if turn % 7 == 6 { other } else { width };
                prop_assert_eq!(&*flow.lines(width), &*wrap(&so_far, width));
            }
            let safe = SafeText::new(&raw);
            prop_assert_eq!(flow.text(), safe.as_str());
            prop_assert_eq!(&*flow.lines(width), &*whole(&raw, width));
        }
    }
}
