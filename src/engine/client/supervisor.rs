//! Watches one engine process: routes its lines, and ends it when it dies, hangs or talks nonsense.

use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, Weak};
use std::time::Duration;

#[cfg(unix)]
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::line::{Line, read_line};
use super::{ClientOptions, Routes, Shared};
use crate::config::open_log;
use crate::engine::error::EngineError;
use crate::engine::protocol::{Ev, Event, MAX_LINE, ModelReport, Status};
use crate::engine::spec::EngineSpec;
use crate::text::SafeText;

/// How much longer an engine that seems to hang is listened to. Whoever was stopped (Ctrl-Z) or busy notices a deadline
/// before it has looked at what the engine said meanwhile.
const GRACE: Duration = Duration::from_millis(250);

pub(super) struct Supervisor {
    name: String,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    lines: mpsc::UnboundedReceiver<Vec<u8>>,
    status: watch::Sender<Status>,
    report: watch::Sender<ModelReport>,
    stop: oneshot::Receiver<()>,
    hang_after: Duration,
    log: String,
}

/// Starts the process.
pub(super) fn spawn(options: &ClientOptions) -> Result<(Shared, Supervisor), EngineError> {
    let name = options.spec.to_string();
    let failed = |cause: String| EngineError::Start { engine: name.clone(), cause };
    let mut command = command(options).map_err(failed)?;
    // An engine without a log is better than none.
    let log = options.log.as_deref().and_then(|path| Some((open_log(path).ok()?, path)));
    let (stderr, log) = match log {
        Some((file, path)) => (Stdio::from(file), format!(", its log is `{}`", path.display())),
        None => (Stdio::null(), String::new()),
    };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).kill_on_drop(true);
    // Ctrl-C in the terminal is the app's to handle: it keeps what is finished and then ends the engine.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("it has no pipes".to_owned()));
    };
    let (line_sender, lines) = mpsc::unbounded_channel();
    let (status_sender, status) = watch::channel(Status::default());
    let (report_sender, report) = watch::channel(ModelReport::default());
    let (stop_sender, stop) = oneshot::channel();
    let shared = Shared {
        name: name.clone(),
        kind: options.spec.kind(),
        next_id: 1.into(),
        routes: Mutex::new(Routes::default()),
        lines: line_sender,
        status,
        report,
        pid: child.id(),
        hang_after: options.hang_after,
        stop: Mutex::new(Some(stop_sender)),
        tap: Mutex::new(None),
    };
    let supervisor = Supervisor {
        name,
        child,
        stdin,
        stdout: BufReader::with_capacity(64 << 10, stdout),
        lines,
        status: status_sender,
        report: report_sender,
        stop,
        hang_after: options.hang_after,
        log,
    };
    Ok((shared, supervisor))
}

fn command(options: &ClientOptions) -> Result<Command, String> {
    let own = |engine: &str| -> Result<Command, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["engine", "--kind", engine, "--profile", options.profile.id()]);
        if let Some(threads) = options.threads {
            command.args(["--threads", &threads.to_string()]);
        }
        Ok(command)
    };
    match &options.spec {
        EngineSpec::Llama => own("llama"),
        EngineSpec::Scripted(None) => own("scripted"),
        EngineSpec::Scripted(Some(fault)) => own(&format!("scripted:{fault}")),
        EngineSpec::Command(words) => {
            let (program, rest) = words.split_first().ok_or("the command is empty")?;
            let mut command = Command::new(program);
            command.args(rest);
            Ok(command)
        }
    }
}

impl Supervisor {
    /// Runs until the engine is gone or the last handle on it is.
    pub(super) async fn run(mut self, shared: Weak<Shared>) {
        let error = self.route(&shared).await;
        self.kill();
        let exit = self.child.wait().await;
        // Whoever waits for an answer that came before the end reads it first.
        tokio::task::yield_now().await;
        let error = error.unwrap_or_else(|| EngineError::Died { how: describe(&exit), log: self.log.clone() });
        let Some(shared) = shared.upgrade() else { return };
        let mut routes = shared.routes();
        routes.dead = Some(error.clone());
        for (_, route) in routes.open.drain() {
            // Whoever asked may have gone.
            let _ = route.send(Err(error.clone()));
        }
    }

    /// Ends the process and all that it started: a command may be a wrapper around the engine. What is gone already
    /// cannot be killed again.
    fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.start_kill();
    }

    /// Routes lines until something ends it. `None` means the process ended by itself, and its exit status says why.
    async fn route(&mut self, shared: &Weak<Shared>) -> Option<EngineError> {
        let mut partial = Vec::new();
        let mut last_sign = Instant::now();
        let mut grace = None;
        loop {
            let is_owed = shared.upgrade()?.routes().open.keys().next().is_some();
            let deadline = grace.unwrap_or(last_sign + self.hang_after);
            tokio::select! {
                // What the engine said counts before the deadline.
                biased;
                _ = &mut self.stop => {
                    return Some(EngineError::Died { how: "it was stopped".to_owned(), log: String::new() });
                }
                line = self.lines.recv() => {
                    // The last handle is gone.
                    let line = line?;
                    // The engine was silent by right until now.
                    if !is_owed {
                        (last_sign, grace) = (Instant::now(), None);
                    }
                    let write = async { self.stdin.write_all(&line).await?; self.stdin.flush().await };
                    match tokio::time::timeout(self.hang_after, write).await {
                        // It reads no more: what it wrote last says why, or that it ended.
                        Ok(Ok(()) | Err(_)) => {}
                        Err(_) => return Some(self.hung()),
                    }
                }
                line = read_line(&mut self.stdout, &mut partial, MAX_LINE) => {
                    (last_sign, grace) = (Instant::now(), None);
                    match line {
                        Ok(Line::Whole(line)) => {
                            if let Err(what) = self.deliver(&line, shared) {
                                return Some(self.garbage(what));
                            }
                        }
                        Ok(Line::TooLong) => return Some(self.garbage(format!("longer than {MAX_LINE} bytes"))),
                        Ok(Line::End) | Err(_) => return None,
                    }
                }
                () = tokio::time::sleep_until(deadline) => match (is_owed, grace) {
                    (true, Some(_)) => return Some(self.hung()),
                    (true, None) => grace = Some(Instant::now() + GRACE),
                    (false, _) => (last_sign, grace) = (Instant::now(), None),
                },
            }
        }
    }

    fn hung(&self) -> EngineError {
        EngineError::Hung { seconds: self.hang_after.as_secs(), log: self.log.clone() }
    }

    fn garbage(&self, what: String) -> EngineError {
        EngineError::Garbage { what, engine: self.name.clone() }
    }

    fn deliver(&self, line: &[u8], shared: &Weak<Shared>) -> Result<(), String> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let event: Event = serde_json::from_slice(line).map_err(|_| {
            let start = String::from_utf8_lossy(&line[..line.len().min(60)]);
            format!("`{}`", SafeText::line(&start))
        })?;
        match (event.id, event.ev) {
            (None, Ev::Status(status)) => {
                self.status.send_replace(status);
            }
            (None, Ev::Model(report)) => self.report.send_modify(|known| {
                known.sha256 = report.sha256.or(known.sha256.take());
                known.class = report.class.or(known.class.take());
                known.detail = report.detail.or(known.detail.take());
            }),
            (None, _) => return Err("an event without an id".to_owned()),
            (Some(id), ev) => {
                let Some(shared) = shared.upgrade() else { return Ok(()) };
                let mut routes = shared.routes();
                let is_last = matches!(ev, Ev::Done(_) | Ev::Error(_) | Ev::Cancelled);
                let route = if is_last { routes.open.remove(&id) } else { routes.open.get(&id).cloned() };
                // Late events of a request that was dropped, and answers to `cancel`, have no route.
                if let Some(route) = route {
                    let _ = route.send(Ok(ev));
                }
            }
        }
        Ok(())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.kill();
    }
}

fn describe(exit: &std::io::Result<ExitStatus>) -> String {
    match exit {
        Ok(status) => status.to_string(),
        Err(error) => format!("its end is unknown: {error}"),
    }
}
