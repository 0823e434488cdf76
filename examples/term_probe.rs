//! A small program on the terminal layer alone, for `tests/terminal.rs`: it shows its keys and fails on demand.
//!
//! The folder in `PROBE_DIR` takes its log and its crash report.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use futures_util::StreamExt;
use parallax::config::Depth;
use parallax::term::{self, Input, Screen, Signal, TermOptions};
use parallax::text::SafeText;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Text};

/// What the screen shows.
#[derive(Debug, Default)]
struct State {
    keys: String,
    said: String,
    ticks: usize,
    ticking: bool,
}

fn draw(screen: &mut Screen, state: &State, depth: Depth) -> io::Result<()> {
    let frames = screen.frames();
    screen.draw(|frame| {
        let area = frame.area();
        let colour = if depth == Depth::Mono { Style::new() } else { Style::new().fg(Color::Red) };
        let lines = vec![
            Line::from(format!("probe pid {} size {}x{}", std::process::id(), area.width, area.height)),
            Line::from(format!("keys{}", state.keys)),
            Line::from(format!("said {}", state.said)),
            Line::from(vec!["marked".bold().reversed(), " ".into(), "coloured".bold().patch_style(colour)]),
            Line::from(format!("tick {}", state.ticks)),
        ];
        frame.render_widget(Text::from(lines), area);
        // Never two equal frames, so that the tests can count them.
        frame.buffer_mut().set_string(
            area.width.saturating_sub(1),
            0,
            if frames.is_multiple_of(2) { "a" } else { "b" },
            Style::new(),
        );
    })
}

/// Does what `key` asks for; true at the end.
fn act(key: &str, screen: &mut Screen, state: &mut State) -> io::Result<bool> {
    match key {
        "q" => return Ok(true),
        "ctrl-z" => {
            screen.suspend()?;
            state.said = format!("suspended, possible: {}", term::can_suspend());
        }
        "ctrl-l" => screen.clear()?,
        // The row of keys begins anew.
        "ctrl-x" => state.keys.clear(),
        "c" => state.said = screen.copy("hello")?.to_string(),
        "t" => screen.set_title(&SafeText::line("probe \x1b]0;evil\x07title"))?,
        "m" => screen.set_mouse(true)?,
        "s" => state.ticking = true,
        "e" => {
            Command::new("sh").args(["-c", "echo from-a-child >&2"]).status()?;
            writeln!(io::stderr(), "from-the-probe")?;
            "written to standard error".clone_into(&mut state.said);
        }
        #[expect(clippy::panic, reason = "panicking is what the key is for")]
        "P" => panic!("on purpose \x1b[31mred"),
        "T" => {
            // Late, so that the main thread is idle again and draws nothing that could fail.
            let panicking = || {
                std::thread::sleep(Duration::from_millis(300));
                assert!(std::env::args().count() > 99, "on a thread, on purpose");
            };
            std::thread::Builder::new().name("worker".to_owned()).spawn(panicking)?;
        }
        // A program whose main thread hangs.
        "H" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        _ => {}
    }
    state.keys = format!("{} {key}", state.keys);
    Ok(false)
}

async fn run(screen: &mut Screen) -> io::Result<&'static str> {
    let depth = term::depth(|name| std::env::var(name).ok());
    let mut signals = term::signals()?;
    let (tx, mut hangups) = tokio::sync::mpsc::channel(1);
    term::watch_for_hangup(tx)?;
    let mut input = term::input();
    let mut state = State::default();
    let mut timer = tokio::time::interval(Duration::from_millis(50));
    loop {
        draw(screen, &state, depth)?;
        let signal = tokio::select! {
            signal = signals.recv() => signal,
            signal = hangups.recv() => signal,
            _ = timer.tick(), if state.ticking => {
                state.ticks += 1;
                None
            }
            event = input.next() => {
                match event.transpose()? {
                    Some(Input::Key(key)) => {
                        if act(&key.to_string(), screen, &mut state)? {
                            return Ok("quit");
                        }
                    }
                    Some(Input::Paste(text)) => state.said = format!("pasted {} {text:?}", text.chars().count()),
                    Some(Input::Notice(text)) => state.said = text,
                    Some(Input::Mouse { action, column, row }) => state.said = format!("{action:?} at {column},{row}"),
                    Some(Input::FocusGained) => "focus gained".clone_into(&mut state.said),
                    Some(Input::FocusLost | Input::Resize(..)) => {}
                    None => return Ok("no more input"),
                }
                None
            }
        };
        match signal {
            Some(Signal::Hangup) => return Ok("hangup"),
            Some(Signal::Terminate) => return Ok("terminate"),
            Some(Signal::Interrupt) => return Ok("interrupt"),
            Some(Signal::Stop) => screen.suspend()?,
            Some(Signal::Continue) => screen.resume()?,
            Some(Signal::Resize) | None => {}
        }
    }
}

fn main() -> ExitCode {
    let folder = PathBuf::from(std::env::var_os("PROBE_DIR").unwrap_or_else(|| ".".into()));
    term::install_panic_hook(folder.join("crash.txt"));
    let ended = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        let _stderr = term::redirect_stderr(&folder.join("stderr.log"))?;
        let mut screen = Screen::enter(TermOptions::default())?;
        let ended = runtime.block_on(run(&mut screen));
        screen.leave()?;
        ended
    });
    match ended {
        Ok(reason) => {
            let _ = writeln!(io::stdout(), "ended by {reason}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "probe: {error}");
            ExitCode::FAILURE
        }
    }
}
