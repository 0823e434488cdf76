//! Engines on the real model killed or frozen at random moments, beneath the layer that the workbench uses: the end is
//! one sentence, a new engine says the same as the first, and nothing is left of the old one.

use std::collections::BTreeMap;
use std::time::Duration;

use parallax::app::session::{EngineChoice, EngineSession};
use parallax::config::Paths;
use parallax::engine::{EngineError, EngineSpec, GenerationEvent, Profile};
use rustix::process::Signal;

use crate::model::{ask, finish, path, write};
use crate::random::Random;
use crate::support::{Parallax, children, signal};
use crate::{assert_one_sentence, resident_kib, setting};

/// A frozen engine is called hung after this; the others are given more, for a busy machine must not look like a hang.
const FROZEN: Duration = Duration::from_secs(5);
const PATIENT: Duration = Duration::from_secs(60);
/// Rounds until the first look at the test's own memory.
const WARM: u64 = 20;
/// How much it may grow afterwards: what the allocator keeps of the largest moment so far.
const GROWTH_KIB: u64 = 8 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Loading,
    SelfTest,
    Idle,
    Prompt,
    Streaming,
}

fn choice(parallax: &Parallax, hang_after: Duration) -> EngineChoice {
    let home = format!("PARALLAX_HOME={}", parallax.home().display());
    let words = ["env", &home, Parallax::program().to_str().unwrap(), "engine", "--kind", "llama"].map(str::to_owned);
    EngineChoice {
        spec: EngineSpec::Command(words.to_vec()),
        model: Some(path().display().to_string()),
        profile: Profile::Audit,
        threads: None,
        context: Some(2048),
        hang_after,
        keep_states: false,
        others: None,
        paths: Paths::resolve(Some(parallax.home())).unwrap(),
    }
}

async fn small_run(session: &EngineSession) -> (String, Vec<u64>) {
    let (generated, logprobs) = finish(&session.client, write(ask("Name a colour."), 6, 7)).await.unwrap();
    (generated.text, logprobs.into_iter().map(f64::to_bits).collect())
}

/// Ends or freezes the engine of this folder, as soon as there is one.
async fn strike(parallax: &Parallax, how: Signal) {
    for _ in 0..5000 {
        if let Some(engine) = parallax.processes().first() {
            return signal(*engine, how);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("there is no engine to kill");
}

/// What the user is told when `how` comes in the moment.
async fn told(
    parallax: &Parallax,
    session: &EngineSession,
    moment: Moment,
    how: Signal,
    random: &mut Random,
) -> EngineError {
    let client = &session.client;
    match moment {
        Moment::Loading => unreachable!("there is no session yet"),
        Moment::Idle | Moment::SelfTest => {
            strike(parallax, how).await;
            if how == Signal::STOP {
                // An engine that owes nothing may be silent for ever.
                return finish(client, write(ask("Why?"), 4, 1)).await.unwrap_err();
            }
            for _ in 0..500 {
                if let Some(error) = client.dead() {
                    return error;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("nobody noticed");
        }
        Moment::Prompt | Moment::Streaming => {
            let (text, events) = if moment == Moment::Prompt {
                (format!("{} Why?", "One word after another. ".repeat(200)), 0)
            } else {
                ("Tell a long story.".to_owned(), 1 + random.below(30))
            };
            let mut generation = client.generate(write(ask(&text), 400, random.next()));
            for _ in 0..events {
                match generation.next().await {
                    Some(Ok(GenerationEvent::Done(_))) | None => break,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => panic!("{error}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(random.below(if events == 0 { 300 } else { 3 }))).await;
            strike(parallax, how).await;
            loop {
                match generation.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return error,
                    // It had ended before: the next request hears of it.
                    None => return finish(client, write(ask("Why?"), 4, 1)).await.unwrap_err(),
                }
            }
        }
    }
}

#[test]
#[ignore = "two hundred engines on a real model take minutes: part of `make soak`"]
fn engines_killed_at_any_moment_are_told_and_replaced() {
    let rounds = setting("PARALLAX_SOAK_KILLS", 200);
    let mut random = Random::new(5);
    let mut parallax = Parallax::new();
    let mut counts: BTreeMap<(Moment, &str), u64> = BTreeMap::new();
    let (mut first, mut memory) = (None, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for round in 0..rounds {
        let moments = [Moment::Loading, Moment::SelfTest, Moment::Idle, Moment::Prompt, Moment::Streaming];
        let moment = moments[usize::try_from(random.below(5)).unwrap()];
        let (how, name, hang_after) =
            if random.chance(10) { (Signal::STOP, "frozen", FROZEN) } else { (Signal::KILL, "killed", PATIENT) };
        if moment == Moment::SelfTest {
            // What was found is remembered, so only a folder of its own has the test run again.
            parallax = Parallax::new();
        }
        let choice = choice(&parallax, hang_after);
        let sentence = runtime.block_on(async {
            if moment == Moment::Loading {
                let wait = Duration::from_millis(random.below(250));
                let kill = async {
                    while parallax.processes().is_empty() {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    tokio::time::sleep(wait).await;
                    strike(&parallax, how).await;
                };
                let (opened, ()) = tokio::join!(EngineSession::open(&choice, |_| {}), kill);
                return match opened {
                    Err(error) => error.to_string(),
                    // It was quicker than the blow.
                    Ok(session) => finish(&session.client, write(ask("Why?"), 4, 1)).await.unwrap_err().to_string(),
                };
            }
            let session = EngineSession::open(&choice, |_| {}).await.unwrap();
            if moment == Moment::SelfTest {
                tokio::time::sleep(Duration::from_millis(random.below(1500))).await;
            } else {
                let said = small_run(&session).await;
                assert_eq!(first.get_or_insert_with(|| said.clone()), &said, "round {round}");
            }
            told(&parallax, &session, moment, how, &mut random).await.to_string()
        });
        // What watches the engine goes on beside this.
        runtime.block_on(gone(&parallax));
        assert_one_sentence(&sentence);
        let wanted: &[&str] = match how {
            Signal::STOP => &["has not answered for 5 s"],
            _ => &["engine died (signal: 9 (SIGKILL)", "could not be started: it ended before it answered"],
        };
        assert!(wanted.iter().any(|part| sentence.contains(part)), "round {round}, {moment:?}, {name}: {sentence}");
        *counts.entry((moment, name)).or_default() += 1;
        if round == WARM {
            memory = resident_kib(std::process::id());
        }
    }
    let after = resident_kib(std::process::id());
    assert!(rounds <= WARM || after <= memory + GROWTH_KIB, "{memory} KiB after {WARM} rounds, {after} KiB at the end");
    // The last word has a whole engine.
    let said = runtime.block_on(async {
        let session = EngineSession::open(&choice(&parallax, PATIENT), |_| {}).await.unwrap();
        small_run(&session).await
    });
    assert_eq!(first.unwrap_or_else(|| said.clone()), said);
    runtime.block_on(gone(&parallax));
    let counts: Vec<String> =
        counts.iter().map(|((moment, name), count)| format!("{moment:?} {name} {count}")).collect();
    println!(
        "soak, kills: {rounds} engines ended ({}); each told in one sentence and replaced by one that says the same; own memory {memory} KiB after {WARM} rounds and {after} KiB at the end",
        counts.join(", ")
    );
}

/// Waits until no engine of this folder is left, and no child that nobody has taken leave of.
async fn gone(parallax: &Parallax) {
    let mut left = (Vec::new(), Vec::new());
    for _ in 0..800 {
        left = (parallax.processes(), children(std::process::id()).into_iter().filter(|pid| is_dead(*pid)).collect());
        if left.0.is_empty() && left.1.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("left behind: {left:?}");
}

/// Whether a process is a zombie.
fn is_dead(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}
