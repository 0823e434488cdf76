//! What the store promises when its process is killed, and when two processes write at once.
//!
//! The tests start this very binary again as the process to kill: [`writes_until_killed`] is that process.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parallax::domain::{
    EngineFacts, Finish, Mode, ModelFacts, Pane, PaneStatus, QuestionShown, RunEvent, RunHead, Settings, Timing, Voice,
};
use parallax::store::{Reader, RunFilter, RunStatus, RunWriter, Store};

/// Names the database to the process that is killed.
const DATABASE: &str = "PARALLAX_TEST_DATABASE";
/// Names its run.
const RUN: &str = "PARALLAX_TEST_RUN";
/// Panes of its run; it goes round them.
const PANES: usize = 3;

fn started(id: &str) -> RunEvent {
    let panes = vec![(Mode::Steered, "persona-prompt".to_owned()); PANES];
    RunEvent::Started {
        head: Box::new(RunHead {
            id: id.into(),
            started: "2026-11-23T16:00:00Z".into(),
            seed: 1,
            model: ModelFacts::default(),
            engine: EngineFacts::default(),
            question: QuestionShown { pack: String::new(), id: "q".into(), text: "?".into(), options: vec![] },
            personas: vec![],
            settings: Settings { max_tokens: 8, samples: 1, temperature: None, top_p: None, methods: panes.clone() },
            beside: None,
            fingerprint: None,
        }),
        panes,
    }
}

/// The n-th voice of the run `id`; long enough, now and then, to go over several pages.
fn voice(id: &str, n: usize) -> Voice {
    let text = format!("voice {n} of {id}; ").repeat(1 + (n % 7) * (n % 7) * 20);
    Voice {
        id: format!("v{n}"),
        persona: None,
        text,
        thinking: None,
        tokens: n,
        thinking_tokens: 0,
        finish: Finish::Stop,
        option: None,
        stance: None,
        said: Vec::new(),
        surprisal: Some(n as f64 / 3.0),
    }
}

fn record_voice(writer: &RunWriter, id: &str, n: usize) {
    let (pane, voice) = (n % PANES, voice(id, n));
    writer.record_blocking(&RunEvent::VoiceStarted { pane, voice: voice.id.clone(), persona: None }).unwrap();
    let delta = voice.text.chars().take(12).collect();
    writer
        .record_blocking(&RunEvent::VoiceText {
            pane,
            voice: voice.id.clone(),
            delta,
            tokens: 1,
            logprob: None,
            thinking: false,
        })
        .unwrap();
    writer.record_blocking(&RunEvent::VoiceDone { pane, voice: Box::new(voice) }).unwrap();
}

/// Not a test: the process that [`start`] starts. It acknowledges each voice once it is on disk, until it is killed.
#[test]
#[ignore = "writes until it is killed; the other tests start it"]
fn writes_until_killed() {
    let (Ok(path), Ok(id)) = (std::env::var(DATABASE), std::env::var(RUN)) else { return };
    let store = Store::open(Path::new(&path)).unwrap();
    let writer = store.run_writer();
    writer.record_blocking(&started(&id)).unwrap();
    for n in 0.. {
        record_voice(&writer, &id, n);
        writer.flush_blocking().unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nkept {n}").unwrap();
        out.flush().unwrap();
    }
}

fn start(path: &Path, id: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_killed", "--ignored", "--nocapture"])
        .env(DATABASE, path)
        .env(RUN, id)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

fn kept(line: &str) -> Option<usize> {
    line.strip_prefix("kept ")?.parse().ok()
}

/// Lets the process acknowledge a voice, kills it a random moment later, and gives the last voice it acknowledged.
fn kill_at_random((mut child, out): (Child, BufReader<ChildStdout>)) -> usize {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let mut lines = out.lines().map(Result::unwrap);
    let first = lines.find_map(|line| kept(&line)).expect("the process acknowledges a voice");
    // The pipe is read while the process runs, so that it never waits for the reader.
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_micros(u64::from(nanos / 1000 % 40_000)));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let last = lines.filter_map(|line| kept(&line)).last().unwrap_or(first);
    killer.join().unwrap();
    last
}

fn assert_intact(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let strays = connection.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
    assert!(!strays, "a row refers to nothing");
}

fn assert_kept(reader: &Reader, id: &str, last: usize) {
    let stored = reader.load(id).unwrap();
    for n in 0..=last {
        let wanted = voice(id, n);
        let pane = &stored.run.panes[n % PANES];
        let found = pane.voices.iter().find(|voice| voice.id == wanted.id);
        assert_eq!(found, Some(&wanted), "voice {n} of {id} was acknowledged, up to {last}");
    }
}

#[test]
fn a_kill_at_any_moment_loses_no_acknowledged_voice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parallax.sqlite");
    let mut acknowledged = 0;
    for round in 0..20 {
        let id = format!("round-{round:02}");
        let last = kill_at_random(start(&path, &id));
        acknowledged += last + 1;
        assert_intact(&path);
        let reader = Reader::open(&path).unwrap().unwrap();
        assert_kept(&reader, &id, last);
        let stored = reader.load(&id).unwrap();
        assert_eq!(stored.status, RunStatus::Interrupted);
        for pane in &stored.run.panes {
            assert_eq!((pane.status, pane.error.as_deref()), (PaneStatus::Failed, Some("the run was interrupted")));
        }
    }
    assert!(acknowledged >= 20, "every round acknowledges at least one voice");
    let reader = Reader::open(&path).unwrap().unwrap();
    assert_eq!(reader.count(&RunFilter::default()).unwrap(), 20);
}

#[test]
fn two_processes_write_at_once_and_one_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parallax.sqlite");
    let other = start(&path, "theirs");
    let store = Store::open(&path).unwrap();
    let writer = store.run_writer();
    writer.record_blocking(&started("ours")).unwrap();
    for n in 0..60 {
        record_voice(&writer, "ours", n);
        writer.flush_blocking().unwrap();
    }
    let last = kill_at_random(other);
    for pane in 0..PANES {
        let voices = (0..60).filter(|n| n % PANES == pane).map(|n| voice("ours", n)).collect();
        let result = Pane { voices, ..Pane::new(Mode::Steered, "persona-prompt") };
        writer.record_blocking(&RunEvent::PaneDone { pane, result: Box::new(result) }).unwrap();
    }
    writer.record_blocking(&RunEvent::Finished { timing: Timing::default() }).unwrap();
    writer.flush_blocking().unwrap();
    store.close().unwrap();

    assert_intact(&path);
    let reader = Reader::open(&path).unwrap().unwrap();
    assert_kept(&reader, "theirs", last);
    assert_kept(&reader, "ours", 59);
    assert_eq!(reader.load("theirs").unwrap().status, RunStatus::Interrupted);
    assert_eq!(reader.load("ours").unwrap().status, RunStatus::Done);
}
