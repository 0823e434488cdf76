//! `parallax sessions`: the runs that were stored.

use clap::{Args, Subcommand};

use super::page::{Format, Page, aside};
use super::run::report;
use super::{Global, Outcome};
use crate::store::{Reader, RunFilter, RunStatus, RunSummary, StoreError};

/// Options of `parallax sessions`.
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List stored runs, newest first, with the session each belongs to
    List {
        /// Most runs to list
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// How to print them
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Print one stored run
    Show {
        /// The run's id, or enough of its beginning
        #[arg(value_name = "RUN-ID")]
        run: String,
        /// How to print it
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        /// Keep in JSON every token of every voice, with its probability and what might have been said instead
        #[arg(long)]
        tokens: bool,
    },
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let path = global.paths()?.database();
    let reader = Reader::open(&path)?;
    let mut page = Page::default();
    match &command.action {
        Action::List { limit, format } => {
            let runs = match &reader {
                Some(reader) => reader.runs(&RunFilter::default(), *limit, None)?,
                None => Vec::new(),
            };
            if runs.is_empty() {
                aside(global.quiet, &format!("no runs are stored yet in `{}`", path.display()));
            }
            match format {
                Format::Text => list(&mut page, &runs),
                Format::Json => page.json(&serde_json::to_value(&runs)?),
            }
        }
        Action::Show { run, format, tokens } => {
            let Some(reader) = &reader else { return Err(StoreError::UnknownRun { id: run.clone() }.into()) };
            let stored = reader.load(run)?;
            if stored.status != RunStatus::Done {
                let text = format!("run `{}` is {}: what it had is shown", stored.run.run.id, stored.status.id());
                aside(global.quiet, &text);
            }
            match format {
                Format::Text => report::run(&mut page, &stored.run, None),
                Format::Json if *tokens => page.json(&serde_json::to_value(&stored.run)?),
                Format::Json => page.json(&serde_json::to_value(stored.run.without_tokens())?),
            }
        }
    }
    page.print()
}

fn list(page: &mut Page, runs: &[RunSummary]) {
    if runs.is_empty() {
        return;
    }
    let heads = ["run", "session", "started", "status", "panes", "failed", "voices", "model", "question"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(runs.iter().map(|run| {
        vec![
            run.id.clone(),
            run.session.clone(),
            run.started.clone(),
            run.status.id().to_owned(),
            run.panes.to_string(),
            run.failed.to_string(),
            run.voices.to_string(),
            run.beside.as_ref().map_or_else(|| run.model.clone(), |beside| format!("{} + {beside}", run.model)),
            run.text.clone(),
        ]
    }));
    page.table(&rows, 36);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    #[test]
    fn a_stored_run_is_printed_without_its_controls() {
        let mut page = Page::default();
        report::run(&mut page, &fixture::run("r1"), None);
        let text = page.as_str();
        for wanted in ["Is a hot dog a sandwich?", "OVERTON · ensemble", "nurse", "not computed", "too few"] {
            assert!(text.contains(wanted), "{wanted} is missing in:\n{text}");
        }
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }

    #[test]
    fn a_list_has_one_line_a_run_under_its_heads() {
        let run = RunSummary {
            number: 1,
            id: "run\u{1b}[2J-1".into(),
            session: "20261123160000-00000000".into(),
            started: "2026-11-23T16:00:00Z".into(),
            finished: None,
            status: RunStatus::Interrupted,
            panes: 3,
            failed: 1,
            voices: 12,
            model: "SmolLM2".into(),
            beside: None,
            pack: String::new(),
            question: "q".into(),
            text: "Two\nlines?".into(),
        };
        let mut page = Page::default();
        list(&mut page, &[run]);
        let lines: Vec<&str> = page.as_str().lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].starts_with("run-1") && lines[1].ends_with("Two lines?"), "{lines:?}");
        assert_eq!(lines[0].find("question"), lines[1].find("Two"), "{lines:?}");
    }
}
