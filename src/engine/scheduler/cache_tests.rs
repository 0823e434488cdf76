//! Which sequence holds what, and what gives way first.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PLAIN: Recipe = Recipe { base: 0, adapters: 0, steered: None };

fn cache(cells: u32, sequences: u32) -> Cache {
    let (batch, outputs, per_sequence, most_cells) = (8, 8, cells, cells);
    Cache::new(Limits { cells, batch, outputs, sequences, per_sequence, shares_prefixes: true, most_cells })
}

#[test]
fn a_shared_prefix_takes_its_cells_once() {
    let mut cache = cache(10, 4);
    let first = cache.take(PLAIN, None).unwrap();
    assert!(cache.extend(first, &[1, 2, 3, 4]));
    let found = cache.longest_match(PLAIN, &[1, 2, 3, 9]).unwrap();
    assert_eq!(found, Match { seq: first, len: 3, speaks: false });
    let second = cache.take(PLAIN, Some(found)).unwrap();
    assert!(cache.extend(second, &[9]));
    assert_eq!(cache.cells_used(), 5);
    cache.release(first);
    assert_eq!(cache.cells_used(), 4);
    assert_eq!(cache.longest_match(PLAIN, &[1, 2, 3]).unwrap(), Match { seq: second, len: 3, speaks: false });
}

#[test]
fn the_sequence_used_longest_ago_goes_first() {
    let mut cache = cache(10, 3);
    let (a, b) = (cache.take(PLAIN, None).unwrap(), cache.take(PLAIN, None).unwrap());
    assert!(cache.extend(a, &[1]) && cache.extend(b, &[2]));
    cache.keep(a, None);
    cache.keep(b, None);
    assert_eq!(cache.oldest_kept(), Some((a, 0)));
    let c = cache.take(PLAIN, cache.longest_match(PLAIN, &[1, 5])).unwrap();
    cache.release(c);
    assert_eq!(cache.oldest_kept(), Some((b, 0)));
}

#[test]
fn what_nobody_asks_for_is_stale_in_time_and_voices_before_prompts() {
    let mut cache = cache(10, 3);
    let (prompt, voice) = (cache.take(PLAIN, None).unwrap(), cache.take(PLAIN, None).unwrap());
    assert!(cache.extend(prompt, &[1]) && cache.extend(voice, &[2, 3, 4]));
    cache.pass(1_000_000);
    cache.keep(prompt, None);
    cache.keep(voice, Some(2));
    assert_eq!(cache.oldest_kept(), Some((voice, 2)), "though the prompt was kept before");
    cache.pass(usize::try_from(VOICE_ROWS).unwrap());
    assert_eq!(cache.stale(), None);
    cache.pass(1);
    assert_eq!(cache.stale(), Some((voice, 2)));
    cache.touch(voice);
    assert_eq!(cache.stale(), None, "it was of use");
    cache.become_prompt(voice);
    assert_eq!((cache.tokens(voice), cache.cells_used()), (&[2, 3][..], 3));
    cache.pass(usize::try_from(PROMPT_ROWS - VOICE_ROWS).unwrap());
    assert_eq!(cache.stale(), Some((prompt, 0)), "kept before the voice");
    cache.release(prompt);
    assert_eq!(cache.stale(), None);
    cache.pass(usize::try_from(VOICE_ROWS).unwrap());
    cache.pass(1);
    assert_eq!(cache.stale(), Some((voice, 0)));
}

#[test]
fn nothing_is_noted_when_cells_run_out() {
    let mut cache = cache(2, 2);
    let seq = cache.take(PLAIN, None).unwrap();
    assert!(!cache.extend(seq, &[1, 2, 3]));
    assert_eq!((cache.cells_used(), cache.len(seq)), (0, 0));
}

#[derive(Debug, Clone)]
enum Action {
    Take(Recipe, Vec<Token>),
    Extend(usize, Vec<Token>),
    Truncate(usize, usize),
    Keep(usize),
    Release(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let tokens = || prop::collection::vec(0..3, 0..6);
    prop_oneof![
        (recipe(), tokens()).prop_map(|(recipe, tokens)| Action::Take(recipe, tokens)),
        (0usize..6, tokens()).prop_map(|(seq, tokens)| Action::Extend(seq, tokens)),
        (0usize..6, 0usize..6).prop_map(|(seq, len)| Action::Truncate(seq, len)),
        (0usize..6).prop_map(Action::Keep),
        (0usize..6).prop_map(Action::Release),
    ]
}

/// Two that share nothing, and some that are steered from one place or another.
fn recipe() -> impl Strategy<Value = Recipe> {
    let steered = prop::option::of((0u32..4).prop_map(|from| (from, u64::from(from) + 1)));
    (0u64..2, 0u64..2, steered).prop_map(|(base, adapters, steered)| Recipe { base, adapters, steered })
}

/// All of a recipe that decides about the first `len` tokens.
fn until(recipe: Recipe, len: usize) -> Recipe {
    Recipe { steered: recipe.steered.filter(|(from, _)| (*from as usize) < len), ..recipe }
}

proptest! {
    /// Whatever is done, no cell leaks, none is held by sequences with different tokens at its place, and what a
    /// sequence holds is what a plain list of tokens per sequence would hold.
    #[test]
    fn cells_and_tokens_agree_with_a_plain_model(actions in prop::collection::vec(action(), 0..60)) {
        let mut cache = cache(12, 6);
        let mut model: Vec<Option<(Recipe, Vec<Token>)>> = vec![None; 6];
        for action in actions {
            match action {
                Action::Take(recipe, tokens) => {
                    let found = cache.longest_match(recipe, &tokens);
                    let shared = |(of, held): &(Recipe, Vec<Token>)| {
                        let same = |len: &usize| held.starts_with(&tokens[..*len]) && until(*of, *len) == until(recipe, *len);
                        (0..=tokens.len().min(held.len())).rev().find(same).unwrap_or(0)
                    };
                    let best = model.iter().flatten().map(shared).max().unwrap_or(0);
                    prop_assert_eq!(found.map_or(0, |found| found.len), best);
                    if let Some(seq) = cache.take(recipe, found) {
                        prop_assert!(model[seq as usize].is_none());
                        model[seq as usize] = Some((recipe, tokens[..best].to_vec()));
                    } else {
                        prop_assert!(model.iter().all(Option::is_some));
                    }
                }
                Action::Extend(seq, tokens) => if let Some((_, held)) = &mut model[seq]
                    && cache.extend(seq_id(seq), &tokens)
                {
                    held.extend(&tokens);
                },
                Action::Truncate(seq, len) => if let Some((_, held)) = &mut model[seq] {
                    let len = len.min(held.len());
                    cache.truncate(seq_id(seq), len);
                    held.truncate(len);
                },
                Action::Keep(seq) => if model[seq].is_some() { cache.keep(seq_id(seq), (seq % 2 == 1).then_some(0)) },
                Action::Release(seq) => if model[seq].take().is_some() { cache.release(seq_id(seq)) },
            }
            let mut held: BTreeSet<usize> = BTreeSet::new();
            for (slot, tokens) in cache.slots.iter().zip(&model) {
                prop_assert_eq!(&slot.tokens, &tokens.clone().unwrap_or_default().1);
                prop_assert_eq!(slot.tokens.len(), slot.path.len());
                prop_assert_eq!(slot.tokens.len(), slot.cells.len());
                held.extend(&slot.cells);
            }
            prop_assert_eq!(held.len(), cache.cells_used());
            let mut places: BTreeSet<(Recipe, &[Token])> = BTreeSet::new();
            for (recipe, tokens) in model.iter().flatten() {
                places.extend((1..=tokens.len()).map(|len| (until(*recipe, len), &tokens[..len])));
            }
            prop_assert_eq!(places.len(), cache.tree.size(), "the tree holds what the sequences hold");
            for cell in held {
                let mut prefixes = cache.slots.iter().filter_map(|slot| {
                    slot.cells.iter().position(|c| *c == cell).map(|at| (until(slot.recipe, at + 1), &slot.tokens[..=at]))
                });
                let first = prefixes.next();
                prop_assert!(prefixes.all(|prefix| Some(prefix) == first), "a cell is shared by different prefixes or recipes");
            }
        }
    }
}
