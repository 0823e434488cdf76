#![allow(clippy::unwrap_used)]

use super::super::{Store, fixture};
use super::*;
use crate::domain::PaneStatus;

#[test]
fn a_stored_run_is_the_run_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    fixture::store(&path, &fixture::events("r1"));
    let stored = fixture::reader(&path).load("r1").unwrap();
    assert_eq!((stored.status, &stored.run), (RunStatus::Done, &fixture::run("r1")));
    let json = |run: &Run| serde_json::to_string(run).unwrap();
    assert_eq!(json(&stored.run), json(&fixture::run("r1")));
    assert_eq!(stored.run.panes[0].text.as_deref(), Some(fixture::RAW));
}

/// Wherever a run stops, its record is what a live reader would have made of the events until then.
#[test]
fn a_run_cut_anywhere_reads_as_it_was_assembled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let events = fixture::events("r");
    for length in 1..events.len() {
        let id = format!("cut-{length}-");
        let mut cut = events[..length].to_vec();
        cut[0] = fixture::started(&id);
        fixture::store(&path, &cut);
        let stored = fixture::reader(&path).load(&id).unwrap();
        assert_eq!(stored.status, RunStatus::Interrupted);
        assert_eq!(Some(stored.run), fixture::assembled(&cut).abandon(INTERRUPTED), "cut after {length} events");
    }
}

#[test]
fn a_run_under_way_says_so_and_shows_its_voices_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let store = Store::open(&path).unwrap();
    let writer = store.run_writer();
    for event in &fixture::events("r1")[..8] {
        writer.record_blocking(event).unwrap();
    }
    writer.flush_blocking().unwrap();
    let reader = fixture::reader(&path);
    let stored = reader.load("r1").unwrap();
    assert_eq!(stored.status, RunStatus::Running);
    let pane = &stored.run.panes[0];
    assert_eq!((pane.status, pane.error.as_deref()), (PaneStatus::Failed, Some(UNDER_WAY)));
    assert_eq!(pane.voices, [fixture::voice("v2", "No.")]);
    assert_eq!(stored.run.timing.prompt_tokens, 40);

    let voices = reader.voices("r1").unwrap();
    let seen: Vec<_> = voices.iter().map(|voice| (voice.pane, voice.id.as_str(), voice.text.as_str())).collect();
    assert_eq!(seen, [(0, "v1", "It "), (0, "v2", "No."), (1, "s1", "")]);
    assert_eq!(voices.iter().map(|voice| voice.finish).collect::<Vec<_>>(), [None, Some(Finish::Length), None]);
    assert_eq!(voices.iter().map(|voice| voice.ended_at.is_some()).collect::<Vec<_>>(), [false, true, false]);
    let prompts = reader.prompts("r1").unwrap();
    assert_eq!(prompts.len(), 1);
    assert_eq!((prompts[0].pane, prompts[0].prompt.text.as_str()), (0, fixture::RAW));
}

#[test]
fn a_record_that_makes_no_sense_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    fixture::store(&path, &fixture::events("r1"));
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE panes SET result = '{\"mode\":\"sideways\"}' WHERE pane = 0", []).unwrap();
    let error = fixture::reader(&path).load("r1").unwrap_err();
    assert!(error.to_string().starts_with("the stored run `r1` cannot be read (unknown variant `sideways`"), "{error}");
}
