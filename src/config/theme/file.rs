//! Theme files: the bundled ones, the user's laid over them, and a sentence for each value that cannot be used.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Spanned, Value};

use super::colour::{Colour, FORMS};
use super::{Look, Role, Theme};
use crate::text::SafeText;

/// Name and content, the default one first.
const BUNDLED: [(&str, &str); 3] = [
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
];
/// The theme whose looks stand in for what others leave out.
const PLAIN: &str = "mono";
/// Bytes; a theme takes one.
const LARGEST: u64 = 64 << 10;
/// Letters of a wrong value that a sentence quotes.
const QUOTED: usize = 40;

/// What in a theme cannot be used. The program goes on with everything else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// The user's folder cannot be listed.
    #[error("themes folder {folder}: it cannot be read ({cause}); check its permissions")]
    Folder {
        /// Its path.
        folder: String,
        /// The system's reason.
        cause: String,
    },
    /// The file cannot be used at all.
    #[error("theme {file}: {cause}; correct the file or remove it")]
    File {
        /// Its path.
        file: String,
        /// What is wrong.
        cause: String,
    },
    /// One value of the file is left out.
    #[error("theme {file}, line {line}: {value} is not {wanted}; write {forms}")]
    Value {
        /// Its path.
        file: String,
        /// From 1.
        line: usize,
        /// The value as written.
        value: String,
        /// What it should have been.
        wanted: &'static str,
        /// The accepted forms.
        forms: String,
    },
    /// `inherits` leads nowhere or round in a circle.
    #[error("theme {file}: it inherits `{parent}`, {cause}; inherit one of {known}")]
    Parent {
        /// Its path.
        file: String,
        /// The name after `inherits`.
        parent: String,
        /// Why that cannot be.
        cause: &'static str,
        /// Names of themes.
        known: String,
    },
}

/// A theme as its file gives it.
#[derive(Debug, Clone, Default)]
struct Sheet {
    /// The path or the bundled file's name, safe to print.
    file: String,
    summary: String,
    inherits: Option<String>,
    looks: BTreeMap<&'static str, Look>,
}

/// The themes of the folder over the bundled ones: dark, light, mono, then the user's others by name.
pub(super) fn load_all(folder: &Path) -> (Vec<Theme>, Vec<ThemeError>) {
    let bundled = bundled_sheets();
    let mut errors = Vec::new();
    let own = own_sheets(folder, &mut errors);
    let mut themes: Vec<Theme> = Vec::new();
    let names = bundled.iter().map(|(name, _)| name).chain(own.keys().filter(|name| !is_bundled(name)));
    let known = names.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    for name in names {
        let from = own.get(name).or_else(|| bundled.iter().find(|(known, _)| known == name).map(|(_, sheet)| sheet));
        let Some(sheet) = from else { continue };
        let sheets = chain(name, &own, &bundled).unwrap_or_else(|(parent, cause)| {
            errors.push(ThemeError::Parent { file: sheet.file.clone(), parent, cause, known: known.clone() });
            vec![sheet]
        });
        themes.push(theme(name, &sheet.summary, !own.contains_key(name), &sheets));
    }
    (themes, errors)
}

/// How roles look without colours.
pub(super) fn plain() -> impl Fn(Role) -> Look {
    let sheet = bundled_sheets().into_iter().find(|(name, _)| name == PLAIN).map(|(_, sheet)| sheet);
    move |role| sheet.as_ref().and_then(|sheet| sheet.looks.get(role.id())).copied().unwrap_or_default()
}

/// The bundled dark theme.
pub(super) fn dark() -> Theme {
    let sheets = bundled_sheets();
    let (name, sheet) = sheets.first().cloned().unwrap_or_default();
    theme(&name, &sheet.summary, true, &[&sheet])
}

fn is_bundled(name: &str) -> bool {
    BUNDLED.iter().any(|(known, _)| *known == name)
}

fn bundled_sheets() -> Vec<(String, Sheet)> {
    // They are right by a test.
    BUNDLED
        .iter()
        .map(|(name, text)| ((*name).to_owned(), parse(name, text, &mut Vec::new()).unwrap_or_default()))
        .collect()
}

fn own_sheets(folder: &Path, errors: &mut Vec<ThemeError>) -> BTreeMap<String, Sheet> {
    let mut sheets = BTreeMap::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                errors.push(ThemeError::Folder { folder: shown(folder), cause: error.to_string() });
            }
            return sheets;
        }
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let name = path.file_stem().map(|stem| SafeText::line(&stem.to_string_lossy()).to_string());
        let Some(name) = name.filter(|name| !name.starts_with('.')) else { continue };
        let file = shown(path);
        let sheet = read(path).and_then(|text| parse(&file, &text, errors));
        match sheet {
            Ok(sheet) => drop(sheets.insert(name, sheet)),
            Err(cause) => errors.push(ThemeError::File { file, cause }),
        }
    }
    sheets
}

fn shown(path: &Path) -> String {
    SafeText::line(&path.to_string_lossy()).to_string()
}

fn read(path: &Path) -> Result<String, String> {
    let facts = std::fs::metadata(path).map_err(|error| format!("it cannot be read ({error})"))?;
    // Asking first keeps a pipe from blocking the program.
    if !facts.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if facts.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes, the most that is read"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("it cannot be read ({error})"))
}

/// Reads a theme; wrong values go to `errors` and are left out. Fails when the file is not TOML.
fn parse(file: &str, text: &str, errors: &mut Vec<ThemeError>) -> Result<Sheet, String> {
    let line_of = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let entries: BTreeMap<String, Spanned<Value>> = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(span.start));
        format!("line {line}: {}", SafeText::line(error.message()))
    })?;
    let mut sheet = Sheet { file: file.to_owned(), ..Sheet::default() };
    let mut wrong = |line, value: String, wanted, forms: &str| {
        errors.push(ThemeError::Value { file: file.to_owned(), line, value, wanted, forms: forms.to_owned() });
    };
    for (key, value) in &entries {
        let line = line_of(value.span().start);
        match (key.as_str(), value.get_ref()) {
            ("inherits", Value::String(parent)) => sheet.inherits = Some(SafeText::line(parent).to_string()),
            ("summary", Value::String(summary)) => sheet.summary = SafeText::line(summary).to_string(),
            ("roles", Value::Table(_)) => {}
            ("inherits" | "summary", other) => wrong(line, quoted(other), "a text", "it in quotes"),
            ("roles", other) => wrong(line, quoted(other), "a table", "`[roles]` and the roles below it"),
            (other, _) => {
                wrong(line, named(other), "a part of a theme", "`inherits`, `summary` or, under `[roles]`, a role");
            }
        }
    }
    let roles: Roles = toml::from_str(text).unwrap_or_default();
    for (key, value) in &roles.roles {
        let line = line_of(value.span().start);
        let Some(role) = Role::ALL.into_iter().find(|role| role.id() == key) else {
            let known = Role::ALL.map(Role::id).join(", ");
            wrong(line, named(key), "a role", &format!("one of {known}"));
            continue;
        };
        let mut look = Look::default();
        let is_whole =
            read_look(value.get_ref(), &mut look, &mut |value, wanted, forms| wrong(line, value, wanted, forms));
        if is_whole {
            sheet.looks.insert(role.id(), look);
        }
    }
    Ok(sheet)
}

/// The part of a file whose values have lines of their own.
#[derive(Debug, Default, serde::Deserialize)]
struct Roles {
    #[serde(default)]
    roles: BTreeMap<String, Spanned<Value>>,
}

/// Whether all of it could be read; `wrong` hears what could not.
fn read_look(value: &Value, look: &mut Look, wrong: &mut impl FnMut(String, &'static str, &str)) -> bool {
    let Value::Table(parts) = value else {
        look.fg = colour(value);
        if look.fg.is_none() {
            wrong(quoted(value), "a colour", &format!("{FORMS}, or {LOOK_FORMS}"));
        }
        return look.fg.is_some();
    };
    let mut is_whole = true;
    for (part, value) in parts {
        let switch = match part.as_str() {
            "fg" | "bg" => {
                let found = colour(value);
                if found.is_none() {
                    is_whole = false;
                    wrong(quoted(value), "a colour", FORMS);
                }
                if part == "fg" {
                    look.fg = found;
                } else {
                    look.bg = found;
                }
                continue;
            }
            "bold" => &mut look.bold,
            "dim" => &mut look.dim,
            "italic" => &mut look.italic,
            "underlined" => &mut look.underlined,
            "reversed" => &mut look.reversed,
            other => {
                is_whole = false;
                wrong(named(other), "a part of a look", LOOK_FORMS);
                continue;
            }
        };
        if let Value::Boolean(on) = value {
            *switch = *on;
        } else {
            is_whole = false;
            wrong(quoted(value), "a switch", "true or false");
        }
    }
    is_whole
}

const LOOK_FORMS: &str = "`{ fg, bg, bold, dim, italic, underlined, reversed }` with colours and true or false";

fn colour(value: &Value) -> Option<Colour> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Integer(place) => u8::try_from(*place).ok().map(Colour::Indexed),
        _ => None,
    }
}

/// A value as a sentence quotes it: on one line, safe, and not too long.
fn quoted(value: &Value) -> String {
    short(&value.to_string())
}

fn named(key: &str) -> String {
    format!("`{}`", short(key))
}

fn short(text: &str) -> String {
    let safe = SafeText::line(text).to_string();
    let cut: String = safe.chars().take(QUOTED).collect();
    if cut.len() < safe.len() { format!("{cut}…") } else { cut }
}

/// A theme's sheet and those it inherits, nearest first; else the parent that cannot be, and why.
fn chain<'a>(
    name: &str,
    own: &'a BTreeMap<String, Sheet>,
    bundled: &'a [(String, Sheet)],
) -> Result<Vec<&'a Sheet>, (String, &'static str)> {
    let from_bundle = |name: &str| bundled.iter().find(|(known, _)| known == name).map(|(_, sheet)| sheet);
    let mut sheets: Vec<&Sheet> = Vec::new();
    let mut next = Some(name.to_owned());
    let mut last = String::new();
    while let Some(name) = next.take() {
        let is_parent = !sheets.is_empty();
        // A file that replaces a bundled theme may inherit what it replaces.
        let found =
            if is_parent && name == last { from_bundle(&name) } else { own.get(&name).or_else(|| from_bundle(&name)) };
        let Some(sheet) = found else {
            return Err((name.clone(), if name == last { "which is itself" } else { "which is not there" }));
        };
        if sheets.iter().any(|seen| std::ptr::eq(*seen, sheet)) {
            return Err((name, "which inherits it in turn"));
        }
        sheets.push(sheet);
        next.clone_from(&sheet.inherits);
        last = name;
    }
    Ok(sheets)
}

fn theme(name: &str, summary: &str, is_bundled: bool, sheets: &[&Sheet]) -> Theme {
    let plain = plain();
    let looks = Role::ALL
        .map(|role| sheets.iter().find_map(|sheet| sheet.looks.get(role.id())).copied().unwrap_or_else(|| plain(role)));
    Theme { name: name.to_owned(), summary: summary.to_owned(), is_bundled, looks }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
