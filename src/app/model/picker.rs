//! Lists to choose from, searched while one types.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::app::event::Hit;
use crate::data::fuzzy::Matcher;

/// Lists up to this length are searched at once; longer ones by the driver, so that no key waits.
pub const AT_ONCE: usize = 2_000;
/// The most lines that a search brings back.
pub const MOST_HITS: usize = 1_000;

/// What is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickerKind {
    /// One question.
    Question,
    /// Any personas.
    Personas,
    /// Any methods.
    Methods,
    /// One model.
    Model,
    /// One model beside it, or none.
    Beside,
    /// Any populations of the question.
    Populations,
    /// The questions of a survey.
    Survey,
    /// One action.
    Palette,
}

impl PickerKind {
    /// Whether several can be on.
    pub fn is_multi(self) -> bool {
        matches!(self, Self::Personas | Self::Methods | Self::Populations)
    }

    /// What the list is of.
    pub fn title(self) -> &'static str {
        match self {
            Self::Question => "Question",
            Self::Personas => "Personas",
            Self::Methods => "Modes and methods",
            Self::Model => "Model",
            Self::Beside => "Model beside it",
            Self::Populations => "Compare with",
            Self::Survey => "Ask all questions of",
            Self::Palette => "Actions",
        }
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What choosing it means to the list's kind.
    pub id: String,
    /// What stands there and is searched.
    pub label: String,
    /// What stands beside it.
    pub detail: String,
}

/// A list, what was typed, and what is chosen.
#[derive(Debug)]
pub struct Picker {
    /// What is chosen.
    pub kind: PickerKind,
    /// All lines.
    pub items: Arc<[Item]>,
    /// What is searched: label and detail of every line.
    pub texts: Arc<[String]>,
    /// What was typed.
    pub pattern: String,
    /// Lines that fit, the best first.
    pub hits: Vec<Hit>,
    /// The chosen line's place among `hits`.
    pub selected: usize,
    /// The first line that is shown.
    pub top: usize,
    /// Places of the lines that are on.
    pub on: BTreeSet<usize>,
    /// The search that is waited for.
    pub ticket: Option<u64>,
    /// Whether the best line of that search is taken as soon as it is found.
    pub takes_what_is_found: bool,
}

impl Picker {
    /// All lines, with the first of the ids in `chosen` selected and all of them on.
    pub fn new(kind: PickerKind, items: Vec<Item>, chosen: &[String]) -> Self {
        let texts = items.iter().map(|item| format!("{} {}", item.label, item.detail)).collect();
        let on: BTreeSet<usize> =
            items.iter().enumerate().filter(|(_, item)| chosen.contains(&item.id)).map(|(index, _)| index).collect();
        let selected = on.first().copied().unwrap_or(0);
        let on = if kind.is_multi() { on } else { BTreeSet::new() };
        let hits = all(items.len());
        let pattern = String::new();
        Self {
            kind,
            items: items.into(),
            texts,
            pattern,
            hits,
            selected,
            top: 0,
            on,
            ticket: None,
            takes_what_is_found: false,
        }
    }

    /// The chosen line.
    pub fn item(&self) -> Option<&Item> {
        self.hits.get(self.selected).and_then(|hit| self.items.get(hit.index))
    }

    /// Whether the list is short enough to be searched at once.
    pub fn is_short(&self) -> bool {
        self.items.len() <= AT_ONCE
    }

    /// Shows what a search found, with the best line chosen.
    pub fn show(&mut self, hits: Vec<Hit>) {
        self.hits = hits;
        self.selected = 0;
        self.top = 0;
        self.ticket = None;
    }

    /// Shows everything, with the same line chosen.
    pub fn show_all(&mut self) {
        let index = self.hits.get(self.selected).map_or(0, |hit| hit.index);
        self.hits = all(self.items.len());
        self.selected = index;
        self.ticket = None;
    }

    /// Chooses the line `by` lines further; `rows` of the list are on screen.
    pub fn select(&mut self, by: i64, rows: usize) {
        self.selected = super::look::moved(self.selected, by, self.hits.len().saturating_sub(1));
        self.keep_in_sight(rows);
    }

    /// Scrolls so that the chosen line is on screen.
    pub fn keep_in_sight(&mut self, rows: usize) {
        let rows = rows.max(1);
        self.top = self.top.clamp((self.selected + 1).saturating_sub(rows), self.selected);
    }

    /// Switches the chosen line on or off.
    pub fn toggle(&mut self) {
        if let Some(hit) = self.hits.get(self.selected)
            && !self.on.remove(&hit.index)
        {
            self.on.insert(hit.index);
        }
    }

    /// The ids of the lines that are on, in the order of the list.
    pub fn chosen(&self) -> Vec<String> {
        self.on.iter().filter_map(|index| self.items.get(*index)).map(|item| item.id.clone()).collect()
    }
}

fn all(n: usize) -> Vec<Hit> {
    (0..n).map(|index| Hit { index, matched: Arc::new([]) }).collect()
}

/// Of texts that hold the words only with gaps, so many are scored: matching letter by letter takes microseconds a text,
/// and a key must not wait for a list of any length.
const MOST_WITH_GAPS: usize = MOST_HITS;

/// The lines of `texts` that fit `pattern`, the best first; of equal ones in their order. Words of the pattern may match
/// apart from each other.
///
/// In long lists the lines that hold every word as it stands come first, the earlier in the line the better, and are
/// found by plain search; those that hold its letters with gaps fill up what is left.
pub fn search(matcher: &dyn Matcher, texts: &[String], pattern: &str) -> Vec<Hit> {
    let words: Vec<String> = pattern.split_whitespace().map(str::to_lowercase).collect();
    if texts.len() <= AT_ONCE {
        return best(matcher, texts, &words, 0..texts.len());
    }
    let (mut whole, mut gaps): (Vec<(usize, usize)>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut lower = String::new();
    for (index, text) in texts.iter().enumerate() {
        lowercase(text, &mut lower);
        let places = words.iter().map(|word| cost_of(&lower, word));
        if let Some(cost) = places.sum::<Option<usize>>() {
            whole.push((cost, index));
        } else if gaps.len() < MOST_WITH_GAPS && words.iter().all(|word| has_letters(&lower, word)) {
            gaps.push(index);
        }
    }
    whole.sort_unstable();
    whole.truncate(MOST_HITS);
    gaps.truncate(MOST_HITS - whole.len());
    let hit = |index: usize| Some(Hit { index, matched: matched(matcher, texts.get(index)?, &words)? });
    let mut hits: Vec<Hit> = whole.into_iter().filter_map(|(_, index)| hit(index)).collect();
    hits.extend(best(matcher, texts, &words, gaps));
    hits
}

/// How far from the beginning `word` stands in `text`; within another word it counts as further.
fn cost_of(text: &str, word: &str) -> Option<usize> {
    const WITHIN: usize = 1_000;
    let at = text.find(word)?;
    let is_within = text.get(..at).is_some_and(|before| before.ends_with(char::is_alphanumeric));
    Some(if is_within { at + WITHIN } else { at })
}

/// The characters of `text` that the words match.
fn matched(matcher: &dyn Matcher, text: &str, words: &[String]) -> Option<Arc<[usize]>> {
    let mut all = BTreeSet::new();
    for word in words {
        // Bytes are characters here, and the word stands as it is: nothing to be searched for.
        let plain = text.is_ascii().then(|| text.to_ascii_lowercase().find(word.as_str())).flatten();
        match plain {
            Some(at) => all.extend(at..at + word.len()),
            None => all.extend(matcher.find(text, word)?.1),
        }
    }
    Some(all.into_iter().collect())
}

/// The lines at these places by their score, at most [`MOST_HITS`].
fn best(
    matcher: &dyn Matcher,
    texts: &[String],
    words: &[String],
    places: impl IntoIterator<Item = usize>,
) -> Vec<Hit> {
    let mut found: Vec<(i64, Hit)> = places
        .into_iter()
        .filter_map(|index| {
            let text = texts.get(index)?;
            let (mut score, mut matched) = (0, BTreeSet::new());
            for word in words {
                let (own, places) = matcher.find(text, word)?;
                score += own;
                matched.extend(places);
            }
            Some((score, Hit { index, matched: matched.into_iter().collect() }))
        })
        .collect();
    found.sort_by_key(|(score, hit)| (std::cmp::Reverse(*score), hit.index));
    found.truncate(MOST_HITS);
    found.into_iter().map(|(_, hit)| hit).collect()
}

fn lowercase(text: &str, lower: &mut String) {
    lower.clear();
    if text.is_ascii() {
        lower.push_str(text);
        lower.make_ascii_lowercase();
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// Whether the letters of `word` stand in `text` in their order.
fn has_letters(text: &str, word: &str) -> bool {
    let mut rest = text.chars();
    word.chars().all(|letter| rest.any(|own| own == letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fuzzy::Skim;

    fn picker() -> Picker {
        let item = |id: &str| Item { id: id.into(), label: format!("Label of {id}"), detail: String::new() };
        Picker::new(PickerKind::Personas, ["a", "b", "c", "d"].map(item).into(), &["b".into(), "d".into()])
    }

    #[test]
    fn what_was_chosen_is_on_and_keeps_the_order_of_the_list() {
        let mut picker = picker();
        assert_eq!(picker.chosen(), ["b", "d"]);
        picker.toggle();
        picker.select(-1, 4);
        picker.toggle();
        assert_eq!(picker.chosen(), ["a", "d"]);
    }

    #[test]
    fn the_chosen_line_stays_in_sight() {
        let mut picker = picker();
        picker.select(10, 2);
        assert_eq!((picker.selected, picker.top), (3, 2));
        picker.select(-2, 2);
        assert_eq!((picker.selected, picker.top), (1, 1));
        picker.select(-9, 2);
        assert_eq!((picker.selected, picker.top), (0, 0));
        picker.show(Vec::new());
        picker.select(1, 2);
        assert_eq!(picker.item(), None);
    }

    #[test]
    fn words_are_found_in_any_order() {
        let texts = ["mail ballots and trust".to_owned(), "trust in courts".to_owned(), "taxes".to_owned()];
        let hits = search(&Skim::default(), &texts, "trust mail");
        assert_eq!(hits.iter().map(|hit| hit.index).collect::<Vec<_>>(), [0]);
        assert!(hits.iter().all(|hit| !hit.matched.is_empty()));
        assert_eq!(search(&Skim::default(), &texts, "").len(), 3);
    }

    #[test]
    fn in_a_long_list_whole_words_come_first_and_letters_with_gaps_after_them() {
        let mut texts: Vec<String> = (0..AT_ONCE).map(|n| format!("question {n}")).collect();
        texts.extend(
            ["Mail or vote", "a voter's mail", "the Vote by MAIL", "vowels of the team and milk"].map(str::to_owned),
        );
        let places = |pattern: &str| {
            let hits = search(&Skim::default(), &texts, pattern);
            hits.iter().map(|hit| hit.index - AT_ONCE.min(hit.index)).collect::<Vec<_>>()
        };
        assert_eq!(places("vote mail"), [0, 1, 2, 3]);
        let with_gaps: BTreeSet<usize> = places("vtml").into_iter().collect();
        assert_eq!(with_gaps, BTreeSet::from([1, 2, 3]));
        let hits = search(&Skim::default(), &texts, "MAIL");
        assert_eq!((hits[0].index, &hits[0].matched[..]), (AT_ONCE, &[0, 1, 2, 3][..]));
        assert_eq!(search(&Skim::default(), &texts, "question").len(), MOST_HITS);
    }
}
