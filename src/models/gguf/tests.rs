//! Tests of the reader against files of the writer, damaged in every way.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use proptest::prelude::*;

use super::*;

fn facts_of(bytes: &[u8]) -> Result<GgufFacts, GgufError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    fs::write(&path, bytes).unwrap();
    read_facts(&path)
}

fn sentence(bytes: &[u8]) -> String {
    facts_of(bytes).unwrap_err().to_string()
}

#[test]
fn facts_of_a_small_model() {
    let facts = facts_of(&sample_model("Tiny").finish()).unwrap();
    assert_eq!(facts.architecture, "llama");
    assert_eq!(facts.name.as_deref(), Some("Tiny"));
    assert_eq!(facts.parameters, 64 * 3 + 64 + 64 * 64);
    assert_eq!(facts.quantisation, "Q4_1");
    assert_eq!((facts.layers, facts.embedding, facts.context), (Some(2), Some(64), Some(2048)));
    assert_eq!((facts.heads, facts.kv_heads, facts.head_size), (Some(4), Some(2), Some(16)));
    assert_eq!(facts.vocabulary, Some(3));
    assert_eq!(facts.tokenizer.as_deref(), Some("gpt2"));
    assert!(facts.has_chat_template());
    assert!(facts.unknown_types.is_empty() && facts.parts.is_empty());
}

#[test]
fn every_value_type_is_read() {
    let items = [
        (Item::U8(200), Value::Unsigned(200)),
        (Item::I8(-3), Value::Signed(-3)),
        (Item::U16(60_000), Value::Unsigned(60_000)),
        (Item::I16(-300), Value::Signed(-300)),
        (Item::U32(4_000_000_000), Value::Unsigned(4_000_000_000)),
        (Item::I32(-70_000), Value::Signed(-70_000)),
        (Item::F32(0.5), Value::Float(0.5)),
        (Item::Bool(true), Value::Bool(true)),
        (Item::text("süß"), Value::Text("süß".into())),
        (Item::U64(u64::MAX), Value::Unsigned(u64::MAX)),
        (Item::I64(i64::MIN), Value::Signed(i64::MIN)),
        (Item::F64(-2.25), Value::Double(-2.25)),
        (Item::Array(vec![Item::text("a"), Item::text("")]), Value::Array { len: 2, head: vec![] }),
        (
            Item::Array(vec![Item::I16(-1), Item::I16(2)]),
            Value::Array { len: 2, head: vec![Value::Signed(-1), Value::Signed(2)] },
        ),
        (Item::Array(vec![Item::Array(vec![Item::U8(1)]), Item::Array(vec![])]), Value::Array { len: 2, head: vec![] }),
    ];
    let mut writer = Writer::new();
    for (at, (item, _)) in items.iter().enumerate() {
        writer = writer.with(&format!("k{at}"), item.clone());
    }
    let bytes = writer.finish();
    let header = read_header(bytes.as_slice(), bytes.len() as u64).unwrap();
    for (at, (_, value)) in items.iter().enumerate() {
        assert_eq!(&header.metadata[&format!("k{at}")], value);
    }
}

#[test]
fn long_arrays_keep_their_length_and_first_numbers() {
    let bytes = Writer::new().with("k", Item::Array(vec![Item::U32(7); 5000])).with("z", Item::U8(9)).finish();
    let header = read_header(bytes.as_slice(), bytes.len() as u64).unwrap();
    let Value::Array { len, head } = &header.metadata["k"] else { panic!("no array") };
    assert_eq!((*len, head.len()), (5000, 1024));
    assert_eq!(header.metadata["z"], Value::Unsigned(9));
}

#[test]
fn each_wrong_file_has_its_own_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read_facts(&folder.path().join("none.gguf")).unwrap_err();
    assert!(matches!(missing, GgufError::Missing { .. }));
    let dir = read_facts(folder.path()).unwrap_err();
    assert!(matches!(dir, GgufError::Folder { .. }));
    let whole = sample_model("Tiny").finish();
    let mut sentences = vec![missing.to_string(), dir.to_string()];
    sentences.push(sentence(b""));
    sentences.push(sentence(b"GG"));
    sentences.push(sentence(b"<!DOCTYPE html>"));
    sentences.push(sentence(b"version https://git-lfs"));
    sentences.push(sentence(&whole[..200]));
    sentences.push(sentence(&whole[..whole.len() - 64]));
    let mut swapped = whole.clone();
    swapped[4..8].copy_from_slice(&3u32.to_be_bytes());
    sentences.push(sentence(&swapped));
    let mut newer = whole.clone();
    newer[4] = 9;
    sentences.push(sentence(&newer));
    sentences.push(sentence(&Writer::new().finish()));
    // Compared without the random folder name: each must be recognisable by itself.
    let mut bare: Vec<&str> = sentences.iter().map(|text| text.split_once(' ').unwrap().1).collect();
    for words in
        ["does not exist", "is a folder", "is empty", "web page", "Git LFS", "ends inside its header", "tensors need"]
    {
        assert!(bare.iter().any(|text| text.contains(words)), "{words}: {bare:?}");
    }
    let count = bare.len();
    bare.sort_unstable();
    bare.dedup();
    assert_eq!(bare.len(), count);
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_without_opening_it() {
    assert!(matches!(read_facts(Path::new("/dev/zero")).unwrap_err(), GgufError::NotAFile { .. }));
}

#[test]
fn hostile_counts_are_refused_at_once() {
    let mut bytes = sample_model("Tiny").finish();
    bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(sentence(&bytes).contains("tensors"));
    bytes[8..16].copy_from_slice(&0u64.to_le_bytes());
    bytes[16..24].copy_from_slice(&(u64::MAX / 2).to_le_bytes());
    assert!(sentence(&bytes).contains("metadata entries"));
    // A count that could be real, in a file too short for it, is a file that was cut.
    bytes[16..24].copy_from_slice(&60_000u64.to_le_bytes());
    assert!(sentence(&bytes).contains("ends inside its header"));
}

#[test]
fn deep_nesting_is_refused() {
    let mut item = Item::Array(vec![Item::U8(1)]);
    for _ in 0..40 {
        item = Item::Array(vec![item]);
    }
    assert!(sentence(&Writer::new().with("k", item).finish()).contains("arrays inside arrays"));
}

#[test]
fn a_huge_text_length_allocates_nothing() {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3u32.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    bytes.extend((1u64 << 60).to_le_bytes());
    bytes.extend([0; 64]);
    assert!(matches!(facts_of(&bytes).unwrap_err(), GgufError::Damaged { damage: Damage::Limit { .. }, .. }));
}

#[test]
fn tensors_that_make_no_sense_are_refused() {
    let odd_row = Writer::new().with("general.architecture", Item::text("x")).tensor("t", &[33], 3, vec![0; 64]);
    assert!(sentence(&odd_row.finish()).contains("tensor t"));
    let overflow =
        Writer::new().with("general.architecture", Item::text("x")).tensor("t", &[1 << 40, 1 << 40], 0, vec![]);
    assert!(sentence(&overflow.finish()).contains("tensor t"));
}

#[test]
fn unknown_tensor_types_are_named_instead_of_checked() {
    let bytes =
        Writer::new().with("general.architecture", Item::text("x")).tensor("t", &[1 << 30], 999, vec![]).finish();
    let facts = facts_of(&bytes).unwrap();
    assert_eq!(facts.unknown_types, [999]);
    assert_eq!(facts.quantisation, "type 999");
}

#[test]
fn a_split_model_is_summed_and_its_gaps_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let part = |no: u64| folder.path().join(format!("big-{no:05}-of-00003.gguf"));
    for no in 1..=3u16 {
        let head = if no == 1 { sample_model("Big") } else { Writer::new() };
        let file = head.with("split.no", Item::U16(no - 1)).with("split.count", Item::U16(3)).zeros(
            &format!("blk.{no}.ffn.weight"),
            &[32],
            0,
        );
        fs::write(part(no.into()), file.finish()).unwrap();
    }
    let facts = read_facts(&part(1)).unwrap();
    assert_eq!(facts.parameters, 64 * 3 + 64 + 64 * 64 + 3 * 32);
    assert_eq!(facts.parts.len(), 3);
    let later = read_facts(&part(2)).unwrap_err().to_string();
    assert!(later.contains("part 2 of 3") && later.contains("big-00001-of-00003.gguf"), "{later}");
    fs::remove_file(part(3)).unwrap();
    let gap = read_facts(&part(1)).unwrap_err().to_string();
    assert!(gap.contains("1 is missing") && gap.contains("big-00003-of-00003.gguf"), "{gap}");
    let renamed = folder.path().join("other.gguf");
    fs::copy(part(1), &renamed).unwrap();
    assert!(read_facts(&renamed).unwrap_err().to_string().contains("its name does not"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(&body);
        let _ = read_header(bytes.as_slice(), bytes.len() as u64);
        let _ = read_header(body.as_slice(), body.len() as u64);
    }

    #[test]
    fn flips_and_cuts_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<prop::sample::Index>(),
        claimed in any::<u64>(),
    ) {
        let mut bytes = sample_model("Tiny").finish();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        for length in [bytes.len() as u64, claimed] {
            if let Ok(header) = read_header(bytes.as_slice(), length) {
                let _ = header.needed_bytes();
                let _ = GgufFacts::from_header(&header, length);
            }
        }
    }

    #[test]
    fn every_cut_of_a_whole_file_is_noticed(keep in any::<prop::sample::Index>()) {
        let bytes = sample_model("Tiny").finish();
        let keep = keep.index(bytes.len() - 64);
        prop_assert!(facts_of(&bytes[..keep]).is_err());
    }
}
