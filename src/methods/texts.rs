//! What methods need of the wordings in force. The files and their overrides are the business of `data`.

use serde::Serialize;

/// Wordings that can be written out.
pub trait Texts: Send + Sync {
    /// Writes the text `name` of the file `file`; every variable it uses is in `values`.
    fn write(&self, file: &str, name: &str, values: &serde_json::Value) -> Result<String, String>;
    /// SHA-256 of the file in force.
    fn hash(&self, file: &str) -> Result<String, String>;
}

/// An option as wordings see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetteredOption {
    /// `A`, `B`, … in the order shown.
    pub letter: String,
    /// What is shown.
    pub label: String,
}

impl LetteredOption {
    /// Letters the labels in the order given: `A` to `Z`, then `AA`, `AB`, …
    pub fn all<'a>(labels: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let letter = |(index, label): (usize, &str)| Self { letter: letter(index), label: label.to_owned() };
        labels.into_iter().enumerate().map(letter).collect()
    }
}

/// The letter of the option at `index` (from 0).
fn letter(index: usize) -> String {
    let last = char::from(b'A' + u8::try_from(index % 26).unwrap_or(0));
    if index < 26 { last.to_string() } else { format!("{}{last}", letter(index / 26 - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_on_after_z() {
        let labels = vec!["x"; 28];
        let letters: Vec<String> = LetteredOption::all(labels).into_iter().map(|option| option.letter).collect();
        assert_eq!((letters[0].as_str(), letters[25].as_str(), letters[27].as_str()), ("A", "Z", "AB"));
    }
}
