//! What was measured, beside the numbers to reach.

use serde_json::{Map, Value, json};

use crate::cli::page::Page;

/// A number to reach on a 2-core laptop-class machine.
#[derive(Debug)]
pub(super) struct Target {
    field: &'static str,
    what: &'static str,
    limit: f64,
    /// Whether the number must be at least the limit; else at most.
    is_least: bool,
}

/// The number must be at most `limit`.
pub(super) const fn most(field: &'static str, what: &'static str, limit: f64) -> Target {
    Target { field, what, limit, is_least: false }
}

/// The number must be at least `limit`.
pub(super) const fn least(field: &'static str, what: &'static str, limit: f64) -> Target {
    Target { field, what, limit, is_least: true }
}

/// Fields, remarks, and which targets are met.
#[derive(Debug)]
pub(super) struct Report {
    /// In the order of the table.
    targets: &'static [Target],
    fields: Map<String, Value>,
    notes: Vec<String>,
}

impl Report {
    /// An empty one, of a benchmark with these numbers to reach.
    pub(super) fn new(targets: &'static [Target]) -> Self {
        Self { targets, fields: Map::new(), notes: Vec::new() }
    }

    /// A field that is no measurement, or a list.
    pub(super) fn say(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }

    /// A measured number, to three decimals. One that is not finite is left out.
    pub(super) fn number(&mut self, field: &str, value: f64) {
        if value.is_finite() {
            self.say(field, (value * 1000.0).round() / 1000.0);
        }
    }

    /// A count.
    pub(super) fn count(&mut self, field: &str, value: u64) {
        self.say(field, value);
    }

    /// Adds to a count.
    pub(super) fn add(&mut self, field: &str, value: u64) {
        let so_far = self.fields.get(field).and_then(Value::as_u64).unwrap_or(0);
        self.count(field, so_far + value);
    }

    /// Why a field is not there, or what to know about one.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn reach(&self) -> impl Iterator<Item = (&'static Target, f64, bool)> + '_ {
        self.targets.iter().filter_map(|target| {
            let value = self.fields.get(target.field)?.as_f64()?;
            let met = if target.is_least { value >= target.limit } else { value <= target.limit };
            Some((target, value, met))
        })
    }

    /// Everything, one object.
    pub(super) fn json(&self) -> Value {
        let reach: Vec<Value> = self
            .reach()
            .map(|(target, value, met)| {
                let mut line = json!({
                    "field": target.field, "what": target.what,
                    (if target.is_least { "at_least" } else { "at_most" }): target.limit,
                    "measured": value, "met": met,
                });
                if target.limit > 0.0 {
                    line["measured_over_target"] = json!((value / target.limit * 1000.0).round() / 1000.0);
                }
                line
            })
            .collect();
        let mut all = self.fields.clone();
        all.insert("reach".to_owned(), reach.into());
        all.insert("notes".to_owned(), self.notes.clone().into());
        Value::Object(all)
    }

    /// A table of the targets, the other numbers, and the remarks.
    pub(super) fn text(&self, page: &mut Page) {
        let mut rows = vec![["what", "measured", "to reach", ""].map(str::to_owned).to_vec()];
        rows.extend(self.reach().map(|(target, value, met)| {
            let limit = format!("{} {}", if target.is_least { "at least" } else { "at most" }, target.limit);
            vec![target.what.to_owned(), value.to_string(), limit, if met { "met" } else { "MISSED" }.to_owned()]
        }));
        page.table(&rows, 60);
        page.line("");
        let is_target = |field: &str| self.targets.iter().any(|target| target.field == field);
        let others = self.fields.iter().filter(|(field, _)| !is_target(field));
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        page.table(&others.map(|(field, value)| vec![field.clone(), plain(value)]).collect::<Vec<_>>(), 60);
        for note in &self.notes {
            page.line("");
            page.hanging(6, "note", note);
        }
    }
}

/// The value below which the share `q` of `values` lies, by the nearest rank; `None` of nothing.
pub(super) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the length")]
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

/// The middle one, or the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
    Some(f64::midpoint(*sorted.get(low)?, *sorted.get(high)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_nearest_rank() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([0.5, 0.95, 0.99, 1.0].map(|q| quantile(&values, q)), [50.0, 95.0, 99.0, 100.0].map(Some));
        assert_eq!((median(&values), median(&[3.0, 1.0, 2.0]), median(&[])), (Some(50.5), Some(2.0), None));
        assert_eq!((quantile(&[], 0.5), quantile(&[7.0], 0.0)), (None, Some(7.0)));
    }

    #[test]
    fn what_was_measured_stands_beside_what_is_to_reach() {
        const TARGETS: [Target; 3] = [
            most("first_frame_ms", "launch to first frame", 50.0),
            most("stop_acknowledged_ms", "stop key to its acknowledgement", 50.0),
            least("screen_tax_ratio", "tokens a second on screen over headless", 0.95),
        ];
        let mut report = Report::new(&TARGETS);
        report.number("first_frame_ms", 75.0);
        report.number("screen_tax_ratio", 0.97);
        report.number("stop_acknowledged_ms", f64::NAN);
        report.note("a remark");
        let json = report.json();
        let reach = json["reach"].as_array().map_or(&[][..], Vec::as_slice);
        let met: Vec<_> = reach.iter().map(|line| (line["field"].as_str(), line["met"].as_bool())).collect();
        assert_eq!(met, [(Some("first_frame_ms"), Some(false)), (Some("screen_tax_ratio"), Some(true))]);
        assert_eq!((&json["notes"][0], &reach[0]["measured_over_target"]), (&json!("a remark"), &json!(1.5)));
        let mut page = Page::default();
        report.text(&mut page);
        assert!(page.as_str().contains("MISSED") && page.as_str().contains("a remark"), "{}", page.as_str());
    }
}
