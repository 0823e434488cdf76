//! `parallax` without a subcommand: the workbench.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::rc::Rc;

use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::mpsc;

use super::{EXIT_INTERRUPTED, Failure, Global, Outcome};
use crate::app::Event;
use crate::app::driver::{Canvas, Hands, HandsOptions, Pace, run};
use crate::app::model::{Layout, Model};
use crate::config::{Depth, Theme};
use crate::term::{self, Input, MouseAction, Screen, Signal, TermOptions};
use crate::text::SafeText;
use crate::view::{self, Palette};

/// Options of the workbench alone.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Options of the workbench")]
pub struct Options {
    /// dark, light, mono, or a theme of your own [default: dark, or mono where `NO_COLOR` is set]
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// Draw with ASCII signs alone
    #[arg(long)]
    pub ascii: bool,
    /// Take the mouse wheel; the terminal's own selection then needs Shift
    #[arg(long)]
    pub mouse: bool,
    /// Do not store runs
    #[arg(long)]
    pub no_store: bool,
}

/// Lines that one turn of the wheel scrolls.
const WHEEL: i32 = 3;

/// Runs it.
pub fn start(options: &Options, global: &Global) -> Outcome {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::usage(
            "the workbench needs a terminal on standard input and output: use `parallax run` without one",
        ));
    }
    let paths = global.paths()?;
    let env = |name: &str| std::env::var(name).ok();
    let depth = term::depth(env);
    let (themes, problems) = Theme::load_all(&paths);
    let theme = choose(&themes, options.theme.as_deref(), depth)?;
    let pace = if term::is_remote(env) { Pace::REMOTE } else { Pace::LOCAL };
    // A console without a font of its own knows few signs.
    let is_ascii =
        options.ascii || env("TERM").is_some_and(|term| matches!(term.as_str(), "linux" | "vt100" | "vt220" | "dumb"));
    let crash = paths.logs().join("crash.txt");
    term::install_panic_hook(crash);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let noted = Rc::new(Noted::default());
    let result: io::Result<()> = runtime.block_on(async {
        // Whatever C libraries and panicking threads say belongs into the log, not over the screen.
        let _stderr = term::redirect_stderr(&paths.logs().join("parallax.log"));
        let screen = Screen::enter(TermOptions { mouse: options.mouse, ..TermOptions::default() })?;
        let size = crossterm::terminal::size().unwrap_or((80, 24));
        let mut canvas = Terminal { screen, depth, is_ascii, palette: None, noted: Rc::clone(&noted) };
        canvas.screen.set_title(&SafeText::line("Parallax"))?;
        let mut model = Model::new(size, themes, theme, global.model.clone());
        if let Some(problem) = problems.first() {
            model.say(problem.to_string());
        }
        let choice = global.engine_choice(!options.no_store).map_err(|failure| io::Error::other(failure.sentence))?;
        let mut hands = Hands::start(HandsOptions { choice, is_stored: !options.no_store })?;
        let ended = run(&mut model, &mut canvas, input(Rc::clone(&noted))?, &mut hands, pace).await;
        // The terminal goes back first: stopping may take a moment.
        drop(canvas);
        hands.stop();
        ended
    });
    runtime.shutdown_background();
    result.map_err(|error| Failure::new(format!("the terminal is gone: {error}")))?;
    if noted.ended_by_signal.get() { Err(Failure::silent(EXIT_INTERRUPTED)) } else { Ok(()) }
}

/// The theme that is asked for, else one that fits the terminal.
fn choose(themes: &[Theme], asked: Option<&str>, depth: Depth) -> Result<usize, Failure> {
    let place = |name: &str| themes.iter().position(|theme| theme.name == name);
    match asked {
        Some(name) => place(name).ok_or_else(|| {
            let known: Vec<&str> = themes.iter().map(|theme| theme.name.as_str()).collect();
            Failure::usage(format!("there is no theme `{name}`: use {}", known.join(", ")))
        }),
        None if depth == Depth::Mono => Ok(place("mono").unwrap_or(0)),
        None => Ok(place("dark").unwrap_or(0)),
    }
}

/// What input says about the terminal and not to the state machine.
#[derive(Debug, Default)]
struct Noted {
    /// A signal asked for the end.
    ended_by_signal: Cell<bool>,
    /// The size changed since the last frame, perhaps there and back again: the terminal may have cut what it showed.
    resized: Cell<bool>,
}

/// The terminal as a canvas.
struct Terminal {
    screen: Screen,
    depth: Depth,
    is_ascii: bool,
    /// Of the theme with this number.
    palette: Option<(usize, Palette)>,
    noted: Rc<Noted>,
}

impl Canvas for Terminal {
    fn draw(&mut self, model: &Model) -> io::Result<Layout> {
        if self.palette.as_ref().is_none_or(|(theme, _)| *theme != model.theme) {
            self.palette =
                model.theme().map(|theme| (model.theme, Palette::new(&theme.at(self.depth)).ascii(self.is_ascii)));
        }
        let Some((_, palette)) = &self.palette else { return Ok(Layout::default()) };
        if self.noted.resized.take() {
            self.screen.clear()?;
        }
        self.screen.draw(|frame| view::draw(frame, model, palette))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.screen.resume()?;
        self.screen.clear()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.screen.suspend()
    }

    fn copy(&mut self, text: &str) -> io::Result<String> {
        self.screen.copy(text).map(|copied| copied.to_string())
    }
}

/// Keys, pastes, signals, in the workbench's own terms.
fn input(noted: Rc<Noted>) -> io::Result<impl Stream<Item = io::Result<Event>>> {
    let signals = term::signals()?;
    // Full: one hang-up is enough.
    let (tx, hangup) = mpsc::channel(1);
    term::watch_for_hangup(tx)?;
    let resizes = Rc::clone(&noted);
    let keys = term::input()
        .inspect(move |input| {
            if matches!(input, Ok(Input::Resize(..))) {
                resizes.resized.set(true);
            }
        })
        .filter_map(|input| async { input.map(from_input).transpose() });
    let signals = stream::select(received(signals), received(hangup))
        .map(from_signal)
        .inspect(move |event| {
            if matches!(event, Some(Event::Terminate)) {
                noted.ended_by_signal.set(true);
            }
        })
        .filter_map(|event| async { event.map(Ok) });
    Ok(stream::select(keys, signals))
}

fn received<T>(mut receiver: mpsc::Receiver<T>) -> impl Stream<Item = T> {
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

fn from_input(input: Input) -> Option<Event> {
    match input {
        Input::Key(key) => Some(Event::Key(key)),
        Input::Paste(text) => Some(Event::Paste(text)),
        Input::Notice(text) => Some(Event::Notice(text)),
        Input::Resize(columns, rows) => Some(Event::Resize(columns, rows)),
        Input::Mouse { action: MouseAction::ScrollUp, .. } => Some(Event::Wheel(-WHEEL)),
        Input::Mouse { action: MouseAction::ScrollDown, .. } => Some(Event::Wheel(WHEEL)),
        Input::Mouse { action: MouseAction::Click, .. } | Input::FocusGained | Input::FocusLost => None,
    }
}

fn from_signal(signal: Signal) -> Option<Event> {
    match signal {
        Signal::Hangup | Signal::Terminate | Signal::Interrupt => Some(Event::Terminate),
        Signal::Continue => Some(Event::Resumed),
        Signal::Stop => Some(Event::SuspendAsked),
        // The key reader tells the new size.
        Signal::Resize => None,
    }
}
