//! The wordings of prompts: one TOML file of templates a method, the user's files in place of those in the binary.
//!
//! A file replaces the bundled one as a whole, so its SHA-256 names exactly what a run has sent. A file of the user's that
//! cannot be read is an error of the methods that need it, never a silent return to the bundled wording.

use std::collections::BTreeMap;
use std::path::PathBuf;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::catalogue::Origin;
use super::file::{self, FileProblem, brief};
use super::fuzzy::{Skim, did_you_mean, nearest};
use crate::config::Paths;
use crate::methods::Texts;

/// The files in the binary: method id and content.
pub const BUNDLED: [(&str, &str); 14] = [
    ("vanilla", include_str!("../../prompts/vanilla.toml")),
    ("pluralistic-prompt", include_str!("../../prompts/pluralistic-prompt.toml")),
    ("ensemble", include_str!("../../prompts/ensemble.toml")),
    ("persona-prompt", include_str!("../../prompts/persona-prompt.toml")),
    ("direction", include_str!("../../prompts/direction.toml")),
    ("option-logits", include_str!("../../prompts/option-logits.toml")),
    ("content-free", include_str!("../../prompts/content-free.toml")),
    ("option-text", include_str!("../../prompts/option-text.toml")),
    ("sampled", include_str!("../../prompts/sampled.toml")),
    ("sequence", include_str!("../../prompts/sequence.toml")),
    ("verbalised", include_str!("../../prompts/verbalised.toml")),
    ("population-prompt", include_str!("../../prompts/population-prompt.toml")),
    ("few-shot", include_str!("../../prompts/few-shot.toml")),
    ("random-shots", include_str!("../../prompts/random-shots.toml")),
];

/// Why a prompt cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordingError {
    /// The file cannot be read.
    #[error("wordings {file}: {problem}")]
    File {
        /// Path or name.
        file: String,
        /// The reason.
        problem: FileProblem,
    },
    /// The file or one of its templates is wrong.
    #[error("wordings {file}, line {line}: {cause}; correct it, or remove the file to use the bundled wording")]
    Malformed {
        /// Path or name.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        cause: String,
    },
    /// No file for the method.
    #[error("there are no wordings for `{method}`{}; put a file `{method}.toml` into the folder `prompts` of the data folder", did_you_mean(.suggestion.as_deref()))]
    NoFile {
        /// The method's id.
        method: String,
        /// The nearest id.
        suggestion: Option<String>,
    },
    /// The file lacks a text.
    #[error("wordings {file}: there is no text `{name}`{}; the whole file replaces the bundled one, so it needs all of its texts", did_you_mean(.suggestion.as_deref()))]
    NoText {
        /// Path or name.
        file: String,
        /// The text asked for.
        name: String,
        /// The nearest name.
        suggestion: Option<String>,
    },
}

/// A wordings file as it stands on disk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WordingsFile {
    texts: BTreeMap<String, Spanned<String>>,
}

/// A file in force.
#[derive(Debug)]
struct InForce {
    file: String,
    origin: Origin,
    sha256: String,
    /// Line of the file on which each text begins.
    first_lines: BTreeMap<String, usize>,
    templates: Environment<'static>,
}

/// The wordings in force.
#[derive(Debug)]
pub struct Wordings {
    files: BTreeMap<String, Result<InForce, WordingError>>,
}

impl Wordings {
    /// The bundled files with those of the user's folder in place of theirs; the name of a file is its method's id.
    pub fn load(paths: &Paths) -> Self {
        let mut files: BTreeMap<String, Result<InForce, WordingError>> = BUNDLED
            .into_iter()
            .map(|(id, text)| (id.to_owned(), InForce::parse(&format!("{id}.toml"), text, Origin::Bundled)))
            .collect();
        // A folder that cannot be listed hides no file whose method is asked for: those of known methods are tried by name.
        let own = file::in_folder(&paths.prompts(), ".toml")
            .unwrap_or_else(|_| BUNDLED.iter().map(|(id, _)| paths.prompts().join(format!("{id}.toml"))).collect());
        for path in own {
            let id = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            files.insert(id, InForce::read_file(path));
        }
        Self { files }
    }

    /// Writes the text `name` of `method`. Every variable the text uses must be in `context`.
    pub fn render(&self, method: &str, name: &str, context: impl Serialize) -> Result<String, WordingError> {
        let file = self.file(method)?;
        let template = file.templates.get_template(name).map_err(|_| {
            let names = file.first_lines.keys().map(String::as_str);
            let suggestion = nearest(&Skim::default(), name, names).map(str::to_owned);
            WordingError::NoText { file: file.file.clone(), name: name.to_owned(), suggestion }
        })?;
        template.render(Value::from(minijinja::value::Serde(context))).map_err(|error| file.error(name, &error))
    }

    /// SHA-256 of the file in force, lower-case hexadecimal, over its bytes as read (LF line ends, no byte order mark).
    pub fn hash(&self, method: &str) -> Result<String, WordingError> {
        Ok(self.file(method)?.sha256.clone())
    }

    /// Where the file in force comes from.
    pub fn origin(&self, method: &str) -> Result<&Origin, WordingError> {
        Ok(&self.file(method)?.origin)
    }

    /// Files that cannot be used.
    pub fn problems(&self) -> impl Iterator<Item = &WordingError> {
        self.files.values().filter_map(|file| file.as_ref().err())
    }

    fn file(&self, method: &str) -> Result<&InForce, WordingError> {
        match self.files.get(method) {
            Some(Ok(file)) => Ok(file),
            Some(Err(error)) => Err(error.clone()),
            None => {
                let suggestion = nearest(&Skim::default(), method, self.files.keys().map(String::as_str));
                let suggestion = suggestion.map(str::to_owned);
                Err(WordingError::NoFile { method: method.to_owned(), suggestion })
            }
        }
    }
}

impl InForce {
    fn read_file(path: PathBuf) -> Result<Self, WordingError> {
        let file = path.display().to_string();
        match file::read_text(&path) {
            Ok(text) => Self::parse(&file, &text, Origin::File(path)),
            Err(problem) => Err(WordingError::File { file, problem }),
        }
    }

    fn parse(file: &str, text: &str, origin: Origin) -> Result<Self, WordingError> {
        let line_of = |byte: usize| 1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count();
        let read: WordingsFile = toml::from_str(text).map_err(|error| WordingError::Malformed {
            file: file.to_owned(),
            line: error.span().map_or(1, |span| line_of(span.start)),
            cause: brief(error.message()),
        })?;
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|_| AutoEscape::None);
        // A line that holds only a tag leaves nothing behind.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        templates.set_syntax(syntax.map_err(|error| WordingError::Malformed {
            file: file.to_owned(),
            line: 1,
            cause: brief(&error.to_string()),
        })?);
        let mut in_force = Self {
            file: file.to_owned(),
            origin,
            sha256: hex(&Sha256::digest(text.as_bytes())),
            first_lines: BTreeMap::new(),
            templates,
        };
        for (name, spanned) in read.texts {
            let start = spanned.span().start;
            // TOML drops the line end that follows the opening quotes.
            let opening = text.get(start..).unwrap_or_default();
            let is_below = opening.starts_with("\"\"\"\n") || opening.starts_with("'''\n");
            in_force.first_lines.insert(name.clone(), line_of(start) + usize::from(is_below));
            let added = in_force.templates.add_template_owned(name.clone(), spanned.into_inner());
            added.map_err(|error| in_force.error(&name, &error))?;
        }
        Ok(in_force)
    }

    fn error(&self, name: &str, error: &minijinja::Error) -> WordingError {
        let first = self.first_lines.get(name).copied().unwrap_or(1);
        let cause =
            error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        WordingError::Malformed {
            file: self.file.clone(),
            line: first + error.line().unwrap_or(1).saturating_sub(1),
            cause: format!("in the text `{name}`: {}", brief(&cause)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

impl Texts for Wordings {
    fn write(&self, file: &str, name: &str, values: &serde_json::Value) -> Result<String, String> {
        self.render(file, name, values).map_err(|error| error.to_string())
    }

    fn hash(&self, file: &str) -> Result<String, String> {
        Self::hash(self, file).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::methods::LetteredOption;
    use serde_json::json;

    fn home_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Wordings) {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths { data: home.path().to_path_buf() };
        std::fs::create_dir_all(paths.prompts()).unwrap();
        for (name, content) in files {
            std::fs::write(paths.prompts().join(name), content).unwrap();
        }
        let wordings = Wordings::load(&paths);
        (home, wordings)
    }

    fn bundled(method: &str, name: &str) -> String {
        let (_home, wordings) = home_with(&[]);
        let options = LetteredOption::all(["Yes <&>", "No"]);
        let comments = ["Trains first.", "Cars first."];
        let context = json!({ "question": "Trains or cars?", "persona": "You are a baker.", "options": options, "comments": comments });
        wordings.render(method, name, context).unwrap()
    }

    #[test]
    fn vanilla_is_the_question_alone() {
        assert_eq!(bundled("vanilla", "question"), "Trains or cars?");
    }

    #[test]
    fn what_voices_share_comes_first() {
        for (method, name) in [
            ("pluralistic-prompt", "overton"),
            ("ensemble", "comment"),
            ("ensemble", "synthesis"),
            ("persona-prompt", "answer"),
            ("persona-prompt", "choice"),
            ("sampled", "choice_text"),
        ] {
            let text = bundled(method, name);
            assert!(text.starts_with("Trains or cars?\n\n"), "{method}.{name}: {text}");
            assert_eq!(text.trim(), text, "{method}.{name}");
            assert!(!text.contains("\n\n\n") && !text.contains(" \n"), "{method}.{name}: {text:?}");
        }
    }

    #[test]
    fn the_control_is_the_choice_without_the_persona() {
        let with = bundled("persona-prompt", "choice");
        let block = "Answer as this person: You are a baker.\n\n";
        assert_eq!(with.matches(block).count(), 1);
        let plain = bundled("persona-prompt", "choice_plain");
        assert_eq!(with.replace(block, ""), plain);
        assert_eq!(plain, "Trains or cars?\n\nA. Yes <&>\nB. No\n\nAnswer with the letter only.");
        assert_eq!(bundled("option-logits", "choice"), plain);
    }

    #[test]
    fn base_models_get_a_text_to_continue_and_chat_models_a_beginning() {
        assert_eq!(bundled("option-logits", "raw"), "Question: Trains or cars?\n\nA. Yes <&>\nB. No\n\nAnswer:");
        assert_eq!(bundled("option-logits", "prefill"), "Answer: (");
    }

    #[test]
    fn a_synthesis_numbers_its_comments_and_free_answers_show_no_letters() {
        let text = bundled("ensemble", "synthesis");
        assert!(text.contains("what 2 people say"), "{text}");
        assert!(text.contains("Comment 1: Trains first.\n\nComment 2: Cars first.\n\nWrite one"), "{text}");
        assert!(bundled("sampled", "choice_text").contains("\n- Yes <&>\n- No\n"));
    }

    #[test]
    fn a_persona_reaches_the_prompts_of_a_persona() {
        for (method, name) in [("ensemble", "comment"), ("persona-prompt", "answer")] {
            assert!(bundled(method, name).contains("Answer as this person: You are a baker.\n\n"), "{method}.{name}");
        }
    }

    #[test]
    fn a_users_file_replaces_the_whole_file_and_changes_the_hash() {
        let own = "[texts]\nquestion = \"Well: {{ question }}\"\n";
        let (_home, wordings) = home_with(&[("vanilla.toml", own), ("mine.toml", own)]);
        let context = json!({ "question": "Q" });
        assert_eq!(wordings.render("vanilla", "question", &context).unwrap(), "Well: Q");
        assert_eq!(wordings.render("mine", "question", &context).unwrap(), "Well: Q");
        assert_eq!(wordings.hash("vanilla").unwrap(), hex(&Sha256::digest(own.as_bytes())));
        let (_home, bundled) = home_with(&[]);
        assert_ne!(bundled.hash("vanilla").unwrap(), wordings.hash("vanilla").unwrap());
        assert_eq!(bundled.hash("vanilla").unwrap().len(), 64);
        assert_eq!(bundled.hash("ensemble").unwrap(), wordings.hash("ensemble").unwrap());
    }

    #[test]
    fn an_unknown_variable_names_file_and_line() {
        let own = "# mine\n[texts]\nquestion = \"\"\"\nfirst\n\n{{ qestion }}\n\"\"\"\n";
        let (_home, wordings) = home_with(&[("vanilla.toml", own)]);
        let error = wordings.render("vanilla", "question", json!({ "question": "Q" })).unwrap_err().to_string();
        assert!(error.contains("vanilla.toml, line 6") && error.contains("`question`"), "{error}");
    }

    #[test]
    fn a_broken_file_is_an_error_of_its_method_alone() {
        let files = [
            ("vanilla.toml", "[texts]\nquestion = \"{{ question\"\n"),
            ("ensemble.toml", "[texts]\ncomment = 3\n"),
            ("sampled.toml", "[texts]\nchoice = \"x\"\n"),
        ];
        let (_home, wordings) = home_with(&files);
        let context = json!({ "question": "Q" });
        let template = wordings.render("vanilla", "question", &context).unwrap_err().to_string();
        assert!(template.contains("vanilla.toml, line 2"), "{template}");
        let toml = wordings.hash("ensemble").unwrap_err().to_string();
        assert!(toml.contains("ensemble.toml, line 2"), "{toml}");
        let missing = wordings.render("sampled", "choice_text", &context).unwrap_err().to_string();
        assert!(missing.contains("`choice_text`, did you mean `choice`?"), "{missing}");
        assert_eq!(wordings.problems().count(), 2);
        assert!(wordings.render("pluralistic-prompt", "overton", &context).is_ok());
        let unknown = wordings.render("ensembel", "comment", &context).unwrap_err().to_string();
        assert!(unknown.contains("did you mean `ensemble`?"), "{unknown}");
    }
}
