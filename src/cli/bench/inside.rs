//! What needs no terminal: frames of very long transcripts, and searches of very long lists.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::report::{Report, median, quantile};
use super::sitting::SIZE;
use super::start::ms;
use super::subject::Subject;
use crate::app::event::EngineNews;
use crate::app::library::Library;
use crate::app::model::picker::search;
use crate::app::update::{begin, update};
use crate::app::{Effect, Event, Model};
use crate::cli::Failure;
use crate::config::{Depth, Key, KeyCode, Paths, Theme};
use crate::data::fuzzy::Skim;
use crate::data::{Catalogue, Personas};
use crate::domain::{Pane, PaneStatus, RunEvent, Timing};
use crate::engine::protocol::Loaded;
use crate::measure::SplitMix64;
use crate::view::{self, Palette};

/// Words in every pane.
const WORDS: usize = 20_000;
/// Frames that count, after the first.
const FRAMES: usize = 60;
/// Questions that are searched.
const QUESTIONS: usize = 100_000;
/// What people type: a letter, a word, two words, a name with a slip in the middle, what is nowhere.
const PATTERNS: [&str; 6] = ["e", "immigration", "tax school", "should the state", "gvmt", "zzqx"];
/// Made-up text is of these.
const VOCABULARY: [&str; 40] = [
    "should",
    "the",
    "state",
    "tax",
    "school",
    "government",
    "people",
    "more",
    "less",
    "immigration",
    "health",
    "care",
    "vote",
    "court",
    "trust",
    "news",
    "police",
    "army",
    "wages",
    "rent",
    "climate",
    "energy",
    "trade",
    "border",
    "speech",
    "faith",
    "family",
    "work",
    "money",
    "city",
    "farm",
    "road",
    "water",
    "be",
    "to",
    "of",
    "in",
    "allowed",
    "raised",
    "limited",
];

fn words(random: &mut SplitMix64, n: usize) -> String {
    let mut text = String::new();
    for place in 0..n {
        let index = usize::try_from(random.next_u64() % VOCABULARY.len() as u64).unwrap_or(0);
        text.push_str(if place == 0 { "" } else { " " });
        text.push_str(VOCABULARY.get(index).copied().unwrap_or_default());
    }
    text
}

/// A workbench whose model is ready and whose run has begun: the number of that run and of its panes.
fn running(subject: &Subject) -> Result<(Model, u64, usize), Failure> {
    let paths = Paths { data: subject.data().to_path_buf() };
    let mut model = Model::new(SIZE, vec![Theme::default()], 0, None);
    begin(&mut model);
    let library = Library::new(&Catalogue::load(&paths), &Personas::load(&paths));
    update(&mut model, Event::Library(Box::new(library)));
    let loaded = Box::new(Loaded { name: "made-up".to_owned(), profile: "audit".to_owned(), ..Loaded::default() });
    let opening = model.engine.opening;
    update(&mut model, Event::Engine { opening, news: EngineNews::Ready { loaded, build: String::new() } });
    let effects = update(&mut model, Event::Key(Key::plain(KeyCode::Enter)));
    let begun = effects.into_iter().find_map(|effect| match effect {
        Effect::StartRun { number, spec } => Some((number, spec.panes.len())),
        _ => None,
    });
    let (number, panes) = begun.ok_or_else(|| Failure::new("the workbench began no run of its first question"))?;
    Ok((model, number, panes))
}

fn says(number: u64, pane: usize, delta: String) -> Event {
    let event =
        RunEvent::VoiceText { pane, voice: format!("v{pane}"), delta, tokens: 1, logprob: Some(-1.0), thinking: false };
    Event::Run { number, event }
}

/// Measures frames while every pane holds 20,000 words.
pub(super) fn transcript(subject: &Subject, report: &mut Report) -> Result<(), Failure> {
    let (mut model, number, panes) = running(subject)?;
    let mut random = SplitMix64::new(1);
    for pane in 0..panes {
        let voice = RunEvent::VoiceStarted { pane, voice: format!("v{pane}"), persona: None };
        update(&mut model, Event::Run { number, event: voice });
        // Paragraphs, as models write them.
        for _ in 0..WORDS / 100 {
            update(&mut model, says(number, pane, words(&mut random, 100) + ".\n\n"));
        }
    }
    let palette = Palette::new(&Theme::default().at(Depth::Ansi16));
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1))?;
    let mut draw = |model: &mut Model| -> Result<Duration, Failure> {
        let began = Instant::now();
        let mut layout = None;
        terminal.draw(|frame| layout = Some(view::draw(frame, model, &palette)))?;
        let took = began.elapsed();
        if let Some(layout) = layout {
            update(model, Event::Drawn(layout));
        }
        Ok(took)
    };
    report.number("transcript_20000_words_first_frame_ms", ms(draw(&mut model)?));
    let mut frames = Vec::new();
    for frame in 0..FRAMES {
        update(&mut model, says(number, frame % panes, " word".to_owned()));
        frames.push(ms(draw(&mut model)?));
    }
    median_and_worst("transcript_20000_words_frame", &frames, report);
    for pane in 0..panes {
        let result = model
            .run
            .as_ref()
            .and_then(|run| run.panes.get(pane))
            .map(|live| Pane { status: PaneStatus::Done, ..Pane::new(live.mode, &live.method) });
        if let Some(result) = result {
            update(&mut model, Event::Run { number, event: RunEvent::PaneDone { pane, result: Box::new(result) } });
        }
    }
    update(&mut model, Event::Run { number, event: RunEvent::Finished { timing: Timing::default() } });
    let mut frames = Vec::new();
    for _ in 0..FRAMES {
        update(&mut model, Event::Key(Key::plain(KeyCode::PageDown)));
        frames.push(ms(draw(&mut model)?));
    }
    // The first of them lays the panes out anew.
    median_and_worst("transcript_20000_words_read", frames.get(1..).unwrap_or_default(), report);
    Ok(())
}

fn median_and_worst(field: &str, frames: &[f64], report: &mut Report) {
    if let (Some(middle), Some(worst)) = (median(frames), quantile(frames, 1.0)) {
        report.number(&format!("{field}_ms"), middle);
        report.number(&format!("{field}_worst_ms"), worst);
    }
}

/// Measures searches.
pub(super) fn fuzzy(subject: &Subject, report: &mut Report) {
    let mut random = SplitMix64::new(2);
    let texts: Arc<[String]> = (0..QUESTIONS)
        .map(|n| {
            let length = 6 + usize::try_from(random.next_u64() % 12).unwrap_or(0);
            format!("{}? pack-{} q{n}", words(&mut random, length), n % 50)
        })
        .collect();
    let matcher = Skim::default();
    let mut took = Vec::new();
    for pattern in PATTERNS {
        if subject.is_late() {
            report.note("fuzzy_100000_questions_ms: the quick run's time was over before all patterns were searched");
            break;
        }
        let began = Instant::now();
        std::hint::black_box(search(&matcher, &texts, pattern));
        took.push(ms(began.elapsed()));
        report.number(
            &format!("fuzzy_100000_questions_ms_{}", pattern.replace(' ', "_")),
            took.last().copied().unwrap_or(0.0),
        );
    }
    if let (Some(worst), Some(middle)) = (quantile(&took, 1.0), median(&took)) {
        report.number("fuzzy_100000_questions_ms", worst);
        report.number("fuzzy_100000_questions_median_ms", middle);
    }
}
