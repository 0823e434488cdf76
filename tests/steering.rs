//! Steering on the real starter model: rows of one batch, each by its own directions.
#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod model;

use std::time::Duration;

use futures_util::future::join_all;
use model::{ask, finish, with_engine, write};
use parallax::engine::protocol::{
    ContrastPair, DeriveRequest, Derived, DerivedBy, DirectionRequest, GenerateRequest, Handling, LayerVector, Loaded,
    RefusalCode, ScoreContinuationsRequest, ScoreOptionsRequest, Steer,
};
use parallax::engine::{EngineClient, EngineError};
use parallax::measure::SplitMix64;

const QUESTION: &str = "Should a city build homes or a park on its last free field? Give one reason.";

fn direction(loaded: &Loaded, layers: &[u32], seed: u64, size: f64) -> DirectionRequest {
    let mut random = SplitMix64::new(seed);
    let mut values = || (0..loaded.n_embd).map(|_| ((2.0 * random.uniform() - 1.0) * size) as f32).collect();
    let layers = layers.iter().map(|layer| LayerVector { layer: *layer, values: values(), bias: None });
    DirectionRequest { layers: layers.collect() }
}

async fn steer(client: &EngineClient, loaded: &Loaded, layers: &[u32], seed: u64) -> Steer {
    let direction = client.direction(direction(loaded, layers, seed, 0.2)).await.unwrap().direction;
    Steer { direction, strength: 1.0, layers: None, from: None, tokens: None, target: None }
}

fn voice(steering: Vec<Steer>, tokens: usize) -> GenerateRequest {
    GenerateRequest { steering, ..write(ask(QUESTION), tokens, 7) }
}

#[test]
fn one_recipe_after_the_other_changes_no_bit() {
    let (told, kept) = std::sync::mpsc::channel();
    for how in ["rows", "turns"] {
        let told = &told;
        with_engine(&["--steering", how], None, |client, loaded| async move {
            let report = client.model_report(Duration::from_secs(100)).await;
            assert_eq!(report.steering.as_deref(), Some("exact"), "{report:?}");
            let all: Vec<u32> = (1..loaded.layers).collect();
            let mut recipes = vec![Vec::new()];
            for seed in 0..4 {
                recipes.push(vec![steer(&client, &loaded, &all, seed).await]);
            }
            // A window in the middle of the prompt, two at once, and one in the layer that llama.cpp's vectors leave out.
            recipes[2][0] = Steer { from: Some(5), tokens: Some(8), strength: -1.5, ..recipes[2][0].clone() };
            let both = [recipes[1].clone(), recipes[4].clone()].concat();
            recipes.push(both);
            recipes.push(vec![steer(&client, &loaded, &[0, 7], 9).await]);
            let together = join_all(recipes.iter().map(|recipe| finish(&client, voice(recipe.clone(), 8)))).await;
            let said: Vec<_> =
                together.into_iter().map(|voice| voice.map(|(voice, p)| (voice.text, p)).unwrap()).collect();
            let options = ScoreOptionsRequest {
                prompt: ask(QUESTION),
                labels: ["A", "B"].map(str::to_owned).into(),
                echo: false,
                steering: recipes[5].clone(),
                adapters: Vec::new(),
                handling: Handling::default(),
            };
            let mass = client.score_options(options, |_, _| {}).await.unwrap().mass;
            told.send((said, mass)).unwrap();
        });
    }
    drop(told);
    let found: Vec<_> = kept.iter().collect();
    assert_eq!(found[0], found[1]);
    let different: std::collections::BTreeSet<String> =
        found[0].0.iter().map(|voice| format!("{:?}", voice.1)).collect();
    assert_eq!(different.len(), 7, "every recipe says something of its own");
}

#[test]
fn the_self_test_finds_the_control_vector_of_llama_cpp_again_bit_for_bit() {
    with_engine(&[], None, |client, _| async move {
        assert!(client.hello().features.contains(&"steering".to_owned()));
        let report = client.model_report(Duration::from_secs(100)).await;
        assert_eq!(
            (report.class.as_deref(), report.steering.as_deref()),
            (Some("bit-exact"), Some("exact")),
            "{report:?}"
        );
        assert!(report.steering_detail.unwrap().contains("llama.cpp's own control vector"));
    });
}

#[test]
fn sixteen_recipes_and_the_control_say_in_one_batch_what_they_say_alone() {
    with_engine(&[], None, |client, loaded| async move {
        let all: Vec<u32> = (0..loaded.layers).collect();
        let mut recipes = vec![Vec::new()];
        for seed in 0..16 {
            let layers = if seed % 2 == 0 { &all[..] } else { &all[8..20] };
            let mut one = steer(&client, &loaded, layers, seed).await;
            if seed % 4 == 1 {
                one = Steer { from: Some(5), tokens: Some(30), strength: -1.5, ..one };
            }
            let mut both = vec![one];
            if seed % 5 == 0 {
                both.push(Steer { strength: 0.5, ..steer(&client, &loaded, &[3, loaded.layers - 1], 100).await });
            }
            recipes.push(both);
        }
        let mut alone = Vec::new();
        for recipe in &recipes {
            alone.push(finish(&client, voice(recipe.clone(), 12)).await.unwrap());
        }
        let together = join_all(recipes.iter().map(|recipe| finish(&client, voice(recipe.clone(), 12)))).await;
        for (number, (alone, together)) in alone.iter().zip(together).enumerate() {
            let together = together.unwrap();
            assert_eq!((&alone.0.text, &alone.1), (&together.0.text, &together.1), "recipe {number}: bit-equal");
        }
        let changed = alone[1..].iter().filter(|voice| voice.1 != alone[0].1).count();
        assert_eq!(changed, 16, "every recipe changes what is said");
        // By default all but the last token of the prompt is read once for all.
        let usage = finish(&client, voice(recipes[1].clone(), 2)).await.unwrap().0.usage;
        assert!(usage.computed_prompt_tokens <= 1, "{usage:?}");
    });
}

#[test]
fn scores_are_steered_as_voices_are() {
    with_engine(&[], None, |client, loaded| async move {
        let steering = vec![steer(&client, &loaded, &[10, 11, 12], 3).await];
        let (generated, logprobs) =
            finish(&client, GenerateRequest { steering: steering.clone(), ..voice(Vec::new(), 6) }).await.unwrap();
        let score = async |steering: Vec<Steer>| {
            let continuations = vec![generated.text.clone()];
            let (prompt, handling) = (ask(QUESTION), Handling::default());
            let request = ScoreContinuationsRequest {
                prompt,
                continuations,
                echo: false,
                steering,
                adapters: Vec::new(),
                handling,
            };
            client.score_continuations(request, |_, _| {}).await.unwrap().logprobs.remove(0)
        };
        let (steered, plain) = (score(steering.clone()).await, score(Vec::new()).await);
        // Text may be cut into other tokens than those it was written in.
        if steered.len() == logprobs.len() {
            assert_eq!(steered, logprobs, "the steered voice's own probabilities, bit for bit");
        }
        assert_ne!(steered, plain);
        let options = async |steering: Vec<Steer>| {
            let labels = ["A", "B"].map(str::to_owned).into();
            let (prompt, handling) = (ask(QUESTION), Handling::default());
            let request = ScoreOptionsRequest { prompt, labels, echo: false, steering, adapters: Vec::new(), handling };
            client.score_options(request, |_, _| {}).await.unwrap().mass
        };
        let (before, steered, after) = (options(Vec::new()).await, options(steering).await, options(Vec::new()).await);
        assert_ne!(before, steered);
        assert_eq!(before, after, "it leaves no trace");
    });
}

#[test]
fn a_direction_that_does_not_fit_is_refused_in_one_sentence() {
    with_engine(&[], None, |client, loaded| async move {
        let wrong = Loaded { n_embd: loaded.n_embd + 1, ..loaded.clone() };
        let refusal = |result: Result<_, EngineError>| match result {
            Err(EngineError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
        let wide = refusal(client.direction(direction(&wrong, &[4], 1, 0.2)).await.map(|_| ()));
        assert!(wide.code == RefusalCode::BadRequest && wide.message.contains("577 numbers in layer 4"), "{wide:?}");
        let high = refusal(client.direction(direction(&loaded, &[30], 1, 0.2)).await.map(|_| ()));
        assert!(high.message.contains("names layer 30, and the model has 30"), "{high:?}");
        let mut unknown = steer(&client, &loaded, &[4], 1).await;
        unknown.direction = "f".repeat(64);
        let unknown = refusal(finish(&client, voice(vec![unknown], 2)).await.map(|_| ()));
        assert!(unknown.message.contains("no direction"), "{unknown:?}");
    });
}

/// What pairs are about. Each pair asks for the same of the same, kindly or cruelly.
const TOPICS: [&str; 28] = [
    "a neighbour",
    "an old dog",
    "the rain",
    "a new teacher",
    "the bus driver",
    "a broken chair",
    "the mayor",
    "a birthday",
    "my brother",
    "a long walk",
    "the soup",
    "a lost key",
    "the garden",
    "a noisy child",
    "the doctor",
    "a red coat",
    "the library",
    "a late train",
    "the winter",
    "a stranger",
    "the baker",
    "a small boat",
    "the music",
    "a tired nurse",
    "the mountain",
    "a closed shop",
    "the letter",
    "a football team",
];

fn pair(topic: &str) -> ContrastPair {
    let side = |how: &str| ask(&format!("Write one {how} sentence about {topic}."));
    ContrastPair { positive: side("loving, gentle and kind"), negative: side("hateful, angry and cruel") }
}

async fn derive(client: &EngineClient, topics: &[&str], by: DerivedBy) -> Derived {
    let pairs = topics.iter().map(|topic| pair(topic)).collect();
    let request = DeriveRequest { pairs, held_out: Vec::new(), by, echo: false, handling: Handling::default() };
    client.derive_direction(request, |_, _| {}).await.unwrap()
}

fn shuffled(seed: u64) -> Vec<&'static str> {
    let (mut topics, mut random) = (TOPICS.to_vec(), SplitMix64::new(seed));
    for index in (1..topics.len()).rev() {
        topics.swap(index, (random.next_u64() % (index as u64 + 1)) as usize);
    }
    topics
}

/// Derives from 16 pairs of each seed; in each layer the difference of the 12 others has to point the same way.
fn held_out_pairs_lie_the_same_way(seeds: u64) {
    with_engine(&[], None, |client, loaded| async move {
        for seed in 0..seeds {
            let topics = shuffled(seed);
            let by = if seed % 2 == 0 { DerivedBy::MeanDifference } else { DerivedBy::Pca };
            let made = derive(&client, &topics[..16], by).await;
            let others = derive(&client, &topics[16..], DerivedBy::MeanDifference).await;
            assert_eq!((made.layers.len(), others.layers.len()), (loaded.layers as usize, loaded.layers as usize));
            for (made, other) in made.layers.iter().zip(&others.layers) {
                let along: f64 =
                    made.values.iter().zip(&other.values).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                assert!(along > 0.0, "seed {seed}, layer {}: {along}", made.layer);
                assert!(made.separation > 0.9, "seed {seed}, layer {}: {}", made.layer, made.separation);
            }
        }
    });
}

#[test]
fn directions_out_of_pairs_hold_for_other_pairs() {
    held_out_pairs_lie_the_same_way(5);
}

#[test]
#[ignore = "a hundred seeds take a minute: part of `make soak`"]
fn directions_out_of_pairs_hold_for_other_pairs_with_every_seed() {
    held_out_pairs_lie_the_same_way(100);
}

#[test]
fn a_derived_direction_makes_the_model_say_other_things() {
    with_engine(&[], None, |client, loaded| async move {
        let began = std::time::Instant::now();
        let derived = derive(&client, &TOPICS[..16], DerivedBy::MeanDifference).await;
        println!("16 pairs: {:?}, {:?}", began.elapsed(), derived.usage);
        assert!(derived.usage.prompt_tokens > 16 * 2 * 10, "{:?}", derived.usage);
        // Again, and beside voices that write: the same bits, and therefore the same name.
        let voices = join_all((0..3).map(|seed| finish(&client, write(ask(QUESTION), 20, seed))));
        let (again, _) = tokio::join!(derive(&client, &TOPICS[..16], DerivedBy::MeanDifference), voices);
        assert_eq!(again.direction, derived.direction);
        let middle = (loaded.layers / 3, 2 * loaded.layers / 3);
        // How much more probable steering makes a loving sentence than a hateful one.
        let leaning = async |strength: f32| {
            let continuations = vec![" I love this so much.".to_owned(), " I hate this so much.".to_owned()];
            let direction = derived.direction.clone();
            let steer = Steer { direction, strength, layers: Some(middle), from: Some(0), tokens: None, target: None };
            let (prompt, handling) = (ask("What do you say about it?"), Handling::default());
            let request = ScoreContinuationsRequest {
                prompt,
                continuations,
                echo: false,
                steering: vec![steer],
                adapters: Vec::new(),
                handling,
            };
            let scores = client.score_continuations(request, |_, _| {}).await.unwrap().logprobs;
            scores[0].iter().sum::<f64>() - scores[1].iter().sum::<f64>()
        };
        let (away, none, towards) = (leaning(-0.3).await, leaning(0.0).await, leaning(0.3).await);
        assert!(away < none && none < towards, "{away} {none} {towards}");
    });
}
