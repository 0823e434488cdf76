//! Which engine: what `--engine`, `--profile` and `--threads` say.

use std::fmt;
use std::str::FromStr;

/// Settings chosen before the engine starts; they decide its speed and whether it repeats itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The same bits every time, whatever else is computed beside.
    #[default]
    Audit,
    /// The quickest on this machine.
    Fast,
}

impl Profile {
    /// The name on the command line and in records.
    pub fn id(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Fast => "fast",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "audit" => Ok(Self::Audit),
            "fast" => Ok(Self::Fast),
            _ => Err(format!("`{word}` is not a profile: use audit or fast")),
        }
    }
}

/// Which engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineSpec {
    /// llama.cpp, as a child process of this binary.
    Llama,
    /// Canned answers without a model, for tests, demos and teaching.
    Scripted(Option<Fault>),
    /// Any program that speaks the protocol on its standard input and output.
    Command(Vec<String>),
}

impl EngineSpec {
    /// The name a record keeps: never a whole command line, which may hold host names and keys.
    pub fn kind(&self) -> String {
        match self {
            Self::Llama => "llama".to_owned(),
            Self::Scripted(_) => "scripted".to_owned(),
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                program.rsplit(['/', '\\']).next().unwrap_or(program).to_owned()
            }
        }
    }

    /// Whether it computes with a model file.
    pub fn needs_model(&self) -> bool {
        !matches!(self, Self::Scripted(_))
    }
}

impl fmt::Display for EngineSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Llama => f.write_str("llama"),
            Self::Scripted(None) => f.write_str("scripted"),
            Self::Scripted(Some(fault)) => write!(f, "scripted:{fault}"),
            Self::Command(words) => f.write_str(&shell_words::join(words)),
        }
    }
}

impl FromStr for EngineSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("--engine is empty: use llama, scripted or a command".to_owned()),
            "llama" => Ok(Self::Llama),
            "scripted" => Ok(Self::Scripted(None)),
            text => {
                if let Some(fault) = text.strip_prefix("scripted:") {
                    return Ok(Self::Scripted(Some(fault.parse()?)));
                }
                // Split like a shell would, but no shell ever runs it.
                let words = shell_words::split(text).map_err(|error| format!("--engine `{text}`: {error}"))?;
                Ok(Self::Command(words))
            }
        }
    }
}

/// A fault the scripted engine shows on demand, so that every answer to it can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// After how many events; for `slow`, how many milliseconds a step takes; for `think`, how many tokens of thinking
    /// come before each answer of a chat; for `bias`, how many hundredths of a nat the first option is liked more.
    pub after: u64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The process kills itself.
    Crash,
    /// It neither answers nor ends.
    Hang,
    /// It writes a line that is no JSON.
    Garbage,
    /// It ends as if all were well.
    Exit,
    /// It writes a line beyond the limit.
    LongLine,
    /// No fault: every step takes so many milliseconds.
    Slow,
    /// No fault: it thinks so many tokens before it answers, like a reasoning model.
    Think,
    /// No fault: of several options it likes the one that stands first by so many hundredths of a nat more than its words.
    Bias,
}

impl FaultKind {
    const ALL: [(&'static str, Self); 8] = [
        ("crash", Self::Crash),
        ("hang", Self::Hang),
        ("garbage", Self::Garbage),
        ("exit", Self::Exit),
        ("long-line", Self::LongLine),
        ("slow", Self::Slow),
        ("think", Self::Think),
        ("bias", Self::Bias),
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FaultKind::ALL.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        write!(f, "{name}@{}", self.after)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a fault: use crash@N, hang@N, garbage@N, exit@N or long-line@N (N events in), slow@MS, think@TOKENS or bias@HUNDREDTHS"
            )
        };
        let (name, after) = text.split_once('@').ok_or_else(wrong)?;
        let kind = FaultKind::ALL.iter().find(|(known, _)| *known == name).ok_or_else(wrong)?.1;
        Ok(Self { kind, after: after.parse().map_err(|_| wrong())? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn engines_parse_and_print_as_inverses() {
        for text in [
            "llama",
            "scripted",
            "scripted:crash@20",
            "scripted:hang@0",
            "scripted:think@12",
            "scripted:bias@150",
            "ssh gpu-box parallax engine",
        ] {
            assert_eq!(text.parse::<EngineSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_command_is_split_by_words_and_named_by_its_program() {
        let spec: EngineSpec = "/usr/bin/ssh 'my box' parallax".parse().unwrap();
        assert_eq!(spec, EngineSpec::Command(vec!["/usr/bin/ssh".into(), "my box".into(), "parallax".into()]));
        assert_eq!(spec.kind(), "ssh");
    }

    #[test]
    fn mistakes_get_a_sentence() {
        assert!("scripted:melt@3".parse::<EngineSpec>().unwrap_err().contains("not a fault"));
        assert!("scripted:crash@x".parse::<EngineSpec>().unwrap_err().contains("not a fault"));
        assert!("ssh 'open".parse::<EngineSpec>().is_err());
        assert!("quick".parse::<Profile>().unwrap_err().contains("audit or fast"));
    }
}
