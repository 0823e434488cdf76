//! `parallax bench floor`: the child process of [`mod@super::floor`].

use std::io::{BufRead, Write};
use std::path::Path;

use super::floor::{Answer, Ask};
use crate::cli::{Failure, Global, Outcome, engine};
use crate::engine::llama::{Computed, Floor, LlamaLoader};

/// Runs it on standard input and output, in the environment of the profile.
pub(super) fn run(global: &Global) -> Outcome {
    let mut loader = engine::llama_loader(global.profile, global.threads, None)?;
    let mut floor = None;
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(ask) => answer(ask, &mut loader, &mut floor),
            Err(error) => Err(format!("a line is not understood: {error}")),
        };
        let mut line = serde_json::to_vec(&answer.unwrap_or_else(|message| Answer::Failed { message }))?;
        line.push(b'\n');
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            return Err(Failure::silent(0));
        }
    }
    Ok(())
}

fn answer(ask: Ask, loader: &mut LlamaLoader, floor: &mut Option<Floor>) -> Result<Answer, String> {
    if let Ask::Load { path, context, data } = ask {
        *floor = None;
        let loaded = floor.insert(Floor::load(loader, Path::new(&path), context, Some(data))?).loaded().clone();
        return Ok(Answer::Loaded(Box::new(loaded)));
    }
    let floor = floor.as_mut().ok_or("no model is loaded; send `load` first")?;
    let computed =
        |computed: Computed| Answer::Computed { tokens: computed.tokens, seconds: computed.time.as_secs_f64() };
    match ask {
        Ask::Load { .. } => Err("a model is loaded already".to_owned()),
        Ask::Tokens { prompts } => {
            let lists: Result<_, _> = prompts.iter().map(|prompt| floor.tokens(prompt)).collect();
            Ok(Answer::Tokens { lists: lists? })
        }
        Ask::Continuations { texts } => {
            Ok(Answer::Tokens { lists: texts.iter().map(|text| floor.continuation(text)).collect() })
        }
        Ask::Write { prompt, sequences, steps, temperature, seed } => {
            floor.write(&prompt, sequences, steps, temperature, seed).map(computed)
        }
        Ask::Tree { known, texts, scores } => floor.tree(&known, &texts, scores).map(computed),
    }
}
