//! What the scripted engine thinks before it answers, where it is told to: words in the marks that many models use.

use super::script::{Next, unit};

/// Ends what it thinks.
pub(super) const CLOSE: &str = "</think>";
const OPEN: &str = "<think>\n";
const END: &str = "\n</think>\n\n";

/// Words to think with, one token each.
const WORDS: [&str; 12] =
    [" people", " say", " both", " sides", " want", " what", " would", " others", " weigh", " the", " cost", " first"];

/// All ways to go on after `written`, or `None` where the thinking is over. It ends after `most` tokens, as `count`
/// counts them.
pub(super) fn next(prompt: &str, written: &str, most: usize, count: impl Fn(&str) -> usize) -> Option<Vec<Next>> {
    if written.contains(CLOSE) {
        return None;
    }
    let go_on = |text: &str, p: f64| Next { text: Some(text.to_owned()), p };
    let Some(thought) = written.strip_prefix(OPEN) else {
        // What else it may have been made to begin with is an answer.
        return OPEN.strip_prefix(written).map(|rest| vec![go_on(rest, 1.0)]);
    };
    // No word of its own has a line feed.
    let thought_alone = thought.split('\n').next().unwrap_or_default();
    let tokens = count(thought_alone);
    if tokens >= most {
        let ended = &thought[thought_alone.len()..];
        return END.strip_prefix(ended).map(|rest| vec![go_on(rest, 1.0)]);
    }
    let first = (unit(&[prompt, &tokens.to_string()]) * WORDS.len() as f64).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a floor below 12")]
    let first = first as usize;
    Some([(0, 0.7), (5, 0.3)].map(|(step, p)| go_on(WORDS[(first + step) % WORDS.len()], p)).into())
}
