#![allow(clippy::unwrap_used)]

use super::super::fixture;
use super::*;
use crate::domain::RunEvent;

/// A finished run with other words in its head.
fn other(id: &str, change: impl FnOnce(&mut crate::domain::RunHead)) -> Vec<RunEvent> {
    let mut events = fixture::events(id);
    if let RunEvent::Started { head, .. } = &mut events[0] {
        change(head);
    }
    events
}

fn ids(runs: &[RunSummary]) -> Vec<&str> {
    runs.iter().map(|run| run.id.as_str()).collect()
}

#[test]
fn runs_are_listed_newest_first_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    // Two of one second: the one stored later is the newer.
    for (id, second) in [("a", 3), ("b", 1), ("c", 2), ("d", 2)] {
        fixture::store(&path, &other(id, |head| head.started = format!("2026-11-23T16:00:0{second}Z")));
    }
    let reader = fixture::reader(&path);
    let all = RunFilter::default();
    assert_eq!(ids(&reader.runs(&all, 10, None).unwrap()), ["a", "d", "c", "b"]);
    let first = reader.runs(&all, 2, None).unwrap();
    assert_eq!(ids(&first), ["a", "d"]);
    let second = reader.runs(&all, 2, Some(first[1].number)).unwrap();
    assert_eq!(ids(&second), ["c", "b"]);
    assert_eq!(reader.runs(&all, 2, Some(second[1].number)).unwrap(), []);
    assert_eq!(reader.count(&all).unwrap(), 4);
}

#[test]
fn a_summary_counts_what_the_run_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let mut events = fixture::events("r1");
    if let RunEvent::PaneDone { result, .. } = &mut events[14] {
        result.status = crate::domain::PaneStatus::Failed;
    }
    fixture::store(&path, &events);
    let run = fixture::reader(&path).runs(&RunFilter::default(), 1, None).unwrap().remove(0);
    assert_eq!((run.panes, run.failed, run.voices, run.status), (2, 1, 3, RunStatus::Done));
    assert_eq!((run.pack.as_str(), run.question.as_str(), run.model.as_str()), ("food", "hot-dog", "SmolLM2"));
    assert_eq!(run.session, Owner::current().session);
    assert!(run.finished.is_some());
}

#[test]
fn a_filter_takes_what_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    fixture::store(&path, &fixture::events("plain"));
    fixture::store(&path, &other("asked", |head| head.question.id = "q2".into()));
    fixture::store(&path, &other("big", |head| head.model.name = "Gemma".into()));
    fixture::store(&path, &other("file", |head| head.model.sha256 = Some("cd34".into())));
    let reader = fixture::reader(&path);
    let found = |filter: RunFilter| {
        let runs = reader.runs(&filter, 10, None).unwrap();
        assert_eq!(reader.count(&filter).unwrap(), runs.len() as u64);
        runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    let some = |word: &str| Some(word.to_owned());
    assert_eq!(found(RunFilter { question: some("q2"), ..RunFilter::default() }), ["asked"]);
    assert_eq!(found(RunFilter { model: some("Gemma"), ..RunFilter::default() }), ["big"]);
    assert_eq!(found(RunFilter { model: some("cd34"), ..RunFilter::default() }), ["file"]);
    let both = RunFilter { pack: some("food"), question: some("hot-dog"), model: some("ab12"), ..RunFilter::default() };
    assert_eq!(found(both), ["big", "plain"]);
    assert_eq!(found(RunFilter { session: some("none"), ..RunFilter::default() }), Vec::<String>::new());
    assert_eq!(found(RunFilter { question: some("' OR 1=1 --"), ..RunFilter::default() }), Vec::<String>::new());
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    for id in ["20261123-ab", "20261123-abc", "20261124-%", "ünique"] {
        fixture::store(&path, &fixture::events(id));
    }
    let reader = fixture::reader(&path);
    let found = |id: &str| reader.load(id).map(|stored| stored.run.run.id);
    assert_eq!(found("20261124").as_deref(), Ok("20261124-%"));
    assert_eq!(found("ü").as_deref(), Ok("ünique"));
    assert_eq!(found("20261123-ab").as_deref(), Ok("20261123-ab"), "an exact id wins over what it begins");
    let error = found("20261123").unwrap_err().to_string();
    assert!(error.contains("(20261123-ab, 20261123-abc, …): give more of the id"), "{error}");
    for unknown in ["%", "", "20261125", "20261123-abcd"] {
        assert_eq!(found(unknown), Err(StoreError::UnknownRun { id: unknown.into() }));
    }
}

#[test]
fn lists_are_served_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    fixture::store(&path, &fixture::events("r1"));
    let connection = schema::open_to_read(&path).unwrap().unwrap();
    for (asked, index) in [
        ("question = 'q' AND pack = 'p'", "runs_by_question"),
        ("model_name = 'm'", "runs_by_model"),
        ("model_sha256 = 's'", "runs_by_checksum"),
        ("1", "runs_by_start"),
    ] {
        let sql =
            format!("EXPLAIN QUERY PLAN SELECT id FROM runs WHERE {asked} ORDER BY started DESC, number DESC LIMIT 20");
        let mut explain = connection.prepare(&sql).unwrap();
        let plan = explain.query_map([], |row| row.get::<_, String>(3)).unwrap();
        let plan = plan.map(Result::unwrap).collect::<Vec<_>>().join("; ");
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{asked}: {plan}");
    }
}

#[test]
fn nothing_stored_is_no_error_and_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    assert!(Reader::open(&path).unwrap().is_none());
    assert!(!path.exists());
}

#[test]
fn the_newest_whole_run_answers_for_its_fingerprint() {
    use crate::domain::PaneStatus;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let asked = |id: &str, print: &str| other(id, |head| head.fingerprint = Some(print.into()));
    fixture::store(&path, &asked("first", "aa"));
    fixture::store(&path, &asked("second", "aa"));
    fixture::store(&path, &asked("other", "bb"));
    fixture::store(&path, &fixture::events("untold"));
    for (id, status) in [("failed", PaneStatus::Failed), ("stopped", PaneStatus::Cancelled)] {
        let mut events = asked(id, "aa");
        for event in &mut events {
            if let RunEvent::PaneDone { result, .. } = event {
                result.status = status;
            }
        }
        fixture::store(&path, &events);
    }
    let mut cut = asked("cut", "cc");
    cut.pop();
    fixture::store(&path, &cut);
    let reader = fixture::reader(&path);
    assert_eq!(reader.answered("aa").unwrap().as_deref(), Some("second"));
    assert_eq!(reader.answered("bb").unwrap().as_deref(), Some("other"));
    assert_eq!(reader.answered("cc").unwrap(), None, "a run that was cut short is no answer");
    assert_eq!(reader.answered("").unwrap(), None);
}
