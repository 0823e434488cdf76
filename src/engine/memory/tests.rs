//! Estimates beside what llama.cpp reported and the system measured, and the decisions that follow.

#![allow(clippy::unwrap_used)]

use super::*;

const MIB: f64 = 1_048_576.0;

/// SmolLM2-135M `Q4_1`.
fn smol() -> ModelShape {
    ModelShape {
        weights: 98_362_432,
        parameters: 134_515_008,
        cells: vec![(192, 192); 30],
        heads: 9,
        embedding: 576,
        feed_forward: 1536,
        vocabulary: 49_152,
        trained: 8192,
        ..ModelShape::default()
    }
}

/// Qwen2.5-Coder-0.5B `Q4_K_M`.
fn qwen() -> ModelShape {
    ModelShape {
        weights: 491_400_064,
        parameters: 494_032_768,
        cells: vec![(128, 128); 24],
        heads: 14,
        embedding: 896,
        feed_forward: 4864,
        vocabulary: 151_936,
        trained: 32_768,
        ..ModelShape::default()
    }
}

fn budget(free: u64) -> Budget {
    Budget { devices: vec![("CPU".to_owned(), free)], ..Budget::default() }
}

#[test]
fn caches_are_as_large_as_llama_cpp_says() {
    for (shape, profile, cells, mib) in [
        (smol(), Profile::Audit, 8192, 95.625),
        (smol(), Profile::Fast, 8192, 180.0),
        (smol(), Profile::Audit, 32_768, 382.5),
        (qwen(), Profile::Audit, 8192, 51.0),
        (qwen(), Profile::Fast, 32_768, 384.0),
        // Rounded up.
        (qwen(), Profile::Audit, 1000, 6.375),
    ] {
        let context = need(&shape, profile, cells).context as f64 / MIB;
        assert!((context - mib).abs() < 1e-9, "{context} {mib}");
    }
}

#[test]
fn the_whole_is_near_what_was_measured_and_not_below() {
    // MiB: weights, logits, cache and buffers to compute with as llama.cpp reported them, and what was measured beside
    // them: 26.5 for the vocabulary of the one, 65 of the other.
    for (shape, profile, cells, mib, above) in [
        (smol(), Profile::Audit, 256, 92.1 + 48.0 + 3.0 + 51.0 + 26.5, 1.06),
        (smol(), Profile::Audit, 8192, 92.1 + 48.0 + 95.6 + 61.7 + 26.5, 1.04),
        (smol(), Profile::Audit, 32_768, 92.1 + 48.0 + 382.5 + 85.7 + 26.5, 1.05),
        (smol(), Profile::Fast, 2048, 92.1 + 48.0 + 45.0 + 58.4 + 26.5, 1.06),
        (smol(), Profile::Fast, 8192, 92.1 + 48.0 + 180.0 + 167.5 + 26.5, 1.14),
        (qwen(), Profile::Audit, 256, 463.0 + 95.6 + 1.6 + 101.5 + 65.0, 1.02),
        (qwen(), Profile::Audit, 8192, 463.0 + 95.6 + 51.0 + 117.3 + 65.0, 1.02),
        (qwen(), Profile::Fast, 8192, 463.0 + 95.6 + 96.0 + 323.6 + 65.0, 1.02),
        (qwen(), Profile::Fast, 32_768, 463.0 + 95.6 + 384.0 + 1251.7 + 65.0, 1.02),
    ] {
        let ratio = need(&shape, profile, cells).total() as f64 / MIB / mib;
        assert!((1.0..above).contains(&ratio), "{profile:?} {cells}: {ratio}");
    }
}

#[test]
fn a_large_vocabulary_gets_fewer_sequences() {
    assert_eq!((sequences(&smol()), sequences(&qwen())), (256, 165));
    assert_eq!(sequences(&ModelShape { vocabulary: 262_144, ..smol() }), 96);
    assert_eq!(sequences(&ModelShape { vocabulary: 0, ..smol() }), 256);
    assert_eq!(sequences(&ModelShape { vocabulary: u64::MAX, ..smol() }), 96);
}

#[test]
fn the_most_cells_fit_and_one_step_more_does_not() {
    for profile in [Profile::Audit, Profile::Fast] {
        for free in [800 << 20, 1 << 30, 5 << 30] {
            let cells = most_cells(&qwen(), profile, free);
            assert!(cells >= STEP && cells.is_multiple_of(STEP));
            assert!(need(&qwen(), profile, cells).total() <= free);
            assert!(need(&qwen(), profile, cells + STEP).total() > free);
        }
    }
    assert_eq!(most_cells(&qwen(), Profile::Audit, 400 << 20), 0);
    // A header that claims the impossible ends in a refusal, not in an overflow.
    let huge = ModelShape { cells: vec![(u64::MAX, u64::MAX); 3], vocabulary: u64::MAX, ..smol() };
    assert_eq!(most_cells(&huge, Profile::Fast, u64::MAX - 1), 0);
}

#[test]
fn layers_may_differ_and_recurrent_state_counts_for_every_sequence() {
    let mixed = ModelShape { cells: vec![(64, 32), (0, 0), (48, 48)], ..smol() };
    // 48 values are no whole blocks: two bytes each.
    assert_eq!(need(&mixed, Profile::Audit, 256).context, 256 * (68 + 34 + 96 + 96));
    let recurrent = ModelShape { cells: Vec::new(), state: 1000, ..smol() };
    assert_eq!(need(&recurrent, Profile::Audit, 8192).context, 1000 * 4 * 256);
}

#[test]
fn the_default_is_lowered_to_a_share_of_what_is_free() {
    let audit = |shape: &ModelShape, free: u64| choose(shape, Profile::Audit, None, &budget(free));
    assert_eq!(audit(&qwen(), 16 << 30), Chosen { cells: 8192, note: None });
    let lowered = audit(&qwen(), 1300 << 20);
    assert!(lowered.cells >= 1024 && lowered.cells < 8192, "{lowered:?}");
    assert!(need(&qwen(), Profile::Audit, lowered.cells).total() <= (1300 << 20) / 100 * 60);
    assert!(lowered.note.unwrap().contains("instead of 8192"));
    // Never below this, even if it takes more than the share; and not for a model that reads little.
    assert_eq!(audit(&qwen(), 600 << 20).cells, 1024);
    assert_eq!(audit(&ModelShape { trained: 128, ..qwen() }, 16 << 30), Chosen { cells: 2048, note: None });
    // What was asked for is taken; what is unknown lowers nothing.
    assert_eq!(choose(&qwen(), Profile::Audit, Some(9), &budget(1)).cells, 256);
    assert_eq!(choose(&qwen(), Profile::Audit, None, &Budget::default()), Chosen { cells: 8192, note: None });
}

#[test]
fn weights_that_another_engine_keeps_mapped_are_not_free() {
    let beside = |free| budget(free).without(463 << 20);
    assert_eq!(beside(2 << 30).free(), Some((2 << 30) - (463 << 20)));
    assert_eq!(beside(1).free(), Some(0));
    // Alone it would fit.
    assert!(fits(&qwen(), Profile::Audit, 1024, &budget(900 << 20), "q.gguf").is_ok());
    let refused = fits(&qwen(), Profile::Audit, 1024, &beside(900 << 20), "q.gguf").unwrap_err();
    assert!(refused.contains("437 MiB on CPU, beside the 463 MiB of the other model are free"), "{refused}");
    // What a graphics card has free is counted by its driver.
    let card = Budget { devices: vec![("CUDA0".to_owned(), 1 << 30)], ..Budget::default() };
    assert_eq!(card.clone().without(463 << 20), card);
}

#[test]
fn a_refusal_says_what_is_needed_what_is_free_and_what_to_do() {
    let ask = |cells, free| fits(&qwen(), Profile::Audit, cells, &budget(free), "q.gguf");
    assert!(ask(8192, 2 << 30).is_ok());
    let long = ask(131_072, 1 << 30).unwrap_err();
    for words in ["`q.gguf` needs", "of weights", "context of 131072 tokens", "1.0 GiB on CPU are free", "close other"]
    {
        assert!(long.contains(words), "{words}: {long}");
    }
    let (_, rest) = long.split_once("--ctx ").unwrap();
    let cells: u32 = rest.split(',').next().unwrap().parse().unwrap();
    assert!(ask(cells, 1 << 30).is_ok() && ask(cells + STEP, 1 << 30).is_err(), "{long}");
    // A quantisation that is named would fit; none is named that would not.
    let tight = ask(1024, 600 << 20).unwrap_err();
    assert!(tight.contains("smaller quantisation (") && !tight.contains("--ctx"), "{tight}");
    let hopeless = ask(1024, 100 << 20).unwrap_err();
    assert!(hopeless.contains("take a smaller model"), "{hopeless}");
    assert!(fits(&qwen(), Profile::Audit, 1024, &Budget::default(), "q").is_ok());
}
