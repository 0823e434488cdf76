//! One run out of its rows: they are turned back into the events they came from and assembled like a live run.

use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::queries::{Reader, RunRow, RunStatus};
use crate::domain::{Assembler, Finish, Mode, Pane, PromptSent, Run, RunEvent, Voice};
use crate::methods::with_numbers_across;

/// The error of a pane that was under way when its run was.
const INTERRUPTED: &str = "the run was interrupted";
/// The error of a pane whose run goes on in another process, or in another part of this one.
const UNDER_WAY: &str = "the run is still under way";

/// A whole run, and how far it came.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// Says more than the run: whether its failed panes may still come.
    pub status: RunStatus,
    /// The start of the program it belongs to.
    pub session: String,
    /// The run.
    pub run: Run,
}

/// A voice of a run, shown in its pane or not, done or not.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredVoice {
    /// The pane's place in the request.
    pub pane: usize,
    /// Unique in the run.
    pub id: String,
    /// Whom it speaks as.
    pub persona: Option<String>,
    /// As far as it came.
    pub text: String,
    /// Why it ended; `None` for one that was under way.
    pub finish: Option<Finish>,
    /// When it did: RFC 3339, UTC.
    pub ended_at: Option<String>,
}

/// A prompt of a run, exactly as the model read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPrompt {
    /// The pane that asked.
    pub pane: usize,
    /// The prompt.
    pub prompt: PromptSent,
}

/// A voice's row.
struct StoredDetail {
    pane: usize,
    id: String,
    persona: Option<String>,
    text: String,
    detail: Option<String>,
    shown: bool,
}

impl Reader {
    /// The run whose id is `id`, or begins with it if no other does.
    ///
    /// Panes that never ended stand as failed, with the voices that did.
    pub fn load(&self, id: &str) -> Result<StoredRun, StoreError> {
        let stored = self.load_panes(id)?;
        Ok(StoredRun { run: with_numbers_across(stored.run), ..stored })
    }

    /// [`Reader::load`] without the numbers about several panes: they take their time, and who reads a thousand runs for
    /// what stands in their panes need not wait for them.
    pub fn load_panes(&self, id: &str) -> Result<StoredRun, StoreError> {
        let snapshot = self.snapshot()?;
        let row = self.find(id)?;
        let loaded = self.replay(&row);
        // Nothing was written: how the transaction ends changes nothing.
        drop(snapshot);
        Ok(StoredRun { status: row.status, session: row.session, run: loaded? })
    }

    /// The voices of a run in the order in which they were started; `id` as for [`Reader::load`].
    pub fn voices(&self, id: &str) -> Result<Vec<StoredVoice>, StoreError> {
        let _snapshot = self.snapshot()?;
        let run = self.find(id)?;
        let rows: Vec<(StoredVoice, Option<String>)> = self.rows(
            "SELECT pane, voice, persona, text, ended_at, finish FROM voices WHERE run = ? ORDER BY number",
            run.number,
            |row| {
                let voice = StoredVoice {
                    pane: place(row.get(0)?),
                    id: row.get(1)?,
                    persona: row.get(2)?,
                    text: row.get(3)?,
                    ended_at: row.get(4)?,
                    finish: None,
                };
                Ok((voice, row.get(5)?))
            },
        )?;
        let read = |(voice, finish): (StoredVoice, Option<String>)| {
            let finish = finish.map(|finish| parse(&run.id, &format!("\"{finish}\""))).transpose()?;
            Ok(StoredVoice { finish, ..voice })
        };
        rows.into_iter().map(read).collect()
    }

    /// The prompts of a run in the order in which they were sent; `id` as for [`Reader::load`].
    pub fn prompts(&self, id: &str) -> Result<Vec<StoredPrompt>, StoreError> {
        let _snapshot = self.snapshot()?;
        let run = self.find(id)?;
        self.prompts_of(run.number)
    }

    fn prompts_of(&self, run: i64) -> Result<Vec<StoredPrompt>, StoreError> {
        self.rows("SELECT pane, purpose, text, tokens FROM prompts WHERE run = ? ORDER BY number", run, |row| {
            let prompt = PromptSent { purpose: row.get(1)?, text: row.get(2)?, tokens: place(row.get(3)?) };
            Ok(StoredPrompt { pane: place(row.get(0)?), prompt })
        })
    }

    /// The rows of a run as the events they came from.
    fn replay(&self, row: &RunRow) -> Result<Run, StoreError> {
        let mut run = Assembler::new();
        let panes: Vec<(String, String, Option<String>)> =
            self.rows("SELECT mode, method, result FROM panes WHERE run = ? ORDER BY pane", row.number, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let asked = panes.iter().map(|(mode, method, _)| {
            let mode: Mode = mode.parse().map_err(|error| unreadable(&row.id, &error))?;
            Ok((mode, method.clone()))
        });
        let asked = asked.collect::<Result<Vec<_>, StoreError>>()?;
        run.apply(&RunEvent::Started { head: Box::new(parse(&row.id, &row.head)?), panes: asked });

        let mut results = Vec::with_capacity(panes.len());
        for (_, _, result) in &panes {
            results.push(result.as_deref().map(|result| parse::<Pane>(&row.id, result)).transpose()?);
        }
        for stored in self.voices_of(row.number)? {
            let StoredDetail { pane, id, persona, text, detail, shown } = stored;
            run.apply(&RunEvent::VoiceStarted { pane, voice: id, persona });
            let Some(detail) = detail else { continue };
            let voice = Voice { text, ..parse(&row.id, &detail)? };
            match results.get_mut(pane).and_then(Option::as_mut) {
                Some(result) if shown => result.voices.push(voice),
                Some(_) => {}
                None => run.apply(&RunEvent::VoiceDone { pane, voice: Box::new(voice) }),
            }
        }
        if let Some(timing) = &row.timing {
            run.apply(&RunEvent::Finished { timing: parse(&row.id, timing)? });
        } else {
            for StoredPrompt { pane, prompt } in self.prompts_of(row.number)? {
                run.apply(&RunEvent::Prompt { pane, prompt });
            }
        }
        for (pane, result) in results.into_iter().enumerate() {
            if let Some(result) = result {
                run.apply(&RunEvent::PaneDone { pane, result: Box::new(result) });
            }
        }
        let run = match row.status {
            RunStatus::Done => run.finish(),
            RunStatus::Running => run.abandon(UNDER_WAY),
            RunStatus::Interrupted => run.abandon(INTERRUPTED),
        };
        run.ok_or_else(|| unreadable(&row.id, &"it has no beginning"))
    }

    fn voices_of(&self, run: i64) -> Result<Vec<StoredDetail>, StoreError> {
        self.rows(
            "SELECT pane, voice, persona, text, detail, place IS NOT NULL FROM voices WHERE run = ? ORDER BY number",
            run,
            |row| {
                Ok(StoredDetail {
                    pane: place(row.get(0)?),
                    id: row.get(1)?,
                    persona: row.get(2)?,
                    text: row.get(3)?,
                    detail: row.get(4)?,
                    shown: row.get(5)?,
                })
            },
        )
    }
}

/// No negative number is ever written there.
fn place(stored: i64) -> usize {
    usize::try_from(stored).unwrap_or(0)
}

fn parse<T: DeserializeOwned>(run: &str, json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| unreadable(run, &error))
}

fn unreadable(run: &str, cause: &impl ToString) -> StoreError {
    StoreError::Unreadable { run: run.to_owned(), cause: cause.to_string() }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
