//! Three panes with six personas at once, over the very same requests one after the other with nothing shared.

use std::time::{Duration, Instant};

use super::bench::Bench;
use super::panes::{self, Ran};
use super::voices;
use crate::cli::Outcome;
use crate::cli::bench::report::{Report, median};
use crate::domain::Mode;
use crate::engine::protocol::{Handling, Op, Usage};
use crate::engine::{EngineClient, EngineError};

/// The panes.
pub(super) const PANES: [(Mode, &str); 3] =
    [(Mode::Overton, "ensemble"), (Mode::Steered, "persona-prompt"), (Mode::Distribution, "option-logits")];
/// Most tokens of one voice.
pub(super) const TOKENS: usize = 96;
pub(super) const TOKENS_QUICK: usize = 16;
const ROUNDS: usize = 3;
const ROUNDS_QUICK: usize = 1;

/// Measures it.
pub(super) fn measure(bench: &mut Bench, report: &mut Report) -> Outcome {
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    let (mut seconds, mut seconds_warm, mut seconds_alone) = (Vec::new(), Vec::new(), Vec::new());
    let rounds = bench.subject.either(ROUNDS_QUICK, ROUNDS);
    report.count("one_by_one_rounds", rounds as u64);
    for _ in 0..rounds {
        let spec = panes::spec(bench, &PANES, bench.subject.either(TOKENS_QUICK, TOKENS))?;
        let engine = bench.cold()?;
        let first = panes::run(bench, &engine, spec.clone(), |_, _| false)?;
        let again = panes::run(bench, &engine, spec, |_, _| false)?;
        let (alone, usage) = bench.wait(one_by_one(&engine.client, &first))?;
        compare(report, &first, usage);
        let [first, again, alone] = [first.time, again.time, alone].map(|time| time.as_secs_f64());
        cold.push(first / alone);
        warm.push(again / alone);
        seconds.push(first);
        seconds_warm.push(again);
        seconds_alone.push(alone);
    }
    for (field, values) in [
        ("one_by_one_ratio", cold),
        ("one_by_one_ratio_warm", warm),
        ("at_once_cold_s", seconds),
        ("at_once_warm_s", seconds_warm),
        ("one_by_one_s", seconds_alone),
    ] {
        report.number(field, median(&values).unwrap_or(f64::NAN));
    }
    Ok(())
}

/// Sends the requests again, each after the one before was answered.
async fn one_by_one(client: &EngineClient, ran: &Ran) -> Result<(Duration, Usage), EngineError> {
    let mut total = Usage::default();
    let began = Instant::now();
    for op in &ran.requests {
        let alone = |handling: Handling| Handling { reuse: false, ..handling };
        let usage = match op.clone() {
            Op::Generate(mut request) => {
                request.handling = alone(request.handling);
                voices::finish(client.generate(request)).await?.usage
            }
            Op::ScoreOptions(mut request) => {
                request.handling = alone(request.handling);
                client.score_options(request, |_, _| {}).await?.usage
            }
            Op::ScoreContinuations(mut request) => {
                request.handling = alone(request.handling);
                client.score_continuations(request, |_, _| {}).await?.usage
            }
            Op::Hello { .. }
            | Op::Load(_)
            | Op::Direction(_)
            | Op::DeriveDirection(_)
            | Op::Adapter(_)
            | Op::Embed(_)
            | Op::Cancel { .. }
            | Op::Status => continue,
        };
        total.prompt_tokens += usage.prompt_tokens;
        total.computed_prompt_tokens += usage.computed_prompt_tokens;
        total.generated_tokens += usage.generated_tokens;
    }
    Ok((began.elapsed(), total))
}

/// Says what was compared, and where it was not the same.
fn compare(report: &mut Report, ran: &Ran, alone: Usage) {
    report.count("one_by_one_requests", ran.requests.len() as u64);
    report.count("one_by_one_prompt_tokens", alone.prompt_tokens as u64);
    report.count("one_by_one_generated_tokens", alone.generated_tokens as u64);
    report.number("reuse_off_share", alone.computed_prompt_tokens as f64 / alone.prompt_tokens.max(1) as f64);
    if alone.computed_prompt_tokens < alone.prompt_tokens {
        report.note(format!(
            "one_by_one_ratio is too large: the engine reused {} prompt tokens although it was told not to",
            alone.prompt_tokens - alone.computed_prompt_tokens
        ));
    }
    if ran.timing.generated_tokens != alone.generated_tokens as u64 {
        report.note(format!(
            "the panes wrote {} tokens at once and {} one after the other: times are compared all the same",
            ran.timing.generated_tokens, alone.generated_tokens
        ));
    }
}
