//! What a live reader of a run sees with the scripted engine: its cost beforehand, its pictures, its numbers, and panes
//! that are stopped alone.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use parallax::config::Paths;
use parallax::data::{Catalogue, Personas, Wordings};
use parallax::domain::{
    Assembler, EngineFacts, Finish, Mode, ModelFacts, Pane, PaneStatus, Persona, Question, Run, RunEvent, RunHead,
};
use parallax::engine::client::ClientOptions;
use parallax::engine::protocol::LoadRequest;
use parallax::engine::{EngineClient, EngineSpec};
use parallax::methods::{self, Cost, EngineInUse, Remembered, RunSpec, Stops, registry::METHODS};
use tokio::sync::mpsc::unbounded_channel;

/// Bundled texts only.
struct Bundled {
    _home: tempfile::TempDir,
    paths: Paths,
}

impl Bundled {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::resolve(Some(home.path())).unwrap();
        Self { _home: home, paths }
    }

    fn question(&self, pack: &str, id: &str) -> Question {
        Catalogue::load(&self.paths).question(pack, id).unwrap()
    }

    fn personas(&self, count: usize) -> Vec<Persona> {
        Personas::load(&self.paths).all()[..count].iter().map(|entry| entry.persona.clone()).collect()
    }

    /// Every method, with these settings.
    fn spec(&self, question: Question, personas: usize) -> RunSpec {
        RunSpec {
            question,
            panes: METHODS.iter().map(|method| (method.facts.mode, method.facts.id.to_owned())).collect(),
            personas: self.personas(personas),
            directions: Vec::new(),
            examples: Arc::default(),
            pane_models: Vec::new(),
            populations: Vec::new(),
            seed: 3,
            samples: 5,
            max_tokens: 300,
            temperature: None,
            top_p: None,
        }
    }

    /// Runs `spec` to its end; `see` gets every event while the run is under way.
    fn run(&self, spec: &RunSpec, kind: &str, see: impl FnMut(&RunEvent, &Stops, &EngineClient)) -> Seen {
        self.run_remembering(&Remembered::default(), spec, kind, see)
    }

    fn run_remembering(
        &self,
        remembered: &Remembered,
        spec: &RunSpec,
        kind: &str,
        mut see: impl FnMut(&RunEvent, &Stops, &EngineClient),
    ) -> Seen {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let program = assert_cmd::cargo::cargo_bin("parallax").display().to_string();
            let words = [program.as_str(), "engine", "--kind", kind].map(str::to_owned).to_vec();
            let client = EngineClient::start(ClientOptions::new(EngineSpec::Command(words))).await.unwrap();
            let loaded = client.load(LoadRequest::default(), |_| {}).await.unwrap();
            self.run_in(EngineInUse { client, loaded, remembered: remembered.clone() }, spec, &mut see).await
        })
    }

    async fn run_in(
        &self,
        engine: EngineInUse,
        spec: &RunSpec,
        see: &mut impl FnMut(&RunEvent, &Stops, &EngineClient),
    ) -> Seen {
        let head = RunHead {
            id: "r".into(),
            started: "2026-11-23T16:00:00Z".into(),
            seed: spec.seed,
            model: ModelFacts::default(),
            engine: EngineFacts::default(),
            question: (&spec.question).into(),
            personas: spec.personas.iter().map(|persona| persona.id.clone()).collect(),
            settings: spec.settings(),
            beside: None,
            fingerprint: None,
        };
        let client = engine.client.clone();
        let stops = Stops::new(spec.panes.len());
        let (sender, mut receiver) = unbounded_channel();
        let texts = Arc::new(Wordings::load(&self.paths));
        let work = methods::run(Arc::new(spec.clone()), head, engine, texts, sender, stops.clone());
        let reading = async {
            let mut events = Vec::new();
            while let Some(event) = receiver.recv().await {
                see(&event, &stops, &client);
                events.push(event);
            }
            events
        };
        let ((), events) = tokio::join!(work, reading);
        let mut assembler = Assembler::new();
        for event in &events {
            assembler.apply(event);
        }
        Seen { run: assembler.finish().unwrap(), events }
    }

    fn run_through(&self, spec: &RunSpec) -> Seen {
        self.run(spec, "scripted", |_, _, _| {})
    }
}

/// A run and how it came about.
#[derive(Debug)]
struct Seen {
    run: Run,
    events: Vec<RunEvent>,
}

impl Seen {
    fn pane(&self, method: &str) -> (usize, &Pane) {
        let found = self.run.panes.iter().enumerate().find(|(_, pane)| pane.method == method);
        found.unwrap_or_else(|| panic!("no pane {method}"))
    }

    fn pictures(&self, of: usize) -> Vec<&Pane> {
        let picture = |event| match event {
            &RunEvent::PaneSoFar { pane, ref result } if pane == of => Some(&**result),
            _ => None,
        };
        self.events.iter().filter_map(picture).collect()
    }

    fn prompts(&self) -> Vec<&str> {
        fn text(event: &RunEvent) -> Option<&str> {
            if let RunEvent::Prompt { prompt, .. } = event { Some(&prompt.text) } else { None }
        }
        self.events.iter().filter_map(text).collect()
    }
}

fn only(spec: RunSpec, mode: Mode, method: &str) -> RunSpec {
    RunSpec { panes: vec![(mode, method.to_owned())], ..spec }
}

fn without_options(question: Question) -> Question {
    Question { options: Vec::new(), references: Vec::new(), ..question }
}

#[test]
fn the_cost_is_what_the_run_then_asks() {
    let bundled = Bundled::new();
    let choice = bundled.question("us-civics", "police-trust");
    let nominal = bundled.question("debates", "nuclear-power");
    let open = without_options(choice.clone());
    for (question, personas, samples, max_tokens) in [
        (choice.clone(), 2, 5, 300),
        (choice.clone(), 3, 1, 7),
        (nominal, 1, 12, 300),
        (choice, 0, 5, 40),
        (open.clone(), 3, 5, 300),
        (open, 0, 5, 1),
    ] {
        let spec = RunSpec { samples, max_tokens, ..bundled.spec(question, personas) };
        let cost = methods::cost(&spec);
        let seen = bundled.run_through(&spec);
        let what = format!("{}, {personas} personas: {cost:?}", spec.question.id);
        assert_eq!(seen.prompts().len(), cost.prompts, "{what}");
        assert_eq!(cost.generations + cost.scorings, cost.prompts, "{what}");
        let voices: usize = seen.run.panes.iter().map(|pane| pane.voices.len()).sum();
        assert_eq!(voices, cost.generations, "{what}");
        let written = seen.run.timing.generated_tokens;
        assert!(written > 0 && written <= cost.most_tokens as u64, "{written} tokens; {what}");
        // A limit that all voices reach is reached exactly.
        assert!(max_tokens > 1 || written == cost.most_tokens as u64, "{written} tokens; {what}");
    }
}

#[test]
fn what_other_questions_cost_is_counted_too() {
    let bundled = Bundled::new();
    let catalogue = Catalogue::load(&bundled.paths);
    let examples = Arc::new(catalogue.pack("us-civics").unwrap().questions.to_vec());
    for (method, personas, prompts) in [
        ("few-shot", 0, 10),
        ("persona-mixture", 3, 3 * (8 * 2 + 6)),
        // One question in its first order, 5 of 4 options in all cyclic ones.
        ("debiased", 0, 1 + 5 * 4),
        // One of 20 questions has 3 options without order.
        ("calibrated", 0, 19 * 2 + 6),
    ] {
        let spec = bundled.spec(bundled.question("us-civics", "police-trust"), personas);
        let spec = RunSpec { examples: Arc::clone(&examples), ..only(spec, Mode::Distribution, method) };
        let cost = methods::cost(&spec);
        let seen = bundled.run_through(&spec);
        assert_eq!((seen.prompts().len(), cost.prompts), (prompts, prompts), "{method}");
        let bytes: usize = seen.prompts().iter().map(|text| text.len()).sum();
        let expected = (bytes as f64 + 80.0 * cost.prompts as f64) / 4.5;
        let ratio = cost.prompt_tokens as f64 / expected;
        assert!((0.85..1.15).contains(&ratio), "{method}: {ratio} of {expected} tokens estimated");
    }
}

#[test]
fn other_questions_are_computed_once_for_all_runs_of_an_engine() {
    let bundled = Bundled::new();
    let question = bundled.question("us-civics", "police-trust");
    let pack = Catalogue::load(&bundled.paths).pack("us-civics").unwrap();
    let spec = RunSpec { examples: Arc::clone(&pack.questions), ..bundled.spec(question, 2) };
    let spec = only(spec, Mode::Distribution, "persona-mixture");
    let memory = Remembered::default();
    // Each in a process of its own, whose cache knows nothing of what was computed before.
    let runs = [&memory, &memory, &Remembered::default()];
    let [first, second, forgotten] =
        runs.map(|memory| bundled.run_remembering(memory, &spec, "scripted", |_, _, _| {}));
    assert_eq!(first.run.panes, second.run.panes);
    assert_eq!(first.run.panes, forgotten.run.panes);
    let sorted = |seen: &Seen| {
        let mut prompts: Vec<String> = seen.prompts().into_iter().map(str::to_owned).collect();
        prompts.sort_unstable();
        prompts
    };
    assert_eq!(sorted(&first), sorted(&second), "what is remembered is told as what was asked");
    assert_eq!(sorted(&first).len(), methods::cost(&spec).prompts);
    let tokens = |seen: &Seen| (seen.run.timing.prompt_tokens, seen.run.timing.computed_prompt_tokens.unwrap());
    assert_eq!(tokens(&first), tokens(&forgotten));
    assert_eq!(tokens(&first).0, tokens(&second).0);
    assert!(tokens(&second).1 > 0, "the question of the run is read anew");
    assert!(3 * tokens(&second).1 < tokens(&first).1, "{:?} and {:?}", tokens(&second), tokens(&first));
}

#[test]
fn every_voice_keeps_the_tokens_it_drew() {
    let bundled = Bundled::new();
    let seen = bundled.run_through(&bundled.spec(bundled.question("us-civics", "police-trust"), 2));
    let voices: Vec<_> = seen.run.panes.iter().flat_map(|pane| &pane.voices).collect();
    assert!(voices.len() > 5);
    for voice in &voices {
        let said: String = voice.said.iter().map(|token| token.text.as_str()).collect();
        assert!(said.contains(&voice.text) && voice.said.len() == voice.tokens, "{said:?} for {:?}", voice.text);
        let surprisal = -voice.said.iter().map(|token| f64::from(token.p).ln()).sum::<f64>() / voice.tokens as f64;
        assert!((surprisal - voice.surprisal.unwrap()).abs() < 1e-4, "{surprisal} for {:?}", voice.surprisal);
    }
    assert!(voices.iter().flat_map(|voice| &voice.said).any(|token| !token.others.is_empty()));
    assert!(seen.run.clone().without_tokens().panes.iter().flat_map(|pane| &pane.voices).all(|v| v.said.is_empty()));
}

#[test]
fn what_is_skipped_or_unknown_costs_nothing() {
    let bundled = Bundled::new();
    let question = bundled.question("us-civics", "police-trust");
    let free = |spec: RunSpec| assert_eq!(methods::cost(&spec), Cost::default(), "{:?}", spec.panes);
    free(only(bundled.spec(question.clone(), 0), Mode::Steered, "persona-prompt"));
    free(only(bundled.spec(question.clone(), 0), Mode::Overton, "ensemble"));
    free(only(bundled.spec(without_options(question.clone()), 2), Mode::Distribution, "sampled"));
    free(only(bundled.spec(question, 2), Mode::Distribution, "vanilla"));
}

/// The estimate counts bytes, and the prompts of the scripted engine can be counted. Its template is shorter than those
/// of models, and the synthesis is estimated from the limit of its comments.
#[test]
fn the_estimate_of_prompts_is_near_their_lengths() {
    let bundled = Bundled::new();
    for id in ["police-trust", "systemic-racism"] {
        let mut spec = bundled.spec(bundled.question("us-civics", id), 3);
        spec.panes.retain(|(_, method)| method != "ensemble");
        let cost = methods::cost(&spec);
        let seen = bundled.run_through(&spec);
        let bytes: usize = seen.prompts().iter().map(|text| text.len()).sum();
        let expected = (bytes as f64 + 80.0 * cost.prompts as f64) / 4.5;
        let ratio = cost.prompt_tokens as f64 / expected;
        assert!((0.85..1.15).contains(&ratio), "{id}: {ratio} of {expected} tokens estimated");
    }
}

#[test]
fn exact_panes_show_every_order_that_came_in() {
    let bundled = Bundled::new();
    let question = bundled.question("debates", "nuclear-power");
    let seen = bundled.run_through(&bundled.spec(question, 3));
    let (index, whole) = seen.pane("option-logits");
    let pictures = seen.pictures(index);
    let orders: Vec<_> = pictures.iter().map(|picture| picture.orders.unwrap()).collect();
    assert_eq!(orders, (1..=whole.orders.unwrap()).collect::<Vec<_>>());
    assert!(orders.len() > 1);
    let last = pictures.last().unwrap();
    assert_close(last.p.as_ref().unwrap(), whole.p.as_ref().unwrap());
    assert!(pictures[0].p != last.p && pictures.iter().all(|picture| picture.mass.is_some()));

    let (index, whole) = seen.pane("persona-prompt");
    let pictures = seen.pictures(index);
    assert_eq!(pictures.len(), 4 * whole.orders.unwrap());
    let last = pictures.last().unwrap();
    assert_eq!(last.distributions.len(), 3);
    for (shown, settled) in last.distributions.iter().zip(&whole.distributions) {
        assert_eq!(shown.persona, settled.persona);
        assert_close(&shown.p, &settled.p);
    }
    let shift = |pane: &Pane| pane.measure("shift.mean_js_distance_2", None).unwrap().value.unwrap();
    assert!((shift(last) - shift(whole)).abs() < 1e-9);
    assert!(pictures.iter().all(|picture| picture.voices.is_empty()), "the screen has the voices");
}

#[test]
fn sampled_panes_count_up() {
    let bundled = Bundled::new();
    let question = bundled.question("us-civics", "police-trust");
    let spec = only(RunSpec { samples: 30, ..bundled.spec(question, 0) }, Mode::Distribution, "sampled");
    let seen = bundled.run_through(&spec);
    let (whole, pictures) = (&seen.run.panes[0], seen.pictures(0));
    let counts: Vec<_> = pictures.iter().map(|picture| picture.samples.unwrap()).collect();
    assert_eq!(counts, (1..=30).collect::<Vec<_>>());
    let last = pictures.last().unwrap();
    assert_eq!((&last.p, last.mass, last.orders), (&whole.p, whole.mass, whole.orders));
    let distance = |pane: &Pane| pane.measure("js_distance_2", None).unwrap().clone();
    let (shown, settled) = (distance(last), distance(whole));
    assert_eq!((shown.value, shown.n), (settled.value, settled.n));
    assert!(shown.interval.is_none() && settled.interval.is_some(), "what takes long is left to the end");
    let share = format!("share.{}", whole.options.as_ref().unwrap()[0]);
    for picture in pictures.iter().filter(|picture| picture.p.is_some()) {
        let share = picture.measure(&share, None).unwrap();
        let [low, high] = share.interval.unwrap();
        assert!(low <= share.value.unwrap() && share.value.unwrap() <= high, "{share:?}");
    }
}

#[test]
fn deltas_tell_tokens_and_their_probabilities() {
    let bundled = Bundled::new();
    let question = bundled.question("us-civics", "police-trust");
    let seen = bundled.run_through(&bundled.spec(question, 2));
    let mut told: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for event in &seen.events {
        if let RunEvent::VoiceText { voice, delta, tokens, logprob, .. } = event {
            assert!(!delta.is_empty() && logprob.is_some() == (*tokens > 0), "{event:?}");
            let sum = told.entry(voice).or_default();
            *sum = (sum.0 + tokens, sum.1 + logprob.unwrap_or(0.0));
        }
    }
    let voices: Vec<_> = seen.run.panes.iter().flat_map(|pane| &pane.voices).collect();
    assert!(voices.len() > 8);
    for voice in voices {
        let (tokens, sum) = told[voice.id.as_str()];
        assert_eq!(tokens, voice.tokens, "{voice:?}");
        let mean = -sum / tokens as f64;
        assert!((mean - voice.surprisal.unwrap()).abs() < 1e-9 && mean > 0.0, "{mean}: {voice:?}");
    }
}

#[test]
fn one_pane_is_stopped_and_the_others_go_on() {
    let bundled = Bundled::new();
    let question = bundled.question("us-civics", "police-trust");
    let mut spec = bundled.spec(question, 3);
    spec.panes = vec![(Mode::Overton, "vanilla".into()), (Mode::Overton, "ensemble".into())];
    let (mut most, mut least) = (0, usize::MAX);
    let seen = bundled.run(&spec, "scripted:slow@15", |event, stops, client| {
        let running = client.status().borrow().running;
        match event {
            RunEvent::VoiceText { pane: 1, .. } => stops.stop_pane(1),
            RunEvent::VoiceText { pane: 0, .. } if running > 0 => (most, least) = (most.max(running), running),
            _ => {}
        }
        stops.stop_pane(7);
        assert!(!stops.is_stopped());
    });
    assert_eq!(least, 1, "the engine still computes for the pane that was stopped; at first {most} voices ran");
    let (vanilla, ensemble) = (&seen.run.panes[0], &seen.run.panes[1]);
    assert_eq!((vanilla.status, vanilla.voices[0].finish), (PaneStatus::Done, Finish::Stop));
    assert_eq!((ensemble.status, ensemble.voices.len()), (PaneStatus::Cancelled, 3));
    assert!(ensemble.voices.iter().all(|voice| voice.finish == Finish::Cancelled));
    assert!(ensemble.voices.iter().any(|voice| voice.tokens > 0 && voice.surprisal.is_some()));
    let ended = seen.events.iter().position(|event| matches!(event, RunEvent::PaneDone { pane: 1, .. })).unwrap();
    let is_late = |event: &RunEvent| matches!(event, RunEvent::VoiceText { pane: 1, .. });
    assert!(!seen.events[ended..].iter().any(is_late));
    assert!(seen.events[ended..].iter().any(|event| matches!(event, RunEvent::VoiceText { pane: 0, .. })));
}

#[test]
fn a_stopped_run_keeps_its_numbers_so_far() {
    let bundled = Bundled::new();
    let question = bundled.question("us-civics", "police-trust");
    let mut spec = RunSpec { samples: 400, ..bundled.spec(question, 2) };
    spec.panes = vec![(Mode::Distribution, "sampled".into()), (Mode::Overton, "vanilla".into())];
    let seen = bundled.run(&spec, "scripted:slow@2", |event, stops, _| {
        if matches!(event, RunEvent::PaneSoFar { pane: 0, result } if result.samples == Some(20)) {
            stops.stop_all();
        }
    });
    let sampled = &seen.run.panes[0];
    assert_eq!(sampled.status, PaneStatus::Cancelled);
    let finished = sampled.voices.iter().filter(|voice| voice.finish != Finish::Cancelled).count();
    assert_eq!(sampled.samples, Some(finished));
    assert!((20..400).contains(&finished) && sampled.p.is_some());
    assert!(sampled.note.as_ref().unwrap().contains("stopped early"), "{:?}", sampled.note);
}

#[test]
fn whoever_stops_above_stops_the_run_and_not_the_other_way_round() {
    let above = tokio_util::sync::CancellationToken::new();
    let (first, second) = (Stops::under(&above, 2), Stops::under(&above, 2));
    first.stop_all();
    assert!(first.is_stopped() && !second.is_stopped() && !above.is_cancelled());
    above.cancel();
    assert!(second.is_stopped());
}

fn assert_close(p: &[f64], q: &[f64]) {
    assert!(p.len() == q.len() && p.iter().zip(q).all(|(p, q)| (p - q).abs() < 1e-9), "{p:?} and {q:?}");
}
