//! The tables over many questions, for people.

use super::output::Wishes;
use crate::cli::page::Page;
use crate::domain::Measure;
use crate::survey::{Answerer, Difference, Document, Gap, Means, Resemblance, Sort, Survey, known_measures, order};

/// What stands where there is no number.
const NOTHING: &str = "-";
/// Widest column.
const WIDEST: usize = 34;
/// Populations and questions that are shown of each end, where the whole list is not asked for.
const OF_EACH_END: usize = 5;

/// All tables.
pub(super) fn tables(page: &mut Page, survey: &Survey, document: &Document, wishes: &Wishes) {
    methods(page, document);
    differences(page, document);
    populations(page, document);
    topics(page, document);
    questions(page, survey, wishes);
}

fn head(page: &mut Page, title: &str, meaning: &str) {
    page.line(&format!("── {title} ── {meaning}"));
}

fn methods(page: &mut Page, document: &Document) {
    let count = document.survey.questions;
    let pack = if document.survey.pack.is_empty() { String::new() } else { format!(" of {}", document.survey.pack) };
    let title = format!("MEANS over {count} question{}{pack}", if count == 1 { "" } else { "s" });
    head(page, &title, "in brackets 95 % intervals: the questions drawn again");
    let heads = ["method", "n", "JS distance", "TV", "W1n (n)", "mass", "orders", "entropy", "s", "asked", "computed"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for line in &document.methods {
        rows.push(
            [vec![line.answerer.name(), line.done.to_string()], numbers(&line.measures, line.done), costs(line)]
                .concat(),
        );
    }
    for baseline in &document.baselines {
        let n = baseline.measures.iter().filter_map(|measure| measure.n).max().unwrap_or(0);
        rows.push(
            [vec![format!("baseline: {}", baseline.name), n.to_string()], numbers(&baseline.measures, 0)].concat(),
        );
    }
    page.table(&rows, WIDEST);
    page.gap();
    let populations: Vec<String> =
        document.survey.populations.iter().map(|(population, n)| format!("{population} ({n})")).collect();
    if !populations.is_empty() {
        page.wrapped(2, &format!("distances are to {}", populations.join(", ")));
    }
    page.wrapped(
        2,
        "JS distance: base 2; W1n: along the scale, ordinal questions alone; orders: mean total variation between option \
         orders; entropy in bits; s: mean seconds from asking to the end, beside the other questions under way; asked, \
         computed: tokens; (n): of so many questions, where it is not all",
    );
    for line in document.methods.iter().filter(|line| line.failed + line.cancelled + line.skipped > 0) {
        let parts = [(line.failed, "failed"), (line.cancelled, "were stopped"), (line.skipped, "were skipped")];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        page.wrapped(2, &format!("! {}: {} and are in no mean", line.answerer.name(), parts.join(", ")));
    }
}

/// `done` questions were answered; a distance that fewer have says of how many it is.
fn numbers(measures: &[Measure], done: usize) -> Vec<String> {
    let find = |id: &str| measures.iter().find(|measure| measure.id == id);
    let plain = |id: &str| find(id).and_then(|measure| measure.value).map_or_else(|| NOTHING.to_owned(), number);
    let js = find("mean.js_distance_2");
    let of_fewer = js.and_then(|measure| measure.n).filter(|n| *n < done as u64);
    vec![
        with_interval(js) + &of_fewer.map_or_else(String::new, |n| format!(" ({n})")),
        plain("mean.tv"),
        match find("mean.w1_normalised") {
            Some(Measure { value: Some(value), n: Some(n), .. }) => format!("{} ({n})", number(*value)),
            _ => NOTHING.to_owned(),
        },
        plain("mean.mass"),
        plain("mean.orders.mean_pairwise_tv"),
        plain("mean.entropy_2"),
    ]
}

fn costs(line: &Means) -> Vec<String> {
    let cost = line.cost;
    if line.done == 0 || cost.prompt_tokens + cost.generated_tokens == 0 {
        return vec![NOTHING.to_owned(); 3];
    }
    vec![
        format!("{:.1}", cost.ms as f64 / 1000.0 / line.done as f64),
        (cost.prompt_tokens + cost.generated_tokens).to_string(),
        (cost.computed_prompt_tokens + cost.generated_tokens).to_string(),
    ]
}

fn number(value: f64) -> String {
    format!("{value:.3}")
}

fn with_interval(measure: Option<&Measure>) -> String {
    let Some(measure) = measure else { return NOTHING.to_owned() };
    let Some(value) = measure.value else { return NOTHING.to_owned() };
    match measure.interval {
        Some([low, high]) => format!("{} [{}, {}]", number(value), number(low), number(high)),
        None => number(value),
    }
}

fn differences(page: &mut Page, document: &Document) {
    if document.differences.is_empty() {
        return;
    }
    page.gap();
    head(page, "DIFFERENCES on the same questions", "below 0: the first is nearer to people than the second");
    let mut rows = vec![["first", "second", "JS distance", "TV"].map(str::to_owned).to_vec()];
    let sign = |measure: Option<&Measure>| {
        let Some(Measure { value: Some(value), interval, .. }) = measure else { return NOTHING.to_owned() };
        let interval = interval.map_or_else(String::new, |[low, high]| format!(" [{low:+.3}, {high:+.3}]"));
        format!("{value:+.3}{interval}")
    };
    rows.extend(document.differences.iter().map(|line| {
        let find = |id: &str| line.measures.iter().find(|measure| measure.id == id);
        let second = second(line);
        vec![line.first.name(), second, sign(find("difference.js_distance_2")), sign(find("difference.tv"))]
    }));
    page.table(&rows, WIDEST);
    for line in &document.gaps {
        page.wrapped(2, &gap(line));
    }
}

fn gap(line: &Gap) -> String {
    let by = line.acted.model.as_ref().map_or_else(String::new, |model| format!(" of {model}"));
    let note = line.measure.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    let value = with_interval(Some(&line.measure));
    format!(
        "knowledge-to-simulation gap{by}: {value}{note}; above 0 it states people's shares better than it acts them out"
    )
}

fn second(line: &Difference) -> String {
    match (&line.second, &line.baseline) {
        (Some(second), _) => second.name(),
        (None, Some(name)) => format!("baseline: {name}"),
        (None, None) => NOTHING.to_owned(),
    }
}

/// Runs of lines that are about one answerer.
fn by_answerer<'a, T>(lines: &'a [T], of: impl Fn(&T) -> &Answerer + 'a) -> Vec<&'a [T]> {
    lines.chunk_by(move |a, b| of(a) == of(b)).collect()
}

fn populations(page: &mut Page, document: &Document) {
    let groups = by_answerer(&document.populations, |line: &Resemblance| &line.answerer);
    // One population is no comparison, and the means say how near it is.
    let groups: Vec<&[Resemblance]> = groups.into_iter().filter(|lines| lines.len() > 1).collect();
    if groups.is_empty() {
        return;
    }
    page.gap();
    head(page, "POPULATIONS", "1 is the same: similarity is 1 - JS distance, representativeness 1 - W1n");
    let mut rows = vec![["method", "population", "n", "similarity", "representativeness"].map(str::to_owned).to_vec()];
    for lines in groups {
        for (place, line) in lines.iter().enumerate() {
            if place == OF_EACH_END && lines.len() > 2 * OF_EACH_END {
                rows.push(vec![String::new(), format!("… {} more between", lines.len() - 2 * OF_EACH_END)]);
            }
            let is_shown = place < OF_EACH_END || place + OF_EACH_END >= lines.len();
            if is_shown {
                let find = |id: &str| line.measures.iter().find(|measure| measure.id == id);
                let n = find("similarity").and_then(|measure| measure.n).unwrap_or(0);
                let name = if place == 0 { line.answerer.name() } else { String::new() };
                let on_scale = with_interval(find("representativeness"));
                rows.push(vec![name, line.label.clone(), n.to_string(), with_interval(find("similarity")), on_scale]);
            }
        }
    }
    page.table(&rows, WIDEST);
    for line in &document.consistency {
        let Some(value) = line.measure.value else { continue };
        let topics = line.measure.n.unwrap_or(0);
        page.wrapped(
            2,
            &format!(
                "{}, {}: nearest to {} over all, and in {:.0} % of {topics} topics",
                line.answerer.name(),
                line.dimension,
                line.population,
                value * 100.0
            ),
        );
    }
}

fn topics(page: &mut Page, document: &Document) {
    let lines: Vec<_> = document.topics.iter().filter(|line| line.answerer.persona.is_none()).collect();
    if lines.is_empty() {
        return;
    }
    page.gap();
    head(page, "TOPICS", "a question counts in each of its topics");
    let mut rows = vec![["method", "topic", "n", "JS distance", "TV", "entropy"].map(str::to_owned).to_vec()];
    let mut last: Option<&Answerer> = None;
    for line in lines {
        let find = |id: &str| line.measures.iter().find(|measure| measure.id == id);
        let plain = |id: &str| find(id).and_then(|measure| measure.value).map_or_else(|| NOTHING.to_owned(), number);
        let n = line.measures.iter().filter_map(|measure| measure.n).max().unwrap_or(0);
        let name = if last == Some(&line.answerer) { String::new() } else { line.answerer.name() };
        last = Some(&line.answerer);
        let js = with_interval(find("mean.js_distance_2"));
        rows.push(vec![name, line.topic.clone(), n.to_string(), js, plain("mean.tv"), plain("mean.entropy_2")]);
    }
    page.table(&rows, WIDEST);
}

fn questions(page: &mut Page, survey: &Survey, wishes: &Wishes) {
    let measure = wishes.sort.as_ref().map_or("js_distance_2", |sort| sort.measure.as_str());
    let has_it = |answerer: usize| survey.column(answerer, measure).iter().any(Option::is_some);
    let answerers: Vec<usize> = (0..survey.answerers().len()).filter(|answerer| has_it(*answerer)).collect();
    if answerers.is_empty() {
        if let Some(sort) = &wishes.sort {
            page.gap();
            page.wrapped(
                0,
                &format!("no question has the measure {}: sort by one of {}", sort.measure, known_measures(survey)),
            );
        }
        return;
    }
    let sort = match (&wishes.sort, wishes.worst) {
        (Some(sort), None) => sort.clone(),
        _ => Sort::worst_first(measure),
    };
    page.gap();
    let title = match wishes.worst {
        Some(worst) => format!("QUESTIONS, the {worst} worst by {measure}"),
        None => format!("QUESTIONS by {measure}"),
    };
    head(page, &title, if sort.is_descending { "the highest first" } else { "the lowest first" });
    let mut columns = vec!["js_distance_2", "tv", "w1_normalised", "mass", "orders.mean_pairwise_tv", "entropy_2"];
    let mut rows =
        vec![["method", "question", "JS", "TV", "W1n", "mass", "orders", "entropy"].map(str::to_owned).to_vec()];
    if !columns.contains(&measure) {
        columns.push(measure);
        rows[0].push(measure.to_owned());
    }
    for answerer in answerers {
        let mut places = order(survey, answerer, Some(&sort));
        let all = places.len();
        let column = survey.column(answerer, measure);
        places.retain(|place| column[*place].is_some());
        let without = all - places.len();
        places.truncate(wishes.worst.unwrap_or(usize::MAX));
        let is_whole = wishes.sort.is_some() || wishes.worst.is_some() || places.len() <= 2 * OF_EACH_END + 1;
        for (number, place) in places.iter().enumerate() {
            if !is_whole && number >= OF_EACH_END && number + OF_EACH_END < places.len() {
                if number == OF_EACH_END {
                    let more = format!("… {} more: --sort shows all", places.len() - 2 * OF_EACH_END);
                    rows.push(vec![String::new(), more]);
                }
                continue;
            }
            let entry = &survey.entries()[*place];
            let name = if number == 0 { survey.answerers()[answerer].name() } else { String::new() };
            let reading = entry.reading(answerer);
            let value = |id: &&str| {
                let value = reading.and_then(|reading| reading.numbers.get(*id));
                value.map_or_else(|| NOTHING.to_owned(), |value| self::number(*value))
            };
            rows.push([vec![name, entry.id.clone()], columns.iter().map(value).collect()].concat());
        }
        if without > 0 {
            rows.push(vec![String::new(), format!("… {without} without the measure")]);
        }
    }
    page.table(&rows, WIDEST);
}
