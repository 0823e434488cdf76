//! Many questions asked one after the other: what is asked, how far it is, and what of it is looked at.

use std::sync::Arc;
use std::time::Duration;

use super::look::moved;
use crate::domain::Question;
use crate::methods::RunSpec;
use crate::survey::{Entry, Progress, Sort, Tables, order};

/// Many questions, all asked in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveySpec {
    /// Which they are, in words.
    pub title: String,
    /// Everything but the question.
    pub how: RunSpec,
    /// All questions of every pack that some are of: methods take examples from them.
    pub packs: Vec<Arc<Vec<Question>>>,
    /// Which are asked, in order: places in `packs` and in the pack.
    pub places: Vec<(usize, usize)>,
}

impl SurveySpec {
    /// How the question of this number is asked.
    pub fn spec(&self, number: usize) -> Option<RunSpec> {
        let (pack, place) = self.places.get(number)?;
        let pack = self.packs.get(*pack)?;
        let question = pack.get(*place)?.clone();
        let spec = RunSpec { question, examples: Arc::default(), ..self.how.clone() };
        Some(spec.with_examples(pack))
    }

    /// The number of the question `id` of `pack`.
    pub fn find(&self, pack: &str, id: &str) -> Option<usize> {
        self.places.iter().position(|(own, place)| {
            let question = self.packs.get(*own).and_then(|questions| questions.get(*place));
            question.is_some_and(|question| question.pack == pack && question.id == id)
        })
    }
}

/// A table of a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Table {
    /// Question by question.
    #[default]
    Questions,
    /// Means by method, and the baselines.
    Methods,
    /// Means by topic.
    Topics,
    /// Nearness to groups of people.
    Groups,
    /// Methods against each other, paired.
    Differences,
}

impl Table {
    /// In the order in which keys go through them.
    pub const ALL: [Self; 5] = [Self::Questions, Self::Methods, Self::Topics, Self::Groups, Self::Differences];

    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Questions => "questions",
            Self::Methods => "methods",
            Self::Topics => "topics",
            Self::Groups => "groups",
            Self::Differences => "differences",
        }
    }
}

/// A survey and what is known of it so far.
#[derive(Debug)]
pub struct LiveSurvey {
    /// Its events carry it.
    pub number: u64,
    /// What is asked.
    pub spec: Arc<SurveySpec>,
    /// How far it is.
    pub progress: Progress,
    /// Questions of which a pane failed.
    pub failed: usize,
    /// When it was asked for, on the clock of the ticks.
    pub began: Duration,
    /// When it ended.
    pub ended: Option<Duration>,
    /// Whether it was asked to stop.
    pub is_stopping: bool,
    /// Why it ended before its end, where nobody asked for that.
    pub why: Option<String>,
    /// Of what was answered by then; absent until anything was.
    pub tables: Option<Arc<Tables>>,
    /// The table that is looked at.
    pub table: Table,
    /// Whose questions, topics and groups are shown: a place among the answerers.
    pub answerer: usize,
    /// How questions are sorted; absent: in the order in which they were asked.
    pub sort: Option<Sort>,
    /// The chosen row of the questions.
    pub selected: usize,
    /// The first row that is shown, of whichever table.
    pub top: usize,
    /// Places of the questions, sorted.
    rows: Vec<usize>,
}

impl LiveSurvey {
    /// Asked for, not begun.
    pub fn new(number: u64, spec: Arc<SurveySpec>, began: Duration) -> Self {
        let total = spec.places.len();
        Self {
            number,
            spec,
            progress: Progress { total, ..Progress::default() },
            failed: 0,
            began,
            ended: None,
            is_stopping: false,
            why: None,
            tables: None,
            table: Table::default(),
            answerer: 0,
            sort: Some(Sort::worst_first("js_distance_2")),
            selected: 0,
            top: 0,
            rows: Vec::new(),
        }
    }

    /// Whether questions are being asked.
    pub fn is_running(&self) -> bool {
        self.ended.is_none()
    }

    /// How long it has been going on, or went on.
    pub fn elapsed(&self, now: Duration) -> Duration {
        self.ended.unwrap_or(now).saturating_sub(self.began)
    }

    /// Takes in newer tables. The chosen question stays chosen wherever it now stands.
    pub fn take(&mut self, tables: Arc<Tables>) {
        if self.tables.is_none() {
            self.answerer = tables.main_answerer();
        }
        self.tables = Some(tables);
        let measures = self.measures();
        // Questions without people's answers have no distance to sort by.
        if self.sort.as_ref().is_some_and(|sort| !measures.contains(&sort.measure)) {
            self.sort = None;
        }
        self.arrange();
    }

    /// The measures that can be sorted by.
    fn measures(&self) -> &[String] {
        let measures = self.tables.as_ref().and_then(|tables| tables.measures.get(self.answerer));
        measures.map(Vec::as_slice).unwrap_or_default()
    }

    /// Sorts anew.
    fn arrange(&mut self) {
        let Some(tables) = &self.tables else { return };
        let chosen = self.rows.get(self.selected).copied();
        self.rows = order(&tables.survey, self.answerer, self.sort.as_ref());
        self.selected = chosen
            .and_then(|chosen| self.rows.iter().position(|row| *row == chosen))
            .unwrap_or(0)
            .min(self.rows.len().saturating_sub(1));
    }

    /// The questions in their order, with their places in the survey.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The question at this place.
    pub fn entry(&self, place: usize) -> Option<&Entry> {
        self.tables.as_ref()?.survey.entries().get(place)
    }

    /// The chosen question.
    pub fn chosen(&self) -> Option<&Entry> {
        self.entry(*self.rows.get(self.selected)?)
    }

    /// The next table, or the one before.
    pub fn turn(&mut self, is_forward: bool) {
        let at = Table::ALL.iter().position(|table| *table == self.table).unwrap_or(0);
        self.table = Table::ALL.get(stepped(at, is_forward, Table::ALL.len())).copied().unwrap_or_default();
        self.top = 0;
    }

    /// The next answerer, or the one before.
    pub fn turn_answerer(&mut self, is_forward: bool) {
        let Some(tables) = &self.tables else { return };
        self.answerer = stepped(self.answerer, is_forward, tables.survey.answerers().len());
        if self.sort.as_ref().is_some_and(|sort| !self.measures().contains(&sort.measure)) {
            self.sort = None;
        }
        self.arrange();
    }

    /// Sorts by the next measure, or by the one before, the worst first; between the last and the first stands the order in
    /// which the questions were asked.
    pub fn turn_sort(&mut self, is_forward: bool) {
        let measures = self.measures();
        let at = self.sort.as_ref().and_then(|sort| measures.iter().position(|id| *id == sort.measure));
        let next = stepped(at.map_or(0, |at| at + 1), is_forward, measures.len() + 1);
        self.sort = next.checked_sub(1).and_then(|next| measures.get(next)).map(|id| Sort::worst_first(id));
        self.sorted();
    }

    /// Turns the order round.
    pub fn reverse(&mut self) {
        if let Some(sort) = &mut self.sort {
            sort.is_descending = !sort.is_descending;
            self.sorted();
        }
    }

    /// Whoever sorts wants to see the first.
    fn sorted(&mut self) {
        self.rows.clear();
        self.arrange();
        self.top = 0;
    }

    /// Moves by `lines`, down is positive: the chosen question, or what is shown of another table of so many `lines_there`;
    /// `rows` of it are on screen.
    pub fn scroll(&mut self, lines: i64, rows: usize, lines_there: usize) {
        if self.table == Table::Questions {
            self.selected = moved(self.selected, lines, self.rows.len().saturating_sub(1));
            let rows = rows.max(1);
            self.top = self.top.clamp((self.selected + 1).saturating_sub(rows), self.selected);
        } else {
            let last = lines_there.saturating_sub(rows);
            self.top = moved(self.top.min(last), lines, last);
        }
    }
}

/// A step forward or back in a ring of `n`.
fn stepped(at: usize, is_forward: bool, n: usize) -> usize {
    let n = n.max(1);
    (at + if is_forward { 1 } else { n - 1 }) % n
}
