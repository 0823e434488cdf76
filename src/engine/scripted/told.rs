//! What the scripted engine says where methods ask for whole options in quotation marks, for the answers of many people
//! as letters, or for percentages. Grammars see to the marks between; this sees to what is chosen.

use super::script::{LABEL_MASS, Next, shares};

/// How an answer in quotation marks begins.
const QUOTE: &str = "nswer: \"";
/// What it says where it names no option.
const NO_OPTION: &str = "I am not sure.\"";
/// How far it is off when it says a percentage, and how often.
const OFF: [(f64, f64); 3] = [(-4.0, 0.25), (0.0, 0.5), (4.0, 0.25)];

/// All ways to go on with an answer in quotation marks out of a list with dashes, or `None` where it is none.
pub(super) fn quoted(prompt: &str, answer: &str, options: &[&str], bias: f64) -> Option<Vec<Next>> {
    let (_, said) = answer.rsplit_once(QUOTE).filter(|_| !options.is_empty())?;
    let named = options.iter().zip(shares(prompt, options, bias));
    let ways = named.map(|(label, share)| (format!("{label}\""), share * LABEL_MASS));
    let ways = ways.chain([(NO_OPTION.to_owned(), 1.0 - LABEL_MASS)]);
    Some(go_on(said, ways))
}

/// All ways to go on with letters or percentages out of a list with letters, or `None` where the answer is neither.
pub(super) fn many(prompt: &str, answer: &str, options: &[(char, String)], bias: f64) -> Option<Vec<Next>> {
    let labels: Vec<&str> = options.iter().map(|(_, label)| label.as_str()).collect();
    let letters = || options.iter().map(|(letter, _)| *letter);
    if is_letters(answer) && answer.len() > 1 {
        if !answer.ends_with(' ') {
            return Some(go_on("", [(" ".to_owned(), 1.0)].into_iter()));
        }
        return Some(go_on("", letters().map(String::from).zip(shares(prompt, &labels, bias))));
    }
    let (whole, line) = answer.rsplit_once('\n').unwrap_or(("", answer));
    let done = whole.lines().count();
    let (letter, share) = letters().zip(shares(prompt, &labels, bias)).nth(done)?;
    let opened = format!("{letter}: ");
    if let Some(said) = line.strip_prefix(&opened) {
        let near = |(off, p): (f64, f64)| (format!("{:.0}%\n", share.mul_add(100.0, off).clamp(0.0, 100.0)), p);
        return Some(go_on(said, OFF.into_iter().map(near)));
    }
    (done > 0 && line.is_empty()).then(|| go_on("", [(opened, 1.0)].into_iter()))
}

/// `A B A`, or the same with a space behind it.
fn is_letters(answer: &str) -> bool {
    let is_letter = |(at, byte): (usize, u8)| if at % 2 == 0 { byte.is_ascii_uppercase() } else { byte == b' ' };
    answer.bytes().enumerate().all(is_letter)
}

/// Those ways that begin as `said`, without it.
fn go_on(said: &str, ways: impl Iterator<Item = (String, f64)>) -> Vec<Next> {
    let mut open: Vec<Next> = Vec::new();
    for (text, p) in ways {
        match text.strip_prefix(said) {
            Some("") => return vec![Next { text: None, p: 1.0 }],
            Some(rest) => open.push(Next { text: Some(rest.to_owned()), p }),
            None => {}
        }
    }
    if open.is_empty() { vec![Next { text: None, p: 1.0 }] } else { open }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LISTED: &str = "Is it so?\n- Agree\n- Agree strongly\nAnswer in quotation marks.";
    const LETTERED: &str = "Is it so?\nA. Yes\nB. No\nSay it in numbers.";

    #[test]
    fn quoted_options_end_with_their_mark() {
        let options = ["Agree", "Agree strongly"];
        let ways = quoted(LISTED, "Answer: \"", &options, 0.0).unwrap();
        assert_eq!(ways[0].text.as_deref(), Some("Agree\""));
        assert!((ways[0].p + ways[1].p - LABEL_MASS).abs() < 1e-12);
        let inside = quoted(LISTED, "Answer: \"Agree", &options, 0.0).unwrap();
        let texts: Vec<_> = inside.iter().map(|way| way.text.as_deref().unwrap()).collect();
        assert_eq!(texts, ["\"", " strongly\""]);
        assert_eq!(quoted(LISTED, "Answer: \"Agree\"", &options, 0.0).unwrap()[0].text, None);
        assert_eq!(quoted(LISTED, "Agree", &options, 0.0), None);
    }

    #[test]
    fn letters_go_on_with_spaces_between_them() {
        let options = [('A', "Yes".to_owned()), ('B', "No".to_owned())];
        let texts = |answer: &str| -> Option<Vec<String>> {
            Some(many(LETTERED, answer, &options, 0.0)?.into_iter().filter_map(|way| way.text).collect())
        };
        assert_eq!(texts("A "), Some(vec!["A".to_owned(), "B".to_owned()]));
        assert_eq!(texts("A B"), Some(vec![" ".to_owned()]));
        assert_eq!(texts("A"), None, "it may be the letter of an answer in words");
    }

    #[test]
    fn percentages_are_near_what_is_liked() {
        let options = [('A', "Yes".to_owned()), ('B', "No".to_owned())];
        let share = shares(LETTERED, &["Yes", "No"], 0.0)[1];
        let ways = many(LETTERED, "A: 40%\nB: ", &options, 0.0).unwrap();
        assert_eq!(ways[1].text, Some(format!("{:.0}%\n", share * 100.0)));
        assert_eq!(many(LETTERED, "A: 40%\n", &options, 0.0).unwrap()[0].text.as_deref(), Some("B: "));
        assert_eq!(many(LETTERED, "A. Yes", &options, 0.0), None);
    }
}
