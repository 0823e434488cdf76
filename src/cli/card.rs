//! `parallax card`: the pluralism card of a model, as Markdown and as JSON.

mod page;

use std::path::{Path, PathBuf};

use super::page::{Page, aside};
use super::run::{self, Done, Readers};
use super::{Failure, Global, Outcome};
use crate::data::Personas;
use crate::domain::PaneStatus;
use crate::survey::CardMaker;

/// Put to every question: exact, sampled and stated, and as each persona.
const METHODS: [&str; 4] =
    ["distribution=option-logits", "distribution=sampled", "distribution=verbalised", "steered=persona-prompt"];
/// Personas: enough for the permutation test of whether they can be told apart, in two option orders.
const PERSONAS: usize = 6;

/// Options of `parallax card`.
#[derive(Debug, Clone, clap::Args)]
pub struct Command {
    /// The pack of questions: an id of `parallax data list`, or a file
    #[arg(long, value_name = "ID-or-FILE", default_value = "us-civics")]
    pack: String,
    /// Only the first N questions
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Every draw follows from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of Markdown
    #[arg(long, conflicts_with = "out")]
    json: bool,
    /// Write NAME.md and NAME.json instead of printing
    #[arg(long, value_name = "NAME")]
    out: Option<PathBuf>,
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let personas = Personas::load(&global.paths()?);
    let personas = personas.all().iter().take(PERSONAS).map(|entry| entry.persona.id.clone()).collect();
    let asked = run::Command::for_card(&command.pack, &METHODS, personas, command.limit, command.seed);
    run::answer(&asked, global, |specs| {
        let populations = specs.first().map(|spec| spec.populations.clone()).unwrap_or_default();
        let maker = CardMaker::new(&populations, command.seed);
        Ok(Box::new(Cards { command, is_quiet: global.quiet, asked: specs.len(), seen: 0, maker }))
    })
}

/// The reader of the runs.
struct Cards<'a> {
    command: &'a Command,
    is_quiet: bool,
    asked: usize,
    /// Questions that were answered whole.
    seen: usize,
    maker: CardMaker,
}

impl Readers for Cards<'_> {
    fn add(&mut self, done: &Done) -> Outcome {
        // A run that was stopped in the middle says something of other questions than the card would be of.
        let is_cut = done.run.panes.iter().any(|pane| pane.status == PaneStatus::Cancelled);
        self.seen += usize::from(!is_cut);
        self.maker.add(&done.question, &done.run);
        Ok(())
    }

    fn finish(&mut self) -> Outcome {
        if self.seen < self.asked {
            let (seen, asked) = (self.seen, self.asked);
            return Err(Failure::new(format!(
                "there is no card of {seen} of {asked} questions: the same command goes on from them"
            )));
        }
        if let Some(error) = self.maker.failure() {
            return Err(Failure::new(format!("there is no card, for a part of it failed: {error}")));
        }
        let card = self.maker.card().ok_or_else(|| Failure::new("the pack has no questions, so there is no card"))?;
        let (mut markdown, mut json) = (Page::default(), Page::default());
        page::markdown(&mut markdown, &card);
        json.json(&serde_json::to_value(&card)?);
        match &self.command.out {
            None if self.command.json => json.print(),
            None => markdown.print(),
            Some(name) => {
                let files = [("md", markdown), ("json", json)];
                for (ending, page) in files {
                    write(&name.with_extension(ending), &page, self.is_quiet)?;
                }
                Ok(())
            }
        }
    }
}

fn write(path: &Path, page: &Page, is_quiet: bool) -> Outcome {
    std::fs::write(path, page.as_str()).map_err(|error| {
        Failure::new(format!("`{}` cannot be written: {error}; name another place with --out", path.display()))
    })?;
    aside(is_quiet, &format!("`{}` is written", path.display()));
    Ok(())
}
