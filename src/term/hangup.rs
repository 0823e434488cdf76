//! The hang-up watchdog.
//!
//! A lost SSH session does not always bring SIGHUP: only the session's leader gets it, and sudo, tmux or a wrapper may
//! keep it. The reader of keys then spins at the end of its file, and a model stays in memory for nobody.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::{Signal, modes};

/// Time the program has to save and end by itself once the terminal is gone.
const GRACE: Duration = Duration::from_secs(5);
/// Exit status after a hang-up, as a shell would report it.
const EXIT: i32 = 129;

/// Starts a thread that sends [`Signal::Hangup`] when the terminal is gone. It sleeps until then, and ends with the
/// process: a program that has not ended five seconds later is ended.
pub fn watch_for_hangup(tx: mpsc::Sender<Signal>) -> io::Result<()> {
    let watch = move || {
        if wait() {
            // A full channel already holds a reason to end.
            let _ = tx.try_send(Signal::Hangup);
            std::thread::sleep(GRACE);
            modes::restore();
            std::process::exit(EXIT);
        }
    };
    std::thread::Builder::new().name("hangup".to_owned()).spawn(watch).map(|_| ())
}

/// Sleeps until the terminal hangs up. False if it cannot be watched.
fn wait() -> bool {
    let stdin = rustix::stdio::stdin();
    loop {
        // No events are asked for: a hang-up is reported all the same, keys wake nobody.
        let mut watched = [PollFd::new(&stdin, PollFlags::empty())];
        match poll(&mut watched, None) {
            Ok(_) => {
                let [watched] = watched;
                return watched.revents().intersects(PollFlags::HUP | PollFlags::ERR);
            }
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
