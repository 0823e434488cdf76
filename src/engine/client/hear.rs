//! A client whose engine has said a given row of bytes and is gone: for tests and fuzzing.

use std::sync::{Arc, Weak};

use tokio::io::{AsyncBufRead, AsyncWrite, BufReader};

use super::wire::Wire;
use super::{ClientOptions, EngineClient, Shared};
use crate::engine::error::EngineError;
use crate::engine::protocol::{
    GenerateRequest, Handling, Hello, LoadRequest, Prompt, Sampler, ScoreContinuationsRequest, ScoreOptionsRequest,
    Thinking,
};
use crate::engine::spec::EngineSpec;

/// Asks five things of an engine that says `said` and nothing else, read in pieces of `piece` bytes: a load (id 1), two
/// voices (2 and 3), a scoring of two labels (4) and one of two texts (5). Returns how each ended.
pub fn hear(said: &[u8], piece: usize) -> std::io::Result<Vec<Result<(), EngineError>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let stdout = BufReader::with_capacity(piece.max(1), said);
    Ok(runtime.block_on(async {
        let options = ClientOptions::new(EngineSpec::Scripted(None));
        let (client, wire) = connect(&options, stdout, tokio::io::sink());
        let written = async || {
            let mut generation = client.generate(voice());
            while let Some(event) = generation.next().await {
                event?;
            }
            Ok(())
        };
        let prompt = Prompt::Raw { text: "Why?".to_owned() };
        let handling = Handling::default();
        let texts = vec!["A".to_owned(), "B".to_owned()];
        let labels = ScoreOptionsRequest {
            prompt: prompt.clone(),
            labels: texts.clone(),
            echo: true,
            steering: Vec::new(),
            handling,
        };
        let continuations =
            ScoreContinuationsRequest { prompt, continuations: texts, echo: true, steering: Vec::new(), handling };
        let asked = async {
            let (load, first, second, options, continuations) = tokio::join!(
                async { client.load(LoadRequest::default(), |_| {}).await.map(drop) },
                written(),
                written(),
                async { client.score_options(labels, |_, _| {}).await.map(drop) },
                async { client.score_continuations(continuations, |_, _| {}).await.map(drop) },
            );
            vec![load, first, second, options, continuations]
        };
        tokio::join!(asked, wire).0
    }))
}

fn voice() -> GenerateRequest {
    GenerateRequest {
        prompt: Prompt::Raw { text: "Why?".to_owned() },
        max_tokens: 4,
        sampler: Sampler::default(),
        seed: 1,
        stop: Vec::new(),
        grammar: None,
        time_limit_ms: None,
        echo: true,
        thinking: Thinking::default(),
        forced: Vec::new(),
        steering: Vec::new(),
        alternatives: 0,
        handling: Handling::default(),
    }
}

/// A client of an engine that is behind two streams and has greeted already, and what works for it: to be polled beside
/// the requests, until the engine's output ends or it does wrong.
pub fn connect<R, W>(
    options: &ClientOptions,
    stdout: R,
    stdin: W,
) -> (EngineClient, impl Future<Output = ()> + use<R, W>)
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (shared, ends) = Shared::new(options, None);
    let (shared, name, hang_after) = (Arc::new(shared), options.spec.to_string(), options.hang_after);
    let weak: Weak<Shared> = Arc::downgrade(&shared);
    let mut wire = Wire { stdout, stdin, ends, name, hang_after, log: String::new() };
    let work = async move {
        let ended = || EngineError::Died { how: "its output ended".to_owned(), log: String::new() };
        let error = wire.route(&weak).await.unwrap_or_else(ended);
        if let Some(shared) = weak.upgrade() {
            shared.routes().end(&error);
        }
    };
    let hello = Hello {
        version: crate::engine::protocol::VERSION,
        engine: "none".to_owned(),
        build: "none".to_owned(),
        devices: Vec::new(),
        features: Vec::new(),
        cores: None,
    };
    (EngineClient { shared, hello: Arc::new(hello) }, work)
}
