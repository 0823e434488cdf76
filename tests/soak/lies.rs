//! Five hundred model files whose headers lie, given to an engine: each is refused in one sentence or loads; the engine may
//! die of one, its memory stays within bounds, and the next engine loads the whole model.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use parallax::models::gguf::read_header;

use crate::crafted::{COUNT, Crafted, crafted};
use crate::damaged::{load, outcome, start};
use crate::model::path;
use crate::support::Parallax;
use crate::{assert_one_sentence, resident_kib, setting};

/// What an engine may hold beyond the file itself, in kibibytes: a context, and buffers to compute in.
const MOST_KIB: u64 = 2 << 20;

#[test]
#[ignore = "five hundred model files for a real engine take minutes: part of `make soak`"]
fn model_files_that_lie_end_in_one_sentence_or_load() {
    let count = setting("PARALLAX_SOAK_LIES", COUNT);
    let parallax = Parallax::new();
    let (real, file) = (path(), parallax.home().join("crafted.gguf"));
    let length = std::fs::metadata(&real).unwrap().len();
    let header = read_header(std::io::BufReader::new(std::fs::File::open(&real).unwrap()), length).unwrap();
    let mut bytes = Vec::new();
    std::fs::File::open(&real).unwrap().take(header.data_offset).read_to_end(&mut bytes).unwrap();
    let whole = Crafted::of(&bytes, length - header.data_offset);
    let mut table: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (mut deaths, mut most) = (0, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = start(&parallax).await;
        for number in 0..count {
            let (lie, lying) = crafted(&whole, number);
            // A file of its own: the engine may still have the last one in its memory.
            std::fs::remove_file(&file).unwrap_or_default();
            lying.write(&file);
            let (end, error) = outcome(&client, &file).await;
            if let Some(pid) = client.pid().filter(|_| client.dead().is_none()) {
                most = most.max(resident_kib(pid));
            }
            if let Some(error) = &error {
                assert_one_sentence(&error.to_string());
                println!("{number}: {lie}: {end}: {error}");
            }
            *table.entry((lie, end)).or_default() += 1;
            if error.is_some_and(|error| error.is_fatal()) {
                deaths += 1;
                client = start(&parallax).await;
            }
        }
        load(&client, &real).await.unwrap();
    });
    drop(runtime);
    parallax.assert_no_process_within(Duration::from_secs(8));
    assert!(most < MOST_KIB + length / 1024, "an engine held {most} KiB");
    for ((lie, end), count) in &table {
        println!("{count:6}  {lie}: {end}");
    }
    println!(
        "soak, files that lie: {count} files, {deaths} engines died and were replaced, the program never; at most {most} KiB held"
    );
}
