//! What holds for every input, for the property tests in `tests/hostile` and the fuzz targets in `fuzz/`: both sides of
//! the protocol get bytes, and what they make of them is checked.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

pub use super::client::hear::{connect, hear};
use super::host::{LineSink, serve_at_once};
use super::protocol::{Ev, Event, MAX_LINE, Request};
use super::scripted::ScriptedLoader;

/// Lets the scripted engine hear `input`, with `steps` steps of computation after each line, and returns its events; or
/// the promise it broke.
pub fn engine_hears(input: &[u8], steps: usize) -> Result<Vec<Event>, String> {
    let said = Said::default();
    let sink = LineSink(said.clone());
    if !serve_at_once(input, sink, &mut ScriptedLoader::default(), steps) {
        return Err("it does not come to an end".to_owned());
    }
    let said = said.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let events = events(&said)?;
    check_ids(input, &events)?;
    Ok(events)
}

/// Lets a client hear `said`, in pieces of `piece` bytes, and returns how each of its five requests ended, as a sentence;
/// or the promise that was broken.
pub fn client_hears(said: &[u8], piece: usize) -> Result<Vec<Result<(), String>>, String> {
    let ends = hear(said, piece).map_err(|error| error.to_string())?;
    let ends: Vec<_> = ends.into_iter().map(|end| end.map_err(|error| error.to_string())).collect();
    ends.iter().filter_map(|end| end.as_ref().err()).try_for_each(|sentence| check_sentence(sentence))?;
    Ok(ends)
}

/// Bytes that outlive the sink.
#[derive(Debug, Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn events(said: &[u8]) -> Result<Vec<Event>, String> {
    let lines = said.split_inclusive(|byte| *byte == b'\n');
    let event = |line: &[u8]| {
        let Some(line) = line.strip_suffix(b"\n") else { return Err("a line without end".to_owned()) };
        if line.len() > MAX_LINE {
            return Err(format!("a line of {} bytes", line.len()));
        }
        let event: Event =
            serde_json::from_slice(line).map_err(|error| format!("{error} in {}", String::from_utf8_lossy(line)))?;
        if let Ev::Error(refusal) = &event.ev {
            check_sentence(&refusal.message)?;
        }
        Ok(event)
    };
    lines.map(event).collect()
}

fn check_sentence(sentence: &str) -> Result<(), String> {
    let is_one = !sentence.trim().is_empty() && !sentence.contains(char::is_control) && sentence.chars().count() < 900;
    if is_one { Ok(()) } else { Err(format!("not one sentence: {sentence:?}")) }
}

/// Every id that was opened ends exactly once, nothing of it comes afterwards, and no other id is spoken of.
fn check_ids(input: &[u8], events: &[Event]) -> Result<(), String> {
    let mut asked: HashMap<u64, usize> = HashMap::new();
    for line in input.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        if line.len() > MAX_LINE + 1 {
            continue;
        }
        let request = serde_json::from_slice::<Request>(line).ok().map(|request| request.id);
        let id = request.or_else(|| serde_json::from_slice::<serde_json::Value>(line).ok()?.get("id")?.as_u64());
        *asked.entry(id.unwrap_or(0)).or_default() += 1;
    }
    let mut ended: HashMap<u64, usize> = HashMap::new();
    for event in events {
        let Some(id) = event.id.filter(|id| *id != 0) else { continue };
        let Some(times) = asked.get(&id) else { return Err(format!("nobody asked {id}: {event:?}")) };
        let ends = ended.entry(id).or_default();
        if *ends >= *times {
            return Err(format!("{id} goes on after its end: {event:?}"));
        }
        *ends += usize::from(matches!(event.ev, Ev::Done(_) | Ev::Error(_) | Ev::Cancelled));
    }
    // An id that is used again while it is open is refused under 0; one that is used again later has one end more.
    match asked.keys().find(|id| **id != 0 && ended.get(id).copied().unwrap_or(0) == 0) {
        Some(id) => Err(format!("{id} does not end")),
        None => Ok(()),
    }
}
