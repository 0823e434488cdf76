//! [`Screen`]: the terminal while it is ours.

use std::io;
use std::time::Duration;

use ratatui::Frame;
use rustix::process::{Pid, Signal, getpid, getppid, getsid, kill_current_process_group};

use super::clipboard::{self, Copied};
use super::surface::Surface;
use super::tty::{self, Tty};
use super::{modes, title};
use crate::text::SafeText;

/// What is used of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermOptions {
    /// Frames are synchronised updates, which a terminal shows whole (mode 2026).
    pub synchronised: bool,
    /// Clicks and the wheel come as input; the terminal's own selection then needs shift.
    pub mouse: bool,
    /// The window title may be changed.
    pub title: bool,
}

impl Default for TermOptions {
    fn default() -> Self {
        Self { synchronised: true, mouse: false, title: true }
    }
}

/// The terminal in raw mode, on its alternate screen. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Screen {
    surface: Surface<Tty>,
    options: TermOptions,
    title: Option<String>,
    tmux: bool,
    /// The next continuation is the end of our own suspension.
    continued: bool,
}

impl Screen {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, focus reports, hidden cursor, mouse if asked.
    ///
    /// # Errors
    ///
    /// If standard input or output is no terminal, or it cannot be set up; then nothing stays switched on.
    pub fn enter(options: TermOptions) -> io::Result<Self> {
        let written = modes::enter(options.mouse)?;
        let surface = tty::size().and_then(|size| Surface::new(Tty, options.synchronised, size));
        let mut surface = surface.inspect_err(|_| modes::restore())?;
        surface.was_blanked(written);
        let tmux = std::env::var_os("TMUX").is_some_and(|value| !value.is_empty());
        let title = options.title && title::is_known(std::env::var("TERM").ok().as_deref());
        Ok(Self { surface, options: TermOptions { title, ..options }, title: None, tmux, continued: false })
    }

    /// Draws one frame: asks for the size, renders, and sends the differences in one write inside one synchronised
    /// update. A frame that changes nothing sends nothing.
    ///
    /// # Errors
    ///
    /// If the terminal is gone or was given back. The program must end then: nobody sees it any more.
    pub fn draw<T>(&mut self, render: impl FnOnce(&mut Frame<'_>) -> T) -> io::Result<T> {
        if !modes::entered() {
            return Err(tty::given_back());
        }
        self.surface.draw(tty::size()?, render)
    }

    /// All bytes sent to the terminal so far.
    pub fn bytes(&self) -> u64 {
        self.surface.bytes()
    }

    /// Frames sent so far; one that changed nothing is none.
    pub fn frames(&self) -> u64 {
        self.surface.frames()
    }

    /// Gives the terminal back, stops the process group as the shell's Ctrl-Z does, and returns when it is continued,
    /// with the terminal taken again and all of it to be repainted.
    ///
    /// Without a shell that could continue the program ([`can_suspend`]) nothing is stopped. The engine runs in a
    /// process group of its own: ask it to pause before.
    pub fn suspend(&mut self) -> io::Result<()> {
        if !can_suspend() {
            self.clear()?;
            return Ok(());
        }
        modes::leave()?;
        // Not SIGTSTP, which is handled here: it would only ask for this function again.
        kill_current_process_group(Signal::STOP)?;
        // Another thread may take the signal; this one must not draw before all are stopped.
        std::thread::sleep(Duration::from_millis(20));
        self.continued = true;
        let written = modes::enter(self.options.mouse)?;
        self.surface.was_blanked(written);
        self.retitle()
    }

    /// Takes the terminal again after [`Signal::Continue`](super::Signal::Continue): whoever stopped the program
    /// without asking it (`kill -STOP`) left the terminal in the shell's modes. After [`Screen::suspend`] it has
    /// nothing to do.
    pub fn resume(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.continued) {
            return Ok(());
        }
        if !modes::entered() {
            return Err(tty::given_back());
        }
        modes::assert_raw_mode()?;
        let mouse = self.options.mouse;
        let bytes = modes::enter_bytes(mouse);
        self.surface.write_now(bytes.as_bytes())?;
        self.surface.was_blanked(0);
        self.retitle()
    }

    fn retitle(&mut self) -> io::Result<()> {
        match self.title.take() {
            Some(title) => self.set_title(&SafeText::line(&title)),
            None => Ok(()),
        }
    }

    /// Repaints everything with the next frame, whatever another program wrote over it. Nothing is blanked, so
    /// nothing flickers.
    ///
    /// # Errors
    ///
    /// If the terminal was given back.
    pub fn clear(&mut self) -> io::Result<()> {
        self.surface.repaint();
        if modes::entered() { Ok(()) } else { Err(tty::given_back()) }
    }

    /// Sends `text` to the terminal for its clipboard (OSC 52), also over SSH and through tmux. The terminal does not
    /// say whether it took it, so the answer is what was attempted.
    pub fn copy(&mut self, text: &str) -> io::Result<Copied> {
        let (bytes, copied) = clipboard::sequence(text, self.tmux);
        self.surface.write_now(&bytes)?;
        Ok(copied)
    }

    /// Sets the window title, one line and not too long; the old one comes back on leaving.
    pub fn set_title(&mut self, title: &SafeText) -> io::Result<()> {
        let title = title::shortened(title);
        if !self.options.title || self.title.as_ref() == Some(&title) {
            return Ok(());
        }
        let save = if modes::remember_title() { modes::TITLE_SAVE } else { "" };
        self.surface.write_now(format!("{save}{}", title::sequence(&title)).as_bytes())?;
        self.title = Some(title);
        Ok(())
    }

    /// Switches mouse reports on or off while running.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.options.mouse = on;
        self.surface.write_now(modes::set_mouse(on).as_bytes())
    }

    /// Gives the terminal back, and says if it did not take that.
    pub fn leave(self) -> io::Result<()> {
        modes::leave()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        modes::restore();
    }
}

/// Whether a shell with job control started this program, so that it can be stopped and continued.
///
/// A program whose parent is in another session (a terminal emulator, a container) would stay stopped for ever.
pub fn can_suspend() -> bool {
    let own = session(getpid());
    own.is_some() && own == getppid().and_then(session) && own != Some(getpid().as_raw_nonzero().get())
}

/// The session a process belongs to; `None` where its leader is outside this container: the system calls it 0 then,
/// which `rustix::process::getsid` does not expect.
fn session(process: Pid) -> Option<i32> {
    let path = format!("/proc/{}/stat", process.as_raw_nonzero());
    let Ok(line) = std::fs::read_to_string(path) else {
        // No such files on this system: no such containers either.
        return if cfg!(target_os = "linux") {
            None
        } else {
            getsid(Some(process)).ok().map(|id| id.as_raw_nonzero().get())
        };
    };
    // The name in parentheses may hold anything: state, parent, group and session come after it.
    let (_, facts) = line.rsplit_once(')')?;
    facts.split_whitespace().nth(3)?.parse().ok().filter(|id| *id > 0)
}
