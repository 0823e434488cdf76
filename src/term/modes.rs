//! What is switched on at the terminal, and the one function that switches all of it off.
//!
//! The state is global because a panic hook has no other way to reach it. It is kept in atomics, so that leaving needs
//! no lock that the panicking thread may hold.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::{QueueSelector, tcflush};

use super::{stderr, tty};

static ENTERED: AtomicBool = AtomicBool::new(false);
static MOUSE: AtomicBool = AtomicBool::new(false);
static TITLED: AtomicBool = AtomicBool::new(false);

/// Presses and the wheel, in the encoding without a limit at column 223; no motion, which would flood a slow line.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";
/// Alternate screen, blank (a console without one shows the shell's text otherwise), bracketed paste, focus reports,
/// no cursor.
const ENTER: &str = "\x1b[?1049h\x1b[2J\x1b[?2004h\x1b[?1004h\x1b[?25l";
/// A frame may have been cut short: first end its synchronised update and its colours.
const END_FRAME: &str = "\x1b[?2026l\x1b[m";
const LEAVE: &str = "\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// Saves and brings back the window title on the terminal's own stack: it is never read.
pub(super) const TITLE_SAVE: &str = "\x1b[22;0t";
/// Clears the title for terminals without that stack, then takes the saved one back.
const TITLE_BACK: &str = "\x1b]0;\x07\x1b[23;0t";

/// The bytes that take the terminal.
pub(super) fn enter_bytes(mouse: bool) -> String {
    format!("{ENTER}{}", if mouse { MOUSE_ON } else { "" })
}

fn leave_bytes(mouse: bool, titled: bool) -> String {
    let (mouse, title) = (if mouse { MOUSE_OFF } else { "" }, if titled { TITLE_BACK } else { "" });
    format!("{END_FRAME}{mouse}{title}{LEAVE}")
}

/// Whether the terminal is ours.
pub(super) fn entered() -> bool {
    ENTERED.load(Ordering::SeqCst)
}

/// Takes the terminal. Returns the bytes that were written; on an error nothing stays switched on.
pub(super) fn enter(mouse: bool) -> io::Result<usize> {
    tty::check()?;
    if ENTERED.swap(true, Ordering::SeqCst) {
        return Err(io::Error::other("the terminal is in use by this program already: leave it first"));
    }
    MOUSE.store(mouse, Ordering::SeqCst);
    let bytes = enter_bytes(mouse);
    // Raw mode first: a process in the background is stopped here, before it writes anything over the shell.
    let result = crossterm::terminal::enable_raw_mode().and_then(|()| tty::write_last(bytes.as_bytes()));
    if let Err(error) = result {
        restore();
        return Err(io::Error::new(error.kind(), format!("the terminal could not be set up: {error}")));
    }
    Ok(bytes.len())
}

/// Sets raw mode again after something outside changed it, as a shell does when it continues a stopped job.
pub(super) fn assert_raw_mode() -> io::Result<()> {
    crossterm::terminal::disable_raw_mode()?;
    crossterm::terminal::enable_raw_mode()
}

/// The bytes that switch mouse reports on or off, remembered for leaving.
pub(super) fn set_mouse(on: bool) -> &'static str {
    MOUSE.store(on, Ordering::SeqCst);
    if on { MOUSE_ON } else { MOUSE_OFF }
}

/// Remembers that there is a title to take back; false if that was known.
pub(super) fn remember_title() -> bool {
    !TITLED.swap(true, Ordering::SeqCst)
}

/// Gives the terminal back as it was found: cursor, title, screen, mouse, paste, raw mode, standard error.
///
/// It may be called at any time, from any thread, as often as wanted; errors are ignored, because the terminal may be
/// gone. Keys typed and replies not yet read are thrown away: the rest of a pasted text must not become commands.
pub fn restore() {
    let _ = leave();
}

/// As [`restore`], and says whether the terminal took the last bytes.
pub(super) fn leave() -> io::Result<()> {
    let result = if ENTERED.swap(false, Ordering::SeqCst) {
        let _writer = tty::wait_for_writer();
        let (mouse, titled) = (MOUSE.swap(false, Ordering::SeqCst), TITLED.swap(false, Ordering::SeqCst));
        let written = tty::write_last(leave_bytes(mouse, titled).as_bytes());
        if mouse {
            // Reports of a moving hand are still on their way when the terminal reads that they are unwanted.
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
        let _ = tcflush(rustix::stdio::stdin(), QueueSelector::IFlush);
        written.and(crossterm::terminal::disable_raw_mode())
    } else {
        Ok(())
    };
    stderr::give_back();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_entering_switches_on_leaving_switches_off() {
        for (mouse, titled) in [(false, false), (true, false), (true, true)] {
            let (enter, leave) = (enter_bytes(mouse), leave_bytes(mouse, titled));
            for mode in ["1049", "2004", "1004", "1000", "1006"] {
                let on = enter.contains(&format!("\x1b[?{mode}h"));
                assert_eq!(on, leave.contains(&format!("\x1b[?{mode}l")), "mode {mode}, mouse {mouse}");
                assert_eq!(on, mouse || !mode.starts_with("100") || mode == "1004", "mode {mode}, mouse {mouse}");
            }
            assert!(enter.contains("\x1b[?25l") && leave.contains("\x1b[?25h"), "the cursor stays hidden");
            assert!(leave.starts_with("\x1b[?2026l\x1b[m"), "a frame cut short is not ended first");
            assert_eq!(leave.contains("\x1b[23;0t"), titled);
        }
    }
}
