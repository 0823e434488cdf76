//! What the tests of whole processes share: a data folder of one's own, runs with a deadline, and a look at processes.
#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic)]

pub mod shape;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use parallax::store::{Reader, RunFilter, RunStatus, StoredVoice};
use serde_json::Value;
use tempfile::TempDir;

/// No command here takes so long; one that does hangs.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A question with human answers.
pub const POLICE_TRUST: [&str; 4] = ["--pack", "us-civics", "--question", "police-trust"];
pub const EVERY_METHOD: [&str; 12] = [
    "--method",
    "overton=vanilla",
    "--method",
    "overton=ensemble",
    "--method",
    "steered=persona-prompt",
    "--method",
    "overton=pluralistic-prompt",
    "--method",
    "distribution=sampled",
    "--method",
    "distribution=option-logits",
];

/// The program with a data folder of its own.
pub struct Parallax {
    home: TempDir,
}

/// What a process left.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The one sentence on standard error.
    pub fn sentence(&self) -> &str {
        let sentence = self.err.strip_prefix("parallax: ").unwrap_or_else(|| panic!("no sentence: {self:?}"));
        let sentence = sentence.strip_suffix('\n').unwrap_or_else(|| panic!("no end of line: {self:?}"));
        assert!(!sentence.contains('\n') && sentence.len() > 20, "not one sentence: {self:?}");
        assert!(!sentence.chars().any(char::is_control), "controls: {self:?}");
        sentence
    }

    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self:?}");
        self
    }
}

impl Parallax {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into the folder that is also the working directory.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn program() -> PathBuf {
        assert_cmd::cargo::cargo_bin("parallax")
    }

    /// The program with these arguments, not started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Self::program());
        command.current_dir(self.home()).env("PARALLAX_HOME", self.home()).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the program.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Runs the program to its end.
    pub fn call(&self, arguments: &[&str]) -> Ended {
        finish(self.start(arguments))
    }

    /// `parallax run --engine scripted --format json` with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.call(&[&["run", "--engine", "scripted", "--format", "json"], arguments].concat())
    }

    /// The run of [`Self::run`], which must succeed and have the right shape.
    pub fn run_json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments).succeeded();
        assert_eq!(ended.err, "", "nothing but data was to be said");
        let run = ended.json();
        shape::check(&run);
        run
    }

    /// A stored run as `parallax sessions show` prints it.
    pub fn shown(&self, id: &str) -> Value {
        self.call(&["sessions", "show", id, "--format", "json", "--quiet"]).succeeded().json()
    }

    pub fn reader(&self) -> Option<Reader> {
        let path = self.home().join("parallax.sqlite");
        if path.exists() { Reader::open(&path).ok().flatten() } else { None }
    }

    /// Id and status of the newest stored run.
    pub fn newest(&self) -> Option<(String, RunStatus)> {
        let run = self.reader()?.runs(&RunFilter::default(), 1, None).ok()?.pop()?;
        Some((run.id, run.status))
    }

    /// The voices of the newest run that are finished and on disk.
    pub fn finished_voices(&self) -> Vec<StoredVoice> {
        let Some((id, _)) = self.newest() else { return Vec::new() };
        let voices = self.reader().unwrap().voices(&id).unwrap();
        voices.into_iter().filter(|voice| voice.ended_at.is_some()).collect()
    }

    /// Processes that were started for this folder, the program and what it started, as far as they live.
    pub fn processes(&self) -> Vec<u32> {
        let marker = [b"PARALLAX_HOME=".as_slice(), self.home().as_os_str().as_encoded_bytes(), b"\0"].concat();
        let is_ours = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.windows(marker.len()).any(|part| part == marker)
        };
        pids().filter(is_ours).collect()
    }

    /// Waits until no process is left that was started for this folder.
    pub fn assert_no_process_within(&self, limit: Duration) {
        let is_gone = wait_until(limit, || self.processes().is_empty());
        let left: Vec<_> = self.processes().into_iter().map(|pid| (pid, command_line(pid))).collect();
        assert!(is_gone, "left behind after {limit:?}: {left:?}");
    }
}

fn pids() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn command_line(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let parent_of = |pid: &u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    pids().filter(|pid| parent_of(pid) == Some(parent)).collect()
}

/// Whether `condition` held within `limit`.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for the end of a process and takes what it wrote. One that passes the deadline is killed, and the test fails.
pub fn finish(mut child: Child) -> Ended {
    let began = Instant::now();
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        let mut pipe = pipe.unwrap();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).map(|_| String::from_utf8(bytes).unwrap())
        })
    };
    let out = reader(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let err = reader(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let mut status = None;
    let ended = wait_until(DEADLINE, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    if !ended {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (out, err) = (out.join().unwrap().unwrap(), err.join().unwrap().unwrap());
    assert!(ended, "it did not end: {out}\n{err}");
    Ended { status: status.unwrap(), out, err, took: began.elapsed() }
}

/// Sends a signal.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// The pane of a run with this method.
pub fn pane<'a>(run: &'a Value, method: &str) -> &'a Value {
    let panes = run["panes"].as_array().unwrap();
    panes.iter().find(|pane| pane["method"] == method).unwrap_or_else(|| panic!("no pane {method} in {run:#}"))
}

/// The measures of a pane with this id.
pub fn measures<'a>(pane: &'a Value, id: &str) -> Vec<&'a Value> {
    pane["measures"].as_array().unwrap().iter().filter(|measure| measure["id"] == id).collect()
}

/// The numbers of a JSON array.
pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no array")).iter().map(|p| p.as_f64().unwrap()).collect()
}

/// The strings of a JSON array.
pub fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no array")).iter().map(|s| s.as_str().unwrap()).collect()
}

/// A run without the only parts in which two runs of one seed differ.
pub fn lasting(mut run: Value) -> Value {
    let head = run["run"].as_object_mut().unwrap();
    head.remove("id").unwrap();
    head.remove("started").unwrap();
    run.as_object_mut().unwrap().remove("timing").unwrap();
    run
}
