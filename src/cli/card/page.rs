//! A card as Markdown.

use crate::cli::page::Page;
use crate::domain::Measure;
use crate::survey::{Card, Means, Resemblance};
use crate::text::SafeText;

/// Populations that are named of each end.
const OF_EACH_END: usize = 3;

/// Writes `card`: the same text for the same card.
pub(super) fn markdown(page: &mut Page, card: &Card) {
    heading(page, card);
    methods(page, card);
    populations(page, card);
    personas(page, card);
    page.gap();
    page.line("## How to read it");
    page.gap();
    page.line("* Distances are Jensen-Shannon, base 2: 0 is the same, 1 has nothing in common. In brackets 95 % intervals: the questions drawn again.");
    page.line("* A method that is not nearer than the baselines has learnt nothing about these people. Bold: nearer than the mean of equal shares.");
    page.line("* Orders: how far turning the list of options round moves the answer, mean total variation. Mass: how much of the answer is an option at all.");
    page.line("* Personas are simulated, and written by us; a persona is not a group of people. Refusals are counted by English phrases.");
}

fn heading(page: &mut Page, card: &Card) {
    let (model, engine, asked) = (&card.model, &card.engine, &card.asked);
    page.line(&format!("# Pluralism card: {}", cell(&model.name)));
    page.gap();
    let sha256 = model.sha256.as_deref().unwrap_or("unknown");
    page.line("| | |");
    page.line("| --- | --- |");
    row(page, &["model", &format!("{}, {} weights, {}", model.arch, model.parameters, model.quantisation)]);
    row(page, &["file", &format!("SHA-256 {sha256}")]);
    row(
        page,
        &[
            "engine",
            &format!(
                "{}, {}, profile {}, class {}, template {}",
                engine.kind, engine.build, engine.profile, engine.class, engine.template
            ),
        ],
    );
    row(
        page,
        &[
            "questions",
            &format!(
                "{} of {}, {} of them scales; seed {}, {} samples, at most {} tokens a voice",
                asked.questions, asked.pack, asked.scales, asked.seed, asked.samples, asked.max_tokens
            ),
        ],
    );
    row(page, &["personas", &asked.personas.join(", ")]);
}

fn methods(page: &mut Page, card: &Card) {
    page.gap();
    page.line("## As a population");
    page.gap();
    page.line("| method | questions | JS distance | TV | W1n | mass | orders | entropy, bits |");
    page.line("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let uniform = card.baselines.iter().find(|baseline| baseline.name == "uniform");
    let uniform = uniform.and_then(|baseline| find(&baseline.measures, "js_distance_2")).and_then(|found| found.value);
    for line in card.methods.iter().filter(|line| line.answerer.persona.is_none()) {
        let mut distance = number(find(&line.measures, "js_distance_2"));
        let value = find(&line.measures, "js_distance_2").and_then(|found| found.value);
        if value.zip(uniform).is_some_and(|(value, uniform)| value < uniform) {
            distance = format!("**{distance}**");
        }
        let rest = ["tv", "w1_normalised", "mass", "orders.mean_pairwise_tv", "entropy_2"];
        let rest = rest.map(|id| number(find(&line.measures, id)));
        let mut cells = vec![line.answerer.name(), line.done.to_string(), distance];
        cells.extend(rest);
        row(page, &cells.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for baseline in &card.baselines {
        let numbers = ["js_distance_2", "tv", "w1_normalised"].map(|id| number(find(&baseline.measures, id)));
        let n = baseline.measures.iter().filter_map(|measure| measure.n).max().unwrap_or(0).to_string();
        let name = format!("baseline: {}", baseline.name.replace('_', " "));
        row(page, &[&name, &n, &numbers[0], &numbers[1], &numbers[2], "", "", ""]);
    }
}

fn populations(page: &mut Page, card: &Card) {
    page.gap();
    page.line("## Whom it resembles");
    page.gap();
    page.line("| method | nearest | farthest |");
    page.line("| --- | --- | --- |");
    for line in card.methods.iter().filter(|line| line.answerer.persona.is_none()) {
        let mut near: Vec<&Resemblance> =
            card.populations.iter().filter(|population| population.answerer == line.answerer).collect();
        if near.is_empty() {
            continue;
        }
        near.sort_by(|a, b| b.similarity().total_cmp(&a.similarity()).then_with(|| a.population.cmp(&b.population)));
        let named = |one: &&Resemblance| format!("{} {:.3}", one.label, one.similarity());
        let nearest: Vec<String> = near.iter().take(OF_EACH_END).map(named).collect();
        let farthest: Vec<String> = near.iter().rev().take(OF_EACH_END).map(named).collect();
        row(page, &[&line.answerer.name(), &nearest.join(", "), &farthest.join(", ")]);
    }
    page.gap();
    page.line("Similarity is 1 less the JS distance (Durmus et al. 2023), mean over the questions that have figures of the group.");
}

fn personas(page: &mut Page, card: &Card) {
    page.gap();
    page.line("## As someone");
    page.gap();
    page.line("| persona | questions | shift | gain | refusals |");
    page.line("| --- | --- | --- | --- | --- |");
    for line in card.methods.iter().filter(|line| line.answerer.persona.is_some()) {
        let persona = line.answerer.persona.clone().unwrap_or_default();
        let [shift, gain] = ["shift.js_distance_2", "gain.js_distance_2"].map(|id| number(find(&line.measures, id)));
        row(page, &[&persona, &line.done.to_string(), &shift, &gain, &refusals(card, line)]);
    }
    page.gap();
    let flat = card.flattening;
    page.line(&format!(
        "Personas can be told apart from relabelled ones (permutation test, p below 0.05) on {} of {} questions; by chance it would be 5 %.",
        flat.distinguishable, flat.tested
    ));
    if flat.untestable > 0 {
        page.line(&format!("On {} more there were too few option orders to tell.", flat.untestable));
    }
    let own = card.voices.iter().filter(|voices| voices.persona.is_none());
    for voices in own {
        let [low, high]: [f64; 2] = voices.refusal_interval.into();
        page.line(&format!(
            "In its own voice ({}) it declined {} of {} answers [{:.3}, {:.3}].",
            voices.method, voices.refusals, voices.n, low, high
        ));
    }
}

fn refusals(card: &Card, line: &Means) -> String {
    let own = card
        .voices
        .iter()
        .find(|voices| voices.persona == line.answerer.persona && voices.method == line.answerer.method);
    own.map_or_else(String::new, |voices| {
        let [low, high]: [f64; 2] = voices.refusal_interval.into();
        format!("{} of {} [{low:.3}, {high:.3}]", voices.refusals, voices.n)
    })
}

/// The mean over questions of the measure `id`.
fn find<'a>(measures: &'a [Measure], id: &str) -> Option<&'a Measure> {
    measures.iter().find(|measure| measure.id == id || measure.id.strip_prefix("mean.") == Some(id))
}

fn number(measure: Option<&Measure>) -> String {
    let Some((measure, value)) = measure.and_then(|measure| Some((measure, measure.value?))) else {
        return String::new();
    };
    let interval = measure.interval.map_or_else(String::new, |[low, high]| format!(" [{low:.3}, {high:.3}]"));
    format!("{value:.3}{interval}")
}

fn row(page: &mut Page, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    page.line(&format!("| {} |", cells.join(" | ")));
}

/// Text that stays inside its cell.
fn cell(text: &str) -> String {
    SafeText::line(text).as_str().replace('|', "\\|")
}
