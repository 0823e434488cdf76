//! Texts that must be shown as they are, space for space.

use unicode_segmentation::UnicodeSegmentation;

use super::width;

/// Lines of at most `cells` terminal cells, cut wherever they are full. An empty text gives one empty line.
pub fn cut(text: &str, cells: usize) -> Vec<String> {
    // Two cells, so that a wide character always fits.
    let cells = cells.max(2);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let (mut line, mut used) = (String::new(), 0);
        for grapheme in paragraph.graphemes(true) {
            let next = width(grapheme);
            if used + next > cells {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(grapheme);
            used += next;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_space_stays() {
        assert_eq!(cut("a  b   c\n\n  d", 4), ["a  b", "   c", "", "  d"]);
    }

    #[test]
    fn wide_characters_are_not_split() {
        assert_eq!(cut("日本語", 5), ["日本", "語"]);
    }
}
