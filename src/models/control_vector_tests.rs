#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn file(hint: &str) -> Writer {
    Writer::new().with("general.architecture", Item::text("controlvector")).with(HINT, Item::text(hint))
}

fn read(bytes: &[u8]) -> Result<ControlVector, ControlVectorError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.gguf");
    std::fs::write(&path, bytes).unwrap();
    ControlVector::read(&path)
}

/// One sentence, made of what can be printed.
fn refused(writer: &Writer) -> String {
    let sentence = read(&writer.finish()).unwrap_err().to_string();
    assert!(!sentence.contains('\n') && sentence.contains("v.gguf") && sentence.contains("; "), "{sentence}");
    sentence
}

#[test]
fn a_file_as_repeng_writes_it_is_read() {
    // Its writer: GGUFWriter(path, "controlvector"), model_hint the model's type, layer_count, direction.LAYER in f32.
    let bytes = file("mistral")
        .with(COUNT, Item::U32(2))
        .tensor("direction.1", &[3], F32, f32s(&[0.5, -0.25, 1.0]))
        .tensor("direction.7", &[3], F32, f32s(&[0.0, 2.0, 0.0]))
        .finish();
    let vector = read(&bytes).unwrap();
    assert_eq!(vector.vectors.model.as_deref(), Some("mistral"));
    assert_eq!(vector.vectors.layers, BTreeMap::from([(1, vec![0.5, -0.25, 1.0]), (7, vec![0.0, 2.0, 0.0])]));
    assert!(vector.notes.is_empty() && vector.told == Told::default(), "{:?}", vector.notes);
}

#[test]
fn a_file_as_llama_cpp_writes_it_is_read() {
    // cvector-generator: the architecture, model_hint, a signed layer_count, one tensor for each layer from 1.
    let mut writer = Writer::new()
        .with("general.architecture", Item::text("controlvector"))
        .with(HINT, Item::text("llama"))
        .with(COUNT, Item::I32(3));
    for layer in 1..=3u8 {
        writer = writer.tensor(&format!("direction.{layer}"), &[2], F32, f32s(&[f32::from(layer), 1.0]));
    }
    let vector = read(&writer.finish()).unwrap();
    assert_eq!(vector.vectors.layers.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((&vector.vectors.layers[&2][..], vector.notes.len()), (&[2.0, 1.0][..], 0));
}

#[test]
fn what_is_written_is_read_again_and_layer_0_is_told() {
    let layers = BTreeMap::from([(0, vec![1.0, 2.0]), (4, vec![-0.5, 1e-8]), (9, vec![3.0, 0.0])]);
    let told = Told {
        about: Some("calm".to_owned()),
        by: Some("pca".to_owned()),
        pairs: Some(16),
        held_out: Some(4),
        model_layers: Some(30),
        layers: vec![ToldLayer { layer: 4, residual_norm: 12.5, separation: 1.0, held_out: Some(0.75) }],
    };
    let vectors = DirectionVectors { layers, model: Some("llama".to_owned()) };
    let vector = ControlVector { vectors, told: told.clone(), notes: Vec::new() };
    let (bytes, note) = vector.write().unwrap();
    assert!(note.unwrap().contains("layer 0"));
    let again = read(&bytes).unwrap();
    assert_eq!(again.vectors.layers, BTreeMap::from([(4, vec![-0.5, 1e-8]), (9, vec![3.0, 0.0])]));
    assert_eq!((again.told, again.vectors.model.as_deref()), (told, Some("llama")));
    let nothing = DirectionVectors { layers: BTreeMap::from([(0, vec![1.0])]), model: None };
    assert!(ControlVector { vectors: nothing, ..ControlVector::default() }.write().is_none());
}

/// The bytes of a small file, one field after the other, as the format's description has them.
#[test]
fn the_bytes_are_those_of_the_format() {
    let vectors = DirectionVectors { layers: BTreeMap::from([(2, vec![1.0, -2.0])]), model: Some("llama".to_owned()) };
    let (bytes, note) = ControlVector { vectors, ..ControlVector::default() }.write().unwrap();
    let mut wanted = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0".to_vec();
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    for (key, value) in [("general.architecture", "controlvector"), ("controlvector.model_hint", "llama")] {
        wanted.extend([text(key), 8u32.to_le_bytes().to_vec(), text(value)].concat());
    }
    wanted.extend([text("controlvector.layer_count"), 4u32.to_le_bytes().to_vec(), vec![1, 0, 0, 0]].concat());
    // Name, one dimension of two, type f32, offset 0.
    wanted.extend([text("direction.2"), vec![1, 0, 0, 0], vec![2, 0, 0, 0, 0, 0, 0, 0], vec![0; 12]].concat());
    wanted.resize(wanted.len().next_multiple_of(32), 0);
    wanted.extend([0x3f80_0000u32, 0xc000_0000].iter().flat_map(|bits| bits.to_le_bytes()));
    wanted.resize(wanted.len().next_multiple_of(32), 0);
    assert_eq!(bytes, wanted);
    assert_eq!(note, None);
}

#[test]
fn half_precision_is_read() {
    for (bits, value) in
        [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (0x0001, 2.0f32.powi(-24)), (0x7bff, 65504.0)]
    {
        assert!((half(bits) - value).abs() <= value.abs() * 1e-6, "{bits:#x}: {}", half(bits));
    }
    assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    let bytes = file("x").tensor("direction.3", &[2], F16, vec![0x00, 0x3c, 0x00, 0xc0]).finish();
    assert_eq!(read(&bytes).unwrap().vectors.layers, BTreeMap::from([(3, vec![1.0, -2.0])]));
}

#[test]
fn hostile_files_end_in_one_sentence_each() {
    let one = f32s(&[1.0]);
    let good = || file("x").tensor("direction.1", &[1], F32, one.clone());
    for (writer, part) in [
        (file("x"), "no tensor"),
        (good().tensor("direction.0", &[1], F32, one.clone()), "layer 0"),
        (good().tensor("direction.01", &[1], F32, one.clone()), "twice, as direction.1 and direction.01"),
        (good().tensor("direction.+2", &[1], F32, one.clone()), "`direction.+2` is not called"),
        (good().tensor("direction.", &[1], F32, one.clone()), "is not called"),
        (good().tensor("output.weight", &[1], F32, one.clone()), "`output.weight` is not called"),
        (good().tensor("direction.99999999999999999999", &[1], F32, one.clone()), "is not called"),
        (good().tensor("direction.5000", &[1], F32, one.clone()), "beyond 4096"),
        (good().tensor("direction.2", &[2], F32, f32s(&[1.0, 2.0])), "has 2 numbers and others have 1"),
        (good().tensor("direction.2", &[1, 1], F32, one.clone()), "2 dimensions"),
        (good().tensor("direction.2", &[0], F32, Vec::new()), "has 0 numbers"),
        (good().zeros("direction.2", &[32], 8), "type Q8_0"),
        (good().tensor("direction.2", &[1], 77, one.clone()), "type 77"),
        (good().tensor("direction.2", &[1], F32, f32s(&[f32::NAN])), "number 0 of direction.2 is not finite"),
        (good().tensor("direction.2", &[1], F32, f32s(&[f32::INFINITY])), "not finite"),
        (file("x").tensor("direction.1", &[2], F32, f32s(&[0.0, -0.0])), "only zeros"),
        (
            Writer::new().with("general.architecture", Item::text("llama")),
            "no control vector: its architecture is `llama`",
        ),
        (Writer::new().tensor("direction.1", &[1], F32, one.clone()), "names no architecture"),
        (good().tensor("direction.2", &[u64::MAX], F32, one.clone()), "makes no sense"),
        (good().tensor("direction.2", &[1 << 40], F32, one.clone()), "truncated"),
    ] {
        let sentence = refused(&writer);
        assert!(sentence.contains(part), "`{part}` is not in: {sentence}");
    }
    let zeros = read(&good().tensor("direction.2", &[1], F32, f32s(&[0.0])).finish()).unwrap();
    assert!(zeros.notes[0].contains("all zeros") && zeros.vectors.layers.len() == 1);
    let fewer = read(&good().with(COUNT, Item::U32(31)).finish()).unwrap();
    assert!(fewer.notes[0].contains("31 layers and has 1"), "{:?}", fewer.notes);
    let long = file(&"h".repeat(100_000)).with(COUNT, Item::Array(vec![Item::U8(1)]));
    assert!(read(&long.tensor("direction.1", &[1], F32, one).finish()).is_ok());
}

#[test]
fn a_vector_is_fitted_to_the_model_or_refused() {
    let layers = BTreeMap::from([(1, vec![1.0, 2.0]), (40, vec![1.0, 2.0])]);
    let vector = ControlVector { vectors: DirectionVectors { layers, model: None }, ..ControlVector::default() };
    let path = Path::new("v.gguf");
    let fits = vector.clone().fitted(path, 30, 2).unwrap();
    assert!(fits.vectors.layers.len() == 1 && fits.notes[0].contains("1 of its layers lie above"), "{:?}", fits.notes);
    assert!(vector.clone().fitted(path, 41, 2).unwrap().notes.is_empty());
    let sentence = vector.clone().fitted(path, 30, 3).unwrap_err().to_string();
    assert!(sentence.contains("2 numbers in a layer, and the model's layers have 3"), "{sentence}");
    assert!(vector.fitted(path, 1, 2).unwrap_err().to_string().contains("none of its layers"));
}

#[test]
fn a_name_is_a_path_or_a_file_of_the_folder() {
    let home = tempfile::tempdir().unwrap();
    let paths = Paths { data: home.path().to_path_buf() };
    std::fs::create_dir_all(paths.directions()).unwrap();
    let vectors = DirectionVectors { layers: BTreeMap::from([(1, vec![1.0])]), model: None };
    let vector = ControlVector { vectors, ..ControlVector::default() };
    let path = paths.directions().join("calm.gguf");
    assert_eq!(vector.save(&path).unwrap(), None);
    for name in ["calm", "calm.gguf"] {
        assert_eq!(locate(Path::new(name), &paths).unwrap(), path);
    }
    assert_eq!(locate(&path, &paths).unwrap(), path);
    let sentence = locate(Path::new("clam"), &paths).unwrap_err().to_string();
    assert!(sentence.contains("there is no control vector clam"), "{sentence}");
}

proptest! {
    /// Any byte of a whole file may be another, and it may end anywhere.
    #[test]
    fn damaged_files_are_refused_or_read(at in 0usize..400, byte in any::<u8>(), end in 0usize..400) {
        let whole = file("llama")
            .with(COUNT, Item::U32(2))
            .tensor("direction.1", &[4], F32, f32s(&[1.0, 2.0, 3.0, 4.0]))
            .tensor("direction.2", &[4], F16, vec![0, 0x3c, 0, 0, 0, 0, 0, 0])
            .finish();
        let mut bytes = whole.clone();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(end.max(1));
        for bytes in [&bytes, &whole[..whole.len().min(end.max(1))]] {
            match read(bytes) {
                Ok(vector) => prop_assert!(vector.vectors.layers.values().flatten().all(|value| value.is_finite())),
                Err(error) => prop_assert!(error.to_string().len() < 900),
            }
        }
    }
}
