//! Signals as a table: which ones are taken, and what each means to the program.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{self, StreamExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Something outside asks something of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The terminal is gone: save and end, drawing nothing.
    Hangup,
    /// End, as by SIGTERM or SIGQUIT: save, restore, end.
    Terminate,
    /// SIGINT from outside; Ctrl-C comes as a key in raw mode.
    Interrupt,
    /// SIGTSTP from outside; Ctrl-Z comes as a key: [`Screen::suspend`](super::Screen::suspend).
    Stop,
    /// Continued after a stop: [`Screen::resume`](super::Screen::resume).
    Continue,
    /// The window has another size: draw.
    Resize,
}

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Whether SIGTERM leads to an orderly end.
pub(super) fn installed() -> bool {
    INSTALLED.load(Ordering::SeqCst)
}

/// The signals of this process from now on. Call it inside a tokio runtime.
///
/// The channel is bounded; while it is full, further signals of a kind are one.
pub fn signals() -> io::Result<mpsc::Receiver<Signal>> {
    let table = [
        (SignalKind::hangup(), Signal::Hangup),
        (SignalKind::terminate(), Signal::Terminate),
        (SignalKind::quit(), Signal::Terminate),
        (SignalKind::interrupt(), Signal::Interrupt),
        (SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()), Signal::Stop),
        (SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()), Signal::Continue),
        (SignalKind::window_change(), Signal::Resize),
    ];
    let mut all = stream::SelectAll::new();
    for (kind, meaning) in table {
        let mut source = signal(kind)?;
        all.push(stream::poll_fn(move |cx| source.poll_recv(cx).map(|one| one.map(|()| meaning))));
    }
    INSTALLED.store(true, Ordering::SeqCst);
    let (tx, rx) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Some(signal) = all.next().await {
            if tx.send(signal).await.is_err() {
                break;
            }
        }
    });
    Ok(rx)
}
