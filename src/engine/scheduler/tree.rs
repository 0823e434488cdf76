//! Which sequences begin with which tokens: a prefix tree, with what the model said at the end of whole prompts.
//!
//! A token's place in it is decided by the recipe too: what was computed under one is never found under another, though
//! the tokens be the same. With the same adapters, what lies before the first steered token is the same under all.

use std::collections::HashMap;
use std::rc::Rc;

use super::device::{Seq, Token};

/// All that decides what a token's cell holds besides the tokens before it. The model, its template and the kind of cache
/// are the same for all that one scheduler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Recipe {
    /// 0 where beginnings are shared; a number of its own for a request that must not take anything over.
    pub base: u64,
    /// The adapters with their scales, by their name; 0 where there are none.
    pub adapters: u64,
    /// The first steered position and the steering, by its name.
    pub steered: Option<(u32, u64)>,
}

/// What a recipe comes to at one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Part {
    base: u64,
    adapters: u64,
    steering: Option<u64>,
}

impl Recipe {
    /// A request that takes nothing over and gives nothing.
    pub(super) fn of_its_own(id: u64) -> Self {
        // No request has the number 2^64 - 1 in its line.
        Self { base: id.wrapping_add(1).max(1), ..Self::default() }
    }

    /// Positions that are the same under both, counted from the first.
    pub(super) fn common(self, other: Self) -> usize {
        // An adapter changes the very first cell.
        if (self.base, self.adapters) != (other.base, other.adapters) {
            return 0;
        }
        if self.steered == other.steered {
            return usize::MAX;
        }
        let from = |recipe: Self| recipe.steered.map_or(u32::MAX, |(from, _)| from);
        from(self).min(from(other)) as usize
    }

    fn at(self, position: usize) -> Part {
        let steered = self.steered.filter(|(from, _)| position >= *from as usize);
        Part { base: self.base, adapters: self.adapters, steering: steered.map(|(_, id)| id) }
    }
}

/// A token at its place behind all tokens before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Node(usize);

/// Sequences as bits; llama.cpp knows 256 at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Holders([u64; 4]);

impl Holders {
    fn set(&mut self, seq: Seq, yes: bool) {
        let (word, bit) = (seq as usize / 64, 1 << (seq % 64));
        if yes {
            self.0[word] |= bit;
        } else {
            self.0[word] &= !bit;
        }
    }

    fn first(self) -> Option<Seq> {
        let word = self.0.iter().position(|word| *word != 0)?;
        #[expect(clippy::cast_possible_truncation, reason = "at most 3")]
        let word_id = word as u32;
        Some(word_id * 64 + self.0[word].trailing_zeros())
    }

    fn count(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

#[derive(Debug, Clone)]
struct Entry {
    key: Key,
    holders: Holders,
    /// The logits after this token.
    said: Option<Said>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Above {
    Root,
    Node(usize),
}

/// What a place is found by.
type Key = (Above, Part, Token);

#[derive(Debug, Clone)]
struct Said {
    logits: Rc<[f32]>,
    used: u64,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    entries: Vec<Entry>,
    unused: Vec<usize>,
    below: HashMap<Key, usize>,
    /// Nodes that have logits.
    speaking: Vec<usize>,
    /// How many bytes of logits are kept at most.
    most_bytes: usize,
    bytes: usize,
    clock: u64,
}

impl Tree {
    /// An empty tree that keeps `most_bytes` of logits.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            entries: Vec::new(),
            unused: Vec::new(),
            below: HashMap::new(),
            speaking: Vec::new(),
            most_bytes,
            bytes: 0,
            clock: 0,
        }
    }

    /// Notes that `seq` holds `token` at `position`, behind `last`, and returns the node of that place.
    pub(super) fn add(&mut self, seq: Seq, recipe: Recipe, position: usize, last: Option<Node>, token: Token) -> Node {
        let above = last.map_or(Above::Root, |node| Above::Node(node.0));
        let key = (above, recipe.at(position), token);
        let at = if let Some(at) = self.below.get(&key) {
            *at
        } else {
            let entry = Entry { key, holders: Holders::default(), said: None };
            let at = if let Some(at) = self.unused.pop() {
                self.entries[at] = entry;
                at
            } else {
                self.entries.push(entry);
                self.entries.len() - 1
            };
            self.below.insert(key, at);
            at
        };
        self.entries[at].holders.set(seq, true);
        Node(at)
    }

    /// Notes that `seq` holds the token at `node` too, as another sequence does.
    pub(super) fn share(&mut self, seq: Seq, node: Node) {
        self.entries[node.0].holders.set(seq, true);
    }

    /// Notes that `seq` does not hold the token at `node` any more; what comes after it must be gone already.
    pub(super) fn remove(&mut self, seq: Seq, node: Node) {
        let entry = &mut self.entries[node.0];
        entry.holders.set(seq, false);
        if entry.holders.count() > 0 {
            return;
        }
        let key = entry.key;
        self.hush(node.0);
        self.below.remove(&key);
        self.unused.push(node.0);
    }

    /// How many sequences hold the token at `node`.
    pub(super) fn holders(&self, node: Node) -> u32 {
        self.entries[node.0].holders.count()
    }

    /// The longest beginning of `tokens` that is held under `recipe`: one holder, the length, and the node of its end. Of
    /// several holders the first, so that a run repeats itself.
    pub(super) fn longest(&self, recipe: Recipe, tokens: &[Token]) -> Option<(Seq, usize, Node)> {
        let (mut above, mut found) = (Above::Root, None);
        for (index, token) in tokens.iter().enumerate() {
            let Some(at) = self.below.get(&(above, recipe.at(index), *token)) else { break };
            found = self.entries[*at].holders.first().map(|seq| (seq, index + 1, Node(*at)));
            above = Above::Node(*at);
        }
        found
    }

    /// Keeps the logits after `node`; those not asked for longest give way.
    pub(super) fn remember(&mut self, node: Node, logits: &[f32]) {
        let size = size_of_val(logits);
        if size > self.most_bytes {
            return;
        }
        self.hush(node.0);
        while self.bytes + size > self.most_bytes {
            let age = |at: &usize| self.entries[*at].said.as_ref().map_or(0, |said| said.used);
            let Some(oldest) = self.speaking.iter().copied().min_by_key(age) else { break };
            self.hush(oldest);
        }
        self.clock += 1;
        self.entries[node.0].said = Some(Said { logits: logits.into(), used: self.clock });
        self.speaking.push(node.0);
        self.bytes += size;
    }

    /// The logits after `node`, where they were kept.
    pub(super) fn recall(&mut self, node: Node) -> Option<Rc<[f32]>> {
        self.clock += 1;
        let said = self.entries[node.0].said.as_mut()?;
        said.used = self.clock;
        Some(Rc::clone(&said.logits))
    }

    /// Whether [`Tree::recall`] would find them.
    pub(super) fn knows(&self, node: Node) -> bool {
        self.entries[node.0].said.is_some()
    }

    fn hush(&mut self, at: usize) {
        if let Some(said) = self.entries[at].said.take() {
            self.bytes -= size_of_val(&*said.logits);
            self.speaking.retain(|other| *other != at);
        }
    }

    /// Places that are held.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.below.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PLAIN: Recipe = Recipe { base: 0, adapters: 0, steered: None };

    fn hold(tree: &mut Tree, seq: Seq, recipe: Recipe, tokens: &[Token]) -> Vec<Node> {
        let mut path: Vec<Node> = Vec::new();
        for token in tokens {
            let node = tree.add(seq, recipe, path.len(), path.last().copied(), *token);
            path.push(node);
        }
        path
    }

    #[test]
    fn the_longest_beginning_is_found_under_its_recipe_alone() {
        let mut tree = Tree::new(0);
        hold(&mut tree, 3, PLAIN, &[1, 2, 3]);
        hold(&mut tree, 200, PLAIN, &[1, 2, 4, 5]);
        let find = |tree: &Tree, recipe, tokens: &[Token]| tree.longest(recipe, tokens).map(|(seq, len, _)| (seq, len));
        assert_eq!(find(&tree, PLAIN, &[1, 2, 4, 6]), Some((200, 3)));
        assert_eq!(find(&tree, PLAIN, &[1, 2]), Some((3, 2)));
        assert_eq!(find(&tree, PLAIN, &[9]), None);
        assert_eq!(find(&tree, Recipe { base: 1, ..PLAIN }, &[1, 2]), None);
    }

    #[test]
    fn what_lies_before_the_first_steered_token_is_shared() {
        let mut tree = Tree::new(0);
        let steered = |from, id| Recipe { steered: Some((from, id)), ..PLAIN };
        hold(&mut tree, 0, PLAIN, &[1, 2, 3, 4]);
        hold(&mut tree, 1, steered(2, 7), &[1, 2, 3, 4, 5]);
        let find = |recipe| tree.longest(recipe, &[1, 2, 3, 4, 5]).map(|(seq, len, _)| (seq, len));
        assert_eq!(find(PLAIN), Some((0, 4)));
        assert_eq!(find(steered(2, 7)), Some((1, 5)));
        assert_eq!(find(steered(2, 8)), Some((0, 2)), "another steering from the same place");
        assert_eq!(find(steered(3, 7)), Some((0, 3)));
        assert_eq!(find(steered(9, 7)), Some((0, 4)));
        assert_eq!(find(Recipe { base: 1, ..steered(2, 7) }), None);
        let common = |a: Recipe, b| (a.common(b), b.common(a));
        assert_eq!(common(PLAIN, steered(3, 7)), (3, 3));
        assert_eq!(common(steered(2, 7), steered(3, 7)), (2, 2));
        assert_eq!(common(steered(2, 7), steered(2, 7)), (usize::MAX, usize::MAX));
        assert_eq!(common(Recipe { base: 1, ..PLAIN }, PLAIN), (0, 0));
    }

    #[test]
    fn what_nobody_holds_is_gone() {
        let mut tree = Tree::new(0);
        let path = hold(&mut tree, 0, PLAIN, &[1, 2]);
        for node in &path {
            tree.share(7, *node);
        }
        for node in path.iter().rev() {
            tree.remove(0, *node);
        }
        assert_eq!((tree.size(), tree.holders(path[0])), (2, 1));
        for node in path.iter().rev() {
            tree.remove(7, *node);
        }
        assert_eq!((tree.size(), tree.longest(PLAIN, &[1])), (0, None));
    }

    #[test]
    fn logits_are_kept_up_to_their_limit_and_go_with_their_node() {
        let mut tree = Tree::new(2 * size_of::<f32>());
        let path = hold(&mut tree, 0, PLAIN, &[1, 2, 3]);
        tree.remember(path[0], &[0.5]);
        tree.remember(path[1], &[1.5]);
        assert_eq!(tree.recall(path[0]).unwrap().as_ref(), [0.5]);
        tree.remember(path[2], &[2.5]);
        assert_eq!(path.iter().map(|node| tree.knows(*node)).collect::<Vec<_>>(), [true, false, true]);
        tree.remember(path[1], &[0.0; 3]);
        assert!(!tree.knows(path[1]), "more than the limit is not kept at all");
        tree.remove(0, path[2]);
        assert_eq!((tree.bytes, tree.speaking.len()), (size_of::<f32>(), 1));
    }
}
