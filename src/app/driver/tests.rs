//! The loop, on a canvas that only counts and a clock that is not waited for.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::stream;
use tokio::time::sleep;

use super::*;
use crate::app::event::EngineNews;
use crate::config::Theme;
use crate::domain::{Mode, RunEvent};

/// What was done to the screen.
#[derive(Debug, Default)]
struct Seen {
    /// When frames were drawn, and which column was looked at.
    frames: Vec<(Instant, Mode)>,
    cleared: usize,
    suspended: usize,
    copied: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Fake {
    seen: Rc<RefCell<Seen>>,
    /// The frame that cannot be drawn any more.
    breaks_at: Option<usize>,
}

impl Fake {
    fn frames(&self) -> usize {
        self.seen.borrow().frames.len()
    }

    /// When a frame showed `mode` for the first time.
    fn first(&self, mode: Mode) -> Option<Instant> {
        self.seen.borrow().frames.iter().find(|(_, own)| *own == mode).map(|(at, _)| *at)
    }
}

impl Canvas for Fake {
    fn draw(&mut self, model: &Model) -> io::Result<Layout> {
        if self.breaks_at == Some(self.frames()) {
            return Err(io::Error::other("the line is cut"));
        }
        self.seen.borrow_mut().frames.push((Instant::now(), model.look.mode));
        Ok(Layout::default())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.seen.borrow_mut().cleared += 1;
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.seen.borrow_mut().suspended += 1;
        Ok(())
    }

    fn copy(&mut self, text: &str) -> io::Result<String> {
        self.seen.borrow_mut().copied.push(text.to_owned());
        Ok("copied".to_owned())
    }
}

/// The other side of the loop.
struct Stage {
    canvas: Fake,
    keys: mpsc::UnboundedSender<io::Result<Event>>,
    events: mpsc::Sender<Event>,
    effects: mpsc::UnboundedReceiver<Effect>,
}

impl Stage {
    fn press(&self, key: &str) {
        self.keys.send(Ok(Event::Key(key.parse().unwrap()))).unwrap();
    }

    async fn ready(&self) {
        let news = EngineNews::Ready { loaded: Box::default(), build: String::new() };
        self.events.send(Event::Library(Box::default())).await.unwrap();
        self.events.send(Event::Engine { opening: 1, news }).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }

    async fn token(&self) {
        let text = RunEvent::VoiceText {
            pane: 0,
            voice: "v".into(),
            delta: "word ".into(),
            tokens: 1,
            logprob: None,
            thinking: false,
        };
        self.events.send(Event::Run { number: 1, event: text }).await.unwrap();
    }

    /// Frames in the next `time`.
    async fn frames_in(&self, time: Duration) -> usize {
        let before = self.canvas.frames();
        sleep(time).await;
        self.canvas.frames() - before
    }
}

/// Runs the loop beside `script`, which holds the other ends.
async fn play<F: Future<Output = ()>>(canvas: Fake, script: impl FnOnce(Stage) -> F) -> (io::Result<()>, Model) {
    let (mut hands, effects, events) = Hands::idle();
    let (keys, mut typed) = mpsc::unbounded_channel();
    let input = stream::poll_fn(move |context| typed.poll_recv(context));
    let mut model = Model::new((160, 45), vec![Theme::default()], 0, None);
    let stage = Stage { canvas: canvas.clone(), keys, events, effects };
    let mut canvas = canvas;
    let pace = Pace::LOCAL;
    let (ended, ()) = tokio::join!(run(&mut model, &mut canvas, input, &mut hands, pace), script(stage));
    (ended, model)
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_stands_before_anything_is_begun() {
    let broken = Fake { breaks_at: Some(0), ..Fake::default() };
    let (ended, _) = play(broken, |mut stage| async move { assert!(stage.effects.try_recv().is_err()) }).await;
    ended.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn the_engine_is_asked_for_and_quit_ends_the_loop() {
    let (ended, _) = play(Fake::default(), |mut stage| async move {
        let effect = stage.effects.recv().await.unwrap();
        assert!(matches!(effect, Effect::OpenEngine { opening: 1, .. }));
        stage.press("q");
        sleep(Duration::from_secs(1)).await;
        assert!(stage.keys.is_closed(), "the loop has ended and let go of its input");
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_drawn_while_nothing_happens() {
    let (ended, _) = play(Fake::default(), |stage| async move {
        stage.ready().await;
        assert_eq!(stage.frames_in(Duration::from_mins(1)).await, 0);
        stage.press("3");
        assert_eq!(stage.frames_in(Duration::from_mins(1)).await, 1, "a key is one frame");
        stage.events.send(Event::Notice("a sentence".to_owned())).await.unwrap();
        let frames = stage.frames_in(Duration::from_mins(1)).await;
        assert!((2..60).contains(&frames), "a notice comes and goes: {frames}");
        assert_eq!(stage.frames_in(Duration::from_mins(1)).await, 0);
        stage.press("q");
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_moves_is_drawn_at_its_own_pace() {
    let (ended, model) = play(Fake::default(), |stage| async move {
        sleep(Duration::from_secs(1)).await;
        // The model is being loaded: 8 frames a second.
        let frames = stage.frames_in(Duration::from_secs(10)).await;
        assert!((75..=80).contains(&frames), "{frames}");
        stage.press("q");
    })
    .await;
    ended.unwrap();
    assert!(model.now >= Duration::from_secs(11), "the clock goes on: {:?}", model.now);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_tokens_is_few_frames() {
    let (ended, _) = play(Fake::default(), |stage| async move {
        stage.ready().await;
        let before = stage.canvas.frames();
        for _ in 0..10_000 {
            stage.token().await;
        }
        sleep(Duration::from_millis(200)).await;
        let frames = stage.canvas.frames() - before;
        assert!((1..=4).contains(&frames), "{frames} frames for 10,000 events at once");
        let before = stage.canvas.frames();
        for _ in 0..1_000 {
            for _ in 0..10 {
                stage.token().await;
            }
            sleep(Duration::from_millis(1)).await;
        }
        let frames = stage.canvas.frames() - before;
        assert!((15..=21).contains(&frames), "{frames} frames in a second of 10,000 events");
        stage.press("q");
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_is_drawn_at_once_even_in_a_burst() {
    let (ended, _) = play(Fake::default(), |stage| async move {
        stage.ready().await;
        for (key, mode) in [("3", Mode::Distribution), ("2", Mode::Steered)] {
            // Not at a moment when a frame is due anyway.
            for _ in 0..57 {
                stage.token().await;
                sleep(Duration::from_millis(1)).await;
            }
            stage.press(key);
            let pressed = Instant::now();
            for _ in 0..30 {
                stage.token().await;
                sleep(Duration::from_millis(1)).await;
            }
            let shown = stage.canvas.first(mode).unwrap();
            assert!(shown - pressed <= Duration::from_millis(1), "{mode}: {:?}", shown - pressed);
        }
        stage.press("q");
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_does_not_wait_for_a_full_queue() {
    let (ended, _) = play(Fake::default(), |stage| async move {
        stage.ready().await;
        let before = stage.canvas.frames();
        while stage.events.try_send(Event::Notice("x".to_owned())).is_ok() {}
        stage.press("2");
        let pressed = Instant::now();
        sleep(Duration::from_millis(40)).await;
        assert_eq!(stage.canvas.first(Mode::Steered), Some(pressed));
        assert_eq!(stage.canvas.frames() - before, 1, "one frame shows it all");
        stage.press("q");
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_screen_that_cannot_be_drawn_on_ends_the_loop() {
    let broken = Fake { breaks_at: Some(2), ..Fake::default() };
    let (ended, _) = play(broken.clone(), |stage| async move {
        sleep(Duration::from_secs(5)).await;
        assert!(stage.keys.is_closed());
        drop(stage);
    })
    .await;
    assert_eq!(ended.unwrap_err().to_string(), "the line is cut");
    assert_eq!(broken.frames(), 2);
}

#[tokio::test(start_paused = true)]
async fn lost_input_and_lost_workers_end_the_loop() {
    let (ended, _) = play(Fake::default(), |stage| async move {
        stage.ready().await;
        let Stage { keys, events, .. } = stage;
        drop(keys);
        sleep(Duration::from_secs(1)).await;
        drop(events);
    })
    .await;
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    let (ended, _) = play(Fake::default(), |stage| async move {
        stage.keys.send(Err(io::Error::other("the terminal hung up"))).unwrap();
        sleep(Duration::from_secs(1)).await;
        drop(stage);
    })
    .await;
    assert_eq!(ended.unwrap_err().to_string(), "the terminal hung up");
    let (ended, _) = play(Fake::default(), |stage| async move {
        let Stage { keys, events, .. } = stage;
        drop(events);
        sleep(Duration::from_secs(1)).await;
        drop(keys);
    })
    .await;
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test(start_paused = true)]
async fn what_concerns_the_terminal_is_done_here_and_the_rest_is_handed_on() {
    let canvas = Fake::default();
    let (ended, _) = play(canvas.clone(), |mut stage| async move {
        stage.ready().await;
        while stage.effects.try_recv().is_ok() {}
        stage.press("ctrl-l");
        sleep(Duration::from_millis(1)).await;
        assert_eq!(stage.canvas.seen.borrow().cleared, 1);
        stage.press("ctrl-z");
        sleep(Duration::from_millis(1)).await;
        assert_eq!(stage.canvas.seen.borrow().suspended, 1);
        // The signal that the system sends then.
        stage.keys.send(Ok(Event::Resumed)).unwrap();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(stage.canvas.seen.borrow().cleared, 2, "the screen is whole after coming back");
        assert!(stage.effects.try_recv().is_err());
        stage.press("l");
        sleep(Duration::from_millis(1)).await;
        assert_eq!(stage.effects.try_recv(), Ok(Effect::FindModels));
        stage.press("esc");
        stage.keys.send(Ok(Event::Terminate)).unwrap();
    })
    .await;
    ended.unwrap();
    assert!(canvas.seen.borrow().copied.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_confirmed_in_a_sentence() {
    let canvas = Fake::default();
    let question = crate::domain::Question::asked("Is it so?", &[], &[], false).unwrap();
    let (ended, model) = play(canvas.clone(), |stage| async move {
        stage.ready().await;
        stage.press("a");
        stage.keys.send(Ok(Event::Paste(question.text))).unwrap();
        for key in ["ctrl-s", "enter", "y", "q"] {
            stage.press(key);
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    ended.unwrap();
    assert!(canvas.seen.borrow().copied[0].starts_with("Is it so?\n"), "{:?}", canvas.seen.borrow().copied);
    assert_eq!(model.notice(), Some("copied"));
}
