//! How numbers are written on screen.

/// A share in percent. What is not 0 is never written as 0, and what is not all never as 100 %.
pub(super) fn percent(share: f64, decimals: usize) -> String {
    let written = format!("{:.decimals$}", share * 100.0);
    let least = if decimals == 0 { "1" } else { "0.1" };
    let most = if decimals == 0 { "99" } else { "99.9" };
    if share > 0.0 && written.parse() == Ok(0.0) {
        format!("<{least} %")
    } else if share < 1.0 && written.parse() == Ok(100.0) {
        format!(">{most} %")
    } else {
        format!("{written} %")
    }
}

/// A signed difference of two shares in percentage points.
pub(super) fn points(difference: f64, decimals: usize) -> String {
    let written = format!("{:+.decimals$}", difference * 100.0);
    if written.parse() == Ok(0.0) { "0".to_owned() } else { written }
}

/// A measure: two places, more where it would read as 0, none for counts.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 && (value.abs() >= 2.0 || value == 0.0) {
        format!("{value:.0}")
    } else if value.abs() < 0.01 {
        format!("{value:.4}")
    } else {
        format!("{value:.2}")
    }
}

/// An interval after its number.
pub(super) fn interval(ends: Option<[f64; 2]>) -> String {
    ends.map_or_else(String::new, |[low, high]| format!(" [{} {}]", number(low), number(high)))
}

/// A count with its thousands set apart.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut written = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_at_the_ends_stay_honest() {
        let written = [0.0, 0.0001, 0.004, 0.5, 0.996, 0.9999, 1.0].map(|share| percent(share, 0));
        assert_eq!(written, ["0 %", "<1 %", "<1 %", "50 %", ">99 %", ">99 %", "100 %"]);
        assert_eq!([0.0001, 0.004, 0.9999].map(|share| percent(share, 1)), ["<0.1 %", "0.4 %", ">99.9 %"]);
    }

    #[test]
    fn other_numbers() {
        assert_eq!([0.124, -0.03, 0.001, -0.001].map(|d| points(d, 0)), ["+12", "-3", "0", "0"]);
        assert_eq!([0.3638, 0.0092, 0.0, 47.0, 1.0].map(number), ["0.36", "0.0092", "0", "47", "1.00"]);
        assert_eq!(interval(Some([0.18, 0.25])), " [0.18 0.25]");
        assert_eq!([7, 1014, 1_234_567].map(count), ["7", "1,014", "1,234,567"]);
    }
}
