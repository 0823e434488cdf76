//! The two streams to an engine: hands requests over, routes events back, and notices silence and nonsense. It knows no
//! process.

use std::sync::Weak;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::line::{Line, read_line};
use super::{Shared, tame};
use crate::engine::error::EngineError;
use crate::engine::protocol::{Ev, Event, MAX_LINE, ModelReport, Status};
use crate::text::SafeText;

/// How much longer an engine that seems to hang is listened to. Whoever was stopped (Ctrl-Z) or busy notices a deadline
/// before it has looked at what the engine said meanwhile.
const GRACE: Duration = Duration::from_millis(250);
/// Bytes of a wrong line that are shown.
const SHOWN: usize = 60;

/// What the other side of [`Shared`] works with.
pub(super) struct Ends {
    pub(super) lines: mpsc::UnboundedReceiver<Vec<u8>>,
    pub(super) status: watch::Sender<Status>,
    pub(super) report: watch::Sender<ModelReport>,
    pub(super) stop: oneshot::Receiver<()>,
}

/// The streams of one engine.
pub(super) struct Wire<R, W> {
    pub(super) stdout: R,
    pub(super) stdin: W,
    pub(super) ends: Ends,
    pub(super) name: String,
    pub(super) hang_after: Duration,
    /// Where the engine's last words are, as the end of a sentence.
    pub(super) log: String,
}

/// Lines on their way to the engine.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    written: usize,
    /// It reads no more: what it wrote last says why, or that it ended.
    is_closed: bool,
}

impl Pending {
    fn push(&mut self, line: &[u8]) {
        if !self.is_closed {
            self.bytes.extend_from_slice(line);
        }
    }

    fn note(&mut self, result: &std::io::Result<usize>) {
        match result {
            Ok(count) if *count > 0 => self.written += count,
            Ok(_) | Err(_) => self.is_closed = true,
        }
        if self.is_closed || self.written == self.bytes.len() {
            (self.bytes, self.written) = (Vec::new(), 0);
        }
    }
}

impl<R: AsyncBufRead + Unpin, W: AsyncWrite + Unpin> Wire<R, W> {
    /// Works until something ends it. `None` means that the engine's output ended, or that nobody holds the client.
    pub(super) async fn route(&mut self, shared: &Weak<Shared>) -> Option<EngineError> {
        let mut partial = Vec::new();
        let mut pending = Pending::default();
        let (mut last_sign, mut last_write) = (Instant::now(), Instant::now());
        let mut grace = None;
        loop {
            let is_owed = shared.upgrade()?.routes().open.keys().next().is_some();
            let is_writing = !pending.bytes.is_empty();
            // An engine that reads nothing hangs, whatever it says.
            let silent_since = if is_writing { last_sign.min(last_write) } else { last_sign };
            let deadline = grace.unwrap_or(silent_since + self.hang_after);
            tokio::select! {
                // What the engine said counts before the deadline.
                biased;
                _ = &mut self.ends.stop => {
                    return Some(EngineError::Died { how: "it was stopped".to_owned(), log: String::new() });
                }
                line = self.ends.lines.recv() => {
                    // The last handle is gone.
                    pending.push(&line?);
                    // The engine was silent by right until now.
                    if !is_owed {
                        (last_sign, grace) = (Instant::now(), None);
                    }
                    if !is_writing {
                        last_write = Instant::now();
                    }
                }
                // Beside reading: an engine may write before it reads on.
                result = self.stdin.write(&pending.bytes[pending.written..]), if is_writing => {
                    pending.note(&result);
                    (last_write, grace) = (Instant::now(), None);
                }
                line = read_line(&mut self.stdout, &mut partial, MAX_LINE) => {
                    (last_sign, grace) = (Instant::now(), None);
                    match line {
                        Ok(Line::Whole(line)) => {
                            if let Err(what) = self.deliver(&line, shared) {
                                return Some(self.garbage(what));
                            }
                        }
                        Ok(Line::TooLong) => return Some(self.garbage(format!("longer than {MAX_LINE} bytes"))),
                        Ok(Line::End) | Err(_) => return None,
                    }
                }
                () = tokio::time::sleep_until(deadline) => match (is_owed || is_writing, grace) {
                    (true, Some(_)) => {
                        let (seconds, log) = (self.hang_after.as_secs(), self.log.clone());
                        return Some(EngineError::Hung { seconds, log });
                    }
                    (true, None) => grace = Some(Instant::now() + GRACE),
                    (false, _) => (last_sign, grace) = (Instant::now(), None),
                },
            }
        }
    }

    fn garbage(&self, what: String) -> EngineError {
        EngineError::Garbage { what, engine: self.name.clone() }
    }

    fn deliver(&self, line: &[u8], shared: &Weak<Shared>) -> Result<(), String> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let mut event: Event = serde_json::from_slice(line).map_err(|_| {
            let start = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
            format!("`{}`", SafeText::line(&start))
        })?;
        tame::event(&mut event.ev);
        match (event.id, event.ev) {
            (None, Ev::Status(status)) => {
                self.ends.status.send_replace(status);
            }
            (None, Ev::Model(report)) => self.ends.report.send_modify(|known| {
                known.sha256 = report.sha256.or(known.sha256.take());
                known.class = report.class.or(known.class.take());
                known.detail = report.detail.or(known.detail.take());
                known.steering = report.steering.or(known.steering.take());
                known.steering_detail = report.steering_detail.or(known.steering_detail.take());
            }),
            (None, _) => return Err("an event without an id".to_owned()),
            (Some(id), ev) => {
                let Some(shared) = shared.upgrade() else { return Ok(()) };
                return shared.routes().deliver(id, ev, line.len());
            }
        }
        Ok(())
    }
}
