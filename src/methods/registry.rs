//! All methods. A new one is a new file and one line here; the picker, `--help`, `parallax methods` and the documents
//! read this list.

use super::{Method, distribution, overton, steered};
use crate::domain::Mode;
use crate::text::SafeText;

/// All methods, in the order in which they are shown.
pub static METHODS: [&Method; 16] = [
    &overton::vanilla::METHOD,
    &overton::pluralistic_prompt::METHOD,
    &overton::ensemble::METHOD,
    &steered::persona_prompt::METHOD,
    &steered::direction::METHOD,
    &distribution::option_logits::METHOD,
    &distribution::option_text::METHOD,
    &distribution::debiased::METHOD,
    &distribution::calibrated::METHOD,
    &distribution::sampled::METHOD,
    &distribution::sequence::METHOD,
    &distribution::verbalised::METHOD,
    &distribution::population_prompt::METHOD,
    &distribution::few_shot::METHOD,
    &distribution::persona_mixture::METHOD,
    &distribution::random_shots::METHOD,
];

/// The method `id` of `mode`.
pub fn find(mode: Mode, id: &str) -> Option<&'static Method> {
    METHODS.into_iter().find(|method| method.facts.mode == mode && method.facts.id == id)
}

/// Mode and id of the method that is called `id`, whatever its mode; one sentence where none is, or more than one.
pub fn named(id: &str) -> Result<(Mode, &'static str), String> {
    let mut found = METHODS.iter().map(|method| &method.facts).filter(|facts| facts.id == id);
    match (found.next(), found.next()) {
        (Some(facts), None) => Ok((facts.mode, facts.id)),
        (Some(first), Some(second)) => {
            Err(format!("two methods are called `{id}`: write {}={id} or {}={id}", first.mode, second.mode))
        }
        (None, _) => Err(format!(
            "no method is called `{}`: use an id of `parallax methods`, alone or as MODE=METHOD, for example overton=vanilla",
            SafeText::line(id)
        )),
    }
}

/// Whether the method `id` of `mode` shows other questions of the pack, or learns from them.
pub fn shows_examples(mode: Mode, id: &str) -> bool {
    let those = [
        &distribution::debiased::METHOD,
        &distribution::calibrated::METHOD,
        &distribution::few_shot::METHOD,
        &distribution::persona_mixture::METHOD,
        &distribution::random_shots::METHOD,
    ];
    those.iter().any(|method| method.facts.mode == mode && method.facts.id == id)
}

/// One sentence for a method that there is not.
pub fn unknown(mode: Mode, id: &str) -> String {
    let known: Vec<_> = METHODS.iter().map(|method| &method.facts).filter(|facts| facts.mode == mode).collect();
    let known: Vec<&str> = known.iter().map(|facts| facts.id).collect();
    format!("`{id}` is not a method of the mode {mode}: use {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_method_is_described_and_found_by_its_name() {
        let mut names = BTreeSet::new();
        for method in METHODS {
            let facts = &method.facts;
            assert!(names.insert((facts.mode, facts.id)), "{} stands twice", facts.id);
            assert!(find(facts.mode, facts.id).is_some());
            for text in [facts.summary, facts.cost, facts.paper] {
                assert!(!text.is_empty(), "{} lacks a description", facts.id);
            }
        }
    }

    #[test]
    fn a_method_is_found_without_its_mode() {
        assert_eq!(named("ensemble"), Ok((Mode::Overton, "ensemble")));
        assert!(named("\u{1b}x").unwrap_err().contains("no method is called"));
    }

    #[test]
    fn the_default_methods_exist() {
        for (mode, id) in crate::methods::DEFAULT_METHODS {
            assert!(find(mode, id).is_some(), "{id}");
        }
    }

    #[test]
    fn an_unknown_method_is_answered_with_the_known_ones() {
        let sentence = unknown(Mode::Overton, "vanila");
        assert!(sentence.contains("vanilla, pluralistic-prompt, ensemble"), "{sentence}");
    }
}
