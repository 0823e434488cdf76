//! Tests on small copies of each program's folders.

#![allow(clippy::unwrap_used)]

use super::*;

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn ids(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.id.as_str()).collect()
}

fn caches(home: &Path) -> Caches {
    Caches::from_variables(Some(home), |_| None)
}

#[test]
fn variables_move_the_folders() {
    let set = |wanted: &'static str| move |name: &str| (name == wanted).then(|| OsString::from("/x"));
    let home = Path::new("/home/u");
    let hub = |wanted| Caches::from_variables(Some(home), set(wanted)).hugging_face;
    assert_eq!(hub("HF_HUB_CACHE"), [Path::new("/x")]);
    assert_eq!(hub("HF_HOME"), [Path::new("/x/hub")]);
    assert_eq!(hub("NONE"), [Path::new("/home/u/.cache/huggingface/hub")]);
    assert_eq!(Caches::from_variables(Some(home), set("OLLAMA_MODELS")).ollama, [Path::new("/x")]);
    assert_eq!(Caches::from_variables(None, |_| None), Caches::default());
}

#[cfg(unix)]
#[test]
fn a_hub_cache_lists_the_main_snapshot_once_with_its_checksum() {
    let home = tempfile::tempdir().unwrap();
    let repo = home.path().join(".cache/huggingface/hub/models--own--my--repo");
    let sha256 = "ab".repeat(32);
    write(&repo.join("blobs").join(&sha256), "weights");
    write(&repo.join("refs/main"), "ffff");
    for commit in ["aaaa", "ffff"] {
        let snapshot = repo.join("snapshots").join(commit);
        fs::create_dir_all(&snapshot).unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/{sha256}"), snapshot.join("m.gguf")).unwrap();
    }
    write(&repo.join("snapshots/ffff/sub/mmproj-m.gguf"), "x");
    write(&repo.join("snapshots/ffff/sub/big-00001-of-00002.gguf"), "x");
    write(&repo.join("snapshots/ffff/sub/big-00002-of-00002.gguf"), "x");
    write(&repo.join("snapshots/ffff/README.md"), "x");
    let found = caches(home.path()).found();
    assert_eq!(ids(&found), ["own/my--repo:m.gguf", "own/my--repo:sub/big-00001-of-00002.gguf"]);
    assert!(found[0].path.ends_with("ffff/m.gguf"));
    assert_eq!(found[0].promised, Some(sha256));
    assert_eq!(found[1].promised, None);
}

#[test]
fn lm_studio_is_found_through_its_pointer_and_settings() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = home.path().join("moved");
    write(&home.path().join(".lmstudio-home-pointer"), &format!("{}\n", elsewhere.display()));
    write(&elsewhere.join("models/o/r/a.gguf"), "x");
    let disk = home.path().join("disk");
    write(&elsewhere.join("settings.json"), &serde_json::json!({"downloadsFolder": disk}).to_string());
    write(&disk.join("o/r/b.gguf"), "x");
    write(&home.path().join(".cache/lm-studio/models/c.gguf"), "x");
    let found = caches(home.path()).found();
    assert_eq!(ids(&found), ["o/r:b.gguf", "o/r:a.gguf", "c.gguf"]);
    assert!(found.iter().all(|found| found.place == Place::LmStudio));
}

#[test]
fn ollama_manifests_lead_to_blobs_and_never_out_of_the_store() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join(".ollama/models");
    let manifest = |digest: &str| {
        format!(
            r#"{{"layers":[{{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:0"}},
            {{"mediaType":"{MODEL}","digest":"{digest}"}}]}}"#,
            MODEL = "application/vnd.ollama.image.model"
        )
    };
    let digest = "cd".repeat(32);
    write(&store.join("manifests/host/library/llama3.2/1b"), &manifest(&format!("sha256:{digest}")));
    write(&store.join("manifests/host/me/mine/latest"), &manifest(&format!("sha256:{digest}")));
    write(&store.join("manifests/host/me/evil/latest"), &manifest("sha256:../../../secret"));
    write(&store.join("manifests/host/me/broken/latest"), "{");
    write(&store.join("blobs").join(format!("sha256-{digest}")), "weights");
    let found = caches(home.path()).found();
    assert_eq!(ids(&found), ["llama3.2:1b", "me/mine:latest"]);
    assert_eq!(found[0].promised.as_deref(), Some(digest.as_str()));
}

#[test]
fn own_models_get_the_names_they_were_pulled_by() {
    let data = tempfile::tempdir().unwrap();
    let paths = Paths { data: data.path().to_owned() };
    write(&paths.models().join("o/r/sub/a.gguf"), "x");
    write(&paths.models().join("b.gguf"), "x");
    write(&paths.models().join("b.gguf.0123.part"), "x");
    // The starter's name alone does not make it the starter.
    let starter = catalogue::starter();
    write(&paths.models().join(&starter.file), "x");
    assert_eq!(ids(&Caches::default().installed(&paths)), [starter.file.as_str(), "b.gguf", "o/r:sub/a.gguf"]);
    let file = fs::OpenOptions::new().write(true).open(paths.models().join(&starter.file)).unwrap();
    file.set_len(starter.bytes).unwrap();
    assert!(Caches::default().entry(starter, &paths).is_some());
}

#[cfg(unix)]
#[test]
fn a_folder_that_loops_ends() {
    let data = tempfile::tempdir().unwrap();
    let paths = Paths { data: data.path().to_owned() };
    write(&paths.models().join("a/m.gguf"), "x");
    std::os::unix::fs::symlink("..", paths.models().join("a/loop")).unwrap();
    let found = Caches::default().installed(&paths);
    assert!(!found.is_empty() && found.len() < 10);
}
