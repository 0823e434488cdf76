//! What is measured: the engine and model, the folder, the time there is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::cues;
use super::grid::Grid;
use super::sitting::{Launch, Sitting};
use crate::cli::{Failure, Global};
use crate::engine::EngineSpec;
use crate::models;

/// A model may be large and its first self-tests slow.
pub(super) const LOADING: Duration = Duration::from_secs(120);
/// Answers of the screen to a key, at the very worst.
pub(super) const SHORT: Duration = Duration::from_secs(10);

/// Everything the measurements have in common.
#[derive(Debug)]
pub(super) struct Subject {
    /// The engine as the command line names it.
    pub(super) engine: EngineSpec,
    /// Its model, where it needs one.
    pub(super) model: Option<String>,
    /// Options that both name.
    options: Vec<String>,
    rest: Vec<String>,
    folder: Folder,
    pub(super) is_quick: bool,
    until: Option<Instant>,
}

/// So long may a quick run take, in all; the last measurement that was begun is finished.
const QUICK: Duration = Duration::from_secs(42);

impl Subject {
    /// The engine that is asked for; without a model for it the scripted one, and why.
    pub(super) fn new(global: &Global, is_quick: bool) -> Result<(Self, Option<String>), Failure> {
        let (engine, model, why) = match &global.engine {
            EngineSpec::Llama => match llama(global) {
                Ok(model) => (EngineSpec::Llama, Some(model), None),
                Err(why) => (EngineSpec::Scripted(None), None, Some(why)),
            },
            other => (other.clone(), global.model.clone(), None),
        };
        let mut rest = vec!["--profile".to_owned(), global.profile.to_string()];
        for (name, value) in
            [("--threads", global.threads.map(|n| n.to_string())), ("--ctx", global.ctx.map(|n| n.to_string()))]
        {
            rest.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
        }
        let mut options = vec!["--engine".to_owned(), engine.to_string()];
        options.extend(model.iter().flat_map(|model| ["--model".to_owned(), model.clone()]));
        options.extend(rest.iter().cloned());
        let until = is_quick.then(|| Instant::now() + QUICK);
        let subject = Self { engine, model, options, rest, folder: Folder::new()?, is_quick, until };
        Ok((subject, why))
    }

    /// Whether a model computes; else everything is scripted.
    pub(super) fn is_real(&self) -> bool {
        !matches!(self.engine, EngineSpec::Scripted(_))
    }

    /// `quick` in a quick run, else `whole`.
    pub(super) fn either<T>(&self, quick: T, whole: T) -> T {
        if self.is_quick { quick } else { whole }
    }

    /// Whether a quick run has used up its time.
    pub(super) fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Options that name engine and model.
    pub(super) fn options(&self) -> &[String] {
        &self.options
    }

    /// The data folder of all measurements.
    pub(super) fn data(&self) -> &Path {
        &self.folder.0
    }

    /// A workbench with the engine that is measured.
    pub(super) fn sit(&self) -> Result<Sitting, Failure> {
        self.launch(&self.options, false, false)
    }

    /// A workbench with another engine, drawn with 16 colours.
    pub(super) fn sit_with(&self, engine: &str, is_remote: bool) -> Result<Sitting, Failure> {
        let mut options = vec!["--engine".to_owned(), engine.to_owned()];
        options.extend(self.rest.iter().cloned());
        self.launch(&options, is_remote, true)
    }

    /// A workbench with the engine that is measured, drawn with 16 colours.
    pub(super) fn sit_in_16_colours(&self, is_remote: bool) -> Result<Sitting, Failure> {
        self.launch(&self.options, is_remote, true)
    }

    fn launch(&self, options: &[String], is_remote: bool, has_16_colours: bool) -> Result<Sitting, Failure> {
        Sitting::start(&Launch { options, data: self.data(), is_remote, has_16_colours })
    }

    /// A workbench whose model is ready and tested.
    pub(super) fn sit_ready(&self) -> Result<Sitting, Failure> {
        let mut sitting = self.sit()?;
        ready(&mut sitting, cues::has_class)?;
        Ok(sitting)
    }
}

/// Waits until the model is as far as `cue` says, and says when that was; an engine that fails is not waited for.
pub(super) fn ready(sitting: &mut Sitting, cue: impl Fn(&Grid) -> bool) -> Result<Instant, Failure> {
    let at = sitting.wait("the model", LOADING, |grid| cue(grid) || cues::trouble(grid).is_some())?;
    match cues::trouble(sitting.grid()) {
        Some(sentence) => Err(Failure::new(format!("the workbench has no model: {sentence}"))),
        None => Ok(at),
    }
}

/// The model that llama.cpp would load, or why there is none.
fn llama(global: &Global) -> Result<String, String> {
    if !cfg!(feature = "llama") {
        return Err("this build has no llama.cpp, so the scripted engine is measured".to_owned());
    }
    let paths = global.paths().map_err(|failure| failure.sentence)?;
    models::resolve(global.model.as_deref(), &paths)
        .map(|path| path.display().to_string())
        .map_err(|error| format!("the scripted engine is measured, because there is no model: {error}"))
}

/// A folder that goes with its owner.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let path = std::env::temp_dir().join(format!("parallax-bench-{}-{nanos}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| {
            Failure::new(format!(
                "`{}` cannot be made ({error}); set TMPDIR to a folder that can be written",
                path.display()
            ))
        })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over lies in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
