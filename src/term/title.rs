//! The window title.

use unicode_segmentation::UnicodeSegmentation;

use crate::text::SafeText;

/// Most characters of a title: more is cut by every window bar anyway.
const MAX_GRAPHEMES: usize = 120;

/// Whether the terminal named `term` takes titles. The Linux console would print a part of the sequence.
pub(super) fn is_known(term: Option<&str>) -> bool {
    !matches!(term, None | Some("" | "linux" | "dumb" | "vt100" | "vt102" | "vt220"))
}

/// `title` on one line, cut at a whole character.
pub(super) fn shortened(title: &SafeText) -> String {
    let line = title.as_str().replace('\n', " ");
    if line.graphemes(true).count() <= MAX_GRAPHEMES {
        return line;
    }
    let mut cut: String = line.graphemes(true).take(MAX_GRAPHEMES - 1).collect();
    cut.push('…');
    cut
}

/// The bytes that set `title`.
pub(super) fn sequence(title: &str) -> String {
    format!("\x1b]0;{title}\x07")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_short_line_of_safe_text() {
        assert_eq!(shortened(&SafeText::new("a\nb\x1b]0;evil\x07c\x07")), "a bc␇");
        let long = shortened(&SafeText::new(&"é".repeat(500)));
        assert_eq!(long.graphemes(true).count(), MAX_GRAPHEMES);
        assert!(long.ends_with('…'));
        assert_eq!(sequence("t"), "\x1b]0;t\x07");
    }

    #[test]
    fn consoles_without_titles_are_left_alone() {
        assert!(!is_known(Some("linux")) && !is_known(None) && !is_known(Some("dumb")));
        assert!(is_known(Some("xterm-256color")) && is_known(Some("tmux-256color")));
    }
}
