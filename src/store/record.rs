//! What each event of a run changes in the tables.
//!
//! Everything from outside goes in as a parameter, and text goes in as it came: what a model wrote, controls and all, is
//! the record. It is made safe where it is shown.

use rusqlite::{Connection, named_params, params};
use serde::Serialize;

use super::owner::{Owner, now};
use crate::domain::{Mode, Pane, PaneStatus, RunEvent, RunHead, Voice};

/// Writes `event` of the run `number`; [`RunEvent::Started`] sets the number. Text of a voice under way is not written
/// here but by [`append_text`], many tokens at a time.
pub(super) fn event(connection: &Connection, number: &mut i64, event: &RunEvent) -> rusqlite::Result<()> {
    let run = *number;
    if let Some(pane) = pane_of(event)
        && !is_running(connection, run, pane)?
    {
        return Ok(());
    }
    match event {
        RunEvent::Started { head, panes } => *number = start(connection, head, panes)?,
        RunEvent::Prompt { pane, prompt } => {
            connection
                .prepare_cached("INSERT INTO prompts (run, pane, purpose, text, tokens) VALUES (?, ?, ?, ?, ?)")?
                .execute(params![run, integer(*pane), prompt.purpose, prompt.text, integer(prompt.tokens)])?;
        }
        RunEvent::VoiceStarted { pane, voice, persona } => {
            connection
                .prepare_cached(
                    "INSERT INTO voices (run, pane, voice, persona) VALUES (?, ?, ?, ?)
                     ON CONFLICT (run, pane, voice) DO NOTHING",
                )?
                .execute(params![run, integer(*pane), voice, persona])?;
        }
        // A picture of a moment: what it was drawn from is stored, and the pane itself at its end.
        RunEvent::VoiceText { .. } | RunEvent::PaneSoFar { .. } => {}
        RunEvent::VoiceDone { pane, voice } => finish_voice(connection, run, *pane, voice, None)?,
        RunEvent::PaneDone { pane, result } => finish_pane(connection, run, *pane, result)?,
        RunEvent::Finished { timing } => {
            connection
                .prepare_cached("UPDATE runs SET status = 'done', finished = ?, timing = ? WHERE number = ?")?
                .execute(params![now(), json(timing)?, run])?;
        }
    }
    Ok(())
}

/// The pane that `event` is about.
fn pane_of(event: &RunEvent) -> Option<usize> {
    match event {
        RunEvent::Started { .. } | RunEvent::Finished { .. } => None,
        RunEvent::Prompt { pane, .. }
        | RunEvent::VoiceStarted { pane, .. }
        | RunEvent::VoiceText { pane, .. }
        | RunEvent::VoiceDone { pane, .. }
        | RunEvent::PaneSoFar { pane, .. }
        | RunEvent::PaneDone { pane, .. } => Some(*pane),
    }
}

/// Whether the run has this pane and it has not ended. Like [`crate::domain::Assembler`], the store leaves out what is
/// said of any other.
fn is_running(connection: &Connection, run: i64, pane: usize) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM panes WHERE run = ? AND pane = ? AND status = 'running'")?
        .exists(params![run, integer(pane)])
}

/// Appends `text` to a voice that is under way.
pub(super) fn append_text(
    connection: &Connection,
    run: i64,
    pane: usize,
    voice: &str,
    text: &str,
) -> rusqlite::Result<()> {
    if !is_running(connection, run, pane)? {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO voices (run, pane, voice, text) VALUES (?, ?, ?, ?)
             ON CONFLICT (run, pane, voice) DO UPDATE SET text = text || excluded.text WHERE ended_at IS NULL",
        )?
        .execute(params![run, integer(pane), voice, text])?;
    Ok(())
}

/// Marks the run as one that stopped short, unless it reached its end.
pub(super) fn interrupt(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    connection
        .execute("UPDATE runs SET status = 'interrupted' WHERE number = ? AND status = 'running'", params![run])?;
    Ok(())
}

/// Marks the runs of processes that are gone.
pub(super) fn recover(connection: &Connection) -> rusqlite::Result<()> {
    let mut select = connection.prepare(
        "SELECT runs.number, sessions.id, sessions.pid, sessions.birth
         FROM runs JOIN sessions ON sessions.id = runs.session WHERE runs.status = 'running'",
    )?;
    let open = select.query_map([], |row| {
        let (session, birth): (String, Option<String>) = (row.get(1)?, row.get(3)?);
        Ok((row.get::<_, i64>(0)?, Owner::is_alive(&session, row.get(2)?, birth.as_deref())))
    })?;
    let open = open.collect::<rusqlite::Result<Vec<_>>>()?;
    open.into_iter().filter(|(_, alive)| !alive).try_for_each(|(run, _)| interrupt(connection, run))
}

fn start(connection: &Connection, head: &RunHead, panes: &[(Mode, String)]) -> rusqlite::Result<i64> {
    let owner = Owner::current();
    connection.execute(
        "INSERT INTO sessions (id, started, pid, birth) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        params![owner.session, owner.started, owner.pid, owner.birth],
    )?;
    connection.execute(
        "INSERT INTO runs (id, session, started, status, seed, pack, question, question_text,
                           model_name, model_sha256, model_path, engine_class, engine_profile, head, fingerprint)
         VALUES (:id, :session, :started, 'running', :seed, :pack, :question, :question_text,
                 :model_name, :model_sha256, :model_path, :engine_class, :engine_profile, :head, :fingerprint)",
        named_params! {
            ":id": head.id,
            ":session": owner.session,
            ":started": head.started,
            ":seed": head.seed.to_string(),
            ":pack": head.question.pack,
            ":question": head.question.id,
            ":question_text": head.question.text,
            ":model_name": head.model.name,
            ":model_sha256": head.model.sha256,
            ":model_path": head.model.path,
            ":engine_class": head.engine.class,
            ":engine_profile": head.engine.profile,
            ":head": json(head)?,
            ":fingerprint": head.fingerprint,
        },
    )?;
    let run = connection.last_insert_rowid();
    let mut insert = connection
        .prepare_cached("INSERT INTO panes (run, pane, mode, method, status) VALUES (?, ?, ?, ?, 'running')")?;
    for (pane, (mode, method)) in panes.iter().enumerate() {
        insert.execute(params![run, integer(pane), mode.id(), method])?;
    }
    Ok(run)
}

/// Writes a finished voice over what was there of it. `place` is where it stands in its pane, once that is known.
fn finish_voice(
    connection: &Connection,
    run: i64,
    pane: usize,
    voice: &Voice,
    place: Option<usize>,
) -> rusqlite::Result<()> {
    let detail = Voice { text: String::new(), ..voice.clone() };
    connection
        .prepare_cached(
            "INSERT INTO voices (run, pane, voice, persona, text, tokens, finish, detail, ended_at, place)
             VALUES (:run, :pane, :voice, :persona, :text, :tokens, :finish, :detail, :now, :place)
             ON CONFLICT (run, pane, voice) DO UPDATE SET
                 persona = excluded.persona, text = excluded.text, tokens = excluded.tokens,
                 finish = excluded.finish, detail = excluded.detail, place = excluded.place,
                 ended_at = coalesce(ended_at, excluded.ended_at)",
        )?
        .execute(named_params! {
            ":run": run,
            ":pane": integer(pane),
            ":voice": voice.id,
            ":persona": voice.persona,
            ":text": voice.text,
            ":tokens": integer(voice.tokens),
            ":finish": word(&voice.finish)?,
            ":detail": json(&detail)?,
            ":now": now(),
            ":place": place.map(integer),
        })?;
    Ok(())
}

/// Writes a finished pane and the voices it shows.
fn finish_pane(connection: &Connection, run: i64, pane: usize, result: &Pane) -> rusqlite::Result<()> {
    let bare = Pane { voices: Vec::new(), ..result.clone() };
    let status = match result.status {
        PaneStatus::Done => "done",
        PaneStatus::Failed => "failed",
        PaneStatus::Cancelled => "cancelled",
        PaneStatus::Skipped => "skipped",
    };
    connection
        .prepare_cached("UPDATE panes SET status = ?, result = ? WHERE run = ? AND pane = ?")?
        .execute(params![status, json(&bare)?, run, integer(pane)])?;
    result
        .voices
        .iter()
        .enumerate()
        .try_for_each(|(place, voice)| finish_voice(connection, run, pane, voice, Some(place)))
}

/// `SQLite` has no unsigned integers; no count of ours comes near the limit of its signed ones.
fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The name that `value` has in JSON.
fn word(value: &impl Serialize) -> rusqlite::Result<String> {
    json(value).map(|quoted| quoted.trim_matches('"').to_owned())
}
