//! A strict reading of `parallax.run/1`: every field there may be, what it may hold, and how fields depend on each other.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use serde_json::Value;

/// One object whose fields are taken one by one; what is left at the end is not of the format.
struct Fields<'a> {
    path: String,
    left: std::collections::BTreeMap<&'a str, &'a Value>,
}

impl<'a> Fields<'a> {
    fn of(path: &str, value: &'a Value) -> Self {
        let object = value.as_object().unwrap_or_else(|| panic!("{path} is no object: {value}"));
        Self { path: path.to_owned(), left: object.iter().map(|(key, value)| (key.as_str(), value)).collect() }
    }

    fn may(&mut self, key: &str) -> Option<&'a Value> {
        let value = self.left.remove(key)?;
        assert!(!value.is_null(), "{}.{key} is null", self.path);
        Some(value)
    }

    fn must(&mut self, key: &str) -> &'a Value {
        self.may(key).unwrap_or_else(|| panic!("{}.{key} is missing", self.path))
    }

    fn text(&mut self, key: &str) -> &'a str {
        let value = self.must(key);
        value.as_str().unwrap_or_else(|| panic!("{}.{key} is no text: {value}", self.path))
    }

    fn word(&mut self, key: &str, allowed: &[&str]) -> &'a str {
        let word = self.text(key);
        assert!(allowed.contains(&word), "{}.{key} is {word}", self.path);
        word
    }

    fn some_text(&mut self, key: &str) -> Option<&'a str> {
        let text = self.may(key).map(|value| value.as_str().unwrap_or_else(|| panic!("{key}: {value}")));
        assert!(text.is_none_or(|text| !text.trim().is_empty()), "{}.{key} is empty", self.path);
        text
    }

    fn count(&mut self, key: &str) -> u64 {
        let value = self.must(key);
        value.as_u64().unwrap_or_else(|| panic!("{}.{key} is no count: {value}", self.path))
    }

    fn some_count(&mut self, key: &str) -> Option<u64> {
        self.may(key).map(|value| value.as_u64().unwrap_or_else(|| panic!("{}.{key}: {value}", self.path)))
    }

    fn some_number(&mut self, key: &str) -> Option<f64> {
        let number = self.may(key).map(|value| value.as_f64().unwrap_or_else(|| panic!("{key}: {value}")));
        assert!(number.is_none_or(f64::is_finite), "{}.{key} is not finite", self.path);
        number
    }

    fn share(&mut self, key: &str) -> f64 {
        let share = self.some_number(key).unwrap_or_else(|| panic!("{}.{key} is missing", self.path));
        assert!((0.0..=1.0 + 1e-9).contains(&share), "{}.{key} is {share}", self.path);
        share
    }

    fn list(&mut self, key: &str) -> &'a [Value] {
        let Some(value) = self.may(key) else { return &[] };
        let list = value.as_array().unwrap_or_else(|| panic!("{}.{key} is no list: {value}", self.path));
        assert!(list.iter().all(|value| !value.is_null()), "{}.{key} holds null", self.path);
        list
    }

    fn distribution(&mut self, key: &str, length: usize) {
        let p = super::numbers(self.must(key));
        assert_eq!(p.len(), length, "{}.{key} does not go with its options", self.path);
        assert!(p.iter().all(|p| (0.0..=1.0).contains(p)), "{}.{key} is {p:?}", self.path);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{}.{key} sums to {}", self.path, p.iter().sum::<f64>());
    }

    fn end(self) {
        assert!(self.left.is_empty(), "{} has fields of its own: {:?}", self.path, self.left);
    }
}

/// Panics where `run` is not of the format.
pub fn check(run: &Value) {
    let mut top = Fields::of("", run);
    assert_eq!(top.text("schema"), "parallax.run/1");
    let head = head(top.must("run"));
    let panes = top.must("panes").as_array().unwrap();
    assert_eq!(panes.len(), head.methods.len(), "one pane per method asked for");
    let (mut voices, mut written, mut all_done) = (BTreeSet::new(), 0, true);
    for (index, (value, asked)) in panes.iter().zip(&head.methods).enumerate() {
        let pane = pane(&format!("panes[{index}]"), value, &head, &mut voices);
        let beside = head.beside.as_ref().filter(|(_, panes)| panes.contains(&(index as u64)));
        assert_eq!(value["model"].as_str(), beside.map(|(name, _)| *name), "panes[{index}].model");
        assert_eq!(&(value["mode"].as_str().unwrap(), value["method"].as_str().unwrap()), asked, "order of panes");
        written += pane.tokens;
        all_done &= pane.is_whole;
    }
    let mut timing = Fields::of("timing", top.must("timing"));
    // A run whose program was killed has no end, and nobody counted what was computed for it.
    let (total, computed) = (timing.some_count("total_ms"), timing.some_count("computed_prompt_tokens"));
    assert!(!all_done || total.is_some() && computed.is_some(), "timing has no total");
    timing.some_count("load_ms");
    let prompt = timing.count("prompt_tokens");
    assert!(computed.is_none_or(|computed| computed <= prompt), "{computed:?} of {prompt} prompt tokens computed");
    let generated = timing.count("generated_tokens");
    assert!(!all_done || generated == written, "{generated} tokens generated, {written} in the voices");
    let each = timing.list("panes");
    assert!(!all_done || each.len() == panes.len(), "timing.panes does not go with the panes");
    for key in ["prompt_tokens", "computed_prompt_tokens", "generated_tokens"] {
        let sum: u64 = each.iter().map(|pane| pane[key].as_u64().unwrap()).sum();
        assert!(each.is_empty() || value_of(run, key) == Some(sum), "{key} of the panes do not sum up");
    }
    timing.end();
    top.list("measures").iter().for_each(|value| measure("measures", value, &head));
    top.end();
}

fn value_of(run: &Value, key: &str) -> Option<u64> {
    run["timing"][key].as_u64()
}

struct Head<'a> {
    methods: Vec<(&'a str, &'a str)>,
    personas: Vec<&'a str>,
    /// Ids of the substantive options.
    substantive: Vec<&'a str>,
    options: Vec<&'a str>,
    /// The model beside, and the places of its panes.
    beside: Option<(&'a str, Vec<u64>)>,
}

fn head(value: &Value) -> Head<'_> {
    let mut run = Fields::of("run", value);
    assert!(run.text("id").len() > 8);
    let started = run.text("started");
    let shape: String = started.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{started}");
    run.count("seed");
    let own = model_and_engine(&mut run);
    let beside = run.may("beside").map(|value| {
        let mut beside = Fields::of("run.beside", value);
        let name = beside.text("name");
        assert!(!name.is_empty() && name != own);
        model_and_engine(&mut beside);
        let panes = beside.list("panes").iter().map(|pane| pane.as_u64().unwrap()).collect();
        beside.end();
        (name, panes)
    });
    let mut question = Fields::of("run.question", run.must("question"));
    question.text("pack");
    assert!(!question.text("id").is_empty() && !question.text("text").is_empty());
    assert!(question.left.contains_key("options"));
    let (mut options, mut substantive) = (Vec::new(), Vec::new());
    for value in question.list("options") {
        let mut option = Fields::of("run.question.options", value);
        let id = option.text("id");
        assert!(!options.contains(&id), "the option {id} stands twice");
        options.push(id);
        assert!(!option.text("label").is_empty());
        if option.word("role", &["substantive", "refused", "dont_know", "not_applicable", "other"]) == "substantive" {
            substantive.push(id);
        }
        option.some_number("value");
        option.end();
    }
    question.end();
    let personas: Vec<&str> = run.list("personas").iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(personas.iter().collect::<BTreeSet<_>>().len(), personas.len());
    let mut settings = Fields::of("run.settings", run.must("settings"));
    assert!(settings.count("max_tokens") > 0 && settings.count("samples") > 0);
    settings.some_number("temperature");
    settings.some_number("top_p");
    let pair = |pair: &'_ Value| -> (String, String) {
        let pair = super::strings(pair);
        (pair[0].to_owned(), pair[1].to_owned())
    };
    let asked = settings.must("methods").as_array().unwrap();
    assert!(asked.iter().map(pair).all(|(mode, method)| !mode.is_empty() && !method.is_empty()));
    let methods = asked.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect();
    settings.end();
    assert!(run.some_text("fingerprint").is_some_and(is_sha256));
    run.end();
    Head { methods, personas, substantive, options, beside }
}

/// Takes both and gives the model's name.
fn model_and_engine<'a>(fields: &mut Fields<'a>) -> &'a str {
    let mut model = Fields::of("model", fields.must("model"));
    for key in ["path", "arch", "quantisation"] {
        model.text(key);
    }
    let name = model.text("name");
    model.count("parameters");
    assert!(model.some_text("sha256").is_none_or(is_sha256));
    model.end();
    let mut engine = Fields::of("engine", fields.must("engine"));
    for key in ["kind", "build"] {
        assert!(!engine.text(key).is_empty());
    }
    engine.word("profile", &["audit", "fast"]);
    engine.word("class", &["bit-exact", "same-build", "statistical", "untested"]);
    engine.word("template", &["chat", "chat-builtin", "plain"]);
    for key in ["context", "sequences", "threads"] {
        assert!(engine.count(key) > 0, "{key}");
    }
    engine.end();
    name
}

struct Seen {
    tokens: u64,
    /// Whether nothing is missing of it.
    is_whole: bool,
}

#[expect(clippy::too_many_lines, reason = "a check for each field of a pane")]
fn pane(path: &str, value: &Value, head: &Head, ids: &mut BTreeSet<String>) -> Seen {
    let mut pane = Fields::of(path, value);
    let mode = pane.word("mode", &["overton", "steered", "distribution"]);
    pane.text("method");
    pane.some_text("model");
    let status = pane.word("status", &["done", "failed", "cancelled", "skipped"]);
    let (error, note) = (pane.some_text("error"), pane.some_text("note"));
    assert_eq!(error.is_some(), status == "failed", "{path}: {status} with the error {error:?}");
    assert!(status != "skipped" || note.is_some(), "{path} is skipped without a note");
    let text = pane.some_text("text");
    assert!(text.is_none() || mode == "overton");
    let mut tokens = 0;
    let voices = pane.list("voices");
    for value in voices {
        tokens += voice(&format!("{path}.voices"), value, head, status == "done", ids);
    }
    assert!(status != "skipped" || voices.is_empty());
    let options: Option<Vec<&str>> = pane.may("options").map(super::strings);
    if let Some(options) = &options {
        assert_eq!(*options, head.substantive, "{path}.options");
    }
    let count = options.as_ref().map_or(0, Vec::len);
    if let Some(before) = pane.may("before") {
        persona_or_before(&format!("{path}.before"), before, count, None);
    }
    let distributions = pane.list("distributions");
    let mut personas = head.personas.iter();
    for value in distributions {
        let persona = personas.find(|persona| value["persona"] == ***persona);
        assert!(persona.is_some(), "{path}.distributions do not stand in the order of the personas");
        persona_or_before(&format!("{path}.distributions"), value, count, persona.copied());
    }
    // A pane that was stopped keeps those that had come in.
    assert!(distributions.is_empty() || status == "cancelled" || distributions.len() == head.personas.len());
    let has_p = pane.left.contains_key("p");
    if has_p {
        pane.distribution("p", count);
    }
    if pane.left.contains_key("mass") {
        pane.share("mass");
    } else {
        assert!(!has_p, "{path} has a p without its mass");
    }
    assert!(mode != "distribution" || status != "done" || has_p || note.is_some(), "{path} has neither p nor a note");
    if let Some(shares) = pane.may("non_substantive") {
        for (role, share) in shares.as_object().unwrap() {
            let known = ["refused", "dont_know", "not_applicable", "other", "invalid"];
            assert!(known.contains(&role.as_str()), "{path}.non_substantive.{role}");
            assert!((0.0..=1.0).contains(&share.as_f64().unwrap()), "{path}.non_substantive.{role} is {share}");
        }
    }
    assert!(pane.some_count("orders").is_none_or(|orders| orders > 0));
    assert!(pane.some_count("samples").is_none_or(|samples| samples > 0));
    for at in pane.list("fan") {
        let mut at = Fields::of(&format!("{path}.fan"), at);
        let persona = at.text("persona");
        assert!(head.personas.contains(&persona), "{path}.fan: {persona}");
        assert!(at.some_number("strength").is_some(), "{path}.fan: a strength");
        at.some_number("share");
        if at.left.contains_key("p") {
            at.distribution("p", count);
            at.share("mass");
        }
        assert!(at.some_number("shift_js_distance_2").is_none_or(|shift| (0.0..=1.0).contains(&shift)));
        assert!(at.some_number("perplexity_ratio").is_none_or(|ratio| ratio > 0.0));
        at.end();
    }
    pane.may("obtained").map(|how| how.as_str().unwrap()).into_iter().for_each(|how| {
        assert!(["exact", "sampled", "stated", "fitted"].contains(&how), "{path}.obtained is {how}");
    });
    if pane.left.contains_key("p_whole") {
        pane.distribution("p_whole", head.options.len());
    }
    for value in pane.list("per_order") {
        let mut order = Fields::of(&format!("{path}.per_order"), value);
        assert_eq!(order.list("order").len(), head.options.len(), "{path}.per_order");
        order.distribution("p", count);
        order.share("mass");
        order.end();
    }
    for value in pane.list("top") {
        let mut token = Fields::of(&format!("{path}.top"), value);
        token.text("text");
        token.share("p");
        token.end();
    }
    if let Some(draws) = pane.may("draws") {
        let draws = draws.as_array().unwrap();
        let is_option = |draw: &Value| draw.is_null() || draw.as_u64().is_some_and(|index| index < count as u64);
        assert!(draws.iter().all(is_option), "{path}.draws: {draws:?}");
    }
    for value in pane.list("corrected") {
        let mut other = Fields::of(&format!("{path}.corrected"), value);
        assert!(!other.text("by").is_empty());
        other.distribution("p", count);
        other.some_text("note");
        other.list("measures").iter().for_each(|value| measure(path, value, head));
        other.end();
    }
    if let Some(value) = pane.may("mixture") {
        mixture(&format!("{path}.mixture"), value, count, distributions.len());
    }
    let mut asked_as = BTreeSet::new();
    for value in pane.list("by_population") {
        let own = format!("{path}.by_population");
        assert!(asked_as.insert(value["population"].as_str().unwrap()), "{own} has a population twice");
        population(&own, value, count, head.options.len());
    }
    assert!(asked_as.is_empty() || value["by_population"][0]["p"] == value["p"], "{path}.p is that of the first");
    let references = pane.may("reference").into_iter().chain(pane.list("references"));
    references.for_each(|value| reference(&format!("{path}.reference"), value, count));
    if let Some(samplers) = pane.may("samplers") {
        for sampler in samplers.as_object().unwrap().values() {
            assert!(sampler["temperature"].as_f64().unwrap() >= 0.0, "{sampler}");
            assert!((0.0..=1.0).contains(&sampler["top_p"].as_f64().unwrap()), "{sampler}");
            assert!(sampler["top_k"].is_u64(), "{sampler}");
        }
    }
    if let Some(wordings) = pane.may("wordings") {
        assert!(wordings.as_object().unwrap().values().all(|hash| is_sha256(hash.as_str().unwrap())));
    } else {
        assert_ne!(status, "done", "{path} does not say which wordings it used");
    }
    pane.must("measures").as_array().unwrap().iter().for_each(|value| measure(path, value, head));
    pane.end();
    Seen { tokens, is_whole: matches!(status, "done" | "skipped") }
}

fn voice(path: &str, value: &Value, head: &Head, is_done: bool, ids: &mut BTreeSet<String>) -> u64 {
    let mut voice = Fields::of(path, value);
    let id = voice.text("id");
    assert!(ids.insert(id.to_owned()), "{path}: the id {id} stands twice in the run");
    if let Some(persona) = voice.some_text("persona") {
        assert!(head.personas.contains(&persona), "{path}: {persona}");
    }
    voice.text("text");
    let has_thought = voice.some_text("thinking").is_some();
    let finish = voice.word("finish", &["stop", "length", "context", "time", "cancelled", "error"]);
    assert!(!is_done || !matches!(finish, "cancelled" | "error"), "{path}: {finish} in a pane that is done");
    if let Some(option) = voice.some_text("option") {
        assert!(head.options.contains(&option), "{path}: {option}");
    }
    assert!(voice.some_text("stance").is_none_or(|stance| ["refusal", "abstention"].contains(&stance)));
    let tokens = voice.count("tokens");
    let surprisal = voice.some_number("surprisal");
    assert!(surprisal.is_none_or(|nats| nats >= 0.0), "{path}: {surprisal:?}");
    let thinking = voice.some_number("thinking_tokens").unwrap_or_default();
    assert!(!has_thought || thinking > 0.0, "{path}: thought without a token");
    assert!(surprisal.is_some() || tokens as f64 <= thinking, "{path}: {tokens} tokens without a surprisal");
    voice.end();
    tokens
}

fn persona_or_before(path: &str, value: &Value, count: usize, persona: Option<&str>) {
    let mut fields = Fields::of(path, value);
    if let Some(persona) = persona {
        assert_eq!(fields.text("persona"), persona, "{path} stands in the order of the personas");
    }
    fields.distribution("p", count);
    fields.share("mass");
    fields.some_text("note");
    for value in fields.list("per_order") {
        let mut order = Fields::of(&format!("{path}.per_order"), value);
        assert!(!order.list("order").is_empty());
        order.distribution("p", count);
        order.share("mass");
        order.end();
    }
    fields.end();
}

fn mixture(path: &str, value: &Value, count: usize, personas: usize) {
    let mut fields = Fields::of(path, value);
    assert!(!fields.text("population").is_empty());
    let others = fields.list("others");
    fields.distribution("given", personas);
    for value in fields.list("fits") {
        let mut fit = Fields::of(&format!("{path}.fits"), value);
        fit.word("loss", &["js_divergence_2", "squared_error", "tv"]);
        let is_held_out = fit.must("held_out").as_bool().unwrap();
        assert!(!is_held_out || !others.is_empty(), "{path} was fitted to other questions that it does not name");
        fit.distribution("weights", personas);
        fit.distribution("p", count);
        fit.share("js_distance_2");
        fit.share("tv");
        assert!(fit.some_number("value").unwrap() >= 0.0);
        fit.end();
    }
    fields.end();
}

fn population(path: &str, value: &Value, count: usize, options: usize) {
    let mut fields = Fields::of(path, value);
    assert!(!fields.text("population").is_empty());
    fields.distribution("p", count);
    if fields.left.contains_key("p_whole") {
        fields.distribution("p_whole", options);
    }
    fields.share("mass");
    fields.some_text("note");
    fields.may("non_substantive");
    fields.list("per_order");
    fields.end();
}

fn reference(path: &str, value: &Value, count: usize) {
    let mut fields = Fields::of(path, value);
    assert!(!fields.text("population").is_empty());
    fields.distribution("q", count);
    if let Some(whole) = fields.may("q_whole").map(super::numbers) {
        assert!((whole.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{path}.q_whole sums to {}", whole.iter().sum::<f64>());
    }
    fields.word("basis", &["survey", "annotators", "agreed", "uniform", "model"]);
    fields.some_count("n");
    assert!(fields.some_number("year").is_none_or(|year| (1900.0..2100.0).contains(&year)));
    for key in ["label", "source", "note"] {
        fields.some_text(key);
    }
    assert!(fields.some_number("non_substantive").is_none_or(|share| (0.0..1.0).contains(&share)));
    fields.end();
}

fn measure(path: &str, value: &Value, head: &Head) {
    let mut measure = Fields::of(&format!("{path}.measures"), value);
    let id = measure.text("id");
    let value = measure.some_number("value");
    let note = measure.some_text("note");
    assert!(value.is_some() || note.is_some(), "{path}: {id} has neither a value nor a note");
    if let Some(persona) = measure.some_text("persona") {
        assert!(head.personas.contains(&persona), "{path}: {id} of {persona}");
    }
    measure.some_text("population");
    let method = measure.some_text("method");
    assert!(
        measure.some_text("beside").is_none_or(|other| method.is_some_and(|method| method != other)),
        "{path}: {id}"
    );
    measure.some_text("model");
    if let Some(interval) = measure.may("interval").map(super::numbers) {
        assert!(interval.len() == 2 && interval[0] <= interval[1], "{path}: {id} {interval:?}");
        assert!(measure.some_number("level").is_some_and(|level| (0.5..1.0).contains(&level)), "{path}: {id}");
    }
    assert!(measure.some_number("noise_floor").is_none_or(|floor| floor >= 0.0), "{path}: {id}");
    measure.some_count("n");
    measure.end();
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}
