//! The client hears anything: `parallax::engine::fuzzing` says what holds then.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // The first byte says in which pieces it comes.
    let (piece, said) = input.split_first().map_or((1, input), |(first, rest)| (1 + usize::from(*first), rest));
    match parallax::engine::fuzzing::client_hears(said, piece) {
        Ok(ends) => assert_eq!(ends.len(), 5),
        Err(broken) => panic!("{broken}"),
    }
});
