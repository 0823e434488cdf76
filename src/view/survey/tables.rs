//! The tables over all questions: methods, topics, groups of people, differences.

use ratatui::text::Line;

use super::cells::{NOTHING, Row, find, lines, number, plain, signed, whole};
use crate::config::Role;
use crate::domain::Measure;
use crate::survey::{Answerer, Difference, Gap, Means, Tables};
use crate::view::figure::interval;
use crate::view::lines::wrapped;
use crate::view::palette::Palette;

/// From here on every mean has its interval beside it.
const SPACIOUS: usize = 130;

fn note(text: &str, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    wrapped(text, palette.style(Role::Secondary), width, 2)
}

/// Means over questions with their intervals, and what somebody who never read a question would reach.
pub(super) fn methods(tables: &Tables, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let heads = ["method", "n", "JS distance", "TV", "W1n", "mass", "orders", "entropy", "s"];
    let mut rows: Vec<Row> = tables
        .methods
        .iter()
        .map(|line| {
            let first = vec![line.answerer.name(), line.done.to_string()];
            Row::new([first, numbers(&line.measures, width), vec![seconds(line)]].concat())
        })
        .collect();
    rows.extend(tables.baselines.iter().map(|baseline| {
        let n = baseline.measures.iter().filter_map(|measure| measure.n).max().unwrap_or(0);
        let first = vec![format!("baseline: {}", baseline.name), n.to_string()];
        Row::dim([first, numbers(&baseline.measures, width), vec![String::new()]].concat())
    }));
    let mut out = lines(&heads, &rows, width, palette);
    out.push(Line::default());
    let text = "means over questions, in brackets 95 % intervals: the questions drawn again · JS distance: base 2 · W1n: \
                along the scale, ordinal questions alone · orders: mean total variation between option orders · entropy \
                in bits · s: mean seconds from asking to the end, beside what else was asked";
    out.extend(note(text, width, palette));
    for line in tables.methods.iter().filter(|line| line.failed + line.cancelled + line.skipped > 0) {
        let parts = [(line.failed, "failed"), (line.cancelled, "were stopped"), (line.skipped, "were skipped")];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let text = format!("! {}: {} and are in no mean", line.answerer.name(), parts.join(", "));
        out.extend(wrapped(&text, palette.style(Role::Warning), width, 2));
    }
    out
}

fn numbers(measures: &[Measure], width: usize) -> Vec<String> {
    let mean = if width >= SPACIOUS { whole } else { plain };
    let rest = ["mean.tv", "mean.w1_normalised", "mean.mass", "mean.orders.mean_pairwise_tv", "mean.entropy_2"];
    let rest = rest.iter().map(|id| mean(measures, id));
    std::iter::once(whole(measures, "mean.js_distance_2")).chain(rest).collect()
}

fn seconds(line: &Means) -> String {
    let cost = line.cost;
    if line.done == 0 || cost.prompt_tokens + cost.generated_tokens == 0 {
        return NOTHING.to_owned();
    }
    format!("{:.1}", cost.ms as f64 / 1000.0 / line.done as f64)
}

fn is_of(tables: &Tables, answerer: usize, own: &Answerer) -> bool {
    tables.answerer(answerer) == Some(own)
}

/// One answerer's means topic by topic, the farthest from people first.
pub(super) fn topics(tables: &Tables, answerer: usize, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let mut own: Vec<_> = tables.topics.iter().filter(|line| is_of(tables, answerer, &line.answerer)).collect();
    if own.is_empty() {
        return note("no topics: no question that is answered has one", width, palette);
    }
    let distance = |measures: &[Measure]| find(measures, "mean.js_distance_2").and_then(|measure| measure.value);
    own.sort_by(|a, b| match (distance(&a.measures), distance(&b.measures)) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    let heads = ["topic", "n", "JS distance", "TV", "W1n", "entropy"];
    let rows: Vec<Row> = own
        .iter()
        .map(|line| {
            let n = line.measures.iter().filter_map(|measure| measure.n).max().unwrap_or(0);
            let mean = if width >= SPACIOUS { whole } else { plain };
            Row::new(vec![
                line.topic.clone(),
                n.to_string(),
                whole(&line.measures, "mean.js_distance_2"),
                mean(&line.measures, "mean.tv"),
                mean(&line.measures, "mean.w1_normalised"),
                mean(&line.measures, "mean.entropy_2"),
            ])
        })
        .collect();
    let mut out = lines(&heads, &rows, width, palette);
    out.push(Line::default());
    out.extend(note("the farthest from people first · a question counts in each of its topics", width, palette));
    out
}

/// How near one answerer is to every group of people, the nearest first.
pub(super) fn groups(tables: &Tables, answerer: usize, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let own: Vec<_> = tables.populations.iter().filter(|line| is_of(tables, answerer, &line.answerer)).collect();
    let (Some(nearest), Some(farthest)) = (own.first(), own.last()) else {
        return note("no groups: no question that is answered has figures of people", width, palette);
    };
    let mut out = Vec::new();
    if own.len() > 1 {
        let text = format!(
            "nearest: {}, {} · farthest: {}, {}",
            nearest.label,
            number(Some(nearest.similarity())),
            farthest.label,
            number(Some(farthest.similarity()))
        );
        out.extend(wrapped(&text, palette.style(Role::Reference), width, 2));
    }
    let heads = ["group", "n", "similarity", "representativeness"];
    let rows: Vec<Row> = own
        .iter()
        .map(|line| {
            let n = find(&line.measures, "similarity").and_then(|measure| measure.n).unwrap_or(0);
            let on_scale = whole(&line.measures, "representativeness");
            Row::new(vec![line.label.clone(), n.to_string(), whole(&line.measures, "similarity"), on_scale])
        })
        .collect();
    out.extend(lines(&heads, &rows, width, palette));
    out.push(Line::default());
    let text = "1 is the same: similarity is 1 - JS distance, representativeness 1 - W1n (ordinal questions alone)";
    out.extend(note(text, width, palette));
    for line in tables.consistency.iter().filter(|line| is_of(tables, answerer, &line.answerer)) {
        let Some(value) = line.measure.value else { continue };
        let text = format!(
            "{}: nearest to {} over all, and in {:.0} % of {} topics",
            line.dimension,
            line.population,
            value * 100.0,
            line.measure.n.unwrap_or(0)
        );
        out.extend(note(&text, width, palette));
    }
    out
}

/// Methods against each other and against baselines, on the same questions.
pub(super) fn differences(tables: &Tables, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    if tables.differences.is_empty() {
        return note("no differences: there is one method, and no baseline", width, palette);
    }
    let heads = ["first less second", "JS distance", "TV", "entropy", "mass"];
    let rows: Vec<Row> = tables
        .differences
        .iter()
        .map(|line| {
            let names = format!("{} less {}", line.first.name(), second(line));
            let of = |id: &str| signed(&line.measures, &format!("difference.{id}"));
            let cells = vec![names, of("js_distance_2"), of("tv"), of("entropy_2"), of("mass")];
            if line.baseline.is_some() { Row::dim(cells) } else { Row::new(cells) }
        })
        .collect();
    let mut out = lines(&heads, &rows, width, palette);
    out.push(Line::default());
    let text = "paired, question by question · of distances below 0: the first is nearer to people than the second · in \
                brackets 95 % intervals: where they leave out 0 it is beyond chance";
    out.extend(note(text, width, palette));
    out.extend(tables.gaps.iter().flat_map(|line| gap(line, width, palette)));
    out
}

/// What a model knows of people and cannot act out.
fn gap(line: &Gap, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let by = line.acted.model.as_ref().map_or_else(String::new, |model| format!(" of {model}"));
    let value = match line.measure.value {
        Some(value) => format!("{value:+.3}{}", interval(line.measure.interval)),
        None => "not computed".to_owned(),
    };
    let note = line.measure.note.as_ref().map_or_else(String::new, |note| format!(" · {note}"));
    let text = format!(
        "knowledge-to-simulation gap{by} {value}{note} · above 0: it states people's shares better than it acts them out"
    );
    wrapped(&text, palette.style(Role::Text), width, 2)
}

fn second(line: &Difference) -> String {
    match (&line.second, &line.baseline) {
        (Some(second), _) => second.name(),
        (None, Some(name)) => format!("baseline {name}"),
        (None, None) => NOTHING.to_owned(),
    }
}
