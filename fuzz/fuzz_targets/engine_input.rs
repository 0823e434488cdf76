//! The engine hears anything: `parallax::engine::fuzzing` says what holds then.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // The first byte says how many steps are computed between two lines.
    let (steps, input) = input.split_first().map_or((0, input), |(first, rest)| (usize::from(first % 4), rest));
    if let Err(broken) = parallax::engine::fuzzing::engine_hears(input, steps) {
        panic!("{broken}");
    }
});
