//! Damaged copies of the real model: each is refused in one sentence or loads; the engine may die of one, and then the
//! next engine loads the whole file.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use parallax::engine::client::ClientOptions;
use parallax::engine::protocol::LoadRequest;
use parallax::engine::{EngineClient, EngineError, EngineSpec};
use parallax::models::gguf::read_header;

use crate::model::{ask, finish, path, write};
use crate::random::Random;
use crate::support::Parallax;
use crate::{assert_one_sentence, setting};

/// Bytes before the metadata: magic, version, counts.
const COUNTS: u64 = 24;

#[derive(Debug, Clone)]
struct Region {
    name: &'static str,
    from: u64,
    to: u64,
}

/// Where what lies in the file.
fn regions(file: &Path) -> Vec<Region> {
    let length = std::fs::metadata(file).unwrap().len();
    let header = read_header(BufReader::new(File::open(file).unwrap()), length).unwrap();
    // A tensor's description has a length, a name, dimensions, a type and an offset.
    let infos: u64 =
        header.tensors.iter().map(|tensor| 8 + tensor.name.len() as u64 + 4 + 8 * tensor.dims.len() as u64 + 12).sum();
    let data = header.data_offset;
    let tensors = data.saturating_sub(infos + 32);
    vec![
        Region { name: "counts", from: 0, to: COUNTS },
        Region { name: "metadata", from: COUNTS, to: tensors },
        Region { name: "tensor infos", from: tensors, to: data },
        Region { name: "tensor data", from: data, to: length },
    ]
}

/// Flips some bits; returns how to flip them back.
fn flip(file: &Path, region: &Region, random: &mut Random) -> Vec<(u64, u8)> {
    let mut file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut before = Vec::new();
    for _ in 0..=random.below(8) {
        let at = region.from + random.below(region.to - region.from);
        let mut byte = [0];
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut byte).unwrap();
        before.push((at, byte[0]));
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[byte[0] ^ (1 << random.below(8))]).unwrap();
    }
    before
}

fn restore(file: &Path, before: &[(u64, u8)]) {
    let mut file = OpenOptions::new().write(true).open(file).unwrap();
    for (at, byte) in before.iter().rev() {
        file.seek(SeekFrom::Start(*at)).unwrap();
        file.write_all(&[*byte]).unwrap();
    }
}

pub async fn start(parallax: &Parallax) -> EngineClient {
    let home = format!("PARALLAX_HOME={}", parallax.home().display());
    let words = ["env", &home, Parallax::program().to_str().unwrap(), "engine", "--kind", "llama"].map(str::to_owned);
    let log = Some(parallax.home().join("engine.log"));
    let hang_after = Duration::from_secs(30);
    let options = ClientOptions { hang_after, log, ..ClientOptions::new(EngineSpec::Command(words.to_vec())) };
    EngineClient::start(options).await.unwrap()
}

pub async fn load(client: &EngineClient, file: &Path) -> Result<(), EngineError> {
    let path = file.display().to_string();
    client
        .load(LoadRequest { path, context: Some(512), data: None, keep_states: false, others: None }, |_| {})
        .await
        .map(drop)
}

/// How a load, and a few words after it, ended.
pub async fn outcome(client: &EngineClient, file: &Path) -> (&'static str, Option<EngineError>) {
    let fatal = |error: &EngineError| matches!(error, EngineError::Hung { .. });
    match load(client, file).await {
        Err(error) if fatal(&error) => return ("hung while loading", Some(error)),
        Err(error) if error.is_fatal() => return ("died while loading", Some(error)),
        Err(error) if error.to_string().contains("llama.cpp") => return ("refused by llama.cpp", Some(error)),
        Err(error) => return ("refused by its header", Some(error)),
        Ok(()) => {}
    }
    match finish(client, write(ask("Name a colour."), 4, 7)).await {
        Ok(_) => ("loads and writes", None),
        Err(error) if fatal(&error) => ("hung while writing", Some(error)),
        Err(error) if error.is_fatal() => ("died while writing", Some(error)),
        Err(error) => ("loads and refuses to write", Some(error)),
    }
}

#[test]
#[ignore = "fifty damaged copies of a real model take minutes: part of `make soak`"]
fn damaged_models_end_in_one_sentence_or_load() {
    let count = setting("PARALLAX_SOAK_FILES", 50);
    let mut random = Random::new(3);
    let parallax = Parallax::new();
    let (whole, file) = (path(), parallax.home().join("damaged.gguf"));
    let cut = parallax.home().join("cut.gguf");
    let regions = regions(&whole);
    std::fs::copy(&whole, &file).unwrap();
    let mut table: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let mut deaths = 0;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = start(&parallax).await;
        for number in 0..count {
            let region = &regions[usize::try_from(number % 4).unwrap()];
            let (what, before, given) = if number % 5 == 4 {
                // A file of its own: the engine may still have the other one in its memory.
                std::fs::remove_file(&cut).unwrap_or_default();
                std::fs::copy(&whole, &cut).unwrap();
                let at = region.from + random.below(region.to - region.from);
                OpenOptions::new().write(true).open(&cut).unwrap().set_len(at).unwrap();
                (format!("cut in {}", region.name), Vec::new(), &cut)
            } else {
                (format!("bits of {}", region.name), flip(&file, region, &mut random), &file)
            };
            let (end, error) = outcome(&client, given).await;
            if let Some(error) = &error {
                assert_one_sentence(&error.to_string());
                println!("{number}: {what} {before:?}: {end}: {error}");
            }
            *table.entry((what, end)).or_default() += 1;
            if error.is_some_and(|error| error.is_fatal()) {
                deaths += 1;
                client = start(&parallax).await;
                load(&client, &whole).await.unwrap();
            }
            restore(&file, &before);
        }
        assert_eq!(outcome(&client, &whole).await.0, "loads and writes");
        assert_eq!(outcome(&client, &file).await.0, "loads and writes", "it was restored");
    });
    drop(runtime);
    parallax.assert_no_process_within(Duration::from_secs(8));
    for ((what, end), count) in &table {
        println!("{count:6}  {what}: {end}");
    }
    println!("soak, damaged models: {count} files, {deaths} engines died and were replaced, the program never");
}
