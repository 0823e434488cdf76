//! How models think before they answer: the marks around a thinking part, and how it is switched off.
//!
//! Marks and switches are found in the chat template alone, so that new models of a known family work without a list of
//! names. What a template does is found by rendering it, never by reading its source.

use super::protocol::Reasoning;

/// Models that mark their thinking in the same way.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Texts that begin a thinking part; the first is the usual one.
    pub opens: &'static [&'static str],
    /// The text that ends it and begins the answer.
    pub close: &'static str,
    /// Texts that begin an answer without any thinking, and are no part of it.
    pub plain: &'static [&'static str],
    /// What stands between the marks of an empty part.
    gap: &'static str,
    /// What stands between a part and the answer.
    after: &'static str,
}

/// The families that are known, the more special marks first.
static FAMILIES: [Family; 6] = [
    // gpt-oss: channels. A preamble on the way to a tool is no answer either.
    Family {
        opens: &["<|channel|>analysis<|message|>", "<|channel|>commentary<|message|>"],
        close: "<|end|><|start|>assistant<|channel|>final<|message|>",
        plain: &["<|channel|>final<|message|>"],
        gap: "",
        after: "",
    },
    // Seed-OSS.
    Family { opens: &["<seed:think>"], close: "</seed:think>", plain: &[], gap: "", after: "" },
    // Magistral and Ministral.
    Family { opens: &["[THINK]"], close: "[/THINK]", plain: &[], gap: "", after: "" },
    // Qwen3, QwQ, DeepSeek-R1 and its distillations, GLM-4.5, SmolLM3, Hermes 4 and many more.
    Family { opens: &["<think>"], close: "</think>", plain: &[], gap: "\n\n", after: "\n\n" },
    Family { opens: &["<thinking>"], close: "</thinking>", plain: &[], gap: "\n", after: "\n" },
    Family { opens: &["<reasoning>"], close: "</reasoning>", plain: &[], gap: "\n", after: "\n" },
];

/// Variables by which templates let thinking be switched, the most common first.
const SWITCHES: [&str; 2] = ["enable_thinking", "thinking"];

/// How one model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Its marks.
    pub family: &'static Family,
    /// The variable of its template that switches thinking; `None` where there is none.
    pub switch: Option<&'static str>,
}

impl Manner {
    /// The manner of a model with the chat template `source`; `None` where that knows no marks. `render` lays a small
    /// conversation out up to the answer, with a variable set or none; `None` where the template refuses.
    pub fn of(source: &str, render: impl Fn(Option<(&str, bool)>) -> Option<String>) -> Option<Self> {
        let knows = |family: &&Family| family.opens.iter().chain([&family.close]).any(|mark| source.contains(mark));
        let family = FAMILIES.iter().find(knows)?;
        let switches = |name: &&str| {
            source.contains(name)
                && render(Some((name, true)))
                    .zip(render(Some((name, false))))
                    // A template that opens a part whatever is said has no switch, though it may say something else.
                    .is_some_and(|(on, off)| on != off && !opens(family, &off))
        };
        Some(Self { family, switch: SWITCHES.into_iter().find(switches) })
    }

    /// A model without a switch that marks its thinking with `<think>`.
    pub fn plain_tags() -> Self {
        Self { family: &FAMILIES[3], switch: None }
    }

    /// As the protocol tells it.
    pub fn told(&self) -> Reasoning {
        Reasoning {
            open: self.family.opens[0].to_owned(),
            close: self.family.close.to_owned(),
            switch: self.switch.map(str::to_owned),
        }
    }

    /// Whether a prompt that ends like this has opened a thinking part.
    pub fn is_open(&self, prompt: &str) -> bool {
        opens(self.family, prompt)
    }

    /// Whether a prompt that ends like this has a thinking part behind it, or has begun an answer without one.
    pub fn is_closed(&self, prompt: &str) -> bool {
        let prompt = prompt.trim_end();
        prompt.ends_with(self.family.close) || self.family.plain.iter().any(|mark| prompt.ends_with(mark))
    }

    /// What has to be added to a prompt, rendered with thinking switched off where there is a switch, so that the model
    /// answers at once.
    pub fn closing(&self, prompt: &str) -> String {
        let Family { opens, close, gap, after, .. } = self.family;
        if let Some(open) = opens.iter().find(|open| prompt.trim_end().ends_with(*open)) {
            let space = &prompt[prompt.rfind(open).map_or(prompt.len(), |at| at + open.len())..];
            return [gap.strip_prefix(space).unwrap_or(""), close, after].concat();
        }
        // A switch that leaves no marks is the model's own way not to think.
        if self.is_closed(prompt) || self.switch.is_some() {
            return String::new();
        }
        [opens[0], gap, close, after].concat()
    }

    /// Whether `text` is part of a mark, such as one of the control tokens that make it up.
    pub fn has_part(&self, text: &str) -> bool {
        let Family { opens, close, plain, .. } = self.family;
        !text.is_empty() && opens.iter().chain([close]).chain(*plain).any(|mark| mark.contains(text))
    }
}

fn opens(family: &Family, prompt: &str) -> bool {
    family.opens.iter().any(|open| prompt.trim_end().ends_with(open))
}

#[cfg(test)]
#[path = "reasoning_tests.rs"]
mod tests;
