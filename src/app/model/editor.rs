//! Forms with texts of several lines: a question, a persona.

use ratatui_textarea::{CursorMove, Input, TextArea, WrapMode};

use crate::config::{Key, KeyCode};
use crate::domain::{BadQuestion, Question};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A question of the user's own.
    Question,
    /// A persona of the user's own.
    Persona,
}

impl Purpose {
    /// What is written.
    pub fn title(self) -> &'static str {
        match self {
            Self::Question => "Ask a question",
            Self::Persona => "Write a persona",
        }
    }

    /// The fields: what each is called, and what belongs there.
    pub fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Question => &[
                ("question", "what is to be asked; several lines are fine"),
                ("options", "one a line; leave it empty for an open question; begin with ~ what is no opinion"),
                ("scale", "write yes if the options are a scale, from low to high"),
            ],
            Self::Persona => &[("name", "a few words"), ("persona", "whom the model is to answer as: You are …")],
        }
    }
}

/// What was typed into forms that were closed.
#[derive(Debug, Default)]
pub struct Drafts {
    question: Vec<String>,
    persona: Vec<String>,
}

impl Drafts {
    /// What was typed is used and no longer needed.
    pub fn forget(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Question => self.question.clear(),
            Purpose::Persona => self.persona.clear(),
        }
    }
}

/// A form.
#[derive(Debug)]
pub struct Editor {
    /// What is written.
    pub purpose: Purpose,
    /// In the order of [`Purpose::fields`].
    pub texts: Vec<TextArea<'static>>,
    /// The field that is typed into.
    pub at: usize,
    /// What is wrong with what was typed.
    pub error: Option<String>,
}

impl Editor {
    /// A form with what was typed the last time.
    pub fn new(purpose: Purpose, drafts: &Drafts) -> Self {
        let draft = match purpose {
            Purpose::Question => &drafts.question,
            Purpose::Persona => &drafts.persona,
        };
        let text = |index: usize| {
            let lines = draft.get(index).map_or_else(Vec::new, |text| text.split('\n').map(str::to_owned).collect());
            let mut area = TextArea::new(lines);
            area.set_wrap_mode(WrapMode::WordOrGlyph);
            area.move_cursor(CursorMove::Bottom);
            area.move_cursor(CursorMove::End);
            area
        };
        Self { purpose, texts: (0..purpose.fields().len()).map(text).collect(), at: 0, error: None }
    }

    /// Keeps what was typed.
    pub fn keep(&self, drafts: &mut Drafts) {
        let texts = (0..self.texts.len()).map(|index| self.text(index)).collect();
        match self.purpose {
            Purpose::Question => drafts.question = texts,
            Purpose::Persona => drafts.persona = texts,
        }
    }

    /// What stands in a field.
    pub fn text(&self, index: usize) -> String {
        self.texts.get(index).map_or_else(String::new, |area| area.lines().join("\n"))
    }

    /// The next field, or the one before; after the last comes the first.
    pub fn turn(&mut self, is_forward: bool) {
        let n = self.texts.len().max(1);
        self.at = (self.at + if is_forward { 1 } else { n - 1 }) % n;
    }

    /// A key that means nothing else.
    pub fn key(&mut self, key: Key) {
        self.error = None;
        if let Some(area) = self.texts.get_mut(self.at) {
            area.input(input(key));
        }
    }

    /// Pasted text goes in as it is; it never submits.
    pub fn paste(&mut self, text: &str) {
        self.error = None;
        if let Some(area) = self.texts.get_mut(self.at) {
            area.insert_str(text);
        }
    }

    /// The question that was written.
    pub fn question(&self) -> Result<Question, BadQuestion> {
        let options = self.text(1);
        let lines = options.lines().map(str::trim).filter(|line| !line.is_empty());
        let (other, own): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('~'));
        let own: Vec<String> = own.into_iter().map(str::to_owned).collect();
        let other: Vec<String> = other.into_iter().map(|line| line.trim_start_matches('~').trim().to_owned()).collect();
        let is_scale = matches!(self.text(2).trim().to_lowercase().as_str(), "y" | "yes" | "x" | "scale" | "ordinal");
        Question::asked(&self.text(0), &own, &other, is_scale)
    }

    /// Name and text of the persona that was written.
    pub fn persona(&self) -> Result<(String, String), String> {
        let (name, text) = (self.text(0).split_whitespace().collect::<Vec<_>>().join(" "), self.text(1));
        if text.trim().is_empty() {
            return Err("the persona is empty: write whom the model is to answer as".to_owned());
        }
        if name.is_empty() {
            return Err("the persona has no name: give it a few words".to_owned());
        }
        Ok((name, text.trim().to_owned()))
    }
}

fn input(key: Key) -> Input {
    use ratatui_textarea::Key as Theirs;
    let theirs = match key.code {
        KeyCode::Char(c) => Theirs::Char(c),
        KeyCode::Enter => Theirs::Enter,
        KeyCode::Escape => Theirs::Esc,
        KeyCode::Tab => Theirs::Tab,
        KeyCode::Backspace => Theirs::Backspace,
        KeyCode::Delete => Theirs::Delete,
        KeyCode::Up => Theirs::Up,
        KeyCode::Down => Theirs::Down,
        KeyCode::Left => Theirs::Left,
        KeyCode::Right => Theirs::Right,
        KeyCode::Home => Theirs::Home,
        KeyCode::End => Theirs::End,
        KeyCode::PageUp => Theirs::PageUp,
        KeyCode::PageDown => Theirs::PageDown,
        KeyCode::F(n) => Theirs::F(n),
        KeyCode::Insert => Theirs::Null,
    };
    Input { key: theirs, ctrl: key.ctrl, alt: key.alt, shift: key.shift }
}
