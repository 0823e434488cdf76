//! Pages to read: the exact prompts of a column, the tokens of its voices, or all keys.

use crate::domain::TokenSaid;
use crate::text::SafeText;

/// Pages to read.
#[derive(Debug)]
pub struct Reader {
    /// What is read.
    pub title: String,
    /// What can be turned to; never empty.
    pub pages: Vec<Page>,
    /// The page that is open.
    pub open: usize,
    /// The first line that is shown.
    pub top: usize,
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// What stands on it.
    pub title: String,
    /// What is read.
    pub content: Content,
}

/// What is read.
#[derive(Debug)]
pub enum Content {
    /// A text as it is, space for space.
    Verbatim(SafeText),
    /// The tokens of a voice, each with what might have been said instead.
    Tokens(Vec<TokenSaid>),
    /// A heading, then keys and what they do; one part per place.
    Keys(Vec<(String, Vec<(String, &'static str)>)>),
}

impl Reader {
    /// The pages, open at the first; `None` if there is none.
    pub fn new(title: &str, pages: Vec<Page>) -> Option<Self> {
        (!pages.is_empty()).then(|| Self { title: title.to_owned(), pages, open: 0, top: 0 })
    }

    /// The page that is open.
    pub fn page(&self) -> Option<&Page> {
        self.pages.get(self.open)
    }

    /// Turns to the next page, or to the one before; after the last comes the first.
    pub fn turn(&mut self, is_forward: bool) {
        let n = self.pages.len().max(1);
        self.open = (self.open + if is_forward { 1 } else { n - 1 }) % n;
        self.top = 0;
    }
}
