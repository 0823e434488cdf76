//! Finding what was stored: the list of runs, and one run by its id.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use serde::Serialize;

use super::error::StoreError;
use super::owner::Owner;
use super::schema;

/// A read-only connection. It blocks for the time of a disk access: call it from a thread that may wait.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// Which runs to list. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this pack.
    pub pack: Option<String>,
    /// Of this question id.
    pub question: Option<String>,
    /// Of the model with this name or SHA-256.
    pub model: Option<String>,
    /// Of this start of the program.
    pub session: Option<String>,
}

/// How far a stored run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Its process lives and has not finished it.
    Running,
    /// It reached its end; single panes may have failed.
    Done,
    /// It stopped short.
    Interrupted,
}

impl RunStatus {
    /// The name used in JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A line in the list of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Where the list goes on: see [`Reader::runs`].
    #[serde(skip)]
    pub number: i64,
    /// The run's id.
    pub id: String,
    /// The start of the program it belongs to.
    pub session: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC; absent until it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// How far it came.
    pub status: RunStatus,
    /// Panes that were asked for.
    pub panes: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Voices that are done.
    pub voices: u64,
    /// As the model calls itself.
    pub model: String,
    /// What the model beside it is called, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// Empty for a question asked on the command line.
    pub pack: String,
    /// Its id in the pack.
    pub question: String,
    /// As it was asked.
    pub text: String,
}

/// A run as its row has it.
pub(super) struct RunRow {
    pub number: i64,
    pub id: String,
    pub session: String,
    pub status: RunStatus,
    pub head: String,
    pub timing: Option<String>,
}

impl Reader {
    /// Opens the database at `path`; `None` if nothing was ever stored there.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let connection = schema::open_to_read(path)?;
        Ok(connection.map(|connection| Self { path: path.to_owned(), connection }))
    }

    /// Runs that pass `filter`, newest first, at most `limit` of them; `after` is the [`RunSummary::number`] of the last
    /// one already listed.
    pub fn runs(&self, filter: &RunFilter, limit: usize, after: Option<i64>) -> Result<Vec<RunSummary>, StoreError> {
        let paged = match after {
            Some(_) => "(started, number) < (SELECT started, number FROM runs WHERE number = :after)",
            None => ":after IS NULL",
        };
        let sql = format!(
            "SELECT runs.number, runs.id, runs.session, runs.started, runs.finished, runs.status,
                    sessions.pid, sessions.birth, runs.model_name, runs.pack, runs.question, runs.question_text,
                    (SELECT count(*) FROM panes WHERE run = runs.number),
                    (SELECT count(*) FROM panes WHERE run = runs.number AND status = 'failed'),
                    (SELECT count(*) FROM voices WHERE run = runs.number AND ended_at IS NOT NULL),
                    json_extract(runs.head, '$.beside.name')
             FROM (SELECT * FROM runs WHERE {} AND {paged} ORDER BY started DESC, number DESC LIMIT :limit) AS runs
             JOIN sessions ON sessions.id = runs.session
             ORDER BY runs.started DESC, runs.number DESC",
            filter.condition()
        );
        self.ask(|connection| {
            let mut select = connection.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = select.query_map(
                named_params! {
                    ":pack": filter.pack, ":question": filter.question, ":model": filter.model,
                    ":session": filter.session, ":after": after, ":limit": limit,
                },
                |row| {
                    let (session, birth): (String, Option<String>) = (row.get(2)?, row.get(7)?);
                    Ok(RunSummary {
                        number: row.get(0)?,
                        id: row.get(1)?,
                        started: row.get(3)?,
                        finished: row.get(4)?,
                        status: status(&row.get::<_, String>(5)?, &session, row.get(6)?, birth.as_deref()),
                        model: row.get(8)?,
                        pack: row.get(9)?,
                        question: row.get(10)?,
                        text: row.get(11)?,
                        panes: count(row, 12)?,
                        failed: count(row, 13)?,
                        voices: count(row, 14)?,
                        beside: row.get(15)?,
                        session,
                    })
                },
            )?;
            rows.collect()
        })
    }

    /// The id of the newest run with this fingerprint that answered all it was asked: it reached its end, and none of its
    /// panes failed or was stopped.
    pub fn answered(&self, fingerprint: &str) -> Result<Option<String>, StoreError> {
        self.ask(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id FROM runs
                 WHERE fingerprint = ? AND status = 'done' AND NOT EXISTS (
                     SELECT 1 FROM panes WHERE run = runs.number AND status NOT IN ('done', 'skipped'))
                 ORDER BY number DESC LIMIT 1",
            )?;
            select.query_row(params![fingerprint], |row| row.get(0)).optional()
        })
    }

    /// Number of runs that pass `filter`.
    pub fn count(&self, filter: &RunFilter) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM runs WHERE {}", filter.condition());
        self.ask(|connection| {
            connection.prepare_cached(&sql)?.query_row(
                named_params! {
                    ":pack": filter.pack, ":question": filter.question, ":model": filter.model,
                    ":session": filter.session,
                },
                |row| count(row, 0),
            )
        })
    }

    pub(super) fn find(&self, id: &str) -> Result<RunRow, StoreError> {
        let select = "SELECT runs.number, runs.id, runs.session, runs.status, runs.head, runs.timing,
                             sessions.pid, sessions.birth
                      FROM runs JOIN sessions ON sessions.id = runs.session";
        let read = |row: &Row<'_>| {
            let (session, birth): (String, Option<String>) = (row.get(2)?, row.get(7)?);
            let status = status(&row.get::<_, String>(3)?, &session, row.get(6)?, birth.as_deref());
            Ok(RunRow { number: row.get(0)?, id: row.get(1)?, session, status, head: row.get(4)?, timing: row.get(5)? })
        };
        let exact = self.ask(|connection| {
            connection.prepare_cached(&format!("{select} WHERE runs.id = ?"))?.query_row([id], read).optional()
        })?;
        if let Some(row) = exact {
            return Ok(row);
        }
        let mut begun = self.ask(|connection| {
            let sql = format!("{select} WHERE substr(runs.id, 1, length(?1)) = ?1 AND ?1 <> '' LIMIT 2");
            connection.prepare_cached(&sql)?.query_map([id], read)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        match (begun.pop(), begun.pop()) {
            (Some(row), None) => Ok(row),
            (None, _) => Err(StoreError::UnknownRun { id: id.to_owned() }),
            (Some(one), Some(other)) => {
                Err(StoreError::AmbiguousRun { id: id.to_owned(), examples: format!("{}, {}", other.id, one.id) })
            }
        }
    }

    /// A transaction: what is read in it is of one moment, whatever a writer does meanwhile.
    pub(super) fn snapshot(&self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        self.ask(Connection::unchecked_transaction)
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        run: i64,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.ask(|connection| connection.prepare_cached(sql)?.query_map(params![run], read)?.collect())
    }

    fn ask<'a, T>(&'a self, question: impl FnOnce(&'a Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        question(&self.connection).map_err(|error| StoreError::sqlite(&self.path, &error))
    }
}

impl RunFilter {
    /// Only what is asked for stands in the condition, so that an index can serve it; what is not is still named, because
    /// every parameter has to be.
    fn condition(&self) -> String {
        let part = |asked: &Option<String>, name: &str, test: &str| {
            if asked.is_some() { test.to_owned() } else { format!(":{name} IS NULL") }
        };
        [
            part(&self.pack, "pack", "pack = :pack"),
            part(&self.question, "question", "question = :question"),
            part(&self.model, "model", "(model_name = :model OR model_sha256 = :model)"),
            part(&self.session, "session", "session = :session"),
        ]
        .join(" AND ")
    }
}

/// What the row says, unless the process that was to go on with it is gone.
fn status(stored: &str, session: &str, pid: u32, birth: Option<&str>) -> RunStatus {
    match stored {
        "done" => RunStatus::Done,
        "running" if Owner::is_alive(session, pid, birth) => RunStatus::Running,
        _ => RunStatus::Interrupted,
    }
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

#[cfg(test)]
#[path = "queries_tests.rs"]
mod tests;
