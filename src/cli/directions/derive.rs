//! `parallax directions derive`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use serde_json::json;

use super::pairs;
use super::table::{self, Row};
use crate::cli::page::{Format, Page, aside};
use crate::cli::session::{self, block_on};
use crate::cli::{Failure, Global, Outcome};
use crate::data::{Personas, Wordings};
use crate::domain::DirectionVectors;
use crate::engine::protocol::{ContrastPair, DeriveRequest, Derived, DerivedBy, Handling, Loaded};
use crate::measure::{SplitMix64, middle_band, named_seed};
use crate::methods::Recipe;
use crate::models::control_vector::{ControlVector, Told, ToldLayer};

/// Options of `parallax directions derive`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("from").required(true).args(["pairs", "positive", "persona"])))]
pub(super) struct Command {
    /// Contrast pairs: JSON Lines with `positive` and `negative`, and `prompt` where both are answers; or TOML, `[[pairs]]`
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// What the model is told to be: pairs are made of neutral questions
    #[arg(long, value_name = "TEXT")]
    positive: Option<String>,
    /// What it is told to be on the other side [default: a person like any other]
    #[arg(long, value_name = "TEXT", conflicts_with = "pairs")]
    negative: Option<String>,
    /// A persona's first wording as what it is told to be: an id, or @FILE
    #[arg(long, value_name = "ID|@FILE")]
    persona: Option<String>,
    /// How pairs become a direction
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// Pairs that are kept out of it, to try it on [default: a quarter]
    #[arg(long, value_name = "N")]
    hold_out: Option<usize>,
    /// Which ones follows from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where to write it [default: the folder `directions` of the data folder]
    #[arg(long, value_name = "FILE.gguf")]
    out: Option<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum By {
    /// The mean of the differences, with its length
    #[default]
    MeanDifference,
    /// The first principal component of the differences, of length 1
    Pca,
}

impl By {
    fn id(self) -> &'static str {
        match self {
            Self::MeanDifference => "mean-difference",
            Self::Pca => "pca",
        }
    }
}

/// What a direction is made of.
struct Material {
    name: String,
    about: String,
    pairs: Vec<ContrastPair>,
    held_out: Vec<ContrastPair>,
}

impl Command {
    fn material(&self, global: &Global) -> Result<Material, Failure> {
        let paths = global.paths()?;
        let (name, about, pairs) = if let Some(path) = &self.pairs {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (slug(&name), format!("pairs of {name}"), pairs::read(path)?)
        } else {
            let (name, positive) = match (&self.persona, &self.positive) {
                (Some(id), _) => {
                    let found = Personas::load(&paths).get(id).map_err(|error| Failure::usage(error.to_string()))?;
                    (found.persona.id.clone(), found.persona.text().to_owned())
                }
                (None, positive) => {
                    let positive = positive.as_deref().unwrap_or_default().trim().to_owned();
                    (slug(&positive.split_whitespace().take(5).collect::<Vec<_>>().join("-")), positive)
                }
            };
            let recipe = Recipe::of(&Wordings::load(&paths)).map_err(Failure::new)?;
            let negative = self.negative.as_ref().map_or(recipe.neutral.as_str(), |text| text.trim());
            if positive.is_empty() || negative.is_empty() || positive == negative {
                let sentence = "--positive and --negative need two texts that differ: write whom the model is to be";
                return Err(Failure::usage(sentence));
            }
            let about: String = format!("{positive} / {negative}").chars().take(300).collect();
            (name, about, recipe.pairs(&positive, negative))
        };
        let hold_out = self.hold_out.unwrap_or(pairs.len() / 4);
        if hold_out >= pairs.len() {
            return Err(Failure::usage(format!(
                "--hold-out {hold_out} leaves nothing of {} pairs; hold out fewer",
                pairs.len()
            )));
        }
        let (pairs, held_out) = split(pairs, hold_out, self.seed);
        Ok(Material { name, about, pairs, held_out })
    }
}

/// A file name of letters, digits and dashes.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let slug: String = parts.collect::<Vec<_>>().join("-").chars().take(60).collect();
    if slug.is_empty() { "direction".to_owned() } else { slug }
}

/// Takes `hold_out` of the pairs away at random.
fn split(mut pairs: Vec<ContrastPair>, hold_out: usize, seed: u64) -> (Vec<ContrastPair>, Vec<ContrastPair>) {
    let mut random = SplitMix64::new(named_seed(seed, &["directions", "hold-out"]));
    for last in (1..pairs.len()).rev() {
        let other = usize::try_from(random.next_u64() % (last as u64 + 1)).unwrap_or(last);
        pairs.swap(last, other);
    }
    let held_out = pairs.split_off(pairs.len() - hold_out.min(pairs.len()));
    (pairs, held_out)
}

pub(super) fn run(command: &Command, global: &Global) -> Outcome {
    let Material { name, about, pairs, held_out } = command.material(global)?;
    let out = match &command.out {
        Some(path) => path.clone(),
        None => global.paths()?.directions().join(format!("{name}.gguf")),
    };
    let counts = (pairs.len(), held_out.len());
    let by = match command.by {
        By::MeanDifference => DerivedBy::MeanDifference,
        By::Pca => DerivedBy::Pca,
    };
    let (derived, loaded, took) = block_on(async {
        let session = session::start(global, false).await?;
        let began = Instant::now();
        let request = DeriveRequest { pairs, held_out, by, echo: false, handling: Handling::default() };
        let derived = session.client.derive_direction(request, |_, _| {}).await?;
        Ok((derived, session.loaded.clone(), began.elapsed()))
    })?;
    let vector = vector(&derived, &loaded, command.by, about, counts);
    let note = vector.save(&out)?;
    note.iter().chain(&vector.notes).for_each(|note| aside(global.quiet, note));
    let rows: Vec<Row> = derived
        .layers
        .iter()
        .map(|layer| Row {
            layer: layer.layer,
            norm: layer.norm,
            residual_norm: Some(layer.residual_norm),
            separation: Some(layer.separation),
            held_out: layer.held_out,
            effect: layer.held_out_effect.or(layer.effect),
        })
        .collect();
    let mut page = Page::default();
    let band = middle_band(loaded.layers);
    match command.format {
        Format::Json => page.json(&json!({
            "path": out.display().to_string(), "model": loaded.arch, "by": command.by.id(), "pairs": counts.0,
            "held_out_pairs": counts.1, "seed": command.seed, "layers": rows, "recommended_layers": band,
        })),
        Format::Text => {
            let prompts = 2 * (counts.0 + counts.1);
            page.wrapped(
                0,
                &format!(
                    "{} of {} pairs, {} held out; {prompts} prompts, {} of their {} tokens computed, in {:.1} s",
                    command.by.id(),
                    counts.0,
                    counts.1,
                    derived.usage.computed_prompt_tokens,
                    derived.usage.prompt_tokens,
                    took.as_secs_f64()
                ),
            );
            page.gap();
            table::print(&mut page, &rows);
            page.gap();
            let shown = if command.out.is_some() { out.display().to_string() } else { name };
            if let Some(band) = band {
                table::advice(&mut page, &rows, band, &shown);
            }
            page.wrapped(0, &format!("Written to {}", out.display()));
        }
    }
    page.print()
}

/// The file's content.
fn vector(derived: &Derived, loaded: &Loaded, by: By, about: String, counts: (usize, usize)) -> ControlVector {
    let layers: BTreeMap<u32, Vec<f32>> =
        derived.layers.iter().map(|layer| (layer.layer, layer.values.clone())).collect();
    let told = derived.layers.iter().map(|layer| ToldLayer {
        layer: layer.layer,
        residual_norm: layer.residual_norm,
        separation: layer.separation,
        held_out: layer.held_out,
    });
    ControlVector {
        vectors: DirectionVectors { layers, model: Some(loaded.arch.clone()) },
        told: Told {
            about: Some(about),
            by: Some(by.id().to_owned()),
            pairs: Some(counts.0 as u64),
            held_out: Some(counts.1 as u64),
            model_layers: Some(u64::from(loaded.layers)),
            layers: told.collect(),
        },
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::Prompt;

    #[test]
    fn names_are_safe_for_files() {
        assert_eq!(slug("You are ../../etc kind!"), "you-are-etc-kind");
        assert_eq!(slug("\u{1b}[31m"), "31m");
        assert_eq!(slug("日本"), "direction");
    }

    #[test]
    fn a_split_follows_from_its_seed_and_loses_nothing() {
        let side = |text: String| Prompt::Raw { text };
        let pairs: Vec<ContrastPair> = (0..20)
            .map(|at| ContrastPair { positive: side(format!("+{at}")), negative: side(format!("-{at}")) })
            .collect();
        let (made, held) = split(pairs.clone(), 5, 1);
        assert_eq!((made.len(), held.len()), (15, 5));
        assert!(pairs.iter().all(|pair| made.contains(pair) != held.contains(pair)));
        assert_eq!(split(pairs.clone(), 5, 1), (made, held.clone()));
        assert_ne!(split(pairs, 5, 2).1, held);
    }
}
