//! Other questions of the pack that the same people answered, the most similar first: for methods that show examples or
//! learn from them.

use super::RunSpec;
use super::elicit::MOST_OPTIONS;
use crate::domain::{Question, Reference};
use crate::measure::{named_seed, word_similarity};

/// Another question, and how the population answered it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other<'a> {
    pub(super) question: &'a Question,
    pub(super) reference: &'a Reference,
    /// Of its text to that of the question asked, by their words, 0..1.
    pub(super) similarity: f64,
}

/// The other questions of the pack that can be read by their letters, in its order. Never the question that is asked, nor
/// one with the same words; none with earlier turns, or with more options than there are letters.
pub(super) fn readable(spec: &RunSpec) -> impl Iterator<Item = &Question> {
    let own = &spec.question;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let own_words = words(&own.text);
    spec.examples.iter().filter(move |other| {
        let is_same = other.pack == own.pack && other.id == own.id || words(&other.text) == own_words;
        !is_same && other.has_distribution() && other.turns.is_empty() && other.options.len() <= MOST_OPTIONS
    })
}

/// How people of `population` answered `question`, where that is known.
pub(super) fn answered_by<'a>(question: &'a Question, population: &str) -> Option<&'a Reference> {
    let reference = question.reference(population).filter(|reference| reference.basis.is_human())?;
    reference.substantive(question).map(|_| reference)
}

/// Puts questions in an order that follows from them alone: the first few are a draw at random, and the same one for every
/// question of a pack, so that its runs share what they read.
pub(super) fn shuffle(questions: &mut [&Question]) {
    questions.sort_by_key(|question| named_seed(0, &["calibration", &question.pack, &question.id]));
}

/// The [`readable`] questions with figures of `population` that come from people, the most similar first and in the order of
/// the pack where they are equally so.
pub(super) fn others<'a>(spec: &'a RunSpec, population: &str) -> Vec<Other<'a>> {
    let own = &spec.question;
    let known: Vec<(&Question, &Reference)> =
        readable(spec).filter_map(|question| Some((question, answered_by(question, population)?))).collect();
    let texts: Vec<&str> = known.iter().map(|(question, _)| question.text.as_str()).collect();
    let similarities = word_similarity(&own.text, &texts);
    let mut found: Vec<Other<'a>> = known
        .into_iter()
        .zip(similarities)
        .map(|((question, reference), similarity)| Other { question, reference, similarity })
        .collect();
    // Stable, so that the order of the pack decides between equals.
    found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    found
}
