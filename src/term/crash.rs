//! A panic: the terminal comes back first, then a report is written, then one sentence says where it is.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Signal, getpid, kill_process};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{modes, signals};
use crate::text::SafeText;

/// Longest part of a panic's message in the sentence on the terminal; the report has all of it.
const MAX_SHOWN: usize = 200;

static REPORTED: AtomicBool = AtomicBool::new(false);

/// From now on a panic, on whichever thread, gives the terminal back, writes what happened to the file `report`, and
/// prints one sentence that names it.
///
/// If the terminal was ours, the program is also asked to end, as by SIGTERM: a panic on another thread, or in a task,
/// does not end it, and there is no screen any more on which it could go on. What was not saved is saved on that way.
pub fn install_panic_hook(report: PathBuf) {
    std::panic::set_hook(Box::new(move |info| {
        let ours = modes::entered();
        modes::restore();
        let first = !REPORTED.swap(true, Ordering::SeqCst);
        let written = write_report(&report, &text(info), first);
        // The first panic is the cause; the others are its consequences and stand in the report.
        if first {
            // Not `eprintln!`, which panics where standard error is gone.
            let _ = writeln!(io::stderr(), "{}", sentence(&message(info), &report, written));
        }
        if ours && signals::installed() {
            let _ = kill_process(getpid(), Signal::TERM);
        }
    }));
}

/// What the panicking code said, and where.
fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref().map(String::as_str));
    let said = text.unwrap_or("a panic without a message");
    match info.location() {
        Some(place) => format!("{said}, at {place}"),
        None => said.to_owned(),
    }
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let mut text = String::new();
    let _ =
        writeln!(text, "parallax {} on {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    let _ = writeln!(text, "time: {now}");
    let _ = writeln!(text, "thread: {}", thread.name().unwrap_or("without a name"));
    let _ = writeln!(text, "message: {}", message(info));
    let _ = writeln!(text, "backtrace:\n{}", Backtrace::force_capture());
    SafeText::new(&text).to_string()
}

fn write_report(path: &Path, text: &str, first: bool) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    if first {
        options.write(true).truncate(true)
    } else {
        options.append(true)
    };
    options.open(path)?.write_all(text.as_bytes())
}

fn sentence(message: &str, report: &Path, written: io::Result<()>) -> SafeText {
    let message = SafeText::line(message);
    let mut shown: String = message.as_str().chars().take(MAX_SHOWN).collect();
    if shown.len() < message.as_str().len() {
        shown.push('…');
    }
    let report = report.display();
    SafeText::line(&match written {
        Ok(()) => format!(
            "parallax: a mistake in the program ended it ({shown}); what happened is written in `{report}`: please \
             send that file with a bug report"
        ),
        Err(error) => format!(
            "parallax: a mistake in the program ended it ({shown}), and no report could be written to `{report}` \
             ({error}): please send this line with a bug report"
        ),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_sentence_is_one_safe_line_that_names_the_file() {
        let said = sentence("bad \x1b]0;t\x07\nindex", Path::new("/tmp/a\x1b[2Jb.txt"), Ok(()));
        assert!(said.as_str().contains("bad  index") && said.as_str().contains("`/tmp/ab.txt`"), "{said}");
        assert!(!said.as_str().contains(char::is_control), "{said:?}");
        let said = sentence(&"x".repeat(1000), Path::new("/r"), Err(io::Error::other("full"))).to_string();
        assert!(said.len() < 450 && said.contains("full") && said.contains('…'), "{said}");
    }

    #[test]
    fn a_report_begins_anew_and_later_panics_are_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/report.txt");
        for (text, first) in [("old", true), ("one\n", true), ("two\n", false)] {
            write_report(&path, text, first).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
