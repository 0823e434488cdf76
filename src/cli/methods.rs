//! `parallax methods`: every method there is.

use serde_json::{Value, json};

use super::Outcome;
use super::page::{Format, Page};
use crate::domain::Mode;
use crate::methods::{DEFAULT_METHODS, registry};

/// Options of `parallax methods`.
#[derive(Debug, clap::Args)]
pub struct Command {
    /// How to print them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs it.
pub fn run(command: &Command) -> Outcome {
    let mut page = Page::default();
    let is_default = |mode: Mode, id: &str| DEFAULT_METHODS.contains(&(mode, id));
    match command.format {
        Format::Json => {
            let methods = registry::METHODS.iter().map(|method| &method.facts).map(|facts| {
                json!({
                    "mode": facts.mode.id(), "id": facts.id, "summary": facts.summary, "cost": facts.cost,
                    "paper": facts.paper, "wordings": facts.wordings, "default": is_default(facts.mode, facts.id),
                })
            });
            page.json(&Value::Array(methods.collect()));
        }
        Format::Text => {
            for mode in Mode::ALL {
                page.line(&format!("{mode}: {}", mode.meaning()));
                for facts in registry::METHODS.iter().map(|method| &method.facts).filter(|facts| facts.mode == mode) {
                    let star = if is_default(mode, facts.id) { " (default)" } else { "" };
                    page.line(&format!("  {}{star}", facts.id));
                    page.wrapped(6, facts.summary);
                    page.wrapped(6, &format!("cost: {}; source: {}", facts.cost, facts.paper));
                }
            }
            page.gap();
            page.line(
                "G: an answer that is written; F: a prompt that is scored; A personas, o option orders, n samples",
            );
        }
    }
    page.print()
}
