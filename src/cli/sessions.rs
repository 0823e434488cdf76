//! `parallax sessions`: the runs that were stored.

use std::io::{self, Write};

use clap::{Args, Subcommand, ValueEnum};

use super::{Failure, Global, Outcome};
use crate::domain::{Pane, PaneStatus, Run, Voice};
use crate::store::{Reader, RunFilter, RunStatus, RunSummary, StoreError};
use crate::text::{SafeText, pad_to};

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
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print one stored run
    Show {
        /// The run's id, or enough of its beginning
        #[arg(value_name = "RUN-ID")]
        run: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Runs it.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let path = global.paths()?.database();
    let reader = Reader::open(&path)?;
    let mut out = io::stdout().lock();
    let printed = match &command.action {
        Action::List { limit, format } => {
            let runs = match &reader {
                Some(reader) => reader.runs(&RunFilter::default(), *limit, None)?,
                None => Vec::new(),
            };
            if runs.is_empty() && !global.quiet {
                eprintln!("parallax: no runs are stored yet in `{}`", SafeText::line(&path.to_string_lossy()));
            }
            match format {
                Format::Text => print_list(&mut out, &runs),
                Format::Json => print_json(&mut out, &runs),
            }
        }
        Action::Show { run, format } => {
            let Some(reader) = &reader else { return Err(StoreError::UnknownRun { id: run.clone() }.into()) };
            let stored = reader.load(run)?;
            if stored.status != RunStatus::Done && !global.quiet {
                let id = SafeText::line(&stored.run.run.id);
                eprintln!("parallax: run `{id}` is {}: what it had is shown", stored.status.id());
            }
            match format {
                Format::Text => print_run(&mut out, &stored.run),
                Format::Json => print_json(&mut out, &stored.run),
            }
        }
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever closes the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format!("the output could not be written ({error}): check where it goes"))),
        Ok(()) => Ok(()),
    }
}

fn print_json(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn print_list(out: &mut impl Write, runs: &[RunSummary]) -> io::Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let id_width = runs.iter().map(|run| run.id.chars().count()).max().unwrap_or(0).clamp(3, 36);
    let line = |cells: [&str; 8]| {
        let widths = [id_width, 24, 20, 11, 5, 6, 6, 24];
        let cells = cells.iter().zip(widths).map(|(cell, width)| pad_to(SafeText::line(cell).as_str(), width));
        cells.collect::<Vec<_>>().join("  ")
    };
    let heads = line(["run", "session", "started", "status", "panes", "failed", "voices", "model"]);
    writeln!(out, "{heads}  question")?;
    for run in runs {
        let cells = [
            run.id.as_str(),
            &run.session,
            &run.started,
            run.status.id(),
            &run.panes.to_string(),
            &run.failed.to_string(),
            &run.voices.to_string(),
            &run.model,
        ];
        writeln!(out, "{}  {}", line(cells), SafeText::line(&run.text))?;
    }
    Ok(())
}

/// A run as plain text.
pub fn print_run(out: &mut impl Write, run: &Run) -> io::Result<()> {
    let head = &run.run;
    writeln!(out, "{}", SafeText::line(&head.question.text))?;
    writeln!(
        out,
        "run {}, {}, {}, {}, seed {}",
        SafeText::line(&head.id),
        SafeText::line(&head.started),
        SafeText::line(&head.model.name),
        SafeText::line(&head.engine.class),
        head.seed
    )?;
    run.panes.iter().try_for_each(|pane| print_pane(out, pane))
}

fn print_pane(out: &mut impl Write, pane: &Pane) -> io::Result<()> {
    let status = match pane.status {
        PaneStatus::Done => "",
        PaneStatus::Failed => " (failed)",
        PaneStatus::Cancelled => " (cancelled)",
        PaneStatus::Skipped => " (skipped)",
    };
    writeln!(out, "\n{} by {}{status}", pane.mode, SafeText::line(&pane.method))?;
    for line in [&pane.error, &pane.note].into_iter().flatten() {
        writeln!(out, "  {}", SafeText::line(line))?;
    }
    if let Some(text) = &pane.text {
        print_indented(out, text)?;
    }
    pane.voices.iter().try_for_each(|voice| print_voice(out, voice))?;
    if let (Some(options), Some(p)) = (&pane.options, &pane.p) {
        for (option, share) in options.iter().zip(p) {
            writeln!(out, "  {} {:5.1} %", pad_to(SafeText::line(option).as_str(), 24), share * 100.0)?;
        }
    }
    for measure in &pane.measures {
        let about = [Some(&measure.id), measure.persona.as_ref(), measure.population.as_ref()];
        let about = about.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        let value = measure.value.map_or_else(|| "not computed".to_owned(), |value| format!("{value:.4}"));
        let note = measure.note.as_ref().map_or_else(String::new, |note| format!(" ({})", SafeText::line(note)));
        writeln!(out, "  {}: {value}{note}", SafeText::line(&about))?;
    }
    Ok(())
}

fn print_voice(out: &mut impl Write, voice: &Voice) -> io::Result<()> {
    let whom = voice.persona.as_deref().map_or_else(String::new, |persona| format!(" as {}", SafeText::line(persona)));
    let chose = voice.option.as_deref().map_or_else(String::new, |option| format!(" → {}", SafeText::line(option)));
    writeln!(out, "  [{}{whom}]{chose}", SafeText::line(&voice.id))?;
    print_indented(out, &voice.text)
}

fn print_indented(out: &mut impl Write, text: &str) -> io::Result<()> {
    SafeText::new(text).as_str().lines().try_for_each(|line| writeln!(out, "  {line}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::store::fixture;

    fn printed(print: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_run_is_printed_without_its_controls() {
        let text = printed(|out| print_run(out, &fixture::run("r1")));
        for wanted in ["Is a hot dog a sandwich?", "overton by ensemble", "[v1 as nurse]", "not computed (too few)"] {
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
            pack: String::new(),
            question: "q".into(),
            text: "Two\nlines?".into(),
        };
        let text = printed(|out| print_list(out, std::slice::from_ref(&run)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[1].starts_with("run-1") && lines[1].ends_with("Two lines?"), "{text}");
        assert_eq!(lines[0].find("question"), lines[1].find("Two"), "{text}");
        assert_eq!(printed(|out| print_list(out, &[])), "");
    }
}
