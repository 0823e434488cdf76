//! Steering on the real starter model: rows of one batch, each by its own directions.
#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod model;

use std::time::Duration;

use futures_util::future::join_all;
use model::{ask, finish, with_engine, write};
use parallax::engine::protocol::{
    DirectionRequest, GenerateRequest, Handling, LayerVector, Loaded, RefusalCode, ScoreContinuationsRequest,
    ScoreOptionsRequest, Steer,
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
            let request = ScoreContinuationsRequest { prompt, continuations, echo: false, steering, handling };
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
            let request = ScoreOptionsRequest { prompt, labels, echo: false, steering, handling };
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
