#![allow(clippy::unwrap_used)]

use super::super::{RunFilter, RunStatus, fixture};
use super::*;

fn status(path: &Path, id: &str) -> RunStatus {
    fixture::reader(path).load(id).unwrap().status
}

#[test]
fn a_task_can_record_and_flush_without_a_second_thread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&path).unwrap();
        let writer = store.run_writer();
        for event in fixture::events("r1") {
            writer.record(&event).await.unwrap();
        }
        writer.flush().await.unwrap();
        assert_eq!(fixture::reader(&path).load("r1").unwrap().run, fixture::run("r1"));
        // The variants that block do not panic inside a task either.
        let writer = store.run_writer();
        writer.record_blocking(&fixture::started("r2")).unwrap();
        writer.flush_blocking().unwrap();
    });
    assert_eq!(status(&path, "r2"), RunStatus::Interrupted, "dropping the store closes it");
}

#[test]
fn a_full_channel_makes_the_producer_wait_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let store = Store::open(&path).unwrap();
    let lock = Connection::open(&path).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writer = store.run_writer();
    let count = 3 * WAITING;
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            writer.record_blocking(&fixture::started("r1")).unwrap();
            for n in 0..count {
                writer.record_blocking(&fixture::voice_done(0, &format!("v{n}"), "text")).unwrap();
            }
        });
        std::thread::sleep(Duration::from_millis(100));
        assert!(!sending.is_finished(), "nothing can be written while another process holds the lock");
        lock.execute_batch("COMMIT").unwrap();
    });
    writer.flush_blocking().unwrap();
    let voices = fixture::reader(&path).load("r1").unwrap().run.panes.remove(0).voices;
    assert_eq!(voices.len(), count);
    assert!(voices.iter().enumerate().all(|(n, voice)| voice.id == format!("v{n}")));
}

#[test]
fn text_under_way_reaches_the_disk_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let store = Store::open(&path).unwrap();
    let writer = store.run_writer();
    writer.record_blocking(&fixture::started("r1")).unwrap();
    writer.record_blocking(&fixture::voice_started(0, "v1")).unwrap();
    let reader = loop {
        if let Some(reader) = super::super::Reader::open(&path).unwrap()
            && reader.load("r1").is_ok()
        {
            break reader;
        }
    };
    let mut expected = String::new();
    for delta in ["a ", "b ", "c"] {
        expected.push_str(delta);
        writer.record_blocking(&fixture::voice_text(0, "v1", delta)).unwrap();
        let sent = std::time::Instant::now();
        while reader.voices("r1").unwrap()[0].text != expected {
            assert!(sent.elapsed() < 25 * PROGRESS, "the text never came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    writer.record_blocking(&fixture::voice_done(0, "v1", "whole")).unwrap();
    writer.flush_blocking().unwrap();
    assert_eq!(reader.voices("r1").unwrap()[0].text, "whole");
}

#[test]
fn a_full_disk_is_told_once_and_the_next_run_tries_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let connection = schema::open_to_write(&path).unwrap();
    // As on a disk of 64 KiB more than the empty tables need.
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    connection.pragma_update(None, "max_page_count", pages + 16).unwrap();
    let store = Store::start(&path, connection).unwrap();
    let writer = store.run_writer();
    writer.record_blocking(&fixture::started("r1")).unwrap();
    writer.record_blocking(&fixture::voice_done(0, "v1", "small")).unwrap();
    writer.flush_blocking().unwrap();

    // Told by whichever call comes after it happened.
    let large = writer.record_blocking(&fixture::voice_done(0, "v2", &"large ".repeat(50_000)));
    assert_eq!(large.and_then(|()| writer.flush_blocking()), Err(StoreError::Full { path: shown(&path) }));
    for event in fixture::events("r1").into_iter().skip(1) {
        assert_eq!(writer.record_blocking(&event), Ok(()), "an error is told once");
    }
    assert_eq!(writer.flush_blocking(), Ok(()));

    let next = store.run_writer();
    next.record_blocking(&fixture::started("r2")).unwrap();
    next.record_blocking(&fixture::voice_done(0, "v1", "small")).unwrap();
    next.flush_blocking().unwrap();
    let reader = fixture::reader(&path);
    let kept = reader.load("r1").unwrap();
    assert_eq!(kept.status, RunStatus::Interrupted);
    assert_eq!(kept.run.panes[0].voices, [fixture::voice("v1", "small")]);
    assert_eq!(reader.load("r2").unwrap().run.panes[0].voices.len(), 1);
}

#[test]
fn one_runs_trouble_is_not_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    fixture::store(&path, &fixture::events("taken"));
    let store = Store::open(&path).unwrap();
    let (good, bad, headless) = (store.run_writer(), store.run_writer(), store.run_writer());
    // Sent while the database is locked, so that they are written together.
    let lock = Connection::open(&path).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    good.record_blocking(&fixture::started("good")).unwrap();
    bad.record_blocking(&fixture::started("taken")).unwrap();
    headless.record_blocking(&fixture::voice_done(0, "v1", "text")).unwrap();
    for event in &fixture::events("good")[1..] {
        good.record_blocking(event).unwrap();
    }
    bad.record_blocking(&fixture::voice_done(0, "v9", "stray")).unwrap();
    lock.execute_batch("COMMIT").unwrap();
    good.flush_blocking().unwrap();
    assert!(matches!(bad.flush_blocking(), Err(StoreError::Failed { .. })));
    assert_eq!(headless.flush_blocking(), Err(StoreError::NotStarted { path: shown(&path) }));
    let reader = fixture::reader(&path);
    assert_eq!(reader.load("good").unwrap().run, fixture::run("good"));
    assert_eq!(reader.load("taken").unwrap().run, fixture::run("taken"));
    assert_eq!(reader.count(&RunFilter::default()).unwrap(), 2);
}

#[test]
fn a_writer_that_is_dropped_or_outlives_its_store_leaves_an_interrupted_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    let store = Store::open(&path).unwrap();
    let (dropped, outliving) = (store.run_writer(), store.run_writer());
    dropped.record_blocking(&fixture::started("dropped")).unwrap();
    drop(dropped);
    outliving.record_blocking(&fixture::started("outliving")).unwrap();
    outliving.flush_blocking().unwrap();
    assert_eq!(status(&path, "dropped"), RunStatus::Interrupted);
    assert_eq!(status(&path, "outliving"), RunStatus::Running);
    store.close().unwrap();
    assert_eq!(status(&path, "outliving"), RunStatus::Interrupted);
    let closed = StoreError::Closed { path: shown(&path) };
    assert_eq!(outliving.record_blocking(&fixture::voice_done(0, "v1", "")), Err(closed));
    assert_eq!(outliving.flush_blocking(), Ok(()), "an error is told once");
}

#[test]
fn runs_of_processes_that_are_gone_are_marked_when_the_store_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.sqlite");
    fixture::store(&path, &fixture::events("whole"));
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "INSERT INTO sessions VALUES ('gone', '2026-01-01T00:00:00Z', 1, 'another boot:7');
             INSERT INTO runs SELECT 77, 'cut', 'gone', started, NULL, 'running', seed, pack, question, question_text,
                 model_name, model_sha256, model_path, engine_class, engine_profile, head, NULL, fingerprint FROM runs;",
        )
        .unwrap();
    let stored = || connection.query_row("SELECT status FROM runs WHERE id = 'cut'", [], |row| row.get::<_, String>(0));
    assert_eq!(status(&path, "cut"), RunStatus::Interrupted, "a reader sees it before it is marked");
    assert_eq!(stored().unwrap(), "running");
    Store::open(&path).unwrap().close().unwrap();
    assert_eq!(stored().unwrap(), "interrupted");
    assert_eq!(status(&path, "whole"), RunStatus::Done);
}

#[test]
fn a_damaged_file_yields_a_sentence_wherever_the_damage_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.sqlite");
    for n in 0..20 {
        fixture::store(&whole, &fixture::events(&format!("r{n}")));
    }
    let bytes = std::fs::read(&whole).unwrap();
    let path = folder.path().join("damaged.sqlite");
    let mut told = 0;
    for page in 0..bytes.len() / 4096 {
        let mut damaged = bytes.clone();
        let start = page * 4096 + if page == 0 { 100 } else { 0 };
        damaged[start..(page + 1) * 4096].fill(0xa5);
        std::fs::write(&path, damaged).unwrap();
        let stored = Store::open(&path).and_then(|store| {
            let writer = store.run_writer();
            fixture::events("new").iter().try_for_each(|event| writer.record_blocking(event))?;
            writer.flush_blocking()
        });
        let read = super::super::Reader::open(&path).and_then(|reader| {
            let reader = reader.unwrap();
            reader.runs(&RunFilter::default(), 30, None)?;
            (0..20).try_for_each(|n| reader.load(&format!("r{n}")).map(drop))
        });
        let errors: Vec<StoreError> = [stored, read].into_iter().filter_map(Result::err).collect();
        told += usize::from(!errors.is_empty());
        for error in errors {
            assert!(matches!(error, StoreError::Damaged { .. }), "page {page}: {error}");
        }
    }
    assert!(told > 10, "most pages hold something that is missed");
}
