//! LoRA adapters and embeddings on the real starter model.
#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod model;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use model::{ask, finish, with_engine, write};
use parallax::engine::protocol::{
    Adapted, AdapterRequest, DirectionRequest, EmbedRequest, GenerateRequest, Handling, KnownAdapter, LayerVector,
    Refusal, RefusalCode, ScoreOptionsRequest, Steer,
};
use parallax::engine::{EngineClient, EngineError};
use parallax::measure::SplitMix64;
use parallax::models::gguf::{Item, Writer, read_header};

const QUESTION: &str = "Should a city build homes or a park on its last free field? Give one reason.";
const RANK: u64 = 8;

fn header() -> Writer {
    Writer::new()
        .with("general.architecture", Item::text("llama"))
        .with("general.type", Item::text("adapter"))
        .with("adapter.type", Item::text("lora"))
}

/// A LoRA of random matrices for queries and values of all layers, and for what two layers' feed-forward nets put out.
fn lora(seed: u64, size: f64) -> Writer {
    let file = File::open(model::path()).unwrap();
    let length = file.metadata().unwrap().len();
    let base = read_header(BufReader::new(file), length).unwrap();
    let mut random = SplitMix64::new(seed);
    let mut writer = header().with("adapter.lora.alpha", Item::F32(16.0)).with("general.name", Item::text("random"));
    let is_adapted = |name: &str| {
        name.ends_with("attn_q.weight")
            || name.ends_with("attn_v.weight")
            || ["blk.3.ffn_down.weight", "blk.29.ffn_down.weight"].contains(&name)
    };
    for tensor in base.tensors.iter().filter(|tensor| is_adapted(&tensor.name)) {
        for (side, dims) in [("a", [tensor.dims[0], RANK]), ("b", [RANK, tensor.dims[1]])] {
            let values =
                (0..dims[0] * dims[1]).flat_map(|_| (((2.0 * random.uniform() - 1.0) * size) as f32).to_le_bytes());
            writer = writer.tensor(&format!("{}.lora_{side}", tensor.name), &dims, 0, values.collect());
        }
    }
    writer
}

fn file(folder: &Path, name: &str, writer: &Writer) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, writer.finish()).unwrap();
    path
}

async fn know(client: &EngineClient, path: &Path) -> Result<KnownAdapter, EngineError> {
    client.adapter(AdapterRequest { path: path.display().to_string() }).await
}

fn voice(question: &str, adapters: Vec<Adapted>) -> GenerateRequest {
    GenerateRequest { adapters, ..write(ask(question), 12, 7) }
}

fn at(known: &KnownAdapter, scale: f32) -> Vec<Adapted> {
    vec![Adapted { adapter: known.adapter.clone(), scale }]
}

fn refusal<T: std::fmt::Debug>(result: Result<T, EngineError>) -> Refusal {
    match result {
        Err(EngineError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_adapter_changes_its_own_voices_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (file(folder.path(), "one.gguf", &lora(1, 0.05)), file(folder.path(), "two.gguf", &lora(2, 0.05)));
    // What voices say where no adapter was ever loaded.
    let mut untouched = Vec::new();
    let vector = |n_embd: u32| vec![0.05; n_embd as usize];
    let steer = async |client: &EngineClient, n_embd| {
        let layers = vec![LayerVector { layer: 14, values: vector(n_embd), bias: None }];
        let direction = client.direction(DirectionRequest { layers }).await.unwrap().direction;
        vec![Steer { direction, strength: 4.0, layers: None, from: None, tokens: None, target: None }]
    };
    with_engine(&[], None, |client, loaded| {
        let untouched = &mut untouched;
        async move {
            let steering = steer(&client, loaded.n_embd).await;
            untouched.push(finish(&client, voice(QUESTION, Vec::new())).await.unwrap());
            untouched.push(finish(&client, GenerateRequest { steering, ..voice(QUESTION, Vec::new()) }).await.unwrap());
        }
    });
    with_engine(&[], None, |client, loaded| async move {
        let (one, two) = (know(&client, &one).await.unwrap(), know(&client, &two).await.unwrap());
        assert_eq!((one.rank, one.tensors, one.alpha), (RANK, 62, Some(16.0)), "{one:?}");
        assert_eq!(one.name.as_deref(), Some("random"));
        let steering = steer(&client, loaded.n_embd).await;
        let both = [at(&one, 1.0), at(&two, 0.5)].concat();
        let requests = [
            voice(QUESTION, Vec::new()),
            GenerateRequest { steering: steering.clone(), ..voice(QUESTION, Vec::new()) },
            voice(QUESTION, at(&one, 0.0)),
            voice(QUESTION, at(&one, 1.0)),
            voice(QUESTION, at(&one, 0.5)),
            voice(QUESTION, at(&two, 1.0)),
            voice(QUESTION, both),
            GenerateRequest { steering: steering.clone(), ..voice(QUESTION, at(&one, 1.0)) },
            // Neighbours with the same adapters: their rows are more than one.
            voice("Is tea better than coffee?", at(&one, 1.0)),
            voice("Name a river.", at(&two, 1.0)),
        ];
        let mut alone = Vec::new();
        for request in &requests {
            alone.push(finish(&client, request.clone()).await.unwrap());
        }
        let together = join_all(requests.iter().map(|request| finish(&client, request.clone()))).await;
        for (number, (alone, together)) in alone.iter().zip(&together).enumerate() {
            let together = together.as_ref().unwrap();
            assert_eq!((&alone.0.text, &alone.1), (&together.0.text, &together.1), "request {number}: bit-equal");
        }
        let said = |number: usize| &alone[number].1;
        assert_eq!((said(0), said(1)), (&untouched[0].1, &untouched[1].1), "as if no adapter were there");
        assert_eq!(said(2), said(0), "a scale of 0 is none");
        for number in 3..8 {
            assert!((0..number).filter(|other| *other != 2).all(|other| said(other) != said(number)), "{number}");
        }
        // A prompt that was read with an adapter is taken over with the same one alone.
        let again = finish(&client, voice(QUESTION, at(&one, 1.0))).await.unwrap().0.usage;
        let other = finish(&client, voice(QUESTION, at(&one, 0.75))).await.unwrap().0.usage;
        assert_eq!((again.computed_prompt_tokens, other.computed_prompt_tokens), (0, other.prompt_tokens));
    });
}

#[test]
fn options_are_scored_with_adapters_and_self_tests_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "one.gguf", &lora(1, 0.05));
    with_engine(&[], None, |client, _| async move {
        let known = know(&client, &path).await.unwrap();
        let options = async |adapters: Vec<Adapted>| {
            let labels = ["A", "B"].map(str::to_owned).into();
            let (prompt, handling) =
                (ask("Is tea better?\nA. Yes\nB. No\nAnswer with the letter only."), Handling::default());
            let request = ScoreOptionsRequest { prompt, labels, echo: false, steering: Vec::new(), adapters, handling };
            client.score_options(request, |_, _| {}).await.unwrap().mass
        };
        let (before, with) = (options(Vec::new()).await, options(at(&known, 1.0)).await);
        // The device still has the adapter in force when the self-test begins.
        let report = client.model_report(Duration::from_secs(100)).await;
        assert_eq!(
            (report.class.as_deref(), report.steering.as_deref()),
            (Some("bit-exact"), Some("exact")),
            "{report:?}"
        );
        assert_ne!(before, with);
        assert_eq!((options(Vec::new()).await, options(at(&known, 1.0)).await), (before, with));
    });
}

#[test]
fn what_is_no_adapter_for_the_model_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_path_buf();
    let foreign = Writer::new()
        .with("general.architecture", Item::text("gemma3"))
        .with("general.type", Item::text("adapter"))
        .with("adapter.type", Item::text("lora"));
    let narrow =
        header().zeros("blk.0.attn_q.weight.lora_a", &[64, 4], 0).zeros("blk.0.attn_q.weight.lora_b", &[4, 64], 0);
    std::fs::write(folder.join("text.gguf"), "no GGUF").unwrap();
    let mut cut = lora(1, 0.05).finish();
    cut.truncate(cut.len() / 2);
    std::fs::write(folder.join("cut.gguf"), cut).unwrap();
    let cases = [
        (folder.join("nowhere.gguf"), "does not exist"),
        (folder.join("text.gguf"), "is not a GGUF"),
        (folder.join("cut.gguf"), "is truncated"),
        (model::path(), "an adapter says `adapter`"),
        (file(&folder, "foreign.gguf", &foreign), "made for the architecture `gemma3`"),
        (file(&folder, "narrow.gguf", &narrow), "64 x 4 and 4 x 64, and the model's tensor is 576 x 576"),
        (file(&folder, "empty.gguf", &header()), "no pair of matrices"),
    ];
    with_engine(&[], None, |client, _| async move {
        for (path, part) in cases {
            let refused = refusal(know(&client, &path).await);
            assert!(refused.code == RefusalCode::Model && refused.message.contains(part), "{refused:?}");
        }
        let unknown = Adapted { adapter: "f".repeat(64), scale: 1.0 };
        let refused = refusal(finish(&client, voice("Why?", vec![unknown])).await.map(|_| ()));
        assert!(refused.message.contains("no adapter"), "{refused:?}");
        finish(&client, voice("Why?", Vec::new())).await.unwrap();
    });
}

#[test]
fn texts_become_unit_vectors_that_no_neighbour_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "one.gguf", &lora(1, 0.05));
    with_engine(&[], None, |client, loaded| async move {
        let known = know(&client, &path).await.unwrap();
        let embed = async |texts: &[&str], adapters: Vec<Adapted>| {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            client.embed(EmbedRequest { texts, adapters, handling: Handling::default() }).await
        };
        let texts = [
            "The dog sleeps on the warm stones by the river.",
            "A hound rests on hot rocks beside the stream.",
            "Interest rates rose again in the last quarter.",
        ];
        let all = embed(&texts, Vec::new()).await.unwrap();
        assert_eq!((all.pooling.as_str(), all.n_embd), ("mean of last layer", loaded.n_embd as usize));
        assert_eq!((all.usage.computed_prompt_tokens, all.trained_pooling), (all.usage.prompt_tokens, None));
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        assert!(all.vectors.iter().all(|vector| (product(vector, vector) - 1.0).abs() < 1e-5));
        let (near, far) = (product(&all.vectors[0], &all.vectors[1]), product(&all.vectors[0], &all.vectors[2]));
        assert!(near > far, "what means the same is nearer: {near} {far}");
        let (alone, beside, adapted) = tokio::join!(
            embed(&texts[..1], Vec::new()),
            finish(&client, voice(QUESTION, Vec::new())),
            embed(&texts[..1], at(&known, 1.0))
        );
        assert_eq!(alone.unwrap().vectors[0], all.vectors[0]);
        assert_ne!(adapted.unwrap().vectors[0], all.vectors[0]);
        assert_eq!(beside.unwrap().1, finish(&client, voice(QUESTION, Vec::new())).await.unwrap().1);
        assert!(refusal(embed(&[], Vec::new()).await).message.contains("was given 0 texts"));
    });
}

#[test]
fn a_run_shows_what_an_adapter_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "tuned.gguf", &lora(1, 0.1));
    let mut command = Command::new(env!("CARGO_BIN_EXE_parallax"));
    command.args(["--data-dir", &folder.path().display().to_string(), "--model", &model::path().display().to_string()]);
    command.args(["run", "--ask", "Is tea better?", "--option", "Yes", "--option", "No", "--mode", "steered"]);
    command.args(["--max-tokens", "8", "--format", "json", "--lora", &format!("{}@1.5", path.display())]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let pane = &run["panes"][0];
    assert_eq!(pane["voices"][0]["persona"], "lora-1");
    let (before, after) = (&pane["before"]["p"], &pane["distributions"][0]["p"]);
    assert!(before.is_array() && after.is_array() && before != after, "{pane}");
    assert!(pane["note"].to_string().contains("at the scale 1.5"), "{}", pane["note"]);
}
