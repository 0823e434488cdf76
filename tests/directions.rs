//! Directions on the real starter model: right for pairs they were not made from, written and read again, and steering.
#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

#[expect(dead_code, reason = "every file of tests uses what it needs of it")]
mod model;

use std::time::{Duration, Instant};

use model::with_engine;
use parallax::engine::EngineClient;
use parallax::engine::protocol::{ContrastPair, DeriveRequest, Derived, DerivedBy, Handling, Prompt};
use parallax::measure::{SplitMix64, middle_band};

/// Sixty-four pairs of one sentence each, glad and sad, over the same things.
fn pool() -> Vec<ContrastPair> {
    const THINGS: [&str; 16] = [
        "the letter",
        "this morning",
        "the long walk",
        "my new room",
        "the concert",
        "our visit",
        "the old house",
        "her answer",
        "the harvest",
        "his return",
        "the first snow",
        "the market",
        "our meal",
        "the journey",
        "the news",
        "the evening",
    ];
    const MOODS: [(&str, &str); 4] = [
        ("made me so happy that I laughed", "made me so sad that I cried"),
        ("was a joy from beginning to end", "was a misery from beginning to end"),
        ("filled everyone with delight", "filled everyone with grief"),
        ("turned out wonderful, and I smiled", "turned out dreadful, and I despaired"),
    ];
    let side = |thing: &str, mood: &str| Prompt::Raw { text: format!("Dear diary, {thing} {mood}") };
    let pair = |thing, (glad, sad)| ContrastPair { positive: side(thing, glad), negative: side(thing, sad) };
    MOODS.into_iter().flat_map(|mood| THINGS.map(|thing| pair(thing, mood))).collect()
}

fn shuffled(seed: u64) -> Vec<ContrastPair> {
    let (mut pairs, mut random) = (pool(), SplitMix64::new(seed));
    for last in (1..pairs.len()).rev() {
        pairs.swap(last, (random.next_u64() % (last as u64 + 1)) as usize);
    }
    pairs
}

async fn derive(client: &EngineClient, seed: u64, by: DerivedBy) -> Derived {
    let mut pairs = shuffled(seed);
    let held_out = pairs.split_off(16);
    let request = DeriveRequest { pairs, held_out, by, echo: false, handling: Handling::default() };
    client.derive_direction(request, |_, _| {}).await.unwrap()
}

/// How long it takes from nothing, and that pairs that are held out change nothing.
async fn alone(client: &EngineClient, seed: u64) -> (String, Duration) {
    let (mut pairs, by) = (shuffled(seed), DerivedBy::MeanDifference);
    pairs.truncate(16);
    let handling = Handling { reuse: false, ..Handling::default() };
    let began = Instant::now();
    let request = DeriveRequest { pairs, held_out: Vec::new(), by, echo: false, handling };
    let direction = client.derive_direction(request, |_, _| {}).await.unwrap().direction;
    (direction, began.elapsed())
}

/// A direction out of 16 random pairs, tried on the 48 others: the mean of these lies on its right side in every layer, and
/// in the middle layers nearly each of them does.
fn directions_are_right_for_other_pairs(seeds: u64) {
    with_engine(&[], None, |client, loaded| async move {
        let (first, last) = middle_band(loaded.layers).unwrap();
        let (direction, took) = alone(&client, 0).await;
        let (mut right, mut worst, mut all) = (0, 1.0f64, 0.0);
        for seed in 0..seeds {
            let by = if seed % 2 == 0 { DerivedBy::MeanDifference } else { DerivedBy::Pca };
            let derived = derive(&client, seed, by).await;
            assert!(seed > 0 || derived.direction == direction);
            let middle: Vec<_> = derived.layers.iter().filter(|layer| (first..=last).contains(&layer.layer)).collect();
            assert_eq!(middle.len(), (last - first + 1) as usize);
            let shares: Vec<f64> = middle.iter().map(|layer| layer.held_out.unwrap()).collect();
            let share = shares.iter().sum::<f64>() / shares.len() as f64;
            worst = worst.min(share);
            all += share / seeds as f64;
            // The effect is the mean along the direction, in standard deviations: its sign is that of the mean.
            let mean_is_right = derived.layers.iter().all(|layer| layer.held_out_effect.unwrap() > 0.0);
            right += u64::from(mean_is_right && share > 0.9);
        }
        println!(
            "{right} of {seeds} seeds right; of single held-out pairs {:.2} % in the mean and {:.2} % at worst; {took:?} for 16 \
             pairs",
            all * 100.0,
            worst * 100.0
        );
        assert_eq!(right, seeds);
    });
}

#[test]
fn a_direction_out_of_16_pairs_is_right_for_others() {
    directions_are_right_for_other_pairs(10);
}

#[test]
#[ignore = "a hundred seeds take minutes: part of `make soak`"]
fn a_direction_out_of_16_pairs_is_right_for_others_with_every_seed() {
    directions_are_right_for_other_pairs(100);
}

#[test]
fn a_direction_of_this_program_steers_a_run() {
    let home = tempfile::tempdir().unwrap();
    let vector = home.path().join("calm.gguf").display().to_string();
    let parallax = |words: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("parallax").unwrap();
        let model = model::path().display().to_string();
        let output = command.env("PARALLAX_HOME", home.path()).args(["--model", &model]).args(words).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {errors}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let positive = "You are cheerful, hopeful and delighted with everything.";
    let negative = "You are gloomy, bitter and disappointed with everything.";
    let made =
        ["directions", "derive", "--positive", positive, "--negative", negative, "--out", &vector, "--format", "json"];
    let made = parallax(&made);
    let layers = made["layers"].as_array().unwrap();
    assert_eq!((made["pairs"].as_u64(), made["held_out_pairs"].as_u64(), layers.len()), (Some(24), Some(8), 30));
    assert!(layers[9..=20].iter().all(|layer| layer["held_out"].as_f64().unwrap() > 0.8), "{made}");
    let shown = parallax(&["directions", "show", &vector, "--format", "json"]);
    assert_eq!(
        (shown["layers"].as_array().unwrap().len(), &shown["model"]),
        (29, &"llama".into()),
        "layer 0 has no place"
    );
    let ask =
        ["run", "--ask", "How was the day?", "--option", "Wonderful", "--option", "Terrible", "--mode", "steered"];
    let run = parallax(
        &[&ask[..], &["--direction", &vector, "--max-tokens", "24", "--format", "json", "--no-store"]].concat(),
    );
    let pane = &run["panes"][0];
    assert_eq!((&pane["status"], &pane["method"]), (&"done".into(), &"direction".into()), "{pane}");
    assert_eq!((pane["fan"].as_array().unwrap().len(), pane["voices"].as_array().unwrap().len()), (4, 2));
    // More of it, more of the option that it stands for.
    let glad = |at: usize| pane["fan"][at]["p"][0].as_f64().unwrap();
    let unsteered = pane["before"]["p"][0].as_f64().unwrap();
    assert!(glad(0) < unsteered && unsteered < glad(2), "{} {unsteered} {pane}", glad(0));
    let perplexity = pane["fan"][2]["perplexity_ratio"].as_f64().unwrap();
    assert!((0.9..1.2).contains(&perplexity), "{perplexity}");
}
