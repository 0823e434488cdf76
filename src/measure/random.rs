//! Random numbers that are the same on every platform and in every version: [`SplitMix64`], and seeds derived from
//! names ([`named_seed`]). The whole program draws from these, so that a run can be repeated from its record.

use sha2::{Digest, Sha256};

/// The generator `SplitMix64`: a 64-bit counter in steps of the golden ratio, mixed. Full period, no bad seeds,
/// quick; not for secrets. Steele, Lea and Flood, OOPSLA 2014; the constants are those of Vigna's reference code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator whose whole sequence depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A uniform number in [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * STEP
    }
}

/// A seed for one use of randomness inside a run: the first eight bytes (little-endian) of the SHA-256 of the run's
/// seed (eight bytes, little-endian) and each part, preceded by its length in bytes (eight bytes, little-endian).
///
/// The lengths keep `["ab", "c"]` and `["a", "bc"]` apart.
pub fn named_seed(run_seed: u64, parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    hash.update(run_seed.to_le_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).rev().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_reference_sequence() {
        let mut random = SplitMix64::new(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| random.next_u64()).collect();
        // Printed by the reference implementation for this seed.
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, expected);
        assert_eq!(SplitMix64::new(0).next_u64(), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn uniform_numbers_fill_the_unit_interval_evenly() {
        let mut random = SplitMix64::new(1);
        let drawn: Vec<f64> = (0..100_000).map(|_| random.uniform()).collect();
        assert!(drawn.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = drawn.iter().sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let low = drawn.iter().filter(|u| **u < 0.1).count();
        assert!((9_500..10_500).contains(&low), "{low}");
    }

    #[test]
    fn seeds_are_fixed_for_all_time() {
        // Computed with another implementation (Python's hashlib); a change here breaks the replay of stored runs.
        assert_eq!(named_seed(1, &[]), 0xA63F_41D4_36A1_9F7C);
        assert_eq!(named_seed(1, &["overton", "v1"]), 0xB0E2_BE66_9C19_74B4);
        assert_eq!(named_seed(u64::MAX, &["Grüße", ""]), 0x9CD2_2737_D882_2C0B);
    }

    #[test]
    fn names_are_kept_apart() {
        assert_ne!(named_seed(1, &["ab", "c"]), named_seed(1, &["a", "bc"]));
        assert_ne!(named_seed(1, &["a"]), named_seed(1, &["a", ""]));
        assert_ne!(named_seed(1, &["a"]), named_seed(2, &["a"]));
    }
}
