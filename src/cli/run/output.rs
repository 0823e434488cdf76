//! Where results go, in the format asked for.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::Value;

use super::once::Done;
use super::{Command, report, table};
use crate::cli::page::Page;
use crate::cli::{Failure, Outcome};
use crate::domain::Run;
use crate::survey::{Sort, Survey, document};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// For people; several questions end with their tables
    #[default]
    Text,
    /// For people: the tables over all questions alone
    Table,
    /// One JSON document: a run, or an array of them when several questions were asked
    Json,
    /// One run a line
    Jsonl,
    /// One JSON document: the tables over all questions
    Survey,
}

/// How the table of questions is to look.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    pub(super) sort: Option<Sort>,
    pub(super) worst: Option<usize>,
}

/// The writer of results. Runs are written as they come; of each only numbers stay.
pub(super) struct Output {
    format: Format,
    file: Option<(PathBuf, std::fs::File)>,
    summary: Option<(PathBuf, std::fs::File)>,
    show_prompts: bool,
    tokens: bool,
    wishes: Wishes,
    /// Whether several questions were asked, however many came to be answered.
    is_list: bool,
    /// The numbers of the runs, where tables are to be made of them.
    survey: Option<Survey>,
    has_written: bool,
}

fn open(path: &PathBuf, option: &str) -> Result<(PathBuf, std::fs::File), Failure> {
    // What is there already is kept until there is something to write.
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| {
        Failure::new(format!("`{}` cannot be written: {error}; name another file with {option}", path.display()))
    })?;
    Ok((path.clone(), file))
}

impl Output {
    /// Before any computing: a result that cannot be kept must be known at once.
    pub(super) fn open(command: &Command, is_list: bool, survey: Survey) -> Result<Self, Failure> {
        let file = command.out.as_ref().map(|path| open(path, "--out")).transpose()?;
        let summary = command.summary.as_ref().map(|path| open(path, "--summary")).transpose()?;
        let has_tables = match command.format {
            Format::Text => is_list,
            Format::Table | Format::Survey => true,
            Format::Json | Format::Jsonl => false,
        };
        Ok(Self {
            format: command.format,
            survey: (has_tables || summary.is_some()).then_some(survey),
            file,
            summary,
            show_prompts: command.show_prompts,
            tokens: command.tokens,
            wishes: Wishes { sort: command.sort.clone(), worst: command.worst },
            is_list,
            has_written: false,
        })
    }

    /// Takes in the next run.
    pub(super) fn add(&mut self, done: &Done) -> Outcome {
        if let Some(survey) = &mut self.survey {
            survey.add(&done.question, &done.run);
        }
        if self.show_prompts && self.format != Format::Text {
            let mut page = Page::default();
            report::prompts(&mut page, done);
            eprint!("{}", page.as_str());
        }
        let mut page = Page::default();
        match self.format {
            Format::Text => {
                if self.show_prompts {
                    report::prompts(&mut page, done);
                }
                report::run(&mut page, &done.run, Some(&done.question));
            }
            Format::Json if self.is_list => page.json_item(&self.value(&done.run)?, !self.has_written),
            Format::Json => page.json(&self.value(&done.run)?),
            Format::Jsonl => page.json_line(&self.value(&done.run)?),
            Format::Table | Format::Survey => return Ok(()),
        }
        self.write(page)
    }

    fn value(&self, run: &Run) -> Result<Value, Failure> {
        Ok(if self.tokens { serde_json::to_value(run) } else { serde_json::to_value(run.clone().without_tokens()) }?)
    }

    /// Writes what stands at the end: the close of a list, and the tables.
    pub(super) fn finish(&mut self) -> Outcome {
        let mut page = Page::default();
        let document = self.survey.as_ref().map(document);
        match (self.format, self.survey.as_ref().zip(document.as_ref())) {
            (Format::Json, _) if self.is_list && self.has_written => page.json_end(),
            (Format::Text | Format::Table, Some((survey, document))) if !document.questions.is_empty() => {
                if self.format == Format::Text {
                    page.gap();
                }
                table::tables(&mut page, survey, document, &self.wishes);
            }
            (Format::Survey, Some((_, document))) => page.json(&serde_json::to_value(document)?),
            _ => {}
        }
        if !page.as_str().is_empty() {
            self.write(page)?;
        }
        if let (Some((path, file)), Some(document)) = (&mut self.summary, &document) {
            let mut page = Page::default();
            page.json(&serde_json::to_value(document)?);
            put(path, file, &page, true)?;
        }
        Ok(())
    }

    fn write(&mut self, page: Page) -> Outcome {
        let is_first = !std::mem::replace(&mut self.has_written, true);
        match &mut self.file {
            None => page.print(),
            Some((path, file)) => put(path, file, &page, is_first),
        }
    }
}

fn put(path: &std::path::Path, file: &mut std::fs::File, page: &Page, is_first: bool) -> Outcome {
    use std::io::Write;

    let begun = if is_first { file.set_len(0) } else { Ok(()) };
    begun.and_then(|()| file.write_all(page.as_str().as_bytes())).map_err(|error| {
        Failure::new(format!("`{}` cannot be written: {error}; free space or name another file", path.display()))
    })
}
