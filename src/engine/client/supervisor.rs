//! One engine process: started, watched, and ended with all that it started.

use std::process::{ExitStatus, Stdio};
use std::sync::Weak;

#[cfg(unix)]
use rustix::process::{Pid, Signal};
use tokio::io::BufReader;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::wire::Wire;
use super::{ClientOptions, Shared};
use crate::config::open_log;
use crate::engine::error::EngineError;
use crate::engine::spec::EngineSpec;

pub(super) struct Supervisor {
    child: Child,
    wire: Wire<BufReader<ChildStdout>, ChildStdin>,
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
    let (shared, ends) = Shared::new(options, child.id());
    let stdout = BufReader::with_capacity(64 << 10, stdout);
    let wire = Wire { stdout, stdin, ends, name, hang_after: options.hang_after, log };
    Ok((shared, Supervisor { child, wire }))
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
        let error = self.wire.route(&shared).await;
        self.kill();
        let exit = self.child.wait().await;
        // Whoever waits for an answer that came before the end reads it first.
        tokio::task::yield_now().await;
        let error = error.unwrap_or_else(|| EngineError::Died { how: describe(&exit), log: self.wire.log.clone() });
        if let Some(shared) = shared.upgrade() {
            shared.routes().end(&error);
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
