//! Makes what an engine says harmless, whatever program it is: words become short and printable, counts can be added up,
//! shares lie between 0 and 1. What a working engine says passes unchanged.

use crate::engine::protocol::{
    Answer, DerivedLayer, DrawnFrom, Ev, Hello, Loaded, MOST_ALTERNATIVES, ModelReport, Op, Status, Usage,
};
use crate::text::SafeText;

/// Characters of a name or a note.
const MOST_WORDS: usize = 600;
/// No count of a request is larger; sums of many stay far from any limit.
const MOST_COUNT: u64 = 1 << 40;

/// Tames all of an event but the model's own text, which is hostile by nature and handled where it is shown.
pub(super) fn event(ev: &mut Ev) {
    match ev {
        Ev::Progress { fraction } => *fraction = share(*fraction),
        Ev::Error(refusal) => {
            words(&mut refusal.message);
            if refusal.message.trim().is_empty() {
                "the engine refused the request and did not say why; see its log".clone_into(&mut refusal.message);
            }
        }
        Ev::Status(status) => self::status(status),
        Ev::Model(report) => model(report),
        Ev::Done(answer) => match answer {
            Answer::Hello(hello) => self::hello(hello),
            Answer::Loaded(loaded) => self::loaded(loaded),
            Answer::Generated(generated) => usage(&mut generated.usage),
            Answer::Options(scores) => usage(&mut scores.usage),
            Answer::Continuations(scores) => usage(&mut scores.usage),
            Answer::Derived(derived) => usage(&mut derived.usage),
            Answer::Direction(_) | Answer::Ok => {}
        },
        Ev::Prompt { tokens, .. } => count(tokens),
        Ev::Token { drawn_from: Some(drawn_from), .. } => {
            let DrawnFrom { piece, others } = drawn_from;
            others.truncate(MOST_ALTERNATIVES as usize);
            others.retain(|other| (0.0..=1.0 + 1e-6).contains(&other.p));
            others.iter_mut().map(|other| &mut other.text).chain([piece]).for_each(short);
        }
        Ev::Token { .. } | Ev::Cancelled => {}
    }
}

/// Cuts the text of one token, which stays as hostile as all that a model says, to a length that tokens have.
fn short(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MOST_WORDS) {
        text.truncate(end);
    }
}

/// Whether `answer` can be one to `op`: of its kind, and with as many probabilities as were asked for.
pub(super) fn answers(op: &Op, answer: &Answer) -> bool {
    // Rounding may carry a sum of probabilities past 1.
    let is_share = |p: &f64| (0.0..=1.0 + 1e-6).contains(p);
    match (op, answer) {
        (Op::Hello { .. }, Answer::Hello(_))
        | (Op::Load(_), Answer::Loaded(_))
        | (Op::Generate(_), Answer::Generated(_))
        | (Op::Cancel { .. } | Op::Status, Answer::Ok) => true,
        (Op::DeriveDirection(_), Answer::Derived(derived)) => {
            let is_finite = |layer: &DerivedLayer| {
                layer.values.iter().all(|value| value.is_finite())
                    && layer.held_out.is_none_or(|share| is_share(&share))
            };
            is_name(&derived.direction) && !derived.layers.is_empty() && derived.layers.iter().all(is_finite)
        }
        (Op::Direction(request), Answer::Direction(known)) => {
            is_name(&known.direction)
                && known.norms.len() == request.layers.len()
                && known.norms.iter().all(|layer| layer.norm >= 0.0)
        }
        (Op::ScoreOptions(request), Answer::Options(scores)) => {
            scores.mass.len() == request.labels.len()
                && scores.mass.iter().all(is_share)
                && is_share(&scores.coverage)
                && scores.top.iter().all(|token| is_share(&token.p))
        }
        (Op::ScoreContinuations(request), Answer::Continuations(scores)) => {
            scores.logprobs.len() == request.continuations.len()
                && scores.logprobs.iter().flatten().all(|logprob| *logprob <= 1e-6)
        }
        _ => false,
    }
}

/// Whether it can be the name of a direction: a SHA-256 in hexadecimal.
fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn words(text: &mut String) {
    let plain = text.len() <= MOST_WORDS && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !plain {
        let start: String = text.chars().take(2 * MOST_WORDS).collect();
        *text = SafeText::line(&start).as_str().chars().take(MOST_WORDS).collect();
    }
}

fn share(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

fn count(value: &mut usize) {
    *value = (*value).min(usize::try_from(MOST_COUNT).unwrap_or(usize::MAX));
}

fn clock(value: &mut u64) {
    *value = (*value).min(MOST_COUNT);
}

fn usage(usage: &mut Usage) {
    let Usage {
        prompt_tokens,
        computed_prompt_tokens,
        generated_tokens,
        thinking_tokens,
        queue_ms,
        prompt_ms,
        generate_ms,
    } = usage;
    [prompt_tokens, computed_prompt_tokens, generated_tokens, thinking_tokens].into_iter().for_each(count);
    [queue_ms, prompt_ms, generate_ms].into_iter().for_each(clock);
}

fn status(status: &mut Status) {
    count(&mut status.queued);
    count(&mut status.running);
    status.cells_used = status.cells_used.min(status.cells);
    status.tokens_per_second = status.tokens_per_second.clamp(0.0, 1e9);
    clock(&mut status.prompt_tokens_computed);
    clock(&mut status.prompt_tokens_reused);
}

fn model(report: &mut ModelReport) {
    let ModelReport { sha256, class, detail, steering, steering_detail } = report;
    [sha256, class, detail, steering, steering_detail].into_iter().flatten().for_each(words);
}

fn hello(hello: &mut Hello) {
    words(&mut hello.engine);
    words(&mut hello.build);
    for device in &mut hello.devices {
        [&mut device.name, &mut device.description, &mut device.kind].into_iter().for_each(words);
    }
    hello.features.iter_mut().for_each(words);
}

fn loaded(loaded: &mut Loaded) {
    let Loaded { name, arch, quantisation, template, profile, attention, profile_note, .. } = loaded;
    let told = [name, arch, quantisation, template, profile].into_iter();
    told.chain(attention.as_mut()).chain(profile_note.as_mut()).for_each(words);
    clock(&mut loaded.load_ms);
    clock(&mut loaded.bytes);
    // More weights than any model has.
    loaded.parameters = loaded.parameters.min(1 << 60);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::{Refusal, RefusalCode};

    #[test]
    fn what_a_working_engine_says_passes_unchanged() {
        let status =
            Status { queued: 3, running: 2, cells_used: 5, cells: 9, tokens_per_second: 7.5, ..Status::default() };
        let loaded = Loaded { name: "Qwen2.5 0.5B".into(), bytes: 9 << 30, parameters: 7 << 30, ..Loaded::default() };
        for ev in [Ev::Status(status), Ev::Done(Answer::Loaded(loaded)), Ev::Progress { fraction: 0.4 }] {
            let mut tamed = ev.clone();
            event(&mut tamed);
            assert_eq!(tamed, ev);
        }
    }

    #[test]
    fn what_no_engine_says_becomes_harmless() {
        let mut ev = Ev::Progress { fraction: 3.0e38 };
        event(&mut ev);
        assert_eq!(ev, Ev::Progress { fraction: 1.0 });
        let mut ev = Ev::Error(Refusal { code: RefusalCode::Model, message: "\u{1b}[2J\nno\r\n".repeat(9000) });
        event(&mut ev);
        let Ev::Error(refusal) = ev else { unreachable!() };
        assert!(refusal.message.len() <= 4 * MOST_WORDS && !refusal.message.contains(char::is_control));
        let mut all = Usage { prompt_tokens: usize::MAX, queue_ms: u64::MAX, ..Usage::default() };
        usage(&mut all);
        assert!(all.prompt_tokens.checked_mul(1 << 20).is_some() && all.queue_ms.checked_mul(1 << 20).is_some());
        let mut full = Status { cells_used: 10, cells: 3, tokens_per_second: -1.0e300, ..Status::default() };
        status(&mut full);
        assert_eq!((full.cells_used, full.tokens_per_second.to_bits()), (3, 0));
    }
}
