//! The reader of control vectors reads anything; what it takes is finite and can be written and read again.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use parallax::models::control_vector::ControlVector;

/// A file of this process alone.
fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| tempfile::tempdir().expect("a folder for temporary files").keep().join("v.gguf"))
}

fn read(bytes: &[u8]) -> Result<ControlVector, String> {
    std::fs::write(place(), bytes).expect("room for a small file");
    ControlVector::read(place()).map_err(|error| error.to_string())
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    match read(input) {
        Err(sentence) => assert!(sentence.contains("; ") && sentence.len() < 20_000),
        Ok(vector) => {
            assert!(vector.vectors.layers.values().flatten().all(|value| value.is_finite()));
            let (bytes, _) = vector.write().expect("layer 0 is never read");
            assert_eq!(read(&bytes).map(|again| again.vectors.layers), Ok(vector.vectors.layers));
        }
    }
});
