//! The client beside engines that are slow to read, or never do.

use std::time::Duration;

use futures_util::future::join_all;
use parallax::engine::client::ClientOptions;
use parallax::engine::fuzzing::connect;
use parallax::engine::protocol::{Handling, Prompt, ScoreOptionsRequest};
use parallax::engine::{EngineClient, EngineError, EngineSpec};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

fn options() -> ClientOptions {
    ClientOptions { hang_after: Duration::from_secs(30), ..ClientOptions::new(EngineSpec::Scripted(None)) }
}

async fn ask(client: &EngineClient, text: String) -> Result<(), EngineError> {
    let prompt = Prompt::Raw { text };
    let request = ScoreOptionsRequest {
        prompt,
        labels: vec!["A".to_owned()],
        echo: true,
        steering: Vec::new(),
        adapters: Vec::new(),
        handling: Handling::default(),
    };
    client.score_options(request, |_, _| {}).await.map(drop)
}

const USAGE: &str = r#""usage":{"prompt_tokens":1,"computed_prompt_tokens":1,"generated_tokens":0,"queue_ms":0,"prompt_ms":0,"generate_ms":0}"#;

/// An engine of one thread, as anyone would write it: it reads a request, and reads the next after its whole answer.
async fn one_at_a_time(input: DuplexStream, mut output: DuplexStream) {
    let mut lines = BufReader::new(input).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let request: serde_json::Value = serde_json::from_str(&line).unwrap();
        let (id, text) = (&request["id"], &request["prompt"]["text"]);
        let answer = format!(
            "{{\"id\":{id},\"ev\":\"prompt\",\"text\":{text},\"tokens\":1}}\n{{\"id\":{id},\"ev\":\"done\",\"kind\":\"options\",\"mass\":[0.5],\"coverage\":0.5,\"top\":[],{USAGE}}}\n"
        );
        output.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_writes_before_it_reads_on_is_no_deadlock() {
    // Both pipes hold far less than what is asked and answered.
    let ((to_engine, engine_in), (engine_out, from_engine)) = (tokio::io::duplex(4096), tokio::io::duplex(4096));
    let (client, work) = connect(&options(), BufReader::new(from_engine), to_engine);
    let asked = async {
        let answers = join_all((0..50).map(|_| ask(&client, "x".repeat(20_000)))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        client.stop();
    };
    tokio::join!(asked, work, one_at_a_time(engine_in, engine_out));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_reads_nothing_hangs_whatever_it_says() {
    let ((to_engine, engine_in), (mut engine_out, from_engine)) = (tokio::io::duplex(64), tokio::io::duplex(4096));
    let (client, work) = connect(&options(), BufReader::new(from_engine), to_engine);
    let began = tokio::time::Instant::now();
    let chatter = async {
        let status = "{\"ev\":\"status\",\"queued\":0,\"running\":1,\"cells_used\":0,\"cells\":0,\"tokens_per_second\":0,\"prompt_tokens_computed\":0,\"prompt_tokens_reused\":0,\"shares_prefixes\":true}\n";
        while engine_out.write_all(status.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        drop(engine_in);
    };
    let asked = async { ask(&client, "x".repeat(20_000)).await };
    let (end, ()) = tokio::select! {
        both = async { tokio::join!(asked, work) } => both,
        () = chatter => panic!("the client goes first"),
    };
    assert!(matches!(end, Err(EngineError::Hung { seconds: 30, .. })), "{end:?}");
    assert!((30..32).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_busy_engine_that_gives_signs_of_life_is_waited_for_and_a_silent_one_is_not() {
    for is_silent in [false, true] {
        let ((to_engine, mut engine_in), (mut engine_out, from_engine)) =
            (tokio::io::duplex(4096), tokio::io::duplex(4096));
        let (client, work) = connect(&options(), BufReader::new(from_engine), to_engine);
        let engine = async {
            let mut some = [0; 4096];
            let _ = engine_in.read(&mut some).await;
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_secs(29)).await;
                if !is_silent {
                    engine_out.write_all(b"\n").await.unwrap();
                }
            }
            let done = format!(
                "{{\"id\":1,\"ev\":\"done\",\"kind\":\"options\",\"mass\":[0.5],\"coverage\":0.5,\"top\":[],{USAGE}}}\n"
            );
            let _ = engine_out.write_all(done.as_bytes()).await;
            std::future::pending::<()>().await;
        };
        let asked = async {
            let end = ask(&client, "a".to_owned()).await;
            client.stop();
            end
        };
        let end = tokio::select! {
            (end, ()) = async { tokio::join!(asked, work) } => end,
            () = engine => panic!("it waits"),
        };
        assert_eq!(end.is_err(), is_silent, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_engine_may_be_silent_for_ever() {
    let ((to_engine, engine_in), (engine_out, from_engine)) = (tokio::io::duplex(4096), tokio::io::duplex(4096));
    let (client, work) = connect(&options(), BufReader::new(from_engine), to_engine);
    let asked = async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(client.dead().is_none());
        ask(&client, "a".to_owned()).await.unwrap();
        client.stop();
    };
    tokio::join!(asked, work, one_at_a_time(engine_in, engine_out));
}
