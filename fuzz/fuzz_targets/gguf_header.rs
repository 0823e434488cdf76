//! The reader of model files reads anything, whatever length the file is said to have, and its facts can be told.
#![no_main]

use parallax::models::gguf::read_header;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for length in [input.len() as u64, 1 << 40] {
        match read_header(input, length) {
            Ok(header) => drop(header.needed_bytes()),
            Err(damage) => {
                let sentence = damage.to_string();
                assert!(!sentence.is_empty() && sentence.len() < 20_000);
            }
        }
    }
});
