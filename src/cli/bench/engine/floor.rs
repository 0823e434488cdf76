//! The floor: a child process with llama.cpp's own loop, measured in turns with the engine. While one computes, the
//! other waits for a line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::cli::{Failure, Global};
use crate::engine::protocol::{Loaded, Prompt};
use crate::engine::scheduler::device::Token;

/// What the floor is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Ask {
    /// First of all.
    Load { path: String, context: Option<u32>, data: String },
    /// The tokens of prompts.
    Tokens { prompts: Vec<Prompt> },
    /// The tokens of texts that go on from a prompt.
    Continuations { texts: Vec<String> },
    /// See `Floor::write`.
    Write { prompt: Vec<Token>, sequences: u32, steps: usize, temperature: f32, seed: u32 },
    /// See `Floor::tree`.
    Tree { known: Vec<Token>, texts: Vec<Vec<Token>>, scores: bool },
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    /// To `load`.
    Loaded(Box<Loaded>),
    /// To `tokens` and `continuations`.
    Tokens { lists: Vec<Vec<Token>> },
    /// To the others.
    Computed { tokens: usize, seconds: f64 },
    /// One sentence.
    Failed { message: String },
}

/// A piece of work of the floor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) tokens: usize,
    pub(super) seconds: f64,
}

impl Work {
    pub(super) fn tokens_per_second(self) -> f64 {
        self.tokens as f64 / self.seconds
    }
}

/// The process.
#[derive(Debug)]
pub(super) struct Floor {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What it loaded.
    pub(super) loaded: Loaded,
}

impl Floor {
    /// Starts it, with the profile and threads of the engine it is compared with.
    pub(super) fn start(global: &Global, model: &str, data: &Path, threads: usize) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "floor", "--profile", global.profile.id(), "--threads", &threads.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new("the floor has no pipes"));
        };
        let answers = BufReader::new(answers);
        let mut floor = Self { child, requests, answers, loaded: Loaded::default() };
        match floor.ask(&Ask::Load { path: model.to_owned(), context: global.ctx, data: data.display().to_string() })? {
            Answer::Loaded(loaded) => floor.loaded = *loaded,
            _ => return Err(unexpected()),
        }
        Ok(floor)
    }

    fn ask(&mut self, ask: &Ask) -> Result<Answer, Failure> {
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        let mut answer = String::new();
        let sent = self.requests.write_all(&line).and_then(|()| self.requests.flush());
        if sent.and_then(|()| self.answers.read_line(&mut answer)).unwrap_or(0) == 0 {
            let how = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(Failure::new(format!("the floor ended ({how}); run `parallax bench floor` to see why")));
        }
        match serde_json::from_str(&answer)? {
            Answer::Failed { message } => Err(Failure::new(format!("the floor: {message}"))),
            answer => Ok(answer),
        }
    }

    fn lists(&mut self, ask: &Ask) -> Result<Vec<Vec<Token>>, Failure> {
        match self.ask(ask)? {
            Answer::Tokens { lists } => Ok(lists),
            _ => Err(unexpected()),
        }
    }

    fn work(&mut self, ask: &Ask) -> Result<Work, Failure> {
        match self.ask(ask)? {
            Answer::Computed { tokens, seconds } if seconds > 0.0 => Ok(Work { tokens, seconds }),
            _ => Err(unexpected()),
        }
    }

    /// The tokens of prompts.
    pub(super) fn tokens(&mut self, prompts: Vec<Prompt>) -> Result<Vec<Vec<Token>>, Failure> {
        self.lists(&Ask::Tokens { prompts })
    }

    /// The tokens of texts that go on from a prompt.
    pub(super) fn continuations(&mut self, texts: Vec<String>) -> Result<Vec<Vec<Token>>, Failure> {
        self.lists(&Ask::Continuations { texts })
    }

    /// Writes `steps` tokens in each of so many sequences.
    pub(super) fn write(&mut self, prompt: &[Token], sequences: u32, steps: usize, seed: u32) -> Result<Work, Failure> {
        self.work(&Ask::Write { prompt: prompt.to_vec(), sequences, steps, temperature: 1.0, seed })
    }

    /// Reads the prefix tree of `texts` after `known`; with `scores`, logits after every token.
    pub(super) fn tree(&mut self, known: &[Token], texts: Vec<Vec<Token>>, scores: bool) -> Result<Work, Failure> {
        self.work(&Ask::Tree { known: known.to_vec(), texts, scores })
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // It holds nothing that is worth an orderly end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unexpected() -> Failure {
    Failure::new("the floor answered with something else; please report this")
}
