//! Finding by an inexact name: the matcher behind pickers and "did you mean".

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// Longest text that is searched, in characters; names beyond it come from hostile files.
const LONGEST: usize = 256;
/// Most letters that may differ in a suggestion, as a share of the longer name.
const MOST_DIFFERENT: f64 = 0.5;

/// Scores how well a pattern fits a text.
pub trait Matcher: Send + Sync {
    /// Higher fits better; `None` when the letters of `pattern` do not occur in `text` in their order.
    fn score(&self, text: &str, pattern: &str) -> Option<i64>;

    /// [`Matcher::score`], with the places of the characters of `text` that matched, ascending.
    fn find(&self, text: &str, pattern: &str) -> Option<(i64, Vec<usize>)>;
}

/// Skim's algorithm: letters in order, runs and word beginnings count more.
#[derive(Default)]
pub struct Skim(SkimMatcherV2);

impl std::fmt::Debug for Skim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Skim")
    }
}

impl Matcher for Skim {
    fn score(&self, text: &str, pattern: &str) -> Option<i64> {
        self.0.fuzzy_match(beginning(text), beginning(pattern))
    }

    fn find(&self, text: &str, pattern: &str) -> Option<(i64, Vec<usize>)> {
        self.0.fuzzy_indices(beginning(text), beginning(pattern))
    }
}

/// The part of `text` that is searched.
fn beginning(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// The name among `names` that `typed` was most likely meant to be.
///
/// A subsequence matcher finds abbreviations (`teacher` for `progressive-teacher`) but not slips (`debtaes`), so
/// names that do not match are compared by edit distance.
pub fn nearest<'a>(matcher: &dyn Matcher, typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let names: Vec<&str> = names.into_iter().collect();
    let by_letters = names
        .iter()
        .filter_map(|name| matcher.score(name, typed).map(|score| (score, *name)))
        .filter(|_| !typed.is_empty())
        // Of equal scores the first, so that the answer is stable.
        .fold(
            None,
            |best: Option<(i64, &str)>, next| if best.is_some_and(|b| b.0 >= next.0) { best } else { Some(next) },
        );
    by_letters.map(|(_, name)| name).or_else(|| {
        names
            .iter()
            .map(|name| (difference(typed, name), *name))
            .filter(|(difference, _)| *difference <= MOST_DIFFERENT)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name)
    })
}

/// ": did you mean `NAME`?" or nothing; the end of a "not found" sentence.
pub(super) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// Levenshtein distance over the length of the longer text, 0 to 1.
fn difference(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(LONGEST).collect(), b.chars().take(LONGEST).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()] as f64 / a.len().max(b.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["us-civics", "debates", "progressive-teacher"];

    fn nearest_to(typed: &str) -> Option<&'static str> {
        nearest(&Skim::default(), typed, NAMES)
    }

    #[test]
    fn a_part_of_a_name_finds_it() {
        assert_eq!(nearest_to("teacher"), Some("progressive-teacher"));
        assert_eq!(nearest_to("civics"), Some("us-civics"));
    }

    #[test]
    fn a_slip_finds_the_name() {
        assert_eq!(nearest_to("debtaes"), Some("debates"));
        assert_eq!(nearest_to("us-civcs"), Some("us-civics"));
    }

    #[test]
    fn something_else_finds_nothing() {
        assert_eq!(nearest_to("xylophone"), None);
        assert_eq!(nearest_to(""), None);
        assert_eq!(nearest_to(&"z".repeat(100_000)), None);
    }

    #[test]
    fn edit_distance_is_that_of_levenshtein() {
        assert!((difference("kitten", "sitting") - 3.0 / 7.0).abs() < 1e-12);
        assert!(difference("", "").abs() < 1e-12);
    }
}
