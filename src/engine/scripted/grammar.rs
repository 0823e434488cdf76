//! The part of GBNF that the methods' grammars need: literals, ranges of characters, groups, alternatives, repetitions.
//! Characters are bytes, so that ranges are of ASCII alone.

use std::collections::{BTreeSet, HashMap};

/// Rules nested deeper than this are taken for endless.
const DEEPEST: usize = 1000;

/// What a rule is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    /// One byte out of a class.
    Class(usize),
    /// Another rule.
    Rule(usize),
}

/// A grammar that was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Grammar {
    classes: Vec<Vec<(u8, u8)>>,
    /// Alternatives of each rule.
    rules: Vec<Vec<Vec<Item>>>,
    names: HashMap<String, usize>,
}

/// Where a text stands in a grammar: what may still come, one stack for each way, the next item last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State(BTreeSet<Vec<Item>>);

impl State {
    /// Whether the text may end here.
    pub(super) fn may_end(&self) -> bool {
        self.0.contains(&Vec::new())
    }
}

impl Grammar {
    /// Reads one rule a line; the one called `root` is the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut grammar = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, body) = line.split_once("::=").ok_or_else(|| format!("`{line}` is no rule"))?;
            let mut rest = Reader { text: body.as_bytes(), at: 0 };
            let alternatives = grammar.alternatives(&mut rest)?;
            if rest.peek().is_some() {
                return Err(format!("`{line}` has a bracket too many"));
            }
            let rule = grammar.rule(name.trim());
            grammar.rules[rule] = alternatives;
        }
        match grammar.names.iter().find(|(_, rule)| grammar.rules[**rule].is_empty()) {
            Some((name, _)) => Err(format!("the rule `{name}` is used and not written")),
            None if grammar.names.contains_key("root") => Ok(grammar),
            None => Err("there is no rule `root`".to_owned()),
        }
    }

    /// Before the first character.
    pub(super) fn start(&self) -> State {
        let root = self.names.get("root").copied().unwrap_or_default();
        let mut stacks = BTreeSet::new();
        self.open(vec![Item::Rule(root)], &mut stacks, 0);
        State(stacks)
    }

    /// After `bytes`; `None` where they do not follow the grammar.
    pub(super) fn after(&self, state: &State, bytes: &[u8]) -> Option<State> {
        let mut stacks = state.0.clone();
        for byte in bytes {
            let mut next = BTreeSet::new();
            for stack in stacks {
                if let Some((Item::Class(class), below)) = stack.split_last()
                    && self.classes[*class].iter().any(|(first, last)| (first..=last).contains(&byte))
                {
                    self.open(below.to_vec(), &mut next, 0);
                }
            }
            if next.is_empty() {
                return None;
            }
            stacks = next;
        }
        Some(State(stacks))
    }

    /// Opens the rules on top of `stack` until a class stands there, or nothing.
    fn open(&self, mut stack: Vec<Item>, found: &mut BTreeSet<Vec<Item>>, depth: usize) {
        match stack.pop() {
            Some(Item::Rule(rule)) if depth < DEEPEST => {
                for alternative in &self.rules[rule] {
                    let opened = stack.iter().chain(alternative.iter().rev()).copied().collect();
                    self.open(opened, found, depth + 1);
                }
            }
            Some(Item::Rule(_)) => {}
            Some(class) => {
                stack.push(class);
                found.insert(stack);
            }
            None => {
                found.insert(stack);
            }
        }
    }

    fn rule(&mut self, name: &str) -> usize {
        if let Some(rule) = self.names.get(name) {
            return *rule;
        }
        let rule = self.add(Vec::new());
        self.names.insert(name.to_owned(), rule);
        rule
    }

    fn add(&mut self, alternatives: Vec<Vec<Item>>) -> usize {
        self.rules.push(alternatives);
        self.rules.len() - 1
    }

    fn class(&mut self, ranges: Vec<(u8, u8)>) -> Item {
        self.classes.push(ranges);
        Item::Class(self.classes.len() - 1)
    }

    /// To the end, or to a closing bracket.
    fn alternatives(&mut self, rest: &mut Reader) -> Result<Vec<Vec<Item>>, String> {
        let mut all = vec![Vec::new()];
        loop {
            let Some(next) = rest.peek().filter(|next| *next != b')') else { return Ok(all) };
            if next == b'|' {
                rest.at += 1;
                all.push(Vec::new());
                continue;
            }
            let atom = self.atom(rest)?;
            let repeated = self.repeated(atom, rest)?;
            if let Some(last) = all.last_mut() {
                last.extend(repeated);
            }
        }
    }

    /// A literal, a class, a group or the name of a rule.
    fn atom(&mut self, rest: &mut Reader) -> Result<Vec<Item>, String> {
        match rest.peek() {
            Some(b'"') => {
                rest.at += 1;
                let mut items = Vec::new();
                while let Some(byte) = rest.until(b'"')? {
                    items.push(self.class(vec![(byte, byte)]));
                }
                Ok(items)
            }
            Some(b'[') => {
                rest.at += 1;
                let mut ranges = Vec::new();
                while let Some(first) = rest.until(b']')? {
                    let is_range = rest.text.get(rest.at) == Some(&b'-') && rest.text.get(rest.at + 1) != Some(&b']');
                    if is_range {
                        rest.at += 1;
                    }
                    let last = if is_range { rest.until(b']')?.unwrap_or(first) } else { first };
                    ranges.push((first, last));
                }
                Ok(vec![self.class(ranges)])
            }
            Some(b'(') => {
                rest.at += 1;
                let alternatives = self.alternatives(rest)?;
                if rest.peek() != Some(b')') {
                    return Err("a bracket is not closed".to_owned());
                }
                rest.at += 1;
                Ok(vec![Item::Rule(self.add(alternatives))])
            }
            _ => match rest.word() {
                "" => Err("a character of the grammar means nothing here".to_owned()),
                name => {
                    let name = name.to_owned();
                    Ok(vec![Item::Rule(self.rule(&name))])
                }
            },
        }
    }

    /// `atom` as often as what stands behind it says.
    fn repeated(&mut self, atom: Vec<Item>, rest: &mut Reader) -> Result<Vec<Item>, String> {
        let (least, most) = match rest.text.get(rest.at) {
            Some(b'?') => (0, Some(1)),
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'{') => {
                let inner = rest.text[rest.at..].iter().position(|byte| *byte == b'}').unwrap_or(0);
                let counts = String::from_utf8_lossy(&rest.text[rest.at + 1..rest.at + inner.max(1)]).into_owned();
                rest.at += inner;
                let number = |text: &str| text.trim().parse().map_err(|_| format!("`{{{counts}}}` is no repetition"));
                match counts.split_once(',') {
                    Some((least, most)) if most.trim().is_empty() => (number(least)?, None),
                    Some((least, most)) => (number(least)?, Some(number(most)?)),
                    None => (number(&counts)?, Some(number(&counts)?)),
                }
            }
            _ => return Ok(atom),
        };
        rest.at += 1;
        let mut items: Vec<Item> = std::iter::repeat_n(&atom, least).flatten().copied().collect();
        match most {
            None => {
                let rule = self.add(Vec::new());
                let again = atom.into_iter().chain([Item::Rule(rule)]).collect();
                self.rules[rule] = vec![Vec::new(), again];
                items.push(Item::Rule(rule));
            }
            Some(most) => {
                for _ in least..most {
                    items.push(Item::Rule(self.add(vec![Vec::new(), atom.clone()])));
                }
            }
        }
        Ok(items)
    }
}

/// What of a rule is still to be read.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// The next byte of a literal or class, or `None` after taking the mark that ends it.
    fn until(&mut self, end: u8) -> Result<Option<u8>, String> {
        let byte = *self.text.get(self.at).ok_or("a literal or class of the grammar is not closed")?;
        self.at += 1;
        if byte == end {
            return Ok(None);
        }
        if byte != b'\\' {
            return Ok(Some(byte));
        }
        let escaped = *self.text.get(self.at).ok_or("a literal or class of the grammar is not closed")?;
        self.at += 1;
        Ok(Some(match escaped {
            b'n' => b'\n',
            b't' => b'\t',
            other => other,
        }))
    }

    fn word(&mut self) -> &'a str {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let length = self.text[self.at..].iter().take_while(|byte| is_part(byte)).count();
        let word = &self.text[self.at..self.at + length];
        self.at += length;
        std::str::from_utf8(word).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Whether a whole text follows the grammar.
    fn follows(grammar: &str, text: &str) -> bool {
        let grammar = Grammar::parse(grammar).unwrap();
        grammar.after(&grammar.start(), text.as_bytes()).is_some_and(|state| state.may_end())
    }

    #[test]
    fn a_sequence_of_letters_is_as_long_as_it_says() {
        let grammar = "root ::= [A-C] (\" \" [A-C]){2}\n";
        assert!(follows(grammar, "A C B"));
        for wrong in ["A C", "A C B A", "A D B", "A  B C", "", "A B C "] {
            assert!(!follows(grammar, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn percentages_stand_in_lines() {
        let grammar =
            "root ::= \"A: \" n \"%\" \"\\n\" \"B: \" n \"%\"\n# A comment.\nn ::= \"100\" | [1-9] [0-9]? | \"0\"\n";
        for right in ["A: 100%\nB: 0%", "A: 4%\nB: 96%"] {
            assert!(follows(grammar, right), "{right:?}");
        }
        for wrong in ["A: 101%\nB: 0%", "A: 04%\nB: 0%", "A: 4%B: 6%", "A: %\nB: 1%"] {
            assert!(!follows(grammar, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn repetitions_and_classes() {
        assert!(follows("root ::= [0-9_-]+ x*\nx ::= \"b\"{0,2} \"\\\"\"", "1_-bb\"\""));
        assert!(!follows("root ::= \"a\"?", "aa"));
        assert!(follows("root ::= (\"a\" | \"b\"){1,}", "abba"));
    }

    #[test]
    fn mistakes_get_a_sentence() {
        for (grammar, part) in [
            ("root = x", "is no rule"),
            ("root ::= x", "`x` is used and not written"),
            ("x ::= \"a\"", "no rule `root`"),
            ("root ::= (\"a\"", "not closed"),
            ("root ::= \"a", "not closed"),
            ("root ::= \"a\"{x}", "no repetition"),
            ("root ::= \"a\"{", "no repetition"),
            ("root ::= %", "means nothing"),
            ("root ::= \"a\")", "too many"),
        ] {
            let error = Grammar::parse(grammar).unwrap_err();
            assert!(error.contains(part), "{grammar}: {error}");
        }
        // Endless rules say nothing, and do not hang.
        let endless = Grammar::parse("root ::= root \"a\"").unwrap();
        assert_eq!(endless.after(&endless.start(), b"a"), None);
    }
}
