//! Whole screens: what stands where at four sizes, and no size that panics.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::time::Duration;

use parallax::app::event::EngineNews;
use parallax::app::library::{Library, ModelEntry};
use parallax::app::update::{begin, update};
use parallax::app::{Effect, Event, Model};
use parallax::config::{Depth, Paths, Theme};
use parallax::data::Catalogue;
use parallax::data::Personas;
use parallax::domain::{Finish, PaneStatus, PromptSent, Run, RunEvent};
use parallax::engine::protocol::{Loaded, ModelReport, Status};
use parallax::methods::numbers_across;
use parallax::view::{self, Palette};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// A run of the scripted engine, as it was stored.
const RUN: &str = include_str!("fixtures/panes/run.json");
/// Another, beside three populations, with what the charts are drawn from.
const GROUPS: &str = include_str!("fixtures/panes/groups.json");
/// Another, with answers as two populations and a mixture of four personas.
const MIXTURE: &str = include_str!("fixtures/panes/mixture.json");

/// A workbench and the theme that needs no colour.
struct Bench {
    model: Model,
    palette: Palette,
}

impl Bench {
    /// Nothing was read yet.
    fn new(is_ascii: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths { data: home.path().to_path_buf() };
        let (themes, problems) = Theme::load_all(&paths);
        assert!(problems.is_empty(), "{problems:?}");
        let mono = themes.iter().position(|theme| theme.name == "mono").unwrap();
        let palette = Palette::new(&themes[mono].at(Depth::Mono)).ascii(is_ascii);
        let mut model = Model::new((120, 40), themes, mono, None);
        assert!(matches!(begin(&mut model)[..], [Effect::OpenEngine { opening: 1, model: None, beside: None }]));
        Self { model, palette }
    }

    /// Packs and personas were read, and the model is ready.
    fn ready(is_ascii: bool) -> Self {
        let mut bench = Self::new(is_ascii);
        let home = tempfile::tempdir().unwrap();
        let paths = Paths { data: home.path().to_path_buf() };
        let library = Library::new(&Catalogue::load(&paths), &Personas::load(&paths));
        bench.tell(Event::Library(Box::new(library)));
        let loaded = Loaded {
            name: "scripted".into(),
            quantisation: "none".into(),
            profile: "audit".into(),
            context: 8192,
            ..Loaded::default()
        };
        let report = ModelReport { class: Some("bit-exact".into()), ..ModelReport::default() };
        let status = Status {
            running: 3,
            cells_used: 1000,
            cells: 8192,
            tokens_per_second: 93.4,
            prompt_tokens_computed: 900,
            prompt_tokens_reused: 1200,
            ..Status::default()
        };
        for news in [
            EngineNews::Ready { loaded: Box::new(loaded), build: "test".into() },
            EngineNews::Report(report),
            EngineNews::Status(status),
        ] {
            bench.tell(Event::Engine { opening: 1, news });
        }
        bench
    }

    fn tell(&mut self, event: Event) -> Vec<Effect> {
        update(&mut self.model, event)
    }

    fn press(&mut self, keys: &str) -> Vec<Effect> {
        keys.split(' ').flat_map(|key| self.tell(Event::Key(key.parse().unwrap()))).collect()
    }

    fn happen(&mut self, event: RunEvent) {
        self.tell(Event::Run { number: 1, event });
    }

    /// The run is asked for and begins.
    fn run_begun(&mut self, run: &Run) {
        let question = self.model.library.as_ref().unwrap().questions();
        let question = question.map(|(_, question)| question).find(|question| question.id == run.run.question.id);
        self.model.setup.ask(std::sync::Arc::new(question.unwrap().clone()));
        self.model.setup.panes = run.panes.iter().map(|pane| (pane.mode, pane.method.clone())).collect();
        self.model.setup.personas.clone_from(&run.run.personas);
        let effects = self.press("enter");
        assert!(matches!(effects[..], [Effect::StartRun { number: 1, .. }]), "{effects:?}");
        let panes = run.panes.iter().map(|pane| (pane.mode, pane.method.clone())).collect();
        self.happen(RunEvent::Started { head: Box::new(run.run.clone()), panes });
    }

    /// The run of the fixture begins; its voices have said half of what they will say.
    fn run_half(&mut self) -> Run {
        self.half_of(serde_json::from_str(RUN).unwrap())
    }

    fn half_of(&mut self, run: Run) -> Run {
        self.run_begun(&run);
        for (pane, result) in run.panes.iter().enumerate() {
            let prompt = PromptSent { purpose: "options".into(), text: "<|im_start|>  two  spaces".into(), tokens: 7 };
            self.happen(RunEvent::Prompt { pane, prompt });
            for voice in &result.voices {
                let (id, persona) = (voice.id.clone(), voice.persona.clone());
                self.happen(RunEvent::VoiceStarted { pane, voice: id.clone(), persona });
                let half: String = voice.text.chars().take(voice.text.chars().count() / 2).collect();
                let (tokens, logprob) = (voice.tokens / 2, Some(-1.0));
                self.happen(RunEvent::VoiceText { pane, voice: id, delta: half, tokens, logprob, thinking: false });
            }
            self.happen(RunEvent::PaneSoFar { pane, result: Box::new(result.clone()) });
        }
        self.tell(Event::Tick(Duration::from_secs(4)));
        run
    }

    fn run_whole(&mut self) {
        self.run_of(serde_json::from_str(RUN).unwrap());
    }

    fn run_of(&mut self, run: Run) {
        let run = self.half_of(run);
        for (pane, result) in run.panes.iter().enumerate() {
            self.happen(RunEvent::PaneDone { pane, result: Box::new(result.clone()) });
        }
        // What the driver finds when all of them ended.
        self.tell(Event::Across { number: 1, measures: numbers_across(&run.run, &run.panes) });
        self.happen(RunEvent::Finished { timing: run.timing });
        self.tell(Event::RunOver { number: 1, not_stored: None });
    }

    fn draw(&mut self, columns: u16, rows: u16) -> String {
        self.tell(Event::Resize(columns, rows));
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let mut layout = None;
        terminal.draw(|frame| layout = Some(view::draw(frame, &self.model, &self.palette))).unwrap();
        self.tell(Event::Drawn(layout.unwrap()));
        let buffer = terminal.backend().buffer();
        let mut text = String::new();
        for row in 0..rows {
            let line: String = (0..columns).map(|column| buffer[(column, row)].symbol()).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (120, 40), (200, 60)];

/// Compares with the stored screens; `cargo insta review` or `INSTA_UPDATE=always` takes new ones.
fn snapshots(name: &str, mut bench: Bench) {
    for (columns, rows) in SIZES {
        let screen = bench.draw(columns, rows);
        insta::assert_snapshot!(format!("{name}-{columns}x{rows}"), screen);
    }
}

#[test]
fn at_the_start() {
    snapshots("start", Bench::ready(false));
}

#[test]
fn while_it_is_being_written() {
    let mut bench = Bench::ready(false);
    bench.run_half();
    snapshots("running", bench);
}

#[test]
fn when_all_is_answered() {
    let mut bench = Bench::ready(false);
    bench.run_whole();
    snapshots("done", bench);
}

/// Voice `4.1`, and every other voice of the ensemble, think; then the first of them answers.
fn thinking(is_ascii: bool) -> Bench {
    let mut bench = Bench::ready(is_ascii);
    let run: Run = serde_json::from_str(RUN).unwrap();
    bench.run_begun(&run);
    for (pane, result) in run.panes.iter().enumerate() {
        for (number, voice) in result.voices.iter().enumerate() {
            let (id, persona) = (voice.id.clone(), voice.persona.clone());
            bench.happen(RunEvent::VoiceStarted { pane, voice: id.clone(), persona });
            let told = [
                ("The question asks for trust. ", 123, true),
                ("Some say yes, some no.", 117, true),
                ("It depends.", 3, false),
            ];
            for (delta, tokens, thinking) in told.into_iter().take(if number == 0 { 3 } else { 1 }) {
                let (voice, delta, logprob) = (id.clone(), delta.to_owned(), Some(-1.0));
                bench.happen(RunEvent::VoiceText { pane, voice, delta, tokens, logprob, thinking });
            }
        }
    }
    bench.tell(Event::Tick(Duration::from_secs(4)));
    bench
}

#[test]
fn while_voices_think() {
    let mut bench = thinking(false);
    for (columns, rows) in [(80, 24), (160, 45)] {
        let screen = bench.draw(columns, rows);
        assert!(screen.contains("▸ thought 240 tokens") && !screen.contains("The question asks"), "{screen}");
        insta::assert_snapshot!(format!("thinking-{columns}x{rows}"), screen);
    }
    assert!(bench.draw(160, 45).contains("thinking… 123 tokens"));
    bench.press("1 T");
    let unfolded = bench.draw(160, 45);
    insta::assert_snapshot!("thinking-unfolded-160x45", unfolded);
    assert!(unfolded.contains("▾ thought 240 tokens") && unfolded.contains("The question asks"), "{unfolded}");
    assert!(unfolded.contains("▸ thought 240 tokens"), "only the column that is looked at: {unfolded}");
    bench.press("T");
    assert!(!bench.draw(160, 45).contains("The question asks"));
    let plain = thinking(true).draw(160, 45);
    assert!(plain.contains("> thought 240 tokens") && plain.contains("thinking... 123 tokens"), "{plain}");
}

#[test]
fn a_voice_that_only_thought_says_so() {
    let mut bench = thinking(false);
    let run: Run = serde_json::from_str(RUN).unwrap();
    for (pane, result) in run.panes.into_iter().enumerate() {
        let mut result = result;
        for voice in &mut result.voices {
            voice.text.clear();
            (voice.tokens, voice.thinking_tokens, voice.finish) = (1512, 1512, Finish::Length);
            voice.thinking = Some("So many views. ".repeat(9).trim().to_owned());
        }
        result.note_unanswered();
        bench.happen(RunEvent::PaneDone { pane, result: Box::new(result) });
    }
    bench.happen(RunEvent::Finished { timing: run.timing });
    bench.tell(Event::RunOver { number: 1, not_stored: None });
    bench.press("1");
    let screen = bench.draw(160, 45);
    assert!(screen.contains("▸ thought 1,512 tokens, no answer"), "{screen}");
    bench.press("T");
    let unfolded = bench.draw(80, 24);
    assert!(unfolded.contains("So many views. So many views."), "{unfolded}");
    // Wherever it is scrolled to, a window of the text is the text.
    let whole = bench.draw(80, 200);
    bench.draw(80, 24);
    for _ in 0..6 {
        bench.press("down");
        let line = bench.draw(80, 24).lines().nth(4).unwrap().trim_end().to_owned();
        assert!(whole.lines().any(|known| known.trim_end() == line), "{line:?} is not in\n{whole}");
    }
}

#[test]
fn one_column_alone_in_plain_signs() {
    let mut bench = Bench::ready(true);
    bench.run_whole();
    bench.press("3 z");
    let screen = bench.draw(140, 40);
    insta::assert_snapshot!("distribution-ascii-140x40", screen);
    let chrome: String = screen.chars().filter(|c| !c.is_ascii()).collect();
    assert!(chrome.is_empty(), "signs beyond ASCII: {chrome:?}");
}

#[test]
fn when_the_engine_is_gone() {
    let mut bench = Bench::ready(false);
    let run = bench.run_half();
    let sentence = "the engine died (signal: 9 (SIGKILL)); what was finished is kept".to_owned();
    for (pane, result) in run.panes.iter().enumerate() {
        let mut result = result.clone();
        (result.status, result.error) = (PaneStatus::Failed, Some(sentence.clone()));
        result.voices.iter_mut().for_each(|voice| voice.finish = Finish::Error);
        bench.happen(RunEvent::PaneDone { pane, result: Box::new(result) });
    }
    bench.happen(RunEvent::Finished { timing: run.timing });
    bench.tell(Event::Engine { opening: 1, news: EngineNews::Failed { sentence, was_ready: true } });
    snapshots("engine-gone", bench);
}

/// Every overlay, and the keys that open it.
const OVERLAYS: [(&str, &str); 9] = [
    ("questions", "/"),
    ("personas", "p"),
    ("methods", "m"),
    ("models", "l"),
    ("ask", "a"),
    ("settings", "s"),
    ("help", "?"),
    ("prompts", "v"),
    ("palette", "ctrl-p"),
];

fn with_models(mut bench: Bench) -> Bench {
    let entry = |id: &str, is_here| ModelEntry { id: id.into(), detail: "98.4 MB".into(), is_here };
    bench.tell(Event::Models(vec![entry("smollm2-135m", true), entry("qwen2.5-coder-0.5b", false)]));
    bench
}

#[test]
fn what_lies_over_the_panes() {
    for (name, keys) in OVERLAYS {
        let mut bench = with_models(Bench::ready(false));
        bench.run_whole();
        bench.press(keys);
        for (columns, rows) in [(80, 24), (120, 40)] {
            let screen = bench.draw(columns, rows);
            insta::assert_snapshot!(format!("over-{name}-{columns}x{rows}"), screen);
        }
        bench.press("esc");
        assert!(bench.model.overlay.is_none(), "{name} stays after Escape");
    }
}

/// The distributions of a run beside three populations; every chart, in the order in which `c` goes through them.
fn with_groups(is_ascii: bool) -> Bench {
    let mut bench = Bench::ready(is_ascii);
    bench.run_of(serde_json::from_str(GROUPS).unwrap());
    bench.press("3");
    bench
}

const CHARTS: [&str; 7] = ["bars", "scale", "together", "groups", "orders", "tokens", "settling"];

#[test]
fn every_chart_of_the_distributions() {
    let mut bench = with_groups(false);
    for chart in CHARTS {
        for (columns, rows) in [(40, 10), (80, 24), (120, 40), (160, 45), (200, 60)] {
            bench.model.look.is_zoomed = columns == 160;
            let screen = bench.draw(columns, rows);
            insta::assert_snapshot!(format!("chart-{chart}-{columns}x{rows}"), screen);
            assert!(screen.contains(&format!("[{chart}]")), "{screen}");
        }
        bench.press("c");
    }
    assert!(bench.draw(160, 45).contains("[bars]"), "the charts come round again");
    bench.press("C");
    assert!(bench.draw(160, 45).contains("[settling]"));
    bench.press("c o");
    assert!(bench.draw(160, 45).contains("over all options"));
    let mut plain = with_groups(true);
    plain.press("z");
    for _ in CHARTS {
        let screen = plain.draw(160, 45);
        assert!(screen.is_ascii(), "signs beyond ASCII: {screen}");
        plain.press("c");
    }
}

#[test]
fn no_size_panics() {
    let mut benches: Vec<Bench> = vec![Bench::new(false), Bench::ready(false)];
    for is_whole in [false, true] {
        let mut bench = Bench::ready(false);
        if is_whole {
            bench.run_whole();
        } else {
            bench.run_half();
        }
        benches.push(bench);
    }
    let mut gone = Bench::ready(true);
    gone.tell(Event::Engine { opening: 1, news: EngineNews::Failed { sentence: "x".repeat(500), was_ready: true } });
    benches.push(gone);
    for bench in &mut benches {
        for rows in 1..=30 {
            for columns in 1..=80 {
                bench.draw(columns, rows);
            }
        }
    }
    let mut charts = with_groups(false);
    for _ in CHARTS {
        for rows in 1..=30 {
            for columns in 1..=80 {
                charts.draw(columns, rows);
            }
        }
        charts.press("c");
    }
    for (_, keys) in OVERLAYS {
        let mut bench = with_models(Bench::ready(false));
        bench.run_whole();
        bench.press(keys);
        for rows in 1..=30 {
            for columns in (1..=80).step_by(3) {
                bench.draw(columns, rows);
            }
        }
    }
}

#[test]
fn a_scrolled_column_stays_where_it_is_while_more_is_written() {
    let mut bench = Bench::ready(false);
    bench.run_half();
    for _ in 0..40 {
        let (voice, delta) = ("4.1".to_owned(), "more words and more words ".to_owned());
        bench.happen(RunEvent::VoiceText { pane: 3, voice, delta, tokens: 5, logprob: None, thinking: false });
    }
    bench.draw(80, 24);
    bench.press("1");
    bench.draw(80, 24);
    bench.press("home");
    let body = |screen: &str| screen.lines().skip(1).take(12).map(str::to_owned).collect::<Vec<_>>();
    let before = bench.draw(80, 24);
    assert!(before.contains("End follows"), "{before}");
    let pane_line = |line: &str| line.trim_start().starts_with("vanilla");
    for _ in 0..40 {
        let (voice, delta) = ("4.1".to_owned(), "still more words ".to_owned());
        bench.happen(RunEvent::VoiceText { pane: 3, voice, delta, tokens: 3, logprob: None, thinking: false });
    }
    let after = bench.draw(80, 24);
    assert!(body(&before).iter().any(|line| pane_line(line)), "{before}");
    assert_eq!(body(&before), body(&after));
    bench.press("end");
    assert!(!bench.draw(80, 24).contains("End follows"));
}

#[test]
fn weights_of_a_mixture_are_moved_by_hand() {
    let mut bench = Bench::ready(false);
    bench.run_of(serde_json::from_str(MIXTURE).unwrap());
    bench.draw(80, 24);
    bench.press("3 c");
    while !bench.draw(80, 24).contains("[weights]") {
        bench.press("c");
    }
    let fitted = bench.draw(80, 24);
    insta::assert_snapshot!("weights-80x24", fitted);
    assert!(fitted.contains("weights fitted by JS divergence to 8 other questions"), "{fitted}");
    bench.press("] + +");
    insta::assert_snapshot!("weights-by-hand-80x24", bench.draw(80, 24));
    bench.press("f");
    // But for which weight is chosen.
    let back = bench.draw(80, 24);
    assert_eq!(back.replace('▸', " "), fitted.replace('▸', " "));
    assert_ne!(back, fitted);
    for _ in 0..3 {
        bench.press("f");
    }
    assert!(bench.draw(80, 24).contains("as the personas bring them along"));
}

#[test]
fn every_population_has_bars_of_its_own() {
    let mut bench = Bench::ready(false);
    bench.run_of(serde_json::from_str(MIXTURE).unwrap());
    bench.draw(80, 24);
    bench.press("3");
    let first = bench.draw(80, 40);
    assert!(first.contains("answering as one of: Democrats"), "{first}");
    insta::assert_snapshot!("populations-80x40", first);
}
