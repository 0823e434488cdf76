//! Runs the workbench: events to the state machine, its effects to whoever does them, frames to the screen.
//!
//! Two threads. This one reads keys, changes the state and draws; it never waits for a file, an engine or a formula.
//! Everything else is done by [`Hands`] on a thread of their own, whose answers come back as events.

mod engine;
mod hands;
mod library;
mod runs;
mod surveys;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::effect::Effect;
use super::event::{EngineNews, Event, SurveyNews};
use super::model::{Layout, Model};
use super::update::{begin, update};
use crate::domain::RunEvent;

pub use hands::{Hands, HandsOptions};

/// The most events taken in between two frames: a burst of tokens must not keep the screen from keys.
const BATCH: usize = 4_096;

/// What is drawn on.
pub trait Canvas {
    /// Draws the state as one frame, and says how large its parts were.
    fn draw(&mut self, model: &Model) -> io::Result<Layout>;
    /// The next frame is drawn whole.
    fn clear(&mut self) -> io::Result<()>;
    /// Gives the terminal back, stops this process, and takes the terminal again when it goes on.
    fn suspend(&mut self) -> io::Result<()>;
    /// Puts a text on the clipboard, and says in a sentence what was attempted.
    fn copy(&mut self, text: &str) -> io::Result<String>;
}

/// How often frames are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between frames that only show what the engine wrote. Keys are answered at once.
    pub stream: Duration,
    /// Between frames in which only time went by.
    pub tick: Duration,
}

impl Pace {
    /// For a terminal on this machine.
    pub const LOCAL: Self = Self { stream: Duration::from_millis(50), tick: Duration::from_millis(125) };
    /// For a terminal at the other end of a line.
    pub const REMOTE: Self = Self { stream: Duration::from_millis(100), tick: Duration::from_millis(250) };
}

/// What has to be drawn, and how soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Dirt {
    Clean,
    /// Only time went by.
    Time,
    /// The engine wrote something.
    Stream,
    /// Somebody waits for it.
    Key,
}

/// Runs the workbench until it ends. An error of the screen or of the input ends it: the terminal is gone.
pub async fn run(
    model: &mut Model,
    canvas: &mut impl Canvas,
    input: impl Stream<Item = io::Result<Event>>,
    hands: &mut Hands,
    pace: Pace,
) -> io::Result<()> {
    let start = Instant::now();
    let mut input = std::pin::pin!(input);
    let mut drawn = Instant::now();
    draw(model, canvas)?;
    // The first frame stands before anything else is begun.
    for effect in begin(model) {
        hands.send(effect);
    }
    let mut dirt = Dirt::Key;
    loop {
        let wait = next_frame(dirt, model.is_moving(), pace).map(|after| after.saturating_sub(drawn.elapsed()));
        let mut batch: Vec<(Event, Dirt)> = Vec::new();
        if wait != Some(Duration::ZERO) {
            tokio::select! {
                biased;
                key = input.next() => batch.push((ended(key)??, Dirt::Key)),
                event = hands.events().recv() => {
                    let event = ended(event)?;
                    let cause = cause_of(&event);
                    batch.push((event, cause));
                }
                () = async { tokio::time::sleep(wait.unwrap_or(Duration::MAX)).await }, if wait.is_some() => {
                    dirt = dirt.max(Dirt::Time);
                }
            }
        }
        // Whatever else is there already: one frame shows it all.
        while let Some(Some(key)) = input.next().now_or_never() {
            batch.push((key?, Dirt::Key));
        }
        take(hands.events(), &mut batch);
        update(model, Event::Tick(start.elapsed()));
        for (event, cause) in batch {
            dirt = dirt.max(cause);
            for effect in update(model, event) {
                if carry_out(model, canvas, hands, effect)? {
                    return Ok(());
                }
            }
        }
        let due = match dirt {
            Dirt::Clean => None,
            Dirt::Time => Some(pace.tick),
            Dirt::Stream => Some(pace.stream),
            Dirt::Key => Some(Duration::ZERO),
        };
        if due.is_some_and(|due| drawn.elapsed() >= due) {
            draw(model, canvas)?;
            drawn = Instant::now();
            dirt = Dirt::Clean;
        }
    }
}

/// How long after the last frame the next one is due; `None`: when something happens.
fn next_frame(dirt: Dirt, is_moving: bool, pace: Pace) -> Option<Duration> {
    match dirt {
        Dirt::Key => Some(Duration::ZERO),
        Dirt::Stream => Some(pace.stream),
        Dirt::Time => Some(pace.tick),
        Dirt::Clean => is_moving.then_some(pace.tick),
    }
}

fn ended<T>(item: Option<T>) -> io::Result<T> {
    item.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal or a worker is gone"))
}

/// Text may wait for the next frame; what somebody waits for may not: the end of a pane or run, what a search found, an
/// engine that is ready or gone.
fn cause_of(event: &Event) -> Dirt {
    match event {
        Event::Run { event: RunEvent::PaneDone { .. } | RunEvent::Finished { .. }, .. }
        | Event::RunOver { .. }
        | Event::Survey { news: SurveyNews::Over { .. }, .. }
        | Event::RunLoaded(_)
        | Event::Found { .. }
        | Event::PersonaSaved(_)
        | Event::Engine { news: EngineNews::Ready { .. } | EngineNews::Failed { .. }, .. } => Dirt::Key,
        _ => Dirt::Stream,
    }
}

fn take(events: &mut mpsc::Receiver<Event>, batch: &mut Vec<(Event, Dirt)>) {
    while batch.len() < BATCH {
        match events.try_recv() {
            Ok(event) => {
                let cause = cause_of(&event);
                batch.push((event, cause));
            }
            Err(_) => break,
        }
    }
}

fn draw(model: &mut Model, canvas: &mut impl Canvas) -> io::Result<()> {
    let layout = canvas.draw(model)?;
    update(model, Event::Drawn(layout));
    Ok(())
}

/// Does what concerns the terminal and hands on the rest. Whether the program ends.
fn carry_out(model: &mut Model, canvas: &mut impl Canvas, hands: &Hands, effect: Effect) -> io::Result<bool> {
    match effect {
        Effect::Quit => return Ok(true),
        Effect::Redraw => canvas.clear()?,
        Effect::Copy(text) => {
            let sentence = canvas.copy(&text)?;
            update(model, Event::Notice(sentence));
        }
        // Coming back is an event of its own.
        Effect::Suspend => canvas.suspend()?,
        Effect::OpenEngine { .. }
        | Effect::StartRun { .. }
        | Effect::StopPane { .. }
        | Effect::StopRun { .. }
        | Effect::StartSurvey { .. }
        | Effect::StopSurvey { .. }
        | Effect::LoadRun { .. }
        | Effect::FindModels
        | Effect::Pull { .. }
        | Effect::LookUpSpeed { .. }
        | Effect::Search { .. }
        | Effect::SavePersona { .. } => hands.send(effect),
    }
    Ok(false)
}
