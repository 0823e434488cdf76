//! Models split over several files, named `PREFIX-00001-of-0000N.gguf`.

use std::path::{Path, PathBuf};

/// The most parts a name may claim; the largest published models have a few hundred.
const MAX_PARTS: u64 = 1000;

/// What a file name says about a split model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitName {
    /// Everything before `-00001-of-…`.
    pub prefix: String,
    /// Number of this part, from 1.
    pub no: u64,
    /// Number of parts.
    pub count: u64,
}

impl SplitName {
    /// Reads a file name (or a path inside a repository); `None` when it does not follow the pattern.
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".gguf")?;
        let (rest, count) = stem.rsplit_once("-of-")?;
        let (prefix, no) = rest.rsplit_once('-')?;
        let digits = |text: &str| -> Option<u64> {
            (text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
        };
        let (no, count) = (digits(no)?, digits(count)?);
        ((1..=count).contains(&no) && count <= MAX_PARTS).then(|| Self { prefix: prefix.to_owned(), no, count })
    }

    /// The name of part `no`.
    pub fn part(&self, no: u64) -> String {
        format!("{}-{no:05}-of-{:05}.gguf", self.prefix, self.count)
    }

    /// The names of all parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = String> + '_ {
        (1..=self.count).map(|no| self.part(no))
    }
}

/// The paths of all parts of the split model that `first` belongs to, in the same folder.
pub fn sibling_paths(first: &Path, name: &SplitName) -> Vec<PathBuf> {
    name.parts().map(|part| first.with_file_name(part)).collect()
}

/// The file to hand to llama.cpp for what the user called `path`: of a split model the first part, whether one of its
/// parts was named or only the beginning that they have in common; else `path` itself. Whether it exists is not said.
pub fn first_part(path: &Path) -> PathBuf {
    let Some(named) = path.file_name().and_then(|name| name.to_str()) else { return path.to_owned() };
    if let Some(name) = SplitName::parse(named) {
        return path.with_file_name(name.part(1));
    }
    if path.exists() {
        return path.to_owned();
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let prefix = named.strip_suffix(".gguf").unwrap_or(named);
    let mut models: Vec<SplitName> =
        names.filter_map(|name| SplitName::parse(&name)).filter(|name| name.prefix == prefix).collect();
    // Of models that differ only in the number of their parts, the one in fewer.
    models.sort_by_key(|name| name.count);
    models.first().map_or_else(|| path.to_owned(), |name| path.with_file_name(name.part(1)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_of_parts_are_read_and_made() {
        let name = SplitName::parse("big-model-00002-of-00003.gguf").unwrap();
        assert_eq!((name.prefix.as_str(), name.no, name.count), ("big-model", 2, 3));
        assert_eq!(name.parts().last().unwrap(), "big-model-00003-of-00003.gguf");
        for other in
            ["a.gguf", "a-00000-of-00002.gguf", "a-00003-of-00002.gguf", "a-1-of-2.gguf", "a-00001-of-99999.gguf"]
        {
            assert_eq!(SplitName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn any_part_and_the_common_beginning_lead_to_the_first_part() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // The first part itself is missing, and must be what is asked for.
        for name in ["big-00002-of-00003.gguf", "big-00001-of-00009.gguf", "bigger-00001-of-00001.gguf", "one.gguf"] {
            std::fs::write(at(name), "x").unwrap();
        }
        for name in ["big-00002-of-00003.gguf", "big-00003-of-00003.gguf", "big", "big.gguf"] {
            assert_eq!(first_part(&at(name)), at("big-00001-of-00003.gguf"), "{name}");
        }
        for name in ["one.gguf", "one", "none", "bi", "."] {
            assert_eq!(first_part(&at(name)), at(name), "{name}");
        }
    }
}
