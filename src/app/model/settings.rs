//! The numbers of a run, as typed.

use crate::domain::limits;

use super::Setup;

/// One number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Every draw follows from it.
    Seed,
    /// Most tokens of one voice.
    MaxTokens,
    /// Samples of sampled methods.
    Samples,
    /// Of written text.
    Temperature,
    /// Of written text.
    TopP,
}

impl Field {
    /// In the order of the form.
    pub const ALL: [Self; 5] = [Self::Seed, Self::MaxTokens, Self::Samples, Self::Temperature, Self::TopP];

    /// What it is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::MaxTokens => "tokens",
            Self::Samples => "samples",
            Self::Temperature => "temperature",
            Self::TopP => "top-p",
        }
    }

    /// What it does.
    pub fn help(self) -> &'static str {
        match self {
            Self::Seed => "every draw follows from it",
            Self::MaxTokens => "the most one voice may write",
            Self::Samples => "answers of the method `sampled`",
            Self::Temperature => "0 to 10; empty: each method's own",
            Self::TopP => "above 0, at most 1; empty: each method's own",
        }
    }
}

/// The numbers of a run, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsForm {
    /// In the order of [`Field::ALL`].
    pub texts: [String; 5],
    /// The field that is typed into.
    pub at: usize,
    /// What is wrong with what was typed.
    pub error: Option<String>,
}

impl SettingsForm {
    /// The numbers of `setup`.
    pub fn new(setup: &Setup) -> Self {
        let own = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let texts = [
            setup.seed.to_string(),
            setup.max_tokens.to_string(),
            setup.samples.to_string(),
            own(setup.temperature),
            own(setup.top_p),
        ];
        Self { texts, at: 0, error: None }
    }

    /// The field that is typed into.
    pub fn field(&self) -> Field {
        Field::ALL.get(self.at).copied().unwrap_or(Field::Seed)
    }

    /// Its text.
    pub fn text_mut(&mut self) -> Option<&mut String> {
        self.error = None;
        self.texts.get_mut(self.at)
    }

    /// The next field, or the one before; after the last comes the first.
    pub fn turn(&mut self, is_forward: bool) {
        let n = Field::ALL.len();
        self.at = (self.at + if is_forward { 1 } else { n - 1 }) % n;
    }

    /// A step more or less, within what is allowed.
    pub fn step(&mut self, is_more: bool) {
        let field = self.field();
        let Some(text) = self.text_mut() else { return };
        let whole = |text: &str, step: u64, low: u64, high: u64| {
            let now: u64 = text.trim().parse().unwrap_or(low);
            // To the next multiple, so that 1 and a step of 64 give 64 and not 65.
            let next = if is_more {
                (now / step).saturating_add(1).saturating_mul(step)
            } else {
                now.saturating_sub(1) / step * step
            };
            next.clamp(low, high).to_string()
        };
        let bound = |value: usize| value as u64;
        *text = match field {
            Field::Seed => whole(text, 1, 0, u64::MAX),
            Field::MaxTokens => whole(text, 64, bound(*limits::MAX_TOKENS.start()), bound(*limits::MAX_TOKENS.end())),
            Field::Samples => whole(text, 10, bound(*limits::SAMPLES.start()), bound(*limits::SAMPLES.end())),
            Field::Temperature => tenths(text, is_more, 0, 100, "1"),
            Field::TopP => tenths(text, is_more, 1, 10, "0.9"),
        };
    }

    /// Writes the numbers into `setup`, all or none.
    pub fn apply(&mut self, setup: &mut Setup) -> bool {
        match self.read(setup) {
            Ok(read) => {
                *setup = read;
                true
            }
            Err((field, sentence)) => {
                self.at = Field::ALL.iter().position(|other| *other == field).unwrap_or(0);
                self.error = Some(sentence);
                false
            }
        }
    }

    fn read(&self, setup: &Setup) -> Result<Setup, (Field, String)> {
        let mut read = setup.clone();
        for (field, text) in Field::ALL.into_iter().zip(&self.texts) {
            let text = text.trim();
            let wrong = |what: &str| (field, format!("`{text}` is no {}: use {what}", field.label()));
            match field {
                Field::Seed => {
                    read.seed =
                        text.parse().map_err(|_| wrong("a whole number from 0 to 18,446,744,073,709,551,615"))?;
                }
                Field::MaxTokens => {
                    let tokens = text.parse().ok().filter(|tokens| limits::MAX_TOKENS.contains(tokens));
                    read.max_tokens = tokens.ok_or_else(|| wrong("a whole number from 1 to 1,000,000"))?;
                }
                Field::Samples => {
                    let samples = text.parse().ok().filter(|samples| limits::SAMPLES.contains(samples));
                    read.samples = samples.ok_or_else(|| wrong("a whole number from 1 to 10,000"))?;
                }
                Field::Temperature => {
                    read.temperature = optional(text, |value| limits::TEMPERATURE.contains(&value))
                        .map_err(|()| wrong("a number from 0 to 10, or leave it empty"))?;
                }
                Field::TopP => {
                    read.top_p = optional(text, limits::is_top_p)
                        .map_err(|()| wrong("a number above 0 and at most 1, or leave it empty"))?;
                }
            }
        }
        Ok(read)
    }
}

fn optional(text: &str, is_allowed: impl Fn(f64) -> bool) -> Result<Option<f64>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    // Many write the decimal point as a comma.
    let value: f64 = text.replace(',', ".").parse().map_err(|_| ())?;
    if is_allowed(value) { Ok(Some(value)) } else { Err(()) }
}

/// A tenth more or less; `first` where there was no number.
fn tenths(text: &str, is_more: bool, low: i64, high: i64, first: &str) -> String {
    let Ok(Some(now)) = optional(text.trim(), |value| (0.0..=100.0).contains(&value)) else {
        return first.to_owned();
    };
    #[expect(clippy::cast_possible_truncation, reason = "at most 1000")]
    let next = ((now * 10.0).round() as i64 + if is_more { 1 } else { -1 }).clamp(low, high);
    (next as f64 / 10.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> (SettingsForm, Setup) {
        let setup = Setup::default();
        (SettingsForm::new(&setup), setup)
    }

    #[test]
    fn unchanged_numbers_stay() {
        let (mut form, mut setup) = form();
        let before = setup.clone();
        assert!(form.apply(&mut setup));
        assert_eq!(format!("{setup:?}"), format!("{before:?}"));
    }

    #[test]
    fn a_wrong_number_changes_nothing_and_is_named() {
        let (mut form, mut setup) = form();
        form.texts = ["7", "100", "0", "", ""].map(str::to_owned);
        assert!(!form.apply(&mut setup));
        assert_eq!((setup.seed, form.field()), (1, Field::Samples));
        assert!(form.error.as_deref().is_some_and(|error| error.contains("`0` is no samples")), "{form:?}");
    }

    #[test]
    fn steps_stay_within_what_is_allowed() {
        let (mut form, mut setup) = form();
        for field in 0..5 {
            form.at = field;
            for is_more in [true, false] {
                for _ in 0..2_000 {
                    form.step(is_more);
                }
                assert!(form.apply(&mut setup), "{form:?}");
            }
        }
    }

    #[test]
    fn a_comma_is_a_decimal_point_and_nothing_is_the_methods_own() {
        let (mut form, mut setup) = form();
        form.texts = ["1", "64", "30", "0,7", ""].map(str::to_owned);
        assert!(form.apply(&mut setup));
        assert_eq!((setup.temperature, setup.top_p, setup.max_tokens), (Some(0.7), None, 64));
    }
}
