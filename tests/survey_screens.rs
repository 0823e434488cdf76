//! The survey on screen: what stands where at two sizes, and no size that panics. What is shown was answered by the
//! scripted engine.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::Arc;
use std::time::Duration;

use parallax::app::event::{EngineNews, SurveyNews};
use parallax::app::library::Library;
use parallax::app::update::{begin, update};
use parallax::app::{Effect, Event, Model};
use parallax::config::{Depth, Paths, Theme};
use parallax::data::{Catalogue, Personas};
use parallax::domain::Run;
use parallax::engine::protocol::{Loaded, ModelReport};
use parallax::survey::{Survey, Tables};
use parallax::view::{self, Palette};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const SIZES: [(u16, u16); 2] = [(80, 24), (160, 45)];
const TABLES: [&str; 5] = ["questions", "methods", "topics", "groups", "differences"];

/// The bundled civics questions, answered by two methods and two personas: runs of the scripted engine, as they were stored,
/// without what no table is made of.
const RUNS: &str = include_str!("fixtures/survey/runs.jsonl");

fn runs() -> Vec<Run> {
    RUNS.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

struct Bench {
    model: Model,
    palette: Palette,
}

impl Bench {
    /// A survey of the civics questions was begun.
    fn begun(is_ascii: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths { data: home.path().to_path_buf() };
        let (themes, _) = Theme::load_all(&paths);
        let mono = themes.iter().position(|theme| theme.name == "mono").unwrap();
        let palette = Palette::new(&themes[mono].at(Depth::Mono)).ascii(is_ascii);
        let mut model = Model::new((160, 45), themes, mono, None);
        begin(&mut model);
        let mut bench = Self { model, palette };
        bench.tell(Event::Library(Box::new(Library::new(&Catalogue::load(&paths), &Personas::load(&paths)))));
        let loaded = Loaded { name: "scripted".into(), quantisation: "none".into(), ..Loaded::default() };
        let report = ModelReport { class: Some("bit-exact".into()), ..ModelReport::default() };
        let ready = EngineNews::Ready { loaded: Box::new(loaded), build: "test".into() };
        for news in [ready, EngineNews::Report(report)] {
            bench.tell(Event::Engine { opening: 1, news });
        }
        let effects = bench.press("A enter");
        assert!(matches!(effects[..], [Effect::StartSurvey { number: 1, .. }]), "{effects:?}");
        bench
    }

    /// So many of the questions are answered.
    fn answered(is_ascii: bool, questions: usize) -> Self {
        let mut bench = Self::begun(is_ascii);
        let spec = Arc::clone(&bench.model.survey.as_ref().unwrap().spec);
        let mut survey = Survey::new(&spec.how.populations, spec.how.seed);
        for (number, run) in runs().iter().enumerate().take(questions) {
            survey.add(&spec.spec(number).unwrap().question, run);
            bench.news(SurveyNews::Answered { is_stored: number < 3, has_failed: false, not_stored: None });
        }
        bench.tell(Event::Tick(Duration::from_secs(34)));
        bench.news(SurveyNews::Tables(Arc::new(Tables::new(survey))));
        bench
    }

    fn whole(is_ascii: bool) -> Self {
        let mut bench = Self::answered(is_ascii, runs().len());
        bench.news(SurveyNews::Over { why: None });
        bench
    }

    fn tell(&mut self, event: Event) -> Vec<Effect> {
        update(&mut self.model, event)
    }

    fn news(&mut self, news: SurveyNews) {
        self.tell(Event::Survey { number: 1, news });
    }

    fn press(&mut self, keys: &str) -> Vec<Effect> {
        keys.split(' ').flat_map(|key| self.tell(Event::Key(key.parse().unwrap()))).collect()
    }

    fn draw(&mut self, columns: u16, rows: u16) -> String {
        self.tell(Event::Resize(columns, rows));
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let mut layout = None;
        terminal.draw(|frame| layout = Some(view::draw(frame, &self.model, &self.palette))).unwrap();
        self.tell(Event::Drawn(layout.unwrap()));
        let buffer = terminal.backend().buffer();
        let line = |row: u16| -> String { (0..columns).map(|column| buffer[(column, row)].symbol()).collect() };
        (0..rows).map(|row| line(row).trim_end().to_owned() + "\n").collect()
    }
}

#[test]
fn every_table_of_a_survey() {
    let mut bench = Bench::whole(false);
    for table in TABLES {
        for (columns, rows) in SIZES {
            let screen = bench.draw(columns, rows);
            assert!(screen.contains(&format!("[{table}]")), "{screen}");
            insta::assert_snapshot!(format!("{table}-{columns}x{rows}"), screen);
        }
        bench.press("tab");
    }
    assert!(bench.draw(80, 24).contains("[questions]"), "the tables come round again");
}

#[test]
fn while_it_goes_on() {
    let mut bench = Bench::begun(false);
    assert!(bench.draw(80, 24).contains("no question is answered yet"));
    let mut bench = Bench::answered(false, 8);
    for (columns, rows) in SIZES {
        let screen = bench.draw(columns, rows);
        // Five were asked in 34 seconds; 12 are left.
        assert!(screen.contains("about 1 min 21 s left"), "{screen}");
        insta::assert_snapshot!(format!("running-{columns}x{rows}"), screen);
    }
    bench.press("esc");
    let screen = bench.draw(160, 45);
    assert!(screen.contains("survey 8 of 20") && screen.contains("Overton"), "{screen}");
    bench.press("S x");
    assert!(bench.draw(80, 24).contains("stopping"));
    bench.news(SurveyNews::Over { why: Some("the engine died; what was answered is kept".into()) });
    let screen = bench.draw(80, 24);
    assert!(screen.contains("stopped after 34 s") && screen.contains("the engine died"), "{screen}");
}

#[test]
fn rows_are_sorted_by_a_key_and_the_chosen_one_is_explained() {
    let mut bench = Bench::whole(false);
    let ids = |screen: &str| -> Vec<String> {
        let rows = screen.lines().skip_while(|line| !line.trim().starts_with("question ")).skip(1);
        let rows = rows.take_while(|line| !line.trim().is_empty() && !line.contains('─'));
        rows.map(|line| line.trim().trim_start_matches("▸ ").split(':').next().unwrap().to_owned()).collect()
    };
    let by_distance = ids(&bench.draw(80, 40));
    assert_eq!(by_distance.len(), 20);
    bench.press("r");
    let reversed = ids(&bench.draw(80, 40));
    assert_eq!(by_distance.iter().rev().collect::<Vec<_>>(), reversed.iter().collect::<Vec<_>>());
    bench.press("s s s s");
    assert!(bench.draw(80, 40).contains("s by orders.mean_pairwise_tv"));
    bench.press("end");
    let screen = bench.draw(80, 24);
    let chosen = screen.lines().find(|line| line.contains('▸')).unwrap().split(':').next().unwrap().to_owned();
    let chosen = chosen.trim().trim_start_matches("▸ ");
    assert!(screen.contains(&format!("\n {chosen}: ")), "{screen}");
}

#[test]
fn no_size_panics_and_plain_signs_suffice() {
    let mut bench = Bench::whole(true);
    for _ in TABLES {
        let screen = bench.draw(160, 45);
        assert!(screen.is_ascii(), "signs beyond ASCII: {screen}");
        for rows in 1..=30 {
            for columns in (1..=120).step_by(7) {
                bench.draw(columns, rows);
            }
        }
        bench.press("end tab");
    }
}
