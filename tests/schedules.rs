//! Random schedules on the real starter model: not one bit of a logit may differ from what is computed alone. A thousand
//! of them are part of `make soak`.
#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used)]

#[expect(dead_code, reason = "every file of tests uses what it needs of it")]
mod model;
mod support;

use serde_json::Value;
use support::Parallax;

fn schedules(first: &str, count: u64, profile: &str) -> Value {
    let parallax = Parallax::new();
    let (model, count) = (model::path(), count.to_string());
    let model = model.to_str().unwrap();
    let call = ["bench", "schedules", "--first", first, "--count", &count, "--format", "json", "--quiet"];
    // However long it takes: the harness's own calls end after a minute.
    let output = parallax.command(&[&call[..], &["--model", model, "--profile", profile]].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn ten_random_schedules_give_the_same_bits() {
    let told = schedules("1", 10, "audit");
    assert_eq!((&told["profile"], &told["schedules"]), (&"audit".into(), &10.into()), "{told:#}");
    assert_eq!((&told["differing"], &told["first"]), (&0.into(), &Value::Null), "{told:#}");
    // Something was compared: the schedules are the same on every machine but for what the clock stops.
    for (field, least) in
        [("compared", 100), ("steered", 20), ("widest", 20), ("copied", 5), ("cut", 5), ("resized", 3)]
    {
        assert!(told[field].as_u64().unwrap() >= least, "{field}: {told:#}");
    }
}

#[test]
#[ignore = "a thousand schedules on a real model take a quarter of an hour: part of `make soak`"]
fn a_thousand_random_schedules_give_the_same_bits() {
    // Others with each setting of the seed; the same ones without.
    let first = std::env::var("PARALLAX_SOAK_SEED").unwrap_or_else(|_| "1000".to_owned());
    let count = std::env::var("PARALLAX_SOAK_SCHEDULES").map_or(1000, |count| count.parse().unwrap());
    let told = schedules(&first, count, "audit");
    assert_eq!((&told["schedules"], &told["differing"]), (&count.into(), &0.into()), "{told:#}");
    println!("{told}");
}
