//! Wrapping by display width, at grapheme borders.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The number of terminal cells `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut or padded with spaces to exactly `cells` terminal cells; a cut is marked with `…`.
pub fn pad_to(text: &str, cells: usize) -> String {
    let full = width(text);
    if full <= cells {
        let mut out = text.to_owned();
        out.extend(std::iter::repeat_n(' ', cells - full));
        return out;
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let next = width(grapheme);
        if used + next + 1 > cells {
            break;
        }
        out.push_str(grapheme);
        used += next;
    }
    if cells > 0 {
        out.push('…');
        used += 1;
    }
    out.extend(std::iter::repeat_n(' ', cells.saturating_sub(used)));
    out
}

/// Lines of at most `cells` terminal cells, broken at white space where there is any, else inside the word.
/// Line breaks of the text are kept; an empty text gives one empty line.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        wrap_paragraph(paragraph, cells, &mut |_, line| lines.push(line));
    }
    lines
}

/// The lines of one paragraph, each with the byte of `paragraph` at which its first letter stands.
///
/// What follows the first letter of a line is broken in the same way when it is wrapped alone: [`super::Flow`] relies on
/// that to go on in the middle of a paragraph.
pub(super) fn wrap_paragraph(paragraph: &str, cells: usize, emit: &mut impl FnMut(usize, String)) {
    // Two cells, so that a wide character always fits.
    let cells = cells.max(2);
    let indent: String = paragraph.chars().take_while(|c| *c == ' ').collect();
    let mut line = if width(&indent) < cells / 2 { indent } else { String::new() };
    let mut used = width(&line);
    let mut begin = 0;
    let mut is_blank = true;
    for (at, word) in words(paragraph) {
        let needed = width(word);
        if !is_blank && used + 1 + needed > cells {
            emit(begin, std::mem::take(&mut line));
            (used, begin) = (0, at);
            is_blank = true;
        }
        if !is_blank {
            line.push(' ');
            used += 1;
        }
        for (offset, grapheme) in word.grapheme_indices(true) {
            let next = width(grapheme);
            // Some scripts have letters wider than the narrowest line: they stand alone.
            if used + next > cells && used > 0 {
                emit(begin, std::mem::take(&mut line));
                (used, begin) = (0, at + offset);
            }
            line.push_str(grapheme);
            used += next;
        }
        is_blank = false;
    }
    emit(begin, line);
}

/// The words of `text`, each with the byte at which it begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut end = 0;
    text.split_inclusive(char::is_whitespace).filter_map(move |piece| {
        let begin = end;
        end += piece.len();
        let word = piece.trim_end_matches(char::is_whitespace);
        (!word.is_empty()).then_some((begin, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_move_whole_to_the_next_line() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }

    #[test]
    fn a_word_longer_than_the_line_is_cut() {
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    #[test]
    fn breaks_and_empty_lines_are_kept() {
        assert_eq!(wrap("a\n\nb", 10), ["a", "", "b"]);
    }

    #[test]
    fn padding_cuts_wide_text_at_a_character() {
        assert_eq!(pad_to("日本語", 4), "日… ");
        assert_eq!(pad_to("ab", 4), "ab  ");
        assert_eq!(pad_to("ab", 0), "");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_letter_is_lost(text in "[a-zé日 \n]{0,200}", cells in 2usize..40) {
            let lines = wrap(&text, cells);
            for line in &lines {
                prop_assert!(width(line) <= cells, "{line:?} takes more than {cells}");
            }
            let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }

        #[test]
        fn padding_gives_the_asked_width(text in "[a-zé日]{0,40}", cells in 0usize..40) {
            prop_assert_eq!(width(&pad_to(&text, cells)), cells);
        }
    }
}
