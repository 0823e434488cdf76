//! Thousands of random requests to one engine: each ends exactly once on the wire, nothing is left over, memory stays
//! flat, and an answer given in the crowd is the answer given alone, bit for bit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use parallax::engine::client::ClientOptions;
use parallax::engine::protocol::{
    GenerateRequest, Handling, LoadRequest, Prompt, Sampler, ScoreContinuationsRequest, ScoreOptionsRequest, Thinking,
};
use parallax::engine::{EngineClient, EngineError, EngineSpec, GenerationEvent};

use crate::random::Random;
use crate::resident_kib;
use crate::support::{Parallax, children};

/// Requests in flight at once.
const WIDTH: usize = 24;
/// Cells of the context: small, so that what is kept gives way to what comes all the time.
const CONTEXT: u32 = 4096;
/// So many answers are asked for again at the end, alone.
const REPEATED: u64 = 100;
/// How much the engine's memory may grow between the two looks, in percent of the first. Buffers that follow the widest
/// batch so far and the allocator's own holes come and go by some mebibytes; a leak of a kilobyte per request is above.
const FLAT_PERCENT: u64 = 5;

const SUBJECTS: [&str; 10] = [
    "A small town has to choose between a park and a road, and the council asks everyone who lives there. ",
    "Tea is older than coffee in most of the places where both are drunk today. ",
    "The teacher asked the class what a fair rule for the playground would be. ",
    "Two friends share a flat and do not agree on how warm it should be in winter. ",
    "A farmer writes to the newspaper about the price of milk and the cost of hay. ",
    "When the river rises, the old bridge is closed and people walk the long way round. ",
    "One side says that the law is too strict, and the other that nobody keeps it. ",
    "The survey had five answers, and most people took the one in the middle. ",
    "It rained for a week, so the market moved into the hall behind the church. ",
    "Nobody knows who painted the wall, but everyone has an opinion about it. ",
];
const TAILS: [&str; 8] = ["Why?", "So", "They said", "The answer is", "I think", "No,", "First", "In the end"];
const LABELS: [&str; 4] = ["A", "B", "C", "D"];
const TEXTS: [&str; 5] = [" yes", " no", " it depends", " a good idea", "."];

/// What was asked.
#[derive(Debug, Clone)]
enum Asked {
    Text(GenerateRequest),
    Options(ScoreOptionsRequest),
    Continuations(ScoreContinuationsRequest),
}

/// What was answered, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answered {
    text: String,
    numbers: Vec<u64>,
    tokens: Vec<i32>,
}

fn random_request(random: &mut Random, number: u64) -> Asked {
    let priority = i8::try_from(random.below(5)).unwrap() - 2;
    let handling = Handling { priority, reuse: !random.chance(3), ..Handling::default() };
    let subject = SUBJECTS[usize::try_from(random.below(10)).unwrap()];
    // Some begin like no other.
    let start = if random.chance(3) { format!("{number}. ") } else { String::new() };
    let tail = TAILS[usize::try_from(random.below(8)).unwrap()];
    let prompt = Prompt::Raw { text: format!("{start}{subject}{tail}") };
    let echo = random.chance(10);
    match random.below(20) {
        0..=2 => {
            let labels = LABELS[..=usize::try_from(random.below(4)).unwrap()].iter().map(|l| (*l).to_owned()).collect();
            Asked::Options(ScoreOptionsRequest {
                prompt,
                labels,
                echo,
                steering: Vec::new(),
                adapters: Vec::new(),
                handling,
            })
        }
        3..=5 => {
            let from = usize::try_from(random.below(4)).unwrap();
            let continuations = TEXTS[from..].iter().take(2).map(|text| (*text).to_owned()).collect();
            Asked::Continuations(ScoreContinuationsRequest {
                prompt,
                continuations,
                echo,
                steering: Vec::new(),
                adapters: Vec::new(),
                handling,
            })
        }
        kind => Asked::Text(GenerateRequest {
            prompt,
            max_tokens: 1 + usize::try_from(random.below(6)).unwrap(),
            sampler: Sampler { temperature: if kind == 6 { 0.0 } else { 1.0 }, ..Sampler::default() },
            seed: random.below(40),
            stop: if kind == 7 { vec![".".to_owned()] } else { Vec::new() },
            grammar: None,
            time_limit_ms: None,
            echo,
            forced: Vec::new(),
            thinking: Thinking::default(),
            steering: Vec::new(),
            adapters: Vec::new(),
            alternatives: 0,
            handling,
        }),
    }
}

async fn answer(client: &EngineClient, asked: Asked, cancel_after: Option<u64>) -> Result<Answered, EngineError> {
    let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    match asked {
        Asked::Text(request) => {
            let mut generation = client.generate(request);
            let (mut seen, mut numbers, mut tokens) = (0, Vec::new(), Vec::new());
            loop {
                if cancel_after == Some(seen) {
                    generation.cancel();
                }
                seen += 1;
                match generation.next().await.unwrap_or(Err(EngineError::Cancelled))? {
                    GenerationEvent::Token { logprob, token, .. } => {
                        numbers.extend(logprob.map(f64::to_bits));
                        tokens.extend(token);
                    }
                    GenerationEvent::Done(generated) => return Ok(Answered { text: generated.text, numbers, tokens }),
                    GenerationEvent::Prompt { .. } => {}
                }
            }
        }
        Asked::Options(request) => {
            let scores = client.score_options(request, |_, _| {}).await?;
            Ok(Answered { text: scores.top[0].text.clone(), numbers: bits(&scores.mass), tokens: Vec::new() })
        }
        Asked::Continuations(request) => {
            let scores = client.score_continuations(request, |_, _| {}).await?;
            Ok(Answered { text: String::new(), numbers: bits(&scores.logprobs.concat()), tokens: Vec::new() })
        }
    }
}

/// The relay that writes down what passes: the example beside this test's executable.
fn relay() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/relay");
    assert!(path.exists(), "{} is missing: run `cargo build --examples`", path.display());
    path
}

/// Every id on the wire ends exactly once, and nothing of it comes after. Returns how many there were.
fn check_wire(log: &Path) -> usize {
    let mut ended: HashMap<u64, bool> = HashMap::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let id = || line.split("\"id\":").nth(1)?.split([',', '}']).next()?.parse::<u64>().ok();
        let Some(id) = id().filter(|_| line.starts_with("> {\"id\"") || line.starts_with("< {\"id\"")) else {
            continue;
        };
        if line.starts_with('>') {
            assert!(ended.insert(id, false).is_none(), "{id} was used twice: {line}");
            continue;
        }
        let ended = ended.get_mut(&id).unwrap_or_else(|| panic!("nobody asked {id}: {line}"));
        assert!(!*ended, "{id} goes on after its end: {line}");
        *ended = ["done", "error", "cancelled"].iter().any(|ev| line.contains(&format!("\"ev\":\"{ev}\"")));
    }
    let open: Vec<_> = ended.iter().filter(|(_, ended)| !**ended).collect();
    assert!(open.is_empty(), "these did not end: {open:?}");
    ended.len()
}

/// Sends `count` random requests to the engine and checks what is left of them.
fn storm(kind: &str, model: &str, count: u64, first_look: u64) {
    let parallax = Parallax::new();
    let log = parallax.home().join("passed");
    let home = format!("PARALLAX_HOME={}", parallax.home().display());
    let (relay, program) = (relay(), Parallax::program());
    let words = ["env", &home, relay.to_str().unwrap(), "--log", log.to_str().unwrap(), "--"];
    let engine = [program.to_str().unwrap(), "engine", "--kind", kind];
    let spec = EngineSpec::Command([&words[..], &engine].concat().into_iter().map(str::to_owned).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (kept, other, memory, after) = runtime.block_on(async {
        let hang_after = Duration::from_secs(120);
        let client = EngineClient::start(ClientOptions { hang_after, ..ClientOptions::new(spec) }).await.unwrap();
        let request = LoadRequest { path: model.to_owned(), context: Some(CONTEXT), data: None, keep_states: false, others: None };
        client.load(request, |_| {}).await.unwrap();
        let engine = children(client.pid().unwrap())[0];
        let mut random = Random::new(11);
        let (mut cancelled, mut answered, mut kept, mut memory) = (0u64, 0u64, Vec::new(), 0);
        let mut flying = FuturesUnordered::new();
        let mut asked_so_far = 0;
        while asked_so_far < count || !flying.is_empty() {
            while asked_so_far < count && flying.len() < WIDTH {
                asked_so_far += 1;
                let asked = random_request(&mut random, asked_so_far);
                let cancel_after = random.chance(8).then(|| random.below(4));
                // Some are dropped without a word, as a pane that is closed does.
                let patience = random.chance(3).then(|| Duration::from_millis(random.below(60)));
                let client = &client;
                flying.push(async move {
                    let answer = answer(client, asked.clone(), cancel_after);
                    let end = match patience {
                        Some(patience) => tokio::time::timeout(patience, answer).await.unwrap_or(Err(EngineError::Cancelled)),
                        None => answer.await,
                    };
                    (asked, cancel_after.is_some() || patience.is_some(), end)
                });
            }
            let Some((asked, may_be_cancelled, end)) = flying.next().await else { break };
            match end {
                Ok(answer) => {
                    answered += 1;
                    if answered.is_multiple_of((count / REPEATED).max(1)) {
                        kept.push((asked, answer));
                    }
                }
                Err(EngineError::Cancelled) if may_be_cancelled => cancelled += 1,
                Err(error) => panic!("{asked:?}: {error}"),
            }
            if answered + cancelled == first_look {
                memory = resident_kib(engine);
            }
        }
        drop(flying);
        // Those that were dropped end too.
        let mut status = client.ask_status().await.unwrap();
        for _ in 0..100 {
            if status.running + status.queued == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            status = client.ask_status().await.unwrap();
        }
        assert_eq!((status.running, status.queued), (0, 0), "{status:?}");
        let after = resident_kib(engine);
        assert_eq!(answered + cancelled, count);
        assert!(cancelled > count / 200, "{cancelled} cancelled");
        let mut others = Vec::new();
        for (asked, first) in &kept {
            let alone = answer(&client, asked.clone(), None).await.unwrap();
            if alone != *first {
                others.push((asked, first, alone));
            }
        }
        println!(
            "soak, {kind} engine: {count} requests, {answered} answered, {cancelled} cancelled, {} asked again alone, of which {} gave other bits; engine memory {memory} KiB after {first_look} and {after} KiB at the end",
            kept.len(),
            others.len()
        );
        (kept.len(), others.first().map(|other| format!("{other:?}")), memory, after)
    });
    drop(runtime);
    println!("soak, {kind} engine: {} ids on the wire, each ended once", check_wire(&log));
    parallax.assert_no_process_within(Duration::from_secs(8));
    assert!(after * 100 <= memory * (100 + FLAT_PERCENT), "{memory} KiB after {first_look}, {after} KiB after {count}");
    assert!(other.is_none(), "alone it is another answer, asked and given and given alone: {other:?}");
    assert!(kept > 50, "{kept}");
}

#[test]
fn two_thousand_random_requests_leave_nothing_behind() {
    storm("scripted", "", 2000, 1000);
}

#[cfg(feature = "llama")]
#[test]
#[ignore = "ten thousand requests to a real model take minutes: part of `make soak`"]
fn ten_thousand_random_requests_to_a_real_model_leave_nothing_behind() {
    let count = crate::setting("PARALLAX_SOAK_REQUESTS", 10_000);
    storm("llama", &crate::model::path().display().to_string(), count, count / 5);
}
