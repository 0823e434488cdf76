//! Voices that write at once, and how fast they do.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::engine::protocol::{GenerateRequest, Generated, Handling, Prompt, Sampler, Thinking};
use crate::engine::{EngineClient, EngineError, Generation, GenerationEvent};

/// Tokens of one step arrive within so long of each other.
const TOGETHER: Duration = Duration::from_millis(1);

/// A text that goes on for long: models seldom end a list of numbers.
pub(super) fn counting() -> Prompt {
    let numbers: Vec<String> = (100..124).map(|number| number.to_string()).collect();
    Prompt::Raw { text: numbers.join(", ") + "," }
}

/// A voice drawn from the model's own distribution.
pub(super) fn request(prompt: &Prompt, max_tokens: usize, seed: u64) -> GenerateRequest {
    GenerateRequest {
        prompt: prompt.clone(),
        max_tokens,
        sampler: Sampler::default(),
        seed,
        stop: Vec::new(),
        grammar: None,
        time_limit_ms: None,
        echo: false,
        thinking: Thinking::default(),
        forced: Vec::new(),
        steering: Vec::new(),
        alternatives: 0,
        handling: Handling::default(),
    }
}

/// Reads a voice to its end.
pub(super) async fn finish(generation: Generation) -> Result<Generated, EngineError> {
    listen(generation, |_| {}).await
}

/// The same, with every token and its probability.
pub(super) async fn finish_with_tokens(
    mut generation: Generation,
) -> Result<Vec<(Option<i32>, Option<f64>)>, EngineError> {
    let mut tokens = Vec::new();
    while let Some(event) = generation.next().await {
        match event? {
            GenerationEvent::Token { token, logprob, .. } => tokens.push((token, logprob)),
            GenerationEvent::Prompt { .. } => {}
            GenerationEvent::Done(_) => return Ok(tokens),
        }
    }
    Err(EngineError::Cancelled)
}

async fn listen(mut generation: Generation, mut seen: impl FnMut(Instant)) -> Result<Generated, EngineError> {
    while let Some(event) = generation.next().await {
        match event? {
            // Without an id it is text that was held back, and no token.
            GenerationEvent::Token { token: Some(_), .. } => seen(Instant::now()),
            GenerationEvent::Token { .. } | GenerationEvent::Prompt { .. } => {}
            GenerationEvent::Done(generated) => return Ok(generated),
        }
    }
    Err(EngineError::Cancelled)
}

/// Tokens a second of `voices` voices, from the moment when all of them have written their first token until the first
/// of them ends, which is after `steps` tokens more unless the model ends it; `None` when that was before half of them.
pub(super) async fn burst(
    client: &EngineClient,
    prompt: &Prompt,
    voices: u32,
    steps: usize,
    seed: u64,
) -> Result<Option<f64>, EngineError> {
    let requests = (0..u64::from(voices)).map(|voice| request(prompt, steps + 1, seed + voice));
    burst_of(client, requests.collect(), steps).await
}

/// The same of voices that are asked for in other ways, each for `steps + 1` tokens.
pub(super) async fn burst_of(
    client: &EngineClient,
    requests: Vec<GenerateRequest>,
    steps: usize,
) -> Result<Option<f64>, EngineError> {
    let starting: Vec<Generation> = requests.into_iter().map(|request| client.generate(request)).collect();
    let times = try_join_all(starting.into_iter().map(|generation| async {
        let mut times = Vec::with_capacity(steps + 1);
        listen(generation, |at| times.push(at)).await?;
        Ok::<_, EngineError>(times)
    }))
    .await?;
    let from = times.iter().filter_map(|times| times.first()).max();
    let to = times.iter().filter_map(|times| times.last()).min();
    let (Some(from), Some(to), false) = (from, to, times.iter().any(|times| times.len() * 2 < steps)) else {
        return Ok(None);
    };
    Ok(speed(times.iter().flatten().copied(), *from, *to))
}

/// Tokens a second between two moments at each of which tokens came.
fn speed(times: impl Iterator<Item = Instant>, from: Instant, to: Instant) -> Option<f64> {
    let count = times.filter(|at| *at > from + TOGETHER && *at <= to + TOGETHER).count();
    let seconds = to.checked_duration_since(from)?.as_secs_f64();
    (count > 0 && seconds > 0.0).then(|| count as f64 / seconds)
}

/// Tokens a second of `voices` voices that write without end, over `window` after `lead`.
pub(super) async fn pace(
    client: &EngineClient,
    prompt: &Prompt,
    voices: u32,
    lead: Duration,
    window: Duration,
) -> Result<f64, EngineError> {
    const LONG: usize = 160;
    let times = RefCell::new(Vec::new());
    let begin = Instant::now() + lead;
    let endless = (0..u64::from(voices)).map(|voice| {
        let times = &times;
        async move {
            // Whoever ends is followed by another.
            for turn in 0.. {
                let seed = voice + turn * 1000;
                listen(client.generate(request(prompt, LONG, seed)), |at| times.borrow_mut().push(at)).await?;
            }
            Ok(())
        }
    });
    // Voices that still write when the time is over are dropped, and with that cancelled.
    if let Ok(ended) = tokio::time::timeout(lead + window, try_join_all(endless)).await {
        ended?;
    }
    let times: Vec<Instant> = times.into_inner().into_iter().filter(|at| *at >= begin).collect();
    let ends = times.iter().min().zip(times.iter().max());
    let speed = ends.and_then(|(from, to)| speed(times.iter().copied(), *from, *to));
    // Beside foreign load not even two steps may end in that time.
    Ok(speed.unwrap_or(times.len() as f64 / window.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_begins_the_time_is_not_counted_and_one_that_ends_it_is() {
        let start = Instant::now();
        let at = |ms: f64| start + Duration::from_secs_f64(ms / 1000.0);
        let times = [0.0, 0.1, 10.0, 10.1, 20.0, 20.1].map(at);
        let speed = speed(times.into_iter(), times[0], times[4]);
        assert!(speed.is_some_and(|speed| (speed - 200.0).abs() < 1e-6), "{speed:?}");
        assert_eq!(super::speed(times.into_iter(), times[0], times[0]), None);
    }
}
