//! What the unit tests of this room share: tolerance, the master table of `methods.md` section 4, random vectors.
#![allow(clippy::unwrap_used)]

use std::f64::consts::LN_2;

use proptest::prelude::*;

use super::Distribution;

/// Asserts equality to the precision of the printed test vectors.
#[track_caller]
pub(crate) fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-6, "found {found}, expected {expected}");
}

/// [`close`] for vectors.
#[track_caller]
pub(crate) fn all_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= 1e-6, "found {found:?}, expected {expected:?}");
    }
}

/// A distribution from literals.
pub(crate) fn d(values: &[f64]) -> Distribution {
    Distribution::new(values).unwrap()
}

/// Any `k` non-negative numbers that are a distribution, zeros included.
pub(crate) fn any_distribution(k: usize) -> impl Strategy<Value = Distribution> {
    prop::collection::vec(prop_oneof![1 => Just(0.0), 5 => 0.0..1.0f64], k)
        .prop_filter_map("all zero", |values| Distribution::new(&values).ok())
}

/// Two distributions over the same 2 to 6 options.
pub(crate) fn any_pair() -> impl Strategy<Value = (Distribution, Distribution)> {
    (2usize..7).prop_flat_map(|k| (any_distribution(k), any_distribution(k)))
}

/// One row of the table of two-vector tests.
pub(crate) struct Row {
    pub id: char,
    pub p: Distribution,
    pub q: Distribution,
    pub jsd_2: f64,
    pub js_distance_2: f64,
    pub jsd_e: f64,
    pub js_distance_e: f64,
    pub tv: f64,
    pub kl_pq: Option<f64>,
    pub kl_qp: Option<f64>,
    pub w1: f64,
    pub w1_normalised: f64,
    pub entropy_p: f64,
    pub entropy_q: f64,
}

/// The rows A, B, C, D, E, H and I.
#[rustfmt::skip]
pub(crate) fn master_table() -> Vec<Row> {
    let row = |id, p: &[f64], q: &[f64], js: [f64; 4], tv, kl: [Option<f64>; 2], w: [f64; 2], h: [f64; 2]| Row {
        id, p: d(p), q: d(q), jsd_2: js[0], js_distance_2: js[1], jsd_e: js[2], js_distance_e: js[3], tv,
        kl_pq: kl[0], kl_qp: kl[1], w1: w[0], w1_normalised: w[1], entropy_p: h[0], entropy_q: h[1],
    };
    let third = 1.0 / 3.0;
    vec![
        row('A', &[0.8, 0.2], &[0.5, 0.5], [0.073_104, 0.270_378, 0.050_672, 0.225_104], 0.3,
            [Some(0.278_072), Some(0.321_928)], [0.3, 0.3], [0.721_928, 1.0]),
        row('B', &[1.0, 0.0], &[0.0, 1.0], [1.0, 1.0, LN_2, 0.832_555], 1.0,
            [None, None], [1.0, 1.0], [0.0, 0.0]),
        row('C', &[0.1, 0.2, 0.3, 0.4], &[0.25; 4], [0.040_202, 0.200_503, 0.027_866, 0.166_930], 0.2,
            [Some(0.153_561), Some(0.175_687)], [0.5, 0.5 * third], [1.846_439, 2.0]),
        row('D', &[1.0, 0.0, 0.0], &[0.5, 0.5, 0.0], [0.311_278, 0.557_923, 0.215_762, 0.464_501], 0.5,
            [Some(1.0), None], [0.5, 0.25], [0.0, 1.0]),
        row('E', &[0.1, 0.2, 0.3, 0.4], &[0.4, 0.3, 0.2, 0.1], [0.153_561, 0.391_868, 0.106_440, 0.326_252], 0.4,
            [Some(0.658_496), Some(0.658_496)], [1.0, third], [1.846_439, 1.846_439]),
        row('H', &[0.6, 0.3, 0.1], &[0.2, 0.5, 0.3], [0.131_460, 0.362_573, 0.091_121, 0.301_862], 0.4,
            [Some(0.571_392), Some(0.526_979)], [0.6, 0.3], [1.295_462, 1.485_475]),
        row('I', &[0.05, 0.15, 0.5, 0.2, 0.1], &[0.3, 0.3, 0.2, 0.1, 0.1],
            [0.150_004, 0.387_304, 0.103_975, 0.322_451], 0.4,
            [Some(0.581_716), Some(0.711_103)], [0.75, 0.1875], [1.923_220, 2.170_951]),
    ]
}
