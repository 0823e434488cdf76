//! What drawing costs the engine: the same run with the screen and without.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::bytes::set_up;
use super::cues::{self, ENTER};
use super::report::{Report, median};
use super::subject::{SHORT, Subject, ready};
use crate::cli::Failure;
use crate::config::Paths;
use crate::domain::{Run, Timing};
use crate::store::{Reader, RunFilter};

/// The longest run that is waited for.
const LONGEST: Duration = Duration::from_secs(240);
/// Most tokens of one voice: long enough to tell five percent.
const TOKENS: usize = 192;
const TOKENS_QUICK: usize = 48;
/// Runs with the screen, each followed by one without.
const PAIRS: usize = 4;
const PAIRS_QUICK: usize = 2;

/// In place of a model: without its steps the scripted engine is over before a frame is drawn.
const STEPPED: &str = "scripted:slow@4";

/// Measures it.
pub(super) fn tax(subject: &Subject, report: &mut Report) -> Result<(), Failure> {
    let tokens = subject.either(TOKENS_QUICK, TOKENS);
    let (mut drawn, mut headless) = (Vec::new(), Vec::new());
    for pair in 0..subject.either(PAIRS_QUICK, PAIRS) {
        if pair > 0 && subject.is_late() {
            report.note("screen_tax_ratio comes from fewer pairs: the quick run's time was over");
            break;
        }
        let run = with_screen(subject, tokens)?;
        let timing = without(subject, &run)?;
        drawn.extend(speed(&run.timing));
        headless.extend(speed(&timing));
        report.count("screen_tax_tokens", run.timing.generated_tokens);
        if run.timing.generated_tokens != timing.generated_tokens {
            report.note(format!(
                "the run with the screen wrote {} tokens and the same without {}: speeds are compared all the same",
                run.timing.generated_tokens, timing.generated_tokens
            ));
        }
    }
    let (Some(with), Some(without)) = (median(&drawn), median(&headless)) else {
        return Err(Failure::new("the runs were too short to have a speed; measure with a model"));
    };
    let engine = if subject.is_real() { subject.engine.kind() } else { STEPPED.to_owned() };
    report.say("screen_tax_engine", engine);
    report.count("screen_tax_pairs", drawn.len() as u64);
    report.number("tokens_per_second_with_screen", with);
    report.number("tokens_per_second_headless", without);
    report.number("screen_tax_ratio", with / without);
    Ok(())
}

/// Tokens a second on the run's own clock.
fn speed(timing: &Timing) -> Option<f64> {
    let seconds = timing.total_ms? as f64 / 1000.0;
    (seconds > 0.0).then(|| timing.generated_tokens as f64 / seconds)
}

/// A run at the workbench, as it was stored.
fn with_screen(subject: &Subject, tokens: usize) -> Result<Run, Failure> {
    let mut sitting = if subject.is_real() { subject.sit()? } else { subject.sit_with(STEPPED, false)? };
    ready(&mut sitting, cues::has_class)?;
    set_up(&mut sitting)?;
    sitting.press(b"s")?;
    sitting.wait("the settings", SHORT, cues::is_setting)?;
    sitting.press(cues::most_tokens(tokens).as_bytes())?;
    sitting.wait("the end of the settings", SHORT, cues::is_idle)?;
    sitting.press(ENTER.as_bytes())?;
    sitting.wait("the run", SHORT, cues::is_running)?;
    sitting.wait("the end of the run", LONGEST, cues::is_idle)?;
    // Ending it brings everything to disk.
    drop(sitting);
    let path = Paths { data: subject.data().to_path_buf() }.database();
    let reader = Reader::open(&path)?.ok_or_else(|| Failure::new("the workbench stored no run to compare with"))?;
    let runs = reader.runs(&RunFilter::default(), 1, None)?;
    let newest = runs.first().ok_or_else(|| Failure::new("the workbench stored no run to compare with"))?;
    Ok(reader.load(&newest.id)?.run)
}

/// The same run without a screen.
fn without(subject: &Subject, run: &Run) -> Result<Timing, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let options =
        if subject.is_real() { subject.options().to_vec() } else { vec!["--engine".to_owned(), STEPPED.to_owned()] };
    command.arg("run").args(options).arg("--data-dir").arg(subject.data()).args(["--quiet", "--format", "json"]);
    let head = &run.run;
    command.args(["--pack", &head.question.pack, "--question", &head.question.id, "--seed", &head.seed.to_string()]);
    command.args(["--max-tokens", &head.settings.max_tokens.to_string()]);
    for persona in &head.personas {
        command.args(["--persona", persona]);
    }
    for (mode, method) in &head.settings.methods {
        command.arg("--method").arg(format!("{mode}={method}"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // Its page is longer than a pipe holds: read while it runs.
    let pipe = child.stdout.take();
    let reader = std::thread::spawn(move || pipe.map(std::io::read_to_string).transpose());
    let end = Instant::now() + LONGEST;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Ok(status),
            None if Instant::now() >= end => {
                let _ = child.kill();
                let _ = child.wait();
                break Err(Failure::new(format!("the headless run did not end within {} s", LONGEST.as_secs())));
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }?;
    let text = reader.join().ok().and_then(Result::ok).flatten().unwrap_or_default();
    let run: Run = serde_json::from_str(&text).map_err(|error| {
        Failure::new(format!("the headless run ended with {status} and without a result ({error})"))
    })?;
    Ok(run.timing)
}
