//! `parallax engine`: the child process that computes. Hidden from help; it speaks the protocol on its standard input
//! and output.

#[cfg(feature = "llama")]
use std::path::{Path, PathBuf};

#[cfg(feature = "llama")]
use crate::config::Paths;
#[cfg(feature = "llama")]
use crate::engine::llama::{Checked, CheckedAdapter};
use crate::engine::steering::SteeredBy;
use crate::engine::{EngineSpec, Profile, host, scripted};
#[cfg(feature = "llama")]
use crate::models::{gguf, model_sha256};

use super::{Failure, Outcome};

/// Marks a process whose environment is that of its profile already.
#[cfg(feature = "llama")]
const ENVIRONMENT_SET: &str = "PARALLAX_ENGINE_PROFILE";

/// Options of `parallax engine`.
#[derive(Debug, clap::Args)]
pub struct Command {
    /// `llama` or `scripted:FAULT@N`
    #[arg(long, default_value = "llama")]
    kind: EngineSpec,
    /// How rows are steered: `rows`, or `turns`; absent: as the self-test finds best
    #[arg(long, value_name = "HOW")]
    steering: Option<SteeredBy>,
}

/// Runs the engine until its standard input ends.
pub fn run(command: &Command, profile: Profile, threads: Option<usize>) -> Outcome {
    match &command.kind {
        EngineSpec::Llama => llama(profile, threads, command.steering),
        EngineSpec::Scripted(fault) => {
            let sink = scripted::FaultySink::new(host::LineSink(std::io::stdout()), *fault);
            host::serve(std::io::stdin(), sink, &mut scripted::ScriptedLoader::new(*fault));
            Ok(())
        }
        EngineSpec::Command(_) => Err(Failure::usage("--kind takes llama or scripted")),
    }
}

#[cfg(not(feature = "llama"))]
fn llama(_profile: Profile, _threads: Option<usize>, _steering: Option<SteeredBy>) -> Outcome {
    Err(Failure::new("this build has no llama.cpp; build it with the feature `llama`, or use --engine scripted"))
}

#[cfg(feature = "llama")]
fn llama(profile: Profile, threads: Option<usize>, steering: Option<SteeredBy>) -> Outcome {
    let mut loader = llama_loader(profile, threads, steering)?;
    host::serve(std::io::stdin(), host::LineSink(std::io::stdout()), &mut loader);
    Ok(())
}

/// What loads models with llama.cpp, in the environment of the profile: a process that has another one becomes the same
/// program anew first.
#[cfg(feature = "llama")]
pub(super) fn llama_loader(
    profile: Profile,
    threads: Option<usize>,
    steering: Option<SteeredBy>,
) -> Result<crate::engine::llama::LlamaLoader, Failure> {
    use crate::engine::llama::{LlamaLoader, Services, environment};

    if std::env::var(ENVIRONMENT_SET).as_deref() != Ok(profile.id()) {
        return Err(restart(profile, environment(profile)));
    }
    let services = Services { check, sha256, adapter, cache };
    LlamaLoader::start(profile, threads, steering, services).map_err(Failure::new)
}

/// Checks a model by its header, in safe code, before any C++ reads it.
#[cfg(feature = "llama")]
fn check(path: &Path) -> Result<Checked, String> {
    let path = gguf::first_part(path);
    let facts = gguf::read_facts(&path).map_err(|error| error.to_string())?;
    Ok(Checked { path, shape: facts.shape })
}

/// Checks an adapter and that it fits the model, in safe code.
#[cfg(feature = "llama")]
fn adapter(path: &Path, model: &Path) -> Result<CheckedAdapter, String> {
    let gguf::AdapterFacts { name, alpha, rank, tensors, bytes } =
        gguf::read_adapter(path, model).map_err(|error| error.to_string())?;
    Ok(CheckedAdapter { name, alpha, rank, tensors, bytes })
}

#[cfg(feature = "llama")]
fn sha256(path: &Path, data: Option<&Path>) -> Option<String> {
    let paths = Paths::resolve(data).ok()?;
    model_sha256(path, &paths).ok()
}

#[cfg(feature = "llama")]
fn cache(data: Option<&Path>) -> Option<PathBuf> {
    Paths::resolve(data).ok().map(|paths| paths.cache())
}

/// Becomes the same program with the environment of the profile: libgomp and ggml read theirs before `main`. Returns
/// only when that fails.
#[cfg(all(feature = "llama", unix))]
fn restart(profile: Profile, environment: &[(&str, &str)]) -> Failure {
    use std::os::unix::process::CommandExt;

    let failed = |error: std::io::Error| Failure::new(format!("the engine cannot start itself anew: {error}"));
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(error),
    };
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1)).envs(environment.iter().copied()).env(ENVIRONMENT_SET, profile.id());
    failed(command.exec())
}

#[cfg(all(feature = "llama", not(unix)))]
fn restart(_profile: Profile, _environment: &[(&str, &str)]) -> Failure {
    Failure::new("the engine runs on Unix-like systems only; use --engine COMMAND with a remote one")
}
