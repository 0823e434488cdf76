//! Bytes to the terminal: while nine voices stream, and while only a spinner turns.

use std::time::{Duration, Instant};

use serde_json::json;

use super::cues::{self, ENTER};
use super::report::{Report, median, quantile};
use super::sitting::Sitting;
use super::subject::{LOADING, SHORT, Subject, ready};
use crate::cli::Failure;
use crate::data::personas::DEFAULTS;

/// Personas that are on: with two answers for everyone, as many comments and as many answers in their place, at least
/// nine voices write at once.
const PERSONAS: usize = 4;
/// Voices that the number to reach is given for.
const VOICES: usize = 9;
/// So long a window.
const WINDOW: Duration = Duration::from_secs(15);
const WINDOW_QUICK: Duration = Duration::from_secs(4);
/// Before it: windows of voices fill up and begin to scroll.
const LEAD: Duration = Duration::from_secs(6);
const LEAD_QUICK: Duration = Duration::from_secs(3);
/// An engine that is never there.
const NEVER_THERE: &str = "sleep 60";
/// An engine whose first step takes longer than anybody looks.
const SILENT: &str = "scripted:slow@3000";

/// Switches on what lets nine voices write at once.
pub(super) fn set_up(sitting: &mut Sitting) -> Result<(), Failure> {
    for (key, keys) in [("p", cues::first_personas(PERSONAS, DEFAULTS)), ("m", cues::writing_methods())] {
        sitting.wait("the workbench", LOADING, cues::is_idle)?;
        sitting.press(key.as_bytes())?;
        sitting.wait("a list to choose from", SHORT, cues::is_choosing)?;
        sitting.press(keys.as_bytes())?;
        sitting.wait("the end of the list", SHORT, cues::is_idle)?;
    }
    Ok(())
}

/// Frames of the time in which nine voices wrote.
#[derive(Debug)]
struct Streamed {
    seconds: f64,
    frames: Vec<f64>,
    bytes: u64,
    voices: usize,
    tokens: u64,
    places: serde_json::Value,
}

impl Streamed {
    /// Looks on while a run streams.
    fn look(sitting: &mut Sitting, lead: Duration, window: Duration) -> Result<Self, Failure> {
        sitting.press(ENTER.as_bytes())?;
        sitting.wait("nine voices at once", LOADING, |grid| {
            cues::voices(grid).iter().filter(|tokens| **tokens > 0).count() >= VOICES
        })?;
        if sitting.watch(lead, cues::is_idle)? {
            return Err(Failure::new("the run ended before its bytes could be counted; measure with longer answers"));
        }
        sitting.grid_mut().forget_costs();
        let written = |sitting: &Sitting| cues::voices(sitting.grid()).iter().sum::<u64>();
        let (from, bytes, tokens) = (sitting.frames().len(), sitting.bytes(), written(sitting));
        let began = Instant::now();
        sitting.watch(window, cues::is_idle)?;
        let bytes = sitting.bytes() - bytes;
        Ok(Self {
            seconds: began.elapsed().as_secs_f64(),
            frames: sitting.frames().iter().skip(from).map(|frame| frame.bytes as f64).collect(),
            bytes,
            voices: cues::voices(sitting.grid()).len(),
            tokens: written(sitting).saturating_sub(tokens),
            places: places(sitting, bytes),
        })
    }

    fn say(&self, suffix: &str, report: &mut Report) {
        let per_second = self.bytes as f64 / self.seconds;
        report.number(&format!("bytes_per_second_{suffix}"), per_second);
        report.number(&format!("frames_per_second_{suffix}"), self.frames.len() as f64 / self.seconds);
        let mean = self.frames.iter().sum::<f64>() / self.frames.len().max(1) as f64;
        report.number(&format!("bytes_per_frame_mean_{suffix}"), mean);
        for (name, q) in [("p95", 0.95), ("max", 1.0)] {
            if let Some(bytes) = quantile(&self.frames, q) {
                report.number(&format!("bytes_per_frame_{name}_{suffix}"), bytes);
            }
        }
        report.number(&format!("tokens_per_second_{suffix}"), self.tokens as f64 / self.seconds);
        report.number(&format!("bytes_per_token_{suffix}"), self.bytes as f64 / self.tokens as f64);
        report.count(&format!("voices_{suffix}"), self.voices as u64);
    }
}

/// Measures streaming on this machine and over a line, with the scripted engine and with the model, if there is one.
pub(super) fn streaming(subject: &Subject, report: &mut Report) -> Result<(), Failure> {
    let (lead, window) = subject.either((LEAD_QUICK, WINDOW_QUICK), (LEAD, WINDOW));
    let paced = paced_engine()?;
    for (suffix, is_remote, is_model) in
        [("remote", true, false), ("local", false, false), ("remote_model", true, true), ("local_model", false, true)]
    {
        if is_model && !subject.is_real() {
            continue;
        }
        if subject.is_late() {
            report.note(format!("bytes_per_second_{suffix} is absent: the quick run's time was over"));
            continue;
        }
        let mut sitting =
            if is_model { subject.sit_in_16_colours(is_remote)? } else { subject.sit_with(&paced, is_remote)? };
        ready(&mut sitting, cues::has_class)?;
        set_up(&mut sitting)?;
        let streamed = Streamed::look(&mut sitting, lead, window)?;
        streamed.say(suffix, report);
        report.say(&format!("bytes_where_{suffix}"), streamed.places);
        report.add("full_clears", sitting.full_clears());
    }
    Ok(())
}

/// This program as an engine whose voices write at the pace of a model.
fn paced_engine() -> Result<String, Failure> {
    let program = std::env::current_exe()?;
    let program = program.to_str().ok_or_else(|| Failure::new("the path of this program is no UTF-8: move it"))?;
    Ok(shell_words::join([program, "bench", "paced-engine"]))
}

/// Which parts of the screen the bytes of a window went to, as shares of all of them.
fn places(sitting: &Sitting, all: u64) -> serde_json::Value {
    let grid = sitting.grid();
    let (columns, rows) = grid.size();
    let (side, last) = ((columns / 4).clamp(30, 44), rows.saturating_sub(1));
    let share = |bytes: u64| (bytes as f64 / all.max(1) as f64 * 1000.0).round() / 1000.0;
    let third = |n: usize| side + (columns - side) * n / 3..side + (columns - side) * (n + 1) / 3;
    let mut busiest: Vec<(u64, usize)> = (0..rows).map(|row| (grid.cost_of(0..columns, row..row + 1), row)).collect();
    busiest.sort_unstable_by(|a, b| b.cmp(a));
    let busiest: Vec<_> =
        busiest.iter().take(6).map(|(bytes, row)| json!({"row": row + 1, "share": share(*bytes)})).collect();
    json!({
        "setup": share(grid.cost_of(0..side, 0..last)),
        "overton": share(grid.cost_of(third(0), 0..last)),
        "steered": share(grid.cost_of(third(1), 0..last)),
        "distribution": share(grid.cost_of(third(2), 0..last)),
        "status_line": share(grid.cost_of(0..columns, last..rows)),
        "busiest_rows": busiest,
    })
}

/// Measures frames in which only time goes by.
pub(super) fn spinner(subject: &Subject, report: &mut Report) -> Result<(), Failure> {
    let mut sitting = subject.sit_with(NEVER_THERE, false)?;
    sitting.wait("the first frame", SHORT, |grid| !grid.last_row().trim().is_empty())?;
    if let Some(bytes) = only_time(&mut sitting, Duration::from_millis(400))? {
        report.number("spinner_bytes_per_frame", bytes);
    }
    drop(sitting);
    let mut sitting = subject.sit_with(SILENT, false)?;
    ready(&mut sitting, cues::has_class)?;
    sitting.press(ENTER.as_bytes())?;
    sitting.wait("the run", SHORT, cues::is_running)?;
    if let Some(bytes) = only_time(&mut sitting, Duration::from_millis(400))? {
        report.number("waiting_bytes_per_frame", bytes);
    }
    report.add("full_clears", sitting.full_clears());
    Ok(())
}

/// The median frame of two seconds, after `settle`.
fn only_time(sitting: &mut Sitting, settle: Duration) -> Result<Option<f64>, Failure> {
    sitting.watch(settle, |_| false)?;
    let from = sitting.frames().len();
    sitting.watch(Duration::from_secs(2), |_| false)?;
    let frames: Vec<f64> = sitting.frames().iter().skip(from).map(|frame| frame.bytes as f64).collect();
    Ok(median(&frames))
}
