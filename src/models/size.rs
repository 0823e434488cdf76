//! Sizes in words.

/// `bytes` with three digits and a decimal unit: `98.4 MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A number of parameters with its usual letter: `135M`, `1.24B`.
pub fn parameters(count: u64) -> String {
    let (value, letter) = match count {
        0..1_000_000 => return count.to_string(),
        1_000_000..999_500_000 => (count as f64 / 1e6, 'M'),
        _ => (count as f64 / 1e9, 'B'),
    };
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$}{letter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        let cases =
            [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.00 kB"), (98_362_432, "98.4 MB"), (491_400_064, "491 MB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(999_600_000), "1.00 GB");
        assert_eq!(parameters(134_515_008), "135M");
        assert_eq!(parameters(1_235_814_432), "1.24B");
        assert_eq!(parameters(999_600_000), "1.00B");
    }
}
