//! An engine far away, for tests: starts the command given after `--` and hands bytes through late, in order and at full
//! bandwidth, as a long line does.
//!
//! `relay [--delay MS] [--cut-after-bytes N] [--cut-after-ms MS] [--log FILE] -- COMMAND…`
//!
//! `--delay` is for each way. A cut kills the command and closes both directions at once, N bytes of the engine's output
//! or MS milliseconds after the start. The log has a line for each line that passes on the client's side of the delay,
//! `> …` to the engine and `< …` from it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The exit status after a cut.
const CUT: i32 = 9;
static IS_CUT: AtomicBool = AtomicBool::new(false);

/// What is on the line, and when it arrives; an empty piece is the end.
type Piece = (Instant, Vec<u8>);

#[derive(Debug, Default)]
struct Options {
    delay: Duration,
    cut_after_bytes: Option<usize>,
    cut_after: Option<Duration>,
    log: Option<String>,
    command: Vec<String>,
}

fn options() -> Option<Options> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--delay" => options.delay = Duration::from_millis(words.next()?.parse().ok()?),
            "--cut-after-bytes" => options.cut_after_bytes = Some(words.next()?.parse().ok()?),
            "--cut-after-ms" => options.cut_after = Some(Duration::from_millis(words.next()?.parse().ok()?)),
            "--log" => options.log = Some(words.next()?),
            "--" => options.command = words.by_ref().collect(),
            _ => return None,
        }
    }
    (!options.command.is_empty()).then_some(options)
}

/// Whole lines of one direction, written down as they pass.
struct Passing {
    log: Option<Arc<Mutex<File>>>,
    sign: char,
    line: Vec<u8>,
}

impl Passing {
    fn note(&mut self, bytes: &[u8]) {
        let Some(log) = &self.log else { return };
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&self.line);
                let shown: String = line.chars().take(200).collect();
                if let Ok(mut log) = log.lock() {
                    let _ = writeln!(log, "{} {shown}", self.sign);
                }
                self.line.clear();
            } else {
                self.line.push(*byte);
            }
        }
    }
}

/// Reads pieces and stamps them; `see` gets each as it comes.
fn take(mut from: impl Read, delay: Duration, to: &Sender<Piece>, mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        see(&buffer[..count]);
        if to.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() || count == 0 {
            return;
        }
    }
}

/// Writes each piece when it is due; returns at the end of the line, or when nobody takes it.
fn give(pieces: &Receiver<Piece>, mut to: impl Write, mut see: impl FnMut(&[u8])) {
    while let Ok((due, bytes)) = pieces.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        see(&bytes);
        if bytes.is_empty() || to.write_all(&bytes).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn cut(child: &Mutex<Child>) -> ! {
    // Before the command's output ends by it.
    IS_CUT.store(true, Ordering::SeqCst);
    if let Ok(mut child) = child.lock() {
        let _ = child.kill();
        let _ = child.wait();
    }
    eprintln!("relay: the line was cut");
    std::process::exit(CUT)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("usage: relay [--delay MS] [--cut-after-bytes N] [--cut-after-ms MS] [--log FILE] -- COMMAND…");
        return ExitCode::from(2);
    };
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("relay: `{}` could not be started: {error}", options.command[0]);
            return ExitCode::FAILURE;
        }
    };
    let (Some(child_in), Some(child_out)) = (child.stdin.take(), child.stdout.take()) else { return ExitCode::FAILURE };
    let child = Arc::new(Mutex::new(child));
    let log = options.log.as_ref().and_then(|path| Some(Arc::new(Mutex::new(File::create(path).ok()?))));
    let passing = |sign| Passing { log: log.clone(), sign, line: Vec::new() };

    if let Some(after) = options.cut_after {
        let child = Arc::clone(&child);
        thread::spawn(move || {
            thread::sleep(after);
            cut(&child)
        });
    }
    let (sender, to_engine) = channel();
    let (delay, mut asked) = (options.delay, passing('>'));
    thread::spawn(move || take(std::io::stdin(), delay, &sender, |bytes| asked.note(bytes)));
    // Dropping the engine's input at the end is what ends the engine.
    thread::spawn(move || give(&to_engine, child_in, |_| {}));
    let (sender, from_engine) = channel();
    let (cutting, limit) = (Arc::clone(&child), options.cut_after_bytes);
    thread::spawn(move || take(child_out, delay, &sender, |_| {}));
    let (mut answered, mut passed) = (passing('<'), 0);
    give(&from_engine, std::io::stdout(), |bytes| {
        passed += bytes.len();
        if limit.is_some_and(|limit| passed > limit) {
            cut(&cutting);
        }
        answered.note(bytes);
    });
    if IS_CUT.load(Ordering::SeqCst) {
        std::process::exit(CUT);
    }
    let code = child.lock().ok().and_then(|mut child| child.wait().ok()).and_then(|status| status.code());
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
