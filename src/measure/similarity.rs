//! How similar texts are by their words: cosine between TF-IDF vectors. Crude beside a language model's vectors, but the same
//! on every machine, and a reader can see why.

use std::collections::{BTreeMap, BTreeSet};

/// The cosine between the TF-IDF vector of `text` and that of each of `others`, 0..1: 0 without a common word, 1 with the
/// same words equally often. A word weighs its count times `ln((1 + N) / (1 + d)) + 1`, where `d` of all `N` texts, `text`
/// among them, hold it (Salton and Buckley 1988, smoothed). Words are runs of letters and digits, in small letters; of
/// writing without spaces every sign is a word.
pub fn word_similarity(text: &str, others: &[&str]) -> Vec<f64> {
    let texts: Vec<Vec<String>> = std::iter::once(text).chain(others.iter().copied()).map(words).collect();
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    for words in &texts {
        for word in words.iter().map(String::as_str).collect::<BTreeSet<_>>() {
            *holders.entry(word).or_default() += 1;
        }
    }
    let count = texts.len() as f64;
    let weight = |word: &str| {
        let holders = holders.get(word).copied().unwrap_or(0) as f64;
        ((1.0 + count) / (1.0 + holders)).ln() + 1.0
    };
    let vectors: Vec<BTreeMap<&str, f64>> = texts.iter().map(|words| vector(words, &weight)).collect();
    let Some((own, rest)) = vectors.split_first() else { return Vec::new() };
    rest.iter().map(|other| cosine(own, other)).collect()
}

fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    for sign in text.chars().flat_map(char::to_lowercase) {
        if sign.is_alphanumeric() && !is_a_word_alone(sign) {
            word.push(sign);
            continue;
        }
        if !word.is_empty() {
            found.push(std::mem::take(&mut word));
        }
        if is_a_word_alone(sign) {
            found.push(sign.to_string());
        }
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

/// Han, Hiragana, Katakana, and the scripts of Thailand, Laos, Myanmar and Cambodia.
fn is_a_word_alone(sign: char) -> bool {
    sign.is_alphanumeric()
        && matches!(u32::from(sign), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x9FFF | 0x2_0000..=0x3_FFFF)
}

fn vector<'a>(words: &'a [String], weight: &impl Fn(&str) -> f64) -> BTreeMap<&'a str, f64> {
    let mut vector: BTreeMap<&str, f64> = BTreeMap::new();
    for word in words {
        *vector.entry(word).or_default() += weight(word);
    }
    vector
}

fn cosine(a: &BTreeMap<&str, f64>, b: &BTreeMap<&str, f64>) -> f64 {
    let length = |vector: &BTreeMap<&str, f64>| vector.values().map(|value| value * value).sum::<f64>().sqrt();
    let lengths = length(a) * length(b);
    if lengths == 0.0 {
        return 0.0;
    }
    let dot: f64 = a.iter().filter_map(|(word, value)| Some(value * b.get(word)?)).sum();
    (dot / lengths).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::close;
    use proptest::prelude::*;

    #[test]
    fn a_case_by_hand() {
        // Three texts. `trust` is in two: ln(4/3) + 1 = 1.287682; every other word in one: ln(4/2) + 1 = 1.693147.
        // Two words each, so 1.287682^2 / (1.287682^2 + 1.693147^2).
        let found = word_similarity("Trust, police!", &["trust COURT", "build stations"]);
        close(found[0], 0.366_447);
        close(found[1], 0.0);
    }

    #[test]
    fn rare_words_count_more_than_common_ones() {
        let others = ["do you trust the court", "how far is the station", "do you build the road", "is the court far"];
        let found = word_similarity("how far do you trust the court", &others);
        assert!(found[0] > found[1] && found[0] > found[2] && found[1] > found[2], "{found:?}");
    }

    #[test]
    fn writing_without_spaces_is_compared_sign_by_sign() {
        let found = word_similarity("你信任警察吗", &["你信任法院吗", "天空蓝色"]);
        assert!(found[0] > 0.3 && found[1] == 0.0, "{found:?}");
        assert!(word_similarity("", &["a"])[0] == 0.0 && word_similarity("?", &["?"])[0] == 0.0);
    }

    proptest! {
        #[test]
        fn it_is_symmetric_bounded_and_one_for_the_same_words(a in "[a-d ]{1,20}", b in "[a-d ]{1,20}") {
            let (there, back) = (word_similarity(&a, &[&b])[0], word_similarity(&b, &[&a])[0]);
            prop_assert!((there - back).abs() < 1e-12 && (0.0..=1.0).contains(&there));
            let itself = word_similarity(&a, &[&a])[0];
            prop_assert!(a.trim().is_empty() || (itself - 1.0).abs() < 1e-12);
        }
    }
}
