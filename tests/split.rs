//! A real model split over three files, beside the same model in one.
#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used)]

#[expect(dead_code, reason = "every file of tests uses what it needs of it")]
mod model;

use std::fs;
use std::path::{Path, PathBuf};

use model::{ask, finish, write};
use parallax::config::Paths;
use parallax::engine::client::ClientOptions;
use parallax::engine::protocol::{LoadRequest, Sampler};
use parallax::engine::{EngineClient, EngineSpec};
use parallax::models::gguf::{Header, TensorInfo, read_facts, read_header};
use parallax::models::{model_sha256, sha256_fresh};

const PARTS: usize = 3;
const ALIGNMENT: usize = 32;

/// The bytes of one tensor's description, with its weights at `offset`.
fn described(tensor: &TensorInfo, offset: u64) -> Vec<u8> {
    let mut out = (tensor.name.len() as u64).to_le_bytes().to_vec();
    out.extend(tensor.name.as_bytes());
    out.extend(u32::try_from(tensor.dims.len()).unwrap().to_le_bytes());
    tensor.dims.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
    out.extend(tensor.kind.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// One part: metadata as it is, the keys of a split model, and some of the tensors.
fn part(no: usize, header: &Header, metadata: (u64, &[u8]), tensors: &[TensorInfo], whole: &[u8]) -> Vec<u8> {
    let (entries, metadata) = metadata;
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((entries + 3).to_le_bytes());
    out.extend(metadata);
    // Types 2 (u16) and 5 (i32), as llama.cpp insists.
    for (key, value) in [("split.no", no), ("split.count", PARTS)] {
        out.extend(text(key));
        out.extend(2u32.to_le_bytes());
        out.extend(u16::try_from(value).unwrap().to_le_bytes());
    }
    out.extend(text("split.tensors.count"));
    out.extend(5u32.to_le_bytes());
    out.extend(i32::try_from(header.tensors.len()).unwrap().to_le_bytes());
    let mut offset = 0;
    for tensor in tensors {
        out.extend(described(tensor, offset as u64));
        offset += usize::try_from(tensor.bytes.unwrap()).unwrap().next_multiple_of(ALIGNMENT);
    }
    for tensor in tensors {
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        let from = usize::try_from(header.data_offset + tensor.offset).unwrap();
        out.extend(&whole[from..from + usize::try_from(tensor.bytes.unwrap()).unwrap()]);
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    out
}

/// Splits the model into `PARTS` files; the first part's path.
fn split(model: &Path, folder: &Path) -> PathBuf {
    let whole = fs::read(model).unwrap();
    let header = read_header(whole.as_slice(), whole.len() as u64).unwrap();
    assert!(!header.metadata.contains_key("general.alignment"));
    // The metadata lie between the counts and the first tensor's description.
    let first = described(&header.tensors[0], header.tensors[0].offset);
    let end = whole.windows(first.len()).position(|window| window == first).unwrap();
    let metadata = (header.metadata.len() as u64, &whole[24..end]);
    let size = header.tensors.len().div_ceil(PARTS);
    for (no, tensors) in header.tensors.chunks(size).enumerate() {
        let metadata = if no == 0 { metadata } else { (0, &[][..]) };
        let bytes = part(no, &header, metadata, tensors, &whole);
        fs::write(folder.join(format!("smol-{:05}-of-{PARTS:05}.gguf", no + 1)), bytes).unwrap();
    }
    folder.join(format!("smol-00001-of-{PARTS:05}.gguf"))
}

/// Loads what is at `path`, and the greedy beginning of an answer with the logarithms of its probabilities; else the
/// refusal.
fn answer(path: &Path, data: &Path) -> Result<(String, Vec<f64>, u64, Option<String>), String> {
    let words = ["engine", "--threads", "2"].map(str::to_owned).to_vec();
    let spec = EngineSpec::Command([vec![env!("CARGO_BIN_EXE_parallax").to_owned()], words].concat());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = EngineClient::start(ClientOptions::new(spec)).await.unwrap();
        let (path, data) = (path.display().to_string(), Some(data.display().to_string()));
        let request = LoadRequest { path, context: Some(512), data, keep_states: false, others: None };
        let loaded = client.load(request, |_| {}).await.map_err(|error| error.to_string())?;
        let sampler = Sampler { temperature: 0.0, ..Sampler::default() };
        let request = parallax::engine::protocol::GenerateRequest { sampler, ..write(ask("Tea or coffee?"), 6, 1) };
        let (generated, logprobs) = finish(&client, request).await.unwrap();
        let report = client.model_report(std::time::Duration::from_secs(60)).await;
        Ok((generated.text, logprobs, loaded.parameters, report.sha256))
    })
}

#[test]
fn a_split_model_answers_with_the_same_bits_as_the_whole_one() {
    let home = tempfile::tempdir().unwrap();
    let paths = Paths { data: home.path().join("data") };
    let whole = model::path();
    let first = split(&whole, home.path());
    let (facts, facts_of_whole) = (read_facts(&first).unwrap(), read_facts(&whole).unwrap());
    assert_eq!(facts.parts.len(), PARTS);
    assert_eq!((facts.parameters, &facts.shape.cells), (facts_of_whole.parameters, &facts_of_whole.shape.cells));
    assert!(facts.bytes >= facts_of_whole.bytes - 4096 && facts.bytes < facts_of_whole.bytes + 65_536);

    let expected = answer(&whole, &paths.data).unwrap();
    assert_eq!(expected.1.len(), 6);
    // Named by a later part, and by what the parts have in common.
    for name in ["smol-00003-of-00003.gguf", "smol"] {
        let split = answer(&home.path().join(name), &paths.data).unwrap();
        assert_eq!((&split.0, &split.1, split.2), (&expected.0, &expected.1, expected.2), "{name}: equal bits");
        assert_eq!(split.3, model_sha256(&first, &paths).ok(), "{name}");
    }
    // The digest is that of the parts' digests.
    let digests: String = facts.parts.iter().map(|part| sha256_fresh(part, &paths).unwrap()).collect();
    let joined = home.path().join("digests");
    fs::write(&joined, digests).unwrap();
    assert_eq!(model_sha256(&first, &paths).unwrap(), sha256_fresh(&joined, &paths).unwrap());
    assert_eq!(model_sha256(&whole, &paths).ok(), expected.3);

    fs::remove_file(home.path().join("smol-00002-of-00003.gguf")).unwrap();
    let sentence = answer(&home.path().join("smol-00003-of-00003.gguf"), &paths.data).unwrap_err();
    assert!(sentence.contains("smol-00002-of-00003.gguf"), "{sentence}");
}
