//! What the sections have in common: an engine, the floor beside it, and what they are asked.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Runtime;

use super::floor::Floor;
use crate::app::session::{EngineChoice, EngineSession};
use crate::cli::bench::report::Report;
use crate::cli::bench::subject::Subject;
use crate::cli::{Failure, Global};
use crate::config::Paths;
use crate::data::Wordings;
use crate::data::catalogue::Catalogue;
use crate::data::personas::Personas;
use crate::domain::{Persona, Question, Turn, TurnRole};
use crate::engine::host::Loader as _;
use crate::engine::protocol::{LoadRequest, Prompt};
use crate::engine::scheduler::device::{Device, Pulse, Token};
use crate::engine::scripted::ScriptedLoader;
use crate::engine::{EngineError, EngineSpec};
use crate::methods::{LetteredOption, Texts as _};

/// Self-tests of a large model take long, and nothing is measured beside them.
const TESTED: Duration = Duration::from_secs(180);
/// Pack of all questions.
const PACK: &str = "debates";
/// Personas of all measurements.
const PERSONAS: usize = 6;

/// The engine and all that is measured with it.
pub(super) struct Bench {
    pub(super) subject: Subject,
    global: Global,
    /// Of the engine and of the floor.
    pub(super) threads: usize,
    runtime: Runtime,
    engine: Option<EngineSession>,
    floor: Option<Floor>,
    pub(super) wordings: Arc<Wordings>,
    pub(super) questions: Vec<Question>,
    pub(super) personas: Vec<Persona>,
}

impl Bench {
    pub(super) fn new(subject: Subject, global: &Global) -> Result<Self, Failure> {
        let available = std::thread::available_parallelism().map_or(1, usize::from);
        // The folder is empty: whatever the user has laid over them, the bundled ones are measured.
        let paths = Paths { data: subject.data().to_path_buf() };
        let pack = Catalogue::load(&paths).pack(PACK)?;
        let personas = Personas::load(&paths);
        Ok(Self {
            subject,
            global: global.clone(),
            threads: global.threads.unwrap_or(available),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            engine: None,
            floor: None,
            wordings: Arc::new(Wordings::load(&paths)),
            questions: pack.questions.to_vec(),
            personas: personas.all().iter().take(PERSONAS).map(|entry| entry.persona.clone()).collect(),
        })
    }

    /// Says what is measured.
    pub(super) fn describe(&mut self, report: &mut Report) -> Result<(), Failure> {
        let engine = self.engine()?;
        let facts = engine.engine_facts();
        report.say("model", engine.loaded.name.as_str());
        report.say("quantisation", engine.loaded.quantisation.as_str());
        report.say("build", facts.build);
        report.say("profile", facts.profile);
        report.say("attention", engine.loaded.attention);
        report.say("class", facts.class);
        report.count("threads", u64::from(facts.threads));
        report.count("context", u64::from(facts.context));
        Ok(())
    }

    /// Waits for `work`.
    pub(super) fn wait<T, E: Into<Failure>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        self.runtime.block_on(work).map_err(Into::into)
    }

    /// The engine with as many threads as the floor has; started again if it is gone.
    pub(super) fn engine(&mut self) -> Result<EngineSession, Failure> {
        if let Some(engine) = self.engine.as_ref().filter(|engine| engine.client.dead().is_none()) {
            return Ok(engine.clone());
        }
        let engine = self.start(Some(self.threads))?;
        self.engine = Some(engine.clone());
        Ok(engine)
    }

    /// An engine of its own with so many threads, tested; absent: it adapts them to the load.
    pub(super) fn start(&self, threads: Option<usize>) -> Result<EngineSession, Failure> {
        let choice = EngineChoice {
            spec: self.subject.engine.clone(),
            model: self.subject.model.clone(),
            threads,
            paths: Paths { data: self.subject.data().to_path_buf() },
            ..self.global.engine_choice(false)?
        };
        self.runtime.block_on(async {
            let engine = EngineSession::open(&choice, |_| {}).await?;
            engine.client.model_report(TESTED).await;
            Ok(engine)
        })
    }

    /// The engine with nothing kept of what it computed before, and its buffers in use.
    pub(super) fn cold(&mut self) -> Result<EngineSession, Failure> {
        let engine = self.engine()?;
        let is_local = matches!(self.subject.engine, EngineSpec::Llama);
        let request = LoadRequest {
            path: self.subject.model.clone().unwrap_or_default(),
            context: self.global.ctx,
            data: is_local.then(|| self.subject.data().display().to_string()),
            keep_states: false,
            others: None,
        };
        let prompt = Prompt::Raw { text: "0 0 0 0".to_owned() };
        self.wait(async {
            engine.client.load(request, |_| {}).await?;
            super::voices::finish(engine.client.generate(super::voices::request(&prompt, 4, 0))).await?;
            Ok::<_, EngineError>(())
        })?;
        Ok(engine)
    }

    /// llama.cpp's own loop on the same model.
    pub(super) fn floor(&mut self) -> Result<&mut Floor, Failure> {
        let (EngineSpec::Llama, Some(model)) = (&self.subject.engine, self.subject.model.clone()) else {
            return Err(Failure::new("it is compared with llama.cpp's own loop; use --engine llama"));
        };
        if self.floor.is_none() {
            let loaded = self.engine()?.loaded;
            let floor = Floor::start(&self.global, &model, self.subject.data(), self.threads)?;
            let settings = |loaded: &crate::engine::protocol::Loaded| {
                (loaded.context, loaded.sequences, loaded.threads, loaded.profile.clone(), loaded.attention.clone())
            };
            if settings(&floor.loaded) != settings(&loaded) {
                return Err(Failure::new("the floor has other settings than the engine; please report this"));
            }
            self.floor = Some(floor);
        }
        self.floor.as_mut().ok_or_else(|| Failure::new("there is no floor"))
    }

    /// The tokens of prompts as the engine lays them out.
    pub(super) fn tokens(&mut self, prompts: Vec<Prompt>) -> Result<Vec<Vec<Token>>, Failure> {
        if self.subject.is_real() {
            return self.floor()?.tokens(prompts);
        }
        let loaded = ScriptedLoader::new(None).load(&LoadRequest::default(), &Pulse::default(), &mut |_| true);
        let render = |device: &dyn Device| prompts.iter().map(|prompt| device.render(prompt)).collect::<Result<_, _>>();
        let rendered: Result<Vec<_>, _> = loaded.and_then(|(device, _)| render(device.as_ref()));
        let rendered = rendered.map_err(|refusal| Failure::new(refusal.message))?;
        Ok(rendered.into_iter().map(|rendered| rendered.tokens).collect())
    }

    /// A prompt for the letter of one of `options` in the order of `order`, as `persona`.
    pub(super) fn choice(
        &self,
        question: &str,
        persona: &Persona,
        options: &[&str],
        order: &[usize],
    ) -> Result<(Prompt, Vec<String>), Failure> {
        let options = LetteredOption::all(order.iter().map(|index| options[*index]));
        let labels = options.iter().map(|option| option.letter.clone()).collect();
        let values = json!({ "question": question, "persona": persona.text(), "options": options });
        let text = self.wordings.write("persona-prompt", "choice", &values).map_err(Failure::new)?;
        let prefill = self.wordings.write("option-logits", "prefill", &json!({})).map_err(Failure::new)?;
        Ok((chat(text, Some(prefill)), labels))
    }
}

/// A prompt of one turn.
pub(super) fn chat(text: String, prefill: Option<String>) -> Prompt {
    Prompt::Chat { turns: vec![Turn { role: TurnRole::User, content: text }], prefill }
}
