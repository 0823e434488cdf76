//! The real starter model and an engine on it, for tests.

use std::path::PathBuf;
use std::time::Duration;

use parallax::domain::{Turn, TurnRole};
use parallax::engine::client::ClientOptions;
use parallax::engine::protocol::{
    GenerateRequest, Generated, Handling, LoadRequest, Loaded, Prompt, Sampler, Thinking,
};
use parallax::engine::{EngineClient, EngineError, EngineSpec, GenerationEvent};

/// The model that `make test` fetches.
pub fn path() -> PathBuf {
    if let Some(path) = std::env::var_os("PARALLAX_TEST_MODEL") {
        return path.into();
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let fetched = root.join("target/models-for-tests/models/SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(
        fetched.is_file(),
        "no model for the engine tests: run `make test`, or name one with PARALLAX_TEST_MODEL=FILE"
    );
    fetched
}

/// Runs `test` against a fresh engine with the model loaded.
pub fn with_engine<F: Future<Output = ()>>(
    options: &[&str],
    context: Option<u32>,
    test: impl FnOnce(EngineClient, Loaded) -> F,
) {
    let home = tempfile::tempdir().unwrap();
    let mut words = vec![env!("CARGO_BIN_EXE_parallax").to_owned(), "engine".to_owned()];
    words.extend(options.iter().map(|word| (*word).to_owned()));
    let spec = EngineSpec::Command(words);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let hang_after = Duration::from_secs(120);
        let client = EngineClient::start(ClientOptions { hang_after, ..ClientOptions::new(spec) }).await.unwrap();
        let data = Some(home.path().display().to_string());
        let request =
            LoadRequest { path: path().display().to_string(), context, data, keep_states: false, others: None };
        let loaded = client.load(request, |_| {}).await.unwrap();
        test(client, loaded).await;
    });
}

/// A chat prompt of one question.
pub fn ask(text: &str) -> Prompt {
    Prompt::Chat { turns: vec![Turn { role: TurnRole::User, content: text.to_owned() }], prefill: None }
}

/// A request for text.
pub fn write(prompt: Prompt, max_tokens: usize, seed: u64) -> GenerateRequest {
    let (stop, grammar, time_limit_ms) = (Vec::new(), None, None);
    GenerateRequest {
        prompt,
        max_tokens,
        sampler: Sampler::default(),
        seed,
        stop,
        grammar,
        time_limit_ms,
        echo: false,
        thinking: Thinking::Auto,
        forced: Vec::new(),
        steering: Vec::new(),
        adapters: Vec::new(),
        alternatives: 0,
        handling: Handling::default(),
    }
}

/// The whole voice and the logarithms of its tokens' probabilities.
pub async fn finish(client: &EngineClient, request: GenerateRequest) -> Result<(Generated, Vec<f64>), EngineError> {
    let mut generation = client.generate(request);
    let (mut text, mut logprobs) = (String::new(), Vec::new());
    while let Some(event) = generation.next().await {
        match event? {
            GenerationEvent::Token { text: delta, logprob, .. } => {
                text.push_str(&delta);
                logprobs.extend(logprob);
            }
            GenerationEvent::Done(generated) => {
                assert_eq!(text, generated.text, "the deltas are the text");
                return Ok((generated, logprobs));
            }
            GenerationEvent::Prompt { .. } => {}
        }
    }
    Err(EngineError::Cancelled)
}
